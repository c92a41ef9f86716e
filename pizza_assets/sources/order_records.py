"""Reading orders, as they came, into the contract: whole columns at a time, and a reason for each refused record.

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
from pizza_assets.contracts.columns import EARLIEST, LATEST
from pizza_assets.reference import city_of_location
from pizza_assets.sources.records import DayRecords, Days, Rejected, as_record, by_position, found, jsonable

#: What one order is made of, by our names; the last two may be left out of till exports.
FIELDS = ("order_id", "timestamp", "location", "order_total", "pizza_types", "quantity", "currency")

_TIME = r"^\s*\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?\s*(Z|[+-]\d\d(:?\d\d)?)?\s*$"
_OFFSET = r"(Z|:\d\d(\.\d{1,9})?\s*[+-]\d\d(:?\d\d)?)\s*$"
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*$"
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

Mask = npt.NDArray[np.bool_]


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
            return _json_column(name, [as_record(record).get(self.names[name]) for record in self.raw])
        if self.names[name] not in self.raw.column_names:
            return pyarrow.nulls(len(self.raw))
        return pyarrow.concat_arrays(self.raw.column(self.names[name]).chunks or [pyarrow.nulls(0)])

    def instants(self, time_zone: str | None) -> "pd.Series[pd.Timestamp]":
        """Return the time of each order in UTC; NaT where it cannot be read."""
        return _instants(self.column("timestamp"), time_zone)[0]


def records_of_day(parts: Sequence[RawOrders], rules: ReadingRules) -> DayRecords:
    """Read the orders of one day, from one or several files or answers.

    An order_id that was there before on this day is refused.
    """
    frames, reasons, start = [], dict[int, str](), 0
    for part in parts:
        frame, why = _typed(part, rules)
        frames.append(frame.set_axis(frame.index + start, axis="index"))
        reasons |= {start + position: reason for position, reason in why.items()}
        start += len(part)
    valid, refused = split_valid(pd.concat(frames), DOMINOS_ORDERS)
    reasons |= by_position(refused)
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
    valid, refused = split_valid(frame, DOMINOS_ORDERS)
    return valid, reasons | by_position(refused)


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
    instants, time_expected = _instants(cells["timestamp"], rules.time_zone)
    locations = _text(cells["location"])
    pizzas = _names(cells["pizza_types"])
    quantities = _numbers(cells["quantity"])
    if "quantity" not in rules.required:
        counted = pc.fill_null(pc.list_value_length(pizzas), 0).to_numpy(zero_copy_only=False)
        quantities = np.where(_null(cells["quantity"]), counted, quantities)
    totals = _numbers(cells["order_total"])
    columns = {
        "order_id": _text(cells["order_id"]),
        "timestamp": pyarrow.Array.from_pandas(instants),
        "location": locations,
        "order_total": totals,
        "pizza_types": pizzas,
        "quantity": quantities,
        "data_source": pyarrow.repeat("real", len(part)),
        "city": _cities(locations),
        "currency": pc.if_else(pyarrow.array(_null(cells["currency"])), rules.currency, _text(cells["currency"])),
    }
    whole = (quantities >= 1) & (quantities < 2**31) & (quantities == np.floor(quantities))
    unreadable = {
        "order_id": _null(columns["order_id"]),
        "timestamp": instants.isna().to_numpy(),
        "location": _null(locations),
        "order_total": np.isnan(totals),
        "pizza_types": _null(pizzas),
        "quantity": ~whole,
        "currency": _null(columns["currency"]),
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
        problems.append(f"{name} " + ("is missing" if value is None else f"= {found(value)}: expected {expected}"))
    return "; ".join(problems)


def _json_column(name: str, values: Sequence[object]) -> pyarrow.Array:
    """Return JSON values as a column of the type that `name` asks for; null where a value is none of it."""
    cell, kind = _JSON_CELLS[name]
    return pyarrow.array([cell(value) for value in values], kind)


def _text_cell(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    # Half of a surrogate pair, which JSON can spell, is no text.
    return value if isinstance(value, str) and value.encode(errors="ignore").decode() == value else None


def _number_cell(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value) if not isinstance(value, str) or re.search(_NUMBER, value, re.ASCII) else None
    except OverflowError:
        return None


def _names_cell(value: object) -> list[str | None] | None:
    if isinstance(value, str):
        value = re.split(_SEPARATOR, value.strip(_AROUND_NAMES))
    return [_text_cell(name) if isinstance(name, str) else None for name in value] if isinstance(value, list) else None


_JSON_CELLS: Mapping[str, tuple[Callable[[object], object], pyarrow.DataType]] = {
    **dict.fromkeys(("order_id", "timestamp", "location", "currency"), (_text_cell, pyarrow.string())),
    **dict.fromkeys(("order_total", "quantity"), (_number_cell, pyarrow.float64())),
    "pizza_types": (_names_cell, _NAMES),
}


def _null(cells: pyarrow.Array) -> Mask:
    return np.asarray(cells.is_null().to_numpy(zero_copy_only=False), dtype=bool)


def _is_text(cells: pyarrow.Array) -> bool:
    kind = cells.type.value_type if pyarrow.types.is_dictionary(cells.type) else cells.type
    return bool(pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind))


def _is_list_of_text(kind: pyarrow.DataType) -> bool:
    if not (pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind)):
        return False
    return bool(pyarrow.types.is_string(kind.value_type) or pyarrow.types.is_large_string(kind.value_type))


def _text(cells: pyarrow.Array) -> pyarrow.Array:
    """Return text without blanks around it; null where there is none. Whole numbers are taken as text."""
    if not _is_text(cells) and not pyarrow.types.is_integer(cells.type):
        return pyarrow.nulls(len(cells), pyarrow.string())
    text = pc.utf8_trim_whitespace(cells.cast(pyarrow.string()))
    return pc.if_else(pc.equal(text, ""), pyarrow.scalar(None, pyarrow.string()), text)


def _numbers(cells: pyarrow.Array) -> npt.NDArray[np.float64]:
    kind = cells.type
    if _is_text(cells):
        text = _text(cells)
        cells = pc.if_else(pc.match_substring_regex(text, _NUMBER), text, pyarrow.scalar(None, pyarrow.string()))
        kind = pyarrow.float64()
    if pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind) or pyarrow.types.is_decimal(kind):
        return np.asarray(cells.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=float)
    return np.full(len(cells), np.nan)


def _names(cells: pyarrow.Array) -> pyarrow.Array:
    """Return lists of one or more names; null where a cell has none, or something else in it."""
    if _is_text(cells):
        text = pc.utf8_trim(_text(cells), characters=_AROUND_NAMES)
        names = pc.split_pattern_regex(text, pattern=_SEPARATOR)
    elif _is_list_of_text(cells.type):
        names = cells.cast(_NAMES)
    else:
        return pyarrow.nulls(len(cells), _NAMES)
    flat = _text(pc.list_flatten(names))
    bad = _null(names) | (pc.fill_null(pc.list_value_length(names), 0).to_numpy(zero_copy_only=False) == 0)
    bad[pc.list_parent_indices(names).to_numpy(zero_copy_only=False)[_null(flat)]] = True
    return pc.if_else(pyarrow.array(bad), pyarrow.scalar(None, _NAMES), names)


def _cities(locations: pyarrow.Array) -> pyarrow.Array:
    encoded = locations.dictionary_encode()
    cities = pyarrow.array([city_of_location(name) for name in encoded.dictionary.to_pylist()], pyarrow.string())
    return cities.take(encoded.indices)


def _instants(cells: pyarrow.Array, time_zone: str | None) -> tuple["pd.Series[pd.Timestamp]", npt.NDArray[np.object_]]:
    """Return the time of each order in UTC (NaT where it cannot be read), and what each cell was expected to be.

    A time without an offset is one of `time_zone`, and refused where there is none. Where the clocks go back, it
    is taken as the first of the two, in summer time; where they go forward, it may not exist, and is refused.
    """
    count, kind = len(cells), cells.type
    expected = np.full(count, "an ISO 8601 time such as 2024-05-19T18:30:00Z", dtype=object)
    if pyarrow.types.is_timestamp(kind):
        stamps = cells.cast(pyarrow.timestamp("us", "UTC" if kind.tz else None), safe=False).to_pandas()
        aware = np.full(count, kind.tz is not None)
        instants = stamps if kind.tz else pd.Series(pd.NaT, index=range(count), dtype="datetime64[us, UTC]")
        given = stamps if not kind.tz else pd.Series(pd.NaT, index=range(count), dtype="datetime64[us]")
    else:
        text = _text(cells)
        is_time = pc.fill_null(pc.match_substring_regex(text, _TIME), False).to_numpy(zero_copy_only=False)
        aware = pc.fill_null(pc.match_substring_regex(text, _OFFSET), False).to_numpy(zero_copy_only=False)
        strings = text.to_pandas()
        instants = _parsed(strings.where(is_time & aware), utc=True)
        given = _parsed(strings.where(is_time & ~aware), utc=False)
    instants, given = instants.astype("datetime64[us, UTC]"), given.astype("datetime64[us]")
    local = ~aware & given.notna().to_numpy()
    if time_zone is None:
        expected[local] = "an offset from UTC, such as Z or +01:00"
    else:
        expected[local] = f"a time that {time_zone} has (its clocks went forward over this one)"
        first_of_two = np.ones(count, dtype=bool)
        localized = given.where(local).dt.tz_localize(time_zone, ambiguous=first_of_two, nonexistent="NaT")
        instants = instants.where(~local, localized.dt.tz_convert("UTC"))
    plausible = instants.between(EARLIEST, LATEST)
    expected[(instants.notna() & ~plausible).to_numpy()] = f"a time from {EARLIEST.year} to {LATEST.year}"
    return instants.where(plausible), expected


def _parsed(text: "pd.Series[str]", *, utc: bool) -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime(text, format="ISO8601", errors="coerce", utc=utc)
