"""Stored samples: one file of each version of each contract that days in the lake keep.

``python -m pizza_assets_tests.lake.version_samples`` writes the samples of today's versions that are missing. Samples
that are there are never written again: they are what an older program stored.
"""

from datetime import UTC, date, datetime
from pathlib import Path

import click
import pandera.pandas as pa

from pizza_assets import contracts
from pizza_assets.analysis.alignment import align
from pizza_assets.analysis.events import match_events
from pizza_assets.analysis.volume import roll_up
from pizza_assets.contracts import SALES, to_arrow
from pizza_assets.football.mock import mock_matches
from pizza_assets.lake import formats
from pizza_assets.lake.layout import DAILY_TABLES
from pizza_assets.lake.sales import sales_bytes
from pizza_assets.platform.upgrades import version_of
from pizza_assets.settings import Settings
from pizza_assets_tests.frames import orders_frame
from pizza_assets_tests.retail.sales_lines import sale, sales

FOLDER = Path(__file__).with_name("samples")
#: The contracts of the lake's days.
STORED = {schema.name: schema for schema in (*(where.contract for where in DAILY_TABLES.values()), SALES)}


def sample_path(contract: pa.DataFrameSchema, version: int) -> Path:
    """Return where the sample of a version of a contract lies."""
    return FOLDER / f"{contract.name}-{version}.{'json' if contract is SALES else 'parquet'}"


def _sample(name: str) -> bytes:
    matches = mock_matches(date(2025, 9, 20), Settings(_env_file=None)).head(3)
    orders = orders_frame([datetime(2025, 9, 20, hour, tzinfo=UTC) for hour in (11, 12, 13)], ["London"] * 3)
    frames = {
        "football_matches": matches,
        "dominos_orders": orders,
        "match_events": match_events(matches),
        "order_volume": roll_up(orders),
        "merged_orders": align(to_arrow(orders, contracts.DOMINOS_ORDERS), [matches], is_complete=False),
    }
    return (
        sales_bytes(sales([sale(), sale(line=2)]))
        if name == SALES.name
        else formats.parquet_bytes(frames[name], STORED[name])
    )


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for contract in STORED.values():
        path = sample_path(contract, version_of(contract))
        if not path.exists():
            path.write_bytes(_sample(contract.name))
            click.echo(path)
