"""Retailer 2: OAuth2 client credentials, links to the next page, decimal text, seconds since 1970.

    POST {RETAILER_2_URL}/oauth/token      grant_type=client_credentials, client and secret as HTTP basic
    {"access_token": "...", "token_type": "Bearer", "expires_in": 3600}

    GET {RETAILER_2_URL}/transactions?day=2024-05-01&limit=500
    Authorization: Bearer <access_token>

    {"meta": {"transactions": 790},
     "data": [{"id": "T-20240501-000017", "created": 1714561391, "currency": "GBP",
               "shop": {"id": "0042", "city": "Leeds"}, "customer": {"id": "c-991"},
               "items": [{"sku": "PZ-FRZ-07", "title": "Stone Baked Margherita", "category": "PIZZA_FROZEN",
                          "count": 2, "unit": "2.50", "amount": "5.00"}]}],
     "links": {"next": "{RETAILER_2_URL}/transactions?cursor=..."}}

An item may have a ``discount``; a return has a negative count and amount. ``customer`` is null where it is not known;
``links.next`` is null on the last page. The line of an item is its position. A transaction without items counts as one
record, and is rejected.

Belongs here: all that is particular to this API. Does not belong here: reading lines as such (``reading.py``).
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from urllib.parse import parse_qsl, urlsplit

from pizza_assets.errors import SourceError
from pizza_assets.platform.api import Api
from pizza_assets.platform.http import HttpSession
from pizza_assets.platform.paging import Page, all_pages, count, listed, next_text, required
from pizza_assets.platform.rate_budget import RateBudget
from pizza_assets.platform.records import as_record, found
from pizza_assets.retail.money import decimal_text
from pizza_assets.retail.oauth import NO_TOKEN, ClientCredentials, token_endpoint
from pizza_assets.retail.reading import Dialect
from pizza_assets.retail.received import Feed, Received, budget_of, received, secret, whole
from pizza_assets.retail.times import seconds_since_1970
from pizza_assets.settings import Settings

TRANSACTIONS_PER_PAGE = 500

DIALECT = Dialect(
    retailer_id="retailer_2",
    names={
        "transaction_id": "id",
        "line": "line",
        "sold_at": "created",
        "product_sku": "item.sku",
        "product_name": "item.title",
        "category": "item.category",
        "customer_id": "customer.id",
        "store_id": "shop.id",
        "store_city": "shop.city",
        "quantity": "item.count",
        "unit_price": "item.unit",
        "discount": "item.discount",
        "total_amount": "item.amount",
        "currency": "currency",
    },
    instants=seconds_since_1970,
    money=decimal_text,
    money_expected='a decimal text such as "2.50"',
    categories={
        "pizza_fresh": "fresh pizza",
        "pizza_frozen": "frozen pizza",
        "meals_ready": "ready meals",
        "drinks_soft": "soft drinks",
        "drinks_beer": "beer",
        "ice_cream": "ice cream",
        "produce": "fruit and vegetables",
    },
)


@contextmanager
def open_feed(
    settings: Settings, *, budget: RateBudget | None = None, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Feed]:
    """Open a session with the API and give the function that asks for a day. ``RETAILER_2_URL`` must be set."""
    api = Api(
        name="retailer 2",
        url=str(settings.retailer_2_url),
        url_setting="RETAILER_2_URL",
        token=NO_TOKEN,
        key_setting="RETAILER_2_CLIENT_ID and RETAILER_2_CLIENT_SECRET",
    )
    client = secret(settings, "retailer_2", "client_id").get_secret_value()
    endpoint = token_endpoint(api, client, secret(settings, "retailer_2", "client_secret"))
    budget = budget or budget_of(api, settings)
    with (
        HttpSession(api, settings, budget=budget, sleep=sleep) as session,
        HttpSession(endpoint, settings, budget=budget, sleep=sleep) as tokens,
    ):
        yield partial(_fetch, ClientCredentials(session, tokens))


def _fetch(client: ClientCredentials, day: date) -> Received:
    api = client.session.api

    def ask(link: str) -> Page:
        query = {"day": day.isoformat(), "limit": str(TRANSACTIONS_PER_PAGE)}
        reply = client.ask(*(_below(api, link) if link else ("transactions", query)))
        rows = listed(api, reply.value, "data")
        total = count(api, required(api, reply.value, "meta"), "transactions", "meta.")
        following = next_text(api, required(api, reply.value, "links"), "next", "a new address", "links.")
        return Page(reply, rows, total, following)

    pages = all_pages(api, f"transactions of {day}", ask, whole)
    transactions = [as_record(record) for page in pages for record in page.rows]
    if transactions and not any("items" in record for record in transactions):
        required(api, transactions[0], "items", "data.")
    lines = [line for record in transactions for line in lines_of(record)]
    return received(api, lines, pages)


def _below(api: Api, link: str) -> tuple[str, dict[str, str]]:
    """Return path and query of a link, which must lead to the API: our token goes with it."""
    base = api.url.rstrip("/") + "/"
    if not link.startswith(base):
        raise SourceError(
            f"{api.name}: expected 'links.next' to start with {base}, found {found(link)}. Check {api.url_setting}."
        )
    parts = urlsplit(link.removeprefix(base))
    return parts.path, dict(parse_qsl(parts.query))


def lines_of(transaction: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Yield a record for each item: the transaction's own fields, the item and its position."""
    items = transaction.get("items")
    if not isinstance(items, list) or not items:
        yield transaction
        return
    head = {name: value for name, value in transaction.items() if name != "items"}
    for position, item in enumerate(items, start=1):
        yield {**head, "line": position, "item": item}
