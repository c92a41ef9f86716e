"""The lake as an IO manager: range-native, a month in memory at most.

Belongs here: moving days between assets and the lake, and what the UI shows of each. Does not belong here:
layout and formats. An asset returns ``Days``, a lazy sequence; days are stored as they are made, so memory
does not grow with the range, and days that were finished survive a failure.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import dagster as dg
import pandas as pd
from dagster._core.errors import DagsterAssetCheckFailedError  # what Dagster raises itself, and does not export
from pydantic import PrivateAttr

from pizza_assets import logs
from pizza_assets.defs.checks import Checking
from pizza_assets.defs.failures import as_failure
from pizza_assets.defs.metrics import Batch, Meter
from pizza_assets.defs.resources import LakeResource
from pizza_assets.lake import layout
from pizza_assets.lake.lock import WriterLock
from pizza_assets.lake.sales import Content, SalesTable
from pizza_assets.lake.tables import DailyTable, DatedFiles, Files
from pizza_assets.sources.http import counted_calls

#: One record for each day stored, with ``asset`` and ``day``; the command line draws its bars from it.
progress = logging.getLogger("pizza_assets.progress")

_PREFIXES = {
    "correlation_results": layout.CORRELATION_PREFIX,
    "dashboard_data": layout.DASHBOARD_PREFIX,
}
_PREVIEW_ROWS = 3
#: Days are judged and stored together, up to this many of them or of rows: much of the work on a day does not depend
#: on its rows.
_DAYS_AT_ONCE, _ROWS_AT_ONCE = 31, 100_000


def prefix_of(asset: str) -> str:
    """Return the folder of a daily asset in the lake."""
    if asset in layout.SALES_TABLES:
        return layout.SALES_TABLES[asset].prefix
    return _PREFIXES.get(asset) or layout.DAILY_TABLES[asset].prefix


@dataclass(frozen=True)
class Days:
    """What a daily asset returns: its days, made one after another while they are stored.

    ``checking`` measures each of them before it is stored; ``daily_asset`` sets it.
    """

    content: Iterable[tuple[date, Content]]
    checking: Checking | None = None


def _batches(days: Iterable[tuple[date, Content]]) -> Iterator[dict[date, Content]]:
    """Yield days in batches; when making one fails, those before it come first."""
    batch: dict[date, Content] = {}
    rows = 0
    try:
        for day, content in days:
            batch[day] = content
            rows += 0 if isinstance(content, Files) else content.counts["rows"]
            if len(batch) == _DAYS_AT_ONCE or rows >= _ROWS_AT_ONCE:
                yield batch
                batch, rows = {}, 0
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def preview(frame: pd.DataFrame) -> dg.TableMetadataValue:
    """Return the first rows as a table for the UI."""
    names = tuple(map(str, frame.columns))
    head = frame.head(_PREVIEW_ROWS).to_numpy(dtype=object) if len(frame) else ()
    return dg.MetadataValue.table(
        records=[dg.TableRecord(dict(zip(names, map(str, row), strict=True))) for row in head],
        schema=_table_of(names),
    )


@cache
def _table_of(columns: tuple[str, ...]) -> dg.TableSchema:
    return dg.TableSchema(columns=[dg.TableColumn(name) for name in columns])


def _shown(content: Content) -> dict[str, Any]:
    """Return the metadata of one day in the UI."""
    facts = {name.replace("-", "_"): value for name, value in content.facts.items()}
    if isinstance(content, Files):
        return facts
    return {
        **content.counts,
        "data_source": content.data_source,
        "share_real": 1.0 if content.data_source == "real" else 0.0,
        **facts,
        "preview": preview(content.head(_PREVIEW_ROWS)),
    }


class LakeIOManager(dg.ConfigurableIOManager):
    """Stores ``Days`` and loads lazy ``DailyTable`` (``SalesTable``, ``DatedFiles``) views of the lake.

    An input may name the columns it reads: ``AssetIn(metadata={"columns": [...]})``.
    """

    lake: dg.ResourceDependency[LakeResource]
    metrics: dg.ResourceDependency[Batch]

    _lock: WriterLock | None = PrivateAttr(default=None)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Let other runs write."""
        if self._lock is not None:
            self._lock.release()

    def load_input(self, context: dg.InputContext) -> DailyTable | SalesTable | DatedFiles:
        """Return a view of the upstream data set; nothing is read before a day is asked for."""
        columns = (context.definition_metadata or {}).get("columns")
        return self._open(context.asset_key.path[-1], columns)

    def handle_output(self, context: dg.OutputContext, obj: Days) -> Iterator[Any]:  # type: ignore[override] # a generator is allowed: it yields events
        """Check and store each day as it comes. When one fails, report those before it as materialized, then raise."""
        asset = context.asset_key.path[-1]
        checking = obj.checking or Checking(asset, ())
        stored: dict[str, Mapping[str, Any]] = {}
        try:
            self._put(asset, context.run_id, obj.content, checking, stored)
        except Exception as error:
            for partition, metadata in stored.items():
                context.log_event(
                    dg.AssetMaterialization(context.asset_key, partition=partition, metadata=dict(metadata))
                )
            yield from context.consume_events()
            if refusal := checking.refusal(self.lake.store(), context.run_id):
                yield dg.DagsterEvent.asset_check_evaluation(context.step_context, refusal)
                raise DagsterAssetCheckFailedError(f"{asset}: {refusal.check_name} refuses a day. {error}") from error
            step = context.step_context
            policy = step.op_retry_policy
            with as_failure(may_retry=policy is not None and step.previous_attempt_count < policy.max_retries):
                raise
        if stored and checking.plot_shown:
            stored[max(stored)] = {**stored[max(stored)], "plot": checking.plot_shown}
        for partition, metadata in stored.items():
            context.step_context.add_asset_metadata(dict(metadata), context.asset_key, partition)

    def _put(
        self,
        asset: str,
        run_id: str,
        days: Iterable[tuple[date, Content]],
        checking: Checking,
        stored: dict[str, Mapping[str, Any]],
    ) -> None:
        """Check and store the days, and note of each in `stored` what the UI shows."""
        self._wait_for_others()
        target = self._open(asset)

        def put(batch: Mapping[date, Content], meter: Meter) -> None:
            keys, done = target.put_all(batch, run_id), list[tuple[date, str, int]]()  # type: ignore[arg-type] # each asset makes its kind
            try:
                for day in batch:
                    with checking.refusing(day):
                        done.append((day, next(keys), target.bytes_stored))
                    progress.info("stored %s %s", asset, day, extra={"asset": asset, "day": day, "partition": str(day)})
            finally:  # of a batch with a day that fails, those before it are stored, and known
                figures = meter.days([(batch[day], size) for day, _, size in done])
                for (day, key, _), measured in zip(done, figures, strict=True):
                    stored[str(day)] = {"path": target.store.uri(key), **_shown(batch[day]), **measured}

        with logs.bound(run_id=run_id, asset=asset), counted_calls() as calls:
            meter, failed = Meter(calls), True
            try:
                for batch in _batches(checking.measured(days)):
                    put(batch, meter)
                checking.judge(self._open(asset), run_id)
                failed = False
            finally:
                self.metrics.add(meter.measured(asset, run_id, failed=failed))

    def _wait_for_others(self) -> None:
        if self._lock is None:
            self._lock = WriterLock(self.lake.store())
        self._lock.acquire()

    def _open(self, asset: str, columns: list[str] | None = None) -> DailyTable | SalesTable | DatedFiles:
        store = self.lake.store()
        if asset in _PREFIXES:
            return DatedFiles(store, _PREFIXES[asset])
        if asset in layout.SALES_TABLES:
            return SalesTable(store, layout.SALES_TABLES[asset])
        return DailyTable(store, layout.DAILY_TABLES[asset], columns)
