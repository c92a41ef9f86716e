from datetime import date, timedelta
from xml.etree import ElementTree as ET

from pizza_assets.platform.quality.plots import orders_and_expectation
from pizza_assets.platform.quality.results import DayResult

#: base64 adds a third; the UI carries it with each run.
LARGEST = 30_000 * 3 // 4


def days(count: int) -> list[DayResult]:
    results = []
    for number in range(count):
        figures: dict[str, str | int | float] = {
            "orders": 1000 + number,
            "data_source": "mock" if number % 2 else "real",
        }
        if number >= 28:
            figures |= {"expected": 1000, "low": 700, "high": 1500}
        results.append(DayResult(date(2025, 8, 1) + timedelta(days=number), figures=figures))
    return results


def texts(svg: str) -> set[str]:
    return {str(node.text) for node in ET.fromstring(svg).iter() if node.tag.endswith("text") and node.text}  # noqa: S314 our own


def test_a_season_of_orders_is_a_small_picture_that_names_its_sources() -> None:
    svg = orders_and_expectation(days(300))
    assert len(svg.encode()) < LARGEST
    assert {"real", "mock", "orders per day"} <= texts(svg)


def test_a_day_without_an_expectation_is_drawn_too() -> None:
    assert "orders per day" in texts(orders_and_expectation(days(1)))
