"""National mode: uplift when orders carry no usable city.

Belongs here: the joint Poisson event study of one national series. Does not belong here: anything by city.

Without cities every match may matter to every order, and windows of different matches overlap nearly every
Saturday. So no window is dropped; the phases are estimated together as 0/1 indicators in a Poisson model::

    E = L(week) * p(time of week) * exp(beta_pre x_pre + beta_during x_during + beta_post x_post)

by Newton steps on beta with L and p profiled out (Frisch-Waugh-Lovell with weights; Correia, Guimaraes & Zylkin
2020). The delete-one-week jackknife takes one Newton step from the full fit.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pizza_assets.analysis.contract import TIME_PERIODS
from pizza_assets.analysis.family import Selection
from pizza_assets.analysis.grid import TIMES_OF_WEEK, Bools, Floats, Grid, Ints
from pizza_assets.analysis.windows import BINS_PER_DAY, Matches, bins_of, window_bins
from pizza_assets.platform.columns import Source

_STEPS, _PROJECTIONS = 12, 20
#: An indicator is identified when at least this share of its variance is left beside L and p.
_IDENTIFIED = 1e-3


@dataclass(frozen=True)
class EventStudy:
    """Log-uplift of each phase, and without each week (phases by weeks); NaN where it is not identified.

    `observed` and `expected` are the orders in the phase's bins, and those expected in them without it.
    """

    beta: Floats
    beta_without: Floats
    observed: Floats
    expected: Floats
    n_weeks: Ints


def event_study(orders: Floats, observed: Bools, week: Ints, time_of_week: Ints, phases: Bools) -> EventStudy:
    """Fit the model.

    Parameters
    ----------
    orders, observed, week, time_of_week
        By bin.
    phases
        Indicators, phases by bins.
    """
    sold = np.bincount(time_of_week[observed], orders[observed], TIMES_OF_WEEK) > 0
    used = observed & sold[time_of_week]
    y, x = orders[used], phases[:, used].astype(float)
    weeks, week_of = np.unique(week[used], return_inverse=True)
    time_of = time_of_week[used]
    n_phases, n_weeks = len(x), len(weeks)
    beta = np.zeros(n_phases)
    beta_without = np.full((n_phases, n_weeks), np.nan)
    in_week = np.array([np.unique(week_of[row > 0]).size for row in x], dtype=np.int64)
    if n_weeks < 2 or not y.any():
        zeros = np.zeros(n_phases)
        return EventStudy(np.full(n_phases, np.nan), beta_without, zeros, zeros, in_week)

    mean = np.full(len(y), y.mean())
    left, identified = x, np.ones(n_phases, dtype=bool)
    for _ in range(_STEPS):
        mean = _scaled(y, np.exp(beta @ x), week_of, time_of)
        left = _projected(x, mean, week_of, time_of)
        identified = (left**2 @ mean) > _IDENTIFIED * np.maximum(x @ mean, 1e-9)
        left = left * identified[:, None]
        information = (left * mean) @ left.T + np.diag((~identified).astype(float))
        step = np.linalg.solve(information, left @ (y - mean))
        beta = np.clip(beta + step, -3, 3)
        if np.abs(step).max() < 1e-6:
            break

    score = np.array([np.bincount(week_of, row * (y - mean), n_weeks) for row in left])
    for number in range(n_weeks):
        here = week_of == number
        without = information - (left[:, here] * mean[here]) @ left[:, here].T
        if np.linalg.cond(without) < 1e8:
            beta_without[:, number] = beta - np.linalg.solve(without, score[:, number])
    beta_without[~identified] = np.nan
    return EventStudy(
        beta=np.where(identified, beta, np.nan),
        beta_without=beta_without,
        observed=x @ y,
        expected=(x @ mean) / np.exp(beta),
        n_weeks=in_week,
    )


def _scaled(y: Floats, effect: Floats, week: Ints, time: Ints) -> Floats:
    """Return the mean at given effects, with level and share fitted by proportional scaling."""
    level, share = np.ones(week.max() + 1), np.ones(TIMES_OF_WEEK)
    for _ in range(_PROJECTIONS):
        level = np.bincount(week, y) / np.maximum(np.bincount(week, share[time] * effect), 1e-12)
        total = np.bincount(time, level[week] * effect, TIMES_OF_WEEK)
        share = np.bincount(time, y, TIMES_OF_WEEK) / np.maximum(total, 1e-12)
    mean: Floats = level[week] * share[time] * effect
    return mean


def _projected(x: Floats, weight: Floats, week: Ints, time: Ints) -> Floats:
    """Take weighted means by week and by time of week out of each row, in turns until little is left."""
    left = x.copy()
    for _ in range(_PROJECTIONS):
        for group in (week, time):
            total = np.maximum(np.bincount(group, weight), 1e-12)
            means = np.array([np.bincount(group, weight * row) / total for row in left])
            left -= means[:, group]
    return left


def national_study(of: Selection, matches: Matches, source: Source) -> tuple[dict[str, tuple[EventStudy, int]], int]:
    """Fit one source's national series.

    Returns
    -------
    study : dict
        By window: the fit that it is estimated in, and its position there. The three phases are estimated
        together, the 24 hours from kick-off alone.
    n_units : int
        Kick-offs in the window.
    """
    grid, played = of.grid, matches.played
    kick_offs = _kick_offs(played)
    kick_offs = kick_offs[kick_offs["kick_off_bin"].between(of.low, of.high - 1)]
    observed = np.repeat(of.days_with[source], BINS_PER_DAY)
    if source == "real":
        # The real matches of a day with mock matches are unknown, as are some of other days.
        observed = observed & ~np.isin(grid.first_day + np.arange(grid.n_bins) // BINS_PER_DAY, of.unknown_days)
        mock_days = (kick_offs.loc[kick_offs["is_mock"], "kick_off_bin"] - grid.first_bin) // BINS_PER_DAY
        observed = observed & ~np.isin(np.arange(grid.n_bins) // BINS_PER_DAY, mock_days)
        kick_offs = kick_offs[~kick_offs["is_mock"]]
    elif not observed.any():
        observed = np.repeat(of.days_with["real"], BINS_PER_DAY)
    kick_offs = kick_offs.groupby("kick_off_bin")[["extra_time"]].any().reset_index()
    # Where a match may have been on, orders are neither those of a match nor those without one.
    perhaps = _kick_offs(matches.perhaps)
    observed &= ~_indicator(grid, window_bins(perhaps, "pre_match")[0], window_bins(perhaps, "post_match")[1])

    orders = np.where(observed, grid.national, 0)
    study: dict[str, tuple[EventStudy, int]] = {}
    for names in (TIME_PERIODS, ("day",)):
        phases = np.array([_indicator(grid, *window_bins(kick_offs, name)) for name in names])
        fit = event_study(orders, observed, grid.week[0], grid.time_of_week[0], phases)
        study |= {name: (fit, i) for i, name in enumerate(names)}
    return study, len(kick_offs)


def _kick_offs(matches: pd.DataFrame) -> pd.DataFrame:
    """Return the kick-off of each match: kick_off_bin, extra_time, is_mock."""
    return pd.DataFrame(
        {
            "kick_off_bin": bins_of(matches["timestamp"]),
            "extra_time": matches["duration"] != "REGULAR",
            "is_mock": matches["data_source"] == "mock",
        }
    )


def _indicator(grid: Grid, start: Ints, end: Ints) -> Bools:
    steps = np.zeros(grid.n_bins + 1, dtype=np.int64)
    low, high = (np.clip(bins - grid.first_bin, 0, grid.n_bins) for bins in (start, end))
    np.add.at(steps, low, 1)
    np.add.at(steps, high, -1)
    return np.cumsum(steps[:-1]) > 0
