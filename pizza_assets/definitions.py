"""The code location: the slices' assets, resources and jobs, in flow order.

Belongs here: wiring. Does not belong here: anything that computes, reads or writes.
"""

from datetime import date

import dagster as dg

from pizza_assets.analysis.assets import matchday_assets
from pizza_assets.cli import demo
from pizza_assets.dashboard.assets import dashboard_assets
from pizza_assets.dashboard.quicksight.assets import quicksight_defs
from pizza_assets.football.assets import raw_matches_asset
from pizza_assets.forecast.assets import forecast_assets
from pizza_assets.lake import is_on_s3, lake_of, layout
from pizza_assets.merchants.assets import merchant_defs
from pizza_assets.operations.dagster_alerts import alert_defs
from pizza_assets.operations.dagster_automation import automation_defs
from pizza_assets.operations.dagster_retention import retention_defs
from pizza_assets.orders.assets import raw_orders_asset
from pizza_assets.platform import logs
from pizza_assets.platform.dagster_checks import freshness_defs
from pizza_assets.platform.dagster_console import console_logger
from pizza_assets.platform.dagster_io_manager import LakeIOManager
from pizza_assets.platform.dagster_metrics import metrics_resource
from pizza_assets.platform.dagster_resources import lake_resource
from pizza_assets.retail.assets import retail_assets
from pizza_assets.retail.schedules import retail_daily_defs
from pizza_assets.settings import Settings
from pizza_assets.warehouse.assets import warehouse_defs

#: The whole match-day branch, from orders and matches to the dashboard's data.
MATCH_DAY_JOB = "match_day"
#: What must be fresh, and where its days lie.
_DAILY = {
    "raw_matches": layout.RAW_MATCHES.prefix,
    "raw_orders": layout.RAW_ORDERS.prefix,
    "dashboard_data": layout.DASHBOARD_PREFIX,
}


def build_defs(settings: Settings | None = None, first_sales_day: date | None = None) -> dg.Definitions:
    """Return the definitions for `settings`; without any, for the environment's.

    With `first_sales_day` the partitions of retail begin there. Its job then leaves raw_orders out: in one job all
    partitions are the same.
    """
    settings = settings or Settings.load()
    of_retail = settings.model_copy(update={"pizza_start_date": first_sales_day or settings.pizza_start_date})
    logs.make_safe()
    lake = lake_resource(settings)
    assets = [
        raw_matches_asset(settings),
        raw_orders_asset(settings),
        *matchday_assets(settings),
        *forecast_assets(settings),
        *dashboard_assets(settings),
    ]
    fresh = freshness_defs(settings, _DAILY)
    job = dg.define_asset_job(
        MATCH_DAY_JOB,
        selection=dg.AssetSelection.assets(*assets) - dg.AssetSelection.checks(*(fresh.asset_checks or ())),
        description="Collect, merge, analyse and publish the selected days in one run.",
    )
    match_day = dg.Definitions(
        assets=assets,
        jobs=[job],
        resources={
            "lake": lake,
            "io_manager": LakeIOManager(lake=lake, metrics=metrics_resource(settings)),
        },
        executor=dg.in_process_executor,
        loggers={"console": console_logger()},
    )
    automation = automation_defs(settings, job, {asset.key for asset in assets})
    retail = dg.Definitions.merge(
        dg.Definitions(assets=retail_assets(of_retail)),
        warehouse_defs(of_retail),
        retail_daily_defs(of_retail, asks_for_orders=first_sales_day is None),
    )
    shown = quicksight_defs(settings)
    merchants = merchant_defs(settings)
    kept = retention_defs(settings)
    return dg.Definitions.merge(match_day, shown, retail, merchants, fresh, automation, kept, alert_defs(settings))


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions that Dagster loads: those of the environment, from the first day of a demo's folder."""
    settings = Settings.load()
    if is_on_s3(settings.pizza_lake):
        return build_defs(settings)  # definitions load whether or not the bucket answers
    store = lake_of(settings)
    start = demo.first_partition(store, settings)
    return build_defs(settings.model_copy(update={"pizza_start_date": start}), demo.first_sales_day(store, settings))
