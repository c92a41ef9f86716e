"""Files of any format to tables: CSV and the like, spreadsheets, JSON, Parquet, each also in gzip or zip.

Belongs here: which format a file has, by its content and never by its name, and the formats that are not text.
Does not belong here: text (``text.py``), what a column means (``columns.py``).
"""

import glob
import gzip
import io
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pyarrow
import pyarrow.parquet
import python_calamine

from pizza_assets.errors import SourceError
from pizza_assets.orders.tables import ROWS_PER_BATCH, Cells, Rows, Table, unique_names
from pizza_assets.orders.text import BLOCK_BYTES, Open, text_table, trimmed
from pizza_assets.sources.records import read_json

_OLE, _ZIP, _GZIP, _PARQUET = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", (b"PK\x03\x04", b"PK\x05\x06"), b"\x1f\x8b", b"PAR1"
#: A JSON document that is one object is read whole.
_JSON_BYTES = 512 * 2**20
#: Members of a zip file, and levels of archives in archives.
_MOST_MEMBERS, _DEEPEST = 10_000, 3
#: A name of the kind a system puts beside files.
_BESIDE = ("__MACOSX/", ".DS_Store", "Thumbs.db")


def matching(pattern: str) -> list[Path]:
    """Return the files that a name or a pattern means, in order; a name that exists is no pattern.

    Raises
    ------
    SourceError
        When there is none.
    """
    path = Path(pattern)
    if path.is_file():
        return [path]
    found = sorted(path.rglob("*") if path.is_dir() else map(Path, glob.glob(pattern, recursive=True)))  # noqa: PTH207  # an absolute pattern
    files = [file for file in found if file.is_file() and not file.name.startswith((".", "~$"))]
    if not files:
        raise SourceError(
            f"{pattern} must name a file, a folder or a pattern such as 'exports/*.csv'. Found no file. Correct it."
        )
    return files


def tables_in(path: Path) -> list[Table]:
    """Return the tables of a file: one, or one for each sheet or member that holds any.

    Raises
    ------
    SourceError
        When it cannot be read, or holds no table: what was expected and found, and what to do.
    """
    with _told(str(path)):
        return _tables(str(path), lambda: path.open("rb"), 0)


@contextmanager
def _told(source: str) -> Iterator[None]:
    """Raise what libraries say about a damaged file as SourceError."""
    try:
        yield
    except (
        pyarrow.ArrowException,
        python_calamine.CalamineError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        UnicodeError,
        NotImplementedError,  # zip: a method of compression that is not there
    ) as error:
        problem = " ".join(str(error).split())[:200] or type(error).__name__
        raise SourceError(f"{source} could not be read: {problem}. Export it again.") from None


def _tables(source: str, open_file: Open, depth: int) -> list[Table]:
    with open_file() as file:
        head = file.read(4096)
    if depth > _DEEPEST:
        raise SourceError(f"{source} holds archives within archives. Unpack it.")
    if head.startswith(_GZIP):
        return _tables(source, partial(_gunzipped, open_file), depth + 1)
    if head.startswith(_ZIP):
        return _zipped(source, open_file, depth)
    if head.startswith(_OLE):
        return _workbook(source, open_file, "Excel workbook (.xls)")
    if head.startswith(_PARQUET):
        return [_parquet(source, open_file)]
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"{", b"[")) and not text.startswith(b"[]"):
        return [_json(source, open_file, is_lines=text.startswith(b"{"))]
    if text[:100].lower().startswith((b"<html", b"<!doctype html", b"<table")):
        raise SourceError(
            f"{source} is a web page, whatever its name says. Open it in a spreadsheet and save it as .xlsx."
        )
    if text.startswith(b"<?xml"):
        raise SourceError(f"{source} is XML. Open it in a spreadsheet and save it as .xlsx, or export CSV.")
    if head.startswith(b"%PDF"):
        raise SourceError(f"{source} is a PDF, which holds no table that can be read. Export CSV or .xlsx.")
    return [_guarded(text_table(source, open_file))]


def _guarded(table: Table) -> Table:
    """Return the table so that a fault while it is read is told as one sentence."""

    def batches() -> Iterator[Rows]:
        with _told(table.source):
            yield from table.batches()

    return Table(table.source, table.description, table.columns, batches)


@contextmanager
def _gunzipped(open_file: Open) -> Iterator[BinaryIO]:
    with open_file() as file, gzip.GzipFile(fileobj=file) as plain:
        yield plain  # type: ignore[misc]  # a stream of bytes


