from decimal import Decimal

import pyarrow
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.retail.totals import discount_of, unexplained
from pizza_assets_tests.retail.sales_lines import AMOUNTS, sale, sales

PENCE = st.integers(-1_000, 1_000).map(lambda number: Decimal(number).scaleb(-2))


def is_explained(quantity: Decimal, price: Decimal, discount: Decimal, total: Decimal, currency: str = "GBP") -> bool:
    row = sale(quantity=quantity, unit_price=price, discount=discount, total_amount=total, currency=currency)
    (wrong,) = unexplained(sales([row])).to_pylist()
    return not wrong


@given(AMOUNTS)
def test_what_was_sold_is_explained_by_its_own_discount(amounts: tuple[Decimal, Decimal, Decimal]) -> None:
    quantity, price, discount = amounts
    total = (quantity * price).quantize(Decimal("0.01")) - discount
    assert discount_of(quantity, price, total, discount, 2) == discount
    assert is_explained(quantity, price, discount, total)


@given(
    st.integers(-50, 50).filter(bool).map(lambda number: Decimal(number).scaleb(-1)),
    st.integers(0, 500).map(lambda number: Decimal(number).scaleb(-2)),
    PENCE,
    st.none() | PENCE,
)
def test_a_discount_is_found_only_where_the_total_then_follows(
    quantity: Decimal, price: Decimal, total: Decimal, stated: Decimal | None
) -> None:
    """The rule for one line and the rule for columns are one."""
    found = discount_of(quantity, price, total, stated, 2)
    if found is not None:
        assert is_explained(quantity, price, found, total)
    if stated is not None:
        signed = abs(stated) if quantity > 0 else -abs(stated)
        assert (found is not None) == is_explained(quantity, price, signed, total)


@given(AMOUNTS, st.decimals("0.02", "100", places=2))
def test_a_total_of_one_item_is_exact(amounts: tuple[Decimal, Decimal, Decimal], off: Decimal) -> None:
    _, price, _ = amounts
    assert discount_of(Decimal(1), price, price + off, None, 2) is None
    assert not is_explained(Decimal(1), price, Decimal(0), price + off)


def test_the_smallest_unit_is_the_currencys() -> None:
    weighed = Decimal("1.25"), Decimal(333), Decimal(0)  # 416.25
    assert is_explained(*weighed, Decimal(416), "JPY")
    assert not is_explained(*weighed, Decimal(416), "GBP")
    assert not is_explained(*weighed, Decimal("416.2"), "KWD")


def test_no_lines_are_no_wrong_lines() -> None:
    assert unexplained(sales([])).to_pylist() == []
    assert isinstance(unexplained(sales([sale()])), pyarrow.ChunkedArray)
