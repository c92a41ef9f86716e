from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pizza_assets.analysis import grid
from pizza_assets.analysis.correlation import Association, associate, response
from pizza_assets.analysis.uplift import Counts
from pizza_assets.reference import cities
from pizza_assets_tests.analysis.seasons import Season, season

EXPECTED = 20.0
ORDERS = st.lists(st.integers(0, 90), min_size=12, max_size=40).filter(lambda orders: len(set(orders)) > 2)


def _associated(orders: list[int], outcome: list[float]) -> tuple[Association, np.ndarray, np.ndarray]:
    """Associate in one city with equal expectations, where every measure is the textbook's own."""
    n = len(orders)
    observed, x = np.array(orders, dtype=float), np.array(outcome[:n], dtype=float)
    counts = Counts(
        observed, np.full(n, EXPECTED), np.ones((n, 8)), np.arange(n) % 8, np.zeros(n, dtype=np.int64), np.ones(n)
    )
    return associate(response(counts, np.zeros(n, dtype=np.int64)), x[:, None]), x, np.log((observed + 0.5) / EXPECTED)


# Feature: pizza-game-dashboard, Property 15: For any football match outcome, correlation coefficients between match
# results and Domino's order spikes should be calculated correctly
@given(ORDERS, st.lists(st.integers(0, 6), min_size=40, max_size=40))
def test_counts_agree_with_scipy(orders: list[int], goals: list[float]) -> None:
    found, x, y = _associated(orders, goals)
    if len(set(x)) < 3:
        return
    line = stats.linregress(x, y)
    assert found.r[0, 0] == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
    assert found.rank_r[0, 0] == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)
    assert found.slope[0, 0] == pytest.approx(line.slope, abs=1e-9)


# Feature: pizza-game-dashboard, Property 15: For any football match outcome, correlation coefficients between match
# results and Domino's order spikes should be calculated correctly
@given(ORDERS, st.lists(st.booleans(), min_size=40, max_size=40))
def test_outcomes_agree_with_scipy(orders: list[int], wins: list[float]) -> None:
    found, x, y = _associated(orders, wins)
    with_win, without = y[x == 1], y[x == 0]
    if min(len(with_win), len(without)) < 2:
        return
    u = stats.mannwhitneyu(with_win, without).statistic
    df = len(x) - 2
    pooled = np.sqrt(((len(with_win) - 1) * with_win.var(ddof=1) + (len(without) - 1) * without.var(ddof=1)) / df)
    assert found.r[0, 0] == pytest.approx(stats.pointbiserialr(x, y).statistic, abs=1e-9)
    assert found.rank_r[0, 0] == pytest.approx(2 * u / (len(with_win) * len(without)) - 1, abs=1e-9)
    if pooled > 1e-6:
        assert found.d[0, 0] == pytest.approx(
            (with_win.mean() - without.mean()) / pooled * (1 - 3 / (4 * df - 1)), rel=1e-6
        )


_KEY = ["scope", "factor", "method", "time_window"]


def _estimates(of: Season) -> pd.DataFrame:
    results = of.analysis().results.set_index(_KEY)
    return results[["estimate", "ci_low", "ci_high", "n", "observed", "expected"]].sort_index()


@cache
def _plain(seed: int) -> tuple[Season, pd.DataFrame]:
    of = season(11, seed)
    return of, _estimates(of)


@cache
def _without_noise(seed: int) -> tuple[Season, pd.DataFrame]:
    of = season(11, seed, noise=False, effect={"during_match": 0.3})
    return of, _estimates(of)


def _rows_shuffled(of: Season, seed: int) -> Season:
    volume, matches = (frame.sample(frac=1, random_state=seed) for frame in (of.volume, of.matches))
    return replace(of, volume=volume, matches=matches)


def _currencies_split(of: Season, seed: int) -> Season:
    is_euro = np.random.default_rng(seed).random(len(of.volume)) < 0.5
    return replace(of, volume=of.volume.assign(currency=np.where(is_euro, "EUR", "GBP")))


def _weeks_moved(of: Season, seed: int) -> Season:
    shift = timedelta(weeks=1 + seed % 8)
    return Season(
        of.volume.assign(bin_start=of.volume["bin_start"] - shift),
        of.matches.assign(timestamp=of.matches["timestamp"] - shift),
        {day - shift: source for day, source in of.order_sources.items()},
        of.as_of - shift,
    )


def _teams_renamed(of: Season, seed: int) -> Season:
    names = {side: of.matches[side] + f" {1880 + seed}" for side in ("home_team", "away_team")}
    return replace(of, matches=of.matches.assign(**names))


CHANGES = (_rows_shuffled, _currencies_split, _weeks_moved, _teams_renamed)


# Feature: pizza-game-dashboard, Property 15: For any football match outcome, correlation coefficients between match
# results and Domino's order spikes should be calculated correctly
@given(st.integers(0, 9), st.integers(10, 99), st.sampled_from(CHANGES))
def test_results_do_not_hang_on_order_of_rows_currency_calendar_or_names(
    seed: int, how: int, change: Callable[[Season, int], Season]
) -> None:
    of, plain = _plain(seed)
    changed = _estimates(change(of, how)).rename(lambda label: label.removesuffix(f" {1880 + how}"))
    pd.testing.assert_frame_equal(plain, changed, rtol=1e-6)


# Feature: pizza-game-dashboard, Property 15: For any football match outcome, correlation coefficients between match
# results and Domino's order spikes should be calculated correctly
@given(st.integers(0, 9), st.integers(2, 12))
def test_a_business_of_another_size_has_the_same_uplift(seed: int, times: int) -> None:
    """Without noise: multiplied noisy counts have zeros that a larger business would not have, which are silence."""
    of, plain = _without_noise(seed)
    larger = _estimates(replace(of, volume=of.volume.assign(orders=times * of.volume["orders"])))
    small, large = (estimates.xs(("all", "match")) for estimates in (plain, larger))
    np.testing.assert_allclose(large["observed"], times * small["observed"])
    np.testing.assert_allclose(large["estimate"], small["estimate"], atol=1.5)


@pytest.mark.parametrize("seed", range(5))
def test_people_who_live_the_same_evenings_in_another_time_zone_give_the_same_results(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, plain = _plain(seed)
    hour = timedelta(hours=1)
    volume = of.volume.assign(bin_start=of.volume["bin_start"] - hour)
    moved = replace(of, volume=volume, matches=of.matches.assign(timestamp=of.matches["timestamp"] - hour))
    in_lagos = {name: replace(city, time_zone="Africa/Lagos") for name, city in cities().items()}
    monkeypatch.setattr(grid, "known_cities", lambda: in_lagos)
    columns = ["estimate", "n", "observed", "expected"]
    pd.testing.assert_frame_equal(plain[columns], _estimates(moved)[columns], rtol=1e-6)
