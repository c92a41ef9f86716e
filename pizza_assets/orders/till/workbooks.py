"""Spreadsheets to tables: each sheet that holds one.

Belongs here: python-calamine, and what it needs around it. Does not belong here: other formats (``files.py``).
"""

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import BinaryIO

import python_calamine

from pizza_assets.errors import SourceError
from pizza_assets.orders.till.opening import Open, seekable
from pizza_assets.orders.till.tables import ROWS_PER_BATCH, Rows, Table, check_width, unique_names
from pizza_assets.orders.till.text import are_names_of_groups
from pizza_assets.orders.till.typed import typed_rows


def workbook_tables(source: str, open_file: Open, kind: str) -> list[Table]:
    """Return the tables in a workbook of a `kind`, for people.

    Raises
    ------
    SourceError
        When it is protected, damaged, or holds no table.
    """
    tables = []
    with open_file() as file, seekable(file) as whole:
        if _is_protected(whole):
            raise SourceError(f"{source} is protected by a password. Open it, save it without one, and give that file.")
        _probe(source, whole.name)
        workbook = python_calamine.load_workbook(whole)
        for name in workbook.sheet_names:
            open_sheet = partial(_opened, open_file, name)
            table = _sheet(f"{source}, sheet {name}", kind, workbook.get_sheet_by_name(name), open_sheet)
            if table is not None:
                tables.append(table)
    if not tables:
        raise SourceError(f"{source} has no sheet with a table of orders. Export it again.")
    return tables


@contextmanager
def _opened(open_file: Open, name: str) -> Iterator[python_calamine.CalamineSheet]:
    """Give a sheet. It is read again each time: of thousands of workbooks one is in memory."""
    with open_file() as file, seekable(file) as whole:
        yield python_calamine.load_workbook(whole).get_sheet_by_name(name)


#: Where a password shows: the stream of an encrypted .xlsx, the record FilePass of an .xls behind its first one (with
#: or without WriteProtect between), and the manifest of an .ods.
_ENCRYPTED_XLSX = "EncryptedPackage".encode("utf-16-le")
_FILE_PASS = re.compile(rb"\x09\x08\x10\x00\x00\x06.{14}(?:\x86\x00\x00\x00)?\x2f\x00", re.DOTALL)
_MANIFEST, _ENCRYPTION = "META-INF/manifest.xml", b"encryption-data"
_LARGEST_MANIFEST = 2**20


def _is_protected(file: BinaryIO) -> bool:
    """Tell whether a workbook is encrypted: the library says of such a one that it knows no such format."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            manifest = archive.open(_MANIFEST).read(_LARGEST_MANIFEST) if _MANIFEST in archive.namelist() else b""
        is_protected = _ENCRYPTION in manifest
    else:
        file.seek(0)
        data = file.read(_OLE_BYTES)
        is_protected = _ENCRYPTED_XLSX in data or _FILE_PASS.search(data) is not None
    file.seek(0)
    return is_protected


#: An .xls is smaller; the directory of an encrypted workbook may stand at its end.
_OLE_BYTES = 256 * 2**20


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
_PROBE_BYTES, _PROBE_SECONDS = 4 * 2**30, 600  # virtual memory: about half of it is used


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
        raise SourceError(
            f"{source} is damaged, or a workbook that needs more than {_PROBE_BYTES // 2**30} GiB of memory. Export it "
            "again, or as CSV."
        )


OpenSheet = Callable[[], AbstractContextManager[python_calamine.CalamineSheet]]


def _sheet(source: str, kind: str, sheet: python_calamine.CalamineSheet, open_sheet: OpenSheet) -> Table | None:
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
    if at is not None and at + 2 < len(top):
        three = ([str(cell) for cell in row] for _, row in top[at : at + 3])
        at += are_names_of_groups(*three)
    start = top[at][0] + 1 if at is not None else top[0][0]
    names = [str(cell) for cell in top[at][1]] if at is not None else [None] * len(top[0][1])
    used = max((n + 1 for _, row in top[at or 0 :] for n, cell in enumerate(row) if cell != ""), default=0)
    check_width(source, used)
    columns = unique_names(names[: max(used, 2)])
    where = "" if start <= 1 else f", the table starts in row {start}"
    return Table(source, f"{kind}{where}", columns, lambda: _sheet_batches(open_sheet, columns, start))


def _sheet_batches(open_sheet: OpenSheet, columns: Sequence[str], start: int) -> Iterator[Rows]:
    values: list[list[object]] = []
    first_row = 1
    with open_sheet() as sheet:
        for number, row in enumerate(sheet.iter_rows()):
            if number < start or not any(cell not in ("", None) for cell in row):
                continue
            values.append(list(row))
            if len(values) == ROWS_PER_BATCH:
                yield typed_rows(values, columns, first_row)
                first_row += len(values)
                values = []
    if values:
        yield typed_rows(values, columns, first_row)
