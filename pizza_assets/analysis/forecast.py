"""The forecast: how many orders to expect in the days to come, given the fixtures ahead, and how sure that is.

Belongs here: the level's extrapolation, the noise of days, the matches' part, and sums over any window. Does not belong
here: the baseline's fit (``baseline``), what a match adds (``pooling``), tables for readers (``forecast_tables``).

Expected orders are those of the baseline that the answer uses, with the level extrapolated and without the shocks of a
day that nobody knows before it::

    m = L(city, week ahead) * S(last block) * p(time of week) * theta(city, hour) * exp(effects of the matches on)

- **Level and trend.** ``y = log(orders / expected at level 1)`` of each city's weeks is a random walk seen through
  noise (local level model, Durbin and Koopman 2012, ch. 2), with the variances q of the walk and s2 of a week's shocks
  by maximum likelihood over all cities. A slope that all cities share is taken out before; it is estimated on the sum
  of all cities by generalised least squares and shrunk to 0 (prior SD 20 % a year).
- **Noise.** Each week of the past is forecast from the weeks before it. The residuals' covariances, by moments, are the
  variance shared by a city's day (errors of the level among it), by 2 hours and by 15 minutes, relative to m and beyond
  Poisson. Matches' windows have one more, for matches differ. Counts are negative binomial of that variance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from pizza_assets.analysis.baseline import BLOCK_BINS, MIN_FREE_BINS, all_blocks
from pizza_assets.analysis.contract import KINDS
from pizza_assets.analysis.coverage import cells_of
from pizza_assets.analysis.family import Family, Selection
from pizza_assets.analysis.grid import TIMES_OF_WEEK, Bools, Floats, Ints, cumulated, days_since_1970, local_calendar
from pizza_assets.analysis.pooling import Effects, deviation_of, effects_of, groups_of
from pizza_assets.analysis.uplift import Panel
from pizza_assets.analysis.windows import BINS_PER_DAY, NOT_PLAYED_AT_ALL, Matches, select_matches, window_bins
from pizza_assets.football.contract import PLAYED, UNTIMED
from pizza_assets.platform.columns import Source
from pizza_assets.reference import cities as known_cities

HORIZON_DAYS = 14
#: Weeks with orders that tell a week's shape and how weeks vary.
MIN_WEEKS = 6
#: A city without an order for so long is taken to have stopped.
STOPPED_AFTER_DAYS = 28
#: Orders older than this tell nothing about the days ahead.
OLDEST_DAYS = 14
#: The level's weeks before the first whose forecast from the past counts.
_BURN_IN = 4
_SLOPE_SD = np.log(1.2) / (365.25 / 7)
#: Candidates of the SD, a week, of the level's walk, and of a week's shocks.
_WALK_SD = np.array([0.0, 0.003, 0.006, 0.01, 0.015, 0.02, 0.03, 0.05, 0.08, 0.15])
_SHOCK_SD = np.array([0.0, 0.02, 0.03, 0.04, 0.05, 0.065, 0.08, 0.11, 0.16, 0.25])
_CONTINUITY = 0.5

#: By kind: which units are of which group; see `groups_of`.
Groups = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Noise:
    """Variances relative to the expected orders, beyond Poisson.

    Attributes
    ----------
    day, block, quarter
        Shared by a city's day, by 2 hours, and of 15 minutes alone.
    match
        More in a match's window, by window.
    walk
        Variance a week that the level's walk adds.
    new
        More for a city whose level is less certain than the others', by city.
    """

    day: float
    block: float
    quarter: float
    match: Mapping[str, float]
    walk: float
    new: Floats


@dataclass(frozen=True)
class Forecast:
    """Orders to expect after a day.

    Attributes
    ----------
    as_of
        The last day that it knows.
    data_source
        real where orders and fixtures are; else mock.
    cities
        Cities that are forecast.
    first_bin
        First 15 minutes of the horizon (since 1970, UTC).
    plain
        Expected orders without a match; cities by bins.
    effect, effect_variance
        The matches' log-uplift in each bin, and its variance; cities by bins.
    noise
        How orders vary around it.
    time_of_week, week
        Local, cities by bins; weeks counted from 1970.
    units
        The fixtures as city kick-offs (as in `Matches`), of cities that are forecast.
    fixtures
        FOOTBALL_MATCHES rows of the horizon as scheduled.
    left_out
        Cities and fixtures without a forecast, and why: what, name, reason.
    slope_per_year
        The trend, as a share a year.
    """

    as_of: date
    data_source: Source
    cities: tuple[str, ...]
    first_bin: int
    plain: Floats
    effect: Floats
    effect_variance: Floats
    noise: Noise
    week: Ints
    time_of_week: Ints
    units: pd.DataFrame
    fixtures: pd.DataFrame
    left_out: pd.DataFrame
    slope_per_year: float

    @property
    def expected(self) -> Floats:
        """Expected orders with the matches on; cities by bins."""
        result: Floats = self.plain * np.exp(self.effect)
        return result

    @property
    def n_bins(self) -> int:
        """Number of bins of the horizon."""
        return int(self.plain.shape[1])

    def windows(self, city: Ints, low: Ints, high: Ints) -> tuple[Floats, Floats, Floats]:
        """Return the expected orders of windows [low, high), bins of the horizon: with matches, without, and variance.

        `city` is the window's row. A window is cut at the ends of the horizon.
        """
        low, high = (np.clip(of, 0, self.n_bins) for of in (low, high))
        sums: list[Floats] = [of[city, high] - of[city, low] for of in map(cumulated, (self.expected, self.plain))]
        bins = low[:, None] + np.arange(int((high - low).max(initial=0)))
        is_inside = bins < high[:, None]
        bins, rows = np.minimum(bins, self.n_bins - 1), city[:, None]
        mean = self.expected[rows, bins] * is_inside
        times, weeks = self.time_of_week[rows, bins], self.week[rows, bins]
        variance = sums[0] + _shared(mean, times + weeks * TIMES_OF_WEEK, self.noise)
        variance += np.square((mean * np.sqrt(self._level_variance()[rows, bins])).sum(axis=1))
        variance += np.square((mean * np.sqrt(self.effect_variance[rows, bins])).sum(axis=1))
        return sums[0], sums[1], variance

    def variance(self) -> Floats:
        """Return the variance of each bin's orders, cities by bins."""
        noise, mean = self.noise, self.expected
        relative = noise.day + noise.block + noise.quarter + self._level_variance() + self.effect_variance
        result: Floats = mean + np.square(mean) * relative
        return result

    def _level_variance(self) -> Floats:
        ahead = np.maximum(self.week - self.week[:, :1], 0)
        variance: Floats = self.noise.new[:, None] + self.noise.walk * ahead
        return variance


