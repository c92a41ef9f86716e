"""What several assets make of a day, and what other processes make: between what is collected or stored, and the lake.

Belongs here: functions of one day. Does not belong here: arithmetic (``analysis``), which days are made, and storing
them; Dagster, which takes other processes seconds to import.
"""

from collections.abc import Collection, Mapping
from datetime import date, timedelta

import pandas as pd

from pizza_assets import contracts
from pizza_assets.analysis import alignment
from pizza_assets.analysis.analyse import Analysis, Prepared, analyse_prepared
from pizza_assets.analysis.events import match_events, played
from pizza_assets.analysis.volume import REPEATING, roll_up
from pizza_assets.football.football_data import unknown_clubs
from pizza_assets.football.mock import mock_matches
from pizza_assets.lake import formats
from pizza_assets.lake.layout import CORRELATION_FILES, Note
from pizza_assets.lake.tables import DailyTable, Day, Files, received_objects, records_at
from pizza_assets.lake.uncovered import UNCOVERED, uncovered_fact, unobserved
from pizza_assets.orders.collect import Collected, StoredMatches
from pizza_assets.platform.columns import Source
from pizza_assets.platform.quality.sources import FALLBACK, KEPT_FACT, UNKNOWN
from pizza_assets.platform.records import DayRecords, Rejected
from pizza_assets.settings import Settings

#: A finding: significant after Benjamini-Hochberg at this level.
ALPHA = 0.05
#: The fact of a real day of matches that names the competitions whose matches it knows.
COMPETITIONS = "competitions"


def source_of(table: DailyTable, day: date) -> Source:
    """Return whether a day of a table with a folder per source is real or mock."""
    source = table.stored[day].source
    if source is None:
        raise TypeError(f"{table.layout.name} has no folder per source")
    return source


def collected(of: Collected, planted: Mapping[str, float], *, is_set_up: bool) -> Day:
    """Return a collected day as the lake takes it; `is_set_up` tells whether a real source was there to ask."""
    facts: dict[str, object] = {"reason": of.reason} if of.reason else {}
    if of.data_source == "mock" and is_set_up:
        facts[FALLBACK] = True
    if of.data_source == "mock" and planted:
        facts["planted"] = planted
    if of.origin:
        facts["origin"] = of.origin
    if of.competitions:
        facts[COMPETITIONS] = " ".join(of.competitions)
    notes: dict[Note, str] = {}
    if of.kept:
        notes["kept"] = facts[KEPT_FACT] = _by_reason(of.kept)
    if of.unknown:
        facts["unknown-competitions"] = " ".join(of.unknown)
        notes["unknown"] = facts[UNKNOWN] = _by_reason(of.unknown)
    if of.data_source == "real" and of.competitions:
        _add_unknown_clubs(of.frame, facts, notes)
    if of.uncovered:
        facts[UNCOVERED] = uncovered_fact(of.uncovered)
    rejected, set_aside = (
        [{"reason": item.reason, "record": item.record} for item in items] for items in (of.rejected, of.set_aside)
    )
    received = of.received if of.data_source == "real" else None
    return Day(of.frame, of.data_source, received, rejected, of.raw, facts, notes, set_aside)


def _add_unknown_clubs(matches: pd.DataFrame, facts: dict[str, object], notes: dict[Note, str]) -> None:
    if clubs := unknown_clubs(matches):
        notes["unknown-clubs"] = "\n".join(clubs)
        facts["unknown-clubs"] = "; ".join(dict.fromkeys(clubs))


def _by_reason(of_competitions: Mapping[str, str]) -> str:
    return "; ".join(f"{competition}: {reason}" for competition, reason in of_competitions.items())


def stored_matches(table: DailyTable, day: date) -> StoredMatches | None:
    """Return a day of matches as the lake has it; None where it has none, or a mock one.

    Days that do not say whose matches they know are taken to know those of the competitions that have some.
    """
    if not table.is_real(day):
        return None
    where, store = table.layout, table.store
    frame = table[day]
    rejected = [Rejected(item["record"], item["reason"]) for item in records_at(store, where.rejected_key(day))]
    said = table.facts(day).get(COMPETITIONS)
    known = frame["competition"].unique().tolist() if said is None else said.split()
    return StoredMatches(DayRecords(frame, rejected, received_objects(store, where, day)), known)


