"""Orders around kick-offs: observed, expected, and their ratio.

Belongs here: counting a window of every unit, the control-city adjustment, the uplift of any set of units.
Does not belong here: fitting the baseline, tests of several results together.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pizza_assets.matchday.baseline import Baseline, fit_baseline
from pizza_assets.matchday.grid import TIMES_OF_WEEK, Bools, Floats, Grid, Ints
from pizza_assets.matchday.jackknife import effective_weeks
from pizza_assets.matchday.windows import BINS_PER_DAY, span_bins

CLEAN = "clean"
NOT_OBSERVED = "not all of the window is observed"
#: Why a window takes no part in estimates; the first that holds is given.
REASONS = (
    CLEAN,
    "no orders in this city",
    NOT_OBSERVED,
    "another match's span overlaps it",
    "no baseline: this time of the week was never free of matches",
)


def cumulated(values: Floats | Bools) -> Floats:
    """Return sums up to each bin, with a leading 0, along the last axis."""
    padded = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, axis=-1, out=padded[..., 1:])
    return padded


@dataclass(frozen=True)
class Panel:
    """Orders of one source against their baseline, summed up to each bin so that any window is a subtraction."""

    grid: Grid
    baseline: Baseline
    sums: dict[str, Floats]

    def in_windows(self, name: str, city: Ints, start: Ints, end: Ints) -> Floats:
        """Sum a quantity over [start, end) in each city (bins since 1970); outside the grid counts as 0."""
        low, high = (np.clip(bins - self.grid.first_bin, 0, self.grid.n_bins) for bins in (start, end))
        sums = self.sums[name]
        result: Floats = sums[city, high] - sums[city, low]
        return result


def build_panel(grid: Grid, observed: Bools, spans: pd.DataFrame, fit_on: Bools | None = None) -> Panel:
    """Fit the baseline of one source's orders.

    Parameters
    ----------
    grid
        The orders.
    observed
        By bin: is it collected from this panel's source?
    spans
        Matches that the fit must keep out of: city, kick_off_bin, extra_time.
    fit_on
        By bin: may it be fitted on? All observed bins by default.

    Notes
    -----
    A city takes part from the day of its first order to the day of its last: a store that opens in spring
    was not expected to sell in winter.
    """
    orders = np.where(observed, grid.orders, 0)
    is_open = _open_days(orders, observed)
    cover = _cover(grid, spans)
    free = is_open & (cover == 0)
    if fit_on is not None:
        free &= fit_on
    baseline = fit_baseline(orders, free, grid.week, grid.time_of_week, grid.zone)
    quantities: dict[str, Floats | Bools] = {
        "orders": orders,
        "expected": baseline.expected,
        "missing": ~is_open,
        "unknown": ~baseline.is_known,
        "covered": cover >= 1,
        "covered twice": cover >= 2,
    }
    sums = {name: cumulated(values) for name, values in quantities.items()}
    return Panel(grid=grid, baseline=baseline, sums=sums)


def _open_days(orders: Floats, observed: Bools) -> Bools:
    """Return the observed bins between the days of a city's first and last order, cities by bins."""
    days: Bools = np.add.reduceat(orders, np.arange(0, orders.shape[1], BINS_PER_DAY), axis=1) > 0
    has_begun = np.cumsum(days, axis=1) > 0
    has_not_ended = np.cumsum(days[:, ::-1], axis=1)[:, ::-1] > 0
    return np.repeat(has_begun & has_not_ended, BINS_PER_DAY, axis=1) & observed


def _cover(grid: Grid, spans: pd.DataFrame) -> Ints:
    """Return how many kick-offs' spans cover each bin, cities by bins."""
    local = spans[spans["city"].isin(grid.cities)]
    spans = local.groupby(["city", "kick_off_bin"])[["extra_time"]].any().reset_index()
    city = pd.Index(grid.cities).get_indexer(pd.Index(spans["city"]))
    start, end = span_bins(spans)
    steps = np.zeros((len(grid.cities), grid.n_bins + 1), dtype=np.int64)
    low, high = (np.clip(bins - grid.first_bin, 0, grid.n_bins) for bins in (start, end))
    np.add.at(steps, (city, low), 1)
    np.add.at(steps, (city, high), -1)
    return np.cumsum(steps[:, :-1], axis=1)


@dataclass(frozen=True)
class Counts:
    """One window of every unit.

    Attributes
    ----------
    observed, expected
        Orders in the window; expected ones are NaN where there is no baseline.
    without
        Expected orders as fitted without each week, as a share of `expected`; units by weeks.
    week
        Column of `without` that the unit's own week is.
    code
        Whether the unit takes part (0), or why not: a position in `REASONS`; -1 in another family.
    """

    observed: Floats
    expected: Floats
    without: Floats
    week: Ints
    code: Ints

    @property
    def is_clean(self) -> Bools:
        """Which units take part."""
        result: Bools = self.code == 0
        return result

    def only(self, members: Bools) -> "Counts":
        """Return the counts with all other units out of the family."""
        return replace(self, code=np.where(members, self.code, -1))

    def replaced(self, units: Bools, other: "Counts") -> "Counts":
        """Return the counts with some units' taken from `other`."""
        return Counts(
            observed=np.where(units, other.observed, self.observed),
            expected=np.where(units, other.expected, self.expected),
            without=np.where(units[:, None], other.without, self.without),
            week=np.where(units, other.week, self.week),
            code=np.where(units, other.code, self.code),
        )


