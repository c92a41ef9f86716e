"""An order as a typed record."""

from typing import Annotated, ClassVar

import pandera.pandas as pa
from pydantic import Field

from pizza_assets.orders.contract import DOMINOS_ORDERS, LARGEST_TOTAL
from pizza_assets.platform.columns import Source
from pizza_assets.platform.models import Instant, Record

Text = Annotated[str, Field(min_length=1)]


class DominosOrder(Record):
    """A pizza order: a row of DOMINOS_ORDERS. Total in `currency`; `quantity` counts pizzas; null is unknown."""

    contract: ClassVar[pa.DataFrameSchema] = DOMINOS_ORDERS

    order_id: Text
    timestamp: Instant
    location: Text
    order_total: Annotated[float, Field(ge=0, le=LARGEST_TOTAL)] | None
    pizza_types: tuple[str, ...] | None
    quantity: Annotated[int, Field(ge=1)] | None
    data_source: Source
    city: Text = "unknown"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "GBP"
