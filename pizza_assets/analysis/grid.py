"""Orders on a grid: city by 15-minute bin (UTC), with the local week and time of week of each bin.

Belongs here: volume rows and collected days as arrays. Does not belong here: matches, expectations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pizza_assets.analysis.windows import BIN_MINUTES, BINS_PER_DAY, bins_of
from pizza_assets.platform.columns import SOURCES, Source
from pizza_assets.reference import cities as known_cities

#: 15-minute bins in a week: the times of week, counted from Monday 00:00 local time.
TIMES_OF_WEEK = 7 * BINS_PER_DAY
#: 1970-01-01 was a Thursday, 3 days after a Monday.
_DAYS_FROM_MONDAY = 3
#: Where orders carry no city, the nation's clock.
DEFAULT_TIME_ZONE = "Europe/London"

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Grid:
    """Orders counted by city and bin.

    Attributes
    ----------
    first_bin
        Number of the first bin since 1970 (UTC); it starts a day.
    cities
        Cities with a known time zone and at least one order, by name.
    orders
        Orders, cities by bins.
    orders_until
        Orders of each source's days summed up to each bin, cities by 1 + bins: any span is a subtraction.
    national
        Orders of all rows, with or without a city, by bin.
    day_source
        By day: 0 not collected, 1 real, 2 mock.
    week, time_of_week
        Local week (weeks since 1970, from Monday) and bin within it, time zones by bins.
    zone
        Row of `week` and `time_of_week` for each city.
    ignored
        Orders that do not count: day (since 1970), reason, orders.
    unobserved
        Bins that the caller knows to be unobserved, cities by bins.
    """

    first_bin: int
    cities: tuple[str, ...]
    orders: Floats
    orders_until: Mapping[Source, Floats]
    national: Floats
    day_source: NDArray[np.int8]
    week: Ints
    time_of_week: Ints
    zone: Ints
    ignored: pd.DataFrame
    unobserved: Bools

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return len(self.national)

    @property
    def first_day(self) -> int:
        """Days from 1970-01-01 to the grid's first day."""
        return self.first_bin // BINS_PER_DAY

    def between(self, first_day: int, end_day: int) -> "Grid":
        """Return the part from `first_day` until before `end_day` (days since 1970)."""
        low = min(max(first_day - self.first_day, 0), len(self.day_source))
        high = min(max(end_day - self.first_day, low), len(self.day_source))
        bins = slice(low * BINS_PER_DAY, high * BINS_PER_DAY)
        return Grid(
            first_bin=self.first_bin + bins.start,
            cities=self.cities,
            orders=self.orders[:, bins],
            orders_until={name: sums[:, bins.start : bins.stop + 1] for name, sums in self.orders_until.items()},
            national=self.national[bins],
            day_source=self.day_source[low:high],
            week=self.week[:, bins],
            time_of_week=self.time_of_week[:, bins],
            zone=self.zone,
            ignored=self.ignored,
            unobserved=self.unobserved[:, bins],
        )

    def days_with(self, source: Source) -> Bools:
        """Return which days' orders come from `source`."""
        days: Bools = self.day_source == 1 + SOURCES.index(source)
        return days

    def bins_within(self, start: Ints, end: Ints) -> tuple[Ints, Ints]:
        """Return the part of each [start, end) (bins since 1970) that lies in this grid, as numbers in it."""
        low, high = (np.clip(bins - self.first_bin, 0, self.n_bins) for bins in (start, end))
        return low, high

    def days_within(self, start: Ints, end: Ints) -> tuple[Ints, Ints]:
        """Return the first day in this grid that each [start, end) (bins since 1970) reaches, and the one after."""
        low, high = self.bins_within(start, end)
        return low // BINS_PER_DAY, -(-high // BINS_PER_DAY)

    def instants(self, bins: Ints) -> pd.DatetimeIndex:
        """Return the UTC start of bins, given by their number in this grid."""
        return instants_of(bins + self.first_bin)


def spans_on(n_rows: int, n_bins: int, row: Ints, low: Ints, high: Ints) -> Ints:
    """Return how many spans are on in each bin, rows by bins; each is of one row, from bin `low` to before `high`."""
    steps = np.zeros((n_rows, n_bins + 1), dtype=np.int64)
    np.add.at(steps, (row, low), 1)
    np.add.at(steps, (row, high), -1)
    on: Ints = steps.cumsum(axis=1)[:, :-1]
    return on


