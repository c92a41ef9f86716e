"""The calibration table: figures over many worlds, their Monte-Carlo errors, and the bars.

Belongs here: what a figure is and what it must be. Does not belong here: how worlds are made and measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.calibration.worlds import Scenario

OURS = "ours"
PHASES = ("pre_match", "during_match", "post_match")
KINDS = ("all", "team", "goals", "margin", "win", "loss", "draw", "significance association")
POWER = (
    ("all", "pre_match"),
    ("all", "during_match"),
    ("all", "post_match"),
    ("goals", "during_match"),
    ("goals", "post_match"),
    ("win", "post_match"),
)


@dataclass(frozen=True)
class Figure:
    """One line of the table. It passes when low <= value <= high, widened by `slack` standard errors."""

    name: str
    value: float
    error: float
    low: float
    high: float
    slack: float = 0.0
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the bar is met."""
        room = self.slack * self.error
        return bool(self.low - room <= self.value <= self.high + room)

    @property
    def bar(self) -> str:
        """The bar in words."""
        if np.isinf(self.low) and np.isinf(self.high):
            return "none"
        text = f"<= {self.high:g}" if np.isinf(self.low) else f">= {self.low:g}"
        text = text if np.isinf(self.low) or np.isinf(self.high) else f"{self.low:g} to {self.high:g}"
        return f"{text}{self.unit}" + (f" +- {self.slack:g} SE" if self.slack else "")


@dataclass(frozen=True)
class Outcome:
    """All worlds of one scenario."""

    tests: pd.DataFrame
    naive: pd.DataFrame
    spikes: pd.DataFrame
    ever_found: pd.Series
    is_doubted: pd.Series
    lacks_after: pd.Series
    club_found: pd.DataFrame
    club_found_once: pd.Series
    seconds: pd.Series

    @classmethod
    def of(cls, worlds: Sequence[dict[str, Any]]) -> "Outcome":
        """Stack the measures of worlds."""
        return cls(
            tests=_with_kinds(pd.concat([world["tests"] for world in worlds], ignore_index=True)),
            naive=pd.concat([world["naive"].assign(seed=i) for i, world in enumerate(worlds)], ignore_index=True),
            spikes=pd.DataFrame([world["spikes"] for world in worlds]),
            is_doubted=pd.Series([world["is_doubted"] for world in worlds], dtype=float),
            lacks_after=pd.Series([world["lacks_after"] for world in worlds], dtype=float),
            ever_found=pd.Series([world["ever_found"] for world in worlds], dtype=float),
            club_found=pd.DataFrame([world["club_found"] for world in worlds], dtype=float),
            club_found_once=pd.Series([world["club_found_once"] for world in worlds], dtype=float),
            seconds=pd.Series([world["seconds"] for world in worlds], dtype=float),
        )


def _with_kinds(tests: pd.DataFrame) -> pd.DataFrame:
    is_association = (tests["factor"] == "significance") & (tests["scope"] == "all")
    return tests.assign(kind=tests["kind"].mask(is_association, "significance association"))


def _by_world(values: pd.Series, seeds: pd.Series) -> tuple[float, float]:
    """Return the mean and its standard error, with worlds as the independent pieces."""
    worlds = values.astype(float).groupby(seeds).agg(["sum", "size"])
    mean = worlds["sum"].sum() / worlds["size"].sum()
    residual = worlds["sum"] - mean * worlds["size"]
    return float(mean), float(np.sqrt(np.square(residual).sum()) / worlds["size"].sum())


def _mean(values: pd.Series) -> tuple[float, float]:
    """Return the mean and its standard error."""
    numbers = values.to_numpy(dtype=float)
    return float(numbers.mean()), float(numbers.std(ddof=1) / np.sqrt(len(numbers)))


def _covered(rows: pd.DataFrame) -> pd.Series:
    return (rows["low"] <= rows["truth"]) & (rows["truth"] <= rows["high"])


def null_figures(null: Outcome, slack: float) -> list[Figure]:
    """Return the figures of worlds without any effect."""
    tests = null.tests
    discovered = tests.groupby("seed")["is_found"].any()
    figures = [
        Figure("null: any discovery after BH", *_by_world(discovered, discovered.index.to_series()), -np.inf, 0.05, 2)
    ]
    for kind in KINDS:
        rows = tests[tests["kind"] == kind]
        figures.append(
            Figure(
                f"null: single tests rejected, {kind}", *_by_world(rows["p"] <= 0.05, rows["seed"]), 0.03, 0.07, slack
            )
        )
    for kind in ("all", "team"):
        rows = tests[tests["kind"] == kind]
        figures.append(
            Figure(
                f"null: uplift interval coverage, {kind}", *_by_world(_covered(rows), rows["seed"]), 0.93, 0.97, slack
            )
        )
    figures += bias_figures("null", null, slack)
    spikes = null.spikes["flagged"]
    return [*figures, Figure("null: spikes flagged per world", *_mean(spikes), -np.inf, 1.0, slack)]


