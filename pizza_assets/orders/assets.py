"""Raw assets: matches and orders as they were collected, real or mock.

Belongs here: asking the collectors for days and handing them to the lake. Does not belong here: clients.
Matches come first and orders follow them, so that mock orders lie around the matches that are there.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import dagster as dg

from pizza_assets import contracts
from pizza_assets.analysis import transforms
from pizza_assets.football.kick_offs import KickOffsPlausible
from pizza_assets.lake.layout import RAW_MATCHES, RAW_ORDERS
from pizza_assets.lake.tables import DailyTable
from pizza_assets.operations.rereading import reread
from pizza_assets.orders.collect import collect_matches, collect_orders
from pizza_assets.orders.mock import planted_effects
from pizza_assets.platform.dagster_checks import of_collected
from pizza_assets.platform.dagster_daily_asset import daily_asset
from pizza_assets.platform.dagster_partitions import days_of
from pizza_assets.platform.dagster_resources import LakeResource
from pizza_assets.platform.kept import Kept
from pizza_assets.platform.quality.measured import Item
from pizza_assets.platform.quality.sources import CompetitionsKnown, ShareOfReal
from pizza_assets.settings import Settings

#: The tag of a run that replays the quarantine of a raw asset, which it names.
REPLAY_TAG = "pizza_assets/replay"
#: The code behind the days, beside the module that each asset names.
_FIXTURES = ("pizza_assets.football.mock_fixtures", "pizza_assets.reference", "pizza_assets.football.contract")
_READING_MATCHES = (
    "pizza_assets.football.football_data",
    "pizza_assets.football.match_files",
    "pizza_assets.football.fixtures",
)
_READING_ORDERS = ("pizza_assets.orders.till", "pizza_assets.orders.records", "pizza_assets.orders.contract")


def is_replay(context: dg.AssetExecutionContext) -> bool:
    """Tell whether the run reads the quarantine of this asset again, instead of asking the source."""
    return bool(context.run.tags.get(REPLAY_TAG) == context.asset_key.to_user_string())


def raw_assets(settings: Settings) -> Sequence[dg.AssetsDefinition]:
    """Return the raw assets for these settings."""
    planted = planted_effects(settings)
    patience = settings.mock_days_before_error
    has_matches = settings.football_api_key is not None or bool(settings.matches_files)
    may_be_mock = settings.orders_files is None and settings.pizza_allow_mock  # of exports nothing is made up
    has_orders = settings.dominos_api_key is not None or settings.orders_files is not None

    @daily_asset(
        settings,
        group="raw",
        kinds=["api", "parquet"],
        contract=contracts.FOOTBALL_MATCHES,
        checks=[
            *of_collected(contracts.FOOTBALL_MATCHES),
            ShareOfReal(has_matches, patience),
            CompetitionsKnown(),
            KickOffsPlausible(),
        ],
        made_by=[*_READING_MATCHES, "pizza_assets.football.mock", *_FIXTURES],
    )
    def raw_matches(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[Item]:
        """Football matches of the day: real from files or football-data.org, or labelled mock data."""
        # A real day is never replaced by mock: where no competition answers it is kept, and says so.
        if is_replay(context):
            yield from ((day, reread(lake.store(), RAW_MATCHES, day, settings)) for day in days_of(context))
            return
        stored = partial(transforms.stored_matches, DailyTable(lake.store(), RAW_MATCHES))
        for of in collect_matches(days_of(context), settings, stored):
            yield of.day, of if isinstance(of, Kept) else transforms.collected(of, {}, is_set_up=has_matches)

    @daily_asset(
        settings,
        group="raw",
        kinds=["api", "parquet"],
        contract=contracts.DOMINOS_ORDERS,
        deps=["raw_matches"] if may_be_mock else [],  # mock orders follow matches; real ones are what the source gives
        checks=[*of_collected(contracts.DOMINOS_ORDERS), ShareOfReal(has_orders, patience)],
        made_by=[*_READING_ORDERS, "pizza_assets.orders.mock", *_FIXTURES],
    )
    def raw_orders(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[Item]:
        """Pizza orders of the day: real from till exports or the Domino's API, or labelled mock data."""
        # Mock orders follow the matches of the day, real or mock, with the planted effects in the metadata.
        store = lake.store()
        if is_replay(context):
            yield from ((day, reread(store, RAW_ORDERS, day, settings)) for day in days_of(context))
            return
        around = partial(transforms.matches_around, DailyTable(store, RAW_MATCHES), settings)
        real_rows = DailyTable(store, RAW_ORDERS).real_rows
        for of in collect_orders(days_of(context), settings, around, real_rows):
            yield of.day, of if isinstance(of, Kept) else transforms.collected(of, planted, is_set_up=has_orders)

    return [raw_matches, raw_orders]
