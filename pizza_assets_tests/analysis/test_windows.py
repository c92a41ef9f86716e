from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.analysis.windows import BINS_PER_HOUR, select_matches, span_bins, spans_in, window_bins
from pizza_assets.reference import cities
from pizza_assets_tests.frames import match_row, matches_frame

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def test_one_match_makes_a_unit_in_each_of_its_cities() -> None:
    units = select_matches(matches_frame([match_row("a", NOON, score=(3, 1))])).units.set_index("city")
    assert units.index.tolist() == ["Liverpool", "Manchester"]
    assert units[["goals", "margin", "draw"]].to_numpy().tolist() == [[4, 2, 0], [4, 2, 0]]
    assert units["win"].tolist() == [1, 0]
    assert units["loss"].tolist() == [0, 1]


def test_matches_of_one_city_and_kick_off_merge() -> None:
    rows = [
        match_row("a", NOON, ("London", "Liverpool"), (2, 0)),
        match_row("b", NOON, ("London", "Norwich"), (1, 3), match_significance="final", competition="FAC"),
    ]
    london = select_matches(matches_frame(rows)).units.set_index("city").loc["London"]
    assert london["match_ids"] == "a b"
    assert london["competition"] == "FAC PL"
    assert london["match_significance"] == "final"
    assert london["goals"] == 3
    assert np.isnan(london["win"]), "one team won, the other lost"
    assert london["draw"] == 0


def test_a_derby_has_goals_but_neither_winner_nor_loser() -> None:
    units = select_matches(matches_frame([match_row("a", NOON, ("London", "London"), (2, 1))])).units
    assert len(units) == 1
    assert units.loc[0, "goals"] == 3
    assert units[["win", "loss"]].isna().all(axis=None)


@pytest.mark.parametrize("minutes", [-7, 0, 7])
def test_kick_offs_go_to_the_nearest_bin(minutes: int) -> None:
    at_noon, near_noon = (
        select_matches(matches_frame([match_row("a", NOON + timedelta(minutes=shift))])).units["kick_off_bin"]
        for shift in (0, minutes)
    )
    assert at_noon.tolist() == near_noon.tolist()


def test_windows_are_disjoint_and_extra_time_shifts_the_last() -> None:
    rows = [match_row("a", NOON), match_row("b", NOON + timedelta(days=1), duration="EXTRA_TIME")]
    units = select_matches(matches_frame(rows)).units.drop_duplicates("kick_off_bin")
    kick_off = units["kick_off_bin"].to_numpy()
    hours = {
        name: [(bins - kick_off) / BINS_PER_HOUR for bins in window_bins(units, name)]
        for name in ("pre_match", "during_match", "post_match", "day")
    }
    assert [edge.tolist() for edge in hours["pre_match"]] == [[-2, -2], [0, 0]]
    assert [edge.tolist() for edge in hours["during_match"]] == [[0, 0], [2, 2.5]]
    assert [edge.tolist() for edge in hours["post_match"]] == [[2, 2.5], [4, 4.5]]
    assert [edge.tolist() for edge in hours["day"]] == [[0, 0], [24, 24]]
    assert ((span_bins(units)[1] - kick_off) / BINS_PER_HOUR).tolist() == [4, 4.5]


_KICK_OFFS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 60), st.booleans()), max_size=12)


@given(_KICK_OFFS, st.integers(0, 2), st.integers(-20, 90), st.integers(1, 30))
def test_overlapping_spans_are_counted_once_a_city_and_kick_off(
    kick_offs: list[tuple[int, int, bool]], city: int, start: int, length: int
) -> None:
    names = ("Hull", "Leeds", "York")
    rows = [(names[number], at, extra_time) for number, at, extra_time in kick_offs]
    frame = pd.DataFrame(rows, columns=["city", "kick_off_bin", "extra_time"])
    frame = frame.astype({"city": str, "kick_off_bin": "int64", "extra_time": bool})
    found = spans_in(names[1:], frame).overlapping(*(np.array([value]) for value in (city, start, start + length)))
    longest: dict[int, bool] = {}
    for number, at, extra_time in kick_offs:
        if number == city + 1:
            longest[at] = longest.get(at, False) or extra_time
    by_hand = sum(at - 8 < start + length and at + 16 + 2 * extra > start for at, extra in longest.items())
    assert found.tolist() == [by_hand]