def quantiles(mean: Floats, variance: Floats, probability: float) -> Floats:
    """Return quantiles of negative binomial counts of these means and variances, Poisson where no more varies."""
    from scipy.stats import nbinom, poisson

    excess = np.maximum(variance - mean, 0)
    is_wide = excess > 1e-9 * np.square(mean)
    size = np.divide(np.square(mean), excess, out=np.ones_like(mean), where=is_wide)
    of_wide = nbinom.ppf(probability, size, size / (size + np.maximum(mean, 1e-300)))
    return np.where(mean > 0, np.where(is_wide, of_wide, poisson.ppf(probability, np.maximum(mean, 1e-300))), 0.0)


def _shared(mean: Floats, local_bin: Ints, noise: Noise) -> Floats:
    """Return the variance of each row's sum beyond Poisson, by what its bins share; rows by bins.

    `local_bin` counts 15 minutes on the local clock; sums over equal days and blocks are found by their steps.
    """
    result: Floats = noise.quarter * np.square(mean).sum(axis=1)
    for size, share in ((BLOCK_BINS, noise.block), (BINS_PER_DAY, noise.day)):
        piece = local_bin // size
        piece = piece - piece[:, :1] if mean.shape[1] else piece
        piece = np.where(mean > 0, piece, 0)
        n_pieces = int(piece.max(initial=0)) + 1
        cell = piece + n_pieces * np.arange(len(mean))[:, None]
        sums = np.bincount(cell.ravel(), mean.ravel(), n_pieces * len(mean)).reshape(len(mean), n_pieces)
        result = result + share * np.square(sums).sum(axis=1)
    return result


