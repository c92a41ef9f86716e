"""Mock sales of three retailers, a business day at a time.

Belongs here: what is sold where and when, and the effect of matches that is planted in it. Does not belong here: the
simulated APIs that deliver it (``retailer_apis.py``), and how effects are measured.

Lines per store and product are Poisson around::

    retail_mock_lines_per_day x weekday x popularity x shocks of the day, the city and the category x exp(planted)

and are then put into receipts at random, so that what is planted in pizza changes nothing else. Some receipts are
returns, fruit and vegetables are weighed, ice cream is three for two, and some items are reduced. A business day is the
local day of the shops. Each day draws from its own random stream, so any day stands alone.
"""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow
import pyarrow.compute as pc

from pizza_assets.contracts import sales_schema
from pizza_assets.orders.mock import NOT_PLAYED
from pizza_assets.reference import cities
from pizza_assets.retail.contract import PIZZA_CATEGORIES, QUANTITY_TYPE, TOTAL_AMOUNT_TYPE, UNIT_PRICE_TYPE
from pizza_assets.settings import Settings

_Floats = npt.NDArray[np.float64]
_Integers = npt.NDArray[np.int64]

TIME_ZONE = ZoneInfo("Europe/London")
STORES_PER_CITY = 2
#: Sales by weekday, Monday first, and by local hour: a supermarket that is open from 7 to 22. Normalised where used.
_WEEKDAY_FACTOR = np.array([0.92, 0.90, 0.94, 1.00, 1.14, 1.20, 0.90])
_HOUR_SHARE = np.zeros(24)
_HOUR_SHARE[7:22] = 2.5, 4, 5.5, 7, 8, 8.5, 8, 7.5, 7.5, 8.5, 10, 9.5, 7, 4.5, 2
#: SD of the shocks of a day: of each city, and of each category.
_CITY_SD, _CATEGORY_SD = 0.03, 0.02
_LINES_PER_RECEIPT = 3.2
_QUANTITIES, _QUANTITY_SHARE = np.array([1, 2, 3, 4, 6]), [0.70, 0.20, 0.05, 0.03, 0.02]
_CUSTOMERS_PER_CITY = 300
#: Share of receipts that are returns, of lines that are reduced, and by how much.
_SHARE_RETURNED, _SHARE_REDUCED, _REDUCTION = 0.01, 0.02, Decimal("0.3")
_WEIGHED, _THREE_FOR_TWO = "fruit and vegetables", "ice cream"
#: What is weighed, in steps of 5 g.
_LEAST_STEPS, _MOST_STEPS, _STEP = 40, 400, Decimal("0.005")
_SHARE_WITH_CUSTOMER = 0.55
#: Each retailer's prices against those of the catalogue, rounded to 5 pence.
_PRICE_LEVEL = {"retailer_1": 1.0, "retailer_2": 1.15, "retailer_3": 0.9}
#: Keeps these random numbers apart from those of other mock data with the same seed.
_STREAM = 11


class _Catalogue(NamedTuple):
    """A retailer's products and shops, by number."""

    sku: pyarrow.Array
    name: pyarrow.Array
    category: pyarrow.Array
    price: pyarrow.Array
    popularity: _Floats
    #: The number of each product's category.
    category_number: _Integers
    store: pyarrow.Array
    store_city: pyarrow.Array
    #: The number of each store's city.
    city_number: _Integers
    cities: list[str]


def planted_sales_effects(settings: Settings) -> dict[str, float]:
    """Return the settings that shape mock sales, by name, to be stored and shown with them."""
    names = ("mock_seed", "retail_mock_lines_per_day", "retail_mock_pizza_uplift")
    return {name: getattr(settings, name) for name in names}


