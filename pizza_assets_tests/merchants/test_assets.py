"""The merchant assets through Dagster: the copy with its checks, the answers, the report, the monthly job."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.validate import ParamValidator

from pizza_assets import contracts
from pizza_assets.definitions import build_defs
from pizza_assets.lake import open_lake
from pizza_assets.lake.store import Store
from pizza_assets.merchants import dagster_spark as spark_runs
from pizza_assets.merchants import outputs
from pizza_assets.merchants.analysis import Answer
from pizza_assets.merchants.assets import MONTHLY_JOB
from pizza_assets.merchants.contract import ANSWERS
from pizza_assets.merchants.lake_answers import PREFIX
from pizza_assets.merchants.output_assets import opens_without_network
from pizza_assets.merchants.quality import CHECKS
from pizza_assets.merchants.to_warehouse import published_rows
from pizza_assets.settings import Settings
from pizza_assets.warehouse.connection import Connection
from pizza_assets.warehouse.loader import load_day
from pizza_assets_tests.conftest import BUCKET
from pizza_assets_tests.merchants.worlds import row, transactions
from pizza_assets_tests.warehouse.shops import DAY, RETAILER, sales


def settings_of(**changes: object) -> Settings:
    return Settings.load(merchants_mock_rows=2000, merchants_memory_limit="1GB", **changes)


def run(settings: Settings, *assets: str) -> dg.ExecuteInProcessResult:
    """The monthly job, or some of its assets, on an instance of its own."""
    job = build_defs(settings).resolve_job_def(MONTHLY_JOB)
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(name) for name in assets] or None,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )


def materialized(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    events = [event.materialization for event in result.get_asset_materialization_events()]
    return {event.asset_key.path[-1]: {name: value.value for name, value in event.metadata.items()} for event in events}


def sentence(result: dg.ExecuteInProcessResult) -> str:
    assert not result.success
    failure = next(event.step_failure_data for event in result.all_events if event.is_step_failure)
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause
    assert error is not None
    described = failure.user_failure_data.description if failure.user_failure_data else None
    return described or error.message


@pytest.fixture(autouse=True)
def _warehouse(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", database)


@pytest.fixture
def real_files() -> dict[str, str]:
    """Settings for two real transactions, one of them rejected."""
    pq.write_table(transactions(row(), row(purchase_amount=None)), "real.parquet")
    Path("real.csv").write_text("merchant_id,merchant_name,city_id,state_id\nM1,One,1,9\n")
    return {"merchants_transactions": "real.parquet", "merchants_file": "real.csv"}


def test_the_monthly_job_makes_everything_of_mock_transactions_and_says_so(connection: Connection) -> None:
    result = run(settings_of())
    assert result.success
    made = materialized(result)
    assert set(made) == {"merchant_transactions", *ANSWERS, "merchant_report", "merchant_tables"}
    assert {facts["data_source"] for facts in made.values()} == {"mock"}
    store = open_lake("lake")
    for name, schema in ANSWERS.items():
        table = outputs.read_answer(store, PREFIX, name)
        contracts.validate(contracts.from_arrow(table, schema), schema)
        assert set(table["data_source"].to_pylist()) == {"mock"}
        assert made[name]["rows"] == table.num_rows
        assert made[name]["path"] == store.uri(f"{PREFIX}{name}.parquet")
    assert b"Simulated data." in store.read(f"{PREFIX}report.html")
    assert "Simulated data." in made["merchant_report"]["report"]
    counts = {name: made[name]["rows"] for name in ANSWERS}
    assert published_rows(connection) == made["merchant_tables"]["tables"] == counts
    assert made["merchant_tables"]["rows"] == sum(counts.values())
    (note,) = connection.execute("SELECT run_id, transactions_run_id, data_source FROM merchants.published_run")
    assert note == (result.run_id, result.run_id, "mock")


def test_the_lake_may_be_a_bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    boto3.client("s3").create_bucket(Bucket=f"{BUCKET}-merchants")
    result = run(settings_of(pizza_lake=f"s3://{BUCKET}-merchants/lake"))
    assert result.success
    assert materialized(result)["top_hours"]["path"].startswith(f"s3://{BUCKET}-merchants/lake/{PREFIX}")


def test_real_files_are_real_and_rejected_rows_are_counted(real_files: dict[str, str]) -> None:
    result = run(settings_of(**real_files))
    made = materialized(result)
    copied = made["merchant_transactions"]
    assert (copied["rows"], copied["received"], copied["rejected"], copied["share_real"]) == (1, 2, 1, 1.0)
    assert {facts["data_source"] for facts in made.values()} == {"real"}
    assert made["top_merchants"]["preview"].records[0].data["merchant_name"] == "One"


def test_checks_are_evaluated_and_warn(real_files: dict[str, str]) -> None:
    events = run(settings_of(**real_files)).get_asset_check_evaluations()
    found = {event.check_name: event for event in events if event.asset_key.path[-1] == "merchant_transactions"}
    assert set(found) == set(CHECKS)
    assert {name for name, event in found.items() if not event.passed} == {"rejected_rows"}
    assert found["rejected_rows"].severity == dg.AssetCheckSeverity.ERROR
    assert found["negative_amounts"].severity == dg.AssetCheckSeverity.WARN


def test_the_warehouses_sales_come_back_to_it_as_answers(connection: Connection) -> None:
    load_day(connection, sales({}, {"transaction_id": "T2", "quantity": 3}), retailer_id=RETAILER, source_day=DAY)
    made = materialized(run(settings_of(merchants_transactions="warehouse")))
    copied = made["merchant_transactions"]
    assert (copied["rows"], copied["data_source"], copied["currency"]) == (2, "mock", "GBP")
    (answer,) = connection.execute("SELECT merchant_name, amount, sales FROM merchants.top_merchants")
    assert answer == ("Retailer 1 S1", 10.0, 2)
    (note,) = connection.execute("SELECT currency, transactions FROM merchants.published_run")
    assert note == ("GBP", 2)
    assert "Amount, GBP" in made["merchant_report"]["report"]


def test_an_empty_warehouse_is_one_sentence() -> None:
    assert "The warehouse has no sales. Load some" in sentence(run(settings_of(merchants_transactions="warehouse")))


def test_answers_of_other_transactions_are_neither_reported_nor_published(connection: Connection) -> None:
    assert run(settings_of()).success
    before = published_rows(connection)
    assert run(settings_of(mock_seed=1), "merchant_transactions", "top_hours").success
    for asset in ("merchant_report", "merchant_tables"):
        words = sentence(run(settings_of(), asset))
        assert "city_category_association, merchant_advice: computed from other transactions than the lake has" in words
        assert "top_hours" not in words
    assert published_rows(connection) == before


def test_a_warehouse_that_does_not_answer_leaves_answers_and_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    result = run(settings_of())
    assert "Connection refused" in sentence(result)
    assert set(materialized(result)) == {"merchant_transactions", *ANSWERS, "merchant_report"}


def test_one_answer_alone_can_be_made_again() -> None:
    assert run(settings_of()).success
    assert set(materialized(run(settings_of(), "top_hours"))) == {"top_hours"}


def test_without_mock_there_must_be_files() -> None:
    assert "MERCHANTS_TRANSACTIONS is not set" in sentence(run(settings_of(pizza_allow_mock=False)))


def test_a_file_of_another_schema_fails_with_one_sentence() -> None:
    pq.write_table(pa.table({"merchant_id": ["M1"]}), "other.parquet")
    assert "other.parquet: there is no column city_id" in sentence(
        run(settings_of(merchants_transactions="other.parquet"))
    )


def test_without_a_copy_the_questions_say_what_to_do() -> None:
    assert "Materialize merchant_transactions first" in sentence(run(settings_of(), *ANSWERS))


def test_the_schedule_runs_where_there_are_real_files(real_files: dict[str, str]) -> None:
    def status(settings: Settings) -> object:
        (schedule,) = [item for item in build_defs(settings).schedules or [] if item.job_name == MONTHLY_JOB]  # type: ignore[union-attr] # ours is a schedule
        assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 3 1 * *", "UTC")  # type: ignore[union-attr]
        return schedule.default_status  # type: ignore[union-attr]

    assert status(settings_of()) == dg.DefaultScheduleStatus.STOPPED
    assert status(settings_of(**real_files)) == dg.DefaultScheduleStatus.RUNNING


class TestSparkRuns:
    """The path of a Spark run through Pipes, with a job that only reports."""

    @pytest.fixture(autouse=True)
    def _fake(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(spark_runs, "JOB", "pizza_assets_tests.merchants.fake_job")
        monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))

    @staticmethod
    def told(monkeypatch: pytest.MonkeyPatch, **report: object) -> dg.ExecuteInProcessResult:
        monkeypatch.setenv("FAKE_JOB", json.dumps(report))
        settings = settings_of(merchants_engine="spark", merchants_spark_master="local[2]")
        return run(settings, *ANSWERS)

    def test_what_the_job_reports_is_materialized(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made = materialized(self.told(monkeypatch, reports=list(ANSWERS)))
        assert set(made) == set(ANSWERS)
        assert made["mean_sales"]["rows"] == 1

    def test_a_job_that_reports_nothing_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        result = self.told(monkeypatch)
        assert "ended without reporting top_merchants, mean_sales" in sentence(result)
        assert materialized(result) == {}

    def test_a_job_that_reports_some_fails_and_those_stay(self, monkeypatch: pytest.MonkeyPatch) -> None:
        result = self.told(monkeypatch, reports=["top_hours"])
        assert "without reporting top_merchants" in sentence(result)
        assert set(materialized(result)) == {"top_hours"}

    def test_a_failing_job_fails_with_its_own_sentence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert sentence(self.told(monkeypatch, error="No Spark master answers.")) == "No Spark master answers."


EMR = {
    "pizza_lake": f"s3://{BUCKET}/lake",
    "aws_region": "us-east-1",
    "merchants_engine": "spark",
    "merchants_emr_role_arn": "arn:aws:iam::123456789012:role/job",
    "merchants_emr_entry_point": f"s3://{BUCKET}/spark-runs/entry_point.py",
    "merchants_emr_archive": f"s3://{BUCKET}/spark-runs/environment.tar.gz",
}


class TestEMRServerless:
    def test_the_request_is_valid_by_the_services_own_model(self) -> None:
        settings = settings_of(**EMR, merchants_emr_application_id="00abc123")
        request = spark_runs.emr_request(settings, ["top_hours", "mean_sales"], "run-1")
        model = botocore.session.get_session().get_service_model("emr-serverless").operation_model("StartJobRun")
        report = ParamValidator().validate({**request, "clientToken": "t"}, model.input_shape)
        assert not report.has_errors(), report.generate_report()
        submit = request["jobDriver"]["sparkSubmit"]
        assert submit["entryPointArguments"] == ["--answers", "top_hours,mean_sales"]
        options = dict(
            pair.split("=", 1) for pair in submit["sparkSubmitParameters"].removeprefix("--conf ").split(" --conf ")
        )
        assert options["spark.emr-serverless.driverEnv.PIZZA_LAKE"] == f"s3://{BUCKET}/lake"
        assert options["spark.archives"] == f"s3://{BUCKET}/spark-runs/environment.tar.gz#environment"

    def test_a_job_that_succeeds_and_reports_nothing_fails(self, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        # moto says SUCCESS and runs nothing: exactly what must not pass for a materialization.
        import boto3
        from dagster_aws.pipes import PipesEMRServerlessClient

        client = boto3.client("emr-serverless")
        application = client.create_application(name="spark", type="SPARK", releaseLabel="emr-6.6.0")
        monkeypatch.setattr(PipesEMRServerlessClient, "_wait_for_completion", _finished)
        monkeypatch.setattr(spark_runs, "POLL_SECONDS", 0.1)
        # Dagster waits for late messages; none will come.
        monkeypatch.setattr("dagster._core.pipes.utils.WAIT_FOR_LOGS_AFTER_EXECUTION_INTERVAL", 0)
        settings = settings_of(**EMR, merchants_emr_application_id=application["applicationId"])
        result = run(settings, "top_hours")
        assert "ended without reporting top_hours" in sentence(result)
        (job,) = client.list_job_runs(applicationId=application["applicationId"])["jobRuns"]
        assert job["name"] == f"pizza_assets merchants {result.run_id}"


def _finished(emr: Any, context: object, start: dict[str, str]) -> Any:
    """What the client waits for, without the dashboard's address, which moto does not have."""
    answer = emr.client.get_job_run(applicationId=start["applicationId"], jobRunId=start["jobRunId"])
    assert answer["jobRun"]["state"] == "SUCCESS"
    return answer


