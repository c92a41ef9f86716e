from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from pizza_assets.contracts import FOOTBALL_MATCHES, validate
from pizza_assets.errors import LakeError, SettingsError, SourceError
from pizza_assets.football.collect import StoredMatches, collect_matches
from pizza_assets.football.mock import mock_matches
from pizza_assets.platform.collected import Collected
from pizza_assets.platform.kept import Kept
from pizza_assets.platform.records import DayRecords
from pizza_assets.settings import Settings
from pizza_assets_tests.platform.fake_api import (
    Answer,
    FakeApi,
    Request,
    Script,
    envelope,
    football_session,
    july_to_june,
    match,
    settings_for,
)

SATURDAY = date(2024, 5, 4)
NO_SETTINGS = Settings(_env_file=None)


def days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=n) for n in range(count)]


def matches(api: FakeApi, folder: Path, asked: Sequence[date], **changes: object) -> list[Collected]:
    settings = settings_for(api, **changes)
    with football_session(settings, folder) as session:
        found = list(collect_matches(asked, settings, session=session))
    for day in found:
        validate(day.frame, FOOTBALL_MATCHES)
        assert set(day.frame["data_source"]) <= {day.data_source}
        assert set(day.frame["timestamp"].dt.date) <= {day.day}
        assert day.data_source == "mock" or day.received == len(day.frame) + len(day.rejected)
        assert (day.reason is None) == (day.raw is not None) == (day.data_source == "real")
    return found


def season(request: Request) -> Answer:
    """Play a match at noon of every Saturday that is asked for."""
    first, last = (date.fromisoformat(request.query[name]) for name in ("dateFrom", "dateTo"))
    saturdays = [day for day in days(first, (last - first).days + 1) if day.weekday() == 5]
    return Answer(body=envelope(*(match(day.toordinal(), f"{day}T12:00:00Z") for day in saturdays)))


def test_a_season_of_matches_takes_one_request(api: FakeApi, tmp_path: Path) -> None:
    api.follows(season)
    found = matches(api, tmp_path, days(date(2023, 8, 1), 305))
    assert len(api.requests) == 1
    assert [day.day for day in found] == days(date(2023, 8, 1), 305)
    assert {day.data_source for day in found} == {"real"}
    assert {len(day.frame) for day in found if day.day.weekday() == 5} == {1}
    assert {day.received for day in found if day.day.weekday() != 5} == {0}


def test_a_season_that_has_no_matches_yet_is_real_days_without_matches(api: FakeApi, tmp_path: Path) -> None:
    api.follows(lambda request: Answer(body=envelope()))
    found = matches(api, tmp_path, days(date(2024, 8, 1), 3))
    assert [(day.data_source, day.received, day.unknown) for day in found] == [("real", 0, {})] * 3


def test_days_come_lazily_and_in_order(api: FakeApi, tmp_path: Path) -> None:
    api.follows(season)
    settings = settings_for(api)
    with football_session(settings, tmp_path) as session:
        found = collect_matches([date(2024, 7, 1), SATURDAY, date(2024, 5, 1), SATURDAY], settings, session=session)
        assert api.requests == []
        assert [next(found).day, next(found).day] == [date(2024, 5, 1), SATURDAY]
        assert len(api.requests) == 1
        assert [day.day for day in found] == [date(2024, 7, 1)]
    assert [request.query["season"] for request in api.requests] == ["2023", "2024"]
    assert (session.calls.number, session.calls.seconds > 0) == (3, True), "one of them about the competition"


def test_the_raw_objects_of_a_day_are_kept(api: FakeApi, tmp_path: Path) -> None:
    played, bad = match(1), match(2, homeTeam=None)
    api.answers(Answer(body=envelope(played, bad)))
    (day,) = matches(api, tmp_path, [SATURDAY])
    assert day.raw == [played, bad]
    assert [reject.record for reject in day.rejected] == [bad]
    assert day.received == 2


def test_several_competitions_make_one_day(api: FakeApi, tmp_path: Path) -> None:
    def script(request: Request) -> Answer:
        code = request.path.split("/")[3]
        return Answer(body=envelope(match({"PL": 1, "CL": 2}[code]), match(3, id=None)))

    api.follows(script)
    (day,) = matches(api, tmp_path, [SATURDAY], football_competitions=("PL", "CL", "PL"))
    assert day.frame["match_id"].tolist() == ["1", "2"]
    assert (day.received, len(day.rejected), len(api.requests)) == (4, 2, 2)


