"""Raw assets: matches and orders as they were collected, real or mock.

Belongs here: asking ``sources`` for days and handing them to the lake. Does not belong here: clients.
Matches come first and orders follow them, so that mock orders lie around the matches that are there.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import dagster as dg

from pizza_assets import contracts, recipes
from pizza_assets.defs.checks import of_collected
from pizza_assets.defs.daily import daily_asset
from pizza_assets.defs.io_manager import Days
from pizza_assets.defs.partitions import days_of
from pizza_assets.defs.resources import LakeResource
from pizza_assets.lake.layout import RAW_MATCHES, RAW_ORDERS
from pizza_assets.lake.tables import DailyTable
from pizza_assets.making import Item
from pizza_assets.quality.kick_offs import KickOffsPlausible
from pizza_assets.quality.sources import ShareOfReal
from pizza_assets.quarantine.rereading import reread
from pizza_assets.settings import Settings
from pizza_assets.sources.collect import collect_matches, collect_orders
from pizza_assets.synthetic.orders import planted_effects

#: The tag of a run that replays the quarantine of a raw asset, which it names.
REPLAY_TAG = "pizza_assets/replay"
#: The code behind the days, beside the module that each asset names.
_FIXTURES = ("pizza_assets.synthetic.fixtures", "pizza_assets.reference", "pizza_assets.contracts.matches")
_READING_ORDERS = ("pizza_assets.orders", "pizza_assets.sources.order_records", "pizza_assets.contracts.orders")


def is_replay(context: dg.AssetExecutionContext) -> bool:
    """Tell whether the run reads the quarantine of this asset again, instead of asking the source."""
    return bool(context.run.tags.get(REPLAY_TAG) == context.asset_key.to_user_string())


def raw_assets(settings: Settings) -> Sequence[dg.AssetsDefinition]:
    """Return the raw assets for these settings."""
    planted = planted_effects(settings)
    patience = settings.mock_days_before_error
    has_matches = settings.football_api_key is not None
    has_orders = settings.dominos_api_key is not None or settings.orders_files is not None

    @daily_asset(
        settings,
        group="raw",
        kinds=["api", "parquet"],
        contract=contracts.FOOTBALL_MATCHES,
        checks=[
            *of_collected(contracts.FOOTBALL_MATCHES),
            ShareOfReal(has_matches, patience),
            KickOffsPlausible(),
        ],
        made_by=["pizza_assets.sources.football_data", "pizza_assets.synthetic.matches", *_FIXTURES],
    )
    def raw_matches(context: dg.AssetExecutionContext, lake: LakeResource) -> Days:
        """Football matches of the day from football-data.org, or mock: labelled, and with the reason."""
        if is_replay(context):
            return Days((day, reread(lake.store(), RAW_MATCHES, day, settings)) for day in days_of(context))

        def days() -> Iterator[Item]:
            for collected in collect_matches(days_of(context), settings):
                make = partial(recipes.collected, collected, {}, is_set_up=has_matches)
                yield collected.day, make if collected.data_source == "mock" else make()

        return Days(days())

    @daily_asset(
        settings,
        group="raw",
        kinds=["api", "parquet"],
        contract=contracts.DOMINOS_ORDERS,
        checks=[*of_collected(contracts.DOMINOS_ORDERS), ShareOfReal(has_orders, patience)],
        made_by=[*_READING_ORDERS, "pizza_assets.synthetic.orders", *_FIXTURES],
    )
    def raw_orders(context: dg.AssetExecutionContext, raw_matches: DailyTable) -> Days:
        """Pizza orders of the day from till exports or the Domino's API, or mock: labelled, with the reason.

        Mock orders follow the matches of the day, real or mock, with the planted effects in the metadata.
        """
        if is_replay(context):
            return Days((day, reread(raw_matches.store, RAW_ORDERS, day, settings)) for day in days_of(context))

        def days() -> Iterator[Item]:
            around = partial(recipes.matches_around, raw_matches, settings)
            for collected in collect_orders(days_of(context), settings, around):
                make = partial(recipes.collected, collected, planted, is_set_up=has_orders)
                can_travel = collected.data_source == "mock" and raw_matches.store.can_travel
                yield collected.day, make if can_travel else make()

        return Days(days())

    return [raw_matches, raw_orders]
