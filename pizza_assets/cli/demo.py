"""The demo: a mock season that ends yesterday, and what was planted in it beside what was found.

Belongs here: which days it covers, which of them are missing, and the lines. Does not belong here: running it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from math import expm1
from typing import Any

import pandas as pd

from pizza_assets.dashboard.publish import current_as_of, current_records, current_rows
from pizza_assets.errors import PizzaAssetsError
from pizza_assets.football.mock import mock_matches
from pizza_assets.lake import formats, layout
from pizza_assets.lake.sales import SalesTable
from pizza_assets.lake.status import match_day_layers
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, as_metadata
from pizza_assets.operations import expected_partitions
from pizza_assets.orders.mock import planted_effects
from pizza_assets.platform.printable import counted
from pizza_assets.retail.contract import PIZZA_CATEGORIES
from pizza_assets.settings import Settings
from pizza_assets.warehouse.connection import Connection
from pizza_assets.warehouse.contract import ALL_CITIES
from pizza_assets.warehouse.intake import days_to_load
from pizza_assets.warehouse.status import retailers

#: Shops need so many days, and so many weeks with matches, before anything is said of them.
_SALES_DAYS, _SALES_WEEKS = 70, 10
_MERCHANTS_ROWS = 20_000
#: Planted log-uplift of the shops' pizza: so many weeks cannot show the default's.
_PIZZA_UPLIFT = 0.25
#: What is coming is forecast as of the last days only: an older forecast is of no use.
FORECAST_DAYS = 14
#: What the sales' job makes of a demo; orders are there by then.
SALES = "raw_retailer_1 or raw_retailer_2 or raw_retailer_3 or raw_dominos_sales or group:warehouse"
_ONE_DAY = timedelta(days=1)
_WINDOWS = {
    "pre_match": ("2 h before kick-off", "mock_uplift_pre_match"),
    "during_match": ("2 h from kick-off", "mock_uplift_during_match"),
    "post_match": ("the 2 h after that", "mock_uplift_post_match"),
}


def settings(first: date) -> Settings:
    """Return the settings of a demo that starts on `first`, with every real source switched off."""
    given = Settings.load()
    is_planted = "retail_mock_pizza_uplift" in given.model_fields_set
    return Settings.load(
        retail_mock_pizza_uplift=given.retail_mock_pizza_uplift if is_planted else _PIZZA_UPLIFT,
        football_api_key=None,
        matches_files=(),
        dominos_api_key=None,
        orders_files=None,
        retailer_1_url=None,
        retailer_2_url=None,
        retailer_3_url=None,
        warehouse_url=None,
        merchants_transactions=None,
        merchants_mock_rows=_MERCHANTS_ROWS,
        merchants_engine="duckdb",
        pizza_allow_mock=True,
        pizza_start_date=min(given.pizza_start_date, first),
    )


def span(days: int, now: datetime) -> tuple[date, date]:
    """Return the first and the last day (UTC) of a demo of this length: it ends the day before `now`."""
    last = now.astimezone(UTC).date() - _ONE_DAY
    return last - timedelta(days=days - 1), last


def to_make(store: Store, settings: Settings, first: date, last: date, now: datetime) -> tuple[date, date] | None:
    """Return the first and the last day that are to be made for a demo of `first` to `last`; None when all are there.

    Analyses look back, so all days after the first missing one are made with it.
    """
    orders = DailyTable(store, layout.RAW_ORDERS)
    wanted = as_metadata({"planted": planted_effects(settings)})["planted"]
    if first not in orders.stored or any(
        orders.facts(day).get("planted") != wanted for day in (first, last) if day in orders.stored
    ):
        return first, last
    newest = [last - n * _ONE_DAY for n in range(2) if last - n * _ONE_DAY >= first]
    unfinished = expected_partitions.missing(
        newest, expected_partitions.collected_at(store, newest), now, settings.daily_refresh_time_zone
    )
    there = [set(layer.days) for layer in match_day_layers(store) if layer.name != "dashboard_data"]
    days = (first + n * _ONE_DAY for n in range((last - first).days + 1))
    missing = (day for day in days if day in unfinished or not all(day in of_layer for of_layer in there))
    found = next(missing, None)
    return None if found is None else (found, last)


def to_show(store: Store, first: date, last: date) -> tuple[date, date] | None:
    """Return the days whose dashboard data is to be made; None when all of it is there, and the page."""
    there = next(set(layer.days) for layer in match_day_layers(store) if layer.name == "dashboard_data")
    days = (first + n * _ONE_DAY for n in range((last - first).days + 1))
    found = next((day for day in days if day not in there), None)
    as_of = current_as_of(store)
    if found is None and as_of is not None and as_of >= last and any(store.list(layout.PAGE_KEY)):
        return None
    return found or last, last


def mark(store: Store) -> None:
    """Note in the lake that its days are a demo's: the UI's partitions then begin where they do."""
    if not any(store.list(layout.DEMO_KEY)):
        store.write(layout.DEMO_KEY, formats.json_bytes({"demo": True}), {})


def first_partition(store: Store, settings: Settings) -> date:
    """Return the first day that Dagster offers: PIZZA_START_DATE, or that of a demo's lake where it is not set."""
    if "pizza_start_date" in settings.model_fields_set or not any(store.list(layout.DEMO_KEY)):
        return settings.pizza_start_date
    return min(DailyTable(store, layout.RAW_MATCHES).stored, default=settings.pizza_start_date)


