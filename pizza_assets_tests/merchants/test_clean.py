"""Cleaning rules, by example. The Spark tests run these too."""

from typing import Any

import pyarrow as pa
import pytest

from pizza_assets.merchants.clean import accepted, attempts
from pizza_assets.merchants.engines import Engine
from pizza_assets_tests.merchants.worlds import at, judged_table, merchants, names_of, row, transactions


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