def test_a_competition_under_two_names_counts_once(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body=envelope(match(1), match(2))))
    (day,) = matches(api, tmp_path, [SATURDAY], football_competitions="PL,2021")
    assert day.frame["match_id"].tolist() == ["1", "2"]
    assert [(reject.record["id"], reject.reason) for reject in day.rejected] == [
        (1, "duplicate match_id"),
        (2, "duplicate match_id"),
    ]
    assert day.received == 4


def of(code: str, number: int, utc_date: str = "2024-05-04T14:00:00Z", **changes: object) -> dict[str, object]:
    """Return a match of a competition; each number is a match of other teams."""
    competition = {"id": number + 2000, "name": code, "code": code, "type": "CUP"}
    away = {"id": number + 1000, "name": f"Visitors {number} FC"}
    return match(number, utc_date, **{"competition": competition, "awayTeam": away, **changes})


@pytest.mark.parametrize("status", [403, 500])
def test_a_competition_that_fails_touches_its_own_matches_only(api: FakeApi, tmp_path: Path, status: int) -> None:
    def script(request: Request) -> Answer:
        code = request.path.split("/")[3]
        return Answer(status) if code == "CL" else Answer(body=envelope(of(code, {"PL": 1, "EL": 3}[code])))

    api.follows(script)
    first, second = matches(api, tmp_path, days(SATURDAY, 2), football_competitions=("PL", "CL", "EL"))
    assert first.frame["match_id"].tolist() == ["1", "3"]
    for day in (first, second):
        assert (day.data_source, day.competitions, list(day.unknown), day.kept) == ("real", ["PL", "EL"], ["CL"], {})
        assert f"found {status}" in day.unknown["CL"]
    assert len(api.requests) == (3 if status == 403 else 5), "and once each, retries apart"


def test_a_season_that_a_competition_does_not_have_is_no_matches(api: FakeApi, tmp_path: Path) -> None:
    def script(request: Request) -> Answer:
        if request.path.endswith("/CL/matches"):
            return Answer(404, {"message": "The resource you are looking for does not exist.", "error": 404})
        return Answer(body=envelope(of("PL", 1)))

    api.follows(script).competition = lambda _: Answer(body={"code": "PL", "matches": []})
    (day,) = matches(api, tmp_path, [SATURDAY], football_competitions=("PL", "CL"))
    assert day.frame["match_id"].tolist() == ["1"]
    assert (day.competitions, day.unknown) == (["PL", "CL"], {})


def seasons(*periods: tuple[str, str]) -> Answer:
    """Answer about a competition with its seasons, the newest last and current."""
    told = [{"id": n, "startDate": first, "endDate": last} for n, (first, last) in enumerate(periods)]
    return Answer(body={"code": "PL", "currentSeason": told[-1], "seasons": told})


def played_on(*at: str) -> Script:
    """Play PL matches at these times; the API knows each by the season in which PL's year began."""

    def script(request: Request) -> Answer:
        first, last = request.query["dateFrom"], request.query["dateTo"]
        of_season = {"2019": at[:1], "2020": at[1:]}.get(request.query["season"])
        if of_season is None:
            return Answer(404)
        found = [number for number, time in enumerate(of_season) if first <= time[:10] <= last]
        return Answer(body=envelope(*(of("PL", number + int(first[:4]), of_season[number]) for number in found)))

    return script


def test_a_range_over_several_seasons_asks_for_each_as_the_api_tells_them(api: FakeApi, tmp_path: Path) -> None:
    """A season that ends in July, the next from September: nothing is asked about the days between."""
    api.follows(played_on("2020-07-26T15:00:00Z", "2020-09-12T11:30:00Z"))
    asked: list[str] = []
    api.competition = lambda request: (
        asked.append(request.path)
        or seasons(  # type: ignore[func-returns-value]
            ("2019-08-09", "2020-07-26"), ("2020-09-12", "2021-05-23")
        )
    )
    found = matches(api, tmp_path, days(date(2020, 7, 20), 60))
    assert [day.day for day in found if len(day.frame)] == [date(2020, 7, 26), date(2020, 9, 12)]
    assert {(day.data_source, tuple(day.competitions)) for day in found} == {("real", ("PL",))}
    assert asked == ["/v4/competitions/PL"]
    assert [
        (request.query["season"], request.query["dateFrom"], request.query["dateTo"]) for request in api.requests
    ] == [
        ("2019", "2020-07-20", "2020-07-28"),
        ("2020", "2020-09-11", "2020-09-18"),
    ]


