"""Association of orders with what happened in the match: r, slope, effect sizes, with each week left out.

Belongs here: from unit counts and an outcome to coefficients. Does not belong here: verdicts, several tests
together.

The response is ``y = log((O + 1/2) / E)`` of units with E >= 2 (with fewer, log is badly biased), weighted by
``1 / (1/E + s^2)``: Poisson noise plus the unit-to-unit variance s^2 by moments. Response and outcome are
demeaned within city, so that cities with more goals and cities with more pizza do not make an association.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pizza_assets.analysis.grid import Bools, Floats, Ints
from pizza_assets.analysis.uplift import Counts

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
    """Coefficients between the response and several outcomes, one row an outcome.

    `r`, `rank_r`, `slope` and `d` are outcomes by 1 + weeks: the full estimate, and those without each week.
    `r` is Pearson's (point-biserial when the outcome is 0/1), `rank_r` Spearman's (rank-biserial when 0/1),
    `slope` the change of y per unit of the outcome, `d` Hedges' corrected difference in standard deviations
    (NaN when the outcome is not 0/1). NaN where a coefficient is not defined.

    The rest has one element an outcome: `present` (units of the response by outcomes) tells which units have it,
    `n_with` and `n_without` count those at its highest value and the others.
    """

    r: Floats
    rank_r: Floats
    slope: Floats
    d: Floats
    present: Bools
    n_units: Ints
    n_weeks: Ints
    n_with: Ints
    n_without: Ints
    is_binary: Bools
    is_constant: Bools


def associate(of: Response, outcomes: Floats) -> Association:
    """Associate the response with outcomes, given for every unit of the analysis; NaN leaves a unit out.

    Parameters
    ----------
    outcomes
        Units of the analysis by outcomes.
    """
    x = outcomes[of.unit]
    present = np.isfinite(x)
    low = np.where(present, x, np.inf).min(axis=0, initial=np.inf)
    high = np.where(present, x, -np.inf).max(axis=0, initial=-np.inf)
    is_constant = ~(low < high)
    is_binary = ~is_constant & (~present | (x == low) | (x == high)).all(axis=0)
    is_high = present & (x == high)
    moments = _moments(np.where(present, x, 0), present, of.values, of.weight, of.city)
    seen = (of.weight > 0).astype(float)
    in_week = 1 - seen[:, 1:]
    return Association(
        r=_correlation(*moments),
        rank_r=_rank_correlation(x, of.values[:, 0], of.city, seen, is_high, is_binary=is_binary),
        slope=_slope(*moments[:2]),
        d=np.where(is_binary[:, None], _hedges_d(*moments, present, of.weight, of.city), np.nan),
        present=present,
        n_units=present.sum(axis=0),
        n_weeks=(present.T.astype(float) @ in_week > 0).sum(axis=1),
        n_with=is_high.sum(axis=0),
        n_without=(present & ~is_high).sum(axis=0),
        is_binary=is_binary,
        is_constant=is_constant,
    )


def _moments(x: Floats, present: Bools, y: Floats, weight: Floats, city: Ints) -> tuple[Floats, Floats, Floats]:
    """Return weighted within-city Sxx, Sxy, Syy of present units, outcomes by columns of y.

    Parameters
    ----------
    x, present
        Units by outcomes.
    y, weight
        Units by columns.
    """
    counts, members = present.astype(float), _members(city)
    n_groups = members.shape[1] * x.shape[1]

    def by_city(left: Floats, right: Floats) -> Floats:
        """Sum products over each city's units; cities by outcomes by columns."""
        in_city = (members[:, :, None] * left[:, None]).reshape(len(x), n_groups)
        sums: Floats = (in_city.T @ right).reshape(-1, x.shape[1], right.shape[1])
        return sums

    total, sum_x, sum_y = by_city(counts, weight), by_city(x * counts, weight), by_city(counts, weight * y)
    return (
        _rest((counts * x * x).T @ weight, _over(sum_x * sum_x, total).sum(axis=0)),
        _rest((counts * x).T @ (weight * y), _over(sum_x * sum_y, total).sum(axis=0)),
        _rest(counts.T @ (weight * y * y), _over(sum_y * sum_y, total).sum(axis=0)),
    )


def _members(city: Ints) -> Floats:
    """Return 1 where a unit is of a city and 0 elsewhere, units by cities."""
    members: Floats = (city[:, None] == np.arange(city.max(initial=-1) + 1)).astype(float)
    return members


def _over(numerator: Floats, denominator: Floats) -> Floats:
    """Return the ratio, and 0 where the denominator is 0."""
    ratio: Floats = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
    return ratio


def _rest(whole: Floats, between: Floats) -> Floats:
    """Return what is left within groups; of equal values only rounding is left, which is nothing."""
    rest = whole - between
    return np.where(np.abs(rest) > _ROUNDING * np.abs(whole), rest, 0.0)


