"""Association of orders with what happened in the match: r, slope, effect sizes, with each week left out.

Belongs here: from unit counts and an outcome to coefficients. Does not belong here: verdicts, several tests
together.

The response is ``y = log((O + 1/2) / E)`` of units with E >= 2 (with fewer, log is badly biased), weighted by
``1 / (1/E + s^2)``: Poisson noise plus the unit-to-unit variance s^2 by moments. Response and outcome are
demeaned within city, so that cities with more goals and cities with more pizza do not make an association.
"""

from dataclasses import dataclass

import numpy as np

from pizza_assets.matchday.grid import Floats, Ints
from pizza_assets.matchday.uplift import Counts

#: Units with fewer expected orders than this take no part in associations.
MIN_EXPECTED = 2.0
_CONTINUITY = 0.5
_ROUNDING = 1e-11


@dataclass(frozen=True)
class Response:
    """The log ratios of one window's units, once for all outcomes.

    Attributes
    ----------
    unit
        Row numbers of the units that take part.
    values, weight
        y and weights, units by 1 + weeks. The first column is the full estimate's; each other column is for
        the estimate without a week: y against the baseline without it, weight 0 for its units.
    city, week
        City code and column of the week of each unit.
    """

    unit: Ints
    values: Floats
    weight: Floats
    city: Ints
    week: Ints


def response(counts: Counts, city: Ints) -> Response:
    """Return log observed / expected of the clean units with enough expected orders."""
    takes_part = counts.is_clean & (np.nan_to_num(counts.expected) >= MIN_EXPECTED)
    unit = np.flatnonzero(takes_part)
    expected, week = counts.expected[unit], counts.week[unit]
    values = np.log((counts.observed[unit] + _CONTINUITY) / expected)
    _, codes = np.unique(city[unit], return_inverse=True)
    weight = 1 / (1 / expected + _variance_beyond_poisson(values, expected, codes))
    weights = np.repeat(weight[:, None], 1 + counts.without.shape[1], axis=1)
    weights[np.arange(len(unit)), 1 + week] = 0
    log_without = np.log(counts.without[unit])
    all_values = values[:, None] - np.column_stack([np.zeros(len(unit)), log_without])
    return Response(unit=unit, values=all_values, weight=weights, city=codes, week=week)


def _variance_beyond_poisson(values: Floats, expected: Floats, city: Ints) -> float:
    """Return s^2 by moments: mean square around the city's mean, less the Poisson part."""
    if len(values) < 3:
        return 0.0
    weight = np.bincount(city, expected)
    mean = np.bincount(city, expected * values)[city] / weight[city]
    share = expected / weight[city]
    # E[(y - mean)^2] of one unit is (1 - share)(s^2 + 1/E) when its share of the mean is small.
    degrees = (expected * (1 - share)).sum()
    if degrees <= 0:
        return 0.0
    poisson = (1 - share).sum()
    return float(max((np.square(values - mean) * expected).sum() - poisson, 0) / degrees)


@dataclass(frozen=True)
class Association:
    """Coefficients between the response and one outcome.

    `r`, `rank_r`, `slope` and `d` hold 1 + weeks values: the full estimate's, and those without each week.
    `r` is Pearson's (point-biserial when the outcome is 0/1), `rank_r` Spearman's (rank-biserial when 0/1),
    `slope` the change of y per unit of the outcome, `d` Hedges' corrected difference in standard deviations
    (NaN when the outcome is not 0/1). NaN where a coefficient is not defined.
    """

    r: Floats
    rank_r: Floats
    slope: Floats
    d: Floats
    n_units: int
    n_weeks: int
    n_with: int
    n_without: int
    is_binary: bool
    is_constant: bool


def associate(of: Response, outcome: Floats) -> Association:
    """Associate the response with an outcome, given for every unit of the analysis; NaN leaves a unit out."""
    x_all = outcome[of.unit]
    has_outcome = np.isfinite(x_all)
    x, y, weight = x_all[has_outcome], of.values[has_outcome], of.weight[has_outcome]
    _, city = np.unique(of.city[has_outcome], return_inverse=True)
    levels = np.unique(x)
    is_binary = len(levels) == 2
    sxx, sxy, syy = _moments(np.broadcast_to(x[:, None], y.shape), y, weight, city)
    slope = np.divide(sxy, sxx, out=np.full(sxx.shape, np.nan), where=sxx > 1e-9)
    present = (weight > 0).astype(float)
    return Association(
        r=_correlation(sxx, sxy, syy),
        rank_r=_rank_correlation(x, y[:, 0], city, present, is_binary=is_binary),
        slope=slope,
        d=_hedges_d(slope, sxy, syy, weight, len(np.unique(city))) if is_binary else np.full(sxx.shape, np.nan),
        n_units=len(x),
        n_weeks=len(np.unique(of.week[has_outcome])),
        n_with=int((x == levels[-1]).sum()) if len(levels) else 0,
        n_without=int((x != levels[-1]).sum()) if len(levels) else 0,
        is_binary=is_binary,
        is_constant=len(levels) < 2,
    )


