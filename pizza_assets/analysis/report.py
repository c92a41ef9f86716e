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
from pizza_assets.analysis.insights import (
    BY_NATION,
    BY_TEAM,
    by_section,
    claim,
    could_find,
    finding,
    insights,
    scope_of,
    three_findings,
)
from pizza_assets.forecast.tables import coming_sentences, differences
from pizza_assets.platform.printable import counted
from pizza_assets.platform.vega import converter
from pizza_assets.reference import cities

_MAX_ANOMALIES = 20
_WINDOWS = {
    "pre_match": "2 h before kick-off",
    "during_match": "during the match",
    "post_match": "2 h after the match",
    "day": "24 h from kick-off",
}
#: Diagnostics by their names in the summary: title, and what to make of it.
_DIAGNOSTICS = {
    "placebo": ("In cities that did not play", "Nothing should be found here, at the hours of matches."),
    "moved_fixtures": (
        "The same matches, moved by whole weeks",
        "Nothing should be found here, 1 to 4 weeks earlier and later, where no match was on.",
    ),
    "day_after": (
        "The same hours a day later",
        "Nothing should be found here. If orders are missing, matches only moved them, and the answers are too high.",
    ),
    "without_other_cities": (
        "Without asking other cities",
        "The answer over all matches, if what other cities sold on the day were not taken into account.",
    ),
}


#: Currency (ISO 4217) and mean value of an order, by data source.
Worth = Mapping[str, tuple[str, float]]


def order_value(volume: pd.DataFrame) -> Worth:
    """Return the mean value of an order of ORDER_VOLUME by source; none of a source with several currencies.

    Orders of unknown value do not count.
    """
    known = volume.dropna(subset="revenue")
    worth = {}
    for source, rows in known.groupby("data_source"):
        if rows["currency"].nunique() == 1:
            worth[str(source)] = (str(rows["currency"].iloc[0]), float(rows["revenue"].sum() / rows["orders"].sum()))
    return worth


def report(
    analysis: Analysis, volume: pd.DataFrame | None = None, forecast: pd.DataFrame | None = None
) -> dict[str, Any]:
    """Return the whole report as a JSON-able dict: summary, findings, insights, anomalies, what is coming.

    Findings tell what orders are worth where `volume`, the ORDER_VOLUME of the window, tells it. `forecast` is the
    newest ORDER_FORECAST; None where there is none.
    """
    worth = _worth(volume)
    columns = ["description", "data_source", "seen_in", "match_ids", "q_value"]
    return {
        "summary": analysis.summary,
        "findings": {source: _findings(analysis.results, source, worth) for source in analysis.summary["sources"]},
        "insights": insights(analysis.results),
        "anomalies": analysis.anomalies[columns].to_dict("records"),
        "differences": differences(analysis.pooled),
        "coming": [] if forecast is None else coming_sentences(forecast),
    }


