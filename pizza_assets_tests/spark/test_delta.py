"""Delta tables that one engine wrote and the other reads.

Spark has no Delta of its own here: its jar is on Maven alone. What Spark writes is Parquet, which deltalake takes over
as a table; what deltalake writes, Spark reads by the files that the table's log names.
"""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pizza_assets.merchants.engines import DuckDBEngine
from pizza_assets.merchants.spark import SparkEngine

# ruff: noqa: F401 pytest collects what is imported here and runs it with this folder's engine
from pizza_assets_tests.merchants.test_delta import (
    test_versions_new_columns_and_compaction,
    test_what_is_no_table_or_version_is_named,
)
from pizza_assets_tests.merchants.test_inputs import examined
from pizza_assets_tests.merchants.worlds import row, transactions

deltalake = pytest.importorskip("deltalake", reason="deltalake is missing: pip install 'pizza_assets[delta]'")


def test_what_spark_wrote_is_a_table_that_duckdb_reads(engine: SparkEngine) -> None:
    pq.write_table(transactions(row(merchant_id="M1"), row(merchant_id="M2")), "a.parquet")
    engine.session.read.parquet(str(Path("a.parquet").absolute())).write.parquet(str(Path("table").absolute()))
    deltalake.convert_to_deltalake("table")
    deltalake.write_deltalake("table", transactions(row(merchant_id="M3")), mode="append")
    with DuckDBEngine("1GB") as duckdb:
        assert [examined(one, "table").stored for one in (engine, duckdb)] == [3, 3]
        assert [examined(one, "table@v0").stored for one in (engine, duckdb)] == [2, 2]
