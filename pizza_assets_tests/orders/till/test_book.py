import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pizza_assets.errors import SourceError
from pizza_assets.orders.till.book import Book
from pizza_assets.orders.till.evidence import Findings, find_out
from pizza_assets.orders.till.files import tables_in
from pizza_assets.orders.till.profile import Profile
from pizza_assets_tests.orders.till import exports

LONDON = Profile(time_zone="Europe/London")
HEADER = "Receipt,Sold at,Shop,Total,Pizzas,Qty"


def written(folder: Path, text: str, name: str = "export.csv") -> Path:
    return exports.write(folder, name, text)


def findings(*paths: Path, given: Profile = LONDON) -> Findings:
    return find_out([table for path in paths for table in tables_in(path)], given)


def book(*paths: Path, given: Profile = LONDON) -> Book:
    found = findings(*paths, given=given)
    found.check()
    return Book(found.tables, found.profile)


def orders(of: Book) -> list[dict[str, object]]:
    days = sorted({day for by_day in of.by_day.values() for day in by_day})
    return [order for day in days for order in of.orders(day).to_pylist()]


def kinds(of: Book) -> list[tuple[str, int]]:
    return [(entry.kind, entry.row) for entries in of.examples().values() for entry in entries]


def check_counts(of: Book) -> None:
    counted = of.counted
    assert counted.rows == counted.stored + sum(counted.set_aside.values()) + counted.rejected
    assert counted.orders == len(orders(of))


def totals(of: Book) -> list[object]:
    return [order["order_total"] for order in orders(of)]


def test_a_row_for_each_order(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f'{HEADER}\n1,2024-05-04 12:00,Norwich,£10.50,"Margherita, Funghi",2\n'
        "2,2024-05-04 23:30,Leeds,11.00,Napoli,1\n",
    )
    with book(path) as of:
        first, second = orders(of)
        assert (first["order_id"], first["location"], first["order_total"]) == ("1", "Norwich", 10.5)
        assert (first["pizza_types"], first["quantity"], first["currency"]) == (["Margherita", "Funghi"], 2, "GBP")
        assert str(second["timestamp"]) == "2024-05-04 22:30:00+00:00"
        assert [of.places[shop].city for shop in ("Norwich", "Leeds")] == ["Norwich", "Leeds"]
        check_counts(of)


def test_a_row_for_each_item(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "line,order_id,order_datetime,store,pizza_name,quantity,unit_price,total_price\n"
        "1,7,2024-05-04 11:38,Norwich,Hawaiian,1,13.25,13.25\n"
        "2,8,2024-05-04 11:57,Norwich,Classic,1,16.00,16.00\n"
        "3,9,2024-05-04 12:10,Norwich,Thai,1,20.75,20.75\n"
        "4,8,2024-05-04 11:57,Norwich,Five Cheese,2,16.00,32.00\n",
    )
    with book(path) as of:
        assert of.profile.rows == "item"
        assert totals(of) == [13.25, 48, 20.75]
        assert orders(of)[1]["pizza_types"] == ["Classic", "Five Cheese"]
        assert orders(of)[1]["quantity"] == 3
        assert (of.counted.rows, of.counted.stored, of.counted.orders) == (4, 4, 3)


def test_an_order_with_an_item_that_cannot_be_read_is_rejected_whole(tmp_path: Path) -> None:
    rows = ["1,2024-05-04 11:00,a,5", "1,2024-05-04 11:00,b,?", "2,2024-05-04 11:05,c,6", "2,2024-05-04 11:05,d,6"]
    path = written(tmp_path, "\n".join(["Order,Time,Pizza,Price", *rows]))
    with book(path, given=replace(LONDON, shop="Norwich")) as of:
        assert totals(of) == [12]
        assert of.counted.rejected == 2
        check_counts(of)