def first_sales_day(store: Store, settings: Settings) -> date | None:
    """Return the first day of a demo's sales, which are fewer days than its orders; None where there is no demo.

    Nor where orders come from outside: the sales' job asks for them again, and is of the same days.
    """
    is_real = settings.dominos_api_key is not None or settings.orders_files is not None
    if is_real or "pizza_start_date" in settings.model_fields_set or not any(store.list(layout.DEMO_KEY)):
        return None
    tables = (SalesTable(store, where).stored for where in layout.SALES_TABLES.values())
    return min((day for stored in tables for day in stored), default=None)


def check_no_real_days(store: Store, first: date, last: date) -> None:
    """Raise PizzaAssetsError when the demo would replace real data."""
    for where in (layout.RAW_MATCHES, layout.RAW_ORDERS):
        real = [
            d for d, kept in DailyTable(store, where).stored.items() if kept.source == "real" and first <= d <= last
        ]
        if real:
            raise PizzaAssetsError(
                f"The lake has real {where.label} on {counted(len(real), 'day')} of the demo, {real[0]} first. "
                "The demo does not replace real data: give it a lake of its own (PIZZA_LAKE=demo-lake)."
            )


def sales_span(settings: Settings, first: date, last: date) -> tuple[date, date]:
    """Return the days of a demo that retailers sell on: the last 70, or more where summer has no matches."""
    weeks: set[tuple[int, int]] = set()
    day = last
    while day > first and ((last - day).days + 1 < _SALES_DAYS or len(weeks) < _SALES_WEEKS):
        if len(mock_matches(day, settings)):
            weeks.add(day.isocalendar()[:2])
        day -= _ONE_DAY
    return day, last


def sales_to_make(connection: Connection, store: Store, first: date, last: date) -> tuple[date, date] | None:
    """Return the days from the first on of which a retailer's sales are missing, in lake or warehouse; None: none.

    Raises
    ------
    PizzaAssetsError
        When the demo would replace real sales.
    """
    wanted = [first + n * _ONE_DAY for n in range((last - first).days + 1)]
    lacking: set[date] = set()
    for where in layout.SALES_TABLES.values():
        table = SalesTable(store, where)
        days = [day for day in table.stored if first <= day <= last]
        if any(table.facts(day).get("data-source") == "real" for day in days):
            raise PizzaAssetsError(
                f"The lake holds real sales of {where.retailer_id} on days of the demo. The demo does not replace "
                "real data: give it a lake of its own (PIZZA_LAKE=demo-lake)."
            )
        lacking.update(set(wanted).difference(days), days_to_load(connection, store, where.retailer_id, first, last))
    return (min(lacking), last) if lacking else None


