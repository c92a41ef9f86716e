"""Stored days of older versions of a contract: stored samples, and a contract that changed twice."""

import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import ibis
import pandera.pandas as pa
import pyarrow
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets import contracts
from pizza_assets.cli import main
from pizza_assets.contracts import DOMINOS_ORDERS, SALES
from pizza_assets.errors import LakeError
from pizza_assets.lake import formats
from pizza_assets.lake.layout import SALES_TABLES, DailyLayout
from pizza_assets.lake.sales import SalesDay, SalesTable, sales_bytes, sales_table
from pizza_assets.lake.store import LocalStore
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.platform.columns import data_set, decimal, instant, integer, text
from pizza_assets.platform.upgrades import Added, Renamed, Widened, schema_at, upgraded, upgraded_expression, version_of
from pizza_assets_tests.frames import orders_frame
from pizza_assets_tests.lake.version_samples import STORED, sample_path
from pizza_assets_tests.retail.sales_lines import sale, sales

DAY = date(2024, 2, 28)
NOON = datetime(2024, 2, 28, 12, tzinfo=UTC)
PENCE, POUNDS = pyarrow.decimal128(8, 2), pyarrow.decimal128(16, 4)


def versions() -> list[pa.DataFrameSchema]:
    """Return three versions of one contract: the second renames and widens, the third adds and renames again."""
    first = {
        "id": text("Key."),
        "at": instant("When."),
        "shop": text("Shop."),
        "price": decimal(PENCE, "Price.", "GBP"),
    }
    second = {**first, "store": first["shop"], "price": decimal(POUNDS, "Price.", "GBP")}
    del second["shop"]
    third = {**second, "place": second["store"], "kind": text("Kind."), "count": integer("Items.", "1", nullable=True)}
    del third["store"]
    upgrades = [
        [Renamed("shop", "store"), Widened("price", PENCE)],
        [Added("kind", "sale"), Added("count"), Renamed("store", "place")],
    ]
    return [
        data_set(
            "things", "Things.", grain="one row per thing", key=["id"], columns=columns, upgrades=upgrades[:number]
        )
        for number, columns in enumerate((first, second, third))
    ]


V1, V2, V3 = versions()


def rows(contract: pa.DataFrameSchema, prefix: str = "a", day: date = DAY, count: int = 2) -> pyarrow.Table:
    """Return rows as a program of that version stores them."""
    at = NOON + (day - DAY)
    known = {"at": at, "shop": "Leeds", "store": "Leeds", "place": "Leeds", "price": Decimal("2.50"), "kind": "return"}
    fields = contracts.arrow_schema(contract)
    return pyarrow.Table.from_pylist(
        [{"id": f"{prefix}{n}", "count": n, **known} for n in range(count)], schema=fields
    ).select(fields.names)


def where(contract: pa.DataFrameSchema) -> DailyLayout:
    return DailyLayout("things", "processed-data/things", "things", contract, has_months=True)


def put(store: LocalStore, contract: pa.DataFrameSchema, day: date) -> None:
    frame = contracts.from_arrow(rows(contract, f"{day.day}-", day), contract)
    DailyTable(store, where(contract)).put(day, Day(frame, "mock"), "run")


# --- what programs of each version stored ---


@pytest.mark.parametrize("name", STORED)
def test_a_stored_sample_of_each_version_is_read_as_todays(name: str) -> None:
    contract = STORED[name]
    for version in range(1, version_of(contract) + 1):
        path = sample_path(contract, version)
        assert path.exists(), f"{path} is missing: python -m pizza_assets_tests.lake.version_samples writes it."
        data = path.read_bytes()
        if contract is SALES:
            frame = contracts.from_arrow(sales_table(data, path.name, version), SALES)
        else:
            frame = formats.read_parquet(data, contract, path.name)
            assert formats.version_in(path, contract) == version
        assert len(contracts.validate(frame, contract)) >= 1


