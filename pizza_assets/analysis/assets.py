"""Match-day assets: events, volume, merged orders, and what the analysis finds.

Belongs here: reading days, calling ``analysis``, handing days to the lake. Does not belong here: arithmetic.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import groupby
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from pizza_assets import contracts
from pizza_assets.analysis import alignment, transforms, volume
from pizza_assets.analysis.analyse import Analysis
from pizza_assets.analysis.history import FOUND, KEY, with_history
from pizza_assets.analysis.quality import COUNTS_ALL_ORDERS, COUNTS_ALL_RESULTS, FileSchema, NextDayKnown
from pizza_assets.analysis.report import report_json, report_markdown, unproven, uplift_plot
from pizza_assets.analysis.transforms import analysed, correlation_files
from pizza_assets.analysis.window import Window, analyse_window, read_window
from pizza_assets.forecast.making import rows_until
from pizza_assets.lake.layout import CORRELATION_FILES, REPORT_FILES, REPORT_PREFIX, VERDICTS
from pizza_assets.lake.tables import DailyTable, DatedFiles, Files
from pizza_assets.platform import dagster_catalog as catalog
from pizza_assets.platform import dagster_lineage as lineage
from pizza_assets.platform.dagster_checks import of_contract
from pizza_assets.platform.dagster_daily_asset import OWNERS, columns, daily_asset
from pizza_assets.platform.dagster_failures import without_secrets_in_errors
from pizza_assets.platform.dagster_partitions import POOL, days_of
from pizza_assets.platform.dagster_resources import LakeResource
from pizza_assets.platform.dagster_versions import code_version
from pizza_assets.platform.processes import on_all_cores, processes_for
from pizza_assets.platform.quality.measured import Item
from pizza_assets.platform.quality.plots import orders_and_expectation
from pizza_assets.platform.quality.volume import Completeness, ExpectedVolume
from pizza_assets.settings import Settings

EVIDENCE_CHECK = "claims_have_evidence"
_EVIDENCE_RULE = "Each claim of an effect has its n, its interval and its adjusted p-value."


def earlier_verdicts(correlation_results: DatedFiles, before: date) -> Iterator[tuple[date, pd.DataFrame]]:
    """Yield the days analysed before a day, the newest first, each with what identifies its findings, and verdicts."""
    months = correlation_results.months(CORRELATION_FILES[0], VERDICTS, _verdicts)
    days = sorted((day for day in months.stored if day < before), reverse=True)
    for _, of_month in groupby(days, key=lambda day: (day.year, day.month)):
        for day, found in months.read(list(of_month), compacts=True).items():
            yield day, found.table.to_pandas()


def _verdicts(data: bytes, key: str) -> pyarrow.Table:
    names = [*KEY, "verdict"]
    if key.endswith(".parquet"):
        return pyarrow.parquet.read_table(pyarrow.BufferReader(data), columns=names)
    types = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.string()), include_columns=names)
    results = pyarrow.csv.read_csv(pyarrow.BufferReader(data), convert_options=types)
    return results.filter(pyarrow.compute.is_in(results["verdict"], pyarrow.array(FOUND)))


def report_files(analysis: Analysis, markdown: str, volume: pd.DataFrame, forecast: pd.DataFrame | None) -> Files:
    """Return an analysis' report as the files that the lake keeps of it."""
    texts = (markdown, report_json(analysis, volume, forecast))
    content = dict(zip(REPORT_FILES, (text.encode() for text in texts), strict=True))
    return Files(content, {"as-of": analysis.as_of.isoformat()})


def _shown_report(analysis: Analysis, markdown: str) -> dict[str, Any]:
    """Return what the UI shows of a report: the plot first, then its text."""
    plot = uplift_plot(analysis.results).encode()
    image = f"![uplift](data:image/svg+xml;base64,{base64.b64encode(plot).decode()})\n\n" if plot else ""
    return {
        "as_of": analysis.as_of.isoformat(),
        "report": dg.MetadataValue.md(image + markdown),
    }


def _results(read: Window, days: Sequence[date], settings: Settings) -> Iterator[Item]:
    """Yield the results of each day as files."""
    window, focus = settings.analysis_window_days, settings.focus_teams
    if len(days) == 1:  # the report and the dashboard show the same analysis
        yield days[0], correlation_files(analyse_window(read, days[0], window, focus))
        return
    analyse_day = partial(analysed, read.prepared(), window, focus)
    processes = processes_for(len(days), settings.range_processes)
    yield from zip(days, on_all_cores(analyse_day, days, processes), strict=True)


def claims_have_evidence(results: pd.DataFrame) -> dg.AssetCheckResult:
    """Return whether each claim of CORRELATION_RESULTS has its evidence."""
    bare = unproven(results)
    return dg.AssetCheckResult(
        check_name=EVIDENCE_CHECK,
        passed=bare.empty,
        description=" ".join(bare["pattern_description"].head(3)) or _EVIDENCE_RULE,
        metadata={"claims": int(results["verdict"].isin(["higher", "lower"]).sum()), "without_evidence": len(bare)},
    )


