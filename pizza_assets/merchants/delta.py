"""Card transactions as a Delta table: versions that can be read again, new columns, small files made large.

Belongs here: what of the package deltalake we use. Does not belong here: which transactions, and asking them. The
questions read a version's Parquet files, as its log names them, so DuckDB and Spark need no Delta of their own.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from pizza_assets.errors import SourceError

if TYPE_CHECKING:
    from deltalake import DeltaTable

_VERSION = re.compile(r"(?P<place>.+)@v(?P<version>\d+)")
#: Rows that are in memory at once.
_ROWS = 500_000


def is_delta(location: str) -> bool:
    """Tell whether a folder, maybe with a version (``folder@v3``), is a Delta table."""
    place, _ = _parts(location)
    return (place / "_delta_log").is_dir()


def _parts(location: str) -> tuple[Path, int | None]:
    found = None if Path(location).expanduser().exists() else _VERSION.fullmatch(location)
    place = Path(found["place"] if found else location).expanduser()
    return place, int(found["version"]) if found else None


def _table(location: str) -> "DeltaTable":
    try:
        from deltalake import DeltaTable  # noqa: PLC0415 an extra
        from deltalake.exceptions import DeltaError  # noqa: PLC0415
    except ImportError as error:
        raise SourceError(
            f"{location} is a Delta table, and deltalake is not installed: pip install 'pizza_assets[delta]'.",
            final=True,
        ) from error
    place, version = _parts(location)
    try:
        return DeltaTable(place, version=version)
    except (DeltaError, OSError) as error:
        why = " ".join(str(error).split()).rstrip(".")
        raise SourceError(f"{location} cannot be read as a Delta table ({why}).", final=True) from error


def files(location: str) -> list[Path]:
    """Return the Parquet files of a table's version, the newest by default, in order.

    Raises
    ------
    SourceError
        When there is no such table or version, or rows of its files are deleted by vectors, which only Delta knows.
    """
    table = _table(location)
    if "deletionVectors" in (table.protocol().reader_features or []):
        raise SourceError(
            f"{location} marks deleted rows by deletion vectors, which its Parquet files do not show. Run Delta's "
            "REORG TABLE ... APPLY (PURGE) and drop the feature, or export the table as Parquet.",
            final=True,
        )
    place, _ = _parts(location)
    return sorted(place / row["path"] for row in table.get_add_actions().to_struct_array().to_pylist())


def _as_delta_has_it(schema: pa.Schema) -> pa.Schema:
    """Return a schema with the types that Delta has: microseconds, one kind of text, no dictionaries."""

    def kept(kind: pa.DataType) -> pa.DataType:
        if pa.types.is_dictionary(kind):
            return kept(kind.value_type)
        if pa.types.is_timestamp(kind):
            return pa.timestamp("us", kind.tz)
        return pa.string() if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) else kind

    return pa.schema([(field.name, kept(field.type)) for field in schema])


def append(location: str, parts: Sequence[Path]) -> int:
    """Append Parquet files to a table, made where there is none, as one version; return that version.

    Columns that the table does not have are added; they are null in its older rows. Rows that have a column of another
    type are rejected, and the table stays as it is.

    Raises
    ------
    SourceError
        When the rows do not fit the table.
    """
    from deltalake import write_deltalake  # noqa: PLC0415 an extra
    from deltalake.exceptions import DeltaError  # noqa: PLC0415

    schemas = [_as_delta_has_it(pq.read_schema(part)) for part in parts]
    known = [pa.schema(_table(location).schema().to_arrow())] if is_delta(location) else []
    try:
        pa.unify_schemas([*map(_as_delta_has_it, known), *schemas])
        schema = pa.unify_schemas(schemas)
    except pa.ArrowException as error:
        raise SourceError(f"{location}: the columns do not fit. {str(error).rstrip('.')}.", final=True) from error

    def batches() -> Iterator[pa.RecordBatch]:
        for part in parts:
            for batch in pq.ParquetFile(part).iter_batches(_ROWS):
                table = pa.Table.from_batches([batch])
                for name in schema.names:
                    if name not in table.column_names:
                        table = table.append_column(name, pa.nulls(table.num_rows, schema.field(name).type))
                yield from table.select(schema.names).cast(schema).to_batches()

    reader = pa.RecordBatchReader.from_batches(schema, batches())
    try:
        write_deltalake(location, reader, mode="append", schema_mode="merge")
    except (DeltaError, pa.ArrowException) as error:
        raise SourceError(f"{location}: {' '.join(str(error).split())}", final=True) from error
    return int(_table(location).version())


def compact(location: str) -> tuple[int, int]:
    """Rewrite a table's small files as large ones, as one version; return how many there were and are."""
    table = _table(location)
    before = table.get_add_actions().num_rows
    table.optimize.compact()
    return before, _table(location).get_add_actions().num_rows


def versions(location: str) -> list[tuple[int, datetime, str]]:
    """Return each version's number, time (UTC) and what made it, the newest first."""
    return [
        (int(item["version"]), datetime.fromtimestamp(item["timestamp"] / 1000, UTC), str(item["operation"]))
        for item in _table(location).history()
    ]
