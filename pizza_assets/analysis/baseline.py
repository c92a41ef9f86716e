"""The baseline: how many orders to expect in a city and bin if no match were on.

Belongs here: the model, its fit, and its fits without each week. Does not belong here: matches (they come in
as a mask) and what is done with the expectation.

The model is a Poisson log-linear one::

    E = L(city, week) * D(day) * S(week, block of the day) * H(block) * p(time of week) * theta(city, hour of week)

fitted by iterative proportional scaling (Deming & Stephan 1940; Darroch & Ratcliff 1972); a block is 2 hours. L, D, S,
H and theta are shrunk by gamma-Poisson empirical Bayes (Clayton & Kaldor 1987): ``prior mean * (a + N) / (a + M)``
with N orders and M expected. D is how the match-free cities did on the very day against how they usually do: the
control cities of a difference in differences. H is the same for a block of that day. S is how the block did in all
cities in the weeks around: evenings move over a season, with dusk and holidays, and where no city is free of matches S
is all there is. The model looks both ways in time: a trailing mean falls behind a growing business.
"""

from dataclasses import dataclass

import numpy as np

from pizza_assets.analysis.coverage import cells_of
from pizza_assets.analysis.grid import TIMES_OF_WEEK, Bools, Floats, Ints
from pizza_assets.analysis.windows import BINS_PER_DAY, BINS_PER_HOUR

ROUNDS = 3
#: Least relative SD allowed for: of a city's week around its +-4 weeks, and of a city's hour around the nation's.
LEVEL_FLOOR, HOUR_FLOOR = 0.10, 0.15
LEVEL_REACH_WEEKS = 4
#: The parts of a day that have a D of their own, and the weeks before and after that a season's drift is read from.
BLOCK_BINS = 2 * BINS_PER_HOUR
BLOCKS_PER_DAY = BINS_PER_DAY // BLOCK_BINS
SEASON_REACH_WEEKS = 3
#: A time of week is known only when this many city-weeks of it were free of matches.
MIN_FREE_BINS = 3


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline.

    Attributes
    ----------
    expected
        Expected orders, cities by bins; 0 where `is_known` is false.
    usual
        The same without D and H: what is expected of the day and hour before other cities are asked.
    is_known
        Where the model could be identified, cities by bins.
    profile, profile_without
        p * theta, cities by times of week; and without each week, cities by weeks left out by times of week.
    level_without
        L without each week as a share of L, cities by weeks by weeks left out.
    day_without
        D without each week as a share of D, weeks by weekdays by weeks left out.
    block_without
        S and H without each week as a share of S x H, weeks by blocks of the week by weeks left out.
    first_week
        Number of the first week (as in the grid) of the axes of weeks.
    hour_strength
        Shape of theta's gamma prior.
    season
        S, weeks by blocks of the week.
    n_free
        City-weeks in which each time of the week was free of matches.
    """

    expected: Floats
    usual: Floats
    is_known: Bools
    profile: Floats
    profile_without: Floats
    level_without: Floats
    day_without: Floats
    block_without: Floats
    first_week: int
    hour_strength: float
    season: Floats
    n_free: Floats

    @property
    def n_weeks(self) -> int:
        """Number of weeks of the fit."""
        return int(self.profile_without.shape[1])


def fit_baseline(orders: Floats, free: Bools, week: Ints, time_of_week: Ints, zone: Ints) -> Baseline:
    """Fit the model to the free bins and evaluate it at all bins.

    Parameters
    ----------
    orders, free
        Orders, and which bins are observed and free of matches; cities by bins.
    week, time_of_week, zone
        As in `Grid`.
    """
    n_cities, n_bins = orders.shape
    first_week = int(week.min()) if n_bins else 0
    n_weeks = int(week.max()) - first_week + 1 if n_bins else 1
    cell = (week - first_week) * TIMES_OF_WEEK + time_of_week
    exposure, counts = cells_of(orders, free, week - first_week, time_of_week, zone, n_weeks)

    n_free = exposure.sum(axis=(0, 1))
    blocks = _blocks(_fit(exposure, counts), exposure, counts)
    exposure = exposure * all_blocks(blocks.factor)
    fit = _fit(exposure, counts)
    profile = np.where(n_free >= MIN_FREE_BINS, fit.profile, np.nan)
    expected, usual = np.empty_like(orders), np.empty_like(orders)
    shared = _all_day(fit.day) * all_blocks(blocks.here)
    for city in range(n_cities):
        by_week = fit.level[city][:, None] * profile[city] * all_blocks(blocks.season)
        usual[city] = by_week.ravel()[cell[zone[city]]]
        expected[city] = (by_week * shared).ravel()[cell[zone[city]]]
    is_known = np.isfinite(expected)
    share_without = _shares_without(fit, exposure, counts)
    day_without = _days_without(fit, exposure, share_without)
    theta_without = _thetas_without(fit, exposure, counts, share_without, day_without)
    profile_without = share_without[None] * theta_without
    level_without, day_without = _levels_and_days_without(fit, exposure, profile_without)
    return Baseline(
        expected=np.where(is_known, expected, 0),
        usual=np.where(is_known, usual, 0),
        is_known=is_known,
        profile=fit.profile,
        profile_without=profile_without,
        level_without=level_without,
        day_without=day_without,
        block_without=_blocks_without(blocks, fit, exposure, share_without),
        first_week=first_week,
        hour_strength=fit.hour_strength,
        season=blocks.season,
        n_free=n_free,
    )


@dataclass(frozen=True)
class _Fit:
    """L (cities by weeks), D (weeks by weekdays) with its prior's shape, p, theta (cities by times of week)."""

    level: Floats
    day: Floats
    day_strength: float
    share: Floats
    theta: Floats
    hour_strength: float

    @property
    def profile(self) -> Floats:
        return self.share * self.theta


