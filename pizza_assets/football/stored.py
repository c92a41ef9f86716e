"""Matches between collecting and the lake: a collected day to store, and stored days to read."""

from dataclasses import replace
from datetime import date, timedelta

import pandas as pd

from pizza_assets.contracts import FOOTBALL_MATCHES, empty
from pizza_assets.football.collect import StoredMatches
from pizza_assets.football.football_data import unknown_clubs
from pizza_assets.football.mock import mock_matches
from pizza_assets.lake.tables import DailyTable, Day, received_objects, records_at
from pizza_assets.platform.collected import COMPETITIONS, Collected, day_of
from pizza_assets.platform.records import DayRecords, Rejected
from pizza_assets.settings import Settings


def matches_day(collected: Collected, *, is_set_up: bool) -> Day:
    """Return a collected day of matches as the lake takes it, with the clubs of a real one whose city is not known."""
    day = day_of(collected, is_set_up=is_set_up)
    clubs = unknown_clubs(day.frame) if day.data_source == "real" else []
    if not clubs:
        return day
    return replace(
        day,
        facts={**day.facts, "unknown-clubs": "; ".join(dict.fromkeys(clubs))},
        notes={**day.notes, "unknown-clubs": "\n".join(clubs)},
    )


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
    return pd.concat(filled, ignore_index=True) if filled else empty(FOOTBALL_MATCHES)
