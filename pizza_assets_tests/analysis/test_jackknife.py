import numpy as np
import pytest
from scipy import stats

from pizza_assets.analysis.jackknife import effective_weeks, jackknife_error, student_interval


def test_the_jackknife_of_a_mean_is_the_t_test() -> None:
    sample = np.random.default_rng(3).normal(0.4, 1, 15)
    without = (sample.sum() - sample) / (len(sample) - 1)
    error = jackknife_error(without[None])
    interval = student_interval(np.array([sample.mean()]), error, np.array([len(sample) - 1.0]))
    test = stats.ttest_1samp(sample, 0)
    assert error[0] == pytest.approx(stats.sem(sample))
    assert interval.p_value[0] == pytest.approx(test.pvalue)
    assert (interval.low[0], interval.high[0]) == pytest.approx(tuple(test.confidence_interval()))


@pytest.mark.parametrize("without", [[0.1], [0.1, np.nan], [0.1, np.inf]])
def test_what_cannot_be_judged_has_no_error(without: list[float]) -> None:
    assert np.isnan(jackknife_error(np.array([without]))).all()


@pytest.mark.parametrize(("error", "degrees"), [(0.0, 9.0), (np.nan, 9.0), (1.0, 0.0)])
def test_no_interval_without_error_or_freedom(error: float, degrees: float) -> None:
    interval = student_interval(np.array([1.0]), np.array([error]), np.array([degrees]))
    assert np.isnan([interval.low, interval.high, interval.p_value]).all()


def test_equal_weeks_count_fully_and_one_big_week_counts_alone() -> None:
    weeks = effective_weeks(np.array([[2.0] * 7, [1e9, 1, 1, 1, 1, 1, 1], [0.0] * 7]))
    assert weeks.round(6).tolist() == [7, 1, 0]
