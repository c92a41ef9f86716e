from datetime import UTC, date, datetime

import pytest

from pizza_assets.lake.tables import Day
from pizza_assets.platform.quality.rejects import DUPLICATES, REJECTED, kind_of
from pizza_assets.platform.quality.results import Background, DayResult
from pizza_assets_tests.frames import orders_frame

DAY = date(2025, 9, 6)
NOON = datetime(2025, 9, 6, 12, tzinfo=UTC)
#: Neither check looks beside the day.
NOWHERE: Background = None  # type: ignore[assignment]


def judged(check: object, stored: int, reasons: list[str]) -> DayResult:
    rejected = [{"reason": reason, "record": {}} for reason in reasons]
    day = Day(orders_frame([NOON] * stored, ["Leeds"] * stored), "real", stored + len(reasons), rejected)
    (result,) = check.judge({DAY: check.measure(DAY, day)}, NOWHERE)  # type: ignore[attr-defined]
    return result


@pytest.mark.parametrize(
    ("stored", "rejected", "status"), [(0, 0, "passed"), (199, 1, "passed"), (99, 1, "warn"), (4, 1, "error")]
)
def test_one_percent_warns_and_twenty_are_an_error(stored: int, rejected: int, status: str) -> None:
    assert judged(REJECTED, stored, ["order_total is missing"] * rejected).status == status


def test_duplicates_count_apart_from_all_other_rejects() -> None:
    reasons = ["duplicate order_id"] * 2 + ["quantity = 0: expected a whole number of at least 1"]
    duplicates, others = judged(DUPLICATES, 7, reasons), judged(REJECTED, 7, reasons)
    assert (duplicates.figures["rejected"], duplicates.status) == (2, "error")
    assert (others.figures["rejected"], others.status) == (1, "warn")
    assert others.figures["commonest_reason"] == "quantity (1)"
    assert "1 of 10 records were rejected (10.0%), most often: quantity (1)" in others.message


def test_reasons_of_one_kind_differ_in_their_values_only() -> None:
    assert (
        kind_of("order_total = 'x': expected a number") == kind_of("order_total = -1; currency = ''") == "order_total"
    )
