"""Column lineage: from which columns of the assets before it each column of an asset is made.

Belongs here: one mapping for each asset that is made of others, and its form in Dagster. Does not belong here: what
comes from outside (raw matches and orders have no columns before them), and how anything is computed.

A mapping names, for each column, the columns it is made of as ``asset.column``, separated by blanks; none for columns
that the asset makes up. A test holds that all of them exist. Dagster's own column graph needs Dagster+; here the column
schema names them, too.
"""

from collections.abc import Mapping, Sequence

import dagster as dg

from pizza_assets import contracts
from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.merchants.contract import ANSWERS, PUBLISHED_RUN
from pizza_assets.warehouse.contract import PIZZA_VS_FOOTBALL, VIEWS

Lineage = Mapping[str, str]


def _same(asset: str, *columns: str) -> dict[str, str]:
    """Return the lineage of columns that are taken over under their names."""
    return {column: f"{asset}.{column}" for column in columns}


def _all_of(asset: str, *columns: str) -> str:
    return " ".join(f"{asset}.{column}" for column in columns)


_SIDES = _all_of("raw_matches", "home_city", "away_city")
_RESULT = _all_of("raw_matches", "status", "home_score", "away_score")

MATCH_EVENTS: Lineage = {
    **_same("raw_matches", "match_id", "match_significance", "data_source"),
    "event_id": "raw_matches.match_id",
    "timestamp": _all_of("raw_matches", "timestamp", "duration", "home_goal_minutes", "away_goal_minutes"),
    "minute": _all_of("raw_matches", "home_goal_minutes", "away_goal_minutes"),
    "event_type": _all_of("raw_matches", "event_type", "status", "home_goal_minutes", "away_goal_minutes"),
    "team": _all_of("raw_matches", "home_team", "away_team"),
    "city": _SIDES,
}

ORDER_VOLUME: Lineage = {
    **_same("raw_orders", "city", "currency", "data_source"),
    "bin_start": "raw_orders.timestamp",
    "orders": "raw_orders.order_id",
    "revenue": "raw_orders.order_total",
    "pizzas": "raw_orders.quantity",
}

MERGED_ORDERS: Lineage = {
    **_same("raw_orders", "order_id", "timestamp", "location", "city", "order_total", "currency", "quantity"),
    "match_id": f"raw_matches.match_id raw_orders.city {_SIDES}",
    "time_period": _all_of("raw_matches", "timestamp", "duration") + " raw_orders.timestamp",
    "minutes_from_kick_off": "raw_orders.timestamp raw_matches.timestamp",
    "order_data_source": "raw_orders.data_source",
    "match_data_source": "raw_matches.data_source",
    "is_complete": "",
}

#: What every estimate is made of: orders in windows around kick-off, and in the same hours without a match.
_WINDOWS = _all_of("raw_matches", "timestamp", "status", "duration") + f" {_SIDES} order_volume.bin_start"
_OBSERVED = f"order_volume.orders order_volume.city {_WINDOWS}"
_LABELS = "order_volume.data_source raw_matches.data_source"
_SCOPE = _all_of("raw_matches", "home_team", "away_team", "competition", "match_significance")
_ESTIMATE = f"{_OBSERVED} {_SCOPE}"
_FACTORS = f"{_ESTIMATE} {_RESULT}"

CORRELATION_RESULTS: Lineage = {
    **dict.fromkeys(("estimate", "ci_low", "ci_high", "correlation_coefficient", "effect_size"), _FACTORS),
    **dict.fromkeys(("statistical_significance", "q_value", "verdict", "reason", "pattern_description"), _FACTORS),
    **dict.fromkeys(("observed", "expected"), _ESTIMATE),
    **dict.fromkeys(("n", "n_weeks", "smallest_effect", "more_matches"), f"{_WINDOWS} {_SCOPE}"),
    **dict.fromkeys(("as_of", "factor", "method", "time_window", "unit"), ""),
    "analysis_id": f"{_LABELS} {_SCOPE}",
    "data_source": _LABELS,
    "scope": _SCOPE,
    "data_quality": _LABELS,
}

