"""Versions of a contract: the steps by which a stored day of an older version is read as today's.

Belongs here: the kinds of steps, and applying them to tables and queries. Does not belong here: any data set's steps
(its contract names them), and where a file says which version it has (``lake/formats.py``, ``lake/sales.py``).

The version of a contract is 1 plus the number of its upgrades; upgrade n leads from version n to version n + 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandera.pandas as pa
import pyarrow

from pizza_assets.errors import LakeError
from pizza_assets.platform.schemas import arrow_schema

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class Added:
    """A column that older rows do not have: each of them has `value` in it."""

    column: str
    value: object = None


@dataclass(frozen=True)
class Renamed:
    """A column that was called `old` before. Its values stay."""

    old: str
    new: str


@dataclass(frozen=True)
class Widened:
    """A column whose type was `narrow` before; each of its values fits into the new type."""

    column: str
    narrow: pyarrow.DataType


Step = Added | Renamed | Widened


def version_of(contract: pa.DataFrameSchema) -> int:
    """Return today's version of a contract."""
    return 1 + len(_upgrades(contract))


def schema_at(contract: pa.DataFrameSchema, version: int) -> pyarrow.Schema:
    """Return the Parquet schema that a version of a contract had; columns stay in today's order."""
    fields = list(arrow_schema(contract))
    for upgrade in reversed(_upgrades(contract)[version - 1 :]):
        for step in reversed(upgrade):
            fields = [older for field in fields if (older := _before(step, field)) is not None]
    return pyarrow.schema(fields)


def names_at(contract: pa.DataFrameSchema, version: int, names: Sequence[str]) -> list[str]:
    """Return what a version of a contract called some of today's columns; those that it does not have are left out."""
    found = list(names)
    for upgrade in reversed(_upgrades(contract)[version - 1 :]):
        for step in reversed(upgrade):
            if isinstance(step, Added):
                found = [name for name in found if name != step.column]
            elif isinstance(step, Renamed):
                found = [step.old if name == step.new else name for name in found]
    return found


def upgraded(table: pyarrow.Table, contract: pa.DataFrameSchema, version: int) -> pyarrow.Table:
    """Return rows of a version of a contract, all or some of its columns, as rows of today's version."""
    for number, upgrade in enumerate(_upgrades(contract)[version - 1 :], version + 1):
        fields = schema_at(contract, number)
        for step in upgrade:
            if isinstance(step, Added):
                values = pyarrow.repeat(pyarrow.scalar(step.value, fields.field(step.column).type), len(table))
                table = table.append_column(fields.field(step.column), values)
            elif isinstance(step, Renamed):
                table = table.rename_columns([step.new if name == step.old else name for name in table.column_names])
            elif step.column in table.column_names:
                at, field = table.column_names.index(step.column), fields.field(step.column)
                table = table.set_column(at, field, table.column(at).cast(field.type))
    return table


def upgraded_expression(
    rows: "ir.Table", contract: pa.DataFrameSchema, version: int, columns: Sequence[str]
) -> "ir.Table":
    """Return some of today's columns of rows of a version of a contract: `upgraded` as an Ibis expression."""
    import ibis

    for number, upgrade in enumerate(_upgrades(contract)[version - 1 :], version + 1):
        fields = ibis.Schema.from_pyarrow(schema_at(contract, number))
        # What engines read from files may be null to them, and a union wants the same of all of its parts.
        types = {name: field.copy(nullable=True) for name, field in fields.items()}
        for step in upgrade:
            if isinstance(step, Added):
                rows = rows.mutate(**{step.column: ibis.literal(step.value, types[step.column])})
            elif isinstance(step, Renamed):
                rows = rows.rename({step.new: step.old}) if step.old in rows.columns else rows
            elif step.column in rows.columns:
                rows = rows.mutate(**{step.column: rows[step.column].cast(types[step.column])})
    return rows.select(*columns)


def checked_version(version: str | None, contract: pa.DataFrameSchema, where: str) -> int:
    """Return the version that a file says it has; files that say none have version 1.

    Raises
    ------
    LakeError
        When this program does not know the version.
    """
    known = version_of(contract)
    if version is None:
        return 1
    if not version.isdecimal() or not 1 <= int(version) <= known:
        raise LakeError(
            f"{where} must have version 1 to {known} of '{contract.name}'. Found version {version}. A newer "
            "pizza-assets wrote it: install that one."
        )
    return int(version)


def _before(step: Step, field: pyarrow.Field) -> pyarrow.Field | None:
    if isinstance(step, Added):
        return None if field.name == step.column else field
    if isinstance(step, Renamed):
        return field.with_name(step.old) if field.name == step.new else field
    return field.with_type(step.narrow) if field.name == step.column else field


def _upgrades(contract: pa.DataFrameSchema) -> Sequence[Sequence[Step]]:
    return tuple((contract.metadata or {}).get("upgrades", ()))