@pytest.mark.parametrize("name", STORED)
def test_columns_change_together_with_the_version_of_their_contract(name: str) -> None:
    contract = STORED[name]
    for version in range(1, version_of(contract) + 1):
        path = sample_path(contract, version)
        expected = {field.name: field.type for field in schema_at(contract, version)}
        if contract is SALES:
            found = set(ibis.duckdb.connect().read_json(path).columns)
            assert found == set(expected), "a column changed: give the contract an upgrade"
        else:
            found = {field.name: field.type for field in pq.read_schema(path)}
            assert found == expected, "a column changed: give the contract an upgrade"


# --- a contract that changed twice ---


def test_schemas_of_older_versions_follow_from_the_upgrades() -> None:
    assert [version_of(contract) for contract in (V1, V2, V3)] == [1, 2, 3]
    for version, older in enumerate((V1, V2), 1):
        stored = {field.name: field.type for field in contracts.arrow_schema(older)}
        assert {field.name: field.type for field in schema_at(V3, version)} == stored


@pytest.mark.parametrize("version", [1, 2, 3])
def test_days_of_all_versions_are_read_alike(tmp_path: Path, version: int) -> None:
    store, contract = LocalStore(tmp_path), (V1, V2, V3)[version - 1]
    put(store, contract, DAY)
    table = DailyTable(store, where(V3))
    assert table.facts(DAY)["schema-version"] == str(version)
    frame = contracts.validate(table[DAY], V3)
    assert frame["place"].tolist() == ["Leeds", "Leeds"]
    assert frame["price"].tolist() == [Decimal("2.5000")] * 2
    assert frame["kind"].tolist() == ["return" if version == 3 else "sale"] * 2
    assert frame["count"].isna().tolist() == ([False, False] if version == 3 else [True, True])
    for columns in (["kind"], ["count", "place"], ["price"], ["id"]):
        assert table.view(columns)[DAY].equals(frame[columns])
    texts = table.arrow(DAY, ["place"])
    assert pyarrow.types.is_dictionary(texts["place"].type)
    assert texts["place"].to_pylist() == ["Leeds", "Leeds"]


@given(st.lists(st.sampled_from([V1, V2, V3]), min_size=1, max_size=5), st.booleans())
def test_a_range_over_all_versions_is_one_frame_and_its_months_repeat_it(
    tmp_path_factory: pytest.TempPathFactory, stored: list[pa.DataFrameSchema], has_old_months: bool
) -> None:
    store, days = LocalStore(tmp_path_factory.mktemp("lake")), [DAY + timedelta(days=n) for n in range(len(stored))]
    for day, contract in zip(days, stored, strict=True):
        put(store, contract, day)
        if has_old_months and contract is stored[0]:  # months that a program of that version made
            reader = DailyTable(store, where(contract))
            if all(written is contract for written in stored[: days.index(day) + 1]):
                reader.by_day(days[0], day, compacts=True)
    one_by_one = DailyTable(store, where(V3)).between(days[0], days[-1])
    contracts.validate(one_by_one, V3)
    assert one_by_one["kind"].tolist() == [kind for of in stored for kind in ["return" if of is V3 else "sale"] * 2]
    assert DailyTable(store, where(V3)).between(days[0], days[-1], compacts=True).equals(one_by_one)
    assert DailyTable(store, where(V3)).between(days[0], days[-1]).equals(one_by_one)


@pytest.mark.parametrize("columns", [["id", "place", "kind"], ["count", "price"]])
def test_a_query_over_files_of_all_versions_reads_them_alike(tmp_path: Path, columns: list[str]) -> None:
    expected, parts, connection = [], [], ibis.duckdb.connect()
    connection.raw_sql("SET TimeZone = 'UTC'")
    for version, contract in enumerate((V1, V2, V3), 1):
        path = tmp_path / f"{version}.parquet"
        stored = rows(contract, str(version))
        path.write_bytes(formats.table_bytes(stored, version))
        assert formats.version_in(path, V3) == version
        parts.append(upgraded_expression(connection.read_parquet(path), V3, version, columns))
        expected += upgraded(stored, V3, version).select(columns).to_pylist()
    found = ibis.union(*parts).to_pyarrow()
    assert found.schema.types == [contracts.arrow_schema(V3).field(name).type for name in columns]
    assert sorted(found.to_pylist(), key=str) == sorted(expected, key=str)


