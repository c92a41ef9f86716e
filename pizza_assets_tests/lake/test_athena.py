import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow
import pytest
import sqlglot
from click.testing import CliRunner
from sqlglot import expressions as sql

from pizza_assets import contracts
from pizza_assets.cli import main
from pizza_assets.contracts import SALES
from pizza_assets.errors import SettingsError
from pizza_assets.lake import open_lake
from pizza_assets.lake.athena import SALES_TABLE, SALES_VIEW, ddl
from pizza_assets.lake.layout import FRAME_TABLES, SALES_TABLES
from pizza_assets.lake.sales import SalesDay, SalesTable
from pizza_assets_tests.retail.sales_lines import sale, sales

DAY = date(2024, 2, 9)
STATEMENTS = [text for text in ddl("s3://bucket/lake/", "pizza", date(2023, 8, 1)).split(";\n") if text.strip()]
TABLES = {name: statement for statement in STATEMENTS for name in re.findall(r"EXTERNAL TABLE .*`(\w+)` \(", statement)}


def properties(statement: str) -> dict[str, str]:
    return dict(re.findall(r"^  '(.+)' = '(.*)',?$", statement, re.MULTILINE))


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda text: text.split("\n")[0][:60])
def test_every_statement_is_athena_and_hive_or_presto(statement: str) -> None:
    parsed = sqlglot.parse_one(statement, dialect="athena")
    assert isinstance(parsed, sql.Create)
    assert isinstance(sqlglot.parse_one(statement, dialect="presto" if parsed.kind == "VIEW" else "hive"), sql.Create)


def test_every_daily_data_set_is_a_table_with_the_contracts_columns() -> None:
    assert set(TABLES) == {*FRAME_TABLES, SALES_TABLE}
    for name, statement in TABLES.items():
        contract = FRAME_TABLES[name].contract if name in FRAME_TABLES else SALES
        parsed = sqlglot.parse_one(statement, dialect="athena")
        columns = {column.name: column.kind.sql("hive").lower() for column in parsed.this.expressions}
        assert list(columns)[: len(contract.columns)] == list(contract.columns)
        types = {field.name: field.type for field in contracts.arrow_schema(contract)}
        if name in FRAME_TABLES:
            assert {columns[c] for c in types if pyarrow.types.is_timestamp(types[c])} <= {"timestamp"}
        comments = re.findall(r"^  `\w+` .* COMMENT '(.*)',?$", statement, re.MULTILINE)
        assert len(comments) == len(contract.columns)
        assert max(map(len, comments)) < 256, "the Glue catalog takes no longer ones"


@pytest.mark.parametrize("name", FRAME_TABLES)
def test_a_projected_day_is_the_folder_in_which_the_lake_keeps_it_alone(name: str) -> None:
    where, facts = FRAME_TABLES[name], properties(TABLES[name])
    assert facts["projection.day.format"] == "yyyy/MM/dd"
    assert facts["projection.day.range"] == "2023/08/01,NOW"
    folder = facts["storage.location.template"].replace("${day}", "2024/02/09")
    for source in ("real", "mock"):
        here = folder.replace("${source}", source)
        assert f"s3://bucket/lake/{where.key(DAY, source)}".rpartition("/")[0] + "/" == here
        for beside in (where.rejected_key(DAY), where.received_key(DAY)):
            assert not f"s3://bucket/lake/{beside}".startswith(here)


def test_a_projected_day_of_sales_is_the_folder_in_which_the_lake_keeps_it_alone() -> None:
    facts = properties(TABLES[SALES_TABLE])
    assert facts["projection.retailer.values"].split(",") == [where.retailer_id for where in SALES_TABLES.values()]
    assert facts["projection.year.range"] == "2023,2032"
    for where in SALES_TABLES.values():
        folder = facts["storage.location.template"]
        for part, value in {"retailer": where.retailer_id, "year": "2024", "month": "02", "day": "09"}.items():
            folder = folder.replace(f"${{{part}}}", value)
        assert f"s3://bucket/lake/{where.key(DAY)}" == f"{folder}sales_data.json"
        for beside in (where.rejected_key(DAY), where.received_key(DAY)):
            assert not f"s3://bucket/lake/{beside}".startswith(folder)


def test_the_view_gives_sales_their_types(tmp_path: Path) -> None:
    """Run the view on a lake, in DuckDB's dialect, with the partitions as Athena would project them."""
    table = SalesTable(open_lake(str(tmp_path)), SALES_TABLES["raw_retailer_3"])
    sold = sales([sale(retailer_id="retailer_3"), sale(retailer_id="retailer_3", line=2, customer_id="c-1")])
    key = table.put(DAY, SalesDay(sold, "real"), "run-1")
    view = next(text for text in STATEMENTS if "VIEW" in text).replace('"pizza".', "")
    types = {field.name: "INTEGER" if pyarrow.types.is_integer(field.type) else "VARCHAR" for field in sold.schema}
    with duckdb.connect() as engine:
        lines = engine.read_json(str(tmp_path / key), columns=types)
        lines.project("*, 'retailer_3' AS retailer, 2024 AS year, 2 AS month, 9 AS day").create_view(SALES_TABLE)
        engine.execute(sqlglot.transpile(view, read="athena", write="duckdb")[0])
        found = engine.view(SALES_VIEW).to_arrow_table()
    assert found["source_day"].to_pylist() == [DAY, DAY]
    assert found.schema.field("total_amount").type == pyarrow.decimal128(18, 4)
    assert found["unit_price"].to_pylist() == [Decimal("2.10")] * 2
    assert [at.replace(tzinfo=None) for at in sold["sold_at"].to_pylist()] == found["sold_at"].to_pylist()
    same = [name for name in sold.column_names if name not in {"sold_at", "unit_price", "total_amount"}]
    assert found.select(same).to_pylist() == sold.select(same).to_pylist()


def test_the_command_prints_the_statements_of_the_lake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIZZA_LAKE", "s3://bucket/lake")
    result = CliRunner().invoke(main, ["athena", "ddl"], catch_exceptions=False)
    assert result.output == ddl("s3://bucket/lake", "pizza", date(2023, 8, 1))
    result = CliRunner().invoke(main, ["athena", "ddl", "--lake", "s3://other", "--database", "sport"])
    assert "`sport`.`raw_orders`" in result.output
    assert "LOCATION 's3://other/raw/'" in result.output


def test_a_folder_is_nothing_for_athena() -> None:
    with pytest.raises(SettingsError, match="the lake is 'lake'. Set PIZZA_LAKE=s3://bucket, or give --lake"):
        ddl("lake", "pizza", DAY)
