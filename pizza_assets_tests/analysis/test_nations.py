from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pizza_assets.analysis.analyse import Analysis
from pizza_assets.analysis.report import report_markdown
from pizza_assets.dashboard.datasets import ALL_TEAMS, data_sets
from pizza_assets_tests.analysis.seasons import CITIES, Season, kick_off, season, weekly_matches
from pizza_assets_tests.frames import match_row, matches_frame

ABROAD = ("Munich", "Leipzig", "Berlin")
WEEKS = 40
#: A tournament of five weeks, with a match a week and two in the second.
KICK_OFFS = [kick_off(30 + week, weekday, 19) for week, weekday in ((0, 1), (1, 0), (1, 4), (2, 1), (3, 1), (4, 6))]


def _euro(kick_offs: Sequence[datetime] = KICK_OFFS) -> list[dict[str, object]]:
    nations: dict[str, Any] = {"home_team": "England", "away_team": "Iceland", "competition": "EC"}
    stages = ["GROUP_STAGE"] * (len(kick_offs) - 1) + ["FINAL"]
    return [
        match_row(f"n{n}", at, ("unknown", "unknown"), **nations, stage=stage)
        for n, (at, stage) in enumerate(zip(kick_offs, stages, strict=True))
    ]


def _season(seed: int, *, cities: Sequence[str] = CITIES, euro: bool = True) -> Season:
    # The league's season is over before the tournament begins.
    of = season(WEEKS, seed, cities=cities, rows=weekly_matches(30, seed), scale=2.0)
    matches = pd.concat([of.matches, matches_frame(_euro())], ignore_index=True) if euro else of.matches
    return replace(of, matches=matches)


def _raised(of: Season, factor: float, cities: Sequence[str], seed: int = 3) -> Season:
    """Return the season with so many times the orders from 2 h before the tournament's kick-offs to 4 h after."""
    hours = pd.Timedelta(hours=1)
    is_on = np.logical_or.reduce(
        [of.volume["bin_start"].between(at - 2 * hours, at + 3.75 * hours) for at in KICK_OFFS]
    ) & of.volume["city"].isin(list(cities))
    more = np.random.default_rng(seed).poisson((factor - 1) * of.volume["orders"])
    return replace(of, volume=of.volume.assign(orders=of.volume["orders"] + np.where(is_on, more, 0)))


def _during(analysis: Analysis, scope: str) -> pd.Series:
    rows = analysis.results.query("scope == @scope and time_window == 'during_match'")
    assert len(rows) == 1
    return rows.iloc[0]


def test_what_nations_matches_do_in_their_country_is_found_by_nation_tournament_and_stage() -> None:
    analysis = _raised(_season(1), 1.25, CITIES).analysis()
    for scope in ("nation:England", "tournament:EC", "stage:GROUP_STAGE"):
        row = _during(analysis, scope)
        assert (row["verdict"], row["method"], row["n_weeks"] >= 4) == ("higher", "event_study", True)
        assert row["ci_low"] < 25 < row["ci_high"]
    england = _during(analysis, "nation:England")
    assert england["n"] == len(KICK_OFFS) * len(CITIES)
    assert "when England plays, in all cities of its country" in england["pattern_description"]
    assert "the same hours of its other weeks." in england["pattern_description"]
    final = _during(analysis, "stage:FINAL")
    assert final["verdict"] == "insufficient"
    assert "1 kick-off counts" in final["reason"]
    assert "### National teams" in report_markdown(analysis)
    assert "- England: 2 h before kick-off" in report_markdown(analysis)


@pytest.mark.parametrize("seed", range(4))
def test_where_nations_matches_do_nothing_nothing_is_found(seed: int) -> None:
    results = _season(seed).analysis().results
    national = results[results["method"] == "event_study"]
    assert set(national["scope"].str.partition(":")[0]) == {"nation", "tournament", "stage"}
    assert set(national["verdict"]) <= {"no effect found", "insufficient"}


