"""Files of any format to tables: CSV and the like, spreadsheets, JSON, Parquet, each also in gzip or zip.

Belongs here: which format a file has, by its content and never by its name, archives, and Parquet. Does not belong
here: the other formats (``text.py``, ``workbooks.py``, ``json_files.py``), what a column means (``columns.py``).
"""

import glob
import gzip
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pyarrow
import pyarrow.parquet
import python_calamine

from pizza_assets.errors import SourceError
from pizza_assets.orders.till.json_files import json_table
from pizza_assets.orders.till.opening import Open, seekable, unchanging
from pizza_assets.orders.till.tables import ROWS_PER_BATCH, Rows, Table, check_width, unique_names
from pizza_assets.orders.till.text import text_table
from pizza_assets.orders.till.typed import arrow_cells
from pizza_assets.orders.till.workbooks import workbook_tables

_OLE, _ZIP, _GZIP, _PARQUET = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", (b"PK\x03\x04", b"PK\x05\x06"), b"\x1f\x8b", b"PAR1"
#: Members of a zip file, and levels of archives in archives.
_MOST_MEMBERS, _DEEPEST = 10_000, 3
#: A name of the kind a system puts beside files.
_BESIDE = ("__MACOSX/", ".DS_Store", "Thumbs.db")


def matching(pattern: str) -> list[Path]:
    """Return the files that names or patterns mean, in order; commas separate them, and a name that exists is none.

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
    if not files and "," in pattern:
        return list(dict.fromkeys(file for part in pattern.split(",") for file in matching(part.strip())))
    if not files:
        raise SourceError(
            f"{pattern} must name a file, a folder or a pattern such as 'exports/*.csv'. Found no file. Correct it."
        )
    return files


@dataclass(frozen=True)
class Part:
    """A file, or one that an archive holds. `kind` names the workbook that it is, for people; None for no workbook."""

    source: str
    open_file: Open
    head: bytes
    kind: str | None = None


def parts_of(path: Path) -> list[Part]:
    """Return what a file holds, out of its archives.

    Raises
    ------
    SourceError
        When it cannot be read: what was expected and found, and what to do.
    """
    with as_source_error(str(path)):
        return list(_parts(str(path), unchanging(path), 0))


def tables_in(path: Path) -> list[Table]:
    """Return the tables of a file: one, or one for each sheet or member that holds any.

    Raises
    ------
    SourceError
        When it cannot be read, or holds no table: what was expected and found, and what to do.
    """
    return [table for part in parts_of(path) for table in tables_of(part)]


def tables_by_path(paths: Iterable[Path]) -> dict[Path, list[Table]]:
    """Return the tables of files, from the oldest file to the newest.

    Raises
    ------
    SourceError
        When some cannot be read: a sentence for each.
    """
    tables, problems = dict[Path, list[Table]](), list[str]()
    for path in sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path)):
        try:
            tables[path] = tables_in(path)
        except SourceError as error:
            problems.append(str(error))
    if problems:
        raise SourceError("\n".join(problems), final=True)
    return tables


@contextmanager
def as_source_error(source: str) -> Iterator[None]:
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


def _parts(source: str, open_file: Open, depth: int) -> Iterator[Part]:
    with open_file() as file:
        head = file.read(4096)
    if depth > _DEEPEST:
        raise SourceError(f"{source} holds archives within archives. Unpack it.")
    if head.startswith(_GZIP):
        yield from _parts(source, partial(_gunzipped, open_file), depth + 1)
    elif head.startswith(_ZIP):
        yield from _zipped(source, open_file, head, depth)
    else:
        yield Part(source, open_file, head, "Excel workbook (.xls)" if head.startswith(_OLE) else None)


def tables_of(part: Part) -> list[Table]:
    """Return the tables of a file that is no archive.

    Raises
    ------
    SourceError
        As ``tables_in``.
    """
    with as_source_error(part.source):
        return [_guarded(table) for table in _tables(part)]


def _tables(part: Part) -> list[Table]:
    source, open_file, head = part.source, part.open_file, part.head
    if part.kind:
        return workbook_tables(source, open_file, part.kind)
    if head.startswith(_PARQUET):
        return [_parquet(source, open_file)]
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"{", b"[")) and not text.startswith(b"[]"):
        return [json_table(source, open_file, is_lines=text.startswith(b"{"))]
    if text[:100].lower().startswith((b"<html", b"<!doctype html", b"<table")):
        raise SourceError(
            f"{source} is a web page, although its name says otherwise. Open it in a spreadsheet and save it as .xlsx."
        )
    if text.startswith(b"<?xml"):
        raise SourceError(f"{source} is XML. Open it in a spreadsheet and save it as .xlsx, or export CSV.")
    if head.startswith(b"%PDF"):
        raise SourceError(f"{source} is a PDF, which holds no table that can be read. Export CSV or .xlsx.")
    return [text_table(source, open_file)]


def _guarded(table: Table) -> Table:
    """Return the table so that a fault while it is read is one sentence."""

    def batches() -> Iterator[Rows]:
        with as_source_error(table.source):
            yield from table.batches()

    return Table(table.source, table.description, table.columns, batches)


@contextmanager
def _gunzipped(open_file: Open) -> Iterator[BinaryIO]:
    with open_file() as file, gzip.GzipFile(fileobj=file) as plain:
        yield plain  # type: ignore[misc]  # a stream of bytes


def _zipped(source: str, open_file: Open, head: bytes, depth: int) -> Iterator[Part]:
    with open_file() as file, seekable(file) as whole, zipfile.ZipFile(whole) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        names = {info.filename for info in infos}
    if "xl/workbook.xml" in names or "xl/workbook.bin" in names:
        yield Part(source, open_file, head, "Excel workbook")
        return
    if {"content.xml", "mimetype"} <= names:
        yield Part(source, open_file, head, "OpenDocument spreadsheet")
        return
    infos = [i for i in infos if not i.filename.startswith(_BESIDE) and not i.filename.endswith(_BESIDE)]
    if any(info.flag_bits & 1 for info in infos):
        raise SourceError(f"{source} is protected by a password. Unpack it, and give the files in it.")
    if not infos or len(infos) > _MOST_MEMBERS:
        raise SourceError(f"{source} holds {len(infos)} files; from 1 to {_MOST_MEMBERS} are expected. Unpack it.")
    for info in sorted(infos, key=lambda info: info.filename):
        yield from _parts(f"{source} > {info.filename}", partial(_member, open_file, info.filename), depth + 1)


@contextmanager
def _member(open_file: Open, name: str) -> Iterator[BinaryIO]:
    with open_file() as file, seekable(file) as whole, zipfile.ZipFile(whole) as archive, archive.open(name) as member:
        yield member  # type: ignore[misc]  # a stream of bytes


def _parquet(source: str, open_file: Open) -> Table:
    with open_file() as file, seekable(file) as whole, pyarrow.parquet.ParquetFile(whole) as parquet:
        given = parquet.schema_arrow.names
    check_width(source, len(given))
    columns = unique_names(given)
    return Table(source, "Parquet", columns, lambda: _parquet_batches(open_file, columns))


def _parquet_batches(open_file: Open, columns: Sequence[str]) -> Iterator[Rows]:
    first_row = 1
    with open_file() as file, seekable(file) as whole, pyarrow.parquet.ParquetFile(whole) as parquet:
        for batch in parquet.iter_batches(ROWS_PER_BATCH):
            batch.validate(full=True)
            cells = {name: arrow_cells(column) for name, column in zip(columns, batch.columns, strict=True)}
            yield Rows(cells, len(batch), first_row)
            first_row += len(batch)
