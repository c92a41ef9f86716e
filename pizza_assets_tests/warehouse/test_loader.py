"""The loader on a real PostgreSQL: what becomes a fact, what is counted, and that a load is whole or absent."""

import threading
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.errors import ContractError, WarehouseError
from pizza_assets.warehouse import bulk
from pizza_assets.warehouse.connection import Connection, connect
from pizza_assets.warehouse.feeds import Feed
from pizza_assets.warehouse.loader import DayLoad, load_day, load_days
from pizza_assets_tests.warehouse.shops import DAY, NEXT_DAY, RETAILER, column, facts, one, sales

#: A line of the first day, whatever day's feed brings it.
SOLD_THEN = {"sold_at": datetime(2025, 3, 3, 12, tzinfo=UTC)}


def load(connection: Connection, *lines: dict[str, Any], day: date = DAY, **options: Any) -> DayLoad:
    return load_day(connection, sales(*lines, day=day), retailer_id=RETAILER, source_day=day, **options)


def audit(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT source_day, outcome, mode, received, rejected, inserted, corrected, duplicate, ignored, "
        "removed FROM ops.load_audit ORDER BY audit_id"
    ).fetchall()


def test_a_line_becomes_a_fact_with_its_dimensions(connection: Connection) -> None:
    done = load(connection, {"quantity": 3, "unit_price": "2.50"}, rejected=2)
    assert done == DayLoad(DAY, received=3, rejected=2, inserted=1, corrected=0, duplicate=0, ignored=0, removed=0)
    assert facts(connection) == [
        {
            "retailer_id": RETAILER, "transaction_id": "T1", "product_sku": "P1", "product_name": "Margherita",
            "category": "frozen pizza", "calendar_date": DAY, "customer_id": "C1", "store_id": "S1", "city": "Leeds",
            "sold_at": datetime(2025, 3, 3, 12, tzinfo=UTC), "quantity": 3, "unit_price": Decimal("2.5000"),
            "discount": 0, "total_amount": Decimal("7.50"), "is_return": False, "currency": "GBP",
            "data_source": "mock", "line": 1, "source_day": DAY,
        }
    ]  # fmt: skip
    assert audit(connection) == [(DAY, "loaded", "add", 3, 2, 1, 0, 0, 0, 0)]


def test_every_line_of_a_receipt_is_a_fact(connection: Connection) -> None:
    """Two lines alike but for their number too, at two prices, and in two currencies."""
    done = load(
        connection,
        {"unit_price": "1.00"},
        {"unit_price": "1.00"},
        {"unit_price": "2.00", "currency": "EUR"},
        {"product_sku": "P2"},
    )
    assert (done.received, done.inserted) == (4, 4)
    assert column(facts(connection), "line", "product_sku", "unit_price", "currency") == [
        (1, "P1", Decimal("1.00"), "GBP"),
        (2, "P1", Decimal("1.00"), "GBP"),
        (3, "P1", Decimal("2.00"), "EUR"),
        (4, "P2", Decimal("2.50"), "GBP"),
    ]


def test_a_late_line_of_the_same_product_adds_up(connection: Connection) -> None:
    load(connection, {"line": 1, "quantity": 2}, {"line": 2, "product_sku": "P2"})
    done = load(connection, {"line": 3, "quantity": 1, **SOLD_THEN}, day=NEXT_DAY)
    assert (done.inserted, done.corrected) == (1, 0)
    assert one(
        connection, "SELECT sum(quantity) FROM sales.fact_sales JOIN sales.dim_product USING (product_key) "
        "WHERE product_sku = 'P1'"
    ) == 3  # fmt: skip
    assert set(column(facts(connection), "calendar_date")) == {DAY}


def test_a_receipts_number_that_is_used_again_on_another_day_is_another_receipt(connection: Connection) -> None:
    load(connection, {"quantity": 2})
    done = load(connection, {"quantity": 5}, day=NEXT_DAY)
    assert (done.inserted, done.corrected) == (1, 0)
    assert column(facts(connection), "calendar_date", "quantity") == [(DAY, 2), (NEXT_DAY, 5)]


