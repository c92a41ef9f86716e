from datetime import date

import numpy as np
import pandas as pd
import pytest

from pizza_assets.analysis.grid import build_grid, days_since_1970, local_calendar
from pizza_assets.contracts import ORDER_VOLUME, conform


def _volume(rows: list[tuple[str, str, str, str, int]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["bin_start", "city", "currency", "data_source", "orders"])
    frame["bin_start"] = pd.to_datetime(frame["bin_start"], utc=True)
    return conform(frame.assign(revenue=10.0, pizzas=frame["orders"]), ORDER_VOLUME)


DAY = date(2025, 3, 1)


def test_currencies_of_one_bin_add_up() -> None:
    volume = _volume([("2025-03-01 12:15", "London", c, "real", 2) for c in ("EUR", "GBP")])
    grid = build_grid(volume, {DAY: "real"})
    assert grid.cities == ("London",)
    assert grid.orders[0, 49] == grid.orders.sum() == 4


def test_orders_that_do_not_count_are_reported() -> None:
    volume = _volume(
        [
            ("2025-03-01 12:15", "London", "GBP", "mock", 3),
            ("2025-03-05 12:15", "London", "GBP", "real", 5),
            ("2025-03-01 12:30", "unknown", "GBP", "real", 7),
        ]
    )
    grid = build_grid(volume, {DAY: "real"})
    assert dict(zip(grid.ignored["reason"], grid.ignored["orders"], strict=True)) == {
        "another source than the day's": 3,
        "day not collected": 5,
    }
    assert grid.orders.sum() == 0
    assert grid.national.sum() == 7


@pytest.mark.parametrize(
    ("day", "missing", "doubled"),
    [(date(2025, 3, 30), range(4, 8), range(0)), (date(2025, 10, 26), range(0), range(4, 8))],
)
def test_clock_changes_skip_or_double_an_hour(day: date, missing: range, doubled: range) -> None:
    _, time_of_week = local_calendar(days_since_1970(day) * 96 - 96, 3 * 96, ["Europe/London"])
    sunday = np.bincount(time_of_week[0], minlength=7 * 96)[6 * 96 :]
    expected = np.ones(96)
    expected[list(missing)], expected[list(doubled)] = 0, 2
    assert sunday.tolist() == expected.tolist()


def test_weeks_begin_on_monday_local_time() -> None:
    monday = days_since_1970(date(2024, 2, 26)) * 96
    week, time_of_week = local_calendar(monday - 8, 16, ["UTC", "Europe/London", "America/New_York"])
    assert (np.diff(week[0]) != 0).nonzero()[0].tolist() == [7]
    assert time_of_week[0, 8] == 0
    assert (week[2] == week[0][0]).all(), "New York is still on Sunday"
    assert time_of_week[2, 8] == 7 * 96 - 20


def test_a_slice_keeps_bins_and_days_together() -> None:
    volume = _volume([(f"2025-03-0{d} 10:00", "London", "GBP", "real", d) for d in range(1, 6)])
    grid = build_grid(volume, {date(2025, 3, d): "real" for d in range(1, 6)})
    first = days_since_1970(DAY)
    part = grid.between(first + 1, first + 3)
    assert part.orders.sum() == 2 + 3
    assert len(part.day_source) * 96 == part.n_bins == part.week.shape[1]
    assert grid.between(first - 50, first + 50).orders.sum() == grid.orders.sum()
    assert grid.between(first + 90, first + 99).n_bins == 0


def test_nothing_collected_is_an_empty_grid() -> None:
    grid = build_grid(_volume([("2025-03-01 10:00", "London", "GBP", "real", 9)]), {})
    assert grid.n_bins == 0
    assert grid.ignored["orders"].tolist() == [9]
