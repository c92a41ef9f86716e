from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets import contracts
from pizza_assets.lake.layout import ORDER_VOLUME
from pizza_assets.lake.tables import Day
from pizza_assets.platform.columns import Source
from pizza_assets.platform.quality.results import AnyCheck, DayResult
from pizza_assets.platform.quality.volume import Completeness, ExpectedVolume, count, expected_orders
from pizza_assets_tests.platform.quality.backgrounds import background

#: A Monday.
FIRST = date(2025, 9, 1)
CITIES = ("Leeds", "London", "Norwich")
TODAY = FIRST + timedelta(days=200)


def volume(
    day: date,
    orders: int = 50,
    *,
    cities: tuple[str, ...] = CITIES,
    hours: range = range(12, 24),
    source: Source = "real",
) -> Day:
    """So many orders in each city and hour."""
    rows = [
        {
            "bin_start": pd.Timestamp(day, tz="UTC") + pd.Timedelta(hours=hour),
            "city": city,
            "currency": "GBP",
            "data_source": source,
            "orders": orders,
            "revenue": 10.0 * orders,
            "pizzas": orders,
        }
        for hour in hours
        for city in cities
        if orders
    ]
    frame = pd.DataFrame(rows) if rows else contracts.empty(contracts.ORDER_VOLUME)
    return Day(contracts.conform(frame, contracts.ORDER_VOLUME), source)


def judged(folder: Path, check: AnyCheck, stored: list[Day], run: list[Day], today: date = TODAY) -> list[DayResult]:
    known = {FIRST + timedelta(days=number): content for number, content in enumerate(stored)}
    days = {FIRST + timedelta(days=len(stored) + number): content for number, content in enumerate(run)}
    measured = {day: check.measure(day, content) for day, content in days.items()}
    return list(check.judge(measured, background(folder, ORDER_VOLUME, known, min(days), today)))


def days_of(count_of_days: int, orders: int = 50, source: Source = "real") -> list[Day]:
    return [volume(FIRST + timedelta(days=number), orders, source=source) for number in range(count_of_days)]


def test_a_day_is_counted_by_city_and_hour() -> None:
    counted = count(volume(FIRST, 2, hours=range(20, 22)).frame, "real")
    assert counted.cities == {"Leeds": 4, "London": 4, "Norwich": 4}
    assert (counted.hours[20:22].tolist(), counted.orders) == ([6, 6], 12)


def test_a_usual_day_passes_with_its_expectation(tmp_path: Path) -> None:
    (result,) = judged(tmp_path, ExpectedVolume(), days_of(28), [volume(FIRST + timedelta(days=28), 55)])
    assert result.status == "passed"
    assert result.figures == {
        "orders": 1980, "data_source": "real", "expected": 1800, "low": 1200, "high": 2700, "deviation_pct": 10.0
    }  # fmt: skip


@pytest.mark.parametrize(
    ("orders", "status"), [(20, "warn"), (100, "warn"), (0, "error"), (34, "passed"), (74, "passed")]
)
def test_an_unusual_day_warns_and_an_empty_one_is_an_error(tmp_path: Path, orders: int, status: str) -> None:
    (result,) = judged(tmp_path, ExpectedVolume(), days_of(28), [volume(FIRST + timedelta(days=28), orders)])
    assert result.status == status
    if status != "passed":
        assert result.message == f"{36 * orders} orders, expected 1800 (1200 to 2700)"


def test_a_weekday_is_held_against_its_own(tmp_path: Path) -> None:
    weeks = [volume(FIRST + timedelta(days=n), 100 if n % 7 == 5 else 30) for n in range(35)]
    results = judged(tmp_path, ExpectedVolume(), weeks[:28], weeks[28:])
    assert [result.status for result in results] == ["passed"] * 7


def test_mock_days_are_no_measure_of_real_ones(tmp_path: Path) -> None:
    (result,) = judged(
        tmp_path, ExpectedVolume(), days_of(28, source="mock"), [volume(FIRST + timedelta(days=28), 500)]
    )
    assert (result.status, result.message) == ("skipped", "0 earlier days of this weekday and source, 4 are needed")


def test_a_day_that_is_not_over_is_not_judged(tmp_path: Path) -> None:
    today = FIRST + timedelta(days=28)
    for check in (ExpectedVolume(), Completeness()):
        (result,) = judged(tmp_path, check, days_of(28), [volume(today, 1)], today)
        assert (result.status, result.message) == ("skipped", "the day is not over")


def test_the_days_of_the_run_itself_are_history_to_its_later_days(tmp_path: Path) -> None:
    results = judged(tmp_path, ExpectedVolume(), [], days_of(35))
    assert [result.status for result in results] == ["skipped"] * 28 + ["passed"] * 7


@given(st.lists(st.integers(1, 5000), min_size=40, max_size=80), st.floats(1.01, 20))
def test_the_band_holds_its_expectation_and_grows_in_proportion(totals: list[int], factor: float) -> None:
    days = pd.date_range("2025-01-01", periods=len(totals))
    bands = expected_orders(pd.Series(totals, days, dtype=float))
    assert bands["expected"].isna().to_numpy().tolist() == [number < 28 for number in range(len(totals))]
    known = bands.dropna()
    assert (known["low"] * 1.499 <= known["expected"]).all()
    assert (known["expected"] * 1.499 <= known["high"]).all()
    scaled = expected_orders(pd.Series(totals, days, dtype=float) * factor).dropna()
    np.testing.assert_allclose(scaled["expected"], known["expected"] * factor)
    assert (scaled["low"] >= known["low"]).all(), "with more orders chance explains less"


def test_a_city_and_an_hour_without_orders_are_named(tmp_path: Path) -> None:
    (result,) = judged(
        tmp_path,
        Completeness(),
        days_of(10),
        [volume(FIRST + timedelta(days=10), cities=("London", "Leeds"), hours=range(13, 24))],
    )
    assert result.status == "warn"
    assert result.message == "no orders in Norwich; none in the hours (UTC) 12"
    assert result.figures["cities_expected"] == 3
    assert result.figures["hours_without_orders"] == 1


@pytest.mark.parametrize(
    "partial",
    [{"cities": ("London",)}, {"hours": range(12, 18)}],
    ids=["most cities missing", "half of the day missing"],
)
def test_half_of_a_day_is_an_error(tmp_path: Path, partial: dict[str, object]) -> None:
    day = volume(FIRST + timedelta(days=10), **partial)  # type: ignore[arg-type]
    (result,) = judged(tmp_path, Completeness(), days_of(10), [day])
    assert result.status == "error"


def test_few_orders_may_be_none_by_chance(tmp_path: Path) -> None:
    quiet = [volume(FIRST + timedelta(days=n), 1) for n in range(10)]
    (result,) = judged(tmp_path, Completeness(), quiet, [volume(FIRST + timedelta(days=10), 1, cities=("London",))])
    assert result.status == "passed", "12 orders a city and day are too few to miss"


def test_a_whole_day_passes_and_a_week_of_history_is_needed(tmp_path: Path) -> None:
    results = judged(tmp_path, Completeness(), [], days_of(9))
    assert [result.status for result in results] == ["skipped"] * 7 + ["passed"] * 2


def test_a_day_that_exports_do_not_cover_is_not_judged(tmp_path: Path) -> None:
    day = replace(volume(FIRST, 1), facts={"uncovered": "Leeds|York"})
    for check in (ExpectedVolume(), Completeness()):
        (result,) = judged(tmp_path / check.name, check, days_of(60), [day])
        assert (result.status, result.message) == ("skipped", "not all orders of the day are known: Leeds, York")