def test_one_feed_may_bring_a_number_on_two_days(connection: Connection) -> None:
    late = {"line": 1, "quantity": 4, **SOLD_THEN}
    load(connection, late, {"line": 1, "quantity": 1}, day=NEXT_DAY)
    assert column(facts(connection), "calendar_date", "quantity") == [(DAY, 4), (NEXT_DAY, 1)]


def test_a_correction_may_name_another_product(connection: Connection) -> None:
    load(connection, {"product_sku": "P1"})
    done = load(connection, {"product_sku": "P2", **SOLD_THEN}, day=NEXT_DAY)
    assert done.corrected == 1
    assert column(facts(connection), "product_sku", "source_day") == [("P2", NEXT_DAY)]


@pytest.mark.parametrize(
    ("sold", "days"),
    [
        # In Leeds the clock goes back at 01:00 UTC on 26 October, and forward at 01:00 UTC on 30 March.
        (["2025-10-25T22:59:00", "2025-10-25T23:01:00"], [date(2025, 10, 25), date(2025, 10, 26)]),
        (["2025-10-26T23:59:00", "2025-10-27T00:01:00"], [date(2025, 10, 26), date(2025, 10, 27)]),
        (["2025-03-30T22:59:00", "2025-03-30T23:01:00"], [date(2025, 3, 30), date(2025, 3, 31)]),
    ],
)
def test_lines_of_a_receipt_over_midnight_and_over_the_clock_change_have_their_own_days(
    connection: Connection, sold: list[str], days: list[date]
) -> None:
    load(connection, *({"sold_at": datetime.fromisoformat(at).replace(tzinfo=UTC)} for at in sold), day=days[0])
    assert column(facts(connection), "line", "calendar_date") == [(1, days[0]), (2, days[1])]


def test_returns_discounts_and_weighed_goods_are_facts(connection: Connection) -> None:
    """A return needs no sale that it takes back: that may lie in another day's feed, or in nobody's."""
    load(
        connection,
        {"quantity": 3, "discount": "2.50"},
        {"quantity": -1, "transaction_id": "R1"},
        {"quantity": -3, "discount": "-2.50", "transaction_id": "R2"},
        {"quantity": "1.25", "total_amount": "3.12", "transaction_id": "T2"},
    )
    assert column(facts(connection), "transaction_id", "quantity", "discount", "total_amount", "is_return") == [
        ("R1", -1, 0, Decimal("-2.50"), True),
        ("R2", -3, Decimal("-2.50"), Decimal("-5.00"), True),
        ("T1", 3, Decimal("2.50"), Decimal("5.00"), False),
        ("T2", Decimal("1.25"), 0, Decimal("3.12"), False),
    ]


def test_a_currency_that_changes_is_a_correction(connection: Connection) -> None:
    load(connection, {"currency": "GBP"})
    assert load(connection, {"currency": "EUR", **SOLD_THEN}, day=NEXT_DAY).corrected == 1
    assert column(facts(connection), "currency", "total_amount") == [("EUR", Decimal("2.50"))]


def test_a_product_may_be_renamed_and_repriced(connection: Connection) -> None:
    """Facts keep their prices; the name is the newest feed's, whatever the order of loads."""
    newer = {"product_name": "Margherita, new recipe", "unit_price": "2.75"}
    load(connection, {**newer, "transaction_id": "T2"}, day=NEXT_DAY)
    load(connection, {"transaction_id": "T1"})
    assert column(facts(connection), "product_name", "unit_price") == [
        ("Margherita, new recipe", Decimal("2.50")), ("Margherita, new recipe", Decimal("2.75"))
    ]  # fmt: skip


def test_unknown_customers_and_stores_are_the_unknown_members(connection: Connection) -> None:
    load(connection, {"customer_id": None, "store_id": "unknown", "store_city": "unknown"})
    assert column(facts(connection), "customer_id", "store_id", "city") == [("unknown", "unknown", "unknown")]
    assert one(connection, "SELECT count(*) FROM sales.dim_customer") == 1
    assert one(connection, "SELECT count(*) FROM sales.dim_store") == 1


