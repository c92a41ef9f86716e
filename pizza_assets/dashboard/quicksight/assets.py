"""QuickSight in Dagster: the refresh of SPICE as an asset, and the sensor that asks for it.

Belongs here: when to refresh, and what the UI shows of it. Does not belong here: QuickSight's requests. The
sensor reads Dagster's own records alone; QuickSight is called in the run, which has retries and logs.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from pizza_assets.analysis.quality import differences
from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.dashboard.publish import current_rows
from pizza_assets.dashboard.quicksight.deploy import Api, QuickSightError
from pizza_assets.dashboard.quicksight.refresh import DAILY_BUDGET, Ingestion, Refresh
from pizza_assets.platform import dagster_catalog as catalog
from pizza_assets.platform import dagster_lineage as lineage
from pizza_assets.platform.dagster_active_runs import ACTIVE_RUNS
from pizza_assets.platform.dagster_daily_asset import OWNERS
from pizza_assets.platform.dagster_failures import without_secrets_in_errors
from pizza_assets.platform.dagster_resources import LakeResource
from pizza_assets.platform.dagster_versions import code_version
from pizza_assets.settings import Settings

DASHBOARD_DATA = dg.AssetKey("dashboard_data")
REFRESH_JOB = "quicksight_refresh"
#: The storage id of the materialization that a refresh is for; it makes the ingestion's id.
MATERIALIZATION_TAG = "pizza_assets/materialization"
_BACKFILL_TAG = "dagster/backfill"
_RETRIES, _RETRY_DELAY = 2, 60.0
#: Rejections that a retry in a minute meets again, and that would only spend more of the budget.
_FINAL = frozenset({"AccessDeniedException", "LimitExceededException", "ResourceNotFoundException"})
_ROWS_CHECK = "all_rows_ingested"
_ROWS_RULE = "QuickSight has as many rows of each data set as the manifest counts. Data published meanwhile warns."


class QuickSightResource(dg.ConfigurableResource[Any]):
    """QuickSight of one account."""

    account: str

    _api: Api | None = PrivateAttr(default=None)

    def api(self) -> Api:
        """Return the API; one client serves the whole run."""
        if self._api is None:
            from pizza_assets.dashboard.quicksight.api import quicksight_api  # noqa: PLC0415 boto3 costs half a second

            self._api = quicksight_api(Settings.load())
        return self._api

    def refresh(self) -> Refresh:
        """Return a refresh of this account's data sets."""
        return Refresh(self.api(), self.account)


def _shown(ingestions: Sequence[Ingestion]) -> dict[str, Any]:
    rows = {item.data_set: {"rows": item.rows, "seconds": item.seconds, "id": item.ingestion_id} for item in ingestions}
    return {
        "rows_ingested": sum(item.rows for item in ingestions),
        "duration_seconds": max((item.seconds for item in ingestions), default=0),
        "ingestions": dg.MetadataValue.json(rows),
    }


def all_rows_ingested(ingestions: Sequence[Ingestion], published: Mapping[str, int]) -> dg.AssetCheckResult:
    """Return whether QuickSight has as many rows of each data set as the lake's manifest counts."""
    found = {item.data_set: item.rows for item in ingestions}
    differing = differences(published, found)
    return dg.AssetCheckResult(
        check_name=_ROWS_CHECK,
        passed=not differing,
        severity=dg.AssetCheckSeverity.WARN,
        description=differing or f"All {sum(found.values())} rows are there.",
        metadata={"expected": dg.MetadataValue.json(dict(published)), "found": dg.MetadataValue.json(found)},
    )


def refresh_asset(settings: Settings) -> dg.AssetsDefinition:
    """Return the asset that stands for what viewers see in QuickSight."""

    @dg.asset(
        group_name="dashboard",
        kinds={"quicksight"},
        owners=list(OWNERS),
        deps=[DASHBOARD_DATA],
        code_version=code_version("pizza_assets.dashboard.quicksight.refresh"),
        check_specs=[dg.AssetCheckSpec(_ROWS_CHECK, asset="spice_refresh", description=_ROWS_RULE)],
        metadata=catalog.entry(settings, contract=DATA_SETS, lineage=lineage.SHOWN_DATA, docs="dashboard.md"),
        retry_policy=dg.RetryPolicy(max_retries=_RETRIES, delay=_RETRY_DELAY, backoff=dg.Backoff.EXPONENTIAL),
        tags={"branch": "match-day"},
    )
    @without_secrets_in_errors
    def spice_refresh(
        context: dg.AssetExecutionContext, quicksight: QuickSightResource, lake: LakeResource
    ) -> dg.MaterializeResult:  # type: ignore[type-arg] # with checks dagster knows it bare only
        """The dashboard's data sets in QuickSight's memory, as of the newest dashboard_data."""
        asked_for = context.run.tags.get(MATERIALIZATION_TAG, context.run.run_id)
        try:
            ingestions = quicksight.refresh().run(
                DATA_SETS, f"spice-{asked_for}", context.op_execution_context.retry_number + 1
            )
        except QuickSightError as error:
            # Dagster's own last word is 'Exceeded max_retries': QuickSight's words must stand there instead.
            if context.op_execution_context.retry_number >= _RETRIES or error.code in _FINAL:
                raise dg.Failure(str(error), allow_retries=False) from error
            raise
        for item in ingestions:
            context.log.info(f"{item.data_set}: {item.rows} rows in {item.seconds} s")
        compared = all_rows_ingested(ingestions, current_rows(lake.store()))
        return dg.MaterializeResult(metadata=_shown(ingestions), check_results=[compared])

    return spice_refresh


