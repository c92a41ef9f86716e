"""The lake as an IO manager: validates, stores, reads, and reports; a month in memory at most.

Belongs here: moving days between assets and the lake, and what the UI shows of each. Does not belong here:
layout and formats. An asset yields its days; they are stored as they are made, so memory does not grow with the range,
and days that were finished survive a failure.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import PrivateAttr

from pizza_assets.contracts import PERSONAL_COLUMNS
from pizza_assets.errors import RealDataError
from pizza_assets.lake.daily import AnyTable, open_days
from pizza_assets.lake.lock import WriterLock
from pizza_assets.lake.store import Metadata
from pizza_assets.lake.tables import DailyTable
from pizza_assets.platform import logs
from pizza_assets.platform.dagster_checks import Checking
from pizza_assets.platform.dagster_compat import DagsterAssetCheckFailedError
from pizza_assets.platform.dagster_failures import AT_ONCE_TAG, as_failure
from pizza_assets.platform.dagster_metrics import Batch, Meter
from pizza_assets.platform.dagster_resources import LakeResource
from pizza_assets.platform.http import counted_calls
from pizza_assets.platform.kept import Kept, sentences
from pizza_assets.platform.quality.measured import PREVIEW_ROWS, Item, MadeDay, made_days
from pizza_assets.platform.quality.sources import KEPT_FACT

#: One record for each day stored or kept, with ``asset``, ``day``, and ``reason`` where it was kept; the command line
#: draws its bars from it.
progress = logging.getLogger("pizza_assets.progress")


@dataclass(frozen=True)
class Days:
    """What a daily asset yields, made one after another while they are stored, and its checks, which measure each.

    While days that are ``side_by_side`` are asked for others may write to the lake: only storing each takes the lock.
    """

    items: Iterable[Item]
    checking: Checking
    side_by_side: bool = False


def preview(frame: pd.DataFrame) -> dg.TableMetadataValue:
    """Return the first rows as a table for the UI, without personal data: what is shown is kept in the event log."""
    shown = frame[[name for name in frame.columns if name not in PERSONAL_COLUMNS]]
    names = tuple(map(str, shown.columns))
    head = shown.head(PREVIEW_ROWS).to_numpy(dtype=object) if len(shown) else ()
    return dg.MetadataValue.table(
        records=[dg.TableRecord(dict(zip(names, map(str, row), strict=True))) for row in head],
        schema=_table_of(names),
    )


@cache
def _table_of(columns: tuple[str, ...]) -> dg.TableSchema:
    return dg.TableSchema(columns=[dg.TableColumn(name) for name in columns])


def _shown(asset: str, made: MadeDay) -> dict[str, Any]:
    """Return the metadata of each day in the UI: figures and short texts, for an event is stored twice for ever."""
    content = made.content
    facts = {name.replace("-", "_"): value for name, value in content.facts.items()}
    short = {name: value for name, value in facts.items() if isinstance(value, (int, float, str))}
    if made.first_rows is None:
        return short
    # Only what was collected can have rejects.
    counts = content.counts if asset.startswith("raw_") else {"rows": content.counts["rows"]}
    return {
        **counts,
        "data_source": content.data_source,
        "share_real": 1.0 if content.data_source == "real" else 0.0,
        **short,
    }


def _shown_of_newest(made: MadeDay, address: str) -> dict[str, Any]:
    """Return what the UI shows of a run's newest day beside its figures: where it lies, documents, its first rows."""
    facts = {name.replace("-", "_"): value for name, value in made.content.facts.items()}
    shown = {"path": address, **{name: value for name, value in facts.items() if isinstance(value, (dict, list))}}
    return shown if made.first_rows is None else {**shown, "preview": preview(made.first_rows)}


def _stored_or_kept(target: AnyTable, made: MadeDay) -> Kept | None:
    """Store a day, or tell why the real day that it would have replaced is kept."""
    try:
        target.replace(made.encoded)
    except RealDataError:
        return Kept(made.day, str(made.content.facts.get("reason") or "the source now gives mock data for it"))
    return None


def _shown_of_kept(kept: Kept, facts: Metadata) -> dict[str, Any]:
    """Return the metadata of a day that was kept in the UI: what is stored of it, and why it is still that."""
    return {
        **{name: int(facts[name]) for name in ("rows", "received", "rejected") if name in facts},
        "data_source": "real",
        "share_real": 1.0,
        KEPT_FACT: kept.reason,
    }


