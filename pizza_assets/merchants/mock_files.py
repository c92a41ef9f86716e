"""Mock transactions as files, in the form in which real ones come: Parquet by year and month, merchants as CSV.

Belongs here: names and encodings. Does not belong here: what the rows hold (``merchants``).
"""

import io
from collections.abc import Callable

import pyarrow.csv
import pyarrow.parquet as pq

from pizza_assets.lake.store import Store
from pizza_assets.merchants.mock import Simulation

_FACTS = {"data-source": "mock"}


def write(simulation: Simulation, store: Store, told: Callable[[str], object]) -> tuple[str, str]:
    """Write a simulation into a store; return the folder of the transactions and the key of the merchants.

    Memory holds one chunk at a time. `told` hears of each month. Files of an earlier simulation are removed.
    """
    listed = io.BytesIO()
    pyarrow.csv.write_csv(simulation.merchants(), listed)
    store.write("merchants.csv", listed.getvalue(), _FACTS)
    kept = set()
    for month in simulation.months:
        told(f"{month:%Y-%m}")
        for number, table in enumerate(simulation.transactions(month)):
            sink = io.BytesIO()
            pq.write_table(table, sink, compression="zstd", row_group_size=500_000)
            kept.add(key := f"transactions/year={month:%Y}/month={month:%m}/part-{number:04d}.parquet")
            store.write(key, sink.getvalue(), _FACTS)
    for item in list(store.list("transactions/")):
        if item.key not in kept:
            store.delete(item.key)
    return "transactions", "merchants.csv"
