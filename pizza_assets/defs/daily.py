"""The decorator of every daily asset: partitions, range policy and the contract's face in the UI.

Belongs here: what all daily assets share. Does not belong here: any one asset.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg
import pandera.pandas as pa

from pizza_assets import contracts
from pizza_assets.defs.partitions import daily_partitions, range_policy
from pizza_assets.settings import Settings

OWNERS = ("team:match-day",)

# Beta in dagster 1.13, and the only ways to run a range in one run and to select as the UI does.
for _parameter in ("backfill_policy", "include_sources"):
    warnings.filterwarnings("ignore", f"Parameter `{_parameter}`", dg.BetaWarning)


def column_schema(contract: pa.DataFrameSchema) -> dg.TableSchema:
    """Return a contract as Dagster shows columns: types, units, meaning, constraints."""
    fields = contracts.arrow_schema(contract)
    key = (contract.metadata or {})["key"]
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                type=str(fields.field(name).type),
                description=f"{column.description} [{unit}]"
                if (unit := (column.metadata or {}).get("unit"))
                else column.description,
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable,
                    unique=key == [name],
                    other=[str(check.error or check.name) for check in column.checks],
                ),
            )
            for name, column in contract.columns.items()
        ],
        constraints=dg.TableConstraints(other=[f"unique: {', '.join(key)}"]),
    )


def daily_asset(
    settings: Settings,
    *,
    group: str,
    kinds: Sequence[str],
    contract: pa.DataFrameSchema | None = None,
    ins: dict[str, dg.AssetIn] | None = None,
    branch: str = "match-day",
    **options: Any,  # noqa: ANN401 as dg.asset takes them
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Return the decorator for a daily asset; the description is the function's docstring.

    `options` are further ones of ``dg.asset``: a name, a retry policy ...
    """
    decorator: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(
        group_name=group,
        kinds=set(kinds),
        owners=[f"team:{branch}"],
        ins=ins,
        partitions_def=daily_partitions(settings),
        backfill_policy=range_policy(settings),
        metadata={"dagster/column_schema": column_schema(contract), "grain": (contract.metadata or {})["grain"]}
        if contract
        else None,
        tags={"branch": branch},
        **{"code_version": "1", **options},
    )
    return decorator


def columns(*names: str) -> dg.AssetIn:
    """Return an input that decodes only these columns."""
    return dg.AssetIn(metadata={"columns": list(names), "allow_missing_partitions": True})
