"""Days of sales in the lake: NDJSON in Hive partitions, read and written as Arrow tables.

Belongs here: what a day of a retailer consists of (lines, quarantine, pages as received), its encoding, and
replacing it whole. Does not belong here: reading a retailer's own form (``retail``).

One JSON object a line; money and instants are text, so that no reader turns them into floats.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow
import pyarrow.compute as pc
import pyarrow.json

from pizza_assets import contracts
from pizza_assets.errors import LakeError
from pizza_assets.lake import layout
from pizza_assets.lake.layout import SalesLayout
from pizza_assets.lake.store import Metadata, Store
from pizza_assets.lake.tables import Days, Encoded, as_metadata, objects_beside, standard_facts
from pizza_assets.platform.columns import Source

if TYPE_CHECKING:
    import duckdb

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_BY_RETAILER = {where.retailer_id: where for where in layout.SALES_TABLES.values()}


@dataclass(frozen=True)
class SalesDay:
    """One business day of one retailer, as its asset makes it.

    ``received`` counts the records that the source gave, ``rejected`` holds those that were rejected, each with its
    reason, ``pages`` the texts of the API's answers, and ``facts`` go into the object's metadata.
    """

    table: pyarrow.Table
    data_source: Source
    received: int | None = None
    rejected: Sequence[Mapping[str, object]] = ()
    pages: Sequence[str] | None = None
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Lines stored, records received and rejected; received = stored + rejected."""
        stored, rejected = len(self.table), len(self.rejected)
        received = stored + rejected if self.received is None else self.received
        return {"rows": stored, "received": received, "rejected": rejected}

    def head(self, rows: int) -> pd.DataFrame:
        """Return the first lines."""
        return contracts.from_arrow(self.table.slice(0, rows), contracts.SALES)


class SalesTable(Days, Mapping[date, pyarrow.Table]):
    """The days of one retailer in the lake: ``table[day]`` reads one, ``table.put(day, ...)`` replaces it."""

    def __init__(self, store: Store, where: SalesLayout) -> None:
        super().__init__(store, where.prefix)
        self.layout: SalesLayout = where

    @property
    def stored(self) -> Sequence[date]:
        """The stored days, in order, as they were when first asked."""
        return sorted(day for day, keys in self._keys.items() if self.layout.key(day) in keys)

    def __getitem__(self, day: date) -> pyarrow.Table:
        return read_sales(self.store, self.layout.retailer_id, day)

    def __iter__(self) -> Iterator[date]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)

    def facts(self, day: date) -> Metadata:
        """Return the metadata of a stored day: data-source, run-id, rows, received, rejected ..."""
        return self.store.metadata(self.layout.key(day))

    def is_real(self, day: date) -> bool:
        """Tell whether the lake has real sales of a day now; where their metadata is missing, it may have."""
        key = self.layout.key(day)
        if not any(item.key == key for item in self.store.list(key)):
            return False
        try:
            return self.facts(day).get("data-source") != "mock"
        except LakeError:
            return True

    def put(self, day: date, content: SalesDay, run_id: str) -> str:
        """Store a day whole and return its key. Of what it replaces the lines go last.

        Raises
        ------
        ContractError
            When the lines break the contract; nothing is written then.
        """
        return self.replace(next(encoded_sales(self.layout, {day: content}, run_id)))


def encoded_sales(where: SalesLayout, days: Mapping[date, SalesDay], run_id: str) -> Iterator[Encoded]:
    """Yield days as the lake keeps them; their lines are judged together.

    Raises
    ------
    ContractError
        When the lines of a day break the contract; the days before it were yielded.
    """
    frames = [contracts.from_arrow(content.table, contracts.SALES) for content in days.values()]
    for (day, content), table in zip(days.items(), contracts.valid_tables(frames, contracts.SALES), strict=True):
        received = None if content.pages is None else {"pages": content.pages}
        objects = objects_beside(where, day, content.rejected, received)
        facts = {**standard_facts(contracts.SALES, run_id, content.data_source, content.counts), **content.facts}
        if content.pages is not None:
            facts["pages"] = len(content.pages)
        key = where.key(day)
        objects[key] = sales_bytes(table)
        yield Encoded(day, key, objects, as_metadata(facts))


def read_sales(store: Store, retailer_id: str, day: date) -> pyarrow.Table:
    """Return the lines of a retailer's business day, in the schema of ``contracts.sales_schema()``.

    Raises
    ------
    LakeError
        When the day is not there, damaged, or not of this schema.
    """
    key = _BY_RETAILER[retailer_id].key(day)
    return sales_table(store.read(key), store.uri(key))


def sales_bytes(table: pyarrow.Table) -> bytes:
    """Return sales as NDJSON: one object a line, all columns, in the contract's order."""
    lines = pyarrow.table({item.name: _as_text(table[item.name]) for item in contracts.sales_schema()})
    with _engine().cursor() as cursor:
        objects = cursor.from_arrow(lines).project("to_json(struct_pack(*COLUMNS(*)))").to_arrow_table().column(0)
    chunks = [pyarrow.ListArray.from_arrays([0, len(chunk)], chunk) for chunk in objects.chunks]
    return b"".join(memoryview(pc.binary_join(chunk, "\n")[0].as_buffer()).tobytes() + b"\n" for chunk in chunks)


@cache
def _engine() -> "duckdb.DuckDBPyConnection":
    """Return an empty database in memory, opened once: that takes longer than writing a day of sales."""
    import duckdb  # noqa: PLC0415 costs a tenth of a second, and only writing needs it

    return duckdb.connect()


def sales_table(data: bytes, where: str) -> pyarrow.Table:
    """Return NDJSON bytes as sales; `where` names them in errors.

    Raises
    ------
    LakeError
        When a line is no JSON, a field is missing, unknown or of another type, or not null where it must not be.
    """
    schema = contracts.sales_schema()
    if not data:
        return schema.empty_table()
    is_older = b'"discount":' not in data[: data.find(b"\n")]
    types = {item.name: _written_type(item.type) for item in schema} | (
        {"quantity": pyarrow.int32()} if is_older else {}
    )
    options = pyarrow.json.ParseOptions(explicit_schema=pyarrow.schema(types), unexpected_field_behavior="error")
    try:
        table = pyarrow.json.read_json(io.BytesIO(data), parse_options=options).select(schema.names)
        table = (_without_discounts(table) if is_older else table).cast(schema)
    except (pyarrow.ArrowException, ValueError) as error:
        raise LakeError(f"{where} does not hold sales of this version ({error}). Materialize its day again.") from error
    return table.combine_chunks()


def _without_discounts(table: pyarrow.Table) -> pyarrow.Table:
    """Return sales of an older version, which had whole quantities and no discounts, in today's columns."""
    nothing = pyarrow.chunked_array([pyarrow.repeat("0.00", table.num_rows)])
    return table.set_column(table.column_names.index("discount"), "discount", nothing)


def _as_text(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """Return instants and money as text (times to the microsecond), all else as it is."""
    if pyarrow.types.is_timestamp(column.type):
        return pc.strftime(column, _TIME_FORMAT)
    if pyarrow.types.is_decimal(column.type):
        # Two decimals, or as many as there are.
        return pc.replace_substring_regex(column.cast(pyarrow.string()), r"(\.\d\d\d*?)0+$", r"\1")
    return column.cast(_written_type(column.type))


def _written_type(kind: pyarrow.DataType) -> pyarrow.DataType:
    return pyarrow.string() if pyarrow.types.is_timestamp(kind) or pyarrow.types.is_decimal(kind) else kind
