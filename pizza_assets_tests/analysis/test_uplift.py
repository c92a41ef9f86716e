import numpy as np
import pytest

from pizza_assets.analysis.jackknife import jackknife_error, student_interval
from pizza_assets.analysis.uplift import Counts, uplift_of_sets
from pizza_assets_tests.analysis.seasons import season

OBSERVED, EXPECTED = np.array([60.0, 55.0, 66.0, 52.0]), np.array([50.0, 50.0, 55.0, 45.0])


def _four_weeks(code: int = 0) -> Counts:
    return Counts(OBSERVED, EXPECTED, np.ones((4, 4)), np.arange(4), np.array([0, 0, 0, code]), np.ones(4))


def test_the_worked_example_of_the_documentation() -> None:
    """docs/statistics.md computes these figures by hand."""
    uplift = uplift_of_sets(_four_weeks(), np.ones((1, 4), dtype=bool))
    error = jackknife_error(uplift.log_ratio_without)
    interval = student_interval(uplift.log_ratio, error, uplift.degrees)
    assert uplift.log_ratio_without[0].round(4).tolist() == [0.1427, 0.1711, 0.1413, 0.1551]
    assert error[0] == pytest.approx(0.0208, abs=5e-5)
    assert uplift.degrees[0] == pytest.approx(2.98, abs=0.005)
    percent = [100 * np.expm1(value[0]) for value in (uplift.log_ratio, interval.low, interval.high)]
    assert percent == pytest.approx([16.5, 9.0, 24.5], abs=0.05)


def test_a_unit_that_is_not_clean_adds_nothing() -> None:
    uplift = uplift_of_sets(_four_weeks(code=3), np.ones((1, 4), dtype=bool))
    assert (uplift.observed[0], uplift.expected[0], uplift.n_units[0]) == (181, 155, 3)


def test_sets_may_overlap_or_be_empty() -> None:
    sets = np.array([[True, True, False, False], [True, False, True, False], [False] * 4])
    uplift = uplift_of_sets(_four_weeks(), sets)
    np.testing.assert_allclose(uplift.log_ratio, [np.log(115 / 100), np.log(126 / 105), np.nan])
    assert uplift.n_weeks.tolist() == [2, 2, 0]


def test_a_planted_uplift_comes_back() -> None:
    units = season(30, 3, scale=4, effect={"during_match": 0.2}).analysis().units
    during = units[units["is_clean"] & (units["time_window"] == "during_match")]
    assert during["observed"].sum() / during["expected"].sum() == pytest.approx(np.exp(0.2), abs=0.05)
