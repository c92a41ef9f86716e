"""``python -m benchmarks.backtest.evenings [--evenings N]``: false alarms and found effects of tonight's band.

On simulated seasons, each evening with matches is watched against the forecast that was made before it: once as it is
expected, and once with +60 % from kick-off on that nobody planted before. Counts evenings with an alert in any city.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pandas as pd

from benchmarks.backtest.methods import known_on, oracle, origins, ours
from benchmarks.calibration.worlds import Scenario, log_shocks, make_world
from pizza_assets.analysis.grid import days_since_1970
from pizza_assets.analysis.tonight import boundary
from pizza_assets.analysis.windows import BINS_PER_DAY
from pizza_assets.forecast.making import noise_facts
from pizza_assets.forecast.tables import forecast_rows
from pizza_assets.forecast.tonight import evenings_of

SCENARIO = Scenario("planted effects", pre=0.15, during=0.12, post=0.10)
FIRST_SEED, RISE, BAR = 2_790_000, 0.6, 1 / 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, print and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backtest.evenings", description=__doc__)
    parser.add_argument("--evenings", type=int, default=200)
    given = parser.parse_args(arguments)
    alarms, cities, watched, found, n_raised = 0, 0, 0, 0, 0
    seed = FIRST_SEED
    while watched < given.evenings:
        world = make_world(SCENARIO, seed)
        for origin in origins(world.as_of, 6):
            prepared, fixtures = known_on(world, origin)
            made = ours(world, prepared, fixtures, origin)
            truth = oracle(made, world, SCENARIO.shocks)
            rng = np.random.default_rng([seed, origin.toordinal()])
            rate = truth.plain * np.exp(log_shocks(rng, SCENARIO.shocks, 0, *truth.plain.shape)[0])
            rows, noise = forecast_rows(made, origin, {}), noise_facts(made)
            for ahead in range(1, 8):
                day = origin + timedelta(days=ahead)
                evenings = evenings_of(rows, noise, day)
                if not evenings or watched >= given.evenings:
                    continue
                watched += 1
                kick_offs = rows[(rows["span"] == "match") & (rows["kickoff_ts"].dt.date == day)].groupby("city")
                is_alarm = False
                for city, of in evenings.items():
                    limit = boundary(of, len(evenings), days_since_1970(day))
                    low = of.first_bin - made.first_bin
                    mean = rate[made.cities.index(city), max(low, 0) : low + len(of.expected)]
                    mean = np.pad(mean, (len(of.expected) - len(mean), 0))
                    is_alarm |= bool(np.abs(of.scores(rng.poisson(mean).astype(float))).max() > limit)
                    first = kick_offs.get_group(city)["kickoff_ts"].min()
                    start = int((first - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(minutes=15)) - of.first_bin
                    raised = mean * np.where(np.arange(len(mean)) >= start, 1 + RISE, 1.0)
                    found += bool(of.scores(rng.poisson(raised).astype(float)).max() > limit)
                    cities, n_raised = cities + 1, n_raised + 1
                alarms += is_alarm
        seed += 1
    print(f"{watched} evenings, {cities} cities that played, {BINS_PER_DAY // 24} looks an hour")
    print(f"false alarms: {alarms} evenings ({100 * alarms / watched:.1f} %; the bar is {100 * BAR:g} %)")
    print(f"+{100 * RISE:.0f} % from kick-off on: found in {found} of {n_raised} ({100 * found / n_raised:.0f} %)")
    return int(alarms > BAR * watched)


if __name__ == "__main__":
    sys.exit(main())
