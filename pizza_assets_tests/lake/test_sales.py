import gzip
import json
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given

from pizza_assets.contracts import sales_schema
from pizza_assets.errors import ContractError, LakeError, RealDataError
from pizza_assets.lake.layout import SALES_TABLES
from pizza_assets.lake.sales import SalesDay, SalesTable, read_sales, sales_bytes, sales_table
from pizza_assets.lake.store import LocalStore, Store
from pizza_assets.lake.tables import noted
from pizza_assets.platform.kept import Kept
from pizza_assets_tests.retail.sales_lines import sale, sales, sales_of_day

DAY = date(2024, 5, 1)
KEY = "raw/retailer_1/year=2024/month=05/day=01/sales_data.json"


@given(sales_of_day())
def test_lines_come_back_as_they_were_written(table: pyarrow.Table) -> None:
    data = sales_bytes(table)
    assert sales_table(data, "here").equals(table)
    for line, row in zip(data.splitlines(), table.to_pylist(), strict=True):
        written = json.loads(line)
        assert list(written) == sales_schema().names
        assert Decimal(written["unit_price"]) == row["unit_price"]
        assert written["sold_at"].endswith("Z")


@pytest.mark.parametrize(("price", "written"), [("2.50", "2.50"), ("500", "500.00"), ("0.125", "0.125"), ("0", "0.00")])
def test_money_is_written_with_two_decimals_or_more(price: str, written: str) -> None:
    amounts = {"quantity": 1, "unit_price": Decimal(price), "total_amount": Decimal(price)}
    assert json.loads(sales_bytes(sales([sale(**amounts)])))["unit_price"] == written


def test_a_day_is_read_with_its_facts(store: Store) -> None:
    table = SalesTable(store, SALES_TABLES["raw_retailer_1"])
    day = sales([sale(), sale(line=2)])
    rejected = [{"reason": "quantity is missing", "record": {"id": 1}}]
    key = table.put(DAY, SalesDay(day, "real", 3, rejected, ['{"sales": []}'], {"reason": "none"}), "run-1")
    assert key == KEY
    assert read_sales(store, "retailer_1", DAY).equals(day)
    again = SalesTable(store, SALES_TABLES["raw_retailer_1"])
    assert list(again) == [DAY]
    assert again[DAY].equals(day)
    facts = again.facts(DAY)
    assert {name: facts[name] for name in ("data-source", "rows", "received", "rejected", "pages", "run-id")} == {
        "data-source": "real", "rows": "2", "received": "3", "rejected": "1", "pages": "1", "run-id": "run-1",
    }  # fmt: skip
    assert json.loads(store.read("raw/retailer_1/rejected/year=2024/month=05/day=01/rejected.ndjson")) == rejected[0]
    pages = json.loads(gzip.decompress(store.read("raw/retailer_1/received/year=2024/month=05/day=01/pages.json.gz")))
    assert pages == {"day": "2024-05-01", "pages": ['{"sales": []}']}


def test_a_day_is_replaced_whole(store: Store) -> None:
    where = SALES_TABLES["raw_dominos_sales"]
    line = sale(retailer_id="dominos")
    SalesTable(store, where).put(DAY, SalesDay(sales([line]), "real", 2, [{"reason": "x", "record": {}}]), "run-1")
    SalesTable(store, where).put(DAY, SalesDay(sales([]), "real"), "run-2")
    assert [item.key for item in store.list("raw/")] == ["raw/dominos/year=2024/month=05/day=01/sales_data.json"]
    assert read_sales(store, "dominos", DAY).equals(sales_schema().empty_table())


def test_mock_sales_never_replace_real_ones(store: Store) -> None:
    where = SALES_TABLES["raw_retailer_1"]
    mock = SalesDay(sales([sale(data_source="mock")]), "mock")
    for _ in range(2):
        SalesTable(store, where).put(DAY, mock, "run-1")
    SalesTable(store, where).put(DAY, SalesDay(sales([sale()]), "real"), "run-2")
    before = store.read(KEY), store.metadata(KEY)
    table = SalesTable(store, where)
    with pytest.raises(RealDataError, match="mock data never replaces the real data of 2024-05-01"):
        table.put(DAY, mock, "run-3")
    assert table.keep(Kept(DAY, "RETAILER_1_URL is not set"), "run-3") == before[1]
    assert (store.read(KEY), store.metadata(KEY)) == before
    assert noted(store, where, "kept") == {DAY: "RETAILER_1_URL is not set"}
    assert list(SalesTable(store, where)) == [DAY]
    SalesTable(store, where).put(DAY, SalesDay(sales([]), "real"), "run-4")
    assert [item.key for item in store.list("raw/")] == [KEY]


def test_sales_that_cannot_be_told_to_be_mock_are_not_replaced_by_mock(tmp_path: Path) -> None:
    store, where = LocalStore(tmp_path), SALES_TABLES["raw_retailer_1"]
    mock = SalesDay(sales([sale(data_source="mock")]), "mock")
    SalesTable(store, where).put(DAY, SalesDay(sales([sale()]), "real"), "run-1")
    shutil.rmtree(tmp_path / ".metadata")
    with pytest.raises(RealDataError):
        SalesTable(store, where).put(DAY, mock, "run-2")
    assert SalesTable(store, where).remove(DAY) == 1
    SalesTable(store, where).put(DAY, mock, "run-2")
    assert SalesTable(store, where).facts(DAY)["data-source"] == "mock"


def test_lines_that_break_the_contract_are_not_stored(store: Store) -> None:
    table = SalesTable(store, SALES_TABLES["raw_retailer_1"])
    with pytest.raises(ContractError, match="total_amount = quantity x unit_price"):
        table.put(DAY, SalesDay(sales([sale(total_amount=Decimal("6.25"))]), "real"), "run-1")
    assert list(store.list("")) == []


def test_a_day_of_an_older_version_has_whole_quantities_and_no_discounts() -> None:
    line = (
        sales_bytes(sales([sale()])).replace(b'"quantity":"3.00"', b'"quantity":3').replace(b'"discount":"0.00",', b"")
    )
    assert b"discount" not in line
    assert sales_table(line + line, "x", 1).to_pylist() == [sale()] * 2


def test_a_day_that_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(LakeError, match=f"{KEY} does not exist"):
        read_sales(store, "retailer_1", DAY)


@pytest.mark.parametrize(
    "line",
    [
        b"no json",
        sales_bytes(sales([sale()])).replace(b'"6.30"', b"6.30"),
        sales_bytes(sales([sale()])).replace(b'"6.30"', b'"6.30001"'),
        sales_bytes(sales([sale()])).replace(b'"store-1"', b"null"),
        sales_bytes(sales([sale()])).replace(b'"store_id":"store-1",', b""),
        sales_bytes(sales([sale()])).replace(b'"store_id"', b'"shop"'),
    ],
    ids=["no json", "money as a number", "five decimals", "null", "a field is missing", "another field"],
)
def test_what_holds_no_sales_is_rejected(line: bytes) -> None:
    with pytest.raises(LakeError, match=r"here does not hold sales of version \d \(.+\)\. Materialize its day"):
        sales_table(line, "here")