def _correlation(sxx: Floats, sxy: Floats, syy: Floats) -> Floats:
    spread = np.sqrt(np.maximum(sxx, 0) * np.maximum(syy, 0))
    r: Floats = np.divide(sxy, spread, out=np.full(np.shape(spread), np.nan), where=spread > 1e-12)
    return r.clip(-1, 1)


def _slope(sxx: Floats, sxy: Floats) -> Floats:
    slope: Floats = np.divide(sxy, sxx, out=np.full(sxx.shape, np.nan), where=sxx > 1e-9)
    return slope


def _hedges_d(sxx: Floats, sxy: Floats, syy: Floats, present: Bools, weight: Floats, city: Ints) -> Floats:
    """Return the group difference in pooled standard deviations, times Hedges' 1 - 3 / (4 df - 1) (1981)."""
    slope, counts = _slope(sxx, sxy), present.T.astype(float)
    n_units = counts @ (weight > 0)
    n_cities = (counts @ _members(city) > 0).sum(axis=1, keepdims=True)
    degrees = np.maximum(n_units - n_cities - 1, 1)
    mean_weight = counts @ weight / np.maximum(n_units, 1)
    spread = np.sqrt(np.maximum(np.nan_to_num(_over(syy - slope * sxy, degrees * mean_weight)), 0))
    d = np.divide(slope, spread, out=np.full(spread.shape, np.nan), where=spread > 1e-9)
    corrected: Floats = d * (1 - 3 / (4 * degrees - 1))
    return corrected


def _rank_correlation(x: Floats, y: Floats, city: Ints, seen: Floats, is_high: Bools, *, is_binary: Bools) -> Floats:
    """Return Spearman's r or the rank-biserial r of values demeaned within city, and without each week.

    Ranks are those of all units; leaving a week out leaves ranks out. Rank-biserial (Kerby 2014, Cureton
    1956): ``2 (mean rank with - mean rank without) / n``.
    """
    present = np.isfinite(x)
    y_rank = _ranks(np.where(present, y[:, None], np.nan), city)
    several = ~is_binary
    result = np.empty((x.shape[1], seen.shape[1]))
    result[is_binary] = _rank_biserial(y_rank, is_high, present & ~is_high, seen)[is_binary]
    result[several] = _spearman(_ranks(x[:, several], city), y_rank[:, several], present[:, several], seen)
    result[present.sum(axis=0) < 3] = np.nan
    return result


def _ranks(values: Floats, city: Ints) -> Floats:
    """Return the ranks within each column of values demeaned within city; NaN has rank 0."""
    demeaned = np.full(values.shape, np.nan)
    for column, out in zip(values.T, demeaned.T, strict=True):
        has_value = np.isfinite(column)
        mean = np.bincount(city[has_value], column[has_value]) / np.maximum(np.bincount(city[has_value]), 1)
        out[has_value] = column[has_value] - mean[city[has_value]]
    ranks: Floats = pd.DataFrame(demeaned).rank().fillna(0).to_numpy()
    return ranks


def _spearman(x_rank: Floats, y_rank: Floats, present: Bools, seen: Floats) -> Floats:
    total, sum_x, sum_y = present.T @ seen, x_rank.T @ seen, y_rank.T @ seen
    return _correlation(
        _rest((x_rank * x_rank).T @ seen, _over(sum_x * sum_x, total)),
        _rest((x_rank * y_rank).T @ seen, _over(sum_x * sum_y, total)),
        _rest((y_rank * y_rank).T @ seen, _over(sum_y * sum_y, total)),
    )


def _rank_biserial(y_rank: Floats, is_high: Bools, is_low: Bools, seen: Floats) -> Floats:
    n_high, n_low = is_high.T @ seen, is_low.T @ seen
    gap = (y_rank * is_high).T @ seen / np.maximum(n_high, 1) - (y_rank * is_low).T @ seen / np.maximum(n_low, 1)
    n_units = np.maximum((is_high | is_low).sum(axis=0), 1)[:, None]
    return np.where((n_high > 0) & (n_low > 0), np.clip(2 * gap / n_units, -1, 1), np.nan)


def permutation_p(of: Response, outcome: Floats, seed: int, rounds: int = 999) -> float:
    """Return the two-sided p-value of r when an outcome is shuffled within each city (Phipson & Smyth 2010)."""
    has_outcome = np.isfinite(outcome[of.unit])
    x, y = outcome[of.unit][has_outcome], of.values[has_outcome, :1]
    weight, city = of.weight[has_outcome, :1], of.city[has_outcome]
    order = np.argsort(city, kind="stable")
    x, y, weight, city = x[order], y[order], weight[order], city[order]
    random = np.random.default_rng(seed).random((len(x), rounds))
    shuffled = x[np.lexsort((random, np.repeat(city[:, None], rounds, axis=1)), axis=0)]
    columns = np.column_stack([x, shuffled])
    everywhere = np.ones(columns.shape, dtype=bool)
    r = np.abs(np.nan_to_num(_correlation(*_moments(columns, everywhere, y, weight, city))))[:, 0]
    return float((1 + (r[1:] >= r[0] - 1e-12).sum()) / (rounds + 1))
