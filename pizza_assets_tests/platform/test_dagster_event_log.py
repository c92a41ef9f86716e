"""Dagster's event log with kept connections: the same events, readable by Dagster's own storage."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy
from dagster._core.storage.event_log import SqliteEventLogStorage

from pizza_assets.platform import dagster_event_log as event_log
from pizza_assets.platform.dagster_event_log import KeptSqliteEventLog


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    ours = {"module": "pizza_assets.platform.dagster_event_log", "class": "KeptSqliteEventLog"}
    overrides = {"event_log_storage": {**ours, "config": {"base_dir": str(tmp_path / "events")}}}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=overrides) as instance:
        yield instance


@dg.asset(
    partitions_def=dg.StaticPartitionsDefinition(["a", "b"]),
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[dg.AssetCheckSpec("is_letter", asset="letters")],
)
def letters(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg] # bare, with checks
    for key in context.partition_keys:
        context.add_asset_metadata({"letter": key}, partition_key=key)
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="is_letter")])


def materialize(instance: dg.DagsterInstance) -> str:
    tags = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "b"}
    result = dg.materialize([letters], instance=instance, tags=tags)
    assert result.success
    return result.run_id


def stored(instance: dg.DagsterInstance) -> set[tuple[str, str]]:
    records = instance.fetch_materializations(letters.key, limit=100).records
    return {(record.run_id, record.partition_key) for record in records}


def test_each_event_of_each_run_is_there_and_dagsters_own_storage_reads_them(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    assert isinstance(instance.event_log_storage, KeptSqliteEventLog)
    runs = [materialize(instance) for _ in range(3)]
    assert stored(instance) == {(run, key) for run in runs for key in "ab"}
    own = SqliteEventLogStorage(str(tmp_path / "events"))
    for run in runs:  # the log of each run, the earlier ones reopened
        ours = instance.all_logs(run)
        assert [entry.event_log_entry for entry in own.get_records_for_run(run).records] == ours
        assert any(entry.dagster_event_type == dg.DagsterEventType.RUN_SUCCESS for entry in ours)


def test_of_a_range_a_run_keeps_one_event_and_the_index_has_each_day(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    run = materialize(instance)
    of_run = [entry for entry in instance.all_logs(run) if entry.dagster_event_type is not None]
    kinds = [str(entry.dagster_event_type) for entry in of_run]
    for kind in (dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED):
        assert kinds.count(str(kind)) == 1
    assert stored(instance) == {(run, "a"), (run, "b")}
    with closing(sqlite3.connect(tmp_path / "events" / "index.db")) as index:
        assert index.execute("PRAGMA page_size").fetchone() == (32768,)
        texts = [text for (text,) in index.execute("SELECT event FROM event_logs")]
    assert not any('": ' in text or '"description":null,"entry_data"' in text for text in texts)


def test_runs_that_were_wiped_are_gone_and_new_ones_are_kept(instance: dg.DagsterInstance) -> None:
    materialize(instance)
    instance.wipe()
    assert stored(instance) == set()
    run = materialize(instance)
    assert stored(instance) == {(run, "a"), (run, "b")}
    instance.delete_run(run)
    assert instance.all_logs(run) == []


def known(instance: dg.DagsterInstance) -> dict[str, object]:
    """Return what Dagster and its UI know of the asset from the index, but for the run's id and the time."""
    planned = dg.EventRecordsFilter(dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, asset_key=letters.key)
    events = [record.event_log_entry for record in instance.fetch_materializations(letters.key, limit=100).records]
    (record,) = instance.get_asset_records([letters.key])
    (run,) = instance.get_runs()
    newest = record.asset_entry.last_materialization
    storage = instance.event_log_storage
    return {
        "metadata": [dict(event.asset_materialization.metadata) for event in events if event.asset_materialization],
        "tags": [set(tags) for tags in instance.get_event_tags_for_asset(letters.key)],
        "partitions": instance.get_materialized_partitions(letters.key),
        "planned": [record.partition_key for record in storage.get_event_records(planned)],
        "newest": newest and newest.asset_materialization and newest.asset_materialization.partition,
        "newest_id_is_an_event": newest
        and record.asset_entry.last_materialization_storage_id
        in {one.storage_id for one in instance.fetch_materializations(letters.key, limit=100).records},
        "last_run_is_the_run": record.asset_entry.last_run_id == run.run_id,
        "checks": [
            (record.status, record.partition)
            for record in storage.get_asset_check_execution_history(dg.AssetCheckKey(letters.key, "is_letter"), 100)
        ],
    }


def test_a_range_leaves_what_dagsters_own_storage_leaves(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "own")) as own:
        assert not isinstance(own.event_log_storage, KeptSqliteEventLog)
        for each in (instance, own):
            materialize(each)
        assert known(instance) == known(own)
        assert known(own)["partitions"] == {"a", "b"}


def test_connections_of_runs_and_events_wait_for_locks(tmp_path: Path) -> None:
    with closing(sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'any.db'}").connect()) as connection:
        waits = connection.execute(sqlalchemy.text("PRAGMA busy_timeout")).scalar()
    assert waits == event_log.LOCK_PATIENCE * 1000


def test_a_batch_that_meets_a_lock_on_the_index_is_counted_once(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster stores a failed batch again, event by event; the lock ends when it says that it does so."""

    class Stderr:
        def write(self, text: str) -> int:
            if text.startswith("Falling back"):
                said.append(text)
                other.rollback()
            return len(text)

        def __getattr__(self, name: str) -> object:
            return getattr(sys.__stderr__, name)

    said: list[str] = []

    @dg.asset(partitions_def=letters.partitions_def, backfill_policy=dg.BackfillPolicy.single_run())
    def numbers() -> None:
        other.execute("BEGIN EXCLUSIVE")

    tags = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "b"}
    with closing(sqlite3.connect(tmp_path / "events/index.db", isolation_level=None)) as other:
        monkeypatch.setattr(event_log, "LOCK_PATIENCE", 0.1)
        monkeypatch.setattr(sys, "stderr", Stderr())
        result = dg.materialize([numbers], instance=instance, tags=tags)
    assert result.success
    assert said
    made = instance.get_records_for_run(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    assert sorted(str(record.partition_key) for record in made) == ["a", "b"]
    index = instance.fetch_materializations(numbers.key, limit=100).records
    assert sorted(str(record.partition_key) for record in index) == ["a", "b"]
