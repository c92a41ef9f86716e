"""The warehouse in QuickSight: PostgreSQL as a data source, and the sales of every day and product as a data set.

Belongs here: these requests. Does not belong here: sending them (``deploy``), the dashboard's own data sets
(``quicksight``), where the warehouse is (``warehouse_target``).

No password comes near: QuickSight reads it from Secrets Manager by itself, and is only told which secret. The log-in in
it should be one with the role ``bi_reader``.
"""

from collections.abc import Mapping

from pizza_assets.dashboard.contract import SALES_BY_PRODUCT
from pizza_assets.dashboard.quicksight.data_sources import Request, Target, column_type, permissions, resource_id
from pizza_assets.dashboard.quicksight.warehouse_target import WarehouseTarget

SOURCE, DATA_SET = "warehouse", "sales"
#: After the retailers' loads at 02:00, and their retries.
REFRESHED_AT = "05:00"
_RELATION = "marts.mv_daily_sales_by_product"
#: QuickSight is given types that every PostgreSQL and every QuickSight tell alike.
_CASTS: Mapping[str, str] = {
    "is_match_date": "integer",
    **{name: "numeric(18, 4)" for name in SALES_BY_PRODUCT.columns if column_type(SALES_BY_PRODUCT, name) == "DECIMAL"},
}


def data_source(to: Target, warehouse: WarehouseTarget) -> Request:
    """Return the request for the PostgreSQL data source; it always asks for TLS."""
    request: Request = {
        "AwsAccountId": to.account,
        "DataSourceId": resource_id(SOURCE),
        "Name": "Retail warehouse",
        "Type": "POSTGRESQL",
        "DataSourceParameters": {
            "PostgreSqlParameters": {
                "Host": warehouse.host,
                "Port": warehouse.port,
                "Database": warehouse.database,
            }
        },
        "Credentials": {"SecretArn": warehouse.secret},
        "SslProperties": {"DisableSsl": False},
        "Permissions": permissions(to, "source"),
    }
    if warehouse.vpc_connection:
        request["VpcConnectionProperties"] = {"VpcConnectionArn": warehouse.vpc_connection}
    return request


def query() -> str:
    """Return the query behind the data set: the contract's columns, in its order."""
    columns = [
        f"CAST({column} AS {_CASTS[column]}) AS {column}" if column in _CASTS else column
        for column in SALES_BY_PRODUCT.columns
    ]
    return f"SELECT {', '.join(columns)} FROM {_RELATION}"  # noqa: S608 all of it is written here


def data_set(to: Target) -> Request:
    """Return the request for the data set of sales."""
    types = {column: column_type(SALES_BY_PRODUCT, column) for column in SALES_BY_PRODUCT.columns}
    return {
        "AwsAccountId": to.account,
        "DataSetId": resource_id(DATA_SET),
        "Name": "Retail sales by day and product",
        "PhysicalTableMap": {
            DATA_SET: {
                "CustomSql": {
                    "DataSourceArn": to.arn("datasource", resource_id(SOURCE)),
                    "Name": DATA_SET,
                    "SqlQuery": query(),
                    "Columns": [{"Name": column, "Type": kind} for column, kind in types.items()],
                }
            }
        },
        "LogicalTableMap": {
            DATA_SET: {
                "Alias": DATA_SET,
                "DataTransforms": [{"ProjectOperation": {"ProjectedColumns": list(types)}}],
                "Source": {"PhysicalTableId": DATA_SET},
            }
        },
        "ImportMode": "SPICE",
        "Permissions": permissions(to, "set"),
    }
