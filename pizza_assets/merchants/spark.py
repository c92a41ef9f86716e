"""Spark as an engine: the same expressions, on this machine's cores or on a cluster.

Belongs here: a session with adaptive execution, the tables that it broadcasts, its plans, and one sentence
for each way that Spark cannot start. Does not belong here: what is computed. pyspark is an extra, [spark].
"""

import os
import re
import shutil
import socket
import subprocess
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pyarrow

from pizza_assets.errors import EngineError
from pizza_assets.merchants.engines import Computed, check_readable

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Spark 4 runs on Java 17 and 21.
MIN_JAVA = 17
_MASTER_PORT, _MASTER_TIMEOUT = 7077, 5.0
_GET_JAVA = (
    f"Spark needs Java {MIN_JAVA} or 21: on Debian 'apt-get install openjdk-17-jre-headless', elsewhere "
    "https://adoptium.net; or set JAVA_HOME to one."
)
#: Spark takes names of files for patterns, of which these characters are part.
_GLOB = re.compile(r"[*?\[\]{}\\]")
_OPTIONS: Mapping[str, str] = {
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.adaptive.coalescePartitions.enabled": "true",
    "spark.sql.adaptive.skewJoin.enabled": "true",
    # What the questions read has no time zone; nothing may shift it.
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.ui.showConsoleProgress": "false",
}
#: Only where we choose the cluster's size ourselves: this machine.
_LOCAL_OPTIONS: Mapping[str, str] = {
    "spark.ui.enabled": "false",
    "spark.driver.memory": "3g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}


def check_java() -> None:
    """Raise EngineError unless a Java that Spark runs on is there."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if not java or not Path(java).exists():
        raise EngineError(f"Java is missing{f' at JAVA_HOME={home}' if home else ''}. {_GET_JAVA}")
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603 the Java that Spark would start
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    if not found or int(found[1]) < MIN_JAVA:
        raise EngineError(f"Java {found[1] if found else 'of no known version'} at {java} is too old. {_GET_JAVA}")


def is_this_machine(master: str | None) -> bool:
    """Tell whether a master runs its work on this machine, which can read our files."""
    return bool(master) and (str(master).startswith("local") or "//127.0.0.1" in str(master))


def check_master(master: str) -> None:
    """Raise EngineError unless somebody listens at a standalone master; Spark itself would try for minutes."""
    for address in master.removeprefix("spark://").split(",") if master.startswith("spark://") else ():
        host, _, port = address.partition(":")
        try:
            socket.create_connection((host, int(port or _MASTER_PORT)), _MASTER_TIMEOUT).close()
        except (OSError, ValueError) as error:
            raise EngineError(
                f"No Spark master answers at {master} ({error}). Start one, correct --master (or "
                "MERCHANTS_SPARK_MASTER), or take local[*]."
            ) from error


def _pyspark() -> Any:  # noqa: ANN401 a module
    """Return pyspark.sql; it warns of pandas 3, of which nothing is used here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            import pyspark.sql
    except ImportError as error:
        raise EngineError(
            "pyspark is not installed. Install the extra: pip install 'pizza_assets[spark]', or take --engine duckdb."
        ) from error
    return pyspark.sql


class SparkEngine:
    """A Spark session: adaptive execution, UTC, small tables broadcast.

    Parameters
    ----------
    master
        local[*], spark://host:port, yarn ...; None leaves it to whoever started this process (spark-submit).
    options
        Further options of Spark, which win over ours.
    """

    name = "spark"

    def __init__(self, master: str | None = "local[*]", options: Mapping[str, str] | None = None) -> None:
        sql = _pyspark()
        is_here = is_this_machine(master)
        self.reads_addresses = not is_here
        if master:
            check_java()
            check_master(master)
        if not is_here and os.environ.get("SPARK_LOCAL_IP") == "127.0.0.1":
            # pandera sets it for itself; executors on other machines would look for the driver on their own.
            del os.environ["SPARK_LOCAL_IP"]
        self._files: list[str] = []
        builder = sql.SparkSession.builder.appName("pizza_assets merchants")
        builder = builder.master(master) if master else builder
        for name, value in {**_OPTIONS, **(_LOCAL_OPTIONS if is_here else {}), **(options or {})}.items():
            builder = builder.config(name, value)
        import ibis

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            self.session = builder.getOrCreate()
            self.session.sparkContext.setLogLevel("ERROR")
            self._connection = ibis.pyspark.connect(self.session)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.stop()

    def parquet(self, paths: Sequence[str]) -> "ir.Table":
        """Return Parquet files of one schema as a table; nothing is read yet."""
        # Java goes on in the folder that it was started in, whatever this process's folder is by now.
        self._files = [path if "://" in path else str(Path(path).absolute()) for path in paths]
        whole = [path if "://" in path else _GLOB.sub(r"\\\g<0>", path) for path in self._files]
        with self._errors():
            self.session.read.parquet(*whole).createOrReplaceTempView("parquet_files")
            return self._connection.table("parquet_files")

    def lookup(self, name: str, table: pyarrow.Table) -> "ir.Table":
        """Return a small table from memory under a name; joins with it broadcast it."""
        from pyspark.sql.functions import broadcast

        broadcast(self.session.createDataFrame(table)).createOrReplaceTempView(name)
        return self._connection.table(name)

    def once(self, name: str, expression: "ir.Table") -> "ir.Table":
        """Return the expression itself: its rows may be more than the executors' memory holds."""
        del name
        return expression

    def run(self, expression: "ir.Table") -> Computed:
        """Compute an expression; its plan is the one that adaptive execution arrived at."""
        with self._errors():
            frame = self.session.sql(self._connection.compile(expression))
            table = frame.toArrow()
            return Computed(table, frame._jdf.queryExecution().toString())

    def stream(self, expression: "ir.Table", rows: int) -> Iterator[pyarrow.RecordBatch]:
        """Yield the rows of an expression in batches of at most `rows`."""
        yield from self.run(expression).table.to_batches(max_chunksize=rows)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from py4j.protocol import Py4JError, Py4JJavaError  # noqa: PLC0415 comes with pyspark
        from pyspark.errors import PySparkException

        try:
            yield
        except Py4JJavaError as error:
            check_readable(self._files)
            cause = str(error.java_exception)
            if "OutOfMemory" in cause or "memory" in cause.lower():
                raise EngineError(
                    f"Spark ran out of memory ({cause[:200]}). Give it more (spark.driver.memory, "
                    "spark.executor.memory) or more executors."
                ) from error
            raise EngineError(f"Spark failed: {cause[:500]}") from error
        except PySparkException as error:
            check_readable(self._files)
            raise EngineError(f"Spark rejects this: {str(error)[:500]}") from error
        except Py4JError as error:
            raise EngineError(f"Spark's Java process has gone ({str(error)[:200]}). See its log for why.") from error
