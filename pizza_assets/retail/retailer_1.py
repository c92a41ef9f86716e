"""Retailer 1: an API key in a header, numbered pages, whole minor units (pence), and the shop's wall clock.

    GET {RETAILER_1_URL}/sales?date=2024-05-01&page=1&per_page=1000
    X-Api-Key: <RETAILER_1_API_KEY>

    {"page": 1, "pages": 3, "total": 2480,
     "sales": [{"receipt": "R1-000017", "line_no": 1, "sold": "2024-05-01T12:03:11", "sku": "100321",
                "description": "Stone Baked Margherita", "dept": "Frozen Pizza", "member": null, "branch": "B07",
                "town": "Leeds", "qty": 2, "price_p": 250, "total_p": 500, "ccy": "GBP"}]}

``discount_p`` may say what was taken off; a return has a negative quantity or price, and a negative total.
``sold`` is local time of the retailer's time zone without an offset: an hour that the clock shows twice in autumn is
taken as the first, one that it skips in spring is rejected.

Belongs here: all that is particular to this API. Does not belong here: reading lines as such (``reading.py``).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial

from pizza_assets.platform.api import Api
from pizza_assets.platform.http import HttpSession
from pizza_assets.platform.paging import Page, all_pages, count, listed
from pizza_assets.platform.rate_budget import RateBudget
from pizza_assets.platform.records import as_record
from pizza_assets.retail.money import minor_units
from pizza_assets.retail.reading import Dialect
from pizza_assets.retail.received import Feed, Received, budget_of, received, secret, whole
from pizza_assets.retail.times import local_time
from pizza_assets.settings import Settings

LINES_PER_PAGE = 1000

DIALECT = Dialect(
    retailer_id="retailer_1",
    names={
        "transaction_id": "receipt",
        "line": "line_no",
        "sold_at": "sold",
        "product_sku": "sku",
        "product_name": "description",
        "category": "dept",
        "customer_id": "member",
        "store_id": "branch",
        "store_city": "town",
        "quantity": "qty",
        "unit_price": "price_p",
        "discount": "discount_p",
        "total_amount": "total_p",
        "currency": "ccy",
    },
    instants=local_time,
    money=minor_units,
    money_expected="whole minor units of the currency (pence), such as 250",
    categories={},
)


@contextmanager
def open_feed(
    settings: Settings, *, budget: RateBudget | None = None, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Feed]:
    """Open a session with the API and give the function that asks for a day. ``RETAILER_1_URL`` must be set."""
    api = Api(
        name="retailer 1",
        url=str(settings.retailer_1_url),
        url_setting="RETAILER_1_URL",
        token=secret(settings, "retailer_1", "api_key"),
        key_setting="RETAILER_1_API_KEY",
        header="X-Api-Key",
        scheme="",
    )
    with HttpSession(api, settings, budget=budget or budget_of(api, settings), sleep=sleep) as session:
        yield partial(_fetch, session)


def _fetch(session: HttpSession, day: date) -> Received:
    def ask(number: str) -> Page:
        query = {"date": day.isoformat(), "page": number, "per_page": str(LINES_PER_PAGE)}
        reply = session.ask("sales", query)
        lines = listed(session.api, reply.value, "sales")
        last = int(number) >= count(session.api, reply.value, "pages")
        return Page(reply, lines, count(session.api, reply.value, "total"), None if last else str(int(number) + 1))

    pages = all_pages(session.api, f"lines of {day}", ask, whole, first="1")
    return received(session.api, [as_record(line) for page in pages for line in page.rows], pages)
