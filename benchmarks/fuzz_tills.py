"""Mutated till exports of each format: no row may vanish, and nothing but a sentence may be raised.

``python -m benchmarks.fuzz_tills [--cases N] [--formats csv,xlsx] [--seed S] [--minutes M]``. Of each case that can be
read, rows read == stored + set aside + rejected; a case that cannot be read ends in a ``SourceError``. The exit code is
1 when one case does neither; its file is kept, and the seed makes it again. With `--minutes` it stops early, between
rounds, so that every format has had the same number of cases.

What makes it quick: all cases run in one process, and workbooks are tried in a fork of it instead of the new process
that the product starts for each. Up to 50 files whose
profile is the same are put into one book, as a folder of exports is; when their rows do not add up, each is read alone.
"""

import argparse
import gzip
import io
import json
import os
import random
import resource
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import pyarrow
import pyarrow.parquet
import python_calamine

from pizza_assets.errors import SourceError
from pizza_assets.orders.till import workbooks
from pizza_assets.orders.till.book import Book
from pizza_assets.orders.till.evidence import Findings, find_out
from pizza_assets.orders.till.files import tables_in
from pizza_assets.orders.till.profile import Profile
from pizza_assets_tests.orders.till import exports

#: What is put into files: marks, quotes, separators, line ends, numbers and words that readers stumble over.
_PIECES = (
    *(b'"', b'""', b",", b";", b"\t", b"\r", b"\n", b"\r\n", b"\n\n", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\xc3"),
    *(b"'", b"[", b"]", b"{", b"}", b"null", b"NaN", b"-", b"1e999", b"9" * 40, b"\xe2\x80\xa8", b"\\u", b"="),
    *(b"sep=;\n", b"Total", b"31/02/2024", b"24:61", b"0000-00-00", b"\xf0\x9f\x8d\x95", b"a" * 5000, b"PK\x03\x04"),
    b"PAR1",
)
#: What is put into cells.
_CELLS = (
    *(
        "",
        " ",
        "-",
        "--",
        "NULL",
        "N/A",
        "#REF!",
        "nan",
        "Total",
        "Totals",
        "void",
        "refund",
        "TRUE",
        "x",
        "é",
        "\u2028",
    ),
    *("1.250", "1.250,00", "1,250.00", "£9.99", "9,99 €", "(9.99)", "9.99-", "-9.99", "1e5", "1e400", "0x10", "٣"),
    *("9" * 25, "12,-", "EUR", "31/02/2024 10:00", "04/05/2024 10:00", "2024-05-04", "2024-05-04T10:00:00Z", "45000.5"),
    *("2024-03-31 01:30", "2024-10-27 01:30", "0001-01-01 00:00", "9999-12-31 23:59", "10000-01-01 10:00", "24:00"),
    *("May 4, 2024 1:05 PM", "4. Mai 2024 13:05", "1714820000", '["a", "b"]', "2 x Margherita", "a\nb", 'a"b', '"'),
    *("a,b", "a;b", "a\tb", "\x00", "\ufffd", "\ud83d", "=1+1", "a" * 3000),
)
_HEADER = ("Order No", "Placed at", "Shop", "Total", "Pizzas", "Qty")
#: Good files of each format; each has orders of its own, so that together they are a folder of exports.
_VARIANTS = 50
#: Files that are put into one book.
_TOGETHER = 50
#: Cases of a format in a round.
_ROUND = 50
#: Of this process, and what a workbook of a few rows may take.
_MEMORY_BYTES, _WORKBOOK_BYTES = 6 * 2**30, 2**29
_GIVEN = Profile(date_order="dmy", decimal=".", time_zone="Europe/London")

Row = Sequence[object]


def _rows(variant: int) -> list[Row]:
    return [
        (
            str(7000 + 100 * variant + n),
            f"2024-05-{4 + n % 20:02d} {12 + n % 10}:{n % 60:02d}",
            "Leeds",
            f"{9 + n / 7:.2f}",
            'Margherita 10"',
            "1",
        )
        for n in range(24)
    ]


def _text(rows: Sequence[Row], delimiter: str = ",") -> str:
    return exports.csv_text(rows, _HEADER, delimiter)  # type: ignore[arg-type]  # any cell


def _lines(rows: Sequence[Row]) -> bytes:
    return "".join(json.dumps(dict(zip(_HEADER, row, strict=True))) + "\n" for row in rows).encode()


def _objects(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [dict(zip(_HEADER, row, strict=True)) for row in rows]


def _parquet(rows: Sequence[Row]) -> bytes:
    out = io.BytesIO()
    columns = {}
    for name, values in zip(_HEADER, zip(*rows, strict=True), strict=True):
        kinds = {type(value) for value in values if value is not None}
        is_one = len(kinds) < 2
        plain = [value if is_one or value is None else str(value) for value in values]
        columns[name] = [
            value.encode(errors="replace").decode() if isinstance(value, str) else value for value in plain
        ]
    pyarrow.parquet.write_table(pyarrow.table(columns), out)
    return out.getvalue()


def _safe(rows: Sequence[Row]) -> list[Row]:
    """Return rows whose text is such that XML can hold it."""
    return [
        [
            "".join(c for c in cell if c >= " " or c in "\t\n").encode(errors="replace").decode()
            if isinstance(cell, str)
            else cell
            for cell in row
        ]
        for row in rows
    ]


def _spreadsheet(rows: Sequence[Row]) -> bytes:
    return exports.xlsx({"Orders": [_HEADER, *_safe(rows)]})  # type: ignore[list-item]  # any cell


#: Writes rows in a format. An .xls no library here can write: it is one file.
FORMATS: Mapping[str, Callable[[Sequence[Row]], bytes]] = {
    "csv": lambda rows: _text(rows).encode(errors="replace"),
    "tsv": lambda rows: _text(rows, "\t").encode(errors="replace"),
    "utf16": lambda rows: _text(rows).encode("utf-16", errors="replace"),
    "xlsx": _spreadsheet,
    "xls": lambda rows: exports.XLS,
    "ods": lambda rows: exports.ods([_HEADER, *_safe(rows)]),  # type: ignore[list-item]  # any cell
    "ndjson": _lines,
    "json": lambda rows: json.dumps(_objects(rows)).encode(),
    "object": lambda rows: json.dumps({"orders": _objects(rows)}).encode(),
    "parquet": _parquet,
    "gz": lambda rows: gzip.compress(_text(rows).encode(errors="replace"), 1),
    "zip": lambda rows: exports.zipped(
        **{"a.csv": _text(rows[:12]).encode(errors="replace"), "b.json": _lines(rows[12:])}
    ),
}


@lru_cache(maxsize=len(FORMATS) * _VARIANTS)
def base(name: str, variant: int) -> bytes:
    """Return a good file of a format."""
    return FORMATS[name](_rows(variant))


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return the bytes with one to four changes."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(changed) + 1)
        length = min(rng.choice((1, 1, 2, 8, 64, 512)), len(changed) - at)
        kind = rng.randrange(7)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del changed[at : at + length]
        elif kind == 2:
            changed[at:at] = rng.choice(_PIECES)
        elif kind == 3:
            changed[at : at + length] = rng.randbytes(length)
        elif kind == 4:
            changed[at:at] = changed[at : at + length]
        elif kind == 5:
            changed[at : at + length] = rng.choice(_PIECES)
        elif rng.random() < 0.2:
            del changed[at:]
    return bytes(changed)


def with_odd_cells(rows: Sequence[Row], rng: random.Random) -> Sequence[Row]:
    """Return the rows with one to six cells of another kind, some rows again, and some left out."""
    changed = [list(row) for row in rows]
    for _ in range(rng.randint(1, 6)):
        row = rng.choice(changed)
        at = rng.randrange(len(row))
        row[at] = rng.choice((rng.choice(_CELLS), rng.choice(_CELLS), None, rng.uniform(-50, 50), rng.randrange(10**6)))
    if rng.random() < 0.2:
        changed.insert(rng.randrange(len(changed)), list(rng.choice(changed)))
    if rng.random() < 0.2:
        del changed[rng.randrange(len(changed)) :]
    return changed or [list(row) for row in rows]


def case_of(name: str, number: int, seed: int) -> bytes:
    """Return a mutated file: its cells, its bytes, or the bytes of what it packs are changed."""
    rng = random.Random(f"{seed} {name} {number}")
    variant = number % _VARIANTS
    kind = rng.randrange(3)
    if kind == 0 and name != "xls":
        return FORMATS[name](with_odd_cells(_rows(variant), rng))
    good = base(name, variant)
    if kind == 1 and name == "gz":
        return gzip.compress(mutated(gzip.decompress(good), rng), 1)
    if kind == 1 and name in ("xlsx", "ods", "zip"):
        with zipfile.ZipFile(io.BytesIO(good)) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
        chosen = rng.choice([member for member in members if name == "zip" or "sheet" in member or "content" in member])
        return exports.zipped(**{**members, chosen: mutated(members[chosen], rng)})
    return mutated(good, rng)


@dataclass
class _Read:
    """A file that was looked at: its rows, and what was found out."""

    number: int
    rows: int
    findings: Findings

    def check(self) -> None:
        """Read it alone, and raise AssertionError when rows vanish."""
        _check([self])


def _look(number: int, path: Path) -> _Read | None:
    """Look at one file as an export; None where it ends in a sentence."""
    try:
        tables = tables_in(path)
        rows = sum(len(batch) for table in tables for batch in table.batches())
        findings = find_out(tables, _GIVEN)
        left_out = sum(len(batch) for table, _ in findings.left_out for batch in table.batches())
        findings.check()
    except SourceError:
        return None
    return _Read(number, rows - left_out, findings)


def _check(files: Sequence[_Read]) -> None:
    tables = [table for file in files for table in file.findings.tables]
    with Book(tables, files[0].findings.profile) as book:
        found, by_source = book.counted, book.rows_by_source()
        days = [day for of_shop in book.by_day.values() for day in of_shop]
        asked = sum(len(book.orders(day)) for day in set(days)) if len(files) == 1 else found.orders
    total = found.stored + sum(found.set_aside.values()) + found.rejected
    rows = sum(file.rows for file in files)
    if not (found.rows == total == rows == sum(by_source.values()) and asked == found.orders):
        raise AssertionError(f"{rows} rows, {asked} orders asked for, {found}")


@dataclass
class Outcome:
    """Of some cases: how many were read, how many ended in a sentence, and the failures by number."""

    read: int = 0
    sentences: int = 0
    failures: dict[int, str] = field(default_factory=dict)


def outcome(name: str, numbers: Sequence[int], seed: int) -> Outcome:
    """Read some cases of a format."""
    found, files = Outcome(), list[_Read]()
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            path = Path(folder, f"export-{number}.{name}")
            path.write_bytes(case_of(name, number, seed))
            try:
                file = _look(number, path)
            except Exception:  # noqa: BLE001 what we look for
                found.failures[number] = traceback.format_exc(limit=-3)
                continue
            if file is None:
                found.sentences += 1
            else:
                files.append(file)
        for together in _groups(name, files):
            try:
                _check(together)
                found.read += len(together)
            except Exception:  # noqa: BLE001 what we look for
                _check_each(together, found)
    return found


def _groups(name: str, files: Sequence[_Read]) -> Iterator[list[_Read]]:
    """Yield files that can be put into one book; those of one and the same base would repeat each other."""
    if name == "xls":
        yield from ([file] for file in files)
        return
    ordered = sorted(files, key=lambda file: repr(file.findings.profile))
    for _, alike in groupby(ordered, key=lambda file: repr(file.findings.profile)):
        group = list(alike)
        yield from (group[at : at + _TOGETHER] for at in range(0, len(group), _TOGETHER))


def _check_each(files: Sequence[_Read], found: Outcome) -> None:
    before = len(found.failures)
    for file in files:
        try:
            file.check()
            found.read += 1
        except Exception:  # noqa: BLE001 what we look for
            found.failures[file.number] = traceback.format_exc(limit=-3)
    if len(found.failures) == before:
        found.read -= 1
        found.failures[files[0].number] = f"only together with {[file.number for file in files]}"


@contextmanager
def _guard_that_forks() -> Iterator[None]:
    """Open each workbook in a fork of little memory first, in place of a new process: as safe, and quick."""

    def guard(source: str, path: str) -> None:
        child = os.fork()
        if child == 0:
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what the library prints before it gives up
                used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (used + _WORKBOOK_BYTES, used + _WORKBOOK_BYTES))
                workbook = python_calamine.load_workbook(path)
                for name in workbook.sheet_names:
                    workbook.get_sheet_by_name(name)
            except (python_calamine.CalamineError, OSError):
                pass
            except BaseException:  # noqa: BLE001 the library's panics are no Exception
                os._exit(1)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            raise SourceError(f"{source} is damaged.")

    own = workbooks._probe
    workbooks._probe = guard
    try:
        yield
    finally:
        workbooks._probe = own


def run(
    formats: Sequence[str], cases: int, seed: int, on_progress: Callable[[str], None], minutes: float = float("inf")
) -> int:
    """Read `cases` mutations of each format, and return how many failed; print a line for each format and round."""
    counts = {name: Counter[str]() for name in formats}
    begun, failures = time.monotonic(), 0
    for first in range(0, cases, _ROUND):
        if time.monotonic() - begun > 60 * minutes:
            break
        for name in formats:
            numbers, since = range(first, min(cases, first + _ROUND)), time.monotonic()
            with _guard_that_forks():
                found = outcome(name, numbers, seed)
            counts[name].update(
                cases=len(numbers),
                read=found.read,
                sentence=found.sentences,
                failed=len(found.failures),
                seconds=round(time.monotonic() - since),
            )
            for number, why in found.failures.items():
                kept = Path(tempfile.gettempdir(), f"fuzz-{name}-{seed}-{number}")
                kept.write_bytes(case_of(name, number, seed))
                on_progress(f"FAILED {kept}\n{why}")
            failures += len(found.failures)
        on_progress(f"{min(cases, first + _ROUND)} of {cases}: {failures} failed, {time.monotonic() - begun:.0f} s")
    for name in formats:
        on_progress(f"{name:<8} {dict(counts[name])}")
    return failures


def main() -> int:
    """Run the fuzzer as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    args = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    chosen = [name for name in FORMATS if name in args.formats.split(",")]
    return 1 if run(chosen, args.cases, args.seed, lambda line: print(line, flush=True), args.minutes) else 0


if __name__ == "__main__":
    sys.exit(main())
