"""Scores of a forecast against many draws of what could come, and against what came.

Belongs here: pinball loss, coverage, bias by kind of target. Does not belong here: methods, worlds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import nbinom, poisson

from benchmarks.backtest.methods import match_windows
from pizza_assets.analysis.forecast import Forecast, quantiles
from pizza_assets.analysis.grid import cumulated
from pizza_assets.analysis.windows import BINS_PER_DAY

Floats = NDArray[np.float64]
PROBABILITIES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
INTERVALS = {50: (2, 4), 80: (1, 5), 95: (0, 6)}
TARGETS = ("quarter hours in match windows", "other quarter hours", "2-h match windows", "days")


@dataclass
class Sums:
    """What one forecast scored in one kind of target: sums over targets and draws."""

    loss: float = 0.0
    n: float = 0.0
    orders: float = 0.0
    expected: float = 0.0
    inside: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __add__(self, other: "Sums") -> "Sums":
        """Return both together."""
        inside = tuple(a + b for a, b in zip(self.inside, other.inside, strict=True))
        return Sums(
            self.loss + other.loss,
            self.n + other.n,
            self.orders + other.orders,
            self.expected + other.expected,
            (inside[0], inside[1], inside[2]),
        )


def score(of: Forecast, orders: Floats) -> dict[str, Sums]:
    """Score a forecast against orders, draws by cities by bins of the horizon."""
    row, low, high = match_windows(of)
    in_match = np.zeros(of.plain.shape, dtype=bool)
    for city, start, end in zip(row, low, high, strict=True):
        in_match[city, start:end] = True
    sells = of.expected > 0
    mean, variance = of.expected, of.variance()
    city, day = (values.ravel() for values in np.indices((len(of.cities), of.n_bins // BINS_PER_DAY)))
    windows = {
        "2-h match windows": (row, low, high),
        "days": (city, day * BINS_PER_DAY, (day + 1) * BINS_PER_DAY),
    }
    found = {
        "quarter hours in match windows": _scored(
            mean[in_match & sells], variance[in_match & sells], orders[:, in_match & sells]
        ),
        "other quarter hours": _scored(
            mean[~in_match & sells], variance[~in_match & sells], orders[:, ~in_match & sells]
        ),
    }
    until = cumulated(orders)
    for name, (rows, first, last) in windows.items():
        expected, _, spread = of.windows(rows, first, last)
        found[name] = _scored(expected, spread, until[:, rows, last] - until[:, rows, first])
    return found


def _scored(mean: Floats, variance: Floats, orders: Floats) -> Sums:
    """Score targets; orders are draws by targets.

    An order count at an interval's end counts by the part of its probability that is inside, so that coverage is
    comparable with the interval's name although counts are whole numbers.
    """
    ends = np.array([quantiles(mean, variance, p) for p in PROBABILITIES])
    loss = sum(
        float(np.maximum(p * (orders - q), (p - 1) * (orders - q)).sum())
        for p, q in zip(PROBABILITIES, ends, strict=True)
    )
    below, at = _cumulative(mean, variance, ends)
    inside = []
    for first, last in INTERVALS.values():
        p_low, p_high = PROBABILITIES[first], PROBABILITIES[last]
        low, high = ends[first], ends[last]
        share_low = np.divide(below[first] + at[first] - p_low, at[first], out=np.ones_like(mean), where=at[first] > 0)
        share_high = np.divide(p_high - below[last], at[last], out=np.ones_like(mean), where=at[last] > 0)
        is_in = ((orders > low) & (orders < high)).astype(float)
        is_in += np.where((orders == low) & (low < high), share_low, 0) + np.where(
            (orders == high) & (low < high), share_high, 0
        )
        is_in += np.where((orders == low) & (low == high), share_low + share_high - 1, 0)
        inside.append(float(is_in.sum()))
    n_draws = len(orders)
    return Sums(
        loss, float(orders.size), float(orders.sum()), float(mean.sum()) * n_draws, (inside[0], inside[1], inside[2])
    )


def _cumulative(mean: Floats, variance: Floats, ends: Floats) -> tuple[Floats, Floats]:
    """Return the chance of fewer orders than each end, and of just as many."""
    excess = np.maximum(variance - mean, 0)
    is_wide = excess > 1e-9 * np.square(mean)
    size = np.divide(np.square(mean), excess, out=np.ones_like(mean), where=is_wide)
    p = size / (size + mean)
    below = np.where(is_wide, nbinom.cdf(ends - 1, size, p), poisson.cdf(ends - 1, mean))
    at = np.where(is_wide, nbinom.pmf(ends, size, p), poisson.pmf(ends, mean))
    return below, at
