"""The code location of a soak: the platform's own, with its evening and its catch-up by the soak's clock.

Dagster's cron follows the real clock. Here a sensor asks the platform's schedule for each evening that the soak's
clock has passed; of several that passed while no daemon ran only the last one, as Dagster does.
"""

from datetime import datetime

import dagster as dg

from benchmarks.soak.clock import Clock, ClockedStore
from pizza_assets.definitions import MATCH_DAY_JOB, build_defs
from pizza_assets.operations import expected_partitions
from pizza_assets.operations.dagster_alerts import alert_sensor
from pizza_assets.operations.dagster_automation import daily_refresh, decide
from pizza_assets.platform.dagster_active_runs import active_days, make_pools_known
from pizza_assets.platform.dagster_resources import lake_resource
from pizza_assets.settings import Settings

_RUNNING = dg.DefaultSensorStatus.RUNNING


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions that the soak's daemon loads."""
    settings, clock = Settings.load(), Clock.of_environment()
    base = build_defs(settings)
    jobs = list(base.jobs or [])
    job = next(found for found in jobs if found.name == MATCH_DAY_JOB)
    schedule = daily_refresh(settings, job, clock.now)

    @dg.sensor(name="evening", job=job, minimum_interval_seconds=1, default_status=_RUNNING)
    def evening(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        """Fire the daily refresh when the clock has passed 18:00."""
        at = expected_partitions.last_refresh(clock.now(), settings.daily_refresh_time_zone)
        if context.cursor is None or at <= datetime.fromisoformat(context.cursor):
            return dg.SensorResult(skip_reason="Not yet.", cursor=context.cursor or at.isoformat())
        tick = schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=at))
        if not tick.run_requests:
            return dg.SensorResult(skip_reason=tick.skip_message, cursor=at.isoformat())
        return dg.SensorResult(run_requests=list(tick.run_requests), cursor=at.isoformat())

    @dg.sensor(name="catch_up", job=job, minimum_interval_seconds=1, default_status=_RUNNING)
    def catch_up(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        """Collect what was missed, as the platform's own sensor does."""
        graph = context.repository_def.asset_graph if context.repository_def else None
        if graph is not None:
            make_pools_known(context.instance, graph)
        in_flight = active_days(context.instance, graph, {dg.AssetKey("raw_orders")}, MATCH_DAY_JOB)
        store = ClockedStore(lake_resource(settings).store(), clock)
        return decide(store, settings, context.cursor, in_flight, clock.now())

    return dg.Definitions(
        assets=base.assets,
        asset_checks=base.asset_checks,
        jobs=jobs,
        resources=base.resources,
        executor=base.executor,
        loggers=base.loggers,
        sensors=[evening, catch_up, alert_sensor(settings, seconds=1)],
    )
