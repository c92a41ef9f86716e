"""The report: what an analysis found, as Markdown for people, JSON for programs, and one plot.

Belongs here: the chapters, and the plot of the uplift. Does not belong here: the sentences (insights.py), any
computation.
"""

import json
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from pizza_assets.analysis.analyse import Analysis
from pizza_assets.analysis.contract import DOUBTFUL
from pizza_assets.analysis.insights import BY_TEAM, by_section, could_find, insights
from pizza_assets.platform.vega import converter

_MAX_ANOMALIES = 20
_WINDOWS = {
    "pre_match": "2 h before kick-off",
    "during_match": "during the match",
    "post_match": "2 h after the match",
    "day": "24 h from kick-off",
}


def report(analysis: Analysis) -> dict[str, Any]:
    """Return the whole report as a JSON-able dict: summary, insights and anomalies."""
    columns = ["description", "data_source", "seen_in", "match_ids", "q_value"]
    return {
        "summary": analysis.summary,
        "insights": insights(analysis.results),
        "anomalies": analysis.anomalies[columns].to_dict("records"),
    }


def report_json(analysis: Analysis) -> str:
    """Return the report as JSON text."""
    return json.dumps(report(analysis), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def report_markdown(analysis: Analysis) -> str:
    """Return the report as Markdown, one chapter a source: real and mock never stand in one list."""
    summary = analysis.summary
    lines = [
        "# Does football sell pizza?",
        "",
        f"From {summary['window_start']} to {summary['as_of']}, analysed {summary['mode']}.",
    ]
    if not summary["sources"]:
        lines += ["", "There are neither orders nor matches in these days, so there is nothing to tell."]
    for source, facts in summary["sources"].items():
        results = analysis.results[analysis.results["data_source"] == source]
        spikes = analysis.anomalies[analysis.anomalies["data_source"] == source]
        lines += ["", f"## {source.capitalize()} data", "", _overview(source, facts)]
        for title, rows in by_section(results):
            lines += _section(title, rows)
        lines += _placebo_lines(facts["placebo"])
        lines += ["", "### Anything odd?", "", *_spike_lines(spikes)]
        if facts["unobserved"]:
            lines += ["", "### What was not observed", "", *_missing_lines(facts["unobserved"])]
    ignored = summary["matches_ignored"] | summary["orders_ignored"]
    if ignored:
        lines += ["", "## What does not count", ""]
        lines += [f"- {reason}: {count:,}" for reason, count in ignored.items()]
    return "\n".join(lines) + "\n"


def unproven(results: pd.DataFrame) -> pd.DataFrame:
    """Return the results that claim an effect (higher, lower) without its n, interval or adjusted p-value."""
    claims = results[results["verdict"].isin(["higher", "lower"])]
    return claims[claims[["n", "ci_low", "ci_high", "q_value"]].isna().any(axis=1)]


def _overview(source: str, facts: Mapping[str, Any]) -> str:
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in facts["verdicts"].items()) or "none"
    return (
        f"{facts['orders']:,} {source} orders on {facts['n_days']} days; {facts['n_matches']} matches, "
        f"{facts['n_units']} times a city's team kicked off. Verdicts: {verdicts}."
    )


def _section(title: str, rows: pd.DataFrame) -> list[str]:
    if rows.empty:
        return []
    lines = ["", f"### {title}", ""]
    if title == BY_TEAM:
        return lines + [_club(str(scope), of_club) for scope, of_club in rows.groupby("scope", sort=True)]
    is_found = rows["verdict"].isin(["higher", "lower", DOUBTFUL])
    told = rows if len(rows) <= 4 else rows[is_found]
    lines += [f"- {text}" for text in told["pattern_description"]]
    others = rows["verdict"].drop(told.index).value_counts()
    lines += [
        f"- {verdict}: {count} results, listed with their numbers in the data." for verdict, count in others.items()
    ]
    return lines


