"""The retailers' mornings: one run per retailer at 02:00, then the views when all are in or the deadline passes.

Belongs here: when runs start and for which days. Does not belong here: what happens in a run (``retail.py``,
``warehouse.py``).

A retailer that fails stops no other. Its days are missing, are flagged each morning, and are asked for again every
night until they are there.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from pizza_assets.lake.layout import SALES_TABLES
from pizza_assets.platform.dagster_failures import without_secrets_in_errors
from pizza_assets.settings import Settings
from pizza_assets.warehouse.assets import DAY_TAG, sales_asset_name

RETAIL_JOB, VIEWS_JOB = "retail_daily", "warehouse_views_refresh"
STARTS_AT, DEADLINE = time(2, 0), time(6, 0)
#: A day that a retailer still lacks after this long is left to people.
LOOK_BACK = timedelta(days=31)
_ONE_DAY = timedelta(days=1)
_RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

#: What the run of each retailer makes. The orders of a day are whole only when it has ended, so they are asked again.
CHAINS: Mapping[str, Sequence[str]] = {
    where.retailer_id: [
        *(["raw_orders"] if where.retailer_id == "dominos" else []),
        raw,
        sales_asset_name(where.retailer_id),
    ]
    for raw, where in SALES_TABLES.items()
}

Clock = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


def business_day(now: datetime, zone: str) -> date:
    """Return the newest day that is expected: yesterday, from 02:00 in `zone`."""
    local = now.astimezone(ZoneInfo(zone))
    return local.date() - (_ONE_DAY if local.time() >= STARTS_AT else 2 * _ONE_DAY)


def blocks(there: set[date], day: date) -> list[tuple[date, date]]:
    """Return the runs of a retailer as first and last days: its gaps after its first day, and `day` by itself.

    By itself, so that an older day that cannot be had does not keep the newest one out.
    """
    oldest = max(min(there, default=day), day - LOOK_BACK)
    found: list[tuple[date, date]] = []
    for number in range((day - oldest).days):
        missing = oldest + number * _ONE_DAY
        if missing in there:
            continue
        if found and found[-1][1] == missing - _ONE_DAY:
            found[-1] = (found[-1][0], missing)
        else:
            found.append((missing, missing))
    return [*found, (day, day)]


def _days_there(instance: dg.DagsterInstance, asset: str) -> set[date]:
    return {date.fromisoformat(key) for key in instance.get_materialized_partitions(dg.AssetKey(asset))}


def requests(
    instance: dg.DagsterInstance, settings: Settings, at: datetime, *, asks_for_orders: bool = True
) -> list[dg.RunRequest]:
    """Return the night's runs: for each retailer its newest day and its gaps, and the match dates."""
    day = business_day(at, settings.retail_daily_time_zone)
    if day < settings.pizza_start_date:
        return []
    tick = f"{at.astimezone(UTC):%Y-%m-%dT%H%M}Z"
    asked = [
        (chain[-1], chain, block)
        for chain in CHAINS.values()
        for block in blocks(_days_there(instance, chain[-1]), day)
    ]
    asked.append(("match_dates", ["match_dates"], (day, day)))
    return [
        dg.RunRequest(
            run_key=f"{name}-{first}-{last}-{tick}",
            asset_selection=[dg.AssetKey(asset) for asset in chain if asks_for_orders or asset != "raw_orders"],
            tags=dict(zip(_RANGE_TAGS, (first.isoformat(), last.isoformat()), strict=True)),
        )
        for name, chain, (first, last) in asked
    ]


def decide(
    instance: dg.DagsterInstance, cursor: str | None, zone: str, now: datetime
) -> dg.SensorResult | dg.SkipReason:
    """Decide whether to refresh the views: new facts have landed, and all retailers are in or the deadline has passed.

    Skipping leaves the cursor, so what is not refreshed now is refreshed later. At the deadline the views are
    refreshed once even without new facts, so that the missing retailers are flagged.
    """
    day = business_day(now, zone)
    newest = max(_newest_materialization(instance, chain[-1]) for chain in CHAINS.values())
    is_refreshed = _newest_materialization(instance, "warehouse_views") > newest
    seen = json.loads(cursor) if cursor else {"storage_id": newest if is_refreshed else 0, "flagged": None}
    if newest == 0:
        return dg.SkipReason("No retailer has been loaded yet.")
    missing = [name for name, chain in CHAINS.items() if day not in _days_there(instance, chain[-1])]
    deadline = datetime.combine(day + _ONE_DAY, DEADLINE, ZoneInfo(zone))
    is_late = bool(missing) and now >= deadline
    told = f"{', '.join(missing)}: {day} is missing"
    if is_late and seen["flagged"] != day.isoformat():
        return _refresh(f"views-deadline-{day}", day, {"storage_id": newest, "flagged": day.isoformat()})
    if newest == seen["storage_id"]:
        return dg.SkipReason(f"No new facts.{f' {told}.' if missing else ''}")
    for job in (RETAIL_JOB, VIEWS_JOB):
        if instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=_ACTIVE)):
            return dg.SkipReason(f"A run of {job} is on its way; one refresh will do for all of it.")
    if missing and not is_late:
        return dg.SkipReason(f"{told}; waiting until {deadline:%H:%M %Z}.")
    return _refresh(f"views-{newest}", day, {**seen, "storage_id": newest})


def _newest_materialization(instance: dg.DagsterInstance, asset: str) -> int:
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=1).records
    return records[0].storage_id if records else 0


def _refresh(key: str, day: date, cursor: Mapping[str, object]) -> dg.SensorResult:
    request = dg.RunRequest(run_key=key, tags={DAY_TAG: day.isoformat()})
    return dg.SensorResult(run_requests=[request], cursor=json.dumps(cursor))


def retail_daily_defs(settings: Settings, now: Clock = _utc_now, *, asks_for_orders: bool = True) -> dg.Definitions:
    """Return the job and schedule of the retailers' runs, and the job and sensor of the views.

    Without `asks_for_orders` the orders of a day are taken as they are, which is enough for mock ones.
    """
    zone = settings.retail_daily_time_zone
    selected = sorted({asset for chain in CHAINS.values() for asset in chain} | {"match_dates"})
    selected = [asset for asset in selected if asks_for_orders or asset != "raw_orders"]
    retail = dg.define_asset_job(
        RETAIL_JOB,
        selection=dg.AssetSelection.assets(*selected),
        description="Collect and load business days; the schedule starts it once per retailer.",
    )
    views = dg.define_asset_job(
        VIEWS_JOB,
        selection=dg.AssetSelection.assets("warehouse_views", "pizza_vs_football"),
        description="Refresh the warehouse's views, and what matches do to its sales.",
    )

    @dg.schedule(
        name=RETAIL_JOB,
        job=retail,
        cron_schedule=f"{STARTS_AT.minute} {STARTS_AT.hour} * * *",
        execution_timezone=zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"At 02:00 ({zone}): yesterday and older gaps, in a run of its own for each retailer.",
    )
    @without_secrets_in_errors
    def schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
        at = context.scheduled_execution_time
        return requests(context.instance, settings, at, asks_for_orders=asks_for_orders)

    @dg.sensor(
        name="warehouse_views_refresh",
        job=views,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Refreshes the views when all retailers are in, or at 06:00 ({zone}) without those that are not.",
    )
    @without_secrets_in_errors
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        return decide(context.instance, context.cursor, zone, now())

    return dg.Definitions(jobs=[retail, views], schedules=[schedule], sensors=[sensor])
