"""The analysis as of a day: from volume and matches to results, units, anomalies and a summary.

Belongs here: the order of steps and the shape of what comes out. Does not belong here: any formula.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
from threadpoolctl import ThreadpoolController

from pizza_assets.analysis import coverage
from pizza_assets.analysis.anomalies import find_anomalies, hourly
from pizza_assets.analysis.family import Family, Selection, families, label_and_count, select
from pizza_assets.analysis.grid import Grid, build_grid, days_since_1970
from pizza_assets.analysis.insights import headline, sentence
from pizza_assets.analysis.jackknife import jackknife_error, student_interval
from pizza_assets.analysis.national import national_study
from pizza_assets.analysis.placebo import Placebo, diagnostics, why_doubtful
from pizza_assets.analysis.pooling import Effects, effects_of, groups_of
from pizza_assets.analysis.results import association_rows, nation_rows, national_rows, percent, unit_table, uplift_rows
from pizza_assets.analysis.uplift import uplift_of_sets
from pizza_assets.analysis.verdicts import Row, doubted, judge, share_of_season, too_few
from pizza_assets.analysis.windows import BINS_PER_DAY, BINS_PER_HOUR, NATIONAL_TEAMS, Matches, select_matches
from pizza_assets.contracts import CORRELATION_RESULTS, arrow_schema, from_arrow
from pizza_assets.football.contract import SIGNIFICANCES
from pizza_assets.platform.columns import SOURCES, Source
from pizza_assets.reference import cities

WINDOW_DAYS = 365
PROFILE_HOURS = range(-6, 9)
#: Matrices are small here: threads would cost half as much again, and the last digit of a sum depend on their number.
_THREADS = ThreadpoolController()


@dataclass(frozen=True)
class Prepared:
    """What does not depend on the 'as of' day: orders on the grid and matches as units."""

    grid: Grid
    matches: Matches
    unobserved: pd.DataFrame


@dataclass(frozen=True)
class Analysis:
    """The analysis as of a day over its trailing window.

    Attributes
    ----------
    as_of
        Last day of the window.
    results
        CORRELATION_RESULTS.
    summary
        JSON-able: window, and by source the counts, the headline uplift and the number of each verdict.
    unobserved
        Where orders were not observed although their day was collected, and takes no part: city, day (UTC,
        YYYY-MM-DD), hours, usual_orders (that the city would have had), reason, data_source.
    played
        The matches behind the units, and the others that were played.
    """

    as_of: date
    results: pd.DataFrame
    summary: dict[str, Any]
    selection: Selection
    families: list[Family]
    unobserved: pd.DataFrame
    played: pd.DataFrame

    @cached_property
    def pooled(self) -> dict[Source, Effects]:
        """What matches add, partially pooled by club, competition, stage and slot, by source; see `pooling`."""
        found = {}
        for family in self.families:
            groups = groups_of(family.units, family.memberships, self.played)
            found[family.source] = effects_of(family, groups)
        return found

    @cached_property
    def units(self) -> pd.DataFrame:
        """Every unit's windows: UNIT_UPLIFT."""
        return unit_table(self.families)

    @cached_property
    def expected(self) -> pd.DataFrame:
        """Orders and expected orders by city and hour: city, bin_start (UTC), data_source, orders, expected."""
        frames = []
        for source in SOURCES:
            panel = self.selection.panel_of_orders(source)
            if panel is not None:
                orders, expected, is_known = hourly(panel)
                city, hour = np.nonzero(is_known)
                frames.append(
                    pd.DataFrame(
                        {
                            "city": np.asarray(panel.grid.cities, dtype=object)[city],
                            "bin_start": panel.grid.instants(hour * BINS_PER_HOUR),
                            "data_source": source,
                            "orders": orders[city, hour].astype(np.int64),
                            "expected": expected[city, hour],
                        }
                    )
                )
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=_EXPECTED_COLUMNS)

    @cached_property
    def profile(self) -> pd.DataFrame:
        """Uplift by hour from kick-off, of all matches and of each significance; null below the minimum n."""
        return _profile(self.selection)

    @cached_property
    def anomalies(self) -> pd.DataFrame:
        """The spikes of the window: ANOMALIES."""
        return find_anomalies(self.selection)


_EXPECTED_COLUMNS = ["city", "bin_start", "data_source", "orders", "expected"]
_PROFILE_COLUMNS = ["hours_from_kickoff", "match_significance", "uplift_pct", "ci_low", "ci_high", "n", "data_source"]


def prepare(
    volume: pd.DataFrame,
    matches: pd.DataFrame,
    order_sources: Mapping[date, Source],
    unknown_days: Collection[date] = (),
    unobserved: pd.DataFrame | None = None,
) -> Prepared:
    """Put volume and matches into arrays, once for all days of a range; see `analyse`."""
    grid, known = build_grid(volume, order_sources), coverage.NONE_KNOWN if unobserved is None else unobserved
    grid = replace(grid, unobserved=coverage.marked(grid.cities, grid.first_bin, grid.n_bins, known))
    return Prepared(grid, select_matches(matches, unknown_days), known)


