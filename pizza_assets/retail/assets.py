"""Raw retail assets: the sales of three retailers, and Domino's orders as the fourth.

Belongs here: asking the collectors for business days and storing them. Does not belong here: clients, and the
warehouse that the days are loaded into.

Each retailer is an asset of its own, in a pool of its own: one that fails stops no other, one that is slow or is tried
again holds up no other, and its days are missing, not mock.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import partial

import dagster as dg
import pandas as pd

from pizza_assets import contracts
from pizza_assets.analysis.transforms import source_of
from pizza_assets.football.mock import mock_matches
from pizza_assets.football.stored import matches_around
from pizza_assets.lake.layout import RAW_MATCHES, SALES_TABLES
from pizza_assets.lake.sales import SalesDay, SalesTable
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable
from pizza_assets.platform import dagster_lineage as lineage
from pizza_assets.platform.dagster_checks import of_collected
from pizza_assets.platform.dagster_daily_asset import daily_asset
from pizza_assets.platform.dagster_partitions import days_of
from pizza_assets.platform.dagster_resources import LakeResource
from pizza_assets.platform.kept import Kept
from pizza_assets.platform.quality.measured import Item
from pizza_assets.platform.records import Rejected
from pizza_assets.retail.collect import RETAILERS, CollectedSales, collect_sales
from pizza_assets.retail.dominos_sales import sales_of_orders
from pizza_assets.retail.mock import planted_sales_effects
from pizza_assets.settings import Settings

RETRIES, RETRY_DELAY = 2, 300
_REAL_SALES = "Each line that one retailer sold on its business day, from its API."
_MOCK_SALES = "What one retailer sold on its business day, a row for each line: mock, because its API is not set up."


def _stored_form(collected: CollectedSales, planted: Mapping[str, float]) -> SalesDay:
    facts: dict[str, object] = {"reason": collected.reason, "planted": planted} if collected.reason else {}
    return SalesDay(
        collected.table,
        collected.data_source,
        collected.received,
        _quarantine(collected.rejected),
        collected.pages,
        facts,
    )


def _quarantine(rejected: Sequence[Rejected]) -> list[dict[str, object]]:
    return [{"reason": item.reason, "record": item.record} for item in rejected]


def _matches(store: Store, settings: Settings, day: date) -> pd.DataFrame:
    """Return the matches that mock sales of a day follow: the lake's, or the mock season's where it has none."""
    raw_matches = DailyTable(store, RAW_MATCHES)
    return matches_around(raw_matches, settings, day) if day in raw_matches.stored else mock_matches(day, settings)


def retail_assets(settings: Settings) -> Sequence[dg.AssetsDefinition]:
    """Return the raw retail assets for these settings."""
    retry_policy = dg.RetryPolicy(max_retries=RETRIES, delay=RETRY_DELAY)
    planted = planted_sales_effects(settings)

    urls = {
        "retailer_1": settings.retailer_1_url,
        "retailer_2": settings.retailer_2_url,
        "retailer_3": settings.retailer_3_url,
    }

    def raw_sales(retailer_id: str) -> dg.AssetsDefinition:
        is_mock = urls[retailer_id] is None

        @daily_asset(
            settings,
            name=f"raw_{retailer_id}",
            description=_MOCK_SALES if is_mock else _REAL_SALES,
            deps=["raw_matches"] if is_mock else [],  # mock sales follow matches; real ones are what the API gives
            group="raw",
            kinds=["api", "json"],
            contract=contracts.SALES,
            checks=of_collected(contracts.SALES),
            made_by=["pizza_assets.retail", "pizza_assets.retail.mock", "pizza_assets.retail.contract"],
            branch="retail",
            pool=retailer_id,
            retry_policy=retry_policy,
        )
        def sales(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[Item]:
            # An API that is named and fails fails the asset, and the retailer's day is missing; a day that is real in
            # the lake is kept instead, and says so.
            store = lake.store()
            matches = partial(_matches, store, settings)
            real_rows = SalesTable(store, SALES_TABLES[f"raw_{retailer_id}"]).real_rows
            for collected in collect_sales(retailer_id, days_of(context), settings, matches, real_rows):
                yield collected.day, collected if isinstance(collected, Kept) else _stored_form(collected, planted)

        return sales

    @daily_asset(
        settings,
        group="raw",
        kinds=["json"],
        contract=contracts.SALES,
        lineage=lineage.DOMINOS_SALES,
        checks=of_collected(contracts.SALES),
        made_by=["pizza_assets.retail.dominos_sales", "pizza_assets.retail.contract"],
        branch="retail",
        retry_policy=retry_policy,
    )
    def raw_dominos_sales(context: dg.AssetExecutionContext, raw_orders: DailyTable) -> Iterator[Item]:
        """Domino's orders of the day as sales of a fourth retailer, one line for each order."""
        for day in days_of(context):
            orders = raw_orders[day]
            table, rejected = sales_of_orders(orders)
            yield day, SalesDay(table, source_of(raw_orders, day), len(orders), _quarantine(rejected))

    return [*(raw_sales(retailer_id) for retailer_id in RETAILERS), raw_dominos_sales]
