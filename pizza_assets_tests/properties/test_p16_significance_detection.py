import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from pizza_assets.matchday.verdicts import ALPHA, adjusted
from pizza_assets_tests.matchday.seasons import season, weekly_matches

FOUND = ("higher", "lower")
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


# Feature: pizza-game-dashboard, Property 16: For any order pattern analysis, statistically significant increases in
# Domino's orders following victories or major football events should be correctly identified
@given(st.integers(0, 60), st.sampled_from(["pre_match", "during_match", "post_match"]), st.floats(0.5, 0.9))
def test_a_large_planted_increase_is_found_in_its_window_with_the_right_sign(
    seed: int, window: str, effect: float
) -> None:
    results = season(20, seed, effect={window: effect}).analysis().results
    overall = results.query("scope == 'all' and factor == 'match'").set_index("time_window")
    assert overall.loc[window, "verdict"] == "higher"
    assert overall.loc[window, "ci_low"] < 100 * np.expm1(effect) * 1.35
    assert overall.loc[window, "ci_high"] > 100 * np.expm1(effect) * 0.65


# Feature: pizza-game-dashboard, Property 16: For any order pattern analysis, statistically significant increases in
# Domino's orders following victories or major football events should be correctly identified
@given(st.integers(0, 60), st.sampled_from([-0.9, 0.9]))
def test_what_follows_victories_is_found_and_never_before_kick_off(seed: int, effect: float) -> None:
    results = season(28, seed, effect={"win": effect}).analysis().results
    win = results.query("scope == 'all' and factor == 'win' and method == 'point_biserial'").set_index("time_window")
    assert win.loc["post_match", "verdict"] == ("higher" if effect > 0 else "lower")
    assert win.loc["pre_match", "verdict"] == "diagnostic"


# Feature: pizza-game-dashboard, Property 16: For any order pattern analysis, statistically significant increases in
# Domino's orders following victories or major football events should be correctly identified
@given(st.integers(0, 200), st.integers(8, 20))
def test_the_same_orders_every_week_prove_nothing(seed: int, weeks: int) -> None:
    rows = weekly_matches(weeks, seed)
    verdicts = season(weeks, seed, rows=rows, noise=False).analysis().results["verdict"]
    assert not verdicts.isin(FOUND).any()


def test_chance_alone_is_seldom_called_a_finding() -> None:
    """Of 60 seasons without any effect, at most 5 % plus 2 standard errors may claim one."""
    claims = sum(season(16, seed).analysis().results["verdict"].isin(FOUND).any() for seed in range(1000, 1060))
    assert claims <= 60 * (0.05 + 2 * np.sqrt(0.05 * 0.95 / 60))


# Feature: pizza-game-dashboard, Property 16: For any order pattern analysis, statistically significant increases in
# Domino's orders following victories or major football events should be correctly identified
@given(P_VALUES, st.data())
def test_adjustment_is_benjamini_hochberg_and_only_ever_takes_claims_back(
    p_values: list[float], data: st.DataObject
) -> None:
    p = np.array(p_values)
    np.testing.assert_allclose(adjusted(p), false_discovery_control(p))
    primary = np.array(data.draw(st.lists(st.booleans(), min_size=len(p), max_size=len(p))))
    q = adjusted(p, primary)
    assert ((q >= p) & (q <= 1)).all()
    more_tests = adjusted(np.append(p, np.ones(10)))[: len(p)]
    assert (more_tests >= adjusted(p) - 1e-12).all()
    with_missing = adjusted(np.append(p, np.nan))
    np.testing.assert_allclose(with_missing[:-1], adjusted(p))
    assert np.isnan(with_missing[-1])
    assert (q <= ALPHA).sum() <= (p <= ALPHA).sum()
