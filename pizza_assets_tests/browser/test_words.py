"""What the page says of a filter: no two sentences contradict each other, whatever the filter and the verdicts.

The page's own scripts make the sentences in Chromium; what they claim is read off their words alone.
"""

import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.analysis.contract import TIME_WINDOWS

_ASSETS = files("pizza_assets.dashboard") / "page_assets"
_SCRIPT = "".join((_ASSETS / name).read_text(encoding="utf-8") for name in ("model.js", "words.js"))
#: Stories of every filter of a world, and what its table of tests says; `match` and sides are the page's own business.
_STORIES = """([script, world, filters]) => {
  const document = { getElementById: () => ({ textContent: JSON.stringify(world) }) };
  const run = new Function("document", "filters", script + `
    return { tests: choices.source.map((source) => testsOf(source)),
      stories: filters.map((filter) => { const story = storyOf({ ...filter, match: "" });
        return { ...story, sides: story.sides.length, kickOffs: story.kickOffs.length }; }) };`);
  return run(document, filters);
}"""

TEAMS = ("Alder FC", "Birch Town", "Cedar United")
TYPES = ("regular", "tournament")
_WEEK = 7 * 24 * 60
_FIRST = 29_274_480  # 2025-08-30, 12:00 UTC, in minutes since 1970
DATES = (("", ""), ("2025-01-01", ""), ("2025-09-20", "2026-01-10"), ("2026-01-10", "2025-09-20"), ("", "2024-12-31"))
#: What a published result may be: verdict, and where zero lies.
_RESULTS = ("higher", "lower", "doubtful", "apart above", "apart below", "none", "insufficient")
_NO_INTERVAL = {"uplift_pct": None, "ci_low": None, "ci_high": None}


class World:
    """The page's data, and the published effects by scope, window and source, from which claims follow."""

    def __init__(self, payload: dict[str, Any], effects: Mapping[tuple[str, str, str], Mapping[str, Any]]) -> None:
        self.payload = payload
        self.effects = effects

    def __repr__(self) -> str:
        return "; ".join(f"{' '.join(key)}: {of['verdict']} from {of['ci_low']}" for key, of in self.effects.items())


@st.composite
def _effects(draw: st.DrawFn) -> dict[str, Any]:
    """Return a result that the analysis can publish: the interval leaves out zero where something was found."""
    what = draw(st.sampled_from(_RESULTS))
    n = draw(st.integers(0, 60))
    if what == "insufficient" or n < 10:
        return {**_NO_INTERVAL, "n_matches": n, "orders": 5 * n, "verdict": "insufficient", "q_value": None}
    size, reach = draw(st.floats(0.5, 80)), draw(st.floats(0.05, 0.95))
    sign = -1 if what in ("lower", "apart below") or (what in ("none", "doubtful") and draw(st.booleans())) else 1
    width = size * (1 + reach) if what == "none" else size * reach
    low, high = sign * size - width, sign * size + width
    verdict = what if what in ("higher", "lower", "doubtful") else "no effect found"
    return {
        "uplift_pct": sign * size, "ci_low": max(low, -99.0), "ci_high": high, "n_matches": n,
        "orders": draw(st.integers(n, 50 * n)), "verdict": verdict, "q_value": 0.01 if verdict == what else 0.4,
    }  # fmt: skip


