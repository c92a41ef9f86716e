"""Every daily asset's days in the lake, whichever kind they are of.

Belongs here: which kind of days each asset has. Does not belong here: the kinds (``tables``, ``sales``).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from pizza_assets.lake import layout
from pizza_assets.lake.sales import SalesDay, SalesTable, encoded_sales
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, DatedFiles, Day, Encoded, Files, encoded_files, encoded_frames

#: What an asset makes of a day.
Content = Day | SalesDay | Files
#: The days of an asset.
AnyTable = DailyTable | SalesTable | DatedFiles

_PREFIXES = {
    "correlation_results": layout.CORRELATION_PREFIX,
    "dashboard_data": layout.DASHBOARD_PREFIX,
}


def prefix_of(asset: str) -> str:
    """Return the folder of a daily asset in the lake."""
    if asset in layout.SALES_TABLES:
        return layout.SALES_TABLES[asset].prefix
    return _PREFIXES.get(asset) or layout.FRAME_TABLES[asset].prefix


def open_days(store: Store, asset: str, columns: Sequence[str] | None = None) -> AnyTable:
    """Return the days of an asset; of a table only `columns` are decoded."""
    if asset in _PREFIXES:
        return DatedFiles(store, _PREFIXES[asset])
    if asset in layout.SALES_TABLES:
        return SalesTable(store, layout.SALES_TABLES[asset])
    return DailyTable(store, layout.FRAME_TABLES[asset], columns)


def encoded_days(asset: str, days: Mapping[date, Any], run_id: str) -> Iterator[Encoded]:
    """Yield days of an asset, of its kind of content, as the lake keeps them.

    Raises
    ------
    ContractError
        When one breaks the contract; the days before it were yielded.
    """
    if asset in _PREFIXES:
        return encoded_files(_PREFIXES[asset], days, run_id)
    if asset in layout.SALES_TABLES:
        return encoded_sales(layout.SALES_TABLES[asset], days, run_id)
    return encoded_frames(layout.FRAME_TABLES[asset], days, run_id)