class LakeIOManager(dg.ConfigurableIOManager):
    """Stores ``Days`` and loads lazy ``DailyTable`` (``SalesTable``, ``DatedFiles``) views of the lake.

    An input may name the columns it reads: ``AssetIn(metadata={"columns": [...]})``.
    """

    lake: dg.ResourceDependency[LakeResource]
    metrics: dg.ResourceDependency[Batch]

    _lock: WriterLock | None = PrivateAttr(default=None)
    #: What the run knows of each data set: a listing takes a millisecond for each day in the lake.
    _opened: dict[str, AnyTable] = PrivateAttr(default_factory=dict)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Let other runs write."""
        self._let_others()

    def load_input(self, context: dg.InputContext) -> AnyTable:
        """Return a view of the upstream data set; nothing is read before a day is asked for."""
        columns = (context.definition_metadata or {}).get("columns")
        table = self._table(context.asset_key.path[-1])
        return table.view(columns) if isinstance(table, DailyTable) else table

    def _table(self, asset: str) -> AnyTable:
        if asset not in self._opened:
            self._opened[asset] = open_days(self.lake.store(), asset)
        return self._opened[asset]

    def handle_output(self, context: dg.OutputContext, obj: Days) -> Iterator[Any]:  # type: ignore[override] # a generator is allowed: it yields events
        """Check and store each day as it comes. When one fails, report those before it as materialized, then raise."""
        asset = context.asset_key.path[-1]
        checking = obj.checking
        stored: dict[str, Mapping[str, Any]] = {}
        try:
            try:
                self._put(obj, context.run_id, stored)
            finally:
                for sentence in sentences(checking.kept):
                    context.log.warning(f"{asset}: {sentence}")
        except Exception as error:
            for partition, metadata in stored.items():
                context.log_event(
                    dg.AssetMaterialization(context.asset_key, partition=partition, metadata=dict(metadata))
                )
            yield from context.consume_events()
            if rejection := checking.rejection(error, self.lake.store(), context.run_id):
                yield dg.DagsterEvent.asset_check_evaluation(context.step_context, rejection)
                raise DagsterAssetCheckFailedError(f"{asset}: {rejection.check_name} rejects a day. {error}") from error
            step = context.step_context
            policy = step.op_retry_policy
            is_left = policy is not None and step.previous_attempt_count < policy.max_retries
            with as_failure(may_retry=is_left and AT_ONCE_TAG not in step.dagster_run.tags):
                raise
        if stored and (plot := checking.plot_shown()):
            stored[max(stored)] = {"plot": plot, **stored[max(stored)]}
        for partition, metadata in stored.items():
            context.step_context.add_asset_metadata(dict(metadata), context.asset_key, partition)

    def _put(self, days: Days, run_id: str, stored: dict[str, Mapping[str, Any]]) -> None:
        """Make and store the days, judge them, and note of each in `stored` what the UI shows."""
        # A run that holds the lock already keeps it to its end.
        is_shared = days.side_by_side and self._lock is None
        if not is_shared:
            self._wait_for_others()
        checking, asset = days.checking, days.checking.asset
        target = self._table(asset)
        with logs.bound(run_id=run_id, asset=asset), counted_calls() as calls:
            meter, failed = Meter(calls, target.store), True
            newest: MadeDay | None = None
            try:
                for made in made_days(asset, checking.checks, run_id, meter.counted(days.items)):
                    started = monotonic()
                    self._wait_for_others()  # it is still ours: a lease on a bucket may be lost
                    of_day = {"asset": asset, "day": made.day, "partition": str(made.day)}
                    kept = made if isinstance(made, Kept) else _stored_or_kept(target, made)
                    if kept is None and isinstance(made, MadeDay):
                        checking.take(made)
                        figures = meter.day(made, monotonic() - started)
                        stored[str(made.day)] = {**_shown(asset, made), **figures}
                        newest = made
                        progress.info("stored %s %s", asset, made.day, extra=of_day)
                    elif kept is not None:
                        shown = _shown_of_kept(kept, target.keep(kept, run_id))
                        stored[str(kept.day)] = {**shown, **meter.asked_for(kept.day)}
                        checking.keep(kept)
                        progress.info("kept %s %s", asset, kept.day, extra={**of_day, "reason": kept.reason})
                    if is_shared:
                        self._let_others()
                self._wait_for_others()
                checking.judge(target, run_id)
                if newest:
                    beside = _shown_of_newest(newest, target.store.uri(newest.encoded.key))
                    stored[str(newest.day)] = {**stored[str(newest.day)], **beside}
                failed = False
            finally:
                if is_shared:
                    self._let_others()
                self.metrics.add(meter.measured(asset, run_id, failed=failed, checks_failed=checking.errors()))

    def _wait_for_others(self) -> None:
        if self._lock is None:
            self._lock = WriterLock(self.lake.store())
        self._lock.acquire()

    def _let_others(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None
