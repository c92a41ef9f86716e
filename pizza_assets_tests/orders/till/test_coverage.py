from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from pizza_assets.orders.till.coverage import coverage
from pizza_assets.orders.till.profile import Closed

MONDAY = date(2024, 9, 2)


def day(number: int) -> date:
    return MONDAY + timedelta(days=number)


def season(weeks: int = 20, *, without: tuple[int, ...] = (), per_day: int = 40) -> dict[date, int]:
    """A shop that is closed on Mondays."""
    return {day(n): per_day for n in range(7 * weeks) if n % 7 and n not in without}


def test_a_weekday_on_which_the_shop_never_opens_is_known() -> None:
    known = coverage(season())
    assert known.gaps == ()
    assert known.covers(day(7))
    assert not known.covers(day(1))  # the first day is a part
    assert not known.covers(day(139))  # so is the last


def test_an_outage_and_a_closed_week_are_not_known() -> None:
    known = coverage(season(without=(10, *range(30, 45))))
    assert known.gaps == ((day(10), day(10)), (day(30), day(44)))
    assert not known.covers(day(10))
    assert not known.covers(day(40))
    assert known.covers(day(11))
    assert not known.covers(day(45))  # a part: the export may begin within it


def test_a_stray_date_covers_nothing_but_itself() -> None:
    known = coverage({day(0): 1, **{day(n): 40 for n in range(366, 400)}})
    assert known.gaps == ((day(1), day(365)),)


def test_a_small_shop_has_days_without_orders() -> None:
    known = coverage({day(n): 2 for n in range(100) if n % 3})
    assert known.gaps == ()


def test_a_person_knows_better() -> None:
    orders = season(without=(10,))
    assert coverage(orders, opened=[Closed(day(10), day(10))]).gaps == ()
    assert coverage(orders, closed=[Closed(day(14), day(14))]).gaps == ((day(10), day(10)), (day(14), day(14)))
    half_a_day = coverage(orders, closed=[Closed(day(16), day(16))])
    assert half_a_day.has_gap(day(16))  # the till was off for a part of a day with orders


@settings(max_examples=200)
@given(st.dictionaries(st.integers(0, 120), st.integers(1, 60), min_size=1))
def test_a_day_with_orders_is_never_in_a_gap(orders: dict[int, int]) -> None:
    known = coverage({day(number): count for number, count in orders.items()})
    assert not any(known.has_gap(day(number)) for number in orders)
    assert (known.first, known.last) == (day(min(orders)), day(max(orders)))
