"""What the catalog says of the warehouse is what a real PostgreSQL has after the migrations."""

import pandera.pandas as pa
import pytest

from pizza_assets.merchants.contract import MERCHANT_TABLES
from pizza_assets.warehouse.connection import Connection
from pizza_assets.warehouse.contract import FACT_SALES, MATCH_DATES, PIZZA_VS_FOOTBALL, VIEWS

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, NULL), a.attnotnull
FROM pg_attribute a WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_KEY = """
SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
WHERE i.indrelid = %s::regclass AND i.indisunique AND i.indexprs IS NULL
"""
#: Kinds of types here and there.
_KINDS = {
    "text": {"string"},
    "integer": {"int64"},
    "smallint": {"int64"},
    "bigint": {"int64"},
    "numeric": {"decimal"},
    "date": {"date32"},
    "boolean": {"bool"},
    "timestamp with time zone": {"timestamp"},
    "timestamp without time zone": {"timestamp"},
    "double precision": {"double"},
}


def kinds(schema: pa.DataFrameSchema) -> dict[str, str]:
    from pizza_assets.contracts import arrow_schema

    return {field.name: str(field.type).split("[", 1)[0].split("128", 1)[0] for field in arrow_schema(schema)}


@pytest.mark.parametrize(
    ("table", "schema"),
    [
        ("sales.fact_sales", FACT_SALES),
        ("marts.pizza_vs_football", PIZZA_VS_FOOTBALL),
        *((f"marts.{name}", schema) for name, schema in VIEWS.items()),
        *((f"merchants.{name}", schema) for name, schema in MERCHANT_TABLES.items()),
    ],
)
def test_columns_types_and_key_are_the_databases(
    connection: Connection, table: str, schema: pa.DataFrameSchema
) -> None:
    found = connection.execute(_COLUMNS, [table]).fetchall()
    assert [name for name, *_ in found] == list(schema.columns)
    for name, kind, _ in found:
        assert kinds(schema)[name] in _KINDS[kind], name
    assert {name for (name,) in connection.execute(_KEY, [table])} == set((schema.metadata or {})["key"])
    if not table.startswith("marts.mv_"):
        assert {name for name, _, is_not_null in found if not is_not_null} == {
            name for name, column in schema.columns.items() if column.nullable
        }


def test_match_dates_are_columns_of_the_calendar(connection: Connection) -> None:
    found = {name: kind for name, kind, _ in connection.execute(_COLUMNS, ["sales.dim_date"]).fetchall()}
    for name, kind in kinds(MATCH_DATES).items():
        assert kind in _KINDS[found[name]], name


def test_every_table_and_column_of_the_merchants_says_what_it_means(connection: Connection) -> None:
    silent = connection.execute("""
        SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'merchants'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
        AND col_description(c.oid, a.attnum) IS NULL
        UNION ALL
        SELECT c.relname, '' FROM pg_class c
        WHERE c.relnamespace = 'merchants'::regnamespace AND c.relkind = 'r' AND obj_description(c.oid) IS NULL
    """)
    assert silent.fetchall() == []
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'merchants'").fetchall()
    assert {name for (name,) in tables} == set(MERCHANT_TABLES)
