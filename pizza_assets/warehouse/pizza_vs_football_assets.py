"""Pizza against football: what matches do to the shops' sales, in the warehouse for readers and in the lake.

Belongs here: when it is found, its checks, and what the dashboard takes of it. Does not belong here: which sales enter
(``warehouse.pizza_vs_football``), what is estimated of them (``analysis.categories``).
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg
import pandas as pd

from pizza_assets.analysis.categories import sales_uplift
from pizza_assets.analysis.verdicts import ALPHA, MIN_UNITS, MIN_WEEKS
from pizza_assets.contracts import validate
from pizza_assets.lake import formats, layout
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, DatedFiles, Files, days_with_note
from pizza_assets.platform import dagster_catalog as catalog
from pizza_assets.platform import dagster_lineage as lineage
from pizza_assets.platform.dagster_failures import as_failure, may_retry, without_secrets_in_errors
from pizza_assets.platform.dagster_io_manager import preview
from pizza_assets.platform.dagster_resources import LakeResource
from pizza_assets.platform.dagster_versions import code_version
from pizza_assets.retail.assets import RETRIES, RETRY_DELAY
from pizza_assets.settings import Settings
from pizza_assets.warehouse.connection import Connection, warehouse
from pizza_assets.warehouse.contract import ALL_CITIES, PIZZA_VS_FOOTBALL
from pizza_assets.warehouse.pizza_vs_football import newest_day, replace_results, sales_by_category

ASSET = "pizza_vs_football"
EVIDENCE_CHECK = "claims_have_evidence"
_EVIDENCE_RULE = "Each finding has its n, its interval and its adjusted p; what is insufficient has no number."


def newest_results(store: Store, day: date) -> pd.DataFrame | None:
    """Return the newest PIZZA_VS_FOOTBALL of the lake that is as of `day` or older; None when there is none."""
    kept = DatedFiles(store, layout.PIZZA_VS_FOOTBALL_PREFIX)
    days = [found for found in kept.days(layout.PIZZA_VS_FOOTBALL_FILE) if found <= day]
    if not days:
        return None
    data = kept.read(days[-1], layout.PIZZA_VS_FOOTBALL_FILE)
    key = layout.dated_key(layout.PIZZA_VS_FOOTBALL_PREFIX, days[-1], layout.PIZZA_VS_FOOTBALL_FILE)
    return formats.read_parquet(data, PIZZA_VS_FOOTBALL, key)


def _found(connection: Connection, store: Store, as_of: date, window_days: int) -> pd.DataFrame:
    """Return what the facts of one moment say, over the window that ends with `as_of`."""
    first = as_of - timedelta(days=window_days - 1)
    matches = DailyTable(store, layout.RAW_MATCHES).between(first, as_of)
    unknown = days_with_note(store, layout.RAW_MATCHES, "unknown")
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = sales_uplift(sales_by_category(connection, first, as_of), matches, as_of, window_days, unknown)
    return validate(found, PIZZA_VS_FOOTBALL)


def claims_have_evidence(results: pd.DataFrame) -> dg.AssetCheckResult:
    """Return whether each claim of PIZZA_VS_FOOTBALL has its evidence, and whether no other number is shown."""
    claims = results["verdict"].isin(["higher", "lower"])
    is_proven = (results["q_value"] <= ALPHA) & results[["ci_low", "ci_high"]].notna().all(axis=1)
    is_proven &= (results["n_matches"] >= MIN_UNITS) & (results["n_weeks"] >= MIN_WEEKS)
    bare = (claims & ~is_proven) | ((results["verdict"] == "insufficient") & results["uplift_pct"].notna())
    named = results.loc[bare, ["data_source", "category", "city", "time_window"]].agg(" ".join, axis=1)
    return dg.AssetCheckResult(
        check_name=EVIDENCE_CHECK,
        passed=not bare.any(),
        description="; ".join(named.head(3)) or _EVIDENCE_RULE,
        metadata={"claims": int(claims.sum()), "without_evidence": int(bare.sum())},
    )


def pizza_vs_football_asset(settings: Settings, facts: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """Return the asset for these settings, over the facts of these assets."""

    @dg.asset(
        name=ASSET,
        group_name="warehouse",
        kinds={"postgres", "scipy", "parquet"},
        owners=["team:retail"],
        deps=[*facts, "warehouse_views", "raw_matches"],
        code_version=code_version(
            "pizza_assets.analysis", "pizza_assets.warehouse.pizza_vs_football", "pizza_assets.warehouse.contract"
        ),
        metadata=catalog.entry(
            settings,
            contract=PIZZA_VS_FOOTBALL,
            lineage=lineage.pizza_vs_football([key.to_user_string() for key in facts]),
            prefix=layout.PIZZA_VS_FOOTBALL_PREFIX,
            table="marts.pizza_vs_football",
            docs="warehouse.md",
        ),
        tags={"branch": "retail"},
        retry_policy=dg.RetryPolicy(max_retries=RETRIES, delay=RETRY_DELAY),
        check_specs=[dg.AssetCheckSpec(EVIDENCE_CHECK, asset=ASSET, description=_EVIDENCE_RULE)],
    )
    @without_secrets_in_errors
    def pizza_vs_football(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:  # type: ignore[type-arg] # with checks dagster knows it bare only
        """How much more or less the shops of each city sold around matches, by category, and how sure that is."""
        kept = DatedFiles(lake.store(), layout.PIZZA_VS_FOOTBALL_PREFIX)
        with as_failure(may_retry=may_retry(context)), warehouse(settings) as connection:
            as_of = newest_day(connection)
            if as_of is None:
                raise dg.Failure(
                    "No retailer is loaded yet. Materialize the sales_... of a day, then this.", allow_retries=False
                )
            results = _found(connection, kept.store, as_of, settings.analysis_window_days)
            replace_results(connection, results)
        files = {layout.PIZZA_VS_FOOTBALL_FILE: formats.parquet_bytes(results, PIZZA_VS_FOOTBALL)}
        key = kept.put(as_of, Files(files, {"rows": len(results), "as-of": as_of.isoformat()}), context.run.run_id)
        overall = results[results["city"] == ALL_CITIES]
        return dg.MaterializeResult(
            metadata={
                "path": kept.store.uri(key),
                "as_of": as_of.isoformat(),
                "rows": len(results),
                "verdicts": dict(Counter(results["verdict"]).most_common()),
                "over_all_cities": preview(overall),
            },
            check_results=[claims_have_evidence(results)],
        )

    return pizza_vs_football
