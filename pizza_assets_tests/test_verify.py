"""What ``verify`` says of a lake that changes while it reads, and of copies that are not whole."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import RAW_ORDERS
from pizza_assets.lake.store import LocalStore, Store
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.lake.verify import verify
from pizza_assets.operations import expected_partitions
from pizza_assets_tests.frames import orders_frame
from pizza_assets_tests.operations.test_expected_partitions import put

DAY = date(2024, 2, 29)
NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
REAL, MOCK = orders_frame([NOON] * 2, ["Liverpool"] * 2), orders_frame([NOON], ["Liverpool"], source="mock")


def replacing(store: Store, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    """Let another run replace the mock day by a real one just before `operation` is done the first time."""
    todo, method = [1], getattr(store, operation)

    def first_replace(key: str) -> object:
        if todo and key == RAW_ORDERS.key(DAY, "mock"):
            todo.clear()
            DailyTable(store, RAW_ORDERS).put(DAY, Day(REAL, "real"), "run 2")
        return method(key)

    monkeypatch.setattr(store, operation, first_replace)


@pytest.mark.parametrize("operation", ["read", "metadata"])
def test_a_day_that_is_replaced_meanwhile_is_no_problem(
    store: Store, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    DailyTable(store, RAW_ORDERS).put(DAY, Day(MOCK, "mock"), "run 1")
    replacing(store, monkeypatch, operation)
    assert verify(store).problems == []
    assert DailyTable(store, RAW_ORDERS).stored[DAY].source == "real"


def test_catch_up_sees_a_day_that_is_replaced_meanwhile(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, DAY)
    store.delete(RAW_ORDERS.key(DAY, "real"))
    DailyTable(store, RAW_ORDERS).put(DAY, Day(MOCK, "mock"), "run 1")
    replacing(store, monkeypatch, "list")
    assert DAY in expected_partitions.collected_at(store, [DAY])


def test_a_lake_that_was_copied_while_a_run_wrote_names_the_day_and_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, copy = LocalStore(tmp_path / "lake"), tmp_path / "copy"
    DailyTable(store, RAW_ORDERS).put(DAY, Day(orders_frame([NOON], ["Liverpool"]), "real"), "run 1")
    shutil.copytree(store.root / ".metadata", copy / ".metadata")
    DailyTable(store, RAW_ORDERS).put(DAY, Day(REAL, "real"), "run 2")
    shutil.copytree(store.root, copy, ignore=shutil.ignore_patterns(".metadata"), dirs_exist_ok=True)
    command = f"pizza-assets backfill --from {DAY} --to {DAY} --select 'raw_orders+'"
    (problem,) = verify(open_lake(str(copy))).problems
    assert "20240229_000000_orders.parquet is damaged" in problem
    assert problem.endswith(f" To mend it: {command}")
    DailyTable(open_lake(str(copy)), RAW_ORDERS).put(DAY, Day(REAL, "real"), "run 3")
    assert verify(open_lake(str(copy))).problems == []


def test_without_metadata_real_days_count_as_real_and_each_names_its_command(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    DailyTable(store, RAW_ORDERS).put(DAY, Day(REAL, "real"), "run 1")
    shutil.rmtree(tmp_path / ".metadata")
    (problem,) = verify(store).problems
    assert "has no metadata" in problem
    assert "To mend it: pizza-assets backfill" in problem
    assert DailyTable(store, RAW_ORDERS).is_real(DAY)
