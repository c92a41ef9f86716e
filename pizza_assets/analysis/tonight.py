"""Tonight: orders of a day against its forecast, quarter hour by quarter hour, with an alert that holds over all looks.

Belongs here: where a city stands, the boundary of its alert, silence. Does not belong here: the forecast, where orders
come from.

A city leaves its band when ``z(t) = (N(t) - M(t)) / sqrt(V(t))`` of the orders since the evening began exceeds a
boundary, with M expected and V the variance of what the forecast says. Who looks every quarter hour finds something by
chance, so the boundary is that of the largest |z| over the whole evening: its quantile in `DRAWS` evenings drawn from
the forecast's own distribution. All cities that are watched together give at most one false alarm in 20 evenings, by
Bonferroni's inequality, whatever they share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pizza_assets.analysis.baseline import BLOCK_BINS
from pizza_assets.analysis.grid import Floats

#: Share of evenings with a false alarm in any city: half of one in 20, for the noise is itself estimated.
FALSE_ALARMS = 0.025
DRAWS = 20_000
#: Expected orders from which on an alert is possible: before them a few orders decide.
MIN_EXPECTED = 10.0
#: Expected orders of a run without any from which on the feed is taken to be silent.
SILENT = 12.0
#: What is said of a city.
EARLY, USUAL, ABOVE, BELOW, QUIET = "too early to tell", "as expected", "above", "below", "no orders arrive"


@dataclass(frozen=True)
class Evening:
    """What is expected of a city's evening.

    Attributes
    ----------
    city
        The city.
    first_bin
        Its first quarter hour (since 1970, UTC).
    expected
        Expected orders by quarter hour.
    day, block, quarter
        Variances relative to them, beyond Poisson; see `forecast.Noise`.
    match
        Variance of what the matches add, by quarter hour; shared by the whole evening.
    matches
        The matches on, in words; empty without one.
    """

    city: str
    first_bin: int
    expected: Floats
    day: float
    block: float
    quarter: float
    match: Floats
    matches: str = ""

    def variance(self) -> Floats:
        """Return the variance of the orders summed up to each quarter hour."""
        mean = self.expected
        until = mean.cumsum()
        blocks = (self.first_bin + np.arange(len(mean))) // BLOCK_BINS
        of_block = np.zeros(len(mean))
        for block in np.unique(blocks):
            of_block += np.square(np.where(blocks == block, mean, 0.0).cumsum())
        of_match = np.square((mean * np.sqrt(self.match)).cumsum())
        shared = self.day * np.square(until) + self.block * of_block + self.quarter * np.square(mean).cumsum()
        total: Floats = until + shared + of_match
        return total

    def draws(self, n_draws: int, rng: np.random.Generator) -> Floats:
        """Return orders of evenings as the forecast expects them, draws by quarter hours."""
        mean = self.expected
        blocks = np.unique((self.first_bin + np.arange(len(mean))) // BLOCK_BINS, return_inverse=True)[1]
        rate = mean * _gamma(rng, self.day, (n_draws, 1))
        rate = rate * _gamma(rng, self.block, (n_draws, int(blocks.max(initial=0)) + 1))[:, blocks]
        rate = rate * _gamma(rng, self.quarter, (n_draws, len(mean)))
        shared = rng.normal(size=(n_draws, 1)) * np.sqrt(self.match)
        orders: Floats = rng.poisson(rate * np.exp(shared - self.match / 2)).astype(float)
        return orders

    def scores(self, orders: Floats) -> Floats:
        """Return z up to each quarter hour, ... by quarter hours; 0 where too little is expected yet."""
        until, spread = self.expected.cumsum(), np.sqrt(self.variance())
        is_told = until >= MIN_EXPECTED
        beyond = orders.cumsum(axis=-1) - until
        shown = np.broadcast_to(is_told, beyond.shape)
        result: Floats = np.divide(beyond, spread, out=np.zeros_like(beyond), where=shown)
        return result


def _gamma(rng: np.random.Generator, variance: float, shape: tuple[int, int]) -> Floats:
    return rng.gamma(1 / variance, variance, shape) if variance > 1e-9 else np.ones(shape)


def boundary(of: Evening, n_cities: int, seed: int = 0) -> float:
    """Return what |z| ever exceeds in a share of `FALSE_ALARMS` / `n_cities` of the evenings without a reason."""
    if not len(of.expected):
        return np.inf
    largest = np.abs(of.scores(of.draws(DRAWS, np.random.default_rng(seed)))).max(axis=1)
    return float(np.quantile(largest, 1 - FALSE_ALARMS / max(n_cities, 1), method="higher"))


@dataclass
class Watch:
    """A city's evening as it is watched: the alert comes once, and stays.

    Attributes
    ----------
    evening, boundary
        What is expected, and beyond which |z| the city has left its band.
    alert_at
        Number of the quarter hour after which the alert came; None before.
    """

    evening: Evening
    boundary: float
    alert_at: int | None = field(default=None)
    direction: str = ""

    def look(self, orders: Floats, n_over: int) -> dict[str, object]:
        """Return where the city stands after `n_over` quarter hours have ended.

        Parameters
        ----------
        orders
            Orders by quarter hour that have arrived; later ones are not looked at.
        n_over
            Quarter hours that are over.

        Notes
        -----
        From the start of a silent run on nothing is known, so nothing is said of it: no alert comes of a feed that
        stops.
        """
        of = self.evening
        heard = self._heard(orders, n_over)
        z = of.scores(orders[:n_over] if n_over == len(of.expected) else _padded(orders, n_over, len(of.expected)))
        beyond = np.flatnonzero(np.abs(z[:heard]) > self.boundary)
        if self.alert_at is None and len(beyond):
            self.alert_at = int(beyond[0])
            self.direction = ABOVE if z[self.alert_at] > 0 else BELOW
        until, spread = of.expected.cumsum(), np.sqrt(of.variance())
        status = EARLY if not heard or until[heard - 1] < MIN_EXPECTED else self.direction or USUAL
        status = QUIET if heard < n_over and status not in (ABOVE, BELOW) else status
        return {
            "city": of.city,
            "matches": of.matches,
            "status": status,
            "orders": float(orders[:heard].sum()),
            "expected": round(float(until[heard - 1]), 1) if heard else 0.0,
            "low": round(max(float(until[heard - 1] - self.boundary * spread[heard - 1]), 0.0), 1) if heard else 0.0,
            "high": round(float(until[heard - 1] + self.boundary * spread[heard - 1]), 1) if heard else 0.0,
            "quarters_heard": heard,
            "quarters_over": n_over,
            "alert_at": self.alert_at,
        }

    def _heard(self, orders: Floats, n_over: int) -> int:
        """Return up to which quarter hour orders have arrived: before a run without any where many are expected."""
        seen = np.flatnonzero(orders[:n_over] > 0)
        last = int(seen[-1]) + 1 if len(seen) else 0
        return last if self.evening.expected[last:n_over].sum() > SILENT else n_over


def _padded(orders: Floats, n_over: int, size: int) -> Floats:
    """Return orders of the quarter hours that are over, and none of the others."""
    padded = np.zeros(size)
    padded[:n_over] = orders[:n_over]
    return padded


def watches(evenings: Mapping[str, Evening], seed: int = 0) -> dict[str, Watch]:
    """Return a watch for each city's evening; together they keep `FALSE_ALARMS`."""
    return {city: Watch(of, boundary(of, len(evenings), seed)) for city, of in evenings.items()}
