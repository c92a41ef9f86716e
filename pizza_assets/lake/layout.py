"""The only place that knows prefixes and file names.

Belongs here: where an object of a data set and day lies, and which day and source a key stands for. Does
not belong here: bytes. The time in a file's name is the partition's own (UTC midnight), so that a re-run
replaces what it made before.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import pandera.pandas as pa

from pizza_assets import contracts
from pizza_assets.platform.columns import SOURCES, Source

_DAY = re.compile(r"/(\d{4})/(\d{2})/(\d{2})/(\d{8}_\d{6})_")
_PARTITION = re.compile(r"/year=(\d{4})/month=(\d{2})/day=(\d{2})/")


def folder(prefix: str, day: date) -> str:
    """Return the folder of a day below `prefix`: ``prefix/YYYY/MM/DD/``."""
    return f"{prefix}/{day:%Y/%m/%d}/"


def day_of(key: str) -> date | None:
    """Return the day that a key of the dated layout, or of the partitioned one, stands for; None for any other key."""
    found = _DAY.search(key) or _PARTITION.search(key)
    return date(int(found[1]), int(found[2]), int(found[3])) if found else None


#: Notes about a day: why it, or some of it, is still what was stored before; what of it is not known, and why; clubs
#: whose city is not known, one a line and match.
Note = Literal["kept", "unknown", "unknown-clubs"]
#: Folders of what lies beside the data of a day.
_BESIDE = re.compile(r"/(?:rejected|received|kept|unknown|unknown-clubs)/")


def is_beside(key: str) -> bool:
    """Tell whether an object of a day lies beside its data: quarantine, what the source gave, notes."""
    return _BESIDE.search(key) is not None


@dataclass(frozen=True)
class DailyLayout:
    """Where a daily data set lies.

    ``name`` is the asset's name, ``prefix`` the folder, ``label`` the end of the file's name. With
    ``by_source`` a day lies under ``real/`` or ``mock/``, never both. With ``has_months`` its days are repeated in
    compact months, for an analysis reads a year of them.
    """

    name: str
    prefix: str
    label: str
    contract: pa.DataFrameSchema
    by_source: bool = False
    has_months: bool = False

    def key(self, day: date, source: Source, *, extension: str = "parquet") -> str:
        """Return the key of the day's object."""
        prefix, label = self.prefix, self.label
        if self.by_source:
            prefix, label = f"{prefix}/{source}", label if source == "real" else f"mock_{label}"
        return f"{folder(prefix, day)}{day:%Y%m%d}_000000_{label}.{extension}"

    def rejected_key(self, day: date) -> str:
        """Return the key of the day's quarantine: rejected records, one JSON object a line."""
        return f"{folder(f'{self.prefix}/rejected', day)}{day:%Y%m%d}_000000_rejected.ndjson"

    def set_aside_key(self, day: date) -> str:
        """Return the key of the day's records that are none of the data set, such as voids, one JSON object a line."""
        return f"{folder(f'{self.prefix}/set-aside', day)}{day:%Y%m%d}_000000_set_aside.ndjson"

    def received_key(self, day: date) -> str:
        """Return the key of what the source's API gave; not beside the data, because Athena reads whole folders."""
        return f"{folder(f'{self.prefix}/received', day)}{day:%Y%m%d}_000000_{self.label}.json.gz"

    def note_key(self, day: date, note: Note) -> str:
        """Return the key of a note about the day, which lies beside the data."""
        return f"{folder(f'{self.prefix}/{note}', day)}{day:%Y%m%d}_000000_{note}.json"

    def source_of(self, key: str) -> Source | None:
        """Return the source that the key's folder names; None when the data set has no such folders."""
        if not self.by_source:
            return None
        return next((source for source in SOURCES if key.startswith(f"{self.prefix}/{source}/")), None)


