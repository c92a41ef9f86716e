"""Insights: sentences, generated from results and never without their evidence.

Belongs here: words around numbers that other modules computed, and their order. Does not belong here: any
computation of a finding, the report (report.py). Every sentence carries n, interval and verdict; 'insufficient'
is an answer.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import pandas as pd

from pizza_assets.analysis.contract import DOUBTFUL, NATIONAL, REFERENCE_EFFECT
from pizza_assets.analysis.verdicts import NOT_FOUND
from pizza_assets.platform.printable import counted

_WHEN = {
    "pre_match": "in the 2 hours before kick-off",
    "during_match": "during the match",
    "post_match": "in the 2 hours after the match",
    "day": "in the 24 hours from kick-off",
}
_WHEN_ALL = _WHEN | {"during_match": "during matches", "post_match": "in the 2 hours after matches"}
_WHOSE = {
    "all": "over all matches",
    "team": "when {} plays",
    "competition": "around matches of {}",
    "significance": "around {} matches",
    "nation": "when {} plays, in all cities of its country",
    "tournament": "around national teams' matches of {}",
    "stage": "around national teams' matches of the stage {}",
}
_OUTCOME = {
    "goals": "goals in the match",
    "margin": "the goal difference",
    "win": "a win of the city's team",
    "loss": "a loss of the city's team",
    "draw": "a draw",
    "significance": "the significance of the match",
}
_PER = {"goals": "per goal", "margin": "per goal", "significance": "per step"} | dict.fromkeys(
    ("win", "loss", "draw"), "with it"
)
_MEASURE = {
    "pearson": "correlation r",
    "point_biserial": "correlation r",
    "spearman": "Spearman's r",
    "rank_biserial": "rank-biserial r",
    "hedges_d": "Hedges' d",
    "slope": "slope",
}
BY_TEAM, BY_NATION = "By team", "National teams"
#: The sections of insights: title, and whether a result stands in it by its factor and the kinds of its scope.
_SECTIONS: tuple[tuple[str, bool, tuple[str, ...]], ...] = (
    ("Before, during and after the match", True, ("all",)),
    (BY_TEAM, True, ("team",)),
    (BY_NATION, True, NATIONAL),
    ("By competition", True, ("competition",)),
    ("By significance", True, ("significance",)),
    ("What happens in the match", False, ("all",)),
)


def scope_of(result: Mapping[Any, Any]) -> tuple[str, str]:
    """Return the kind and the name of a result's scope, for people: a stage is ``last 16``, not ``LAST_16``."""
    kind, _, name = str(result["scope"]).partition(":")
    return kind, name.replace("_", " ").lower() if kind == "stage" else name


def sentence(result: Mapping[str, Any]) -> str:
    """Return a result as one sentence with its number, interval, what it counts, verdict and source."""
    kind, name = scope_of(result)
    about = _WHOSE[kind].format(name)
    if result["factor"] != "match":
        about = f"against {_OUTCOME[result['factor']]}"
    what = f"Orders {_WHEN[result['time_window']]} {about}"
    if result["verdict"] == "insufficient":
        return f"{what}: insufficient ({result['reason']}; {result['data_source']} data)."
    number, low, high = (_number(result[column], result["unit"]) for column in ("estimate", "ci_low", "ci_high"))
    measure = f"{number} against expected" if result["factor"] == "match" else f"{_MEASURE[result['method']]} {number}"
    evidence = _evidence(kind, result, low, high)
    if kind == "team" and result["n_shared"]:
        evidence += f"; {result['n_shared']} of them while another club of the city kicked off"
    slope = ""
    if result["method"] in ("pearson", "point_biserial"):
        slope = f", {result['effect_size']:+.1f} % {_PER[result['factor']]}"
    text = f"{what}: {measure} ({evidence}){slope}: {_verdict(result)} ({result['data_source']} data)."
    text = f"{text} {result['held_against']}." if result["held_against"] else text
    if result["verdict"] == DOUBTFUL:
        return f"{text} Doubtful, for {result['reason']}."
    if pd.isna(result["smallest_effect"]):
        return text
    return f"{text} Four times in five, an effect would be found if it were {could_find(result)}."


