"""The warehouse's sales as card transactions: each store is a merchant, each receipt an authorised attempt.

Belongs here: what a sale is as an attempt, and streaming it to a file. Does not belong here: which settings choose
it (``inputs``), cleaning (``clean``).

An attempt is a category on a receipt: a receipt with two categories is two attempts. Facts count as the newest feed
states them; what it superseded, what was archived to the lake, and returns take no part.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import pyarrow
import pyarrow.csv
import pyarrow.parquet as pq
from psycopg import rows
from psycopg.sql import SQL, Composed, Literal

from pizza_assets import contracts
from pizza_assets.errors import SourceError
from pizza_assets.platform.columns import Source
from pizza_assets.reference import cities
from pizza_assets.retail.contract import UNKNOWN
from pizza_assets.warehouse.connection import Connection

#: Bytes of CSV that become one row group, some 150,000 rows: bounds memory.
_BLOCK = 16_000_000
_KINDS = """
SELECT data_source, currency, count(*) AS facts FROM sales.fact_sales WHERE NOT is_return
GROUP BY data_source, currency ORDER BY 1, 2
"""
#: The clock of the store is its city's, as for date_key; UTC where the city is unknown.
_ATTEMPTS = """
COPY (
    SELECT CASE WHEN a.store_key <> 0 THEN r.retailer_id || '/' || s.store_id END AS merchant_id,
           nullif(s.city, {unknown}) AS city_id,
           c.country AS state_id,
           nullif(a.category, {unknown}) AS category,
           a.amount::double precision AS purchase_amount,
           a.sold_at AT TIME ZONE coalesce(c.time_zone, 'UTC') AS purchase_date,
           NULL AS installments,
           'Y' AS authorized_flag,
           {source} AS data_source
    FROM (
        SELECT f.retailer_key, f.date_key, f.transaction_id, f.store_key, p.category, sum(f.total_amount) AS amount,
               min(f.sold_at) AS sold_at
        FROM sales.fact_sales f JOIN sales.dim_product p USING (product_key)
        WHERE f.data_source = {source} AND f.currency = {currency} AND NOT f.is_return
        GROUP BY f.retailer_key, f.date_key, f.transaction_id, f.store_key, p.category
    ) a
    JOIN sales.dim_retailer r USING (retailer_key)
    JOIN sales.dim_store s USING (store_key)
    LEFT JOIN unnest({cities}::text[], {countries}::text[], {time_zones}::text[]) AS c (city, country, time_zone)
        ON c.city = s.city
    ORDER BY a.retailer_key, a.transaction_id, a.date_key, a.store_key, a.category
) TO STDOUT (FORMAT csv)
"""
_STORES = """
SELECT r.retailer_id || '/' || s.store_id AS merchant_id, r.retailer_name || ' ' || s.store_id AS merchant_name,
       nullif(s.city, {unknown}) AS city_id, c.country AS state_id, {source} AS data_source
FROM sales.dim_store s
JOIN sales.dim_retailer r USING (retailer_key)
LEFT JOIN unnest({cities}::text[], {countries}::text[], {time_zones}::text[]) AS c (city, country, time_zone)
    ON c.city = s.city
WHERE s.store_key <> 0 AND EXISTS (
    SELECT FROM sales.fact_sales f
    WHERE f.store_key = s.store_key AND f.data_source = {source} AND f.currency = {currency} AND NOT f.is_return
)
ORDER BY s.retailer_key, s.store_id
"""


@dataclass(frozen=True)
class Sold:
    """What was exported: the stores (MERCHANTS), whether the sales are real or mock, and their currency."""

    stores: pyarrow.Table
    data_source: Source
    currency: str


def export(connection: Connection, path: Path, currency: str | None = None, source: Source | None = None) -> Sold:
    """Write the warehouse's sales to `path` as Parquet (MERCHANT_TRANSACTIONS), in a bounded amount of memory.

    ``purchase_date`` is the clock of the store, ``state_id`` the country of its city; ``installments`` are unknown.

    Parameters
    ----------
    currency, source
        Take these sales only; needed where the warehouse has several currencies, or real and mock.

    Raises
    ------
    SourceError
        When there are no such sales, or they are of several currencies or partly real and partly mock.
    """
    # One snapshot: sales that are loaded meanwhile are in all of it or in none.
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        source, currency = _one_kind(connection.execute(_KINDS).fetchall(), source, currency)
        with connection.cursor(row_factory=rows.dict_row) as cursor:
            listed = cursor.execute(_filled(_STORES, source, currency)).fetchall()
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".csv") as text:
            with connection.cursor() as cursor, cursor.copy(_filled(_ATTEMPTS, source, currency)) as copy:
                for block in copy:
                    text.write(block)
            text.flush()
            _write(text.name, path)
    stores = pyarrow.Table.from_pylist(listed, contracts.arrow_schema(contracts.MERCHANTS))
    return Sold(stores, source, currency)


def _one_kind(
    kinds: Sequence[tuple[Source, str, int]], source: Source | None, currency: str | None
) -> tuple[Source, str]:
    """Return the one source and currency of the wanted sales. `kinds`: source, currency, facts."""
    wanted = [kind for kind in kinds if source in {None, kind[0]} and currency in {None, kind[1]}]
    there = ", ".join(f"{count:,} {kind} in {money}" for kind, money, count in kinds)
    if not kinds:
        raise SourceError(
            "The warehouse has no sales. Load some ('pizza-assets warehouse load'), or give files of transactions.",
            final=True,
        )
    if not wanted:
        asked = " ".join(filter(None, (source, currency)))
        raise SourceError(
            f"The warehouse has no {asked} sales; its facts are {there}. Choose one of these.", final=True
        )
    if len({kind for kind, _, _ in wanted}) > 1:
        raise SourceError(
            f"The warehouse's sales are partly real and partly mock ({there}), which are never mixed. Choose with "
            "--data-source (MERCHANTS_DATA_SOURCE).",
            final=True,
        )
    if len(wanted) > 1:
        raise SourceError(
            f"The warehouse's sales are in several currencies ({there}), which are never added up. Choose one with "
            "--currency (MERCHANTS_CURRENCY).",
            final=True,
        )
    return wanted[0][0], wanted[0][1]


def _filled(query: LiteralString, source: Source, currency: str) -> Composed:
    known = cities()
    return SQL(query).format(
        unknown=Literal(UNKNOWN),
        source=Literal(source),
        currency=Literal(currency),
        cities=Literal([*known]),
        countries=Literal([city.country for city in known.values()]),
        time_zones=Literal([city.time_zone for city in known.values()]),
    )


def _write(csv: str, path: Path) -> None:
    """Write a CSV of attempts, without names of columns, as Parquet."""
    schema = contracts.arrow_schema(contracts.MERCHANT_TRANSACTIONS)
    batches = pyarrow.csv.open_csv(
        csv,
        read_options=pyarrow.csv.ReadOptions(column_names=schema.names, block_size=_BLOCK),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=schema, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
        ),
    )
    with batches, pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.cast(schema))