def _club(scope: str, rows: pd.DataFrame) -> str:
    """Return what was found of a club in one line: each window with its interval, or why there is none."""
    by_window = {row["time_window"]: row for row in rows.to_dict("records")}
    told = "; ".join(_window(by_window[window]) for window in _WINDOWS if window in by_window)
    if rows["estimate"].isna().all() and rows["reason"].nunique() == 1:
        told = f"insufficient ({rows['reason'].iloc[0]})"
    return f"- {scope.partition(':')[2]}: {told}."


def _window(row: Mapping[Hashable, Any]) -> str:
    when = _WINDOWS[row["time_window"]]
    if pd.isna(row["estimate"]):
        return f"{when} insufficient ({row['reason']})"
    text = f"{when} {row['estimate']:+.1f} % ({row['ci_low']:+.1f} % to {row['ci_high']:+.1f} %, n = {row['n']}): "
    text += row["verdict"]
    if row.get("found_on"):
        text += f", found on {row['found_on']} and since"
    return text if pd.isna(row["smallest_effect"]) else f"{text}, could be found {could_find(row)}"


def _placebo_lines(of_windows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not of_windows:
        return []
    told = [
        f"- {_WINDOWS[name]}: {of['uplift_pct']:+.1f} % ({of['ci_low']:+.1f} % to {of['ci_high']:+.1f} %)."
        for name, of in of_windows.items()
    ]
    return ["", "### In cities that did not play", "", "Nothing should be found here, at the hours of matches.", *told]


def _spike_lines(spikes: pd.DataFrame) -> list[str]:
    if spikes.empty:
        return ["No hour stands out from chance and ordinary ups and downs."]
    lines = [f"- {text}" for text in spikes["description"].head(_MAX_ANOMALIES)]
    rest = len(spikes) - _MAX_ANOMALIES
    return lines + ([f"- and {rest} more, listed in the data."] if rest > 0 else [])


def _missing_lines(missing: list[Mapping[str, Any]]) -> list[str]:
    """Return where orders are missing, one line a city and day; the days with the most orders missing first."""
    ordered = sorted(missing, key=lambda row: (-row["usual_orders"], row["day"], row["city"]))
    lines = [
        f"- {row['city']}, {row['day']}: {row['hours']:g} h without orders that count, where {row['usual_orders']:.0f} "
        f"are usual ({row['reason']})."
        for row in ordered[:_MAX_ANOMALIES]
    ]
    rest = len(missing) - _MAX_ANOMALIES
    return lines + ([f"- and {rest} more cities and days, listed in the data."] if rest > 0 else [])


def uplift_plot(results: pd.DataFrame) -> str:
    """Return the uplift over all matches with its 95 % interval, by window and source, as SVG.

    An empty text when there is nothing to show: everything is insufficient.
    """
    shown = results[(results["scope"] == "all") & (results["factor"] == "match") & results["ci_low"].notna()]
    if shown.empty:
        return ""
    import altair as alt

    columns = ["time_window", "data_source", "estimate", "ci_low", "ci_high"]
    rows = [
        {"window": f"{_WINDOWS[window]} ({source})", "uplift": estimate, "low": low, "high": high}
        for window, source, estimate, low, high in shown[columns].itertuples(index=False)
    ]
    windows = alt.Chart(alt.InlineData(rows)).encode(y=alt.Y("window:N", sort=None, title=None))
    title = "orders against expected in %, with 95 % interval"
    chart = alt.layer(
        alt.Chart(alt.InlineData([{"zero": 0}])).mark_rule(color="#555").encode(x="zero:Q"),
        windows.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title=title), x2="high:Q"),
        windows.mark_point(filled=True, size=70, opacity=1).encode(x="uplift:Q"),
    )
    svg: str = converter().vegalite_to_svg(
        chart.properties(width=420, height=28 * len(rows), background="white").to_dict()
    )
    return svg
