"""Spreadsheets to tables: each sheet that holds one.

Belongs here: python-calamine, and what it needs around it. Does not belong here: other formats (``files.py``).
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence

import python_calamine

from pizza_assets.errors import SourceError
from pizza_assets.orders.till.opening import Open, seekable
from pizza_assets.orders.till.tables import ROWS_PER_BATCH, Rows, Table, unique_names
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
        _probe(source, whole.name)
        try:
            workbook = python_calamine.load_workbook(whole)
        except python_calamine.PasswordError:
            raise SourceError(f"{source} is protected by a password. Save it without one.") from None
    for name in workbook.sheet_names:
        table = _sheet(f"{source}, sheet {name}", kind, workbook.get_sheet_by_name(name))
        if table is not None:
            tables.append(table)
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
            yield typed_rows(values, columns, first_row)
            first_row += len(values)
            values = []
    if values:
        yield typed_rows(values, columns, first_row)