def as_scheduled(matches: pd.DataFrame) -> pd.DataFrame:
    """Return FOOTBALL_MATCHES rows as they are known before kick-off: without results, and not yet played.

    What was called off stays so, and an unknown time stays unknown.
    """
    status = matches["status"].where(matches["status"].isin([*NOT_PLAYED_AT_ALL, *UNTIMED.values()]), "TIMED")
    unknown = dict.fromkeys(
        ("home_score", "away_score", "event_type", "home_half_time_score", "away_half_time_score"), None
    )
    blank = matches.assign(**unknown, home_goal_minutes=None, away_goal_minutes=None, status=status, duration="REGULAR")
    result: pd.DataFrame = blank.astype(matches.dtypes.to_dict())
    return result


def forecast(
    of: Selection,
    families: list[Family],
    played: pd.DataFrame,
    fixtures: pd.DataFrame,
    as_of: date,
    horizon_days: int = HORIZON_DAYS,
) -> Forecast | str:
    """Forecast the days after `as_of` for the source of the newest orders.

    Parameters
    ----------
    of, families
        Orders and matches of the window that ends with `as_of`, and its families.
    played
        The matches behind the units: `Matches.played`.
    fixtures
        FOOTBALL_MATCHES rows of the days ahead, as they are known on `as_of`; their results are not looked at.
    as_of, horizon_days
        The last day that is known (UTC), and how many after it to forecast.

    Returns
    -------
    Forecast or str
        Why there is none, in a sentence.
    """
    first_day = days_since_1970(as_of) + 1
    found = _panel(of, fixtures, first_day)
    if isinstance(found, str):
        return found
    source, panel, effects_source = found
    grid = panel.grid
    first_bin, n_bins = first_day * BINS_PER_DAY, horizon_days * BINS_PER_DAY
    level = _level(panel)
    if isinstance(level, str):
        return level
    zones = sorted({known_cities()[name].time_zone for name in grid.cities})
    week, time_of_week = (of_zone[grid.zone] for of_zone in local_calendar(first_bin, n_bins, zones))
    stopped = _stopped(panel)
    profile = np.where(panel.baseline.n_free >= MIN_FREE_BINS, panel.baseline.profile, np.nan)
    rows = np.arange(len(grid.cities))[:, None]
    share = profile[rows, time_of_week] * panel.baseline.season[-1][time_of_week // BLOCK_BINS]
    plain = share * np.exp(level.last[:, None] + level.slope * (week - panel.baseline.first_week - level.at))
    is_known = np.isfinite(plain).all(axis=1)
    reasons = np.where(stopped, f"no order in the last {STOPPED_AFTER_DAYS} days", "")
    reasons = np.where(~stopped & ~is_known, "times of its week were seen too rarely without a match", reasons)
    kept = ~stopped & is_known
    names = tuple(name for name, is_kept in zip(grid.cities, kept, strict=True) if is_kept)
    if not names:
        return f"No city can be forecast: {'; '.join(sorted({str(reason) for reason in reasons if reason}))}."

    family = next((family for family in families if family.source == effects_source), None)
    past = groups_of(family.units, family.memberships, played) if family is not None else {}
    effects = Effects({}, {}, {}, {}) if family is None else effects_of(family, past)
    noise = _noise(panel, level, family, effects, past)
    coming = _coming(fixtures)
    effect, effect_variance = np.zeros_like(plain[kept]), np.zeros_like(plain[kept])
    in_city = pd.Index(names).get_indexer(pd.Index(coming.units["city"])).astype(np.int64)
    ahead = groups_of(coming.units, coming.memberships, coming.played)
    deviations = _deviations(effects, len(coming.units), ahead)
    for window, (log_uplift, variance) in deviations.items():
        low, high = (np.clip(bins - first_bin, 0, n_bins) for bins in window_bins(coming.units, window))
        for unit in np.flatnonzero(in_city >= 0):
            here = (in_city[unit], slice(low[unit], high[unit]))
            effect[here] += log_uplift[unit]
            effect_variance[here] += variance[unit] + noise.match.get(window, 0.0)
    missing = [("city", name, str(why)) for name, why in zip(grid.cities, reasons, strict=True) if why]
    missing += [("match", match_id, why) for match_id, why in _not_forecast(fixtures, coming, set(names))]
    return Forecast(
        as_of=as_of,
        data_source=source,
        cities=names,
        first_bin=first_bin,
        plain=plain[kept],
        effect=effect,
        effect_variance=effect_variance,
        noise=Noise(noise.day, noise.block, noise.quarter, noise.match, noise.walk, noise.new[kept]),
        week=week[kept],
        time_of_week=time_of_week[kept],
        units=coming.units[in_city >= 0].reset_index(drop=True),
        fixtures=fixtures,
        left_out=pd.DataFrame(missing, columns=["what", "name", "reason"]),
        slope_per_year=float(np.expm1(level.slope * 365.25 / 7)),
    )


def _panel(of: Selection, fixtures: pd.DataFrame, first_day: int) -> tuple[Source, Panel, Source] | str:
    """Return the source of the forecast, the baseline that it continues, and the family whose effects it takes."""
    collected = np.flatnonzero(of.grid.day_source)
    if not of.grid.cities or not len(collected):
        return "There are no orders of a known city in the days before, so there is nothing to continue."
    last = int(collected[-1])
    age = first_day - 1 - (of.grid.first_day + last)
    if age > OLDEST_DAYS:
        return f"The newest orders are {age} days old, and at most {OLDEST_DAYS} are used."
    orders: Source = "real" if of.grid.day_source[last] == 1 else "mock"
    is_mock_ahead = bool((fixtures["data_source"] == "mock").any())
    if orders == "mock":
        return "mock", of.panels["mock", "mock"], "mock"
    if is_mock_ahead and ("real", "mock") in of.panels:
        return "mock", of.panels["real", "mock"], "mock"
    return ("mock" if is_mock_ahead else "real"), of.panels["real", "real"], "real"


def _stopped(panel: Panel) -> Bools:
    low = max(panel.grid.n_bins - STOPPED_AFTER_DAYS * BINS_PER_DAY, 0)
    result: Bools = panel.orders[:, -1] - panel.orders[:, low] <= 0
    return result


@dataclass(frozen=True)
class _Level:
    """The level's history and its end, on the log scale.

    Attributes
    ----------
    last
        Each city's level in week number `at` (from the baseline's first).
    variance
        Its variance, by city.
    ahead
        Each week's level as forecast from the weeks before, cities by weeks; NaN before the city's second week.
    slope
        Of all cities, a week.
    walk
        Variance of the walk, a week.
    exposure, counts, share
        Free bins, their orders, and what is expected at level 1; cities by weeks by times of week.
    """

    last: Floats
    variance: Floats
    at: int
    ahead: Floats
    slope: float
    walk: float
    exposure: Floats
    counts: Floats
    share: Floats


def _level(panel: Panel) -> _Level | str:
    grid, baseline = panel.grid, panel.baseline
    n_weeks = baseline.n_weeks
    exposure, counts = cells_of(
        grid.orders, panel.free, grid.week - baseline.first_week, grid.time_of_week, grid.zone, n_weeks
    )
    share = exposure * baseline.profile[:, None] * all_blocks(baseline.season)
    orders, at_one = counts.sum(axis=2), share.sum(axis=2)
    is_seen = at_one > 0.02
    n_seen = int((is_seen.any(axis=0) & (orders.sum(axis=0) > 0)).sum())
    if n_seen < MIN_WEEKS:
        return f"A forecast needs {MIN_WEEKS} weeks with orders; there are {n_seen}."
    part = np.where(is_seen, at_one, 1.0)
    y = np.where(is_seen, np.log((orders + _CONTINUITY) / part), np.nan)
    slope = _slope(orders, part, is_seen)
    y -= slope * np.arange(n_weeks)
    counting = 1 / (orders + _CONTINUITY)
    walk, shock = _walk_and_shock(y, counting, part)
    last, variance, ahead = _filtered(y, counting + shock / part, np.array([walk]))[:3]
    at = n_weeks - 1
    trend = slope * np.arange(n_weeks)
    return _Level(last[0] + trend[at], variance[0], at, ahead[0] + trend, slope, walk, exposure, counts, share)


def _filtered(y: Floats, noise: Floats, walk: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Run the local level filter over the weeks, for each candidate of the walk's variance at once.

    Parameters
    ----------
    y
        Log levels, cities by weeks; NaN where a week is not observed.
    noise
        Their variances, cities by weeks, or candidates by cities by weeks.
    walk
        Candidates of the walk's variance.

    Returns
    -------
    tuple
        Level and its variance at the end (candidates by cities), each week's forecast from the weeks before
        (candidates by cities by weeks), and the log-likelihood by candidate.
    """
    noise = np.broadcast_to(noise, (len(walk), *y.shape))
    level, variance = np.full(noise.shape[:2], np.nan), np.full(noise.shape[:2], np.nan)
    ahead = np.full(noise.shape, np.nan)
    likelihood = np.zeros(len(walk))
    for week in range(y.shape[1]):
        variance = variance + walk[:, None]
        ahead[:, :, week] = level
        of_week, v = y[:, week], noise[:, :, week]
        is_first, is_seen = np.isnan(level) & np.isfinite(of_week), np.isfinite(level) & np.isfinite(of_week)
        total = variance + v
        step = of_week - level
        likelihood -= 0.5 * np.where(is_seen, np.log(total) + np.square(step) / total, 0.0).sum(axis=1)
        gain = variance / total
        level = np.where(is_first, of_week, np.where(is_seen, level + gain * step, level))
        variance = np.where(is_first, v, np.where(is_seen, (1 - gain) * variance, variance))
    return level, variance, ahead, likelihood


def _walk_and_shock(y: Floats, counting: Floats, part: Floats) -> tuple[float, float]:
    """Return the variances of the walk and of a week's shocks that make the weeks of all cities most likely."""
    walk, shock = (of.ravel() for of in np.meshgrid(np.square(_WALK_SD), np.square(_SHOCK_SD), indexing="ij"))
    likelihood = _filtered(y, counting + shock[:, None, None] / part, walk)[3]
    best = int(np.argmax(likelihood))
    return float(walk[best]), float(shock[best])


def _slope(orders: Floats, part: Floats, is_seen: Bools) -> float:
    """Return the slope of the log level a week, of all cities together, shrunk to 0."""
    usual = (orders * is_seen).sum(axis=1) / np.maximum((part * is_seen).sum(axis=1), 1e-9)
    n, m = (orders * is_seen).sum(axis=0), (usual[:, None] * part * is_seen).sum(axis=0)
    weeks = np.flatnonzero((n > 0) & (m > 0))
    y = np.log(n[weeks] / m[weeks])
    of_week = m[weeks] / np.median(m[weeks])
    walks = np.minimum(weeks[:, None], weeks) - weeks[0]
    design = np.column_stack([np.ones(len(weeks)), weeks - weeks.mean()])
    prior = np.diag([0.0, 1 / _SLOPE_SD**2])
    best, slope = -np.inf, 0.0
    for walk in np.square(_WALK_SD):
        for shock in np.square(_SHOCK_SD[1:]):
            covariance = walk * walks + np.diag(shock / of_week + 1 / n[weeks])
            inverse = np.linalg.inv(covariance)
            precision = design.T @ inverse @ design + prior
            beta = np.linalg.solve(precision, design.T @ inverse @ y)
            fit = y @ inverse @ y - beta @ precision @ beta
            likelihood = -0.5 * (np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(precision)[1] + fit)
            if likelihood > best:
                best, slope = float(likelihood), float(beta[1])
    return slope


def _noise(panel: Panel, level: _Level, family: Family | None, effects: Effects, groups: Groups) -> Noise:
    """Estimate the variances from the weeks' forecasts from the weeks before."""
    ahead = level.ahead.copy()
    first = _BURN_IN if ahead.shape[1] > 2 * _BURN_IN else 2
    ahead[:, :first] = np.nan
    day, block, quarter = shared_variances(level.counts, np.nan_to_num(level.share * np.exp(ahead)[:, :, None]))
    new = np.maximum(level.variance - np.median(level.variance), 0.0)
    noise = Noise(day, block, quarter, {}, level.walk, np.nan_to_num(new))
    if family is None:
        return noise
    match = _match_noise(panel, ahead, family, effects, groups, noise)
    return Noise(day, block, quarter, match, level.walk, noise.new)


def shared_variances(counts: Floats, mean: Floats) -> tuple[float, float, float]:
    """Return the variances relative to the mean, beyond Poisson, that a day, 2 hours and 15 minutes alone share.

    By moments: pairs of quarter hours of one day but not of one block tell the day's, pairs of one block the day's and
    the block's, and what single quarter hours have more than Poisson is all three.

    Parameters
    ----------
    counts, mean
        Orders and what was expected of them, ... by times of week; bins of mean 0 take no part.
    """
    residual = np.where(mean > 0, counts, 0.0) - mean

    def squares(values: Floats, size: int) -> float:
        return float(np.square(values.reshape(-1, size) @ np.ones(size)).sum())

    r, m = ([squares(of, size) for size in (1, BLOCK_BINS, BINS_PER_DAY)] for of in (residual, mean))
    of_quarter = (r[0] - float(mean.sum())) / m[0] if m[0] > 0 else 0.0
    of_block = (r[1] - r[0]) / (m[1] - m[0]) if m[1] > m[0] else 0.0
    of_day = (r[2] - r[1]) / (m[2] - m[1]) if m[2] > m[1] else 0.0
    day = max(of_day, 0.0)
    block = max(of_block - day, 0.0)
    return day, block, max(of_quarter - day - block, 0.0)


def _match_noise(
    panel: Panel, ahead: Floats, family: Family, effects: Effects, groups: Groups, noise: Noise
) -> dict[str, float]:
    """Return how much more the windows of matches vary than others, by window."""
    grid, baseline = panel.grid, panel.baseline
    rows = np.arange(len(grid.cities))[:, None]
    week, time = grid.week[grid.zone] - baseline.first_week, grid.time_of_week[grid.zone]
    usual = baseline.profile[rows, time] * baseline.season[week, time // BLOCK_BINS] * np.exp(ahead)[rows, week]
    found = {}
    deviations = _deviations(effects, len(family.units), groups)
    for window, (log_uplift, variance) in deviations.items():
        counts = family.counts[window]
        units = np.flatnonzero(counts.is_clean & (family.city >= 0))
        start, end = window_bins(family.units.iloc[units], window)
        low, high = grid.bins_within(start, end)
        bins = np.minimum(low[:, None] + np.arange(int((high - low).max(initial=0))), max(grid.n_bins - 1, 0))
        is_inside = bins < high[:, None]
        city = family.city[units][:, None]
        mean = np.where(is_inside, usual[city, bins], 0.0) * np.exp(log_uplift[units])[:, None]
        is_told = np.isfinite(mean).all(axis=1) & (mean.sum(axis=1) > 0)
        mean, total = mean[is_told], mean[is_told].sum(axis=1)
        local = (week * TIMES_OF_WEEK + time)[city, bins][is_told]
        beyond = np.square(counts.observed[units][is_told] - total) - total - _shared(mean, local, noise)
        beyond -= variance[units][is_told] * np.square(total)
        weight = np.square(total).sum()
        found[window] = max(float(beyond.sum() / weight), 0.0) if weight > 0 else 0.0
    return found


def _deviations(effects: Effects, n_units: int, groups: Groups) -> dict[str, tuple[Floats, Floats]]:
    """Return each unit's log-uplift and its variance, by window."""
    found = {}
    for window, of_kinds in effects.deviations.items():
        mean = np.full(n_units, effects.mean[window])
        variance = np.full(n_units, float(np.nan_to_num(effects.mean_variance[window])))
        for kind in KINDS:
            if kind in of_kinds:
                deviation, its_variance = deviation_of(of_kinds[kind], groups[kind], n_units)
                mean, variance = mean + deviation, variance + its_variance
        if np.isfinite(mean).all():
            found[window] = (mean, variance)
    return found


def _coming(fixtures: pd.DataFrame) -> Matches:
    """Return the fixtures as units: those that are to be played at a known time, one a match."""
    is_on = ~fixtures["status"].isin([*NOT_PLAYED_AT_ALL, *UNTIMED.values()])
    as_played = fixtures[is_on].assign(status=PLAYED, home_score=0, away_score=0, event_type="draw", duration="REGULAR")
    return select_matches(as_played.astype(fixtures.dtypes.to_dict()))


def _not_forecast(fixtures: pd.DataFrame, coming: Matches, cities: set[str]) -> list[tuple[str, str]]:
    """Return the fixtures without a forecast, each once, and why."""
    on = {match for ids in coming.units.loc[coming.units["city"].isin(cities), "match_ids"] for match in ids.split()}
    national = set(coming.national["match_id"])
    reasons = []
    once = fixtures.drop_duplicates("match_id", keep="last")
    for match_id, status in zip(once["match_id"].tolist(), once["status"].tolist(), strict=True):
        if match_id in on:
            continue
        if status in NOT_PLAYED_AT_ALL:
            reason = f"status {status}"
        elif status in UNTIMED.values():
            reason = "kick-off time not known"
        elif match_id in national:
            reason = "national teams: what such a match adds is not forecast"
        else:
            reason = "in no city that is forecast"
        reasons.append((match_id, reason))
    return reasons