def mock_sales(retailer_id: str, day: date, matches: pd.DataFrame, settings: Settings) -> pyarrow.Table:
    """Return the mock sales of a retailer's business day, by time (schema ``contracts.sales_schema()``).

    Parameters
    ----------
    retailer_id
        retailer_1, retailer_2 or retailer_3.
    day
        The business day, in the shops' time zone (Europe/London).
    matches
        Matches (contract FOOTBALL_MATCHES). Those that kick off on the day, in that time zone, plant
        ``retail_mock_pizza_uplift`` in the pizza categories of the home team's city, all day; others change nothing,
        nor does a match that was not played.
    settings
        Seed, volume and planted effect: see `planted_sales_effects`.
    """
    rng = np.random.default_rng([settings.mock_seed, _STREAM, int(retailer_id[-1]), day.toordinal()])
    goods = _catalogue(retailer_id)
    is_pizza = pc.is_in(goods.category, pyarrow.array(PIZZA_CATEGORIES)).to_numpy(zero_copy_only=False)
    has_match = np.isin(goods.cities, sorted(home_cities(day, matches)))
    city_shock = rng.normal(0, _CITY_SD, len(goods.cities))
    category_shock = rng.normal(0, _CATEGORY_SD, goods.category_number.max() + 1)
    log_rate = city_shock[goods.city_number, None] + category_shock[goods.category_number]
    log_rate += settings.retail_mock_pizza_uplift * np.outer(has_match[goods.city_number], is_pizza)
    weekday = _WEEKDAY_FACTOR[day.weekday()] / _WEEKDAY_FACTOR.mean()
    lines = settings.retail_mock_lines_per_day * weekday / goods.city_number.size
    counts = rng.poisson(lines * goods.popularity * np.exp(log_rate - (_CITY_SD**2 + _CATEGORY_SD**2) / 2))
    store, product = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), len(goods.popularity))
    return _table(rng, retailer_id, day, store, product)


def home_cities(day: date, matches: pd.DataFrame) -> set[str]:
    """Return the cities whose team plays at home on the local day."""
    played = matches[~matches["status"].isin(NOT_PLAYED)]
    return set(played.loc[played["timestamp"].dt.tz_convert(TIME_ZONE).dt.date == day, "home_city"])


@cache
def _catalogue(retailer_id: str) -> _Catalogue:
    text = (files("pizza_assets.reference") / "retail_products.csv").read_text(encoding="utf-8")
    products = list(csv.DictReader(text.splitlines()))
    number, level = int(retailer_id[-1]), _PRICE_LEVEL[retailer_id]
    categories = [row["category"] for row in products]
    popularity = np.array([float(row["popularity"]) for row in products])
    prices = [Decimal(5 * round(int(row["price_pence"]) * level / 5)).scaleb(-2) for row in products]
    towns = [city.name for city in cities().values() if city.mock_stores]
    stores = [
        (f"{number}{at + 1:02d}-{shop}", town) for at, town in enumerate(towns) for shop in range(STORES_PER_CITY)
    ]
    return _Catalogue(
        sku=pyarrow.array([f"{number}{at:05d}" for at in range(1, len(products) + 1)]),
        name=pyarrow.array([row["product"] for row in products]),
        category=pyarrow.array(categories),
        price=pyarrow.array(prices, UNIT_PRICE_TYPE),
        popularity=popularity / popularity.sum(),
        category_number=np.unique(categories, return_inverse=True)[1],
        store=pyarrow.array([store for store, _ in stores]),
        store_city=pyarrow.array([town for _, town in stores]),
        city_number=np.repeat(np.arange(len(towns)), STORES_PER_CITY),
        cities=towns,
    )


def _table(
    rng: np.random.Generator, retailer_id: str, day: date, store: _Integers, product: _Integers
) -> pyarrow.Table:
    """Put the lines of each store on receipts, at random, and return them by time."""
    goods = _catalogue(retailer_id)
    wanted = np.maximum(1, np.rint(np.bincount(store, minlength=len(goods.store)) / _LINES_PER_RECEIPT))
    drawn = (np.cumsum(wanted) - wanted)[store] + np.floor(rng.random(store.size) * wanted[store])
    _, first, receipt = np.unique(drawn, return_index=True, return_inverse=True)
    second, city = _seconds(rng, first.size), goods.city_number[store[first]]
    by_time = np.argsort(second, kind="stable")
    receipt = np.argsort(by_time)[receipt]  # receipts are numbered by time
    order = np.argsort(receipt, kind="stable")
    receipt, store, product = receipt[order], store[order], product[order]
    place = np.arange(receipt.size) - np.searchsorted(receipt, np.arange(first.size))[receipt]

    receipts = {
        "transaction_id": _numbered(f"{retailer_id[-1]}-{day:%Y%m%d}-", first.size),
        "sold_at": pyarrow.array(_noon(day) + (second[by_time] - 12 * 3600) * np.timedelta64(1_000_000, "us")),
        "customer_id": _customers(rng, city[by_time]),
    }
    items = rng.choice(_QUANTITIES, receipt.size, p=_QUANTITY_SHARE)
    price = goods.price.take(product)
    columns = {
        **_amounts(rng, items, price, goods.category.take(product), rng.random(first.size)[receipt] < _SHARE_RETURNED),
        **{name: array.take(receipt) for name, array in receipts.items()},
        "retailer_id": pyarrow.repeat(retailer_id, receipt.size),
        "line": (place + 1).astype("int32"),
        "product_sku": goods.sku.take(product),
        "product_name": goods.name.take(product),
        "category": goods.category.take(product),
        "store_id": goods.store.take(store),
        "store_city": goods.store_city.take(store),
        "currency": pyarrow.repeat("GBP", receipt.size),
        "data_source": pyarrow.repeat("mock", receipt.size),
    }
    schema = sales_schema()
    arrays = [pyarrow.array(columns[field.name]).cast(field.type) for field in schema]
    return pyarrow.table(arrays, schema=schema)