def count_window(panel: Panel, units: pd.DataFrame, start: Ints, end: Ints) -> Counts:
    """Count orders in [start, end) of each unit (bins since 1970) against the adjusted baseline."""
    grid = panel.grid
    city = pd.Index(grid.cities).get_indexer(pd.Index(units["city"]))
    has_city = city >= 0
    if not grid.cities or not grid.n_bins:
        return no_counts(len(units), panel.baseline.n_weeks)
    city = np.where(has_city, city, 0)

    def total(name: str, begin: Ints = start, stop: Ints = end) -> Floats:
        return panel.in_windows(name, city, begin, stop)

    is_inside = (start >= grid.first_bin) & (end <= grid.first_bin + grid.n_bins)
    span_start, span_end = span_bins(units)
    own_start, own_end = np.clip(start, span_start, span_end), np.clip(end, span_start, span_end)
    own_cover = total("covered", own_start, own_end)
    is_overlapped = (total("covered") - own_cover > 0) | (total("covered twice", own_start, own_end) > 0)
    is_known = has_city & is_inside & (total("unknown") == 0)
    problems = [~has_city, ~is_inside | (total("missing") > 0), is_overlapped, ~is_known]
    code = np.select(problems, range(1, len(REASONS)), 0).astype(np.int64)

    kick_off = np.clip(units["kick_off_bin"].to_numpy(dtype=np.int64) - grid.first_bin, 0, grid.n_bins - 1)
    week = grid.week[grid.zone[city], kick_off] - panel.baseline.first_week
    first = grid.time_of_week[grid.zone[city], np.clip(start - grid.first_bin, 0, grid.n_bins - 1)]
    return Counts(
        observed=np.where(has_city, total("orders"), 0),
        expected=np.where(is_known, total("expected"), np.nan),
        without=_without_in_windows(panel.baseline, city, first, end - start)
        * panel.baseline.level_without[city, week]
        * panel.baseline.day_without[week, first // BINS_PER_DAY],
        week=week,
        code=code,
    )


def no_counts(n_units: int, n_weeks: int) -> Counts:
    """Return counts of units that no order is observed for."""
    return Counts(
        observed=np.zeros(n_units),
        expected=np.full(n_units, np.nan),
        without=np.ones((n_units, n_weeks)),
        week=np.zeros(n_units, dtype=np.int64),
        code=np.full(n_units, REASONS.index(NOT_OBSERVED)),
    )


def _without_in_windows(baseline: Baseline, city: Ints, first: Ints, length: Ints) -> Floats:
    """Return each window's expected orders as fitted without each week, as a share of the full fit's.

    `first` is the window's first time of week; windows wrap around at the end of the week. 1 where nothing
    is ever sold, or only in the week that is left out.
    """
    numerator = _wrapped(cumulated(baseline.profile_without), city, first, length)
    denominator = _wrapped(cumulated(baseline.profile[:, None]), city, first, length)
    is_sold = (denominator > 0) & (numerator > 0)
    return np.divide(numerator, denominator, out=np.ones_like(numerator), where=is_sold)


def _wrapped(sums: Floats, city: Ints, first: Ints, length: Ints) -> Floats:
    """Sum windows out of cumulated weekly profiles: cities by weeks by times of week -> windows by weeks."""
    last = first + length
    over = np.maximum(last - TIMES_OF_WEEK, 0)
    return sums[city, :, np.minimum(last, TIMES_OF_WEEK)] - sums[city, :, first] + sums[city, :, over]


@dataclass(frozen=True)
class Uplift:
    """Uplift of several sets of units in one window, one element a set.

    Attributes
    ----------
    observed, expected
        Sums over the set's clean units.
    log_ratio, log_ratio_without
        log(observed / expected); and without each week, sets by weeks. NaN where a sum is 0.
    degrees
        Degrees of freedom of the jackknife's variance: effective weeks - 1.
    n_units, n_weeks
        Clean units, and the weeks that they fall in.
    """

    observed: Floats
    expected: Floats
    log_ratio: Floats
    log_ratio_without: Floats
    degrees: Floats
    n_units: Ints
    n_weeks: Ints


def uplift_of_sets(counts: Counts, sets: Bools) -> Uplift:
    """Compute sum(O) / sum(E) of each set (sets by units), with each week left out in turn."""
    members = sets & counts.is_clean
    observed, expected = np.where(counts.is_clean, counts.observed, 0), np.where(counts.is_clean, counts.expected, 0)
    weeks = np.zeros(counts.without.shape)
    weeks[np.arange(len(weeks)), counts.week] = 1
    member = members.astype(float)
    observed_sum, expected_sum = member @ observed, member @ expected
    observed_without = observed_sum[:, None] - member @ (weeks * observed[:, None])
    expected_without = member @ (expected[:, None] * counts.without * (1 - weeks))
    return Uplift(
        observed=observed_sum,
        expected=expected_sum,
        log_ratio=_log_ratio(observed_sum, expected_sum),
        log_ratio_without=_log_ratio(observed_without, expected_without),
        degrees=effective_weeks(member @ (weeks * expected[:, None])) - 1,
        n_units=members.sum(axis=1),
        n_weeks=((member @ weeks) > 0).sum(axis=1),
    )


def _log_ratio(observed: Floats, expected: Floats) -> Floats:
    result = np.full(observed.shape, np.nan)
    usable = (observed > 0) & (expected > 0)
    result[usable] = np.log(observed[usable] / expected[usable])
    return result
