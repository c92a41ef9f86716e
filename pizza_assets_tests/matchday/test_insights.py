from pizza_assets.matchday.insights import insights
from pizza_assets_tests.matchday.seasons import Season, season

CLEAR = {"pre_match": 0.5, "win": 0.6}


def _season(**changes: object) -> Season:
    return season(weeks=40, seed=4, effect=CLEAR, **changes)  # type: ignore[arg-type]


def test_a_finding_is_told_with_its_evidence() -> None:
    analysis = _season().analysis()
    row = analysis.results.query("scope == 'all' and factor == 'match' and time_window == 'pre_match'").iloc[0]
    assert row["verdict"] == "higher"
    assert row["pattern_description"] == (
        f"Orders in the 2 hours before kick-off over all matches: {row['estimate']:+.1f} % against expected "
        f"(95 % interval {row['ci_low']:+.1f} % to {row['ci_high']:+.1f} %, n = {row['n']} in {row['n_weeks']} weeks, "
        f"adjusted p = {row['q_value']:.2g}): higher (real data)."
    )


def test_insufficient_is_told_with_its_reason() -> None:
    analysis = season(weeks=3, seed=4).analysis()
    texts = [row["sentence"] for row in insights(analysis.results)]
    assert texts
    assert all("insufficient (" in text for text in texts)


def test_findings_come_first_and_diagnostics_are_no_insights() -> None:
    analysis = _season().analysis()
    told = insights(analysis.results)
    assert {row["analysis_id"] for row in told} == set(analysis.results.query("verdict != 'diagnostic'")["analysis_id"])
    outcome = [row["verdict"] in ("higher", "lower") for row in told if row["section"] == "What happens in the match"]
    assert outcome == sorted(outcome, reverse=True)
    assert any(outcome)