def _zipped(source: str, open_file: Open, depth: int) -> list[Table]:
    with open_file() as file, _seekable(file) as whole, zipfile.ZipFile(whole) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        names = {info.filename for info in infos}
    if "xl/workbook.xml" in names or "xl/workbook.bin" in names:
        return _workbook(source, open_file, "Excel workbook")
    if {"content.xml", "mimetype"} <= names:
        return _workbook(source, open_file, "OpenDocument spreadsheet")
    infos = [i for i in infos if not i.filename.startswith(_BESIDE) and not i.filename.endswith(_BESIDE)]
    if any(info.flag_bits & 1 for info in infos):
        raise SourceError(f"{source} is protected by a password. Unpack it, and give the files in it.")
    if not infos or len(infos) > _MOST_MEMBERS:
        raise SourceError(f"{source} holds {len(infos)} files; from 1 to {_MOST_MEMBERS} are expected. Unpack it.")
    tables = []
    for info in sorted(infos, key=lambda info: info.filename):
        tables += _tables(f"{source} > {info.filename}", partial(_member, open_file, info.filename), depth + 1)
    return tables


@contextmanager
def _member(open_file: Open, name: str) -> Iterator[BinaryIO]:
    with open_file() as file, _seekable(file) as whole, zipfile.ZipFile(whole) as archive, archive.open(name) as member:
        yield member  # type: ignore[misc]  # a stream of bytes


@contextmanager
def _seekable(file: BinaryIO) -> Iterator[BinaryIO]:
    """Give the file, or a copy on disk of one that is packed and read from its start only."""
    if isinstance(file, io.BufferedReader):
        yield file
        return
    with tempfile.NamedTemporaryFile() as copy:
        shutil.copyfileobj(file, copy, BLOCK_BYTES)
        copy.flush()
        copy.seek(0)
        yield copy  # type: ignore[misc]  # a file of bytes with a name


# Spreadsheets


def _workbook(source: str, open_file: Open, kind: str) -> list[Table]:
    tables = []
    with open_file() as file, _seekable(file) as whole:
        _probe(source, whole.name)
        try:
            workbook = python_calamine.load_workbook(whole)
        except python_calamine.PasswordError:
            raise SourceError(f"{source} is protected by a password. Save it without one.") from None
    for name in workbook.sheet_names:
        table = _sheet(f"{source}, sheet {name}", kind, workbook.get_sheet_by_name(name))
        if table is not None:
            tables.append(_guarded(table))
    if not tables:
        raise SourceError(f"{source} has no sheet with a table of orders. Export it again.")
    return tables


#: Opens every sheet of a workbook in little memory; what the library says of a file that it cannot read is no fault.
_PROBE = """
import resource, sys
import python_calamine
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
try:
    workbook = python_calamine.load_workbook(sys.argv[1])
    for name in workbook.sheet_names:
        workbook.get_sheet_by_name(name)
except (python_calamine.CalamineError, OSError):
    pass
"""
_PROBE_BYTES, _PROBE_SECONDS = 4 * 2**30, 600


def _probe(source: str, path: str) -> None:
    """Open a workbook in a process of its own first: a damaged one can abort it, or ask for all memory there is.

    Raises
    ------
    SourceError
        When it does.
    """
    command = [sys.executable, "-c", _PROBE, path, str(_PROBE_BYTES)]
    try:
        ended = subprocess.run(command, capture_output=True, check=False, timeout=_PROBE_SECONDS)  # noqa: S603 our own program
    except subprocess.TimeoutExpired:
        ended = None
    if ended is None or ended.returncode:
        raise SourceError(f"{source} is damaged, or too large for a workbook. Export it again, or as CSV.")


def _sheet(source: str, kind: str, sheet: python_calamine.CalamineSheet) -> Table | None:
    """Return a sheet's table; None where it has none. Its header is its first row of names, above a row as long."""
    rows = enumerate(sheet.iter_rows())
    top = [
        (number, row) for number, row in (next(rows, (0, [])) for _ in range(100)) if any(cell != "" for cell in row)
    ]
    if len(top) < 2:
        return None
    filled = [sum(cell != "" for cell in row) for _, row in top]
    width = max(filled)
    if width < 2:
        return None
    is_names = [
        n >= max(2, width / 2) and all(isinstance(cell, str) for cell in row)
        for n, (_, row) in zip(filled, top, strict=True)
    ]
    at = next((number for number, good in enumerate(is_names) if good), None)
    start = top[at][0] + 1 if at is not None else top[0][0]
    names = [str(cell) for cell in top[at][1]] if at is not None else [None] * len(top[0][1])
    used = max((n + 1 for _, row in top[at or 0 :] for n, cell in enumerate(row) if cell != ""), default=0)
    columns = unique_names(names[: max(used, 2)])
    where = "" if start <= 1 else f", the table starts in row {start}"
    return Table(source, f"{kind}{where}", columns, lambda: _sheet_batches(sheet, columns, start))


