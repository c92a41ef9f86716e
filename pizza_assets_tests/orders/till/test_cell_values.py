from datetime import UTC, datetime

import numpy as np
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pizza_assets.orders.till.cell_values import (
    amounts,
    date_evidence,
    decimal_evidence,
    names_in,
    pizzas,
    times,
)
from pizza_assets.orders.till.tables import Cells


def cells(*values: str | None) -> Cells:
    return Cells(pyarrow.array(values, pyarrow.string()))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("10", 10),
        ("£10.50", 10.5),
        ("1,050.00", 1050),
        ("(11.00)", -11),
        ("11.00 GBP", 11),
        ("US$5", 5),
        ("-£3.20", -3.2),
        ("£-3.20", -3.2),
        ("3.20-", -3.2),
        ("1 250.00", 1250),
        ("1'250.5", 1250.5),
        ("12.-", 12),
        ("− 4", -4),
        (".5", 0.5),
        ("12,5", None),
        ("1,25", None),
        ("12.5.1", None),
        ("ten", None),
        ("NULL", None),
        ("N/A", None),
        ("1e3", None),
    ],
)
def test_amounts_with_a_decimal_point(text: str, number: float | None) -> None:
    (found,) = amounts(cells(text), ".")
    assert found == number or (number is None and np.isnan(found))


@pytest.mark.parametrize(
    ("text", "number"),
    [("12,50", 12.5), ("1.250", 1250), ("1.250,00", 1250), ("9", 9), ("1.25", None), ("12,50 €", 12.5), ("-0,5", -0.5)],
)
def test_amounts_with_a_decimal_comma(text: str, number: float | None) -> None:
    (found,) = amounts(cells(text), ",")
    assert found == number or (number is None and np.isnan(found))


@settings(max_examples=200)
@given(
    value=st.integers(-(10**9), 10**9),
    decimal=st.sampled_from([".", ","]),
    grouped=st.booleans(),
    around=st.sampled_from(["{}", "£{}", "{} €", "EUR {}", " {} "]),
)
def test_every_spelling_of_an_amount_is_read(value: int, decimal: str, grouped: bool, around: str) -> None:
    text = f"{value / 100:,.2f}" if grouped else f"{value / 100:.2f}"
    if decimal == ",":
        text = text.translate(str.maketrans(",.", ".,"))
    (found,) = amounts(cells(around.format(text)), decimal)  # type: ignore[arg-type]
    assert found == pytest.approx(value / 100)


def test_numbers_of_a_spreadsheet_need_no_decimal_sign() -> None:
    column = Cells(pyarrow.array(["12.125", "1.250"]), pyarrow.array([12.125, None]))
    assert amounts(column, ",").tolist() == [12.125, 1250]
    assert decimal_evidence(column).either == 1


def test_evidence_of_the_decimal_sign() -> None:
    german = decimal_evidence(cells("12,50", "1.250", "1.250,00", "9"))
    assert (german.point, german.comma, german.either) == (0, 2, 1)
    english = decimal_evidence(cells("£10.50", "1,050.00", "1,050", "0.125", "1,000,000"))
    assert (english.point, english.comma, english.either) == (4, 0, 1)
    assert english.examples[2] == "1,050"


LOCAL = [
    ("2024-05-04 18:10", "2024-05-04 18:10:00"),
    ("2024-05-04T18:10:05.123", "2024-05-04 18:10:05"),
    ("04/05/2024 6:10 PM", "2024-05-04 18:10:00"),
    ("4.5.24 18.10", "2024-05-04 18:10:00"),
    ("04-05-2024, 18:10:05", "2024-05-04 18:10:05"),
    ("Sat 4 May 2024 18:10", "2024-05-04 18:10:00"),
    ("04-May-2024 06:10 PM BST", "2024-05-04 18:10:00"),
    ("May 4, 2024, 6:10 pm", "2024-05-04 18:10:00"),
    ("4. Mai 2024 18:10", "2024-05-04 18:10:00"),
    ("20240504 18:10", "2024-05-04 18:10:00"),
    ("0024-05-04 18:10", "0024-05-04 18:10:00"),
    ("04/05/2024 12:15 AM", "2024-05-04 00:15:00"),
]


@pytest.mark.parametrize(("text", "expected"), LOCAL)
def test_times_on_the_tills_clock(text: str, expected: str) -> None:
    read = times(cells(text), None, "dmy")
    assert str(read.local[0]) == expected
    assert read.has_clock.tolist() == [True]


