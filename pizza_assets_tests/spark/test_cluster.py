"""A cluster of two workers: both work, one may be killed, the answers stay; the plan shows what we ask for."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pizza_assets.lake.store import LocalStore
from pizza_assets.merchants.analysis import Answer, Study
from pizza_assets.merchants.contract import ANSWERS
from pizza_assets.merchants.engines import DuckDBEngine, Engine
from pizza_assets.merchants.inputs import transaction_files
from pizza_assets.merchants.mock import Simulation
from pizza_assets.merchants.mock_files import write
from pizza_assets.merchants.questions import Rules
from pizza_assets.merchants.spark import SparkEngine
from pizza_assets_tests.merchants.worlds import LIMITS
from pizza_assets_tests.spark.conftest import QUICK, Cluster, executors, wait_for

SIMULATION = Simulation(100_000, 1)
#: Many small tasks, so that a kill falls between them.
OPTIONS = {**QUICK, "spark.sql.files.maxPartitionBytes": "20000", "spark.executor.memory": "512m"}


@pytest.fixture(scope="module")
def transactions(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("transactions")
    write(SIMULATION, LocalStore(folder), lambda _: None)
    return str(folder / "transactions" / "year=2024")


def asked(engine: Engine, transactions: str, *names: str) -> dict[str, Answer]:
    study = Study(engine, engine.parquet(transaction_files(transactions)), SIMULATION.merchants(), LIMITS)
    return {answer.name: answer for answer in study.ask(names or list(ANSWERS), Rules(), "mock")}


def test_both_workers_work_one_is_killed_and_the_answers_are_duckdbs(cluster: Cluster, transactions: str) -> None:
    with SparkEngine(cluster.master, OPTIONS) as spark, ThreadPoolExecutor(1) as background:
        wait_for(lambda: len(executors(spark)) == 2, "two executors")
        first = asked(spark, transactions, "top_merchants")
        assert all(executor.completedTasks() > 0 for executor in executors(spark)), "a worker has not worked"

        done_before = sum(executor.completedTasks() for executor in executors(spark))
        running = background.submit(asked, spark, transactions)
        wait_for(lambda: sum(e.completedTasks() for e in executors(spark)) > done_before + 3, "tasks of the next job")
        assert not running.done()
        cluster.kill_a_worker()
        on_spark = running.result()
        assert sorted(executor.isActive() for executor in executors(spark)) == [False, True]
        survivor = next(executor for executor in executors(spark) if executor.isActive())
        assert survivor.completedTasks() > 0
    with DuckDBEngine("1GB") as duckdb:
        on_duckdb = asked(duckdb, transactions)
    assert first["top_merchants"].table == on_duckdb["top_merchants"].table
    for name in ANSWERS:
        assert on_spark[name].table == on_duckdb[name].table, name


def test_the_stored_plan_shows_adaptive_execution_the_broadcast_and_windows(engine: Engine, transactions: str) -> None:
    plans = {name: answer.plan for name, answer in asked(engine, transactions).items()}
    for plan in plans.values():
        assert "AdaptiveSparkPlan isFinalPlan=true" in plan
    for name in ("top_merchants", "mean_sales", "popular_merchants"):
        final = plans[name].split("== Initial Plan ==")[0].split("== Final Plan ==")[1]
        assert re.search(r"BroadcastHashJoin \[merchant_id#\d+\], \[_id#\d+\], LeftOuter, BuildRight", final)
        assert "BroadcastExchange" in final
        assert "SortMergeJoin" not in final
    for name in ("top_merchants", "top_hours", "popular_merchants"):
        assert "Window [row_number()" in plans[name]


def test_a_name_is_looked_up_in_a_broadcast_list_of_any_size(engine: Engine, tmp_path: Path) -> None:
    # Above Spark's own threshold of 10 MB, the hint decides.
    many = Simulation(40_000_000, 1)
    write(Simulation(2000, 1), LocalStore(tmp_path), lambda _: None)
    files = transaction_files(str(tmp_path / "transactions"))
    study = Study(engine, engine.parquet(files), many.merchants(), LIMITS)
    (answer,) = study.ask(["mean_sales"], Rules(), "mock")
    assert "BroadcastHashJoin" in answer.plan
