"""A day's forecast from what the lake has, in whichever process.

Belongs here: which days of a range are forecast, and putting inputs together. Does not belong here: arithmetic
(``analysis.forecast``), Dagster.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from pizza_assets.analysis.analyse import Prepared
from pizza_assets.analysis.family import families, select
from pizza_assets.analysis.forecast import HORIZON_DAYS, Forecast, as_scheduled, forecast
from pizza_assets.analysis.grid import days_since_1970
from pizza_assets.analysis.shops import SHARE_DAYS
from pizza_assets.analysis.window import read_window
from pizza_assets.contracts import FOOTBALL_MATCHES, empty
from pizza_assets.forecast.ahead import UNKNOWN_DAYS, days_ahead
from pizza_assets.forecast.tables import forecast_rows, pizzas_per_order
from pizza_assets.lake import layout
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.platform.columns import SOURCES, Source
from pizza_assets.settings import Settings

#: A run over more days than this forecasts its last ones alone: whoever wants an older one runs that day by itself.
NEWEST_DAYS = 28
NOT_MADE = (
    f"A run over many days forecasts the last {NEWEST_DAYS} of them. Run this day alone for its forecast as of then."
)
#: Days of orders that pizzas an order are read from.
_PIZZA_DAYS = 56

Pizzas = Mapping[Source, Mapping[str, float]]


def pizzas_of(volume: pd.DataFrame, as_of: date) -> Pizzas:
    """Return pizzas an order by source and city, from the last 8 weeks of ORDER_VOLUME."""
    until = pd.Timestamp(as_of, tz="UTC") + pd.Timedelta(days=1)
    recent = volume["bin_start"].between(until - pd.Timedelta(days=_PIZZA_DAYS), until, inclusive="left")
    return {source: pizzas_per_order(volume[recent], source) for source in SOURCES}


def forecast_of(  # noqa: PLR0913, PLR0917 each is an input of its own
    prepared: Prepared,
    window_days: int,
    pizzas: Pizzas,
    as_of: date,
    fixtures: pd.DataFrame,
    unknown: str = "",
    sold: pd.DataFrame | None = None,
) -> Day:
    """Return the forecast after a day as its day of ORDER_FORECAST.

    Parameters
    ----------
    prepared, window_days
        Orders and matches, and how many days until `as_of` are looked at.
    pizzas
        As `pizzas_of` gives them.
    fixtures
        FOOTBALL_MATCHES rows ahead, as they are known on `as_of`.
    unknown
        Days whose fixtures are not known, in words; empty when all are.
    sold
        Orders of the last days by shop; see `sold_by_shop`.
    """
    end_day = days_since_1970(as_of) + 1
    selection = select(prepared.grid, prepared.matches, end_day - window_days, end_day)
    found = forecast(selection, families(selection), prepared.matches.played, fixtures, as_of)
    source: Source = "mock" if isinstance(found, str) and not selection.days_with["real"].any() else "real"
    source = source if isinstance(found, str) else found.data_source
    rows = forecast_rows(found, as_of, pizzas["real" if selection.days_with["real"].any() else "mock"], source, sold)
    if unknown and not isinstance(found, str):
        why = f"The matches of {unknown} are not known: what they add is not in the forecast of these days."
        rows = pd.concat([rows, forecast_rows(why, as_of, {}, source)], ignore_index=True)
    facts: dict[str, object] = {"matches": int((rows["span"] == "match").sum())}
    if isinstance(found, str):
        facts["reason"] = found
    else:
        facts["noise"] = noise_facts(found)
        facts |= {"cities": len(found.cities), "trend-percent-a-year": round(100 * found.slope_per_year, 1)}
    return Day(rows, source, facts=facts)


class ShopCounts:
    """Orders of each day by shop, read once a day."""

    def __init__(self, raw_orders: DailyTable) -> None:
        self._orders = raw_orders
        self._days: dict[date, pd.DataFrame] = {}

    def until(self, as_of: date) -> pd.DataFrame:
        """Return the orders of the last days up to `as_of` as `by_shop` takes them, of the newest day's source."""
        days = [as_of - timedelta(days=n) for n in range(SHARE_DAYS)]
        stored = [day for day in days if day in self._orders.stored]
        source = self._orders.stored[stored[0]].source if stored else None
        counts = [self._of(day) for day in stored if self._orders.stored[day].source == source]
        return pd.concat(counts, ignore_index=True) if counts else _NOTHING_SOLD

    def _of(self, day: date) -> pd.DataFrame:
        if day not in self._days:
            orders = self._orders.arrow(day, ("city", "location")).select(["city", "location"])
            counts = orders.group_by(["city", "location"]).aggregate([([], "count_all")]).to_pandas()
            counts = counts.rename(columns={"location": "shop", "count_all": "orders"})
            self._days[day] = counts.assign(day=days_since_1970(day)).astype({"city": "str", "shop": "str"})
        return self._days[day]


