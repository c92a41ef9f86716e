"""Warehouse assets: each retailer's sales as facts, the match dates, the views; their checks, job and schedules.

Belongs here: when days are loaded, and what the UI shows of it. Does not belong here: loading (``warehouse/``), and
when the day's runs start (``retail_daily.py``). One retailer's failure stops no other: each is an asset of its own
with its own retries, and runs in a run of its own.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from pizza_assets.errors import PizzaAssetsError
from pizza_assets.lake.layout import SALES_TABLES
from pizza_assets.platform import dagster_catalog as catalog
from pizza_assets.platform import dagster_lineage as lineage
from pizza_assets.platform.dagster_checks import kept_results
from pizza_assets.platform.dagster_daily_asset import partitioned_asset
from pizza_assets.platform.dagster_failures import as_failure, may_retry, without_secrets_in_errors
from pizza_assets.platform.dagster_partitions import days_of
from pizza_assets.platform.dagster_resources import LakeResource
from pizza_assets.platform.dagster_versions import code_version
from pizza_assets.platform.quality.results import DayResult
from pizza_assets.retail.assets import RETRIES, RETRY_DELAY
from pizza_assets.retail.business_days import time_zone_of
from pizza_assets.settings import Settings
from pizza_assets.warehouse import intake, quality, retention
from pizza_assets.warehouse.calendar import mark_match_dates, unmarked
from pizza_assets.warehouse.connection import warehouse
from pizza_assets.warehouse.contract import FACT_SALES, MATCH_DATES, VIEWS
from pizza_assets.warehouse.loader import DayLoad
from pizza_assets.warehouse.marts import refresh
from pizza_assets.warehouse.pizza_vs_football_assets import pizza_vs_football_asset

RETENTION_JOB = "warehouse_retention"
#: The business day that a refresh is for; the check of missing retailers looks at it.
DAY_TAG = "pizza_assets/retail_day"
_CODE = ("pizza_assets.warehouse", "pizza_assets.retail.contract")
_DOCS = "warehouse.md"
#: What becomes of few lines; shown where there are some.
_EXCEPTIONS = ("rejected", "corrected", "duplicate", "ignored", "removed")
_DESCRIPTIONS = {
    "counts_reconcile": "The facts are as many as the audit says were stated.",
    "completeness": "Products and stores are known.",
    "volume": "The day has between half and double of the facts that are usual on its weekday.",
    "totals": "Totals are quantity x price, rounded, less the discount.",
    "referential_integrity": "Every fact has its members, and every foreign key is in force.",
    "freshness": "The day's feed has sales of the day itself.",
}


def sales_asset_name(retailer_id: str) -> str:
    """Return the name of the asset that loads a retailer: sales_retailer_1, sales_dominos ..."""
    return f"sales_{retailer_id}"


def _shown(load: DayLoad) -> dict[str, int]:
    counts = {name: getattr(load, name) for name in ("received", "inserted", *_EXCEPTIONS)}
    return {name: count for name, count in counts.items() if count or name not in _EXCEPTIONS}


def _sales_asset(settings: Settings, raw: str, retailer_id: str) -> dg.AssetsDefinition:
    key = dg.AssetKey(sales_asset_name(retailer_id))

    @partitioned_asset(
        settings,
        name=key.path[-1],
        group="warehouse",
        kinds=["postgres"],
        branch="retail",
        deps=[raw],
        made_by=_CODE,
        metadata=catalog.entry(
            settings, contract=FACT_SALES, lineage=lineage.fact_sales(raw), table="sales.fact_sales", docs=_DOCS
        ),
        retry_policy=dg.RetryPolicy(max_retries=RETRIES, delay=RETRY_DELAY),
        check_specs=[dg.AssetCheckSpec(name, asset=key, description=text) for name, text in _DESCRIPTIONS.items()],
    )
    @without_secrets_in_errors
    def sales(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:  # type: ignore[type-arg] # dagster does not know it by its argument where there are checks
        """What one retailer sold on its business day, loaded into the warehouse."""
        # A day that is there is replaced by what its feed states now.
        shown: dict[date, dict[str, int]] = {}
        results: dict[str, list[DayResult]] = {name: [] for name in _DESCRIPTIONS}
        try:
            with warehouse(settings) as connection:
                for load in intake.load_from_lake(
                    connection,
                    lake.store(),
                    retailer_id,
                    days_of(context),
                    time_zone=time_zone_of(settings, retailer_id),
                    replace=True,
                ):
                    shown[load.source_day] = _shown(load)
                    for name, result in quality.check_day(connection, retailer_id, load.source_day).items():
                        results[name].append(result)
        except PizzaAssetsError:
            kept_results(lake.store(), key.path[-1], context.run.run_id, results)
            # As the IO manager does: Dagster materializes all days of a step or none, and these are loaded.
            for day, metadata in shown.items():
                context.log_event(dg.AssetMaterialization(key, partition=day.isoformat(), metadata=metadata))
            with as_failure(may_retry=may_retry(context)):
                raise
        for day, metadata in shown.items():
            context.add_asset_metadata(metadata, partition_key=day.isoformat())
        return dg.MaterializeResult(check_results=kept_results(lake.store(), key.path[-1], context.run.run_id, results))

    return sales


def _match_dates(settings: Settings) -> dg.AssetsDefinition:
    key = dg.AssetKey("match_dates")

    @partitioned_asset(
        settings,
        group="warehouse",
        kinds=["postgres"],
        branch="retail",
        deps=["raw_matches"],
        made_by=_CODE,
        metadata=catalog.entry(
            settings, contract=MATCH_DATES, lineage=lineage.MATCH_DATES, table="sales.dim_date", docs=_DOCS
        ),
        check_specs=[
            dg.AssetCheckSpec("marks_every_day", asset=key, description="The calendar knows of every day of the lake.")
        ],
    )
    @without_secrets_in_errors
    def match_dates(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:  # type: ignore[type-arg] # as above
        """The days of the warehouse's calendar that have football."""
        days = days_of(context)
        dates = intake.match_dates(lake.store(), days[0], days[-1])
        with as_failure(), warehouse(settings) as connection:
            mark_match_dates(connection, dates)
            missing = unmarked(connection, days)
        for item in dates:
            shown = {"matches": item.matches, "data_source": item.source}
            context.add_asset_metadata(shown, partition_key=item.day.isoformat())
        found = f"The lake has no matches of {', '.join(map(str, missing))}. Run raw_matches for them."
        return dg.MaterializeResult(
            check_results=[
                dg.AssetCheckResult(
                    passed=not missing,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=found if missing else f"All {len(days)} days are marked.",
                    metadata={"days": len(days), "unmarked": len(missing)},
                )
            ]
        )

    return match_dates