RAW_MATCHES = DailyLayout(
    "raw_matches",
    "raw-data/football-data",
    "matches",
    contracts.FOOTBALL_MATCHES,
    by_source=True,
    has_months=True,
)
RAW_ORDERS = DailyLayout("raw_orders", "raw-data/dominos-orders", "orders", contracts.DOMINOS_ORDERS, by_source=True)
MATCH_EVENTS = DailyLayout("match_events", "processed-data/match-events", "match_events", contracts.MATCH_EVENTS)
ORDER_VOLUME = DailyLayout(
    "order_volume", "processed-data/order-volume", "order_volume", contracts.ORDER_VOLUME, has_months=True
)
MERGED_ORDERS = DailyLayout("merged_orders", "processed-data/merged-datasets", "merged_data", contracts.MERGED_ORDERS)

#: Every daily table by its asset's name, in the order that data flows.
DAILY_TABLES: Mapping[str, DailyLayout] = {
    layout.name: layout for layout in (RAW_MATCHES, RAW_ORDERS, MATCH_EVENTS, ORDER_VOLUME, MERGED_ORDERS)
}

FIXTURES_AHEAD = DailyLayout(
    "fixtures_ahead", "raw-data/fixtures-ahead", "fixtures", contracts.FOOTBALL_MATCHES, by_source=True
)
ORDER_FORECAST = DailyLayout(
    "order_forecast", "processed-data/order-forecast", "order_forecast", contracts.ORDER_FORECAST
)
#: Tables about the days after a day. No day of the past lacks them: they are made as time passes.
AHEAD_TABLES: Mapping[str, DailyLayout] = {layout.name: layout for layout in (FIXTURES_AHEAD, ORDER_FORECAST)}
#: Every table that has a frame a day.
FRAME_TABLES: Mapping[str, DailyLayout] = {**DAILY_TABLES, **AHEAD_TABLES}


@dataclass(frozen=True)
class SalesLayout:
    """Where the sales of one retailer lie: partitions as Hive and Athena name them, with one file each.

    ``name`` is the asset's name. Quarantine and received bytes lie in trees of their own, because Athena reads
    every file of a partition.
    """

    name: str
    retailer_id: str

    @property
    def prefix(self) -> str:
        """The folder of the retailer."""
        return f"raw/{self.retailer_id}"

    def key(self, day: date) -> str:
        """Return the key of the day's lines: NDJSON."""
        return f"{self.prefix}/{day:year=%Y/month=%m/day=%d}/sales_data.json"

    def rejected_key(self, day: date) -> str:
        """Return the key of the day's quarantine: rejected records, one JSON object a line."""
        return f"{self.prefix}/rejected/{day:year=%Y/month=%m/day=%d}/rejected.ndjson"

    def received_key(self, day: date) -> str:
        """Return the key of what the retailer's API answered, page by page, as it came."""
        return f"{self.prefix}/received/{day:year=%Y/month=%m/day=%d}/pages.json.gz"

    def note_key(self, day: date, note: Note) -> str:
        """Return the key of a note about the day, which lies beside the data."""
        return f"{self.prefix}/{note}/{day:year=%Y/month=%m/day=%d}/{note}.json"


#: The sales of each retailer by its asset's name, in the order of RETAILER_IDS.
SALES_TABLES: Mapping[str, SalesLayout] = {
    layout.name: layout
    for layout in (
        SalesLayout("raw_dominos_sales" if retailer_id == "dominos" else f"raw_{retailer_id}", retailer_id)
        for retailer_id in contracts.RETAILER_IDS
    )
}

#: The files of one 'as of' analysis.
CORRELATION_PREFIX = "processed-data/correlation-analysis"
CORRELATION_FILES = ("correlation_results.csv", "significant_correlations.csv", "correlation_summary.json")
#: The report as of the newest of them.
REPORT_PREFIX = "processed-data/insights-report"
REPORT_FILES = ("insights_report.md", "insights_report.json")

