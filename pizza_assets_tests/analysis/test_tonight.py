"""Tonight: the boundary over all looks, the alert that comes once, feeds that stop."""

import numpy as np
import pytest

from pizza_assets.analysis.tonight import ABOVE, BELOW, EARLY, QUIET, USUAL, Evening, Watch, boundary, watches

HOURS = np.repeat([4.0, 8.0, 12.0, 11.0, 6.0, 3.0], 4) / 1.5


def evening(city: str = "Leeds", scale: float = 1.0) -> Evening:
    return Evening(city, 16 * 4, scale * HOURS, 0.013, 0.008, 0.002, np.full(len(HOURS), 0.002), "A - B (PL)")


def looks(watch: Watch, orders: np.ndarray) -> list[dict[str, object]]:
    return [watch.look(orders, n_over) for n_over in range(len(orders) + 1)]


def test_in_200_evenings_of_four_cities_without_a_reason_there_are_at_most_10_false_alarms() -> None:
    of = evening()
    limit = boundary(of, n_cities=4)
    rng = np.random.default_rng(5)
    orders = of.draws(200 * 4, rng).reshape(200, 4, -1)
    z = np.abs(of.scores(orders)).max(axis=2)
    assert (z > limit).any(axis=1).sum() <= 10


def test_the_variance_of_sums_is_that_of_the_draws() -> None:
    of = evening(scale=3)
    found = of.draws(40_000, np.random.default_rng(0)).cumsum(axis=1)
    assert found.mean(axis=0) == pytest.approx(of.expected.cumsum(), rel=0.02)
    assert found.var(axis=0) == pytest.approx(of.variance(), rel=0.05)


def test_of_60_percent_more_the_alert_comes_once_and_stays() -> None:
    of = evening(scale=2)
    watch = Watch(of, boundary(of, n_cities=4))
    orders = np.rint(1.6 * of.expected)
    found = looks(watch, orders)
    statuses = [state["status"] for state in found]
    first = statuses.index(ABOVE)
    assert set(statuses[:first]) <= {EARLY, USUAL}
    assert set(statuses[first:]) == {ABOVE}
    assert len({state["alert_at"] for state in found[first:]}) == 1


def test_orders_as_expected_raise_none_and_far_fewer_do() -> None:
    usual = looks(Watch(evening(), boundary(evening(), 4)), np.rint(HOURS))
    assert {state["status"] for state in usual} == {EARLY, USUAL}
    of = evening(scale=4)
    few = looks(Watch(of, boundary(of, 4)), np.rint(0.4 * of.expected))
    assert few[-1]["status"] == BELOW


def test_a_feed_that_stops_during_the_match_is_silent_and_no_alert() -> None:
    of = evening(scale=2)
    orders = np.where(np.arange(len(HOURS)) < 8, np.rint(of.expected), 0.0)
    found = looks(Watch(of, boundary(of, 4)), orders)
    assert found[-1]["status"] == QUIET
    assert found[-1]["quarters_heard"] == 8
    assert found[-1]["orders"] == orders.sum(), "what was heard counts, and nothing is taken for zero"
    assert all(state["alert_at"] is None for state in found)


def test_an_evening_that_expects_nothing_is_never_beyond() -> None:
    nothing = Evening("Leeds", 0, np.zeros(0), 0.01, 0.01, 0.0, np.zeros(0))
    assert boundary(nothing, 3) == np.inf
    quiet = Evening("Leeds", 0, np.full(8, 0.1), 0.01, 0.01, 0.0, np.zeros(8))
    found = looks(Watch(quiet, boundary(quiet, 1)), np.full(8, 5.0))
    assert {state["status"] for state in found} == {EARLY}


def test_more_cities_make_the_boundary_wider() -> None:
    one, many = watches({"a": evening()}), watches({name: evening(name) for name in "abcdefgh"})
    assert many["a"].boundary > one["a"].boundary
