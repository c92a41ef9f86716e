from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets import contracts
from pizza_assets.contracts import SALES, sales_schema
from pizza_assets.retail import retailer_1, retailer_2, retailer_3
from pizza_assets.retail.mock_dialects import retailer_1_lines, retailer_2_transactions, retailer_3_rows
from pizza_assets.retail.reading import MAY_BE_NULL, read_lines
from pizza_assets_tests.retail.sales_lines import sale, sales, sales_of_day

LONDON = ZoneInfo("Europe/London")
#: Anything that JSON can hold.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)


def line(**changes: object) -> dict[str, Any]:
    return {
        "receipt": "r-1", "line_no": 1, "sold": "2024-05-01T13:00:05", "sku": "sku-1",
        "description": "Frozen Margherita", "dept": "Frozen Pizza", "member": None, "branch": "store-1",
        "town": "Leeds", "qty": 3, "price_p": 210, "total_p": 630, "ccy": "GBP", **changes,
    }  # fmt: skip


def read(*lines: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    table, rejected = read_lines(lines, retailer_1.DIALECT, "real")
    assert table.schema.equals(sales_schema())
    assert len(table) + len(rejected) == len(lines)
    assert all(item.record in lines for item in rejected)
    contracts.validate(contracts.from_arrow(table, SALES), SALES)
    return table.to_pylist(), [item.reason for item in rejected]


def test_a_line_is_read_field_by_field() -> None:
    rows, rejected = read(line())
    assert rows == [sale(transaction_id="r-1", sold_at=datetime(2024, 5, 1, 12, 0, 5, tzinfo=UTC))]
    assert rejected == []


def test_a_whole_number_may_be_written_as_a_float() -> None:
    rows, rejected = read(line(qty=3.0, line_no=1.0))
    assert [(row["quantity"], row["line"]) for row in rows] == [(3, 1)]
    assert rejected == []


def test_two_lines_of_one_product_on_a_receipt_are_both_kept() -> None:
    rows, rejected = read(line(), line(line_no=2))
    assert [(row["product_sku"], row["quantity"]) for row in rows] == [("sku-1", 3), ("sku-1", 3)]
    assert rejected == []


_COUNT = "expected a whole number from 1 to 2147483647"
_QUANTITY = "expected a number other than 0 with at most 4 decimals, up to 2147483647"
_PENCE = "expected whole minor units of the currency (pence), such as 250"
_SKIPPED = "expected a time that Europe/London has (its clocks went forward over this one)"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"qty": -3}, "total_p = 6.30: expected -6.3, -3 x 2.10, or the price of fewer items"),
        ({"qty": -3, "price_p": -210}, "total_p = 6.30: expected 6.3, -3 x -2.10, or the price of fewer items"),
        ({"qty": 0}, f"qty = 0: {_QUANTITY}"),
        ({"qty": "three"}, f"qty = 'three': {_QUANTITY}"),
        ({"qty": 1.00001}, f"qty = 1.00001: {_QUANTITY}"),
        ({"total_p": 632}, "total_p = 6.32: expected 6.3, 3 x 2.10, or the price of fewer items"),
        ({"qty": 1, "total_p": 211}, "total_p = 2.11: expected 2.1, 1 x 2.10, or the price of fewer items"),
        ({"total_p": 0}, "total_p = 0.00: expected 6.3, 3 x 2.10, or the price of fewer items"),
        (
            {"total_p": 420, "discount_p": 100},
            "total_p = 4.20: expected 6.3, 3 x 2.10 less discount_p = 1.00, or the price of fewer items",
        ),
        ({"discount_p": "1.00"}, f"discount_p = '1.00': {_PENCE}"),
        ({"price_p": "2.10"}, f"price_p = '2.10': {_PENCE}"),
        ({"price_p": 10**14, "total_p": 3 * 10**14}, f"price_p = 100000000000000: {_PENCE}"),
        ({"sold": "2024-03-31T01:30:00"}, f"sold = '2024-03-31T01:30:00': {_SKIPPED}"),
        ({"sold": None}, "sold is missing"),
        ({"sku": " "}, "sku = ' ': expected text"),
        ({"sku": "a\0b"}, "sku = 'a\\x00b': expected text"),
        ({"ccy": "pounds"}, "ccy = 'pounds': expected a code such as GBP"),
        ({"member": ["c-1"]}, "member = ['c-1']: expected text"),
        ({"receipt": None, "line_no": "1"}, f"receipt is missing; line_no = '1': {_COUNT}"),
    ],
)
def test_a_line_that_cannot_be_is_rejected_with_the_reason(changes: dict[str, object], reason: str) -> None:
    assert read(line(receipt="good"), line(**changes))[1] == [reason]


