"""Orders beside matches: which match an order was placed around, in which period, how far from kick-off.

Belongs here: the temporal and local match of orders to matches. Does not belong here: counting or testing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

from pizza_assets import contracts
from pizza_assets.analysis.columns import codes, microseconds
from pizza_assets.analysis.contract import TIME_PERIODS
from pizza_assets.analysis.grid import Ints
from pizza_assets.analysis.windows import NOT_PLAYED_AT_ALL, WINDOW_HOURS
from pizza_assets.football.contract import UNTIMED
from pizza_assets.reference import UNKNOWN_CITY

_HOUR_US = 3_600_000_000
#: Where the three periods begin and where the last one ends, from kick-off; extra time moves the last two.
_EDGES_US = np.array([*(WINDOW_HOURS[period][0] for period in TIME_PERIODS), WINDOW_HOURS[TIME_PERIODS[-1]][1]])
_EDGES_US *= _HOUR_US
_EXTRA_TIME_US = np.array([0, 0, 1, 1]) * _HOUR_US // 2
_OF_MATCH = ["match_id", "timestamp", "duration", "status", "home_city", "away_city", "data_source"]
#: Columns of orders that are read, and those of them that repeat.
COLUMNS = ("order_id", "timestamp", "location", "city", "order_total", "currency", "quantity", "data_source")
REPEATING = ("location", "city", "currency", "data_source")


def align(orders: pyarrow.Table | pd.DataFrame, matches: Sequence[pd.DataFrame], *, is_complete: bool) -> pd.DataFrame:
    """Put orders beside the matches that they were placed around.

    Parameters
    ----------
    orders
        DOMINOS_ORDERS of one day, at least the columns in ``COLUMNS``. Quickest as an Arrow table whose ``REPEATING``
        columns are dictionaries.
    matches
        FOOTBALL_MATCHES of the day and the days beside it.
    is_complete
        Whether the next day's matches are among them.

    Returns
    -------
    DataFrame
        MERGED_ORDERS: one row per order and match whose [KO-2h, KO+4h) and city it falls in, sorted by
        instant; a period is half-open, so an order is in one period of a match at most. Matches that were not
        played, and unknown cities, draw no orders.
    """
    if isinstance(orders, pd.DataFrame):
        orders = pyarrow.Table.from_pandas(orders[list(COLUMNS)], preserve_index=False)
    windows = _windows(matches)
    if not windows or not len(orders):
        return contracts.empty(contracts.MERGED_ORDERS)
    kick_off = microseconds(pyarrow.chunked_array([[match["timestamp"] for match, _ in windows]]))
    has_extra_time = np.array([match["duration"] != "REGULAR" for match, _ in windows])
    edges = kick_off[:, None] + _EDGES_US + has_extra_time[:, None] * _EXTRA_TIME_US
    order, window, period = _pairs(orders, [city for _, city in windows], edges)
    schema = contracts.arrow_schema(contracts.MERGED_ORDERS)
    placed = orders.select(COLUMNS).take(order)
    columns = {
        **{name: placed[name].cast(schema.field(name).type) for name in COLUMNS if name in schema.names},
        "order_data_source": placed["data_source"].cast(pyarrow.string()),
        "match_id": pyarrow.array([match["match_id"] for match, _ in windows]).take(window),
        "match_data_source": pyarrow.array([match["data_source"] for match, _ in windows]).take(window),
        "time_period": pyarrow.array(TIME_PERIODS).take(period),
        "minutes_from_kick_off": (microseconds(placed["timestamp"]) - kick_off[window]) / 1_000_000 / 60,
        "is_complete": pyarrow.repeat(is_complete, len(order)),
    }
    table = pyarrow.table([columns[name] for name in schema.names], schema)
    table = table.sort_by([(name, "ascending") for name in ("timestamp", "order_id", "match_id")])
    return contracts.from_arrow(table, contracts.MERGED_ORDERS)


def _windows(matches: Sequence[pd.DataFrame]) -> list[tuple[Mapping[str, Any], str]]:
    """Return each match played at a known time with each known city of its teams; one listed twice counts once."""
    windows: dict[tuple[str, str], Mapping[str, Any]] = {}
    for frame in matches:
        for values in zip(*(frame[name].tolist() for name in _OF_MATCH), strict=True):
            match = dict(zip(_OF_MATCH, values, strict=True))
            if match["status"] not in (*NOT_PLAYED_AT_ALL, *UNTIMED.values()):
                for city in (match["home_city"], match["away_city"]):
                    windows.setdefault((match["match_id"], city), match)
    return [(match, city) for (_, city), match in windows.items() if city != UNKNOWN_CITY]


def _pairs(orders: pyarrow.Table, cities: Sequence[str], edges: Ints) -> tuple[Ints, Ints, Ints]:
    """Return which order was placed in which window and in which of its periods, as row numbers.

    Parameters
    ----------
    cities, edges
        City of each window, and its edges in microseconds since 1970: windows by 1 + periods.
    """
    code, names = codes(orders["city"])
    instant = microseconds(orders["timestamp"])
    first, span = instant.min(), np.ptp(instant) + 1
    # One number sorts by city, then by instant: what a window holds lies side by side.
    place = code * span + instant - first
    sorted_by_place = np.argsort(place, kind="stable")
    row = pd.Index(names).get_indexer(pd.Index(cities, dtype=str))[:, None]
    cuts = np.searchsorted(place[sorted_by_place], row * span + np.clip(edges - first, 0, span))
    counts = np.where(row >= 0, np.diff(cuts), 0).ravel()
    cell = np.repeat(np.arange(counts.size), counts)
    within = np.arange(cell.size) - (np.cumsum(counts) - counts)[cell]
    order = sorted_by_place[cuts[:, :-1].ravel()[cell] + within]
    return order, *np.divmod(cell, len(TIME_PERIODS))