#: A forecast continues past orders, and adds what matches have added to those that are ahead.
_AHEAD = " ".join(
    f"fixtures_ahead.{name}" for name in ("match_id", "timestamp", "home_team", "away_team", "competition")
)
ORDER_FORECAST: Lineage = {
    **dict.fromkeys(contracts.ORDER_FORECAST.columns, f"{_ESTIMATE} {_AHEAD}"),
    **dict.fromkeys(("as_of", "shop", "span", "minutes"), ""),
    "city": "order_volume.city",
    "start": "fixtures_ahead.timestamp",
    "kickoff_ts": "fixtures_ahead.timestamp",
    "match_ids": "fixtures_ahead.match_id",
    "matches": _AHEAD,
    "data_source": "order_volume.data_source fixtures_ahead.data_source",
    "pizzas": f"{_ESTIMATE} {_AHEAD} order_volume.pizzas",
}

_EVIDENCE = ("ci_low", "ci_high", "p_value", "q_value", "verdict", "sentence")
_OF_MATCH = {
    "match_id": "raw_matches.match_id",
    "kickoff_ts": "raw_matches.timestamp",
    "competition": "raw_matches.competition",
    "match_type": "raw_matches.match_significance",
    "city": _SIDES,
    **dict.fromkeys(("team", "opponent"), _all_of("raw_matches", "home_team", "away_team")),
    "is_home": "raw_matches.home_team",
    **dict.fromkeys(("goals_for", "goals_against"), _all_of("raw_matches", "home_score", "away_score")),
    "result": "raw_matches.event_type",
    **dict.fromkeys(
        ("goals", "goal_minutes", "goals_after"), _all_of("raw_matches", "home_goal_minutes", "away_goal_minutes")
    ),
}
_DATA_SETS: Mapping[str, Lineage] = {
    "meta": {
        **dict.fromkeys(("as_of", "built_at"), ""),
        **dict.fromkeys(("data_from", "data_until"), "order_volume.bin_start"),
        **dict.fromkeys(("is_mock", "data_source"), _LABELS),
        "share_real_orders": "order_volume.data_source",
        "share_real_matches": "raw_matches.data_source",
        "orders": "order_volume.orders",
        "matches": _all_of("raw_matches", "match_id", "status", "event_type"),
        "planted": "",
    },
    "hourly": {
        **{name: _OF_MATCH[name] for name in ("match_id", "kickoff_ts", "city", "match_type", "goals")},
        "data_source": _LABELS,
        "bucket_ts": "order_volume.bin_start",
        "hours_from_kickoff": "order_volume.bin_start raw_matches.timestamp",
        **dict.fromkeys(("orders", "expected"), _OBSERVED),
    },
    "daily": {
        "day": "order_volume.bin_start",
        **_same("order_volume", "city", "data_source", "orders", "revenue", "currency"),
        **dict.fromkeys(("expected", "dev_pct"), _OBSERVED),
        "is_match_day": f"raw_matches.timestamp {_SIDES}",
    },
    "matches": {
        **{name: made_of for name, made_of in _OF_MATCH.items() if name != "goals"},
        "data_source": _LABELS,
        **dict.fromkeys(("orders", "expected", "uplift_pct", "ci_low", "ci_high"), _OBSERVED),
        **dict.fromkeys(("pre_match_pct", "post_match_pct"), _OBSERVED),
        "is_clean": _WINDOWS,
    },
    "effects": {
        "as_of": "",
        "time_window": "",
        "data_source": _LABELS,
        "scope": _SCOPE,
        "method": _SCOPE,
        "team": _all_of("raw_matches", "home_team", "away_team"),
        **dict.fromkeys(("uplift_pct", *_EVIDENCE, "orders", "expected"), _ESTIMATE),
        "n_matches": f"{_WINDOWS} {_SCOPE}",
    },
    "profile": {
        "match_type": "raw_matches.match_significance",
        "hours_from_kickoff": "order_volume.bin_start raw_matches.timestamp",
        "data_source": _LABELS,
        **dict.fromkeys(("uplift_pct", "ci_low", "ci_high", "n_matches"), _OBSERVED),
    },
    "correlations": {
        **dict.fromkeys(("as_of", "factor", "method", "time_window"), ""),
        "data_source": _LABELS,
        "scope": _SCOPE,
        **dict.fromkeys(("r", *_EVIDENCE, "n_matches"), _FACTORS),
    },
    "retail": _same("pizza_vs_football", *PIZZA_VS_FOOTBALL.columns),
    "forecast": {name: f"order_forecast.{name}" for name in DATA_SETS["forecast"].columns},
    "pooled": {
        **dict.fromkeys(DATA_SETS["pooled"].columns, _ESTIMATE),
        **dict.fromkeys(("kind", "time_window"), ""),
        "name": f"{_SCOPE} raw_matches.stage raw_matches.timestamp",
        "data_source": _LABELS,
    },
    "anomalies": {
        "city": "order_volume.city",
        "bucket_ts": "order_volume.bin_start",
        "data_source": "order_volume.data_source",
        **dict.fromkeys(("orders", "expected", "uplift_pct", "q_value"), _OBSERVED),
        "match_ids": f"raw_matches.match_id raw_matches.timestamp {_SIDES}",
        "time_period": f"raw_matches.timestamp raw_matches.duration {_SIDES}",
        "seen_in": _LABELS,
    },
}
DASHBOARD_DATA: Lineage = {
    f"{data_set}.{column}": made_of for data_set, of_set in _DATA_SETS.items() for column, made_of in of_set.items()
}
#: What shows the dashboard's data takes its columns over under their names.
SHOWN_DATA: Lineage = {
    f"{name}.{column}": f"dashboard_data.{name}.{column}"
    for name, schema in DATA_SETS.items()
    for column in schema.columns
}
#: The report tells the results of the newest day under their names.
INSIGHTS_REPORT: Lineage = {column: f"correlation_results.{column}" for column in contracts.CORRELATION_RESULTS.columns}
#: An order is a line; what it does not tell is made up the same for all of them.
DOMINOS_SALES: Lineage = {
    **dict.fromkeys(contracts.SALES.columns, ""),
    **_same("raw_orders", "currency", "data_source"),
    "transaction_id": "raw_orders.order_id",
    "sold_at": "raw_orders.timestamp",
    "store_id": "raw_orders.location",
    "store_city": "raw_orders.city",
    "unit_price": "raw_orders.order_total",
    "total_amount": "raw_orders.order_total",
}