def _refreshes_since(instance: dg.DagsterInstance, since: datetime) -> int:
    """Return how many refreshes were started: each run, and each of its retries."""
    runs = instance.get_runs(filters=dg.RunsFilter(job_name=REFRESH_JOB, created_after=since))
    retried = (
        len(instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_RESTARTED).records)
        for run in runs
    )
    return len(runs) + sum(retried)


def _is_still_coming(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Tell whether the run of the newest materialization, or its backfill, will bring more."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        return False
    if not run.is_finished:
        return True
    backfill = run.tags.get(_BACKFILL_TAG)
    if backfill is None:
        return False
    same = dg.RunsFilter(tags={_BACKFILL_TAG: backfill}, statuses=list(ACTIVE_RUNS))
    return instance.get_runs_count(same) > 0


def decide(
    instance: dg.DagsterInstance, cursor: str | None, budget: int, now: datetime
) -> dg.SensorResult | dg.SkipReason:
    """Decide whether to ask for a refresh.

    Skipping leaves the cursor where it is, so what is not refreshed now is refreshed later: many materializations
    make one refresh, and none is lost.

    Parameters
    ----------
    cursor
        Storage id of the materialization that was refreshed last.
    budget
        Refreshes allowed in any 24 hours.
    now
        In UTC.
    """
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=DASHBOARD_DATA, after_storage_id=int(cursor) if cursor else None), limit=1
    ).records
    if not records:
        return dg.SkipReason("No new dashboard_data.")
    newest = records[0]
    if instance.get_runs_count(dg.RunsFilter(job_name=REFRESH_JOB, statuses=list(ACTIVE_RUNS))):
        return dg.SkipReason("A refresh is running; newer data is refreshed after it.")
    if _is_still_coming(instance, newest.run_id):
        return dg.SkipReason("Runs that write dashboard_data are queued or running; one refresh follows them.")
    used = _refreshes_since(instance, now - timedelta(hours=24))
    if used >= budget:
        return dg.SkipReason(
            f"QuickSight allows {budget} refreshes in 24 h, {used} are used up. "
            "The newest data is refreshed as soon as one is free."
        )
    request = dg.RunRequest(run_key=f"spice-{newest.storage_id}", tags={MATERIALIZATION_TAG: str(newest.storage_id)})
    return dg.SensorResult(run_requests=[request], cursor=str(newest.storage_id))


def refresh_sensor(
    settings: Settings,
    job: Any,  # noqa: ANN401 dagster exports no type of unresolved jobs
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> dg.SensorDefinition:
    """Return the sensor that follows dashboard_data."""
    budget = DAILY_BUDGET[settings.quicksight_edition]

    @dg.sensor(
        name=REFRESH_JOB,
        job=job,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Refreshes QuickSight once for all dashboard data that has landed.",
    )
    @without_secrets_in_errors
    def spice_refresh(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Ask for one refresh of QuickSight when new dashboard data has landed."""
        return decide(context.instance, context.cursor, budget, now())

    return spice_refresh


def quicksight_defs(settings: Settings) -> dg.Definitions:
    """Return the refresh asset with its job, sensor and resource; nothing where QuickSight is not set up."""
    if settings.quicksight_account_id is None:
        return dg.Definitions()
    asset = refresh_asset(settings)
    job = dg.define_asset_job(
        REFRESH_JOB,
        selection=dg.AssetSelection.assets(asset),
        description="Refresh the dashboard's data in QuickSight.",
    )
    return dg.Definitions(
        assets=[asset],
        jobs=[job],
        sensors=[refresh_sensor(settings, job)],
        resources={"quicksight": QuickSightResource(account=settings.quicksight_account_id)},
    )
