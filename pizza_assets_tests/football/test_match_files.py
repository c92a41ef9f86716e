"""Matches of files as a source of days, and a match whose state changes between two collections."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from pizza_assets import contracts
from pizza_assets.analysis.windows import select_matches
from pizza_assets.contracts import FOOTBALL_MATCHES, validate
from pizza_assets.errors import SourceError
from pizza_assets.football.collect import StoredMatches, collect_matches
from pizza_assets.football.match_files import FIXTURE_FILES
from pizza_assets.football.stored import matches_day
from pizza_assets.platform.collected import Collected
from pizza_assets.platform.records import DayRecords
from pizza_assets.settings import Settings
from pizza_assets_tests.platform.fake_api import Answer, FakeApi, envelope, football_session, match, score, settings_for

E0 = "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG\n"
SATURDAY, SUNDAY = date(2024, 5, 4), date(2024, 5, 5)


def fixtures(folder: Path, rows: str, name: str = "E0.csv") -> Path:
    path = folder / name
    path.write_text(E0 + rows)
    return path


def from_files(*paths: Path | str, days: list[date], **changes: object) -> list[Collected]:
    settings = Settings(
        _env_file=None,
        **{"football_api_key": None, "pizza_allow_mock": False, "matches_files": ",".join(map(str, paths)), **changes},
    )
    found = list(collect_matches(days, settings))
    for day in found:
        assert isinstance(day, Collected)
        validate(day.frame, FOOTBALL_MATCHES)
        assert day.data_source == "mock" or day.received == len(day.frame) + len(day.rejected) + len(day.set_aside)
        assert day.raw is None or len(day.raw) == day.received
    return found  # type: ignore[return-value]  # as asserted


def test_local_times_without_a_zone_are_those_of_the_home_city_or_unknown(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    rows = ("Arsenal,Chelsea,2024-05-04,15:00", "Spain,England,2024-05-04,21:00")
    path.write_text("\n".join(["home_team,away_team,date,time,competition,season", *(f"{row},X,2023" for row in rows)]))
    (day,) = from_files(path, days=[SATURDAY])
    of = day.frame.set_index("home_team")
    assert (of.loc["Arsenal FC", "timestamp"].hour, of.loc["Arsenal FC", "status"]) == (14, "SCHEDULED")
    assert of.loc["Spain", "status"] == "SCHEDULED_UNTIMED"  # nobody says whose clock it is


def test_days_of_files_are_real_with_their_origin(tmp_path: Path) -> None:
    path = fixtures(
        tmp_path,
        "E0,04/05/2024,15:00,Arsenal,Chelsea,2,1\nE0,05/05/2024,,Nobody,Everton,,\nE0,05/05/2024,,Leeds,Norwich,x,1\n",
    )
    saturday, sunday = from_files(path, days=[SATURDAY, SUNDAY])
    assert (saturday.data_source, saturday.origin, saturday.competitions) == ("real", FIXTURE_FILES, ["PL"])
    row = saturday.frame.iloc[0]
    assert (row["home_team"], row["home_city"], row["event_type"], row["status"]) == (
        "Arsenal FC",
        "London",
        "win",
        "FINISHED",
    )
    assert sunday.frame["status"].tolist() == ["SCHEDULED_UNTIMED"]
    assert [reject.record["row"] for reject in sunday.rejected] == [3]
    stored = matches_day(sunday, is_set_up=True)
    assert stored.facts["origin"] == FIXTURE_FILES
    assert stored.facts["unknown-clubs"] == "Nobody (PL)"


def test_days_that_no_file_covers_are_not_real(tmp_path: Path) -> None:
    path = fixtures(tmp_path, "E0,04/05/2024,15:00,Arsenal,Chelsea,2,1\n")
    with pytest.raises(SourceError, match="no file of MATCHES_FILES covers PL"):
        from_files(path, days=[SUNDAY])
    (mock,) = from_files(path, days=[SUNDAY], pizza_allow_mock=True)
    assert mock.data_source == "mock"
    (before,) = from_files(path, days=[date(2024, 5, 1)])
    assert (before.data_source, len(before.frame)) == ("real", 0)


def test_all_causes_are_told_before_the_first_day(tmp_path: Path) -> None:
    bad = tmp_path / "notes.csv"
    bad.write_text("a,b\n1,2\n")
    with pytest.raises(SourceError) as raised:
        from_files(bad, tmp_path / "none.csv", days=[SATURDAY])
    assert len(str(raised.value).splitlines()) == 2


def test_the_api_is_asked_for_what_files_do_not_cover(api: FakeApi, tmp_path: Path) -> None:
    path = fixtures(tmp_path, "E0,04/05/2024,15:00,Arsenal,Chelsea,2,1\n")
    api.follows(lambda request: Answer(body=envelope(match(7, "2024-05-05T14:00:00Z"))))
    settings = settings_for(api, matches_files=str(path))
    with football_session(settings, tmp_path) as session:
        saturday, sunday = collect_matches([SATURDAY, SUNDAY], settings, session=session)
    assert isinstance(saturday, Collected)
    assert isinstance(sunday, Collected)
    assert (saturday.origin, sunday.origin) == (FIXTURE_FILES, "")
    assert sunday.frame["match_id"].tolist() == ["7"]


def test_a_match_without_a_time_is_in_no_window_and_its_day_is_no_ordinary_one(tmp_path: Path) -> None:
    path = fixtures(tmp_path, "E0,04/05/2024,,Norwich,Leeds,2,1\n")
    (day,) = from_files(path, days=[SATURDAY])
    chosen = select_matches(day.frame)
    assert len(chosen.units) == 0
    assert set(chosen.spans["city"]) == {"Norwich", "Leeds"}
    of_norwich = chosen.spans[chosen.spans["city"] == "Norwich"]["kick_off_bin"]
    hours = {bin_ for kick_off in of_norwich for bin_ in range(kick_off - 8, kick_off + 16)}
    midnight = int((day.frame["timestamp"][0].normalize().timestamp()) // 900) - 4  # 0 h of London in May
    assert hours >= set(range(midnight, midnight + 96))
    assert chosen.ignored["reason"].tolist() == ["kick-off time not known"]
    assert len(contracts.validate(day.frame, FOOTBALL_MATCHES)) == 1


def again(api: FakeApi, folder: Path, before: dict[str, object], *now: dict[str, object]) -> Collected:
    """Collect a Saturday of which the lake has one match, from an API that gives other states of matches now."""
    settings = settings_for(api)
    days = [SATURDAY, SUNDAY]

    def collect(answer: tuple[dict[str, object], ...], stored: StoredMatches | None) -> Collected:
        api.follows(lambda request: Answer(body=envelope(*answer)))
        with football_session(settings, folder) as session:
            found = next(iter(collect_matches(days, settings, {SATURDAY: stored}.get, session=session)))
        assert isinstance(found, Collected)
        validate(found.frame, FOOTBALL_MATCHES)
        assert found.received == len(found.frame) + len(found.rejected)
        return found

    first = collect((before,), None)
    return collect(now, StoredMatches(DayRecords(first.frame, first.rejected, first.raw), ["PL"]))


ABANDONED = match(1, status="SUSPENDED", score=score(None, None))


def test_a_match_that_was_abandoned_and_moved_was_watched_on_its_first_day(api: FakeApi, tmp_path: Path) -> None:
    day = again(api, tmp_path, ABANDONED, match(1, "2024-05-05T14:00:00Z"), match(2))
    assert dict(zip(day.frame["match_id"], day.frame["status"], strict=True)) == {"1": "SUSPENDED", "2": "FINISHED"}


@pytest.mark.parametrize("status", ["AWARDED", "CANCELLED", "POSTPONED"])
def test_a_match_that_was_begun_stays_so_whatever_was_decided(api: FakeApi, tmp_path: Path, status: str) -> None:
    decided = match(1, status=status, score=score(3, 0))
    assert again(api, tmp_path, ABANDONED, decided).frame["status"].tolist() == ["SUSPENDED"]
    played = again(api, tmp_path, match(1), decided).frame
    assert played[["status", "home_score", "away_score"]].to_numpy().tolist() == [["FINISHED", 2, 1]]


def test_a_match_that_was_moved_before_it_began_is_on_its_new_day_only(api: FakeApi, tmp_path: Path) -> None:
    planned = match(1, status="TIMED", score=score(None, None))
    assert again(api, tmp_path, planned, match(1, "2024-05-05T14:00:00Z")).frame.empty


def test_a_corrected_score_replaces_the_stored_one(api: FakeApi, tmp_path: Path) -> None:
    assert again(api, tmp_path, match(1), match(1, score=score(2, 2))).frame["away_score"].tolist() == [2]


def test_the_hours_of_both_days_of_a_match_that_was_played_again_are_match_hours(api: FakeApi, tmp_path: Path) -> None:
    first = again(api, tmp_path, ABANDONED, match(1, "2024-05-05T14:00:00Z"))
    second = again(api, tmp_path, match(1, "2024-05-04T19:00:00Z"), match(1, "2024-05-04T19:00:00Z"))
    chosen = select_matches(contracts.validate(first.frame, FOOTBALL_MATCHES).assign(match_id="1"))
    assert len(chosen.units) == 0
    both = select_matches(pd.concat([first.frame, second.frame], ignore_index=True))
    assert len(both.units) == 1
    assert both.spans["kick_off_bin"].nunique() == 2


def test_one_match_under_two_competitions_is_one(api: FakeApi, tmp_path: Path) -> None:
    cup = {"id": 9, "name": "CL", "code": "CL", "type": "CUP"}
    api.follows(
        lambda request: Answer(body=envelope(match(2, competition=cup) if "/CL/" in request.path else match(1)))
    )
    settings = settings_for(api, football_competitions=("PL", "CL"))
    with football_session(settings, tmp_path) as session:
        (day,) = collect_matches([SATURDAY], settings, session=session)
    assert isinstance(day, Collected)
    assert day.frame["match_id"].tolist() == ["1"]
    assert [(reject.record["id"], reject.reason) for reject in day.rejected] == [
        (2, "the same match of this day is listed under PL, too")
    ]
