from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pizza_assets.contracts import FOOTBALL_MATCHES, validate
from pizza_assets.errors import SourceError
from pizza_assets.football.football_data import Season, fetch_matches, fetch_seasons, likely_season, read_matches
from pizza_assets_tests.platform.fake_api import Answer, FakeApi, envelope, football_session, match, score, settings_for


def read(record: object) -> dict[str, object]:
    """Return the one row that `record` becomes."""
    frame, reasons = read_matches([record])
    assert reasons == {}
    return dict(validate(frame, FOOTBALL_MATCHES).iloc[0])


def reason_of(record: object) -> str:
    """Return why `record` is rejected."""
    frame, reasons = read_matches([record])
    assert frame.empty
    assert validate(frame, FOOTBALL_MATCHES) is frame
    return reasons[0]


def cup(kind: str = "CUP") -> dict[str, object]:
    return {"id": 2001, "name": "UEFA Champions League", "code": "CL", "type": kind, "emblem": None}


def goal(minute: object, team: object, kind: str = "REGULAR", **more: object) -> dict[str, object]:
    return {"minute": minute, "injuryTime": None, "type": kind, "team": {"id": team, "name": "x"}, **more}


def test_reads_all_fields() -> None:
    row = read(match(421))
    assert _missing(row["home_goal_minutes"])
    assert _missing(row["away_goal_minutes"])
    assert {name: value for name, value in row.items() if not name.endswith("minutes")} == {
        "match_id": "421",
        "timestamp": datetime(2024, 5, 4, 14, tzinfo=UTC),
        "home_team": "Arsenal FC",
        "away_team": "Chelsea FC",
        "home_score": 2,
        "away_score": 1,
        "event_type": "win",
        "match_significance": "regular",
        "data_source": "real",
        "competition": "PL",
        "stage": "REGULAR_SEASON",
        "status": "FINISHED",
        "duration": "REGULAR",
        "home_half_time_score": 1,
        "away_half_time_score": 0,
        "home_city": "London",
        "away_city": "London",
        "home_team_id": "57",
        "away_team_id": "61",
    }


@pytest.mark.parametrize(
    ("full_time", "extra_time", "penalties", "played", "event"),
    [
        # Recorded matches 418518, 418504 and 418481: fullTime includes extra time and the kicks of the shoot-out.
        ((6, 6), (0, 0), (4, 5), (2, 1), "win"),
        ((5, 6), (1, 1), (3, 4), (2, 2), "draw"),
        ((4, 5), (0, 0), (3, 4), (1, 1), "draw"),
    ],
)
def test_kicks_of_a_shoot_out_are_no_goals(
    full_time: tuple[int, int], extra_time: tuple[int, int], penalties: tuple[int, int], played: object, event: str
) -> None:
    result = score(
        *full_time,
        duration="PENALTY_SHOOTOUT",
        regularTime=(None, None),
        extraTime=extra_time,
        penalties=penalties,
        half_time=(1, 0),
    )
    row = read(match(score={**result, "winner": "AWAY_TEAM"}, competition=cup()))
    assert (row["home_score"], row["away_score"], row["event_type"]) == (*played, event)
    assert row["duration"] == "PENALTY_SHOOTOUT"


def test_goals_in_extra_time_count() -> None:
    result = score(3, 2, duration="EXTRA_TIME", regularTime=(None, None), extraTime=(1, 0))
    row = read(match(score={**result, "winner": "DRAW"}, competition=cup()))
    assert (row["home_score"], row["away_score"], row["event_type"]) == (3, 2, "win")


def test_penalties_that_are_null_take_nothing_away() -> None:
    row = read(match(score=score(1, 3, penalties=(None, None))))
    assert (row["home_score"], row["away_score"], row["event_type"]) == (1, 3, "loss")


@pytest.mark.parametrize("status", ["SCHEDULED", "TIMED", "IN_PLAY", "PAUSED", "SUSPENDED", "POSTPONED", "CANCELLED"])
@pytest.mark.parametrize("result", [score(None, None), score(1, 0, half_time=(1, 0)), None])
def test_there_is_no_result_before_the_end(status: str, result: object) -> None:
    row = read(match(status=status, score=result, goals=[goal(3, 57)]))
    assert row["status"] == status
    scores = ("home_score", "away_score", "event_type", "home_half_time_score", "home_goal_minutes")
    assert all(_missing(row[name]) for name in scores)


