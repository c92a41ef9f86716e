"""Orders beside matches: which match an order was placed around, in which period, how far from kick-off.

Belongs here: the temporal and local match of orders to matches. Does not belong here: counting or testing.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pizza_assets import contracts
from pizza_assets.contracts.analysis import TIME_PERIODS
from pizza_assets.matchday.windows import NOT_PLAYED_AT_ALL, WINDOW_HOURS
from pizza_assets.reference import UNKNOWN_CITY

#: Where the three periods begin, and where the last one ends.
_EDGES = len(TIME_PERIODS) + 1
_EXTRA_TIME = pd.Timedelta(minutes=30)


def match_windows(matches: pd.DataFrame) -> pd.DataFrame:
    """Return where each match's periods begin, per city whose team plays.

    Parameters
    ----------
    matches
        FOOTBALL_MATCHES. Matches that were not played, and unknown cities, have no windows.

    Returns
    -------
    DataFrame
        match_id, city, kick_off_at, match_data_source, and ``edges``: columns edge_0 to edge_3, the UTC
        instants at which pre, during and post begin and post ends. Extra time moves the last two.
    """
    played = matches[~matches["status"].isin(NOT_PLAYED_AT_ALL)]
    sides = [
        played.assign(city=played[f"{side}_city"])[["match_id", "city", "timestamp", "duration", "data_source"]]
        for side in ("home", "away")
    ]
    windows = pd.concat(sides, ignore_index=True).drop_duplicates(["match_id", "city"])
    windows = windows[windows["city"] != UNKNOWN_CITY].reset_index(drop=True)
    kick_off, extra = windows["timestamp"], _EXTRA_TIME * (windows["duration"] != "REGULAR").astype(int)
    hours = [WINDOW_HOURS[period][0] for period in TIME_PERIODS] + [WINDOW_HOURS[TIME_PERIODS[-1]][1]]
    for number, hour in enumerate(hours):
        shift = extra if number >= len(hours) - 2 else pd.Timedelta(0)
        windows[f"edge_{number}"] = kick_off + pd.Timedelta(hours=hour) + shift
    return windows.rename(columns={"timestamp": "kick_off_at", "data_source": "match_data_source"})


def align(orders: pd.DataFrame, matches: Sequence[pd.DataFrame], *, is_complete: bool) -> pd.DataFrame:
    """Put orders beside the matches that they were placed around.

    Parameters
    ----------
    orders
        DOMINOS_ORDERS of one day.
    matches
        FOOTBALL_MATCHES of the day and the days beside it.
    is_complete
        Whether the next day's matches are among them.

    Returns
    -------
    DataFrame
        MERGED_ORDERS: one row per order and match whose [KO-2h, KO+4h) and city it falls in, sorted by
        instant; a period is half-open, so an order is in one period of a match at most.
    """
    around = [frame for frame in matches if len(frame)]
    windows = match_windows(pd.concat(around, ignore_index=True)) if around else None
    if windows is None or windows.empty or orders.empty:
        return contracts.empty(contracts.MERGED_ORDERS)
    pairs = orders.drop(columns="pizza_types").merge(windows, on="city")
    edges = np.stack([pairs["timestamp"] >= pairs[f"edge_{number}"] for number in range(_EDGES)])
    begun = edges.sum(axis=0)
    inside = (begun > 0) & (begun < _EDGES)
    pairs, begun = pairs.loc[inside], begun[inside]
    minutes = (pairs["timestamp"] - pairs["kick_off_at"]).dt.total_seconds() / 60
    merged = pairs.rename(columns={"data_source": "order_data_source"}).assign(
        time_period=np.asarray(TIME_PERIODS, dtype=object)[begun - 1],
        minutes_from_kick_off=minutes,
        is_complete=is_complete,
    )
    merged = contracts.conform(merged, contracts.MERGED_ORDERS)
    return merged.sort_values(["timestamp", "order_id", "match_id"], ignore_index=True)