def _sheet_batches(sheet: python_calamine.CalamineSheet, columns: Sequence[str], start: int) -> Iterator[Rows]:
    values: list[list[object]] = []
    first_row = 1
    for number, row in enumerate(sheet.iter_rows()):
        if number < start or not any(cell not in ("", None) for cell in row):
            continue
        values.append(list(row))
        if len(values) == ROWS_PER_BATCH:
            yield _typed_rows(values, columns, first_row)
            first_row += len(values)
            values = []
    if values:
        yield _typed_rows(values, columns, first_row)


def _typed_rows(values: Sequence[Sequence[object]], columns: Sequence[str], first_row: int) -> Rows:
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


# JSON


def _json(source: str, open_file: Open, *, is_lines: bool) -> Table:
    if is_lines:
        with open_file() as file:
            first = _line_value(next((line for line in file if line.strip()), b""))
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
    with _told(source):
        for value, _ in read():
            if isinstance(value, dict):
                columns.update(dict.fromkeys(_flat(value)))
    if not columns:
        raise SourceError(f"{source} must hold JSON objects, one for each order. Found none. Export it again.")
    return _guarded(Table(source, description, list(columns), lambda: _json_batches(read, list(columns))))


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


def _lines(open_file: Open) -> Iterator[tuple[object, str]]:
    with open_file() as file:
        for line in file:
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
        text = file.read(BLOCK_BYTES).lstrip().removeprefix("[")
        while True:
            text = text.lstrip(" \t\r\n,")
            if text.startswith("]"):
                rest = (text[1:] + file.read(BLOCK_BYTES)).strip()
                if rest:
                    yield None, rest[:2000]
                return
            try:
                value, end = decoder.raw_decode(text)
                complete = end < len(text)
            except (ValueError, RecursionError):
                complete = False
            if not complete:
                more = file.read(max(BLOCK_BYTES, len(text)))
                if not more or len(text) > 64 * 2**20:
                    if text.strip():
                        yield None, text[:2000]
                    return
                text += more
                continue
            yield _line_value(json.dumps(value).encode(errors="replace")), text[:end]
            text = text[end:]


# Parquet


def _parquet(source: str, open_file: Open) -> Table:
    with open_file() as file, _seekable(file) as whole, pyarrow.parquet.ParquetFile(whole) as parquet:
        given = parquet.schema_arrow.names
    columns = unique_names(given)
    return _guarded(Table(source, "Parquet", columns, lambda: _parquet_batches(open_file, columns)))


def _parquet_batches(open_file: Open, columns: Sequence[str]) -> Iterator[Rows]:
    first_row = 1
    with open_file() as file, _seekable(file) as whole, pyarrow.parquet.ParquetFile(whole) as parquet:
        for batch in parquet.iter_batches(ROWS_PER_BATCH):
            batch.validate(full=True)
            cells = {name: arrow_cells(column) for name, column in zip(columns, batch.columns, strict=True)}
            yield Rows(cells, len(batch), first_row)
            first_row += len(batch)


# Cells with types


def arrow_cells(column: pyarrow.Array) -> Cells:
    """Return an Arrow column as cells."""
    kind = column.type
    if pyarrow.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind):
        return Cells(trimmed(column.cast(pyarrow.string())))
    if pyarrow.types.is_timestamp(kind):
        times = column.cast(pyarrow.timestamp("us", kind.tz and "UTC"), safe=False)
        return Cells(times.cast(pyarrow.string()), times=times)
    if pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind) or pyarrow.types.is_decimal(kind):
        numbers = column.cast(pyarrow.float64(), safe=False)
        return Cells(_spelled(numbers) if pyarrow.types.is_floating(kind) else column.cast(pyarrow.string()), numbers)
    return typed_cells(column.to_pylist())


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
