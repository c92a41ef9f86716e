"""Families: what is analysed together, and what is never pooled.

Belongs here: which orders, which baseline and which units make the real results, and which the mock ones. Does
not belong here: estimates.

A unit's window is **real** when its matches and all its order days are real; everything else is **mock**.

============  ==================  ====================  =============================================
family        orders              units                 baseline fitted on
============  ==================  ====================  =============================================
real          real                real matches          real-order days without mock matches (there
                                                        the real matches are unknown) and without
                                                        unknown ones, outside real matches' spans
mock          mock                all matches           mock-order days, outside all matches' spans
mock          real                with mock matches     real-order days without unknown matches,
                                                        outside all matches' spans
============  ==================  ====================  =============================================

So nothing mock ever reaches a real figure, and no expectation is fitted on orders of another source.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pizza_assets.analysis.contract import TIME_WINDOWS
from pizza_assets.analysis.grid import Bools, Grid, Ints, cumulated
from pizza_assets.analysis.overlaps import separated
from pizza_assets.analysis.uplift import Counts, Panel, build_panel, count_window, no_counts
from pizza_assets.analysis.windows import BINS_PER_DAY, Matches, spans_in, window_bins
from pizza_assets.platform.columns import SOURCES, Source


@dataclass(frozen=True)
class Selection:
    """Orders and matches of one trailing window.

    `units` are those that kick off in the window, `national` national teams' matches in it (as in `Matches`); `spans`
    are all spans that reach into it; `low` and `high` are the window's first bin and the first one after it (bins since
    1970); `unknown_days` are days (since 1970) of which not all matches are known.
    """

    grid: Grid
    units: pd.DataFrame
    memberships: pd.DataFrame
    spans: pd.DataFrame
    national: pd.DataFrame
    low: int
    high: int
    unknown_days: Ints

    @cached_property
    def n_weeks(self) -> int:
        """Number of local weeks in the grid, at least 1."""
        return int(self.grid.week.max() - self.grid.week.min()) + 1 if self.grid.n_bins else 1

    @cached_property
    def city(self) -> Ints:
        """Row of each unit's city in the grid; -1 for a city without orders."""
        rows: Ints = pd.Index(self.grid.cities).get_indexer(pd.Index(self.units["city"])).astype(np.int64)
        return rows

    @cached_property
    def days_with(self) -> dict[Source, Bools]:
        """Which days' orders are collected from each source."""
        return {source: self.grid.days_with(source) for source in SOURCES}

    @cached_property
    def panels(self) -> dict[tuple[Source, Source], Panel]:
        """Baselines by (source of orders, family)."""
        panels: dict[tuple[Source, Source], Panel] = {}
        spans = spans_in(self.grid.cities, self.spans)
        if self.days_with["mock"].any():
            panels["mock", "mock"] = build_panel(self.grid, "mock", spans)
        if self.days_with["real"].any():
            is_mock = (self.spans["data_source"] == "mock").to_numpy()
            days = np.arange(len(self.grid.day_source)) + self.grid.first_day
            is_unknown = np.isin(days, self.unknown_days)
            is_mock_day = np.isin(days, self.spans.loc[is_mock, "kick_off_bin"].to_numpy() // BINS_PER_DAY)
            of_real = spans_in(self.grid.cities, self.spans[~is_mock])
            panels["real", "real"] = build_panel(self.grid, "real", of_real, is_mock_day | is_unknown)
            if is_mock.any():
                panels["real", "mock"] = build_panel(self.grid, "real", spans, is_unknown)
        return panels

    def panel_of_orders(self, source: Source) -> Panel | None:
        """Return the baseline that orders of a source are shown against."""
        knows_real_matches = (self.spans["data_source"] == "real").any()
        by_preference: tuple[tuple[Source, Source], ...] = (
            (("real", "real"), ("real", "mock")) if knows_real_matches else (("real", "mock"), ("real", "real"))
        )
        keys = by_preference if source == "real" else (("mock", "mock"),)
        return next((self.panels[key] for key in keys if key in self.panels), None)


@dataclass(frozen=True)
class Family:
    """One source's units in the four windows; a unit that is not in the family is not clean in its counts.

    `city` is the row of each unit's city in the grid; -1 for a city without orders.
    """

    source: Source
    units: pd.DataFrame
    city: Ints
    memberships: pd.DataFrame
    is_member: dict[str, Bools]
    counts: dict[str, Counts]


def select(grid: Grid, matches: Matches, low_day: int, end_day: int) -> Selection:
    """Cut grid and matches to the days from `low_day` until before `end_day` (days since 1970)."""
    low, high = low_day * BINS_PER_DAY, end_day * BINS_PER_DAY
    first, end = np.searchsorted(matches.units["kick_off_bin"].to_numpy(), [low, high])
    members = matches.memberships[matches.memberships["unit"].between(first, end - 1)]
    reaches_in = matches.spans["kick_off_bin"].between(low - BINS_PER_DAY, high - 1)
    return Selection(
        grid=grid.between(low_day, end_day),
        units=matches.units.iloc[first:end].reset_index(drop=True),
        memberships=members.assign(unit=members["unit"] - first),
        spans=matches.spans[reaches_in],
        national=matches.national[matches.national["kick_off_bin"].between(low, high - 1)],
        low=low,
        high=high,
        unknown_days=matches.unknown_days,
    )


def families(selection: Selection) -> list[Family]:
    """Return the families that have orders or units, real first."""
    places = {name: window_bins(selection.units, name) for name in TIME_WINDOWS}
    windows = {name: label_and_count(selection, *place) for name, place in places.items()}
    counts = {name: of_window for name, (_, of_window) in windows.items()}
    for key, panel in selection.panels.items():
        chosen = {name: _chosen(selection, *place)[key] for name, place in places.items()}
        is_on = (selection.units["data_source"] == "real").to_numpy() | (key[1] == "mock")
        counts = separated(panel, selection.units, selection.city, is_on, counts, chosen)
    found = []
    for source in SOURCES:
        members = {name: is_real == (source == "real") for name, (is_real, _) in windows.items()}
        if selection.days_with[source].any() or any(is_member.any() for is_member in members.values()):
            of_source = {name: counts[name].only(members[name]) for name in counts}
            found.append(Family(source, selection.units, selection.city, selection.memberships, members, of_source))
    return found


def label_and_count(selection: Selection, start: Ints, end: Ints) -> tuple[Bools, Counts]:
    """Return which units' windows [start, end) are real, and count each against its own family's baseline."""
    chosen = _chosen(selection, start, end)
    counts = _counts(selection, ("mock", "mock"), start, end)
    for key in (("real", "real"), ("real", "mock")):
        if chosen[key].any():
            counts = counts.replaced(chosen[key], _counts(selection, key, start, end))
    return chosen["real", "real"], counts


def _chosen(selection: Selection, start: Ints, end: Ints) -> dict[tuple[Source, Source], Bools]:
    """Return which units' windows [start, end) are counted on which panel (source of orders, family)."""
    first, last = selection.grid.days_within(start, end)
    days = {source: cumulated(with_source) for source, with_source in selection.days_with.items()}
    has_mock_orders, has_real_orders = (days[source][last] > days[source][first] for source in ("mock", "real"))
    is_real = (selection.units["data_source"] == "real").to_numpy() & ~has_mock_orders
    from_real_orders = has_real_orders & ~has_mock_orders & ~is_real
    return {
        ("mock", "mock"): ~is_real & ~from_real_orders,
        ("real", "real"): is_real,
        ("real", "mock"): from_real_orders,
    }


def _counts(selection: Selection, key: tuple[Source, Source], start: Ints, end: Ints) -> Counts:
    """Count windows on a panel; without one, nothing is observed."""
    panel = selection.panels.get(key)
    return (
        no_counts(len(selection.units), selection.n_weeks)
        if panel is None
        else count_window(panel, selection.units, selection.city, start, end)
    )
