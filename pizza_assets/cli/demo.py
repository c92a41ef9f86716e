"""The demo: one mock season, and what was found in it in five lines.

Belongs here: which days it covers, whether they are there, and the lines. Does not belong here: running it.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import pandas as pd

from pizza_assets.dashboard.publish import current_records, current_rows
from pizza_assets.errors import PizzaAssetsError
from pizza_assets.lake import layout
from pizza_assets.lake.sales import SalesTable
from pizza_assets.lake.status import has_days
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, as_metadata
from pizza_assets.orders.mock import planted_effects
from pizza_assets.settings import Settings
from pizza_assets.warehouse.connection import Connection
from pizza_assets.warehouse.intake import days_to_load
from pizza_assets.warehouse.status import retailers

#: A fixed season, so that everybody's demo shows the same figures.
_FIRST_DAY = date(2025, 8, 1)
_SALES_DAYS = 30
_WINDOW_NAMES = {"pre_match": "2 h before", "during_match": "2 h during", "post_match": "2 h after"}


def settings() -> Settings:
    """Return the settings with every real source switched off."""
    return Settings.load(
        football_api_key=None,
        dominos_api_key=None,
        orders_files=None,
        retailer_1_url=None,
        retailer_2_url=None,
        retailer_3_url=None,
        warehouse_url=None,
        pizza_allow_mock=True,
        pizza_start_date=min(Settings.load().pizza_start_date, _FIRST_DAY),
    )


def span(days: int) -> tuple[date, date]:
    """Return the first and the last day of a demo of this length."""
    return _FIRST_DAY, _FIRST_DAY + timedelta(days=days - 1)


def is_done(store: Store, settings: Settings, first: date, last: date) -> bool:
    """Tell whether the lake has the whole season, made with the same planted effects."""
    orders = DailyTable(store, layout.RAW_ORDERS)
    shown = (layout.MANIFEST_KEY, layout.PAGE_KEY)
    if not has_days(store, first, last) or not all(any(store.list(key)) for key in shown):
        return False
    wanted = as_metadata({"planted": planted_effects(settings)})["planted"]
    return all(orders.facts(day).get("planted") == wanted for day in (first, last))


def check_no_real_days(store: Store, first: date, last: date) -> None:
    """Raise PizzaAssetsError when the demo would replace real data."""
    for where in (layout.RAW_MATCHES, layout.RAW_ORDERS):
        real = [
            d for d, kept in DailyTable(store, where).stored.items() if kept.source == "real" and first <= d <= last
        ]
        if real:
            raise PizzaAssetsError(
                f"The lake holds real {where.label} for {len(real)} days of the demo's season, {real[0]} first. "
                "The demo does not replace real data: give it a lake of its own (PIZZA_LAKE=demo-lake)."
            )


def sales_span(first: date, last: date) -> tuple[date, date]:
    """Return the days of a demo that retailers sell on: the last thirty."""
    return max(first, last - timedelta(days=_SALES_DAYS - 1)), last


def has_sales(connection: Connection, store: Store, first: date, last: date) -> bool:
    """Tell whether lake and warehouse have every retailer's days.

    Raises
    ------
    PizzaAssetsError
        When the demo would replace real sales.
    """
    wanted = (last - first).days + 1
    for where in layout.SALES_TABLES.values():
        table = SalesTable(store, where)
        days = [day for day in table.stored if first <= day <= last]
        if any(table.facts(day).get("data-source") == "real" for day in days):
            raise PizzaAssetsError(
                f"The lake holds real sales of {where.retailer_id} on days of the demo's season. The demo does not "
                "replace real data: give it a lake of its own (PIZZA_LAKE=demo-lake)."
            )
        if len(days) < wanted or days_to_load(connection, store, where.retailer_id, first, last):
            return False
    return True


def shows_sales(store: Store, last: date) -> bool:
    """Tell whether the dashboard shows what matches do to the sales up to `last`."""
    key = layout.dated_key(layout.PIZZA_VS_FOOTBALL_PREFIX, last, layout.PIZZA_VS_FOOTBALL_FILE)
    return any(store.list(key)) and int(store.metadata(key)["rows"]) == current_rows(store).get("retail")


def sales_finding(connection: Connection) -> str:
    """Return one line about the retailers' sales."""
    found = retailers(connection)
    facts, days = sum(one.facts for one in found), max(one.days for one in found)
    return (
        f"{len(found)} retailers in {days} days: {facts:,} sales in the warehouse, all MOCK data; pizza-assets "
        "warehouse sql answers eleven questions about them."
    )


def findings(store: Store, first: date, last: date) -> Iterator[str]:
    """Yield five lines: the data, the answer, before and after, the teams, and where to look next."""
    effects, (meta, *_) = (current_records(store, name) for name in ("effects", "meta"))
    overall = {row["time_window"]: row for row in effects if row["scope"] == "all"}
    yield (
        f"{(last - first).days + 1} days to {meta['as_of']}: {meta['orders']:,} orders, {meta['matches']} matches, "
        f"all {str(meta['data_source']).upper()} data."
    )
    yield f"Does football sell pizza? {overall['during_match']['sentence']}"
    yield " · ".join(f"{name}: {_estimate(overall[window])}" for window, name in _WINDOW_NAMES.items())
    teams = [row for row in effects if row["scope"].startswith("team:") and row["time_window"] == "during_match"]
    proven = sorted((row for row in teams if row["verdict"] == "higher"), key=lambda row: row["uplift_pct"])
    most = f"; most: {proven[-1]['scope'].removeprefix('team:')} {_estimate(proven[-1])}" if proven else ""
    yield f"Teams with a proven uplift during matches: {len(proven)} of {len(teams)}{most}."
    yield f"Look next: pizza-assets dashboard, or open {store.uri(layout.PAGE_KEY)}"


def _estimate(row: Mapping[str, Any]) -> str:
    if pd.isna(row["uplift_pct"]):
        return str(row["verdict"])
    interval = f" [{row['ci_low']:+.1f}, {row['ci_high']:+.1f}]" if pd.notna(row["ci_low"]) else ""
    return f"{row['uplift_pct']:+.1f} %{interval}"
