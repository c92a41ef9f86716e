import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from pizza_assets.contracts import DOMINOS_ORDERS, validate
from pizza_assets.errors import SettingsError, SourceError
from pizza_assets.orders.files import OrderFiles
from pizza_assets.orders.till import text
from pizza_assets.platform.records import DayRecords
from pizza_assets.settings import Settings

HEADER = "order_id,timestamp,location,order_total,pizza_types,quantity,currency"


def files(folder: Path, pattern: str = "*", **changes: object) -> OrderFiles:
    return OrderFiles(Settings(_env_file=None, orders_files=str(folder / pattern), **changes))


def days(*numbers: int) -> list[date]:
    return [date(2024, 5, number) for number in numbers]


def ids(by_day: Mapping[date, DayRecords]) -> dict[int, list[str]]:
    for records in by_day.values():
        validate(records.frame, DOMINOS_ORDERS)
    return {day.day: records.frame["order_id"].tolist() for day, records in by_day.items() if len(records.frame)}


def csv_file(folder: Path, *rows: str, header: str = HEADER, name: str = "till.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def row(number: int, time: str) -> str:
    return f"{number},{time},Norwich,12.5,Margherita|Funghi,2,GBP"


def parquet_file(folder: Path, columns: Mapping[str, object], name: str = "till.parquet") -> Path:
    pyarrow.parquet.write_table(pyarrow.table(dict(columns)), folder / name)
    return folder / name


def columns(times: Sequence[datetime]) -> dict[str, object]:
    count = len(times)
    return {
        "order_id": list(range(count)),
        "timestamp": pyarrow.array(times, pyarrow.timestamp("us")),
        "location": ["Norwich"] * count,
        "order_total": [12.5] * count,
        "pizza_types": [["Margherita"]] * count,
    }


def test_reads_csv(tmp_path: Path) -> None:
    csv_file(tmp_path, row(1, "2024-05-04 18:30:00"), row(2, "2024-05-05T00:30:00+01:00"), row(3, "2024-05-05 09:00"))
    export = files(tmp_path)
    assert [export.covers(day) for day in days(3, 4, 5, 6)] == [False, True, True, False]
    by_day = export.read(days(4, 5))
    assert ids(by_day) == {4: ["1", "2"], 5: ["3"]}
    first = by_day[date(2024, 5, 4)].frame.iloc[0]
    assert (list(first["pizza_types"]), first["order_total"], first["quantity"]) == (["Margherita", "Funghi"], 12.5, 2)


@pytest.mark.parametrize("name", ["till.ndjson", "till.jsonl", "TILL.NDJSON"])
def test_reads_ndjson(tmp_path: Path, name: str) -> None:
    orders = [
        {
            "order_id": 1,
            "timestamp": "2024-05-04T18:30:00Z",
            "location": "Norwich",
            "order_total": 1,
            "pizza_types": ["a"],
        },
        {
            "order_id": "2",
            "timestamp": "2024-05-04T19:30:00Z",
            "location": "Norwich",
            "order_total": "2",
            "pizza_types": "a;b",
        },
    ]
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + "\n\n".join(map(json.dumps, orders)).encode())
    (records,) = files(tmp_path).read(days(4)).values()
    assert records.frame["quantity"].tolist() == [1, 2]
    assert records.rejected == []