def test_a_day_of_two_seasons_has_the_matches_of_both(api: FakeApi, tmp_path: Path) -> None:
    api.follows(played_on("2020-07-26T15:00:00Z", "2020-07-26T18:00:00Z"))
    api.competition = lambda _: seasons(("2019-08-09", "2020-07-26"), ("2020-07-26", "2021-05-23"))
    (day,) = matches(api, tmp_path, [date(2020, 7, 26)])
    assert day.received == 2


@pytest.mark.parametrize(
    ("at", "day"), [("2020-07-26T15:00:00Z", date(2020, 7, 26)), ("2019-06-24T15:00:00Z", date(2019, 6, 24))]
)
@pytest.mark.parametrize("of_others", [Answer(404), Answer(body=envelope())])
def test_where_seasons_are_not_told_those_beside_the_likeliest_are_asked_for(
    api: FakeApi, tmp_path: Path, at: str, day: date, of_others: Answer
) -> None:
    script = played_on(at)
    api.follows(lambda request: script(request) if request.query["season"] == "2019" else of_others)
    api.competition = lambda _: Answer(404)
    (found,) = matches(api, tmp_path, [day])
    assert (len(found.frame), found.unknown) == (1, {})
    assert len(api.requests) == 3


def test_an_api_that_gives_the_same_whatever_the_season_is_counted_once(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body=envelope(match(1), match(2, homeTeam=None)))).competition = lambda _: Answer(404)
    (found,) = matches(api, tmp_path, [SATURDAY])
    assert (len(found.frame), found.received, len(found.raw or ())) == (1, 2, 2)


@pytest.mark.parametrize("answer", [Answer(403), Answer(500)])
def test_a_competition_whose_seasons_cannot_be_had_is_unknown(api: FakeApi, tmp_path: Path, answer: Answer) -> None:
    api.answers(Answer(body=envelope(of("PL", 1))))
    api.competition = lambda request: answer if request.path.endswith("CL") else july_to_june(request)
    (day,) = matches(api, tmp_path, [SATURDAY], football_competitions=("PL", "CL"))
    assert (len(day.frame), list(day.unknown), len(api.requests)) == (1, ["CL"], 1)
    assert f"found {answer.status}" in day.unknown["CL"]


def test_a_competition_that_the_api_does_not_have_is_unknown(api: FakeApi, tmp_path: Path) -> None:
    api.follows(lambda request: Answer(404) if "/PX" in request.path else Answer(body=envelope(of("PL", 1))))
    api.competition = lambda request: Answer(404) if "/PX" in request.path else july_to_june(request)
    (day,) = matches(api, tmp_path, [SATURDAY], football_competitions=("PL", "PX"))
    assert day.unknown == {"PX": "football-data.org has no competition PX. Correct FOOTBALL_COMPETITIONS."}


def collected_again(api: FakeApi, folder: Path, before: StoredMatches | None, **changes: object) -> Collected | Kept:
    """Collect a Saturday of which the lake has `before`."""
    settings = settings_for(api, football_competitions=("PL", "CL"), max_api_retries=0, **changes)
    with football_session(settings, folder) as session:
        (day,) = collect_matches([SATURDAY], settings, {SATURDAY: before}.get, session=session)
    return day


def stored(api: FakeApi, folder: Path, *competitions: str) -> StoredMatches:
    """Return the Saturday as a day of the lake: two matches and a rejected record of each competition, and of none."""
    api.follows(
        lambda request: Answer(
            body=envelope(*(of("PL", n) for n in (1, 2)), of("PL", 3, id=None), match(8, competition=None))
            if "/PL/" in request.path
            else envelope(*(of("CL", n) for n in (4, 5)), of("CL", 6, id=None), match(7, competition=None))
        )
    )
    day = collected_again(api, folder, None)
    assert isinstance(day, Collected)
    return StoredMatches(DayRecords(day.frame, day.rejected, day.raw), competitions)