def _moments(x: Floats, y: Floats, weight: Floats, city: Ints) -> tuple[Floats, Floats, Floats]:
    """Return weighted within-city Sxx, Sxy, Syy along the first axis (units)."""
    members = (city[None] == np.arange(city.max() + 1)[:, None]).astype(float) if len(city) else np.zeros((0, 0))
    total = members @ weight
    weighted_x, weighted_y = weight * x, weight * y
    sum_x, sum_y = members @ weighted_x, members @ weighted_y

    def within(raw: Floats, left: Floats, right: Floats) -> Floats:
        between = np.divide(left * right, total, out=np.zeros_like(total), where=total > 0)
        whole = raw.sum(axis=0)
        rest = whole - between.sum(axis=0)
        # What is left of equal values is rounding.
        return np.where(np.abs(rest) > _ROUNDING * np.abs(whole), rest, 0.0)

    return (
        within(weighted_x * x, sum_x, sum_x),
        within(weighted_x * y, sum_x, sum_y),
        within(weighted_y * y, sum_y, sum_y),
    )


def _correlation(sxx: Floats, sxy: Floats, syy: Floats) -> Floats:
    spread = np.sqrt(np.maximum(sxx, 0) * np.maximum(syy, 0))
    r: Floats = np.divide(sxy, spread, out=np.full(np.shape(spread), np.nan), where=spread > 1e-12)
    return r.clip(-1, 1)


def _hedges_d(slope: Floats, sxy: Floats, syy: Floats, weight: Floats, n_cities: int) -> Floats:
    """Return the group difference in pooled standard deviations, times Hedges' 1 - 3 / (4 df - 1) (1981)."""
    n_units = (weight > 0).sum(axis=0)
    degrees = np.maximum(n_units - n_cities - 1, 1)
    mean_weight = weight.sum(axis=0) / np.maximum(n_units, 1)
    variance = np.divide(syy - slope * sxy, degrees * mean_weight, out=np.zeros_like(syy), where=mean_weight > 0)
    spread = np.sqrt(np.maximum(np.nan_to_num(variance), 0))
    d = np.divide(slope, spread, out=np.full(spread.shape, np.nan), where=spread > 1e-9)
    corrected: Floats = d * (1 - 3 / (4 * degrees - 1))
    return corrected


def _rank_correlation(x: Floats, y: Floats, city: Ints, present: Floats, *, is_binary: bool) -> Floats:
    """Return Spearman's r or the rank-biserial r of values demeaned within city, and without each week.

    Ranks are those of all units; leaving a week out leaves ranks out. Rank-biserial (Kerby 2014, Cureton
    1956): ``2 (mean rank with - mean rank without) / n``.
    """
    from scipy.stats import rankdata

    if len(x) < 3:
        return np.full(present.shape[1], np.nan)
    count = np.bincount(city)
    y_rank = rankdata(y - np.bincount(city, y)[city] / count[city])
    if is_binary:
        is_high = (x == x.max())[:, None] * present
        is_low = present - is_high
        n_high, n_low = is_high.sum(axis=0), is_low.sum(axis=0)
        usable = (n_high > 0) & (n_low > 0)
        gap = y_rank @ is_high / np.maximum(n_high, 1) - y_rank @ is_low / np.maximum(n_low, 1)
        return np.where(usable, np.clip(2 * gap / len(x), -1, 1), np.nan)
    x_rank = rankdata(x - np.bincount(city, x)[city] / count[city])
    nation = np.zeros_like(city)
    x_ranks, y_ranks = (np.broadcast_to(ranks[:, None], present.shape) for ranks in (x_rank, y_rank))
    return _correlation(*_moments(x_ranks, y_ranks, present, nation))


def permutation_p(of: Response, outcome: Floats, seed: int, rounds: int = 999) -> float:
    """Return the two-sided p-value of r when outcomes are shuffled within each city (Phipson & Smyth 2010)."""
    has_outcome = np.isfinite(outcome[of.unit])
    x, y = outcome[of.unit][has_outcome], of.values[has_outcome, 0]
    weight, city = of.weight[has_outcome, 0], of.city[has_outcome]
    order = np.argsort(city, kind="stable")
    x, y, weight = x[order], y[order], weight[order]
    _, city = np.unique(city[order], return_inverse=True)
    random = np.random.default_rng(seed).random((len(x), rounds))
    shuffled = x[np.lexsort((random, np.repeat(city[:, None], rounds, axis=1)), axis=0)]
    columns = np.column_stack([x, shuffled])
    ys, weights = (np.broadcast_to(values[:, None], columns.shape) for values in (y, weight))
    r = np.abs(np.nan_to_num(_correlation(*_moments(columns, ys, weights, city))))
    return float((1 + (r[1:] >= r[0] - 1e-12).sum()) / (rounds + 1))
