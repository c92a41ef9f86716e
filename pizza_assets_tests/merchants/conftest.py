"""The engine of these tests: DuckDB. The tests in ``spark`` run the same cases on Spark."""

from collections.abc import Iterator

import pytest

from pizza_assets.merchants.engines import DuckDBEngine, Engine


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with DuckDBEngine("1GB") as duckdb:
        yield duckdb
