import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from pizza_assets.analysis.verdicts import ALPHA, adjusted
from pizza_assets_tests.analysis.seasons import season

FOUND = ("higher", "lower")
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


# Feature: pizza-game-dashboard, Property 16: For any order pattern analysis, statistically significant increases in
# Domino's orders following victories or major football events should be correctly identified
@given(
    st.integers(0, 60),
    st.sampled_from(["pre_match", "during_match", "post_match"]),
    st.floats(0.5, 0.9),
    st.sampled_from([-1.0, 1.0]),
)
def test_planted_effects_of_matches_and_victories_are_found_with_their_signs(
    seed: int, window: str, uplift: float, sign: float
) -> None:
    """In one world of twenty the cities without a match differ by chance, which makes a finding doubtful."""
    planted = {window: uplift, "win": 0.9 * sign}
    results = season(28, seed, effect=planted).analysis().results.query("scope == 'all'")
    overall = results[results["factor"] == "match"].set_index("time_window").loc[window]
    if window != "post_match":
        assert overall["verdict"] in {"higher", "doubtful"}
        assert overall["ci_low"] < 135 * np.expm1(uplift)
        assert overall["ci_high"] > 65 * np.expm1(uplift)
    win = results.query("factor == 'win' and method == 'point_biserial'").set_index("time_window")["verdict"]
    assert win["post_match"] in {"higher" if sign > 0 else "lower", "doubtful"}
    assert win["pre_match"] == "diagnostic", "nobody knows the winner before kick-off"


# Feature: pizza-game-dashboard, Property 16: For any order pattern analysis, statistically significant increases in
# Domino's orders following victories or major football events should be correctly identified
@given(st.integers(0, 200), st.integers(8, 12))
def test_the_same_orders_every_week_prove_no_uplift(seed: int, weeks: int) -> None:
    results = season(weeks, seed, noise=False).analysis().results
    uplift = results[results["factor"] == "match"]
    assert not uplift["verdict"].isin(FOUND).any()
    assert (uplift["estimate"].abs().fillna(0) < 0.01).all()
    assert (results["effect_size"].abs().fillna(0) < 1).all(), "no slope of 1 % per goal or more"


def test_chance_alone_is_seldom_called_a_finding() -> None:
    """Of 40 seasons without any effect, at most 5 % plus 2 standard errors may claim one."""
    claims = sum(season(16, seed).analysis().results["verdict"].isin(FOUND).any() for seed in range(1000, 1040))
    assert claims <= 40 * (0.05 + 2 * np.sqrt(0.05 * 0.95 / 40))


# Feature: pizza-game-dashboard, Property 16: For any order pattern analysis, statistically significant increases in
# Domino's orders following victories or major football events should be correctly identified
@given(P_VALUES, st.data())
def test_adjustment_is_benjamini_hochberg_and_only_ever_takes_claims_back(
    p_values: list[float], data: st.DataObject
) -> None:
    p = np.array(p_values)
    np.testing.assert_allclose(adjusted(p), false_discovery_control(p))
    weights = np.array(data.draw(st.lists(st.floats(0.1, 10), min_size=len(p), max_size=len(p))))
    q = adjusted(p, weights)
    assert ((q >= p) & (q <= 1)).all()
    more_tests = adjusted(np.append(p, np.ones(10)))[: len(p)]
    assert (more_tests >= adjusted(p) - 1e-12).all()
    with_missing = adjusted(np.append(p, np.nan))
    np.testing.assert_allclose(with_missing[:-1], adjusted(p))
    assert np.isnan(with_missing[-1])
    assert (q <= ALPHA).sum() <= (p <= ALPHA).sum()