def test_discounts_belong_to_the_order_and_drinks_are_no_pizzas(tmp_path: Path) -> None:
    rows = ["1,2024-05-04 11:00,Margherita,Pizza,1,10.00", "1,2024-05-04 11:00,Cola,Drinks,2,4.00"]
    rows += ["1,2024-05-04 11:00,Lunch deal,Deals,1,-2.00", "2,2024-05-04 11:05,Cola,Drinks,1,2.00"]
    path = written(tmp_path, "\n".join(["Order,Time,Item,Category,Qty,Price", *rows]))
    with book(path, given=replace(LONDON, shop="Norwich")) as of:
        assert of.profile.pizza_categories == ("Pizza",)
        (order,) = orders(of)
        assert (order["order_total"], order["quantity"], order["pizza_types"]) == (12, 1, ["Margherita"])
        assert of.counted.set_aside == {"no pizza": 1}
        check_counts(of)


@pytest.mark.parametrize(
    ("header", "rows", "aside"),
    [
        ("Voided", ["FALSE", "TRUE", "false"], {"void": 1}),
        ("Status", ["Paid", "cancelled", "paid"], {"void": 1}),
        ("Type", ["Sale", "Refund", "Sale"], {"refund": 1}),
        ("Training", ["no", "yes", "no"], {"test": 1}),
    ],
)
def test_what_is_no_order_is_set_aside(tmp_path: Path, header: str, rows: Sequence[str], aside: dict[str, int]) -> None:
    lines = [f"{n},2024-05-04 12:0{n},Norwich,{n}.5,{state}" for n, state in enumerate(rows)]
    with book(written(tmp_path, "\n".join([f"Receipt,Sold at,Shop,Total,{header}", *lines]))) as of:
        assert totals(of) == [0.5, 2.5]
        assert of.counted.set_aside == aside
        check_counts(of)


def test_refunds_and_totals_are_set_aside(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f"{HEADER}\n1,2024-05-04 12:00,Norwich,10.00,a,1\n2R,2024-05-04 12:10,Norwich,-10.00,a,-1\n"
        "3,2024-05-04 12:10,Norwich,(11.00),a,1\nTotal,,,21,,2\n",
    )
    with book(path) as of:
        assert totals(of) == [10]
        assert of.counted.set_aside == {"refund": 2, "total": 1}
        assert [entry.record["Receipt"] for entry in of.aside(date(2024, 5, 4))] == ["2R", "3", "Total"]


def test_what_is_not_in_the_file_is_unknown(tmp_path: Path) -> None:
    path = written(tmp_path, "Receipt,Sold at,Shop\n1,2024-05-04 12:00,Norwich\n2,2024-05-04 12:10,Norwich\n")
    with book(path) as of:
        assert [(o["order_total"], o["pizza_types"], o["quantity"]) for o in orders(of)] == [(None, None, None)] * 2


def test_words_for_nothing(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f"{HEADER}\n1,2024-05-04 12:00,Norwich,NULL,a,1\n2,2024-05-04 12:10,N/A,11,a,1\n"
        "3,2024-05-04 12:10,Norwich,11,NULL,1\n",
    )
    with book(path) as of:
        assert [order["order_id"] for order in orders(of)] == ["3"]
        assert [entry.reason for entry in of.examples()["rejected"]] == [
            "Total = 'NULL': expected an amount",
            "Shop = 'N/A': expected a value",
        ]


def test_numbers_that_begin_anew_in_each_shop_and_on_each_day(tmp_path: Path) -> None:
    rows = ["1,2024-05-04 12:00,Norwich,5,a,1", "1,2024-05-04 12:00,Leeds,6,a,1", "1,2024-05-05 12:00,Leeds,7,a,1"]
    with book(written(tmp_path, "\n".join([HEADER, *rows]))) as of:
        assert sorted(str(order["order_id"]) for order in orders(of)) == [
            "Leeds/2024-05-04/1",
            "Leeds/2024-05-05/1",
            "Norwich/2024-05-04/1",
        ]


