"""Match-day assets: events, volume, merged orders, and what the analysis finds.

Belongs here: reading days, calling ``matchday``, handing days to the lake. Does not belong here: arithmetic.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import dagster as dg

from pizza_assets import contracts
from pizza_assets.contracts.columns import Source
from pizza_assets.defs.daily import columns, daily_asset
from pizza_assets.defs.io_manager import Days
from pizza_assets.defs.partitions import days_of
from pizza_assets.lake import formats
from pizza_assets.lake.layout import CORRELATION_FILES, REPORT_FILES
from pizza_assets.lake.tables import DailyTable, Day, Files
from pizza_assets.matchday import volume
from pizza_assets.matchday.alignment import align
from pizza_assets.matchday.analysis import Analysis, analyse_prepared, prepare
from pizza_assets.matchday.events import match_events as events_of
from pizza_assets.matchday.insights import report_json, report_markdown
from pizza_assets.settings import Settings

#: A finding: significant after Benjamini-Hochberg at this level.
ALPHA = 0.05


def source_of(table: DailyTable, day: date) -> Source:
    """Return whether a day of a table with a folder per source is real or mock."""
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


def with_report(files: Files, analysis: Analysis) -> Files:
    """Return an analysis' files with the insights in sentences, as Markdown and JSON, beside them."""
    report = (report_markdown(analysis).encode(), report_json(analysis).encode())
    return Files({**files.content, **dict(zip(REPORT_FILES, report, strict=True))}, files.facts)


def matchday_assets(settings: Settings) -> Sequence[dg.AssetsDefinition]:
    """Return the match-day assets for these settings."""

    @daily_asset(settings, group="match_day", kinds=["pandas", "parquet"], contract=contracts.MATCH_EVENTS)
    def match_events(context: dg.AssetExecutionContext, raw_matches: DailyTable) -> Days:
        """Goals, to the minute where the source tells it, and each team's result."""
        return Days((day, Day(events_of(raw_matches[day]), source_of(raw_matches, day))) for day in days_of(context))

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
            (day, Day(volume.roll_up(raw_orders[day]), source_of(raw_orders, day), received=None))
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
            return Day(frame, source_of(raw_orders, day), facts={"is-complete": is_complete})

        return Days((day, merged(day)) for day in days_of(context))

    @daily_asset(settings, group="match_day", kinds=["scipy", "csv"])
    def correlation_results(
        context: dg.AssetExecutionContext, order_volume: DailyTable, raw_matches: DailyTable
    ) -> Days:
        """Uplift and correlation as of the day, over the trailing window: estimate, interval, q, verdict.

        The last day of a run also has the insights in sentences, as a report.
        """

        def analyses() -> Iterator[tuple[date, Files]]:
            days, window = days_of(context), settings.analysis_window_days
            first, last = days[0] - timedelta(days=window - 1), days[-1]
            prepared = prepare(
                order_volume.between(first, last),
                raw_matches.between(first, last),
                order_sources(order_volume, first, last),
            )
            for day in days:
                analysis = analyse_prepared(prepared, day, window)
                files = correlation_files(analysis)
                if day == last:
                    files = with_report(files, analysis)
                    report = files.content[REPORT_FILES[0]].decode()
                    context.add_asset_metadata({"report": dg.MetadataValue.md(report)}, partition_key=day.isoformat())
                yield day, files

        return Days(analyses())

    return [match_events, order_volume, merged_orders, correlation_results]