def _with_shared_days(of: Season, seed: int = 4) -> Season:
    """Return the season with days that are good or bad in all cities at once."""
    rng, days = np.random.default_rng(seed), of.volume["bin_start"].dt.floor("D")
    factor = days.map(dict(zip(days.unique(), np.exp(rng.normal(0, 0.3, days.nunique())), strict=True)))
    return replace(of, volume=of.volume.assign(orders=rng.poisson(of.volume["orders"] * factor)).query("orders > 0"))


def test_what_countries_share_on_a_day_is_taken_out_with_cities_of_other_countries() -> None:
    cities = (*CITIES, *ABROAD)
    alone, with_others = (
        _during(_raised(_with_shared_days(_season(5, cities=of)), 1.25, CITIES).analysis(), "nation:England")
        for of in (CITIES, cities)
    )
    assert with_others["ci_low"] < 25 < with_others["ci_high"]
    assert with_others["verdict"] == "higher"
    assert with_others["ci_high"] - with_others["ci_low"] < 0.5 * (alone["ci_high"] - alone["ci_low"])
    assert "other weeks and cities of other countries." in with_others["pattern_description"]
    assert "other weeks." in alone["pattern_description"]


def test_what_nations_matches_sell_changes_no_figure_of_clubs() -> None:
    of = _season(9)
    calm, busy = of.analysis(), _raised(of, 5.0, CITIES).analysis()
    numbers = ["scope", "factor", "time_window", "estimate", "ci_low", "ci_high"]
    clubs, same = (a.results[a.results["method"] != "event_study"][numbers] for a in (calm, busy))
    assert_frame_equal(clubs, same)
    without = _season(9, euro=False).analysis().results.query("factor == 'match'")
    both = without.merge(calm.results, on=["scope", "factor", "method", "time_window"], suffixes=("", "_with"))
    known = both[both["estimate"].notna()]
    width = known["ci_high"] - known["ci_low"]
    assert len(known) > 0
    for name in ("estimate", "ci_low", "ci_high"):
        assert ((known[name] - known[f"{name}_with"]).abs() < 0.1 * width).all()
    taken_in = _raised(replace(of, matches=of.matches[of.matches["competition"] != "EC"]), 5.0, CITIES).analysis()
    assert not taken_in.results["estimate"].equals(without["estimate"])


def test_a_spike_at_a_nations_match_is_explained_by_it() -> None:
    spikes = _raised(_season(3), 3.0, ["Norwich"]).analysis().anomalies
    during = spikes[spikes["time_period"] == "during_match"]
    assert set(during["city"]) == {"Norwich"}
    assert set(during["match_ids"]) == {f"n{n}" for n in range(len(KICK_OFFS))}


def test_matches_of_nations_whose_countries_sell_nothing_are_counted_as_such() -> None:
    of = _season(2)
    row = match_row("x", KICK_OFFS[0], ("unknown", "unknown"), home_team="France", away_team="Germany")
    analysis = replace(of, matches=pd.concat([of.matches, matches_frame([row])], ignore_index=True)).analysis()
    assert analysis.summary["matches_ignored"] == {"national teams": 1}
    assert not analysis.results["scope"].isin(["nation:France", "nation:Germany"]).any()


def test_real_matches_of_nations_around_mock_orders_are_mock() -> None:
    of = season(WEEKS, 1, rows=weekly_matches(30, 1), source="mock", scale=2.0)
    matches = pd.concat([of.matches, matches_frame(_euro())], ignore_index=True)
    results = replace(of, matches=matches).analysis().results
    assert set(results.loc[results["method"] == "event_study", "data_source"]) == {"mock"}


def test_viewers_get_the_effects_of_nations_with_their_sentences() -> None:
    of = _raised(_season(1), 1.25, CITIES)
    analysis = of.analysis()
    effects = data_sets(analysis, of.volume, of.matches, of.order_sources, KICK_OFFS[-1])["effects"]
    england = effects[(effects["scope"] == "nation:England") & (effects["time_window"] == "during_match")].iloc[0]
    assert (england["verdict"], england["team"]) == ("higher", ALL_TEAMS)
    assert england["sentence"] == _during(analysis, "nation:England")["pattern_description"]
