"""What a simulated retailer delivers for a business day, with the faults that a delivery can have.

Belongs here: late, corrected, broken and renamed records. Does not belong here: HTTP (``retailer_apis.py``).
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import cycle, islice
from typing import Any

import pandas as pd
import pyarrow
import pyarrow.compute as pc

from pizza_assets.football.mock import mock_matches
from pizza_assets.retail import retailer_1, retailer_2, retailer_3
from pizza_assets.retail.mock import mock_sales, total
from pizza_assets.retail.mock_dialects import Record, retailer_1_lines, retailer_2_transactions, retailer_3_rows
from pizza_assets.settings import Settings

#: Faults of what is delivered, and what each does. Each strikes one receipt or line in a hundred, unless it says else.
DATA_FAULTS = {
    "late-rows": "receipts are delivered with the next day",
    "corrections": "receipts are delivered again with the next day, with twice of each product",
    "bad-lines": "lines have a negative quantity, a wrong total, no product or no time that can be read",
    "unknown-places": "lines have no store, a city that nobody knows, no category or no customer",
    "changed-field": "the quantity has another name, on every line",
}
_ONE_IN = 100
#: Which receipts of each hundred are late, and which are corrected.
_LATE, _CORRECTED = 7, 13

_RENDER = {
    "retailer_1": (retailer_1_lines, retailer_1.DIALECT.names),
    "retailer_2": (retailer_2_transactions, retailer_2.DIALECT.names),
    "retailer_3": (retailer_3_rows, retailer_3.DIALECT.names),
}


def delivery(retailer_id: str, day: date, settings: Settings, faults: Collection[str] = ()) -> list[Record]:
    """Return the records that the retailer delivers for a business day, in its dialect."""
    render, names = _RENDER[retailer_id]
    records = render(delivered_sales(retailer_id, day, settings, faults))
    for fault, first, changes in (("bad-lines", 0, _BAD), ("unknown-places", 50, _UNKNOWN)):
        if fault in faults:
            struck = islice(_lines(records), first, None, _ONE_IN)
            for cells, (field, change) in zip(struck, cycle(changes), strict=False):
                _change(cells, names[field], change)
    if "changed-field" in faults:
        for cells in _lines(records):
            _rename(cells, names["quantity"])
    return records


def delivered_sales(retailer_id: str, day: date, settings: Settings, faults: Collection[str] = ()) -> pyarrow.Table:
    """Return the sales that are delivered for a business day, at the end what comes from the day before."""
    today, yesterday = (_sold(retailer_id, day - timedelta(days=n), settings) for n in (0, 1))
    parts = [today]
    if "late-rows" in faults:
        parts = [today.filter(pc.invert(_receipts(today, _LATE))), yesterday.filter(_receipts(yesterday, _LATE))]
    if "corrections" in faults:
        parts.append(_doubled(yesterday.filter(_receipts(yesterday, _CORRECTED))))
    return pyarrow.concat_tables(parts)


def _sold(retailer_id: str, day: date, settings: Settings) -> pyarrow.Table:
    around = [mock_matches(day + timedelta(days=n), settings) for n in (-1, 0, 1)]
    return mock_sales(retailer_id, day, pd.concat(around, ignore_index=True), settings)


def _receipts(table: pyarrow.Table, number: int) -> pyarrow.ChunkedArray:
    """Tell which lines are on the receipts with this number among each hundred."""
    last_digits = pc.utf8_slice_codeunits(table["transaction_id"], -2).cast(pyarrow.int32())
    return pc.equal(last_digits, number)


def _doubled(table: pyarrow.Table) -> pyarrow.Table:
    changed = {name: pc.add(table[name], table[name]) for name in ("quantity", "discount")}
    changed["total_amount"] = total(changed["quantity"], table["unit_price"], changed["discount"])
    return pyarrow.table({name: changed.get(name, table[name]) for name in table.column_names}).cast(table.schema)


#: A line as the objects that hold its fields: the item of a receipt, then the receipt; or the line alone.
Cells = Sequence[Record]
Change = Callable[[Any], Any]

_BAD: Sequence[tuple[str, Change]] = (
    ("quantity", lambda quantity: -quantity),
    ("total_amount", lambda paid: str(Decimal(paid) + 101) if isinstance(paid, str) else paid + 101),
    ("product_sku", lambda _: None),
    ("sold_at", lambda _: "yesterday"),
)
_UNKNOWN: Sequence[tuple[str, Change]] = (
    ("store_id", lambda _: None),
    ("store_city", lambda _: "Atlantis"),
    ("category", lambda _: None),
    ("customer_id", lambda _: None),
)


def _lines(records: Sequence[Record]) -> Iterator[Cells]:
    for record in records:
        if "items" in record:
            yield from ([{"item": item}, record] for item in record["items"])
        else:
            yield [record]


def _holder(cells: Cells, path: str) -> tuple[Record, str]:
    """Return the object that a dotted path ends in, and the last name."""
    *way, name = path.split(".")
    holder = next(record for record in cells if path.split(".", maxsplit=1)[0] in record)
    for step in way:
        holder = holder[step] or {name: None}
    return holder, name


def _change(cells: Cells, path: str, change: Change) -> None:
    holder, name = _holder(cells, path)
    holder[name] = change(holder[name])


def _rename(cells: Cells, path: str) -> None:
    holder, name = _holder(cells, path)
    holder[f"{name}_new"] = holder.pop(name)
