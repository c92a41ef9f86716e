"""The raw asset of orders, real or mock as they were collected."""

from collections.abc import Iterator
from functools import partial

import dagster as dg

from pizza_assets import contracts
from pizza_assets.football.stored import matches_around
from pizza_assets.lake.layout import RAW_MATCHES, RAW_ORDERS
from pizza_assets.lake.tables import DailyTable
from pizza_assets.operations.rereading import reread
from pizza_assets.orders.collect import collect_orders
from pizza_assets.orders.mock import planted_effects
from pizza_assets.platform.collected import day_of
from pizza_assets.platform.dagster_checks import of_collected
from pizza_assets.platform.dagster_daily_asset import daily_asset, is_replay
from pizza_assets.platform.dagster_partitions import days_of
from pizza_assets.platform.dagster_resources import LakeResource
from pizza_assets.platform.kept import Kept
from pizza_assets.platform.quality.measured import Item
from pizza_assets.platform.quality.sources import ShareOfReal
from pizza_assets.settings import Settings

#: The code behind the days, beside this module. Mock orders follow mock matches.
_CODE = (
    "pizza_assets.orders.till",
    "pizza_assets.orders.records",
    "pizza_assets.orders.contract",
    "pizza_assets.orders.mock",
    "pizza_assets.football.mock_fixtures",
    "pizza_assets.football.contract",
    "pizza_assets.reference",
)


def raw_orders_asset(settings: Settings) -> dg.AssetsDefinition:
    """Return the raw asset of orders for these settings."""
    planted = planted_effects(settings)
    is_set_up = settings.dominos_api_key is not None or settings.orders_files is not None
    may_be_mock = settings.orders_files is None and settings.pizza_allow_mock  # days that no export covers stay empty

    @daily_asset(
        settings,
        group="raw",
        kinds=["api", "parquet"],
        contract=contracts.DOMINOS_ORDERS,
        deps=["raw_matches"] if may_be_mock else [],  # mock orders follow matches; real ones are what the source gives
        checks=[
            *of_collected(contracts.DOMINOS_ORDERS),
            ShareOfReal(is_set_up, settings.mock_days_before_error),
        ],
        made_by=_CODE,
    )
    def raw_orders(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[Item]:
        """Pizza orders of the day: real from till exports or the Domino's API, or labelled mock data."""
        # Mock orders follow the matches of the day, real or mock, with the planted effects in the metadata.
        store = lake.store()
        if is_replay(context):
            yield from ((day, reread(store, RAW_ORDERS, day, settings)) for day in days_of(context))
            return
        around = partial(matches_around, DailyTable(store, RAW_MATCHES), settings)
        real_rows = DailyTable(store, RAW_ORDERS).real_rows
        for item in collect_orders(days_of(context), settings, around, real_rows):
            yield item.day, item if isinstance(item, Kept) else day_of(item, is_set_up=is_set_up, planted=planted)

    return raw_orders