def _fit(exposure: Floats, counts: Floats) -> _Fit:
    """Fit the factors in turns; exposure (free bins) and counts are cities by weeks by times of week."""
    counts_cw, counts_ck, counts_wk = (counts.sum(axis=axis) for axis in (2, 1, 0))
    share = _ratio(counts_wk.sum(axis=0), exposure.sum(axis=(0, 1)))
    share, theta = _ratio(share, share.sum()), np.ones_like(counts_ck)
    day, strength, hour_strength = np.ones((exposure.shape[1], 7)), np.inf, 1 / HOUR_FLOOR**2
    for _ in range(ROUNDS):
        daily = _by_day(exposure * (share * theta)[:, None])
        usual = np.nan_to_num(_level(counts_cw, (daily * day).sum(axis=2)))
        strength = _day_strength(_by_day(counts), daily * usual[:, :, None])
        day = _day(_by_day(counts_wk), (daily * usual[:, :, None]).sum(axis=0), strength)
        usual_wk = np.einsum("cwk,cw->wk", exposure * theta[:, None], usual)
        trust = _trust(usual_wk * share, strength)
        share = _ratio((trust * counts_wk).sum(axis=0), (trust * usual_wk).sum(axis=0))
        share = _ratio(share, share.sum())
        usual_ck = np.einsum("cwk,cw->ck", exposure * _all_day(day), usual)
        of_hours = _by_hour(counts_ck), _by_hour(usual_ck * share)
        hour_strength = _strength(*of_hours, HOUR_FLOOR)
        theta = _all_hour(_shrunk(*of_hours, HOUR_FLOOR))
    daily = _by_day(exposure * (share * theta)[:, None])
    return _Fit(_level(counts_cw, (daily * day).sum(axis=2)), day, strength, share, theta, hour_strength)


@dataclass(frozen=True)
class _Blocks:
    """S and H (weeks by blocks of the week) with the shape of H's prior; and S without each week as a share of S.

    `season_without` is weeks by blocks of the day by weeks left out.
    """

    season: Floats
    here: Floats
    strength: float
    season_without: Floats

    @property
    def factor(self) -> Floats:
        return self.season * self.here


def _blocks(fit: _Fit, exposure: Floats, counts: Floats) -> _Blocks:
    """Fit S and H to what is left beside the other factors; exposure and counts as in `_fit`."""
    usual = exposure * np.nan_to_num(fit.level)[:, :, None] * _all_day(fit.day) * fit.profile[:, None]
    orders, expected = _by_block(counts), _by_block(usual)
    n_weeks = expected.shape[1]
    weeks = np.arange(n_weeks)
    near = (np.abs(weeks[:, None] - weeks) <= SEASON_REACH_WEEKS).astype(float)
    n, m = (of.sum(axis=0).reshape(n_weeks, 7, BLOCKS_PER_DAY).sum(axis=1) for of in (orders, expected))
    season, without = np.ones_like(n), np.ones((n_weeks, BLOCKS_PER_DAY, n_weeks))
    strength = _season_strength(n, m)
    if np.isfinite(strength):
        season = (strength + near @ n) / (strength + near @ m)
        rest_n, rest_m = ((near @ of)[:, :, None] - near[:, None] * of.T for of in (n, m))
        without = (strength + rest_n) / (strength + rest_m) / season[:, :, None]
    by_week = np.tile(season, 7)
    strength = _day_strength(orders, expected * by_week)
    here = _day(orders.sum(axis=0), expected.sum(axis=0) * by_week, strength)
    return _Blocks(by_week, here, strength, without)