def analyse(  # noqa: PLR0913 each is an input of its own
    volume: pd.DataFrame,
    matches: pd.DataFrame,
    order_sources: Mapping[date, Source],
    as_of: date,
    window_days: int = WINDOW_DAYS,
    unknown_days: Collection[date] = (),
    *,
    focus_teams: Collection[str] = (),
    unobserved: pd.DataFrame | None = None,
) -> Analysis:
    """Analyse the `window_days` days up to and including `as_of` (UTC).

    Parameters
    ----------
    volume
        ORDER_VOLUME rows; may hold more days than the window.
    matches
        FOOTBALL_MATCHES rows; only finished ones with a score count.
    order_sources
        The days (UTC) that orders were collected for, and whether they are real or mock. An absent day is
        unobserved, and so is a silent run of a collected one (see `coverage`); fewer orders than that are a true zero.
    as_of, window_days
        The trailing window.
    unknown_days
        Days (UTC) of which not all matches are known. None of their hours counts as free of matches; the matches that
        are known count.
    focus_teams
        Clubs that somebody wants to know about, named before he saw an estimate; all by default. They are as
        important as all matches together, other clubs are not.
    unobserved
        Hours of cities that the caller knows to be unobserved: see `coverage.marked`.
    """
    prepared = prepare(volume, matches, order_sources, unknown_days, unobserved)
    return analyse_prepared(prepared, as_of, window_days, focus_teams)


def analyse_prepared(
    prepared: Prepared, as_of: date, window_days: int = WINDOW_DAYS, focus_teams: Collection[str] = ()
) -> Analysis:
    """Analyse a trailing window of prepared data; see `analyse`."""
    with _THREADS.limit(limits=1, user_api="blas"):
        return _analyse(prepared, as_of, window_days, focus_teams)


def _analyse(prepared: Prepared, as_of: date, window_days: int, focus_teams: Collection[str]) -> Analysis:
    end_day = days_since_1970(as_of) + 1
    selection = select(prepared.grid, prepared.matches, end_day - window_days, end_day)
    is_national = not prepared.grid.cities and prepared.grid.national.any()
    found = families(selection)
    rows = []
    for family in found:
        if is_national:
            rows += national_rows(family.source, *national_study(selection, prepared.matches, family.source))
        else:
            rows += uplift_rows(family) + association_rows(family, seed=end_day)
            rows += nation_rows(selection, family.source)
    missing = _unobserved(selection, prepared.unobserved)
    # A mock result may be of real orders around mock matches.
    n_days = {"real": selection.days_with["real"].sum(), "mock": (selection.grid.day_source > 0).sum()}
    rows = [row | {"share": share_of_season(int(n_days[row["data_source"]]))} for row in rows]
    tested = {family.source: diagnostics(selection, family) for family in found}
    why = {source: reason for source, of in tested.items() if (reason := why_doubtful(of))}
    judged = _told(doubted(judge(rows, focus_teams), why), as_of, selection)
    return Analysis(
        as_of=as_of,
        results=_frame(judged),
        summary=_summary(judged, found, prepared, selection, as_of, missing, tested),
        selection=selection,
        families=found,
        unobserved=missing,
        played=prepared.matches.played,
    )


def _unobserved(of: Selection, known: pd.DataFrame) -> pd.DataFrame:
    """Return what takes no part although its day was collected, by source, city and day."""
    grid, frames = of.grid, [coverage.NONE_MISSING]
    for source in SOURCES:
        panel = of.panel_of_orders(source)
        if panel is None:
            continue
        collected = np.repeat(of.days_with[source], BINS_PER_DAY)
        spans = {
            str(reason): coverage.marked(grid.cities, grid.first_bin, grid.n_bins, rows) & collected
            for reason, rows in known.groupby("reason", sort=True)
        }
        for reason, bins in (spans | {coverage.SILENCE: panel.silent}).items():
            frame = coverage.by_day(grid.cities, grid.first_day, bins, panel.usual, reason)
            frames.append(frame.assign(data_source=source))
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)


def _told(judged: list[Row], as_of: date, of: Selection) -> list[Row]:
    """Return results with their ids, what they are made of, and the sentence that tells them."""
    quality, day = _data_quality(of), as_of.isoformat()
    key = ("data_source", "scope", "factor", "method", "time_window")
    return [
        row
        | {
            "as_of": day,
            "analysis_id": "|".join((day, *(row[name] for name in key))),
            "data_quality": quality[row["data_source"]],
            "pattern_description": sentence(row),
        }
        for row in judged
    ]


def _frame(rows: list[Row]) -> pd.DataFrame:
    table = pyarrow.Table.from_pylist(rows, schema=arrow_schema(CORRELATION_RESULTS))
    return from_arrow(table, CORRELATION_RESULTS)