def _amounts(
    rng: np.random.Generator,
    items: _Integers,
    price: pyarrow.Array,
    category: pyarrow.Array,
    is_returned: npt.NDArray[np.bool_],
) -> dict[str, pyarrow.Array]:
    """Return quantities, discounts and totals of lines with so many items, or their weight."""
    is_weighed = pc.equal(category, _WEIGHED)
    steps = rng.integers(_LEAST_STEPS, _MOST_STEPS, items.size)
    is_reduced = rng.random(items.size) < _SHARE_REDUCED
    quantity = pc.if_else(is_weighed, pc.multiply(_whole(steps), _STEP), _whole(items)).cast(QUANTITY_TYPE)
    is_three_for_two = pc.and_(pc.equal(category, _THREE_FOR_TWO), pyarrow.array(items == 3))
    nothing = pyarrow.scalar(Decimal(0), TOTAL_AMOUNT_TYPE)
    reduction = pc.round(pc.multiply(pc.multiply(price, quantity), _REDUCTION), 2).cast(TOTAL_AMOUNT_TYPE, safe=False)
    discount = pc.if_else(is_three_for_two, price, pc.if_else(pyarrow.array(is_reduced), reduction, nothing))
    sign = _whole(np.where(is_returned, -1, 1))
    signed = {"quantity": quantity, "discount": discount.cast(TOTAL_AMOUNT_TYPE)}
    signed = {name: pc.multiply(column, sign).cast(column.type) for name, column in signed.items()}
    return {**signed, "unit_price": price, "total_amount": total(signed["quantity"], price, signed["discount"])}


def total(quantity: pyarrow.Array, unit_price: pyarrow.Array, discount: pyarrow.Array) -> pyarrow.Array:
    """Return what is paid for lines: quantity x price, rounded to pence, less the discount."""
    product = pc.round(pc.multiply(quantity, unit_price), 2, "half_towards_infinity")
    return pc.subtract(product, discount).cast(TOTAL_AMOUNT_TYPE, safe=False)


def _whole(numbers: _Integers) -> pyarrow.Array:
    return pyarrow.array(numbers).cast(pyarrow.decimal128(19)).cast(pyarrow.decimal128(9))


def _seconds(rng: np.random.Generator, number: int) -> _Integers:
    """Draw local seconds of the day, by the hours' shares."""
    share = np.concatenate([[0], np.cumsum(_HOUR_SHARE) / _HOUR_SHARE.sum()])
    return np.interp(rng.random(number), share, np.arange(25) * 3600).astype(np.int64)


def _noon(day: date) -> np.datetime64:
    """Return local noon in UTC. Clocks change at night: each opening hour is as far from noon as it says."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=TIME_ZONE)
    return np.datetime64(noon.astimezone(UTC).replace(tzinfo=None), "us")


def _numbered(prefix: str, number: int) -> pyarrow.Array:
    serial = pc.utf8_lpad(pyarrow.array(np.arange(1, number + 1)).cast(pyarrow.string()), 6, "0")
    return pc.binary_join_element_wise(prefix, serial, "")


def _customers(rng: np.random.Generator, city: _Integers) -> pyarrow.Array:
    """Draw the customer of each receipt, among those of its city; null where the shop does not know."""
    customer = city * _CUSTOMERS_PER_CITY + rng.integers(0, _CUSTOMERS_PER_CITY, city.size)
    known = rng.random(city.size) < _SHARE_WITH_CUSTOMER
    names = _numbered("c-", int(city.max(initial=0) + 1) * _CUSTOMERS_PER_CITY)
    return names.take(pyarrow.array(customer, mask=~known))
