"""The contract of pizza orders. The seed's fields keep their names."""

from pizza_assets.platform.columns import (
    TEXT_LIST,
    data_set,
    instant,
    integer,
    list_of,
    number,
    source,
    text,
)

#: No order costs more, in any currency; sums of days and years stay exact to the cent.
LARGEST_TOTAL = 1e9

DOMINOS_ORDERS = data_set(
    "dominos_orders",
    "Pizza orders, from the Domino's API, from till exports, or mock.",
    grain="one row per order",
    key=["order_id"],
    columns={
        "order_id": text("The source's own number of the order."),
        "timestamp": instant("When the order was placed."),
        "location": text("The store, as the source names it."),
        "order_total": number(
            "What the customer pays, with taxes; null where it is unknown.",
            "currency",
            ge=0,
            le=LARGEST_TOTAL,
            nullable=True,
        ),
        "pizza_types": list_of(
            TEXT_LIST, "The pizzas ordered, by name; null where unknown.", "pizza names", nullable=True
        ),
        "quantity": integer("Number of pizzas; null where unknown.", "pizzas", ge=1, nullable=True),
        "data_source": source(),
        "city": text("The city that the location names, or 'unknown'."),
        "currency": text("Currency of order_total.", pattern=r"^[A-Z]{3}$"),
    },
)
