"""Forecasters on a simulated world: ours, public ones, and the oracle that knows the true rate.

Belongs here: each method by its own algebra, as a `Forecast`. Does not belong here: scoring.

All but the oracle see orders and matches until the origin, and the fixtures ahead without results. Public methods get
the noise of their own residuals by the same moments as ours, so that intervals are compared fairly.

- **mean of four weeks**: each city's mean at the same local time of the week, over the last four weeks.
- **fixed effects**: Poisson regression of city x local time of week, with the level of the last eight weeks.
- **fixed effects, matches**: the same with one factor for each phase of a match, fitted together with it.
- **oracle**: the true rate before the shocks of days and hours, and the true variances of these.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.calibration.worlds import World
from pizza_assets.analysis.analyse import Prepared, prepare
from pizza_assets.analysis.family import families, select
from pizza_assets.analysis.forecast import HORIZON_DAYS, Forecast, Noise, as_scheduled, forecast, shared_variances
from pizza_assets.analysis.grid import TIMES_OF_WEEK, days_since_1970
from pizza_assets.analysis.windows import BINS_PER_DAY, select_matches, window_bins

Floats = NDArray[np.float64]
PHASES = ("pre_match", "during_match", "post_match")
_LEVEL_WEEKS, _MEAN_WEEKS, _ROUNDS = 8, 4, 6
#: The calibration worlds' shocks: nation and city by day, nation and city by 2 hours.
_DAY_SD, _BLOCK_SD = (0.08, 0.08), (0.08, 0.04)


def known_on(world: World, origin: date) -> tuple[Prepared, pd.DataFrame]:
    """Return what is known at the end of a day: orders and matches until it, and the fixtures of the horizon."""
    end = pd.Timestamp(origin, tz="UTC") + pd.Timedelta(days=1)
    is_ahead = world.matches["timestamp"] >= end
    is_near = world.matches["timestamp"] < end + pd.Timedelta(days=HORIZON_DAYS)
    sources = {day: source for day, source in world.order_sources.items() if day <= origin}
    volume = world.volume[world.volume["bin_start"] < end].reset_index(drop=True)
    prepared = prepare(volume, world.matches[~is_ahead].reset_index(drop=True), sources)
    return prepared, as_scheduled(world.matches[is_ahead & is_near].reset_index(drop=True))


def ours(world: World, prepared: Prepared, fixtures: pd.DataFrame, origin: date) -> Forecast:
    """Return the platform's forecast."""
    del world
    end_day = days_since_1970(origin) + 1
    selection = select(prepared.grid, prepared.matches, end_day - 365, end_day)
    found = forecast(selection, families(selection), prepared.matches.played, fixtures, origin)
    if isinstance(found, str):
        raise TypeError(found)
    return found


def oracle(like: Forecast, world: World, shocks: float) -> Forecast:
    """Return the forecast of who knows the true rate; `like` gives the horizon."""
    low = like.first_bin - _first_bin(world)
    rows = [world.city_names.index(name) for name in like.cities]
    rate = world.true_orders[rows, low : low + like.n_bins]
    day, block = (np.expm1(sum((shocks * sd) ** 2 for sd in of)) for of in (_DAY_SD, _BLOCK_SD))
    noise = Noise(float(day), float(block), 0.0, {}, 0.0, np.zeros(len(rows)))
    return _with(like, rate, np.zeros_like(rate), noise)


def _with(like: Forecast, plain: Floats, effect: Floats, noise: Noise) -> Forecast:
    return replace(like, plain=plain, effect=effect, effect_variance=np.zeros_like(effect), noise=noise)


