from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pandas as pd

from pizza_assets.lake import formats
from pizza_assets.quality.plots import orders_and_expectation, uplift_by_window
from pizza_assets.quality.results import DayResult

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


def results(*rows: tuple[str, str, str, float | None]) -> bytes:
    frame = pd.DataFrame(rows, columns=["scope", "data_source", "time_window", "estimate"])
    frame = frame.assign(method="uplift", ci_low=frame["estimate"] - 2, ci_high=frame["estimate"] + 2)
    return formats.csv_bytes(frame)


def test_each_window_has_its_lane_and_each_source_its_colour() -> None:
    svg = uplift_by_window(
        results(
            ("all", "real", "pre_match", 12.0),
            ("all", "mock", "pre_match", 7.0),
            ("all", "real", "day", None),
            ("team:Leeds", "real", "post_match", 3.0),
        )
    )
    assert len(svg.encode()) < LARGEST
    assert {"pre_match", "day", "real", "mock", "orders against expected, %"} <= texts(svg)
    assert "post_match" not in texts(svg), "no team, only what holds for all"


def test_an_analysis_without_results_is_an_empty_picture() -> None:
    assert "orders against expected, %" in texts(uplift_by_window(results()))
