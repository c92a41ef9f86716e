"""``python -m benchmarks.calibration [--quick] [--worlds N] [--minutes N] [--jobs N] [--seed N]``.

Full: 600 worlds without and with effects, 300 of every other scenario. With fewer (quick: minutes on two cores) bars
are widened by 2 standard errors. Exits with 1 when a bar is missed. The same seed gives the same table, however many
jobs. `--minutes` stops early and makes the table of the worlds that were measured by then, the first of each scenario.
"""

import argparse
import math
import operator
import os
import statistics
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.calibration import table
from benchmarks.calibration.measure import measure
from benchmarks.calibration.worlds import Scenario, make_world
from pizza_assets.analysis.analyse import analyse, analyse_prepared, prepare

NULL = Scenario("null", peers=True)
INJECTED = Scenario("injected", pre=0.10, during=0.06, post=0.04, win=0.08, goal=0.03, peers=True)
PARTLY = replace(INJECTED, name="half of the cities", share_of_cities_with_effect=0.5, peers=False)
SPIKES = Scenario("planted spikes", spikes=20)
STRESS = (
    Scenario("growth of 60 % a year", growth_per_year=0.60),
    Scenario("shocks twice as large", shocks=2.0),
    Scenario("16 weeks", weeks=16),
    Scenario("30 orders a day", orders_per_city_day=30),
    Scenario("no control cities", control_cities=False),
    Scenario("city habits of SD .25", city_habits=0.25),
    Scenario("7 clubs in one city", clubs_by_city=(7, 2, 2, 1, 1, 1, 1, 1)),
    Scenario("orders without cities", with_city=False),
    Scenario("feeds that fail", outages=8),
    Scenario("evenings that drift", drift=0.3),
    Scenario("evenings that drift, no control cities", drift=0.3, control_cities=False),
    Scenario("shocks that add orders", additive=True),
    Scenario("shocks that last", persistence=0.7),
    Scenario("negative binomial counts", dispersion=0.3),
    Scenario("wet evenings", weather=0.25),
    Scenario("promotions in half of the cities", promotions=0.4),
    Scenario("kitchens at capacity", capacity=1.2),
)
DISPLACED = Scenario("orders that are missing a day later", pre=0.10, during=0.06, post=0.04, displaced=0.5)
SHOP = Scenario("one shop, two clubs", orders_per_city_day=40, selling_cities=(4,), city_sizes=0)
FEW_CITIES = (
    SHOP,
    Scenario("2 cities", selling_cities=(4, 8)),
    Scenario("5 cities", selling_cities=(0, 2, 4, 6, 8)),
)
LOOKS = (
    Scenario("a look every week", looks=1),
    replace(SHOP, name="one shop, a look every week", looks=1),
)
FOUND_IN_TIME = tuple(
    replace(SHOP, name=f"one shop, +{percent} % with one club", club=math.log1p(percent / 100), weeks=40, looks=4)
    for percent in (30, 60, 100)
)
HOLIDAYS = (
    Scenario("bank holidays", holidays=0.25),
    replace(SHOP, name="one shop, bank holidays", holidays=0.25),
)
NO_DATA_CAN_MEND = (
    Scenario("kick-offs on days that sell", televised=0.5),
    Scenario("matches watched in all cities", shared_effect=0.1),
)
FIRST_SEED = 1_310_000
TIMED_RUNS = 9
FULL_WORLDS = 300


def seeds(scenarios: dict[Scenario, int], first_seed: int) -> dict[Scenario, range]:
    """Return the seeds of each scenario's worlds."""
    return {
        scenario: range(first_seed + 10_000 * number, first_seed + 10_000 * number + n)
        for number, (scenario, n) in enumerate(scenarios.items())
    }


def run(
    scenarios: dict[Scenario, int], first_seed: int, jobs: int, minutes: float
) -> tuple[dict[Scenario, range], dict[str, table.Outcome]]:
    """Measure worlds of every scenario on `jobs` processes for at most `minutes`; return seeds and what was measured.

    Scenarios take turns in proportion to their numbers of worlds, so that a run that stops early has some of each.
    """
    planned = seeds(scenarios, first_seed)
    turns = [
        ((turn + 1) / len(worlds), scenario, seed)
        for scenario, worlds in planned.items()
        for turn, seed in enumerate(worlds)
    ]
    tasks = [(scenario, seed) for _, scenario, seed in sorted(turns, key=operator.itemgetter(0))]
    measured: dict[Scenario, dict[int, dict[str, Any]]] = {scenario: {} for scenario in scenarios}
    began = time.monotonic()
    with ProcessPoolExecutor(jobs) as pool:
        futures = {pool.submit(measure, *task): task for task in tasks}
        for done, future in enumerate(as_completed(futures), 1):
            scenario, seed = futures[future]
            measured[scenario][seed] = future.result()
            spent = time.monotonic() - began
            sys.stderr.write(f"\r{done}/{len(tasks)} worlds, about {spent / done * (len(tasks) - done):.0f} s left   ")
            if spent > 60 * minutes:
                pool.shutdown(wait=False, cancel_futures=True)
                break
    sys.stderr.write("\n")
    first = {
        scenario: range(worlds[0], next((seed for seed in worlds if seed not in measured[scenario]), worlds[-1] + 1))
        for scenario, worlds in planned.items()
    }
    outcomes = {scenario.name: table.Outcome.of([measured[scenario][s] for s in first[scenario]]) for scenario in first}
    return first, outcomes


