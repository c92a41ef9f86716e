"""Till exports: orders from CSV, NDJSON and Parquet files; they count as real orders.

Belongs here: finding the files, reading them in batches, and knowing which days they cover. Does not belong here:
reading orders as such (``order_records.py``), falling back to mock (``collect.py``).

A file is read once to learn the days of its batches, and these batches again for each month that is asked for, so
that memory does not grow with the size of the export. Parquet and CSV are read by Arrow; NDJSON line by line,
because Arrow gives up a whole file for one line that is cut or holds a number as text: we refuse that line only.
"""

import csv
import glob
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow
import pyarrow.csv
import pyarrow.parquet

from pizza_assets.errors import SettingsError, SourceError
from pizza_assets.settings import Settings
from pizza_assets.sources.order_records import FIELDS, RawOrders, ReadingRules, orders_by_day
from pizza_assets.sources.records import NOT_A_DAY, DayRecords, Days, filled_days, found, read_json, utc_days

REQUIRED = FIELDS[:5]
BLOCK_BYTES = 4 * 2**20
ROWS_PER_BATCH = 65_536


#: Reads one batch of a file, where it is needed.
ReadBatch = Callable[[], RawOrders]


def names(settings: Settings) -> dict[str, str]:
    """Return the export's own name of each of our fields.

    Raises
    ------
    SettingsError
        When ``ORDERS_COLUMNS`` names a field that we do not have.
    """
    if unknown := sorted(set(settings.orders_columns) - set(FIELDS)):
        raise SettingsError(f"ORDERS_COLUMNS must have keys out of {list(FIELDS)}. Found {unknown}. Correct it.")
    return {field: settings.orders_columns.get(field, field) for field in FIELDS}


def reading_rules(settings: Settings) -> ReadingRules:
    """Return how till exports write orders."""
    return ReadingRules(settings.orders_currency, settings.orders_time_zone, REQUIRED)


@dataclass(frozen=True)
class _File:
    """A till export, and of each of its batches the first and the last day, and that of the record before it."""

    path: Path
    batches: Days

    def covers(self, day: date) -> bool:
        return bool(self.batches[:, 0].min() <= np.datetime64(day, "D") <= self.batches[:, 1].max())


