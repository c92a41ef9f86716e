"""The command line, from simulated files to the report, and its sentences."""

import io
from pathlib import Path

import pandas as pd
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from pizza_assets import contracts
from pizza_assets.cli import main
from pizza_assets.cli.merchants import TASKS
from pizza_assets.merchants.contract import ANSWERS
from pizza_assets.merchants.questions import QUESTIONS
from pizza_assets_tests.merchants.worlds import row, transactions


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def simulated() -> list[str]:
    """Options that name simulated files."""
    assert run("simulate", "merchants", "--rows", "1000", "--seed", "1", "--output", "mock").exit_code == 0
    return ["--transactions", "mock/transactions", "--merchants", "mock/merchants.csv"]


def test_the_tasks_are_the_questions() -> None:
    assert ("all", *QUESTIONS) == TASKS


def test_all_writes_every_answer_its_plan_the_quality_and_the_report(simulated: list[str]) -> None:
    result = run("merchants", "all", *simulated, "--output", "out")
    assert result.exit_code == 0, result.stderr
    assert "MOCK DATA. City " in result.stdout
    assert [line for line in result.stderr.splitlines() if line.startswith("merchants: ")][
        -1
    ] == "merchants: merchant_advice"
    for name, schema in ANSWERS.items():
        table = pq.read_table(f"out/{name}.parquet")
        contracts.validate(contracts.from_arrow(table, schema), schema)
        written = pd.read_csv(f"out/{name}.csv", dtype=str, keep_default_na=False)
        assert list(written.columns) == table.column_names
        assert len(written) == table.num_rows
        assert Path(f"out/plans/{name}.duckdb.txt").stat().st_size
    for name in ("quality.json", "report.html", "report.md", "charts/hours.svg"):
        assert Path("out", name).stat().st_size


def test_one_task_writes_its_own_answers_alone(simulated: list[str]) -> None:
    assert run("merchants", "popular-merchants", *simulated, "--output", "out").exit_code == 0
    assert {path.stem for path in Path("out").glob("*.parquet")} == {"popular_merchants", "city_category_association"}
    assert not Path("out/report.html").exists()


def test_settings_name_the_inputs_too(simulated: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERCHANTS_TRANSACTIONS", simulated[1])
    assert run("merchants", "top-hours", "--output", "out").exit_code == 0


def test_the_same_transactions_give_the_same_bytes(simulated: list[str]) -> None:
    for output in ("first", "second"):
        run("merchants", "all", *simulated, "--output", output)
    for name in ANSWERS:
        assert Path(f"first/{name}.csv").read_bytes() == Path(f"second/{name}.csv").read_bytes()


def test_declined_attempts_and_midnight_can_be_asked_for() -> None:
    pq.write_table(transactions(row(), row(authorized_flag="N")), "t.parquet")
    sales = {}
    for option in ((), ("--declined-are-sales",)):
        assert (
            run("merchants", "top-merchants", "--transactions", "t.parquet", *option, "--output", "out").exit_code == 0
        )
        sales[option] = pyarrow.csv.read_csv(io.BytesIO(Path("out/top_merchants.csv").read_bytes()))[
            "sales"
        ].to_pylist()
    assert sales == {(): [1], ("--declined-are-sales",): [2]}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "No transactions are named: give --transactions"),
        (["--transactions", ""], "No transactions are named: give --transactions"),
        (["--transactions", "empty.parquet"], "There is no usable transaction: the files have no rows."),
        (["--transactions", "damaged.parquet"], "damaged.parquet is damaged: "),
        (["--transactions", "nowhere"], "nowhere: expected Parquet files of card transactions, found none"),
        (
            ["--transactions", "t.parquet", "--merchants", "no.csv"],
            "no.csv: expected a list of merchants, found no such file",
        ),
        (["--transactions", "t.parquet", "--memory-limit", "much"], "MERCHANTS_MEMORY_LIMIT"),
        (["--transactions", "s3://bucket/t"], "Only Spark reads addresses such as s3://bucket/t"),
    ],
)
def test_what_is_wrong_is_one_sentence(options: list[str], sentence: str) -> None:
    pq.write_table(transactions(row()), "t.parquet")
    pq.write_table(transactions(), "empty.parquet")
    whole = Path("t.parquet").read_bytes()
    Path("damaged.parquet").write_bytes(whole[:8] + bytes(byte ^ 255 for byte in whole[8:60]) + whole[60:])
    result = run("merchants", "all", *options)
    assert result.exit_code in {1, 2}
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_out_of_memory_is_one_sentence(simulated: list[str]) -> None:
    result = run("merchants", "mean-sales", *simulated, "--memory-limit", "1MB")
    assert result.exit_code == 1
    assert "DuckDB's 1MB of memory are not enough. Raise MERCHANTS_MEMORY_LIMIT" in result.stderr
