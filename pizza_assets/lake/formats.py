"""Frames to bytes and back: Parquet, CSV, NDJSON, JSON.

Belongs here: encodings, checked against the contracts. Does not belong here: where the bytes lie.
"""

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from csv import writer as csv_writer
from datetime import datetime
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import pyarrow
import pyarrow.parquet as pq
from pyarrow import csv

from pizza_assets import contracts
from pizza_assets.errors import LakeError
from pizza_assets.platform.printable import cell, of_cell
from pizza_assets.platform.upgrades import checked_version, names_at, schema_at, upgraded, version_of

#: Small enough to skip by time, large enough to decode at full speed.
ROWS_PER_GROUP = 125_000
#: The key of a file's metadata that tells the version of its contract.
_VERSION = b"version"


def parquet_bytes(frame: pd.DataFrame, contract: pa.DataFrameSchema) -> bytes:
    """Return `frame` as Parquet with the contract's schema; see `table_bytes`."""
    return table_bytes(contracts.to_arrow(frame, contract), version_of(contract))


def table_bytes(table: pyarrow.Table, version: int = 1) -> bytes:
    """Return an Arrow table as Parquet, which says the version of its contract when that is not the first.

    Instants are delta-encoded and the first column, a sorted or unique key, as delta strings; all else by
    dictionary: half the bytes, and two to three times faster to decode, than the writer's defaults.
    """
    if version > 1:
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), _VERSION: str(version)})
    encodings = {}
    for position, field in enumerate(table.schema):
        if pyarrow.types.is_timestamp(field.type):
            encodings[field.name] = "DELTA_BINARY_PACKED"
        elif position == 0 and pyarrow.types.is_string(field.type):
            encodings[field.name] = "DELTA_BYTE_ARRAY"
    dictionary = [
        f"{field.name}.list.element" if pyarrow.types.is_list(field.type) else field.name
        for field in table.schema
        if field.name not in encodings
    ]
    sink = pyarrow.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=dictionary,
        column_encoding=encodings,
        row_group_size=ROWS_PER_GROUP,
    )
    written: bytes = sink.getvalue().to_pybytes()
    return written


