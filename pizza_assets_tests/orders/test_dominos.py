from datetime import date
from pathlib import Path

import pytest

from pizza_assets.errors import SourceError
from pizza_assets.orders.dominos import fetch_orders
from pizza_assets.platform.records import DayRecords
from pizza_assets_tests.platform.fake_api import TOKEN, Answer, FakeApi, dominos_session, order, page, settings_for

FIRST, LAST = date(2024, 5, 3), date(2024, 5, 5)


def fetch(api: FakeApi, folder: Path, **changes: object) -> dict[date, DayRecords]:
    settings = settings_for(api, **changes)
    with dominos_session(settings, folder) as session:
        return fetch_orders(session, settings, FIRST, LAST)


def ids(by_day: dict[date, DayRecords]) -> dict[int, list[str]]:
    return {day.day: records.frame["order_id"].tolist() for day, records in by_day.items()}


def test_asks_for_all_orders_of_the_days(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body=page(order(1), order(2, "2024-05-05T00:00:00+01:00"), order(3, "2024-05-05T00:00:00Z"))))
    assert ids(fetch(api, tmp_path)) == {4: ["order-1", "order-2"], 5: ["order-3"]}
    (request,) = api.requests
    assert request.path == "/v4/orders"
    assert request.query == {"from": "2024-05-03T00:00:00Z", "to": "2024-05-06T00:00:00Z", "limit": "10000"}
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


def test_asks_for_one_store_where_one_is_set(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body=page()))
    assert fetch(api, tmp_path, dominos_store_id="store 7") == {}
    assert api.requests[0].query["store_id"] == "store 7"


def test_asks_for_all_pages(api: FakeApi, tmp_path: Path) -> None:
    api.answers(
        Answer(body=page(order(1), next_cursor="a b")),
        Answer(500),
        Answer(body=page(next_cursor="c")),
        Answer(body=page(order(2))),
    )
    assert ids(fetch(api, tmp_path)) == {4: ["order-1", "order-2"]}
    assert [request.query.get("cursor") for request in api.requests] == [None, "a b", "a b", "c"]


@pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"]])
def test_does_not_run_in_circles(api: FakeApi, tmp_path: Path, cursors: list[str]) -> None:
    api.answers(*(Answer(body=page(order(n), next_cursor=cursor)) for n, cursor in enumerate(cursors)))
    with pytest.raises(SourceError, match="found 'a' for the second time"):
        fetch(api, tmp_path)
    assert len(api.requests) == len(cursors)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, r"expected the key 'orders', found the keys \[\]"),
        ({"order": []}, r"expected the key 'orders', found the keys \['order'\]"),
        ({"orders": None}, "expected a list under the key 'orders', found None"),
        ({"orders": {"1": order()}}, "expected a list under the key 'orders', found {'1'"),
    ],
)
def test_an_answer_without_orders_is_none(api: FakeApi, tmp_path: Path, body: dict[str, object], said: str) -> None:
    api.answers(Answer(body=body))
    with pytest.raises(SourceError, match=said):
        fetch(api, tmp_path)


def test_a_renamed_key_of_orders_is_named_beside_those_that_are_there(api: FakeApi, tmp_path: Path) -> None:
    renamed = {("id" if key == "order_id" else key): value for key, value in order(2).items()}
    api.answers(Answer(body=page(order(1), renamed)))
    (reject,) = fetch(api, tmp_path)[date(2024, 5, 4)].rejected
    assert reject.reason == f"order_id is missing: found the keys {sorted(renamed)}"


def test_a_number_is_the_order_that_text_spells_with_its_leading_zeros(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body=page(order(1, order_id="0042"), order(2, order_id=42), order(3, order_id=43))))
    found = fetch(api, tmp_path)[date(2024, 5, 4)]
    assert found.frame["order_id"].tolist() == ["0042", "43"]
    assert [reject.reason.split(":")[0] for reject in found.rejected] == ["duplicate order_id"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"orders": []}, "expected the key 'next_cursor', found the keys"),
        ({"orders": [], "next_cursor": 2}, "expected a new cursor or null under 'next_cursor', found 2"),
    ],
)
def test_a_page_names_the_next_one_or_null(api: FakeApi, tmp_path: Path, body: dict[str, object], said: str) -> None:
    api.answers(Answer(body=body))
    with pytest.raises(SourceError, match=said):
        fetch(api, tmp_path)


def test_an_answer_of_which_nothing_can_be_stored_is_none(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body=page({"id": 1, "total": 3}, {"id": 2, "total": 4})))
    with pytest.raises(SourceError, match="not one of 2 orders could be read; the first: order_id is missing"):
        fetch(api, tmp_path)


def test_what_is_rejected_is_kept_whole_on_its_day(api: FakeApi, tmp_path: Path) -> None:
    local, late, none = order(2, "2024-05-04T18:30:00"), order(3, "2999-01-01T00:00:00Z"), order(4, quantity=0)
    answers = [page(local, order(1), none, next_cursor="x"), page(order(5, "2024-05-05T10:00:00Z"), late)]
    api.answers(*(Answer(body=body) for body in answers))
    by_day = fetch(api, tmp_path)
    assert {day.day: [reject.record for reject in records.rejected] for day, records in by_day.items()} == {
        4: [local, none],
        5: [late],
    }
    assert {day.day: records.received for day, records in by_day.items()} == {4: 3, 5: 2}


def test_orders_of_other_days_are_left_to_these(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body=page(order(1), order(2, "2024-05-06T00:00:00Z"), order(3, "2024-05-02T23:59:59Z"))))
    assert ids(fetch(api, tmp_path)) == {4: ["order-1"]}


def test_an_order_on_two_pages_is_asked_for_again_and_then_an_error(api: FakeApi, tmp_path: Path) -> None:
    first, same = Answer(body=page(order(1), next_cursor="x")), Answer(body=page(order(1)))
    api.answers(first, same, first, Answer(body=page(order(2))))
    assert ids(fetch(api, tmp_path)) == {4: ["order-1", "order-2"]}
    api.answers(first, same, first, same)
    with pytest.raises(SourceError, match="expected new rows on page 2"):
        fetch(api, tmp_path)


def test_an_order_that_was_there_before_is_rejected(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body=page(order(1), order(1))))
    (records,) = fetch(api, tmp_path).values()
    assert len(records.frame) == 1
    assert [reject.reason for reject in records.rejected] == ["duplicate order_id"]
