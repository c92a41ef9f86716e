"""Automation: the daily refresh, and catching up on days that an outage missed.

Belongs here: when runs start and for which days. Does not belong here: what happens in a run, and which days are
expected (``expected_partitions``). A refresh of SPICE follows its data, alerts follow events.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from pizza_assets.lake.layout import RAW_ORDERS
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable
from pizza_assets.operations import expected_partitions
from pizza_assets.operations.expected_partitions import ONE_DAY
from pizza_assets.platform.dagster_active_runs import active_days, make_pools_known, range_tags
from pizza_assets.platform.dagster_failures import without_secrets_in_errors
from pizza_assets.platform.dagster_resources import lake_resource
from pizza_assets.platform.kept import span
from pizza_assets.settings import Settings

#: A lake whose newest day is older is no outage but a season that has ended: nothing is caught up.
REACH = timedelta(days=31)
#: The evening's run goes before the runs of a long backfill that wait in the queue.
_PRIORITY = {"dagster/priority": "10"}
_CRON = f"{expected_partitions.REFRESH_AT.minute} {expected_partitions.REFRESH_AT.hour} * * *"

Clock = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


def daily_refresh(settings: Settings, job: Any, now: Clock = _utc_now) -> dg.ScheduleDefinition:  # noqa: ANN401 dagster exports no type of unresolved jobs
    """Return the schedule of the daily refresh."""

    @dg.schedule(
        name="daily_refresh",
        job=job,
        cron_schedule=_CRON,
        execution_timezone=settings.daily_refresh_time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=(
            f"Collects today so far and yesterday again at 18:00 ({settings.daily_refresh_time_zone}); what it misses "
            "is left to the sensor catch_up."
        ),
    )
    @without_secrets_in_errors
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        at = context.scheduled_execution_time
        first, last = expected_partitions.days_of_refresh(at)
        first = max(first, settings.pizza_start_date)
        if last < first:
            return dg.SkipReason(f"PIZZA_START_DATE is {first}; the daily refresh starts then.")
        if now().date() > last:
            return dg.SkipReason(f"The refresh of {last} came after that day had ended: catch_up collects it.")
        # One key for each tick: a daemon that is killed between asking and noting asks once. Another day, or a
        # re-execution from the UI, has another key or none, and fires.
        key = f"daily-refresh-{at.astimezone(UTC):%Y-%m-%dT%H%M}Z"
        return dg.RunRequest(run_key=key, tags={**range_tags(first, last), **_PRIORITY})

    return schedule


def first_cursor(store: Store, settings: Settings, today: date) -> date:
    """Return the day up to which nothing is caught up, on an instance that has never looked.

    That is yesterday, so that an empty lake stays empty until it is asked for; or the day before the newest one of
    a lake that was written to lately.
    """
    yesterday = today - ONE_DAY
    stored = [day for day in DailyTable(store, RAW_ORDERS).stored if day <= yesterday]
    after = stored[-1] - ONE_DAY if stored and today - stored[-1] <= REACH else yesterday
    return max(after, settings.pizza_start_date - ONE_DAY)


def decide(
    store: Store,
    settings: Settings,
    cursor: str | None,
    in_flight: set[date] | None,
    now: datetime,
) -> dg.SensorResult:
    """Decide which days to catch up on.

    Parameters
    ----------
    cursor
        The day up to which nothing is left to be done.
    in_flight
        Days that active runs and backfills cover; None when that cannot be told.
    now
        In UTC.
    """
    zone = settings.daily_refresh_time_zone
    start = settings.pizza_start_date - ONE_DAY
    after = max(date.fromisoformat(cursor), start) if cursor else first_cursor(store, settings, now.date())
    due = expected_partitions.expected(after, now, zone)
    absent = expected_partitions.missing(due, expected_partitions.collected_at(store, due), now, zone)
    reached = expected_partitions.settled(after, absent, now, zone).isoformat()
    today = now.astimezone(UTC).date()
    kept = expected_partitions.kept_since(store, max(today - REACH, settings.pizza_start_date)).difference(absent)
    asked = sorted(kept.union(absent))
    if not asked:
        return dg.SensorResult(skip_reason=f"No day after {reached} is missing.", cursor=reached)
    if in_flight is None or in_flight.intersection(asked):
        reason = f"{span(asked)} missing; a run or backfill that has not ended covers that. Waiting for it."
        return dg.SensorResult(skip_reason=reason, cursor=reached)
    longest = settings.pizza_max_days_per_run
    # The days and the date are the reason: the same days are asked for once a day until they are there.
    requests = [
        *(_request("catch-up", block, today) for block in expected_partitions.blocks(absent, longest)),
        *(_request("catch-up-kept", block, today) for block in expected_partitions.blocks(kept, longest)),
    ]
    return dg.SensorResult(run_requests=requests, cursor=reached)


def _request(why: str, days: tuple[date, date], today: date) -> dg.RunRequest:
    first, last = days
    return dg.RunRequest(run_key=f"{why}-{first}-{last}-on-{today}", tags={**range_tags(first, last), **_PRIORITY})


def catch_up(
    settings: Settings,
    job: Any,  # noqa: ANN401 dagster exports no type of unresolved jobs
    assets: set[dg.AssetKey],
    now: Clock = _utc_now,
) -> dg.SensorDefinition:
    """Return the sensor that collects what an outage missed."""

    @dg.sensor(
        name="catch_up",
        job=job,
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Collects the days after the newest one that the lake had when it first looked, where an outage missed "
            f"them; and once a day those whose run failed, and those of the last {REACH.days} days whose source did "
            "not answer."
        ),
    )
    @without_secrets_in_errors
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        graph = context.repository_def.asset_graph if context.repository_def else None
        if graph is not None:
            make_pools_known(context.instance, graph)
        # Before the lake: what ends between the two is waited for.
        in_flight = active_days(context.instance, graph, assets, job.name)
        return decide(lake_resource(settings).store(), settings, context.cursor, in_flight, now())

    return sensor


def automation_defs(
    settings: Settings,
    job: Any,  # noqa: ANN401 dagster exports no type of unresolved jobs
    assets: set[dg.AssetKey],
    now: Clock = _utc_now,
) -> dg.Definitions:
    """Return the schedule and the sensor that start `job`; `assets` are the daily ones that it makes."""
    return dg.Definitions(schedules=[daily_refresh(settings, job, now)], sensors=[catch_up(settings, job, assets, now)])
