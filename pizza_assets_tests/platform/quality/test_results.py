from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.platform.quality.results import STATUSES, DayResult, Status, sentence, worst, worst_first

DAY = date(2025, 9, 6)


def results(*statuses: Status) -> list[DayResult]:
    return [
        DayResult(DAY + timedelta(days=number), status, "" if status == "passed" else f"because {number}")
        for number, status in enumerate(statuses)
    ]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("passed", "passed"), "passed"),
        (("passed", "skipped"), "passed"),
        (("skipped", "skipped"), "skipped"),
        (("passed", "warn", "skipped"), "warn"),
        (("warn", "error", "passed"), "error"),
        ((), "skipped"),
    ],
)
def test_the_worst_day_speaks_for_all_and_a_skipped_one_for_none(statuses: tuple[Status, ...], expected: str) -> None:
    assert worst(results(*statuses)) == expected


@given(st.lists(st.sampled_from(STATUSES), min_size=1, max_size=20))
def test_failing_days_stand_first_and_none_is_lost(statuses: list[Status]) -> None:
    given_results = results(*statuses)
    ordered = worst_first(given_results)
    assert sorted(ordered, key=lambda result: result.day) == given_results
    ranks = [STATUSES.index(result.status) for result in ordered]
    assert ranks == sorted(ranks)
    for one, other in pairwise(ordered):
        assert one.status != other.status or one.day > other.day


def test_the_sentence_counts_and_gives_the_worst_and_newest_example() -> None:
    assert sentence(results("passed", "warn", "passed", "warn")) == ("4 days: 2 warn, 2 passed. 2025-09-09: because 3")
    assert sentence(results("passed")) == "1 day: 1 passed."
