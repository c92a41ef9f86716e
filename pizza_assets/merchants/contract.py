"""The contracts of the merchant branch: card transactions, merchants, and the answers to the five questions.

The seed's fields keep their names. Amounts have no currency: the source names none.
"""

from pizza_assets.platform.columns import data_set, flag, instant, integer, local_time, number, source, text

#: What a group is called whose merchant, category, city or state is not known.
UNKNOWN_MERCHANT = "Unknown merchant"
UNKNOWN_CATEGORY = "Unknown category"
UNKNOWN_CITY = "Unknown city"
UNKNOWN_STATE = "Unknown state"

#: What the fifth question advises on, in the order of the report.
ADVICE_TOPICS = ("city", "category", "month", "hour", "instalments")

_AMOUNT = "the source's currency"

MERCHANT_TRANSACTIONS = data_set(
    "merchant_transactions",
    "Attempts to pay by card, authorised or declined, as the source tells them. Attempts are never de-duplicated.",
    grain="one row per attempt",
    key=[],
    columns={
        "merchant_id": text("The merchant; null when the source names none.", nullable=True),
        "city_id": text("City of the purchase; null when unknown.", nullable=True),
        "state_id": text("State of the purchase; null when unknown.", nullable=True),
        "category": text("Category of what was bought; null when unknown.", nullable=True),
        "purchase_amount": number("Amount of the purchase; normalised data has negative ones.", _AMOUNT),
        "purchase_date": local_time("When the purchase was made."),
        "installments": integer(
            "Monthly instalments; 0 is paid at once, other values than 0 to 60 mean unknown.",
            "instalments",
            nullable=True,
        ),
        "authorized_flag": text("Y: authorised, a sale; N: declined.", isin=("Y", "N")),
        "data_source": source(),
    },
)

MERCHANTS = data_set(
    "merchants",
    "Merchants as the source lists them. An id may be listed several times, with names that conflict.",
    grain="one row per line of the list",
    key=[],
    columns={
        "merchant_id": text("The merchant."),
        "merchant_name": text("Its name; null when blank.", nullable=True),
        "city_id": text("City where the merchant is registered.", nullable=True),
        "state_id": text("State where the merchant is registered.", nullable=True),
        "data_source": source(),
    },
)

_MERCHANT = {
    "merchant_id": text(f"The merchant, or '{UNKNOWN_MERCHANT}'."),
    "merchant_name": text("Its name; the id where there is no name, or names that conflict."),
}

TOP_MERCHANTS = data_set(
    "top_merchants",
    "Question 1: the five merchants with the largest purchase amount in each month and city of purchase. "
    "Equal amounts: the smaller merchant_id first.",
    grain="one row per month, city and position",
    key=["month", "city_id", "position"],
    columns={
        "month": text("Month of purchase, YYYY-MM.", pattern=r"^\d{4}-\d{2}$"),
        "city_id": text(f"City of purchase, or '{UNKNOWN_CITY}'."),
        "position": integer("1 is the largest.", "position", ge=1),
        **_MERCHANT,
        "amount": number("Sum of the merchant's sales.", _AMOUNT),
        "sales": integer("Number of these sales.", "sales", ge=1),
        "data_source": source(),
    },
)

MEAN_SALES = data_set(
    "mean_sales",
    "Question 2: the mean sale of each merchant in each state of purchase, the largest first, with the number of "
    "sales behind it.",
    grain="one row per merchant and state",
    key=["merchant_id", "state_id"],
    columns={
        **_MERCHANT,
        "state_id": text(f"State of purchase, or '{UNKNOWN_STATE}'."),
        "mean_amount": number("Mean amount of the sales.", _AMOUNT),
        "sales": integer("Number of these sales.", "sales", ge=1),
        "data_source": source(),
    },
)

TOP_HOURS = data_set(
    "top_hours",
    "Question 3: the three hours of the day with the largest amount of sales, by category. Equal amounts: the "
    "earlier hour first.",
    grain="one row per category and position",
    key=["category", "position"],
    columns={
        "category": text(f"Category, or '{UNKNOWN_CATEGORY}'."),
        "position": integer("1 is the largest.", "position", ge=1),
        "hour": integer("Hour of the local clock, 0 to 23.", "hour", ge=0),
        "amount": number("Sum of the sales in this hour of all days.", _AMOUNT),
        "sales": integer("Number of these sales.", "sales", ge=1),
        "data_source": source(),
    },
)

