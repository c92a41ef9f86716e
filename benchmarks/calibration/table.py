"""The calibration table: figures over many worlds, their Monte-Carlo errors, and the bars.

Belongs here: what a figure is and what it must be. Does not belong here: how worlds are made and measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.calibration.worlds import Scenario

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

    @classmethod
    def of(cls, worlds: Sequence[dict[str, Any]]) -> "Outcome":
        """Stack the measures of worlds."""
        return cls(
            tests=_with_kinds(pd.concat([world["tests"] for world in worlds], ignore_index=True)),
            naive=pd.concat([world["naive"].assign(seed=i) for i, world in enumerate(worlds)], ignore_index=True),
            spikes=pd.DataFrame([world["spikes"] for world in worlds]),
            is_doubted=pd.Series([world["is_doubted"] for world in worlds], dtype=float),
            ever_found=pd.Series([world["ever_found"] for world in worlds], dtype=float),
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
            figures.append(Figure(f"{name}: uplift interval coverage, {kind}", *coverage, 0.91, np.inf, slack))
    discovered = outcome.tests.groupby("seed")["is_found"].any()
    any_found = _by_world(discovered, discovered.index.to_series())
    return [*figures, Figure(f"{name}: any discovery after BH", *any_found, -np.inf, 0.05, 2)]


def look_figures(name: str, outcome: Outcome) -> list[Figure]:
    """Return in which share of worlds without an effect anything was found at any look."""
    return [Figure(f"{name}: any discovery", *_mean(outcome.ever_found), -np.inf, 0.05, 2)]


def doubt_figures(name: str, outcome: Outcome, *, is_wrong: bool) -> list[Figure]:
    """Return in which share of worlds the placebo fails: it should where estimates are wrong, and only there."""
    bar = (0.80, np.inf, 0) if is_wrong else (-np.inf, 0.05, 2)
    return [Figure(f"{name}: placebo fails", *_mean(outcome.is_doubted), *bar)]


def club_figures(name: str, outcome: Outcome, slack: float) -> list[Figure]:
    """Return in which share of worlds the club with an effect was found, in any of the three windows."""
    tests = outcome.tests[outcome.tests["scope"].str.startswith("team:")]
    club = tests[(tests["scope"] == tests["scope"].min()) & tests["time_window"].isin(PHASES)]
    found = (club["is_found"] & ~club["is_false"]).groupby(club["seed"]).any()
    return [Figure(f"{name}: club found", *_mean(found), 0.80, np.inf, slack)]


def comparison(null: Outcome, injected: Outcome) -> str:
    """Return our method beside two naive ones on the same worlds, as Markdown."""
    lines = [
        "| method | window | null: mean uplift | null: rejected | null: coverage | injected: bias |",
        "|---|---|---|---|---|---|",
    ]
    for window in PHASES:
        ours = [o.tests[(o.tests["kind"] == "all") & (o.tests["time_window"] == window)] for o in (null, injected)]
        lines.append(_comparison_line("ours", window, *ours))
        for method in ("trailing mean", "before/after"):
            rows = [
                o.naive[(o.naive["method"] == method) & (o.naive["time_window"] == window)] for o in (null, injected)
            ]
            as_percent = [r.assign(**{c: 100 * np.expm1(r[c]) for c in ("estimate", "low", "high")}) for r in rows]
            lines.append(_comparison_line(method, window, *as_percent))
    return "\n".join(lines)


def _comparison_line(method: str, window: str, null: pd.DataFrame, injected: pd.DataFrame) -> str:
    bias = (injected["estimate"] - injected["truth"]).mean()
    return (
        f"| {method} | {window} | {null['estimate'].mean():+.1f} % | {(null['p'] <= 0.05).mean():.1%} | "
        f"{_covered(null).mean():.1%} | {bias:+.1f} pp |"
    )


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