@st.composite
def worlds(draw: st.DrawFn) -> World:
    sources = draw(st.sampled_from([("mock",), ("real",), ("real", "mock")]))
    teams = TEAMS[: draw(st.integers(1, 3))]
    scopes = ["all", *(f"team:{team}" for team in teams), *(f"significance:{name}" for name in TYPES)]
    scopes += draw(st.sampled_from([(), ("nation:England", "tournament:EC", "stage:LAST_16")]))
    effects = {
        (scope, window, source): draw(_effects()) for scope, window, source in product(scopes, TIME_WINDOWS, sources)
    }
    weeks, lift = draw(st.integers(2, 20)), draw(st.sampled_from([0.5, 0.9, 1.0, 1.1, 1.6]))
    noise = draw(st.lists(st.integers(-6, 6), min_size=7, max_size=7))
    matches = [
        {
            "match_id": f"{source}-{week}-{number}", "kickoff_ts": _FIRST + week * _WEEK + 60 * (number % 2),
            "team": team, "opponent": "Visitors", "city": "London" if number < 2 else "Leeds", "is_home": True,
            "match_type": TYPES[(week + number) % 2], "goals_for": 1, "goals_against": 0, "data_source": source,
            "orders": max(0, round(20 * lift) + noise[(week + number) % 7]), "expected": 20.0, "uplift_pct": 0.0,
            "ci_low": -10.0, "ci_high": 10.0, "is_clean": (week + number) % 5 > 0, "goals_after": None,
        }
        for source in sources
        for week in range(weeks)
        for number, team in enumerate(teams)
    ]  # fmt: skip
    profile = [
        {
            "match_type": "all", "hours_from_kickoff": hour, "data_source": source, "uplift_pct": 1.0, "ci_low": -1.0,
            "ci_high": 3.0, "n_matches": 20,
        }
        for source in sources for hour in range(-6, 9)
    ]  # fmt: skip
    rows = [
        {"scope": scope, "time_window": window, "data_source": source, "p_value": 0.01, "method": "uplift", **effect}
        for (scope, window, source), effect in effects.items()
    ]
    worth = [{"data_source": sources[0], "city": "London", "currency": "GBP", "orders": 100, "revenue": 2000.0}]
    if draw(st.booleans()):
        worth.append({"data_source": sources[0], "city": "Leeds", "currency": "EUR", "orders": 100, "revenue": 2000.0})
    tables = {"matches": matches, "effects": rows, "profile": profile, "worth": worth}
    payload = {
        "meta": {
            "data_from": "2025-08-30", "data_until": "2026-03-01", "is_mock": "mock" in sources, "planted": "none",
        },
        "rules": {
            "minUnits": 10, "minWeeks": 8, "staleAfterDays": 3, "headlineWindow": "during_match", "student975": [2.2],
        },
        "zones": {"London": "Europe/London"}, "hours": {},
        "tables": {name: _columns(rows) for name, rows in tables.items()}
        | {name: {} for name in ("daily", "correlations", "anomalies", "retail", "forecast", "pooled")},
    }  # fmt: skip
    return World(payload, effects)


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def _filters(world: World) -> list[dict[str, str]]:
    teams = sorted({scope[5:] for scope, _, _ in world.effects if scope.startswith("team:")})
    sources = sorted({source for _, _, source in world.effects})
    return [
        {"team": team, "type": kind, "source": source, "from": first, "to": last}
        for team, kind, source, (first, last) in product(["", *teams], ["", *TYPES], sources, DATES)
    ]


#: How each sentence begins that claims something.
_HEADLINES = {
    "higher": "Yes", "lower": "No, the opposite", "perhaps lower": "Perhaps the opposite", "perhaps higher": "Perhaps",
    "doubtful": "Doubtful", "none": "Not shown", "unknown": "Too little data to say",
}  # fmt: skip
_DAILY = {
    "That is": "{}",
    "If so, it is": "perhaps {}",
    "It would be": "doubtful",
    "Anything from": "none",
    "A number": "unknown",
}
_WORDS = {
    "more orders": "higher", "fewer orders": "lower", "perhaps more": "perhaps higher",
    "perhaps fewer": "perhaps lower", "doubtful": "doubtful", "no effect shown": "none", "too little data": "unknown",
}  # fmt: skip
_SURE = {"higher": "more orders", "lower": "fewer orders"}
_LISTS = {
    "More orders for certain": "higher", "Fewer orders for certain": "lower", "Doubtful": "doubtful",
    "Perhaps more": "perhaps higher", "Perhaps fewer": "perhaps lower",
}  # fmt: skip
_JARGON = re.compile(r"\b(p|q|pearson|uplift|adjusted|significan\w+|units?)\b", re.IGNORECASE)


def headline_claim(text: str) -> str:
    return next(claim for claim, start in _HEADLINES.items() if text.startswith(start))


def daily_claim(text: str) -> str:
    start = next(words for words in _DAILY if text.startswith(words))
    way = "higher" if " more " in text else "lower"
    return _DAILY[start].format(way)


def interval_of(text: str) -> tuple[float, float] | None:
    found = re.match(r"95 % interval ([+−][\d.]+) to ([+−][\d.]+) %", text)
    return None if found is None else (_number(found[1]), _number(found[2]))


def _number(text: str) -> float:
    return float(text.replace("−", "-"))


def _published(effect: Mapping[str, Any]) -> str:
    """Return what a published result claims, worked out here once more."""
    if effect["verdict"] != "no effect found":
        return str(effect["verdict"]).replace("insufficient", "unknown")
    return "perhaps higher" if effect["ci_low"] > 0 else "perhaps lower" if effect["ci_high"] < 0 else "none"


def _scope(of: Mapping[str, str]) -> str | None:
    if of["from"] or of["to"] or (of["team"] and of["type"]):
        return None
    return f"team:{of['team']}" if of["team"] else f"significance:{of['type']}" if of["type"] else "all"


