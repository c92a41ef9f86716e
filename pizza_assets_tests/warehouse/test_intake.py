"""From the lake into the warehouse, in portions."""

from datetime import timedelta
from pathlib import Path

import pytest

from pizza_assets.errors import LakeError
from pizza_assets.lake import layout, open_lake
from pizza_assets.lake.sales import SalesDay, SalesTable
from pizza_assets.lake.store import Store
from pizza_assets.warehouse import bulk, intake
from pizza_assets.warehouse.connection import Connection
from pizza_assets_tests.warehouse.shops import DAY, RETAILER, column, facts, one, sales

DAYS = [DAY + timedelta(days=number) for number in range(5)]


@pytest.fixture
def lake(tmp_path: Path) -> Store:
    store = open_lake(str(tmp_path))
    table = SalesTable(store, layout.SALES_TABLES["raw_retailer_1"])
    for number, day in enumerate(DAYS[:4]):
        lines = [{"transaction_id": f"T{number}-{item}"} for item in range(3)]
        refused = [{"reason": "broken", "record": {}}] * number
        table.put(day, SalesDay(sales(*lines, day=day), "mock", rejected=refused), "run")
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
