"""From the lake into the warehouse, in portions."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from pizza_assets.errors import LakeError
from pizza_assets.lake import layout, open_lake
from pizza_assets.lake.sales import SalesDay, SalesTable
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.warehouse import bulk, intake
from pizza_assets.warehouse.calendar import MatchDate
from pizza_assets.warehouse.connection import Connection, connect
from pizza_assets.warehouse.migrations import migrate
from pizza_assets_tests.frames import match_row, matches_frame
from pizza_assets_tests.warehouse.shops import DAY, RETAILER, column, facts, one, sales

DAYS = [DAY + timedelta(days=number) for number in range(5)]


@pytest.fixture
def lake(tmp_path: Path) -> Store:
    store = open_lake(str(tmp_path))
    table = SalesTable(store, layout.SALES_TABLES["raw_retailer_1"])
    for number, day in enumerate(DAYS[:4]):
        lines = [{"transaction_id": f"T{number}-{item}"} for item in range(3)]
        records = [{"reason": "broken", "record": {}}] * number
        table.put(day, SalesDay(sales(*lines, day=day), "mock", rejected=records), "run")
    return store


def test_the_audit_is_the_checkpoint(connection: Connection, lake: Store) -> None:
    list(intake.load_from_lake(connection, lake, RETAILER, DAYS[1:3]))
    assert intake.days_to_load(connection, lake, RETAILER, DAYS[0], DAYS[-1]) == [DAYS[0], DAYS[3]]
    assert intake.days_to_load(connection, lake, RETAILER, DAYS[0], DAYS[1], replace=True) == DAYS[:2]
    assert one(connection, "SELECT sum(rejected) FROM ops.load_audit") == 3


@pytest.mark.parametrize(("lines_at_once", "transactions"), [(1, 4), (6, 2), (1000, 1)])
def test_days_that_take_the_fast_way_go_in_portions(
    connection: Connection, lake: Store, monkeypatch: pytest.MonkeyPatch, lines_at_once: int, transactions: int
) -> None:
    monkeypatch.setattr(intake, "LINES_AT_ONCE", lines_at_once)
    monkeypatch.setattr(bulk, "pays", lambda *_: True)
    assert len(list(intake.load_from_lake(connection, lake, RETAILER, DAYS[:4]))) == 4
    assert one(connection, "SELECT count(DISTINCT xmin::text) FROM ops.load_audit") == transactions


def test_all_other_days_are_a_transaction_each(connection: Connection, lake: Store) -> None:
    list(intake.load_from_lake(connection, lake, RETAILER, DAYS[:4]))
    assert one(connection, "SELECT count(DISTINCT xmin::text) FROM ops.load_audit") == 4


@pytest.mark.parametrize("is_bulk", [False, True])
def test_the_days_before_one_that_the_lake_lacks_are_loaded(
    connection: Connection, lake: Store, monkeypatch: pytest.MonkeyPatch, *, is_bulk: bool
) -> None:
    monkeypatch.setattr(bulk, "pays", lambda *_: is_bulk)
    loads = intake.load_from_lake(connection, lake, RETAILER, DAYS)
    with pytest.raises(LakeError, match=r"day=07.*does not exist"):
        list(loads)
    assert sorted(set(column(facts(connection), "source_day"))) == DAYS[:4]


def test_a_day_with_unknown_matches_has_some_or_is_not_told(tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path))
    at_noon = [datetime.combine(day, time(12), UTC) for day in DAYS[:3]]
    one_match, none = matches_frame([match_row("1", at_noon[0])]), matches_frame([])
    unknown: Mapping[layout.Note, str] = {"unknown": "CL: found 403"}
    table = DailyTable(lake, layout.RAW_MATCHES)
    table.put(DAYS[0], Day(one_match, "real", notes=unknown), "run")
    table.put(DAYS[1], Day(none, "real", notes=unknown), "run")
    table.put(DAYS[2], Day(none, "real"), "run")
    assert intake.match_dates(lake, DAYS[0], DAYS[-1]) == [MatchDate(DAYS[0], 1, "real"), MatchDate(DAYS[2], 0, "real")]


def test_a_lost_database_has_the_same_facts_again_from_the_lake(
    connection: Connection, empty_database: str, lake: Store
) -> None:
    list(intake.load_from_lake(connection, lake, RETAILER, DAYS[:4]))
    before = facts(connection)
    with connect(empty_database) as another:
        migrate(another)
        lost = intake.days_to_load(another, lake, RETAILER, DAYS[0], DAYS[-1])
        list(intake.load_from_lake(another, lake, RETAILER, lost))
        again = facts(another)
    assert len(before) == 12
    assert again == before