_NOTHING_SOLD = pd.DataFrame(
    {
        "city": pd.Series(dtype="str"),
        "shop": pd.Series(dtype="str"),
        "orders": pd.Series(dtype="int64"),
        "day": pd.Series(dtype="int64"),
    }
)


def noise_facts(of: Forecast) -> dict[str, float]:
    """Return the variances of a forecast, relative to expected orders; of matches' windows the mean one."""
    on = of.effect_variance[of.effect_variance > 0]
    noise = {"day": of.noise.day, "block": of.noise.block, "quarter": of.noise.quarter}
    noise["day"] += float(np.median(of.noise.new)) + of.noise.walk
    noise["match"] = float(on.mean()) if on.size else 0.0
    return {name: round(value, 8) for name, value in noise.items()}


def not_made(as_of: date, source: Source) -> Day:
    """Return the day of a range that is not forecast."""
    return Day(forecast_rows(NOT_MADE, as_of, {}, source), source, facts={"reason": NOT_MADE})


def fixtures_known(fixtures_ahead: DailyTable, raw_matches: DailyTable, day: date) -> tuple[pd.DataFrame, str]:
    """Return the fixtures ahead of a day as its list has them, and the days that are not known, in words.

    Without a list, the matches of the days after it that the lake has stand in, without their results.
    """
    if day in fixtures_ahead:
        return fixtures_ahead[day], fixtures_ahead.facts(day).get(UNKNOWN_DAYS, "")
    known = [of for of in days_ahead(day) if of in raw_matches]
    unknown = [of for of in days_ahead(day) if of not in raw_matches]
    frames = [raw_matches[of] for of in known if len(raw_matches[of])]
    matches = as_scheduled(pd.concat(frames, ignore_index=True)) if frames else empty(FOOTBALL_MATCHES)
    return matches, f"{unknown[0]} to {unknown[-1]}" if unknown else ""


def newest(store: Store, until: date | None = None) -> tuple[date, pd.DataFrame] | None:
    """Return the newest stored forecast as of `until` or before, with its day; None where there is none."""
    table = DailyTable(store, layout.ORDER_FORECAST)
    days = [day for day in table if until is None or day <= until]
    return (days[-1], table[days[-1]]) if days else None


def is_made(rows: pd.DataFrame) -> bool:
    """Tell whether a stored day was forecast; of a long range only the last days are."""
    return not (rows["reason"] == NOT_MADE).any()


def forecast_from(store: Store, settings: Settings, as_of: date) -> pd.DataFrame:
    """Return the forecast as of a day from what the lake has now, without storing it: ORDER_FORECAST."""
    tables = {where.name: DailyTable(store, where) for where in layout.FRAME_TABLES.values()}
    raw_matches, window = tables["raw_matches"], settings.analysis_window_days
    first = as_of - timedelta(days=window - 1)
    read = read_window(tables["order_volume"], raw_matches, first, as_of)
    fixtures, not_known = fixtures_known(tables["fixtures_ahead"], raw_matches, as_of)
    sold = ShopCounts(tables["raw_orders"]).until(as_of)
    return forecast_of(read.prepared(), window, pizzas_of(read.volume, as_of), as_of, fixtures, not_known, sold).frame


def rows_until(store: Store, day: date) -> pd.DataFrame | None:
    """Return the newest forecast as of a day or before; None where there is none, or its days have passed."""
    found = newest(store, day)
    return found[1] if found is not None and (day - found[0]).days < HORIZON_DAYS else None


def covers(as_of: date) -> tuple[date, date]:
    """Return the first and last day of the horizon of a forecast."""
    return as_of + timedelta(days=1), as_of + timedelta(days=HORIZON_DAYS)


def coming(rows: pd.DataFrame, cities: Sequence[str] = ()) -> pd.DataFrame:
    """Return the matches of a forecast by kick-off, those of some cities alone where any are named."""
    matches = rows[rows["span"] == "match"]
    if cities:
        matches = matches[matches["city"].isin(cities)]
    return matches.sort_values(["kickoff_ts", "city"], kind="stable").reset_index(drop=True)
