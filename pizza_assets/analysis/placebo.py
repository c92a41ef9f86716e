"""Diagnostics beside an answer: placebos, and the answer without asking other cities.

Belongs here: the uplift where there can be none of a city's own match, and the one that usual orders give. Does not
belong here: what verdicts make of it.

If kick-offs are put on days that sell well anyway, or if a match is watched everywhere, cities without a match have
more orders at its hours too. Then D and H, which are read from these cities, take the one for the other, and no data
of this kind can tell them apart.

The same fixtures, moved by whole weeks to hours without matches, have no effect: what is found there is the model's
error (a little less of it, for the model is fitted on these hours). The same hours a day later lack the orders that a
match only moved; if they do, what is expected without a match is too low. The uplift against what is expected without
D and H says how much of an answer other cities' day decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pizza_assets.analysis.contract import TIME_PERIODS
from pizza_assets.analysis.family import Family, Selection
from pizza_assets.analysis.grid import TIMES_OF_WEEK, Bools, Floats, Ints, cumulated
from pizza_assets.analysis.jackknife import effective_weeks, jackknife_error, student_interval
from pizza_assets.analysis.uplift import Panel
from pizza_assets.analysis.verdicts import ALPHA
from pizza_assets.analysis.windows import BINS_PER_DAY, window_bins

#: Fewer effective weeks than this tell nothing.
_MIN_EFFECTIVE_WEEKS = 8
DIAGNOSTICS = ("placebo", "moved_fixtures", "day_after", "without_other_cities")
_WHOLE_WEEKS = [TIMES_OF_WEEK * weeks for weeks in (-4, -3, -2, -1, 1, 2, 3, 4)]


@dataclass(frozen=True)
class Placebo:
    """The uplift in % in cities that did not play, with its 95 % interval and p; the windows that it is read from."""

    uplift_pct: float
    ci_low: float
    ci_high: float
    p_value: float
    n: int


def elsewhere(panel: Panel, start: Ints, end: Ints) -> Placebo | None:
    """Return the placebo of windows [start, end) (bins since 1970); None where too little tells it.

    Expected is what the baseline has without D and H. Each window counts in each city that it is free in.
    """
    grid, baseline = panel.grid, panel.baseline
    if not grid.cities or not len(start):
        return None
    places, times = np.unique(np.stack([start, end]), axis=1, return_counts=True)
    low, high = grid.bins_within(*places)
    is_busy = cumulated(~(panel.free & baseline.is_known))
    is_free = (is_busy[:, high] == is_busy[:, low]) & (high - low == places[1] - places[0])
    orders = np.where(is_free, panel.orders[:, high] - panel.orders[:, low], 0).sum(axis=0)
    sums = cumulated(baseline.usual)
    usual = np.where(is_free, sums[:, high] - sums[:, low], 0).sum(axis=0)
    week = grid.week[0, np.minimum(low, grid.n_bins - 1)] - baseline.first_week
    return _of_weeks(week, times * orders, times * usual, baseline.n_weeks, int(is_free.sum()))


def moved(panel: Panel, city: Ints, start: Ints, end: Ints, shifts: Sequence[int]) -> Placebo | None:
    """Return the uplift of the same windows at other times, where no match is on in their city.

    Parameters
    ----------
    city, start, end
        Row of each window's city in the grid (-1: none), its first bin and the one after it (bins since 1970).
    shifts
        By how many bins each is moved.
    """
    grid, baseline = panel.grid, panel.baseline
    has_city = city >= 0
    if not has_city.any():
        return None
    is_busy, expected = cumulated(~(panel.free & baseline.is_known)), panel.expected
    row = np.broadcast_to(city[has_city], (len(shifts), has_city.sum())).ravel()
    start, end = ((bins[has_city] + np.array(shifts)[:, None]).ravel() for bins in (start, end))
    low, high = grid.bins_within(start, end)
    counts = (is_busy[row, high] == is_busy[row, low]) & (high - low == end - start)
    row, low, high = row[counts], low[counts], high[counts]
    week = grid.week[grid.zone[row], np.minimum(low, grid.n_bins - 1)] - baseline.first_week
    orders, usual = (counted[row, high] - counted[row, low] for counted in (panel.orders, expected))
    return _of_weeks(week, orders, usual, baseline.n_weeks, len(row))


def without_other_cities(panel: Panel, city: Ints, start: Ints, end: Ints, is_clean: Bools) -> Placebo | None:
    """Return the uplift of the clean windows that no other match overlaps, against the baseline without D and H."""
    grid, baseline = panel.grid, panel.baseline
    row = np.maximum(city, 0)
    counts = is_clean & (city >= 0)
    counts &= panel.spans.overlapping(row, start, end) <= 1
    if not counts.any():
        return None
    row, (low, high) = row[counts], grid.bins_within(start[counts], end[counts])
    week = grid.week[grid.zone[row], np.minimum(low, grid.n_bins - 1)] - baseline.first_week
    orders, usual = (counted[row, high] - counted[row, low] for counted in (panel.orders, cumulated(baseline.usual)))
    return _of_weeks(week, orders, usual, baseline.n_weeks, len(row))


def _of_weeks(week: Ints, orders: Floats, usual: Floats, n_weeks: int, n_windows: int) -> Placebo | None:
    """Return orders against usual ones, with each week left out in turn; None where too little tells it."""
    n, m = (np.bincount(week, counted, n_weeks).astype(np.float64) for counted in (orders, usual))
    degrees = effective_weeks(m[None]) - 1
    rest_n, rest_m = n.sum() - n, m.sum() - m
    if degrees[0] < _MIN_EFFECTIVE_WEEKS - 1 or min(rest_n.min(), rest_m.min()) <= 0:
        return None
    log_ratio, without = np.log(n.sum() / m.sum()), np.log(rest_n / rest_m)
    error = jackknife_error(without[None])
    interval = student_interval(np.array([log_ratio]), error, degrees)
    if not error[0] > 1e-9:
        return None
    figures = pd.Series([log_ratio, interval.low[0], interval.high[0]])
    uplift, ci_low, ci_high = (100 * np.expm1(figures)).tolist()
    return Placebo(uplift, ci_low, ci_high, float(interval.p_value[0]), n_windows)


def diagnostics(selection: Selection, family: Family) -> dict[str, dict[str, Placebo]]:
    """Return a family's diagnostics by their names, each by window, where there is one.

    They are 'placebo' (cities that did not play), 'moved_fixtures' (by whole weeks), 'day_after' (the same hours a day
    later) and 'without_other_cities'.
    """
    found: dict[str, dict[str, Placebo]] = {name: {} for name in DIAGNOSTICS}
    panel = selection.panels.get((family.source, family.source)) or selection.panels.get(("real", family.source))
    if panel is None or not panel.grid.cities:
        return found
    is_member = np.any(list(family.is_member.values()), axis=0)
    units, city = family.units[is_member], family.city[is_member]
    for window in TIME_PERIODS:
        place = window_bins(units, window)
        is_clean = family.counts[window].is_clean[is_member]
        of_window = (
            elsewhere(panel, *place),
            moved(panel, city, *place, _WHOLE_WEEKS),
            moved(panel, city, *place, (BINS_PER_DAY,)),
            without_other_cities(panel, city, *place, is_clean),
        )
        for name, diagnostic in zip(DIAGNOSTICS, of_window, strict=True):
            if diagnostic is not None:
                found[name][window] = diagnostic
    return found


def why_doubtful(diagnosed: Mapping[str, Mapping[str, Placebo]]) -> str:
    """Return why uplifts are doubtful, or an empty text, given the diagnostics by name and window.

    Cities that did not play must not have had other orders at these hours, and the same hours a day later must not lack
    any. By chance each is a reason once in 20 times at most (Bonferroni over the windows).
    """
    worst, after = (_surest(diagnosed[name]) for name in ("placebo", "day_after"))
    if worst is not None:
        return (
            f"cities that did not play had {worst.uplift_pct:+.1f} % orders at these hours too (95 % interval "
            f"{worst.ci_low:+.1f} % to {worst.ci_high:+.1f} %): kick-offs may lie on days that sell anyway, or matches "
            "be watched in all cities"
        )
    if after is not None and after.uplift_pct < 0:
        return (
            f"the same hours a day later had {after.uplift_pct:+.1f} % orders (95 % interval {after.ci_low:+.1f} % to "
            f"{after.ci_high:+.1f} %): matches may only move orders, and what is expected without them be too low"
        )
    return ""


def _surest(of_windows: Mapping[str, Placebo]) -> Placebo | None:
    """Return the diagnostic of the window that fails most surely, if any does over all windows together."""
    surest = min(of_windows.values(), key=lambda placebo: placebo.p_value, default=None)
    return surest if surest is not None and surest.p_value * len(of_windows) <= ALPHA else None
