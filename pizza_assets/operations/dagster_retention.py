"""Retention in Dagster: the job and the schedule that remove from a lake in a folder what is past its rule.

Belongs here: when that is. Does not belong here: what is kept for how long (``lake.retention``).
"""

import dagster as dg

from pizza_assets.lake import is_on_s3, retention
from pizza_assets.platform.dagster_failures import without_secrets_in_errors
from pizza_assets.platform.dagster_partitions import POOL
from pizza_assets.platform.dagster_resources import lake_resource
from pizza_assets.settings import Settings

RETENTION_JOB = "lake_retention"


def retention_defs(settings: Settings) -> dg.Definitions:
    """Return the job and its schedule; nothing where the lake is a bucket, which has a lifecycle.

    The schedule is off until somebody switches it on: it removes real data.
    """
    if is_on_s3(settings.pizza_lake):
        return dg.Definitions()

    @dg.op(pool=POOL, description="Remove what is past its rule.")
    @without_secrets_in_errors
    def expire(context: dg.OpExecutionContext) -> None:
        removed = retention.expire(lake_resource(settings).store())
        for rule, items in removed.items():
            context.log.info(f"{rule.name}: {len(items)} objects removed, older than {rule.days} days")
        context.add_output_metadata({rule.name: len(items) for rule, items in removed.items()})

    @dg.job(name=RETENTION_JOB, description="Remove from the lake what is older than is kept.")
    def job() -> None:
        expire()

    schedule = dg.ScheduleDefinition(
        name=RETENTION_JOB,
        job=job,
        cron_schedule="0 4 * * *",
        execution_timezone=settings.daily_refresh_time_zone,
        description=(
            f"Removes at 04:00 raw data written {retention.RAW_DAYS} days ago, what analyses read after "
            f"{retention.PROCESSED_DAYS}, the dashboard's history after {retention.HISTORY_DAYS}. Off at first."
        ),
    )
    return dg.Definitions(jobs=[job], schedules=[schedule])
