"""Shapes that tills write: each export, and the orders in it as number, time (UTC), total, pizzas and how many."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pizza_assets.errors import SourceError
from pizza_assets.orders.till.book import Book
from pizza_assets.orders.till.evidence import find_out
from pizza_assets.orders.till.files import matching, tables_in
from pizza_assets.orders.till.inspection import profile_text
from pizza_assets.orders.till.profile import Profile, parsed_profile
from pizza_assets_tests.orders.till import exports

ITEMS = ("Margherita", "Cola")

Order = tuple[str, str, float | None, tuple[str, ...], int | None]


def read(folder: Path, name: str, data: str | bytes) -> tuple[list[Order], Book, Profile]:
    findings = find_out(tables_in(exports.write(folder, name, data)))
    findings.check()
    book = Book(findings.tables, findings.profile)
    days = sorted({day for of_shop in book.by_day.values() for day in of_shop})
    rows = [row for day in days for row in book.orders(day).to_pylist()]
    found: list[Order] = [
        (
            row["order_id"],
            f"{row['timestamp'].astimezone(UTC):%Y-%m-%d %H:%M}",
            row["order_total"],
            tuple(row["pizza_types"] or ()),
            None if row["quantity"] is None else int(row["quantity"]),
        )
        for row in rows
    ]
    counted = book.counted
    assert counted.rows == counted.stored + sum(counted.set_aside.values()) + counted.rejected
    return found, book, findings.profile


def lines(*rows: str) -> str:
    return "\n".join(rows) + "\n"


def plain(number: str, at: str, total: float | None) -> Order:
    return (number, at, total, (), None)


SHAPES: dict[str, tuple[str, str | bytes, list[Order]]] = {
    "the day stands in its first row only": (
        "a.csv",
        lines(
            "Date,Time,Receipt,Shop,Total",
            "04/05/2024,12:00,1,Leeds,9.50",
            ",18:00,2,Leeds,7",
            "Total 04/05/2024,,,,16.50",
            "25/05/2024,12:00,3,Leeds,9.50",
            ",12:30,4,Leeds,5",
        ),
        [
            plain("1", "2024-05-04 11:00", 9.5),
            plain("2", "2024-05-04 17:00", 7),
            plain("3", "2024-05-25 11:00", 9.5),
            plain("4", "2024-05-25 11:30", 5),
        ],
    ),
    "an order's head stands above its items": (
        "a.csv",
        lines(
            "Order,Date,Shop,Total,Item,Qty",
            "1,2024-05-04 18:00,Leeds,21.00,,",
            ",,,,Margherita,2",
            ",,,,Cola,1",
            "2,2024-05-04 18:10,Leeds,9.50,,",
            ",,,,Funghi,1",
        ),
        [
            ("1", "2024-05-04 17:00", 21, ITEMS, 3),
            ("2", "2024-05-04 17:10", 9.5, ("Funghi",), 1),
        ],
    ),
    "the order's total stands in each row of an item": (
        "a.csv",
        lines(
            "order_id,order_time,store,order_total,item,qty",
            *(f"{n},2024-05-04 18:0{n},Leeds,2{n}.50,{item},1" for n in (1, 2) for item in ITEMS),
        ),
        [("1", "2024-05-04 17:01", 21.5, ITEMS, 2), ("2", "2024-05-04 17:02", 22.5, ITEMS, 2)],
    ),
    "items that cost the same": (
        "a.csv",
        lines(
            "order_id,order_time,store,price,item,qty",
            *(f"{n},2024-05-04 18:0{n},Leeds,9.50,{item},1" for n in (1, 2) for item in ITEMS),
        ),
        [("1", "2024-05-04 17:01", 19, ITEMS, 2), ("2", "2024-05-04 17:02", 19, ITEMS, 2)],
    ),
    "a row for each payment": (
        "a.csv",
        lines(
            "Receipt,Time,Shop,Tender,Amount",
            "1,2024-05-04 18:00,Leeds,Cash,5.00",
            "1,2024-05-04 18:00,Leeds,Card,4.50",
            "2,2024-05-04 18:10,Leeds,Card,9.50",
        ),
        [plain("1", "2024-05-04 17:00", 9.5), plain("2", "2024-05-04 17:10", 9.5)],
    ),
    "seconds since 1970": (
        "a.csv",
        lines("id,created,shop,amount", "1,1714820400,Leeds,9.50", "2,1714820700,Leeds,8"),
        [plain("1", "2024-05-04 11:00", 9.5), plain("2", "2024-05-04 11:05", 8)],
    ),
    "milliseconds since 1970": (
        "a.json",
        '[{"id": 1, "created_at": 1714820400000, "shop": "Leeds", "total": 9.5}]',
        [plain("1", "2024-05-04 11:00", 9.5)],
    ),
    "days since 1900 as text": (
        "a.csv",
        lines("Receipt,Sold at,Shop,Total", "1,45416.75,Leeds,9.5"),
        [plain("1", "2024-05-04 17:00", 9.5)],
    ),
    "parts of a day in a spreadsheet": (
        "a.xlsx",
        exports.xlsx(
            {
                "S": [
                    ("Receipt", "Date", "Time", "Shop", "Total"),
                    ("1", datetime(2024, 5, 4), 0.75, "Leeds", 9.5),  # noqa: DTZ001 a till's clock
                ]
            }
        ),
        [plain("1", "2024-05-04 17:00", 9.5)],
    ),
    "times of digits only": (
        "a.csv",
        lines("Receipt,Date,Time,Shop,Total", "1,20240504,1805,Leeds,9.5", "2,20240504,905,Leeds,9.5"),
        [plain("1", "2024-05-04 17:05", 9.5), plain("2", "2024-05-04 08:05", 9.5)],
    ),
    "hours after midnight are counted on": (
        "a.csv",
        lines("Receipt,Date,Time,Shop,Total", "1,2024-05-04,23:50,Leeds,9", "2,2024-05-04,24:15,Leeds,8"),
        [plain("1", "2024-05-04 22:50", 9), plain("2", "2024-05-04 23:15", 8)],
    ),
    "a browser's way to write a time": (
        "a.csv",
        lines(
            "Order,Date,Shop,Total",
            "1,Sat May 04 2024 18:00:00 GMT+0100 (British Summer Time),Leeds,9",
        ),
        [plain("1", "2024-05-04 17:00", 9)],
    ),
    "the year first, in two digits": (
        "a.csv",
        lines("Receipt,Sold at,Shop,Total", "1,24/05/31 18:00,Leeds,9.50", "2,24/05/30 18:10,Leeds,8.50"),
        [plain("2", "2024-05-30 17:10", 8.5), plain("1", "2024-05-31 17:00", 9.5)],
    ),
    "formulas that keep numbers as text": (
        "a.csv",
        lines("Order No,Placed,Shop,Total", '="0001",2024-05-04 18:00,Leeds,="9.50"'),
        [plain("0001", "2024-05-04 17:00", 9.5)],
    ),
    "French": (
        "a.csv",
        lines("N° ticket;Date;Heure;Magasin;Total TTC", "1;24/05/2024;18h05;Lille;12,50 €").encode("cp1252"),
        [plain("1", "2024-05-24 16:05", 12.5)],
    ),
    "names of groups of columns above those of the columns": (
        "a.xlsx",
        exports.xlsx(
            {
                "S": [
                    ("Sales report", None, None, None),
                    ("Order", None, "Where", "Money"),
                    ("Number", "Date", "Shop", "Gross"),
                    ("1", "2024-05-04 18:00", "Leeds", 9.5),
                ]
            }
        ),
        [plain("1", "2024-05-04 17:00", 9.5)],
    ),
    "the same as text": (
        "a.csv",
        lines("Sales report", "Order,,Where,Money", "Number,Date,Shop,Gross", "1,2024-05-04 18:00,Leeds,9.5"),
        [plain("1", "2024-05-04 17:00", 9.5)],
    ),
    "German words around a time": (
        "a.csv",
        lines(
            "Beleg;Wann;Filiale;Artikel;Menge;Einzelpreis;Gesamtpreis",
            "1;Freitag, 24. Mai 2024, 18:05 Uhr;Leeds;Margherita;2;9,50;19,00",
        ),
        [("1", "2024-05-24 17:05", 19, ("Margherita",), 2)],
    ),
    "a delivery service": (
        "a.csv",
        lines(
            "Order Number,Restaurant Name,Date submitted,Time submitted,Order status,Basket Value",
            "#1,Pizza - Leeds,24 May 2024,18:05,COMPLETED,19.00",
            "#2,Pizza - Leeds,24 May 2024,18:09,REJECTED,9.00",
        ),
        [plain("#1", "2024-05-24 17:05", 19)],
    ),
    "money that is put into the drawer": (
        "a.csv",
        lines(
            "Receipt,Sold at,Shop,Total,Type",
            "1,2024-05-24 18:05,Leeds,9.50,Sale",
            "2,2024-05-24 18:09,Leeds,100.00,Cash in",
            "3,2024-05-24 18:11,Leeds,0.00,No sale",
        ),
        [plain("1", "2024-05-24 17:05", 9.5)],
    ),
    "a summary beside the orders": (
        "a.xlsx",
        exports.xlsx(
            {
                "Summary": [("Month", "Orders"), *((f"{n}", n) for n in range(9))],
                "May": [("Receipt", "Sold at", "Shop", "Total"), ("1", "2024-05-04 18:00", "Leeds", 9.5)],
                "June": [("Receipt", "Sold at", "Shop", "Total"), ("2", "2024-06-04 18:00", "Leeds", 8)],
            }
        ),
        [plain("1", "2024-05-04 17:00", 9.5), plain("2", "2024-06-04 17:00", 8)],
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_an_export_of_a_shape_that_tills_write_is_read(name: str, tmp_path: Path) -> None:
    file, data, expected = SHAPES[name]
    found, book, profile = read(tmp_path, file, data)
    with book:
        assert found == expected
        assert book.counted.rejected == 0
        again = parsed_profile(profile_text(find_out(tables_in(tmp_path / file)), {}), "of the test")
    assert again == profile  # what was found is written down, and read as the same


def test_words_among_others_say_what_is_no_order(tmp_path: Path) -> None:
    said = ("Completed", "Partially Refunded", "Cancelled by customer", "VOIDED", "Refunded in full", "Not voided")
    rows = [f"{n},2024-05-04 18:0{n},Leeds,9,{status}" for n, status in enumerate(said)]
    found, book, _ = read(tmp_path, "a.csv", lines("Order ID,Created,Store,Total,Status", *rows))
    with book:
        assert [order[0] for order in found] == ["0", "1", "5"]
        assert book.counted.set_aside == {"void": 2, "refund": 1}


def test_the_names_of_columns_again_are_no_order(tmp_path: Path) -> None:
    head = "Receipt,Sold at,Shop,Total"
    found, book, _ = read(
        tmp_path, "a.csv", lines(head, "1,2024-05-04 18:00,Leeds,9", head, "2,2024-05-04 18:10,Leeds,8")
    )
    with book:
        assert [order[0] for order in found] == ["1", "2"]
        assert book.counted.set_aside == {"total": 1}


def test_a_cell_is_filled_from_the_batch_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pizza_assets.orders.till.workbooks.ROWS_PER_BATCH", 2)
    rows = [("2024-05-04" if n == 0 else None, f"18:0{n}", str(n), "Leeds", 9.5) for n in range(7)]
    data = exports.xlsx({"S": [("Date", "Time", "Receipt", "Shop", "Total"), *rows]})
    found, book, profile = read(tmp_path, "a.xlsx", data)
    with book:
        assert profile.fill_down == ("Date",)
        assert [order[:2] for order in found] == [(str(n), f"2024-05-04 17:0{n}") for n in range(7)]


def test_a_few_missing_days_are_not_made_up(tmp_path: Path) -> None:
    rows = [f"{'' if n == 5 else '2024-05-04'},18:{n:02d},{n},Leeds,9" for n in range(20)]
    _, book, profile = read(tmp_path, "a.csv", lines("Date,Time,Receipt,Shop,Total", *rows))
    with book:
        assert profile.fill_down == ()
        assert book.counted.rejected == 1


def test_what_is_no_text_is_said_to_be_none(tmp_path: Path) -> None:
    data = bytes(range(1, 256)) * 20
    with pytest.raises(SourceError, match="is no text and no format that is known here"):
        tables_in(exports.write(tmp_path, "photo.csv", data))


def test_several_names_are_separated_by_commas(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "c,d.csv"):
        exports.write(tmp_path, name, "x,y\n1,2\n")
    assert [path.name for path in matching(f"{tmp_path}/a.csv, {tmp_path}/b.csv")] == ["a.csv", "b.csv"]
    assert [path.name for path in matching(f"{tmp_path}/c,d.csv")] == ["c,d.csv"]
    with pytest.raises(SourceError, match=r"nothing\.csv must name a file"):
        matching(f"{tmp_path}/a.csv,{tmp_path}/nothing.csv")


def test_numbers_of_receipts_are_no_dates(tmp_path: Path) -> None:
    path = exports.write(tmp_path, "a.csv", lines("Number,Shop,Total", "45000,Leeds,9", "45001,Leeds,8"))
    (question,) = [one for one in find_out(tables_in(path)).questions if one.key == "columns.time"]
    assert question.is_needed
