import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, norm, t

from pizza_assets.analysis.verdicts import (
    SEASON_DAYS,
    adjusted,
    judge,
    of_this_look,
    over_looks,
    share_of_season,
    too_few,
)


def _judged(p_values: list[float], focus_teams: tuple[str, ...] = (), **columns: object) -> pd.DataFrame:
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
            "error": np.nan,
            "degrees": np.nan,
            "n": 30,
            "expected": 100.0,
            "question": range(len(p_values)),
            "share": 1.0,
            "problem": "",
            "note": "",
        }
    )
    rows = frame.assign(**columns).to_dict("records")  # type: ignore[arg-type]
    return pd.DataFrame(judge(rows, focus_teams))  # type: ignore[arg-type] # names are text


def test_the_sign_decides_between_higher_and_lower() -> None:
    judged = _judged([0.001, 0.001, 0.9], estimate=[5.0, -5.0, 5.0])
    assert judged["verdict"].tolist() == ["higher", "lower", "no effect found"]


def test_sources_are_families_of_their_own() -> None:
    p_values = [0.015, 0.9, 0.9, 0.9, 0.015]
    judged = _judged(p_values, data_source=["real"] * 4 + ["mock"])
    assert judged["verdict"].tolist() == ["no effect found"] * 4 + ["higher"]


def test_insufficient_results_keep_no_number_and_do_not_count_in_the_family() -> None:
    judged = _judged([0.015, 0.001], problem=["", "3 units"])
    assert judged["verdict"].tolist() == ["higher", "insufficient"]
    assert judged["q_value"].iloc[0] == pytest.approx(0.045)
    assert judged.loc[1, ["estimate", "ci_low", "ci_high", "statistical_significance"]].isna().all()
    assert judged["reason"].iloc[1] == "3 units"


def test_diagnostics_keep_their_number_but_are_no_finding() -> None:
    judged = _judged([1e-9, 0.01], note=["placebo", ""])
    assert judged["verdict"].tolist() == ["diagnostic", "higher"]
    assert np.isnan(judged["q_value"].iloc[0])
    assert judged["estimate"].iloc[0] == 5


def test_weights_move_findings_to_the_heavier_questions() -> None:
    p_values = np.array([0.02, *[0.02] * 3, *[0.9] * 6])
    weights = np.array([9.0] + [1.0] * 9)
    weighted = adjusted(p_values, weights)
    by_hand = false_discovery_control(np.minimum(p_values / np.where(weights > 1, 5, 5 / 9), 1))
    np.testing.assert_allclose(weighted, np.maximum(by_hand, p_values))
    assert weighted[0] < weighted[1]


SCOPES = ["all", "team:A", "team:B", "all", "competition:PL", "team:B"]
WINDOWS = ["pre_match", "pre_match", "post_match", "day", "pre_match", "day"]
FULL = np.ones(1)
P_VALUES = np.array([0.01, 0.02, 0.03, 0.04, 0.05, 0.06])


def _of_groups(focus_teams: tuple[str, ...] = (), **columns: object) -> pd.DataFrame:
    expected = [500.0, 900.0, 100.0, 500.0, 500.0, 100.0]
    return _judged(P_VALUES.tolist(), focus_teams, scope=SCOPES, time_window=WINDOWS, expected=expected, **columns)


def test_all_matches_have_half_of_the_weight_the_clubs_and_the_rest_a_quarter() -> None:
    # sqrt(900) : sqrt(100) is 3 : 1
    weights = np.array([2, 3 / 4, 1 / 4, 1 / 3, 1 / 3, 1 / 3])
    np.testing.assert_allclose(_of_groups()["q_value"], adjusted(over_looks(P_VALUES, FULL), weights))


def test_a_club_that_was_named_has_the_weight_of_all_clubs() -> None:
    weights = np.array([2, 1 / 4, 1, 1 / 4, 1 / 4, 1 / 4])
    np.testing.assert_allclose(_of_groups(("B",))["q_value"], adjusted(over_looks(P_VALUES, FULL), weights))


def test_national_teams_share_the_other_half_with_clubs_and_the_rest() -> None:
    scopes = ["all", "team:A", "team:B", "all", "nation:England", "tournament:EC"]
    weights = np.array([2, 1 / 2, 1 / 6, 1 / 3, 2 / 3, 1 / 3])
    judged = _judged(
        P_VALUES.tolist(), scope=scopes, time_window=WINDOWS, expected=[500.0, 900.0, 100.0, 500.0, 9.0, 9.0]
    )
    np.testing.assert_allclose(judged["q_value"], adjusted(over_looks(P_VALUES, FULL), weights))