def test_reads_parquet(tmp_path: Path) -> None:
    parquet_file(tmp_path, columns([datetime(2024, 5, 4, 23, 30), datetime(2024, 5, 5, 0, 30)]))  # noqa: DTZ001  # local
    assert ids(files(tmp_path).read(days(4, 5))) == {4: ["0"], 5: ["1"]}
    assert ids(files(tmp_path, orders_time_zone="Europe/London").read(days(4, 5))) == {4: ["0", "1"]}


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/London"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_instants_of_years_that_no_calendar_has_are_rejected_whole(tmp_path: Path, unit: str, zone: str | None) -> None:
    """Years 10000 and 0, what pandas cannot tell, and the ends of the integers; none of them is an error or lost."""
    per_second = {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    seconds = (253_402_300_800, -62_135_596_801, -62_135_596_800, 300_000_000_000)
    far = [second * per_second for second in seconds if abs(second * per_second) < 2**63] + [2**63 - 1, 1 - 2**63]
    good = [(1_714_847_400 + 60 * n) * per_second for n in range(20)]
    times = pyarrow.array(good + far, pyarrow.int64()).cast(pyarrow.timestamp(unit, zone))
    parquet_file(tmp_path, {**columns([datetime(2024, 5, 4)] * len(times)), "timestamp": times})  # noqa: DTZ001  # none is read
    (records,) = files(tmp_path).read(days(4)).values()
    assert records.frame["order_id"].tolist() == [str(n) for n in range(20)]
    assert [item.record["order_id"] for item in records.rejected] == [str(20 + n) for n in range(len(far))]
    assert all("expected a date and a time of day" in item.reason for item in records.rejected)
    assert len({item.record["timestamp"] for item in records.rejected}) == len(far)


@pytest.mark.parametrize("kind", [pyarrow.date32(), pyarrow.date64()])
def test_days_that_no_calendar_has_are_rejected(tmp_path: Path, kind: pyarrow.DataType) -> None:
    dates = pyarrow.array([19_847] * 20 + [2_932_897, -719_163], pyarrow.int32()).cast(pyarrow.date32()).cast(kind)
    given = columns([datetime(2024, 5, 4)] * len(dates))  # noqa: DTZ001  # none is read
    clock = {"date": dates, "time": ["18:30"] * len(dates)}
    parquet_file(tmp_path, {name: cells for name, cells in given.items() if name != "timestamp"} | clock)
    (records,) = files(tmp_path).read(days(4)).values()
    assert (len(records.frame), len(records.rejected)) == (20, 2)
    assert records.rejected[0].record["date"] == "253402300800 s since 1970"


def test_reads_a_csv_as_shops_on_the_continent_write_it(tmp_path: Path) -> None:
    header = "\ufeffBon;Zeit;Filiale;Summe;Pizzen"
    csv_file(tmp_path, '7;2024-05-04 20:30:00;"Norwich; Markt";12.5;Margherita|Funghi', header=header)
    names = {
        "order_id": "Bon",
        "timestamp": "Zeit",
        "location": "Filiale",
        "order_total": "Summe",
        "pizza_types": "Pizzen",
    }
    export = files(tmp_path, orders_columns=names, orders_time_zone="Europe/Berlin", orders_currency="EUR")
    (records,) = export.read(days(4)).values()
    found = dict(records.frame.iloc[0])
    assert (found["order_id"], found["location"], found["quantity"]) == ("7", "Norwich; Markt", 2)
    assert (found["currency"], found["timestamp"].hour) == ("EUR", 18)


def test_times_that_the_clocks_skip_or_repeat(tmp_path: Path) -> None:
    csv_file(tmp_path, row(1, "2024-03-31 00:59"), row(2, "2024-03-31 01:30"), row(3, "2024-10-27 01:30"))
    export = files(tmp_path, orders_time_zone="Europe/London")
    by_day = export.read([date(2024, 3, 31), date(2024, 10, 27)])
    assert by_day[date(2024, 10, 27)].frame["timestamp"][0].hour == 0
    (reject,) = by_day[date(2024, 3, 31)].rejected
    assert reject.record["order_id"] == "2"
    assert "clocks went forward" in reject.reason


def test_an_order_in_two_files_is_stored_once(tmp_path: Path) -> None:
    csv_file(tmp_path, row(1, "2024-05-04 18:30"), row(2, "2024-05-04 18:31"), name="a.csv")
    csv_file(tmp_path, row(2, "2024-05-04 18:31"), row(3, "2024-05-04 18:32"), name="b.csv")
    (records,) = files(tmp_path).read(days(4)).values()
    assert records.frame["order_id"].tolist() == ["1", "2", "3"]
    assert [aside.record["order_id"] for aside in records.set_aside] == ["2"]
    assert "repeated: the same order is in" in records.set_aside[0].reason


def test_days_between_the_first_and_the_last_order_are_covered(tmp_path: Path) -> None:
    csv_file(tmp_path, row(1, "2024-05-03 18:30"), row(2, "2024-05-01 18:30"), name="a.csv")
    csv_file(tmp_path, row(3, "2024-05-06 18:30"), row(4, "2023-05-06 18:30"), name="b.csv")
    export = files(tmp_path, "*.csv")
    assert [export.covers(day) for day in days(1, 2, 3, 4, 5, 6, 7)] == [True] * 6 + [False]
    assert not export.covers(date(2024, 2, 1))
    assert export.covers(date(2023, 5, 6))
    assert ids(export.read(days(1, 2, 3))) == {1: ["2"], 3: ["1"]}
    assert [export.uncovered_cities(day) for day in days(1, 2, 3, 6)] == [["Norwich"], [], [], ["Norwich"]]


BROKEN = (
    "x,soon,Norwich,1,a,1,GBP",
    "1,2024-05-01 18:30,Norwich,1,a,1,GBP",
    "only one cell",
    "2,2024-05-01 18:31,Norwich,free,a,1,GBP",
    "",
    "3,2024-05-02 18:30,Norwich,1,a,1,GBP,and,more",
    "4,2024-05-02 18:30,Norwich,1,a,1,GBP",
    "y,,Norwich,1,a,1,GBP",
    "5,2024-05-03 18:30,Norwich,-1,a,1,GBP",
    "6,2024-05-04 18:30,Norwich,1,a,1,GBP",
    "7,2024-05-0",
)


@pytest.mark.parametrize("block_bytes", [128, 2**20])
@pytest.mark.parametrize("split", [[(1, 2, 3, 4)], [(1,), (2,), (3,), (4,)], [(1, 4), (2, 3)], [(4, 3, 2, 1)]])
def test_what_is_no_order_is_counted_once_on_its_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int, split: list[tuple[int, ...]]
) -> None:
    monkeypatch.setattr(text, "BLOCK_BYTES", block_bytes)
    csv_file(tmp_path, *BROKEN, "8,2024-05-03 19:30,Norwich,1,a,1,GBP")
    export = files(tmp_path)
    by_day = {day.day: records for part in split for day, records in export.read(days(*part)).items()}
    stored = {day: records.frame["order_id"].tolist() for day, records in by_day.items()}
    assert stored == {1: ["1"], 2: ["4"], 3: ["8"], 4: ["6"]}
    names = {
        day: [str(reject.record.get("order_id") or reject.record.get("line")) for reject in records.rejected]
        for day, records in by_day.items()
    }
    assert names == {
        1: ["x", "only one cell", "2", "3,2024-05-02 18:30,Norwich,1,a,1,GBP,and,more"],
        2: ["y"],
        3: [],
        4: ["7"],
    }
    assert [aside.record["order_id"] for aside in by_day[3].set_aside] == ["5"]
    assert sum(records.received for records in by_day.values()) == 11


