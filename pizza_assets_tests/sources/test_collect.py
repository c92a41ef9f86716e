from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from pizza_assets.contracts import DOMINOS_ORDERS, FOOTBALL_MATCHES, empty, validate
from pizza_assets.errors import SettingsError, SourceError
from pizza_assets.settings import Settings
from pizza_assets.sources.collect import Collected, collect_matches, collect_orders
from pizza_assets.synthetic.matches import mock_matches
from pizza_assets.synthetic.orders import mock_orders
from pizza_assets_tests.sources.fake_api import (
    Answer,
    FakeApi,
    Request,
    dominos_session,
    envelope,
    football_session,
    match,
    order,
    page,
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


def no_matches(day: date) -> pd.DataFrame:
    return empty(FOOTBALL_MATCHES)


def orders(api: FakeApi, folder: Path, asked: Sequence[date], **changes: object) -> list[Collected]:
    settings = settings_for(api, **changes)
    with dominos_session(settings, folder) as session:
        found = list(collect_orders(asked, settings, no_matches, session=session))
    for day in found:
        validate(day.frame, DOMINOS_ORDERS)
        assert set(day.frame["data_source"]) <= {day.data_source}
        assert set(day.frame["timestamp"].dt.date) <= {day.day}
        assert day.data_source == "mock" or day.received == len(day.frame) + len(day.rejected)
        assert (day.reason is None) == (day.data_source == "real")
    return found


def season(request: Request) -> Answer:
    """Play a match at noon of every Saturday that is asked for."""
    first, last = (date.fromisoformat(request.query[name]) for name in ("dateFrom", "dateTo"))
    saturdays = [day for day in days(first, (last - first).days + 1) if day.weekday() == 5]
    return Answer(body=envelope(*(match(day.toordinal(), f"{day}T12:00:00Z") for day in saturdays)))


def till(folder: Path, *rows: str) -> str:
    path = folder / "till.csv"
    path.write_text("\n".join(["order_id,timestamp,location,order_total,pizza_types", *rows]) + "\n")
    return str(path)


def test_a_season_of_matches_takes_one_request(api: FakeApi, tmp_path: Path) -> None:
    api.follows(season)
    found = matches(api, tmp_path, days(date(2023, 8, 1), 305))
    assert len(api.requests) == 1
    assert [day.day for day in found] == days(date(2023, 8, 1), 305)
    assert {day.data_source for day in found} == {"real"}
    assert {len(day.frame) for day in found if day.day.weekday() == 5} == {1}
    assert {day.received for day in found if day.day.weekday() != 5} == {0}


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
    assert (session.calls.number, session.calls.seconds > 0) == (2, True)


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


def test_where_one_competition_fails_the_day_is_mock(api: FakeApi, tmp_path: Path) -> None:
    api.follows(lambda request: Answer(403) if "/CL/" in request.path else Answer(body=envelope(match())))
    (day,) = matches(api, tmp_path, [SATURDAY], football_competitions=("PL", "CL", "EL"))
    assert day.data_source == "mock"
    assert "/competitions/CL/" in str(day.reason)
    assert not any("/EL/" in request.path for request in api.requests)


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


def test_after_a_token_is_refused_nothing_is_asked_any_more(
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


def test_orders_are_asked_for_by_the_month(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body=page()))
    found = orders(api, tmp_path, days(date(2024, 1, 1), 60))
    assert {(day.data_source, day.received) for day in found} == {("real", 0)}
    assert [(request.query["from"][:10], request.query["to"][:10]) for request in api.requests] == [
        ("2024-01-01", "2024-02-01"),
        ("2024-02-01", "2024-03-01"),
    ]


def test_orders_come_lazily(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body=page(order(1))))
    settings = settings_for(api)
    with dominos_session(settings, tmp_path) as session:
        found = collect_orders(days(SATURDAY, 90), settings, no_matches, session=session)
        assert len(next(found).frame) == 1
        assert len(api.requests) == 1


def test_without_any_source_orders_are_mock() -> None:
    asked: list[date] = []

    def matches_around(day: date) -> pd.DataFrame:
        asked.append(day)
        return mock_matches(day, NO_SETTINGS)

    found = list(collect_orders(days(SATURDAY, 2), NO_SETTINGS, matches_around))
    for day in found:
        assert day.reason == "neither DOMINOS_API_KEY nor ORDERS_FILES is set"
        expected = mock_orders(day.day, mock_matches(day.day, NO_SETTINGS), NO_SETTINGS)
        pd.testing.assert_frame_equal(day.frame, expected)
    assert asked == days(SATURDAY, 2)


def test_a_till_export_comes_first_then_the_api(api: FakeApi, tmp_path: Path) -> None:
    exports = till(tmp_path, "1,2024-05-04 18:30,Norwich,1,a", "2,2024-05-06 18:30,Norwich,1,a")
    api.answers(Answer(body=page(order(9, "2024-05-07T18:30:00Z"), order(8, "2024-05-04T18:30:00Z"))))
    found = orders(api, tmp_path, days(SATURDAY, 4), orders_files=exports)
    assert [day.frame["order_id"].tolist() for day in found] == [["1"], [], ["2"], ["order-9"]]
    assert {day.data_source for day in found} == {"real"}
    (request,) = api.requests
    assert request.query["from"] == "2024-05-07T00:00:00Z"


def test_days_that_no_till_export_covers_are_mock(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    exports = till(tmp_path, "1,2024-05-04 18:30,Norwich,1,a", "2,2024-05-05 18:30,Norwich,1,a")
    settings = Settings(_env_file=None, orders_files=exports)
    found = list(collect_orders(days(date(2024, 5, 3), 4), settings, no_matches))
    assert [day.data_source for day in found] == ["mock", "real", "real", "mock"]
    assert {day.reason for day in found} == {None, "no till export covers this day"}
    assert len(caplog.messages) == 1


def test_a_till_export_that_cannot_be_read_is_mock_with_the_reason(api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "till.csv").write_text("order_id,when\n1,2\n")
    (day,) = orders(api, tmp_path, [SATURDAY], orders_files=str(tmp_path / "till.csv"))
    assert day.data_source == "mock"
    assert "Which column holds when an order was placed?" in str(day.reason)
    assert api.requests == []


def test_a_month_of_orders_that_fails_is_mock_and_the_next_is_asked_for(api: FakeApi, tmp_path: Path) -> None:
    api.follows(lambda request: Answer(500 if request.query["from"] < "2024-02" else 200, page()))
    found = orders(api, tmp_path, [date(2024, 1, 1), date(2024, 1, 31), date(2024, 2, 1), date(2024, 2, 2)])
    assert [day.data_source for day in found] == ["mock", "mock", "real", "real"]


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_after_a_final_error_no_orders_are_asked_for_any_more(api: FakeApi, tmp_path: Path, status: int) -> None:
    api.answers(Answer(status, b"no"))
    found = orders(api, tmp_path, [date(2024, month, 1) for month in (1, 3, 5, 7)])
    assert {day.data_source for day in found} == {"mock"}
    assert len(api.requests) == 1


def test_without_mock_missing_orders_are_an_error() -> None:
    settings = Settings(_env_file=None, pizza_allow_mock=False)
    with pytest.raises(SourceError, match="No real pizza orders of 2024-05-04.*neither DOMINOS_API_KEY"):
        next(collect_orders([SATURDAY], settings, no_matches))


def test_nothing_asked_nothing_given(api: FakeApi, tmp_path: Path) -> None:
    assert matches(api, tmp_path, []) == orders(api, tmp_path, []) == []
    assert api.requests == []
