"""Text files with delimiters: their encoding, delimiter, header and quotes, and their rows.

Belongs here: what stands in front of Arrow's CSV reader, so that it meets clean UTF-8. Does not belong here: mending
quotes (``quotes.py``), other formats (``files.py``), what a column means.

Arrow reads the rows. A till's file is not always one that a CSV reader takes as it was meant: an inch mark is no
quote, and an open quote swallows the rows behind it. Blocks whose quotes are all where they belong go to Arrow as they
are; in the others each line is looked at, and written again with its cells quoted.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

import numpy as np
import pyarrow
import pyarrow.csv

from pizza_assets.errors import SourceError
from pizza_assets.orders.till.opening import Open
from pizza_assets.orders.till.quotes import is_clean, repaired, tolerant_cells
from pizza_assets.orders.till.tables import Cells, Rows, Table, check_width, trimmed, unique_names

BLOCK_BYTES = 4 * 2**20
_SAMPLE_BYTES = 256 * 1024
_SAMPLE_ROWS = 500
_DELIMITERS = ",;\t|"
_DELIMITER_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars (|)"}
_ENCODING_NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8, damaged",
    "cp1252": "Windows-1252",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
}
#: A value in quotes may run over this many lines; more is a quote that was left open.
_LINES_IN_SAMPLED_QUOTES = 5
_DATA_CELL = re.compile(r"[^A-Za-z]*\d[^A-Za-z]*|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*")


@dataclass(frozen=True)
class Dialect:
    """How a text file is written. `skip` counts the lines before the first row; `header` is the line of the names."""

    encoding: str
    delimiter: str
    columns: Sequence[str]
    skip: int
    header: int | None

    @property
    def description(self) -> str:
        """Return the dialect in words."""
        parts = [
            f"text ({_ENCODING_NAMES.get(self.encoding, self.encoding)})",
            f"cells separated by {_DELIMITER_NAMES[self.delimiter]}",
        ]
        if self.header is None:
            parts.append("without a line of column names")
        elif self.header > 1:
            parts.append(f"the table starts in line {self.header}")
        return ", ".join(parts)


def text_table(source: str, open_file: Open) -> Table:
    """Return the table in a text file.

    Raises
    ------
    SourceError
        When there is no table in it.
    """
    dialect = sniff(source, open_file)
    return Table(source, dialect.description, dialect.columns, lambda: _batches(source, open_file, dialect))


def sniff(source: str, open_file: Open) -> Dialect:
    """Find out how a text file is written, from all its bytes for the encoding and its first rows for the rest.

    Raises
    ------
    SourceError
        When there is no table in it.
    """
    encoding = _encoding(source, open_file)
    with open_file() as file:
        head = _head(file, _SAMPLE_BYTES)
    text = _text(io.BytesIO(head), encoding)
    lines = text.split("\n")
    if not text.strip():
        raise SourceError(f"{source} is empty. Export it again.")
    if len(head) == _SAMPLE_BYTES and len(lines) > 1:
        lines.pop()  # the sample ends within it
    named = re.fullmatch(r"\s*\"?sep=(.)\"?\s*", lines[0], re.IGNORECASE)
    start = 1 if named else 0
    delimiters = named[1] if named and named[1] in _DELIMITERS else _DELIMITERS
    best = max((_rows(lines[start:], delimiter) for delimiter in delimiters), key=_fit)
    delimiter, rows = best
    width = _width(rows)
    if width < 2:
        raise SourceError(
            f"{source} must hold a table: rows of cells separated by a comma, semicolon, tab or bar. Found lines such "
            f"as {lines[start][:60]!r}. Export it as CSV or as a spreadsheet."
        )
    check_width(source, width)
    header = next((at for at, (_, cells) in enumerate(rows) if _is_header(cells, width)), None)
    if header is None:
        first = next(at for at, (_, cells) in enumerate(rows) if len(cells) == width)
        return Dialect(encoding, delimiter, unique_names([None] * width), start + rows[first][0], None)
    if header + 2 < len(rows) and are_names_of_groups(*(cells for _, cells in rows[header : header + 3])):
        header += 1
    line, cells = rows[header]
    cells = [*cells, *[""] * (width - len(cells))]
    while (
        len(cells) > 2 and not cells[-1].strip() and all(not "".join(row[len(cells) - 1 :]).strip() for _, row in rows)
    ):
        cells.pop()
    after = rows[header + 1][0] if header + 1 < len(rows) else line + 1
    # A name may hold a line break; blank lines under the header are no rows.
    return Dialect(encoding, delimiter, unique_names(cells), start + after, start + line + 1)


def _head(file: BinaryIO, size: int) -> bytes:
    head = b""
    while len(head) < size and (block := file.read(size - len(head))):
        head += block
    return head


def _encoding(source: str, open_file: Open) -> str:
    """Return the encoding: by its mark, by zero bytes (UTF-16), UTF-8 where every byte is, else Windows-1252."""
    with open_file() as file:
        head = _head(file, 4096)
        for mark, name in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
            if head.startswith(mark):
                return name
        zeros = [head[at::2].count(0) for at in (0, 1)]
        if max(zeros) > len(head) // 5:
            return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        if zeros[0] + zeros[1] > len(head) // 100:
            raise _no_text(source)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            block = head
            while block:
                decoder.decode(block)
                block = file.read(BLOCK_BYTES)
        except UnicodeDecodeError:
            # With a mark it is UTF-8 that was damaged; what is no character is shown as one.
            if head.startswith(codecs.BOM_UTF8):
                return "utf-8-sig"
            if sum(head.count(byte) for byte in _CONTROLS) > len(head) // 100:
                raise _no_text(source) from None
            return "cp1252"
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "utf-8-sig"  # the file ends within a character
    return "utf-8"


#: Bytes that no text has, in any encoding of one byte a character.
_CONTROLS = [bytes([byte]) for byte in range(32) if chr(byte) not in "\t\n\v\f\r\x1a"]


def _no_text(source: str) -> SourceError:
    return SourceError(f"{source} is no text and no format that is known here. Export it as CSV or .xlsx.")


def _text(file: BinaryIO, encoding: str) -> str:
    return b"".join(_utf8_blocks(file, encoding)).decode("utf-8", "replace")


def _utf8_blocks(file: BinaryIO, encoding: str) -> Iterator[bytes]:
    """Yield a file as UTF-8 without a mark, with line feeds as line ends."""
    decoder = codecs.getincrementaldecoder("latin-1" if encoding == "cp1252" else encoding)("replace")
    is_first, carry = True, b""
    while True:
        block = file.read(BLOCK_BYTES)
        if encoding != "utf-8":
            text = decoder.decode(block, final=not block)
            if encoding == "cp1252":
                text = text.translate(_CP1252)
            data = text.encode("utf-8", "replace")
        else:
            data = block
        if is_first and data:
            data, is_first = data.removeprefix(codecs.BOM_UTF8), False
        data = carry + data
        carry = b""
        if block and data.endswith(b"\r"):
            data, carry = data[:-1], b"\r"
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if data:
            yield data
        if not block:
            return


#: Windows-1252 as browsers read it: its five bytes without a character stay what they are.
_CP1252 = {byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(128, 160)}


def _rows(lines: Sequence[str], delimiter: str) -> tuple[str, list[tuple[int, list[str]]]]:
    """Split lines into rows of cells, each with the number of its first line (from 0); rows without text are left out.

    Lines that a reader of CSV joins to more than it should are split one by one.
    """
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter)
    rows, before = list[tuple[int, list[str]]](), 0
    try:
        for cells in reader:
            if reader.line_num - before > _LINES_IN_SAMPLED_QUOTES:
                break
            if "".join(cells).strip():
                rows.append((before, cells))
            before = reader.line_num
            if len(rows) == _SAMPLE_ROWS:
                return delimiter, rows
    except csv.Error:
        pass
    for at in range(before, min(len(lines), before + _SAMPLE_ROWS)):
        if lines[at].strip(delimiter + " "):
            rows.append((at, tolerant_cells(lines[at], delimiter)))
    return delimiter, rows


def _width(rows: Sequence[tuple[int, list[str]]]) -> int:
    widths = Counter(len(cells) for _, cells in rows)
    return max(widths, key=lambda width: (widths[width] * (width > 1), width), default=0)


def _fit(read: tuple[str, list[tuple[int, list[str]]]]) -> tuple[int, int]:
    """Tell how well a delimiter fits: how many rows it gives the same number of cells, at least two."""
    _, rows = read
    width = _width(rows)
    return (sum(len(cells) == width for _, cells in rows) if width > 1 else 0, width)


def _is_header(cells: Sequence[str], width: int) -> bool:
    names = [cell.strip() for cell in cells if cell.strip()]
    enough = len(cells) >= width - 1 and len(names) >= max(2, width / 2)
    return enough and not any(map(is_data, names))


def is_data(cell: str) -> bool:
    """Tell whether a cell is a number or a date, and so no name of a column."""
    return _DATA_CELL.fullmatch(cell.strip()) is not None


def are_names_of_groups(first: Sequence[str], second: Sequence[str], third: Sequence[str]) -> bool:
    """Tell whether the first of three rows names groups of columns, the second the columns, and the third is data.

    A group's name stands above its first column, so cells behind it are empty; numbers and dates are in the third only.
    """
    if len(first) != len(second) or any(map(is_data, second)) or not any(map(is_data, third)):
        return False
    return all(cell.strip() for cell in second) and not all(cell.strip() for cell in first)


class _Clean(io.RawIOBase):
    """A stream of clean CSV: the rows of a file, their quotes where they belong."""

    def __init__(self, file: BinaryIO, dialect: Dialect) -> None:
        self._blocks = self._repaired(_utf8_blocks(file, dialect.encoding), dialect)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # any writable buffer
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = block
        part = self._rest[: len(buffer)]
        buffer[: len(part)] = part
        self._rest = self._rest[len(part) :]
        return len(part)

    @staticmethod
    def _repaired(blocks: Iterator[bytes], dialect: Dialect) -> Iterator[bytes]:
        to_skip, carry = dialect.skip, b""
        delimiter, width = dialect.delimiter, len(dialect.columns)
        for block in chain(blocks, [b""]):
            data = carry + block
            carry = b""
            while to_skip and data:
                _, newline, rest = data.partition(b"\n")
                if not newline and block:
                    break
                data, to_skip = rest, to_skip - 1
            if to_skip:
                carry = data
                continue
            is_last = not block
            cut = len(data) if is_last else data.rfind(b"\n") + 1
            data, carry = data[:cut], data[cut:]
            if not data:
                continue
            if b'"' not in data or is_clean(data, delimiter):
                yield data
            else:
                text, waiting = repaired(data.decode("utf-8", "replace"), delimiter, width, is_last=is_last)
                carry = waiting.encode() + carry
                yield text.encode()


def _batches(source: str, open_file: Open, dialect: Dialect) -> Iterator[Rows]:
    columns = list(dialect.columns)
    waiting: list[pyarrow.csv.InvalidRow] = []

    def keep(row: pyarrow.csv.InvalidRow) -> str:
        waiting.append(row)
        return "skip"

    with open_file() as file:
        try:
            reader = pyarrow.csv.open_csv(
                pyarrow.PythonFile(_Clean(file, dialect), mode="r"),
                # One thread, or broken rows come without their numbers.
                pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=columns),
                pyarrow.csv.ParseOptions(
                    delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=keep
                ),
                pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(columns, pyarrow.string()), strings_can_be_null=True, null_values=[""]
                ),
            )
            next_row = 1
            for batch in chain(reader, [pyarrow.RecordBatch.from_pylist([], reader.schema)]):
                # Arrow reads ahead: some of the broken rows may belong to batches to come.
                is_end = batch.num_rows == 0
                numbers = np.arange(next_row, next_row + len(batch) + len(waiting))
                numbers = numbers[~np.isin(numbers, [row.number for row in waiting])][: len(batch)]
                end = int(numbers[-1]) + 1 if len(numbers) else next_row
                here = [row for row in waiting if is_end or row.number < end]
                waiting = [row for row in waiting if not (is_end or row.number < end)]
                yield _rows_of(pyarrow.Table.from_batches([batch]), numbers, here, dialect, next_row)
                next_row = max(end, here[-1].number + 1 if here else 0)
        except pyarrow.ArrowInvalid as error:
            if "Empty CSV file" in str(error):
                return
            raise SourceError(
                f"{source} must be rows of cells. Found '{' '.join(str(error).split())[:200]}'. Export it again."
            ) from None


def _rows_of(
    table: pyarrow.Table,
    numbers: "np.ndarray[tuple[int], np.dtype[np.intp]]",
    misfits: Sequence[pyarrow.csv.InvalidRow],
    dialect: Dialect,
    first_row: int,
) -> Rows:
    """Put rows with too few or too many cells back among the others; what too many cells hold is kept as text."""
    broken: dict[int, tuple[str, str]] = {}
    if misfits:
        width = len(dialect.columns)
        order = np.argsort(np.concatenate([numbers, [row.number for row in misfits]]), kind="stable")
        place = {int(old): new for new, old in enumerate(order.tolist())}
        mended = []
        for at, row in enumerate(misfits, len(table)):
            text = row.text or ""
            cells = next(csv.reader([f"{line}\n" for line in text.split("\n")], delimiter=dialect.delimiter), [])
            if "".join(cells[width:]).strip():
                broken[place[at]] = (text, f"{len(cells)} cells in the row, expected {width}")
                cells = []
            filled = [cell or None for cell in cells[:width]]
            mended.append([*filled, *[None] * (width - len(filled))])
        columns = dict(zip(dialect.columns, zip(*mended, strict=True), strict=True))
        extra = pyarrow.table({name: pyarrow.array(cells, pyarrow.string()) for name, cells in columns.items()})
        table = pyarrow.concat_tables([table, extra]).take(pyarrow.array(order))
    columns_of = {name: Cells(trimmed(_one(table.column(name)))) for name in table.column_names}
    return Rows(columns_of, len(table), first_row, broken)


def _one(column: pyarrow.ChunkedArray) -> pyarrow.Array:
    return (
        column.chunk(0)
        if column.num_chunks == 1
        else pyarrow.concat_arrays(column.chunks or [pyarrow.array([], column.type)])
    )
