"""Transactions as a Delta table: append, an older version, new columns, compaction; the same on both engines."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from pizza_assets.cli import main
from pizza_assets.errors import SourceError
from pizza_assets.merchants.engines import Engine
from pizza_assets_tests.merchants.test_inputs import examined
from pizza_assets_tests.merchants.worlds import row, transactions

deltalake = pytest.importorskip("deltalake", reason="deltalake is missing: pip install 'pizza_assets[delta]'")


def run(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["delta", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def written(name: str, table: pa.Table) -> str:
    pq.write_table(table, name)
    return name


def test_versions_new_columns_and_compaction(engine: Engine) -> None:
    january = transactions(row(merchant_id="M1"), row(merchant_id="M2"))
    assert run("append", "table", written("a.parquet", january)) == "table: version 0\n"
    wider = transactions(row(merchant_id="M3")).append_column("channel", [["web"]])
    assert run("append", "table", written("b.parquet", wider)) == "table: version 1\n"
    assert run("append", "table", written("c.parquet", january)) == "table: version 2\n"
    assert run("compact", "table") == "table: 3 files, now 1\n"
    assert [line.split()[0] for line in run("versions", "table").splitlines()] == ["v3", "v2", "v1", "v0"]
    found = {name: examined(engine, name).stored for name in ("table", "table@v2", "table@v1", "table@v0")}
    assert found == {"table": 5, "table@v2": 5, "table@v1": 3, "table@v0": 2}
    assert deltalake.DeltaTable("table").to_pyarrow_table()["channel"].null_count == 4


def test_rows_that_do_not_fit_change_nothing() -> None:
    run("append", "table", written("a.parquet", transactions(row())))
    wrong = transactions(row()).append_column("channel", [[1]])
    run("append", "table", written("b.parquet", wrong))
    other = transactions(row()).append_column("channel", [["web"]])
    done = CliRunner().invoke(main, ["delta", "append", "table", written("c.parquet", other)])
    assert done.exit_code == 1
    assert "channel" in done.output
    assert deltalake.DeltaTable("table").version() == 1


@pytest.mark.parametrize("location", ["table@v7", "empty"])
def test_what_is_no_table_or_version_is_named(engine: Engine, location: str) -> None:
    run("append", "table", written("a.parquet", transactions(row())))
    Path("empty", "_delta_log").mkdir(parents=True)
    with pytest.raises(SourceError, match=f"^{location} cannot be read as a Delta table"):
        examined(engine, location)