def _evidence(kind: str, result: Mapping[Any, Any], low: str, high: str) -> str:
    what = "city kick-off" if kind in _KINDS else "match"
    return f"95 % interval {low} to {high}, {counted(result['n'], what)} in {counted(result['n_weeks'], 'week')}"


def _verdict(result: Mapping[str, Any]) -> str:
    """Return the verdict; of an interval that leaves out zero and proves nothing, why it does not."""
    if result["verdict"] == NOT_FOUND and (result["ci_low"] > 0 or result["ci_high"] < 0):
        return f"{NOT_FOUND} with certainty; the interval leaves out zero, but {_NOT_CERTAIN}"
    return str(result["verdict"])


#: Why an interval that leaves out zero is no finding.
_NOT_CERTAIN = "among so many questions chance brings such a result now and then"
#: The claims of results, the surest first.
CLAIMS = ("higher", "lower", DOUBTFUL, "perhaps higher", "perhaps lower", "none", "insufficient")
_KINDS = ("all", "team", "significance", "competition")
_SIGNS = {"GBP": "£", "EUR": "€", "USD": "$"}


def claim(result: Mapping[Hashable, Any]) -> str:
    """Return what a result claims, one of `CLAIMS`: 'perhaps' where its interval leaves out zero, which is all.

    The page has the same rule (``dashboard/page_assets/words.js``).
    """
    if result["verdict"] != NOT_FOUND:
        return str(result["verdict"])
    return "perhaps higher" if result["ci_low"] > 0 else "perhaps lower" if result["ci_high"] < 0 else "none"


def _place(kind: str) -> int:
    return _KINDS.index(kind) if kind in _KINDS else len(_KINDS)


def three_findings(results: pd.DataFrame) -> pd.DataFrame:
    """Return what one source's report tells first: orders during all matches, and the two surest results besides."""
    tested = results[results["verdict"] != "diagnostic"]
    rows = tested.to_dict("records")
    is_answer = [(row["scope"], row["factor"], row["time_window"]) == ("all", "match", "during_match") for row in rows]
    # A day repeats its hours, and an association that was not found says nothing to anybody.
    is_told = [
        answer
        or (
            claim(row) in CLAIMS[:2]
            if row["factor"] != "match"
            else row["time_window"] != "day" and claim(row) != "insufficient"
        )
        for row, answer in zip(rows, is_answer, strict=True)
    ]
    order = [
        (not answer, CLAIMS.index(claim(row)), _place(row["scope"].partition(":")[0]), row["q_value"])
        for row, answer in zip(rows, is_answer, strict=True)
    ]
    first = sorted((place for place, told in enumerate(is_told) if told), key=order.__getitem__)
    return tested.iloc[first[:3]]


def finding(result: Mapping[Hashable, Any], worth: tuple[str, float] | None = None) -> str:
    """Return a result in daily words, with its interval and what it counts.

    Parameters
    ----------
    worth
        Currency (ISO 4217) and mean value of an order; None where it is unknown or there are several currencies.
    """
    kind, name = scope_of(result)
    says, window = claim(result), result["time_window"]
    when = _WHEN_ALL[window] if kind == "all" else f"{_WHEN[window]} {_WHOSE[kind].format(name)}"
    if says == "insufficient":
        return f"Too little data to say whether orders change {when} ({result['reason']})."
    low, high = (_number(result[column], result["unit"]) for column in ("ci_low", "ci_high"))
    evidence = _evidence(kind, result, low, high)
    if result["factor"] != "match":
        way = "rise" if says == "higher" else "fall"
        return f"Orders {_WHEN[window]} {way} with {_OUTCOME[result['factor']]}, for certain (r, {evidence})."
    size, way = f"{abs(result['estimate']):.1f} %", "above" if result["estimate"] > 0 else "below"
    run = f"Orders run {size} {way} normal {when}"
    text = {
        "higher": f"{run}, for certain ({evidence}).",
        "lower": f"{run}, for certain ({evidence}).",
        DOUBTFUL: f"{run} ({evidence}). Doubtful, for {result['reason']}.",
        "none": f"Orders {when} stay within what chance alone makes ({evidence}).",
    }.get(says, f"Perhaps {run[0].lower()}{run[1:]} ({evidence}): {_NOT_CERTAIN}.")
    since = f" Found on {result['found_on']}, holds since." if result.get("found_on") else ""
    return f"{text}{_per_match(result, says, worth)}{since}"


