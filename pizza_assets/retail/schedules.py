"""The retailers' mornings: a run for each at 02:00 of its own clock, then the views when all are in or it is late.

Belongs here: when runs start and for which days. Does not belong here: what happens in a run (``retail.assets``,
``warehouse.assets``), and whose clock it is (``business_days``).

A business day is asked for when it has ended where the retailer is; one that is not there, was asked for before it had
ended, or came without lines, is asked for again each hour until the views' deadline, and then every night. A retailer
that fails stops no other.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from pizza_assets.lake.layout import SALES_TABLES
from pizza_assets.platform.dagster_active_runs import ACTIVE_RUNS, RANGE_TAGS, range_tags
from pizza_assets.platform.dagster_failures import without_secrets_in_errors
from pizza_assets.retail.business_days import time_zone_of
from pizza_assets.settings import Settings
from pizza_assets.warehouse.assets import DAY_TAG, sales_asset_name

RETAIL_JOB, VIEWS_JOB = "retail_daily", "warehouse_views_refresh"
STARTS_AT, DEADLINE = time(2, 0), time(6, 0)
#: A day that a retailer still lacks after this long is left to people.
LOOK_BACK = timedelta(days=31)
_ONE_DAY = timedelta(days=1)

#: What the run of each retailer makes. The orders of a day are whole only when it has ended, so they are asked again.
CHAINS: Mapping[str, Sequence[str]] = {
    where.retailer_id: [
        *(["raw_orders"] if where.retailer_id == "dominos" else []),
        raw,
        sales_asset_name(where.retailer_id),
    ]
    for raw, where in SALES_TABLES.items()
}

_HOUR = timedelta(hours=1)
#: Which retailer a run is for.
_RETAILER_TAG = "pizza_assets/retailer"

Clock = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


def business_day(now: datetime, zone: str) -> date:
    """Return the newest day that is expected: yesterday, from 02:00 in `zone`."""
    local = now.astimezone(ZoneInfo(zone))
    return local.date() - (_ONE_DAY if local.time() >= STARTS_AT else 2 * _ONE_DAY)


def deadline(day: date, zone: str, views_zone: str) -> datetime:
    """Return when the views go on without a retailer's `day`: the next 06:00 in `views_zone` after it was due."""
    due = datetime.combine(day + _ONE_DAY, STARTS_AT, ZoneInfo(zone)).astimezone(ZoneInfo(views_zone))
    late = datetime.combine(due.date(), DEADLINE, ZoneInfo(views_zone))
    return late if due < late else datetime.combine(due.date() + _ONE_DAY, DEADLINE, ZoneInfo(views_zone))


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


def _whole_days(instance: dg.DagsterInstance, asset: str, zone: str, day: date) -> set[date]:
    """Return the days up to `day` that are there: asked for when they had ended in `zone`, and not without lines.

    Days before the time that is looked back on are not looked at so closely.
    """
    key, since = dg.AssetKey(asset), day - LOOK_BACK
    there = {date.fromisoformat(name) for name in instance.get_materialized_partitions(key)}
    near = sorted(str(found) for found in there if since <= found <= day)
    newest: dict[str, dg.EventLogRecord] = {}
    cursor: str | None = None
    while len(newest) < len(near):
        page = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=key, asset_partitions=near), limit=200, cursor=cursor
        )
        for record in page.records:  # newest first
            newest.setdefault(str(record.partition_key), record)
        cursor = page.cursor
        if not page.has_more:
            break
    late = {date.fromisoformat(name) for name, record in newest.items() if not _is_whole(record, name, zone)}
    return there - late


def _is_whole(record: dg.EventLogRecord, partition: str, zone: str) -> bool:
    end = datetime.combine(date.fromisoformat(partition) + _ONE_DAY, time(), ZoneInfo(zone))
    materialization = record.asset_materialization
    received = materialization.metadata.get("received") if materialization else None
    return record.timestamp >= end.timestamp() and (received is None or received.value != 0)


