"""Orders around kick-offs: observed, expected, and their ratio.

Belongs here: counting a window of every unit, the control-city adjustment, the uplift of any set of units.
Does not belong here: fitting the baseline, tests of several results together.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pizza_assets.analysis.baseline import BLOCK_BINS, Baseline, fit_baseline
from pizza_assets.analysis.coverage import silent_bins, usual_orders
from pizza_assets.analysis.grid import TIMES_OF_WEEK, Bools, Floats, Grid, Ints, cumulated, spans_on
from pizza_assets.analysis.jackknife import effective_weeks
from pizza_assets.analysis.windows import BINS_PER_DAY, Spans, span_bins
from pizza_assets.platform.columns import Source

CLEAN = "clean"
NOT_OBSERVED = "not all of the window is observed"
OVERLAPPED = "another match's span overlaps it"
#: Variance of a city's hours around what is expected, beyond counting noise, that weights of units allow for.
_LOCAL_VARIANCE = 0.01
#: Why a window takes no part in estimates; the first that holds is given.
REASONS = (
    CLEAN,
    "no orders in this city",
    NOT_OBSERVED,
    OVERLAPPED,
    "no baseline: this time of the week was never free of matches",
)


@dataclass(frozen=True)
class Panel:
    """Orders of one source against their baseline, summed up so that any window is a subtraction.

    Attributes
    ----------
    spans
        The kick-offs that the baseline keeps out of.
    orders, expected, unknown
        Orders, expected orders, and bins without a baseline, up to each bin; cities by 1 + bins.
    unobserved
        Bins that the city is not observed in, up to each bin; cities by 1 + bins.
    silent
        Bins without an order where many were usual: a feed that failed or a closed shop, no zero; cities by bins.
    usual
        The orders that are usual in each bin, cities by bins.
    profile, profile_without
        The baseline's week up to each time of it: cities by 1 + times of week; and without each week, cities by
        1 + times of week by weeks left out.
    fitted_on, kept_out
        Expected orders of the bins that the fit is on, and of the observed ones that it keeps out of, up to each
        time of the week, over two weeks in a row; cities by 1 + 2 x times of week.
    span_bins, free
        How many spans are on in each bin, and whether the fit is on it; cities by bins.
    """

    grid: Grid
    baseline: Baseline
    spans: Spans
    orders: Floats
    expected: Floats
    unknown: Floats
    unobserved: Floats
    silent: Bools
    usual: Floats
    profile: Floats
    profile_without: Floats
    fitted_on: Floats
    kept_out: Floats
    span_bins: Ints
    free: Bools


def build_panel(grid: Grid, source: Source, spans: Spans, not_fitted: Bools | None = None) -> Panel:
    """Fit the baseline of one source's orders.

    Parameters
    ----------
    grid
        The orders.
    source
        Whose orders.
    spans
        Kick-offs that the fit must keep out of.
    not_fitted
        By day: which days to leave out of the fit; none by default.

    Notes
    -----
    A city takes part from the day of its first order to the day of its last: a store that opens in spring
    was not expected to sell in winter. Silent runs and what the caller knows to be unobserved take no part.
    """
    orders = grid.orders_until[source]
    open_days = _open_days(np.diff(orders[:, ::BINS_PER_DAY]) > 0) & grid.days_with(source)
    is_observed = np.repeat(open_days, BINS_PER_DAY, axis=1) & ~grid.unobserved
    # Not the first city's row: there may be no city.
    is_fitted = np.repeat(np.ones(open_days.shape[1], dtype=bool) if not_fitted is None else ~not_fitted, BINS_PER_DAY)
    free = is_observed & is_fitted
    on = spans_on(len(grid.cities), grid.n_bins, spans.city, *grid.bins_within(spans.start, spans.end))
    when = grid.week, grid.time_of_week, grid.zone
    usual = usual_orders(grid.orders, free & (on == 0), *when)
    # Where a city has a match at that time of every week, its weeks with matches are all that there is.
    usual = np.where(usual > 0, usual, usual_orders(grid.orders, free, *when))
    silent = silent_bins(grid.orders, is_observed, usual)
    is_observed &= ~silent
    free &= is_observed & (on == 0)
    baseline = fit_baseline(grid.orders, free, grid.week, grid.time_of_week, grid.zone)
    return Panel(
        grid=grid,
        baseline=baseline,
        spans=spans,
        orders=orders,
        expected=cumulated(baseline.expected),
        unknown=cumulated(~baseline.is_known),
        unobserved=cumulated(~is_observed),
        silent=silent,
        usual=usual,
        profile=cumulated(baseline.profile),
        # Weeks last, so that a window's are side by side in memory.
        profile_without=np.ascontiguousarray(cumulated(baseline.profile_without).transpose(0, 2, 1)),
        fitted_on=_over_the_week(grid, baseline.expected * free),
        kept_out=_over_the_week(grid, baseline.expected * (is_observed & ~free)),
        span_bins=on,
        free=free,
    )


def _over_the_week(grid: Grid, values: Floats) -> Floats:
    """Return sums by time of week, up to each time of two weeks in a row; cities by 1 + 2 x times of week."""
    by_time = np.array(
        [np.bincount(grid.time_of_week[zone], row, TIMES_OF_WEEK) for zone, row in zip(grid.zone, values, strict=True)]
    ).reshape(len(values), TIMES_OF_WEEK)
    return cumulated(np.hstack([by_time, by_time]))


def _open_days(sells: Bools) -> Bools:
    """Return the days between a city's first and last day with orders, cities by days."""
    has_begun = np.logical_or.accumulate(sells, axis=1)
    has_not_ended = np.logical_or.accumulate(sells[:, ::-1], axis=1)[:, ::-1]
    result: Bools = has_begun & has_not_ended
    return result


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
    weight
        How much an expected order of the unit tells, at most 1; see `count_window`.
    """

    observed: Floats
    expected: Floats
    without: Floats
    week: Ints
    code: Ints
    weight: Floats

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
            weight=np.where(units, other.weight, self.weight),
        )


def count_window(panel: Panel, units: pd.DataFrame, city: Ints, start: Ints, end: Ints) -> Counts:
    """Count orders in [start, end) of each unit (bins since 1970) against the adjusted baseline.

    Parameters
    ----------
    city
        The units' rows in the grid; -1 for a city without orders.

    Notes
    -----
    An expected order tells less where its errors are shared. With E expected in the window, local shocks of variance
    s2 and a habit theta known from M free orders with the prior's shape a, shared by all R orders that were kept out
    of the fit at this time of the week, its weight is ``1 / (1 + s2 E + R / (a + M))``.
    """
    grid, baseline = panel.grid, panel.baseline
    if not grid.cities or not grid.n_bins:
        return no_counts(len(units), baseline.n_weeks)
    has_city, city = city >= 0, np.maximum(city, 0)
    low, high = grid.bins_within(start, end)

    is_inside = (start >= grid.first_bin) & (end <= grid.first_bin + grid.n_bins)
    is_missing = panel.unobserved[city, high] > panel.unobserved[city, low]
    span_start, span_end = span_bins(units)
    is_own = (span_start < end) & (span_end > start)
    is_overlapped = panel.spans.overlapping(city, start, end) > is_own
    is_known = has_city & is_inside & (panel.unknown[city, high] == panel.unknown[city, low])
    problems = [~has_city, ~is_inside | is_missing, is_overlapped, ~is_known]
    code = np.select(problems, range(1, len(REASONS)), 0).astype(np.int64)

    zone = grid.zone[city]
    kick_off = np.clip(units["kick_off_bin"].to_numpy(dtype=np.int64) - grid.first_bin, 0, grid.n_bins - 1)
    week = grid.week[zone, kick_off] - baseline.first_week
    first = grid.time_of_week[zone, np.minimum(low, grid.n_bins - 1)]
    expected = np.where(is_known, panel.expected[city, high] - panel.expected[city, low], np.nan)
    fitted_on, kept_out = (of[city, first + end - start] - of[city, first] for of in (panel.fitted_on, panel.kept_out))
    shared = _LOCAL_VARIANCE * np.nan_to_num(expected) + kept_out / (baseline.hour_strength + fitted_on)
    return Counts(
        observed=np.where(has_city, panel.orders[city, high] - panel.orders[city, low], 0),
        expected=expected,
        without=_without_in_windows(panel, city, first, end - start)
        * baseline.level_without[city, week]
        * baseline.day_without[week, first // BINS_PER_DAY]
        * _blocks_without_in_windows(baseline.block_without, week, first, end - start),
        week=week,
        code=code,
        weight=1 / (1 + shared),
    )


def no_counts(n_units: int, n_weeks: int) -> Counts:
    """Return counts of units that no order is observed for."""
    return Counts(
        observed=np.zeros(n_units),
        expected=np.full(n_units, np.nan),
        without=np.ones((n_units, n_weeks)),
        week=np.zeros(n_units, dtype=np.int64),
        code=np.full(n_units, REASONS.index(NOT_OBSERVED)),
        weight=np.ones(n_units),
    )


def _without_in_windows(panel: Panel, city: Ints, first: Ints, length: Ints) -> Floats:
    """Return each window's expected orders as fitted without each week, as a share of the full fit's.

    `first` is the window's first time of week; windows wrap around at the end of the week. 1 where nothing
    is ever sold, or only in the week that is left out.
    """
    last = first + length
    over, last = np.maximum(last - TIMES_OF_WEEK, 0), np.minimum(last, TIMES_OF_WEEK)

    def in_window(sums: Floats) -> Floats:
        total: Floats = sums[city, last] - sums[city, first] + sums[city, over]
        return total

    numerator, denominator = in_window(panel.profile_without), in_window(panel.profile)[:, None]
    is_sold = (denominator > 0) & (numerator > 0)
    return np.divide(numerator, denominator, out=np.ones_like(numerator), where=is_sold)


def _blocks_without_in_windows(blocks: Floats, week: Ints, first: Ints, length: Ints) -> Floats:
    """Return the mean of the blocks' changes over each window's bins; units by weeks left out."""
    sums = np.concatenate([np.zeros_like(blocks[:, :1]), blocks.cumsum(axis=1)], axis=1) * BLOCK_BINS
    last = first + length
    over, last = np.maximum(last - TIMES_OF_WEEK, 0), np.minimum(last, TIMES_OF_WEEK)

    def until(time: Ints) -> Floats:
        block, rest = np.divmod(time, BLOCK_BINS)
        part = blocks[week, np.minimum(block, blocks.shape[1] - 1)]
        total: Floats = sums[week, block] + rest[:, None] * part
        return total

    return (until(last) - until(first) + until(over)) / np.maximum(length, 1)[:, None]


@dataclass(frozen=True)
class Uplift:
    """Uplift of several sets of units in one window, one element a set.

    Attributes
    ----------
    observed, expected
        Sums over the set's clean units, each as it is.
    log_ratio, log_ratio_without
        log(observed / expected) with each unit by its weight; and without each week, sets by weeks. NaN where a sum
        is 0.
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
    """Compute sum(O) / sum(E) of each set (sets by units), weighted, with each week left out in turn."""
    members = sets & counts.is_clean
    member, in_week = members.astype(float), _in_week(counts)
    observed, expected = week_sums(counts, sets)
    weighted = np.where(counts.is_clean, counts.weight * counts.expected, 0)
    return Uplift(
        observed=member @ np.where(counts.is_clean, counts.observed, 0),
        expected=member @ np.where(counts.is_clean, counts.expected, 0),
        log_ratio=_log_ratio(observed[:, 0], expected[:, 0]),
        log_ratio_without=_log_ratio(observed[:, 1:], expected[:, 1:]),
        degrees=effective_weeks(member @ (in_week * weighted[:, None])) - 1,
        n_units=members.sum(axis=1),
        n_weeks=((member @ in_week) > 0).sum(axis=1),
    )


def week_sums(counts: Counts, sets: Bools) -> tuple[Floats, Floats]:
    """Return weighted sums of observed and of expected orders of each set's clean units, sets by 1 + weeks.

    The first column is of all weeks, each other one without a week.
    """
    member, in_week = (sets & counts.is_clean).astype(float), _in_week(counts)
    observed, expected = (
        np.where(counts.is_clean, counts.weight * of, 0)[:, None] for of in (counts.observed, counts.expected)
    )
    observed_of, expected_of = member @ observed, member @ expected
    return (
        np.hstack([observed_of, observed_of - member @ (in_week * observed)]),
        np.hstack([expected_of, member @ (expected * counts.without * (1 - in_week))]),
    )


def _in_week(counts: Counts) -> Floats:
    """Return 1 in the column of each unit's own week, units by weeks."""
    in_week = np.zeros(counts.without.shape)
    in_week[np.arange(len(in_week)), counts.week] = 1
    return in_week


def _log_ratio(observed: Floats, expected: Floats) -> Floats:
    result = np.full(observed.shape, np.nan)
    usable = (observed > 0) & (expected > 0)
    result[usable] = np.log(observed[usable] / expected[usable])
    return result
