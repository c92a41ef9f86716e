"""Spark through the command line and through Dagster Pipes."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from pizza_assets.cli import main
from pizza_assets.lake import open_lake
from pizza_assets.merchants.contract import ANSWERS
from pizza_assets.merchants.lake_answers import PREFIX
from pizza_assets_tests.merchants.test_assets import materialized, run, sentence, settings_of

ROOT = str(Path(__file__).parents[2])


@pytest.fixture(autouse=True)
def _package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job is another process in another folder: it must find the package."""
    monkeypatch.setenv("PYTHONPATH", ROOT)


def test_the_command_line_gives_the_same_files_on_both_engines() -> None:
    runner = CliRunner()
    assert runner.invoke(main, ["simulate", "merchants", "--rows", "5000", "--output", "mock"]).exit_code == 0
    inputs = ["--transactions", "mock/transactions", "--merchants", "mock/merchants.csv"]
    for output, options in (("duckdb", ["--engine", "duckdb"]), ("spark", ["--master", "local[2]"])):
        result = runner.invoke(main, ["merchants", "all", *inputs, *options, "--output", output])
        assert result.exit_code == 0, result.stderr
    for name in (*(f"{name}.csv" for name in ANSWERS), "quality.json"):
        assert Path("spark", name).read_bytes() == Path("duckdb", name).read_bytes(), name
    assert "AdaptiveSparkPlan" in Path("spark/plans/top_merchants.spark.txt").read_text()


def test_the_monthly_job_on_spark_makes_what_it_makes_on_duckdb() -> None:
    assert run(settings_of(), "merchant_transactions", *ANSWERS).success
    store = open_lake("lake")
    on_duckdb = {name: store.read(f"{PREFIX}{name}.csv") for name in ANSWERS}
    settings = settings_of(merchants_engine="spark", merchants_spark_master="local[2]")
    result = run(settings, *ANSWERS, "merchant_report")
    assert result.success
    made = materialized(result)
    assert set(made) == {*ANSWERS, "merchant_report"}
    assert {made[name]["engine"] for name in ANSWERS} == {"spark"}
    assert made["mean_sales"]["data_source"] == "mock"
    assert {name: store.read(f"{PREFIX}{name}.csv") for name in ANSWERS} == on_duckdb
    assert b"Computed by spark" in store.read(f"{PREFIX}report.html")
    steps = [event.message or "" for event in result.all_events]
    assert any("Finished execution" in message for message in steps)


@pytest.mark.parametrize(
    ("java_home", "master", "words"),
    [
        ("/nowhere", "local[2]", "Java is missing at JAVA_HOME=/nowhere. Spark needs Java 17 or 21: on Debian"),
        (None, "spark://127.0.0.1:1", "No Spark master answers at spark://127.0.0.1:1"),
    ],
    ids=["java", "master"],
)
def test_what_spark_cannot_start_on_is_the_runs_sentence(
    monkeypatch: pytest.MonkeyPatch, java_home: str | None, master: str, words: str
) -> None:
    assert run(settings_of(), "merchant_transactions").success
    if java_home:
        monkeypatch.setenv("JAVA_HOME", java_home)
    result = run(settings_of(merchants_engine="spark", merchants_spark_master=master), "top_hours")
    assert sentence(result).startswith(words)
    assert "Traceback" not in sentence(result)


def test_files_that_vanish_are_one_sentence() -> None:
    runner = CliRunner()
    runner.invoke(main, ["simulate", "merchants", "--rows", "100", "--output", "mock"])
    result = runner.invoke(main, ["merchants", "all", "--transactions", "file:///nowhere", "--engine", "spark"])
    assert result.exit_code == 1
    assert "Spark rejects this: [PATH_NOT_FOUND]" in result.stderr
    shutil.rmtree("mock")
