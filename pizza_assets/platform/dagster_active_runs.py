"""Active runs: the days that runs and backfills that have not ended write, or are going to.

Belongs here: reading Dagster's records of runs. Does not belong here: deciding what to do about it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from pizza_assets.platform.dagster_compat import (
    BaseAssetGraph,
    BulkActionsFilter,
    BulkActionStatus,
    DagsterDefinitionChangedDeserializationError,
    PartitionBackfill,
)

#: What Dagster notes of a failed run: that it starts it again, and with which run.
_WILL_RETRY_TAG, _RETRY_TAG = "dagster/will_retry", "dagster/auto_retry_run_id"
#: Dagster starts it again within seconds; longer, and something is wrong with that.
_RETRY_WITHIN, _NOTED_WITHIN = timedelta(minutes=15), timedelta(seconds=30)
PARTITION_TAG = "dagster/partition"
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
ACTIVE_RUNS = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
_ACTIVE_BACKFILLS = (BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING)


def range_tags(first: date, last: date) -> Mapping[str, str]:
    """Return the tags of a run over the days `first` to `last`."""
    return dict(zip(RANGE_TAGS, (first.isoformat(), last.isoformat()), strict=True))


def partitions_of(run: dg.DagsterRun) -> tuple[str, str] | None:
    """Return the first and the last partition of a run; None when it has none."""
    if RANGE_TAGS[0] in run.tags:
        return run.tags[RANGE_TAGS[0]], run.tags[RANGE_TAGS[1]]
    key = run.tags.get(PARTITION_TAG)
    return (key, key) if key else None


def active_days(
    instance: dg.DagsterInstance, graph: BaseAssetGraph[Any] | None, assets: set[dg.AssetKey], job: str
) -> set[date] | None:
    """Return the days of `assets` that active runs and backfills cover; None when that cannot be told.

    All runs of their `job` count, and those of others that name one of the assets. Backfills of assets are read with
    the `graph` that they were started on.
    """
    days: set[date] = set()
    for run in [*instance.get_runs(dg.RunsFilter(statuses=list(ACTIVE_RUNS))), *_about_to_be_retried(instance)]:
        span = partitions_of(run)
        selected = run.asset_selection or ()
        if span and (assets.intersection(selected) if selected else run.job_name == job):
            days |= _between(*span)
    for backfill in instance.get_backfills(filters=BulkActionsFilter(statuses=list(_ACTIVE_BACKFILLS))):
        keys = _keys(backfill, graph, assets)
        if keys is None:
            return None
        days |= {day for key in keys for day in _between(key, key)}
    return days


def is_to_be_retried(run: dg.DagsterRun) -> bool:
    """Tell whether Dagster starts a failed run again by itself: not one of the command line, which it cannot start."""
    return run.tags.get(_WILL_RETRY_TAG) == "true" and run.remote_job_origin is not None


def _about_to_be_retried(instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
    """Return the runs that have failed, and whose retry is not there yet.

    Dagster notes a moment after a run has failed whether it starts it again; until then it may.
    """
    if not instance.run_retries_enabled:
        return []
    now = datetime.now(UTC)
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=now - _RETRY_WITHIN)
    return [
        run
        for record in instance.get_run_records(failed)
        if _RETRY_TAG not in (run := record.dagster_run).tags
        and (
            is_to_be_retried(run)
            or (_WILL_RETRY_TAG not in run.tags and (record.end_time or 0) > (now - _NOTED_WITHIN).timestamp())
        )
    ]


def _keys(backfill: PartitionBackfill, graph: BaseAssetGraph[Any] | None, assets: set[dg.AssetKey]) -> set[str] | None:
    if not backfill.is_asset_backfill:
        return set(backfill.partition_names or ())
    if graph is None:
        return None
    try:
        target = backfill.get_asset_backfill_data(graph).target_subset
    except DagsterDefinitionChangedDeserializationError:
        return None
    subsets = target.partitions_subsets_by_asset_key
    return {key for asset in assets & set(subsets) for key in subsets[asset].get_partition_keys()}


def _between(first: str, last: str) -> set[date]:
    return set(_days(first, last))


def _days(first: str, last: str) -> Iterator[date]:
    try:
        day, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return  # partitions of another kind
    while day <= end:
        yield day
        day += timedelta(days=1)


def make_pools_known(instance: dg.DagsterInstance, graph: BaseAssetGraph[Any]) -> None:
    """Give every pool of the assets its default limit, where it has none yet.

    Dagster does so by itself when it takes runs out of the queue, but too late for those that it takes the very first
    time: these it starts together.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    known = storage.get_concurrency_keys()
    for pool in {pool for node in graph.asset_nodes for pool in node.pools or ()} - set(known):
        storage.initialize_concurrency_limit_to_default(pool)