def timing() -> tuple[list[table.Figure], str]:
    """Time one analysis of a season, by itself and with the preparation that a range of days shares."""
    world = make_world(Scenario("season", weeks=40), FIRST_SEED - 1)
    prepared = prepare(world.volume, world.matches, world.order_sources)
    whole, sliced = [], []
    for _ in range(TIMED_RUNS):
        start = time.process_time()
        analyse(world.volume, world.matches, world.order_sources, world.as_of)
        middle = time.process_time()
        analyse_prepared(prepared, world.as_of)
        whole.append(middle - start)
        sliced.append(time.process_time() - middle)
    orders = int(world.volume["orders"].sum())
    figures = [
        table.Figure(name, statistics.median(times), float(np.std(times) / np.sqrt(len(times))), -np.inf, bar, 0, " s")
        for name, times, bar in (("one analysis, from frames", whole, 0.5), ("one more day of a range", sliced, 0.15))
    ]
    return figures, f"Timed on {orders:,} orders in seconds of one core, median of {TIMED_RUNS}."


def all_figures(outcomes: Mapping[str, table.Outcome], slack: float) -> list[table.Figure]:
    """Return every figure of the worlds, each with its bar."""
    null, injected, partly, spikes = (outcomes[scenario.name] for scenario in (NULL, INJECTED, PARTLY, SPIKES))
    figures = table.null_figures(null, slack) + table.effect_figures(injected, partly, slack)
    figures += table.width_figures(null, slack) + table.spike_figures(spikes)
    for scenario in (*STRESS, *HOLIDAYS):
        figures += table.stress_figures(scenario.name, outcomes[scenario.name], slack)
    for scenario in (NULL, INJECTED, DISPLACED):
        figures += table.after_figures(scenario.name, outcomes[scenario.name], is_wrong=scenario is DISPLACED)
    for scenario in (*FEW_CITIES, *LOOKS):
        figures += table.look_figures(scenario.name, outcomes[scenario.name])
    for scenario in (NULL, INJECTED, *STRESS, DISPLACED, HOLIDAYS[0]):
        figures += table.doubt_figures(scenario.name, outcomes[scenario.name], is_wrong=False)
    for scenario in NO_DATA_CAN_MEND:
        figures += table.doubt_figures(scenario.name, outcomes[scenario.name], is_wrong=True)
    figures += table.club_figures(FOUND_IN_TIME[0].name, outcomes[FOUND_IN_TIME[0].name], slack)
    return figures


def main() -> int:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about two minutes on two cores; bars widened by 2 SE")
    parser.add_argument("--worlds", type=int, help="worlds per scenario (null and injected: twice as many)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop early, with the worlds measured by then")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: all cores)")
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="first seed")
    options = parser.parse_args()
    worlds = options.worlds or (24 if options.quick else FULL_WORLDS)
    stress_worlds = worlds // 2 if options.quick else worlds
    scenarios = {
        NULL: 2 * worlds,
        INJECTED: 2 * worlds,
        PARTLY: worlds,
        SPIKES: stress_worlds,
        **dict.fromkeys((*STRESS, DISPLACED, *FEW_CITIES, *NO_DATA_CAN_MEND), stress_worlds),
        **dict.fromkeys((*LOOKS, *FOUND_IN_TIME), stress_worlds // 2 if options.quick else stress_worlds),
        **dict.fromkeys(HOLIDAYS, stress_worlds),
    }
    # One thread a process: linear algebra on all cores at once would only make them queue.
    os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})

    figures, note = timing()
    measured, outcomes = run(scenarios, options.seed, options.jobs, options.minutes)
    slack = 2.0 if min(map(len, measured.values())) < FULL_WORLDS else 0.0
    figures += all_figures(outcomes, slack)
    print("# Calibration\n\nGenerated by `python -m benchmarks.calibration`: simulated seasons whose truth is known.\n")
    print(table.worlds(measured))
    print(f"\n{table.as_markdown(figures)}")
    null, injected = (outcomes[scenario.name] for scenario in (NULL, INJECTED))
    print(f"\n{note} A raw z-score above 3 flags {null.spikes['raw_z'].mean():.0f} hours of a null world.\n")
    print(table.found_by_week({scenario.name: outcomes[scenario.name] for scenario in FOUND_IN_TIME}))
    print(f"\n{table.comparison(null, injected)}")
    missed = [figure.name for figure in figures if not figure.is_met]
    print(f"\n{len(figures)} figures, {len(missed)} missed" + (f": {'; '.join(missed)}" if missed else "."))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
