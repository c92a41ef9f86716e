"""Which days are due, and which are missing: the calendar on all of its days, and what the lake says."""

import itertools
import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.lake import layout
from pizza_assets.lake.store import LocalStore, Store
from pizza_assets.operations import expected_partitions
from pizza_assets.operations.expected_partitions import (
    GRACE,
    ONE_DAY,
    blocks,
    collected_at,
    days_of_refresh,
    expected,
    last_refresh,
    missing,
)

LONDON = "Europe/London"
zones = st.sampled_from(
    [LONDON, "UTC", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland", "Pacific/Kiritimati"]
)
instants = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 Hypothesis adds the zone


@pytest.mark.parametrize(
    ("now", "at"),
    [
        ("2026-03-28T18:00", "2026-03-28T18:00"),  # GMT: 18:00 is 18:00 UTC
        ("2026-03-29T17:00", "2026-03-29T17:00"),  # the clock went forward at 01:00: 18:00 is 17:00 UTC
        ("2026-03-29T16:59", "2026-03-28T18:00"),
        ("2026-10-25T17:59", "2026-10-24T17:00"),  # the clock went back: 18:00 is 18:00 UTC again
        ("2026-10-25T18:00", "2026-10-25T18:00"),
    ],
)
def test_the_refresh_is_at_18_by_the_clock_on_the_wall(now: str, at: str) -> None:
    found = last_refresh(datetime.fromisoformat(now).replace(tzinfo=UTC), LONDON)
    assert found == datetime.fromisoformat(at).replace(tzinfo=UTC)


@given(instants, zones)
def test_the_last_refresh_is_one_of_each_local_day_and_never_ahead(now: datetime, zone: str) -> None:
    at = last_refresh(now, zone)
    assert at <= now < at + timedelta(hours=25)
    assert at.astimezone(ZoneInfo(zone)).time() == time(18)


@given(instants, zones, st.integers(1, 60))
def test_every_day_is_brought_by_one_refresh_and_completed_by_the_next(now: datetime, zone: str, number: int) -> None:
    refreshes, at = [], now
    for _ in range(number + 1):
        at = last_refresh(at, zone)
        refreshes.append(days_of_refresh(at))
        at -= timedelta(minutes=1)
    completed = [first for first, _ in refreshes]
    assert completed == [completed[0] - n * ONE_DAY for n in range(number + 1)], "no day is left out, none is twice"
    assert all(last == first + ONE_DAY for first, last in refreshes)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), UTC)


DAY = date(2026, 6, 10)


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        (at(DAY, 0, 5), DAY - ONE_DAY),  # yesterday was brought at 18:00
        (at(DAY, 17, 59), DAY - ONE_DAY),
        (at(DAY, 23), DAY - ONE_DAY),  # today has not ended
    ],
)
def test_days_are_expected_once_they_have_ended(now: datetime, newest: date) -> None:
    assert expected(DAY - 3 * ONE_DAY, now, "UTC")[-1] == newest


def test_a_day_whose_refresh_has_just_been_due_is_not_missed_yet() -> None:
    zone = "Pacific/Honolulu"  # 18:00 of the evening before is 04:00 UTC
    assert last_refresh(at(DAY, 4, 5), zone) == at(DAY, 4)
    before, after = at(DAY, 4, 29), at(DAY, 4, 31)
    stored = {DAY - ONE_DAY: at(DAY - ONE_DAY, 4, 1)}  # brought so far, not completed
    days = [DAY - ONE_DAY]
    assert missing(days, stored, before, zone) == []
    assert missing(days, stored, after, zone) == days


def test_a_day_that_was_stored_before_its_end_is_missed_only_after_the_refresh_that_completes_it() -> None:
    yesterday = DAY - ONE_DAY
    stored = {yesterday: at(yesterday, 18, 1)}
    assert missing([yesterday], stored, at(DAY, 17, 0), "UTC") == []
    assert missing([yesterday], stored, at(DAY, 18, 15), "UTC") == [], "the refresh is under way"
    assert missing([yesterday], stored, at(DAY, 18, 31), "UTC") == [yesterday]
    assert missing([yesterday], {yesterday: at(DAY, 18, 1)}, at(DAY, 18, 31), "UTC") == []


