"""Fixtures ahead: real, mock, unknown, from an earlier list."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from pizza_assets.analysis.forecast import HORIZON_DAYS
from pizza_assets.errors import SourceError
from pizza_assets.football.mock import mock_matches
from pizza_assets.forecast.ahead import LIST_OF, UNKNOWN_DAYS, days_ahead, fixtures_of
from pizza_assets.forecast.assets import lists_ahead
from pizza_assets.lake.layout import FIXTURES_AHEAD
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.platform.kept import Kept
from pizza_assets.settings import Settings
from pizza_assets_tests.frames import match_row, matches_frame

TODAY = date(2026, 3, 2)


def on(day: int, name: str = "m", **changes: object) -> pd.DataFrame:
    """One match, so many days ahead."""
    at = datetime(2026, 3, 2, 15, tzinfo=UTC) + timedelta(days=day)
    return matches_frame([match_row(name, at, score=(1, 0), **changes)])


def given(real: Mapping[int, pd.DataFrame], mock: Mapping[int, pd.DataFrame] | None = None) -> dict[date, Any]:
    found = {TODAY + timedelta(days=n): ("real", frame, "") for n, frame in real.items()}
    return found | {TODAY + timedelta(days=n): ("mock", frame, "HTTP 500") for n, frame in (mock or {}).items()}


def test_the_list_has_the_days_ahead_without_results() -> None:
    days = {n: on(n, f"m{n}") for n in range(1, HORIZON_DAYS + 1)}
    found = fixtures_of(TODAY, given(days), None, is_set_up=True)
    assert len(found.frame) == HORIZON_DAYS
    assert found.data_source == "real"
    assert found.frame["home_score"].isna().all()
    assert set(found.frame["status"]) == {"TIMED"}
    assert found.facts == {}


def test_days_that_the_source_does_not_tell_of_are_unknown_and_never_made_up() -> None:
    mock = {n: on(n, f"x{n}", data_source="mock") for n in range(4, HORIZON_DAYS + 1)}
    found = fixtures_of(TODAY, given({1: on(1), 2: on(2, "n"), 3: on(3, "o")}, mock), None, is_set_up=True)
    assert set(found.frame["data_source"]) == {"real"}
    assert found.facts[UNKNOWN_DAYS] == "2026-03-06 to 2026-03-16"


def test_a_match_that_was_moved_is_on_its_new_day_alone() -> None:
    days = {2: on(2, status="POSTPONED", data_source="real"), 9: on(9)}
    found = fixtures_of(TODAY, given(days), None, is_set_up=True).frame
    assert found["timestamp"].dt.day.tolist() == [11]
    assert found["status"].tolist() == ["TIMED"]


def test_without_an_answer_the_earlier_list_stands_in_and_says_so() -> None:
    earlier = (TODAY - timedelta(days=3), pd.concat([on(-1, "past"), on(5, "ahead")], ignore_index=True))
    mock = {n: on(n, f"x{n}", data_source="mock") for n in range(1, HORIZON_DAYS + 1)}
    found = fixtures_of(TODAY, given({}, mock), earlier, is_set_up=True)
    assert found.frame["match_id"].tolist() == ["ahead"]
    assert found.facts[LIST_OF] == "2026-02-27"
    assert found.facts[UNKNOWN_DAYS] == "2026-03-14 to 2026-03-16"
    assert found.facts["reason"] == "HTTP 500"


def test_without_an_answer_and_an_earlier_list_nothing_is_known() -> None:
    found = fixtures_of(TODAY, {}, None, is_set_up=True)
    assert (len(found.frame), found.data_source) == (0, "real")
    assert found.facts[UNKNOWN_DAYS] == "2026-03-03 to 2026-03-16"


def test_where_no_real_source_is_set_up_fixtures_are_mock_and_labelled() -> None:
    settings = Settings.load()
    days = {n: mock_matches(TODAY + timedelta(days=n), settings) for n in range(1, HORIZON_DAYS + 1)}
    found = fixtures_of(TODAY, given({}, days), None, is_set_up=False)
    assert found.data_source == "mock"
    assert set(found.frame["data_source"]) == {"mock"}
    assert len(found.frame) == sum(map(len, days.values()))


def test_a_range_asks_once_and_lists_each_day(store: Store) -> None:
    days = [TODAY + timedelta(days=n) for n in range(3)]
    found = dict(lists_ahead(days, Settings.load(), DailyTable(store, FIXTURES_AHEAD)))
    assert list(found) == days
    for day, of_day in found.items():
        assert isinstance(of_day, Day)
        kicks_off = set(of_day.frame["timestamp"].dt.date)
        assert kicks_off <= set(days_ahead(day))


def test_where_mock_is_not_allowed_nothing_is_made_up(store: Store) -> None:
    with pytest.raises(SourceError, match="FOOTBALL_API_KEY is not set"):
        list(lists_ahead([TODAY], Settings.load(pizza_allow_mock=False), DailyTable(store, FIXTURES_AHEAD)))


def test_a_real_list_stays_where_the_source_is_away(store: Store) -> None:
    table = DailyTable(store, FIXTURES_AHEAD)
    table.put(TODAY, Day(on(2), "real"), "run")
    away = {"football_api_key": "key", "football_api_url": "http://127.0.0.1:9", "max_api_retries": 0}
    settings = Settings.load(**away)
    ((_, found),) = lists_ahead([TODAY], settings, DailyTable(store, FIXTURES_AHEAD))
    assert isinstance(found, Kept)
    ((_, next_day),) = lists_ahead([TODAY + timedelta(days=1)], settings, DailyTable(store, FIXTURES_AHEAD))
    assert isinstance(next_day, Day)
    assert next_day.facts[LIST_OF] == TODAY.isoformat()


def test_files_of_fixtures_that_are_not_there_are_an_error(store: Store) -> None:
    with pytest.raises(SourceError, match="nothing-here"):
        list(lists_ahead([TODAY], Settings.load(matches_files="nothing-here.csv"), DailyTable(store, FIXTURES_AHEAD)))
