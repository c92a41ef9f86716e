"""The answers as tables of a real PostgreSQL: what is read back is what was computed, all of one run or none."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from pizza_assets import contracts
from pizza_assets.cli import main
from pizza_assets.errors import SourceError, WarehouseError
from pizza_assets.merchants.analysis import Study
from pizza_assets.merchants.contract import ANSWERS, MERCHANT_TABLES
from pizza_assets.merchants.engines import Engine
from pizza_assets.merchants.questions import Rules
from pizza_assets.merchants.to_warehouse import Run, publish, published_rows
from pizza_assets.warehouse.connection import Connection, connect
from pizza_assets.warehouse.status import ask
from pizza_assets_tests.merchants.worlds import LIMITS, at, merchants_list, row, transactions
from pizza_assets_tests.warehouse.shops import one

Answers = Mapping[str, pa.Table]


def answered(engine: Engine, *rows: dict[str, Any], run_id: str = "r1") -> tuple[Answers, Run]:
    """The answers to real transactions, and their run."""
    raw = transactions(*rows)
    listed = merchants_list(("M1", 'O\'Neill, "Sons"\nand \\N'))
    study = Study(engine, engine.lookup("raw", raw), listed, LIMITS)
    quality = study.examine()
    answers = {answer.name: answer.table for answer in study.ask(list(ANSWERS), Rules(), quality.data_source)}
    return answers, Run(run_id, "r0", "duckdb", "GBP", quality, Rules())


@pytest.fixture
def some(engine: Engine) -> tuple[Answers, Run]:
    plain = [row(purchase_date=at(month, 1), purchase_amount=0.1 * month, city_id=str(month)) for month in (1, 2, 3)]
    return answered(engine, *plain, row(merchant_id=None, category=" ", authorized_flag="N"), row(installments=7))


def tables(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Every table of the schema, as a reader sees it."""
    found = {}
    for name, schema in MERCHANT_TABLES.items():
        query = f"SELECT * FROM merchants.{name} ORDER BY {', '.join(schema.unique)}"  # noqa: S608 our own names
        names, rows = ask(connection, query)
        found[name] = [dict(zip(names, row, strict=True)) for row in rows]
    return found


def expected(answers: Answers) -> dict[str, list[dict[str, Any]]]:
    by_key = {name: [(key, "ascending") for key in ANSWERS[name].unique] for name in ANSWERS}
    return {name: answers[name].sort_by(by_key[name]).to_pylist() for name in ANSWERS}


def test_tables_are_the_answers_to_the_last_bit(connection: Connection, some: tuple[Answers, Run]) -> None:
    answers, run = some
    rows = publish(connection, answers, run)
    found = tables(connection)
    (note,) = found.pop("published_run")
    assert found == expected(answers)
    assert rows == published_rows(connection) == {name: table.num_rows for name, table in answers.items()}
    assert note.pop("published_at").tzinfo is not None
    assert note == {
        "run_id": "r1", "transactions_run_id": "r0", "engine": "duckdb", "data_source": "real", "currency": "GBP",
        "transactions": 5, "first_purchase": at(1, 1), "last_purchase": at(5, 6), "declined_are_sales": False,
        "midnight_is_unknown": False,
    }  # fmt: skip


def test_publishing_again_replaces_and_never_doubles(
    connection: Connection, engine: Engine, some: tuple[Answers, Run]
) -> None:
    for _ in range(2):
        publish(connection, *some)
        assert {name: rows for name, rows in tables(connection).items() if name in ANSWERS} == expected(some[0])
    fewer = answered(engine, row(), run_id="r2")
    publish(connection, *fewer)
    found = tables(connection)
    assert [note["run_id"] for note in found.pop("published_run")] == ["r2"]
    assert found == expected(fewer[0])


def test_answers_without_rows_are_published_too(connection: Connection, engine: Engine) -> None:
    answers, run = answered(engine, row(authorized_flag="N", city_id=None))
    assert publish(connection, answers, run)["top_merchants"] == 0
    assert tables(connection)["city_category_association"][0]["cramers_v"] is None


