"""What is made of the merchants' answers: the report, and the tables of the warehouse.

Belongs here: showing and publishing what lies in the lake. Does not belong here: making the answers
(``merchants``), and what a report says.
"""

import re

import dagster as dg

from pizza_assets.merchants import lake_copy, outputs
from pizza_assets.merchants.contract import ANSWERS, MERCHANT_TABLES
from pizza_assets.merchants.lake_answers import PREFIX, read_all
from pizza_assets.merchants.questions import Rules
from pizza_assets.merchants.report import Findings
from pizza_assets.merchants.to_warehouse import SCHEMA, Run, publish, published_rows
from pizza_assets.platform import dagster_catalog as catalog
from pizza_assets.platform import dagster_lineage as lineage
from pizza_assets.platform.dagster_failures import as_failure, without_secrets_in_errors
from pizza_assets.platform.dagster_resources import LakeResource
from pizza_assets.platform.dagster_versions import code_version
from pizza_assets.settings import Settings
from pizza_assets.warehouse.connection import warehouse

OWNERS = ("team:merchants",)
TAGS = {"branch": "merchants"}
CODE = ("pizza_assets.merchants", "pizza_assets.merchants.contract")
#: One run at a time (dagster.yaml): a copy removes the parts that its manifest does not name, another run's too.
POOL = "merchants"
_REPORT_CHECK, _TABLES_CHECK = "opens_without_network", "every_row_is_there"
_LOADS = re.compile(r'(?:src|href|url)\s*[=(]\s*["\']?(https?://[^"\' )>]+)')


def opens_without_network(page: str) -> dg.AssetCheckResult:
    """Return whether a page loads nothing from anywhere."""
    found = _LOADS.findall(page)
    return dg.AssetCheckResult(
        check_name=_REPORT_CHECK,
        passed=not found,
        description=f"It loads {', '.join(found)}." if found else "It loads nothing from anywhere.",
        metadata={"kilobytes": round(len(page.encode()) / 1000)},
    )


def report_asset(settings: Settings) -> dg.AssetsDefinition:
    """Return the asset of the report."""

    @dg.asset(
        group_name="merchants",
        kinds={"html", "markdown"},
        pool=POOL,
        owners=list(OWNERS),
        tags=TAGS,
        code_version=code_version(*CODE),
        deps=list(ANSWERS),
        check_specs=[
            dg.AssetCheckSpec(_REPORT_CHECK, asset="merchant_report", description="The page opens without a network.")
        ],
        metadata=catalog.entry(
            settings,
            contract=ANSWERS,
            lineage=lineage.MERCHANT_REPORT,
            prefix=f"{PREFIX}report.html",
            docs="merchants.md",
        ),
    )
    @without_secrets_in_errors
    def merchant_report(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:  # type: ignore[type-arg] # with checks, dagster knows it only without argument
        """The answers to the questions about merchants, on one page."""
        store = lake.store()
        manifest = lake_copy.read_manifest(store)
        answers = read_all(store, manifest)
        facts = {"run-id": context.run.run_id, "data-source": manifest.data_source}
        engine = outputs.read_engine(store, PREFIX)
        findings = Findings(answers, manifest.quality, Rules(), engine, manifest.currency)
        page = outputs.write_report(store, PREFIX, findings, facts)
        return dg.MaterializeResult(
            metadata={
                "path": dg.MetadataValue.path(store.uri(page)),
                "headline": findings.headline,
                "data_source": manifest.data_source,
                "report": dg.MetadataValue.md(store.read(f"{PREFIX}report.md").decode()),
            },
            check_results=[opens_without_network(store.read(page).decode())],
        )

    return merchant_report


def tables_asset(settings: Settings) -> dg.AssetsDefinition:
    """Return the asset of the warehouse's tables."""

    @dg.asset(
        group_name="merchants",
        kinds={"postgres"},
        pool=POOL,
        owners=list(OWNERS),
        tags=TAGS,
        code_version=code_version(*CODE),
        deps=["merchant_transactions", *ANSWERS],
        check_specs=[
            dg.AssetCheckSpec(
                _TABLES_CHECK, asset="merchant_tables", description="The tables have every answer's rows."
            )
        ],
        metadata=catalog.entry(
            settings,
            contract=MERCHANT_TABLES,
            lineage=lineage.MERCHANT_TABLES,
            table=", ".join(f"{SCHEMA}.{name}" for name in MERCHANT_TABLES),
            docs="merchants.md",
        ),
    )
    @without_secrets_in_errors
    def merchant_tables(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:  # type: ignore[type-arg] # as above
        """The answers to the questions about merchants, as tables of the warehouse."""
        store = lake.store()
        manifest = lake_copy.read_manifest(store)
        answers = read_all(store, manifest)
        engine = outputs.read_engine(store, PREFIX)
        run = Run(context.run.run_id, manifest.run_id, engine, manifest.currency, manifest.quality, Rules())
        with as_failure(), warehouse(settings) as connection:
            publish(connection, answers, run)
            found = published_rows(connection)
        expected = {name: table.num_rows for name, table in answers.items()}
        return dg.MaterializeResult(
            metadata={
                "rows": sum(found.values()),
                "data_source": manifest.data_source,
                "engine": engine,
                "as_of": manifest.quality.last or "",
                "tables": dg.MetadataValue.json(found),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=_TABLES_CHECK,
                    passed=found == expected,
                    description=f"Expected {expected}, found {found}." if found != expected else "Every row is there.",
                    metadata={"rows": sum(found.values())},
                )
            ],
        )

    return merchant_tables
