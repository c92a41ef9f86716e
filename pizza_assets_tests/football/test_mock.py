from datetime import date, timedelta

import pandas as pd
import pytest

from pizza_assets.contracts import FOOTBALL_MATCHES, validate
from pizza_assets.football.mock import mock_matches
from pizza_assets.reference import teams
from pizza_assets.settings import Settings


def season(start_year: int, seed: int = 1) -> pd.DataFrame:
    settings = Settings.load(mock_seed=seed)
    days = [mock_matches(date(start_year, 8, 1) + timedelta(days=day), settings) for day in range(365)]
    return pd.concat([day for day in days if len(day)], ignore_index=True)


@pytest.fixture(scope="module")
def seasons() -> pd.DataFrame:
    return pd.concat([season(year) for year in range(2015, 2025)], ignore_index=True)


def test_a_season_is_whole_and_keeps_the_contract(seasons: pd.DataFrame) -> None:
    validate(seasons, FOOTBALL_MATCHES)
    assert seasons.groupby("competition").size().to_dict() == {"ML": 3800, "MC": 150}
    assert (seasons["data_source"] == "mock").all()
    assert (seasons["status"] == "FINISHED").all()
    clubs = {team.name for team in teams().values() if team.in_mock_league}
    assert set(seasons["home_team"]) == set(seasons["away_team"]) == clubs
    significance = seasons.groupby("stage")["match_significance"].agg(set).to_dict()
    assert significance == {
        "REGULAR_SEASON": {"regular"},
        "LAST_16": {"tournament"},
        "QUARTER_FINALS": {"tournament"},
        "SEMI_FINALS": {"tournament"},
        "FINAL": {"final"},
    }


def test_scores_goals_and_results_agree(seasons: pd.DataFrame) -> None:
    for side in ("home", "away"):
        minutes = [list(goals) for goals in seasons[f"{side}_goal_minutes"]]
        assert [len(goals) for goals in minutes] == seasons[f"{side}_score"].tolist()
        first_half = [sum(goal <= 45 for goal in goals) for goals in minutes]
        assert first_half == seasons[f"{side}_half_time_score"].tolist()
        assert all(goals == sorted(goals) and all(1 <= goal <= 120 for goal in goals) for goals in minutes)
    lead = seasons["home_score"] - seasons["away_score"]
    assert (seasons["event_type"] == lead.map(lambda goals: "win" if goals > 0 else "loss" if goals else "draw")).all()


def test_level_cup_ties_go_to_extra_time_and_then_to_a_shoot_out(seasons: pd.DataFrame) -> None:
    assert (seasons.loc[seasons["competition"] == "ML", "duration"] == "REGULAR").all()
    cup = seasons[seasons["competition"] == "MC"]
    assert set(cup["duration"]) == {"REGULAR", "EXTRA_TIME", "PENALTY_SHOOTOUT"}
    assert ((cup["event_type"] == "draw") == (cup["duration"] == "PENALTY_SHOOTOUT")).all()
    in_play = {
        side: cup[f"{side}_goal_minutes"].map(lambda goals: sum(goal <= 90 for goal in goals))
        for side in ("home", "away")
    }
    assert ((in_play["home"] == in_play["away"]) == (cup["duration"] != "REGULAR")).all()


def test_the_winners_of_a_stage_meet_in_the_next() -> None:
    cup = season(2024).query("competition == 'MC'")
    previous = cup[cup["stage"] == "LAST_16"]
    assert pd.concat([previous["home_team"], previous["away_team"]]).nunique() == 16
    for stage in ("QUARTER_FINALS", "SEMI_FINALS", "FINAL"):
        ties = cup[cup["stage"] == stage]
        through = set(ties["home_team"]) | set(ties["away_team"])
        assert len(through) == len(previous)
        for tie in previous.to_dict("records"):
            possible = {"win": [tie["home_team"]], "loss": [tie["away_team"]]}.get(
                tie["event_type"], [tie["home_team"], tie["away_team"]]
            )
            assert len(through.intersection(possible)) == 1
        previous = ties


def test_kick_offs_are_london_wall_times_in_summer_and_winter(seasons: pd.DataFrame) -> None:
    league = seasons[seasons["competition"] == "ML"]
    local = league["timestamp"].dt.tz_convert("Europe/London")
    saturday = local[local.dt.day_of_week == 5]
    assert set(saturday.dt.strftime("%H:%M")) == {"12:30", "15:00", "17:30", "20:00"}
    # Both offsets occur, so a generator that took wall times for UTC would fail above.
    assert set(saturday.dt.hour - league.loc[saturday.index, "timestamp"].dt.hour) == {0, 1}


def test_seasons_and_seeds_differ() -> None:
    pairs = [
        list(zip(frame["home_team"], frame["timestamp"].dt.day, strict=True))
        for frame in (season(2023), season(2024), season(2024, seed=2))
    ]
    assert pairs[0] != pairs[1] != pairs[2]


def test_there_are_no_matches_in_the_summer() -> None:
    settings = Settings.load()
    for day in (date(2024, 6, 1), date(2024, 7, 15), date(2024, 8, 1), date(2024, 8, 9)):
        validate(mock_matches(day, settings), FOOTBALL_MATCHES)
        assert mock_matches(day, settings).empty


def test_a_caller_cannot_change_the_season_for_others() -> None:
    settings = Settings.load(mock_seed=1)
    day = season(2024)["timestamp"].iloc[0].date()
    first = mock_matches(day, settings)
    first["home_score"] = 99
    assert (mock_matches(day, settings)["home_score"] < 99).all()