def matchday_assets(settings: Settings) -> Sequence[dg.AssetsDefinition]:
    """Return the match-day assets for these settings."""

    @daily_asset(
        settings,
        group="match_day",
        kinds=["pandas", "parquet"],
        contract=contracts.MATCH_EVENTS,
        lineage=lineage.MATCH_EVENTS,
        checks=[*of_contract(contracts.MATCH_EVENTS), COUNTS_ALL_RESULTS],
        made_by=["pizza_assets.analysis.events", "pizza_assets.football.contract"],
    )
    def match_events(context: dg.AssetExecutionContext, raw_matches: DailyTable) -> Iterator[Item]:
        """Each goal of a match, and each team's result."""
        for day in days_of(context):
            yield day, transforms.events(raw_matches, day)

    @daily_asset(
        settings,
        group="match_day",
        kinds=["numpy", "parquet"],
        contract=contracts.ORDER_VOLUME,
        ins={"raw_orders": columns(*volume.COLUMNS)},
        lineage=lineage.ORDER_VOLUME,
        checks=[*of_contract(contracts.ORDER_VOLUME), COUNTS_ALL_ORDERS, ExpectedVolume(), Completeness()],
        plot=lambda _, results: orders_and_expectation(results[ExpectedVolume.name]),
        made_by=["pizza_assets.analysis.volume", "pizza_assets.analysis.contract"],
    )
    def order_volume(context: dg.AssetExecutionContext, raw_orders: DailyTable) -> Iterator[Item]:
        """Orders counted in each city every 15 minutes, which is what the analyses read."""
        for day in days_of(context):
            yield day, transforms.volume(raw_orders, day)

    @daily_asset(
        settings,
        group="match_day",
        kinds=["pandas", "parquet"],
        contract=contracts.MERGED_ORDERS,
        ins={"raw_orders": columns(*alignment.COLUMNS)},
        lineage=lineage.MERGED_ORDERS,
        checks=[*of_contract(contracts.MERGED_ORDERS), NextDayKnown()],
        made_by=["pizza_assets.analysis.alignment", "pizza_assets.analysis.windows", "pizza_assets.analysis.contract"],
    )
    def merged_orders(
        context: dg.AssetExecutionContext, raw_orders: DailyTable, raw_matches: DailyTable
    ) -> Iterator[Item]:
        """Each order beside the matches that were played around it, in the cities of the teams."""
        # Until the next day's matches are known a day is not complete, and says so.
        for day in days_of(context):
            yield day, transforms.merged(raw_orders, raw_matches, day)

    @daily_asset(
        settings,
        group="match_day",
        kinds=["scipy", "csv"],
        contract=contracts.CORRELATION_RESULTS,
        lineage=lineage.CORRELATION_RESULTS,
        checks=[FileSchema(contracts.CORRELATION_RESULTS, CORRELATION_FILES[0])],
        plot=lambda last, _: uplift_plot(pd.read_csv(io.BytesIO(last.objects[last.key]))),
        made_by=["pizza_assets.analysis", "pizza_assets.analysis.contract"],
        docs="statistics.md",
    )
    def correlation_results(
        context: dg.AssetExecutionContext, order_volume: DailyTable, raw_matches: DailyTable
    ) -> Iterator[Item]:
        """How many more or fewer orders came around matches in the year up to the day, and how sure that is."""
        days = days_of(context)
        first = days[0] - timedelta(days=settings.analysis_window_days - 1)
        read = read_window(order_volume, raw_matches, first, days[-1], compacts=True)
        return _results(read, days, settings)

    @dg.asset(
        group_name="match_day",
        kinds={"markdown", "altair"},
        pool=POOL,
        owners=list(OWNERS),
        code_version=code_version("pizza_assets.analysis"),
        metadata=catalog.entry(
            settings,
            contract=contracts.CORRELATION_RESULTS,
            lineage=lineage.INSIGHTS_REPORT,
            prefix=REPORT_PREFIX,
            docs="statistics.md",
        ),
        check_specs=[dg.AssetCheckSpec(EVIDENCE_CHECK, asset="insights_report", description=_EVIDENCE_RULE)],
        tags={"branch": "match-day"},
        deps=["order_forecast"],
    )
    @without_secrets_in_errors
    def insights_report(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        correlation_results: DatedFiles,
        order_volume: DailyTable,
        raw_matches: DailyTable,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg] # with checks dagster knows it bare only
        """What was found up to the newest day, as a report in sentences with their evidence."""
        days, window = correlation_results.days(CORRELATION_FILES[-1]), settings.analysis_window_days
        if not days:
            raise dg.Failure("Nothing was analysed yet. Materialize correlation_results, then the report.")
        first, last = days[-1] - timedelta(days=window - 1), days[-1]
        read = read_window(order_volume, raw_matches, first, last)
        analysis = analyse_window(read, last, window, settings.focus_teams)
        analysis = with_history(analysis, earlier_verdicts(correlation_results, last))
        reports = DatedFiles(lake.store(), REPORT_PREFIX)
        forecast = rows_until(reports.store, last)
        markdown = report_markdown(analysis, read.volume, forecast)
        key = reports.put(last, report_files(analysis, markdown, read.volume, forecast), context.run.run_id)
        return dg.MaterializeResult(
            metadata={"path": reports.store.uri(key), **_shown_report(analysis, markdown)},
            check_results=[claims_have_evidence(analysis.results)],
        )

    return [match_events, order_volume, merged_orders, correlation_results, insights_report]
