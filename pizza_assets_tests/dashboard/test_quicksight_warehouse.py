"""The warehouse in QuickSight: only where it is set up, by reference to its secret, checked as the rest is."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlglot
from click.testing import CliRunner

from pizza_assets.cli import main
from pizza_assets.dashboard.contract import SALES_BY_PRODUCT
from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.dashboard.quicksight import deploy, model_check, reference_check
from pizza_assets.dashboard.quicksight.data_sources import Request
from pizza_assets.dashboard.quicksight.deploy import Deployment, QuickSightError
from pizza_assets.dashboard.quicksight.warehouse import data_set, data_source, query
from pizza_assets.dashboard.quicksight.warehouse_target import WarehouseTarget, warehouse_target
from pizza_assets.errors import PizzaAssetsError, SettingsError
from pizza_assets.settings import Settings
from pizza_assets.warehouse.calendar import MatchDate, mark_match_dates
from pizza_assets.warehouse.connection import Connection
from pizza_assets.warehouse.loader import load_day
from pizza_assets.warehouse.marts import refresh
from pizza_assets.warehouse.status import ask
from pizza_assets_tests.dashboard.fake_quicksight import FakeQuickSight
from pizza_assets_tests.dashboard.test_deploy import ANN, TO
from pizza_assets_tests.warehouse.shops import DAY, NEXT_DAY, RETAILER, sales

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:pizza/bi_reader-AbCdEf"
VPC = "arn:aws:quicksight:eu-west-1:123456789012:vpcConnection/warehouse"
WAREHOUSE = WarehouseTarget("warehouse.example", 5432, "pizza", SECRET)
WITH_WAREHOUSE = replace(TO, warehouse=WAREHOUSE)
SOURCES = {TO.arn("datasource", "pizza-warehouse")}


def deployment(api: FakeQuickSight, to: Any = WITH_WAREHOUSE) -> Deployment:
    return Deployment(api, to, sleep=lambda _: None)


def test_without_settings_the_warehouse_is_left_out() -> None:
    assert warehouse_target(Settings.load()) is None
    names = {step.name for step in deploy.plan(TO)}
    assert {"warehouse", "sales"}.isdisjoint(names)
    assert {step.name for step in deploy.plan(WITH_WAREHOUSE)} == names | {"warehouse", "sales"}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("warehouse.example/pizza", ("warehouse.example", 5432, "pizza")),
        ("10.0.0.7:6432/sales_db", ("10.0.0.7", 6432, "sales_db")),
    ],
)
def test_the_settings_say_where_it_is(address: str, expected: tuple[str, int, str]) -> None:
    settings = Settings.load(
        quicksight_warehouse=address, quicksight_warehouse_secret=SECRET, quicksight_vpc_connection=VPC
    )
    assert warehouse_target(settings) == WarehouseTarget(*expected, SECRET, VPC)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"quicksight_warehouse": None}, "QUICKSIGHT_WAREHOUSE is not set"),
        ({"quicksight_warehouse_secret": None}, "QUICKSIGHT_WAREHOUSE_SECRET is not set"),
        ({"quicksight_warehouse": "postgresql://bi:hunter2@host/pizza"}, "without user and password"),
        ({"quicksight_warehouse": "warehouse.example"}, r"must be host\[:port\]/database"),
        ({"quicksight_warehouse": "localhost/pizza"}, "not this machine. Found localhost"),
        ({"quicksight_warehouse": "127.0.0.1:5432/pizza"}, "not this machine"),
    ],
)
def test_settings_that_do_not_lead_there_are_told(changes: dict[str, object], said: str) -> None:
    values = {"quicksight_warehouse": "warehouse.example/pizza", "quicksight_warehouse_secret": SECRET, **changes}
    with pytest.raises(PizzaAssetsError, match=said) as caught:
        warehouse_target(Settings.load(**values))
    assert "hunter2" not in str(caught.value)


def test_a_secret_is_named_by_its_arn_alone() -> None:
    with pytest.raises(SettingsError, match="QUICKSIGHT_WAREHOUSE_SECRET") as caught:
        Settings.load(quicksight_warehouse_secret="hunter2")
    assert "hunter2" not in str(caught.value)
    source = data_source(TO, WAREHOUSE)
    assert source["Credentials"] == {"SecretArn": SECRET}
    assert source["SslProperties"] == {"DisableSsl": False}
    assert "VpcConnectionProperties" not in source
    assert data_source(TO, replace(WAREHOUSE, vpc_connection=VPC))["VpcConnectionProperties"] == {
        "VpcConnectionArn": VPC
    }


def test_the_query_gives_the_contracts_columns_in_postgresql() -> None:
    parsed = sqlglot.parse_one(query(), dialect="postgres")
    assert [column.alias_or_name for column in parsed.expressions] == list(SALES_BY_PRODUCT.columns)
    (table,) = data_set(TO)["PhysicalTableMap"].values()
    types = {column["Name"]: column["Type"] for column in table["CustomSql"]["Columns"]}
    assert list(types) == list(SALES_BY_PRODUCT.columns)
    told = {"sale_date": "DATETIME", "is_match_date": "INTEGER", "retailer_id": "STRING", "net_revenue": "DECIMAL"}
    assert {name: types[name] for name in told} == told


def test_the_query_is_answered_by_a_warehouse_as_a_reader_with_the_types_that_quicksight_is_told(
    connection: Connection,
) -> None:
    load_day(connection, sales({"quantity": 3}), retailer_id=RETAILER, source_day=DAY)
    load_day(connection, sales({"transaction_id": "T2"}, day=NEXT_DAY), retailer_id=RETAILER, source_day=NEXT_DAY)
    mark_match_dates(connection, [MatchDate(DAY, 2, "mock")])
    refresh(connection)
    names, rows = ask(connection, f"{query()} ORDER BY sale_date")
    assert names == list(SALES_BY_PRODUCT.columns)
    first, second = (dict(zip(names, row, strict=True)) for row in rows)
    assert first == {
        "sale_date": DAY, "is_match_date": 1, "matches_source": "mock", "retailer_id": RETAILER, "product_sku": "P1",
        "product_name": "Margherita", "category": "frozen pizza", "currency": "GBP", "data_source": "mock",
        "transactions": 1, "net_quantity": 3, "returned_quantity": 0, "gross_revenue": Decimal("7.50"), "discounts": 0,
        "returns": 0, "net_revenue": Decimal("7.50"),
    }  # fmt: skip
    assert (second["is_match_date"], second["matches_source"]) == (None, None)
    kinds = {"DATETIME": date, "INTEGER": int, "DECIMAL": Decimal, "STRING": str}
    for column in data_set(TO)["PhysicalTableMap"]["sales"]["CustomSql"]["Columns"]:
        assert type(first[column["Name"]]) is kinds[column["Type"]], column


def test_the_requests_are_valid_and_fit_together() -> None:
    assert model_check.problems("CreateDataSource", data_source(TO, replace(WAREHOUSE, vpc_connection=VPC))) == []
    assert model_check.problems("CreateDataSet", data_set(TO)) == []
    assert reference_check.data_set_problems(data_set(TO), SOURCES) == []
    assert set(reference_check.columns_of(data_set(TO))) == set(SALES_BY_PRODUCT.columns)
    requests = [*deploy.requests(WITH_WAREHOUSE), *deploy.teardown_requests(WITH_WAREHOUSE)]
    assert [problem for operation, request in requests for problem in model_check.problems(operation, request)] == []
    assert len(requests) == 2 * (3 * len(DATA_SETS) + 4) + 1


def table(request: Request) -> Any:
    return request["PhysicalTableMap"]["sales"]["CustomSql"]


FAULTS: dict[str, tuple[Callable[[Request], Any], str]] = {
    "no query": (lambda r: table(r).pop("SqlQuery"), "SqlQuery is missing"),
    "an unknown type": (lambda r: table(r)["Columns"][0].update(Type="DATE"), "none of"),
    "two tables in one": (lambda r: r["PhysicalTableMap"]["sales"].update(S3Source={}), "exactly one of"),
    "another source": (lambda r: table(r).update(DataSourceArn="arn:aws:quicksight:::datasource/x"), "no data source"),
    "a column twice": (lambda r: table(r)["Columns"].append(table(r)["Columns"][0]), "is there twice"),
    "a column that the query lacks": (lambda r: table(r)["Columns"].pop(), "no column net_revenue"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught_and_named(fault: str) -> None:
    plant, told = FAULTS[fault]
    request = copy.deepcopy(data_set(TO))
    plant(request)
    found = model_check.problems("CreateDataSet", request)
    found = found or reference_check.data_set_problems(request, SOURCES)
    assert any(told in problem for problem in found), found


def test_it_is_deployed_with_the_rest_and_again_without_a_refresh() -> None:
    api = FakeQuickSight()
    deployment(api).deploy()
    assert api.resources["DataSet", "pizza-sales"]["ImportMode"] == "SPICE"
    api.calls.clear()
    deployment(api).deploy()
    assert not [call for call in api.calls if call.startswith(("Create", "Delete"))]
    assert "UpdateDataSet" not in api.calls
    assert {line.split()[-1] for line in deployment(api).status()} == {"CREATION_SUCCESSFUL", "UPDATE_SUCCESSFUL"}


def test_a_teardown_finds_it_when_it_is_set_up_no_longer() -> None:
    api = FakeQuickSight()
    deployment(api).deploy()
    deployment(api, TO).teardown()
    assert api.resources == {}


def test_a_source_that_quicksight_cannot_reach_fails_the_deployment_in_its_words() -> None:
    api = FakeQuickSight()
    create = api._create

    def unreachable(kind: str, request: Request) -> Any:
        answer = create(kind, request)
        if request.get("Type") == "POSTGRESQL":
            error = {"Type": "TIMEOUT", "Message": "The host does not answer"}
            api.resources["DataSource", "pizza-warehouse"] |= {"Status": "CREATION_FAILED", "ErrorInfo": error}
        return answer

    api._create = unreachable  # type: ignore[method-assign] # the fake's answer alone changes
    with pytest.raises(QuickSightError, match="DataSource warehouse: TIMEOUT: The host does not answer"):
        deployment(api).deploy()
    assert api.resources == {}


def test_a_dry_run_shows_the_secrets_arn_and_no_address_of_the_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        "PIZZA_LAKE": "s3://pizza-lake", "QUICKSIGHT_ACCOUNT_ID": "123456789012", "QUICKSIGHT_OWNERS": ANN,
        "AWS_REGION": "eu-west-1", "QUICKSIGHT_WAREHOUSE": "warehouse.example/pizza",
        "QUICKSIGHT_WAREHOUSE_SECRET": SECRET, "WAREHOUSE_URL": "postgresql://loader:hunter2@db.example/pizza",
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main, ["quicksight", "deploy", "--dry-run"], catch_exceptions=False)
    assert result.exit_code == 0
    assert json.dumps(SECRET) in result.output
    assert "hunter2" not in result.output
    assert "db.example" not in result.output
