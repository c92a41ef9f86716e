"""Files that are rejected as a whole, each in one sentence."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pizza_assets.errors import EngineError, SourceError
from pizza_assets.lake.store import LocalStore
from pizza_assets.merchants import lake_copy
from pizza_assets.merchants.analysis import Study, limits
from pizza_assets.merchants.engines import Engine
from pizza_assets.merchants.inputs import Inputs, read_merchants, source_of, time_zone_of, transaction_files
from pizza_assets.merchants.quality import Quality
from pizza_assets.settings import Settings
from pizza_assets_tests.merchants.worlds import row, transactions
from pizza_assets_tests.orders.till import exports

ROWS = transactions(row())
CSV = "merchant_id,merchant_name,city_id,state_id,subsector\n"


@pytest.fixture
def folder() -> Path:
    """Transactions in two folders of a lake, beside files that are none of them."""
    for name in (
        "year=2024/month=01/a.parquet",
        "year=2024/month=02/b.parquet",
        ".metadata/c.parquet",
        "_tmp/d.parquet",
    ):
        path = Path("data", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(ROWS, path)
    Path("data", "README.txt").write_text("not Parquet")
    return Path("data")


def test_a_folder_a_file_and_a_glob(folder: Path) -> None:
    both = [str(folder / "year=2024/month=01/a.parquet"), str(folder / "year=2024/month=02/b.parquet")]
    assert transaction_files("data") == both
    assert transaction_files(str(folder.absolute())) == [str(Path(path).absolute()) for path in both]
    assert transaction_files("data/year=2024/month=01/a.parquet") == both[:1]
    assert transaction_files("data/*/month=*/*.parquet") == both
    assert transaction_files("s3://bucket/transactions/") == ["s3://bucket/transactions/"]


def test_a_folder_as_spark_writes_it() -> None:
    written = Path("out", "transactions.parquet")
    (written / "_temporary" / "0").mkdir(parents=True)
    (written / "_SUCCESS").write_text("")
    (written / ".part-00000-4a.c000.snappy.parquet.crc").write_text("crc")
    parts = [written / f"part-0000{number}-4a.c000.snappy.parquet" for number in range(2)]
    for part in (*parts, written / "_temporary" / "0" / "part-00002.parquet"):
        pq.write_table(ROWS, part)
    assert transaction_files(str(written)) == [str(part) for part in parts]
    assert transaction_files(f"{written}/*.parquet") == [str(part) for part in parts]


@pytest.mark.parametrize(
    "location",
    ["../data", "./../data", "../data/*.parquet", "../*/a.parquet", "a/../../data", "{here}/../data"],
)
def test_relative_and_parent_paths_below_hidden_folders(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(".hidden", "_home").absolute()
    (home / "data").mkdir(parents=True)
    (home / "work" / "a").mkdir(parents=True)
    pq.write_table(ROWS, home / "data" / "a.parquet")
    monkeypatch.chdir(home / "work")
    (found,) = transaction_files(location.format(here=home / "work"))
    assert Path(found).resolve() == (home / "data" / "a.parquet").resolve()


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "+05:30", "UTC", None])
def test_the_files_time_zone(zone: str | None) -> None:
    at = ROWS["purchase_date"].cast(pa.timestamp("us", zone))
    pq.write_table(ROWS.set_column(ROWS.column_names.index("purchase_date"), "purchase_date", at), "a.parquet")
    assert time_zone_of(transaction_files("a.parquet")) == zone
    assert time_zone_of(["s3://bucket/transactions/"]) is None


@pytest.mark.parametrize("location", ["nowhere", "nowhere/*.parquet", "empty"])
def test_no_files(location: str) -> None:
    Path("empty").mkdir()
    with pytest.raises(SourceError, match=r"expected Parquet files of card transactions, found none"):
        transaction_files(location)


def test_a_file_that_is_not_parquet() -> None:
    Path("a.parquet").write_text("merchant_id,purchase_amount\n")
    with pytest.raises(SourceError, match=r"a\.parquet is not readable Parquet"):
        transaction_files("a.parquet")


def test_missing_columns_are_named() -> None:
    pq.write_table(ROWS.drop_columns(["purchase_date", "installments"]), "a.parquet")
    with pytest.raises(
        SourceError,
        match=r"a\.parquet: there is no column purchase_date, installments\. Card transactions have .*; found",
    ):
        transaction_files("a.parquet")


@pytest.mark.parametrize(
    ("column", "kind", "sentence"),
    [
        ("purchase_date", pa.string(), "purchase_date: expected timestamps, found string"),
        ("purchase_amount", pa.string(), "purchase_amount: expected numbers, found string"),
        ("merchant_id", pa.bool_(), "merchant_id: expected text or numbers, found bool"),
        ("authorized_flag", pa.int64(), r"authorized_flag: expected text \(Y, N\) or booleans, found int64"),
    ],
)
def test_wrong_types_are_named(column: str, kind: pa.DataType, sentence: str) -> None:
    wrong = pa.array([None], kind)
    pq.write_table(ROWS.set_column(ROWS.column_names.index(column), column, wrong), "a.parquet")
    with pytest.raises(SourceError, match=sentence):
        transaction_files("a.parquet")


def test_dictionaries_decimals_and_other_timestamps_are_fine() -> None:
    fields = {"category": pa.dictionary(pa.int32(), pa.string()), "purchase_amount": pa.decimal128(9, 2),
              "purchase_date": pa.timestamp("ns"), "city_id": pa.int64()}  # fmt: skip
    table = ROWS
    for name, kind in fields.items():
        table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
    pq.write_table(table, "a.parquet")
    assert transaction_files("a.parquet") == ["a.parquet"]


@pytest.mark.parametrize("other", [{"city_id": pa.int64()}, {"data_source": pa.string()}], ids=["type", "label"])
def test_a_file_of_another_schema_in_the_folder(folder: Path, other: dict[str, pa.DataType]) -> None:
    table = ROWS
    for name, kind in other.items():
        values = pa.array([None], kind)
        known = name in table.column_names
        table = table.set_column(1, name, values) if known else table.append_column(name, values)
    pq.write_table(table, folder / "year=2024/month=02/b.parquet")
    with pytest.raises(SourceError, match=rf"b\.parquet has another schema than a\.parquet: {next(iter(other))}"):
        transaction_files("data")


def test_merchants_blanks_are_null_and_lines_without_an_id_are_left_out() -> None:
    Path("m.csv").write_text(CSV + "M1,Rossi,1,9,x\nM2,,-1,9,x\n,Nobody,1,9,x\n")
    table = read_merchants("m.csv")
    assert table["merchant_id"].to_pylist() == ["M1", "M2"]
    assert table["merchant_name"].to_pylist() == ["Rossi", None]
    assert set(table["data_source"].to_pylist()) == {"real"}


def test_a_list_may_be_a_workbook_or_have_other_separators() -> None:
    rows = [("merchant_id", "merchant_name", "city_id", "state_id"), ("0042", "Caffè", "1", "9")]
    Path("m.xlsx").write_bytes(exports.xlsx({"Merchants": rows}))
    Path("m.csv").write_bytes("\n".join(";".join(row) for row in rows).encode("cp1252"))
    for name in ("m.xlsx", "m.csv"):
        assert read_merchants(name).to_pylist() == [
            {"merchant_id": "0042", "merchant_name": "Caffè", "city_id": "1", "state_id": "9", "data_source": "real"}
        ]


def test_without_a_list_there_are_no_names() -> None:
    assert read_merchants(None).num_rows == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "merchant_id,city_id\nM1,1\n",
            r"m\.csv has no column merchant_name, state_id.*; found merchant_id, city_id\.",
        ),
        ("", r"m\.csv is empty"),
        (CSV + "M2,Bianchi,1,9,x\nM1,Rossi,1,9,x,y\n", r"m\.csv, row 2: .*'M1,Rossi,1,9,x,y'\. Correct it"),
    ],
    ids=["columns", "empty", "ragged"],
)
def test_lists_that_are_rejected(text: str, sentence: str) -> None:
    Path("m.csv").write_text(text)
    with pytest.raises(SourceError, match=sentence):
        read_merchants("m.csv")
    with pytest.raises(SourceError, match="found no such file"):
        read_merchants("nowhere.csv")


def test_real_and_mock_are_never_mixed() -> None:
    assert source_of(["mock", None, "mock"], "They") == "mock"
    assert source_of([], "They") == "real"
    with pytest.raises(SourceError, match="They are partly real and partly mock"):
        source_of(["mock", "real"], "They")


def examined(engine: Engine, location: str) -> Quality:
    inputs = Inputs(transaction_files(location), read_merchants(None))
    return Study(engine, inputs.read(engine), inputs.merchants, limits(Settings(_env_file=None))).examine()


@pytest.mark.parametrize("name", ["tx[1].parquet", "tx*.parquet", "tx?.parquet", "t{x,y}.parquet"])
def test_names_are_names_and_not_patterns(engine: Engine, name: str) -> None:
    Path("data").mkdir()
    pq.write_table(ROWS, "data/tx1.parquet")
    pq.write_table(transactions(row(merchant_id="M2"), row(merchant_id="M3")), f"data/{name}")
    assert (examined(engine, "data").stored, examined(engine, f"data/{name}").stored) == (3, 2)


def test_a_part_may_lack_columns_that_no_question_needs(engine: Engine) -> None:
    Path("data").mkdir()
    pq.write_table(ROWS.append_column("channel", [["web"]]), "data/2024-01.parquet")
    pq.write_table(ROWS, "data/2024-02.parquet")
    assert examined(engine, "data").stored == 2
    inputs = Inputs(transaction_files("data"), read_merchants(None))
    study = Study(engine, inputs.read(engine), inputs.merchants, limits(Settings(_env_file=None)))
    assert sum(lake_copy.copy(study, LocalStore(Path("lake")), "run", lambda _: None).months.values()) == 2


def test_a_part_with_damaged_pages_is_named(engine: Engine) -> None:
    Path("data").mkdir()
    pq.write_table(ROWS, "data/a.parquet")
    damaged = bytearray(Path("data/a.parquet").read_bytes())
    damaged[4:200] = bytes(196)
    Path("data/b.parquet").write_bytes(damaged)
    with pytest.raises(EngineError, match=r"data/b\.parquet is damaged") as raised:
        examined(engine, "data")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("comes_first", [True, False])
def test_columns_that_differ_in_case_only_are_rejected_by_both_names(*, comes_first: bool) -> None:
    table = ROWS.append_column("Category", ROWS["category"])
    names = ["Category", *ROWS.column_names] if comes_first else table.column_names
    pq.write_table(table.select(names), "t.parquet")
    with pytest.raises(SourceError, match=r"t\.parquet: .*category and Category"):
        transaction_files("t.parquet")