def test_new_customers_and_stores_are_added(connection: Connection) -> None:
    load(connection, {})
    load(connection, {"transaction_id": "T2", "customer_id": "C2", "store_id": "S2"}, day=NEXT_DAY)
    assert column(facts(connection), "customer_id", "store_id") == [("C1", "S1"), ("C2", "S2")]


def test_the_date_is_the_stores_own(connection: Connection) -> None:
    """23:30 UTC in July is the next day in Leeds; nobody knows where an unknown city's clocks stand."""
    late = datetime(2025, 7, 1, 23, 30, tzinfo=UTC)
    load(
        connection,
        {"sold_at": late},
        {"transaction_id": "T2", "sold_at": late, "store_id": "S2", "store_city": "unknown"},
    )
    assert column(facts(connection), "calendar_date") == [date(2025, 7, 2), date(2025, 7, 1)]


def test_loading_a_day_twice_inserts_nothing(connection: Connection) -> None:
    lines = [{"transaction_id": f"T{number}"} for number in range(5)]
    load(connection, *lines)
    before = facts(connection)
    again = load(connection, *lines)
    assert (again.inserted, again.duplicate, again.ignored) == (0, 5, 0)
    assert facts(connection) == before


def test_a_day_loaded_again_adds_what_is_new_and_leaves_the_rest(connection: Connection) -> None:
    load(connection, {"quantity": 1})
    again = load(connection, {"quantity": 9}, {"transaction_id": "T2"})
    assert (again.inserted, again.ignored) == (1, 1)
    assert column(facts(connection), "transaction_id", "quantity") == [("T1", 1), ("T2", 1)]


def test_a_replaced_day_is_stated_anew(connection: Connection) -> None:
    load(connection, {"quantity": 1}, {"transaction_id": "T2"})
    again = load(connection, {"quantity": 9}, {"transaction_id": "T3"}, replace=True)
    assert (again.inserted, again.removed) == (2, 2)
    assert column(facts(connection), "transaction_id", "quantity") == [("T1", 9), ("T3", 1)]


def test_replacing_a_day_by_nothing_empties_it(connection: Connection) -> None:
    load(connection, {})
    assert load(connection, replace=True).removed == 1
    assert facts(connection) == []


def test_a_correction_tomorrow_replaces_the_fact_and_keeps_what_was_said(connection: Connection) -> None:
    load(connection, {"quantity": 1})
    done = load(connection, {"quantity": 2, **SOLD_THEN}, day=NEXT_DAY)
    assert (done.inserted, done.corrected) == (0, 1)
    assert column(facts(connection), "quantity", "source_day", "calendar_date") == [(2, NEXT_DAY, DAY)]
    kept = connection.execute("SELECT quantity, source_day FROM sales.fact_sales_superseded").fetchall()
    assert kept == [(1, DAY)]


def test_the_day_before_a_correction_may_come_later(connection: Connection) -> None:
    load(connection, {"quantity": 2, **SOLD_THEN}, day=NEXT_DAY)
    done = load(connection, {"quantity": 1})
    assert (done.inserted, done.corrected, done.ignored) == (0, 0, 1)
    assert column(facts(connection), "quantity", "source_day") == [(2, NEXT_DAY)]


def test_a_correction_that_is_taken_back_gives_the_first_statement_back(connection: Connection) -> None:
    load(connection, {"quantity": 1})
    load(connection, {"quantity": 2, **SOLD_THEN}, day=NEXT_DAY)
    load(connection, {"transaction_id": "T2"}, day=NEXT_DAY, replace=True)
    assert column(facts(connection), "transaction_id", "quantity", "source_day") == [
        ("T1", 1, DAY),
        ("T2", 1, NEXT_DAY),
    ]


def test_of_several_older_statements_the_newest_one_stands_again(connection: Connection) -> None:
    for number in (1, 0, 2):
        load(connection, {"quantity": number + 1, **SOLD_THEN}, day=DAY + timedelta(days=number))
    load(connection, day=DAY + timedelta(days=2), replace=True)
    assert column(facts(connection), "quantity", "source_day") == [(2, NEXT_DAY)]
    load(connection, day=NEXT_DAY, replace=True)
    assert column(facts(connection), "quantity", "source_day") == [(1, DAY)]