def _missing(value: object) -> bool:
    return not isinstance(value, list | np.ndarray) and bool(pd.isna(value))


def test_a_result_decided_at_a_table_is_none() -> None:
    row = read(match(status="AWARDED", score=score(3, 0)))
    assert _missing(row["home_score"])
    assert _missing(row["event_type"])


@pytest.mark.parametrize(
    ("kind", "stage", "significance"),
    [
        ("LEAGUE", "REGULAR_SEASON", "regular"),
        ("LEAGUE", "FINAL", "regular"),
        ("CUP", "FINAL", "final"),
        ("LEAGUE_CUP", "FINAL", "final"),
        ("PLAYOFFS", "FINAL", "final"),
        ("PLAYOFFS", "SEMI_FINALS", "regular"),
        ("CUP", "SEMI_FINALS", "tournament"),
        ("CUP", "LEAGUE_STAGE", "tournament"),
        ("CUP", "A_STAGE_NOBODY_KNOWS", "tournament"),
        ("CUP", None, "tournament"),
        ("LEAGUE_CUP", "GROUP_STAGE", "tournament"),
        ("SOMETHING_NEW", "FINAL", "regular"),
        (None, "REGULAR_SEASON", "regular"),
    ],
)
def test_significance(kind: str, stage: str | None, significance: str) -> None:
    row = read(match(competition=cup(kind), stage=stage))
    assert row["match_significance"] == significance
    assert row["stage"] == (stage or "UNKNOWN")


def test_teams_and_values_that_nobody_knows_are_kept() -> None:
    row = read(
        match(
            status="A_NEW_STATUS",
            homeTeam={"id": 1, "name": "HJK", "shortName": None, "tla": "RC ", "crest": None},
            score=score(None, None, duration="A_NEW_DURATION"),
            matchday=None,
            group="Regular Season",
            referees=None,
            venue="somewhere",
        )
    )
    assert (row["home_team"], row["home_city"]) == ("HJK", "unknown")
    assert (row["status"], row["duration"]) == ("A_NEW_STATUS", "A_NEW_DURATION")


@pytest.mark.parametrize(
    ("goals", "home", "away"),
    [
        ([goal(9, 57), goal(44, 61), goal(90, 57, "PENALTY", injuryTime=4)], [9, 90], [44]),
        ([goal(90, 57), goal(44, 61), goal(9, 57)], [9, 90], [44]),
        # An own goal: booked for the side that gains it, or for the side of the player.
        ([goal(9, 57), goal(44, 61), goal(60, 57, "OWN")], [9, 60], [44]),
        ([goal(9, 57), goal(44, 61), goal(60, 61, "OWN")], [9, 60], [44]),
    ],
)
def test_minutes_of_goals(goals: list[object], home: list[int], away: list[int]) -> None:
    row = read(match(goals=goals))
    assert (list(row["home_goal_minutes"]), list(row["away_goal_minutes"])) == (home, away)


def test_a_match_without_goals_has_none() -> None:
    row = read(match(goals=[], score=score(0, 0)))
    assert (list(row["home_goal_minutes"]), list(row["away_goal_minutes"])) == ([], [])


