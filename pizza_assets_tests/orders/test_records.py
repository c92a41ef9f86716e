from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np
import pyarrow
import pytest

from pizza_assets.contracts import DOMINOS_ORDERS, validate
from pizza_assets.orders.records import FIELDS, RawOrders, ReadingRules, orders_by_day, records_of_day
from pizza_assets.platform.records import DayRecords
from pizza_assets_tests.platform.fake_api import order

STRICT = ReadingRules("GBP", None, FIELDS[:-1])
LENIENT = ReadingRules("EUR", "Europe/London", FIELDS[:5])
NAMES = {field: field for field in FIELDS}


def read(*orders: object, rules: ReadingRules = STRICT) -> DayRecords:
    records = records_of_day([RawOrders(list(orders), NAMES)], rules)
    validate(records.frame, DOMINOS_ORDERS)
    assert records.received == len(orders)
    return records


def row(record: object, rules: ReadingRules = STRICT) -> dict[str, object]:
    records = read(record, rules=rules)
    assert records.rejected == []
    return dict(records.frame.iloc[0])


def test_reads_all_fields() -> None:
    found = row(order(7))
    assert list(found.pop("pizza_types")) == ["Margherita", "Funghi"]
    assert found == {
        "order_id": "order-7",
        "timestamp": datetime(2024, 5, 4, 18, 30, tzinfo=UTC),
        "location": "12 High Street, Norwich",
        "order_total": 31.5,
        "quantity": 2,
        "data_source": "real",
        "city": "Norwich",
        "currency": "GBP",
    }


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"order_id": 4711}, "order_id", "4711"),
        ({"order_total": 12}, "order_total", 12.0),
        ({"order_total": "12.50"}, "order_total", 12.5),
        ({"order_total": 0}, "order_total", 0.0),
        ({"quantity": 3.0}, "quantity", 3),
        ({"quantity": "3"}, "quantity", 3),
        ({"location": "Nowhere at all"}, "city", "unknown"),
        ({"location": " Leeds "}, "location", "Leeds"),
        ({"currency": None}, "currency", "GBP"),
        ({"currency": "PLN"}, "currency", "PLN"),
        ({"timestamp": "2024-05-04T20:30:00.123456+02:00"}, "timestamp", datetime(2024, 5, 4, 18, 30, 0, 123456, UTC)),
        ({"timestamp": "2024-05-04 18:30Z"}, "timestamp", datetime(2024, 5, 4, 18, 30, tzinfo=UTC)),
    ],
)
def test_takes_what_can_be_understood(changes: dict[str, object], field: str, value: object) -> None:
    assert row(order(**changes))[field] == value


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("Margherita|Funghi", ["Margherita", "Funghi"]),
        (" Margherita ; Quattro Stagioni;", ["Margherita", "Quattro Stagioni"]),
        ("a||b|", ["a", "b"]),
        ("Margherita", ["Margherita"]),
        (["a|b", "c"], ["a|b", "c"]),
    ],
)
def test_pizzas_are_a_list_or_text(cell: object, names: list[str]) -> None:
    assert list(row(order(pizza_types=cell))["pizza_types"]) == names  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"order_id": None}, "order_id is missing"),
        ({"order_id": " "}, "order_id = ' ': expected text"),
        ({"order_id": True}, "order_id = True: expected text"),
        ({"order_id": 1.5}, "order_id = 1.5: expected text"),
        ({"location": None}, "location is missing"),
        ({"location": {"city": "Norwich"}}, "location = {'city': 'Norwich'}: expected text"),
        ({"location": "half a pizza \ud83c"}, "location = 'half a pizza"),
        ({"order_total": None}, "order_total is missing"),
        ({"order_total": "NaN"}, "order_total = 'NaN': expected a number"),
        ({"order_total": "12,50"}, "order_total = '12,50': expected a number"),
        ({"order_total": True}, "order_total = True: expected a number"),
        ({"order_total": -0.01}, "order_total = -0.01: expected greater_than_or_equal_to(0)"),
        ({"order_total": float("inf")}, "order_total = inf: expected"),
        ({"order_total": 10**400}, "order_total = "),
        ({"pizza_types": None}, "pizza_types is missing"),
        ({"pizza_types": []}, "pizza_types = []: expected at least one name"),
        ({"pizza_types": [None]}, "pizza_types = [None]: expected at least one name"),
        ({"pizza_types": ["a", " "]}, "pizza_types = ['a', ' ']: expected at least one name"),
        ({"pizza_types": [1]}, "pizza_types = [1]: expected at least one name"),
        ({"pizza_types": " | ; "}, "pizza_types = ' | ; ': expected at least one name"),
        ({"pizza_types": {"a": 1}}, "pizza_types = {'a': 1}: expected at least one name"),
        ({"quantity": None}, "quantity is missing"),
        ({"quantity": 0}, "quantity = 0: expected a whole number"),
        ({"quantity": -2}, "quantity = -2: expected a whole number"),
        ({"quantity": 1.5}, "quantity = 1.5: expected a whole number"),
        ({"quantity": "two"}, "quantity = 'two': expected a whole number"),
        ({"quantity": 10**12}, "quantity = 1000000000000: expected a whole number"),
        ({"currency": "pounds"}, "currency = 'pounds': expected"),
        ({"currency": 826}, "currency = '826': expected"),
        ({"timestamp": None}, "timestamp is missing"),
        ({"timestamp": "2024-05-04T18:30:00"}, "expected an offset from UTC"),
        ({"timestamp": "2024-05-04"}, "expected an ISO 8601 time"),
        ({"timestamp": "04/05/2024 18:30"}, "expected an ISO 8601 time"),
        ({"timestamp": "2024-02-30T18:30:00Z"}, "expected an ISO 8601 time"),
        ({"timestamp": "2024-05-04T25:30:00Z"}, "expected an ISO 8601 time"),
        ({"timestamp": 1714831200}, "timestamp = 1714831200: expected an ISO 8601 time"),
        ({"timestamp": "2999-05-04T18:30:00Z"}, "expected a time from 1992 to 2037"),
        ({"timestamp": "0001-01-01T00:00:00+05:00"}, "expected a time from 1992 to 2037"),
    ],
)
def test_what_cannot_be_stored_is_rejected(changes: dict[str, object], why: str) -> None:
    bad = order(1, **changes)
    # Alone, and among good ones: a column may then hold values of several types.
    alone, among = read(bad), read(order(2), bad, order(3))
    assert alone.frame.empty
    assert alone.rejected[0].record == bad
    assert why in alone.rejected[0].reason
    assert among.frame["order_id"].tolist() == ["order-2", "order-3"]
    assert [reject.record for reject in among.rejected] == [bad]
    assert why.split(" ", maxsplit=1)[0] in among.rejected[0].reason