def test_only_finished_matches_with_a_score_count() -> None:
    rows = [
        match_row("a", NOON),
        match_row("b", NOON, score=None),
        match_row("c", NOON, status="POSTPONED", score=None),
        match_row("d", NOON, home_score=None),
        match_row("e", NOON, ("unknown", "unknown")),
    ]
    selected = select_matches(matches_frame(rows))
    assert selected.units["match_ids"].unique().tolist() == ["a"]
    assert sorted(selected.ignored["reason"]) == ["no known city", "no score", "status POSTPONED", "status TIMED"]
    assert len(selected.spans) == 2, "a match that may have been played keeps its hours out of the baseline"


def test_a_team_that_was_renamed_is_one_scope_under_its_newest_name() -> None:
    rows = [
        match_row("a", NOON, home_team="Old FC", home_team_id="7"),
        match_row("b", NOON + timedelta(days=7), away_team="New FC", away_team_id="7"),
        match_row("c", NOON + timedelta(days=14), home_team="Old FC"),
    ]
    memberships = select_matches(matches_frame(rows)).memberships
    teams = memberships.loc[memberships["scope"].str.startswith("team:"), "scope"].value_counts()
    assert (teams["team:New FC"], teams["team:Old FC"]) == (2, 1)


def test_a_club_that_moved_is_one_scope_in_the_city_of_each_match() -> None:
    rows = [
        match_row("a", NOON, ("Liverpool", "unknown"), home_team="Moved FC", home_team_id="7"),
        match_row("b", NOON + timedelta(days=7), ("Leeds", "unknown"), home_team="Moved FC", home_team_id="7"),
    ]
    selected = select_matches(matches_frame(rows))
    assert selected.units["city"].tolist() == ["Liverpool", "Leeds"]
    of_club = selected.memberships[selected.memberships["scope"] == "team:Moved FC"]
    assert sorted(of_club["unit"]) == [0, 1]


def test_a_renamed_nation_is_one_scope_under_its_newest_name() -> None:
    rows = [
        match_row("a", NOON, ("unknown", "unknown"), home_team="Turkey", home_team_id="803"),
        match_row("b", NOON + timedelta(days=7), ("unknown", "unknown"), home_team="Türkiye", home_team_id="803"),
    ]
    national = select_matches(matches_frame(rows)).national
    of_turkey = national[national["country"] == "TR"]
    assert of_turkey["team"].tolist() == ["Türkiye", "Türkiye"]


def test_the_hours_of_a_national_team_are_kept_out_in_all_cities_of_its_country() -> None:
    final = match_row("f", NOON, ("unknown", "unknown"), home_team="Spain", away_team="England", duration="EXTRA_TIME")
    selected = select_matches(matches_frame([match_row("a", NOON + timedelta(days=1)), final]))
    of_final = selected.spans[selected.spans["extra_time"]]
    assert {*of_final["city"]} == {city.name for city in cities().values() if city.country in ("GB", "ES")}
    assert of_final["city"].is_unique
    assert selected.units["match_ids"].unique().tolist() == ["a"]
    assert selected.ignored["reason"].tolist() == ["national teams"]


def test_of_a_scheduled_match_of_nations_the_hours_are_kept_out_too() -> None:
    row = match_row("f", NOON, ("unknown", "unknown"), None, home_team="Elsewhere FC", away_team="Germany")
    assert {"Munich", "Leipzig"} <= {*select_matches(matches_frame([row])).spans["city"]}


def test_a_match_that_was_moved_counts_on_its_last_day() -> None:
    later = NOON + timedelta(days=30)
    rows = [match_row("a", NOON, score=None, status="POSTPONED"), match_row("a", later), match_row("a", NOON)]
    selected = select_matches(matches_frame(rows[:2]))
    assert selected.units["kick_off_at"].unique().tolist() == [later]
    twice = select_matches(matches_frame(rows[1:]))
    assert twice.units["kick_off_at"].unique().tolist() == [later]
    assert twice.ignored["reason"].tolist() == ["listed twice"]
