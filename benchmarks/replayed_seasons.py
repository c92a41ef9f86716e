"""Is what we plant in real seasons found again? ``python -m benchmarks.replayed_seasons URL [--seeds N] [--jobs N]``.

Takes the address of a football API (a replay server, or football-data.org with FOOTBALL_API_KEY set), collects the
real matches of two Premier League seasons with the platform's own client, and makes mock orders around them: once
with the planted effects of the settings, once without any. Real matches and mock orders make mock results.

Each planted value is compared with the interval of its estimate. `estimands` says what an estimate estimates under
the planting, over the units that the analysis used and with their weights: several matches at one kick-off plant
their effects on top of each other, so the mean is more than one match's effect.

Seasons are analysed with the seed of the settings and with those that follow it. Of 14 intervals at 95 % every
second time one misses by chance, so those of the settings' own seed are also widened to hold all together at 95 %
(Bonferroni). Exits with 1 when

- a planted value of the settings' own seed lies outside its widened interval, or
- more planted values of all seeds lie outside their plain intervals than chance allows (binomial, 99.9 %), or
- the settings' own seed finds anything in a season without effects, or
- more such seasons of all seeds have a finding than a false discovery rate of 5 % allows (binomial, 99.9 %).
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom, t

from pizza_assets.analysis.analyse import Analysis, analyse
from pizza_assets.analysis.contract import TIME_WINDOWS
from pizza_assets.analysis.correlation import associate, response
from pizza_assets.analysis.verdicts import ALPHA
from pizza_assets.analysis.volume import roll_up
from pizza_assets.analysis.windows import BIN_MINUTES, BINS_PER_DAY, OUTCOMES, bins_of, window_bins
from pizza_assets.contracts import FOOTBALL_MATCHES, empty
from pizza_assets.football.collect import collect_matches
from pizza_assets.orders.mock import mock_orders, planted_log_uplift
from pizza_assets.settings import Settings

SEASONS = {
    "2023/24": (date(2023, 8, 1), date(2024, 5, 31)),
    "2024/25": (date(2024, 8, 1), date(2025, 5, 31)),
}
SEEDS = 10
#: The planted values: what is estimated, of which factor, in which window.
VALUES = [
    *(("uplift", "match", window) for window in TIME_WINDOWS),
    ("slope", "goals", "during_match"),
    ("slope", "goals", "post_match"),
    ("slope", "win", "post_match"),
]
NO_EFFECTS = {
    "mock_uplift_pre_match": 0.0,
    "mock_uplift_during_match": 0.0,
    "mock_uplift_post_match": 0.0,
    "mock_goal_effect": 0.0,
    "mock_win_effect": 0.0,
}
#: How unlikely a result must be before it counts as a fault.
LIMIT = 0.999


@dataclass(frozen=True)
class Season:
    """Real matches of a season, by UTC day."""

    name: str
    matches: Mapping[date, pd.DataFrame]

    def around(self, day: date) -> pd.DataFrame:
        """Return the matches from the day before `day` to the day after it."""
        near = [self.matches.get(day + timedelta(days=shift)) for shift in (-1, 0, 1)]
        filled = [frame for frame in near if frame is not None and len(frame)]
        return pd.concat(filled, ignore_index=True) if filled else empty(FOOTBALL_MATCHES)


def collect(url: str) -> list[Season]:
    """Collect the seasons' matches; a day that cannot be had raises SourceError."""
    key = Settings.load().football_api_key or "replay"
    settings = Settings.load(football_api_url=url, football_api_key=key, pizza_allow_mock=False)
    seasons = []
    for name, (first, last) in SEASONS.items():
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        seasons.append(Season(name, {of.day: of.frame for of in collect_matches(days, settings)}))
    return seasons


