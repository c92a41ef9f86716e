"""Cleaning rules, by example. The Spark tests run these too."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from pizza_assets.errors import SourceError
from pizza_assets.merchants.clean import accepted, attempts, judged, on_the_shops_clock
from pizza_assets.merchants.engines import Engine
from pizza_assets_tests.merchants.worlds import LIMITS, at, judged_table, merchants, names_of, row, transactions


def cleaned(engine: Engine, rows: pa.Table) -> list[dict[str, Any]]:
    table: pa.Table = engine.run(attempts(accepted(judged_table(engine, rows)))).table
    return table.to_pylist()


def reasons(engine: Engine, rows: pa.Table) -> list[str | None]:
    table: pa.Table = engine.run(judged_table(engine, rows).select("reason")).table
    return table["reason"].to_pylist()


def test_unknown_things_have_a_name(engine: Engine) -> None:
    blank = row(merchant_id=" ", category="", city_id="-1", state_id="Unknown", installments=None)
    missing = row(merchant_id=None, category=None, city_id=None, state_id=None, installments=999)
    for found in cleaned(engine, transactions(blank, missing)):
        assert found["merchant_id"] == "Unknown merchant"
        assert found["category"] == "Unknown category"
        assert (found["city_id"], found["state_id"]) == ("Unknown city", "Unknown state")
        assert found["installments"] is None


@pytest.mark.parametrize("word", ["nan", "NaN", "None", "<NA>", "NULL", " null "])
def test_words_for_missing_values_are_missing(engine: Engine, word: str) -> None:
    (found,) = cleaned(engine, transactions(row(merchant_id=word, category=word, city_id=word, state_id=word)))
    assert (found["merchant_id"], found["category"]) == ("Unknown merchant", "Unknown category")
    assert (found["city_id"], found["state_id"]) == ("Unknown city", "Unknown state")


def test_a_town_of_that_name_is_one(engine: Engine) -> None:
    (found,) = cleaned(engine, transactions(row(city_id="Nan", category="Nonesuch")))
    assert (found["city_id"], found["category"]) == ("Nan", "Nonesuch")


def test_ids_that_pandas_made_floats_of_are_whole_numbers_again(engine: Engine) -> None:
    ids = ["merchant_id", "city_id", "state_id", "category"]
    rows = transactions(
        *(dict.fromkeys(ids, value) for value in (123.0, float("nan"), None, 1.5, -1.0)),
        types=dict.fromkeys(ids, pa.float64()),
    )
    found = cleaned(engine, rows)
    assert [item["merchant_id"] for item in found] == ["123", *["Unknown merchant"] * 2, "1.5", "-1"]
    assert [item["city_id"] for item in found] == ["123", *["Unknown city"] * 2, "1.5", "Unknown city"]
    (text, other) = cleaned(engine, transactions(row(merchant_id="123.0", city_id="-1.0"), row(merchant_id="1.2.0")))
    assert (text["merchant_id"], text["city_id"], other["merchant_id"]) == ("123", "Unknown city", "1.2.0")
    assert names_of(engine, merchants(("123.0", "Rossi"), ("nan", "Nobody")), ["123"]) == {"123": "Rossi"}


@pytest.mark.parametrize(
    ("zone", "utc", "clock"),
    [
        ("Asia/Tokyo", "2024-04-30T16:00:00", "2024-05-01T01:00:00"),
        ("America/New_York", "2024-03-10T06:59:59", "2024-03-10T01:59:59"),
        ("America/New_York", "2024-03-10T07:00:00", "2024-03-10T03:00:00"),  # the clock goes forward
        ("America/New_York", "2024-11-03T06:00:00", "2024-11-03T01:00:00"),  # and back
        ("Asia/Kolkata", "1992-01-01T00:00:00", "1992-01-01T05:30:00"),
        ("+05:30", "2024-01-31T20:00:00", "2024-02-01T01:30:00"),
        ("UTC", "2024-01-31T20:00:00", "2024-01-31T20:00:00"),
    ],
)
def test_a_purchase_with_a_time_zone_has_the_shops_clock(engine: Engine, zone: str, utc: str, clock: str) -> None:
    instant = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    rows = transactions(row(purchase_date=instant), types={"purchase_date": pa.timestamp("us", "UTC")})
    raw = on_the_shops_clock(engine.lookup("transactions", rows), zone)
    (found,) = engine.run(attempts(accepted(judged(raw, LIMITS)))).table.to_pylist()
    assert found["purchase_date"].replace(tzinfo=None).isoformat() == clock


def test_a_time_zone_that_nobody_knows_is_told(engine: Engine) -> None:
    raw = engine.lookup("transactions", transactions(row()))
    with pytest.raises(SourceError, match="expected a time zone that is known, found 'Mars/Base'"):
        on_the_shops_clock(raw, "Mars/Base")


def test_attempts_are_never_de_duplicated(engine: Engine) -> None:
    assert len(cleaned(engine, transactions(*[row()] * 3))) == 3


def test_amounts_become_whole_millionths(engine: Engine) -> None:
    amounts = [0.1, -0.7, 19.99, 0.0000004, 0.0000005, 6010603.97]
    rows = cleaned(engine, transactions(*(row(purchase_amount=amount) for amount in amounts)))
    assert [row["millionths"] for row in rows] == [100_000, -700_000, 19_990_000, 0, 1, 6_010_603_970_000]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"purchase_amount": None}, "purchase_amount is missing"),
        ({"purchase_amount": float("nan")}, "purchase_amount is missing"),
        ({"purchase_amount": float("inf")}, "purchase_amount is absurd: beyond 10,000,000 either way"),
        ({"purchase_amount": -1e7 - 1}, "purchase_amount is absurd: beyond 10,000,000 either way"),
        ({"purchase_amount": -1e7}, None),
        ({"purchase_date": None}, "purchase_date is missing"),
        ({"purchase_date": at(1, 1, year=2030, hour=0, minute=1)}, "purchase_date is in the future"),
        ({"purchase_date": at(1, 1, year=2030, hour=0, minute=0)}, None),
        ({"purchase_date": at(12, 31, year=1991)}, "purchase_date is before 1992"),
        ({"authorized_flag": "X"}, "authorized_flag is neither Y nor N"),
        ({"authorized_flag": None}, "authorized_flag is neither Y nor N"),
        ({"authorized_flag": " y "}, None),
    ],
)
def test_rows_are_rejected_with_a_reason(engine: Engine, change: dict[str, Any], reason: str | None) -> None:
    assert reasons(engine, transactions(change)) == [reason]
    assert len(cleaned(engine, transactions(change))) == (reason is None)


def test_other_types_that_mean_the_same(engine: Engine) -> None:
    ids = {"merchant_id": 7, "city_id": -1, "state_id": 3, "category": 2}
    rows = transactions(
        row(**ids, purchase_amount=5, installments=1.0, authorized_flag=False),
        row(**ids, purchase_amount=1, installments=float("nan"), authorized_flag=True),
        types={
            "merchant_id": pa.int64(), "city_id": pa.int32(), "state_id": pa.int16(), "category": pa.int64(),
            "purchase_amount": pa.int64(), "installments": pa.float64(), "authorized_flag": pa.bool_(),
        },
    )  # fmt: skip
    first, second = cleaned(engine, rows)
    assert (first["merchant_id"], first["city_id"], first["state_id"], first["category"]) == (
        "7",
        "Unknown city",
        "3",
        "2",
    )
    assert (first["millionths"], first["installments"], first["is_sale"]) == (5_000_000, 1, False)
    assert (second["installments"], second["is_sale"]) == (None, True)


def test_names_blank_conflicting_repeated_and_unmatched(engine: Engine) -> None:
    listed = merchants(
        ("blank", " "), ("none", None), ("conflict", "Rossi"), ("conflict", "Bianchi"), ("conflict", "Rossi"),
        ("repeated", "Napoli"), ("repeated", " Napoli "), ("repeated", None), (None, "Nobody"), ("", "Nobody"),
    )  # fmt: skip
    shown = names_of(engine, listed, ["blank", "none", "conflict", "repeated", "unmatched", "Unknown merchant"])
    assert shown == {
        "blank": "blank",
        "none": "none",
        "conflict": "conflict",
        "repeated": "Napoli",
        "unmatched": "unmatched",
        "Unknown merchant": "Unknown merchant",
    }
