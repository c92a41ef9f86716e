import numpy as np
import pytest

from pizza_assets.analysis.correlation import Association, Response, associate, permutation_p, response
from pizza_assets.analysis.grid import Floats
from pizza_assets.analysis.uplift import Counts

N_WEEKS = 10


def _counts(observed: Floats, expected: Floats, code: int = 0) -> Counts:
    n = len(observed)
    return Counts(observed, expected, np.ones((n, N_WEEKS)), np.arange(n) % N_WEEKS, np.full(n, code), np.ones(n))


def _with(of: Response, outcome: Floats) -> Association:
    return associate(of, outcome[:, None])


def test_cities_do_not_make_an_association_by_differing() -> None:
    rng = np.random.default_rng(0)
    city = np.repeat([0, 1], 30)
    goals = np.where(city == 0, 1.0, 4.0)
    observed = np.where(city == 0, 50.0, 150.0) + rng.integers(-5, 6, 60)
    found = _with(response(_counts(observed.astype(float), np.full(60, 100.0)), city), goals)
    assert np.isnan(found.r[0, 0]), "within a city the number of goals never changes"


def test_the_slope_is_the_planted_change_per_goal() -> None:
    goals = np.tile(np.arange(6.0), 20)
    expected = np.full(120, 1e6)
    found = _with(response(_counts(expected * np.exp(0.03 * goals), expected), np.zeros(120, dtype=np.int64)), goals)
    assert found.slope[0, 0] == pytest.approx(0.03, rel=1e-3)
    assert found.r[0, 0] == pytest.approx(1, abs=1e-6)


def test_windows_with_hardly_any_expected_orders_take_no_part() -> None:
    of = response(_counts(np.array([3.0, 3.0, 3.0]), np.array([1.9, 2.0, np.nan])), np.zeros(3, dtype=np.int64))
    assert of.unit.tolist() == [1]


def test_leaving_a_week_out_is_the_same_as_never_having_seen_it() -> None:
    rng = np.random.default_rng(1)
    city, win = rng.integers(0, 3, 60), rng.integers(0, 2, 60).astype(float)
    counts = _counts(rng.poisson(40, 60).astype(float), np.full(60, 40.0))
    full = _with(response(counts, city), win)
    of = response(counts, city)
    kept = of.week != 4
    x, y, weight = win[kept], of.values[kept, 0], of.weight[kept, 0]
    for values in (x, y):
        for name in range(3):
            here = city[kept] == name
            values[here] -= np.average(values[here], weights=weight[here])
    by_hand = (weight * x * y).sum() / np.sqrt((weight * x * x).sum() * (weight * y * y).sum())
    assert full.r[0, 1 + 4] == pytest.approx(by_hand)


@pytest.mark.parametrize("outcome", [np.full(30, 2.0), np.full(30, np.nan)])
def test_a_constant_or_missing_outcome_has_no_coefficient(outcome: Floats) -> None:
    counts = _counts(np.random.default_rng(2).poisson(30, 30).astype(float), np.full(30, 30.0))
    found = _with(response(counts, np.zeros(30, dtype=np.int64)), outcome)
    assert found.is_constant.tolist() == [True]
    assert np.isnan([found.r, found.slope]).all()


def test_outcomes_together_are_the_same_as_each_alone() -> None:
    rng = np.random.default_rng(4)
    city = rng.integers(0, 3, 60)
    outcomes = np.column_stack([rng.integers(0, 5, 60), rng.integers(0, 2, 60), np.full(60, 2)]).astype(float)
    outcomes[rng.random(60) < 0.2, 1] = np.nan
    of = response(_counts(rng.poisson(40, 60).astype(float), np.full(60, 40.0)), city)
    together = associate(of, outcomes)
    for number, outcome in enumerate(outcomes.T):
        alone = _with(of, outcome)
        for name in vars(alone):
            both = getattr(together, name), getattr(alone, name)
            rows = (values.T if name == "present" else values for values in both)
            np.testing.assert_allclose(*(values[i] for values, i in zip(rows, (number, 0), strict=True)))


def test_no_units_at_all() -> None:
    found = _with(response(_counts(np.array([5.0]), np.array([5.0]), code=2), np.zeros(1, dtype=np.int64)), np.ones(1))
    assert (found.n_units.tolist(), found.n_weeks.tolist()) == ([0], [0])


def test_permutation_p_is_small_for_a_clear_association_and_repeatable() -> None:
    rng = np.random.default_rng(3)
    win = np.tile([0.0, 1.0], 12)
    city = np.repeat([0, 1, 2], 8)
    clear = response(_counts(np.where(win > 0, 200.0, 100.0), np.full(24, 140.0)), city)
    chance = response(_counts(rng.poisson(100, 24).astype(float), np.full(24, 100.0)), city)
    assert permutation_p(clear, win, seed=1) == pytest.approx(1 / 1000, abs=1e-3)
    assert permutation_p(chance, win, seed=1) == permutation_p(chance, win, seed=1) > 0.01