def _first_bin(world: World) -> int:
    return int((world.first_bin - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(minutes=15))


class History:
    """Orders until the origin by the local time of the week, and where matches are on, in the past and ahead."""

    def __init__(self, prepared: Prepared, like: Forecast, fixtures: pd.DataFrame) -> None:
        grid = prepared.grid
        self.rows = [grid.cities.index(name) for name in like.cities]
        self.orders = grid.orders[self.rows]
        zone = grid.zone[self.rows]
        self.week = grid.week[zone] - grid.week.min()
        self.time = grid.time_of_week[zone]
        self.phases = _phases(prepared.matches.units, like.cities, grid.first_bin, grid.n_bins)
        as_played = fixtures.assign(status="FINISHED", home_score=0, away_score=0, event_type="draw")
        units = select_matches(as_played.astype(fixtures.dtypes.to_dict())).units
        self.phases_ahead = _phases(units, like.cities, like.first_bin, like.n_bins)
        self.time_ahead = like.time_of_week

    @property
    def n_weeks(self) -> int:
        """Number of weeks until the origin."""
        return int(self.week.max()) + 1

    def cells(self, values: Floats) -> Floats:
        """Return sums by city, week and time of week."""
        cell = self.week * TIMES_OF_WEEK + self.time
        size = self.n_weeks * TIMES_OF_WEEK
        by_city = [np.bincount(of, row, size) for of, row in zip(cell, values, strict=True)]
        cells: Floats = np.array(by_city, dtype=float).reshape(len(values), self.n_weeks, TIMES_OF_WEEK)
        return cells


def _phases(units: pd.DataFrame, cities: tuple[str, ...], first_bin: int, n_bins: int) -> Floats:
    """Return how many kick-offs are in each phase, phases by cities by bins."""
    row = pd.Index(cities).get_indexer(pd.Index(units["city"]))
    phases = np.zeros((len(PHASES), len(cities), n_bins))
    for number, name in enumerate(PHASES):
        low, high = (np.clip(bins - first_bin, 0, n_bins) for bins in window_bins(units, name))
        for city, start, end in zip(row, low, high, strict=True):
            if city >= 0:
                phases[number, city, start:end] += 1
    return phases


def mean_of_four_weeks(history: History, like: Forecast) -> Forecast:
    """Return the mean at the same time of the week over the last four weeks."""
    counts, seen = history.cells(history.orders), history.cells(np.ones_like(history.orders))
    last = slice(max(history.n_weeks - _MEAN_WEEKS, 0), None)
    mean = counts[:, last].sum(axis=1) / np.maximum(seen[:, last].sum(axis=1), 1)
    rows = np.arange(len(mean))[:, None]
    recent = slice(_MEAN_WEEKS, None)
    # A week is held against the four before it.
    before = np.stack(
        [counts[:, w - _MEAN_WEEKS : w].mean(axis=1) for w in range(_MEAN_WEEKS, history.n_weeks)], axis=1
    )
    noise = _noise_of(counts[:, recent], before * seen[:, recent])
    plain = mean[rows, history.time_ahead]
    return _with(like, plain, np.zeros_like(plain), noise)


def fixed_effects(history: History, like: Forecast, *, with_matches: bool) -> Forecast:
    """Return the regression's forecast; the effects of weeks and times are profiled out in turns."""
    phases = history.phases if with_matches else history.phases[:0]
    beta = np.zeros(len(phases))
    counts = history.cells(history.orders)
    for _ in range(_ROUNDS):
        factor = np.exp(np.tensordot(beta, phases, axes=1)) if with_matches else np.ones_like(history.orders)
        exposure = history.cells(factor)
        share = counts.sum(axis=1) / np.maximum(exposure.sum(axis=1), 1e-9)
        for _ in range(2):
            level = counts.sum(axis=2) / np.maximum((exposure * share[:, None]).sum(axis=2), 1e-9)
            share = counts.sum(axis=1) / np.maximum((exposure * level[:, :, None]).sum(axis=1), 1e-9)
        rows = np.arange(len(share))[:, None]
        expected = level[rows, history.week] * share[rows, history.time] * factor
        for number, phase in enumerate(phases):
            on = phase > 0
            if expected[on].sum() > 0:
                beta[number] += np.log(max(history.orders[on].sum(), 0.5) / expected[on].sum())
    now = slice(-_LEVEL_WEEKS, None)
    last = counts[:, now].sum(axis=(1, 2)) / np.maximum((exposure * share[:, None])[:, now].sum(axis=(1, 2)), 1e-9)
    plain = last[:, None] * share[rows, history.time_ahead]
    effect = np.tensordot(beta, history.phases_ahead, axes=1) if with_matches else np.zeros_like(plain)
    return _with(like, plain, effect, _noise_of(counts, exposure * share[:, None] * level[:, :, None]))


def _noise_of(counts: Floats, mean: Floats) -> Noise:
    day, block, quarter = shared_variances(counts, mean)
    return Noise(day, block, quarter, {}, 0.0, np.zeros(len(counts)))


def peers(prepared: Prepared, like: Forecast, fixtures: pd.DataFrame) -> Mapping[str, Forecast]:
    """Return the public methods' forecasts by their names."""
    history = History(prepared, like, fixtures)
    methods: Mapping[str, Callable[[], Forecast]] = {
        "mean of four weeks": lambda: mean_of_four_weeks(history, like),
        "fixed effects": lambda: fixed_effects(history, like, with_matches=False),
        "fixed effects, matches": lambda: fixed_effects(history, like, with_matches=True),
    }
    return {name: method() for name, method in methods.items()}


def origins(last: date, number: int) -> list[date]:
    """Return origins, a week apart, the last one so that its horizon ends on `last`."""
    newest = last - timedelta(days=HORIZON_DAYS)
    return [newest - timedelta(days=7 * back) for back in range(number)][::-1]


def match_windows(like: Forecast) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return city, first bin and end of each phase of each fixture, in bins of the horizon."""
    city = pd.Index(like.cities).get_indexer(pd.Index(like.units["city"])).astype(np.int64)
    found = [
        (city, *(np.clip(of - like.first_bin, 0, like.n_bins) for of in window_bins(like.units, name)))
        for name in PHASES
    ]
    row, low, high = (np.concatenate(of) for of in zip(*found, strict=True))
    whole = high - low == 2 * BINS_PER_DAY // 24
    return row[whole], low[whole], high[whole]
