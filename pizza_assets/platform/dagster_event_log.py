"""Dagster's SQLite event log, with its connections kept open and the events of a range written together.

Belongs here: this one storage. Does not belong here: events of our own.
Dagster 1.13 opens a new SQLAlchemy engine for each event, and so compiles every statement again; and it stores the
events of a range one by one, although it hands them over in batches to a storage that asks. A range run of 300 days
over 7 assets that do nothing spends 54 CPU-s on that, 18 with engines kept, and 2.5 with batches too; what is stored
is the same. dagster.yaml names this class; take it out there and all works as before, only slower.
"""

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import sqlalchemy

from pizza_assets.platform.dagster_compat import (
    ASSET_EVENTS,
    INDEX_SHARD_NAME,
    SQLITE_BUSY_TIMEOUT_SECONDS,
    AssetCheckExecutionRecordStatus,
    AssetCheckExecutionsTable,
    ConfigurableClassData,
    EventLogEntry,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
)
from pizza_assets.platform.quality.sources import FALLBACK, KEPT_FACT, UNKNOWN

#: How many events of a range Dagster hands over at once; it takes the number from the environment only.
_BATCH_SIZE = "DAGSTER_EVENT_BATCH_SIZE", "200"

#: Seconds that a statement waits for a lock of another process, such as a backup, before it fails.
LOCK_PATIENCE = 60.0


#: Bytes of a page of a new index: of SQLite's usual 4096 a day's event leaves half unused.
_PAGE_SIZE = 32768
#: Facts of days, by their names in metadata, that alerts read in a run's own log (``alert_sources``).
_FACTS_OF_ALERTS = (FALLBACK.replace("-", "_"), KEPT_FACT, UNKNOWN)
#: What Dagster notes of a step that is no resource.
_NO_RESOURCE = {"resource_fn_name": "None", "resource_name": "None"}


def _described(item: dict[str, Any]) -> dict[str, Any]:
    """Return a part of an event without what Dagster reads as None when it is absent, or does not read."""
    if item.items() >= _NO_RESOURCE.items():
        return {name: value for name, value in item.items() if name not in _NO_RESOURCE}
    if item.get("__class__") == "EventMetadataEntry" and item.get("description") is None:
        return {name: value for name, value in item.items() if name != "description"}
    return item


@sqlalchemy.event.listens_for(sqlalchemy.Engine, "do_connect")
def _connect(dialect: sqlalchemy.Dialect, record: object, arguments: Sequence[Any], options: dict[str, Any]) -> Any:  # noqa: ANN401 a DBAPI connection, or None
    """Let each connection to SQLite wait for locks: of runs and schedules, Dagster's own wait 5 s.

    An index of events that is new gets pages of our size; one that is there keeps its own. Large pages would soon put
    what a statement may have to take back into TMPDIR, which may be full: memory holds it.
    """
    if dialect.name != "sqlite":
        return None
    options["timeout"] = LOCK_PATIENCE
    if not arguments or Path(str(arguments[0])).name != f"{INDEX_SHARD_NAME}.db":
        return None
    connection = dialect.connect(*arguments, **options)
    connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _is_of_alerts(event: str) -> bool:
    """Tell whether the metadata of an event, as it is stored, have a fact that alerts are made of."""
    return any(f'"label":"{name}"' in event for name in _FACTS_OF_ALERTS)


class KeptSqliteEventLog(SqliteEventLogStorage):
    """Keeps the engine of the index and of the run that was used last, and writes batches in two transactions.

    Of a batch, such as the days of a range, a run's own log keeps one event for each asset: the index has all of them,
    and all that Dagster shows of assets and their days is read there.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, sqlalchemy.Engine] = {}
        self._stored: list[EventLogEntry] = []
        os.environ.setdefault(*_BATCH_SIZE)
        super().__init__(base_dir, inst_data)
        self._db_lock = threading.RLock()  # type: ignore[assignment]  # a batch has two transactions open at once

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Return the storage that dagster.yaml describes."""
        return cls(inst_data=inst_data, **config_value)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events as `store_event` does one by one: all in their run's file, those of assets in the index too.

        Dagster answers a failure by storing the batch's events one by one. So that none is stored twice, nothing of a
        transaction is kept when the other cannot be written, and `store_event` passes over what was stored before.
        """
        self._stored = []
        together = [event for event in events if event.dagster_event_type in ASSET_EVENTS]
        rows = [self._event_to_row(event) for event in together]
        if not rows or len({row["run_id"] for row in rows}) > 1:
            for event in events:
                self._store_once(event)
            return
        newest = {row["asset_key"]: at for at, row in enumerate(rows)}
        with self.run_connection(rows[0]["run_id"]) as own, self.index_transaction() as connection:
            # The index has every day; the run's own log, which people and alerts read, has the newest of each asset in
            # the batch, and all days that alerts tell of.
            kept = [row for at, row in enumerate(rows) if at in newest.values() or _is_of_alerts(row["event"])]
            own.execute(SqlEventLogStorageTable.insert(), kept)
            with_ids = SqlEventLogStorageTable.insert().returning(
                SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
            )
            ids = list(connection.execute(with_ids, rows).scalars())
            self._store_asset_event_tags(connection, together, ids)
            for at in newest.values():
                self._store_asset_event(connection, together[at], ids[at])
        self._stored += together
        for event in events:
            if event.dagster_event_type not in ASSET_EVENTS:
                self._store_once(event)

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event, unless a batch that failed has stored it."""
        if not any(event is stored for stored in self._stored):
            super().store_event(event)

    def _event_to_row(self, event: EventLogEntry) -> dict[str, Any]:
        """Return the row of an event, its JSON without blanks and without descriptions of figures, which have none."""
        row: dict[str, Any] = super()._event_to_row(event)
        document = json.loads(row["event"], object_hook=_described)
        return {**row, "event": json.dumps(document, separators=(",", ":"))}

    def _store_once(self, event: EventLogEntry) -> None:
        super().store_event(event)
        self._stored.append(event)

    def _store_asset_check_evaluation_planned(self, event: EventLogEntry, event_id: int | None) -> None:
        """Note that a check is planned, once for a range: its result has no day.

        Dagster's own notes, one for each day and of 1.4 kB, would stay planned for ever.
        """
        planned = event.get_dagster_event().asset_check_planned_data
        days = list(planned.partitions_subset.get_partition_keys() if planned.partitions_subset else ())
        day = days[0] if len(days) == 1 else None
        stored = self._event_to_row(event)
        row = {
            "partition": day,
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": stored["run_id"],
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": stored["event"],
            "evaluation_event_timestamp": stored["timestamp"],
            "evaluation_event_storage_id": event_id,
        }
        with self.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.insert(), [row])

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sqlalchemy.Connection]:
        with self._db_lock:
            if shard not in self._initialized_dbs:  # new, or wiped: what is open may be a file that is gone
                self._close(shard)
            engine = self._engines.get(shard) or self._open(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _open(self, shard: str) -> sqlalchemy.Engine:
        for other in set(self._engines) - {INDEX_SHARD_NAME} if shard != INDEX_SHARD_NAME else ():
            self._close(other)
        self._engines[shard] = sqlalchemy.create_engine(
            self.conn_string_for_shard(shard), connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
        )
        return self._engines[shard]

    def _close(self, shard: str) -> None:
        if engine := self._engines.pop(shard, None):
            engine.dispose()

    def dispose(self) -> None:
        """Close what is open."""
        super().dispose()
        with self._db_lock:
            for shard in list(self._engines):
                self._close(shard)
