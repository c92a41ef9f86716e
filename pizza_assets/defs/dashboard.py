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

from pizza_assets.contracts import CORRELATION_RESULTS
from pizza_assets.dashboard.datasets import data_sets
from pizza_assets.dashboard.page import write as write_page
from pizza_assets.dashboard.publish import current_as_of, publish
from pizza_assets.defs.daily import OWNERS, daily_asset
from pizza_assets.defs.io_manager import Days, preview
from pizza_assets.defs.matchday import read_window
from pizza_assets.defs.partitions import days_of
from pizza_assets.defs.resources import LakeResource
from pizza_assets.lake import formats
from pizza_assets.lake.layout import CORRELATION_FILES, DASHBOARD_HISTORY_FILE, RAW_ORDERS
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, DatedFiles, Files
from pizza_assets.matchday.analysis import analyse
from pizza_assets.settings import Settings


def history(correlation_results: DatedFiles, day: date) -> Files:
    """Return what the dashboard said as of a day: the analysis' summary and every result."""
    results, _, summary = (correlation_results.read(day, file) for file in CORRELATION_FILES)
    rows = formats.read_csv(results, CORRELATION_RESULTS)
    document = {"as_of": day.isoformat(), "summary": json.loads(summary), "results": rows}
    return Files({DASHBOARD_HISTORY_FILE: formats.json_bytes(document, indent=None)}, {"rows": len(rows)})


def planted_in(store: Store, first: date, last: date) -> str:
    """Return the effects planted in the newest mock orders of a range, as JSON; 'none' when there are none."""
    orders = DailyTable(store, RAW_ORDERS)
    mock = [day for day, kept in orders.stored.items() if kept.source == "mock" and first <= day <= last]
    return orders.facts(mock[-1]).get("planted", "none") if mock else "none"


def publish_current(
    store: Store, order_volume: DailyTable, raw_matches: DailyTable, day: date, window_days: int, run_id: str
) -> dict[str, dg.MetadataValue[Any]]:
    """Write what viewers see as of `day` and return what the UI shows of it."""
    first = day - timedelta(days=window_days - 1)
    volume, matches, sources = read_window(order_volume, raw_matches, first, day)
    analysis = analyse(volume, matches, sources, day, window_days)
    frames = data_sets(analysis, volume, matches, sources, datetime.now(UTC), planted_in(store, first, day))
    match_sources = [raw_matches.stored[d].source for d in raw_matches if first <= d <= day]
    rows = {name: len(frame) for name, frame in frames.items()}
    lineage = {
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
    publish(store, frames, day, run_id, lineage)
    return {"current": dg.MetadataValue.json(rows), "effects": preview(frames["effects"])}


def dashboard_assets(settings: Settings) -> Sequence[dg.AssetsDefinition]:
    """Return the dashboard assets for these settings."""

    @daily_asset(settings, group="dashboard", kinds=["csv", "quicksight"])
    def dashboard_data(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        correlation_results: DatedFiles,
        order_volume: DailyTable,
        raw_matches: DailyTable,
    ) -> Days:
        """What viewers see: current data sets with their QuickSight manifests, and each day's results.

        The run's last day becomes the current one, unless the current one is newer.
        """
        window = settings.analysis_window_days

        def days() -> Iterator[tuple[date, Files]]:
            for day in days_of(context):
                yield day, history(correlation_results, day)
            current = current_as_of(lake.store())
            if current is not None and current > day:
                context.log.info(f"The current dashboard data is of {current}; {day} is older and does not replace it.")
                return
            shown = publish_current(lake.store(), order_volume, raw_matches, day, window, context.run.run_id)
            context.add_asset_metadata(shown, partition_key=day.isoformat())

        return Days(days())

    @dg.asset(
        group_name="dashboard",
        kinds={"html", "vega"},
        owners=list(OWNERS),
        deps=[dashboard_data],
        code_version="1",
        tags={"branch": "match-day"},
    )
    def dashboard_page(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult[None]:
        """The local page: the current data sets in one HTML file that opens without a network."""
        key, text = write_page(lake.store(), context.run.run_id)
        return dg.MaterializeResult(
            metadata={
                "path": lake.store().uri(key),
                "kilobytes": round(len(text.encode()) / 1000),
                "kilobytes_gzipped": round(len(gzip.compress(text.encode())) / 1000),
            }
        )

    return [dashboard_data, dashboard_page]