def test_exports_that_overlap_and_one_that_corrects(tmp_path: Path) -> None:
    first = written(
        tmp_path, f"{HEADER}\n1,2024-05-04 12:00,Norwich,5,a,1\n2,2024-05-04 13:00,Norwich,6,a,1\n", "a.csv"
    )
    later = written(
        tmp_path, f"{HEADER}\n2,2024-05-04 13:00,Norwich,7,a,1\n3,2024-05-04 14:00,Norwich,8,a,1\n", "b.csv"
    )
    with book(first, later) as of:
        assert totals(of) == [5, 7, 8]
        (entry,) = of.examples()["repeated"]
        assert (entry.source, entry.record["Total"]) == (str(first), "6")
        assert entry.reason == f"a later version of the order is in {later}"
        check_counts(of)


def test_a_number_twice_in_one_file(tmp_path: Path) -> None:
    rows = ["1,2024-05-04 12:00,Norwich,5,a,1"] * 2 + [
        "2,2024-05-04 12:00,Norwich,6,a,1",
        "2,2024-05-04 15:00,Norwich,9,b,1",
    ]
    many = [f"{n},2024-05-04 12:00,Norwich,6,a,1" for n in range(3, 200)]
    with book(written(tmp_path, "\n".join([HEADER, *rows, *many]))) as of:
        assert totals(of)[:2] == [5, 6]
        assert (of.counted.set_aside, of.counted.rejected) == ({"repeated": 1}, 1)
        check_counts(of)


def test_a_rejected_row_is_kept_for_the_day_of_its_neighbour(tmp_path: Path) -> None:
    rows = [
        "0,?,Norwich,5,a,1",
        "1,2024-05-04 12:00,Norwich,5,a,1",
        "2,2024-05-06 12:00,Norwich,5,a,1",
        "3,?,Norwich,5,a,1",
    ]
    with book(written(tmp_path, "\n".join([HEADER, *rows]))) as of:
        assert [entry.row for entry in of.aside(date(2024, 5, 4))] == [1]
        assert [entry.row for entry in of.aside(date(2024, 5, 6))] == [4]


def test_an_order_without_a_time_of_day_among_others_is_rejected(tmp_path: Path) -> None:
    rows = ["1,2024-05-04 12:00,Norwich,5,a,1", "2,2024-05-04,Norwich,5,a,1"]
    with book(written(tmp_path, "\n".join([HEADER, *rows]))) as of:
        (entry,) = of.examples()["rejected"]
        assert entry.reason == "Sold at = '2024-05-04': expected a time of day beside the date"


def test_amounts_in_several_currencies_stay_what_they_are(tmp_path: Path) -> None:
    rows = ["1,2024-05-04 12:00,Norwich,5.00,GBP", "2,2024-05-04 13:00,Norwich,6.00,EUR"]
    with book(written(tmp_path, "\n".join(["Receipt,Sold at,Shop,Total,Currency", *rows]))) as of:
        assert [(o["order_total"], o["currency"]) for o in orders(of)] == [(5, "GBP"), (6, "EUR")]


def test_minor_units(tmp_path: Path) -> None:
    path = exports.write(tmp_path, "a.ndjson", json.dumps({**exports.objects()[0], "Total": 2050}))
    found = findings(path)
    assert [(question.key, question.is_needed) for question in found.questions] == [("minor_units", False)]
    with book(path, given=replace(LONDON, minor_units=True)) as of:
        assert totals(of) == [20.5]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["1,04/05/2024 12:00,Norwich,5,a,1"], "Is '04/05/2024 12:00' day/month or month/day?"),
        (["1,14/05/2024 12:00,Norwich,5,a,1", "2,05/14/2024 12:00,Norwich,5,a,1"], "cannot both be read in one way"),
        (["1,2024-05-04,Norwich,5,a,1"], "no time of day"),
        (["1,2024-05-04 12:00,Norwich,1.250,a,1"], "Is '1.250' more than a thousand"),
        (['1,2024-05-04 12:00,Norwich,"1,25",a,1', "2,2024-05-04 12:00,Norwich,1.25,a,1"], "written in two ways"),
    ],
)
def test_what_the_files_do_not_tell_is_asked_and_never_guessed(tmp_path: Path, rows: list[str], told: str) -> None:
    found = findings(written(tmp_path, "\n".join([HEADER, *rows])))
    with pytest.raises(SourceError, match="."):
        found.check()
    assert any(told in question.text for question in found.questions)


