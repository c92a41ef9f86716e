import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pandas as pd
from hypothesis import event, given
from hypothesis import strategies as st

from pizza_assets.analysis.analyse import Analysis
from pizza_assets.analysis.contract import TIME_WINDOWS, VERDICTS
from pizza_assets.analysis.insights import insights
from pizza_assets_tests.analysis.seasons import MONDAY, Season, season


@st.composite
def _seasons(draw: st.DrawFn) -> Season:
    """Seasons of any length, partly collected, with orders of unknown cities and matches that do not count."""
    weeks = draw(st.sampled_from([*range(9, 16), 1, 3, 5]))  # most have enough matches for an estimate
    of = season(weeks, draw(st.integers(0, 30)), source=draw(st.sampled_from(["real", "mock"])))
    lost = [MONDAY + timedelta(days=i) for i in draw(st.sets(st.integers(0, 7 * weeks - 1), max_size=4))]
    of = of.without_days(lost)
    if draw(st.booleans()) and len(of.volume):
        nowhere = of.volume.iloc[:3].assign(city="unknown")
        of = replace(of, volume=pd.concat([of.volume, nowhere], ignore_index=True))
    if draw(st.booleans()) and len(of.matches):
        of = replace(of, matches=of.matches.assign(status=["POSTPONED", *["FINISHED"] * (len(of.matches) - 1)]))
    return of


def test_the_summary_accounts_for_everything_and_every_claim_carries_its_evidence() -> None:
    estimated = Counter[bool]()

    # Feature: pizza-game-dashboard, Property 18: For any analysis run, summary statistics should be generated for all
    # available football match and Domino's order data
    @given(_seasons())
    def complete(of: Season) -> None:
        claims = _check_summary(of)
        estimated[claims > 0] += 1
        event(f"{claims // 10 * 10} estimates or more")

    complete()
    assert estimated[True] > 0.5 * estimated.total(), "most examples have enough data for an estimate"


def _check_summary(of: Season) -> int:
    """Check the summary and the claims of a season's analysis; return how many of them are more than 'insufficient'."""
    analysis = of.analysis()
    summary = json.loads(json.dumps(analysis.summary, allow_nan=False))
    facts = summary["sources"]
    assert sum(one["orders"] for one in facts.values()) == of.volume["orders"].sum()
    assert sum(one["n_matches"] for one in facts.values()) + sum(summary["matches_ignored"].values()) == len(of.matches)
    assert sum(one["n_days"] for one in facts.values()) == len(of.order_sources)
    for source, one in facts.items():
        mine = analysis.results[analysis.results["data_source"] == source]
        assert sum(one["verdicts"].values()) == len(mine) > 0
        assert list(one["by_window"]) == list(TIME_WINDOWS)
        assert one["headline"] == one["by_window"]["during_match"]
    return _check_claims(analysis)


def _check_claims(analysis: Analysis) -> int:
    claims = insights(analysis.results)
    assert {one["analysis_id"] for one in claims} == set(
        analysis.results.loc[analysis.results["verdict"] != "diagnostic", "analysis_id"]
    )
    for one in claims:
        assert one["verdict"] in VERDICTS
        assert one["verdict"] in one["sentence"]
        assert f"({one['data_source']} data)" in one["sentence"] or f"; {one['data_source']} data)" in one["sentence"]
        if one["verdict"] != "insufficient":
            assert f", {one['n']:,} " in one["sentence"]
            assert "95 % interval" in one["sentence"]
            assert one["ci_low"] <= one["estimate"] <= one["ci_high"]
    return sum(one["verdict"] != "insufficient" for one in claims)