def test_an_answer_that_breaks_its_contract_stops_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    write = outputs.write_answer

    def without_sales(store: Store, prefix: str, found: Answer, *rest: Any) -> str:
        if found.name == "top_hours":
            nothing = pa.array([0] * len(found.table))
            found = replace(
                found, table=found.table.set_column(found.table.column_names.index("sales"), "sales", nothing)
            )
        return write(store, prefix, found, *rest)

    monkeypatch.setattr(outputs, "write_answer", without_sales)
    result = run(settings_of())
    assert not result.success
    events = result.get_asset_check_evaluations()
    found = {event.asset_key.path[-1]: event for event in events if event.check_name == "schema"}
    assert {name for name, event in found.items() if not event.passed} == {"top_hours"}
    assert str(found["top_hours"].description).startswith("The data breaks the contract 'top_hours'. sales:")
    assert found["mean_sales"].description is not None
    assert "rows keep the contract" in found["mean_sales"].description
    assert not {"merchant_report", "merchant_tables"} & set(materialized(result))


@pytest.mark.parametrize(
    ("page", "passed"),
    [
        ("<img src='data:image/svg+xml;base64,AA'><svg xmlns='http://www.w3.org/2000/svg'/>", True),
        ("<a href='https://example.org/'>more</a>", False),
        ("<style>@import url(http://example.org/a.css)</style>", False),
    ],
)
def test_a_page_that_loads_something_says_what(page: str, passed: bool) -> None:
    result = opens_without_network(page)
    assert result.passed == passed
    assert ("example.org" in str(result.description)) == (not passed)
