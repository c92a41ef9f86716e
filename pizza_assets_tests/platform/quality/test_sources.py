from datetime import date, timedelta
from pathlib import Path

import pytest

from pizza_assets import contracts
from pizza_assets.lake.layout import RAW_MATCHES
from pizza_assets.lake.tables import Day
from pizza_assets.platform.columns import Source
from pizza_assets.platform.quality.results import DayResult
from pizza_assets.platform.quality.sources import FALLBACK, ShareOfReal
from pizza_assets_tests.platform.quality.backgrounds import background

FIRST = date(2025, 9, 6)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def content(source: Source, *, fell_back: bool = True) -> Day:
    facts: dict[str, object] = {"reason": "the API answers 503"} if source == "mock" else {}
    if source == "mock" and fell_back:
        facts[FALLBACK] = True
    return Day(contracts.empty(contracts.FOOTBALL_MATCHES), source, facts=facts)


def judged(
    folder: Path,
    stored: dict[int, Source],
    run: dict[int, Source],
    *,
    is_configured: bool = True,
    fell_back: bool = True,
) -> dict[int, DayResult]:
    check = ShareOfReal(is_configured, error_after_days=3)
    known = {day(number): content(source, fell_back=fell_back) for number, source in stored.items()}
    measured = {day(number): check.measure(day(number), content(source)) for number, source in run.items()}
    results = check.judge(measured, background(folder, RAW_MATCHES, known, min(measured), day(99)))
    return {(result.day - FIRST).days: result for result in results}


def statuses(results: dict[int, DayResult]) -> list[str]:
    return [results[number].status for number in sorted(results)]


def test_without_a_key_mock_is_what_was_asked_for(tmp_path: Path) -> None:
    results = judged(tmp_path, {}, dict.fromkeys(range(9), "mock"), is_configured=False)
    assert statuses(results) == ["passed"] * 9
    assert results[8].message == "mock: the API answers 503"
    assert results[8].figures["share_real"] == 0.0


def test_a_fallback_warns_and_a_habit_is_an_error(tmp_path: Path) -> None:
    results = judged(tmp_path, {}, {0: "real", 1: "mock", 2: "mock", 3: "mock", 4: "mock", 5: "real", 6: "mock"})
    assert statuses(results) == ["passed", "warn", "warn", "error", "error", "passed", "warn"]
    assert results[4].message == "mock for 4 days in a row, although a source is set up: the API answers 503"


def test_the_days_before_the_run_count(tmp_path: Path) -> None:
    results = judged(tmp_path, {0: "real", 1: "mock", 2: "mock"}, {3: "mock"})
    assert statuses(results) == ["error"]
    assert results[3].figures["share_real_30_days"] == 0.25


def test_days_that_were_meant_to_be_mock_are_no_habit(tmp_path: Path) -> None:
    results = judged(tmp_path, {0: "mock", 1: "mock", 2: "mock"}, {3: "mock"}, fell_back=False)
    assert (results[3].status, results[3].figures["fallbacks_in_a_row"]) == ("warn", 1)


def test_a_real_run_of_stored_mock_days_ends_the_habit(tmp_path: Path) -> None:
    results = judged(tmp_path, {0: "mock", 1: "mock", 2: "mock"}, {1: "real", 2: "real"})
    assert statuses(results) == ["passed", "passed"]


@pytest.mark.parametrize("is_configured", [True, False])
def test_the_description_tells_which_rule_holds(is_configured: bool) -> None:
    assert ("3 mock days in a row are an error" in ShareOfReal(is_configured, 3).description) == is_configured
