"""Mutated till exports of each format: no row may vanish, and nothing but a sentence may be raised.

``python -m benchmarks.fuzz_tills [--cases N] [--formats csv,xlsx] [--seed S]``. Of each case that can be read, rows
read == stored + set aside + rejected; a case that cannot be read ends in a ``SourceError``. The exit code is 1 when one
case does neither; its file is kept, and the seed makes it again.
"""

import argparse
import gzip
import io
import json
import random
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from pizza_assets.errors import SourceError
from pizza_assets.orders.till.book import Book
from pizza_assets.orders.till.evidence import find_out
from pizza_assets.orders.till.files import tables_in
from pizza_assets.orders.till.profile import Profile
from pizza_assets_tests.orders.till import exports

#: What is put into files: marks, quotes, separators, line ends, numbers and words that readers stumble over.
_PIECES = (
    *(b'"', b'""', b",", b";", b"\t", b"\r", b"\n", b"\r\n", b"\n\n", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\xc3"),
    *(
        b"'",
        b"[",
        b"]",
        b"{",
        b"}",
        b"null",
        b"NaN",
        b"-",
        b"1e999",
        b"9" * 40,
        b"\xe2\x80\xa8",
        b"\\u",
        b"=",
        b"sep=;\n",
    ),
    *(b"Total", b"31/02/2024", b"24:61", b"0000-00-00", b"\xf0\x9f\x8d\x95", b"a" * 5000, b"PK\x03\x04", b"PAR1"),
)
_ROWS = [
    (
        str(7000 + n),
        f"2024-05-{4 + n % 20:02d} {12 + n % 10}:{n % 60:02d}",
        "Leeds",
        f"{9 + n / 7:.2f}",
        'Margherita 10"',
        "1",
    )
    for n in range(24)
]
_HEADER = ("Order No", "Placed at", "Shop", "Total", "Pizzas", "Qty")


def bases() -> dict[str, bytes]:
    """Return a good file of each format."""
    text = exports.csv_text(_ROWS, _HEADER)
    lines = "\n".join(json.dumps(row) for row in exports.objects(_ROWS, _HEADER)) + "\n"
    sheet = exports.xlsx({"Orders": [_HEADER, *_ROWS]})
    return {
        "csv": text.encode(),
        "tsv": exports.csv_text(_ROWS, _HEADER, delimiter="\t").encode(),
        "utf16": text.encode("utf-16"),
        "xlsx": sheet,
        "xls": exports.XLS,
        "ods": exports.ods([_HEADER, *_ROWS]),
        "ndjson": lines.encode(),
        "json": json.dumps(exports.objects(_ROWS, _HEADER)).encode(),
        "object": json.dumps({"orders": exports.objects(_ROWS, _HEADER)}).encode(),
        "parquet": exports.parquet(_ROWS, _HEADER),
        "gz": gzip.compress(text.encode()),
        "zip": exports.zipped(**{"a.csv": text.encode(), "b.ndjson": lines.encode()}),
    }


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


def case_of(name: str, base: bytes, rng: random.Random) -> bytes:
    """Return a mutated file: of packed formats half of the cases change what is packed, so that it can be unpacked."""
    is_inside = rng.random() < 0.5
    if name == "gz" and is_inside:
        return gzip.compress(mutated(gzip.decompress(base), rng))
    if name in ("xlsx", "ods", "zip") and is_inside:
        with zipfile.ZipFile(io.BytesIO(base)) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
        chosen = rng.choice([member for member in members if name == "zip" or "sheet" in member or "content" in member])
        return exports.zipped(**{**members, chosen: mutated(members[chosen], rng)})
    return mutated(base, rng)


def outcome(path: Path) -> str:
    """Read one file as an export: ``read`` or ``sentence``.

    Raises
    ------
    AssertionError
        When rows vanish.
    """
    try:
        tables = tables_in(path)
        rows = sum(len(batch) for table in tables for batch in table.batches())
        findings = find_out(tables, Profile(date_order="dmy", decimal=".", time_zone="Europe/London"))
        left_out = sum(len(batch) for table, _ in findings.left_out for batch in table.batches())
        findings.check()
    except SourceError:
        return "sentence"
    with Book(findings.tables, findings.profile) as book:
        found = book.counted
    total = found.stored + sum(found.set_aside.values()) + found.rejected
    if not found.rows == total == rows - left_out:
        raise AssertionError(f"{rows} rows, {left_out} left out, {found}")
    return "read"


def run(formats: Mapping[str, bytes], cases: int, seed: int, on_progress: Callable[[str], None]) -> int:
    """Read `cases` mutations of each format, and return how many failed; print a line for each format."""
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, base in formats.items():
            counts, begun = Counter[str](), time.monotonic()
            for number in range(cases):
                data = case_of(name, base, random.Random(f"{seed} {name} {number}"))
                path = Path(folder, f"export.{name}")
                path.write_bytes(data)
                try:
                    counts[outcome(path)] += 1
                except Exception:  # noqa: BLE001 what we look for
                    counts["failed"] += 1
                    kept = Path(tempfile.gettempdir(), f"fuzz-{name}-{seed}-{number}")
                    kept.write_bytes(data)
                    on_progress(f"FAILED {kept}\n{traceback.format_exc(limit=-3)}")
            failures += counts["failed"]
            seconds = time.monotonic() - begun
            on_progress(f"{name:<8} {cases:>6} cases, {dict(counts)}, {seconds:.0f} s")
    return failures


def main() -> int:
    """Run the fuzzer as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--formats", default=",".join(bases()))
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    chosen = {name: data for name, data in bases().items() if name in args.formats.split(",")}
    return 1 if run(chosen, args.cases, args.seed, lambda line: print(line, flush=True)) else 0


if __name__ == "__main__":
    sys.exit(main())
