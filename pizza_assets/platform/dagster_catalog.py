"""The catalog: what the UI says of an asset before it has run.

Belongs here: columns with their origin, where the data lies, where to read more. Does not belong here: what a run
found (``io_manager``, ``checks``), and any one asset.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pandera.pandas as pa

from pizza_assets import contracts
from pizza_assets.platform.dagster_lineage import Lineage, column_lineage
from pizza_assets.settings import Settings

#: Several contracts by the name of their data set; their columns are shown as ``data_set.column``.
Contracts = pa.DataFrameSchema | Mapping[str, pa.DataFrameSchema]


def column_schema(contract: Contracts, lineage: Lineage | None = None) -> dg.TableSchema:
    """Return a contract, or several, as Dagster shows columns: types, units, meaning, origin, constraints."""
    several = {"": contract} if isinstance(contract, pa.DataFrameSchema) else contract
    columns, keys = [], []
    for name, schema in several.items():
        before = f"{name}." if name else ""
        keys.append(f"unique{' in ' + name if name else ''}: {', '.join((schema.metadata or {})['key'])}")
        types = contracts.arrow_schema(schema)
        columns += [
            _column(schema, field.name, str(field.type), before, (lineage or {}).get(before + field.name))
            for field in types
        ]
    return dg.TableSchema(columns=columns, constraints=dg.TableConstraints(other=keys))


def _column(contract: pa.DataFrameSchema, name: str, kind: str, before: str, origin: str | None) -> dg.TableColumn:
    column = contract.columns[name]
    unit = (column.metadata or {}).get("unit")
    made_of = ", ".join(dict.fromkeys((origin or "").split()))
    parts = [column.description or "", f"[{unit}]" if unit else "", f"← {made_of}" if made_of else ""]
    return dg.TableColumn(
        before + name,
        type=kind,
        description=" ".join(filter(None, parts)),
        constraints=dg.TableColumnConstraints(
            nullable=column.nullable,
            unique=(contract.metadata or {})["key"] == [name],
            other=[str(check.error or check.name) for check in column.checks],
        ),
    )


def entry(
    settings: Settings,
    *,
    contract: Contracts | None = None,
    lineage: Lineage | None = None,
    prefix: str = "",
    table: str = "",
    docs: str = "",
) -> dict[str, Any]:
    """Return what the catalog says of an asset.

    Parameters
    ----------
    contract
        Its columns.
    lineage
        What its columns are made of.
    prefix
        Where it lies in the lake.
    table
        The table, or tables, of the warehouse that hold it.
    docs
        The page below ``docs/`` that explains it; its columns' entry in the data dictionary by default.
    """
    shown: dict[str, Any] = {}
    if prefix:
        shown["dagster/uri"] = f"{settings.pizza_lake.rstrip('/')}/{prefix}"
    if table:
        shown["dagster/table_name"] = table
    if contract is not None:
        shown["dagster/column_schema"] = column_schema(contract, lineage)
    if isinstance(contract, pa.DataFrameSchema):
        shown["grain"] = (contract.metadata or {})["grain"]
        docs = docs or f"data-dictionary.md#{contract.name}"
    if lineage is not None:
        shown["dagster/column_lineage"] = column_lineage(lineage)
    if docs:
        base = settings.docs_url
        shown["docs"] = dg.MetadataValue.url(f"{str(base).rstrip('/')}/{docs}") if base else f"docs/{docs}"
    return shown