class TestAllOrNone:
    @pytest.fixture
    def before(self, connection: Connection, some: tuple[Answers, Run]) -> dict[str, list[dict[str, Any]]]:
        publish(connection, *some)
        return tables(connection)

    @pytest.fixture
    def others(self, engine: Engine) -> tuple[Answers, Run]:
        return answered(engine, row(city_id="77"), run_id="r2")

    def test_an_answer_that_the_database_rejects_leaves_the_older_ones(
        self, connection: Connection, before: dict[str, Any], others: tuple[Answers, Run]
    ) -> None:
        answers, run = others
        last = answers["merchant_advice"]
        broken = {**answers, "merchant_advice": pa.concat_tables([last, last.slice(0, 1)])}
        with pytest.raises(
            WarehouseError, match=r"rejected the statement; nothing was changed\. Its message: duplicate key"
        ):
            publish(connection, broken, run)
        assert tables(connection) == before

    def test_a_database_that_goes_away_half_way_leaves_the_older_ones(
        self, connection: Connection, database: str, before: dict[str, Any], others: tuple[Answers, Run],
    ) -> None:  # fmt: skip
        answers, run = others
        victim = one(connection, "SELECT pg_backend_pid()")

        class Falling(dict[str, pa.Table]):
            """Answers that are asked for while the database falls."""

            def __getitem__(self, name: str) -> pa.Table:
                if name == "popular_merchants":
                    with connect(database) as other:
                        other.execute("SELECT pg_terminate_backend(%s, 5000)", [victim])
                return super().__getitem__(name)

        with pytest.raises(WarehouseError, match="shut down|does not answer"):
            publish(connection, Falling(answers), run)
        with connect(database) as other:
            assert tables(other) == before

    def test_readers_see_the_older_ones_until_all_are_there(
        self, connection: Connection, database: str, before: dict[str, Any], others: tuple[Answers, Run]
    ) -> None:
        with connect(database) as reader:
            with connection.transaction():
                publish(connection, *others)
                assert tables(reader) == before
            assert [note["run_id"] for note in tables(reader)["published_run"]] == ["r2"]

    def test_real_and_mock_answers_are_not_published_together(
        self, connection: Connection, before: dict[str, Any], others: tuple[Answers, Run]
    ) -> None:
        answers, run = others
        table = answers["top_hours"]
        mock = table.set_column(
            table.column_names.index("data_source"), "data_source", pa.repeat("mock", table.num_rows)
        )
        with pytest.raises(SourceError, match="The answers are partly real and partly mock"):
            publish(connection, {**answers, "top_hours": mock}, run)
        assert tables(connection) == before


def test_a_loader_may_publish_and_a_reader_only_read(connection: Connection, some: tuple[Answers, Run]) -> None:
    connection.execute("SET ROLE loader")
    publish(connection, *some)
    connection.execute("SET ROLE bi_reader")
    assert one(connection, "SELECT count(*) FROM merchants.top_merchants") == 4
    with pytest.raises(WarehouseError, match="its user may not do this"):
        publish(connection, *some)


def run_command(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


class TestCommand:
    @pytest.fixture(autouse=True)
    def _inputs(self, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WAREHOUSE_URL", database)
        assert run_command("simulate", "merchants", "--rows", "1000", "--output", "mock").exit_code == 0
        monkeypatch.setenv("MERCHANTS_TRANSACTIONS", "mock/transactions")
        monkeypatch.setenv("MERCHANTS_FILE", "mock/merchants.csv")

    def test_tables_are_the_parquet_files(self, connection: Connection) -> None:
        result = run_command("merchants", "all", "--output", "out", "--to-warehouse", "--midnight-is-unknown")
        assert result.exit_code == 0, result.stderr
        files = {name: pq.read_table(f"out/{name}.parquet") for name in ANSWERS}
        rows = sum(table.num_rows for table in files.values())
        assert result.stdout.splitlines()[-1] == (
            f"Warehouse: {rows:,} rows in the 6 tables of answers of schema 'merchants'"
        )
        found = tables(connection)
        (note,) = found.pop("published_run")
        assert found == expected(files)
        assert (note["run_id"], note["data_source"], note["currency"]) == ("command line", "mock", None)
        assert (note["declined_are_sales"], note["midnight_is_unknown"]) == (False, True)

    def test_what_cannot_be_published_is_said_before_anything_is_computed(
        self, monkeypatch: pytest.MonkeyPatch, empty_database: str
    ) -> None:
        result = run_command("merchants", "top-hours", "--to-warehouse")
        assert "--to-warehouse publishes all answers of one run: take the task all, not top-hours" in result.stderr
        monkeypatch.setenv("WAREHOUSE_URL", empty_database)
        result = run_command("merchants", "all", "--to-warehouse")
        assert (result.exit_code, result.stdout) == (1, "")
        assert "has no warehouse yet" in result.stderr
        assert "merchants: " not in result.stderr


def test_the_tables_read_back_keep_their_contracts(connection: Connection, some: tuple[Answers, Run]) -> None:
    publish(connection, *some)
    for name, rows in tables(connection).items():
        schema = MERCHANT_TABLES[name]
        table = pa.Table.from_pylist(rows, contracts.arrow_schema(schema))
        contracts.validate(contracts.from_arrow(table, schema), schema)
