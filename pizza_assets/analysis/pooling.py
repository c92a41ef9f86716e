"""Partial pooling: how much groups such as clubs differ, and what each group's effect is then likely to be.

Belongs here: a random-effects model of the groups' log-uplifts. Does not belong here: how one uplift is estimated
(``uplift``), which results are findings (``verdicts``).

The model is that of a random-effects meta-analysis, ``y_j = mu + u_j + e_j`` with ``Var u = tau^2`` and
``Var e_j = v_j``. tau^2 is Paule and Mandel's (1982): the value at which the generalised Q of the groups is its
expectation, the number of groups less 1. Its interval is the Q-profile (Viechtbauer 2007): the values at which Q is the
97.5 % and the 2.5 % quantile of chi-squared. Each group's estimate is shrunk to mu by ``tau^2 / (tau^2 + v_j)``
(Efron and Morris 1975), and its variance is that share of v_j, plus the error of mu that it takes over. A single club
among many alike is no draw from one normal distribution. So where groups differ measurably no estimate is moved by more
than 1.5 of its own standard errors (limited translation, Efron and Morris 1972); one that would be keeps its own
variance.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pizza_assets.analysis.contract import KINDS, TIME_PERIODS
from pizza_assets.analysis.family import Family
from pizza_assets.analysis.grid import Bools, Floats
from pizza_assets.analysis.jackknife import jackknife_error
from pizza_assets.analysis.uplift import Counts, uplift_of_sets
from pizza_assets.reference import cities

#: Fewer groups than these do not tell how much groups differ.
MIN_GROUPS = 3
_WIDEST = 100.0
#: Standard errors that an estimate is moved by at most.
_MOST_MOVED = 1.5
_STEPS = 60
_NORMAL_975 = 1.959964


@dataclass(frozen=True)
class Pooled:
    """Groups of one kind in one window, on the log scale.

    Attributes
    ----------
    names
        The groups.
    raw, variance
        Each group's own estimate and its variance.
    shrunk, shrunk_variance
        The same after pooling.
    mean, mean_variance
        Of all groups.
    spread, spread_low, spread_high
        Standard deviation between groups with its 95 % interval; NaN with fewer than `MIN_GROUPS` groups.
    n_units
        City kick-offs of each group.
    """

    names: tuple[str, ...]
    raw: Floats
    variance: Floats
    shrunk: Floats
    shrunk_variance: Floats
    mean: float
    mean_variance: float
    spread: float
    spread_low: float
    spread_high: float
    n_units: Floats

    @property
    def differ(self) -> bool:
        """Whether the groups differ measurably: the interval of the spread keeps away from 0."""
        return bool(self.spread_low > 0)


def pool(names: tuple[str, ...], estimates: Floats, variances: Floats, n_units: Floats) -> Pooled:
    """Pool the groups' estimates (log scale) with their variances, all above 0; NaN estimates take no part."""
    known = np.isfinite(estimates) & np.isfinite(variances) & (variances > 0)
    y, v = estimates[known], variances[known]
    kept = tuple(name for name, is_known in zip(names, known, strict=True) if is_known)
    spread = _spread(y, v) if len(y) >= MIN_GROUPS else (np.nan, np.nan, np.nan)
    between = float(np.nan_to_num(spread[0])) ** 2
    weight = 1 / (v + between)
    mean = float(weight @ y / weight.sum()) if len(y) else np.nan
    mean_variance = float(1 / weight.sum()) if len(y) else np.nan
    own = between / (between + v)
    shrunk = mean + own * (y - mean)
    limited = shrunk
    if spread[1] > 0:
        limited = np.clip(shrunk, y - _MOST_MOVED * np.sqrt(v), y + _MOST_MOVED * np.sqrt(v))
    variance = own * v + np.square(1 - own) * mean_variance
    return Pooled(
        names=kept,
        raw=y,
        variance=v,
        shrunk=limited,
        shrunk_variance=np.where(limited == shrunk, variance, v),
        mean=mean,
        mean_variance=mean_variance,
        spread=spread[0],
        spread_low=spread[1],
        spread_high=spread[2],
        n_units=n_units[known],
    )


def _spread(y: Floats, v: Floats) -> tuple[float, float, float]:
    """Return tau and the ends of its 95 % interval."""
    from scipy.stats import chi2

    degrees = len(y) - 1
    places = (float(degrees), float(chi2.ppf(0.975, degrees)), float(chi2.ppf(0.025, degrees)))
    tau, low, high = (float(np.sqrt(_variance_at(y, v, place))) for place in places)
    return tau, low, high


def _variance_at(y: Floats, v: Floats, q: float) -> float:
    """Return the tau^2 at which the generalised Q, which falls with it, is `q`; 0 where it is below from the start."""

    def excess(between: float) -> float:
        weight = 1 / (v + between)
        return float(weight @ np.square(y - weight @ y / weight.sum())) - q

    if excess(0.0) <= 0:
        return 0.0
    low, high = 0.0, _WIDEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return (low + high) / 2


