"""What one world tells: every test with its truth, the two naive analyses, the spikes.

Belongs here: running the analyses on a world and comparing with what was planted. Does not belong here: figures
over many worlds.
"""

import time
from datetime import date, timedelta
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

from benchmarks.calibration.naive import WINDOWS, Result, before_after, trailing_mean
from benchmarks.calibration.peers import peers
from benchmarks.calibration.worlds import Scenario, World, make_world
from pizza_assets.analysis import verdicts
from pizza_assets.analysis.analyse import Analysis, Prepared, analyse_prepared, prepare
from pizza_assets.analysis.history import FOUND
from pizza_assets.analysis.verdicts import ALPHA

_HOURS = {"pre_match": (-2, 0), "during_match": (0, 2), "post_match": (2, 4), "day": (0, 24)}
_BINS_PER_HOUR = 4
#: The sign of the planted association; a significance effect is never planted.
_SIGNS = {"goals": 1, "margin": 1, "win": 1, "loss": -1, "draw": -1, "significance": 0}


def measure(scenario: Scenario, seed: int) -> dict[str, Any]:
    """Simulate a world, analyse it, and return its tests, the naive results and what became of spikes."""
    world = make_world(scenario, seed)
    began = time.process_time()
    prepared = prepare(world.volume, world.matches, world.order_sources)
    analysis = analyse_prepared(prepared, world.as_of)
    seconds = time.process_time() - began
    weeks_ago = range(0, scenario.weeks - 7, scenario.looks) if scenario.looks else (0,)
    looks = {scenario.weeks - ago: analyse_prepared(prepared, world.as_of - timedelta(weeks=ago)) for ago in weeks_ago}
    tests = _tests(analysis, world)
    tests["seed"] = seed
    others: list[tuple[str, Result, float]] = []
    if scenario.with_city:
        others = [("before/after", before_after(world), np.nan), ("trailing mean", trailing_mean(world), np.nan)]
    if scenario.peers:
        others += peers(world)
    naive = [
        {"method": name, "time_window": window, "estimate": e, "low": low, "high": high, "p": p, "seconds": taken}
        for name, result, taken in others
        for window, (e, low, high, p) in result.items()
    ]
    true_log = tests.query("scope == 'all' and factor == 'match'").set_index("time_window")["truth"]
    for row in naive:
        row["truth"] = true_log.get(row["time_window"], 0.0)
    return {
        "scenario": scenario.name,
        "tests": tests,
        "naive": pd.DataFrame(naive),
        "spikes": _spikes(analysis, world),
        "is_doubted": _placebo_fails(analysis, "placebo"),
        "lacks_after": _placebo_fails(analysis, "day_after"),
        "seconds": seconds,
        "ever_found": any(look.results["verdict"].isin(FOUND).any() for look in looks.values()),
        "club_found": {week: _finds_club(look) for week, look in looks.items()},
        "club_found_once": scenario.club > 0 and _finds_club(_of_one_look(prepared, world.as_of)),
    }


def _of_one_look(prepared: Prepared, as_of: date) -> Analysis:
    """Return the analysis with verdicts that hold for this look alone."""
    with patch.object(verdicts, "over_looks", lambda p_values, share: p_values):
        return analyse_prepared(prepared, as_of)


def _finds_club(analysis: Analysis) -> bool:
    """Return whether the club that an effect may be planted for is found, in any of the three windows."""
    results = analysis.results
    club = results.loc[results["scope"].str.startswith("team:"), "scope"].min()
    of_club = (results["scope"] == club) & results["time_window"].isin(WINDOWS)
    return bool((results.loc[of_club, "verdict"] == "higher").any())


def _placebo_fails(analysis: Analysis, name: str) -> bool:
    """Return whether a diagnostic of the summary fails, over its windows together."""
    return any(
        min((of["p_value"] for of in facts[name].values()), default=1.0) * max(len(facts[name]), 1) <= ALPHA
        for facts in analysis.summary["sources"].values()
    )


