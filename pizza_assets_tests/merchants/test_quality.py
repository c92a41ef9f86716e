"""What is counted and checked, by example. The Spark tests run these too."""

from typing import Any

import pyarrow as pa
import pytest

from pizza_assets.errors import SourceError
from pizza_assets.merchants.analysis import Study
from pizza_assets.merchants.engines import Engine
from pizza_assets.merchants.quality import Quality, checks
from pizza_assets_tests.merchants.worlds import LIMITS, at, merchants_list, row, transactions


def examined(engine: Engine, *rows: dict[str, Any], listed: dict[str, str | None] | None = None) -> Quality:
    raw = engine.lookup("transactions", transactions(*rows))
    return Study(engine, raw, merchants_list(*(listed or {"M1": "One"}).items()), LIMITS).examine()


def outcome(quality: Quality) -> dict[str, tuple[bool, int]]:
    return {check.name: (check.passed, check.count) for check in checks(quality)}


def test_nothing_to_say_about_good_transactions(engine: Engine) -> None:
    quality = examined(engine, row(), row())
    assert all(check.passed for check in checks(quality))
    assert (quality.received, quality.stored, quality.rejected) == (2, 2, {})
    assert (quality.first, quality.last, quality.data_source) == ("2024-05-06 12:30:00", "2024-05-06 12:30:00", "real")


def test_received_is_stored_and_rejected_by_reason(engine: Engine) -> None:
    late = at(1, 2, year=2030)
    quality = examined(
        engine, *[row()] * 7, row(purchase_date=late), row(purchase_date=late), row(purchase_amount=None)
    )
    assert (quality.received, quality.stored) == (10, 7)
    assert quality.rejected == {"purchase_amount is missing": 1, "purchase_date is in the future": 2}
    assert outcome(quality)["rejected_rows"] == (False, 3)
    assert outcome(quality)["future_dates"] == (False, 2)


def test_a_tenth_rejected_is_still_a_few(engine: Engine) -> None:
    assert outcome(examined(engine, *[row()] * 9, row(authorized_flag="?")))["rejected_rows"] == (True, 1)


def test_null_merchants_negative_amounts_and_midnight_warn(engine: Engine) -> None:
    midnight = at(5, 6, hour=0, minute=0)
    found = outcome(examined(engine, row(merchant_id=None), row(purchase_amount=-1.0), row(purchase_date=midnight)))
    assert found["null_merchants"] == (False, 1)
    assert found["negative_amounts"] == (False, 1)
    assert found["midnight_stamps"] == (False, 1)


def test_words_for_missing_merchants_and_float_ids_are_counted(engine: Engine) -> None:
    rows = row(merchant_id="nan"), row(merchant_id="<NA>"), row(merchant_id="7.0"), row(city_id="3.0")
    found = examined(engine, *rows, listed={"7": "Seven", "7.0": "Seven", "M1": "One"})
    assert outcome(found)["null_merchants"] == (False, 2)
    assert outcome(found)["float_ids"] == (False, 2)
    assert outcome(found)["unmatched_merchants"] == (True, 0)
    assert (found.merchants["listed"], found.merchants["repeated"]) == (2, 1)


def test_a_year_beyond_all_calendars_is_one_rejected_row(engine: Engine) -> None:
    """20024 for 2024; Python's dates end with the year 9999."""
    micros = pa.array([1_714_998_600_000_000, 569_739_600_000_000_000], pa.int64()).cast(pa.timestamp("us"))
    rows = transactions(row(), row()).set_column(5, "purchase_date", micros)
    raw = engine.lookup("transactions", rows)
    quality = Study(engine, raw, merchants_list(("M1", "One")), LIMITS).examine()
    assert (quality.stored, quality.rejected) == (1, {"purchase_date is in the future": 1})
    assert quality.last == "2024-05-06 12:30:00"


def test_one_midnight_in_a_hundred_is_chance(engine: Engine) -> None:
    midnight = row(purchase_date=at(5, 6, hour=0, minute=0))
    assert outcome(examined(engine, *[row()] * 99, midnight))["midnight_stamps"] == (True, 1)


def test_merchants_listed_twice_and_unmatched_ones(engine: Engine) -> None:
    raw = engine.lookup(
        "transactions", transactions(row(), row(merchant_id="M9"), row(merchant_id="M9"), row(merchant_id=" "))
    )
    listed = merchants_list(("M1", "One"), ("M1", "Two"), ("M2", "Due"), ("M2", "Due"), ("M3", None))
    quality = Study(engine, raw, listed, LIMITS).examine()
    assert quality.merchants == {
        "listed": 3, "repeated": 2, "conflicting": 1, "nameless": 1, "unmatched_merchants": 1, "unmatched_attempts": 2,
    }  # fmt: skip
    assert outcome(quality)["duplicate_merchants"] == (False, 2)
    assert outcome(quality)["unmatched_merchants"] == (False, 1)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "the files have no rows"),
        ([row(purchase_amount=None)], r"1 received, all rejected \(1 x purchase_amount"),
    ],
    ids=["empty", "all rejected"],
)
def test_without_a_usable_transaction_nothing_is_asked(engine: Engine, rows: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(SourceError, match=f"no usable transaction: {why}"):
        examined(engine, *rows)


def test_mock_transactions_and_a_real_list_are_not_mixed(engine: Engine) -> None:
    mock = transactions(row()).append_column("data_source", [["mock"]])
    study = Study(engine, engine.lookup("transactions", mock), merchants_list(("M1", "One")), LIMITS)
    with pytest.raises(SourceError, match="Transactions and merchants together are partly real and partly mock"):
        study.examine()


def test_transactions_of_both_kinds_are_not_mixed(engine: Engine) -> None:
    both = transactions(row(), row()).append_column("data_source", [["mock", "real"]])
    study = Study(engine, engine.lookup("transactions", both), merchants_list(), LIMITS)
    with pytest.raises(SourceError, match="The transactions are partly real and partly mock"):
        study.examine()


def test_counts_travel_as_a_document(engine: Engine) -> None:
    quality = examined(engine, row(), row(purchase_amount=None))
    document = quality.as_document()
    assert [check["name"] for check in document.pop("checks")] == [check.name for check in checks(quality)]
    assert Quality(**document) == quality