class OrderFiles:
    """The till exports that ``ORDERS_FILES`` names.

    Raises
    ------
    SourceError
        When there is none, or some cannot be read: a line for each, with what was expected and what was found.
    SettingsError
        When ``ORDERS_COLUMNS`` names a field that we do not have.
    """

    def __init__(self, settings: Settings) -> None:
        self._names = names(settings)
        self._must_have = {self._names[field] for field in (*REQUIRED, *settings.orders_columns)}
        self._rules = reading_rules(settings)
        paths = sorted(Path(name) for name in glob.glob(settings.orders_files or "", recursive=True))  # noqa: PTH207  # an absolute pattern
        if not paths:
            raise SourceError(
                f"ORDERS_FILES={settings.orders_files} must match files. Found none. Correct it.", final=True
            )
        self._files: list[_File] = []
        problems = []
        for path in paths:
            try:
                self._files.append(self._facts(path))
            except SourceError as error:
                problems.append(str(error))
        if problems:
            raise SourceError("\n".join(problems), final=True)

    def covers(self, day: date) -> bool:
        """Tell whether `day` lies between the first and the last UTC day of some file."""
        return any(file.covers(day) for file in self._files)

    def read(self, days: Sequence[date]) -> dict[date, DayRecords]:
        """Read the orders of the UTC days; they are held in memory, so ask for a month at most.

        An order whose time cannot be read counts for the day of the nearest earlier order in its file, else of the
        nearest later.

        Raises
        ------
        SourceError
            When a file cannot be read, or orders were there and not one of them could be stored.
        """
        asked = np.array(days, dtype="datetime64[D]")
        parts: list[tuple[RawOrders, Days]] = []
        for file in self._files:
            for (first, last, before), read in zip(file.batches, self._batches(file.path), strict=False):
                if first <= asked.max() and asked.min() <= last:
                    part = read()
                    days_of_part = self._days(part, before)
                    at = np.flatnonzero(np.isin(days_of_part, asked))
                    parts.append((part.take(at), days_of_part[at]))
        by_day = orders_by_day(parts, days, self._rules)
        if by_day and all(records.frame.empty for records in by_day.values()):
            raise _none_usable(
                ", ".join(str(file.path) for file in self._files), next(iter(by_day.values())).rejected[0].reason
            )
        return by_day

    def _facts(self, path: Path) -> _File:
        batches, rows, example = [], 0, None
        before = opening = NOT_A_DAY
        for read in self._batches(path):
            part = read()
            days = self._days(part, before)
            if rows == 0 and len(part):
                example = part.record(0).get(self._names["timestamp"])
            rows += len(part)
            # Either all records of a batch have a day, or none has.
            batches.append((days.min(), days.max(), before) if len(days) else (before, before, before))
            opening = days[0] if len(days) and np.isnat(opening) else opening
            before = days[-1] if len(days) else before
        if rows == 0:
            raise SourceError(f"{path} must hold orders. Found none. Remove the file, or export it again.")
        if np.isnat(opening):
            raise _none_usable(str(path), f"no time can be read; the first is {found(example)}")
        of_batches = np.array(batches, dtype="datetime64[D]")
        return _File(path, np.where(np.isnat(of_batches), opening, of_batches))

    def _days(self, part: RawOrders, before: np.datetime64) -> Days:
        return filled_days(utc_days(part.instants(self._rules.time_zone)), before)

    def _batches(self, path: Path) -> Iterator[ReadBatch]:
        """Read a file in batches, in its order."""
        readers = {".csv": self._csv, ".ndjson": self._ndjson, ".jsonl": self._ndjson, ".parquet": self._parquet}
        reader = readers.get(path.suffix.lower())
        if reader is None:
            raise SourceError(f"{path} must be one of {', '.join(readers)}. Correct ORDERS_FILES.")
        try:
            yield from reader(path)
        except (pyarrow.ArrowException, OSError, UnicodeError, csv.Error) as error:
            problem = " ".join(str(error).split())[:200]
            raise SourceError(
                f"{path} must be a readable {path.suffix} file. Found '{problem}'. Export it again."
            ) from None

    def _csv(self, path: Path) -> Iterator[ReadBatch]:
        with path.open("rb") as file:
            header = file.readline().decode("utf-8-sig")
        delimiter = max(",;\t", key=header.count)
        columns = next(csv.reader([header], delimiter=delimiter), [])
        self._check_columns(path, columns)
        broken_rows: list[pyarrow.csv.InvalidRow] = []

        def keep(row: pyarrow.csv.InvalidRow) -> str:
            broken_rows.append(row)
            return "skip"

        reader = pyarrow.csv.open_csv(
            path,
            # One thread, or broken rows come without their numbers.
            pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, skip_rows=1, column_names=columns),
            pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pyarrow.string()), strings_can_be_null=True, null_values=[""]
            ),
        )
        next_row, handled = 2, 0
        with reader:
            for batch in reader:
                # Arrow reads ahead: some of the broken rows may belong to batches to come, and more may arrive.
                waiting = broken_rows[handled:]
                rows = np.arange(next_row, next_row + len(batch) + len(waiting))
                rows = rows[~np.isin(rows, [row.number for row in waiting])][: len(batch)]
                next_row = int(rows[-1]) + 1 if len(rows) else next_row
                before = [row for row in waiting if row.number < next_row]
                handled += len(before)
                yield partial(_with_broken_rows, pyarrow.Table.from_batches([batch]), rows, before, self._names)
            rest = broken_rows[handled:]
            yield partial(_with_broken_rows, reader.schema.empty_table(), np.arange(0), rest, self._names)

    def _ndjson(self, path: Path) -> Iterator[ReadBatch]:
        with path.open("rb") as file:
            while lines := file.readlines(BLOCK_BYTES):
                yield partial(self._json_batch, path, lines, is_first=file.tell() == sum(map(len, lines)))

    def _json_batch(self, path: Path, lines: Sequence[bytes], *, is_first: bool) -> RawOrders:
        values, broken = _json_lines([line for line in lines if line.strip(b" \t\r\n\xef\xbb\xbf")])
        if is_first:
            self._check_columns(path, sorted({key for value in values if isinstance(value, dict) for key in value}))
        return RawOrders(values, self._names, broken)

    def _parquet(self, path: Path) -> Iterator[ReadBatch]:
        with pyarrow.parquet.ParquetFile(path) as file:
            self._check_columns(path, file.schema_arrow.names)
            for batch in file.iter_batches(ROWS_PER_BATCH):
                batch.validate(full=True)
                yield partial(RawOrders, pyarrow.Table.from_batches([batch]), self._names)

    def _check_columns(self, path: Path, columns: Sequence[str]) -> None:
        if missing := sorted(self._must_have - set(columns)):
            raise SourceError(
                f"{path} must have the columns {sorted(self._must_have)}. Missing {missing}, found {list(columns)}. "
                "Name the export's own columns in ORDERS_COLUMNS."
            )
        if len(set(columns)) < len(columns):
            raise SourceError(f"{path} must name each column once. Found {list(columns)}. Export it again.")


def _none_usable(where: str, example: str) -> SourceError:
    return SourceError(
        f"Not one order of {where} could be stored: {example}. Check the export, ORDERS_COLUMNS and ORDERS_TIME_ZONE.",
        final=True,
    )


def _with_broken_rows(
    table: pyarrow.Table,
    rows: npt.NDArray[np.intp],
    broken_rows: Sequence[pyarrow.csv.InvalidRow],
    names: Mapping[str, str],
) -> RawOrders:
    """Put the rows with too few or too many cells back among the others, whose numbers in the file are `rows`."""
    if not broken_rows:
        return RawOrders(table, names)
    order = np.argsort(np.concatenate([rows, [row.number for row in broken_rows]]), kind="stable")
    reasons = [
        (row.text, f"expected {row.expected_columns} cells in the row, found {row.actual_columns}")
        for row in broken_rows
    ]
    nulls = pyarrow.table({name: pyarrow.nulls(len(reasons), pyarrow.string()) for name in table.column_names})
    broken = {new: reasons[old - len(table)] for new, old in enumerate(order.tolist()) if old >= len(table)}
    return RawOrders(pyarrow.concat_tables([table, nulls]).take(order), names, broken)


def _json_lines(lines: Sequence[bytes]) -> tuple[list[object], dict[int, tuple[str, str]]]:
    """Return the value of each line, and of the lines that hold no JSON object their text and why."""
    values = _json(b"[" + b",".join(lines) + b"]")
    if not isinstance(values, list) or len(values) != len(lines):
        values = [_json(line) for line in lines]
    broken = {
        at: (lines[at].decode(errors="replace").strip(), "expected a JSON object in the line")
        for at, value in enumerate(values)
        if not isinstance(value, dict)
    }
    return values, broken


def _json(text: bytes) -> object:
    try:
        return read_json(text)
    except (ValueError, RecursionError):
        return None