def _season_strength(orders: Floats, expected: Floats) -> float:
    """Return the shape of S's gamma prior; infinite where a block's weeks do not go on as the week before.

    What lasts is the variance that neighbouring weeks share: ``s2 = sum r r' / sum M M'`` over pairs of them, with
    residuals r = N - M; the noise and the shape follow as for D.
    """
    residual = orders - expected
    pairs_r, pairs_m = ((of[1:] * of[:-1]).sum() for of in (residual, expected))
    lasting = pairs_r / pairs_m if pairs_m > 0 else 0.0
    if lasting < 1e-9:
        return np.inf
    noise = (np.square(residual) - lasting * np.square(expected)).sum() / expected.sum()
    return float(max(noise, 1.0) / lasting)


def _blocks_without(blocks: _Blocks, fit: _Fit, exposure: Floats, share_without: Floats) -> Floats:
    """Return how S and H answer to a week left out: S loses its orders, H moves against the other weeks' p."""
    n_weeks = len(share_without)
    usual = np.einsum("cwk,cw,ck->wk", exposure, np.nan_to_num(fit.level), fit.theta, optimize=True)
    usual *= _all_day(fit.day)
    by_block = (of.reshape(n_weeks, 7 * BLOCKS_PER_DAY, BLOCK_BINS) for of in (usual, share_without))
    without = np.einsum("vbk,wbk->vbw", *by_block, optimize=True)
    change = _day_change(_by_block(usual * fit.share), without, blocks.strength)
    result: Floats = change * np.tile(blocks.season_without, (1, 7, 1))
    return result


def _shares_without(fit: _Fit, exposure: Floats, counts: Floats) -> Floats:
    """Refit p without each week, by subtracting what the week adds to its sums; weeks left out by times of week.

    A time of week that is free in no other week keeps its share.
    """
    usual = np.einsum("cwk,cw,ck->wk", exposure, np.nan_to_num(fit.level), fit.theta, optimize=True)
    trust = _trust(usual * fit.share, fit.day_strength)
    rest_n, rest_m = (_rest(trust * values) for values in (counts.sum(axis=0), usual))
    share = np.broadcast_to(fit.share, rest_m.shape).copy()
    return np.divide(rest_n, rest_m, out=share, where=rest_m > 1e-9)


def _days_without(fit: _Fit, exposure: Floats, share_without: Floats) -> Floats:
    """Return how D answers to a share without each week."""
    n_weeks = len(share_without)
    usual = np.einsum("cwk,cw,ck->wk", exposure, np.nan_to_num(fit.level), fit.theta, optimize=True)
    by_weekday = (values.reshape(n_weeks, 7, BINS_PER_DAY) for values in (usual, share_without))
    without = np.einsum("vdk,wdk->vdw", *by_weekday, optimize=True)
    return _day_change(_by_day(usual * fit.share), without, fit.day_strength)


def _thetas_without(fit: _Fit, exposure: Floats, counts: Floats, share_without: Floats, day_without: Floats) -> Floats:
    """Refit theta without each week and with the others' p and D; cities by weeks left out by times of week."""
    usual = exposure * np.nan_to_num(fit.level)[:, :, None] * _all_day(fit.day)
    of_hours, usual_ck = _by_hour(counts.sum(axis=1)), usual.sum(axis=1)
    daily = _by_day(usual * fit.profile[:, None]).transpose(2, 0, 1)
    now = daily.sum(axis=2)[:, :, None]
    of_day = np.matmul(daily, day_without.transpose(1, 0, 2))
    change = np.divide(of_day, now, out=np.ones_like(of_day), where=now > 0).transpose(1, 2, 0)
    strength = _strength(of_hours, _by_hour(usual_ck * fit.share), HOUR_FLOOR)
    hours_n = of_hours[:, None] - _by_hour(counts)
    hours_m = _by_hour((usual_ck[:, None] - usual) * share_without) * np.repeat(change, 24, axis=-1)
    return _all_hour((strength + hours_n) / (strength + hours_m))


def _levels_and_days_without(fit: _Fit, exposure: Floats, profile_without: Floats) -> tuple[Floats, Floats]:
    """Return how L and D answer to a profile without each week: other weeks' orders stay, so they move against it."""
    n_cities, n_weeks, _ = exposure.shape
    by_weekday = exposure.reshape(n_cities, n_weeks, 7, BINS_PER_DAY).transpose(2, 0, 1, 3)
    profiles = profile_without.reshape(n_cities, n_weeks, 7, BINS_PER_DAY).transpose(2, 0, 3, 1)
    daily_without = np.matmul(by_weekday, profiles)  # weekdays, cities, weeks, weeks left out
    daily = _by_day(exposure * fit.profile[:, None])
    level = np.nan_to_num(fit.level)
    day_without = _day_change(
        (daily * level[:, :, None]).sum(axis=0), np.einsum("dcvw,cv->vdw", daily_without, level), fit.day_strength
    )
    day = (fit.day[:, :, None] * day_without).transpose(1, 0, 2)[:, None]
    now, without = (daily * fit.day).sum(axis=2)[:, :, None], (daily_without * day).sum(axis=0)
    is_free = (now > 0) & (without > 0)
    return np.divide(now, without, out=np.ones_like(without), where=is_free), day_without