def fact_sales(raw: str) -> Lineage:
    """Return the lineage of the facts that are loaded from a raw asset."""
    return {
        **_same(raw, "transaction_id", "sold_at", "quantity", "unit_price", "discount", "total_amount", "currency"),
        "data_source": f"{raw}.data_source",
        "is_return": f"{raw}.quantity",
        "retailer_key": f"{raw}.retailer_id",
        "product_key": _all_of(raw, "product_sku", "product_name", "category"),
        "customer_key": f"{raw}.customer_id",
        "store_key": _all_of(raw, "store_id", "store_city"),
        "date_key": _all_of(raw, "sold_at", "store_city"),
        "line": f"{raw}.line",
        "source_day": "",
    }


MATCH_DATES: Lineage = {
    **dict.fromkeys(("date_key", "calendar_date"), ""),
    **dict.fromkeys(("is_match_date", "match_count"), _all_of("raw_matches", "timestamp", "status")),
    "matches_source": "raw_matches.data_source",
}
#: The columns of the facts, and of the match dates, that the views' columns are made of.
_OF_FACTS = {
    **dict.fromkeys(("sale_date", "iso_day_of_week", "month_start", "iso_year", "iso_week", "week_start"), "date_key"),
    **dict.fromkeys(("year", "quarter", "days"), "date_key"),
    **dict.fromkeys(("retailer_id",), "retailer_key"),
    **dict.fromkeys(("product_sku", "product_name", "category"), "product_key"),
    **dict.fromkeys(("currency", "data_source"), ""),
    **dict.fromkeys(("net_quantity", "returned_quantity"), "quantity"),
    "discounts": "discount",
    **dict.fromkeys(("transactions", "facts"), "transaction_id"),
    "customers": "customer_key",
    **dict.fromkeys(
        ("net_revenue", "returns", "gross_revenue", "revenue_per_transaction", "share_of_month", "revenue_rank"),
        "total_amount",
    ),
    **dict.fromkeys(("previous_revenue", "change"), "total_amount"),
}
_OF_MATCH_DATES = ("is_match_date", "matches_source")


def warehouse_views(facts: Sequence[str]) -> Lineage:
    """Return the lineage of the views over the facts of these assets; a column is shown as ``view.column``."""
    lineage = {}
    for view, schema in VIEWS.items():
        for column in schema.columns:
            if column in _OF_MATCH_DATES:
                lineage[f"{view}.{column}"] = f"match_dates.{column}"
            else:
                lineage[f"{view}.{column}"] = " ".join(f"{asset}.{_OF_FACTS[column] or column}" for asset in facts)
    return lineage


