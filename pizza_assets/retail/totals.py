"""Does a line's total follow from its quantity, price and discount? For one line, and for columns of lines.

Belongs here: what explains a total. Does not belong here: how a retailer writes the figures (``money.py``).

Three things explain a total that is not quantity x price to the last decimal:

- rounding: the total is rounded to the currency's smallest unit (1.25 kg x 2.50 = 3.125, sold for 3.12), or the price
  is (three for 1.00 are 3 x 0.33);
- a discount that the line states;
- items that are free: the total is the price of fewer items, at least of one (3 for 2).

Amounts of returns are negative, and explained like those of sales.
"""

from decimal import Decimal

import pyarrow
import pyarrow.compute as pc

from pizza_assets.retail.money import exponent

_HALF = Decimal("0.5")


def discount_of(
    quantity: Decimal, unit_price: Decimal, total: Decimal, stated: Decimal | None, places: int
) -> Decimal | None:
    """Return the discount that explains a line's total; None where nothing explains it.

    Parameters
    ----------
    quantity
        Not 0; negative on a return.
    unit_price
        Not negative.
    total
        What was paid; negative on a return.
    stated
        The discount that the line states, with either sign; None where it states none.
    places
        The decimal places of the currency.

    Returns
    -------
    Decimal
        With the sign of the quantity, or 0: total + discount is quantity x unit_price, rounded.
    """
    sign, count, paid = (-1 if quantity < 0 else 1), abs(quantity), total
    paid *= sign
    if paid < 0:
        return None
    if stated is not None:
        return sign * abs(stated) if _is_rounded(count * unit_price - paid - abs(stated), count, places) else None
    if _is_rounded(count * unit_price - paid, count, places):
        return Decimal(0)
    is_price_of_fewer = unit_price > 0 and count == int(count) and paid % unit_price == 0 < paid < count * unit_price
    return sign * (count * unit_price - paid) if is_price_of_fewer else None


def _is_rounded(difference: Decimal, count: Decimal, places: int) -> bool:
    unit = Decimal(1).scaleb(-places)
    return abs(difference) < unit or abs(difference) <= count * _HALF * unit


def unexplained(lines: pyarrow.Table) -> pyarrow.ChunkedArray:
    """Return which lines (columns of the contract of sales) have a total that does not follow from the line."""
    product = pc.multiply(lines["quantity"], lines["unit_price"])
    difference = pc.abs(pc.subtract(pc.add(lines["total_amount"], lines["discount"]), product))
    unit = _smallest_units(lines["currency"])
    count = pc.abs(lines["quantity"])
    is_rounded = pc.or_(
        pc.less(difference, unit),
        pc.less_equal(difference, pc.multiply(count, pc.multiply(unit, pyarrow.scalar(_HALF)))),
    )
    is_sale = pc.greater(lines["quantity"], _ZERO)
    paid, given = lines["total_amount"], lines["discount"]
    has_sign = pc.if_else(
        is_sale,
        pc.and_(pc.greater_equal(paid, _ZERO), pc.greater_equal(given, _ZERO)),
        pc.and_(pc.less_equal(paid, _ZERO), pc.less_equal(given, _ZERO)),
    )
    return pc.invert(pc.and_(is_rounded, has_sign))


_ZERO = pyarrow.scalar(Decimal(0), pyarrow.decimal128(1, 0))


def _smallest_units(currency: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    codes = pc.unique(currency)
    units = pyarrow.array([Decimal(1).scaleb(-exponent(code)) for code in codes.to_pylist()], pyarrow.decimal128(5, 4))
    return pc.take(units, pc.index_in(currency, codes))
