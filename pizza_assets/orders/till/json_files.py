"""JSON to tables: one object in a line, a list of objects, or an object that holds one.

Belongs here: finding the objects, one after another, and their columns. Does not belong here: other formats
(``files.py``).
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import BinaryIO

from pizza_assets.errors import SourceError
from pizza_assets.orders.till.opening import Open
from pizza_assets.orders.till.tables import ROWS_PER_BATCH, Rows, Table, check_width
from pizza_assets.orders.till.typed import typed_cells
from pizza_assets.platform.records import read_json

_BLOCK_CHARACTERS = 4 * 2**20
#: A JSON document that is one object is read whole, into about ten times its size; so is a line.
_JSON_BYTES = 100 * 2**20


def json_table(source: str, open_file: Open, *, is_lines: bool) -> Table:
    """Return the table in a JSON file; `is_lines` tells that it begins with an object, not with a list.

    Raises
    ------
    SourceError
        When there are no objects in it.
    """
    if is_lines:
        with open_file() as file:
            first = _line_value(next((line for line in _lines_of(file) if line.strip()), b""))
        if isinstance(first, dict) and not any(_are_objects(value) and len(first) < 12 for value in first.values()):
            return _json_table(source, "JSON, one order in a line", partial(_lines, open_file))
        whole = partial(_document, source, open_file)
        return _json_table(source, "JSON", whole)
    return _json_table(source, "JSON", partial(_array, open_file))


def _are_objects(value: object) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(isinstance(item, dict) for item in value)


def _json_table(source: str, description: str, read: Callable[[], Iterator[tuple[object, str]]]) -> Table:
    """Return a table of objects: the columns are the keys of all of them."""
    columns: dict[str, None] = {}
    for value, _ in read():
        if isinstance(value, dict):
            columns.update(dict.fromkeys(_flat(value)))
            check_width(source, len(columns))
    if not columns:
        raise SourceError(f"{source} must hold JSON objects, one for each order. Found none. Export it again.")
    return Table(source, description, list(columns), lambda: _json_batches(read, list(columns)))


def objects_table(source: str, records: Sequence[Mapping[str, object]]) -> Table:
    """Return records as a table.

    Raises
    ------
    SourceError
        When none of them has a key.
    """
    return _json_table(source, "records", lambda: ((record, "") for record in records))


def _json_batches(read: Callable[[], Iterator[tuple[object, str]]], columns: Sequence[str]) -> Iterator[Rows]:
    values: list[tuple[object, str]] = []
    first_row = 1
    for item in read():
        values.append(item)
        if len(values) == ROWS_PER_BATCH:
            yield _objects(values, columns, first_row)
            first_row += len(values)
            values = []
    if values:
        yield _objects(values, columns, first_row)


def _objects(values: Sequence[tuple[object, str]], columns: Sequence[str], first_row: int) -> Rows:
    broken = {
        at: (text, "expected a JSON object") for at, (value, text) in enumerate(values) if not isinstance(value, dict)
    }
    flat = [_flat(value) if isinstance(value, dict) else {} for value, _ in values]
    return Rows(
        {name: typed_cells([row.get(name) for row in flat]) for name in columns}, len(values), first_row, broken
    )


def _flat(value: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return an object's values by their path: ``{"shop": {"name": 1}}`` has ``shop.name``."""
    flat: dict[str, object] = {}
    for key, item in value.items():
        if isinstance(item, Mapping) and item and prefix.count(".") < 4:
            flat |= _flat(item, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = item
    return flat


def _line_value(line: bytes) -> object:
    try:
        return read_json(line)
    except (ValueError, RecursionError):
        return None


def _lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file; one that is longer than a document may be comes in parts."""
    return iter(partial(file.readline, _JSON_BYTES), b"")


def _lines(open_file: Open) -> Iterator[tuple[object, str]]:
    with open_file() as file:
        for line in _lines_of(file):
            if line.strip(b" \t\r\n\xef\xbb\xbf"):
                yield _line_value(line), line.decode(errors="replace").strip()


def _document(source: str, open_file: Open) -> Iterator[tuple[object, str]]:
    """Read one object: the orders are its first list of objects, else the object itself."""
    with open_file() as file:
        data = file.read(_JSON_BYTES + 1)
    if len(data) > _JSON_BYTES:
        raise SourceError(
            f"{source} is one JSON object of more than {_JSON_BYTES // 2**20} MiB. Export CSV, or one order in a line."
        )
    value = _line_value(data)
    if not isinstance(value, dict):
        yield from _lines(open_file)
        return
    orders = next((item for item in value.values() if _are_objects(item)), [value])
    for order in orders:
        yield order, ""


def _array(open_file: Open) -> Iterator[tuple[object, str]]:
    """Read the elements of an array one after another; what follows a fault is one record that is none."""
    decoder = json.JSONDecoder(parse_constant=str)
    with open_file() as raw:
        file = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace")
        text = file.read(_BLOCK_CHARACTERS).lstrip().removeprefix("[")
        while True:
            text = text.lstrip(" \t\r\n,")
            if text.startswith("]"):
                rest = (text[1:] + file.read(_BLOCK_CHARACTERS)).strip()
                if rest:
                    yield None, rest[:2000]
                return
            try:
                value, end = decoder.raw_decode(text)
                complete = end < len(text)
            except (ValueError, RecursionError):
                complete = False
            if not complete:
                more = file.read(max(_BLOCK_CHARACTERS, len(text)))
                if not more or len(text) > 64 * 2**20:
                    if text.strip():
                        yield None, text[:2000]
                    return
                text += more
                continue
            yield _line_value(json.dumps(value).encode(errors="replace")), text[:end]
            text = text[end:]
