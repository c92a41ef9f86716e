"""Public methods that an analyst would take instead, on the same worlds: what they cover, how wide, how fast.

Belongs here: three peers by their own algebra. Does not belong here: the platform's method, naive ones (`naive`).

- **Fixed-effects Poisson**: orders of cities and 15 minutes on the three phases, with effects of city x time of week,
  of the day and of city x week; errors clustered by week
  (Correia, Guimaraes & Zylkin 2020; as in `ppmlhdfe`, `fixest`).
- **Matched hours**: each window against the same hours of the nearest four weeks on either side in which the city had
  no match then; weeks are left out in turn.
- **Synthetic control** (Abadie, Diamond & Hainmueller 2010): each city against the mix of the cities without clubs that
  follows it best in the hours without matches, by non-negative least squares; weeks are left out in turn.
"""

import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import t

from benchmarks.calibration.naive import WINDOWS, Result, sums_of
from benchmarks.calibration.worlds import BINS_PER_DAY, TIME_ZONE, World

_WEEK = 7 * BINS_PER_DAY
_REACH_WEEKS, _MATCHED = 8, 8
_STEPS, _ROUNDS, _TOLERANCE = 6, 12, 1e-4


def peers(world: World) -> Iterator[tuple[str, Result, float]]:
    """Yield each peer's name, its result and the seconds of one core that it took."""
    methods = {
        "fixed-effects Poisson": fixed_effects,
        "matched hours": matched_hours,
        "synthetic control": synthetic_control,
    }
    for name, method in methods.items():
        began = time.process_time()
        result = method(world)
        yield name, result, time.process_time() - began