def test_of_a_competition_that_is_away_the_stored_matches_stay(api: FakeApi, tmp_path: Path) -> None:
    before = stored(api, tmp_path, "PL", "CL")
    new = [of("PL", 2), of("PL", 9), match(8, competition=None)]
    api.follows(lambda request: Answer(500) if "/CL/" in request.path else Answer(body=envelope(*new)))
    day = collected_again(api, tmp_path, before)
    assert isinstance(day, Collected)
    assert sorted(day.frame["match_id"]) == ["2", "4", "5", "9"]
    assert [(reject.record["id"], reject.record["competition"] is None) for reject in day.rejected] == [
        (8, True),
        (None, False),
        (7, True),
    ]
    assert day.received == 7
    assert [record["id"] for record in day.raw or ()] == [2, 9, 8, 4, 5, None, 7]
    assert (day.competitions, day.unknown, list(day.kept)) == (["PL", "CL"], {}, ["CL"])
    pd.testing.assert_frame_equal(
        day.frame[day.frame["competition"] == "CL"].reset_index(drop=True),
        before.records.frame[before.records.frame["competition"] == "CL"].reset_index(drop=True),
    )


def test_a_competition_that_was_not_known_before_stays_unknown(api: FakeApi, tmp_path: Path) -> None:
    before = stored(api, tmp_path, "PL")
    api.follows(lambda request: Answer(500) if "/CL/" in request.path else Answer(body=envelope(of("PL", 9))))
    day = collected_again(api, tmp_path, before)
    assert isinstance(day, Collected)
    assert (day.frame["match_id"].tolist(), list(day.unknown), day.kept) == (["9"], ["CL"], {})


@pytest.mark.parametrize("allow_mock", [True, False])
@pytest.mark.parametrize("answer", [Answer(500), Answer(403), Answer(400, {"message": "Your API token is invalid."})])
def test_a_real_day_is_kept_where_no_competition_answers(
    api: FakeApi, tmp_path: Path, answer: Answer, allow_mock: bool
) -> None:
    before = stored(api, tmp_path, "PL", "CL")
    api.answers(answer)
    day = collected_again(api, tmp_path, before, pizza_allow_mock=allow_mock)
    assert isinstance(day, Kept)
    assert (day.day, f"found {answer.status}" in day.reason) == (SATURDAY, True)


def test_a_competition_that_answers_without_the_stored_matches_keeps_them(api: FakeApi, tmp_path: Path) -> None:
    before = stored(api, tmp_path, "PL", "CL")
    api.follows(lambda request: Answer(body=envelope(*([of("PL", 9)] if "/PL/" in request.path else []))))
    day = collected_again(api, tmp_path, before)
    assert isinstance(day, Collected)
    assert sorted(day.frame["match_id"]) == ["4", "5", "9"]
    assert "CL: expected matches of 2024-05-04, of which 2 are stored, found none" in day.kept["CL"]
    api.answers(Answer(body=envelope()))
    assert isinstance(collected_again(api, tmp_path, before), Kept)


@pytest.mark.parametrize(
    ("pl", "cl", "is_replaced"),
    [
        (Answer(body=envelope(of("PL", 9))), Answer(body=envelope(of("CL", 10))), True),
        (Answer(body=envelope(of("PL", 9))), Answer(body=envelope(of("CL", 10, "2024-05-05T14:00:00Z"))), True),
        (Answer(body=envelope(of("PL", 9))), Answer(body=envelope()), False),
        (Answer(body=envelope(of("PL", 9))), Answer(500), False),
        (Answer(500), Answer(500), False),
    ],
)
def test_a_real_day_that_cannot_be_read_is_replaced_by_what_all_competitions_give(
    api: FakeApi, tmp_path: Path, pl: Answer, cl: Answer, is_replaced: bool
) -> None:
    """Its own matches are not known, so none of them can stay: an answer that might lose some does not replace it."""

    def damaged(day: date) -> None:
        raise LakeError(f"the object of {day} is damaged.")

    api.follows(lambda request: pl if "/PL/" in request.path else cl)
    settings = settings_for(api, football_competitions=("PL", "CL"), max_api_retries=0)
    with football_session(settings, tmp_path) as session:
        asked = [SATURDAY, SATURDAY + timedelta(days=1)]
        day, _ = collect_matches(asked, settings, damaged, session=session)
    assert isinstance(day, Collected) == is_replaced
    if isinstance(day, Kept):
        assert "cannot be read" in str(day)
        assert "2024-05-04 is damaged. To have" in str(day)


