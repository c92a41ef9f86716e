"""The warehouse's sales as card transactions: hand-made sales, and what becomes of them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from pizza_assets import contracts
from pizza_assets.cli import main
from pizza_assets.errors import SourceError
from pizza_assets.merchants import from_warehouse
from pizza_assets.merchants.contract import ANSWERS
from pizza_assets.merchants.from_warehouse import Sold, export
from pizza_assets.merchants.inputs import open_inputs
from pizza_assets.settings import Settings
from pizza_assets.warehouse.connection import Connection
from pizza_assets.warehouse.loader import load_day
from pizza_assets_tests.merchants.worlds import at
from pizza_assets_tests.warehouse.shops import DAY, NEXT_DAY, RETAILER, facts, sales

PATH = Path("transactions.parquet")


def load(connection: Connection, *lines: Mapping[str, Any], day: date = DAY, retailer: str = RETAILER) -> None:
    """Load lines as a day of a retailer."""
    table = sales(*({"retailer_id": retailer, **line} for line in lines), day=day)
    load_day(connection, table, retailer_id=retailer, source_day=day)


def exported(connection: Connection, **choice: Any) -> list[dict[str, Any]]:
    """The transactions as rows, whose contract they keep."""
    export(connection, PATH, **choice)
    table = pq.read_table(PATH)
    contracts.validate(contracts.from_arrow(table, contracts.MERCHANT_TRANSACTIONS), contracts.MERCHANT_TRANSACTIONS)
    return table.to_pylist()


def clock(connection: Connection) -> list[str]:
    return [f"{row['purchase_date']:%d %H:%M}" for row in exported(connection)]


def test_an_attempt_is_a_category_on_a_receipt(connection: Connection) -> None:
    load(
        connection,
        {"quantity": 2, "unit_price": "2.50"},
        {"product_sku": "P2", "unit_price": "0.10"},
        {"product_sku": "P2", "unit_price": "0.20"},
        {"product_sku": "P3", "category": "drinks", "unit_price": "1.20"},
        {"transaction_id": "T2", "store_id": "S2", "store_city": "Dublin", "customer_id": None},
    )
    noon = at(3, 3, 12, year=2025, minute=0)
    leeds = {"merchant_id": "retailer_1/S1", "city_id": "Leeds", "state_id": "GB"}
    dublin = {"merchant_id": "retailer_1/S2", "city_id": "Dublin", "state_id": "IE"}
    always = {"purchase_date": noon, "installments": None, "authorized_flag": "Y", "data_source": "mock"}
    assert exported(connection) == [
        leeds | {"category": "drinks", "purchase_amount": 1.2} | always,
        leeds | {"category": "frozen pizza", "purchase_amount": 5.3} | always,
        dublin | {"category": "frozen pizza", "purchase_amount": 2.5} | always,
    ]


def test_what_is_unknown_is_null(connection: Connection) -> None:
    load(
        connection,
        {"store_id": "unknown", "store_city": "unknown"},
        {"transaction_id": "T2", "store_id": "S2", "store_city": "unknown"},
        {"transaction_id": "T3", "store_id": "S3", "store_city": "Atlantis"},
        {"transaction_id": "T4", "product_sku": "unknown", "category": "unknown"},
    )
    found = [(row["merchant_id"], row["city_id"], row["state_id"], row["category"]) for row in exported(connection)]
    assert found == [
        (None, None, None, "frozen pizza"),
        ("retailer_1/S2", None, None, "frozen pizza"),
        ("retailer_1/S3", "Atlantis", None, "frozen pizza"),
        ("retailer_1/S1", "Leeds", "GB", None),
    ]


def test_the_same_numbers_at_two_retailers_are_two_merchants_and_two_attempts(connection: Connection) -> None:
    load(connection, {})
    load(connection, {}, retailer="dominos")
    assert [row["merchant_id"] for row in exported(connection)] == ["retailer_1/S1", "dominos/S1"]


def test_the_clock_is_the_shops_through_summer_time(connection: Connection) -> None:
    instants = ["2025-03-30 00:59", "2025-03-30 01:00", "2025-10-26 00:30", "2025-10-26 01:30", "2025-07-01 23:30"]
    lines = [
        {"transaction_id": f"T{number}", "sold_at": datetime.fromisoformat(text).replace(tzinfo=UTC)}
        for number, text in enumerate(instants)
    ]
    load(connection, *lines)
    assert clock(connection) == ["30 00:59", "30 02:00", "26 01:30", "26 01:30", "02 00:30"]


def test_where_the_city_is_unknown_the_clock_is_utc(connection: Connection) -> None:
    at = datetime(2025, 7, 1, 23, 30, tzinfo=UTC)
    load(connection, {"store_city": "Atlantis", "sold_at": at}, {"transaction_id": "T2", "store_id": "unknown",
         "store_city": "unknown", "sold_at": at})  # fmt: skip
    assert clock(connection) == ["01 23:30"] * 2


def test_the_day_of_the_purchase_is_the_day_of_the_fact(connection: Connection) -> None:
    start = datetime(2025, 3, 29, tzinfo=UTC)
    cities = ["Leeds", "Dublin", "Atlantis"]
    lines = [
        {"transaction_id": f"T{n:03}", "store_id": f"S{n % 3}", "store_city": cities[n % 3],
         "sold_at": start + timedelta(minutes=37 * n)}
        for n in range(150)
    ]  # fmt: skip
    load(connection, *lines)
    days = [row["purchase_date"].date() for row in exported(connection)]
    assert days == [row["calendar_date"] for row in facts(connection)]


def test_a_correction_counts_and_what_it_superseded_does_not(connection: Connection) -> None:
    load(connection, {"quantity": 1})
    load(connection, {"quantity": 3, "sold_at": datetime(2025, 3, 3, 12, tzinfo=UTC)}, day=NEXT_DAY)
    (row,) = exported(connection)
    assert row["purchase_amount"] == 7.5


def test_a_late_sale_has_the_date_it_was_sold_on(connection: Connection) -> None:
    load(connection, {"sold_at": datetime(2025, 3, 3, 9, tzinfo=UTC)}, day=NEXT_DAY)
    assert clock(connection) == ["03 09:00"]


def test_stores_are_the_merchants(connection: Connection) -> None:
    load(connection, {}, {"transaction_id": "T2", "store_id": "unknown", "store_city": "unknown"})
    load(connection, {"store_id": "High St, Norwich", "store_city": "Norwich"}, retailer="dominos")
    sold = export(connection, PATH)
    contracts.validate(contracts.from_arrow(sold.stores, contracts.MERCHANTS), contracts.MERCHANTS)
    assert sold.stores.to_pylist() == [
        {"merchant_id": "retailer_1/S1", "merchant_name": "Retailer 1 S1", "city_id": "Leeds", "state_id": "GB",
         "data_source": "mock"},
        {"merchant_id": "dominos/High St, Norwich", "merchant_name": "Domino's High St, Norwich", "city_id": "Norwich",
         "state_id": "GB", "data_source": "mock"},
    ]  # fmt: skip


def test_names_that_csv_could_break_on_come_through(connection: Connection) -> None:
    odd = 'a,b "c"\nd'
    load(
        connection,
        {"store_id": odd, "category": odd},
        {"transaction_id": "T2", "product_sku": "P2", "category": "NULL"},
    )
    assert [(row["merchant_id"], row["category"]) for row in exported(connection)] == [
        (f"retailer_1/{odd}", odd),
        ("retailer_1/S1", "NULL"),
    ]


def test_any_number_of_sales_travels_in_portions(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    load(connection, *({"transaction_id": f"T{number:03}"} for number in range(200)))
    monkeypatch.setattr(from_warehouse, "_BLOCK", 1000)
    assert len(exported(connection)) == 200
    assert pq.read_metadata(PATH).num_row_groups > 10
    assert {path.name for path in Path().iterdir()} == {PATH.name}


class TestOneKind:
    """Currencies, and real and mock, are told apart or rejected."""

    @pytest.fixture
    def mixed(self, connection: Connection) -> Connection:
        load(connection, {"data_source": "real"}, {"transaction_id": "T2", "currency": "EUR", "data_source": "real"})
        load(connection, {}, {"transaction_id": "T2"}, retailer="dominos")
        return connection

    @staticmethod
    def kind(sold: Sold) -> tuple[str, str, int]:
        return sold.data_source, sold.currency, pq.read_metadata(PATH).num_rows

    def test_a_warehouse_without_sales(self, connection: Connection) -> None:
        with pytest.raises(
            SourceError, match=r"^The warehouse has no sales\. Load some \('pizza-assets warehouse load"
        ):
            export(connection, PATH)

    def test_real_and_mock(self, mixed: Connection) -> None:
        there = r"2 mock in GBP, 1 real in EUR, 1 real in GBP"
        with pytest.raises(SourceError, match=rf"partly real and partly mock \({there}\).*--data-source"):
            export(mixed, PATH)
        with pytest.raises(SourceError, match="partly real and partly mock"):
            export(mixed, PATH, currency="GBP")
        assert self.kind(export(mixed, PATH, source="mock")) == ("mock", "GBP", 2)

    def test_several_currencies(self, mixed: Connection) -> None:
        with pytest.raises(
            SourceError, match=r"are in several currencies \(.*\), which are never added up.*--currency"
        ):
            export(mixed, PATH, source="real")
        assert self.kind(export(mixed, PATH, source="real", currency="EUR")) == ("real", "EUR", 1)
        assert self.kind(export(mixed, PATH, currency="EUR")) == ("real", "EUR", 1)

    def test_stores_are_those_of_the_chosen_sales(self, mixed: Connection) -> None:
        stores = export(mixed, PATH, source="real", currency="EUR").stores.to_pylist()
        assert [(row["merchant_id"], row["data_source"]) for row in stores] == [("retailer_1/S1", "real")]

    def test_what_is_not_there(self, mixed: Connection) -> None:
        facts = r"has no mock EUR sales; its facts are 2 mock in GBP, .*Choose one of these"
        with pytest.raises(SourceError, match=facts):
            export(mixed, PATH, source="mock", currency="EUR")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["merchants", *arguments])


@pytest.fixture
def shops(connection: Connection, database: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """Two retailers with three stores over two months, in the warehouse that the settings name."""
    monkeypatch.setenv("WAREHOUSE_URL", database)
    for number in range(40):
        day = DAY + timedelta(days=number)
        lines = [
            {"transaction_id": f"T{number}-{n}", "store_id": f"S{n % 3}", "quantity": 1 + (n * number) % 5,
             "store_city": ["Leeds", "Dublin", "unknown"][n % 3], "product_sku": f"P{n % 2}",
             "category": ["drinks", "frozen pizza"][n % 2],
             "sold_at": datetime(day.year, day.month, day.day, 8 + n, tzinfo=UTC)}
            for n in range(7)
        ]  # fmt: skip
        load(connection, *lines, day=day, retailer="dominos" if number % 3 else RETAILER)
    return connection


def test_the_questions_answer_the_same_from_the_warehouse_as_from_its_sales_in_files(shops: Connection) -> None:
    sold = export(shops, PATH)
    pyarrow.csv.write_csv(sold.stores, "stores.csv")
    from_files = run("all", "--transactions", str(PATH), "--merchants", "stores.csv", "--output", "files")
    asked = run("all", "--transactions", "warehouse", "--output", "warehouse")
    assert (from_files.exit_code, asked.exit_code) == (0, 0), asked.stderr
    assert asked.stdout.startswith("MOCK DATA. City Leeds spends the most: ")
    for name in (*(f"{name}.csv" for name in ANSWERS), "quality.json"):
        assert Path("files", name).read_bytes() == Path("warehouse", name).read_bytes(), name
    assert "Amount, GBP" in Path("warehouse/report.html").read_text()
    assert "instalments are not known" in Path("warehouse/report.md").read_text()


def test_amounts_are_those_of_the_marts(shops: Connection) -> None:
    assert run("top-merchants", "--transactions", "warehouse", "--output", "out").exit_code == 0
    table = pq.read_table("out/top_merchants.parquet")
    found = {
        (row["month"], row["merchant_id"]): (row["amount"], row["sales"])
        for row in table.filter(pc.not_equal(table["city_id"], "Unknown city")).to_pylist()
    }
    expected = shops.execute("""
        SELECT d.year || '-' || lpad(d.month::text, 2, '0'), r.retailer_id || '/' || s.store_id,
               sum(f.total_amount)::float, count(*)
        FROM sales.fact_sales f JOIN sales.dim_date d USING (date_key) JOIN sales.dim_store s USING (store_key)
        JOIN sales.dim_retailer r ON r.retailer_key = f.retailer_key WHERE s.city <> 'unknown' GROUP BY 1, 2
    """)
    assert found == {(month, store): (amount, sales) for month, store, amount, sales in expected}
    assert len(found) == 8


def test_a_list_that_is_given_names_the_stores(shops: Connection, database: str) -> None:
    Path("names.csv").write_text(
        "merchant_id,merchant_name,city_id,state_id,data_source\ndominos/S0,Headrow,Leeds,GB,mock\n"
    )
    settings = Settings.load(warehouse_url=database, merchants_transactions="warehouse", merchants_file="names.csv")
    with open_inputs(settings) as inputs:
        assert inputs.merchants["merchant_name"].to_pylist() == ["Headrow"]
        assert (inputs.currency, Path(inputs.files[0]).exists()) == ("GBP", True)
    assert not Path(inputs.files[0]).exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--currency", "EUR"], "The warehouse has no EUR sales; its facts are 280 mock in GBP. Choose one of these."),
        (["--currency", "euro"], "MERCHANTS_CURRENCY: String should match pattern"),
        (["--data-source", "real"], "The warehouse has no real sales"),
        (["--master", "spark://host:7077"], "The workers of spark://host:7077 cannot read what is exported"),
    ],
)
def test_what_is_wrong_is_one_sentence(shops: Connection, options: list[str], sentence: str) -> None:
    result = run("all", "--transactions", "warehouse", *options)
    assert result.exit_code in {1, 2}
    assert sentence in result.stderr


def test_a_choice_among_files_is_no_choice() -> None:
    pq.write_table(pa.table({"merchant_id": ["M1"]}), "t.parquet")
    result = run("all", "--transactions", "t.parquet", "--currency", "GBP")
    assert "--currency and --data-source choose among the warehouse's sales" in result.stderr


def test_a_folder_of_that_name_is_named_with_its_path() -> None:
    Path("warehouse").mkdir()
    assert "expected Parquet files of card transactions" in run("all", "--transactions", "./warehouse").stderr