@pytest.mark.parametrize("record", [None, 1, "x", [], {}])
def test_what_is_no_order_is_rejected(record: object) -> None:
    (reject,) = read(record).rejected
    assert reject.record == (record if isinstance(record, dict) else {"value": record})


def test_all_problems_of_a_record_are_told() -> None:
    (reject,) = read(order(order_total="x", quantity=0, location=None)).rejected
    assert reject.reason == (
        "location is missing; order_total = 'x': expected a number; quantity = 0: expected a whole number of at least 1"
    )


def test_of_orders_with_one_number_the_first_of_the_day_is_kept() -> None:
    parts = [RawOrders([order(1), order(2)], NAMES), RawOrders([order(3), order(1, order_total=9.0)], NAMES)]
    records = records_of_day(parts, STRICT)
    assert records.frame["order_id"].tolist() == ["order-1", "order-2", "order-3"]
    assert [(reject.record["order_total"], reject.reason) for reject in records.rejected] == [
        (9.0, "duplicate order_id")
    ]


def test_an_export_may_leave_out_quantity_and_currency() -> None:
    short = {name: value for name, value in order().items() if name not in ("quantity", "currency")}
    found = row(short, LENIENT)
    assert (found["quantity"], found["currency"]) == (2, "EUR")
    assert "quantity is missing" in read(short).rejected[0].reason


