from datetime import timedelta

import numpy as np
import pytest

from pizza_assets.analysis.analyse import prepare
from pizza_assets.analysis.baseline import Baseline, fit_baseline
from pizza_assets.analysis.family import families, select
from pizza_assets.analysis.grid import Bools, Floats, days_since_1970, local_calendar
from pizza_assets.analysis.jackknife import jackknife_error
from pizza_assets.analysis.uplift import uplift_of_sets
from pizza_assets_tests.analysis.seasons import CITIES, MONDAY, Season, rates, season

WEEKS = 12
FIRST_BIN = days_since_1970(MONDAY) * 96


def _fit(orders: Floats, free: Bools | None = None) -> Baseline:
    week, time_of_week = local_calendar(FIRST_BIN, orders.shape[1], ["Europe/London"])
    is_free = np.ones(orders.shape, dtype=bool) if free is None else free
    return fit_baseline(orders, is_free, week, time_of_week, np.zeros(len(orders), dtype=np.int64))


def test_a_steady_pattern_is_expected_exactly() -> None:
    orders = rates(MONDAY, 7 * WEEKS, 3) * np.array([[1.0], [2.0], [0.5]])
    np.testing.assert_allclose(_fit(orders).expected, orders, rtol=1e-9)


def test_growth_does_not_bias_what_is_expected() -> None:
    days = np.repeat(np.arange(7 * WEEKS), 96)
    orders = rates(MONDAY, 7 * WEEKS, 3) * 1.6 ** (days / 365)
    fit = _fit(orders)
    last_weeks = slice(-21 * 96, None)
    assert fit.expected[:, last_weeks].sum() / orders[:, last_weeks].sum() == pytest.approx(1, abs=0.003)


def test_what_happens_in_masked_bins_is_not_expected() -> None:
    orders = rates(MONDAY, 7 * WEEKS, 3)
    free = np.random.default_rng(1).random(orders.shape) < 0.8
    lifted = np.where(free, orders, 3 * orders)
    np.testing.assert_allclose(_fit(lifted, free).expected, orders, rtol=0.01)


def test_a_day_that_moves_all_cities_is_expected_in_masked_bins_too() -> None:
    rng = np.random.default_rng(2)
    day_shock = np.repeat(np.exp(rng.normal(0, 0.3, 7 * WEEKS)), 96)
    orders = rng.poisson(20 * rates(MONDAY, 7 * WEEKS, 6) * day_shock).astype(float)
    free = np.ones(orders.shape, dtype=bool)
    free[0, 40 * 96 : 41 * 96] = False
    expected = _fit(orders, free).expected[0, 40 * 96 : 41 * 96].sum()
    assert expected == pytest.approx(orders[0, 40 * 96 : 41 * 96].sum(), rel=0.05)


def _drifting(n_cities: int, n_weeks: int) -> Floats:
    """Return orders whose evenings gain and lose up to 30 % over a season, without noise."""
    orders = 10 * rates(MONDAY, 7 * n_weeks, n_cities)
    bins = np.arange(orders.shape[1])
    shift = 0.3 * np.cos(2 * np.pi * bins / 96 / (7 * n_weeks)) * (bins % 96 // 4 - 18) / 4
    drifting: Floats = orders * np.exp(shift)
    return drifting


def test_evenings_that_drift_over_a_season_are_expected_to() -> None:
    orders = np.random.default_rng(4).poisson(_drifting(2, 30)).astype(float)
    free = np.ones(orders.shape, dtype=bool)
    # Matches of both cities from 18:00 to 22:00 on Saturdays, every second week in the first half, and none later.
    for week in range(0, 15, 2):
        low = (7 * week + 5) * 96 + 18 * 4
        free[:, low : low + 16] = False
    fit = _fit(orders, free)
    early, late = (slice(18 * 4, 20 * 4), slice(20 * 4, 22 * 4))
    for hours in (early, late):
        for week in (0, 6, 14):
            day = slice((7 * week + 5) * 96, (7 * week + 6) * 96)
            expected, true = fit.expected[:, day][:, hours].sum(), _drifting(2, 30)[:, day][:, hours].sum()
            assert expected == pytest.approx(true, rel=0.09)


def test_hours_that_move_all_cities_are_expected_in_masked_bins_too() -> None:
    rng = np.random.default_rng(2)
    shock = np.repeat(np.exp(rng.normal(0, 0.3, 7 * WEEKS * 12)), 8)
    orders = rng.poisson(20 * rates(MONDAY, 7 * WEEKS, 6) * shock).astype(float)
    free = np.ones(orders.shape, dtype=bool)
    evening = slice(40 * 96 + 18 * 4, 40 * 96 + 20 * 4)
    free[0, evening] = False
    expected = _fit(orders, free).expected[0, evening].sum()
    assert expected == pytest.approx(orders[0, evening].sum(), rel=0.08)


def test_a_time_that_is_never_free_is_unknown_rather_than_guessed() -> None:
    orders = rates(MONDAY, 7 * WEEKS, 2)
    _, time_of_week = local_calendar(FIRST_BIN, orders.shape[1], ["Europe/London"])
    never = (time_of_week[0] >= 500) & (time_of_week[0] < 520)
    fit = _fit(orders, np.broadcast_to(~never, orders.shape))
    assert not fit.is_known[:, never].any()
    assert fit.is_known[:, ~never].all()
    assert (fit.expected[:, never] == 0).all()


@pytest.mark.parametrize("shape", [(0, 96 * 7), (2, 96 * 7)])
def test_no_orders_give_no_expectation(shape: tuple[int, int]) -> None:
    fit = _fit(np.zeros(shape))
    assert (fit.expected == 0).all()
    assert np.isfinite(fit.profile_without).all()


def _log_uplift(of: Season) -> tuple[float, Floats]:
    prepared = prepare(of.volume, of.matches, of.order_sources)
    end = days_since_1970(of.as_of) + 1
    family = families(select(prepared.grid, prepared.matches, end - 365, end))[0]
    uplift = uplift_of_sets(family.counts["during_match"], np.ones((1, len(family.units)), dtype=bool))
    return float(uplift.log_ratio[0]), uplift.log_ratio_without


def test_leaving_a_week_out_by_subtraction_is_like_analysing_without_it() -> None:
    """The jackknife's one step against really taking each week's orders away."""
    of = season(WEEKS, seed=5, cities=(*CITIES, "Cardiff", "Bristol"))
    _, by_step = _log_uplift(of)
    refitted = []
    for week in range(WEEKS):
        days = [MONDAY + timedelta(days=7 * week + i) for i in range(7)]
        refitted.append(_log_uplift(of.without_days(days))[0])
    by_step = by_step[0, :WEEKS]
    assert np.corrcoef(by_step, refitted)[0, 1] > 0.97
    assert jackknife_error(by_step) == pytest.approx(jackknife_error(np.array(refitted)), rel=0.15)
