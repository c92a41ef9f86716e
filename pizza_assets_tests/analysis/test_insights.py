from pizza_assets.analysis.insights import insights
from pizza_assets_tests.analysis.seasons import Season, season

CLEAR = {"pre_match": 0.5, "win": 0.6}


def _season(**changes: object) -> Season:
    return season(weeks=40, seed=4, effect=CLEAR, **changes)  # type: ignore[arg-type]


def test_a_finding_is_told_with_its_evidence() -> None:
    analysis = _season().analysis()
    row = analysis.results.query("scope == 'all' and factor == 'match' and time_window == 'pre_match'").iloc[0]
    assert row["verdict"] == "higher"
    assert row["pattern_description"] == (
        f"Orders in the 2 hours before kick-off over all matches: {row['estimate']:+.1f} % against expected "
        f"(95 % interval {row['ci_low']:+.1f} % to {row['ci_high']:+.1f} %, {row['n']} city kick-offs in "
        f"{row['n_weeks']} weeks): higher (real data)."
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


def test_an_interval_that_leaves_out_zero_and_proves_nothing_says_so() -> None:
    results = season(weeks=16, seed=2, effect={"during_match": 0.25}).analysis().results
    not_found = results[results["verdict"] == "no effect found"]
    is_apart = (not_found["ci_low"] > 0) | (not_found["ci_high"] < 0)
    assert is_apart.any()
    assert not is_apart.all()
    says_so = not_found["pattern_description"].str.contains("the interval leaves out zero", regex=False)
    assert says_so.tolist() == is_apart.tolist()