def read_parquet(
    data: bytes, contract: pa.DataFrameSchema, key: str, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return Parquet bytes as a frame, decoding only `columns`. Raises LakeError as `read_table` does."""
    return contracts.from_arrow(read_table(data, contract, key, columns), contract)


def read_table(
    data: bytes,
    contract: pa.DataFrameSchema,
    key: str,
    columns: Sequence[str] | None = None,
    dictionaries: Sequence[str] = (),
) -> pyarrow.Table:
    """Return Parquet bytes as an Arrow table in the contract's types, decoding only `columns`.

    Texts of the columns in `dictionaries` come as dictionaries: a quarter of the time where they repeat. A file of an
    older version is read through the contract's upgrades. Version 1 was not counted: there a nullable column that the
    file does not have is null.

    Raises
    ------
    LakeError
        When the bytes are no Parquet, a column is missing or has another type than in that version of the contract, or
        the version is not known.
    """
    wanted = list(columns) if columns else list(contract.columns)
    try:
        footer = pq.read_metadata(pyarrow.BufferReader(data))
        version = _version(footer, contract, key)
        names = names_at(contract, version, wanted)
        texts = names_at(contract, version, dictionaries) or None
        file = pq.ParquetFile(pyarrow.BufferReader(data), metadata=footer, read_dictionary=texts)
        table = file.read(columns=names if columns else None)
    except (pyarrow.ArrowException, OSError) as error:
        raise LakeError(
            f"{key} is not readable Parquet ({error}). Materialize its day again, or restore an older version."
        ) from error
    expected = schema_at(contract, version)
    for name in names if version == 1 else ():
        if name not in table.column_names and expected.field(name).nullable:
            table = table.append_column(expected.field(name), pyarrow.nulls(len(table), expected.field(name).type))
    found = {
        field.name: field.type.value_type if pyarrow.types.is_dictionary(field.type) else field.type
        for field in table.schema
    }
    wrong = [
        f"{name}: expected {expected.field(name).type}, found {found.get(name, 'no such column')}"
        for name in names
        if found.get(name) != expected.field(name).type
    ]
    if wrong:
        raise LakeError(
            f"{key} does not have the schema of '{contract.name}'. {'; '.join(wrong)}. "
            "It was written by another version: materialize its day again."
        )
    return upgraded(table.select(names), contract, version).select(wanted)


def version_in(path: Path, contract: pa.DataFrameSchema) -> int:
    """Return the version of its contract that a Parquet file on this machine has. Raises LakeError as `read_table`."""
    try:
        return _version(pq.read_metadata(path), contract, str(path))
    except (pyarrow.ArrowException, OSError) as error:
        raise LakeError(f"{path} is not readable Parquet ({error}).") from error


def _version(footer: pq.FileMetaData, contract: pa.DataFrameSchema, key: str) -> int:
    version = (footer.metadata or {}).get(_VERSION)
    return checked_version(None if version is None else version.decode(errors="replace"), contract, key)


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return `frame` as CSV as QuickSight reads it: UTF-8 without BOM, ISO times with Z, empty for null.

    Text that a spreadsheet would take for a formula starts with an apostrophe.
    """
    times = {
        str(name): frame[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        for name, dtype in frame.dtypes.items()
        if isinstance(dtype, pd.DatetimeTZDtype)
    }
    texts = {
        str(name): [cell(value) if isinstance(value, str) else value for value in frame[name]]
        for name, dtype in frame.dtypes.items()
        if pd.api.types.is_string_dtype(dtype) or pd.api.types.is_object_dtype(dtype)
    }
    shown = frame.assign(**times, **texts) if times or texts else frame
    return shown.to_csv(index=False, lineterminator="\n").encode()


def json_rows(frame: pd.DataFrame, contract: pa.DataFrameSchema) -> bytes:
    """Return the rows of a frame as a JSON array; instants are ISO 8601 in UTC."""
    rows = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in _plain_rows(frame, contract))
    return f"[\n{rows}\n]\n".encode() if rows else b"[]\n"


def csv_rows(frame: pd.DataFrame, contract: pa.DataFrameSchema) -> bytes:
    """Return the rows of a frame as CSV for other programs: like `csv_bytes`, with whole instants and lists as JSON."""
    written = io.StringIO()
    writer = csv_writer(written, lineterminator="\n")
    writer.writerow(contract.columns)
    for row in _plain_rows(frame, contract):
        writer.writerow(
            cell(value)
            if isinstance(value, str)
            else json.dumps(value, ensure_ascii=False)
            if isinstance(value, list)
            else value
            for value in row.values()
        )
    return written.getvalue().encode()


def _plain_rows(frame: pd.DataFrame, contract: pa.DataFrameSchema) -> Iterator[dict[str, object]]:
    """Yield rows whose values JSON knows; what is missing is None."""
    for row in contracts.to_arrow(frame, contract).to_pylist():
        yield {
            name: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
            for name, value in row.items()
        }


def read_csv(data: bytes, contract: pa.DataFrameSchema) -> list[dict[str, object]]:
    """Return the rows of what `csv_bytes` made, with the types of the contract; None where a cell is empty."""
    types = csv.ConvertOptions(column_types=contracts.arrow_schema(contract))
    rows: list[dict[str, object]] = csv.read_csv(io.BytesIO(data), convert_options=types).to_pylist()
    return [{name: of_cell(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows]


def frame_of_csv(data: bytes, contract: pa.DataFrameSchema) -> pd.DataFrame:
    """Return what `csv_bytes` made of a frame of the contract as such a frame."""
    table = pyarrow.Table.from_pylist(read_csv(data, contract), contracts.arrow_schema(contract))
    return contracts.from_arrow(table, contract)


def json_bytes(document: Mapping[str, object], indent: int | None = 2) -> bytes:
    """Return a document as JSON, for people to read unless `indent` is None; NaN and infinities are rejected."""
    return (json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False, default=str) + "\n").encode()


def ndjson_bytes(records: Iterable[Mapping[str, object]]) -> bytes:
    """Return records as JSON, one object a line."""
    return "".join(json.dumps(record, ensure_ascii=False, default=str) + "\n" for record in records).encode()


def read_ndjson(data: bytes) -> list[dict[str, object]]:
    """Return the records of NDJSON bytes."""
    # Not splitlines: a text may hold U+2028, U+2029 or U+0085, which end no line of NDJSON.
    return [json.loads(line) for line in data.decode().split("\n") if line]
