"""The service over HTTP: what it answers, and to whom."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from graphql import build_client_schema, get_introspection_query
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from pizza_assets.dashboard import page, publish
from pizza_assets.errors import SettingsError
from pizza_assets.forecast.tonight import Tonight
from pizza_assets.lake import layout
from pizza_assets.lake.store import Store
from pizza_assets.service.app import server
from pizza_assets.service.data import MOST, NAMES
from pizza_assets.settings import Settings
from pizza_assets_tests.dashboard.worlds import FIRST, World, frames_of

TOKEN = "a-token-of-some-length"
HOSTILE = "<script>alert(1)</script>"


@contextmanager
def served(store: Store, tonight: Tonight | None = None, **settings: Any) -> Iterator[str]:
    with server(store, Settings.load(**settings), tonight=tonight, look_seconds=0.05).running() as serving:
        yield serving.address


@pytest.fixture
def filled(store: Store) -> Store:
    publish.publish(store, frames_of(World()), FIRST, "run", {})
    page.write(store, "run")
    return store


@pytest.fixture
def address(filled: Store) -> Iterator[str]:
    with served(filled) as address:
        yield address


def ask(address: str, path: str, **options: Any) -> requests.Response:
    return requests.get(f"{address}{path}", timeout=30, **options)


def test_the_rows_are_those_that_are_published_and_keep_the_described_schema(address: str, filled: Store) -> None:
    document = ask(address, "/api/v1/openapi.json").json()
    validate(document)
    for name, data_set in NAMES.items():
        answer = ask(address, f"/api/v1/{name}", params={"limit": MOST}).json()
        expected = page.read_csv(filled.read(layout.current_key(data_set)), data_set)
        assert answer["total"] == len(expected), name
        assert len(answer["rows"]) == min(len(expected), MOST), name
        check = Draft202012Validator(document["components"]["schemas"][name])
        assert not [error.message for row in answer["rows"][:50] for error in check.iter_errors(row)], name


def test_rows_are_filtered_and_paged(address: str) -> None:
    everything = ask(address, "/api/v1/matches").json()
    city = everything["rows"][0]["city"]
    found = ask(
        address, "/api/v1/matches", params={"city": city, "is_home": "true", "limit": "2", "offset": "1"}
    ).json()
    assert len(found["rows"]) == 2
    assert {row["city"] for row in found["rows"]} == {city}
    assert 2 < found["total"] < everything["total"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("limit=-1", "whole number"),
        ("limit=5001", "from 0 to 5000"),
        ("offset=1e3", "whole number"),
        ("limit=%D9%A1", "whole number"),
        ("kick=1", "no column"),
        ("city=a&city=b", "given twice"),
        (f"{HOSTILE}=1", "no column"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_wrong(address: str, query: str, says: str) -> None:
    found = ask(address, f"/api/v1/matches?{query}")
    assert found.status_code == 400
    assert says in found.text
    assert found.headers["Content-Type"].startswith("text/plain")
    assert found.headers["X-Content-Type-Options"] == "nosniff"


def test_what_has_not_changed_is_not_sent_again(address: str, filled: Store) -> None:
    for path in ("/api/v1/results", "/api/v1/openapi.json", "/api/v1/tonight", "/"):
        first = ask(address, path)
        again = ask(address, path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b""), path
    before = ask(address, "/api/v1/results").headers["ETag"]
    publish.publish(
        filled, frames_of(World(seed=1)) if hasattr(World(), "seed") else frames_of(World()), FIRST, "2", {}
    )
    assert ask(address, "/api/v1/results", headers={"If-None-Match": before}).status_code in {200, 304}


def test_graphql_gives_the_same_rows_and_describes_itself(address: str) -> None:
    def query(text: str, **variables: object) -> dict[str, Any]:
        body = {"query": text, "variables": variables}
        found: dict[str, Any] = requests.post(f"{address}/graphql", json=body, timeout=30).json()
        return found

    rest = ask(address, "/api/v1/matches", params={"limit": 3}).json()["rows"]
    found = query("{ matches(limit: 3) { match_id team goals_for } }")["data"]["matches"]
    assert found == [{name: row[name] for name in ("match_id", "team", "goals_for")} for row in rest]
    named = query("query ($city: String) { matches(city: $city, limit: 1) { city } }", city=rest[0]["city"])
    assert named["data"]["matches"] == [{"city": rest[0]["city"]}]
    assert set(NAMES) <= set(build_client_schema(query(get_introspection_query())["data"]).query_type.fields)
    assert "errors" in query("{ matches { nothing } }")
    assert "errors" in query("{ matches(limit: 99999) { city } }")


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b'{"query": 1}',
        json.dumps({"query": "{" + " ".join(f"a{n}: matches {{ city }}" for n in range(6)) + "}"}).encode(),
        json.dumps({"query": "#" * 10_001}).encode(),
    ],
)
def test_a_graphql_question_that_is_wrong_or_too_large_is_rejected(address: str, body: bytes) -> None:
    assert requests.post(f"{address}/graphql", data=body, timeout=30).status_code == 400


def test_it_is_read_only(address: str) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert requests.request(method, f"{address}/api/v1/results", timeout=30).status_code == 405


def test_a_host_that_is_not_ours_is_rejected_and_no_other_site_may_read(address: str) -> None:
    assert ask(address, "/api/v1/results", headers={"Host": "evil.example"}).status_code == 400
    found = ask(address, "/api/v1/results", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in found.headers


def test_an_empty_lake_says_what_to_run(store: Store) -> None:
    with served(store) as address:
        for path in ("/api/v1/results", "/api/v1/report", "/"):
            found = ask(address, path)
            assert found.status_code == 503, path
        assert "pizza-assets demo" in ask(address, "/api/v1/results").text


def test_others_than_this_machine_need_a_token(store: Store) -> None:
    with pytest.raises(SettingsError, match="SERVICE_TOKEN"):
        server(store, Settings.load(), host="0.0.0.0")  # noqa: S104 it is rejected


def test_with_a_token_nothing_is_answered_without_it(filled: Store) -> None:
    with served(filled, service_token=TOKEN) as address:
        basic = base64.b64encode(f"anyone:{TOKEN}".encode()).decode()
        for right in (f"Bearer {TOKEN}", f"Basic {basic}"):
            assert ask(address, "/api/v1/about", headers={"Authorization": right}).status_code == 200
        for wrong in ("", "Bearer", "Bearer x", "Basic !", f"Basic {TOKEN}", f"Digest {TOKEN}"):
            found = ask(address, "/api/v1/about", headers={"Authorization": wrong})
            assert found.status_code == 401
            assert TOKEN not in found.text
        assert ask(address, "/").status_code == 401


def test_hostile_names_stay_names(store: Store) -> None:
    frames = dict(frames_of(World()))
    frames["matches"] = frames["matches"].assign(team=HOSTILE)
    publish.publish(store, frames, FIRST, "run", {})
    with served(store) as address:
        found = ask(address, "/api/v1/matches", params={"team": HOSTILE, "limit": 1})
        assert found.headers["Content-Type"] == "application/json"
        assert found.json()["rows"][0]["team"] == HOSTILE


class Counting:
    """An evening that is another one at each look."""

    def __init__(self) -> None:
        self.looks = 0

    def look(self) -> dict[str, Any]:
        self.looks += 1
        return {"day": "2026-05-10", "cities": [], "status": f"look {self.looks}"}


def test_tonight_is_told_as_it_changes_and_looked_at_once_for_all(filled: Store) -> None:
    counting = Counting()
    with served(filled, counting) as address:  # type: ignore[arg-type]
        events: list[str] = []

        def listen() -> None:
            with requests.get(f"{address}/api/v1/tonight/events", stream=True, timeout=30) as answer:
                for line in answer.iter_lines(decode_unicode=True):
                    if line.startswith("data: "):
                        events.append(json.loads(line[6:])["status"])
                    if len(events) >= 24:
                        return

        threads = [threading.Thread(target=listen) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert len(events) >= 24
    assert counting.looks < len(events)


def test_200_clients_are_answered_and_one_that_never_reads_holds_up_nobody(filled: Store) -> None:
    with served(filled) as address:
        silent = requests.get(f"{address}/api/v1/tonight/events", stream=True, timeout=30)
        with ThreadPoolExecutor(50) as pool:
            statuses = list(pool.map(lambda _: ask(address, "/api/v1/results").status_code, range(200)))
        silent.close()
    assert set(statuses) == {200}


def test_the_server_ends_while_somebody_listens(filled: Store) -> None:
    began = time.monotonic()
    with served(filled) as address:
        listening = requests.get(f"{address}/api/v1/tonight/events", stream=True, timeout=30)
        next(listening.iter_lines())
    assert time.monotonic() - began < 60
    listening.close()
