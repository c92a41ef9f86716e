from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.contracts import DOMINOS_ORDERS, FOOTBALL_MATCHES, validate
from pizza_assets.football.collect import collect_matches
from pizza_assets.football.mock import mock_matches
from pizza_assets.orders.collect import collect_orders
from pizza_assets.orders.mock import mock_orders
from pizza_assets.platform.collected import Collected
from pizza_assets.settings import Settings
from pizza_assets_tests.platform.fake_api import (
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
from pizza_assets_tests.platform.strategies import SATURDAY, failures

ASKED = [SATURDAY, SATURDAY + timedelta(days=1)]


@cache
def mock(data_set: str, day: date) -> pd.DataFrame:
    """Return the mock data of a day; tests leave it unchanged."""
    settings = Settings(_env_file=None, mock_orders_per_store_day=2)
    matches = mock_matches(day, settings)
    return matches if data_set == "matches" else mock_orders(day, matches, settings)


def collected(api: FakeApi, folder: Path, data_set: str, settings: Settings) -> Iterator[Collected]:
    if data_set == "matches":
        with football_session(settings, folder) as session:
            yield from collect_matches(ASKED, settings, session=session)
    else:
        with dominos_session(settings, folder) as session:
            yield from collect_orders(ASKED, settings, lambda day: mock("matches", day), session=session)


# Feature: pizza-game-dashboard, Property 1: For any external API (Domino's or football), when the API is unavailable
# or returns errors, the system should automatically fall back to mock data generation without failing
@given(data_set=st.sampled_from(["matches", "orders"]), answers=st.lists(failures, min_size=1, max_size=4))
def test_an_api_that_fails_gives_way_to_mock(
    api: FakeApi, tmp_path: Path, data_set: str, answers: list[Answer]
) -> None:
    # Junk may by chance hold the right key with nothing in it: then there was nothing, and it is real.
    answers = [answer for answer in answers if not _is_empty_list(answer)] or [Answer(500)]
    settings = settings_for(api, max_api_retries=1)
    api.answers(*answers)
    found = list(collected(api, tmp_path, data_set, settings))
    assert [day.day for day in found] == ASKED
    assert api.requests
    for day in found:
        assert day.data_source == "mock"
        assert day.reason
        pd.testing.assert_frame_equal(day.frame, mock(data_set, day.day))
        validate(day.frame, FOOTBALL_MATCHES if data_set == "matches" else DOMINOS_ORDERS)
        assert (day.received, list(day.rejected), day.raw) == (0, [], None)


def _is_empty_list(answer: Answer) -> bool:
    body = answer.body
    return isinstance(body, dict) and any(key in body and not body[key] for key in ("matches", "orders"))


# Feature: pizza-game-dashboard, Property 1: For any external API (Domino's or football), when the API is unavailable
# or returns errors, the system should automatically fall back to mock data generation without failing
@given(
    data_set=st.sampled_from(["matches", "orders"]),
    before=st.lists(st.sampled_from([429, 500, 502, 503, 504]), max_size=4),
    retries=st.integers(0, 4),
)
def test_an_api_that_recovers_within_its_retries_stays_real(
    api: FakeApi, tmp_path: Path, data_set: str, before: list[int], retries: int
) -> None:
    good = Answer(body={**envelope(match()), **page(order())})
    api.answers(*(Answer(status, b"") for status in before), good)
    settings = settings_for(api, max_api_retries=retries)
    first = next(collected(api, tmp_path, data_set, settings))
    assert first.data_source == ("real" if len(before) <= retries else "mock")
    assert len(api.requests) == min(len(before), retries) + 1
