"""Dashboard assets: the data sets that viewers see, their manifests, and a dated history.

Belongs here: reading the lake, calling ``dashboard``, publishing. Does not belong here: shaping the data.
"""

import gzip
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from typing import Any

import dagster as dg

from pizza_assets import contracts
from pizza_assets.analysis.quality import CurrentDataSets, HistoryDocument
from pizza_assets.analysis.window import analyse_window, read_window
from pizza_assets.dashboard.datasets import DATA_SETS, data_sets
from pizza_assets.dashboard.page import read_current
from pizza_assets.dashboard.page import write as write_page
from pizza_assets.dashboard.publish import current_as_of, newer_than, publish
from pizza_assets.forecast.making import rows_until
from pizza_assets.lake import formats
from pizza_assets.lake.layout import CORRELATION_FILES, DASHBOARD_HISTORY_FILE, PAGE_KEY, RAW_ORDERS
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, DatedFiles, Files
from pizza_assets.platform import dagster_catalog as catalog
from pizza_assets.platform import dagster_lineage as lineage
from pizza_assets.platform.dagster_daily_asset import OWNERS, daily_asset
from pizza_assets.platform.dagster_failures import as_failure, without_secrets_in_errors
from pizza_assets.platform.dagster_io_manager import preview
from pizza_assets.platform.dagster_partitions import POOL, days_of
from pizza_assets.platform.dagster_resources import LakeResource
from pizza_assets.platform.dagster_versions import code_version
from pizza_assets.platform.quality.measured import Item
from pizza_assets.settings import Settings
from pizza_assets.warehouse.pizza_vs_football_assets import newest_results

PAGE_CHECK = "shows_current_data"
_PAGE_RULE = "The page shows the current data sets: those that the manifest lists, as of their day."


def planted_in(store: Store, first: date, last: date) -> str:
    """Return the effects planted in the newest mock orders of a range, as JSON; 'none' when there are none."""
    orders = DailyTable(store, RAW_ORDERS)
    mock = [day for day, kept in orders.stored.items() if kept.source == "mock" and first <= day <= last]
    return orders.facts(mock[-1]).get("planted", "none") if mock else "none"


def publish_current(
    store: Store, order_volume: DailyTable, raw_matches: DailyTable, day: date, settings: Settings, run_id: str
) -> dict[str, dg.MetadataValue[Any]]:
    """Write what viewers see as of `day` and return what the UI shows of it."""
    window_days = settings.analysis_window_days
    first = day - timedelta(days=window_days - 1)
    read = read_window(order_volume, raw_matches, first, day)
    volume, matches, sources = read.volume, read.matches, read.sources
    analysis = analyse_window(read, day, window_days, settings.focus_teams)
    planted, retail = planted_in(store, first, day), newest_results(store, day)
    frames = data_sets(
        analysis,
        volume,
        matches,
        sources,
        datetime.now(UTC),
        planted=planted,
        retail=retail,
        forecast=rows_until(store, day),
    )
    match_sources = [raw_matches.stored[d].source for d in raw_matches if first <= d <= day]
    rows = {name: len(frame) for name, frame in frames.items()}
    sources_of = {
        "code_version": version("pizza_assets"),
        "window": [first.isoformat(), day.isoformat()],
        "inputs": {
            "order_volume": {
                "days": len(sources),
                "real_days": list(sources.values()).count("real"),
                "orders": int(volume["orders"].sum()),
            },
            "raw_matches": {
                "days": len(match_sources),
                "real_days": match_sources.count("real"),
                "matches": len(matches),
            },
        },
        "rows": rows,
    }
    publish(store, frames, day, run_id, sources_of)
    return {"current": dg.MetadataValue.json(rows), "effects": preview(frames["effects"])}


def history(correlation_results: DatedFiles, day: date) -> Files:
    """Return what the dashboard said as of a day: the analysis' summary and every result."""
    results, _, summary = (correlation_results.read(day, file) for file in CORRELATION_FILES)
    rows = formats.read_csv(results, contracts.CORRELATION_RESULTS)
    document = {"as_of": day.isoformat(), "summary": json.loads(summary), "results": rows}
    return Files({DASHBOARD_HISTORY_FILE: formats.json_bytes(document, indent=None)}, {"rows": len(rows)})


def shows_current_data(page: str, as_of: date | None) -> dg.AssetCheckResult:
    """Return whether a page shows the data as of a day."""
    shown = f'"meta":{{"as_of":"{as_of}"' in page
    found = f"It shows the data as of {as_of}." if shown else f"It does not show the data as of {as_of}: run it again."
    return dg.AssetCheckResult(
        check_name=PAGE_CHECK, passed=shown, description=found, metadata={"as_of": str(as_of or "none")}
    )


def dashboard_assets(settings: Settings) -> Sequence[dg.AssetsDefinition]:
    """Return the dashboard assets for these settings."""

    @daily_asset(
        settings,
        group="dashboard",
        kinds=["csv", "quicksight"],
        contract=DATA_SETS,
        lineage=lineage.DASHBOARD_DATA,
        checks=[CurrentDataSets(DATA_SETS, read_current), HistoryDocument()],
        made_by=["pizza_assets.analysis", "pizza_assets.dashboard.datasets", "pizza_assets.dashboard.contract"],
        docs="dashboard.md",
        deps=["pizza_vs_football", "order_forecast"],
    )
    def dashboard_data(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        correlation_results: DatedFiles,
        order_volume: DailyTable,
        raw_matches: DailyTable,
    ) -> Iterator[Item]:
        """The figures behind the page and QuickSight, as of the newest day, with each day's results as history."""
        for day in days_of(context):
            yield day, history(correlation_results, day)
        if current := newer_than(lake.store(), day):
            context.log.info(f"The current dashboard data is of {current}; {day} is older and does not replace it.")
            return
        shown = publish_current(lake.store(), order_volume, raw_matches, day, settings, context.run.run_id)
        context.add_asset_metadata(shown, partition_key=day.isoformat())

    @dg.asset(
        group_name="dashboard",
        kinds={"html", "vega"},
        pool=POOL,
        owners=list(OWNERS),
        deps=[dashboard_data],
        code_version=code_version("pizza_assets.dashboard"),
        check_specs=[dg.AssetCheckSpec(PAGE_CHECK, asset="dashboard_page", description=_PAGE_RULE)],
        metadata=catalog.entry(
            settings, contract=DATA_SETS, lineage=lineage.SHOWN_DATA, prefix=PAGE_KEY, docs="dashboard.md"
        ),
        tags={"branch": "match-day"},
    )
    @without_secrets_in_errors
    def dashboard_page(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:  # type: ignore[type-arg] # with checks dagster knows it bare only
        """The page that answers whether football sells pizza, as one file that opens without a network."""
        store = lake.store()
        with as_failure():
            key, text = write_page(store, context.run.run_id)
        return dg.MaterializeResult(
            metadata={
                "path": store.uri(key),
                "kilobytes": round(len(text.encode()) / 1000),
                "kilobytes_gzipped": round(len(gzip.compress(text.encode())) / 1000),
            },
            check_results=[shows_current_data(text, current_as_of(store))],
        )

    return [dashboard_data, dashboard_page]
