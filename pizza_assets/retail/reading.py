"""Reading lines of receipts, as a retailer gave them, into the contract: a reason for each rejected one, none lost.

Belongs here: what all dialects have in common. Does not belong here: how a kind of money or time is read
(``money.py``, ``times.py``), and which retailer uses which (``retailer_1.py`` and so on).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import numpy as np
import pyarrow

from pizza_assets.contracts import sales_schema
from pizza_assets.platform.column_parsers import same_ids, text_or_none
from pizza_assets.platform.columns import Source
from pizza_assets.platform.records import Rejected, found
from pizza_assets.reference import UNKNOWN_CITY, city_of_location
from pizza_assets.retail.business_days import days_of_sale
from pizza_assets.retail.contract import QUANTITY_TYPE, TOTAL_AMOUNT_TYPE, UNIT_PRICE_TYPE, UNKNOWN
from pizza_assets.retail.money import decimal_text, exponent, float_money
from pizza_assets.retail.times import Instants
from pizza_assets.retail.totals import discount_of

#: May be null: an unknown customer stays null, the others become 'unknown'. The field itself must be there.
MAY_BE_NULL = frozenset({"category", "customer_id", "store_id", "store_city"})
#: May be absent, too: the total shows whether there is a discount.
MAY_BE_ABSENT = frozenset({"discount"})

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_LARGEST_COUNT = 2**31 - 1
#: Names of products, shops and the like, which are text also where a source writes a number.
_IDS = ("transaction_id", "product_sku", "customer_id", "store_id")

Cells = Sequence[object]
Problems = dict[int, list[str]]


@dataclass(frozen=True)
class _Absent:
    """Stands where a record does not even have the field: the keys that are there instead."""

    keys: Sequence[str]


@dataclass(frozen=True)
class Dialect:
    """How one retailer writes a line.

    `names` maps our fields to the retailer's (dots lead into objects), `instants` reads its times, of a wall clock in
    the retailer's time zone, and `money` one of its prices, with so many decimal places (None where it cannot);
    `categories` maps its categories, in small letters, to ours where they differ.
    """

    retailer_id: str
    names: Mapping[str, str]
    instants: Callable[[Cells, str], Instants]
    money: Callable[[object, int], Decimal | None]
    money_expected: str
    categories: Mapping[str, str]


def read_lines(
    lines: Sequence[Mapping[str, object]], dialect: Dialect, data_source: Source, time_zone: str = "Europe/London"
) -> tuple[pyarrow.Table, list[Rejected]]:
    """Read the lines of one day; ``len(lines) == len(table) + len(rejected)``, always.

    `time_zone` is the retailer's: of its wall clock, and of the days of stores in cities that we do not know.

    Returns
    -------
    table : pyarrow.Table
        The lines that keep the contract, in their order. Of lines with one number on one receipt and day the last
        one is kept: a correction comes after what it corrects.
    rejected : list of Rejected
        Each other line, whole, with the reason.
    """
    given = {field: [_at(line, path) for line in lines] for field, path in dialect.names.items()}
    instants, time_expected = dialect.instants(given["sold_at"], time_zone)
    given |= {field: same_ids(given[field]) for field in _IDS}
    columns = {field: [_READERS.get(field, _text)(cell) for cell in cells] for field, cells in given.items()}
    columns |= _money(given, dialect)
    columns["sold_at"] = instants.astype(object).where(instants.notna(), None).tolist()

    problems: Problems = {}
    for field, cells in given.items():
        for at in _unread(field, columns[field], cells):
            expected = time_expected[at] if field == "sold_at" else _expected(field, dialect)
            problems.setdefault(at, []).append(_problem(dialect.names[field], cells[at], expected))
    _settle_totals(columns, dialect.names, problems)
    _reject_corrected(columns, problems, time_zone)
    return _table(columns, problems, dialect, data_source), [
        Rejected(lines[at], "; ".join(problems[at])) for at in sorted(problems)
    ]


def _at(record: object, path: str) -> object:
    """Return what stands under a dotted path; null where an object on the way is null."""
    for name in path.split("."):
        if record is None or isinstance(record, _Absent):
            return record
        keys = sorted(record)[:20] if isinstance(record, Mapping) else []
        record = record[name] if isinstance(record, Mapping) and name in record else _Absent(keys)
    return record


def _money(given: Mapping[str, Cells], dialect: Dialect) -> dict[str, list[object]]:
    places = [exponent(currency) for currency in given["currency"]]
    return {
        field: [
            _amount(dialect.money(cell, decimals), _largest(kind))
            for cell, decimals in zip(given[field], places, strict=True)
        ]
        for field, kind in _MONEY.items()
    }


def _text(cell: object) -> str | None:
    text = (text_or_none(cell) or "").strip()
    # PostgreSQL, for one, holds no text with a zero character in it.
    return text if text and "\0" not in text else None


def _currency(cell: object) -> str | None:
    return cell if isinstance(cell, str) and _CURRENCY.fullmatch(cell) else None


def _count(cell: object) -> int | None:
    if isinstance(cell, bool) or not isinstance(cell, int | float) or not 1 <= cell <= _LARGEST_COUNT:
        return None
    return int(cell) if cell == int(cell) else None


def _quantity(cell: object) -> Decimal | None:
    """Read a number, or its decimal text: items, or kilograms with at most four decimal places."""
    places = QUANTITY_TYPE.scale
    found = decimal_text(cell, places) if isinstance(cell, str) else float_money(cell, places)
    return found if found and abs(found) <= _LARGEST_COUNT else None


#: How cells are read, text where nothing else is said; money takes its currency besides.
_READERS: Mapping[str, Callable[[object], object]] = {"line": _count, "quantity": _quantity, "currency": _currency}
_MONEY = {"unit_price": UNIT_PRICE_TYPE, "discount": TOTAL_AMOUNT_TYPE, "total_amount": TOTAL_AMOUNT_TYPE}


@cache
def _largest(kind: pyarrow.Decimal128Type) -> Decimal:
    return Decimal(10**kind.precision - 1).scaleb(-kind.scale)


def _amount(amount: Decimal | None, largest: Decimal) -> Decimal | None:
    return amount if amount is not None and abs(amount) <= largest else None


def _unread(field: str, column: Sequence[object], cells: Cells) -> list[int]:
    unread = [at for at, value in enumerate(column) if value is None]
    if field in MAY_BE_ABSENT:
        unread = [at for at in unread if not isinstance(cells[at], _Absent)]
    return [at for at in unread if not _is_blank(cells[at])] if field in MAY_BE_NULL | MAY_BE_ABSENT else unread


def _is_blank(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _expected(field: str, dialect: Dialect) -> str:
    if field == "line":
        return f"a whole number from 1 to {_LARGEST_COUNT}"
    if field == "quantity":
        return f"a number other than 0 with at most {QUANTITY_TYPE.scale} decimals, up to {_LARGEST_COUNT}"
    if field in _MONEY:
        return dialect.money_expected
    return "a code such as GBP" if field == "currency" else "text"


def _problem(name: str, cell: object, expected: object) -> str:
    if isinstance(cell, _Absent):
        return f"{name} is missing: found the keys {cell.keys}"
    return f"{name} is missing" if cell is None else f"{name} = {found(cell)}: expected {expected}"


def _settle_totals(columns: dict[str, list[object]], names: Mapping[str, str], problems: Problems) -> None:
    """Find the discount of each line that explains its total, and reject the lines that nothing explains.

    A return that is written as a negative price becomes one of a negative quantity.
    """
    fields = [columns[name] for name in ("quantity", "unit_price", "total_amount", "discount", "currency")]
    discounts: list[object] = []
    for at, (quantity, price, total, stated, currency) in enumerate(zip(*fields, strict=True)):
        discounts.append(None)
        if not (isinstance(quantity, Decimal) and isinstance(price, Decimal) and isinstance(total, Decimal)):
            continue  # rejected already
        if price < 0 < quantity:
            quantity, price = -quantity, -price  # noqa: PLW2901 the same return, written as the others are
            columns["quantity"][at], columns["unit_price"][at] = quantity, price
        given = stated if isinstance(stated, Decimal) else None
        discount = None if price < 0 else discount_of(quantity, price, total, given, exponent(currency))
        if discount is None:
            off = "" if given is None else f" less {names['discount']} = {given}"
            expected = f"{(quantity * price).normalize():f}, {quantity.normalize():f} x {price}{off}"
            reason = f"{names['total_amount']} = {total}: expected {expected}, or the price of fewer items"
            problems.setdefault(at, []).append(reason)
        discounts[at] = discount
    columns["discount"] = discounts


def _reject_corrected(columns: Mapping[str, Cells], problems: Problems, time_zone: str) -> None:
    """Reject lines that come again later in the answer: the last one counts."""
    sold_at = pyarrow.chunked_array([pyarrow.array(columns["sold_at"], pyarrow.timestamp("us", "UTC"))])
    cities = pyarrow.chunked_array([pyarrow.array([_city(cell) for cell in columns["store_city"]], pyarrow.string())])
    days = days_of_sale(sold_at, cities, time_zone).to_pylist()
    last: dict[tuple[object, ...], int] = {}
    for at, key in enumerate(zip(columns["transaction_id"], columns["line"], days, strict=True)):
        if at in problems:
            continue
        if (older := last.get(key)) is not None:
            is_same = all(cells[at] == cells[older] for cells in columns.values())
            what = "duplicate" if is_same else "corrected"
            problems[older] = [f"{what} transaction_id + line: {key[0]} + {key[1]} comes again later in the answer"]
        last[key] = at


def _table(columns: Mapping[str, Cells], problems: Problems, dialect: Dialect, data_source: Source) -> pyarrow.Table:
    schema = sales_schema()
    categories = [_category(cell, dialect.categories) for cell in columns["category"]]
    filled: Mapping[str, Cells] = {
        **columns,
        "category": categories,
        "store_id": [cell or UNKNOWN for cell in columns["store_id"]],
        "store_city": [_city(cell) for cell in columns["store_city"]],
    }
    good = np.setdiff1d(np.arange(len(categories)), list(problems))
    arrays = {name: pyarrow.array(cells, schema.field(name).type).take(good) for name, cells in filled.items()}
    arrays["retailer_id"] = pyarrow.repeat(dialect.retailer_id, len(good))
    arrays["data_source"] = pyarrow.repeat(data_source, len(good))
    return pyarrow.table([arrays[name] for name in schema.names], schema=schema)


def _category(cell: object, categories: Mapping[str, str]) -> str:
    name = str(cell).casefold() if cell is not None else UNKNOWN
    return categories.get(name, name)


def _city(cell: object) -> str:
    """Return the city as we call it; one that we do not know stays as the retailer names it."""
    if cell is None:
        return UNKNOWN
    city = city_of_location(str(cell))
    return str(cell) if city == UNKNOWN_CITY else city
