"""Volume: as many orders as the weekday usually brings, from every city and hour that usually has some.

Belongs here: what is usual, from the days before; real days are compared with real ones, mock with mock. Does not
belong here: what a match does to orders (``analysis/``). A day that is not over is not judged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from pizza_assets.lake.tables import Day
from pizza_assets.lake.uncovered import UNCOVERED
from pizza_assets.platform.columns import Source
from pizza_assets.platform.quality.results import Background, DayResult, Figure, Status

#: Weeks that make a weekday's expectation, and the fewest that do.
WEEKS, FEWEST_WEEKS = 8, 4
#: Days that make a city's or an hour's usual orders, and the fewest that do.
USUAL_DAYS, FEWEST_DAYS = 28, 7
#: With so many usual orders none is no accident: the chance is e**-20.
CERTAIN = 20
#: The band: robust standard deviations, but never narrower than this factor either way.
_DEVIATIONS, _NARROWEST = 6.0, 1.5
_MAD_TO_SD = 1.4826
_TODAY = "the day is not over"


@dataclass(frozen=True)
class Counted:
    """A day's orders by city and by hour (24 numbers, UTC), all of one source."""

    data_source: Source
    cities: Mapping[str, int]
    hours: npt.NDArray[np.int64]
    #: Cities of which not all orders of the day are known; such a day is not judged.
    uncovered: str = ""

    @property
    def orders(self) -> int:
        """Return all orders of the day."""
        return int(self.hours.sum())


def count(volume: pd.DataFrame, data_source: Source) -> Counted:
    """Count one day of ORDER_VOLUME (bin_start in UTC, city, orders)."""
    orders = volume["orders"].to_numpy()
    city, names = pd.factorize(volume["city"], sort=True)
    by_city = np.bincount(city, orders, len(names)).astype("int64")
    by_hour = np.bincount(volume["bin_start"].dt.hour.to_numpy(), orders, 24).astype("int64")
    return Counted(data_source, dict(zip(names.tolist(), by_city.tolist(), strict=True)), by_hour)


def _measured(content: Day) -> Counted:
    return replace(count(content.frame, content.data_source), uncovered=str(content.facts.get(UNCOVERED, "")))


def _in_part(day: date, uncovered: str) -> DayResult:
    return DayResult(day, "skipped", f"not all orders of the day are known: {uncovered.replace('|', ', ')}")


def _known(measured: Mapping[date, Counted], background: Background) -> dict[date, Counted]:
    """Return the counts of the weeks before the run and of its days."""
    earlier = background.earlier(7 * WEEKS, ("bin_start", "city", "data_source", "orders"))
    before = {day: count(frame, frame["data_source"].iloc[0]) for day, frame in earlier.items() if len(frame)}
    return {**before, **measured}


def expected_orders(totals: "pd.Series[float]") -> pd.DataFrame:
    """Return what each day's orders are expected to be, from the same weekday in the weeks before.

    Parameters
    ----------
    totals
        Orders by day (DatetimeIndex, ascending), all of one source.

    Returns
    -------
    DataFrame
        By day: expected, low, high (orders) and weeks (number of weeks behind them); NaN where they are too few.
        The band is the median times or divided by exp(6 robust standard deviations of the logarithm, or 4 of a
        Poisson count), and at least 1.5.
    """
    logs = pd.Series(np.log(totals.clip(lower=1).to_numpy()))
    weekday = pd.DatetimeIndex(totals.index).day_of_week
    before = np.column_stack([logs.groupby(weekday).shift(lag).to_numpy() for lag in range(1, WEEKS + 1)])
    weeks = np.isfinite(before).sum(axis=1)
    known = weeks >= FEWEST_WEEKS
    middle, spread = np.full(len(logs), np.nan), np.full(len(logs), np.nan)
    middle[known] = np.nanmedian(before[known], axis=1)
    spread[known] = _MAD_TO_SD * np.nanmedian(np.abs(before[known] - middle[known, None]), axis=1)
    chance = 4 * np.exp(-middle / 2)
    width = np.maximum.reduce([_DEVIATIONS * spread, chance, np.full(len(logs), np.log(_NARROWEST))])
    columns = {"expected": middle, "low": middle - width, "high": middle + width}
    return pd.DataFrame({name: np.exp(values) for name, values in columns.items()} | {"weeks": weeks}, totals.index)


