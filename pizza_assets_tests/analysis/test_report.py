import json
import re

import pytest

from pizza_assets.analysis.report import report, report_json, report_markdown, unproven, uplift_plot
from pizza_assets_tests.analysis.seasons import Season, season


def _season(**changes: object) -> Season:
    return season(weeks=16, seed=4, effect={"pre_match": 0.5, "win": 0.6}, **changes)  # type: ignore[arg-type]


def test_the_report_reads_the_same_in_both_forms() -> None:
    analysis = _season().analysis()
    markdown, document = report_markdown(analysis), json.loads(report_json(analysis))
    assert document == json.loads(json.dumps(report(analysis)))
    found = [row["sentence"] for row in document["insights"] if row["verdict"] in ("higher", "lower")]
    found = [sentence for sentence in found if " plays: " not in sentence]
    assert found
    assert all(text in markdown for text in found)
    assert "## Real data" in markdown
    assert "## Mock data" not in markdown


def test_an_empty_analysis_says_that_there_is_nothing() -> None:
    nothing = season(weeks=1, rows=[]).without_days(list(season(weeks=1).order_sources))
    assert "there is nothing to tell" in report_markdown(nothing.analysis())


@pytest.mark.parametrize("source", ["real", "mock"])
def test_the_plot_shows_each_window_with_its_source_and_is_small(source: str) -> None:
    svg = uplift_plot(_season(source=source).analysis().results)
    for window in ("2 h before kick-off", "during the match", "2 h after the match", "24 h from kick-off"):
        assert f">{window} ({source})<" in svg
    assert len(svg) < 20_000


def test_what_is_insufficient_is_not_plotted() -> None:
    assert uplift_plot(season(weeks=3, seed=4).analysis().results) == ""


def test_a_claim_without_its_evidence_is_named() -> None:
    results = _season().analysis().results
    claims = results.index[results["verdict"].isin(["higher", "lower"])]
    assert unproven(results).empty
    for column in ("n", "ci_low", "ci_high", "q_value"):
        bare = results.astype({column: "float64"})
        bare.loc[claims[0], column] = None
        assert list(unproven(bare).index) == [claims[0]]


def test_each_club_is_named_with_its_intervals_and_what_could_be_found() -> None:
    analysis = _season().analysis()
    lines = [line for line in report_markdown(analysis).splitlines() if " FC: " in line]
    clubs = analysis.results[analysis.results["scope"].str.startswith("team:")]
    assert len(lines) == clubs["scope"].nunique() == 2
    for row in clubs.to_dict("records"):
        line = next(line for line in lines if line.startswith(f"- {row['scope'][5:]}:"))
        assert f"{row['estimate']:+.1f} % ({row['ci_low']:+.1f} % to {row['ci_high']:+.1f} %, n = {row['n']})" in line
        if row["verdict"] == "no effect found":
            assert f"could be found from {row['smallest_effect']:+.0f} % on" in line


def test_a_club_with_too_little_data_is_named_with_the_reason() -> None:
    text = report_markdown(season(weeks=6).analysis())
    assert re.search(r"- Liverpool FC: insufficient \(\d units in \d weeks; at least 10 in 8 are needed\)\.", text)