#: What matches do to retail sales, as of the newest of them.
PIZZA_VS_FOOTBALL_PREFIX = "processed-data/pizza-vs-football"
PIZZA_VS_FOOTBALL_FILE = "pizza_vs_football.parquet"

#: What viewers see. Only the dated history may expire.
DASHBOARD_PREFIX = "quicksight-ready/dashboard-data"
DASHBOARD_HISTORY_FILE = "dashboard_data.json"
METADATA_PREFIX = "quicksight-ready/metadata"
MANIFEST_KEY = f"{METADATA_PREFIX}/manifest.json"
LINEAGE_KEY = f"{METADATA_PREFIX}/lineage.json"
#: The local page, one self-contained file.
PAGE_KEY = "dashboard/index.html"
#: Says that the lake's days are a demo's.
DEMO_KEY = "demo.json"
#: What the quality checks said: one file for each run and data set, by the day of the run.
QUALITY_PREFIX = "quality"

#: Facts that left the warehouse.
WAREHOUSE_ARCHIVE_PREFIX = "archive/fact_sales"


def archive_key(retailer_id: str, month: date, digest: str) -> str:
    """Return the key of a retailer's archived month; what is archived later has another digest and key."""
    return f"{WAREHOUSE_ARCHIVE_PREFIX}/{retailer_id}/{month:year=%Y/month=%m}/fact_sales_{digest[:12]}.parquet"


#: Card transactions by month, the list of merchants, and the answers to the merchant questions. The manifest says
#: which parts the copy has; parts that it does not name are left over from a killed run.
MERCHANT_TRANSACTIONS_PREFIX = "raw-data/merchant-transactions"
MERCHANT_MANIFEST_KEY = f"{MERCHANT_TRANSACTIONS_PREFIX}/manifest.json"
MERCHANTS_PREFIX = "raw-data/merchants"
MERCHANT_ANSWERS_PREFIX = "processed-data/merchant-analytics"
MERCHANT_REPORT_KEY = f"{MERCHANT_ANSWERS_PREFIX}/report.html"


def merchant_part_key(source: Source, month: date, part: int, digest: str) -> str:
    """Return the key of a part of a month of card transactions; the digest of its bytes makes it unlike older ones."""
    where = f"{MERCHANT_TRANSACTIONS_PREFIX}/{source}/year={month:%Y}/month={month:%m}"
    return f"{where}/part-{part:04d}-{digest[:12]}.parquet"


def merchants_key(source: Source) -> str:
    """Return the key of the list of merchants."""
    return f"{MERCHANTS_PREFIX}/{source}/merchants.parquet"


#: Compact months of what each day's analysis found.
VERDICTS = "verdicts"


def month_key(name: str, month: date | None = None) -> str:
    """Return the key of a compact month (``lake.months``), or the folder of all; Athena reads no folder of it."""
    return f"compact/{name}/" if month is None else f"compact/{name}/{month:%Y-%m}.parquet"


def dated_key(prefix: str, day: date, file: str) -> str:
    """Return the key of a dated file that has no table of its own."""
    return f"{folder(prefix, day)}{day:%Y%m%d}_000000_{file}"


def current_key(data_set: str) -> str:
    """Return the key of the dashboard's current CSV of a data set."""
    return f"{DASHBOARD_PREFIX}/current/{data_set}.csv"


def manifest_key(data_set: str) -> str:
    """Return the key of the QuickSight manifest of a data set."""
    return f"{METADATA_PREFIX}/{data_set}.manifest.json"


def quality_prefix(asset: str) -> str:
    """Return the folder of the history of an asset's checks."""
    return f"{QUALITY_PREFIX}/{asset}"


def quality_key(asset: str, evaluated_at: datetime, run_id: str) -> str:
    """Return the key of what the checks of one run said; `evaluated_at` in UTC."""
    name = f"{evaluated_at:%Y%m%d_%H%M%S}_{run_id[:8]}.parquet"
    return f"{folder(quality_prefix(asset), evaluated_at.date())}{name}"