def _day_change(now: Floats, without: Floats, strength: float) -> Floats:
    """Return D without each week as a share of D, given what is expected now and without."""
    return (strength + now[:, :, None]) / (strength + without) if np.isfinite(strength) else np.ones_like(without)


def _rest(values: Floats) -> Floats:
    """Return the sum over weeks without each week."""
    result: Floats = values.sum(axis=0) - values
    return result


def _all_day(values: Floats) -> Floats:
    return np.repeat(values, BINS_PER_DAY, axis=-1)


def _all_hour(values: Floats) -> Floats:
    return np.repeat(values, BINS_PER_HOUR, axis=-1)


def _by_day(values: Floats) -> Floats:
    days: Floats = values.reshape(*values.shape[:-1], 7, BINS_PER_DAY).sum(axis=-1)
    return days


def all_blocks(values: Floats) -> Floats:
    """Return values by block of the week as values by time of week, in the last axis."""
    return np.repeat(values, BLOCK_BINS, axis=-1)


def _by_block(values: Floats) -> Floats:
    blocks: Floats = values.reshape(*values.shape[:-1], 7 * BLOCKS_PER_DAY, BLOCK_BINS) @ np.ones(BLOCK_BINS)
    return blocks


def _by_hour(values: Floats) -> Floats:
    # numpy's sum over a short last axis takes ten times as long
    hours: Floats = values.reshape(*values.shape[:-1], 7 * 24, BINS_PER_HOUR) @ np.ones(BINS_PER_HOUR)
    return hours


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Return the ratio, and 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros(np.shape(numerator)), where=denominator > 0)


def _level(counts: Floats, expected: Floats) -> Floats:
    """Orders a week at share 1: each week shrunk to its neighbours. NaN where no week nearby has a free bin."""
    weeks = np.arange(counts.shape[1])
    near = (np.abs(weeks[:, None] - weeks) <= LEVEL_REACH_WEEKS).astype(float)
    counts_near, expected_near = counts @ near, expected @ near
    around = np.divide(counts_near, expected_near, out=np.full(counts.shape, np.nan), where=expected_near > 0)
    level: Floats = around * _shrunk(counts, np.nan_to_num(around) * expected, LEVEL_FLOOR)
    return level


def _shrunk(counts: Floats, expected: Floats, floor: float) -> Floats:
    strength = _strength(counts, expected, floor)
    return (strength + counts) / (strength + expected)


def _strength(counts: Floats, expected: Floats, floor: float) -> float:
    """Return the gamma prior's shape 1 / max(tau^2, floor^2), tau^2 by moments over all cells."""
    weight = np.square(expected).sum()
    excess = (np.square(counts - expected) - expected).sum()
    return float(1 / max(excess / weight if weight > 0 else 0.0, floor**2))


def _day_strength(counts: Floats, expected: Floats) -> float:
    """Return the shape of D's gamma prior; infinite where cities do not move together.

    With residuals r = N - M of cities and days, by moments: the shared variance is ``s2 = sum over pairs of
    cities r r' / sum over pairs M M'``, the noise ``phi = sum (r^2 - s2 M^2) / sum M``, at least 1 (Poisson).
    The best linear predictor of a shock of variance s2 seen through noise phi / M has ``a = phi / s2``.
    """
    residual = counts - expected
    pairs_m, pairs_r = (
        (np.square(values.sum(axis=0)) - np.square(values).sum(axis=0)).sum() for values in (expected, residual)
    )
    shared = pairs_r / pairs_m if pairs_m > 0 else 0.0
    if shared < 1e-9:
        return np.inf
    noise = (np.square(residual) - shared * np.square(expected)).sum() / expected.sum()
    return float(max(noise, 1.0) / shared)


def _day(counts: Floats, expected: Floats, strength: float) -> Floats:
    return (strength + counts) / (strength + expected) if np.isfinite(strength) else np.ones_like(counts)


def _trust(usual: Floats, strength: float) -> Floats:
    """Return how much an order of each day tells about p: D is unknown, and all of a day's orders share it."""
    daily = _by_day(usual)
    trust = strength / (strength + daily) if np.isfinite(strength) else np.ones_like(daily)
    return _all_day(trust)
