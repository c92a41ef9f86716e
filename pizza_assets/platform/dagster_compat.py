"""The private parts of Dagster that we use: all of them, each with its reason.

Belongs here: imports from ``dagster._...``, and the names of private members that our subclasses use. Does not belong
here: using them. A test holds that no other module imports private parts, and names what a new Dagster has moved.
"""

from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.errors import (
    DagsterAssetCheckFailedError,
    DagsterDefinitionChangedDeserializationError,
    DagsterExecutionInterruptedError,
)
from dagster._core.events import ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._serdes import ConfigurableClassData

#: Why each name is needed; Dagster exports none of them.
REASONS = {
    "ASSET_EVENTS": "the event log writes events of assets into the index too",
    "AssetCheckExecutionRecordStatus": "the event log notes planned checks",
    "AssetCheckExecutionsTable": "the event log notes planned checks",
    "BaseAssetGraph": "the type of the graph on which backfills are read",
    "BulkActionStatus": "which backfills are active",
    "BulkActionsFilter": "the argument of the public get_backfills",
    "CheckRunHealthResult": "what a run launcher answers to run monitoring",
    "ConfigurableClassData": "how dagster.yaml configures a class",
    "DagsterAssetCheckFailedError": "what Dagster raises itself when a blocking check fails",
    "DagsterDefinitionChangedDeserializationError": "a backfill of assets that have changed since",
    "DagsterExecutionInterruptedError": "what Ctrl-C is in a run",
    "EventLogEntry": "what the event log stores",
    "FreshnessState": "the states of the public freshness policies",
    "INDEX_SHARD_NAME": "the file of the event log that is kept open",
    "LoadableTargetOrigin": "the origin of a job, so that the UI shows runs of the command line",
    "ManagedGrpcPythonEnvCodeLocationOrigin": "as LoadableTargetOrigin",
    "NoOpComputeLogManager": "runs of the command line copy no output: its processes print tracebacks at Ctrl-C",
    "PartitionBackfill": "what the public get_backfills returns",
    "RemoteJobOrigin": "as LoadableTargetOrigin",
    "RemoteRepositoryOrigin": "as LoadableTargetOrigin",
    "SQLITE_BUSY_TIMEOUT_SECONDS": "the event log opens its files as Dagster does",
    "SqlEventLogStorageTable": "the event log writes a batch in one statement",
    "SqliteEventLogStorage": "the event log is its subclass: connections stay open, batches are written together",
    "WorkerStatus": "what a run launcher answers to run monitoring",
}

#: Private members that our subclasses override or call, by the class that has them.
MEMBERS = {
    SqliteEventLogStorage: (
        "_connect", "_event_to_row", "_initdb", "_store_asset_check_evaluation_planned", "_store_asset_event",
        "_store_asset_event_tags",
    )
}  # fmt: skip

__all__ = [
    "ASSET_EVENTS",
    "INDEX_SHARD_NAME",
    "MEMBERS",
    "REASONS",
    "SQLITE_BUSY_TIMEOUT_SECONDS",
    "AssetCheckExecutionRecordStatus",
    "AssetCheckExecutionsTable",
    "BaseAssetGraph",
    "BulkActionStatus",
    "BulkActionsFilter",
    "CheckRunHealthResult",
    "ConfigurableClassData",
    "DagsterAssetCheckFailedError",
    "DagsterDefinitionChangedDeserializationError",
    "DagsterExecutionInterruptedError",
    "EventLogEntry",
    "FreshnessState",
    "LoadableTargetOrigin",
    "ManagedGrpcPythonEnvCodeLocationOrigin",
    "NoOpComputeLogManager",
    "PartitionBackfill",
    "RemoteJobOrigin",
    "RemoteRepositoryOrigin",
    "SqlEventLogStorageTable",
    "SqliteEventLogStorage",
    "WorkerStatus",
]