@pytest.mark.parametrize(
    ("zone", "local", "utc"),
    [
        ("Europe/London", "2024-01-15 18:30", datetime(2024, 1, 15, 18, 30, tzinfo=UTC)),
        ("Europe/London", "2024-07-15T18:30:00", datetime(2024, 7, 15, 17, 30, tzinfo=UTC)),
        # 01:30 comes twice in this night: the first, in summer time, is meant.
        ("Europe/London", "2024-10-27 01:30:00", datetime(2024, 10, 27, 0, 30, tzinfo=UTC)),
        ("Europe/Dublin", "2024-10-27 01:30:00", datetime(2024, 10, 27, 0, 30, tzinfo=UTC)),
        ("Europe/London", "2024-10-27 01:30:00+00:00", datetime(2024, 10, 27, 1, 30, tzinfo=UTC)),
        ("Australia/Sydney", "2024-01-01 08:00", datetime(2023, 12, 31, 21, tzinfo=UTC)),
    ],
)
def test_times_without_an_offset_are_local(zone: str, local: str, utc: datetime) -> None:
    assert row(order(timestamp=local), ReadingRules("GBP", zone, FIELDS[:5]))["timestamp"] == utc


def test_a_time_that_the_clocks_skip_is_rejected() -> None:
    (reject,) = read(order(timestamp="2024-03-31 01:30:00"), rules=LENIENT).rejected
    assert "a time that Europe/London has" in reject.reason


TYPED = {
    "order_id": pyarrow.array([4711], pyarrow.int64()),
    "timestamp": pyarrow.array([datetime(2024, 5, 4, 18, 30)], pyarrow.timestamp("ns")),  # noqa: DTZ001  # a local time
    "location": pyarrow.array(["Norwich"]).dictionary_encode(),
    "order_total": pyarrow.array(["31.50"]).cast(pyarrow.decimal128(10, 2)),
    "pizza_types": pyarrow.array([["a", "b"]], pyarrow.large_list(pyarrow.string())),
}


@pytest.mark.parametrize(
    ("changes", "hour"),
    [
        ({}, 17),
        ({"timestamp": TYPED["timestamp"].cast(pyarrow.timestamp("s"))}, 17),
        ({"timestamp": TYPED["timestamp"].cast(pyarrow.timestamp("ms", "UTC"))}, 18),
        ({"timestamp": TYPED["timestamp"].cast(pyarrow.timestamp("us", "Europe/Berlin"))}, 18),
        ({"pizza_types": pyarrow.array([["a", "b"]], pyarrow.list_(pyarrow.large_string()))}, 17),
        ({"order_total": pyarrow.array([31.5], pyarrow.float32())}, 17),
    ],
)
def test_typed_columns_are_taken_as_they_are(changes: dict[str, pyarrow.Array], hour: int) -> None:
    records = records_of_day([RawOrders(pyarrow.table(TYPED | changes), NAMES)], LENIENT)
    validate(records.frame, DOMINOS_ORDERS)
    found = dict(records.frame.iloc[0])
    assert found["timestamp"] == datetime(2024, 5, 4, hour, 30, tzinfo=UTC)
    assert (found["order_id"], found["city"], found["order_total"]) == ("4711", "Norwich", 31.5)
    assert found["quantity"] == len(found["pizza_types"]) == 2


def test_a_typed_row_that_is_rejected_is_kept_as_json() -> None:
    table = pyarrow.table(TYPED | {"location": pyarrow.nulls(1), "weight": [b"\xff"]})
    (reject,) = records_of_day([RawOrders(table, NAMES)], LENIENT).rejected
    assert reject.record == {
        "order_id": 4711,
        "timestamp": "2024-05-04 18:30:00",
        "location": None,
        "order_total": "31.50",
        "pizza_types": ["a", "b"],
        "weight": "b'\\xff'",
    }


def test_a_date_is_no_time() -> None:
    table = pyarrow.table(TYPED | {"timestamp": pyarrow.array([date(2024, 5, 4)])})
    (reject,) = records_of_day([RawOrders(table, NAMES)], LENIENT).rejected
    assert "expected an ISO 8601 time" in reject.reason


def test_only_the_days_asked_for_are_read() -> None:
    def days(*numbers: int) -> Sequence[object]:
        return np.array([f"2024-05-0{number}" for number in numbers], dtype="datetime64[D]")

    part = RawOrders([order(n, f"2024-05-0{n}T12:00:00Z") for n in (1, 2, 3)], NAMES)
    by_day = orders_by_day([(part, days(1, 2, 3))], [date(2024, 5, 2), date(2024, 5, 4)], STRICT)
    assert {day: records.frame["order_id"].tolist() for day, records in by_day.items()} == {
        date(2024, 5, 2): ["order-2"]
    }
