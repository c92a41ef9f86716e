"""The table: ranges, merging, one more day and the bucket, each beside its bar. ``make bench`` (minutes).

``python -m benchmarks.ranges [--orders 10000000] [--season 60] [--rounds 3] [--folder /with/space]``. CPU-seconds are
of all processes, medians of rounds in which all take turns; memory is the most of all processes together. Exits 1 when
a bar is missed; bars hold from 50 million orders and 300 days on where start-up weighs less.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import psutil

from benchmarks.ranges import lakes

_ORDERS_A_DAY = 270_000
#: Bars hold from so many orders and days on.
_LARGE, _LONG = 50_000_000, 300
_VOLUME = ("decode", "DuckDB", *(["Polars"] if find_spec("polars") else []), "pandas")
_OURS = ("ours, pure", "ours, roll-up", "ours, backfill")
#: Most of a ratio, a number of seconds or requests, by what is measured.
_MOST = {
    "ours, pure": 1.2, "ours, roll-up": 1.2, "ours, backfill": 2.0, "backfill, MB": 500, "ours, merged": 1.5,
    "one day, CPU-s": 4, "one day on a bucket, requests": 200, "one day on a bucket, s": 15,
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A figure, and the most that it may be; None where it stands for comparison."""

    name: str
    figure: float
    most: float | None = None

    @property
    def is_missed(self) -> bool:
        """Tell whether it is more than it may be."""
        return self.most is not None and self.figure > self.most

    def __str__(self) -> str:
        """Return the line of the table."""
        bar = "" if self.most is None else f"<= {self.most:g}"
        return f"| {self.name} | {self.figure:,.2f} | {bar} | {'MISSED' if self.is_missed else ''} |"


def run(module: str, *arguments: str) -> dict[str, float]:
    """Run a module of this package in a process, and return what it prints, with ``peak`` and ``wall``.

    Peak is the most memory (PSS, MB) of the process and its children together.
    """
    started, peak = time.monotonic(), 0.0
    command = [sys.executable, "-m", f"benchmarks.ranges.{module}", *arguments]
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True)  # noqa: S603 ourselves

        def watch() -> None:
            nonlocal peak
            while process.poll() is None:
                peak = max(peak, _memory(process.pid))
                time.sleep(0.2)

        watcher = threading.Thread(target=watch)
        watcher.start()
        said, _ = process.communicate()
        watcher.join()
        if process.returncode:
            complaints.seek(0)
            raise SystemExit(f"{' '.join(arguments)} failed:\n{complaints.read()[-3000:]}")
    return {**json.loads(said.splitlines()[-1]), "peak": peak, "wall": time.monotonic() - started}


def _memory(pid: int) -> float:
    total = 0
    try:
        for member in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            total += member.memory_full_info().pss
    except psutil.NoSuchProcess:
        return 0.0
    return total / 1e6


def compare(names: Sequence[str], lake: Path, span: tuple[date, date], rounds: int) -> dict[str, dict[str, float]]:
    """Return the medians of what each contestant takes; they take turns."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            found[name].append(run("contestants", name, str(lake), *map(str, span)))
    return {
        name: {what: statistics.median(of[what] for of in all_) for what in all_[0]} for name, all_ in found.items()
    }


def volume(lake: Path, days: int, rounds: int, *, has_bars: bool) -> Iterator[Line]:
    """Yield the roll-up of a lake by everybody. The best query is the measure; ours count as many orders."""
    span = (lakes.FIRST, lakes.FIRST + timedelta(days=days - 1))
    of = compare([*_VOLUME, *_OURS], lake, span, rounds)
    if len({round(figures["orders"]) for figures in of.values()}) != 1:
        raise SystemExit(f"They count different numbers of orders: {of}")
    best = of["DuckDB"]["work"]
    for name in _VOLUME:
        yield Line(f"volume: {name}, CPU-s", of[name]["work"])
    for name in _OURS:
        yield Line(f"volume: {name}, CPU-s", of[name]["work"])
        most = _MOST[name] if has_bars else None
        yield Line(f"volume: {name} / DuckDB", of[name]["work"] / best, most)
    yield Line("volume: backfill, MB", of["ours, backfill"]["peak"], _MOST["backfill, MB"] if has_bars else None)


def merged(lake: Path, days: int, rounds: int, *, has_bars: bool) -> Iterator[Line]:
    """Yield merging through Dagster against reading and writing its files."""
    span = (lakes.FIRST, lakes.FIRST + timedelta(days=days - 1))
    run("contestants", "ours, merged", str(lake), *map(str, span))
    of = compare(["read and write", "ours, merged"], lake, span, rounds)
    for name, figures in of.items():
        yield Line(f"merged: {name}, CPU-s", figures["work"])
    ratio = of["ours, merged"]["work"] / of["read and write"]["work"]
    yield Line("merged: ours / read and write", ratio, _MOST["ours, merged"] if has_bars else None)


def one_day(lake: Path, days: int, rounds: int, *, has_bars: bool) -> Iterator[Line]:
    """Yield what one more day costs on a season, in a folder and on a bucket with 30 ms for each request."""
    last = lakes.FIRST + timedelta(days=days - 1)
    run("contestants", "ours, one day", str(lake), str(last), str(last))  # makes the months
    of = compare(["ours, one day"], lake, (last, last), rounds)["ours, one day"]
    most = _MOST if has_bars else {}
    yield Line(f"one more day on {days}, CPU-s", of["process"], most.get("one day, CPU-s"))
    yield Line(f"one more day on {days}, MB", of["peak"])
    calls = run("bucket", str(lake), str(last), "30")
    wall = calls["seconds"]
    yield Line("one more day on a bucket, requests", calls["requests"], most.get("one day on a bucket, requests"))
    for kind in sorted(name for name in calls if name[0].isupper()):
        yield Line(f"one more day on a bucket, {kind}", calls[kind])
    yield Line("one more day on a bucket, s", wall, most.get("one day on a bucket, s"))


def main(given: Sequence[str] | None = None) -> int:
    """Print the table; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.ranges", description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000_000)
    parser.add_argument("--a-day", type=int, default=_ORDERS_A_DAY, help="orders of a day")
    parser.add_argument("--season", type=int, default=60, help="days of the season that one more day comes after")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where there is space: 2 bytes an order")
    options = parser.parse_args(given)
    days = max(1, options.orders // options.a_day)
    missed = 0
    print("| what | figure | bar | |\n|---|--:|---|---|", flush=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        lake = Path(scratch, "large")
        lakes.large(lake, days, options.a_day)
        season, last = Path(scratch, "season"), lakes.FIRST + timedelta(days=options.season - 1)
        run("contestants", "ours, season", str(season), str(lakes.FIRST), str(last))
        is_large = options.orders >= _LARGE
        for line in chain(
            volume(lake, days, options.rounds, has_bars=is_large),
            merged(lake, min(days, 30), options.rounds, has_bars=is_large),
            one_day(season, options.season, options.rounds, has_bars=options.season >= _LONG),
        ):
            print(line, flush=True)
            missed += line.is_missed
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
