"""Coverage: which city's hours are observed. A feed that fails sends nothing, and nothing is not zero.

Belongs here: silent runs, hours that a source says it did not see, and their list by city and day. Does not belong
here: what is made of the hours that are observed.

A run of bins without an order is silent when a city like this one would have had more than `SILENT` orders in it: by
chance that happens once in 160,000 times. What it would have had is its mean by time of week, scaled to the orders
of the weeks around; no match and no fit is needed for it, and a week without an order does not hide itself.
"""

import numpy as np
import pandas as pd

from pizza_assets.analysis.grid import TIMES_OF_WEEK, Bools, Floats, Ints, cumulated, spans_on
from pizza_assets.analysis.windows import BINS_PER_DAY, BINS_PER_HOUR

#: Orders that a city must have lacked in a run without any for the run to be unobserved.
SILENT = 12.0
#: Weeks before and after that a week's level is read from.
REACH_WEEKS = 4
SILENCE = "no order, as if the feed had failed or the shops were closed"
#: Nothing that the caller knows to be unobserved; see `marked`.
NONE_KNOWN = pd.DataFrame(
    {
        "city": pd.Series(dtype="str"),
        "start": pd.Series(dtype="datetime64[us, UTC]"),
        "end": pd.Series(dtype="datetime64[us, UTC]"),
        "reason": pd.Series(dtype="str"),
    }
)
SHOWN = ["city", "day", "hours", "usual_orders", "reason"]
NONE_MISSING = pd.DataFrame(columns=[*SHOWN, "data_source"])


def cells_of(
    orders: Floats, counted: Bools, week: Ints, time_of_week: Ints, zone: Ints, n_weeks: int
) -> tuple[Floats, Floats]:
    """Return counted bins and their orders, cities by weeks (from 0) by times of week."""
    size = n_weeks * TIMES_OF_WEEK
    cell = week * TIMES_OF_WEEK + time_of_week
    exposure, counts = (np.empty((len(orders), n_weeks, TIMES_OF_WEEK)) for _ in range(2))
    for city in range(len(orders)):
        cells, weights = cell[zone[city]], counted[city].astype(float)
        exposure[city] = np.bincount(cells, weights, size).reshape(n_weeks, TIMES_OF_WEEK)
        counts[city] = np.bincount(cells, weights * orders[city], size).reshape(n_weeks, TIMES_OF_WEEK)
    return exposure, counts


def usual_orders(orders: Floats, is_open: Bools, week: Ints, time_of_week: Ints, zone: Ints) -> Floats:
    """Return the mean orders of a city's time of week, scaled to the weeks around; cities by bins.

    Parameters
    ----------
    orders, is_open
        Orders, and which bins a city takes part in; cities by bins.
    week, time_of_week, zone
        As in `Grid`.
    """
    if not orders.size:
        return np.zeros_like(orders)
    week = week - week.min()
    n_weeks = int(week.max()) + 1
    exposure, counts = cells_of(orders, is_open, week, time_of_week, zone, n_weeks)
    total_n, total_m = counts.sum(axis=1), exposure.sum(axis=1)
    mean = np.divide(total_n, total_m, out=np.zeros_like(total_n), where=total_m > 0)
    numbers = np.arange(n_weeks)
    near = (np.abs(numbers[:, None] - numbers) <= REACH_WEEKS).astype(float)
    around_n, around_m = (values @ near for values in (counts.sum(axis=2), np.einsum("cwk,ck->cw", exposure, mean)))
    level = np.divide(around_n, around_m, out=np.zeros_like(around_n), where=around_m > 0)
    rows = np.arange(len(orders))[:, None]
    usual: Floats = mean[rows, time_of_week[zone]] * level[rows, week[zone]]
    return usual


def silent_bins(orders: Floats, is_open: Bools, usual: Floats) -> Bools:
    """Return the bins of runs without an order in which more than `SILENT` were usual; cities by bins."""
    guard = np.zeros((len(orders), 1), dtype=np.int8)
    is_zero = ((orders == 0) & is_open).astype(np.int8)
    steps = np.diff(np.hstack([guard, is_zero, guard]), axis=1)
    city, start = np.nonzero(steps == 1)
    end = np.nonzero(steps == -1)[1]
    sums = cumulated(usual)
    is_silent = sums[city, end] - sums[city, start] > SILENT
    result: Bools = spans_on(len(orders), orders.shape[1], city[is_silent], start[is_silent], end[is_silent]) > 0
    return result


def marked(cities: tuple[str, ...], first_bin: int, n_bins: int, unobserved: pd.DataFrame) -> Bools:
    """Return the bins that the caller knows to be unobserved, cities by bins.

    Parameters
    ----------
    cities, first_bin, n_bins
        As in `Grid`.
    unobserved
        One row a span: city; start and end (UTC, end excluded), widened to whole bins of 15 minutes; reason. Spans
        of cities without orders, and those outside the grid, change nothing.
    """
    row = pd.Index(cities).get_indexer(pd.Index(unobserved["city"]))
    start, end = (_bins(unobserved[name]) - first_bin for name in ("start", "end"))
    low, high = (np.clip(bins, 0, n_bins).astype(np.int64) for bins in (np.floor(start), np.ceil(end)))
    is_here = (row >= 0) & (high > low)
    result: Bools = spans_on(len(cities), n_bins, row[is_here], low[is_here], high[is_here]) > 0
    return result


def _bins(instants: pd.Series) -> Floats:
    """Return instants as numbers of 15-minute bins since 1970, with their fraction."""
    seconds = instants.dt.tz_convert("UTC").dt.as_unit("s").dt.tz_localize(None).to_numpy().astype(np.int64)
    bins: Floats = seconds / (86_400 / BINS_PER_DAY)
    return bins


def by_day(cities: tuple[str, ...], first_day: int, bins: Bools, usual: Floats, reason: str) -> pd.DataFrame:
    """Return bins by city and day: city, day (UTC, YYYY-MM-DD), hours, usual_orders, reason.

    Parameters
    ----------
    first_day
        Days from 1970-01-01 to the first bin.
    bins, usual
        Which bins are listed, and the orders that are usual in each; cities by bins.
    """
    shape = (len(cities), bins.shape[1] // BINS_PER_DAY, BINS_PER_DAY)
    hours = bins.reshape(shape).sum(axis=2) / BINS_PER_HOUR
    missing = np.where(bins, usual, 0).reshape(shape).sum(axis=2)
    city, day = np.nonzero(hours)
    return pd.DataFrame(
        {
            "city": np.asarray(cities, dtype=object)[city],
            "day": np.datetime_as_string((first_day + day).astype("datetime64[D]")),
            "hours": hours[city, day],
            "usual_orders": missing[city, day].round(1),
            "reason": reason,
        }
    )
