"""Three ways to write money, each read into an exact Decimal with two decimals, or rejected with None.

Belongs here: reading one price. Does not belong here: what a price may be (``reading.py``).
"""

import math
import re
from decimal import Decimal

_CENT = Decimal("0.01")
_LARGEST = 10**15
_DECIMAL = re.compile(r"-?\d{1,15}(\.\d{1,2}0{0,8})?", re.ASCII)
#: A float that stands for two decimals is at most this far off, in units in the last place: a few sums and products.
_NOISE = 16


def pence(cell: object) -> Decimal | None:
    """Read whole pence: 250 is 2.50."""
    if isinstance(cell, bool) or not isinstance(cell, int) or abs(cell) > _LARGEST:
        return None
    return Decimal(cell).scaleb(-2)


def decimal_text(cell: object) -> Decimal | None:
    """Read a decimal text with at most two decimals that are not zero: "2.5", "2.50", "2.5000"."""
    if not isinstance(cell, str) or not _DECIMAL.fullmatch(cell.strip()):
        return None
    return Decimal(cell.strip()).quantize(_CENT)


def float_money(cell: object) -> Decimal | None:
    """Read a number by its shortest text, 2.5 or 0.30000000000000004, and round noise away.

    A float holds most prices a little off, and sums of prices a little more. What is further from two decimals than
    such noise (2.505) is no price, and rejected: rounding it would make it up.
    """
    if isinstance(cell, bool) or not isinstance(cell, int | float) or not abs(cell) <= _LARGEST:
        return None
    exact = Decimal(repr(cell))
    rounded = exact.quantize(_CENT)
    return rounded if abs(exact - rounded) <= _NOISE * Decimal(math.ulp(cell)) else None