def pizza_vs_football(facts: Sequence[str]) -> Lineage:
    """Return the lineage of sales around kick-off, over the facts of these assets."""

    def of_facts(*columns: str) -> str:
        return " ".join(f"{asset}.{column}" for asset in facts for column in columns)

    sold = of_facts("quantity", "sold_at", "product_key", "store_key")
    around = _all_of("raw_matches", "timestamp", "status", "duration")
    return {
        **dict.fromkeys(PIZZA_VS_FOOTBALL.columns, f"{sold} {around} {_SIDES}"),
        **dict.fromkeys(("as_of", "time_window"), ""),
        "category": of_facts("product_key"),
        "city": f"{of_facts('store_key')} {_SIDES}",
        "data_source": f"{of_facts('data_source')} raw_matches.data_source",
        "retailers": of_facts("retailer_key", "source_day"),
        "days": of_facts("source_day"),
    }


_CLEAN = _all_of("merchant_transactions", "purchase_amount", "authorized_flag")
_NAMED = "merchant_transactions.merchant_id"
_MERCHANT_COLUMNS = {
    **_same("merchant_transactions", "merchant_id", "city_id", "state_id", "category", "data_source"),
    "merchant_name": _NAMED,
    **dict.fromkeys(("month", "hour"), "merchant_transactions.purchase_date"),
    **dict.fromkeys(("position", "is_advised", "amount", "mean_amount", "sales", "measure"), _CLEAN),
    **dict.fromkeys(("attempts", "share_of_city"), _NAMED),
    "unknown_city_attempts": "merchant_transactions.city_id",
    "cities": "merchant_transactions.city_id",
    "categories": "merchant_transactions.category",
    **dict.fromkeys(("chi_squared", "cramers_v"), _all_of("merchant_transactions", "city_id", "category")),
    "topic": "",
    "choice": _all_of("merchant_transactions", "city_id", "category", "purchase_date", "installments"),
}
#: The answers to the merchants' questions, by their asset.
MERCHANT_ANSWERS: Mapping[str, Lineage] = {
    name: {column: _MERCHANT_COLUMNS[column] for column in schema.columns} for name, schema in ANSWERS.items()
}


def sold_transactions(facts: Sequence[str]) -> Lineage:
    """Return the lineage of transactions that are the sales of these assets."""
    made_of = {
        "merchant_id": ("retailer_key", "store_key"),
        "city_id": ("store_key",),
        "state_id": ("store_key",),
        "category": ("product_key",),
        "purchase_amount": ("total_amount",),
        "purchase_date": ("sold_at", "store_key"),
        "installments": (),
        "authorized_flag": (),
        "data_source": ("data_source",),
    }
    return {name: " ".join(_all_of(asset, *columns) for asset in facts) for name, columns in made_of.items()}


#: The report tells the answers under their names.
MERCHANT_REPORT: Lineage = {
    f"{name}.{column}": f"{name}.{column}" for name, schema in ANSWERS.items() for column in schema.columns
}
#: The warehouse's tables, too; its note of the run tells what the transactions are.
MERCHANT_TABLES: Lineage = {
    **MERCHANT_REPORT,
    **{f"{PUBLISHED_RUN.name}.{column}": "" for column in PUBLISHED_RUN.columns},
    f"{PUBLISHED_RUN.name}.data_source": "merchant_transactions.data_source",
    **dict.fromkeys(
        (f"{PUBLISHED_RUN.name}.first_purchase", f"{PUBLISHED_RUN.name}.last_purchase"),
        "merchant_transactions.purchase_date",
    ),
}


def dependencies(made_of: str) -> list[dg.TableColumnDep]:
    """Return the columns that a mapping names."""
    named = (name.split(".", 1) for name in dict.fromkeys(made_of.split()))
    return [dg.TableColumnDep(asset_key=dg.AssetKey(asset), column_name=column) for asset, column in named]


def column_lineage(lineage: Lineage) -> dg.TableColumnLineage:
    """Return a lineage as Dagster takes it."""
    return dg.TableColumnLineage({column: dependencies(made_of) for column, made_of in lineage.items()})