@pytest.mark.parametrize(
    "goals",
    [
        None,
        [],
        "x",
        [None],
        [goal(9, 57)],
        [goal(9, 57), goal(44, 61), goal(60, 57), goal(61, 57)],
        [goal(9, 57), goal(44, 61), goal(None, 57)],
        [goal(9, 57), goal(44, 61), goal(-1, 57)],
        [goal(9, 57), goal(44, 61), goal("60", 57)],
        [goal(9, 57), goal(44, 61), goal(60, 999)],
        [goal(9, 57), goal(44, 61), goal(60, None)],
    ],
)
def test_minutes_that_do_not_agree_with_the_score_are_unknown(goals: object) -> None:
    row = read(match(goals=goals))
    assert (row["home_score"], row["away_score"]) == (2, 1)
    assert _missing(row["home_goal_minutes"])
    assert _missing(row["away_goal_minutes"])


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"homeTeam": {"id": None, "name": None}}, "homeTeam.name = None"),
        ({"awayTeam": None}, "awayTeam = None"),
        ({"awayTeam": {"id": 1, "name": "  "}}, "awayTeam.name = '  '"),
        ({"awayTeam": {"id": 1, "name": "half a pizza \ud83c"}}, "awayTeam.name"),
        ({"id": None}, "id"),
        ({"id": True}, "id"),
        ({"status": None}, "status = None"),
        ({"competition": None}, "competition = None"),
        ({"utc_date": None}, "utcDate = None"),
        ({"utc_date": "2024-05-04T14:00:00"}, "offset from UTC"),
        ({"utc_date": "2024-05-04"}, "offset from UTC"),
        ({"utc_date": "2024-02-30T14:00:00Z"}, "ISO 8601"),
        ({"utc_date": "tomorrow"}, "ISO 8601"),
        ({"utc_date": 1714831200}, "utcDate = 1714831200"),
        ({"utc_date": "9999-12-31T23:59:59-10:00"}, "UTC can tell"),
        ({"utc_date": "2999-05-04T14:00:00Z"}, "timestamp"),
        ({"utc_date": "0001-01-01T00:00:00Z"}, "timestamp"),
        ({"score": None}, "score.fullTime"),
        ({"score": score(None, None)}, "score.fullTime"),
        ({"score": score(2, None)}, "score.fullTime"),
        ({"score": score(-1, 0)}, "score.fullTime.home = -1"),
        ({"score": score("2", 1)}, "score.fullTime.home = '2'"),
        ({"score": score(True, 1)}, "score.fullTime.home = True"),
        ({"score": score(10**30, 1)}, "score.fullTime.home"),
        ({"score": score(2.5, 1)}, "score.fullTime.home = 2.5"),
        ({"score": {"fullTime": {"homeTeam": 2, "awayTeam": 1}}}, "score.fullTime"),
        ({"score": score(5, 6, duration="PENALTY_SHOOTOUT")}, "score.penalties"),
        ({"score": score(5, 6, duration="PENALTY_SHOOTOUT", penalties=(None, 4))}, "score.penalties"),
        ({"score": score(2, 1, duration="PENALTY_SHOOTOUT", penalties=(4, 5))}, "includes penalties"),
    ],
)
def test_what_cannot_be_stored_is_rejected(changes: dict[str, object], why: str) -> None:
    assert why in reason_of(match(**changes))


@pytest.mark.parametrize("record", [None, 1, "x", [], {}, {"match": match()}])
def test_what_is_no_match_is_rejected(record: object) -> None:
    assert reason_of(record)


def test_of_matches_with_one_number_the_first_is_kept() -> None:
    frame, reasons = read_matches([match(1), match(2), match(1, score=score(0, 0))])
    assert frame["match_id"].tolist() == ["1", "2"]
    assert reasons == {2: "duplicate match_id"}


@pytest.mark.parametrize(
    ("competition", "day", "season"),
    [
        ("PL", date(2023, 6, 30), 2022),
        ("PL", date(2023, 7, 1), 2023),
        ("PL", date(2024, 5, 19), 2023),
        ("BSA", date(2024, 5, 19), 2024),
        ("EC", date(2024, 6, 14), 2024),
    ],
)
def test_a_season_that_the_api_does_not_tell_is_taken_by_the_calendar(competition: str, day: date, season: int) -> None:
    found = likely_season(competition, day)
    assert (found.holds(day), found.years[0]) == (True, season)
    assert not found.holds(found.first - timedelta(days=1))
    assert not found.holds(found.last + timedelta(days=1))


def told(first: object, last: object) -> dict[str, object]:
    """Return a season as the API tells it."""
    return {"id": 1, "startDate": first, "endDate": last, "currentMatchday": 1, "winner": None}


def test_seasons_are_what_the_api_says(api: FakeApi, tmp_path: Path) -> None:
    older, newer = told("2019-08-09", "2020-07-26"), told("2020-09-12", "2021-05-23")
    api.competition = lambda _: Answer(body={"code": "PL", "currentSeason": newer, "seasons": [newer, older]})
    with football_session(settings_for(api), tmp_path) as session:
        assert fetch_seasons(session, "PL") == (
            Season(date(2019, 8, 8), date(2020, 7, 27), (2019,)),
            Season(date(2020, 9, 11), date(2021, 5, 24), (2020,)),
        )


