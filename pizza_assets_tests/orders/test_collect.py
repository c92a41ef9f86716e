from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from pizza_assets.contracts import DOMINOS_ORDERS, FOOTBALL_MATCHES, empty, validate
from pizza_assets.errors import SourceError
from pizza_assets.football.mock import mock_matches
from pizza_assets.orders.collect import collect_orders
from pizza_assets.orders.mock import mock_orders
from pizza_assets.platform.collected import Collected
from pizza_assets.platform.kept import Kept
from pizza_assets.settings import Settings
from pizza_assets_tests.platform.fake_api import (
    Answer,
    FakeApi,
    dominos_session,
    order,
    page,
    settings_for,
)

SATURDAY = date(2024, 5, 4)
NO_SETTINGS = Settings(_env_file=None)


def days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=n) for n in range(count)]


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


def till(folder: Path, *rows: str) -> str:
    path = folder / "till.csv"
    path.write_text("\n".join(["order_id,timestamp,location,order_total,pizza_types", *rows]) + "\n")
    return str(path)


@pytest.mark.parametrize("allow_mock", [True, False])
def test_real_days_of_orders_are_kept_where_they_would_be_mock(api: FakeApi, tmp_path: Path, allow_mock: bool) -> None:
    api.answers(Answer(500))
    settings = settings_for(api, pizza_allow_mock=allow_mock)
    with dominos_session(settings, tmp_path) as session:
        found = collect_orders(days(SATURDAY, 3), settings, no_matches, {SATURDAY: 0}.get, session=session)
        kept = next(found)
        assert isinstance(kept, Kept)
        assert "found 500" in kept.reason
        if allow_mock:
            assert [day.data_source for day in found if isinstance(day, Collected)] == ["mock", "mock"]
        else:
            with pytest.raises(SourceError, match="No real pizza orders of 2024-05-05"):
                next(found)


def test_a_real_day_of_orders_is_kept_where_a_whole_answer_has_none(api: FakeApi, tmp_path: Path) -> None:
    sunday = date(2024, 5, 5)
    api.answers(Answer(body=page(order(1, f"{sunday}T10:00:00Z"))))
    settings = settings_for(api)
    with dominos_session(settings, tmp_path) as session:
        rows = {SATURDAY: 1500, sunday: 1500, date(2024, 5, 6): 0}
        found = list(collect_orders(days(SATURDAY, 4), settings, no_matches, rows.get, session=session))
    assert found[0] == Kept(
        SATURDAY,
        "Domino's orders API: expected orders of 2024-05-04, of which 1500 are stored, found none in a whole answer. "
        "Ask the operator of the source. If there were none: pizza-assets lake remove, then run the day again.",
    )
    assert [(day.data_source, day.received) for day in found[1:] if isinstance(day, Collected)] == [
        ("real", 1),
        ("real", 0),
        ("real", 0),
    ]


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


def test_till_exports_that_cannot_be_read_are_an_error_with_all_causes(api: FakeApi, tmp_path: Path) -> None:
    till(tmp_path, "1,2024-05-04 18:30,Norwich,1,a")
    (tmp_path / "columns.csv").write_text("order_id,when\n1,2\n")
    (tmp_path / "times.csv").write_text("order_id,timestamp,location,order_total,pizza_types\n1,noon,Norwich,1,a\n")
    (tmp_path / "empty.csv").write_text("order_id,timestamp,location,order_total,pizza_types\n")
    with pytest.raises(SourceError) as caught:
        orders(api, tmp_path, [SATURDAY], orders_files=str(tmp_path / "*.csv"))
    columns, nothing = str(caught.value).splitlines()
    assert "columns.csv must hold orders: it has no column timestamp" in columns
    assert "empty.csv must hold orders: it has no rows" in nothing
    (tmp_path / "columns.csv").unlink()
    (tmp_path / "empty.csv").unlink()
    with pytest.raises(SourceError, match="Not one order of .*times.csv could be stored: timestamp = 'noon'"):
        orders(api, tmp_path, [SATURDAY], orders_files=str(tmp_path / "*.csv"))
    assert caught.value.final
    assert api.requests == []


def test_till_exports_that_are_not_there_are_an_error(api: FakeApi, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"ORDERS_FILES=.*none\.csv must match files\. Found none") as caught:
        orders(api, tmp_path, [SATURDAY], orders_files=str(tmp_path / "none.csv"))
    assert caught.value.final


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
    assert orders(api, tmp_path, []) == []
    assert api.requests == []
