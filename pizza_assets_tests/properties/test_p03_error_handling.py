"""The half of property 3 that is about APIs; storage has the other."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

from hypothesis import given

from pizza_assets.contracts import DOMINOS_ORDERS, FOOTBALL_MATCHES, empty, validate
from pizza_assets.errors import SourceError
from pizza_assets.football.collect import collect_matches
from pizza_assets.orders.collect import collect_orders
from pizza_assets.platform.collected import Collected
from pizza_assets.platform.records import read_json
from pizza_assets_tests.platform.fake_api import (
    TOKEN,
    Answer,
    FakeApi,
    dominos_session,
    envelope,
    football_session,
    match,
    order,
    page,
    settings_for,
)
from pizza_assets_tests.platform.strategies import SATURDAY, failures, wild_matches, wild_orders

ASKED = [SATURDAY + timedelta(days=n) for n in range(2)]


# Feature: pizza-game-dashboard, Property 3: For any API operation or S3 interaction, authentication failures, rate
# limits, and network errors should be handled gracefully without system crashes
@given(answer=failures)
def test_a_failure_is_one_sentence_for_people(api: FakeApi, tmp_path: Path, answer: Answer) -> None:
    api.answers(answer)
    with football_session(settings_for(api, max_api_retries=1), tmp_path) as session:
        try:
            body = session.get("x", {})
        except SourceError as error:
            said = str(error)
        else:
            assert answer.status == 200
            assert isinstance(body, dict)
            return
    assert said.startswith("football-data.org, GET http://127.0.0.1:")
    assert "expected" in said
    assert "found" in said
    assert "\n" not in said
    assert TOKEN not in said


# Feature: pizza-game-dashboard, Property 3: For any API operation or S3 interaction, authentication failures, rate
# limits, and network errors should be handled gracefully without system crashes
@given(sent=wild_matches())
def test_matches_gone_wrong_are_stored_or_rejected_whole(api: FakeApi, tmp_path: Path, sent: list[object]) -> None:
    sent.append(match(99))
    api.answers(Answer(body=envelope(*sent)))
    settings = settings_for(api)
    with football_session(settings, tmp_path) as session:
        found = list(collect_matches(ASKED, settings, session=session))
    for day in found:
        validate(day.frame, FOOTBALL_MATCHES)
        assert day.raw is not None
        assert day.received == len(day.frame) + len(day.rejected) == len(day.raw)
        assert all(reject.reason and reject.record in day.raw for reject in day.rejected)
        json.dumps(day.raw, ensure_ascii=False).encode()
    _check_nothing_lost(sent, found)
    assert sum(day.received for day in found) >= 1


# Feature: pizza-game-dashboard, Property 3: For any API operation or S3 interaction, authentication failures, rate
# limits, and network errors should be handled gracefully without system crashes
@given(sent=wild_orders())
def test_orders_gone_wrong_are_stored_or_rejected_whole(api: FakeApi, tmp_path: Path, sent: list[object]) -> None:
    sent.append(order(99))
    api.answers(Answer(body=page(*sent)))
    settings = settings_for(api)
    with dominos_session(settings, tmp_path) as session:
        found = list(collect_orders(ASKED, settings, lambda _: empty(FOOTBALL_MATCHES), session=session))
    for day in found:
        validate(day.frame, DOMINOS_ORDERS)
        assert day.received == len(day.frame) + len(day.rejected)
        assert all(reject.reason for reject in day.rejected)
    _check_nothing_lost(sent, found)


def _check_nothing_lost(sent: list[object], found: list[Collected]) -> None:
    assert {day.data_source for day in found} == {"real"}
    assert sum(day.received for day in found) == len(sent)
    stored = sum(len(day.frame) for day in found)
    rejected = [reject.record for day in found for reject in day.rejected]
    assert stored + len(rejected) == len(sent)
    as_sent = _records(sent)
    assert not _records(rejected) - as_sent


def _records(values: list[object]) -> Counter[str]:
    """Count values as they arrive: half surrogate pairs and NaN cannot be kept as they are."""
    arrived = read_json(json.dumps(values).encode())
    assert isinstance(arrived, list)
    return Counter(json.dumps(value if isinstance(value, dict) else {"value": value}) for value in arrived)
