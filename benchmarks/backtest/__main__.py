"""``python -m benchmarks.backtest [--worlds N] [--origins N] [--jobs N] [--quick]``: the forecast beside peers.

Rolling origins over simulated seasons, each scored against many draws of what could come after it. Prints pinball loss
divided by the oracle's, bias and coverage for each method and target, and says which bars are missed; exits with 1
then. Where the packages ISLP and statsforecast are installed, real hourly counts and AutoETS on days are measured, too.
"""

import argparse
import os
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.backtest import real
from benchmarks.backtest.methods import known_on, oracle, origins, ours, peers
from benchmarks.backtest.score import INTERVALS, TARGETS, Sums, score
from benchmarks.calibration.worlds import Scenario, log_shocks, make_world

SCENARIOS = (
    Scenario("planted effects", pre=0.15, during=0.12, post=0.10),
    Scenario("one club has +40 %", pre=0.07, during=0.07, post=0.07, club=0.27),
    Scenario("goals and wins count, too", pre=0.10, during=0.06, post=0.04, win=0.08, goal=0.03),
    Scenario("no effect"),
    Scenario("one shop", orders_per_city_day=40, selling_cities=(4,), city_sizes=0, during=0.12),
)
FIRST_SEED, DRAWS = 2_710_000, 12
#: Shares of the best peer's excess over the oracle that ours may have, by target; on the first scenario.
BARS = {"quarter hours in match windows": 0.5, "other quarter hours": 0.7, "2-h match windows": 0.8}
#: At most this share of the loss of the best peer that knows no fixtures, on 2-h match windows.
WITHOUT_FIXTURES = 0.9
COVERAGE = {80: (78.0, 82.0), 95: (93.0, 97.0)}
SECONDS_A_DAY = 0.3
NAME, NO_FIXTURES = "ours", ("mean of four weeks", "fixed effects")

Table = dict[str, dict[str, Sums]]


def measure(scenario: Scenario, seed: int, origin: date) -> tuple[Table, float]:
    """Return what each method scored from one origin in one world, and the CPU-seconds that ours took."""
    world = make_world(scenario, seed)
    prepared, fixtures = known_on(world, origin)
    with threadpool_limits(1):
        began = time.process_time()
        found = ours(world, prepared, fixtures, origin)
        seconds = time.process_time() - began
        truth = oracle(found, world, scenario.shocks)
        rng = np.random.default_rng([seed, origin.toordinal()])
        shape = truth.plain.shape
        rates = (truth.plain * np.exp(log_shocks(rng, scenario.shocks, 0, *shape)[0]) for _ in range(DRAWS))
        draws = np.array([rng.poisson(rate) for rate in rates]).astype(float)
        methods = {NAME: found, "oracle": truth, **peers(prepared, found, fixtures)}
        return {name: score(of, draws) for name, of in methods.items()}, seconds


def added(tables: Sequence[Table]) -> Table:
    """Return the sums over tables."""
    total: Table = defaultdict(lambda: defaultdict(Sums))
    for table in tables:
        for name, of_targets in table.items():
            for target, sums in of_targets.items():
                total[name][target] += sums
    return total


def lines_of(table: Table) -> list[str]:
    """Return a table for people."""
    lines = [f"{'':26}" + "".join(f"{target:>38}" for target in TARGETS)]
    lines.append(f"{'':26}" + f"{'loss/oracle   bias   50   80   95 %':>38}" * len(TARGETS))
    for name, of_targets in table.items():
        cells = []
        for target in TARGETS:
            of, best = of_targets[target], table["oracle"][target]
            inside = " ".join(f"{100 * share / of.n:4.1f}" for share in of.inside)
            cells.append(f"{of.loss / best.loss:9.4f} {100 * (of.expected / of.orders - 1):+6.1f}% {inside}")
        lines.append(f"{name:26}" + "".join(f"{cell:>38}" for cell in cells))
    return lines


def missed(table: Table, seconds: float, *, with_bars: bool) -> list[str]:
    """Return the bars that a scenario misses, in sentences."""
    found = []
    for target in TARGETS:
        sums = table[NAME][target]
        for place, level in enumerate(INTERVALS):
            share = 100 * sums.inside[place] / sums.n
            low, high = COVERAGE.get(level, (0.0, 100.0))
            if not low <= share <= high:
                found.append(f"{target}: {level} % intervals hold {share:.1f} %, the bar is {low:g} to {high:g}.")
    if with_bars:
        best = {t: min(of[t].loss for name, of in table.items() if name not in (NAME, "oracle")) for t in TARGETS}
        for target, share in BARS.items():
            floor = table["oracle"][target].loss
            ratio = (table[NAME][target].loss - floor) / (best[target] - floor)
            if ratio > share:
                found.append(f"{target}: the excess is {ratio:.2f} of the best peer's, the bar is {share:g}.")
        target = "2-h match windows"
        ratio = table[NAME][target].loss / min(table[name][target].loss for name in NO_FIXTURES)
        if ratio > WITHOUT_FIXTURES:
            found.append(f"{target}: {ratio:.2f} of the best without fixtures, the bar is {WITHOUT_FIXTURES:g}.")
    if seconds > SECONDS_A_DAY:
        found.append(f"A day's forecast takes {seconds:.2f} s of a core, the bar is {SECONDS_A_DAY:g}.")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backtest", description=__doc__)
    parser.add_argument("--worlds", type=int, default=8, help="worlds of each scenario (8)")
    parser.add_argument("--origins", type=int, default=12, help="origins of each world, a week apart (12)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (one a core)")
    parser.add_argument("--scenarios", type=int, default=len(SCENARIOS), help="the first so many scenarios (all)")
    parser.add_argument("--quick", action="store_true", help="2 worlds, 3 origins")
    given = parser.parse_args(arguments)
    n_worlds, n_origins = (2, 3) if given.quick else (given.worlds, given.origins)
    failures = []
    for number, scenario in enumerate(SCENARIOS[: given.scenarios]):
        seeds = [FIRST_SEED + 1000 * number + world for world in range(n_worlds)]
        tasks = [(seed, origin) for seed in seeds for origin in origins(make_world(scenario, seed).as_of, n_origins)]
        with ProcessPoolExecutor(given.jobs) as pool:
            results = list(pool.map(measure, [scenario] * len(tasks), *zip(*tasks, strict=True)))
        table = added([of for of, _ in results])
        seconds = float(np.median([taken for _, taken in results]))
        print(
            f"\n{scenario.name}: {n_worlds} worlds, {n_origins} origins, {DRAWS} draws; {seconds:.2f} CPU-s a forecast"
        )
        print("\n".join(lines_of(table)))
        bars = missed(table, seconds, with_bars=number == 0)
        print("\n".join(f"MISSED  {text}" for text in bars) or "all bars are met")
        failures += bars
        sys.stdout.flush()
    for line in real.report():
        print(line)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