@pytest.mark.parametrize(
    "text",
    [
        "31/02/2024 10:00",
        "2024-13-01 10:00",
        "2024-05-04 25:00",
        "04/05/2024 13:00 PM",
        "yesterday",
        "2024-05-04 1",
        "",
    ],
)
def test_no_time_is_invented(text: str) -> None:
    read = times(cells(text), None, "dmy")
    assert read.local.isna().all()
    assert read.instants.isna().all()


def test_without_a_date_order_no_date_of_two_numbers_is_read() -> None:
    assert times(cells("04/05/2024 10:00"), None, None).local.isna().all()
    assert str(times(cells("04/05/2024 10:00"), None, "mdy").local[0]) == "2024-04-05 10:00:00"


@pytest.mark.parametrize(
    ("text", "hour"), [("2024-05-04T18:00:00Z", 18), ("2024-05-04 18:00:00+01:00", 17), ("2024-05-04 18:00 -0230", 20)]
)
def test_times_with_an_offset_are_instants(text: str, hour: int) -> None:
    (instant,) = times(cells(text), None, None).in_utc("Europe/London")
    assert instant.hour == hour


def test_date_and_time_in_two_columns() -> None:
    read = times(cells("2024-05-04", "04/05/2024", None), cells("18:14:05", "6:14 PM", "10:00"), "dmy")
    assert [str(value) for value in read.local[:2]] == ["2024-05-04 18:14:05", "2024-05-04 18:14:00"]
    assert read.local[2:].isna().all()
    assert not times(cells("2024-05-04"), None, None).has_clock.any()


def test_clocks_that_skip_and_repeat_an_hour() -> None:
    read = times(cells("2024-03-31 01:30", "2024-10-27 01:30"), None, None).in_utc("Europe/London")
    assert read.isna().tolist() == [True, False]
    assert read[1] == datetime(2024, 10, 27, 0, 30, tzinfo=UTC)


def test_dates_of_a_spreadsheet() -> None:
    stamps = pyarrow.array([datetime(2024, 5, 4, 18, 10), datetime(2024, 5, 5)], pyarrow.timestamp("us"))  # noqa: DTZ001
    read = times(Cells(pyarrow.array(["a", "b"]), times=stamps), None, None)
    assert [str(value) for value in read.local] == ["2024-05-04 18:10:00", "2024-05-05 00:00:00"]
    assert read.has_clock.tolist() == [True, True]
    serial = Cells(pyarrow.array(["45416.75"]), pyarrow.array([45416.75]))
    assert str(times(serial, None, None).local[0]) == "2024-05-04 18:00:00"
    dates = Cells(pyarrow.array(["a"]), times=stamps[1:])
    assert times(dates, None, None).has_clock.tolist() == [False]


def test_evidence_of_the_date_order() -> None:
    found = date_evidence(cells("04/05/2024 12:00", "13/05/2024", "2024-05-04", None))
    assert (found.first, found.second, found.count, found.first_example) == (13, 5, 2, "13/05/2024")


@pytest.mark.parametrize(
    ("cell", "names", "count"),
    [
        ("Margherita, Pepperoni", ["Margherita", "Pepperoni"], 2),
        ('["Margherita","Pepperoni"]', ["Margherita", "Pepperoni"], 2),
        ("Margherita x2", ["Margherita"], 2),
        ("1 x Margherita\n1 x Pepperoni", ["Margherita", "Pepperoni"], 2),
        ("Margherita + Pepperoni", ["Margherita", "Pepperoni"], 2),
        ("Margherita|Funghi;Napoli", ["Margherita", "Funghi", "Napoli"], 3),
        ('10" Margherita', ['10" Margherita'], 1),
        ("Margherita\nextra cheese", ["Margherita extra cheese"], 1),
        ('[{"name": "Funghi", "quantity": 3}]', ["Funghi"], 3),
        ("4 Formaggi", ["4 Formaggi"], 1),
        ("Half & half", ["Half & half"], 1),
    ],
)
def test_names_of_pizzas(cell: str, names: list[str], count: int) -> None:
    assert [name for name, _ in names_in(cell)] == names
    found, counts = pizzas(pyarrow.array([cell, "NULL", None]))
    assert found.to_pylist() == [names, None, None]
    assert counts[0] == count
    assert np.isnan(counts[1:]).all()
