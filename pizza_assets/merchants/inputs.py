"""What transactions and merchants come from: Parquet and CSV files, or the warehouse's own sales.

Belongs here: finding files, and rejecting what has another schema, as a whole and in one sentence. Does not
belong here: single rows, which ``clean`` judges.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import has_magic
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow
import pyarrow.compute
import pyarrow.parquet as pq

from pizza_assets import contracts
from pizza_assets.errors import SourceError
from pizza_assets.merchants import delta
from pizza_assets.merchants.clean import on_the_shops_clock
from pizza_assets.orders.till.files import tables_in
from pizza_assets.orders.till.tables import Table
from pizza_assets.settings import Settings

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from pizza_assets.merchants.engines import Engine

_types = pyarrow.types


def _is_text(kind: pyarrow.DataType) -> bool:
    return bool(_types.is_string(kind) or _types.is_large_string(kind) or _types.is_string_view(kind))


def _is_name(kind: pyarrow.DataType) -> bool:
    return _is_text(kind) or bool(_types.is_integer(kind) or _types.is_floating(kind))


def _is_number(kind: pyarrow.DataType) -> bool:
    return bool(_types.is_integer(kind) or _types.is_floating(kind) or _types.is_decimal(kind))


def _is_flag(kind: pyarrow.DataType) -> bool:
    return _is_text(kind) or bool(_types.is_boolean(kind))


#: What each column of the transactions may be, in words and as a test.
_COLUMNS: Mapping[str, tuple[str, Callable[[pyarrow.DataType], bool]]] = {
    "merchant_id": ("text or numbers", _is_name),
    "city_id": ("text or numbers", _is_name),
    "state_id": ("text or numbers", _is_name),
    "category": ("text or numbers", _is_name),
    "purchase_amount": ("numbers", _is_number),
    "purchase_date": ("timestamps", _types.is_timestamp),
    "installments": ("numbers", _is_number),
    "authorized_flag": ("text (Y, N) or booleans", _is_flag),
}
_MERCHANT_COLUMNS = ("merchant_id", "merchant_name", "city_id", "state_id")
#: Names of columns that an error shows.
_SHOWN = 12
#: In place of files: the warehouse's own sales. A folder of this name is ``./warehouse``.
WAREHOUSE = "warehouse"


@dataclass(frozen=True)
class Inputs:
    """Transactions as Parquet files of one schema, their merchants (MERCHANTS), and the amounts' currency if known.

    ``time_zone`` is the one that the files give ``purchase_date``; None where it is a clock without one.
    """

    files: Sequence[str]
    merchants: pyarrow.Table
    currency: str | None = None
    time_zone: str | None = None

    def read(self, engine: "Engine") -> "ir.Table":
        """Return the transactions as a table of an engine, ``purchase_date`` as the shop's clock showed it."""
        return on_the_shops_clock(engine.parquet(self.files), self.time_zone)


@contextmanager
def open_inputs(settings: Settings) -> Iterator[Inputs]:
    """Give what MERCHANTS_TRANSACTIONS and MERCHANTS_FILE name; what the warehouse sold lies in scratch files.

    Raises
    ------
    SourceError
        When there is nothing usable, or the warehouse's sales are not of one kind and currency.
    WarehouseError
        When the warehouse cannot be read.
    """
    if settings.merchants_transactions != WAREHOUSE:
        files = transaction_files(str(settings.merchants_transactions))
        yield Inputs(files, read_merchants(settings.merchants_file), time_zone=time_zone_of(files))
        return
    from pizza_assets.merchants.from_warehouse import export  # noqa: PLC0415 files, and clusters, do without psycopg
    from pizza_assets.warehouse.connection import reading  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="pizza-sales-") as scratch:
        path = Path(scratch, "transactions.parquet")
        with reading(settings) as connection:
            sold = export(connection, path, settings.merchants_currency, settings.merchants_data_source)
        stores = read_merchants(settings.merchants_file) if settings.merchants_file else sold.stores
        yield Inputs([str(path)], stores, sold.currency)


def is_remote(location: str) -> bool:
    """Tell whether a location is an address such as s3://..., which Spark reads itself."""
    return "://" in location


def transaction_files(location: str) -> list[str]:
    """Return the Parquet files of a file, a folder (with the folders in it), a glob or a Delta table (``folder@v3``).

    They are in order, and the columns of card transactions are alike in all of them.

    Raises
    ------
    SourceError
        When there is none, one is not Parquet, or one lacks a column or has another schema than the first.
    """
    if is_remote(location):
        return [location]
    return [str(path) for path in checked_files(location)]


def checked_files(location: str) -> list[Path]:
    """Return the files of `transaction_files` for what lies on this machine."""
    files = delta.files(location) if delta.is_delta(location) else parquet_files(location, "card transactions")
    first = _schema(files[0])
    check_schema(first, str(files[0]))
    for path in files[1:]:
        other = _schema(path)
        check_schema(other, str(path))
        differs = [
            f"{name} ({other.field(name).type}, not {first.field(name).type})"
            for name in _COLUMNS
            if other.field(name).type != first.field(name).type
        ]
        if differs or ("data_source" in other.names) != ("data_source" in first.names):
            raise SourceError(
                f"{path} has another schema than {files[0].name}: {', '.join(differs) or 'data_source'}. "
                "Give files of one schema.",
                final=True,
            )
    return files


