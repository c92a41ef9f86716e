"""A placebo: orders at the hours of matches in cities that did not play.

Belongs here: the uplift where there can be none of a city's own match. Does not belong here: what verdicts make of it.

If kick-offs are put on days that sell well anyway, or if a match is watched everywhere, cities without a match have
more orders at its hours too. Then D and H, which are read from these cities, take the one for the other, and no data
of this kind can tell them apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pizza_assets.analysis.contract import TIME_PERIODS
from pizza_assets.analysis.family import Family, Selection
from pizza_assets.analysis.grid import Ints, cumulated
from pizza_assets.analysis.jackknife import effective_weeks, jackknife_error, student_interval
from pizza_assets.analysis.uplift import Panel
from pizza_assets.analysis.verdicts import ALPHA
from pizza_assets.analysis.windows import window_bins

#: Fewer effective weeks than this tell nothing.
_MIN_EFFECTIVE_WEEKS = 8


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
    n, m = (np.bincount(week, times * of, baseline.n_weeks).astype(np.float64) for of in (orders, usual))
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
    return Placebo(uplift, ci_low, ci_high, float(interval.p_value[0]), int(is_free.sum()))


def placebos(of: Selection, family: Family) -> dict[str, Placebo]:
    """Return the placebo of each window of a family, where there is one."""
    panel = of.panels.get((family.source, family.source)) or of.panels.get(("real", family.source))
    if panel is None:
        return {}
    units = family.units[np.any(list(family.is_member.values()), axis=0)]
    found = {name: elsewhere(panel, *window_bins(units, name)) for name in TIME_PERIODS}
    return {name: placebo for name, placebo in found.items() if placebo is not None}


def why_doubtful(of_windows: Mapping[str, Placebo]) -> str:
    """Return why uplifts are doubtful, or an empty text. By chance there is a reason once in 20 times (Bonferroni)."""
    if not of_windows:
        return ""
    worst = min(of_windows.values(), key=lambda placebo: placebo.p_value)
    if worst.p_value * len(of_windows) > ALPHA:
        return ""
    return (
        f"cities that did not play had {worst.uplift_pct:+.1f} % orders at these hours too (95 % interval "
        f"{worst.ci_low:+.1f} % to {worst.ci_high:+.1f} %): kick-offs may lie on days that sell anyway, or matches be "
        "watched in all cities"
    )