def test_a_file_is_judged_by_the_schema_of_its_own_version() -> None:
    stored = rows(V2)
    with pytest.raises(LakeError, match=r"a.parquet does not have the schema of 'things'. store: .* no such column"):
        formats.read_parquet(formats.table_bytes(stored.drop_columns(["store"]), 2), V3, "a.parquet")
    # A day of today's version that lacks a column is damaged; its default does not hide that.
    with pytest.raises(LakeError, match="kind: expected string, found no such column"):
        formats.read_parquet(formats.table_bytes(rows(V3).drop_columns(["kind"]), 3), V3, "a.parquet")


def test_a_newer_version_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="must have version 1 to 2 of 'things'. Found version 3. A newer pizza-assets"):
        formats.read_parquet(formats.table_bytes(rows(V3), 3), V2, "a.parquet")
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(LakeError, match="is not readable Parquet"):
        formats.version_in(path, V2)


# --- sales, and the roll-up ---


def test_sales_of_an_older_version_are_read_as_todays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, layout = LocalStore(tmp_path), SALES_TABLES["raw_retailer_1"]
    SalesTable(store, layout).put(DAY, SalesDay(sales([sale()]), "real"), "run")
    facts = SalesTable(store, layout).facts(DAY)
    newer = data_set(
        "sales",
        "Sales with one column more.",
        grain="one row per line of a receipt",
        key=list((SALES.metadata or {})["key"]),
        columns={**SALES.columns, "points": integer("Points given.", "points", ge=0)},
        upgrades=[*(SALES.metadata or {})["upgrades"], [Added("points", 0)]],
    )
    monkeypatch.setattr(contracts, "SALES", newer)
    table = SalesTable(store, layout)[DAY]
    assert table["points"].to_pylist() == [0]
    assert table.schema == contracts.arrow_schema(newer)
    data = sales_bytes(table)
    assert b'"points":0' in data
    assert sales_table(data, "here").equals(table)
    with pytest.raises(LakeError, match=f"does not hold sales of version {facts['schema-version']}"):
        sales_table(data, "here", int(facts["schema-version"]))
    with pytest.raises(LakeError, match=f"does not hold sales of version {version_of(newer)}"):
        sales_table(data.replace(b',"points":0', b""), "here")


def test_the_roll_up_reads_files_of_several_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = orders_frame([NOON], ["Leeds"])
    Path("orders").mkdir()
    Path("orders/1.parquet").write_bytes(formats.parquet_bytes(frame, DOMINOS_ORDERS))
    newer = data_set(
        "dominos_orders",
        "Orders whose city was called town before.",
        grain="one row per order",
        key=["order_id"],
        columns=dict(DOMINOS_ORDERS.columns),
        upgrades=[[Renamed("town", "city")]],
    )
    stored = pq.read_table(io.BytesIO(formats.parquet_bytes(frame, DOMINOS_ORDERS)))
    older = stored.rename_columns(["town" if name == "city" else name for name in stored.column_names])
    Path("orders/1.parquet").write_bytes(formats.table_bytes(older))
    Path("orders/2.parquet").write_bytes(formats.table_bytes(stored, 2))
    monkeypatch.setattr(contracts, "DOMINOS_ORDERS", newer)
    result = CliRunner().invoke(main, ["roll-up", "--orders", "orders", "--output", "volume.parquet"])
    assert result.exit_code == 0, result.stderr
    assert pq.read_table("volume.parquet").select(["city", "orders"]).to_pylist() == [{"city": "Leeds", "orders": 2}]