@pytest.mark.parametrize(
    ("changes", "quantity", "price", "discount", "total"),
    [
        ({}, "3", "2.10", "0", "6.30"),
        ({"qty": -3, "total_p": -630}, "-3", "2.10", "0", "-6.30"),
        ({"price_p": -210, "total_p": -630}, "-3", "2.10", "0", "-6.30"),
        ({"total_p": 420}, "3", "2.10", "2.10", "4.20"),
        ({"total_p": 210}, "3", "2.10", "4.20", "2.10"),
        ({"qty": -3, "total_p": -420}, "-3", "2.10", "-2.10", "-4.20"),
        ({"total_p": 530, "discount_p": 100}, "3", "2.10", "1.00", "5.30"),
        ({"total_p": 530, "discount_p": -100}, "3", "2.10", "1.00", "5.30"),
        ({"qty": -3, "total_p": -530, "discount_p": 100}, "-3", "2.10", "-1.00", "-5.30"),
        ({"total_p": 0, "discount_p": 630}, "3", "2.10", "6.30", "0"),
        ({"discount_p": None}, "3", "2.10", "0", "6.30"),
        ({"qty": 1.25, "price_p": 250, "total_p": 312}, "1.25", "2.50", "0", "3.12"),
        ({"qty": "1.25", "price_p": 250, "total_p": 313}, "1.25", "2.50", "0", "3.13"),
        ({"qty": 0.1 + 0.2, "price_p": 1000, "total_p": 300}, "0.3", "10", "0", "3"),
        ({"qty": 3, "price_p": 33, "total_p": 100}, "3", "0.33", "0", "1.00"),
        ({"qty": 3, "price_p": 250, "total_p": 5, "ccy": "JPY", "discount_p": 745}, "3", "250", "745", "5"),
        ({"price_p": 0, "total_p": 0}, "3", "0", "0", "0"),
    ],
)
def test_returns_discounts_and_weighed_goods_are_read(
    changes: dict[str, object], quantity: str, price: str, discount: str, total: str
) -> None:
    (row,), rejected = read(line(**changes))
    amounts = [row[name] for name in ("quantity", "unit_price", "discount", "total_amount")]
    assert amounts == [Decimal(text) for text in (quantity, price, discount, total)]
    assert rejected == []


@pytest.mark.parametrize("field", sorted(MAY_BE_NULL))
def test_a_field_that_may_be_null_must_still_be_there(field: str) -> None:
    name = retailer_1.DIALECT.names[field]
    without = {key: value for key, value in line().items() if key != name}
    assert read(line(receipt="good"), without)[1] == [f"{name} is missing: found the keys {sorted(without)}"]


def test_a_number_is_the_id_that_text_spells_with_its_leading_zeros() -> None:
    lines = [line(receipt=f"r-{n}", **ids) for n, ids in enumerate([
        {"branch": "0042", "sku": "00100321"}, {"branch": 42, "sku": 100321}, {"branch": 7, "sku": "0"},
    ])]  # fmt: skip
    rows, rejected = read(*lines)
    assert [(row["store_id"], row["product_sku"]) for row in rows] == [("0042", "00100321")] * 2 + [("7", "0")]
    assert rejected == []


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_an_unknown_store_city_category_or_customer_is_a_sale_all_the_same(blank: str | None) -> None:
    (row,), rejected = read(line(branch=blank, town=blank, dept=blank, member=blank))
    assert (row["store_id"], row["store_city"], row["category"], row["customer_id"]) == (*["unknown"] * 3, None)
    assert rejected == []


@pytest.mark.parametrize(
    ("town", "city"), [("Leeds Headrow", "Leeds"), ("NEWCASTLE UPON TYNE", "Newcastle upon Tyne"), ("Truro", "Truro")]
)
def test_a_city_has_our_name_where_we_know_it(town: str, city: str) -> None:
    assert read(line(town=town))[0][0]["store_city"] == city


def test_a_correction_in_the_same_answer_counts_and_what_it_corrects_is_set_aside() -> None:
    rows, rejected = read(line(), line(receipt="r-2"), line(qty=1, total_p=210), line(qty=0))
    assert [(row["transaction_id"], row["quantity"]) for row in rows] == [("r-2", 3), ("r-1", 1)]
    assert rejected[0] == "corrected transaction_id + line: r-1 + 1 comes again later in the answer"
    assert "qty = 0" in rejected[1]


def test_of_two_lines_alike_to_the_letter_one_is_kept() -> None:
    rows, rejected = read(line(), line())
    assert len(rows) == 1
    assert rejected == ["duplicate transaction_id + line: r-1 + 1 comes again later in the answer"]


