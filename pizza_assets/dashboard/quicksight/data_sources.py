"""QuickSight's data sources, data sets and schedules, as requests made from the contracts.

Belongs here: names, columns, casts, permissions, the refresh schedule. Does not belong here: the dashboard
itself (``definition``), sending requests (``deploy``).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandera.pandas as pa

from pizza_assets.contracts import arrow_schema
from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.dashboard.quicksight.warehouse_target import WarehouseTarget, warehouse_target
from pizza_assets.errors import PizzaAssetsError
from pizza_assets.lake import is_on_s3, layout
from pizza_assets.settings import Settings

Request = dict[str, Any]

#: Everything we make has an id that starts so; teardown touches nothing else.
PREFIX = "pizza"
DASHBOARD_ID = f"{PREFIX}-dashboard"
SCHEDULE_ID = f"{PREFIX}-daily"
#: How a CSV writes instants and days, in the letters of java.time that QuickSight takes (at most 32).
INSTANT_FORMAT, DAY_FORMAT = "yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd"
#: Text columns that hold a day.
DAYS = frozenset({"as_of", "data_from", "data_until", "day", "sale_date"})

_SOURCE_READ = ("DescribeDataSource", "DescribeDataSourcePermissions", "PassDataSource")
_SOURCE_WRITE = ("UpdateDataSource", "DeleteDataSource", "UpdateDataSourcePermissions")
_SET_READ = ("DescribeDataSet", "DescribeDataSetPermissions", "PassDataSet", "DescribeIngestion", "ListIngestions")
_SET_WRITE = ("UpdateDataSet", "DeleteDataSet", "CreateIngestion", "CancelIngestion", "UpdateDataSetPermissions")
_BOARD_READ = ("DescribeDashboard", "ListDashboardVersions", "QueryDashboard")
_BOARD_WRITE = (
    "UpdateDashboard", "DeleteDashboard", "UpdateDashboardPermissions", "DescribeDashboardPermissions",
    "UpdateDashboardPublishedVersion",
)  # fmt: skip
_ACTIONS = {
    "source": (_SOURCE_READ, _SOURCE_WRITE),
    "set": (_SET_READ, _SET_WRITE),
    "dashboard": (_BOARD_READ, _BOARD_WRITE),
}


@dataclass(frozen=True)
class Target:
    """Where the dashboard goes.

    Attributes
    ----------
    account, region
        The AWS account (12 digits) and the region of QuickSight.
    bucket, prefix
        Where the lake lies; QuickSight reads manifests and data there.
    owners, viewers
        ARNs of users or groups. Without any nobody sees anything.
    default_source
        The data source that viewers see first.
    warehouse
        Where QuickSight finds the warehouse; None where it is not set up there.
    """

    account: str
    region: str
    bucket: str
    prefix: str
    owners: tuple[str, ...] = ()
    viewers: tuple[str, ...] = ()
    default_source: str = "mock"
    warehouse: WarehouseTarget | None = None

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of a resource of ours: kind 'datasource', 'dataset' or 'dashboard'."""
        return f"arn:aws:quicksight:{self.region}:{self.account}:{kind}/{name}"


def target(settings: Settings, default_source: str = "mock") -> Target:
    """Return the target that the settings name.

    Raises
    ------
    PizzaAssetsError
        When the lake is no bucket, or account, region or owners are missing: each with what to do.
    """
    problems = []
    if not is_on_s3(settings.pizza_lake):
        problems.append(f"QuickSight reads S3, and PIZZA_LAKE is the folder '{settings.pizza_lake}': set s3://bucket")
    if not settings.quicksight_account_id:
        problems.append("QUICKSIGHT_ACCOUNT_ID is not set: give the 12 digits of the AWS account")
    if not settings.aws_region:
        problems.append("AWS_REGION is not set: give the region that QuickSight was signed up in")
    if not settings.quicksight_owners:
        problems.append("QUICKSIGHT_OWNERS is not set: give the ARN of a user or group, or nobody sees the dashboard")
    if problems:
        raise PizzaAssetsError(f"QuickSight cannot be set up. {'; '.join(problems)}.")
    bucket, _, prefix = settings.pizza_lake.removeprefix("s3://").partition("/")
    return Target(
        account=settings.quicksight_account_id or "",
        region=settings.aws_region or "",
        bucket=bucket,
        prefix=f"{prefix.strip('/')}/" if prefix.strip("/") else "",
        owners=settings.quicksight_owners,
        viewers=settings.quicksight_viewers,
        default_source=default_source,
        warehouse=warehouse_target(settings),
    )