def requests(
    instance: dg.DagsterInstance, settings: Settings, at: datetime, *, asks_for_orders: bool = True
) -> list[dg.RunRequest]:
    """Return the runs of the hour at `at`.

    A retailer's newest day and its gaps in the hour in which that day becomes due; until the deadline the newest day
    again, while it is not there and no run of it is on its way. The match dates of a UTC day when it has ended.
    """
    tick = f"{at.astimezone(UTC):%Y-%m-%dT%H%M}Z"
    asked: list[tuple[str, Sequence[str], tuple[date, date]]] = []
    for retailer_id, chain in CHAINS.items():
        zone = time_zone_of(settings, retailer_id)
        day = business_day(at, zone)
        if day < settings.pizza_start_date:
            continue
        there = _whole_days(instance, chain[-1], zone, day)
        if _becomes_due(at, zone):
            asked += [(retailer_id, chain, block) for block in blocks(there, day)]
        elif (
            day not in there
            and at <= deadline(day, zone, settings.retail_daily_time_zone)
            and not _is_on_its_way(instance, retailer_id, day)
        ):
            asked.append((retailer_id, chain, (day, day)))
    if _becomes_due(at, "UTC") and (day := business_day(at, "UTC")) >= settings.pizza_start_date:
        asked.append(("match_dates", ["match_dates"], (day, day)))
    return [
        dg.RunRequest(
            run_key=f"{chain[-1]}-{first}-{last}-{tick}",
            asset_selection=[dg.AssetKey(asset) for asset in chain if asks_for_orders or asset != "raw_orders"],
            tags={
                **range_tags(first, last),
                _RETAILER_TAG: name,
            },
        )
        for name, chain, (first, last) in asked
    ]


def _becomes_due(at: datetime, zone: str) -> bool:
    return business_day(at, zone) != business_day(at - _HOUR, zone)


def _is_on_its_way(instance: dg.DagsterInstance, retailer_id: str, day: date) -> bool:
    tags = {_RETAILER_TAG: retailer_id, RANGE_TAGS[1]: day.isoformat()}
    return bool(instance.get_runs_count(dg.RunsFilter(job_name=RETAIL_JOB, statuses=list(ACTIVE_RUNS), tags=tags)))


def decide(
    instance: dg.DagsterInstance, cursor: str | None, settings: Settings, now: datetime
) -> dg.SensorResult | dg.SkipReason:
    """Decide whether to refresh the views: new facts have landed, and all retailers are in or the deadline has passed.

    Skipping leaves the cursor, so what is not refreshed now is refreshed later. At the deadline the views are
    refreshed once even without new facts, so that the missing retailers are flagged. They are for the newest day that
    has ended for all retailers.
    """
    zones = {name: time_zone_of(settings, name) for name in CHAINS}
    days = {name: business_day(now, zone) for name, zone in zones.items()}
    newest = max(_newest_materialization(instance, chain[-1]) for chain in CHAINS.values())
    is_refreshed = _newest_materialization(instance, "warehouse_views") > newest
    seen = json.loads(cursor) if cursor else {"storage_id": newest if is_refreshed else 0, "flagged": None}
    if newest == 0:
        return dg.SkipReason("No retailer has been loaded yet.")
    missing = [
        name
        for name, chain in CHAINS.items()
        if days[name] not in _whole_days(instance, chain[-1], zones[name], days[name])
    ]
    late = max((deadline(days[name], zones[name], settings.retail_daily_time_zone) for name in missing), default=now)
    told = "; ".join(
        f"{', '.join(name for name in missing if days[name] == day)}: {day} is missing"
        for day in sorted({days[name] for name in missing})
    )
    day, is_late = min(days.values()), bool(missing) and now >= late
    if is_late and seen["flagged"] != day.isoformat():
        return _refresh(f"views-deadline-{day}", day, {"storage_id": newest, "flagged": day.isoformat()})
    if newest == seen["storage_id"]:
        return dg.SkipReason(f"No new facts.{f' {told}.' if missing else ''}")
    for job in (RETAIL_JOB, VIEWS_JOB):
        if instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=list(ACTIVE_RUNS))):
            return dg.SkipReason(f"A run of {job} is queued or running; one refresh follows it.")
    if missing and not is_late:
        return dg.SkipReason(f"{told}; waiting until {late:%H:%M %Z}.")
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
        cron_schedule="0 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every hour: runs yesterday and older missing days of each retailer where it is 02:00, one run for "
        f"each; until 06:00 ({zone}) it runs days that are still missing again.",
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
        description=f"Refreshes the views once all retailers are loaded, or at 06:00 ({zone}) without some.",
    )
    @without_secrets_in_errors
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        return decide(context.instance, context.cursor, settings, now())

    return dg.Definitions(jobs=[retail, views], schedules=[schedule], sensors=[sensor])
