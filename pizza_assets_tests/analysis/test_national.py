import numpy as np
import pytest

from pizza_assets.analysis.grid import Bools, Ints, days_since_1970, local_calendar
from pizza_assets.analysis.jackknife import jackknife_error
from pizza_assets.analysis.national import event_study
from pizza_assets_tests.analysis.seasons import MONDAY, rates

WEEKS = 20


def _calendar() -> tuple[Ints, Ints]:
    week, time_of_week = local_calendar(days_since_1970(MONDAY) * 96, 7 * WEEKS * 96, ["Europe/London"])
    return week[0], time_of_week[0]


def _phases(rng: np.random.Generator) -> Bools:
    """Return overlapping phases: kick-offs at 17:00 and 18:00 on the same evening share their hours."""
    phases = np.zeros((3, 7 * WEEKS * 96), dtype=bool)
    for day in np.flatnonzero(rng.random(7 * WEEKS) < 0.35):
        for hour in rng.choice([17, 18, 19], 2):
            kick_off = day * 96 + 4 * hour
            for phase, start in enumerate((-8, 0, 8)):
                phases[phase, kick_off + start : kick_off + start + 8] = True
    return phases


@pytest.mark.parametrize("effects", [(0.0, 0.0, 0.0), (0.3, 0.2, -0.1)])
def test_overlapping_phases_are_told_apart(effects: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(7)
    phases = _phases(rng)
    mean = 30 * rates(MONDAY, 7 * WEEKS, 1)[0] * np.exp(np.array(effects) @ phases)
    fit = event_study(rng.poisson(mean).astype(float), np.ones(len(mean), dtype=bool), *_calendar(), phases)
    error = jackknife_error(fit.beta_without)
    assert np.abs(fit.beta - effects).max() < 4 * error.max()
    assert error.max() < 0.02
    np.testing.assert_allclose(fit.observed / fit.expected, np.exp(fit.beta), rtol=0.02)


def test_a_phase_at_the_same_time_every_week_cannot_be_told_from_the_week_itself() -> None:
    week, time_of_week = _calendar()
    always = (time_of_week >= 550) & (time_of_week < 558)
    orders = rates(MONDAY, 7 * WEEKS, 1)[0]
    fit = event_study(orders, np.ones(len(orders), dtype=bool), week, time_of_week, always[None])
    assert np.isnan(fit.beta).all()


def test_nothing_observed_gives_no_estimate() -> None:
    nothing = np.zeros(7 * WEEKS * 96)
    fit = event_study(nothing, nothing > 0, *_calendar(), _phases(np.random.default_rng(0)))
    assert np.isnan(fit.beta).all()
    assert fit.observed.tolist() == [0, 0, 0]