def test_after_a_week_without_a_daemon_the_unfinished_day_and_all_after_it_are_missing() -> None:
    stopped = DAY - 8 * ONE_DAY
    stored = {stopped - ONE_DAY: at(stopped, 18, 1), stopped: at(stopped, 18, 1)}
    now = at(DAY, 12)
    days = expected(stopped - 3 * ONE_DAY, now, "UTC")
    absent = missing(days, {**stored, stopped - 2 * ONE_DAY: at(stopped, 18, 1)}, now, "UTC")
    assert absent == [stopped + n * ONE_DAY for n in range(8)]
    assert list(blocks(absent, 366)) == [(stopped, DAY - ONE_DAY)]


@given(instants, zones)
def test_settled_days_are_never_missing_later(now: datetime, zone: str) -> None:
    after = now.date() - 5 * ONE_DAY
    days = expected(after, now, zone)
    stored = dict.fromkeys(days, now)
    settled = expected_partitions.settled(after, missing(days, stored, now, zone), now, zone)
    later = now + timedelta(days=3)
    assert missing([day for day in days if day <= settled], stored, later, zone) == []
    assert settled >= now.date() - 3 * ONE_DAY


@given(st.sets(st.integers(0, 60)), st.integers(1, 10))
def test_blocks_cover_the_days_and_nothing_else(numbers: set[int], longest: int) -> None:
    days = {DAY + number * ONE_DAY for number in numbers}
    found = list(blocks(days, longest))
    covered = [first + n * ONE_DAY for first, last in found for n in range((last - first).days + 1)]
    assert covered == sorted(days)
    assert all((last - first).days < longest for first, last in found)
    touching = [a for a, b in itertools.pairwise(found) if a[1] + ONE_DAY == b[0]]
    assert all((last - first).days == longest - 1 for first, last in touching), "only full blocks touch"


def test_grace_is_shorter_than_the_way_to_the_next_day() -> None:
    assert timedelta(0) < GRACE < timedelta(hours=6)


def put(store: Store, day: date, *, without: str = "") -> None:
    for name, where in layout.DAILY_TABLES.items():
        if name != without:
            store.write(where.key(day, "mock" if where.by_source else "real"), b"bytes", {})
    if without != "correlation_results":
        store.write(layout.dated_key(layout.CORRELATION_PREFIX, day, layout.CORRELATION_FILES[-1]), b"{}", {})


@pytest.mark.parametrize("absent", ["raw_matches", "raw_orders", "merged_orders", "correlation_results"])
def test_a_day_counts_when_every_layer_has_it(store: Store, absent: str) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)  # S3 tells whole seconds
    put(store, DAY)
    put(store, DAY + ONE_DAY, without=absent)
    found = collected_at(store, [DAY, DAY + ONE_DAY, DAY + 2 * ONE_DAY])
    assert list(found) == [DAY]
    assert before <= found[DAY] <= datetime.now(UTC) + timedelta(seconds=2)


def test_a_day_that_was_kept_counts_as_collected_then(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    put(store, DAY)
    old = datetime(2026, 6, 10, 18, tzinfo=UTC)
    for where in (layout.RAW_MATCHES, layout.RAW_ORDERS):
        os.utime(store.root / where.key(DAY, "mock"), (old.timestamp(), old.timestamp()))
        assert collected_at(store, [DAY]) == {DAY: old}
        store.write(where.note_key(DAY, "kept"), b"{}", {})
    assert collected_at(store, [DAY])[DAY] > old


def test_the_older_of_the_raw_data_tells_when_a_day_was_collected(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    put(store, DAY)
    key = layout.RAW_MATCHES.key(DAY, "mock")
    old = datetime(2026, 6, 10, 18, tzinfo=UTC)
    os.utime(store.root / key, (old.timestamp(), old.timestamp()))
    assert collected_at(store, [DAY]) == {DAY: old}
    store.write(layout.RAW_MATCHES.key(DAY, "real"), b"newer", {})
    assert collected_at(store, [DAY])[DAY] > old, "of two variants the newer one counts"
