"""Small transactions and merchants for examples: only what a test is about is written down."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from pizza_assets.contracts import MERCHANTS, arrow_schema
from pizza_assets.merchants.clean import Limits, accepted, attempts, judged, merchant_names, named
from pizza_assets.merchants.engines import Engine
from pizza_assets.merchants.questions import Rules, expressions
from pizza_assets.platform.columns import Source

_TYPES = {
    "merchant_id": pa.string(),
    "city_id": pa.string(),
    "state_id": pa.string(),
    "category": pa.string(),
    "purchase_amount": pa.float64(),
    "purchase_date": pa.timestamp("us"),
    "installments": pa.int64(),
    "authorized_flag": pa.string(),
}


def row(**changes: Any) -> dict[str, Any]:
    """How a transaction differs from a plain one (M1, city 1, category A, 1.00, paid at once, authorised)."""
    return changes


def at(month: int, day: int, hour: int = 12, year: int = 2024, minute: int = 30) -> datetime:
    return datetime(year, month, day, hour, minute)  # noqa: DTZ001 purchases are in local time


LIMITS = Limits(latest=at(1, 1, year=2030, hour=0, minute=0), max_amount=1e7)
_PLAIN = {
    "merchant_id": "M1",
    "city_id": "1",
    "state_id": "9",
    "category": "A",
    "purchase_amount": 1.0,
    "purchase_date": at(5, 6),
    "installments": 0,
    "authorized_flag": "Y",
}


def transactions(*rows: dict[str, Any], types: dict[str, pa.DataType] | None = None) -> pa.Table:
    """Return transactions made with `row`."""
    fields = _TYPES | (types or {})
    filled = [_PLAIN | row for row in rows]
    return pa.table({name: pa.array([row[name] for row in filled], kind) for name, kind in fields.items()})


def merchants(*pairs: tuple[str | None, str | None]) -> pa.Table:
    """Merchants as (id, name)."""
    ids, names = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return pa.table({"merchant_id": pa.array(ids, pa.string()), "merchant_name": pa.array(names, pa.string())})


def merchants_list(*pairs: tuple[str, str | None], source: Source = "real") -> pa.Table:
    """Merchants as (id, name), in the form of their contract."""
    rows = [(key, name, None, None, source) for key, name in pairs]
    schema = arrow_schema(MERCHANTS)
    return pa.Table.from_pylist([dict(zip(schema.names, values, strict=True)) for values in rows], schema)


def judged_table(engine: Engine, rows: pa.Table) -> Any:
    return judged(engine.lookup("transactions", rows), LIMITS)


def answer(
    engine: Engine, name: str, rows: pa.Table, listed: pa.Table | None = None, rules: Rules | None = None
) -> list[tuple[Any, ...]]:
    """The rows of one answer, as tuples, from raw transactions and merchants through cleaning."""
    cleaned = attempts(accepted(judged_table(engine, rows)))
    names = merchant_names(engine.lookup("merchants", merchants() if listed is None else listed))
    table = engine.run(expressions()[name](cleaned, names, rules or Rules())).table
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True)) if table.num_rows else []


def columns(rows: Sequence[tuple[Any, ...]], *positions: int) -> list[tuple[Any, ...]]:
    return [tuple(row[position] for position in positions) for row in rows]


def names_of(engine: Engine, listed: pa.Table, ids: Sequence[str]) -> dict[str, str]:
    """The names that `ids` are shown under."""
    rows = engine.lookup("shown", pa.table({"merchant_id": pa.array(ids, pa.string())}))
    table = engine.run(named(rows, merchant_names(engine.lookup("merchants", listed)))).table
    found = list(zip(table["merchant_id"].to_pylist(), table["merchant_name"].to_pylist(), strict=True))
    assert len(found) == len(ids), "the join fans out"
    return dict(found)
