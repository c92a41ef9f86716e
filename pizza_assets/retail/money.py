"""Three ways to write money, each read into an exact Decimal of its currency, or rejected with None.

Belongs here: reading one price, and how many decimal places currencies have. Does not belong here: what a price may be
(``reading.py``).
"""

import math
import re
from decimal import Decimal

_LARGEST = 10**15
_DECIMAL = re.compile(r"-?\d{1,15}(\.\d{1,12})?", re.ASCII)
#: A float that stands for a price is at most this far off, in units in the last place: a few sums and products.
_NOISE = 16
#: Minor units that are not 2: ISO 4217:2015, list one (SIX, the standard's maintenance agency).
EXPONENTS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND"), 0),
    **dict.fromkeys(("VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
#: The most decimal places that a currency has.
MOST_PLACES = max(EXPONENTS.values())


def exponent(currency: object) -> int:
    """Return the decimal places of a currency by its code: GBP 2, JPY 0, KWD 3."""
    return EXPONENTS.get(str(currency), 2)


def minor_units(cell: object, places: int) -> Decimal | None:
    """Read whole minor units: with two decimal places 250 is 2.50, with none 250."""
    if isinstance(cell, bool) or not isinstance(cell, int) or abs(cell) > _LARGEST:
        return None
    return Decimal(cell).scaleb(-places)


def decimal_text(cell: object, places: int) -> Decimal | None:
    """Read a decimal text with at most so many decimals that are not zero: "2.5", "2.50", "2.5000"."""
    if not isinstance(cell, str) or not _DECIMAL.fullmatch(cell.strip()):
        return None
    exact = Decimal(cell.strip())
    rounded = exact.quantize(_smallest(places))
    return rounded if rounded == exact else None


def float_money(cell: object, places: int) -> Decimal | None:
    """Read a number by its shortest text, 2.5 or 0.30000000000000004, and round noise away.

    A float holds most prices a little off, and sums of prices a little more. What is further from the currency's
    decimals than such noise (2.505 pounds) is no price, and rejected: rounding it would make it up.
    """
    if isinstance(cell, bool) or not isinstance(cell, int | float) or not abs(cell) <= _LARGEST:
        return None
    exact = Decimal(repr(cell))
    rounded = exact.quantize(_smallest(places))
    return rounded if abs(exact - rounded) <= _NOISE * Decimal(math.ulp(cell)) else None


def _smallest(places: int) -> Decimal:
    return Decimal(1).scaleb(-places)