def contradictions(
    world: World, of: Mapping[str, str], story: Mapping[str, Any], tests: Mapping[Any, str]
) -> Iterator[str]:
    """Yield what two places of the page say differently of one filter."""
    headline, daily, evidence = story["headline"]["text"], story["daily"], story["evidence"]
    if not story["sides"]:
        if not (
            story["problem"] == headline
            and not any((daily, evidence, story["clubsSay"], story["clubs"], story["windows"]))
        ):
            yield "a filter without matches shows something"
        if (of["from"] > of["to"] > "") != headline.startswith("The dates are reversed"):
            yield "reversed dates are not named"
        return
    claim = headline_claim(headline)
    if ("simulated" in headline) != (of["source"] == "mock"):
        yield "the sentence does not say whether it is simulated"
    if daily and daily_claim(daily) != claim:
        yield f"'{headline}' and '{daily}'"
    yield from _of_interval(claim, headline, evidence)
    yield from _of_windows(world, of, claim, story, tests)
    yield from _of_clubs(of, claim, story, tests)
    shown = " ".join([headline, daily, evidence, story["clubsSay"], story["kickOffsSay"]])
    if _JARGON.search(shown):
        yield f"jargon: {shown}"
    if not re.search(r"\d city kick-offs? in \d+ match", evidence):
        yield "the evidence does not name what it counts"


def _of_windows(
    world: World, of: Mapping[str, str], claim: str, story: Mapping[str, Any], tests: Mapping[Any, str]
) -> Iterator[str]:
    scope = _scope(of)
    if scope is not None and claim != _published(world.effects[scope, "during_match", of["source"]]):
        yield f"'{story['headline']['text']}' is not what was published"
    for row in story["windows"]:
        window = next(key for key, text in _TIMES.items() if text == row["name"])
        said = _WORDS[row["word"]]
        if window == "during_match" and said != claim:
            yield f"'{story['headline']['text']}' and '{row}'"
        if scope is not None and said != tests[scope, window, of["source"]]:
            yield f"'{row}' and the table of tests"


_TIMES = {
    "pre_match": "2 h before kick-off", "during_match": "2 h from kick-off", "post_match": "2 h to 4 h after kick-off",
}  # fmt: skip


def _of_interval(claim: str, headline: str, evidence: str) -> Iterator[str]:
    interval = interval_of(evidence)
    if (interval is None) != (claim == "unknown"):
        yield f"'{headline}' and '{evidence}'"
    if ("leaves out zero" in evidence) != claim.startswith("perhaps"):
        yield f"'{headline}' and '{evidence}'"
    if ("includes zero" in evidence) != (claim == "none"):
        yield f"'{headline}' and '{evidence}'"
    if interval is not None:
        is_apart = interval[0] > 0 or interval[1] < 0
        if claim.endswith(("higher", "lower")) and not (is_apart or 0 in interval):
            yield f"'{headline}' with the interval {interval}"
        if claim == "none" and is_apart:
            yield f"'{headline}' with the interval {interval}"
        if claim.endswith(("higher", "lower")) and (" above " in headline) != (interval[1] > 0):
            yield f"'{headline}' with the interval {interval}"


def _of_clubs(of: Mapping[str, str], claim: str, story: Mapping[str, Any], tests: Mapping[Any, str]) -> Iterator[str]:
    rows = {row["team"]: _WORDS[row["says"].split(" ", 1)[1]] for row in story["clubs"]}
    if of["team"] in rows and rows[of["team"]] != claim:
        yield f"'{story['headline']['text']}' and the row of {of['team']}: {rows[of['team']]}"
    says = story["clubsSay"]
    for words, of_list in _LISTS.items():
        found = re.search(rf"(?:^|\. ){words}: ([^.]*)\.", says)
        named = set(found[1].split(", ")) if found else set()
        if named != {team for team, row in rows.items() if row == of_list}:
            yield f"'{says}' and the rows {rows}"
    if rows and ("No club alone is certain" in says) == any(row in ("higher", "lower") for row in rows.values()):
        yield f"'{says}' and the rows {rows}"
    elsewhere = re.search(r"For certain at other hours: ([^.]*)\.", says)
    named = set(elsewhere[1].split(", ")) if elsewhere else set()
    sure = {
        f"{team} ({_SURE[said]} {_TIMES[window]})"
        for team, window in product(rows, ("pre_match", "post_match"))
        if _scope({**of, "team": team}) and (said := tests[f"team:{team}", window, of["source"]]) in _SURE
    }
    if named != sure:
        yield f"'{says}' and what is certain in the table of tests: {sure}"


@pytest.fixture(scope="module")
def blank(browser: Any) -> Iterator[Any]:
    """A page without a policy, in which the page's scripts run on made-up data."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@given(worlds())
def test_no_two_sentences_contradict_each_other_whatever_the_filter(blank: Any, world: World) -> None:
    filters = _filters(world)
    found = blank.evaluate(_STORIES, [_SCRIPT, json.loads(json.dumps(world.payload)), filters])
    tests = {
        (row["scope"], row["time_window"], row["data_source"]): _WORDS[row["says"].split(" ", 1)[1]]
        for rows in found["tests"]
        for row in rows
    }
    assert tests == {key: _published(effect) for key, effect in world.effects.items()}
    for of, story in zip(filters, found["stories"], strict=True):
        assert list(contradictions(world, of, story, tests)) == [], of
