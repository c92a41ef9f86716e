"""The three clients against scripted answers: what the simulated APIs never do."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from pizza_assets.errors import SourceError
from pizza_assets.retail import retailer_1, retailer_2, retailer_3
from pizza_assets.retail.collect import RETAILERS, collect_sales
from pizza_assets.retail.mock_dialects import retailer_1_lines, retailer_2_transactions, retailer_3_rows
from pizza_assets.retail.received import Received
from pizza_assets.retail.retailer_3 import signature
from pizza_assets.settings import Settings
from pizza_assets_tests.platform.fake_api import Answer, FakeApi, Request, settings_for, unlimited
from pizza_assets_tests.retail.sales_lines import sale, sales

DAY = date(2024, 5, 1)
KEY = SecretStr("signing-key")
SOLD = sales([sale(), sale(transaction_id="T2")])
COUNTED, END, ELSEWHERE = {"transactions": 1}, {"next": None}, "https://other.example/v4/x"
MOCK = {"X-Data-Source": "mock"}


def asked(api: FakeApi) -> Settings:
    return settings_for(
        api,
        max_api_retries=0,
        **{f"{name}_url": api.url for name in RETAILERS},
        retailer_1_api_key="key",
        retailer_2_client_id="client",
        retailer_2_client_secret="secret",
        retailer_3_user="user",
        retailer_3_password="password",
        retailer_3_signing_key=KEY,
    )


def fetch(api: FakeApi, folder: Path, retailer_id: str) -> Received:
    with RETAILERS[retailer_id][0](asked(api), budget=unlimited(folder)) as feed:  # type: ignore[call-arg] # each takes it
        return feed(DAY)


def pages(retailer_id: str, *headers: dict[str, str]) -> Iterator[Answer]:
    """Yield a day as this retailer would give it, on as many pages as there are headers, one line on each."""
    last = len(headers) - 1
    for number, header in enumerate(headers):
        here = SOLD.slice(number, 1)
        if retailer_id == "retailer_1":
            body: dict[str, object] = {"pages": last + 1, "total": last + 1, "sales": retailer_1_lines(here)}
        elif retailer_id == "retailer_2":
            link = f"{{base}}/transactions?cursor={number + 1}" if number < last else None
            records = retailer_2_transactions(here)
            body = {"meta": {"transactions": last + 1}, "data": records, "links": {"next": link}}
        else:
            cursor = f"c{number + 1}" if number < last else None
            body = {"rows": retailer_3_rows(here), "cursor": cursor}
        yield Answer(body=body, headers=header)


def serve(api: FakeApi, answers: list[Answer]) -> None:
    """Give these answers in turn, with tokens, our address and signatures where they belong."""
    left = list(answers)

    def script(request: Request) -> Answer:
        if request.form is not None:
            return Answer(body={"access_token": "token", "expires_in": 60})
        answer = left.pop(0)
        text = json.dumps(answer.body).replace("{base}", str(api.url))
        mark = signature(KEY, DAY, request.query.get("cursor", ""), text.encode())
        return Answer(answer.status, text.encode(), {**answer.headers, "X-Page-Signature": mark})

    api.follows(script)


@pytest.mark.parametrize("retailer_id", RETAILERS)
def test_pages_are_asked_for_to_the_last_and_kept_as_they_came(api: FakeApi, tmp_path: Path, retailer_id: str) -> None:
    serve(api, list(pages(retailer_id, {}, {})))
    found = fetch(api, tmp_path, retailer_id)
    assert found.data_source == "real"
    assert len(found.lines) == len(found.pages) == 2
    assert len([request for request in api.requests if request.form is None]) == 2
    assert all(isinstance(json.loads(page), dict) for page in found.pages)


@pytest.mark.parametrize("retailer_id", RETAILERS)
def test_an_api_that_says_it_is_mock_is_labelled_so(api: FakeApi, tmp_path: Path, retailer_id: str) -> None:
    serve(api, list(pages(retailer_id, MOCK, MOCK)))
    assert fetch(api, tmp_path, retailer_id).data_source == "mock"
    serve(api, list(pages(retailer_id, {}, MOCK)))
    with pytest.raises(SourceError, match="expected 'X-Data-Source: mock' on each page or on none, found"):
        fetch(api, tmp_path, retailer_id)


@pytest.mark.parametrize(
    ("retailer_id", "nothing"),
    [
        ("retailer_1", {"pages": 1, "total": 0, "sales": []}),
        ("retailer_2", {"meta": {"transactions": 0}, "data": [], "links": {"next": None}}),
        ("retailer_3", {"rows": [], "cursor": None}),
    ],
)
def test_a_day_without_sales_is_a_day(
    api: FakeApi, tmp_path: Path, retailer_id: str, nothing: dict[str, object]
) -> None:
    serve(api, [Answer(body=nothing)])
    (found,) = collect_sales(retailer_id, [DAY], asked(api), lambda _: pytest.fail("no mock day"))
    assert (found.received, len(found.table), found.data_source) == (0, 0, "real")


@pytest.mark.parametrize(
    ("retailer_id", "body", "said"),
    [
        ("retailer_1", {"lines": []}, "expected the key 'sales', found the keys .*lines"),
        ("retailer_1", {"sales": [{}], "pages": 1}, "expected the key 'total', found the keys"),
        ("retailer_1", {"sales": [{}], "total": 1}, "expected the key 'pages', found the keys"),
        ("retailer_1", {"sales": [], "pages": 1, "total": True}, "expected a whole number under 'total', found True"),
        ("retailer_2", {"data": {}}, "expected a list under the key 'data', found {}"),
        ("retailer_2", {"data": [], "links": {"next": None}}, "expected the key 'meta', found the keys"),
        ("retailer_2", {"data": [{"lines": []}], "meta": COUNTED, "links": END}, "the key 'data.items', found .*lines"),
        ("retailer_2", {"data": [], "meta": COUNTED, "links": {}}, "expected the key 'links.next', found the keys"),
        ("retailer_2", {"data": [], "meta": COUNTED, "links": {"next": 2}}, "a new address or null under 'links.next'"),
        ("retailer_2", {"data": [{}], "meta": COUNTED, "links": {"next": ELSEWHERE}}, "expected 'links.next' to start"),
        ("retailer_3", {"rows": None}, "expected a list under the key 'rows', found None"),
        ("retailer_3", {"rows": [], "cursor": ""}, "expected a new cursor or null under 'cursor', found ''"),
        ("retailer_3", {"rows": [], "next_cursor": "c1"}, "expected the key 'cursor', found the keys .*next_cursor"),
    ],
)  # fmt: skip
def test_an_answer_of_another_form_is_an_error(
    api: FakeApi, tmp_path: Path, retailer_id: str, body: dict[str, object], said: str
) -> None:
    serve(api, [Answer(body=body)])
    with pytest.raises(SourceError, match=said):
        fetch(api, tmp_path, retailer_id)


@pytest.mark.parametrize(
    ("retailer_id", "page"),
    [
        ("retailer_2", {"meta": {"transactions": 9}, "data": [{}], "links": {"next": "{base}/transactions?cursor=1"}}),
        ("retailer_3", {"rows": [], "cursor": "same"}),
    ],
)
def test_pages_that_lead_in_a_circle_are_an_error(
    api: FakeApi, tmp_path: Path, retailer_id: str, page: dict[str, object]
) -> None:
    serve(api, [Answer(body=page)] * 3)
    with pytest.raises(SourceError, match="Report it to the operator"):
        fetch(api, tmp_path, retailer_id)


@pytest.mark.parametrize("retailer_id", RETAILERS)
def test_pages_without_end_are_an_error(
    api: FakeApi, tmp_path: Path, retailer_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pizza_assets.platform.paging.MOST_PAGES", 1)
    serve(api, list(pages(retailer_id, {}, {})))
    with pytest.raises(SourceError, match="of 2024-05-01, found 1 pages with 0 MiB, and no end"):
        fetch(api, tmp_path, retailer_id)


def test_a_page_that_was_changed_or_comes_from_elsewhere_has_another_signature() -> None:
    body = b'{"rows": [], "cursor": null}'
    marks = {
        signature(KEY, DAY, "", body),
        signature(KEY, DAY, "c1", body),
        signature(KEY, date(2024, 5, 2), "", body),
        signature(SecretStr("other"), DAY, "", body),
        signature(KEY, DAY, "", body + b" "),
    }
    assert len(marks) == 5


def test_each_api_is_asked_in_its_own_way(api: FakeApi, tmp_path: Path) -> None:
    queries = {
        "retailer_1": ("/v4/sales", {"date": "2024-05-01", "page": "1", "per_page": str(retailer_1.LINES_PER_PAGE)}),
        "retailer_2": ("/v4/transactions", {"day": "2024-05-01", "limit": str(retailer_2.TRANSACTIONS_PER_PAGE)}),
        "retailer_3": ("/v4/export/sales", {"business_date": "2024-05-01", "limit": str(retailer_3.ROWS_PER_PAGE)}),
    }
    for retailer_id, expected in queries.items():
        serve(api, list(pages(retailer_id, {})))
        fetch(api, tmp_path, retailer_id)
        request = api.requests[-1]
        assert (request.path, request.query) == expected
        credential = {"retailer_1": "key", "retailer_2": "Bearer token", "retailer_3": "Basic dXNlcjpwYXNzd29yZA=="}
        name = "x-api-key" if retailer_id == "retailer_1" else "authorization"
        assert request.headers[name] == credential[retailer_id]
