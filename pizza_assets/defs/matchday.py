"""Match-day assets: events, volume, merged orders, and what the analysis finds.

Belongs here: reading days, calling ``matchday``, handing days to the lake. Does not belong here: arithmetic.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pandas as pd

from pizza_assets import contracts
from pizza_assets.contracts.columns import Source
from pizza_assets.defs.daily import OWNERS, columns, daily_asset
from pizza_assets.defs.io_manager import Days
from pizza_assets.defs.partitions import days_of
from pizza_assets.defs.resources import LakeResource
from pizza_assets.errors import PizzaAssetsError
from pizza_assets.lake import formats
from pizza_assets.lake.layout import CORRELATION_FILES, REPORT_FILES, REPORT_PREFIX
from pizza_assets.lake.tables import DailyTable, DatedFiles, Day, Files
from pizza_assets.matchday import volume
from pizza_assets.matchday.alignment import align
from pizza_assets.matchday.analysis import Analysis, analyse, analyse_prepared, prepare
from pizza_assets.matchday.events import match_events as events_of
from pizza_assets.matchday.report import report_json, report_markdown, uplift_plot
from pizza_assets.settings import Settings

#: A finding: significant after Benjamini-Hochberg at this level.
ALPHA = 0.05


def _source(table: DailyTable, day: date) -> Source:
    source = table.stored[day].source
    if source is None:
        raise TypeError(f"{table.layout.name} has no folder per source")
    return source


def order_sources(order_volume: DailyTable, first: date, last: date) -> Mapping[date, Source]:
    """Return whether the orders of each stored day are real or mock."""
    days = [day for day in order_volume if first <= day <= last]
    return {day: "real" if order_volume.facts(day)["data-source"] == "real" else "mock" for day in days}


def correlation_files(analysis: Analysis) -> Files:
    """Return an analysis as the files that the lake keeps of it."""
    results = analysis.results
    found = results[(results["q_value"] <= ALPHA) & results["verdict"].isin(["higher", "lower"])]
    content = (
        formats.csv_bytes(results),
        formats.csv_bytes(found),
        formats.json_bytes(analysis.summary),
    )
    facts = {"rows": len(results), "findings": len(found), "as-of": analysis.as_of.isoformat()}
    return Files(dict(zip(CORRELATION_FILES, content, strict=True)), facts)


def read_window(
    order_volume: DailyTable, raw_matches: DailyTable, first: date, last: date
) -> tuple[pd.DataFrame, pd.DataFrame, Mapping[date, Source]]:
    """Return what an analysis of `first` to `last` reads: volume, matches, and where each day's orders are from."""
    volume_rows, matches = order_volume.between(first, last), raw_matches.between(first, last)
    return volume_rows, matches, order_sources(order_volume, first, last)


def report_files(analysis: Analysis) -> Files:
    """Return an analysis' report as the files that the lake keeps of it."""
    texts = (report_markdown(analysis), report_json(analysis))
    content = dict(zip(REPORT_FILES, (text.encode() for text in texts), strict=True))
    return Files(content, {"as-of": analysis.as_of.isoformat()})


def _shown_report(analysis: Analysis) -> dict[str, Any]:
    """Return what the UI shows of a report: the plot first, then its text."""
    plot = uplift_plot(analysis.results).encode()
    image = f"![uplift](data:image/svg+xml;base64,{base64.b64encode(plot).decode()})\n\n" if plot else ""
    return {"as_of": analysis.as_of.isoformat(), "report": dg.MetadataValue.md(image + report_markdown(analysis))}


def matchday_assets(settings: Settings) -> Sequence[dg.AssetsDefinition]:
    """Return the match-day assets for these settings."""

    @daily_asset(settings, group="match_day", kinds=["pandas", "parquet"], contract=contracts.MATCH_EVENTS)
    def match_events(context: dg.AssetExecutionContext, raw_matches: DailyTable) -> Days:
        """Goals, to the minute where the source tells it, and each team's result."""
        return Days((day, Day(events_of(raw_matches[day]), _source(raw_matches, day))) for day in days_of(context))

    @daily_asset(
        settings,
        group="match_day",
        kinds=["numpy", "parquet"],
        contract=contracts.ORDER_VOLUME,
        ins={"raw_orders": columns(*volume.COLUMNS)},
    )
    def order_volume(context: dg.AssetExecutionContext, raw_orders: DailyTable) -> Days:
        """Orders counted per city and 15 minutes: the small table that every analysis reads."""
        return Days(
            (day, Day(volume.roll_up(raw_orders[day]), _source(raw_orders, day), received=None))
            for day in days_of(context)
        )

    @daily_asset(settings, group="match_day", kinds=["pandas", "parquet"], contract=contracts.MERGED_ORDERS)
    def merged_orders(context: dg.AssetExecutionContext, raw_orders: DailyTable, raw_matches: DailyTable) -> Days:
        """Orders beside the matches that they were placed around, in the cities whose teams play.

        A match near midnight needs the day beside: the reader takes it from the lake. Until the next day's
        matches are known a day is not complete, and says so.
        """

        def merged(day: date) -> Day:
            around = [
                raw_matches[day + timedelta(days=n)] for n in (-1, 0, 1) if day + timedelta(days=n) in raw_matches
            ]
            is_complete = day + timedelta(days=1) in raw_matches
            frame = align(raw_orders[day], around, is_complete=is_complete)
            return Day(frame, _source(raw_orders, day), facts={"is-complete": is_complete})

        return Days((day, merged(day)) for day in days_of(context))

    @daily_asset(settings, group="match_day", kinds=["scipy", "csv"])
    def correlation_results(
        context: dg.AssetExecutionContext, order_volume: DailyTable, raw_matches: DailyTable
    ) -> Days:
        """Uplift and correlation as of the day, over the trailing window: estimate, interval, q, verdict."""

        def analyses() -> Iterator[tuple[date, Files]]:
            days, window = days_of(context), settings.analysis_window_days
            first, last = days[0] - timedelta(days=window - 1), days[-1]
            prepared = prepare(*read_window(order_volume, raw_matches, first, last))
            for day in days:
                yield day, correlation_files(analyse_prepared(prepared, day, window))

        return Days(analyses())

    @dg.asset(
        group_name="match_day",
        kinds={"markdown", "altair"},
        owners=list(OWNERS),
        code_version="1",
        tags={"branch": "match-day"},
    )
    def insights_report(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        correlation_results: DatedFiles,
        order_volume: DailyTable,
        raw_matches: DailyTable,
    ) -> dg.MaterializeResult[None]:
        """What was found, in sentences with their evidence: a report as of the newest analysed day."""
        days, window = correlation_results.days(CORRELATION_FILES[-1]), settings.analysis_window_days
        if not days:
            raise PizzaAssetsError("Nothing was analysed yet. Materialize correlation_results, then the report.")
        analysis = analyse(
            *read_window(order_volume, raw_matches, days[-1] - timedelta(days=window - 1), days[-1]), days[-1], window
        )
        reports = DatedFiles(lake.store(), REPORT_PREFIX)
        key = reports.put(days[-1], report_files(analysis), context.run.run_id)
        return dg.MaterializeResult(metadata={"path": reports.store.uri(key), **_shown_report(analysis)})

    return [match_events, order_volume, merged_orders, correlation_results, insights_report]