def test_evidence_from_any_row_of_any_file_decides(tmp_path: Path) -> None:
    first = written(tmp_path, f"{HEADER}\n1,04/05/2024 12:00,Norwich,1.250,a,1\n", "a.csv")
    second = written(tmp_path, f'{HEADER}\n2,14/05/2024 12:00,Norwich,"9,50",a,1\n', "b.csv")
    with book(first, second) as of:
        assert (of.profile.date_order, of.profile.decimal) == ("dmy", ",")
        assert totals(of) == [1250, 9.5]


@pytest.mark.parametrize("name", exports.in_every_format())
def test_every_format_gives_the_same_orders(tmp_path: Path, name: str) -> None:
    with book(exports.write(tmp_path, name, exports.in_every_format()[name])) as of:
        assert [(o["order_id"], o["order_total"], o["pizza_types"], o["quantity"]) for o in orders(of)] == [
            ("R1", 10.5, ["Jalapeño"], 1),
            ("R2", 11, ["Margherita"], 2),
        ]


def test_a_sheet_of_something_else_takes_no_part(tmp_path: Path) -> None:
    sheets = {"Summary": [("Day", "Sum"), ("Sat", 21.5)], "Orders": [exports.HEADER, *exports.ROWS]}
    found = findings(exports.write(tmp_path, "a.xlsx", exports.xlsx(sheets)))
    assert [table.source.split("sheet ")[1] for table in found.tables] == ["Orders"]
    assert "it has no column Receipt" in found.left_out[0][1]


def test_nothing_stays_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with book(written(tmp_path, exports.csv_text())):
        assert list(temporary.iterdir())
    assert list(temporary.iterdir()) == []


CELLS = st.one_of(
    st.sampled_from(["", "NULL", "1", "2024-05-04 12:00", "Norwich", "12.50", "-3", "Total", '"', "a,b", "£5", "x\ny"]),
    st.text(max_size=5),
)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.lists(CELLS, min_size=0, max_size=8), max_size=8))
def test_rows_are_stored_or_set_aside_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("export")
    lines = [f"{n},2024-05-04 12:{n:02},Norwich,5.50,a,1" for n in range(30)]
    text = "\n".join([HEADER, *lines, *(",".join(row) for row in rows)])
    with book(written(folder, text), given=Profile(time_zone="UTC", decimal=".", date_order="dmy", rows="order")) as of:
        check_counts(of)
        assert of.counted.orders >= 29
        days = {day for by_day in of.by_day.values() for day in by_day}
        kept = sum(1 for day in days for _ in of.aside(day))
        assert kept == of.counted.rows - of.counted.stored


FORMATS = exports.in_every_format()


@settings(max_examples=100, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(FORMATS)))
def test_a_damaged_file_is_read_or_told_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, name: str
) -> None:
    content = bytearray(FORMATS[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        change = data.draw(st.sampled_from(["flip", "cut", "delete", "insert"]))
        if change == "flip":
            content[at] = data.draw(st.integers(0, 255))
        elif change == "cut":
            del content[at + 1 :]
        elif change == "delete":
            del content[at : at + data.draw(st.integers(1, 20))]
        else:
            content[at:at] = data.draw(st.binary(min_size=1, max_size=5))
        if not content:
            break
    folder = tmp_path_factory.mktemp("export")
    path = exports.write(folder, name, bytes(content))
    with (
        contextlib.suppress(SourceError),  # any other error fails
        book(path, given=Profile(time_zone="UTC", shop="Norwich")) as of,
    ):
        check_counts(of)
