"""Days: the one partition definition, and the policy that lets a range of days be one run.

Belongs here: which days there are and how runs cover them. Does not belong here: what happens on a day.
"""

from collections.abc import Sequence
from datetime import date

import dagster as dg

from pizza_assets.operations import expected_partitions
from pizza_assets.settings import Settings

#: Runs that write days, or ask the APIs for them, go one after another: dagster.yaml gives a pool one run at a time.
POOL = "match_day"


def daily_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Return the UTC days from the configured start to today: today from the hour on at which it is collected.

    Before that hour it would be a day that is missing although nothing is due. Dagster's windows are shifted for it; a
    day's key, which is all that we read, is its date.
    """
    return dg.DailyPartitionsDefinition(
        start_date=settings.pizza_start_date.isoformat(),
        end_offset=1,
        hour_offset=expected_partitions.earliest_refresh_hour(settings.daily_refresh_time_zone),
    )


def range_policy(settings: Settings) -> dg.BackfillPolicy:
    """Return the policy that runs a backfill in ranges; what one failure costs is bounded by their length."""
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=settings.pizza_max_days_per_run)


def days_of(context: dg.AssetExecutionContext) -> Sequence[date]:
    """Return the days that a run covers, in order."""
    return sorted(date.fromisoformat(key) for key in context.partition_keys)