@pytest.mark.parametrize(
    "body",
    [{}, {"matches": []}, {"seasons": []}, {"seasons": None}, {"seasons": [told("x", "2021-05-23")]}, {"seasons": [1]}],
)
def test_an_answer_without_seasons_tells_none(api: FakeApi, tmp_path: Path, body: object) -> None:
    api.competition = lambda _: Answer(body=body)
    with football_session(settings_for(api), tmp_path) as session:
        assert fetch_seasons(session, "PL") is None


def test_asks_once_for_a_range(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body=envelope(match(1), match(2, "2024-05-06T19:00:00Z"), match(3, "2024-05-04T23:59:59Z"))))
    with football_session(settings_for(api), tmp_path) as session:
        by_day = fetch_matches(session, "PL", 2023, date(2024, 5, 1), date(2024, 5, 6))
    (request,) = api.requests
    assert request.path == "/v4/competitions/PL/matches"
    assert request.query == {"season": "2023", "dateFrom": "2024-05-01", "dateTo": "2024-05-07"}
    assert {day: records.frame["match_id"].tolist() for day, records in by_day.items()} == {
        date(2024, 5, 4): ["1", "3"],
        date(2024, 5, 6): ["2"],
    }
    assert by_day[date(2024, 5, 6)].raw == [match(2, "2024-05-06T19:00:00Z")]


@pytest.mark.parametrize("body", [envelope(), {"matches": None, "resultSet": {"count": 0}}])
def test_no_matches_is_an_answer(api: FakeApi, tmp_path: Path, body: object) -> None:
    api.answers(Answer(body=body))
    with football_session(settings_for(api), tmp_path) as session:
        assert fetch_matches(session, "PL", 2023, date(2024, 5, 1), date(2024, 5, 6)) == {}


@pytest.mark.parametrize("body", [{"games": []}, {"message": "x", "errorCode": 7}, {}, {"matches": {"1": match()}}])
def test_an_answer_without_matches_is_none(api: FakeApi, tmp_path: Path, body: dict[str, object]) -> None:
    api.answers(Answer(body=body))
    with (
        football_session(settings_for(api), tmp_path) as session,
        pytest.raises(SourceError, match="key 'matches'") as caught,
    ):
        fetch_matches(session, "PL", 2023, date(2024, 5, 1), date(2024, 5, 6))
    assert "matches" in body or str(sorted(body)) in str(caught.value)


def test_matches_that_are_fewer_than_counted_are_asked_for_once_more(api: FakeApi, tmp_path: Path) -> None:
    short = {**envelope(match(1)), "resultSet": {"count": 2}}
    api.answers(Answer(body=short), Answer(body=envelope(match(1), match(2))))
    with football_session(settings_for(api), tmp_path) as session:
        found = fetch_matches(session, "PL", 2023, date(2024, 5, 1), date(2024, 5, 6))
    assert found[date(2024, 5, 4)].received == 2
    assert len(api.requests) == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({**envelope(match(1)), "resultSet": {"count": 2}}, "expected 2 matches of PL .* own count says, found 1"),
        ({**envelope(match(1)), "resultSet": {"count": 0}}, "expected 0 matches of PL .* found 1 on 1 page"),
        ({**envelope(), "resultSet": {"total": 0}}, "expected the key 'resultSet.count', found the keys .*total"),
        ({"matches": []}, "expected the key 'resultSet', found the keys .*matches"),
    ],
)  # fmt: skip
def test_matches_that_differ_from_the_count_are_none(
    api: FakeApi, tmp_path: Path, body: dict[str, object], said: str
) -> None:
    api.answers(Answer(body=body))
    with football_session(settings_for(api), tmp_path) as session, pytest.raises(SourceError, match=said):
        fetch_matches(session, "PL", 2023, date(2024, 5, 1), date(2024, 5, 6))


@pytest.mark.parametrize(
    "path",
    ["stage", "score", "score.duration", "score.fullTime", "score.halfTime", "score.fullTime.home", "competition.type",
     "homeTeam.id"],
)  # fmt: skip
def test_a_key_that_is_absent_is_no_null(path: str) -> None:
    record = match()
    *way, last = path.split(".")
    parent = record
    for key in way:
        parent = parent[key]  # type: ignore[assignment]
    parent[f"{last}X"] = parent.pop(last)
    assert reason_of(record).startswith(f"{path} is missing: found the keys {sorted(parent)[:20]}")


