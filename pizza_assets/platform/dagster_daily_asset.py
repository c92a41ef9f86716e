"""The decorator of every daily asset: partitions, range policy and the contract's face in the UI.

Belongs here: what all daily assets share. Does not belong here: any one asset.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any

import dagster as dg
import pandera.pandas as pa

from pizza_assets.lake.daily import prefix_of
from pizza_assets.platform import dagster_catalog as catalog
from pizza_assets.platform.dagster_catalog import Contracts
from pizza_assets.platform.dagster_checks import Checking, Plot, of_contract, specs
from pizza_assets.platform.dagster_failures import without_secrets_in_errors
from pizza_assets.platform.dagster_io_manager import Days
from pizza_assets.platform.dagster_lineage import Lineage
from pizza_assets.platform.dagster_partitions import POOL, daily_partitions, range_policy
from pizza_assets.platform.dagster_versions import code_version
from pizza_assets.platform.quality.measured import Item
from pizza_assets.platform.quality.results import AnyCheck
from pizza_assets.settings import Settings

OWNERS = ("team:match-day",)
#: The tag of a run that replays the quarantine of a raw asset, which it names.
REPLAY_TAG = "pizza_assets/replay"

# Beta in dagster 1.13, and the only ways to run a range in one run and to select as the UI does.
for _parameter in ("backfill_policy", "include_sources"):
    warnings.filterwarnings("ignore", f"Parameter `{_parameter}`", dg.BetaWarning)


def is_replay(context: dg.AssetExecutionContext) -> bool:
    """Return whether the run reads the quarantine of this asset again, instead of asking the source."""
    return bool(context.run.tags.get(REPLAY_TAG) == context.asset_key.to_user_string())


def partitioned_asset(
    settings: Settings,
    *,
    group: str,
    kinds: Sequence[str],
    branch: str,
    made_by: Sequence[str] = (),
    **options: Any,  # noqa: ANN401 as dg.asset takes them
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Return the decorator for an asset with days, wherever it keeps them; see ``daily_asset`` for the lake's."""
    decorator: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(
        group_name=group,
        kinds=set(kinds),
        owners=[f"team:{branch}"],
        partitions_def=daily_partitions(settings),
        backfill_policy=range_policy(settings),
        tags={"branch": branch},
        **{"code_version": code_version(*made_by) if made_by else "1", **options},
    )
    return decorator


def daily_asset(  # noqa: PLR0913 each is one thing that the UI shows of an asset
    settings: Settings,
    *,
    group: str,
    kinds: Sequence[str],
    contract: Contracts | None = None,
    lineage: Lineage | None = None,
    checks: Sequence[AnyCheck] | None = None,
    plot: Plot | None = None,
    made_by: Sequence[str] = (),
    docs: str = "",
    branch: str = "match-day",
    pool: str = POOL,
    **options: Any,  # noqa: ANN401 as dg.asset takes them
) -> Callable[[Callable[..., Iterator[Item]]], dg.AssetsDefinition]:
    """Return the decorator for a daily asset: a function that yields its days. Its docstring is the description.

    Parameters
    ----------
    settings, group, kinds
        As Dagster has them.
    contract
        Its columns; with several contracts, those of each data set.
    lineage
        Which columns before it each column is made of (``lineage.py``).
    checks
        What is expected of a day; by default what follows from the contract of a table.
    plot
        A picture of a run, for the materialization of its last day.
    made_by
        The modules that make it, by their dotted names: when they change, days made by other code show as stale.
    docs
        The page below ``docs/`` that explains it, where it is not the data dictionary.
    branch
        Which branch of the platform, and so which team, it belongs to.
    pool
        Runs with assets of one pool go one after another. An asset with a pool of its own takes the lake's lock only
        while it stores a day, so that others are collected beside it.
    options
        Further options of ``dg.asset``: a name, inputs, a retry policy ...
    """
    expected = (of_contract(contract) if isinstance(contract, pa.DataFrameSchema) else []) if checks is None else checks

    def decorate(function: Callable[..., Iterator[Item]]) -> dg.AssetsDefinition:
        name = options.get("name", function.__name__)
        shown = catalog.entry(settings, contract=contract, lineage=lineage, prefix=prefix_of(name), docs=docs)
        decorator = partitioned_asset(
            settings,
            group=group,
            kinds=kinds,
            branch=branch,
            made_by=made_by,
            pool=pool,
            check_specs=specs(name, expected),
            metadata=shown,
            **options,
        )
        return decorator(
            without_secrets_in_errors(
                checked(function, lambda: Checking(name, expected, plot), side_by_side=pool != POOL)
            )
        )

    return decorate


def checked(
    function: Callable[..., Iterator[Item]], new_checking: Callable[[], Checking], *, side_by_side: bool = False
) -> Callable[..., Iterator[Any]]:
    """Return a daily asset's function with its checks: days first, results when all days are stored."""

    @wraps(function)
    def compute(*args: Any, **inputs: Any) -> Iterator[Any]:  # noqa: ANN401 dagster's own arguments
        checking = new_checking()
        # Dagster stores an output, and so makes its days, before it asks for what comes next.
        yield dg.Output(Days(function(*args, **inputs), checking, side_by_side))
        yield from checking.outcomes()

    return compute


def columns(*names: str) -> dg.AssetIn:
    """Return an input that decodes only these columns."""
    return dg.AssetIn(metadata={"columns": list(names), "allow_missing_partitions": True})
