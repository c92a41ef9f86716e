import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.retail.money import decimal_text, exponent, float_money, minor_units

#: Decimal places of a currency.
PLACES = st.sampled_from([0, 2, 3, 4])
NUMBERS = st.integers(-(10**12), 10**12)


@pytest.mark.parametrize(
    ("currency", "places"),
    [("GBP", 2), ("EUR", 2), ("JPY", 0), ("KRW", 0), ("ISK", 0), ("KWD", 3), ("BHD", 3), ("TND", 3), ("CLF", 4)],
)
def test_currencies_have_the_decimal_places_of_iso_4217(currency: str, places: int) -> None:
    assert exponent(currency) == places


@given(NUMBERS, PLACES)
def test_every_amount_comes_back_from_each_way_to_write_it(number: int, places: int) -> None:
    amount = Decimal(number).scaleb(-places)
    assert minor_units(number, places) == amount
    assert decimal_text(str(amount), places) == amount
    assert decimal_text(f" {amount}{'.' * (not places)}00 ", places) == amount
    assert float_money(float(amount), places) == amount


@given(NUMBERS, PLACES, st.integers(-8, 8))
def test_a_float_may_be_a_little_off(number: int, places: int, ulps: int) -> None:
    amount = Decimal(number).scaleb(-places)
    assert float_money(float(amount) + ulps * math.ulp(float(amount)), places) == amount


@given(st.integers(-(10**9), 10**9), PLACES, st.integers(1, 9))
def test_one_decimal_more_than_the_currency_has_is_rejected(number: int, places: int, more: int) -> None:
    amount = Decimal(number * 10 + more).scaleb(-places - 1)
    assert float_money(float(amount), places) is None
    assert decimal_text(str(amount), places) is None


@pytest.mark.parametrize(("value", "amount"), [(0.1 + 0.2, "0.30"), (3 * 1.1, "3.30"), (5, "5.00"), (1e-9, None)])
def test_a_float_is_read_by_its_shortest_text(value: float, amount: str | None) -> None:
    assert float_money(value, 2) == (amount and Decimal(amount))


@pytest.mark.parametrize("cell", [None, True, "2.50", "2,50", 2.5, [250], {"pence": 250}, 10**16])
def test_what_is_no_whole_number_of_minor_units_is_rejected(cell: object) -> None:
    assert minor_units(cell, 2) is None


@pytest.mark.parametrize("cell", [None, True, 2.5, 250, "2,50", "2.505", "1e3", "", "2.", ".5", "٢.50", "£2.50", "NaN"])
def test_what_is_no_decimal_text_is_rejected(cell: object) -> None:
    assert decimal_text(cell, 2) is None


@pytest.mark.parametrize("cell", [None, True, "2.5", math.nan, math.inf, -math.inf, 1e300, [2.5]])
def test_what_is_no_number_is_rejected(cell: object) -> None:
    assert float_money(cell, 2) is None
