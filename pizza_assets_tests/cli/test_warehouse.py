"""The commands, as people run them: on a lake in a folder and a real PostgreSQL."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from psycopg.conninfo import make_conninfo

from pizza_assets import contracts
from pizza_assets.cli import main
from pizza_assets.lake import layout, open_lake
from pizza_assets.lake.sales import SalesDay, SalesTable
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.warehouse.connection import Connection
from pizza_assets_tests.warehouse.shops import DAY, RETAILER, column, facts, one, sales

Run = Callable[..., Result]


@pytest.fixture
def lake(tmp_path: Path) -> Store:
    return open_lake(str(tmp_path / "lake"))


@pytest.fixture
def run(database: str, reader_login: str, lake: Store, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("WAREHOUSE_URL", database)
    monkeypatch.setenv("WAREHOUSE_READER_URL", make_conninfo(database, user=reader_login))
    monkeypatch.setenv("PIZZA_LAKE", lake.uri("").rstrip("/"))
    return lambda *arguments: CliRunner().invoke(main, ["warehouse", *arguments])


def put(lake: Store, day: date, *lines: dict[str, Any], retailer: str = RETAILER, rejected: int = 0) -> None:
    where = next(where for where in layout.SALES_TABLES.values() if where.retailer_id == retailer)
    table = sales(*({"retailer_id": retailer, **line} for line in lines), day=day)
    records = [{"reason": "broken", "record": {}}] * rejected
    SalesTable(lake, where).put(day, SalesDay(table, "mock", rejected=records), "run")


@pytest.fixture
def filled(lake: Store) -> Store:
    for number in range(3):
        day = DAY + timedelta(days=number)
        put(lake, day, {"transaction_id": f"T{number}"}, rejected=number)
        if number < 2:
            put(lake, day, {"transaction_id": f"T{number}"}, retailer="dominos")
    none: pd.DataFrame = contracts.empty(contracts.FOOTBALL_MATCHES)
    DailyTable(lake, layout.RAW_MATCHES).put(DAY, Day(none, "mock"), "run")
    return lake


def test_load_takes_what_the_lake_has_once(run: Run, filled: Store, connection: Connection) -> None:
    first = run("load")
    assert first.exit_code == 0, first.output
    assert "retailer_1: 3 days loaded, 3 facts" in first.output
    assert "retailer_2: 0 days loaded, 0 facts" in first.output
    assert "dominos: 2 days loaded, 2 facts" in first.output
    assert one(connection, "SELECT sum(facts) FROM marts.mv_daily_sales_summary") == 5
    assert one(connection, "SELECT is_match_date FROM sales.dim_date WHERE date_key = 20250303") is False
    assert "retailer_1: 0 days loaded" in run("load").output
    put(filled, DAY + timedelta(days=3), {"transaction_id": "T3"})
    assert "retailer_1: 1 day loaded, 1 fact" in run("load").output


def test_load_of_some_days_and_retailers_anew(run: Run, filled: Store, connection: Connection) -> None:
    run("load")
    put(filled, DAY, {"transaction_id": "T0", "quantity": 5})
    put(filled, DAY + timedelta(days=1), {"transaction_id": "T1", "quantity": 5})
    done = run("load", "--retailer", RETAILER, "--to", str(DAY), "--replace")
    assert done.output.strip() == "retailer_1: 1 day loaded, 1 fact"
    quantities = [row["quantity"] for row in facts(connection) if row["retailer_id"] == RETAILER]
    assert quantities == [5, 1, 1]


def test_load_tells_of_failed_checks(run: Run, lake: Store) -> None:
    put(lake, DAY, {"store_id": "unknown", "store_city": "unknown"})
    done = run("load")
    assert done.exit_code == 0
    assert "warning: retailer_1 2025-03-03 completeness: expected at least 99%, found 0.0% of 1" in done.output


def test_an_unknown_retailer_is_told(run: Run) -> None:
    done = run("load", "--retailer", "tesco")
    assert done.exit_code == 2
    assert "--retailer tesco: expected one of retailer_1" in done.output


def test_status_says_what_there_is_and_who_is_behind(run: Run, filled: Store, connection: Connection) -> None:
    run("load")
    connection.execute("INSERT INTO ops.stale_day VALUES (1, 20250303)")
    lines = run("status").output.splitlines()
    by_retailer = {line.split()[0]: line.split()[1:] for line in lines[1:5]}
    assert lines[0].split()[:5] == ["retailer", "days", "real", "missing", "facts"]
    assert by_retailer["retailer_1"][:9] == ["3", "0", "0", "3", "0", "0", "3", "0", "2025-03-05"]
    assert by_retailer["dominos"][:4] == ["2", "0", "0", "2"]
    assert by_retailer["retailer_2"][-2:] == ["-", "-"]
    assert lines[5] == "Behind the others, who have 2025-03-05: retailer_2, retailer_3, dominos"
    assert lines[6] == "The views have yet to take in 1 retailer-days."


def test_refresh(run: Run, filled: Store) -> None:
    run("load")
    assert run("refresh").output.startswith("0 retailer-days rolled up in ")
    assert run("refresh", "--full").output.startswith("5 retailer-days rolled up in ")


def test_sql_answers_names_and_queries(run: Run, filled: Store) -> None:
    run("load")
    assert "top_products" in run("sql", "--list").output
    assert "SELECT retailer_id" in run("sql", "top_products", "--show").output
    answer = run("sql", "sales_by_day", "--csv").output.splitlines()
    assert answer[:2] == [
        "retailer_id,data_source,sale_date,transactions,net_quantity,gross_revenue,discounts,returns,net_revenue,currency",
        "dominos,mock,2025-03-03,1,1.00,2.50,0.00,0,2.50,GBP",
    ]
    assert run("sql", "SELECT 1 AS one, NULL AS nothing").output == "one  nothing\n  1\n"
    rejected = run("sql", "DELETE FROM sales.fact_sales")
    assert rejected.exit_code == 1
    assert "Error: The warehouse rejected the statement" in rejected.output


def test_migrate_makes_an_empty_database_and_says_from_where(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", empty_database)
    asked = CliRunner().invoke(main, ["warehouse", "status"])
    assert asked.exit_code == 1
    assert "run pizza-assets warehouse migrate" in asked.output
    made = CliRunner().invoke(main, ["warehouse", "migrate"])
    assert made.output == "The schema is at revision 0007 (was: none).\n"
    assert CliRunner().invoke(main, ["warehouse", "status"]).exit_code == 0


def test_retention_says_what_is_due_then_moves_it(run: Run, filled: Store, connection: Connection) -> None:
    assert "WAREHOUSE_KEEP_MONTHS" in run("retention").output
    run("load")
    dry = run("retention", "--keep-months", "1", "--dry-run").output
    assert "retailer_1 2025-03: 3 facts would be archived" in dry
    assert len(column(facts(connection), "transaction_id")) == 5
    moved = run("retention", "--keep-months", "1").output
    assert "dominos 2025-03: 2 facts archived in " in moved
    assert facts(connection) == []
    assert len(list(filled.list("archive/"))) == 2
    assert "0 months of facts" in run("retention", "--keep-months", "1").output