def _units(world: World) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return row of the city and bin of each kick-off in a city, once each."""
    sides = [
        world.matches[["timestamp", f"{side}_city"]].set_axis(["timestamp", "city"], axis=1)
        for side in ("home", "away")
    ]
    units = pd.concat(sides).drop_duplicates()
    units = units[units["city"].isin(world.city_names)]
    city = pd.Index(world.city_names).get_indexer(pd.Index(units["city"])).astype(np.int64)
    bins = ((units["timestamp"] - world.first_bin) // pd.Timedelta(minutes=15)).to_numpy().astype(np.int64)
    return city, bins


def _phases(world: World, n_bins: int) -> NDArray[np.bool_]:
    """Return where each phase of a match is on, phases by cities by bins."""
    phases = np.zeros((len(WINDOWS), len(world.city_names), n_bins), dtype=bool)
    for city, bin_ in zip(*_units(world), strict=True):
        for phase, (low, high) in enumerate(WINDOWS.values()):
            phases[phase, city, max(bin_ + low, 0) : bin_ + high] = True
    return phases


def _clock(world: World, n_bins: int) -> NDArray[np.int64]:
    """Return how many bins the local clock is ahead of UTC, by bin."""
    utc = pd.date_range(world.first_bin, periods=n_bins, freq="15min")
    ahead = utc.tz_convert(TIME_ZONE).tz_localize(None) - utc.tz_localize(None)
    bins: NDArray[np.int64] = (ahead // pd.Timedelta(minutes=15)).to_numpy().astype(np.int64)
    return bins


def _interval(estimate: float, error: float, degrees: float) -> tuple[float, float, float, float]:
    reach = float(t.ppf(0.975, degrees)) * error
    return estimate, estimate - reach, estimate + reach, float(2 * t.sf(abs(estimate) / error, degrees))


def _jackknifed(orders: NDArray[np.float64], usual: NDArray[np.float64], week: NDArray[np.int64]) -> Result:
    """Return log(sum of orders / sum of usual ones) of each window (columns), with each week left out in turn."""
    result = {}
    for column, name in enumerate(WINDOWS):
        n, m = (np.bincount(week, of[:, column]) for of in (orders, usual))
        is_used = m > 0
        n, m = n[is_used], m[is_used]
        without = np.log((n.sum() - n) / (m.sum() - m))
        error = np.sqrt((len(n) - 1) / len(n) * np.square(without - without.mean()).sum())
        result[name] = _interval(float(np.log(n.sum() / m.sum())), float(error), len(n) - 1)
    return result


def matched_hours(world: World) -> Result:
    """Compare each window with the same hours of the nearest weeks without a match at these hours."""
    sums = sums_of(world)
    n_bins = sums.shape[1] - 1
    busy = np.zeros((len(sums), n_bins + 1))
    busy[:, 1:] = _phases(world, n_bins).any(axis=0).cumsum(axis=1)
    clock = _clock(world, n_bins)
    shifts = sorted((s * _WEEK for s in range(-_REACH_WEEKS, _REACH_WEEKS + 1) if s), key=abs)
    orders, usual, weeks = [], [], []
    for city, bin_ in zip(*_units(world), strict=True):
        # The same hours by the local clock.
        moved = [bin_ + s - clock[min(max(bin_ + s, 0), n_bins - 1)] + clock[bin_] for s in shifts]
        row = []
        for low, high in WINDOWS.values():
            places = [(bin_there + low, bin_there + high) for bin_there in moved]
            inside = [(a, b) for a, b in places if a >= 0 and b <= n_bins and busy[city, a] == busy[city, b]]
            matched = [sums[city, b] - sums[city, a] for a, b in inside[:_MATCHED]]
            mine = sums[city, min(bin_ + high, n_bins)] - sums[city, max(bin_ + low, 0)]
            row.append((mine, float(np.mean(matched))) if len(matched) >= 2 else (0.0, 0.0))
        orders.append([o for o, _ in row])
        usual.append([u for _, u in row])
        weeks.append(bin_ // _WEEK)
    return _jackknifed(np.array(orders), np.array(usual), np.array(weeks))


def synthetic_control(world: World) -> Result:
    """Compare each city's windows with the mix of the cities without clubs that follows it best."""
    sums = sums_of(world)
    n_bins = sums.shape[1] - 1
    is_busy: NDArray[np.bool_] = np.any(_phases(world, n_bins), axis=0)
    donors = np.flatnonzero(~is_busy.any(axis=1))
    hours = np.diff(sums[:, ::4], axis=1)
    is_free: NDArray[np.bool_] = ~np.any(is_busy.reshape(len(sums), -1, 4), axis=2)
    mix = {
        int(city): nnls(hours[donors][:, is_free[city]].T, hours[city, is_free[city]])[0]
        for city in range(len(sums))
        if city not in donors
    }
    city, bins = _units(world)
    orders, usual = (np.zeros((len(city), len(WINDOWS))) for _ in range(2))
    for unit, (row, bin_) in enumerate(zip(city.tolist(), bins.tolist(), strict=True)):
        for column, (low, high) in enumerate(WINDOWS.values()):
            in_window = sums[:, min(bin_ + high, n_bins)] - sums[:, max(bin_ + low, 0)]
            orders[unit, column], usual[unit, column] = in_window[row], mix[row] @ in_window[donors]
    return _jackknifed(orders, usual, bins // _WEEK)


def fixed_effects(world: World) -> Result:
    """Fit the regression by Newton steps on the phases, with the effects profiled out."""
    sums = sums_of(world)
    n_cities, n_bins = len(sums), sums.shape[1] - 1
    local = pd.date_range(world.first_bin, periods=n_bins, freq="15min").tz_convert(TIME_ZONE).tz_localize(None)
    since_monday = ((local - local[0].normalize()) // pd.Timedelta(minutes=15)).to_numpy()
    week, time_of_week = np.divmod(since_monday + BINS_PER_DAY * local[0].day_of_week, _WEEK)
    day = since_monday // BINS_PER_DAY
    city = np.arange(n_cities)[:, None]
    y = np.diff(sums, axis=1).ravel()
    groups = [np.broadcast_to(of, (n_cities, n_bins)).ravel() for of in (city * _WEEK + time_of_week, day)]
    groups.append((city * (week.max() + 1) + week).ravel())
    by_week = np.broadcast_to(week, (n_cities, n_bins)).ravel()
    x = _phases(world, n_bins).reshape(len(WINDOWS), -1).astype(float)
    # A cell without an order says nothing beside its own effect.
    is_used = np.bincount(groups[0], y)[groups[0]] > 0
    y, x, by_week = y[is_used], x[:, is_used], by_week[is_used]
    groups = [np.unique(of[is_used], return_inverse=True)[1] for of in groups]
    beta, mean = np.zeros(len(x)), np.full(len(y), y.mean())
    for _ in range(_STEPS):
        mean = _scaled(mean, y, groups)
        left = _projected(x, mean, groups)
        information = (left * mean) @ left.T
        step = np.linalg.solve(information, left @ (y - mean))
        beta, mean = beta + step, mean * np.exp(step @ x)
        if np.abs(step).max() < _TOLERANCE:
            break
    scores = np.array([np.bincount(by_week, row * (y - mean)) for row in left])
    inverse, n_weeks = np.linalg.inv(information), by_week.max() + 1
    errors = np.sqrt(np.diag(inverse @ (scores @ scores.T) @ inverse) * n_weeks / (n_weeks - 1))
    return {name: _interval(float(beta[i]), float(errors[i]), n_weeks - 1) for i, name in enumerate(WINDOWS)}


def _scaled(mean: NDArray[np.float64], y: NDArray[np.float64], groups: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Scale means until they add up to the orders of each group."""
    for _ in range(_ROUNDS):
        for group in groups:
            total = np.bincount(group, mean)
            mean = mean * np.divide(np.bincount(group, y), total, out=np.zeros_like(total), where=total > 0)[group]
    return mean


def _projected(
    x: NDArray[np.float64], weight: NDArray[np.float64], groups: list[NDArray[np.int64]]
) -> NDArray[np.float64]:
    """Take weighted means by each group out of each row, in turns until little is left."""
    left = x.copy()
    totals = [np.maximum(np.bincount(group, weight), 1e-12) for group in groups]
    for _ in range(_ROUNDS):
        for group, total in zip(groups, totals, strict=True):
            left -= np.array([np.bincount(group, weight * row) / total for row in left])[:, group]
    return left
