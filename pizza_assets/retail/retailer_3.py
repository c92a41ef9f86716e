"""Retailer 3: HTTP basic, signed pages with a cursor, floating-point money, times with an offset.

    GET {RETAILER_3_URL}/export/sales?business_date=2024-05-01&limit=2000[&cursor=<cursor>]
    Authorization: Basic <RETAILER_3_USER and RETAILER_3_PASSWORD>

    X-Page-Signature: <hexadecimal HMAC-SHA256 with RETAILER_3_SIGNING_KEY of business_date, a new line, the cursor
                       that was asked with (empty for the first page), a new line, and the body>
    {"rows": [{"saleRef": "3-20240501-17", "pos": 1, "soldAt": "2024-05-01T12:03:11+01:00",
               "item": {"code": "8801", "name": "Stone Baked Margherita", "group": "freezer/pizza"},
               "store": {"number": "S-12", "city": "Leeds"}, "loyaltyId": null,
               "units": 2, "unitPrice": 2.5, "lineTotal": 5.0, "currency": "GBP"}],
     "cursor": null}

``lineDiscount`` may say what was taken off; a return has negative units and a negative total. ``cursor`` is null on the
last page. A signature covers the whole page, its place and its day, so that a page that was
cut, changed, left out or taken from another day is noticed.

Belongs here: all that is particular to this API. Does not belong here: reading lines as such (``reading.py``).
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial

from pydantic import SecretStr

from pizza_assets.errors import SourceError
from pizza_assets.platform.api import Api
from pizza_assets.platform.http import HttpSession, Reply
from pizza_assets.platform.paging import Page, all_pages, listed, next_text
from pizza_assets.platform.rate_budget import RateBudget
from pizza_assets.platform.records import as_record
from pizza_assets.retail.money import float_money
from pizza_assets.retail.oauth import basic
from pizza_assets.retail.reading import Dialect
from pizza_assets.retail.received import Feed, Received, budget_of, received, secret, whole
from pizza_assets.retail.times import time_with_offset
from pizza_assets.settings import Settings

ROWS_PER_PAGE = 2000
SIGNATURE_HEADER = "X-Page-Signature"

DIALECT = Dialect(
    retailer_id="retailer_3",
    names={
        "transaction_id": "saleRef",
        "line": "pos",
        "sold_at": "soldAt",
        "product_sku": "item.code",
        "product_name": "item.name",
        "category": "item.group",
        "customer_id": "loyaltyId",
        "store_id": "store.number",
        "store_city": "store.city",
        "quantity": "units",
        "unit_price": "unitPrice",
        "discount": "lineDiscount",
        "total_amount": "lineTotal",
        "currency": "currency",
    },
    instants=time_with_offset,
    money=float_money,
    money_expected="a number with at most the decimals of the currency, such as 2.5",
    categories={
        "chilled/pizza": "fresh pizza",
        "chilled/meals": "ready meals",
        "chilled/dairy": "dairy",
        "freezer/pizza": "frozen pizza",
        "freezer/ice cream": "ice cream",
        "drinks/soft": "soft drinks",
        "drinks/beer": "beer",
        "fresh/bakery": "bakery",
        "fresh/produce": "fruit and vegetables",
    },
)


def signature(key: SecretStr, day: date, cursor: str, body: bytes) -> str:
    """Return the signature of a page, in hexadecimal."""
    message = f"{day}\n{cursor}\n".encode() + body
    return hmac.new(key.get_secret_value().encode(), message, hashlib.sha256).hexdigest()


@contextmanager
def open_feed(
    settings: Settings, *, budget: RateBudget | None = None, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Feed]:
    """Open a session with the API and give the function that asks for a day. ``RETAILER_3_URL`` must be set."""
    user, password = secret(settings, "retailer_3", "user"), secret(settings, "retailer_3", "password")
    key = secret(settings, "retailer_3", "signing_key")
    api = Api(
        name="retailer 3",
        url=str(settings.retailer_3_url),
        url_setting="RETAILER_3_URL",
        token=basic(user.get_secret_value(), password),
        key_setting="RETAILER_3_USER and RETAILER_3_PASSWORD",
        scheme="Basic ",
        secrets=(password, key),
    )
    with HttpSession(api, settings, budget=budget or budget_of(api, settings), sleep=sleep) as session:
        yield partial(_fetch, session, key)


def _fetch(session: HttpSession, key: SecretStr, day: date) -> Received:
    api = session.api

    def ask(cursor: str) -> Page:
        query = {"business_date": day.isoformat(), "limit": str(ROWS_PER_PAGE)}
        reply = session.ask("export/sales", query | ({"cursor": cursor} if cursor else {}))
        _check_signature(api, key, day, cursor, reply)
        return Page(
            reply, listed(api, reply.value, "rows"), None, next_text(api, reply.value, "cursor", "a new cursor")
        )

    pages = all_pages(api, f"rows of {day}", ask, whole)
    return received(api, [as_record(line) for page in pages for line in page.rows], pages)


def _check_signature(api: Api, key: SecretStr, day: date, cursor: str, reply: Reply) -> None:
    given = reply.headers.get(SIGNATURE_HEADER, "")
    if not hmac.compare_digest(signature(key, day, cursor, reply.signed).encode(), given.strip().encode()):
        raise SourceError(
            f"{api.name}: expected page {cursor or 1} of {day} to be signed with RETAILER_3_SIGNING_KEY, found "
            f"{'another signature' if given else 'no signature'}. The key is another one, or the page was changed on "
            "its way: check the key, and do not use the data."
        )