def bias_figures(name: str, outcome: Outcome, slack: float) -> list[Figure]:
    """Return the bias of each window's uplift over all matches, in percentage points."""
    figures = []
    for window in (*PHASES, "day"):
        rows = outcome.tests[(outcome.tests["kind"] == "all") & (outcome.tests["time_window"] == window)]
        error = rows["estimate"] - rows["truth"]
        figures.append(Figure(f"{name}: bias of uplift, {window}", *_mean(error), -0.4, 0.4, slack, " pp"))
    return figures


def effect_figures(injected: Outcome, partly: Outcome, slack: float) -> list[Figure]:
    """Return power, coverage, bias and false-discovery proportion where effects were planted."""
    figures = []
    for kind, window in POWER:
        rows = injected.tests[(injected.tests["kind"] == kind) & (injected.tests["time_window"] == window)]
        is_found = rows["is_found"] & ~rows["is_false"]
        figures.append(
            Figure(
                f"injected: power after BH, {kind} {window}", *_by_world(is_found, rows["seed"]), 0.90, np.inf, slack
            )
        )
    rows = injected.tests[injected.tests["kind"] == "all"]
    figures.append(
        Figure("injected: uplift interval coverage, all", *_by_world(_covered(rows), rows["seed"]), 0.93, np.inf, slack)
    )
    figures += bias_figures("injected", injected, slack)
    for name, outcome in (("injected", injected), ("half of the cities", partly)):
        by_world = outcome.tests.groupby("seed")[["is_false", "is_found"]].sum()
        share = by_world["is_false"] / by_world["is_found"].clip(lower=1)
        figures.append(Figure(f"{name}: false-discovery proportion", *_mean(share), -np.inf, 0.05, slack))
    return figures


def spike_figures(outcome: Outcome) -> list[Figure]:
    """Return which of the planted spikes are found, and the share of false ones among those flagged."""
    spikes = outcome.spikes
    share = (spikes["flagged"] - spikes["right"]) / spikes["flagged"].clip(lower=1)
    found = spikes["right"] / spikes["planted"].clip(lower=1)
    return [
        Figure("planted spikes (x2.5): found", *_mean(found), -np.inf, np.inf),
        Figure("planted spikes: false-discovery proportion", *_mean(share), -np.inf, 0.05, 2),
    ]


def stress_figures(name: str, outcome: Outcome, slack: float) -> list[Figure]:
    """Return coverage and discoveries in a null world of another kind."""
    figures = []
    for kind in ("all", "team"):
        rows = outcome.tests[outcome.tests["kind"] == kind]
        if len(rows):
            coverage = _by_world(_covered(rows), rows["seed"])
            figures.append(Figure(f"{name}: uplift interval coverage, {kind}", *coverage, 0.93, 0.97, slack))
    discovered = outcome.tests.groupby("seed")["is_found"].any()
    any_found = _by_world(discovered, discovered.index.to_series())
    return [*figures, Figure(f"{name}: any discovery after BH", *any_found, -np.inf, 0.05, 2)]


def look_figures(name: str, outcome: Outcome) -> list[Figure]:
    """Return in which share of worlds without an effect anything was found at any look."""
    return [Figure(f"{name}: any discovery", *_mean(outcome.ever_found), -np.inf, 0.05, 2)]


def after_figures(name: str, outcome: Outcome, *, is_wrong: bool) -> list[Figure]:
    """Return in which share of worlds the day after lacks orders: it should where matches only move them."""
    bar = (0.80, np.inf, 0) if is_wrong else (-np.inf, 0.05, 2)
    return [Figure(f"{name}: the day after fails", *_mean(outcome.lacks_after), *bar)]


def doubt_figures(name: str, outcome: Outcome, *, is_wrong: bool) -> list[Figure]:
    """Return in which share of worlds the placebo fails: it should where estimates are wrong, and only there."""
    bar = (0.80, np.inf, 0) if is_wrong else (-np.inf, 0.05, 2)
    return [Figure(f"{name}: placebo fails", *_mean(outcome.is_doubted), *bar)]


def club_figures(name: str, outcome: Outcome, slack: float) -> list[Figure]:
    """Return in which share of worlds the club with an effect was found at the end, against by one look alone."""
    now = outcome.club_found[outcome.club_found.columns.max()]
    once = outcome.club_found_once
    share, error = _ratio_of_means(now, once)
    return [
        Figure(f"{name}: club found", *_mean(now), 0.80, np.inf, slack),
        Figure(f"{name}: club found, as a share of by one look", share, error, 0.9, np.inf, slack),
    ]


