"""The table: each engine in a process of its own, its time, its peak memory, and whether its answers are equal.

``python -m benchmarks.merchants [--rows 10000000] [--large 50000000] [--folder /somewhere/with/space]``. Exits 1
when answers differ or DuckDB needs more than 8 GB for the large ones.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.merchants import on_pandas
from pizza_assets.lake.store import LocalStore
from pizza_assets.merchants.analysis import Study, limits
from pizza_assets.merchants.contract import ANSWERS
from pizza_assets.merchants.engines import open_engine
from pizza_assets.merchants.inputs import read_merchants, transaction_files
from pizza_assets.merchants.mock import Simulation
from pizza_assets.merchants.mock_files import write
from pizza_assets.merchants.questions import Rules
from pizza_assets.settings import Settings

_LARGE_GB = 8
_BYTES_PER_ROW = 20
#: Fractions that engines may divide or round in other last bits.
_TOLERANCE = 1e-12


def work(engine: str, folder: Path, output: Path) -> dict[str, float]:
    """Answer all questions with one engine, write the answers, and return the seconds to start and to work."""
    began = time.perf_counter()
    files, merchants = transaction_files(str(folder / "transactions")), folder / "merchants.csv"
    if engine == "pandas":
        started = time.perf_counter()
        answers = on_pandas.answers(files, merchants)
    else:
        settings = Settings.load(merchants_engine=engine)
        with open_engine(settings) as opened:
            started = time.perf_counter()
            study = Study(opened, opened.parquet(files), read_merchants(str(merchants)), limits(settings))
            answers = {answer.name: answer.table for answer in study.ask(list(ANSWERS), Rules(), "mock")}
    for name, table in answers.items():
        pq.write_table(table, output / f"{name}.parquet")
    return {"start": started - began, "work": time.perf_counter() - started}


def measured(engine: str, folder: Path, output: Path) -> dict[str, float]:
    """Run `work` in a process and return its seconds with ``peak``, the most memory of it and its children, in GB."""
    output.mkdir()
    command = [sys.executable, "-m", "benchmarks.merchants", "--worker", engine, "--folder", str(folder), str(output)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603 ourselves
    peak = 0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            try:
                family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                peak = max(peak, sum(member.memory_info().rss for member in family))
            except psutil.NoSuchProcess:
                pass
            time.sleep(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    said, complained = process.communicate()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{engine} failed:\n{complained[-3000:]}")
    return {**json.loads(said.splitlines()[-1]), "peak": peak / 1e9}


def differences(one: Path, other: Path) -> list[str]:
    """Return the answers that differ: texts and whole numbers at all, fractions by more than the last bits."""
    return [name for name in ANSWERS if not _equal(*(pq.read_table(at / f"{name}.parquet") for at in (one, other)))]


def _equal(one: pa.Table, other: pa.Table) -> bool:
    if one.schema != other.schema or one.num_rows != other.num_rows:
        return False
    for field in one.schema:
        left, right = one[field.name].combine_chunks(), other[field.name].combine_chunks()
        if not pa.types.is_floating(field.type):
            if not left.equals(right):
                return False
        elif one.num_rows:
            gap = pc.max(pc.abs(pc.divide(pc.subtract(left, right), pc.max_element_wise(pc.abs(left), 1.0)))).as_py()
            if left.null_count != right.null_count or (gap or 0) > _TOLERANCE:
                return False
    return True


def simulate(rows: int, folder: Path) -> float:
    """Write mock transactions and return the seconds it took. Raises SystemExit where the disk is too small."""
    free = shutil.disk_usage(folder).free
    if free < 3 * rows * _BYTES_PER_ROW:
        raise SystemExit(
            f"{folder} has {free / 1e9:.1f} GB free; {rows:,} rows need {3 * rows * _BYTES_PER_ROW / 1e9:.1f}."
        )
    began = time.perf_counter()
    write(Simulation(rows, 1), LocalStore(folder), lambda _: None)
    return time.perf_counter() - began


def compare(rows: int, scratch: Path) -> bool:
    """Print the table of all engines on `rows` transactions; return whether their answers are equal."""
    folder = scratch / "some"
    folder.mkdir()
    print(f"{rows:,} mock transactions, written in {simulate(rows, folder):.0f} s\n")
    print("| engine | start, s | work, s | peak memory, GB | answers |\n|---|--:|--:|--:|---|", flush=True)
    equal = True
    for engine in ("duckdb", "spark", "pandas"):
        output = scratch / engine
        found = measured(engine, folder, output)
        wrong = differences(scratch / "duckdb", output)
        equal &= not wrong
        said = "-" if engine == "duckdb" else f"differ: {', '.join(wrong)}" if wrong else "all equal to DuckDB's"
        print(f"| {engine} | {found['start']:.1f} | {found['work']:.1f} | {found['peak']:.2f} | {said} |", flush=True)
    shutil.rmtree(folder)
    return equal


def large(rows: int, scratch: Path) -> bool:
    """Print what DuckDB needs for many transactions; return whether it stays within the bar."""
    folder = scratch / "many"
    folder.mkdir()
    seconds = simulate(rows, folder)
    found = measured("duckdb", folder, scratch / "large")
    print(
        f"\n{rows:,} mock transactions (written in {seconds:.0f} s) on DuckDB: work {found['work']:.1f} s, peak memory "
        f"{found['peak']:.2f} GB; bar {_LARGE_GB} GB"
    )
    shutil.rmtree(folder)
    return found["peak"] <= _LARGE_GB


def main() -> int:
    """Print everything; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.merchants", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="transactions for all engines; 0: none")
    parser.add_argument("--large", type=int, default=50_000_000, help="transactions for DuckDB alone; 0: none")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where there is space")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("output", type=Path, nargs="?", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(work(given.worker, given.folder, given.output)))
        return 0
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f} at the start{' (shared: times are too long)' if load > 1 else ''}")
    with tempfile.TemporaryDirectory(prefix="bench-merchants-", dir=given.folder) as scratch:
        equal = not given.rows or compare(given.rows, Path(scratch))
        fits = not given.large or large(given.large, Path(scratch))
    return int(not (equal and fits))


if __name__ == "__main__":
    sys.exit(main())