POPULAR_MERCHANTS = data_set(
    "popular_merchants",
    "Question 4: the five merchants with the most attempts, authorised or not, in each city. Equal numbers: the "
    "smaller merchant_id first.",
    grain="one row per city and position",
    key=["city_id", "position"],
    columns={
        "city_id": text(f"City of purchase, or '{UNKNOWN_CITY}'."),
        "position": integer("1 is the most popular.", "position", ge=1),
        **_MERCHANT,
        "attempts": integer("Number of attempts.", "attempts", ge=1),
        "share_of_city": number("Share of the city's attempts.", "0 to 1", ge=0, le=1),
        "data_source": source(),
    },
)

CITY_CATEGORY_ASSOCIATION = data_set(
    "city_category_association",
    "Question 4: does the city tell the category? Cramér's V of attempts: 0 is no association, 1 a perfect one. "
    "Attempts in unknown cities stand apart.",
    grain="one row per data source",
    key=["data_source"],
    columns={
        "attempts": integer("Attempts in known cities.", "attempts", ge=0),
        "unknown_city_attempts": integer("Attempts in unknown cities; they take no part.", "attempts", ge=0),
        "cities": integer("Known cities.", "cities", ge=0),
        "categories": integer("Categories in them.", "categories", ge=0),
        "chi_squared": number("Pearson's chi-squared of cities by categories.", "", ge=0, nullable=True),
        "cramers_v": number(
            "sqrt(chi-squared / attempts / (min(cities, categories) - 1)); null below two of either.",
            "0 to 1",
            ge=0,
            le=1,
            nullable=True,
        ),
        "data_source": source(),
    },
)

MERCHANT_ADVICE = data_set(
    "merchant_advice",
    "Question 5: advice to a new merchant. city and category: the largest amount of sales. month: the amount per "
    "observed day, so that a month seen twice does not win. hour: the smallest circular window with 80 % of sales, "
    "from opening on. instalments: what is left of the gross margin when 22.9 % of customers default in each month.",
    grain="one row per topic and position",
    key=["topic", "position"],
    columns={
        "topic": text("What the advice is on.", isin=ADVICE_TOPICS),
        "position": integer("1 is the best; for hours, 1 is the opening hour.", "position", ge=1),
        "choice": text("City, category, month (01 to 12), hour (00 to 23) or number of instalments."),
        "sales": integer("Number of sales.", "sales", ge=0),
        "amount": number("Sum of these sales.", _AMOUNT),
        "measure": number(
            "What decides. city, category: the amount; month: amount per observed day; hour: share of sales; "
            "instalments: expected profit per unit sold.",
            "see meaning",
        ),
        "is_advised": flag("True when it is advised."),
        "data_source": source(),
    },
)

#: The answers, by the name of their table.
ANSWERS = {
    schema.name: schema
    for schema in (
        TOP_MERCHANTS,
        MEAN_SALES,
        TOP_HOURS,
        POPULAR_MERCHANTS,
        CITY_CATEGORY_ASSOCIATION,
        MERCHANT_ADVICE,
    )
}

#: What the warehouse says of the answers that it holds.
PUBLISHED_RUN = data_set(
    "published_run",
    "The run whose answers the warehouse holds, all six of them: what they are made of, and how.",
    grain="one row",
    key=["run_id"],
    columns={
        "run_id": text("The run that published them; 'command line' outside Dagster."),
        "published_at": instant("When that was."),
        "transactions_run_id": text("The run that copied the transactions behind them."),
        "engine": text("What computed them: duckdb, spark, or both."),
        "data_source": source("Whether the transactions are real or mock."),
        "currency": text("Currency of all amounts; null where the source names none.", nullable=True),
        "transactions": integer("Usable transactions behind them.", "attempts", ge=1),
        "first_purchase": local_time("The oldest of them."),
        "last_purchase": local_time("The newest of them: the answers are as of then."),
        "declined_are_sales": flag("True when declined attempts count as sales; the definitions say no."),
        "midnight_is_unknown": flag("True when attempts at exactly 00:00:00 take no part in hours."),
    },
)
#: The tables of the warehouse's schema ``merchants``, by name.
MERCHANT_TABLES = {**ANSWERS, PUBLISHED_RUN.name: PUBLISHED_RUN}