def test_matches_that_moved_to_another_day_are_gone_from_theirs(api: FakeApi, tmp_path: Path) -> None:
    before = stored(api, tmp_path, "PL", "CL")
    moved = [of(code, n, utcDate="2024-05-05T14:00:00Z") for code, n in (("PL", 1), ("PL", 2), ("CL", 4), ("CL", 5))]
    api.follows(
        lambda request: Answer(body=envelope(*(m for m in moved if f"/{m['competition']['code']}/" in request.path)))
    )
    day = collected_again(api, tmp_path, before)
    assert isinstance(day, Collected)
    assert (day.received, day.kept) == (0, {})


def test_without_a_key_matches_are_mock(caplog: pytest.LogCaptureFixture) -> None:
    asked = days(SATURDAY, 3)
    found = list(collect_matches(asked, NO_SETTINGS))
    assert {(day.data_source, day.reason) for day in found} == {("mock", "FOOTBALL_API_KEY is not set")}
    assert caplog.messages == [
        "football matches: 3 days from 2024-05-04 to 2024-05-06 are mock: FOOTBALL_API_KEY is not set"
    ]
    for day in found:
        pd.testing.assert_frame_equal(day.frame, mock_matches(day.day, NO_SETTINGS))


def test_a_season_that_fails_is_mock_and_the_next_is_asked_for(
    api: FakeApi, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    api.follows(lambda request: Answer(403) if request.query["season"] == "2022" else season(request))
    found = matches(api, tmp_path, days(date(2023, 6, 28), 6))
    assert [day.data_source for day in found] == ["mock"] * 3 + ["real"] * 3
    assert "found 403" in str(found[0].reason)
    (warning,) = caplog.messages
    assert warning.startswith("football matches: 3 days from 2023-06-28 to 2023-06-30 are mock: football-data.org")


def test_after_a_token_is_rejected_nothing_is_asked_any_more(
    api: FakeApi, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    api.answers(Answer(400, {"message": "Your API token is invalid.", "errorCode": 400}))
    found = matches(api, tmp_path, [date(year, 5, day) for year in (2021, 2022, 2023, 2024) for day in (1, 2)])
    assert {day.data_source for day in found} == {"mock"}
    assert len(api.requests) == 1
    assert len(caplog.messages) == 1
    assert "Check FOOTBALL_API_KEY" in str(found[-1].reason)


def test_an_answer_of_which_nothing_can_be_stored_is_mock(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body=envelope({"id": 1, "when": "x"})))
    (day,) = matches(api, tmp_path, [SATURDAY])
    assert "not one of 1 matches" in str(day.reason)


def test_a_day_of_which_nothing_can_be_stored_is_real(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body=envelope(match(1), match(2, "2024-05-05T14:00:00Z", score=None))))
    _, sunday = matches(api, tmp_path, days(SATURDAY, 2))
    assert (sunday.data_source, sunday.received, len(sunday.frame)) == ("real", 1, 0)


@pytest.mark.parametrize("key", [None, "0123456789abcdef"])
def test_without_mock_a_failure_is_an_error(api: FakeApi, tmp_path: Path, key: str | None) -> None:
    api.follows(lambda request: Answer(403) if request.query["season"] == "2023" else season(request))
    settings = settings_for(api, football_api_key=key, pizza_allow_mock=False)
    asked = [date(2023, 5, 6), SATURDAY]
    found = collect_matches(asked, settings)
    if key:
        assert next(found).data_source == "real"
    with pytest.raises(SourceError, match=r"No real football matches of .* PIZZA_ALLOW_MOCK=false") as caught:
        next(found)
    assert caught.value.final
    assert "\n" not in str(caught.value)


def test_an_address_for_no_token_is_an_error() -> None:
    settings = Settings(_env_file=None, football_api_url="http://example.org", football_api_key="0123456789abcdef")
    with pytest.raises(SettingsError, match="FOOTBALL_API_URL must start with https"):
        next(collect_matches([SATURDAY], settings))


def test_nothing_asked_nothing_given(api: FakeApi, tmp_path: Path) -> None:
    assert matches(api, tmp_path, []) == []
    assert api.requests == []
