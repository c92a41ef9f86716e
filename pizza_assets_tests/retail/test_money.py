import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.retail.money import decimal_text, float_money, pence

#: Up to the largest total that the contract holds.
AMOUNTS = st.integers(-(10**12), 10**12).map(lambda number: Decimal(number).scaleb(-2))


@given(AMOUNTS)
def test_every_amount_comes_back_from_each_way_to_write_it(amount: Decimal) -> None:
    assert pence(int(amount.scaleb(2))) == amount
    assert decimal_text(str(amount)) == amount
    assert decimal_text(f" {amount}00 ") == amount
    assert float_money(float(amount)) == amount


@given(AMOUNTS, st.integers(-8, 8))
def test_a_float_may_be_a_little_off(amount: Decimal, ulps: int) -> None:
    assert float_money(float(amount) + ulps * math.ulp(float(amount))) == amount


@given(st.integers(-(10**9), 10**9), st.integers(1, 9))
def test_a_float_with_a_third_decimal_is_rejected(amount: int, third: int) -> None:
    assert float_money(float(Decimal(amount).scaleb(-2) + Decimal(third).scaleb(-3))) is None


@pytest.mark.parametrize(("value", "amount"), [(0.1 + 0.2, "0.30"), (3 * 1.1, "3.30"), (5, "5.00"), (1e-9, None)])
def test_a_float_is_read_by_its_shortest_text(value: float, amount: str | None) -> None:
    assert float_money(value) == (amount and Decimal(amount))


@pytest.mark.parametrize("cell", [None, True, "2.50", "2,50", 2.5, [250], {"pence": 250}, 10**16])
def test_what_is_no_whole_pence_is_rejected(cell: object) -> None:
    assert pence(cell) is None


@pytest.mark.parametrize("cell", [None, True, 2.5, 250, "2,50", "2.505", "1e3", "", "2.", ".5", "٢.50", "£2.50", "NaN"])
def test_what_is_no_decimal_text_is_rejected(cell: object) -> None:
    assert decimal_text(cell) is None


@pytest.mark.parametrize("cell", [None, True, "2.5", math.nan, math.inf, -math.inf, 1e300, [2.5]])
def test_what_is_no_number_is_rejected(cell: object) -> None:
    assert float_money(cell) is None