def estimands(analysis: Analysis, season: Season, settings: Settings) -> dict[tuple[str, str, str], float]:
    """Return what each planted value is, in %, over the units and with the weights that the analysis used.

    A unit's is what its own matches plant: others that overlap its windows are part of what is expected.
    """
    panel, (family,) = analysis.selection.panels["mock", "mock"], analysis.families
    bins, factors = _own_factors(family.units, season, panel.grid.cities, settings)
    expected = np.diff(panel.expected)
    outcomes = family.units[list(OUTCOMES)].to_numpy(dtype=float)
    found = {}
    for window in TIME_WINDOWS:
        counts, city = family.counts[window], np.maximum(family.city, 0)
        low, high = panel.grid.bins_within(*window_bins(family.units, window))
        first = bins - panel.grid.first_bin
        plain, lifted = np.ones(len(city)), np.ones(len(city))
        for unit in np.flatnonzero(counts.is_clean):
            here = expected[city[unit], low[unit] : high[unit]]
            own = factors[unit][city[unit], low[unit] - first[unit] : high[unit] - first[unit]]
            plain[unit], lifted[unit] = here.sum(), here @ own
        weight = counts.weight * counts.is_clean
        found["uplift", "match", window] = (weight @ lifted) / (weight @ plain) - 1
        of = response(counts, family.city)
        log_uplift = np.log(lifted[of.unit] / plain[of.unit])[:, None]
        slopes = associate(replace(of, values=log_uplift, weight=of.weight[:, :1]), outcomes).slope[:, 0]
        found |= {("slope", factor, window): np.expm1(slope) for factor, slope in zip(OUTCOMES, slopes, strict=True)}
    return {value: 100 * float(share) for value, share in found.items()}