def matches_around(raw_matches: DailyTable, settings: Settings, day: date) -> pd.DataFrame:
    """Return the matches that kick off from the day before `day` to the day after it.

    Beside a mock day, a day that the lake does not have yet is made, so that mock orders do not depend on
    the order in which days are made.
    """
    here = raw_matches.stored.get(day)
    frames = [raw_matches[day]] if here else []
    for neighbour in (day - timedelta(days=1), day + timedelta(days=1)):
        if neighbour in raw_matches.stored:
            frames.append(raw_matches[neighbour])
        elif here and here.source == "mock":
            frames.append(mock_matches(neighbour, settings))
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else contracts.empty(contracts.FOOTBALL_MATCHES)


def events(raw_matches: DailyTable, day: date) -> Day:
    """Return what happened in the day's matches."""
    matches = raw_matches[day]
    return Day(match_events(matches), source_of(raw_matches, day), facts={"played": len(played(matches))})


def volume(raw_orders: DailyTable, day: date) -> Day:
    """Return the day's orders, counted; cities of which the day does not tell all orders stay named."""
    orders = raw_orders.arrow(day, REPEATING)
    uncovered = raw_orders.facts(day).get(UNCOVERED)
    facts: dict[str, object] = {"orders": len(orders)} | ({UNCOVERED: uncovered} if uncovered else {})
    return Day(roll_up(orders), source_of(raw_orders, day), facts=facts)


def merged(raw_orders: DailyTable, raw_matches: DailyTable, day: date) -> Day:
    """Return the day's orders beside the matches around them; whole when the next day's matches are known.

    A match near midnight needs the day beside, which the table takes from the lake.
    """
    around = [raw_matches[near] for near in (day + timedelta(days=n) for n in (-1, 0, 1)) if near in raw_matches]
    is_complete = day + timedelta(days=1) in raw_matches
    frame = alignment.align(raw_orders.arrow(day, alignment.REPEATING), around, is_complete=is_complete)
    return Day(frame, source_of(raw_orders, day), facts={"is-complete": is_complete})


def read_window(
    order_volume: DailyTable, raw_matches: DailyTable, first: date, last: date, *, compacts: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame, Mapping[date, Source], pd.DataFrame]:
    """Return what an analysis of `first` to `last` reads.

    Volume, matches, where each day's orders are from, and the days of cities that are not known as a whole. With
    `compacts` the next analysis finds the months in one object each.
    """
    volume_rows, matches = (table.between(first, last, compacts=compacts) for table in (order_volume, raw_matches))
    facts = {day: order_volume.facts(day) for day in order_volume if first <= day <= last}
    sources: dict[date, Source] = {
        day: "real" if of_day["data-source"] == "real" else "mock" for day, of_day in facts.items()
    }
    return volume_rows, matches, sources, unobserved(facts, volume_rows["city"].unique())


def correlation_files(analysis: Analysis) -> Files:
    """Return an analysis as the files that the lake keeps of it."""
    results = analysis.results
    found = results[(results["q_value"] <= ALPHA) & results["verdict"].isin(["higher", "lower"])]
    content = (
        formats.csv_bytes(results),
        formats.csv_bytes(found),
        formats.json_bytes(analysis.summary),
    )
    facts = {"rows": len(results), "findings": len(found), "as-of": analysis.as_of.isoformat()}
    return Files(dict(zip(CORRELATION_FILES, content, strict=True)), facts)


def analysed(prepared: Prepared, window_days: int, focus_teams: Collection[str], as_of: date) -> Files:
    """Analyse the window that ends with a day, and return it as its files; any process can do it."""
    return correlation_files(analyse_prepared(prepared, as_of, window_days, focus_teams))