def _per_match(result: Mapping[Hashable, Any], says: str, worth: tuple[str, float] | None) -> str:
    """Return how many orders a match brings a city, and what they are worth; nothing where no effect is claimed."""
    if says in ("none", DOUBTFUL) or not result["n"] or result["scope"].partition(":")[0] not in _KINDS:
        return ""
    extra = result["observed"] / result["n"] * (1 - 1 / (1 + result["estimate"] / 100))
    more = f"{abs(extra):.0f}" if abs(extra) >= 2.95 else f"{abs(extra):.1f}"
    value = f", some {amount(abs(extra) * worth[1], worth[0])}" if worth and abs(extra) * worth[1] >= 0.5 else ""
    start = "If so, that is" if says.startswith("perhaps") else "That is"
    return f" {start} about {more} {'more' if extra > 0 else 'fewer'} orders per match and city{value}."


def amount(value: float, currency: str) -> str:
    """Return an amount with two significant digits and its currency: £90, CHF 1,200."""
    rounded = float(f"{value:.2g}")
    number = f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"
    return f"{_SIGNS[currency]}{number}" if currency in _SIGNS else f"{currency} {number}"


def could_find(result: Mapping[Any, Any]) -> str:
    """Return the smallest effect that would be found, and how many more matches a smaller one needs."""
    text = f"{result['smallest_effect']:+.0f} % or more"
    more = int(result["more_matches"])
    return f"{text}, or {REFERENCE_EFFECT:+d} % with {counted(more, 'more match')}" if more else text


def _number(value: float, unit: str) -> str:
    return f"{value:+.1f} %" if unit == "%" else f"{value:+.2f}"


def headline(results: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return one source's uplift over all matches, by window."""
    return {
        row["time_window"]: {
            "uplift_pct": _or_none(row["estimate"]),
            "ci_low": _or_none(row["ci_low"]),
            "ci_high": _or_none(row["ci_high"]),
            "q_value": _or_none(row["q_value"]),
            "n": row["n"],
            "verdict": row["verdict"],
            "sentence": row["pattern_description"],
        }
        for row in results
        if row["scope"] == "all" and row["factor"] == "match"
    }


def _or_none(value: float) -> float | None:
    return None if pd.isna(value) else float(value)


def insights(results: pd.DataFrame) -> list[dict[str, Any]]:
    """Return every tested result as an insight: section, source, sentence, verdict, evidence; findings first."""
    found: list[dict[str, Any]] = []
    for source in results["data_source"].unique():
        for title, rows in by_section(results[results["data_source"] == source]):
            found += [
                {
                    "section": title,
                    "data_source": source,
                    "sentence": row["pattern_description"],
                    "verdict": row["verdict"],
                    "n": int(row["n"]),
                    "estimate": _or_none(row["estimate"]),
                    "ci_low": _or_none(row["ci_low"]),
                    "ci_high": _or_none(row["ci_high"]),
                    "unit": row["unit"],
                    "analysis_id": row["analysis_id"],
                }
                for row in rows.to_dict("records")
            ]
    return found


def by_section(results: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return one source's tested results by section; findings first, but windows in their order."""
    tested = results[results["verdict"] != "diagnostic"]
    kind, is_uplift = tested["scope"].str.partition(":")[0], tested["factor"] == "match"
    sections = []
    for title, of_uplift, kinds in _SECTIONS:
        rows = tested[(is_uplift == of_uplift) & kind.isin(kinds)]
        is_found = rows["verdict"].isin(["higher", "lower", DOUBTFUL])
        ordered = pd.concat([rows[is_found].sort_values("q_value", kind="stable"), rows[~is_found]])
        # The windows tell a story in their order.
        sections.append((title, rows if of_uplift and kinds == ("all",) else ordered))
    return sections
