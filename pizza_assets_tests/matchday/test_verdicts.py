import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from pizza_assets.matchday.verdicts import adjusted, judge, too_few


def _judged(p_values: list[float], **columns: object) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "statistical_significance": p_values,
            "data_source": "real",
            "scope": "all",
            "time_window": "during_match",
            "estimate": 5.0,
            "ci_low": 1.0,
            "ci_high": 9.0,
            "correlation_coefficient": np.nan,
            "effect_size": 0.05,
            "problem": "",
            "note": "",
        }
    )
    rows = frame.assign(**columns).to_dict("records")  # type: ignore[arg-type]
    return pd.DataFrame(judge(rows))  # type: ignore[arg-type] # names are text


def test_the_sign_decides_between_higher_and_lower() -> None:
    judged = _judged([0.001, 0.001, 0.9], estimate=[5.0, -5.0, 5.0])
    assert judged["verdict"].tolist() == ["higher", "lower", "no effect found"]


def test_sources_are_families_of_their_own() -> None:
    p_values = [0.03, 0.9, 0.9, 0.9, 0.03]
    judged = _judged(p_values, data_source=["real"] * 4 + ["mock"])
    assert judged["verdict"].tolist() == ["no effect found"] * 4 + ["higher"]


def test_insufficient_results_keep_no_number_and_do_not_count_in_the_family() -> None:
    judged = _judged([0.03, 0.001], problem=["", "3 units"])
    assert judged["verdict"].tolist() == ["higher", "insufficient"]
    assert judged["q_value"].iloc[0] == 0.03
    assert judged.loc[1, ["estimate", "ci_low", "ci_high", "statistical_significance"]].isna().all()
    assert judged["reason"].iloc[1] == "3 units"


def test_diagnostics_keep_their_number_but_are_no_finding() -> None:
    judged = _judged([1e-9, 0.04], note=["placebo", ""])
    assert judged["verdict"].tolist() == ["diagnostic", "higher"]
    assert np.isnan(judged["q_value"].iloc[0])
    assert judged["estimate"].iloc[0] == 5


def test_half_of_the_weight_goes_to_the_primary_questions() -> None:
    p_values = np.array([0.02, *[0.02] * 3, *[0.9] * 6])
    primary = np.array([True] + [False] * 9)
    weighted = adjusted(p_values, primary)
    by_hand = false_discovery_control(np.minimum(p_values / np.where(primary, 5, 10 / 18), 1))
    np.testing.assert_allclose(weighted, np.maximum(by_hand, p_values))
    assert weighted[0] < weighted[1]


def test_teams_and_whole_days_are_not_primary() -> None:
    p_values = [0.012] * 4 + [0.9] * 8
    scopes, windows = ["all", "all", "team:A", "all"], ["pre_match", "post_match", "day", "day"]
    judged = _judged(p_values, scope=scopes * 3, time_window=windows * 3)
    q_values = judged["q_value"].iloc[:4].tolist()
    assert q_values[0] == q_values[1] <= q_values[2] == q_values[3]
    primary = np.array([True, True, False, False] * 3)
    np.testing.assert_allclose(judged["q_value"], adjusted(np.array(p_values), primary))


def test_minimum_n() -> None:
    assert too_few(10, 8) == ""
    assert "9 units in 8 weeks" in too_few(9, 8)
    assert too_few(10, 7)
