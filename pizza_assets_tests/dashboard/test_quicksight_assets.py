"""The refresh sensor and its asset on real Dagster instances, with QuickSight in memory."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.dashboard.quicksight.assets import (
    DASHBOARD_DATA,
    MATERIALIZATION_TAG,
    REFRESH_JOB,
    QuickSightResource,
    decide,
    quicksight_defs,
)
from pizza_assets.dashboard.quicksight.deploy import QuickSightError
from pizza_assets.dashboard.quicksight.refresh import Refresh
from pizza_assets.platform.dagster_resources import lake_resource
from pizza_assets.settings import Settings

DAY = 24 * 3600
BUDGET = 8


class FakeIngestions:
    """Ingestions that end as told; the n-th data set that is created gets the n-th end, the last for the rest."""

    def __init__(self, *ends: str) -> None:
        self.ends = list(ends) or ["COMPLETED"]
        self.created: dict[tuple[str, str], str] = {}

    def call(self, operation: str, request: dict[str, Any]) -> Mapping[str, Any]:
        key = (request["DataSetId"], request["IngestionId"])
        if operation == "CreateIngestion":
            self.created[key] = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
            return {}
        if key not in self.created:
            raise QuickSightError("ResourceNotFoundException", "none")
        error = {"Type": "S3_MANIFEST_ERROR", "Message": "The manifest is broken"}
        return {
            "Ingestion": {
                "IngestionId": key[1],
                "IngestionStatus": self.created[key],
                "RowInfo": {"RowsIngested": 10},
                "IngestionTimeInSeconds": 4,
                **({"ErrorInfo": error} if self.created[key] == "FAILED" else {}),
            }
        }


class FakeResource(QuickSightResource):
    def api(self) -> Any:
        return QUICKSIGHT[self.account]

    def refresh(self) -> Refresh:
        return Refresh(self.api(), self.account, sleep=lambda _: None)


QUICKSIGHT: dict[str, FakeIngestions] = {}


def land(instance: dg.DagsterInstance, *days: str, tags: Mapping[str, str] | None = None) -> str:
    """Materialize these days of dashboard_data in one run."""
    partitions = dg.DailyPartitionsDefinition("2025-01-01")

    @dg.asset(name="dashboard_data", partitions_def=partitions, backfill_policy=dg.BackfillPolicy.single_run())
    def dashboard_data() -> None: ...

    run_tags = {
        "dagster/asset_partition_range_start": days[0],
        "dagster/asset_partition_range_end": days[-1],
        **(tags or {}),
    }
    job = dg.Definitions([dashboard_data], jobs=[dg.define_asset_job("land", [dashboard_data])]).resolve_job_def("land")
    return job.execute_in_process(instance=instance, tags=run_tags).run_id


class Daemon:
    """Evaluates the sensor and executes what it asks for, as the daemon does: a run key never fires twice."""

    def __init__(self, instance: dg.DagsterInstance, *ends: str) -> None:
        self.instance, self.cursor = instance, None
        self.keys: set[str] = set()
        self.ingestions = FakeIngestions(*ends)
        QUICKSIGHT["123456789012"] = self.ingestions

    def tick(self, now: datetime | None = None) -> list[dg.RunRequest]:
        answer = decide(self.instance, self.cursor, BUDGET, now or datetime.now(UTC))
        if isinstance(answer, dg.SkipReason):
            return []
        self.cursor = answer.cursor
        fresh = [request for request in answer.run_requests or [] if request.run_key not in self.keys]
        self.keys |= {str(request.run_key) for request in fresh}
        return fresh

    def why(self) -> str:
        answer = decide(self.instance, self.cursor, BUDGET, datetime.now(UTC))
        return str(answer.skip_message) if isinstance(answer, dg.SkipReason) else ""

    def run(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        settings = Settings.load(quicksight_account_id="123456789012")
        defs = quicksight_defs(settings)
        job = dg.Definitions(
            assets=defs.assets,
            jobs=defs.jobs,
            resources={"quicksight": FakeResource(account="123456789012"), "lake": lake_resource(settings)},
        ).resolve_job_def(REFRESH_JOB)
        return job.execute_in_process(instance=self.instance, tags=request.tags, raise_on_error=False)


def ingestions_of(daemon: Daemon, data_set: str = "daily") -> int:
    return sum(key[0] == f"pizza-{data_set}" for key in daemon.ingestions.created)


def test_nothing_landed_nothing_is_asked(instance: dg.DagsterInstance) -> None:
    assert Daemon(instance).why() == "No new dashboard_data."


def test_one_materialization_makes_one_ingestion_of_each_data_set(instance: dg.DagsterInstance) -> None:
    daemon = Daemon(instance)
    land(instance, "2025-01-05")
    (request,) = daemon.tick()
    result = daemon.run(request)
    assert result.success
    assert {key[0] for key in daemon.ingestions.created} == {f"pizza-{name}" for name in DATA_SETS}
    assert len(daemon.ingestions.created) == len(DATA_SETS)
    (event,) = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata["rows_ingested"].value == 10 * len(DATA_SETS)
    assert metadata["duration_seconds"].value == 4
    assert daemon.tick() == []


def test_a_burst_of_300_days_makes_one_ingestion(instance: dg.DagsterInstance) -> None:
    daemon = Daemon(instance)
    land(instance, "2025-01-01", (datetime(2025, 1, 1) + timedelta(days=299)).strftime("%Y-%m-%d"))  # noqa: DTZ001 only days
    assert instance.fetch_materializations(DASHBOARD_DATA, limit=400).records.__len__() == 300
    (request,) = daemon.tick()
    daemon.run(request)
    assert daemon.tick() == []
    assert ingestions_of(daemon) == 1


def test_many_single_runs_are_refreshed_once(instance: dg.DagsterInstance) -> None:
    daemon = Daemon(instance)
    for day in range(1, 10):
        land(instance, f"2025-01-0{day}")
    assert len(daemon.tick()) == 1
    assert daemon.tick() == []


def pending(instance: dg.DagsterInstance, job: str, tags: Mapping[str, str] | None = None) -> dg.DagsterRun:
    """A run of this job that is under way."""

    @dg.op
    def wait() -> None: ...

    graph = dg.GraphDefinition(name=job, node_defs=[wait])
    return instance.create_run_for_job(graph.to_job(), tags=tags, status=dg.DagsterRunStatus.STARTED)


def test_during_a_refresh_nothing_is_asked_and_after_it_once(instance: dg.DagsterInstance) -> None:
    daemon = Daemon(instance)
    land(instance, "2025-01-05")
    daemon.tick()
    active = pending(instance, REFRESH_JOB)
    land(instance, "2025-01-06")
    land(instance, "2025-01-07")
    assert daemon.tick() == []
    assert "is running" in daemon.why()
    instance.report_run_canceled(active)
    assert len(daemon.tick()) == 1
    assert daemon.tick() == []


def test_a_backfill_that_goes_on_is_waited_for(instance: dg.DagsterInstance) -> None:
    daemon, tag = Daemon(instance), {"dagster/backfill": "abc"}
    land(instance, "2025-01-05", tags=tag)
    rest = pending(instance, "land", tag)
    assert "queued or running" in daemon.why()
    assert daemon.tick() == []
    instance.report_run_canceled(rest)
    assert len(daemon.tick()) == 1


def test_a_spent_budget_defers_and_loses_nothing(instance: dg.DagsterInstance) -> None:
    daemon = Daemon(instance)
    for day in range(1, 1 + BUDGET):
        land(instance, f"2025-01-0{day}")
        (request,) = daemon.tick()
        daemon.run(request)
    land(instance, "2025-01-09")
    assert daemon.tick() == []
    assert "8 refreshes in 24 h, 8 are used up" in daemon.why()
    tomorrow = datetime.now(UTC) + timedelta(hours=24, seconds=1)
    assert len(daemon.tick(tomorrow)) == 1
    assert daemon.tick(tomorrow) == []


def test_a_failed_ingestion_fails_the_run_with_quicksights_words(instance: dg.DagsterInstance) -> None:
    daemon = Daemon(instance, "FAILED")
    land(instance, "2025-01-05")
    (request,) = daemon.tick()
    result = daemon.run(request)
    assert not result.success
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE, "the alert sensors follow failed runs"
    failure = next(event for event in result.all_events if event.is_step_failure)
    told = failure.step_failure_data
    assert told.user_failure_data is not None
    assert "S3_MANIFEST_ERROR The manifest is broken" in str(told.user_failure_data.description)


@pytest.fixture(autouse=True)
def _no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pizza_assets.dashboard.quicksight.assets._RETRY_DELAY", 0)


def test_a_retry_starts_what_failed_again_and_nothing_else(instance: dg.DagsterInstance) -> None:
    daemon = Daemon(instance, *["COMPLETED"] * 3, "FAILED", "COMPLETED")
    land(instance, "2025-01-05")
    (request,) = daemon.tick()
    assert daemon.run(request).success
    again = [key for key in daemon.ingestions.created if key[1].endswith("-1")]
    assert len(again) == 1
    assert len(daemon.ingestions.created) == len(DATA_SETS) + 1


def test_retries_count_in_the_budget(instance: dg.DagsterInstance) -> None:
    daemon = Daemon(instance, "FAILED")
    for day in (1, 2, 3):
        land(instance, f"2025-01-0{day}")
        (request,) = daemon.tick()
        daemon.run(request)
    land(instance, "2025-01-05")
    assert "9 are used up" in daemon.why()


def test_a_restart_of_the_daemon_repeats_nothing(instance: dg.DagsterInstance) -> None:
    daemon = Daemon(instance)
    land(instance, "2025-01-05")
    (request,) = daemon.tick()
    daemon.run(request)
    daemon.cursor = None  # killed between asking for the run and storing the cursor
    assert daemon.tick() == []
    assert daemon.run(request).success, "even the same run again finds its ingestion done"
    assert ingestions_of(daemon) == 1


def test_the_request_names_the_materialization(instance: dg.DagsterInstance) -> None:
    land(instance, "2025-01-05")
    (request,) = Daemon(instance).tick()
    assert request.run_key == f"spice-{request.tags[MATERIALIZATION_TAG]}"


def test_nothing_is_there_where_quicksight_is_not_set_up() -> None:
    defs = quicksight_defs(Settings.load())
    assert [*(defs.assets or ()), *(defs.jobs or ()), *(defs.sensors or ())] == []


def test_the_sensor_answers_through_dagster(instance: dg.DagsterInstance) -> None:
    land(instance, "2025-01-05")
    (sensor,) = quicksight_defs(Settings.load(quicksight_account_id="123456789012")).sensors or []
    context = dg.build_sensor_context(instance=instance, cursor=None)
    answer = sensor(context)  # type: ignore[operator] # see above
    assert len(answer.run_requests) == 1
