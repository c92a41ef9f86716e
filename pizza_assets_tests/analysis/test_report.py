import json
import re

import pytest

from pizza_assets.analysis.insights import amount, claim, finding, three_findings
from pizza_assets.analysis.report import order_value, report, report_json, report_markdown, unproven, uplift_plot
from pizza_assets_tests.analysis.seasons import Season, season


def _season(**changes: object) -> Season:
    return season(weeks=16, seed=4, effect={"pre_match": 0.5, "win": 0.6}, **changes)  # type: ignore[arg-type]


def test_the_report_reads_the_same_in_both_forms() -> None:
    analysis = _season().analysis()
    markdown, document = report_markdown(analysis), json.loads(report_json(analysis))
    assert document == json.loads(json.dumps(report(analysis)))
    findings = document["findings"]["real"]
    assert len(findings) == 3
    assert all(markdown.count(text) == 1 for text in findings)
    told = set(three_findings(analysis.results)["pattern_description"])
    found = [row["sentence"] for row in document["insights"] if row["verdict"] in ("higher", "lower")]
    found = [sentence for sentence in found if " plays: " not in sentence]
    assert found
    assert {text for text in found if text not in markdown} <= told
    assert not any(text in markdown for text in told), "what the findings tell is told once"
    assert "## Real data" in markdown
    assert "## Simulated data" not in markdown


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
        assert (
            f"{row['estimate']:+.1f} % ({row['ci_low']:+.1f} % to {row['ci_high']:+.1f} %, {row['n']} kick-offs)"
            in line
        )
        if claim(row) == "none":
            assert f"would be found: {row['smallest_effect']:+.0f} % or more" in line


def test_a_club_with_too_little_data_is_named_with_the_reason() -> None:
    text = report_markdown(season(weeks=6).analysis())
    assert re.search(
        r"- Liverpool FC: insufficient \(\d kick-offs in \d weeks; at least 10 in 8 weeks are needed\)\.", text
    )


def test_the_first_finding_is_the_answer_and_the_surest_follow() -> None:
    results = _season().analysis().results
    first = three_findings(results)
    assert first.iloc[0][["scope", "factor", "time_window"]].tolist() == ["all", "match", "during_match"]
    assert set(first.iloc[1:]["verdict"]) == {"higher"}
    assert "day" not in set(first["time_window"])


def test_a_finding_tells_orders_per_match_and_what_they_are_worth() -> None:
    results = _season().analysis().results
    row = results.query("scope == 'all' and factor == 'match' and time_window == 'pre_match'").iloc[0].to_dict()
    extra = row["observed"] / row["n"] * (1 - 1 / (1 + row["estimate"] / 100))
    text = finding(row, ("GBP", 20.0))
    assert f"{row['n']} city kick-offs in {row['n_weeks']} weeks" in text
    assert f"That is about {extra:.0f} more orders per match and city, some {amount(20 * extra, 'GBP')}." in text
    assert "some" not in finding(row)
    nothing = {**row, "verdict": "no effect found", "ci_low": -1.0}
    assert "stay within what chance alone makes" in finding(nothing)
    assert "chance brings such a result now and then" in finding({**nothing, "ci_low": 1.0})


@pytest.mark.parametrize(
    ("value", "currency", "shown"), [(91.4, "GBP", "£91"), (1234.0, "CHF", "CHF 1,200"), (3.14, "EUR", "€3.1")]
)
def test_amounts_have_two_digits_and_their_currency(value: float, currency: str, shown: str) -> None:
    assert amount(value, currency) == shown


def test_an_order_has_no_value_where_currencies_are_mixed_or_amounts_unknown() -> None:
    volume = _season().volume.assign(orders=2, revenue=50.0)
    assert order_value(volume) == {"real": ("GBP", 25.0)}
    assert order_value(volume.assign(currency=["EUR", *["GBP"] * (len(volume) - 1)])) == {}
    assert order_value(volume.assign(revenue=float("nan"))) == {}
