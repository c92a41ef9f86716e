"""Cells of formats that have types: text as it would be written, with the number or time that the cell is.

Belongs here: values to ``Cells``. Does not belong here: formats, what text means (``cells.py``).
"""

import json
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import pyarrow
import pyarrow.compute as pc

from pizza_assets.orders.till.tables import Cells, Rows, trimmed

#: The first and the last second that Python, and so every record that we keep, can tell: years 1 to 9999.
_SECONDS = (-62_135_596_800, 253_402_300_799)
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def arrow_cells(column: pyarrow.Array) -> Cells:
    """Return an Arrow column as cells."""
    kind = column.type
    if pyarrow.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind):
        return Cells(trimmed(column.cast(pyarrow.string())))
    if pyarrow.types.is_timestamp(kind):
        return _timed(column)
    if pyarrow.types.is_date(kind):
        dates = _timed(column.cast(pyarrow.timestamp("s" if pyarrow.types.is_date32(kind) else "ms")))
        return Cells(pc.replace_substring_regex(dates.text, r" 00:00:00\.000000$", ""), times=dates.times)
    if pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind) or pyarrow.types.is_decimal(kind):
        numbers = column.cast(pyarrow.float64(), safe=False)
        return Cells(_spelled(numbers) if pyarrow.types.is_floating(kind) else column.cast(pyarrow.string()), numbers)
    return typed_cells([_python(value) for value in column])


def _timed(column: pyarrow.Array) -> Cells:
    """Return timestamps as cells. One that no calendar can tell has no time; it is spelled as the number that it is."""
    unit, zone = column.type.unit, column.type.tz and "UTC"
    numbers = column.cast(pyarrow.int64())
    first, last = (max(-(2**63), min(2**63 - 1, second * _PER_SECOND[unit])) for second in _SECONDS)
    is_told = pc.and_(pc.greater_equal(numbers, first), pc.less_equal(numbers, last))
    timed = pc.if_else(is_told, column, pyarrow.scalar(None, column.type))
    times = timed.cast(pyarrow.timestamp("us", zone), safe=False)
    spelled = pc.binary_join_element_wise(numbers.cast(pyarrow.string()), f"{unit} since 1970", " ")
    return Cells(pc.coalesce(times.cast(pyarrow.string()), spelled), times=times)


def _python(value: pyarrow.Scalar) -> object:
    """Return a value as Python has it; where it has none, as for a time in the year 10000, what there is to say."""
    try:
        return value.as_py()
    except (OverflowError, ValueError):
        return f"a {value.type} that is out of range"


def _spelled(numbers: pyarrow.Array) -> pyarrow.Array:
    return pyarrow.array(
        [None if number is None else _text(number) for number in numbers.to_pylist()], pyarrow.string()
    )


def typed_cells(values: Sequence[object]) -> Cells:
    """Return values of any type as cells."""
    texts = [None if value is None or value == "" else _text(value) for value in values]
    numbers = times = None
    if any(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        numbers = pyarrow.array([_number(value) for value in values], pyarrow.float64())
    if any(isinstance(value, date) for value in values):
        stamps = [_moment(value) if isinstance(value, date) else None for value in values]
        times = pyarrow.array(stamps, pyarrow.timestamp("us"))
    return Cells(trimmed(pyarrow.array(texts, pyarrow.string())), numbers, times)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _moment(value: date) -> datetime:
    if isinstance(value, datetime):
        # A spreadsheet counts in fractions of a day, which miss whole seconds by a little.
        whole = value.replace(tzinfo=None)
        return (
            (whole + timedelta(microseconds=500_000)).replace(microsecond=0) if whole.microsecond > 999_000 else whole
        )
    return datetime.combine(value, time())


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return _moment(value).isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return json.dumps(value, default=str, ensure_ascii=False).encode(errors="replace").decode()


def typed_rows(values: Sequence[Sequence[object]], columns: Sequence[str], first_row: int) -> Rows:
    """Return rows of values of any type; those with more cells than columns are broken."""
    broken: dict[int, tuple[str, str]] = {}
    width = len(columns)
    for at, row in enumerate(values):
        if any(cell not in ("", None) for cell in row[width:]):
            broken[at] = (json.dumps(row, default=str), f"{len(row)} cells in the row, expected {width}")
    cells = {
        name: typed_cells([None if at in broken or n >= len(row) else row[n] for at, row in enumerate(values)])
        for n, name in enumerate(columns)
    }
    return Rows(cells, len(values), first_row, broken)