def test_a_line_that_is_corrected_to_another_day_is_there_once_its_first_day_is_stated_again(
    connection: Connection,
) -> None:
    """Until then nothing tells it from a receipt whose number is used again."""
    load(connection, {"sold_at": datetime(2025, 3, 3, 23, 59, tzinfo=UTC)})
    load(connection, {"sold_at": datetime(2025, 3, 4, 0, 1, tzinfo=UTC)}, day=NEXT_DAY)
    load(connection, replace=True)
    assert column(facts(connection), "transaction_id", "calendar_date") == [("T1", NEXT_DAY)]


def test_late_rows_keep_their_date(connection: Connection) -> None:
    load(connection, {"sold_at": datetime(2025, 2, 27, 12, tzinfo=UTC)})
    assert column(facts(connection), "calendar_date", "source_day") == [(date(2025, 2, 27), DAY)]


def test_two_retailers_may_use_the_same_numbers(connection: Connection) -> None:
    for retailer in ("retailer_1", "dominos"):
        load_day(connection, sales({"retailer_id": retailer}), retailer_id=retailer, source_day=DAY)
    assert column(facts(connection), "retailer_id") == ["dominos", "retailer_1"]


def test_products_and_stores_are_as_the_newest_day_tells(connection: Connection) -> None:
    load(connection, {"product_name": "New", "store_city": "York"}, day=NEXT_DAY)
    load(connection, {"transaction_id": "T2", "product_name": "Old", "store_city": "Leeds"})
    assert column(facts(connection), "product_name", "city") == [("New", "York"), ("New", "York")]
    load(connection, {"transaction_id": "T3", "store_city": "unknown"}, day=NEXT_DAY + timedelta(days=1))
    assert set(column(facts(connection), "product_name", "city")) == {("Margherita", "York")}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"quantity": 0}, "1 lines without a quantity"),
        ({"quantity": -2, "total_amount": "5.00"}, "1 lines whose total is not quantity x price"),
        ({"quantity": 2, "discount": "-1.00"}, "1 lines whose total is not quantity x price"),
        ({"total_amount": "9.99"}, "1 lines whose total is not quantity x price"),
        ({"retailer_id": "dominos"}, "1 lines of another retailer"),
        ({"store_id": None}, "1 lines without a value"),
        ({"line": 7}, "1 lines that come twice"),
        ({"data_source": "real"}, "1 sources beside the first"),
    ],
)
def test_lines_that_break_the_contract_stop_the_day(connection: Connection, line: dict[str, Any], problem: str) -> None:
    with pytest.raises(ContractError, match=problem):
        load(connection, {"line": 7}, {"transaction_id": "T1" if "line" in line else "T2", **line})
    assert facts(connection) == []
    assert [row[:4] for row in audit(connection)] == [(DAY, "failed", "add", 2)]
    assert problem in one(connection, "SELECT reason FROM ops.load_audit")


def test_other_columns_than_the_contracts_are_rejected(connection: Connection) -> None:
    with pytest.raises(ContractError, match="expected the columns"):
        load_day(connection, sales({}).drop_columns(["category"]), retailer_id=RETAILER, source_day=DAY)


def test_an_unknown_retailer_is_rejected(connection: Connection) -> None:
    with pytest.raises(WarehouseError, match="knows no retailer 'nobody'"):
        load_day(connection, sales({"retailer_id": "nobody"}), retailer_id="nobody", source_day=DAY)