def report_json(analysis: Analysis, volume: pd.DataFrame | None = None, forecast: pd.DataFrame | None = None) -> str:
    """Return the report as JSON text; see `report`."""
    return json.dumps(report(analysis, volume, forecast), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _worth(volume: pd.DataFrame | None) -> Worth:
    return {} if volume is None else order_value(volume)


def _findings(results: pd.DataFrame, source: str, worth: Worth) -> list[str]:
    first = three_findings(results[results["data_source"] == source])
    return [finding(row, worth.get(source)) for row in first.to_dict("records")]


def report_markdown(
    analysis: Analysis, volume: pd.DataFrame | None = None, forecast: pd.DataFrame | None = None
) -> str:
    """Return the report as Markdown, one chapter a source: real and mock never stand in one list.

    Three findings come first; what they tell is not told again below. See `report` for `volume` and `forecast`.
    """
    summary, worth, differ = analysis.summary, _worth(volume), differences(analysis.pooled)
    lines = [
        "# Does football sell pizza?",
        "",
        f"From {summary['window_start']} to {summary['as_of']}, analysed {summary['mode']}.",
    ]
    if not summary["sources"]:
        lines += ["", "There are neither orders nor matches in these days, so there is nothing to tell."]
    for source, facts in summary["sources"].items():
        results = analysis.results[analysis.results["data_source"] == source]
        unusual = analysis.anomalies[analysis.anomalies["data_source"] == source]
        lines += ["", f"## {'Simulated' if source == 'mock' else 'Real'} data", "", _overview(source, facts), ""]
        lines += [f"{place}. {text}" for place, text in enumerate(_findings(results, source, worth), start=1)]
        told = three_findings(results).index
        for title, rows in by_section(results):
            lines += _section(title, rows, told)
        if differ.get(source):
            lines += ["", "### How much do clubs differ?", "", *(f"- {text}" for text in differ[source])]
        for name, (title, meaning) in _DIAGNOSTICS.items():
            lines += _diagnostic_lines(title, meaning, facts[name])
        lines += ["", "### Anything odd?", "", *_unusual_lines(unusual)]
        if facts["unobserved"]:
            lines += ["", "### What was not observed", "", *_missing_lines(facts["unobserved"])]
    if forecast is not None:
        lines += ["", "## What is coming?", "", *(f"- {text}" for text in coming_sentences(forecast))]
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
    made = "simulated" if source == "mock" else "real"
    return (
        f"{facts['orders']:,} {made} orders on {facts['n_days']} days; {facts['n_units']:,} city kick-offs (a city and "
        f"a time of kick-off) in {facts['n_matches']:,} matches."
    )


def _section(title: str, rows: pd.DataFrame, told: pd.Index) -> list[str]:
    """Return a section without the results that were `told` above; empty when nothing is left."""
    if title in (BY_TEAM, BY_NATION):
        lines = [_by_window(str(scope), of_scope) for scope, of_scope in rows.groupby("scope", sort=True)]
        return ["", f"### {title}", "", *lines] if lines else []
    rows = rows.drop(rows.index.intersection(told))
    if rows.empty:
        return []
    is_found = rows["verdict"].isin(["higher", "lower", DOUBTFUL])
    listed = rows if len(rows) <= 4 else rows[is_found]
    lines = [f"- {text}" for text in listed["pattern_description"]]
    others = rows["verdict"].drop(listed.index).value_counts()
    lines += [
        f"- {verdict}: {counted(count, 'result')}, listed with their numbers in the data."
        for verdict, count in others.items()
    ]
    return ["", f"### {title}", "", *lines]


def _by_window(scope: str, rows: pd.DataFrame) -> str:
    """Return what was found of a scope in one line: each window with its interval, or why there is none."""
    by_window = {row["time_window"]: row for row in rows.to_dict("records")}
    told = "; ".join(_window(by_window[window]) for window in _WINDOWS if window in by_window)
    if rows["estimate"].isna().all() and rows["reason"].nunique() == 1:
        told = f"insufficient ({rows['reason'].iloc[0]})"
    kind, name = scope_of({"scope": scope})
    return f"- {'Stage ' if kind == 'stage' else ''}{name}: {told}."


def _window(row: Mapping[Hashable, Any]) -> str:
    when = _WINDOWS[row["time_window"]]
    if pd.isna(row["estimate"]):
        return f"{when} insufficient ({row['reason']})"
    interval = f"{row['ci_low']:+.1f} % to {row['ci_high']:+.1f} %"
    text = f"{when} {row['estimate']:+.1f} % ({interval}, {counted(row['n'], 'kick-off')}): "
    text += claim(row) if claim(row).startswith("perhaps") else row["verdict"]
    if row.get("found_on"):
        text += f", found on {row['found_on']} and since"
    is_open = claim(row) == "none" and pd.notna(row["smallest_effect"])
    return f"{text} (would be found: {could_find(row)})" if is_open else text


def _diagnostic_lines(title: str, meaning: str, of_windows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not of_windows:
        return []
    told = [
        f"- {_WINDOWS[name]}: {of['uplift_pct']:+.1f} % ({of['ci_low']:+.1f} % to {of['ci_high']:+.1f} %)."
        for name, of in of_windows.items()
    ]
    return ["", f"### {title}", "", meaning, "", *told]


def _unusual_lines(anomalies: pd.DataFrame) -> list[str]:
    """Return the hours far above or below normal, the least likely first, on the clocks of their cities."""
    if anomalies.empty:
        return ["No hour stands out from chance and ordinary ups and downs."]
    ordered = anomalies.sort_values("q_value", kind="stable")
    lines = [f"- {_unusual(row)}" for row in ordered.head(_MAX_ANOMALIES).to_dict("records")]
    rest = len(anomalies) - _MAX_ANOMALIES
    return lines + ([f"- and {rest} more, listed in the data."] if rest > 0 else [])


def _unusual(row: Mapping[Hashable, Any]) -> str:
    place = cities().get(row["city"])
    at = row["bin_start"].tz_convert(place.time_zone) if place else row["bin_start"]
    cause = "no match explains it" if row["match_ids"] == "unexplained" else f"match {row['match_ids']}"
    return (
        f"{row['city']}, {at:%Y-%m-%d %H:%M %Z}: {row['orders']} orders in an hour, {row['expected']:.0f} are normal; "
        f"{cause}."
    )


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
