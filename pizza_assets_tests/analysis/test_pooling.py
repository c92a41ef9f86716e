"""How much groups differ, and what each one's effect then is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.analysis.pooling import Pooled, pool

NAMES = tuple(f"club {number}" for number in range(20))


def drawn(truth: np.ndarray, error: float, seed: int) -> Pooled:
    """Pool estimates of these true log-uplifts."""
    estimates = truth + np.random.default_rng(seed).normal(0, error, len(truth))
    return pool(NAMES[: len(truth)], estimates, np.full(len(truth), error**2), np.full(len(truth), 30.0))


def test_one_club_that_is_higher_stands_out_of_nineteen_that_are_alike() -> None:
    truth = np.full(20, np.log(1.07))
    truth[3] = np.log(1.40)
    found = drawn(truth, 0.03, seed=1)
    assert found.differ
    assert np.argmax(found.shrunk) == 3
    low = found.shrunk - 1.96 * np.sqrt(found.shrunk_variance)
    assert low[3] > max(np.delete(found.shrunk, 3))
    assert found.shrunk[3] < found.raw[3], "it is drawn to the mean"


def test_clubs_that_are_alike_do_not_differ_and_share_one_estimate() -> None:
    found = [drawn(np.full(20, np.log(1.07)), 0.04, seed) for seed in range(400)]
    share = np.mean([of.differ for of in found])
    assert 0.005 < share < 0.05, "half of the 5 % outside the interval is above"
    alike = [of for of in found if of.spread == 0]
    assert len(alike) > 100
    assert all(np.allclose(of.shrunk, of.mean) for of in alike)
    moved = np.array([of.shrunk - of.raw for of in found if of.differ]) / 0.04
    assert np.abs(moved).max() <= 1.5 + 1e-9, "where they differ none is moved by more than 1.5 standard errors"


@pytest.mark.parametrize("spread", [0.05, 0.15])
def test_the_interval_of_the_spread_holds_it_19_times_in_20(spread: float) -> None:
    def covers(seed: int) -> bool:
        truth = np.random.default_rng(1000 + seed).normal(0.07, spread, 20)
        found = drawn(truth, 0.05, seed)
        return found.spread_low <= spread <= found.spread_high

    assert 0.92 < np.mean([covers(seed) for seed in range(400)]) < 0.98


def test_two_groups_tell_no_spread_and_keep_their_common_mean() -> None:
    found = drawn(np.array([0.0, 0.5]), 0.1, seed=0)
    assert np.isnan(found.spread)
    assert not found.differ
    assert np.allclose(found.shrunk, found.mean)


def test_groups_without_an_estimate_take_no_part() -> None:
    found = pool(NAMES[:3], np.array([0.1, np.nan, 0.2]), np.array([0.01, 0.01, np.inf]), np.array([5.0, 0.0, 1.0]))
    assert found.names == ("club 0",)
    nothing = pool((), np.array([]), np.array([]), np.array([]))
    assert nothing.names == ()
    assert np.isnan(nothing.mean)


@given(
    st.lists(st.tuples(st.floats(-2, 2), st.floats(1e-4, 1.0)), min_size=3, max_size=30),
)
def test_pooled_estimates_lie_between_own_and_mean(groups: list[tuple[float, float]]) -> None:
    y, v = (np.array(column) for column in zip(*groups, strict=True))
    names = tuple(str(number) for number in range(len(y)))
    found = pool(names, y, v, np.ones(len(y)))
    low, high = np.minimum(found.raw, found.mean), np.maximum(found.raw, found.mean)
    assert (found.shrunk >= low - 1e-9).all()
    assert (found.shrunk <= high + 1e-9).all()
    assert 0 <= found.spread_low <= found.spread + 1e-6
    assert found.spread <= found.spread_high + 1e-6
    assert (found.shrunk_variance > 0).all()