def _views(settings: Settings, facts: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    key = dg.AssetKey("warehouse_views")

    @dg.asset(
        key=key,
        group_name="warehouse",
        kinds={"postgres"},
        owners=["team:retail"],
        deps=[*facts, "match_dates"],
        code_version=code_version(*_CODE),
        metadata=catalog.entry(
            settings,
            contract=VIEWS,
            lineage=lineage.warehouse_views([asset.to_user_string() for asset in facts]),
            table=", ".join(f"marts.{name}" for name in VIEWS),
            docs=_DOCS,
        ),
        tags={"branch": "retail"},
        retry_policy=dg.RetryPolicy(max_retries=RETRIES, delay=RETRY_DELAY),
        check_specs=[
            dg.AssetCheckSpec(quality.MISSING_RETAILER, asset=key, description="Every retailer has the newest day.")
        ],
    )
    @without_secrets_in_errors
    def warehouse_views(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:  # type: ignore[type-arg] # as above
        """Six views of the sales that SQL tools and QuickSight read, up to date with what is loaded."""
        tag = context.run.tags.get(DAY_TAG)
        with as_failure(may_retry=may_retry(context)), warehouse(settings) as connection:
            broken = quality.broken_days(connection)
            if broken:
                raise dg.Failure(
                    f"The views stay as they are: checks failed of {'; '.join(broken)}. Materialize these days again.",
                    allow_retries=False,
                )
            yesterday = datetime.now(UTC).date() - timedelta(days=1)
            day = date.fromisoformat(tag) if tag else quality.newest_day(connection) or yesterday
            missing = quality.check_retailers(connection, day)
            done = refresh(connection)
        return dg.MaterializeResult(
            metadata={
                "retailer_days": done.days,
                "roll_up_seconds": round(done.roll_up_seconds, 2),
                "view_seconds": round(done.view_seconds, 2),
                "missing_retailers": str(missing.figures["missing"]).split(),
            },
            check_results=kept_results(
                lake.store(), key.path[-1], context.run.run_id, {quality.MISSING_RETAILER: [missing]}
            ),
        )

    return warehouse_views


def _retention(settings: Settings) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    @dg.op(name="archive_old_months")
    @without_secrets_in_errors
    def archive(context: dg.OpExecutionContext, lake: LakeResource) -> None:
        """Move old months of facts to the lake and delete them."""
        if settings.warehouse_keep_months is None:
            context.log.info("WAREHOUSE_KEEP_MONTHS is not set: all facts are kept.")
            return
        before = retention.cutoff(datetime.now(UTC).date(), settings.warehouse_keep_months)
        with warehouse(settings) as connection:
            for item in retention.archive(connection, lake.store(), before):
                context.log.info(f"{item.retailer_id} {item.month:%Y-%m}: {item.facts} facts are in {item.key}")
            refresh(connection)

    @dg.job(name=RETENTION_JOB, description="Move facts that are older than WAREHOUSE_KEEP_MONTHS to the lake.")
    def job() -> None:
        archive()

    is_set = settings.warehouse_keep_months is not None
    status = dg.DefaultScheduleStatus.RUNNING if is_set else dg.DefaultScheduleStatus.STOPPED
    zone = settings.retail_daily_time_zone
    return job, dg.ScheduleDefinition(
        name=RETENTION_JOB,
        job=job,
        cron_schedule="0 4 1 * *",
        execution_timezone=zone,
        default_status=status,
        description=f"At 04:00 ({zone}) on the first of each month, where WAREHOUSE_KEEP_MONTHS is set.",
    )


def warehouse_assets(settings: Settings) -> Sequence[dg.AssetsDefinition]:
    """Return the warehouse's assets for these settings, in flow order."""
    facts = [_sales_asset(settings, name, where.retailer_id) for name, where in SALES_TABLES.items()]
    keys = [asset.key for asset in facts]
    return [*facts, _match_dates(settings), _views(settings, keys), pizza_vs_football_asset(settings, keys)]


def warehouse_defs(settings: Settings) -> dg.Definitions:
    """Return the warehouse's assets and the retention job with its schedule."""
    job, schedule = _retention(settings)
    return dg.Definitions(assets=warehouse_assets(settings), jobs=[job], schedules=[schedule])
