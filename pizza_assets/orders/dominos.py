"""The Domino's orders API: asking for orders.

Domino's publishes no such API; this is the contract that we would ask one to keep:

    GET {DOMINOS_API_URL}/orders?from=<ISO 8601>&to=<ISO 8601>&limit=10000[&store_id=<id>][&cursor=<next_cursor>]
    Authorization: Bearer <DOMINOS_API_KEY>

    {"orders": [{"order_id": "4711", "timestamp": "2024-05-19T18:30:00Z", "location": "12 High St, Norwich",
                 "order_total": 31.5, "pizza_types": ["Margherita"], "quantity": 1, "currency": "GBP"}],
     "next_cursor": null}

``from`` is inclusive, ``to`` exclusive; times carry an offset; ``currency`` may be left out; a ``next_cursor`` other
than null says that there is more.

Belongs here: asking, page by page. Does not belong here: reading orders (``order_records.py``), falling back to mock
(``collect.py``).
"""

import time
from collections.abc import Callable
from datetime import date, timedelta

from pizza_assets.errors import SourceError
from pizza_assets.orders.records import FIELDS, RawOrders, ReadingRules, orders_by_day
from pizza_assets.platform.api import Api
from pizza_assets.platform.http import HttpSession
from pizza_assets.platform.paging import Page, all_pages, by_keys, listed, next_text
from pizza_assets.platform.rate_budget import RateBudget
from pizza_assets.platform.records import DayRecords, days_between, days_within, utc_days
from pizza_assets.settings import Settings

ORDERS_PER_PAGE = 10_000


def names(_: Settings) -> dict[str, str]:
    """Return the API's name of each of our fields."""
    return {field: field for field in FIELDS}


def reading_rules(settings: Settings) -> ReadingRules:
    """Return how the API writes orders."""
    return ReadingRules(settings.orders_currency, time_zone=None, required=FIELDS[:-1])


def open_session(
    settings: Settings, *, budget: RateBudget | None = None, sleep: Callable[[float], None] = time.sleep
) -> HttpSession:
    """Return a session for the API. ``DOMINOS_API_KEY`` must be set."""
    if settings.dominos_api_key is None:
        raise SourceError("DOMINOS_API_KEY is not set", final=True)
    api = Api(
        name="Domino's orders API",
        url=str(settings.dominos_api_url),
        url_setting="DOMINOS_API_URL",
        token=settings.dominos_api_key,
        key_setting="DOMINOS_API_KEY",
    )
    return HttpSession(api, settings, budget=budget, sleep=sleep)


def fetch_orders(session: HttpSession, settings: Settings, first: date, last: date) -> dict[date, DayRecords]:
    """Ask for the orders of the UTC days `first` to `last`; they are held in memory, so ask for a month at most.

    Returns
    -------
    dict
        What was received, by UTC day; days without orders are missing. An order whose time cannot be read counts
        for the day of the nearest earlier order, else of the nearest later.

    Raises
    ------
    SourceError
        When the API does not answer, or not with orders.
    """
    orders = _all_pages(session, settings, first, last)
    rules = reading_rules(settings)
    part = RawOrders(orders, names(settings))
    days = days_within(utc_days(part.instants(rules.time_zone)), first, last)
    by_day = orders_by_day([(part, days)], days_between(first, last), rules)
    if by_day and all(records.frame.empty for records in by_day.values()):
        reject = next(iter(by_day.values())).rejected[0]
        raise SourceError(
            f"{session.api.name}: not one of {len(orders)} orders could be read; the first: {reject.reason}. "
            "Check DOMINOS_API_URL."
        )
    return by_day


def _all_pages(session: HttpSession, settings: Settings, first: date, last: date) -> list[object]:
    query = {
        "from": f"{first}T00:00:00Z",
        "to": f"{last + timedelta(days=1)}T00:00:00Z",
        "limit": str(ORDERS_PER_PAGE),
    }
    if settings.dominos_store_id:
        query["store_id"] = settings.dominos_store_id

    def ask(cursor: str) -> Page:
        reply = session.ask("orders", query | ({"cursor": cursor} if cursor else {}))
        rows = listed(session.api, reply.value, "orders")
        return Page(reply, rows, None, next_text(session.api, reply.value, "next_cursor", "a new cursor"))

    pages = all_pages(session.api, f"orders from {first} to {last}", ask, by_keys("order_id"))
    return [order for page in pages for order in page.rows]