def _tests(analysis: Analysis, world: World) -> pd.DataFrame:
    results = analysis.results
    measures = results["method"].isin(["uplift", "event_study", "pearson", "point_biserial"])
    kept = results[measures & (results["verdict"] != "insufficient")]
    truth = _true_uplift(analysis, world)
    is_uplift = kept["factor"] == "match"
    kind = np.where(is_uplift, kept["scope"].str.partition(":")[0], kept["factor"])
    tests = pd.DataFrame(
        {
            "kind": kind,
            "scope": kept["scope"],
            "factor": kept["factor"],
            "time_window": kept["time_window"],
            "p": kept["statistical_significance"],
            "estimate": kept["estimate"],
            "low": kept["ci_low"],
            "high": kept["ci_high"],
            "is_found": kept["verdict"].isin(FOUND),
            "verdict": kept["verdict"],
        }
    )
    keys = list(zip(tests["scope"], tests["time_window"], strict=True))
    tests["truth"] = np.where(is_uplift, [truth.get(key, np.nan) for key in keys], np.nan)
    planted = world.true_orders.sum() > world.plain_orders.sum() * (1 + 1e-9)
    sign = np.where(is_uplift, np.sign(tests["truth"].round(6)), tests["factor"].map(_SIGNS).fillna(0) * planted)
    tests["is_false"] = tests["is_found"] & (np.sign(tests["estimate"]) != sign)
    return tests.reset_index(drop=True)


def _true_uplift(analysis: Analysis, world: World) -> dict[tuple[str, str], float]:
    """Return the planted uplift in %, by scope and window, over the very units that the analysis used."""
    units = analysis.units[analysis.units["is_clean"]]
    if units.empty:
        return {("all", window): 0.0 for window in _HOURS}
    true, plain = (
        np.pad(orders.cumsum(axis=1), ((0, 0), (1, 0))) for orders in (world.true_orders, world.plain_orders)
    )
    city = pd.Index(world.city_names).get_indexer(pd.Index(units["city"]))
    kick_off = ((units["kick_off_at"] - world.first_bin) // pd.Timedelta(minutes=15)).to_numpy()
    low, high = (
        kick_off + _BINS_PER_HOUR * units["time_window"].map(lambda w, i=i: _HOURS[w][i]).to_numpy() for i in (0, 1)
    )
    sums = pd.DataFrame(
        {
            "city": units["city"].to_numpy(),
            "kick_off_at": units["kick_off_at"].to_numpy(),
            "time_window": units["time_window"].to_numpy(),
            "true": true[city, high] - true[city, low],
            "plain": plain[city, high] - plain[city, low],
        }
    )
    # Where matches overlap, the truth of one is what it does of itself.
    own = world.own_effect.melt(["city", "kick_off_at"], var_name="time_window", value_name="own")
    effect = sums.merge(own, on=["city", "kick_off_at", "time_window"], how="left")["own"].to_numpy()
    sums["true"] = np.where(np.isnan(effect), sums["true"], sums["plain"] * np.exp(effect))
    scopes = _scopes(world.matches)
    members = pd.concat([sums.assign(scope="all"), sums.merge(scopes, on=["city", "kick_off_at"])])
    total = members.groupby(["scope", "time_window"])[["true", "plain"]].sum()
    uplift = 100 * (total["true"] / total["plain"] - 1)
    keys = zip(*(total.index.get_level_values(level) for level in (0, 1)), strict=True)
    return dict(zip(keys, uplift.tolist(), strict=True))


def _scopes(matches: pd.DataFrame) -> pd.DataFrame:
    sides = [
        matches.assign(city=matches[f"{side}_city"], team="team:" + matches[f"{side}_team"])
        for side in ("home", "away")
    ]
    both = pd.concat(sides)
    both = both.assign(
        competition="competition:" + both["competition"], significance="significance:" + both["match_significance"]
    )
    long = both.melt(["city", "timestamp"], ["team", "competition", "significance"], value_name="scope")
    return long.rename(columns={"timestamp": "kick_off_at"})[["city", "kick_off_at", "scope"]].drop_duplicates()


def _spikes(analysis: Analysis, world: World) -> dict[str, float]:
    """Return how many hours were flagged, how many rightly, and how many a raw z-score above 3 flags."""
    found = analysis.anomalies.query("orders > expected")
    flagged = set(zip(found["city"], found["bin_start"], strict=True))
    hours = analysis.expected
    by_city = hours.groupby("city")["orders"]
    z = (hours["orders"] - by_city.transform("mean")) / by_city.transform("std") if len(hours) else hours["orders"]
    return {
        "flagged": len(flagged),
        "right": len(flagged & world.spikes),
        "planted": len(world.spikes),
        "raw_z": float((z > 3).sum()),
    }