def groups_of(units: pd.DataFrame, clubs: pd.DataFrame, played: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the groups of each unit by kind: frames of unit (row number in `units`) and name.

    Parameters
    ----------
    units
        As in `Matches`: city, kick_off_at, match_ids.
    clubs
        Columns unit and scope ('team:...').
    played
        FOOTBALL_MATCHES rows of the matches that the units name.

    Notes
    -----
    A slot is the kick-off on the clock of the city: weekday and time.
    """
    ids = units["match_ids"].str.split().explode()
    by_id = played.drop_duplicates("match_id", keep="last").set_index("match_id")
    of_match = by_id[["competition", "stage"]].reindex(ids.to_numpy()).set_axis(ids.index, axis="index")
    stage = of_match["competition"] + " " + of_match["stage"]
    is_club = clubs["scope"].str.startswith("team:")
    frames = {
        "club": (clubs.loc[is_club, "unit"], clubs.loc[is_club, "scope"].str.removeprefix("team:")),
        "competition": (of_match.index, of_match["competition"]),
        "stage": (stage.index, stage),
        "slot": (units.index, pd.Series(_slots(units), dtype="str")),
    }
    return {
        kind: pd.DataFrame({"unit": np.asarray(unit, dtype=np.int64), "name": name.to_numpy()})
        .dropna()
        .drop_duplicates(ignore_index=True)
        for kind, (unit, name) in frames.items()
    }


def _slots(units: pd.DataFrame) -> list[str]:
    known = cities()
    zones = units["city"].map(lambda city: known[city].time_zone if city in known else "UTC")
    slots = pd.Series("", units.index, dtype="str")
    for zone, at in units["kick_off_at"].groupby(zones):
        slots[at.index] = at.dt.tz_convert(str(zone)).dt.strftime("%a %H:%M")
    return slots.tolist()


def pooled(counts: Counts, groups: pd.DataFrame, *, of_all: bool = True) -> Pooled:
    """Pool the groups of one kind in one window.

    Parameters
    ----------
    counts
        The window of every unit.
    groups
        Unit and name; see `groups_of`.
    of_all
        Whether one error scale is read from all groups together, which is the rule; else each has its own.

    Notes
    -----
    A group's variance is ``1 / sum(w E)``, as the weights of `count_window` have it, times the mean ratio of the
    jackknife's to it. Each group's own jackknife error of a few weeks is too uncertain for Q.
    """
    codes, names = pd.factorize(groups["name"], sort=True)
    sets: Bools = np.zeros((len(names), len(counts.code)), dtype=bool)
    sets[codes, groups["unit"].to_numpy(dtype=np.int64)] = True
    of = uplift_of_sets(counts, sets)
    jackknifed = np.square(jackknife_error(of.log_ratio_without))
    told = (sets & counts.is_clean) @ np.where(counts.is_clean, counts.weight * counts.expected, 0)
    model = np.divide(1, told, out=np.full_like(told, np.nan), where=told > 0)
    usable = np.isfinite(jackknifed) & np.isfinite(model) & (of.degrees > 1)
    scale = 1.0
    if usable.any():
        scale = max(float(np.average(jackknifed[usable] / model[usable], weights=of.degrees[usable])), 1.0)
    variance = model * scale if of_all else jackknifed
    return pool(tuple(map(str, names)), of.log_ratio, variance, of.n_units.astype(float))


@dataclass(frozen=True)
class Effects:
    """What a match adds, by window: the mean of all matches and the deviations of its groups.

    Attributes
    ----------
    mean, mean_variance
        Of all units, by window; NaN where nothing was observed.
    deviations
        By window and kind, each group's deviation from what the mean and the kinds before say.
    marginal
        By window and kind: the groups as they are, without taking other kinds into account.
    """

    mean: dict[str, float]
    mean_variance: dict[str, float]
    deviations: dict[str, dict[str, Pooled]]
    marginal: dict[str, dict[str, Pooled]]


def effects_of(family: Family, groups: Mapping[str, pd.DataFrame]) -> Effects:
    """Return the pooled effects of a family's units in the three disjoint windows; `groups` as `groups_of` has them."""
    result = Effects({}, {}, {}, {})
    for window in TIME_PERIODS:
        counts = family.counts[window]
        everything = pd.DataFrame({"unit": np.arange(len(counts.code)), "name": "all"})
        overall = pooled(counts, everything, of_all=False)
        result.mean[window] = overall.mean
        result.mean_variance[window] = overall.mean_variance
        result.marginal[window] = {kind: pooled(counts, groups[kind]) for kind in KINDS}
        result.deviations[window] = {}
        if not np.isfinite(overall.mean):
            continue
        left = _times(counts, np.full(len(counts.code), overall.mean))
        for kind in KINDS:
            of_kind = pooled(left, groups[kind])
            result.deviations[window][kind] = of_kind
            left = _times(left, deviation_of(of_kind, groups[kind], len(counts.code))[0])
    return result


def deviation_of(of: Pooled, groups: pd.DataFrame, n_units: int) -> tuple[Floats, Floats]:
    """Return each unit's deviation and its variance: the mean over its groups; of unknown groups mu and tau^2."""
    between = float(np.nan_to_num(of.spread)) ** 2
    # Position -1, a group that is not known, takes what is put last.
    at = pd.Index(of.names).get_indexer(pd.Index(groups["name"]))
    unit = groups["unit"].to_numpy(dtype=np.int64)
    size = np.maximum(np.bincount(unit, minlength=n_units), 1)
    deviation = np.bincount(unit, np.append(of.shrunk, np.nan_to_num(of.mean))[at], n_units) / size
    variance = np.bincount(unit, np.append(of.shrunk_variance, between)[at], n_units) / size
    return deviation, variance


def _times(counts: Counts, log_factor: Floats) -> Counts:
    return replace(counts, expected=counts.expected * np.exp(log_factor))


def interval(log_estimate: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the normal 95 % intervals, on the log scale."""
    reach = _NORMAL_975 * np.sqrt(variance)
    return log_estimate - reach, log_estimate + reach