def test_a_late_line_of_another_day_may_have_the_same_number() -> None:
    """00:30 in London is another day there than 23:30 UTC, and the same one as noon."""
    rows, rejected = read(
        line(sold="2024-05-01T23:30:00"), line(sold="2024-05-02T00:30:00"), line(sold="2024-05-02T12:00:00", sku="2")
    )
    assert [row["sold_at"].isoformat() for row in rows] == ["2024-05-01T22:30:00+00:00", "2024-05-02T11:00:00+00:00"]
    assert rejected == ["corrected transaction_id + line: r-1 + 1 comes again later in the answer"]


@pytest.mark.parametrize(
    ("currency", "price", "total"), [("GBP", "2.10", "6.30"), ("JPY", "210", "630"), ("KWD", "0.210", "0.630")]
)
def test_money_has_the_decimal_places_of_its_currency(currency: str, price: str, total: str) -> None:
    sold = sale(currency=currency, unit_price=Decimal(price), total_amount=Decimal(total))
    (row,), _ = read(line(ccy=currency))
    assert (row["unit_price"], row["total_amount"]) == (Decimal(price), Decimal(total))
    (record,) = retailer_2_transactions(sales([sold]))
    assert record["items"][0]["unit"] == price
    for found, _ in (
        read_lines([*retailer_2.lines_of(record)], retailer_2.DIALECT, "real"),
        read_lines(retailer_3_rows(sales([sold])), retailer_3.DIALECT, "real"),
    ):
        assert found["total_amount"].to_pylist() == [Decimal(total)]


@pytest.mark.parametrize("total", [1000, 1000.5])
def test_more_decimals_than_a_currency_has_are_rejected(total: float) -> None:
    sold = sale(currency="JPY", quantity=1, unit_price=Decimal(1000), total_amount=Decimal(1000))
    row = {**retailer_3_rows(sales([sold]))[0], "unitPrice": total, "lineTotal": total}
    table, rejected = read_lines([row], retailer_3.DIALECT, "real")
    assert (len(table), len(rejected)) == ((1, 0) if total == 1000 else (0, 1))


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(line(), JSON)), max_size=5))
def test_whatever_arrives_is_stored_or_rejected(changes: list[dict[str, Any]]) -> None:
    read(*(line(receipt=f"r-{number}") | change for number, change in enumerate(changes)))


def as_read(table: pyarrow.Table) -> pyarrow.Table:
    """Return sales as they are after they were written in a dialect."""
    return table.set_column(15, sales_schema().field("data_source"), pyarrow.array(["real"] * len(table), "str"))


@given(sales_of_day("retailer_1"))
def test_retailer_1_reads_back_what_was_sold(table: pyarrow.Table) -> None:
    found, rejected = read_lines(retailer_1_lines(table), retailer_1.DIALECT, "real")
    # Of two hours that the wall clock calls the same, the first is read.
    expected = [
        {**row, "sold_at": min(row["sold_at"], row["sold_at"].astimezone(LONDON).replace(fold=0).astimezone(UTC))}
        for row in as_read(table).to_pylist()
    ]
    assert (found.to_pylist(), rejected) == (expected, [])


@given(sales_of_day("retailer_2"))
def test_retailer_2_reads_back_what_was_sold(table: pyarrow.Table) -> None:
    lines = [line for record in retailer_2_transactions(table) for line in retailer_2.lines_of(record)]
    found, rejected = read_lines(lines, retailer_2.DIALECT, "real")
    assert (found.to_pylist(), rejected) == (as_read(table).to_pylist(), [])


@given(sales_of_day("retailer_3"))
def test_retailer_3_reads_back_what_was_sold(table: pyarrow.Table) -> None:
    found, rejected = read_lines(retailer_3_rows(table), retailer_3.DIALECT, "real")
    assert (found.to_pylist(), rejected) == (as_read(table).to_pylist(), [])


def test_a_transaction_without_items_is_one_rejected_record() -> None:
    head = retailer_2_transactions(sales([sale(retailer_id="retailer_2")]))[0]
    for items in (None, [], "none"):
        (record,) = retailer_2.lines_of({**head, "items": items})
        _, (rejected,) = read_lines([record], retailer_2.DIALECT, "real")
        assert rejected.record == {**head, "items": items}
        assert "item.sku is missing" in rejected.reason


def test_money_of_floats_is_exact() -> None:
    sold = sale(retailer_id="retailer_3", unit_price=Decimal("1.10"), total_amount=Decimal("3.30"))
    (row,) = retailer_3_rows(sales([sold]))
    found, _ = read_lines([{**row, "lineTotal": 3 * 1.1}], retailer_3.DIALECT, "real")
    assert found["total_amount"].to_pylist() == [Decimal("3.30")]