def _data_quality(of: Selection) -> dict[str, str]:
    """Return the share of real records in what each family is made of."""
    by_day = of.grid.national.reshape(-1, BINS_PER_DAY).sum(axis=1)
    orders = {source: float(by_day[of.days_with[source]].sum()) for source in SOURCES}
    sources = of.units["data_source"]
    quality = {"real": "100 % of orders and 100 % of kick-offs are real"}
    rest = sources == "mock" if orders["mock"] == 0 else sources != ""
    shares = [
        orders["real"] / sum(orders.values()) if sum(orders.values()) and orders["mock"] == 0 else 0.0,
        float((sources[rest] == "real").mean()) if rest.any() else 0.0,
    ]
    quality["mock"] = "{:.0f} % of orders and {:.0f} % of kick-offs are real".format(*(100 * s for s in shares))
    return quality


def _profile(of: Selection) -> pd.DataFrame:
    frames = []
    kick_off = of.units["kick_off_bin"].to_numpy(dtype=np.int64)
    significance = of.units["match_significance"].to_numpy()
    names = ("all", *SIGNIFICANCES)
    sets = np.array([np.ones(len(kick_off), dtype=bool), *(significance == name for name in SIGNIFICANCES)])
    for hour in PROFILE_HOURS if len(kick_off) else ():
        start = kick_off + hour * BINS_PER_HOUR
        is_real, counts = label_and_count(of, start, start + BINS_PER_HOUR)
        for source in SOURCES:
            uplift = uplift_of_sets(counts.only(is_real == (source == "real")), sets)
            error = jackknife_error(uplift.log_ratio_without)
            interval = student_interval(uplift.log_ratio, error, uplift.degrees)
            few = [bool(too_few(*size)) for size in zip(uplift.n_units, uplift.n_weeks, strict=True)]
            numbers = {"uplift_pct": uplift.log_ratio, "ci_low": interval.low, "ci_high": interval.high}
            frame = pd.DataFrame({name: np.where(few, np.nan, percent(values)) for name, values in numbers.items()})
            frame = frame.assign(
                hours_from_kickoff=hour, match_significance=names, n=uplift.n_units, data_source=source
            )
            frames.append(frame[frame["n"] > 0])
    if not frames:
        return pd.DataFrame(columns=_PROFILE_COLUMNS)
    return pd.concat(frames, ignore_index=True)[_PROFILE_COLUMNS]


def _summary(  # noqa: PLR0913, PLR0917 each is a part of it
    results: list[Row],
    found: list[Family],
    prepared: Prepared,
    of: Selection,
    as_of: date,
    unobserved: pd.DataFrame,
    tested: Mapping[Source, Mapping[str, Mapping[str, Placebo]]],
) -> dict[str, Any]:
    window_days = (of.high - of.low) // BINS_PER_DAY
    by_source = {family.source: _source_summary(results, family, of, unobserved) for family in found}
    for source, of_source in tested.items():
        by_source[source] |= {
            name: {window: asdict(diagnostic) for window, diagnostic in of_windows.items()}
            for name, of_windows in of_source.items()
        }
    return {
        "as_of": as_of.isoformat(),
        "window_start": (as_of - timedelta(days=window_days - 1)).isoformat(),
        "window_days": window_days,
        "mode": "by city" if prepared.grid.cities else "national",
        "sources": by_source,
        **_ignored(prepared, of),
    }


def _ignored(prepared: Prepared, of: Selection) -> dict[str, dict[str, int]]:
    """Return how many matches and orders of the window do not count, by reason."""
    matches, orders, national = prepared.matches.ignored, prepared.grid.ignored, prepared.matches.national
    sells = national["country"].isin({cities()[name].country for name in prepared.grid.cities})
    is_asked = (matches["reason"] == NATIONAL_TEAMS) & matches["match_id"].isin(national.loc[sells, "match_id"])
    reasons = matches.loc[matches["kick_off_bin"].between(of.low, of.high - 1) & ~is_asked, "reason"]
    days = orders["day"].between(of.low // BINS_PER_DAY, of.high // BINS_PER_DAY - 1)
    return {
        "matches_ignored": dict(Counter(reasons.tolist()).most_common()),
        "orders_ignored": orders[days].groupby("reason")["orders"].sum().to_dict() if days.any() else {},
    }


def _source_summary(results: list[Row], family: Family, of: Selection, unobserved: pd.DataFrame) -> dict[str, Any]:
    mine = [row for row in results if row["data_source"] == family.source]
    members = np.any(list(family.is_member.values()), axis=0)
    matches = {match for ids in family.units["match_ids"].to_numpy()[members] for match in ids.split()}
    days, orders = of.days_with[family.source], of.grid.orders_until[family.source]
    by_window = headline(mine)
    return {
        "n_matches": len(matches),
        "n_units": int(members.sum()),
        "n_days": int(days.sum()),
        "orders": int(of.grid.national[np.repeat(days, BINS_PER_DAY)].sum()),
        "orders_by_city": int((orders[:, -1] - orders[:, 0]).sum()),
        "headline": by_window.get("during_match"),
        "by_window": by_window,
        "unobserved": unobserved.loc[unobserved["data_source"] == family.source, coverage.SHOWN].to_dict("records"),
        "verdicts": dict(Counter(row["verdict"] for row in mine).most_common()),
    }