def resource_id(data_set: str) -> str:
    """Return the id of a data set's data source and data set."""
    return f"{PREFIX}-{data_set}"


def permissions(to: Target, kind: str) -> list[Request]:
    """Return who may do what with a resource of this kind: 'source', 'set' or 'dashboard'.

    Viewers need the dashboard alone; QuickSight lends them the data behind it.
    """
    read, write = ([f"quicksight:{action}" for action in actions] for actions in _ACTIONS[kind])
    granted = [{"Principal": owner, "Actions": read + write} for owner in to.owners]
    if kind == "dashboard":
        granted += [{"Principal": viewer, "Actions": read} for viewer in to.viewers if viewer not in to.owners]
    return granted


def column_type(schema: pa.DataFrameSchema, column: str) -> str:
    """Return a column's type in QuickSight: STRING, INTEGER, DECIMAL or DATETIME."""
    if column in DAYS:
        return "DATETIME"
    arrow = str(arrow_schema(schema).field(column).type)
    if arrow.startswith("timestamp"):
        return "DATETIME"
    if arrow.startswith("decimal"):
        return "DECIMAL"
    return {"int64": "INTEGER", "double": "DECIMAL"}.get(arrow, "STRING")


def data_source(to: Target, name: str) -> Request:
    """Return the request for the S3 data source of a data set: it points at the manifest."""
    return {
        "AwsAccountId": to.account,
        "DataSourceId": resource_id(name),
        "Name": f"Pizza and football: {name}",
        "Type": "S3",
        "DataSourceParameters": {
            "S3Parameters": {
                "ManifestFileLocation": {"Bucket": to.bucket, "Key": to.prefix + layout.manifest_key(name)}
            }
        },
        "Permissions": permissions(to, "source"),
    }


def _cast(schema: pa.DataFrameSchema, column: str) -> Request | None:
    kind = column_type(schema, column)
    if kind == "STRING":
        return None
    cast: Request = {"ColumnName": column, "NewColumnType": kind}
    if kind == "DATETIME":
        cast["Format"] = DAY_FORMAT if column in DAYS else INSTANT_FORMAT
    return {"CastColumnTypeOperation": cast}


def data_set(to: Target, name: str) -> Request:
    """Return the request for a data set: all columns come as text, as S3 wants it, and are cast."""
    schema = DATA_SETS[name]
    casts = [cast for column in schema.columns if (cast := _cast(schema, column))]
    return {
        "AwsAccountId": to.account,
        "DataSetId": resource_id(name),
        "Name": f"Pizza and football: {name}",
        "PhysicalTableMap": {
            name: {
                "S3Source": {
                    "DataSourceArn": to.arn("datasource", resource_id(name)),
                    "UploadSettings": {
                        "Format": "CSV", "StartFromRow": 1, "ContainsHeader": True, "TextQualifier": "DOUBLE_QUOTE",
                        "Delimiter": ",",
                    },
                    "InputColumns": [{"Name": column, "Type": "STRING"} for column in schema.columns],
                }
            }
        },
        "LogicalTableMap": {
            name: {
                "Alias": name,
                "DataTransforms": [*casts, {"ProjectOperation": {"ProjectedColumns": list(schema.columns)}}],
                "Source": {"PhysicalTableId": name},
            }
        },
        "ImportMode": "SPICE",
        "Permissions": permissions(to, "set"),
    }  # fmt: skip


def refresh_schedule(to: Target, name: str, time_of_day: str = "23:00") -> Request:
    """Return the request for a full refresh a day, at a time in UTC; the safety net, should the sensor not run."""
    return {
        "AwsAccountId": to.account,
        "DataSetId": resource_id(name),
        "Schedule": {
            "ScheduleId": SCHEDULE_ID,
            "ScheduleFrequency": {"Interval": "DAILY", "Timezone": "UTC", "TimeOfTheDay": time_of_day},
            "RefreshType": "FULL_REFRESH",
        },
    }


def referenced(expression: str) -> tuple[Sequence[str], Sequence[str]]:
    """Return the columns ``{name}`` and the parameters ``${name}`` that an expression names."""
    parameters = re.findall(r"\$\{([^}]+)\}", expression)
    return re.findall(r"(?<!\$)\{([^}]+)\}", expression), parameters


def identifiers() -> Mapping[str, str]:
    """Return the id of every data set by the identifier that the dashboard gives it."""
    return {name: resource_id(name) for name in DATA_SETS}