def cumulated(values: Floats | Bools) -> Floats:
    """Return sums up to each position of the last axis, with a leading 0."""
    sums = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, axis=-1, out=sums[..., 1:])
    return sums


def instants_of(bins: Ints) -> pd.DatetimeIndex:
    """Return the UTC start of bins, given by their number since 1970."""
    return pd.DatetimeIndex((bins * BIN_MINUTES).astype("datetime64[m]").astype("datetime64[us]")).tz_localize("UTC")


def days_since_1970(day: date) -> int:
    """Return the number of a day."""
    return day.toordinal() - date(1970, 1, 1).toordinal()


def local_calendar(first_bin: int, n_bins: int, time_zones: Sequence[str]) -> tuple[Ints, Ints]:
    """Return the local week and time of week of each bin, time zones by bins. DST days come out by themselves."""
    week = np.empty((len(time_zones), n_bins), dtype=np.int64)
    time_of_week = np.empty_like(week)
    utc = instants_of(np.arange(first_bin, first_bin + n_bins))
    for row, time_zone in enumerate(time_zones):
        local = utc.tz_convert(time_zone).tz_localize(None).to_numpy().astype("datetime64[m]").astype(np.int64)
        since_monday = local // BIN_MINUTES + _DAYS_FROM_MONDAY * BINS_PER_DAY
        week[row], time_of_week[row] = np.divmod(since_monday, TIMES_OF_WEEK)
    return week, time_of_week


def build_grid(volume: pd.DataFrame, order_sources: Mapping[date, Source]) -> Grid:
    """Count ORDER_VOLUME rows on the grid of all collected days.

    Rows of several currencies add up. Rows of a day that was not collected, or from another source than the
    day's, do not count and are reported in `ignored`.
    """
    first_day = min(map(days_since_1970, order_sources), default=0)
    n_days = max(map(days_since_1970, order_sources), default=-1) - first_day + 1
    day_source = np.zeros(n_days, dtype=np.int8)
    for day, source in order_sources.items():
        day_source[days_since_1970(day) - first_day] = 1 + SOURCES.index(source)
    first_bin, n_bins = first_day * BINS_PER_DAY, n_days * BINS_PER_DAY

    bins = bins_of(volume["bin_start"]) - first_bin
    counts = volume["orders"].to_numpy(dtype=float)
    in_range = (bins >= 0) & (bins < n_bins)
    day_of_row = np.where(in_range, bins, 0) // BINS_PER_DAY
    source_of_day = day_source[day_of_row] if n_days else np.zeros(len(bins), dtype=np.int8)
    source_of_row = np.where(volume["data_source"].to_numpy() == SOURCES[0], 1, 2)
    is_collected = in_range & (source_of_day > 0)
    is_kept = is_collected & (source_of_row == source_of_day)
    reference = known_cities()
    codes, names = pd.factorize(volume["city"], sort=True)
    has_city = np.array([name in reference for name in names], dtype=bool)
    row_of_code = np.where(has_city, np.cumsum(has_city) - 1, -1)
    city_of_row = row_of_code[codes] if len(names) else np.zeros(0, dtype=np.int64)
    in_city = is_kept & (city_of_row >= 0)
    names_kept = tuple(str(name) for name in names[has_city])
    cell = city_of_row[in_city] * n_bins + bins[in_city]
    orders = np.bincount(cell, counts[in_city], len(names_kept) * n_bins).reshape(len(names_kept), n_bins)
    time_zones = sorted({reference[name].time_zone for name in names_kept}) or [DEFAULT_TIME_ZONE]
    week, time_of_week = local_calendar(first_bin, n_bins, time_zones)
    reason = np.where(is_collected, "another source than the day's", "day not collected")
    ignored = pd.DataFrame(
        {"day": bins // BINS_PER_DAY + first_day, "reason": reason, "orders": counts.astype(np.int64)}
    )
    return Grid(
        first_bin=first_bin,
        cities=names_kept,
        orders=orders.astype(float),
        orders_until={
            source: cumulated(np.where(np.repeat(day_source == number, BINS_PER_DAY), orders, 0))
            for number, source in enumerate(SOURCES, 1)
        },
        national=np.bincount(bins[is_kept], counts[is_kept], n_bins).astype(float),
        day_source=day_source,
        week=week,
        time_of_week=time_of_week,
        zone=np.array([time_zones.index(reference[name].time_zone) for name in names_kept], dtype=np.int64),
        ignored=ignored[~is_kept].groupby(["day", "reason"], as_index=False).sum(),
        unobserved=np.zeros(orders.shape, dtype=bool),
    )