def test_orders_without_totals_and_pizzas_are_stored(tmp_path: Path) -> None:
    csv_file(tmp_path, "1,2024-05-04 18:30,Norwich", header="order_id,timestamp,location")
    (records,) = files(tmp_path).read(days(4)).values()
    validate(records.frame, DOMINOS_ORDERS)
    assert records.frame[["order_total", "pizza_types", "quantity"]].isna().all(axis=None)


def test_a_profile_says_what_an_export_means(tmp_path: Path) -> None:
    (tmp_path / "orders.toml").write_text(
        'date_order = "dmy"\ndecimal = ","\ntime_zone = "Europe/Berlin"\ncurrency = "EUR"\nshop = "Markt"\n'
        '[columns]\norder_id = 1\ntime = ["Datum", "Uhr"]\ntotal = "Summe"\n[shops]\n"Markt" = "Norwich"\n'
    )
    csv_file(tmp_path, "7;04.05.2024;20:30;12,50", header="Bon;Datum;Uhr;Summe")
    export = files(tmp_path, "*.csv", orders_profile=str(tmp_path / "orders.toml"))
    (order,) = export.read(days(4))[date(2024, 5, 4)].frame.to_dict("records")
    assert (order["order_id"], order["order_total"], order["currency"], order["city"]) == ("7", 12.5, "EUR", "Norwich")
    assert order["timestamp"].hour == 18


