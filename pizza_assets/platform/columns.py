"""Column and schema builders, so that every contract reads as a table.

Belongs here: the few column types that we use. Does not belong here: any particular data set.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import pandas as pd
import pandera.pandas as pa
import pyarrow

Source = Literal["real", "mock"]
SOURCES: tuple[Source, ...] = ("real", "mock")

UTC_TYPE = pd.DatetimeTZDtype("us", "UTC")
#: Arrow's, for pandera knows local times to the nanosecond only.
LOCAL_TYPE = pd.ArrowDtype(pyarrow.timestamp("us"))
TEXT_LIST = pd.ArrowDtype(pyarrow.list_(pyarrow.string()))
INTEGER_LIST = pd.ArrowDtype(pyarrow.list_(pyarrow.int64()))

#: Instants outside these are typing errors, not data (QuickSight reads years up to 2037).
EARLIEST, LATEST = pd.Timestamp("1992-01-01", tz="UTC"), pd.Timestamp("2037-12-31", tz="UTC")

Checks = list[pa.Check]


def text(
    description: str,
    *,
    isin: tuple[str, ...] | None = None,
    pattern: str | None = None,
    nullable: bool = False,
    is_personal: bool = False,
) -> pa.Column:
    """Non-empty text, optionally out of a fixed set or matching a pattern; personal data is not shown in previews."""
    checks: Checks = [pa.Check.isin(isin)] if isin else [pa.Check.str_length(min_value=1)]
    if pattern:
        checks = [pa.Check.str_matches(pattern)]
    metadata = {"personal": True} if is_personal else None
    return pa.Column(str, checks, nullable=nullable, description=description, metadata=metadata)


def instant(description: str) -> pa.Column:
    """An instant in UTC, to the microsecond."""
    return pa.Column(UTC_TYPE, pa.Check.in_range(EARLIEST, LATEST), description=description, metadata={"unit": "UTC"})


def local_time(description: str) -> pa.Column:
    """A date and time as the source's own clock showed it, to the microsecond; no time zone is known."""
    return pa.Column(
        LOCAL_TYPE,
        pa.Check.in_range(EARLIEST.tz_localize(None), LATEST.tz_localize(None)),
        description=description,
        metadata={"unit": "local time"},
    )


def integer(
    description: str, unit: str, *, ge: int | None = None, nullable: bool = False, dtype: str = "int64"
) -> pa.Column:
    """A whole number."""
    return pa.Column(
        pd.Int64Dtype() if nullable else dtype,
        [] if ge is None else [pa.Check.ge(ge)],
        nullable=nullable,
        description=description,
        metadata={"unit": unit},
    )


def number(
    description: str, unit: str, *, ge: float | None = None, le: float | None = None, nullable: bool = False
) -> pa.Column:
    """A finite real number."""
    checks: Checks = [pa.Check(lambda values: values.abs() < float("inf"), name="finite", error="is finite")]
    checks += [] if ge is None else [pa.Check.ge(ge)]
    checks += [] if le is None else [pa.Check.le(le)]
    return pa.Column(float, checks, nullable=nullable, description=description, metadata={"unit": unit})


def decimal(dtype: pyarrow.DataType, description: str, unit: str, *, ge: Decimal | None = None) -> pa.Column:
    """An exact decimal number: money that is summed and compared to the penny."""
    checks: Checks = [] if ge is None else [pa.Check.ge(ge)]
    return pa.Column(pd.ArrowDtype(dtype), checks, description=description, metadata={"unit": unit})


def flag(description: str) -> pa.Column:
    """True or false."""
    return pa.Column(bool, description=description)


def list_of(dtype: pd.ArrowDtype, description: str, unit: str, *, nullable: bool = False) -> pa.Column:
    """A list in each cell."""
    return pa.Column(dtype, nullable=nullable, description=description, metadata={"unit": unit})


def source(description: str = "Where the record comes from: real or mock.") -> pa.Column:
    """The label that every record carries from collection to the last chart."""
    return text(description, isin=SOURCES)


def data_set(  # noqa: PLR0913 each is one thing that a contract says
    name: str,
    description: str,
    *,
    grain: str,
    key: list[str],
    columns: dict[str, pa.Column],
    checks: Checks | None = None,
    upgrades: Sequence[Sequence[object]] = (),
) -> pa.DataFrameSchema:
    """A contract: exactly these columns, in this order, unique by `key`; `grain` says what one row is.

    `checks` are rules about several columns of a row. Each of `upgrades` holds the steps (``platform/upgrades.py``)
    that lead from one version of the contract to the next: stored days of older versions are read through them.
    """
    return pa.DataFrameSchema(
        columns,
        checks,
        name=name,
        title=name,
        description=description,
        unique=key,
        strict=True,
        ordered=True,
        metadata={"grain": grain, "key": key, "upgrades": tuple(upgrades)},
    )
