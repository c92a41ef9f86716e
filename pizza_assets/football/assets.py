"""The raw asset of matches, real or mock as they were collected."""

from collections.abc import Iterator
from functools import partial

import dagster as dg

from pizza_assets import contracts
from pizza_assets.football.collect import collect_matches
from pizza_assets.football.kick_offs import CHECKS
from pizza_assets.football.stored import matches_day, stored_matches
from pizza_assets.lake.layout import RAW_MATCHES
from pizza_assets.lake.tables import DailyTable
from pizza_assets.operations.rereading import reread
from pizza_assets.platform.dagster_checks import of_collected
from pizza_assets.platform.dagster_daily_asset import daily_asset, is_replay
from pizza_assets.platform.dagster_partitions import days_of
from pizza_assets.platform.dagster_resources import LakeResource
from pizza_assets.platform.kept import Kept
from pizza_assets.platform.quality.measured import Item
from pizza_assets.platform.quality.sources import ShareOfReal
from pizza_assets.settings import Settings

#: The code behind the days, beside this module.
_CODE = (
    "pizza_assets.football.football_data",
    "pizza_assets.football.match_files",
    "pizza_assets.football.fixtures",
    "pizza_assets.football.mock",
    "pizza_assets.football.mock_fixtures",
    "pizza_assets.football.contract",
    "pizza_assets.reference",
)


def raw_matches_asset(settings: Settings) -> dg.AssetsDefinition:
    """Return the raw asset of matches for these settings."""
    is_set_up = settings.football_api_key is not None or bool(settings.matches_files)

    @daily_asset(
        settings,
        group="raw",
        kinds=["api", "parquet"],
        contract=contracts.FOOTBALL_MATCHES,
        checks=[
            *of_collected(contracts.FOOTBALL_MATCHES),
            ShareOfReal(is_set_up, settings.mock_days_before_error),
            *CHECKS,
        ],
        made_by=_CODE,
    )
    def raw_matches(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[Item]:
        """Football matches of the day: real from files or football-data.org, or labelled mock data."""
        # A real day is never replaced by mock: where no competition answers it is kept, and says so.
        if is_replay(context):
            yield from ((day, reread(lake.store(), RAW_MATCHES, day, settings)) for day in days_of(context))
            return
        stored = partial(stored_matches, DailyTable(lake.store(), RAW_MATCHES))
        for item in collect_matches(days_of(context), settings, stored):
            yield item.day, item if isinstance(item, Kept) else matches_day(item, is_set_up=is_set_up)

    return raw_matches
