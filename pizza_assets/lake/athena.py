"""Athena's view of the lake: DDL derived from the contracts and the layout, with projected partitions.

Belongs here: tables and views over the daily data sets. Does not belong here: running it, and files that several data
sets share a folder of (analyses, dashboard data): Athena reads whole folders.

Partition projection computes a day's folder from its name, so that no day has to be registered. Sales are JSON text:
their table has money and instants as the strings that they are, and a view casts them.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import pandera.pandas as pa
import pyarrow

from pizza_assets import contracts
from pizza_assets.errors import SettingsError
from pizza_assets.lake import layout
from pizza_assets.lake.layout import DailyLayout
from pizza_assets.platform.columns import SOURCES

_TYPES: Mapping[pyarrow.DataType, str] = {
    pyarrow.string(): "string",
    pyarrow.int32(): "int",
    pyarrow.int64(): "bigint",
    pyarrow.float64(): "double",
    pyarrow.bool_(): "boolean",
    pyarrow.timestamp("us", tz="UTC"): "timestamp",
}
SALES_TABLE, SALES_VIEW = "sales_lines", "sales"
#: Years of sales that are projected: a query that names no year looks for each day of each of them.
YEARS = 10
_JSON_SERDE = "org.apache.hive.hcatalog.data.JsonSerDe"


def ddl(lake: str, database: str, first_day: date) -> str:
    """Return the statements that make every daily data set of a lake known to Athena, each ended by ``;``.

    Parameters
    ----------
    lake
        ``s3://bucket[/prefix]``.
    database
        Name of the Athena database; it is created when it is missing.
    first_day
        The first day that there may be.

    Raises
    ------
    SettingsError
        When the lake is not on S3.
    """
    if not lake.startswith("s3://"):
        raise SettingsError(f"Athena reads S3, and the lake is '{lake}'. Set PIZZA_LAKE=s3://bucket, or give --lake.")
    root = lake.rstrip("/")
    statements = [f"CREATE DATABASE IF NOT EXISTS `{database}`"]
    statements += [_daily_table(root, database, where, first_day) for where in layout.FRAME_TABLES.values()]
    statements += [_sales_table(root, database, first_day), _sales_view(database)]
    return "\n\n".join(f"{statement};" for statement in statements) + "\n"


def _daily_table(root: str, database: str, where: DailyLayout, first_day: date) -> str:
    location = f"{root}/{where.prefix}/"
    partitions, template, projection = ["`day` string"], f"{location}${{day}}/", _days(first_day)
    if where.by_source:
        partitions.insert(0, "`source` string")
        template = f"{location}${{source}}/${{day}}/"
        projection = {"projection.source.type": "enum", "projection.source.values": ",".join(SOURCES)} | projection
    return _external_table(
        f"`{database}`.`{where.name}`",
        where.contract,
        [_athena_type(field.type) for field in contracts.arrow_schema(where.contract)],
        partitions,
        "STORED AS PARQUET",
        location,
        {"projection.enabled": "true", **projection, "storage.location.template": template},
    )


def _sales_table(root: str, database: str, first_day: date) -> str:
    projection = {
        "projection.enabled": "true",
        "projection.retailer.type": "enum",
        "projection.retailer.values": ",".join(contracts.RETAILER_IDS),
        "projection.year.type": "integer",
        "projection.year.range": f"{first_day.year},{first_day.year + YEARS - 1}",
        "projection.month.type": "integer",
        "projection.month.range": "1,12",
        "projection.month.digits": "2",
        "projection.day.type": "integer",
        "projection.day.range": "1,31",
        "projection.day.digits": "2",
        "storage.location.template": f"{root}/raw/${{retailer}}/year=${{year}}/month=${{month}}/day=${{day}}/",
    }
    return _external_table(
        f"`{database}`.`{SALES_TABLE}`",
        contracts.SALES,
        ["string" if _is_text(field.type) else _athena_type(field.type) for field in contracts.sales_schema()],
        ["`retailer` string", "`year` int", "`month` int", "`day` int"],
        f"ROW FORMAT SERDE '{_JSON_SERDE}'",
        f"{root}/raw/",
        projection,
    )


def _sales_view(database: str) -> str:
    """Return the view that gives sales their types; it reads the retailers, years, months and days asked for."""
    month, day = (f"lpad(CAST(\"{name}\" AS varchar), 2, '0')" for name in ("month", "day"))
    source_day = f"CAST(CAST(\"year\" AS varchar) || '-' || {month} || '-' || {day} AS date) AS \"source_day\""
    columns = [*(_typed(field) for field in contracts.sales_schema()), source_day, '"year"', '"month"', '"day"']
    listed = ",\n  ".join(columns)
    return (
        f'CREATE OR REPLACE VIEW "{database}"."{SALES_VIEW}" AS\nSELECT\n  {listed}\nFROM "{database}"."{SALES_TABLE}"'
    )


def _typed(field: pyarrow.Field) -> str:
    """Return a column of sales with its type; instants are in UTC, because views have no time zones."""
    name = f'"{field.name}"'
    if field.name == "retailer_id":
        return '"retailer" AS "retailer_id"'
    if field.name == "discount":  # days of an older version have none, and no discount
        return f"COALESCE(CAST({name} AS {_athena_type(field.type)}), 0) AS {name}"
    if pyarrow.types.is_decimal(field.type):
        return f"CAST({name} AS {_athena_type(field.type)}) AS {name}"
    if pyarrow.types.is_timestamp(field.type):
        return f"date_parse({name}, '%Y-%m-%dT%H:%i:%s.%fZ') AS {name}"
    return name


def _external_table(  # noqa: PLR0913, PLR0917 the parts of the statement, in their order
    name: str,
    contract: pa.DataFrameSchema,
    types: Sequence[str],
    partitions: Sequence[str],
    stored_as: str,
    location: str,
    properties: Mapping[str, str],
) -> str:
    columns = [
        f"`{column}` {kind} COMMENT {_quoted(described.description or '')}"
        for (column, described), kind in zip(contract.columns.items(), types, strict=True)
    ]
    return "\n".join(
        [
            f"CREATE EXTERNAL TABLE IF NOT EXISTS {name} (",
            ",\n".join(f"  {column}" for column in columns),
            f")\nCOMMENT {_quoted(contract.description or '')}",
            f"PARTITIONED BY ({', '.join(partitions)})",
            stored_as,
            f"LOCATION {_quoted(location)}",
            "TBLPROPERTIES (",
            ",\n".join(f"  {_quoted(key)} = {_quoted(value)}" for key, value in properties.items()),
            ")",
        ]
    )


def _days(first_day: date) -> dict[str, str]:
    return {
        "projection.day.type": "date",
        "projection.day.format": "yyyy/MM/dd",
        "projection.day.range": f"{first_day:%Y/%m/%d},NOW",
        "projection.day.interval": "1",
        "projection.day.interval.unit": "DAYS",
    }


def _is_text(kind: pyarrow.DataType) -> bool:
    """Tell whether sales are written with this type as text."""
    return bool(pyarrow.types.is_decimal(kind) or pyarrow.types.is_timestamp(kind))


def _athena_type(kind: pyarrow.DataType) -> str:
    if pyarrow.types.is_list(kind):
        return f"array<{_athena_type(kind.value_type)}>"
    if pyarrow.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    return _TYPES[kind]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