def test_an_answer_of_which_nothing_can_be_stored_is_none(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body=envelope({"id": 1, "kickoff": "x"}, {"id": 2, "kickoff": "y"})))
    with (
        football_session(settings_for(api), tmp_path) as session,
        pytest.raises(SourceError, match="not one of 2 matches of PL could be read; the first: utcDate"),
    ):
        fetch_matches(session, "PL", 2023, date(2024, 5, 1), date(2024, 5, 6))


def test_what_is_rejected_is_kept_whole_on_its_day(api: FakeApi, tmp_path: Path) -> None:
    bad = match(2, homeTeam=None)
    undated = [match(3, None), "no match", match(4, "2999-01-01T00:00:00Z")]
    api.answers(
        Answer(body=envelope(undated[0], match(1), bad, undated[1], match(5, "2024-05-06T19:00:00Z"), undated[2]))
    )
    with football_session(settings_for(api), tmp_path) as session:
        by_day = fetch_matches(session, "PL", 2023, date(2024, 5, 1), date(2024, 5, 7))
    saturday, monday = by_day[date(2024, 5, 4)], by_day[date(2024, 5, 6)]
    # A record without a day counts for that of the nearest earlier record, else of the nearest later.
    assert [reject.record for reject in saturday.rejected] == [undated[0], bad, {"value": "no match"}]
    assert [reject.record for reject in monday.rejected] == [undated[2]]
    assert (saturday.received, monday.received) == (4, 2)
    assert set(by_day) == {date(2024, 5, 4), date(2024, 5, 6)}


def test_a_record_without_a_day_gets_one_of_those_asked_for(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body=envelope(match(1, "2024-05-07T14:00:00Z"), match(2, "soon"))))
    with football_session(settings_for(api), tmp_path) as session:
        by_day = fetch_matches(session, "PL", 2023, date(2024, 5, 1), date(2024, 5, 6))
    assert by_day[date(2024, 5, 6)].received == 1


@pytest.mark.parametrize(
    ("full", "regular", "extra", "penalties", "duration", "played"),
    [
        ((3, 5), (0, 0), (0, 0), (None, None), "PENALTY_SHOOTOUT", (0, 0)),
        ((6, 5), (1, 1), (1, 1), (4, 3), "PENALTY_SHOOTOUT", (2, 2)),
        ((2, 2), (1, 1), (1, 1), (4, 3), "PENALTY_SHOOTOUT", (2, 2)),
        ((3, 2), (2, 2), (1, 0), (None, None), "EXTRA_TIME", (3, 2)),
        ((2, 1), (2, 1), (None, None), (None, None), "REGULAR", (2, 1)),
        ((5, 4), (1, 1), (None, None), (4, 3), "PENALTY_SHOOTOUT", (1, 1)),
    ],
)
def test_goals_in_play_are_those_of_regular_and_extra_time(
    full: object, regular: object, extra: object, penalties: object, duration: str, played: tuple[int, int]
) -> None:
    result = score(*full, duration=duration, regularTime=regular, extraTime=extra, penalties=penalties)  # type: ignore[misc]
    row = read(match(score=result))
    assert (row["home_score"], row["away_score"]) == played


@pytest.mark.parametrize(
    ("full", "regular", "extra", "penalties", "duration"),
    [
        ((3, 2), (2, 2), (0, 0), (None, None), "EXTRA_TIME"),
        ((2, 1), (1, 1), (None, None), (None, None), "REGULAR"),
        ((9, 5), (1, 1), (1, 1), (4, 3), "PENALTY_SHOOTOUT"),
        ((0, 0), (1, 1), (0, 0), (None, None), "PENALTY_SHOOTOUT"),
        ((5, 4), (3, 1), (None, None), (4, 3), "PENALTY_SHOOTOUT"),
    ],
)
def test_a_score_whose_parts_contradict_it_is_rejected(
    full: object, regular: object, extra: object, penalties: object, duration: str
) -> None:
    result = score(*full, duration=duration, regularTime=regular, extraTime=extra, penalties=penalties)  # type: ignore[misc]
    assert "score = " in reason_of(match(score=result))


def test_a_team_does_not_play_against_itself() -> None:
    for team in ({"id": 58, "name": "ARSENAL  FC"}, {"id": 57, "name": "The Gunners"}):
        assert "expected two teams" in reason_of(match(awayTeam=team))
