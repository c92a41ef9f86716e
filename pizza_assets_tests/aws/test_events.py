"""Events of the function: what they ask for, what is wrong with them, and how many days the time allows."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.aws.events import MARGIN_SECONDS, MOST_DAYS, Asked, asked, next_block
from pizza_assets.errors import UseError

NOW = datetime(2026, 6, 1, 17, 0, tzinfo=UTC)
START = date(2023, 8, 1)


def test_an_empty_event_asks_for_what_the_schedule_asks_for() -> None:
    assert asked({}, NOW, START) == Asked(date(2026, 5, 31), date(2026, 6, 1))
    assert asked({"select": "order_volume+"}, NOW, START).select == "order_volume+"


def test_before_the_second_day_there_is_only_the_first() -> None:
    assert asked({}, NOW, date(2026, 6, 1)) == Asked(date(2026, 6, 1), date(2026, 6, 1))


def test_an_event_of_an_eventbridge_rule_is_empty() -> None:
    assert asked({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}, NOW, START).days == 2


@given(
    st.dates(date(2023, 8, 1), date(2026, 5, 1)),
    st.integers(0, 400),
    st.sampled_from(["*", "group:raw", "order_volume+ or merged_orders"]),
)
def test_what_is_left_is_an_event_again(first: date, more: int, select: str) -> None:
    wanted = Asked(first, first + timedelta(days=more), select)
    assert asked(wanted.as_event(), NOW, START) == wanted
    after = wanted.after(first)
    assert (after is None) == (more == 0)
    assert after is None or asked(after.as_event(), NOW, START).days == wanted.days - 1


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ([1], "The event is a list: expected an object such as"),
        ("x", "The event is a str"),
        (None, "The event is a NoneType"),
        ({"day": "2026-01-01"}, "The event has the key 'day': expected from, to, select"),
        ({"to": "2026-01-01"}, "The event has 'to' and no 'from'"),
        ({"from": "2026-02-30"}, "The event's 'from' is '2026-02-30': expected a day of the calendar"),
        ({"from": 5}, "The event's 'from' is 5"),
        ({"from": "2026-02-03", "to": "2026-02-01"}, "expected the earlier day first. Swap them."),
        ({"from": "2026-02-03", "select": ""}, "The event's 'select' is ''"),
        ({"from": "2026-02-03", "select": ["a"]}, "The event's 'select' is ['a']"),
    ],
)
def test_an_event_of_the_wrong_shape_is_one_sentence(event: object, sentence: str) -> None:
    with pytest.raises(UseError) as error:
        asked(event, NOW, START)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@given(st.integers(1, 500), st.floats(0, 900), st.floats(0.01, 1000))
def test_a_block_fits_into_the_time(days_left: int, seconds_left: float, seconds_a_day: float) -> None:
    count = next_block(days_left, seconds_left, seconds_a_day)
    assert 0 <= count <= min(days_left, MOST_DAYS)
    assert count == 0 or count * 2 * seconds_a_day <= seconds_left - MARGIN_SECONDS + 1e-6


def test_the_first_block_is_an_evening() -> None:
    assert [next_block(30, seconds, None) for seconds in (900, MARGIN_SECONDS + 1, MARGIN_SECONDS)] == [2, 2, 0]
    assert next_block(1, 900, None) == 1
