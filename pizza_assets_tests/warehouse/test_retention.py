"""Retention: what leaves the warehouse is in the lake, whole, before it is deleted."""

import io
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest

from pizza_assets.errors import LakeError, WarehouseError
from pizza_assets.lake.store import Store
from pizza_assets.warehouse.connection import Connection, connect
from pizza_assets.warehouse.loader import load_day
from pizza_assets.warehouse.marts import refresh
from pizza_assets.warehouse.retention import archive, cutoff, due
from pizza_assets_tests.warehouse.shops import RETAILER, column, facts, one, sales

FEBRUARY, MARCH = date(2025, 2, 27), date(2025, 3, 1)


@pytest.fixture
def filled(connection: Connection) -> Connection:
    for retailer in (RETAILER, "dominos"):
        for number in range(4):
            day = FEBRUARY + timedelta(days=number)
            lines = [{"retailer_id": retailer, "transaction_id": f"T{number}-{item}"} for item in range(3)]
            load_day(connection, sales(*lines, day=day), retailer_id=retailer, source_day=day)
    correction = sales({"transaction_id": "T0-0", "quantity": 2}, day=FEBRUARY)
    load_day(connection, correction, retailer_id=RETAILER, source_day=FEBRUARY + timedelta(days=5))
    refresh(connection)
    return connection


def test_months_before_the_cutoff_move_to_the_lake(filled: Connection, store: Store) -> None:
    archived = list(archive(filled, store, MARCH))
    assert [(item.retailer_id, item.month, item.facts) for item in archived] == [
        (RETAILER, date(2025, 2, 1), 6), ("dominos", date(2025, 2, 1), 6)
    ]  # fmt: skip
    assert set(column(facts(filled), "calendar_date")) == {date(2025, 3, 1), date(2025, 3, 2)}
    table = pq.read_table(io.BytesIO(store.read(archived[0].key)))
    assert table.num_rows == 7
    assert archived[0].key.startswith("archive/fact_sales/retailer_1/year=2025/month=02/")
    first = table.slice(0, 2).to_pylist()
    assert [(row["transaction_id"], row["quantity"], row["total_amount"], row["is_superseded"]) for row in first] == [
        ("T0-0", 2, Decimal("5.00"), False),
        ("T0-0", 1, Decimal("2.50"), True),
    ]
    assert first[0]["sold_at"].isoformat() == "2025-02-27T12:00:00+00:00"
    assert one(filled, "SELECT sum(facts) FROM ops.archive") == 12
    assert one(filled, "SELECT count(*) FROM sales.fact_sales_superseded") == 0


def test_the_views_follow(filled: Connection, store: Store) -> None:
    list(archive(filled, store, MARCH))
    refresh(filled)
    assert one(filled, "SELECT min(sale_date) FROM marts.mv_daily_sales_summary") == MARCH


def test_what_is_archived_once_is_not_due_again(filled: Connection, store: Store) -> None:
    assert [(row[0], row[2], row[3]) for row in due(filled, MARCH)] == [
        (RETAILER, date(2025, 2, 1), 6), ("dominos", date(2025, 2, 1), 6)
    ]  # fmt: skip
    list(archive(filled, store, MARCH))
    assert due(filled, MARCH) == []
    assert list(archive(filled, store, MARCH)) == []


def test_late_rows_of_an_archived_month_get_an_object_of_their_own(filled: Connection, store: Store) -> None:
    first = list(archive(filled, store, MARCH))
    late = sales({"transaction_id": "late"}, day=FEBRUARY)
    load_day(filled, late, retailer_id=RETAILER, source_day=MARCH + timedelta(days=5))
    second = list(archive(filled, store, MARCH))
    assert [item.facts for item in second] == [1]
    assert second[0].key != first[0].key
    assert len(list(store.list("archive/"))) == 3


class _Forgetful:
    """A lake that loses what it is given."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def write(self, *_: Any) -> None:
        """Write nothing."""


class _Mixed(_Forgetful):
    """A lake that gives back something else."""

    def write(self, key: str, data: bytes, metadata: Any) -> None:
        table = pq.read_table(io.BytesIO(data))
        sink = io.BytesIO()
        pq.write_table(table.slice(1), sink)
        self._store.write(key, sink.getvalue(), metadata)


@pytest.mark.parametrize(("lake", "error"), [(_Forgetful, LakeError), (_Mixed, WarehouseError)])
def test_nothing_is_deleted_unless_the_lake_gives_it_back(
    filled: Connection, store: Store, lake: Any, error: type[Exception]
) -> None:
    before = facts(filled)
    with pytest.raises(error):
        list(archive(filled, lake(store), MARCH))
    assert facts(filled) == before


class _Busy(_Forgetful):
    """A lake during whose writing somebody changes the facts past the loader."""

    database = ""

    def write(self, key: str, data: bytes, metadata: Any) -> None:
        self._store.write(key, data, metadata)
        with connect(self.database) as other:
            other.execute("DELETE FROM sales.fact_sales WHERE transaction_id = 'T0-1'")


def test_nothing_is_deleted_when_the_facts_change_meanwhile(
    filled: Connection, store: Store, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Busy, "database", database)
    with pytest.raises(WarehouseError, match="7 rows were archived, but 6 found to delete"):
        list(archive(filled, _Busy(store), MARCH))
    assert one(filled, "SELECT count(*) FROM sales.fact_sales WHERE retailer_key = 1") == 11


def test_the_loader_role_may_archive(filled: Connection, store: Store) -> None:
    filled.execute("SET ROLE loader")
    assert len(list(archive(filled, store, MARCH))) == 2


@pytest.mark.parametrize(
    ("today", "months", "expected"),
    [
        (date(2025, 3, 31), 1, date(2025, 2, 1)),
        (date(2025, 3, 1), 3, date(2024, 12, 1)),
        (date(2025, 1, 15), 24, date(2023, 1, 1)),
        (date(2025, 12, 5), 0, date(2025, 12, 1)),
    ],
)
def test_whole_months_are_kept(today: date, months: int, expected: date) -> None:
    assert cutoff(today, months) == expected