def test_the_same_question_counts_once_and_has_one_answer() -> None:
    judged = _of_groups(question=["a", "b", "c", "d", "a", "d"])
    # The first is asked of all matches and among the rest, the fourth twice among the rest.
    once = adjusted(over_looks(P_VALUES[:4], FULL), np.array([2 + 1 / 2, 3 / 4, 1 / 4, 1 / 2]))
    np.testing.assert_allclose(judged["q_value"], [*once, once[0], once[3]])


def test_a_group_without_questions_leaves_its_share_to_the_others() -> None:
    judged = _judged([0.01, 0.02, 0.9], time_window=["pre_match", "day", "day"])
    np.testing.assert_allclose(
        judged["q_value"], adjusted(over_looks(np.array([0.01, 0.02, 0.9]), FULL), np.array([2.0, 1.0, 1.0]))
    )


def test_what_was_not_found_says_from_which_effect_on_it_would_be() -> None:
    judged = _judged([0.4, 0.001], error=0.05, degrees=20.0, n=30)
    assert judged["verdict"].tolist() == ["no effect found", "higher"]
    # One finding of two questions of equal weight: the next one needs p <= 0.05 over all looks, a third of it of one.
    reach = (t(20).ppf(1 - 0.05 / 3 / 2) + t(20).ppf(0.8)) * 0.05
    assert judged["smallest_effect"].iloc[0] == pytest.approx(100 * np.expm1(reach))
    assert judged["more_matches"].iloc[0] == np.ceil(30 * ((reach / np.log(1.1)) ** 2 - 1))
    assert judged.loc[1, ["smallest_effect", "more_matches"]].isna().all()


@pytest.mark.parametrize(("error", "share"), [(0.05, 1e-3), (2.0, 1.0)])
def test_where_only_absurd_effects_would_be_found_nothing_is_told(error: float, share: float) -> None:
    judged = _judged([0.4], error=error, degrees=3.0, share=share)
    assert judged[["smallest_effect", "more_matches"]].isna().all(axis=None)
    assert judged["verdict"].tolist() == ["no effect found"]


def test_an_effect_of_that_size_is_found_four_times_in_five() -> None:
    rng, effect = np.random.default_rng(5), _judged([0.4], error=0.05, degrees=20.0)["smallest_effect"].iloc[0]
    estimates = np.log1p(effect / 100) + 0.05 * rng.standard_normal(20_000)
    errors = 0.05 * np.sqrt(rng.chisquare(20, 20_000) / 20)
    found = 2 * t(20).sf(np.abs(estimates / errors)) <= 0.05 / 3
    assert 0.79 < found.mean() < 0.82


def _walks(drift: float, n_seasons: int = 4000) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg] # of floats
    """Return the p of each day's look, seasons by days, of a z with this mean at the season's end; and the shares."""
    steps = np.random.default_rng(6).standard_normal((n_seasons, SEASON_DAYS)) / np.sqrt(SEASON_DAYS)
    share = np.arange(1, SEASON_DAYS + 1) / SEASON_DAYS
    return 2 * norm.sf(np.abs(steps.cumsum(axis=1) + drift * share) / np.sqrt(share)), share


def test_a_null_question_is_found_at_any_look_of_a_season_in_5_percent_of_seasons() -> None:
    p_of_look, share = _walks(drift=0)
    is_found = (over_looks(p_of_look, share) <= 0.05).any(axis=1)
    assert 0.03 < is_found.mean() < 0.05
    assert (p_of_look <= 0.05).any(axis=1).mean() > 0.4


def test_looking_every_day_costs_a_tenth_of_the_power_at_most() -> None:
    p_of_look, share = _walks(drift=norm.isf(0.025) + norm.ppf(0.9))
    by_the_end = (over_looks(p_of_look, share) <= 0.05).any(axis=1).mean()
    assert by_the_end >= 0.9 * (p_of_look[:, -1] <= 0.05).mean()


def test_a_large_effect_is_found_after_a_third_of_the_season() -> None:
    p_of_look, share = _walks(drift=8)
    days = SEASON_DAYS // 3
    assert (over_looks(p_of_look, share) <= 0.05)[:, :days].any(axis=1).mean() > 0.9


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_the_p_of_a_look_is_found_back(share: float) -> None:
    assert of_this_look(float(over_looks(np.array([0.003]), np.array([share]))[0]), share) == pytest.approx(0.003)


def test_early_looks_need_more_evidence() -> None:
    q_values = [_judged([0.001], share=share_of_season(days))["q_value"].iloc[0] for days in (70, 140, 280, 365)]
    assert q_values == sorted(q_values, reverse=True)
    assert q_values[2] == q_values[3] == pytest.approx(0.003)


def test_minimum_n() -> None:
    assert too_few(10, 8) == ""
    assert "9 kick-offs in 8 weeks" in too_few(9, 8)
    assert too_few(10, 7)
