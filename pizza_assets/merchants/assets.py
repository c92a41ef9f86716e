"""Merchant assets: the lake's copy of card transactions, the answers to the five questions, and the monthly job.

Belongs here: reading and storing through the lake, what the UI shows. Does not belong here: what is made of the
answers (``merchant_outputs``), what is computed, and how Spark is started (``spark_runs``).
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

from pizza_assets import contracts
from pizza_assets.errors import ContractError, SettingsError
from pizza_assets.lake.layout import MERCHANT_TRANSACTIONS_PREFIX
from pizza_assets.lake.store import LocalStore
from pizza_assets.merchants import lake_copy, outputs, quality
from pizza_assets.merchants.analysis import Study, limits
from pizza_assets.merchants.contract import ANSWERS
from pizza_assets.merchants.dagster_spark import SparkRuns
from pizza_assets.merchants.engines import DuckDBEngine
from pizza_assets.merchants.inputs import WAREHOUSE, Inputs, open_inputs, read_merchants, transaction_files
from pizza_assets.merchants.lake_answers import PREFIX, answer
from pizza_assets.merchants.mock import Simulation
from pizza_assets.merchants.mock_files import write
from pizza_assets.merchants.output_assets import CODE, OWNERS, POOL, TAGS, report_asset, tables_asset
from pizza_assets.platform import dagster_catalog as catalog
from pizza_assets.platform import dagster_lineage as lineage
from pizza_assets.platform.dagster_failures import as_failure, without_secrets_in_errors
from pizza_assets.platform.dagster_io_manager import preview
from pizza_assets.platform.dagster_resources import LakeResource
from pizza_assets.platform.dagster_versions import code_version
from pizza_assets.platform.quality.structure import SCHEMA
from pizza_assets.settings import Settings
from pizza_assets.warehouse.assets import sales_asset_name

MONTHLY_JOB = "merchant_monthly"
_ON_PURPOSE = "Mock data has some on purpose."
_DESCRIPTIONS = {
    "top_merchants": "The five merchants that sold most in each month and city.",
    "mean_sales": "The mean sale of each merchant in each state.",
    "top_hours": "The three hours of the day in which each category sells most.",
    "popular_merchants": "The five merchants of each city at which most people tried to pay.",
    "city_category_association": "How closely the city and the category of purchases go together.",
    "merchant_advice": "Where, what, when and how a new merchant should sell.",
}
#: Rows of an answer that the UI shows.
_SHOWN_ROWS = 20


@contextmanager
def _inputs(settings: Settings, told: Callable[[str], object]) -> Iterator[Inputs]:
    """Give transactions and merchants: those of the settings, or mock ones that are made for this run."""
    if settings.merchants_transactions is not None:
        with open_inputs(settings) as inputs:
            yield inputs
        return
    if not settings.pizza_allow_mock:
        raise SettingsError("MERCHANTS_TRANSACTIONS is not set, and PIZZA_ALLOW_MOCK=false forbids mock transactions.")
    told("MERCHANTS_TRANSACTIONS is not set: the transactions are mock.")
    with tempfile.TemporaryDirectory(prefix="pizza-mock-") as scratch:
        store = LocalStore(scratch)
        transactions, listed = write(
            Simulation(settings.merchants_mock_rows, settings.mock_seed), store, lambda _: None
        )
        yield Inputs(transaction_files(store.uri(transactions)), read_merchants(store.uri(listed)))


def _checked(found: quality.Quality) -> Iterator[dg.AssetCheckResult]:
    for check in quality.checks(found):
        yield dg.AssetCheckResult(
            check_name=check.name,
            passed=check.passed or (check.is_warning and found.data_source == "mock"),
            severity=dg.AssetCheckSeverity.WARN if check.is_warning else dg.AssetCheckSeverity.ERROR,
            description=check.says if check.passed or found.data_source == "real" else f"{check.says} {_ON_PURPOSE}",
            metadata={"count": check.count, "received": found.received, "stored": found.stored},
        )


def transactions_asset(settings: Settings) -> dg.AssetsDefinition:
    """Return the asset of the lake's copy; it comes after the sales where the warehouse is asked."""
    is_sold = settings.merchants_transactions == WAREHOUSE
    facts = [sales_asset_name(retailer_id) for retailer_id in contracts.RETAILER_IDS] if is_sold else []

    @dg.asset(
        group_name="merchants",
        kinds={"duckdb", "parquet"},
        pool=POOL,
        owners=list(OWNERS),
        tags=TAGS,
        code_version=code_version(*CODE),
        deps=facts,
        metadata=catalog.entry(
            settings,
            contract=contracts.MERCHANT_TRANSACTIONS,
            lineage=lineage.sold_transactions(facts) if is_sold else None,
            prefix=MERCHANT_TRANSACTIONS_PREFIX,
        ),
        check_specs=[
            dg.AssetCheckSpec(name, asset="merchant_transactions", description=expected)
            for name, expected in quality.CHECKS.items()
        ],
    )
    @without_secrets_in_errors
    def merchant_transactions(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:  # type: ignore[type-arg] # with checks, dagster knows it only without argument
        """Payments by card, with their merchants: real or mock, and labelled."""
        with (
            as_failure(),
            _inputs(settings, context.log.warning) as inputs,
            DuckDBEngine(settings.merchants_memory_limit) as engine,
        ):
            study = Study(engine, inputs.read(engine), inputs.merchants, limits(settings))
            copied = lake_copy.copy(
                study,
                lake.store(),
                context.run.run_id,
                lambda step: context.log.info(f"copying {step}"),
                inputs.currency,
            )
        return dg.MaterializeResult(
            metadata={
                "rows": copied.quality.stored,
                "received": copied.quality.received,
                "rejected": copied.quality.received - copied.quality.stored,
                "data_source": copied.data_source,
                "share_real": 1.0 if copied.data_source == "real" else 0.0,
                "currency": copied.currency or "not named",
                "months": dg.MetadataValue.json(copied.months),
                "parts": len(copied.parts),
                "quality": dg.MetadataValue.json(copied.quality.as_document()),
            },
            check_results=list(_checked(copied.quality)),
        )

    return merchant_transactions


def questions_asset(settings: Settings) -> dg.AssetsDefinition:
    """Return the assets of the answers, which are made by one step: on DuckDB here, or by a Spark job."""
    specs = [
        dg.AssetSpec(
            name,
            deps=["merchant_transactions"],
            description=_DESCRIPTIONS[name],
            group_name="merchants",
            kinds={settings.merchants_engine, "parquet"},
            owners=list(OWNERS),
            tags=TAGS,
            code_version=code_version(*CODE),
            metadata=catalog.entry(
                settings, contract=schema, lineage=lineage.MERCHANT_ANSWERS[name], prefix=f"{PREFIX}{name}.parquet"
            ),
        )
        for name, schema in ANSWERS.items()
    ]

    @dg.multi_asset(name="merchant_questions", specs=specs, can_subset=True, pool=POOL)
    @without_secrets_in_errors
    def merchant_questions(
        context: dg.AssetExecutionContext, lake: LakeResource
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Ask the lake's transactions."""
        names = [name for name in ANSWERS if dg.AssetKey(name) in context.selected_asset_keys]
        if settings.merchants_engine == "spark":
            yield from SparkRuns(settings).answer(context, names)
            return
        with as_failure(), DuckDBEngine(settings.merchants_memory_limit) as engine:
            run_id = context.run.run_id
            for stored in answer(engine, lake.store(), names, limits(settings), run_id, context.log.info):
                facts = {name.replace("-", "_"): value for name, value in stored.facts.items()}
                shown = preview(stored.answer.table.slice(0, _SHOWN_ROWS).to_pandas())
                path = dg.MetadataValue.path(stored.address)
                yield dg.MaterializeResult(
                    asset_key=stored.answer.name, metadata={**facts, "path": path, "preview": shown}
                )

    return merchant_questions


def answer_checks() -> dg.AssetChecksDefinition:
    """Return the checks of the answers: on whichever engine they were made, they are read as they lie in the lake."""
    specs = [
        dg.AssetCheckSpec(
            SCHEMA, asset=name, blocking=True, description="The stored answer keeps its contract; else no report."
        )
        for name in ANSWERS
    ]

    @dg.multi_asset_check(name="merchant_answers_keep_their_contracts", specs=specs, can_subset=True)
    @without_secrets_in_errors
    def answers_keep_their_contracts(
        context: dg.AssetCheckExecutionContext, lake: LakeResource
    ) -> Iterator[dg.AssetCheckResult]:
        for key in context.selected_asset_check_keys:
            name = key.asset_key.to_user_string()
            table, broken = outputs.read_answer(lake.store(), PREFIX, name), ""
            try:
                contracts.validate(contracts.from_arrow(table, ANSWERS[name]), ANSWERS[name])
            except ContractError as error:
                broken = str(error)
            yield dg.AssetCheckResult(
                asset_key=key.asset_key,
                check_name=SCHEMA,
                passed=not broken,
                description=broken or f"{table.num_rows} rows keep the contract.",
                metadata={"rows": table.num_rows},
            )

    return answers_keep_their_contracts


def merchant_defs(settings: Settings) -> dg.Definitions:
    """Return the merchant assets with their monthly job and its schedule, which runs where there are real inputs."""
    assets = [transactions_asset(settings), questions_asset(settings), report_asset(settings), tables_asset(settings)]
    job = dg.define_asset_job(
        MONTHLY_JOB,
        selection=dg.AssetSelection.assets(*assets),
        description="Copy the card transactions, answer the questions, write the report and the warehouse's tables.",
    )
    has_inputs = settings.merchants_transactions is not None
    schedule = dg.ScheduleDefinition(
        name=MONTHLY_JOB,
        job=job,
        cron_schedule="0 3 1 * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if has_inputs else dg.DefaultScheduleStatus.STOPPED,
        description="At 03:00 UTC on the first of each month.",
    )
    return dg.Definitions(assets=assets, asset_checks=[answer_checks()], jobs=[job], schedules=[schedule])