def found_by_week(outcomes: Mapping[str, Outcome]) -> str:
    """Return in which share of worlds the club with an effect has been found by which week, as Markdown."""
    weeks = sorted(set().union(*(outcome.club_found.columns for outcome in outcomes.values())))
    lines = [
        "| a club's effect, found by week | " + " | ".join(map(str, weeks)) + " |",
        "|---" * (len(weeks) + 1) + "|",
    ]
    for name, outcome in outcomes.items():
        by_then = outcome.club_found[weeks].cummax(axis=1).mean()
        lines.append(f"| {name} | " + " | ".join(f"{share:.0%}" for share in by_then) + " |")
    return "\n".join(lines)


def width_figures(null: Outcome, slack: float) -> list[Figure]:
    """Return the mean width of our intervals over all matches as a share of fixed-effects Poisson's."""
    figures = []
    for window in PHASES:
        ours, theirs = (_of_window(null, method, window) for method in (OURS, "fixed-effects Poisson"))
        share, error = _ratio_of_means(*(rows["high"] - rows["low"] for rows in (ours, theirs)))
        figures.append(Figure(f"null: width / fixed-effects Poisson, {window}", share, error, -np.inf, 1.0, slack))
    return figures


def _ratio_of_means(values: pd.Series, others: pd.Series) -> tuple[float, float]:
    """Return mean(values) / mean(others), and its standard error; both by world."""
    if not others.any():
        return np.nan, np.nan
    ratio = values.mean() / others.mean()
    residual = values.to_numpy() - ratio * others.to_numpy()
    return float(ratio), float(residual.std(ddof=1) / np.sqrt(len(values)) / others.mean())


def _of_window(outcome: Outcome, method: str, window: str) -> pd.DataFrame:
    """Return a method's uplift over all matches in a window, in %, a row a world."""
    if method == OURS:
        tests = outcome.tests[(outcome.tests["kind"] == "all") & (outcome.tests["time_window"] == window)]
        return tests.set_index("seed").assign(seconds=outcome.seconds.to_numpy())
    rows = outcome.naive[(outcome.naive["method"] == method) & (outcome.naive["time_window"] == window)]
    logs = ["estimate", "low", "high"]
    return rows.set_index("seed").assign(**dict(100 * np.expm1(rows.set_index("seed")[logs])))


def comparison(null: Outcome, injected: Outcome) -> str:
    """Return our method beside public and naive ones on the same worlds, as Markdown."""
    columns = ("mean uplift", "rejected", "coverage", "width")
    head = [
        "method",
        "window",
        *(f"null: {name}" for name in columns),
        "injected: coverage",
        "injected: bias",
        "seconds",
    ]
    methods = [OURS, *null.naive["method"].drop_duplicates()[::-1]]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [
        _comparison_line(method, window, *(_of_window(of, method, window) for of in (null, injected)))
        for window in PHASES
        for method in methods
    ]
    return "\n".join(lines)


def _comparison_line(method: str, window: str, null: pd.DataFrame, injected: pd.DataFrame) -> str:
    bias = (injected["estimate"] - injected["truth"]).mean()
    seconds = null["seconds"].median()
    cells = (
        method,
        window,
        f"{null['estimate'].mean():+.1f} %",
        f"{(null['p'] <= 0.05).mean():.1%}",
        f"{_covered(null).mean():.1%}",
        f"{(null['high'] - null['low']).mean():.1f} pp",
        f"{_covered(injected).mean():.1%}",
        f"{bias:+.1f} pp",
        "" if np.isnan(seconds) else f"{seconds:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def worlds(seeds: Mapping[Scenario, range]) -> str:
    """Return how many worlds of which seeds each scenario has, as Markdown."""
    lines = ["| scenario | worlds | seeds |", "|---|---|---|"]
    lines += [f"| {scenario.name} | {len(of)} | {of[0]} to {of[-1]} |" for scenario, of in seeds.items()]
    return "\n".join(lines)


def as_markdown(figures: Sequence[Figure]) -> str:
    """Return figures as a Markdown table, with a mark where a bar is missed."""
    lines = ["| figure | bar | ours | Monte-Carlo SE | met |", "|---|---|---|---|---|"]
    lines += [
        f"| {f.name} | {f.bar} | {f.value:.3f}{f.unit} | {f.error:.3f} | {'yes' if f.is_met else '**NO**'} |"
        for f in figures
    ]
    return "\n".join(lines)