class _Cut(psycopg.Cursor[Any]):
    """A cursor whose client dies before its n-th statement."""

    left = 0

    def _count(self) -> None:
        type(self).left -= 1
        if type(self).left < 0:
            self.connection.pgconn.finish()

    def execute(self, *args: Any, **options: Any) -> Any:
        self._count()
        return super().execute(*args, **options)

    def executemany(self, *args: Any, **options: Any) -> None:
        self._count()
        super().executemany(*args, **options)


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("is_bulk", [False, True])
def test_a_load_that_dies_at_any_statement_leaves_nothing(
    connection: Connection, database: str, monkeypatch: pytest.MonkeyPatch, *, replace: bool, is_bulk: bool
) -> None:
    constraints = _constraints(connection)
    monkeypatch.setattr(bulk, "pays", lambda *_: is_bulk)
    load(connection, {"quantity": 1}, {"transaction_id": "T0"})
    before = facts(connection)
    lines = [{"quantity": 2, **SOLD_THEN}, {"transaction_id": "T2", "product_sku": "P2", "customer_id": "C2"}]
    for statement in range(100):
        _Cut.left = statement
        with connect(database) as dying:
            dying.cursor_factory = _Cut
            try:
                load(dying, *lines, day=NEXT_DAY, replace=replace)
                break
            except WarehouseError:
                assert facts(connection) == before
                assert one(connection, "SELECT count(*) FROM ops.load_audit") == 1
    assert statement > 10
    assert _constraints(connection) == constraints
    assert column(facts(connection), "transaction_id", "quantity") == [("T0", 1), ("T1", 2), ("T2", 1)]