def shows_sales(store: Store, last: date) -> bool:
    """Tell whether the lake has what matches do to the sales up to `last`."""
    return any(store.list(layout.dated_key(layout.PIZZA_VS_FOOTBALL_PREFIX, last, layout.PIZZA_VS_FOOTBALL_FILE)))


def has_merchants(store: Store) -> bool:
    """Tell whether the merchants' questions were answered."""
    return any(store.list(layout.MERCHANT_REPORT_KEY))


def sales_finding(connection: Connection) -> str:
    """Return one line about the retailers' sales."""
    found = retailers(connection)
    facts, days = sum(one.facts for one in found), max(one.days for one in found)
    return f"Shops: {len(found)} retailers, {counted(days, 'day')}, {counted(facts, 'sale')}, all MOCK data."


def already(store: Store, first: date, last: date) -> str:
    """Return one line about a demo of `first` to `last` that is there, and how to get a shorter one."""
    days = [day for day in DailyTable(store, layout.RAW_ORDERS).stored if day <= last]
    text = f"The demo is there already: {counted(len(days), 'day')}, {days[0]} to {days[-1]}. Nothing to do."
    if days[0] >= first:
        return text
    place = store.uri("").rstrip("/")
    shorter = counted((last - first).days + 1, "day")
    return f"{text} For {shorter} only, remove {place} or name another lake (PIZZA_LAKE=...)."


def findings(store: Store, settings: Settings) -> Iterator[str]:
    """Yield the data, the answer, what was planted beside what was found, and where to look next."""
    effects, (meta, *_) = (current_records(store, name) for name in ("effects", "meta"))
    overall = {row["time_window"]: row for row in effects if row["scope"] == "all"}
    days = (date.fromisoformat(meta["data_until"][:10]) - date.fromisoformat(meta["data_from"][:10])).days + 1
    yield (
        f"Orders: {counted(days, 'day')} to {meta['as_of']}, {counted(meta['orders'], 'order')}, "
        f"{counted(meta['matches'], 'match')}, "
        f"all {str(meta['data_source']).upper()} data."
    )
    yield f"Does football sell pizza? {overall['during_match']['sentence']}"
    yield f"{'':<38}{'planted':>9}  found [95 % interval]"
    for window, (name, setting) in _WINDOWS.items():
        yield f"{'Orders, ' + name:<38}{_percent(getattr(settings, setting)):>9}  {_estimate(overall[window])}"
    planted = expm1(settings.retail_mock_pizza_uplift) * 100
    for row in _pizza_in_shops(store):
        name = f"Shops, {row['category']}, {_WINDOWS['during_match'][0]}"
        yield f"{name:<38}{planted / 2:>+7.1f} %  {_estimate(row)}"
    yield "'planted' in orders is for a league match. Cups, finals, goals and wins add to it."
    yield f"'planted' in shops is a mean: {planted:+.1f} % in the home team's city, nothing in the other team's."
    yield f"The page: pizza-assets dashboard, or open {store.uri(layout.PAGE_KEY)}"
    yield "Every day of every layer in Dagster's UI: pizza-assets dev, or make dev."
    yield "Your own shops: docs/your-own-data.md. Real matches: set FOOTBALL_API_KEY, free at football-data.org."


def _pizza_in_shops(store: Store) -> Sequence[Mapping[str, Any]]:
    """Return what was found of the shops' pizza during matches, over all cities; delivered pizza is the orders'."""
    rows = current_records(store, "retail") if current_rows(store).get("retail") else []
    return [
        row
        for row in rows
        if row["category"] in PIZZA_CATEGORIES[:2]
        and row["city"] == ALL_CITIES
        and row["time_window"] == "during_match"
    ]


def _percent(log_uplift: float) -> str:
    return f"{expm1(log_uplift) * 100:+.1f} %"


def _estimate(row: Mapping[str, Any]) -> str:
    if pd.isna(row["uplift_pct"]):
        return str(row["verdict"])
    interval = f" [{row['ci_low']:+.1f}, {row['ci_high']:+.1f}]" if pd.notna(row["ci_low"]) else ""
    return f"{row['uplift_pct']:+.1f} %{interval}"
