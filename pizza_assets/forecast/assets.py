"""Forecast assets: the fixtures ahead as of each day, and the orders to expect.

Belongs here: asking the collector for days to come, reading the lake, handing days on. Does not belong here:
arithmetic.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import dagster as dg
import pandas as pd

from pizza_assets import contracts
from pizza_assets.analysis.forecast import HORIZON_DAYS
from pizza_assets.analysis.window import read_window
from pizza_assets.football.collect import collect_matches
from pizza_assets.forecast.ahead import fixtures_of
from pizza_assets.forecast.making import NEWEST_DAYS, ShopCounts, fixtures_known, forecast_of, not_made, pizzas_of
from pizza_assets.lake.layout import FIXTURES_AHEAD
from pizza_assets.lake.tables import DailyTable
from pizza_assets.platform import dagster_lineage as lineage
from pizza_assets.platform.columns import Source
from pizza_assets.platform.dagster_checks import of_contract
from pizza_assets.platform.dagster_daily_asset import columns, daily_asset
from pizza_assets.platform.dagster_partitions import days_of
from pizza_assets.platform.dagster_resources import LakeResource
from pizza_assets.platform.kept import Kept
from pizza_assets.platform.quality.measured import Item
from pizza_assets.settings import Settings


def lists_ahead(days: Sequence[date], settings: Settings, stored: DailyTable) -> Iterator[Item]:
    """Yield the fixtures ahead of each day. The source is asked once for all days to come.

    A day whose list is real stays as it is where the source tells of none of its days.
    """
    is_set_up = settings.football_api_key is not None or bool(settings.matches_files)
    # That a source does not tell of days ahead is no failure of the run: it is said with the forecast.
    asking = settings.model_copy(update={"pizza_allow_mock": True}) if is_set_up else settings
    wanted = [days[0] + timedelta(days=n) for n in range(1, (days[-1] - days[0]).days + HORIZON_DAYS + 1)]
    collected = [of for of in collect_matches(wanted, asking) if not isinstance(of, Kept)]
    given = {of.day: (of.data_source, of.frame, of.reason or "") for of in collected}
    real_before = [day for day in stored if day < days[0] and stored.is_real(day)][-1:]
    earlier: tuple[date, pd.DataFrame] | None = next(((day, stored[day]) for day in real_before), None)
    for day in days:
        near = earlier if earlier is not None and (day - earlier[0]).days < HORIZON_DAYS else None
        of_day = fixtures_of(day, given, near, is_set_up=is_set_up)
        is_told = of_day.data_source == "real" and "reason" not in of_day.facts
        if "reason" in of_day.facts and stored.is_real(day):
            yield day, Kept(day, str(of_day.facts["reason"]))
        else:
            yield day, of_day
        earlier = (day, of_day.frame) if is_told else earlier


def forecast_assets(settings: Settings) -> Sequence[dg.AssetsDefinition]:
    """Return the forecast assets for these settings."""

    @daily_asset(
        settings,
        group="forecast",
        kinds=["api", "parquet"],
        contract=contracts.FOOTBALL_MATCHES,
        deps=["raw_matches"],  # the same source: where it fails for the day itself, it is not asked again
        checks=of_contract(contracts.FOOTBALL_MATCHES),
        made_by=["pizza_assets.forecast.ahead", "pizza_assets.football", "pizza_assets.reference"],
        docs="forecast.md",
    )
    def fixtures_ahead(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[Item]:
        """The matches of the 14 days after the day, as they are known now, without results."""
        yield from lists_ahead(days_of(context), settings, DailyTable(lake.store(), FIXTURES_AHEAD))

    @daily_asset(
        settings,
        group="forecast",
        kinds=["numpy", "parquet"],
        contract=contracts.ORDER_FORECAST,
        lineage=lineage.ORDER_FORECAST,
        checks=of_contract(contracts.ORDER_FORECAST),
        made_by=["pizza_assets.analysis", "pizza_assets.forecast"],
        docs="forecast.md",
        ins={"raw_orders": columns("city", "location")},
    )
    def order_forecast(
        context: dg.AssetExecutionContext,
        raw_orders: DailyTable,
        order_volume: DailyTable,
        raw_matches: DailyTable,
        fixtures_ahead: DailyTable,
    ) -> Iterator[Item]:
        """Orders to expect in the 14 days after the day, by quarter hour, match and day, and how sure that is."""
        days, window = days_of(context), settings.analysis_window_days
        newest = days[-NEWEST_DAYS:]
        first = newest[0] - timedelta(days=window - 1)
        read = read_window(order_volume, raw_matches, first, days[-1], compacts=True)
        for day in days[:-NEWEST_DAYS]:
            source: Source = "real" if order_volume.facts(day)["data-source"] == "real" else "mock"
            yield day, not_made(day, source)
        prepared = read.prepared()
        shops = ShopCounts(raw_orders)
        for day in newest:
            fixtures, unknown = fixtures_known(fixtures_ahead, raw_matches, day)
            pizzas = pizzas_of(read.volume, day)
            yield day, forecast_of(prepared, window, pizzas, day, fixtures, unknown, shops.until(day))

    return [fixtures_ahead, order_forecast]
