"""Where expressions run: DuckDB on this machine; Spark, which outgrows it, stands in ``spark``.

Belongs here: what the questions ask of an engine, and DuckDB. Does not belong here: what is computed.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import pyarrow
import pyarrow.parquet as pq

from pizza_assets.errors import EngineError
from pizza_assets.settings import Settings

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class Computed:
    """What an expression gave, and the plan that the engine followed, for people."""

    table: pyarrow.Table
    plan: str


class Engine(Protocol):
    """Runs Ibis expressions. Use it in a ``with`` block."""

    name: str
    #: Whether it reads s3://... by itself; else it is given files.
    reads_addresses: bool

    def parquet(self, paths: Sequence[str]) -> "ir.Table":
        """Return Parquet files of one schema as a table; nothing is read yet."""

    def lookup(self, name: str, table: pyarrow.Table) -> "ir.Table":
        """Return a small table from memory under a name, to be joined: Spark broadcasts it."""

    def once(self, name: str, expression: "ir.Table") -> "ir.Table":
        """Return the rows of an expression that several others read, computed once where that is quicker."""

    def run(self, expression: "ir.Table") -> Computed:
        """Compute an expression. Raises EngineError when the engine's memory does not suffice."""

    def stream(self, expression: "ir.Table", rows: int) -> Iterator[pyarrow.RecordBatch]:
        """Yield the rows of an expression in batches of at most `rows`."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


#: DuckDB takes names of files for patterns: what these characters stand for are they themselves.
_AS_THEY_ARE = str.maketrans({character: f"[{character}]" for character in "*?["})


def check_readable(files: Sequence[str]) -> None:
    """Raise EngineError naming the first of these Parquet files whose pages cannot be read, if there is one.

    An engine that fails does not always say on which file.
    """
    for path in files:
        try:
            for _ in pq.ParquetFile(path).iter_batches() if "://" not in path else ():
                pass
        except (pyarrow.ArrowException, OSError) as error:
            why = " ".join(str(error).split()).rstrip(".")
            raise EngineError(
                f"{path} is damaged: it ends as a Parquet file does, but its rows cannot be read ({why}). Get the file "
                "again, or leave it out.",
                final=True,
            ) from error


class DuckDBEngine:
    """DuckDB in this process: all cores, memory up to a limit, the rest in a scratch folder."""

    name = "duckdb"
    reads_addresses = False

    def __init__(self, memory_limit: str = "4GB", threads: int | None = None) -> None:
        import ibis

        self._limit = memory_limit
        self._scratch = tempfile.TemporaryDirectory(prefix="pizza-duckdb-")
        options: dict[str, object] = {"memory_limit": memory_limit, "temp_directory": self._scratch.name}
        if threads:
            options["threads"] = threads
        self._connection = ibis.duckdb.connect(**options)
        self._connection.raw_sql("SET TimeZone = 'UTC'")
        self._files: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.disconnect()
        self._scratch.cleanup()

    def parquet(self, paths: Sequence[str]) -> "ir.Table":
        """Return Parquet files of one schema as a table; nothing is read yet."""
        if addresses := [path for path in paths if "://" in path]:
            raise EngineError(
                f"Only Spark reads addresses such as {addresses[0]}: copy the files to this machine, or take "
                "--engine spark (MERCHANTS_ENGINE=spark)."
            )
        self._files = list(paths)
        names = [path.translate(_AS_THEY_ARE) for path in paths]
        with self._errors():
            return self._connection.read_parquet(names, hive_partitioning=False, union_by_name=True)

    def lookup(self, name: str, table: pyarrow.Table) -> "ir.Table":
        """Return a small table from memory under a name."""
        # Ibis 12 fails on create_table with a table from memory on DuckDB 2.0.
        connection = self._connection.con
        connection.register("from_memory", table)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM from_memory")
        connection.unregister("from_memory")
        return self._connection.table(name)

    def once(self, name: str, expression: "ir.Table") -> "ir.Table":
        """Return the rows of an expression as a temporary table, in memory up to the limit: half the time of six."""
        with self._errors():
            self._connection.raw_sql(f"CREATE OR REPLACE TEMP TABLE {name} AS {self._connection.compile(expression)}")
        return self._connection.table(name)

    def run(self, expression: "ir.Table") -> Computed:
        """Compute an expression."""
        with self._errors():
            plan = self._connection.raw_sql(f"EXPLAIN {self._connection.compile(expression)}").fetchall()
            return Computed(self._connection.to_pyarrow(expression), "\n".join(text for _, text in plan))

    def stream(self, expression: "ir.Table", rows: int) -> Iterator[pyarrow.RecordBatch]:
        """Yield the rows of an expression in batches of at most `rows`."""
        # Ibis' own reader leaves the connection busy after its last batch.
        query = self._connection.con.sql(self._connection.compile(expression))
        with self._errors(), closing(query.to_arrow_reader(rows)) as batches:
            yield from batches

    @contextmanager
    def _errors(self) -> Iterator[None]:
        import duckdb  # noqa: PLC0415 costs a tenth of a second, and has been imported by ibis when we come here

        try:
            yield
        except duckdb.OutOfMemoryException as error:
            raise EngineError(
                f"DuckDB's {self._limit} of memory are not enough. Raise MERCHANTS_MEMORY_LIMIT (or --memory-limit), "
                "or take a larger engine: --engine spark."
            ) from error
        except duckdb.Error as error:
            check_readable(self._files)
            raise EngineError(
                f"DuckDB failed: {str(error).strip()[:500]}. Is a file damaged, or the disk full? Correct it, then run "
                "again."
            ) from error


def open_engine(settings: Settings) -> Engine:
    """Return the engine of the settings. Raises EngineError when it cannot start."""
    if settings.merchants_engine == "spark":
        from pizza_assets.merchants.spark import SparkEngine  # noqa: PLC0415 an extra

        return SparkEngine(settings.merchants_spark_master)
    return DuckDBEngine(settings.merchants_memory_limit)
