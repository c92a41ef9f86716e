"""``python -m benchmarks.simulation``: thousands of faulty worlds; exits 1 when in one something real is lost.

Each seed makes a world and a schedule: backfills, daily refreshes, catch-ups, replays, a retailer's sales and their
load into PostgreSQL, refreshes of QuickSight, corrections of what is true, a second writer, sources that are away, a
database that goes away, a lake that is copied while it is written, metadata that is lost, wrong clocks, and kills at
any write. After each step it is checked that nothing is lost. A seed that fails prints its shortest schedule. With
``--bugs`` bugs are planted, and it is said how many seeds find each.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.simulation.bugs import BUGS, Bug
from benchmarks.simulation.play import Outcome, play
from benchmarks.simulation.sales import Warehouse
from benchmarks.simulation.schedule import schedule_of, shortest
from pizza_assets.errors import WarehouseError
from pizza_assets.warehouse import embedded
from pizza_assets.warehouse.connection import connect
from pizza_assets.warehouse.migrations import migrate

_EVERY = 100
_COUNTED = ("runs", "failed", "killed", "kept_days", "loads", "refreshes", "copies")


def simulate(
    seeds: Iterable[int], bug: Bug | None = None, warehouse: Warehouse | None = None
) -> tuple[Counter[str], list[int], float]:
    """Play seeds, and return what happened in them, those in which something is wrong, and the seconds it took."""
    counts: Counter[str] = Counter()
    failing: list[int] = []
    started = time.monotonic()
    for number, seed in enumerate(seeds, 1):
        outcome = play(schedule_of(seed), bug, warehouse)
        counts.update({name: getattr(outcome, name) for name in _COUNTED})
        counts["seeds"] += 1
        if outcome.problems:
            failing.append(seed)
            if bug is None:
                explain(seed, outcome, warehouse=warehouse)
        if number % _EVERY == 0:
            print(_said(counts, failing, time.monotonic() - started), flush=True)
    return counts, failing, time.monotonic() - started


def explain(seed: int, outcome: Outcome, bug: Bug | None = None, warehouse: Warehouse | None = None) -> None:
    """Print the shortest schedule of a seed that still fails, and what is wrong then."""
    schedule = schedule_of(seed)
    if outcome.step:
        schedule = replace(schedule, steps=schedule.steps[: outcome.step])
    least = shortest(schedule, lambda tried: bool(play(tried, bug, warehouse).problems))
    print(least)
    for problem in play(least, bug, warehouse).problems:
        print(f"=> {problem}")
    print(f"The whole of it: python -m benchmarks.simulation --seed {seed}\n", flush=True)


def _said(counts: Counter[str], failing: list[int], seconds: float) -> str:
    return (
        f"{counts['seeds']} seeds in {seconds / 60:.1f} min ({counts['seeds'] / seconds:.1f} a second): "
        f"{counts['runs']} runs, of which {counts['failed']} failed and {counts['killed']} were killed; "
        f"{counts['kept_days']} days were kept; {counts['loads']} loads, {counts['refreshes']} refreshes of "
        f"QuickSight, {counts['copies']} copies; {len(failing)} violations"
    )


@contextmanager
def database() -> Iterator[Warehouse | None]:
    """Open a warehouse on an embedded PostgreSQL; None where that does not start, which is said."""
    with tempfile.TemporaryDirectory(prefix="simulation-", ignore_cleanup_errors=True) as parent:
        Path(parent).chmod(0o755)  # as root, another account runs it
        place = Path(parent, "warehouse")
        try:
            address = embedded.start(place)
        except WarehouseError as error:
            print(f"Sales are not loaded: {error}")
            yield None
            return
        try:
            with connect(address) as connection:
                # A world's facts need not outlive a power cut.
                connection.execute("ALTER SYSTEM SET fsync = off")
                connection.execute("SELECT pg_reload_conf()")
                migrate(connection)
            with closing(Warehouse(address)) as warehouse:
                yield warehouse
        finally:
            embedded.stop(place)


def _bugs(seeds: range, warehouse: Warehouse | None) -> bool:
    is_found = True
    for bug, what in BUGS.items():
        _, failing, seconds = simulate(seeds, bug, warehouse)
        print(f"{what}: found in {len(failing)} of {len(seeds)} seeds ({seconds:.0f} s)", flush=True)
        if failing:
            explain(failing[0], play(schedule_of(failing[0]), bug, warehouse), bug, warehouse)
        is_found &= bool(failing)
    return is_found


def main() -> int:
    """Simulate, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first one")
    parser.add_argument("--seed", type=int, help="play this one only, and print its schedule")
    parser.add_argument("--bug", choices=[*BUGS], help="plant a bug")
    parser.add_argument("--bugs", action="store_true", help="plant each bug, and say in how many seeds it is found")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with database() as warehouse:
        return _simulated(arguments, warehouse)


def _simulated(arguments: argparse.Namespace, warehouse: Warehouse | None) -> int:
    if arguments.seed is not None:
        schedule = schedule_of(arguments.seed)
        outcome = play(schedule, arguments.bug, warehouse)
        print(schedule)
        for problem in outcome.problems:
            print(f"after step {outcome.step or 'the last'}: {problem}")
        return int(bool(outcome.problems))
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    if arguments.bugs:
        return int(not _bugs(seeds, warehouse))
    counts, failing, seconds = simulate(seeds, arguments.bug, warehouse)
    print(_said(counts, failing, seconds))
    if failing:
        print(f"Seeds with violations: {', '.join(map(str, failing))}")
    return int(bool(failing))


if __name__ == "__main__":
    sys.exit(main())
