"""The decorator of every daily asset: partitions, range policy and the contract's face in the UI.

Belongs here: what all daily assets share. Does not belong here: any one asset.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

import dagster as dg
import pandera.pandas as pa

from pizza_assets import contracts
from pizza_assets.defs.checks import Checking, of_contract, specs
from pizza_assets.defs.io_manager import Days
from pizza_assets.defs.partitions import POOL, daily_partitions, range_policy
from pizza_assets.quality.results import AnyCheck
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


def daily_asset(  # noqa: PLR0913 each is one thing that the UI shows of an asset
    settings: Settings,
    *,
    group: str,
    kinds: Sequence[str],
    contract: pa.DataFrameSchema | None = None,
    ins: dict[str, dg.AssetIn] | None = None,
    checks: Sequence[AnyCheck] | None = None,
    branch: str = "match-day",
    **options: Any,  # noqa: ANN401 as dg.asset takes them
) -> Callable[[Callable[..., Days]], dg.AssetsDefinition]:
    """Return the decorator for a daily asset; the description is the function's docstring.

    Without `checks` it has those that follow from its contract. `options` are further ones of ``dg.asset``: a name,
    a retry policy ...
    """
    own = (of_contract(contract) if contract else []) if checks is None else checks

    def decorate(function: Callable[..., Days]) -> dg.AssetsDefinition:
        name = options.get("name", function.__name__)
        decorator: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(
            group_name=group,
            kinds=set(kinds),
            owners=[f"team:{branch}"],
            ins=ins,
            partitions_def=daily_partitions(settings),
            backfill_policy=range_policy(settings),
            pool=POOL,
            check_specs=specs(name, own),
            metadata={"dagster/column_schema": column_schema(contract), "grain": (contract.metadata or {})["grain"]}
            if contract
            else None,
            tags={"branch": branch},
            **{"code_version": "1", **options},
        )
        return decorator(checked(name, function, own))

    return decorate


def checked(name: str, function: Callable[..., Days], checks: Sequence[AnyCheck]) -> Callable[..., Iterator[Any]]:
    """Return a daily asset's function with its checks: days first, results when all days are stored."""

    @wraps(function)
    def compute(*args: Any, **inputs: Any) -> Iterator[Any]:  # noqa: ANN401 dagster's own arguments
        checking = Checking(name, checks)
        days = function(*args, **inputs)
        # Dagster stores an output before it asks for what comes next.
        yield dg.Output(replace(days, checking=checking))
        yield from checking.outcomes()

    return compute


def columns(*names: str) -> dg.AssetIn:
    """Return an input that decodes only these columns."""
    return dg.AssetIn(metadata={"columns": list(names), "allow_missing_partitions": True})
