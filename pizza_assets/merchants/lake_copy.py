"""The lake's copy of the transactions, by year and month, with what was rejected beside it.

Belongs here: parts, their manifest, and the order in which they change. Does not belong here: which rows are
rejected. A copy becomes the one that readers see when its manifest is written; parts that the manifest does not
name are removed after that, so a kill at any moment leaves a whole copy.
"""

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

import pyarrow
import pyarrow.parquet as pq

from pizza_assets import contracts
from pizza_assets.errors import LakeError
from pizza_assets.lake import formats, layout
from pizza_assets.lake.store import LocalStore, Store, checksum
from pizza_assets.lake.tables import as_metadata
from pizza_assets.merchants.analysis import Study, Told
from pizza_assets.merchants.clean import accepted, judged, rejected
from pizza_assets.merchants.quality import Quality
from pizza_assets.platform.columns import Source

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Rows of a part, which is made in memory, and of a part of the quarantine.
PART_ROWS, REJECTED_ROWS = 2_000_000, 50_000
_SCHEMA = contracts.arrow_schema(contracts.MERCHANT_TRANSACTIONS)


@dataclass(frozen=True)
class Manifest:
    """What the copy consists of: parts by key, rows by month (YYYY-MM), and what was counted when it was made."""

    run_id: str
    data_source: Source
    parts: Sequence[str]
    months: dict[str, int]
    quality: Quality
    #: Of the amounts; None where the source names none.
    currency: str | None = None


def copy(study: Study, store: Store, run_id: str, told: Told, currency: str | None = None) -> Manifest:
    """Copy a study's transactions and merchants into the lake, in place of those that it has.

    Memory holds one part at a time. `told` hears of each month.

    Raises
    ------
    SourceError
        When no transaction is usable; the older copy stays.
    """
    quality = study.examine()
    source = cast("Source", quality.data_source)
    facts = {"run-id": run_id, "data-source": source, "schema-version": "1"}
    _write_merchants(study.merchants, source, store, facts)
    rows = accepted(judged(study.raw, study.limits))
    parts, months = [], {}
    for month, count in _months(study, rows):
        told(f"{month:%Y-%m}")
        months[f"{month:%Y-%m}"] = count
        for number, table in enumerate(_month(study, rows, month)):
            data = _parquet(table)
            parts.append(layout.merchant_part_key(source, month, number, checksum(data)))
            store.write(parts[-1], data, as_metadata({**facts, "rows": table.num_rows}))
    told("rejected rows")
    kept = [*parts, *_write_rejected(study, store, facts)]
    manifest = Manifest(run_id, source, parts, months, quality, currency)
    store.write(layout.MERCHANT_MANIFEST_KEY, formats.json_bytes(asdict(manifest)), as_metadata(facts))
    _remove_others(store, {*kept, layout.MERCHANT_MANIFEST_KEY, layout.merchants_key(source)})
    return manifest


def _months(study: Study, rows: "ir.Table") -> Iterator[tuple[date, int]]:
    months = rows.select(month=rows.purchase_date.truncate("M").date())
    table = study.engine.run(months.group_by("month").agg(rows=months.count()).order_by("month")).table
    return zip(table["month"].to_pylist(), table["rows"].to_pylist(), strict=True)


def _month(study: Study, rows: "ir.Table", month: date) -> Iterator[pyarrow.Table]:
    """Yield the transactions of a month in parts."""
    import ibis

    following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    at = rows.purchase_date
    of_month = rows.filter((at >= ibis.timestamp(str(month))) & (at < ibis.timestamp(str(following))))
    batches: list[pyarrow.RecordBatch] = []
    held = 0
    for batch in study.engine.stream(of_month, PART_ROWS // 8):
        batches.append(batch)
        held += batch.num_rows
        if held >= PART_ROWS:
            yield pyarrow.Table.from_batches(batches).select(_SCHEMA.names).cast(_SCHEMA)
            batches, held = [], 0
    if held:
        yield pyarrow.Table.from_batches(batches).select(_SCHEMA.names).cast(_SCHEMA)


def _parquet(table: pyarrow.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", row_group_size=500_000)
    return sink.getvalue()


def _write_merchants(table: pyarrow.Table, source: Source, store: Store, facts: dict[str, str]) -> None:
    labelled = table.set_column(
        table.column_names.index("data_source"), "data_source", pyarrow.repeat(source, table.num_rows)
    )
    data = _parquet(labelled.cast(contracts.arrow_schema(contracts.MERCHANTS)))
    store.write(layout.merchants_key(source), data, as_metadata({**facts, "rows": table.num_rows}))


def _write_rejected(study: Study, store: Store, facts: dict[str, str]) -> Iterator[str]:
    """Write rejected rows, whole and with the reason, and yield their keys."""
    for number, batch in enumerate(study.engine.stream(rejected(study.raw, study.limits), REJECTED_ROWS)):
        if batch.num_rows:
            records = [{"reason": row.pop("reason"), "record": row} for row in batch.to_pylist()]
            data = formats.ndjson_bytes(records)
            key = f"{layout.MERCHANT_TRANSACTIONS_PREFIX}/rejected/part-{number:04d}-{checksum(data)[:12]}.ndjson"
            store.write(key, data, as_metadata({**facts, "rejected": len(records)}))
            yield key


def _remove_others(store: Store, kept: set[str]) -> None:
    for prefix in (layout.MERCHANT_TRANSACTIONS_PREFIX, layout.MERCHANTS_PREFIX):
        for stale in [item.key for item in store.list(f"{prefix}/") if item.key not in kept]:
            store.delete(stale)


def read_manifest(store: Store) -> Manifest:
    """Return the manifest of the copy. Raises LakeError when there is none."""
    if not any(store.list(layout.MERCHANT_MANIFEST_KEY)):
        raise LakeError(
            f"{store.uri(layout.MERCHANT_MANIFEST_KEY)} does not exist, so there are no transactions to ask. "
            "Materialize merchant_transactions first."
        )
    document = json.loads(store.read(layout.MERCHANT_MANIFEST_KEY))
    return Manifest(**{**document, "quality": Quality(**document["quality"])})


def read_merchants(store: Store, source: Source) -> pyarrow.Table:
    """Return the copy's list of merchants (contract MERCHANTS)."""
    return pq.read_table(io.BytesIO(store.read(layout.merchants_key(source))))


@contextmanager
def local_parts(store: Store, manifest: Manifest) -> Iterator[list[str]]:
    """Give the parts as files: those of a folder where they lie, those of a bucket fetched to a scratch folder."""
    if isinstance(store, LocalStore):
        yield [store.uri(key) for key in manifest.parts]
        return
    with TemporaryDirectory(prefix="pizza-merchants-") as scratch:
        paths = [Path(scratch, str(number) + ".parquet") for number in range(len(manifest.parts))]
        for path, key in zip(paths, manifest.parts, strict=True):
            path.write_bytes(store.read(key))
        yield [str(path) for path in paths]
