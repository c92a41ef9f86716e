"""Windows that another match's span overlaps: what is expected in them with that other match on.

Belongs here: how much of a window's expectation other matches of the city move, and the joint fit that tells it. Does
not belong here: counting a window, estimates of sets of units.

A Saturday has matches at 12:30, 15:00 and 17:30, so that in a city of several clubs most windows meet another one's.
To leave them out costs a fifth of an interval's width. So the phases of all matches are taken to multiply the orders
of the bins that they are on in, each phase by one factor::

    orders expected in a bin = E x exp(sum over the other matches on of beta[phase])

beta is what makes the uplift of all units, each with the others' phases on, come out as beta itself: the maximum
likelihood fit of a Poisson model with offset log E, by iteration. It is refitted without each week.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from pizza_assets.analysis.baseline import BLOCK_BINS
from pizza_assets.analysis.contract import TIME_PERIODS
from pizza_assets.analysis.grid import Bools, Floats, Grid, Ints, spans_on
from pizza_assets.analysis.uplift import CLEAN, OVERLAPPED, REASONS, Counts, Panel, week_sums
from pizza_assets.analysis.verdicts import MIN_UNITS
from pizza_assets.analysis.windows import BINS_PER_DAY, window_bins

_ROUNDS = 5


def separated(
    panel: Panel,
    units: pd.DataFrame,
    city: Ints,
    is_on: Bools,
    counts: Mapping[str, Counts],
    chosen: Mapping[str, Bools],
) -> dict[str, Counts]:
    """Return the counts with the chosen units' overlapped windows clean, their expectation with the others' matches on.

    Parameters
    ----------
    panel
        The baseline that the chosen units are counted against.
    units, city
        The units, and their rows in the grid; -1 for a city without orders.
    is_on
        Which units' matches move orders that the panel counts.
    counts, chosen
        By window: the counts, and the units that are counted on this panel. A window of fewer than `MIN_UNITS` of
        them without an overlap leaves everything as it is: there is nothing to tell the phases by.
    """
    known = {name: counts[name].only(chosen[name]) for name in TIME_PERIODS}
    if min(counted.is_clean.sum() for counted in known.values()) < MIN_UNITS:
        return dict(counts)
    phases = _phases(panel.grid, units, np.where(is_on, city, -1))
    pieces = {name: _Pieces(panel, units, city, known[name], name, phases) for name in TIME_PERIODS}
    beta = np.array([_log_ratio(counted) for counted in known.values()])
    for _ in range(_ROUNDS):
        known = {name: pieces[name].with_others(beta) for name in TIME_PERIODS}
        beta = np.array([_log_ratio(counted) for counted in known.values()])
    is_told = {name: counted.code == REASONS.index(CLEAN) for name, counted in known.items()}
    return {
        name: counted.replaced(is_told[name], known[name]) if name in known else counted
        for name, counted in counts.items()
    }


def _phases(grid: Grid, units: pd.DataFrame, city: Ints) -> Ints:
    """Return how many units are in each phase, phases by cities by bins."""
    has_city = city >= 0
    here = units[has_city]
    return np.array(
        [
            spans_on(len(grid.cities), grid.n_bins, city[has_city], *grid.bins_within(*window_bins(here, name)))
            for name in TIME_PERIODS
        ]
    )


def _log_ratio(counts: Counts) -> Floats:
    """Return log(O / E) of all clean units, and without each week; 0 where a sum is 0."""
    observed, expected = week_sums(counts, np.ones((1, len(counts.code)), dtype=bool))
    usable = (observed[0] > 0) & (expected[0] > 0)
    ratio: Floats = np.log(np.where(usable, observed[0], 1) / np.where(usable, expected[0], 1))
    return ratio


class _Pieces:
    """The overlapped windows of one kind, bin by bin.

    `expected` is their bins' expected orders with the full fit and without each week (units by bins by 1 + weeks),
    `others` how many other matches are in each phase (units by bins by phases).
    """

    def __init__(self, panel: Panel, units: pd.DataFrame, city: Ints, counts: Counts, name: str, phases: Ints) -> None:
        grid, baseline = panel.grid, panel.baseline
        start, end = window_bins(units, name)
        low, high = grid.bins_within(start, end)
        n_known = phases.sum(axis=0)
        # A span that is no unit's may have been played or not: what it moves is unknown.
        self.counts = counts
        candidates = np.flatnonzero(counts.code == REASONS.index(OVERLAPPED))
        bins = low[candidates][:, None] + np.arange((high - low).max(initial=0))
        is_inside = bins < high[candidates][:, None]
        bins = np.minimum(bins, grid.n_bins - 1)
        rows = city[candidates][:, None]
        is_known = ((panel.span_bins[rows, bins] <= n_known[rows, bins]) | ~is_inside).all(axis=1)
        self.units = unit = candidates[is_known]
        bins, is_inside, rows = bins[is_known], is_inside[is_known], rows[is_known]
        self.others = phases[:, rows, bins].transpose(1, 2, 0).astype(float)
        self.others[..., TIME_PERIODS.index(name)] -= is_inside
        time = grid.time_of_week[grid.zone[rows], bins]
        expected = (baseline.expected[rows, bins] * is_inside)[..., None]
        profile = baseline.profile[rows, time][..., None]
        without = baseline.profile_without[rows, :, time]
        share = np.divide(without, profile, out=np.ones_like(without), where=profile > 0)
        week = counts.week[unit]
        share *= (baseline.level_without[city[unit], week] * baseline.day_without[week, time[:, 0] // BINS_PER_DAY])[
            :, None
        ]
        share *= baseline.block_without[week[:, None], time // BLOCK_BINS]
        self.expected = np.concatenate([expected, expected * share], axis=2)

    def with_others(self, beta: Floats) -> Counts:
        """Return the counts with the others' phases on; beta is phases by 1 + weeks."""
        total = (self.expected * np.exp(np.einsum("ubp,pg->ubg", self.others, beta))).sum(axis=1)
        counts, full = self.counts, total[:, :1]
        expected, without, code = counts.expected.copy(), counts.without.copy(), counts.code.copy()
        expected[self.units] = full[:, 0]
        without[self.units] = np.divide(total[:, 1:], full, out=np.ones_like(total[:, 1:]), where=full > 0)
        code[self.units] = REASONS.index(CLEAN)
        return replace(counts, expected=expected, without=without, code=code)