def _own_factors(
    units: pd.DataFrame, season: Season, cities: Sequence[str], settings: Settings
) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
    """Return what each unit's kick-off multiplies expected orders with, cities by bins; and the first of these bins.

    They are the bins of the day before the kick-off (UTC) and the two days from it.
    """
    of_kick_off: dict[int, NDArray[np.float64]] = {}
    kick_offs = units["kick_off_bin"].to_numpy(dtype=np.int64)
    for bin_, at in zip(kick_offs.tolist(), units["kick_off_at"], strict=True):
        if bin_ not in of_kick_off:
            day = at.date()
            near = season.around(day)
            mine = near[bins_of(near["timestamp"]) == bin_]
            days = [day + timedelta(days=shift) for shift in (-1, 0, 1)]
            by_minute = np.concatenate([planted_log_uplift(of, mine, list(cities), settings) for of in days])
            of_kick_off[bin_] = np.exp(by_minute).reshape(-1, BIN_MINUTES, len(cities)).mean(axis=1).T
    return (kick_offs // BINS_PER_DAY - 1) * BINS_PER_DAY, [of_kick_off[bin_] for bin_ in kick_offs.tolist()]


def measure(season: Season, seed: int, *, with_effects: bool) -> pd.DataFrame:
    """Make orders around a season's matches, analyse them, and return one row a planted value."""
    settings = Settings.load(mock_seed=seed, **({} if with_effects else NO_EFFECTS))
    days = sorted(season.matches)
    volume = pd.concat([roll_up(mock_orders(day, season.around(day), settings)) for day in days], ignore_index=True)
    matches = pd.concat([frame for frame in season.matches.values() if len(frame)], ignore_index=True)
    analysis = analyse(volume, matches, dict.fromkeys(days, "mock"), days[-1])
    overall = analysis.results[analysis.results["scope"] == "all"]
    rows = overall.set_index(["method", "factor", "time_window"]).loc[VALUES].reset_index()
    planted = estimands(analysis, season, settings)
    return rows.assign(
        season=season.name,
        seed=seed,
        with_effects=with_effects,
        planted=[planted[value] for value in VALUES],
        findings=int(analysis.results["verdict"].isin(["higher", "lower"]).sum()),
    )


def _task(task: tuple[Season, int, bool]) -> pd.DataFrame:
    season, seed, with_effects = task
    return measure(season, seed, with_effects=with_effects)


def _percent_planted(settings: Settings) -> list[str]:
    """Return what the settings plant for one match, by value."""
    during, post = settings.mock_uplift_during_match, settings.mock_uplift_post_match
    goal, win = settings.mock_goal_effect, settings.mock_win_effect
    effects = (settings.mock_uplift_pre_match, during, post, None, goal, goal, win)
    return ["" if effect is None else f"{100 * np.expm1(effect):+.1f} %" for effect in effects]


def one_seed(rows: pd.DataFrame, settings: Settings) -> str:
    """Return every planted value of one seed beside its estimate, as Markdown."""
    lines = [
        "| season | value | window | one match plants | planted | estimate | 95 % interval | inside | together |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row, one_match in zip(rows.to_dict("records"), _percent_planted(settings) * len(SEASONS), strict=True):
        lines.append(
            f"| {row['season']} | {row['method']} {row['factor']} | {row['time_window']} | {one_match} | "
            f"{row['planted']:+.2f} % | {row['estimate']:+.2f} % | {row['ci_low']:+.2f} to {row['ci_high']:+.2f} % | "
            f"{_yes(row['is_inside'])} | {_yes(row['is_inside_widened'])} |"
        )
    return "\n".join(lines)


def _yes(holds: bool) -> str:
    return "yes" if holds else "**no**"


def with_verdicts(measured: pd.DataFrame) -> pd.DataFrame:
    """Add whether each planted value lies in its interval, and in the one that all of a seed's values share."""
    low, high, estimate, planted = (
        np.log1p(measured[name] / 100) for name in ("ci_low", "ci_high", "estimate", "planted")
    )
    degrees = measured["n_weeks"] - 1
    n_together = len(VALUES) * len(SEASONS)
    wider = t.ppf(1 - ALPHA / 2 / n_together, degrees) / t.ppf(1 - ALPHA / 2, degrees)
    distance = (planted - estimate).abs() / ((high - low) / 2)
    return measured.assign(is_inside=distance <= 1, is_inside_widened=distance <= wider)


def all_seeds(rows: pd.DataFrame) -> str:
    """Return how the estimates of all seeds lie around the planted values, as Markdown."""
    lines = ["| season | value | window | mean error | its SE | inside |", "|---|---|---|---|---|---|"]
    for (season, method, factor, window), values in rows.groupby(
        ["season", "method", "factor", "time_window"], sort=False
    ):
        error = values["estimate"] - values["planted"]
        lines.append(
            f"| {season} | {method} {factor} | {window} | {error.mean():+.2f} pp | {error.sem():.2f} | "
            f"{values['is_inside'].sum()} of {len(values)} |"
        )
    return "\n".join(lines)


def _most_by_chance(number: int) -> int:
    """Return how many of so many events of chance 5 % may happen together."""
    return int(binom.ppf(LIMIT, number, ALPHA))


def main() -> int:
    """Print the tables; return 1 when planted values are missed, or something is found where nothing is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replayed_seasons", description=__doc__)
    parser.add_argument("url", help="address of the football API, such as http://127.0.0.1:8901/v4")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"number of seeds (default: {SEEDS})")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: all cores)")
    options = parser.parse_args()
    # One thread a process: linear algebra on all cores at once would only make them queue.
    os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
    settings = Settings.load()
    seeds = [settings.mock_seed + number for number in range(options.seeds)]
    seasons = collect(options.url)
    with ProcessPoolExecutor(options.jobs) as pool:
        measured = pd.concat(pool.map(_task, product(seasons, seeds, (True, False))), ignore_index=True)
    measured = with_verdicts(measured)

    planted, plain = measured[measured["with_effects"]], measured[~measured["with_effects"]]
    own = planted[planted["seed"] == seeds[0]]
    print(f"Mock orders around {sum(map(_size, seasons))} real matches, seed {seeds[0]}:\n")
    print(one_seed(own, settings))
    print(f"\nSeeds {seeds[0]} to {seeds[-1]}:\n\n{all_seeds(planted)}")
    outside, most_outside = int((~planted["is_inside"]).sum()), _most_by_chance(len(planted))
    by_season = plain.drop_duplicates(["season", "seed"]).set_index("seed")["findings"]
    n_found, most_found = int((by_season > 0).sum()), _most_by_chance(len(by_season))
    print(f"\n{outside} of {len(planted)} planted values are outside their intervals; chance allows {most_outside}.")
    print(
        f"Without effects: {by_season.loc[[seeds[0]]].sum()} findings with seed {seeds[0]}, must be 0; "
        f"{n_found} of {len(by_season)} seasons have any, chance allows {most_found}."
    )
    return int(
        not own["is_inside_widened"].all()
        or outside > most_outside
        or by_season.loc[[seeds[0]]].any()
        or n_found > most_found
    )


def _size(season: Season) -> int:
    return sum(map(len, season.matches.values()))


if __name__ == "__main__":
    sys.exit(main())