@dataclass(frozen=True)
class ExpectedVolume:
    """A day has about as many orders as its weekday had in the weeks before."""

    name: str = "expected_volume"
    description: str = (
        f"Orders against the median of the same weekday in the {WEEKS} weeks before, same source. Outside the robust "
        "band a day warns; without any order it is an error."
    )
    is_blocking: bool = False

    def measure(self, day: date, content: Day) -> Counted:
        """Return the day's orders."""
        del day
        return _measured(content)

    def judge(self, measured: Mapping[date, Counted], background: Background) -> Sequence[DayResult]:
        """Compare each day with its weekday."""
        counted = _known(measured, background)
        results = []
        for source in sorted({item.data_source for item in measured.values()}):
            of_source = {day: item.orders for day, item in sorted(counted.items()) if item.data_source == source}
            totals = pd.Series(of_source, dtype=float).set_axis(pd.DatetimeIndex(list(of_source)))
            bands = expected_orders(totals)
            for row, day in enumerate(of_source):
                if day in measured and measured[day].uncovered:
                    results.append(_in_part(day, measured[day].uncovered))
                elif day in measured:
                    results.append(_against_band(day, measured[day], bands.iloc[row], is_over=day < background.today))
        return sorted(results, key=lambda result: result.day)


def _against_band(day: date, counted: Counted, band: "pd.Series[float]", *, is_over: bool) -> DayResult:
    orders = counted.orders
    figures: dict[str, Figure] = {"orders": orders, "data_source": counted.data_source}
    if not is_over:
        return DayResult(day, "skipped", _TODAY, figures)
    if np.isnan(band["expected"]):
        found = f"{band['weeks']:.0f} earlier days of this weekday and source, {FEWEST_WEEKS} are needed"
        return DayResult(day, "skipped", found, figures)
    figures |= {name: round(float(band[name])) for name in ("expected", "low", "high")}
    figures["deviation_pct"] = round(100 * (orders / float(band["expected"]) - 1), 1)
    if orders and band["low"] <= orders <= band["high"]:
        return DayResult(day, "passed", "", figures)
    status: Status = "warn" if orders else "error"
    message = f"{orders} orders, expected {band['expected']:.0f} ({band['low']:.0f} to {band['high']:.0f})"
    return DayResult(day, status, message, figures)


@dataclass(frozen=True)
class Completeness:
    """Every city and every hour of the day (UTC) that usually has orders has some."""

    name: str = "completeness"
    description: str = (
        f"Cities and hours (UTC) that usually have {CERTAIN} orders or more (median of the {USUAL_DAYS} days before, "
        "same source) have some. One without warns; half of them without is an error."
    )
    is_blocking: bool = False

    def measure(self, day: date, content: Day) -> Counted:
        """Return the day's orders by city and hour."""
        del day
        return _measured(content)

    def judge(self, measured: Mapping[date, Counted], background: Background) -> Sequence[DayResult]:
        """Look for cities and hours without orders."""
        counted = _known(measured, background)
        results = []
        for source in sorted({item.data_source for item in measured.values()}):
            of_source = {day: item for day, item in sorted(counted.items()) if item.data_source == source}
            cities = pd.DataFrame([item.cities for item in of_source.values()]).fillna(0)
            hours = pd.DataFrame([item.hours for item in of_source.values()])
            usual = [
                frame.rolling(USUAL_DAYS, min_periods=FEWEST_DAYS).median().shift(1).to_numpy()
                for frame in (cities, hours)
            ]
            for row, day in enumerate(of_source):
                if day in measured and measured[day].uncovered:
                    results.append(_in_part(day, measured[day].uncovered))
                elif day in measured:
                    found = (
                        _without(cities.columns, usual[0][row], cities.iloc[row].to_numpy()),
                        _without(hours.columns, usual[1][row], hours.iloc[row].to_numpy()),
                    )
                    is_known = row >= FEWEST_DAYS
                    results.append(_complete(day, found, is_known=is_known, is_over=day < background.today))
        return sorted(results, key=lambda result: result.day)


Found = tuple[list[str], int]


def _without(names: pd.Index, usual: npt.NDArray[np.float64], orders: npt.NDArray[np.float64]) -> Found:
    """Return the names that usually have orders and have none, and how many usually have orders."""
    expected = usual >= CERTAIN
    return [str(name) for name in names[expected & (orders == 0)]], int(expected.sum())


def _complete(day: date, found: tuple[Found, Found], *, is_known: bool, is_over: bool) -> DayResult:
    if not is_over:
        return DayResult(day, "skipped", _TODAY)
    if not is_known:
        return DayResult(day, "skipped", f"fewer than {FEWEST_DAYS} earlier days of this source")
    (cities, of_cities), (hours, of_hours) = found
    figures: dict[str, Figure] = {
        "cities_expected": of_cities,
        "cities_without_orders": len(cities),
        "hours_expected": of_hours,
        "hours_without_orders": len(hours),
    }
    if not cities and not hours:
        return DayResult(day, "passed", "", figures)
    status: Status = "error" if 2 * len(cities) >= of_cities > 0 or 2 * len(hours) >= of_hours > 0 else "warn"
    parts = [f"no orders in {', '.join(cities)}"] if cities else []
    parts += [f"none in the hours (UTC) {', '.join(hours)}"] if hours else []
    return DayResult(day, status, "; ".join(parts), figures)
