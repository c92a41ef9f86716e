from datetime import UTC, date, datetime, timedelta

import pytest

from pizza_assets.lake.layout import RAW_ORDERS
from pizza_assets.lake.store import Listed
from pizza_assets.platform.quality.freshness import Freshness, end_of, freshness

DAY = date(2025, 9, 6)


def stored(day: date, hours_after_its_end: float) -> Listed:
    return Listed(RAW_ORDERS.key(day, "real"), 1, end_of(day) + timedelta(hours=hours_after_its_end))


def at(hours_after_the_end_of_day: float) -> datetime:
    return end_of(DAY) + timedelta(hours=hours_after_the_end_of_day)


def test_a_day_ends_at_midnight_in_utc() -> None:
    assert end_of(DAY) == datetime(2025, 9, 7, tzinfo=UTC)


@pytest.mark.parametrize(("hours", "is_fresh"), [(20, True), (48, True), (48.1, False)])
def test_the_newest_complete_day_counts_from_its_end(hours: float, is_fresh: bool) -> None:
    found = freshness([stored(DAY - timedelta(days=1), 18), stored(DAY, 18)], at(hours), 48)
    assert found == Freshness(DAY, hours, 48)
    assert found.is_fresh == is_fresh


def test_a_day_stored_before_it_was_over_is_not_complete() -> None:
    objects = [stored(DAY - timedelta(days=1), 18), stored(DAY, -6)]
    assert freshness(objects, at(18), 48).newest_complete == DAY - timedelta(days=1)


def test_a_backfill_of_old_days_makes_nothing_fresh() -> None:
    old = [Listed(RAW_ORDERS.key(DAY - timedelta(days=n), "real"), 1, at(99)) for n in range(10, 300)]
    found = freshness(old, at(100), 48)
    assert not found.is_fresh
    assert found.sentence.startswith(
        "The newest complete day is 2025-08-27; it ended 340 h ago, and 48 h is the limit."
    )


def test_an_empty_lake_says_what_to_do() -> None:
    found = freshness([Listed("dashboard/index.html", 1, at(0))], at(1), 48)
    assert (found.is_fresh, found.newest_complete) == (False, None)
    assert "pizza-assets backfill" in found.sentence