def time_zone_of(files: Sequence[str]) -> str | None:
    """Return the time zone that `transaction_files` give ``purchase_date``, None for a clock without one."""
    if is_remote(files[0]):
        return None
    kind = _schema(Path(files[0])).field("purchase_date").type
    zone: str | None = kind.tz
    return zone


def parquet_files(location: str, what: str) -> list[Path]:
    """Return the Parquet files of a file, a folder or a glob, in order.

    Below that folder, or the glob's fixed part, hidden ones and those of '_...' (_SUCCESS, _temporary) are left out.

    Raises
    ------
    SourceError
        When there is none; `what` says what they should hold.
    """
    path = Path(location).expanduser()
    if path.is_dir():
        base, pattern = path, "**/*.parquet"
    elif path.exists():
        return [path]
    else:
        fixed = list(takewhile(lambda part: not has_magic(part), path.parts))
        base, pattern = Path(*fixed), str(Path(*path.parts[len(fixed) :]))
    found = sorted(base.glob(pattern)) if pattern != "." else []
    files = [path for path in found if not any(part.startswith((".", "_")) for part in path.relative_to(base).parts)]
    if not files:
        raise SourceError(f"{location}: expected Parquet files of {what}, found none.", final=True)
    return files


def _schema(path: Path) -> pyarrow.Schema:
    try:
        return pq.read_schema(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise SourceError(f"{path} is not readable Parquet ({error}).", final=True) from error


def check_schema(schema: pyarrow.Schema, where: str) -> None:
    """Raise SourceError unless `schema` has the columns of card transactions, of usable types."""
    found = {field.name: field.type.value_type if _types.is_dictionary(field.type) else field.type for field in schema}
    missing = [name for name in _COLUMNS if name not in found]
    if missing:
        raise SourceError(
            f"{where}: there is no column {', '.join(missing)}. Card transactions have {', '.join(_COLUMNS)}; "
            f"found {_named(schema.names)}.",
            final=True,
        )
    alike = [f"{name} and {other}" for name in _COLUMNS for other in found if other != name and other.lower() == name]
    if alike:
        raise SourceError(
            f"{where}: columns differ in upper and lower case only: {', '.join(alike)}. Rename or drop one of them.",
            final=True,
        )
    wrong = [
        f"{name}: expected {words}, found {found[name]}"
        for name, (words, fits) in _COLUMNS.items()
        if not fits(found[name])
    ]
    if wrong:
        raise SourceError(f"{where}: columns are of a wrong type. {'; '.join(wrong)}.", final=True)


def _named(names: Sequence[str]) -> str:
    """Return names of columns for a sentence, not all of a hundred."""
    return ", ".join([*names[:_SHOWN], *(["..."] if len(names) > _SHOWN else [])]) or "none"


def read_merchants(path: str | None) -> pyarrow.Table:
    """Return a list of merchants as MERCHANTS, empty without a path; a list without ``data_source`` is real.

    The list is a table in any format that exports of tills may have.

    Raises
    ------
    SourceError
        When the file is not there, cannot be read, or lacks a column.
    """
    schema = contracts.arrow_schema(contracts.MERCHANTS)
    if path is None:
        return schema.empty_table()
    file = Path(path).expanduser()
    if not file.is_file():
        raise SourceError(f"{path}: expected a list of merchants, found no such file.", final=True)
    table = _merchants_in(path, tables_in(file))
    columns = [*_MERCHANT_COLUMNS, "data_source"]
    if "data_source" not in table.column_names:
        table = table.append_column("data_source", pyarrow.repeat("real", table.num_rows))
    table = table.select(columns)
    listed = table.filter(pyarrow.compute.is_valid(table["merchant_id"]))
    return listed.cast(schema)


def _merchants_in(path: str, tables: Sequence[Table]) -> pyarrow.Table:
    """Return the first table that has the columns of merchants, as text.

    Raises
    ------
    SourceError
        When there is none, or a row is no row of it.
    """
    for table in tables:
        if set(_MERCHANT_COLUMNS) <= set(table.columns):
            names = [name for name in table.columns if name in (*_MERCHANT_COLUMNS, "data_source")]
            parts = []
            for rows in table.batches():
                if rows.broken:
                    position, (line, why) = next(iter(rows.broken.items()))
                    raise SourceError(
                        f"{path}, row {rows.first_row + position}: {why}: '{line[:60]}'. Correct it.", final=True
                    )
                parts.append(pyarrow.table({name: rows.columns[name].text for name in names}))
            return pyarrow.concat_tables(parts) if parts else pyarrow.table({name: [] for name in names})
    found = tables[0].columns
    missing = [name for name in _MERCHANT_COLUMNS if name not in found]
    raise SourceError(
        f"{path} has no column {', '.join(missing)}. A list of merchants has {', '.join(_MERCHANT_COLUMNS)}; found "
        f"{_named(found)}.",
        final=True,
    )


def source_of(labels: Sequence[str | None], what: str) -> str:
    """Return the one data source of `labels`. Raises SourceError when real and mock are mixed."""
    different = sorted({label for label in labels if label})
    if len(different) > 1:
        raise SourceError(f"{what} are partly real and partly mock, which are never mixed. Give one kind.", final=True)
    return different[0] if different else "real"