def test_memory_holds_the_days_asked_for_only(tmp_path: Path) -> None:
    start = datetime(2024, 1, 1)  # noqa: DTZ001  # local
    parquet_file(tmp_path, columns([start + timedelta(minutes=10 * n) for n in range(50_000)]))
    export = files(tmp_path)
    before = pyarrow.total_allocated_bytes()
    by_day = export.read(days(4))
    assert by_day[date(2024, 5, 4)].received == 144
    assert pyarrow.total_allocated_bytes() - before < 200_000


def test_a_field_that_is_named_must_be_ours(tmp_path: Path) -> None:
    csv_file(tmp_path, row(1, "2024-05-04 18:30"))
    with pytest.raises(SettingsError, match=r"ORDERS_COLUMNS must have keys out of .* Found \['oder_id'\]"):
        files(tmp_path, orders_columns={"oder_id": "Bon"})


def test_a_column_that_has_to_be_there_is_named(tmp_path: Path) -> None:
    csv_file(tmp_path, row(1, "2024-05-04 18:30"))
    with pytest.raises(SourceError, match=r"till\.csv: it has no column Bon"):
        files(tmp_path, orders_columns={"order_id": "Bon"})


def test_what_the_files_leave_open_is_an_error_that_asks(tmp_path: Path) -> None:
    csv_file(tmp_path, row(1, "04/05/2024 18:30"))
    with pytest.raises(SourceError, match="day/month or month/day.*ORDERS_PROFILE") as caught:
        files(tmp_path)
    assert caught.value.final


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", HEADER.encode(), "must hold orders"),
        ("a.csv", b"\x00\xff\x00\x01binary", "is no text"),
        ("a.ndjson", b"<html>\n", "is a web page"),
        ("a.parquet", b"PAR1 no parquet PAR1", "could not be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_which(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=re.escape(str(tmp_path / name))) as caught:
        files(tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0.3, 0.7, 0.99])
def test_a_parquet_file_that_is_cut_is_said_which(tmp_path: Path, keep: float) -> None:
    path = parquet_file(tmp_path, columns([datetime(2024, 5, 4, 18)] * 1000))  # noqa: DTZ001  # local
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(SourceError, match=r"till\.parquet could not be read"):
        files(tmp_path)


def test_totals_that_look_too_large_are_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    csv_file(tmp_path, "1,2024-05-04 18:30,Norwich,2050,a,1,GBP")
    assert files(tmp_path).read(days(4))[date(2024, 5, 4)].frame["order_total"].tolist() == [2050]
    assert "looks a hundred times too large" in caplog.text


def test_a_pattern_that_matches_nothing_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"ORDERS_FILES=.*\*\.csv must match files"):
        files(tmp_path, "*.csv")


def test_an_export_of_which_nothing_can_be_stored_is_said(tmp_path: Path) -> None:
    csv_file(tmp_path, "1,2024-05-04 18:30,Norwich,a,1,1,GBP", "2,2024-05-04 18:31,Norwich,b,1,1,GBP")
    with pytest.raises(SourceError, match="Not one order of .* could be stored: order_total = 'a': expected an amount"):
        files(tmp_path)
