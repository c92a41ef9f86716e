"""Reading orders, as they came, into the contract: whole columns at a time, and a reason for each rejected record.

Belongs here: what orders from the API and from till exports have in common. Does not belong here: where they come
from (``dominos.py``, ``order_files.py``).
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow
import pyarrow.compute as pc

from pizza_assets.contracts import DOMINOS_ORDERS, arrow_schema, from_arrow, split_valid
from pizza_assets.platform.column_parsers import (
    NUMBER,
    Mask,
    cities_of,
    holds_text,
    instants_of,
    is_null,
    numbers_of,
    same_ids,
    text_of,
    text_or_none,
)
from pizza_assets.platform.records import DayRecords, Days, Rejected, as_record, by_position, found, jsonable

#: What one order is made of, by our names; the last two may be left out of till exports.
FIELDS = ("order_id", "timestamp", "location", "order_total", "pizza_types", "quantity", "currency")

_SEPARATOR = r"\s*[|;][\s|;]*"
_AROUND_NAMES = " |;"
_NAMES = pyarrow.list_(pyarrow.string())
_EXPECTED = {
    "order_id": "text",
    "location": "text",
    "order_total": "a number",
    "pizza_types": "at least one name, in a list or separated by | or ;",
    "quantity": "a whole number of at least 1",
    "currency": "a code such as GBP",
}


@dataclass(frozen=True)
class ReadingRules:
    """How one source writes orders: its currency, its time zone (None: each time has an offset), its duties."""

    currency: str
    time_zone: str | None
    required: Collection[str]


@dataclass(frozen=True)
class RawOrders:
    """Orders as received: a table, or JSON values.

    `names` maps our fields to the source's; `broken` holds the rows that are no record at all, with the text that
    stands there and the reason.
    """

    raw: pyarrow.Table | Sequence[object]
    names: Mapping[str, str]
    broken: Mapping[int, tuple[str, str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.raw)

    def take(self, at: npt.NDArray[np.intp]) -> "RawOrders":
        """Return the rows at these positions."""
        raw = self.raw.take(at) if isinstance(self.raw, pyarrow.Table) else [self.raw[i] for i in at]
        broken = {new: self.broken[old] for new, old in enumerate(at.tolist()) if old in self.broken}
        return RawOrders(raw, self.names, broken)

    def record(self, position: int) -> Mapping[str, object]:
        """Return one record, whole."""
        if position in self.broken:
            return {"line": self.broken[position][0]}
        if isinstance(self.raw, pyarrow.Table):
            return jsonable(self.raw.slice(position, 1).to_pylist()[0])
        return as_record(self.raw[position])

    def column(self, name: str) -> pyarrow.Array:
        """Return one of our fields as a column; null where it is missing."""
        if not isinstance(self.raw, pyarrow.Table):
            values = [as_record(record).get(self.names[name]) for record in self.raw]
            return _json_column(name, same_ids(values) if name == "order_id" else values)
        if self.names[name] not in self.raw.column_names:
            return pyarrow.nulls(len(self.raw))
        return pyarrow.concat_arrays(self.raw.column(self.names[name]).chunks or [pyarrow.nulls(0)])

    def instants(self, time_zone: str | None) -> "pd.Series[pd.Timestamp]":
        """Return the time of each order in UTC; NaT where it cannot be read."""
        return instants_of(self.column("timestamp"), time_zone)[0]


def records_of_day(parts: Sequence[RawOrders], rules: ReadingRules) -> DayRecords:
    """Read the orders of one day, from one or several files or answers.

    An order_id that was there before on this day is rejected.
    """
    frames, reasons, start = [], dict[int, str](), 0
    for part in parts:
        frame, why = _typed(part, rules)
        frames.append(frame.set_axis(frame.index + start, axis="index"))
        reasons |= {start + position: reason for position, reason in why.items()}
        start += len(part)
    valid, violations = split_valid(pd.concat(frames), DOMINOS_ORDERS)
    reasons |= by_position(violations)
    ends = np.cumsum([len(part) for part in parts])
    rejected = []
    for position in sorted(reasons):
        part_number = int(np.searchsorted(ends, position, side="right"))
        part = parts[part_number]
        record = part.record(position - int(ends[part_number]) + len(part))
        rejected.append(Rejected(record, reasons[position]))
    return DayRecords(valid.reset_index(drop=True), rejected)


def read_orders(part: RawOrders, rules: ReadingRules) -> tuple[pd.DataFrame, dict[int, str]]:
    """Return the orders that can be stored (index: position), and why each other one cannot, by its position."""
    frame, reasons = _typed(part, rules)
    valid, violations = split_valid(frame, DOMINOS_ORDERS)
    return valid, reasons | by_position(violations)


def orders_by_day(
    parts: Sequence[tuple[RawOrders, Days]], asked: Collection[date], rules: ReadingRules
) -> dict[date, DayRecords]:
    """Read the orders of the days `asked`; each part comes with the day of each of its records."""
    by_day = {}
    for day in asked:
        rows = [(part, np.flatnonzero(days == np.datetime64(day, "D"))) for part, days in parts]
        of_day = [part.take(at) for part, at in rows if len(at)]
        if of_day:
            by_day[day] = records_of_day(of_day, rules)
    return by_day


def _typed(part: RawOrders, rules: ReadingRules) -> tuple[pd.DataFrame, dict[int, str]]:
    """Return the orders whose every field can be read (index: position), and why each other one cannot."""
    cells = {name: part.column(name) for name in FIELDS}
    instants, time_expected = instants_of(cells["timestamp"], rules.time_zone)
    locations = text_of(cells["location"])
    pizzas = _names(cells["pizza_types"])
    quantities = numbers_of(cells["quantity"])
    if "quantity" not in rules.required:
        counted = pc.fill_null(pc.list_value_length(pizzas), 0).to_numpy(zero_copy_only=False)
        quantities = np.where(is_null(cells["quantity"]), counted, quantities)
    totals = numbers_of(cells["order_total"])
    columns = {
        "order_id": text_of(cells["order_id"]),
        "timestamp": pyarrow.Array.from_pandas(instants),
        "location": locations,
        "order_total": totals,
        "pizza_types": pizzas,
        "quantity": quantities,
        "data_source": pyarrow.repeat("real", len(part)),
        "city": cities_of(locations),
        "currency": pc.if_else(pyarrow.array(is_null(cells["currency"])), rules.currency, text_of(cells["currency"])),
    }
    whole = (quantities >= 1) & (quantities < 2**31) & (quantities == np.floor(quantities))
    unreadable = {
        "order_id": is_null(columns["order_id"]),
        "timestamp": instants.isna().to_numpy(),
        "location": is_null(locations),
        "order_total": np.isnan(totals),
        "pizza_types": is_null(pizzas),
        "quantity": ~whole,
        "currency": is_null(columns["currency"]),
    }
    good = ~np.logical_or.reduce(list(unreadable.values()))
    reasons = {
        position: part.broken[position][1]
        if position in part.broken
        else _reason(part, position, unreadable, time_expected)
        for position in np.flatnonzero(~good).tolist()
    }
    columns["quantity"] = np.where(whole, quantities, 0).astype("int64")
    table = pyarrow.table({name: columns[name] for name in arrow_schema(DOMINOS_ORDERS).names})
    table = table.filter(pyarrow.array(good)).cast(arrow_schema(DOMINOS_ORDERS))
    return from_arrow(table, DOMINOS_ORDERS).set_axis(np.flatnonzero(good), axis="index"), reasons


def _reason(
    part: RawOrders,
    position: int,
    unreadable: Mapping[str, Mask],
    time_expected: npt.NDArray[np.object_],
) -> str:
    problems, record = [], part.record(position)
    for name in (name for name in FIELDS if unreadable[name][position]):
        value = record.get(part.names[name])
        expected = time_expected[position] if name == "timestamp" else _EXPECTED[name]
        keys = "" if part.names[name] in record else f": found the keys {sorted(record)[:20]}"
        problems.append(
            f"{name} " + (f"is missing{keys}" if value is None else f"= {found(value)}: expected {expected}")
        )
    return "; ".join(problems)


def _json_column(name: str, values: Sequence[object]) -> pyarrow.Array:
    """Return JSON values as a column of the type that `name` asks for; null where a value is none of it."""
    cell, kind = _JSON_CELLS[name]
    return pyarrow.array([cell(value) for value in values], kind)


def _number_cell(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value) if not isinstance(value, str) or re.search(NUMBER, value, re.ASCII) else None
    except OverflowError:
        return None


def _names_cell(value: object) -> list[str | None] | None:
    if isinstance(value, str):
        value = re.split(_SEPARATOR, value.strip(_AROUND_NAMES))
    return (
        [text_or_none(name) if isinstance(name, str) else None for name in value] if isinstance(value, list) else None
    )


_JSON_CELLS: Mapping[str, tuple[Callable[[object], object], pyarrow.DataType]] = {
    **dict.fromkeys(("order_id", "timestamp", "location", "currency"), (text_or_none, pyarrow.string())),
    **dict.fromkeys(("order_total", "quantity"), (_number_cell, pyarrow.float64())),
    "pizza_types": (_names_cell, _NAMES),
}


def _is_list_of_text(kind: pyarrow.DataType) -> bool:
    if not (pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind)):
        return False
    return bool(pyarrow.types.is_string(kind.value_type) or pyarrow.types.is_large_string(kind.value_type))


def _names(cells: pyarrow.Array) -> pyarrow.Array:
    """Return lists of one or more names; null where a cell has none, or something else in it."""
    if holds_text(cells):
        text = pc.utf8_trim(text_of(cells), characters=_AROUND_NAMES)
        names = pc.split_pattern_regex(text, pattern=_SEPARATOR)
    elif _is_list_of_text(cells.type):
        names = cells.cast(_NAMES)
    else:
        return pyarrow.nulls(len(cells), _NAMES)
    flat = text_of(pc.list_flatten(names))
    bad = is_null(names) | (pc.fill_null(pc.list_value_length(names), 0).to_numpy(zero_copy_only=False) == 0)
    bad[pc.list_parent_indices(names).to_numpy(zero_copy_only=False)[is_null(flat)]] = True
    return pc.if_else(pyarrow.array(bad), pyarrow.scalar(None, _NAMES), names)
