from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pizza_assets.analysis.analyse import Analysis
from pizza_assets.analysis.contract import TIME_PERIODS
from pizza_assets.analysis.report import report_markdown
from pizza_assets_tests.analysis.seasons import CITIES, MONDAY, Season, season, volume_of, weekly_matches
from pizza_assets_tests.analysis.seasons import rates as usual_rates

WEEKS = 40


def _season(own: float, everywhere: float) -> Season:
    """A match a week in two of four cities; while it is on, orders move in them, and in all four."""
    of = season(WEEKS, seed=1, rows=weekly_matches(WEEKS), scale=4)
    mean = 4 * usual_rates(MONDAY, 7 * WEEKS, len(CITIES))
    start = pd.Timestamp(MONDAY, tz="UTC")
    for row in weekly_matches(WEEKS):
        low = int((pd.Timestamp(row["timestamp"]) - start) / pd.Timedelta(minutes=15))  # type: ignore[arg-type]
        mean[:2, low : low + 8] *= np.exp(own)
        mean[:, low : low + 8] *= np.exp(everywhere)
    orders = np.random.default_rng(2).poisson(mean)
    return replace(of, volume=volume_of(orders, CITIES, MONDAY, ["real"] * 7 * WEEKS))


def _during(analysis: Analysis) -> pd.Series:
    return analysis.results.query("scope == 'all' and factor == 'match' and time_window == 'during_match'").iloc[0]


def test_an_effect_of_ones_own_match_is_not_doubted() -> None:
    analysis = _season(own=0.2, everywhere=0).analysis()
    assert _during(analysis)["verdict"] == "higher"
    placebo = analysis.summary["sources"]["real"]["placebo"]
    assert set(placebo) == set(TIME_PERIODS)
    assert all(of["ci_low"] < 0.5 and of["ci_high"] > -0.5 for of in placebo.values())
    assert placebo["during_match"]["n"] == 2 * len(weekly_matches(WEEKS))


def test_an_effect_that_cities_without_a_match_have_too_is_doubtful() -> None:
    analysis = _season(own=0.2, everywhere=0.2).analysis()
    row, placebo = _during(analysis), analysis.summary["sources"]["real"]["placebo"]["during_match"]
    assert row["verdict"] == "doubtful"
    assert f"{placebo['uplift_pct']:+.1f} % orders at these hours too" in row["reason"]
    assert row["reason"] in row["pattern_description"]
    assert placebo["uplift_pct"] > 16.5
    assert "### In cities that did not play" in report_markdown(analysis)
    assert f"Doubtful, for {row['reason']}." in report_markdown(analysis)


def test_what_goes_with_the_outcome_is_not_doubted() -> None:
    results = _season(own=0.2, everywhere=0.2).analysis().results
    assert set(results.loc[results["verdict"] == "doubtful", "factor"]) == {"match"}


def test_the_same_matches_moved_by_whole_weeks_have_no_effect() -> None:
    analysis = _season(own=0.4, everywhere=0).analysis()
    moved = analysis.summary["sources"]["real"]["moved_fixtures"]
    assert set(moved) == set(TIME_PERIODS)
    for of in moved.values():
        assert -2 < of["ci_low"] < 0 < of["ci_high"] < 2
    assert moved["during_match"]["n"] > len(weekly_matches(WEEKS))
    assert "### The same matches, moved by whole weeks" in report_markdown(analysis)


def test_orders_that_a_match_only_moved_are_missing_a_day_later() -> None:
    of = season(WEEKS, seed=1, rows=weekly_matches(WEEKS), scale=8, effect={"during_match": 0.3})
    calm = of.analysis().summary["sources"]["real"]["day_after"]["during_match"]
    lacks = np.zeros(len(of.volume), dtype=bool)
    for row in weekly_matches(WEEKS):
        after = pd.Timestamp(row["timestamp"]) + pd.Timedelta(days=1)  # type: ignore[arg-type]
        lacks |= of.volume["bin_start"].between(after, after + pd.Timedelta(minutes=105)).to_numpy()
    lacks &= of.volume["city"].isin(CITIES[:2]).to_numpy()
    fewer = np.maximum(of.volume["orders"] * np.where(lacks, 0.7, 1), 1).round().astype("int64")
    moved = replace(of, volume=of.volume.assign(orders=fewer)).analysis()
    assert calm["ci_low"] < 1
    assert calm["ci_high"] > -1
    assert moved.summary["sources"]["real"]["day_after"]["during_match"]["ci_high"] < -10
    assert (_during(of.analysis())["verdict"], _during(moved)["verdict"]) == ("higher", "doubtful")
    assert "the same hours a day later had -" in _during(moved)["reason"]
    assert "### The same hours a day later" in report_markdown(moved)


def test_the_answer_without_other_cities_stands_beside_the_one_with_them() -> None:
    analysis = _season(own=0.2, everywhere=0.2).analysis()
    of = analysis.summary["sources"]["real"]["without_other_cities"]["during_match"]
    assert of["ci_low"] < 100 * np.expm1(0.4) < of["ci_high"]
    assert of["uplift_pct"] > _during(analysis)["estimate"]
    assert f"- during the match: {of['uplift_pct']:+.1f} %" in report_markdown(analysis)


@pytest.mark.parametrize("cities", [["Liverpool"], ["Liverpool", "Manchester"]])
def test_without_a_city_that_does_not_play_there_is_no_placebo(cities: list[str]) -> None:
    analysis = season(WEEKS, cities=cities, effect={"during_match": 0.4}, scale=3).analysis()
    assert analysis.summary["sources"]["real"]["placebo"] == {}
    assert _during(analysis)["verdict"] == "higher"