def _constraints(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute("""
        SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint
        WHERE conrelid = 'sales.fact_sales'::regclass
        UNION ALL SELECT indexname, indexdef, true FROM pg_indexes WHERE tablename = 'fact_sales'
        ORDER BY 1, 2
    """).fetchall()


def test_two_processes_that_load_one_day_make_it_once(database: str, connection: Connection) -> None:
    lines = [{"transaction_id": f"T{number}"} for number in range(300)]
    done: list[DayLoad] = []

    def work() -> None:
        with connect(database) as own:
            done.append(load(own, *lines))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(load.inserted for load in done) == [0, 0, 0, 300]
    assert len(facts(connection)) == 300


def test_two_replaces_of_one_day_do_not_mix(database: str, connection: Connection) -> None:
    def work(name: str) -> None:
        with connect(database) as own:
            load(own, *[{"transaction_id": f"{name}{number}"} for number in range(200)], replace=True)

    threads = [threading.Thread(target=work, args=[name]) for name in "AB"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({name[0] for name in column(facts(connection), "transaction_id")}) == 1
    assert len(facts(connection)) == 200


def test_a_full_disk_is_told_and_leaves_nothing(connection: Connection, database: str) -> None:
    """The server's own limit on temporary files stands for a disk: it fails in the middle of a statement."""
    lines = [{"transaction_id": f"T{number}"} for number in range(20_000)]
    load(connection, *lines)
    before = len(facts(connection))
    with connect(database) as limited:
        limited.execute("SET temp_file_limit = '64kB'")
        limited.execute("SET work_mem = '64kB'")
        with pytest.raises(WarehouseError, match=r"temp_file_limit.*Nothing was changed"):
            load(limited, *lines, {"transaction_id": "new"}, day=NEXT_DAY)
    assert len(facts(connection)) == before
    assert [row[1] for row in audit(connection)] == ["loaded", "failed"]


def feeds(*contents: list[dict[str, Any]], first: date = DAY) -> list[Feed]:
    days = [first + timedelta(days=number) for number in range(len(contents))]
    return [Feed(day, sales(*lines, day=day)) for day, lines in zip(days, contents, strict=True)]


def test_days_in_one_transaction_are_audited_one_by_one(connection: Connection) -> None:
    done = load_days(
        connection, feeds([{}], [{"quantity": 2, **SOLD_THEN}, {"transaction_id": "T2"}], []), retailer_id=RETAILER
    )
    assert [(day.inserted, day.corrected, day.duplicate) for day in done] == [(1, 0, 0), (1, 1, 0), (0, 0, 0)]
    assert column(facts(connection), "transaction_id", "source_day") == [("T1", NEXT_DAY), ("T2", NEXT_DAY)]
    assert len(audit(connection)) == 3


def test_the_fast_way_pays_for_many_lines_only_and_for_the_owner_only(connection: Connection) -> None:
    assert not bulk.pays(connection, 1_000)
    assert bulk.pays(connection, 200_000)
    connection.execute("SET ROLE loader")
    assert not bulk.pays(connection, 200_000)


def test_the_loader_role_may_load(connection: Connection) -> None:
    connection.execute("SET ROLE loader")
    load(connection, {})
    load(connection, {"quantity": 2}, replace=True)
    load(connection, {"quantity": 3, **SOLD_THEN}, day=NEXT_DAY)
    assert column(facts(connection), "quantity") == [3]


def test_the_reader_role_may_not_change_facts(connection: Connection) -> None:
    load(connection, {})
    connection.execute("SET ROLE bi_reader")
    assert one(connection, "SELECT count(*) FROM sales.fact_sales") == 1
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("DELETE FROM sales.fact_sales")


@pytest.mark.parametrize("asked", ["customer_id", "*"])
def test_the_reader_role_sees_no_number_of_a_customer(connection: Connection, asked: str) -> None:
    load(connection, {})
    connection.execute("SET ROLE bi_reader")
    counted = "SELECT count(DISTINCT customer_key) FROM sales.fact_sales JOIN sales.dim_customer USING (customer_key)"
    assert one(connection, counted) == 1, "customers are told apart"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"SELECT {asked} FROM sales.dim_customer")  # noqa: S608 one of two words


line = st.fixed_dictionaries(
    {
        "transaction_id": st.sampled_from(["T1", "T2"]),
        "line": st.integers(1, 2),
        "sold_at": st.sampled_from([datetime(2025, 3, day, 12, tzinfo=UTC) for day in (3, 4)]),
        "product_sku": st.sampled_from(["P1", "P2"]),
        "quantity": st.sampled_from([1, 2, 3, -1, Decimal("1.25")]),
        "discount": st.sampled_from([0, "0.50"]),
    }
).map(lambda line: line if line["quantity"] > 0 else {**line, "discount": 0})
Key = tuple[str, int, date]


def key_of(line: Mapping[str, Any]) -> Key:
    return line["transaction_id"], line["line"], line["sold_at"].date()


statement = st.tuples(st.integers(0, 2), st.lists(line, max_size=4, unique_by=key_of))


@given(
    loads=st.lists(st.tuples(st.booleans(), st.lists(statement, min_size=1, max_size=3)), max_size=4),
    is_bulk=st.booleans(),
)
def test_facts_are_what_the_newest_feed_states_whatever_the_order(
    shared: Connection, loads: list[tuple[bool, list[tuple[int, list[dict[str, Any]]]]]], *, is_bulk: bool
) -> None:
    """Loads in any order, of one day or of several at once, again or replaced, the fast way or not."""
    stated: dict[int, dict[Key, tuple[Any, ...]]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "pays", lambda *_: is_bulk)
        for replace, days in loads:
            content = dict(days)
            batch = [Feed(DAY + timedelta(days=number), sales(*lines, day=DAY + timedelta(days=number)))
                     for number, lines in content.items()]  # fmt: skip
            done = load_days(shared, batch, retailer_id=RETAILER, replace=replace)
            for number, lines in content.items():
                said = {
                    key_of(item): (item["product_sku"], item["quantity"], Decimal(item["discount"])) for item in lines
                }
                stated[number] = said if replace else {**said, **stated.get(number, {})}
            for day in done:
                assert day.received == day.inserted + day.corrected + day.duplicate + day.ignored
    expected = {key: (*said, number) for number in sorted(stated) for key, said in stated[number].items()}
    found = {
        (row["transaction_id"], row["line"], row["calendar_date"]): (
            row["product_sku"], row["quantity"], row["discount"], (row["source_day"] - DAY).days
        )
        for row in facts(shared)
    }  # fmt: skip
    shared.execute("TRUNCATE sales.fact_sales, sales.fact_sales_superseded, ops.stale_day")
    assert found == expected


@pytest.fixture
def shared(connection: Connection) -> Connection:
    """The test's warehouse, which every example of a property uses and empties."""
    return connection
