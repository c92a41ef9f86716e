"""Where answers are kept: Parquet, CSV, plans, quality and the report, in a folder, a bucket or the lake.

Belongs here: names and encodings of files. Does not belong here: what they say.
"""

import io
import json
from collections.abc import Mapping

import pyarrow
import pyarrow.csv
import pyarrow.parquet as pq

from pizza_assets.lake import formats
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import as_metadata
from pizza_assets.merchants.analysis import Answer
from pizza_assets.merchants.contract import ANSWERS
from pizza_assets.merchants.quality import Quality
from pizza_assets.merchants.report import Findings, render
from pizza_assets.platform.printable import cell


def write_answer(store: Store, prefix: str, answer: Answer, engine: str, facts: Mapping[str, object]) -> str:
    """Write an answer as Parquet and CSV, with its plan, below `prefix` ('' or ending in '/'); return its key."""
    about = as_metadata({"rows": answer.table.num_rows, "engine": engine, **facts})
    sink, text = io.BytesIO(), io.BytesIO()
    pq.write_table(answer.table, sink, compression="zstd")
    pyarrow.csv.write_csv(_guarded(answer.table), text)
    key = f"{prefix}{answer.name}.parquet"
    store.write(f"{prefix}plans/{answer.name}.{engine}.txt", answer.plan.encode(), about)
    store.write(f"{prefix}{answer.name}.csv", text.getvalue(), about)
    store.write(key, sink.getvalue(), about)
    return key


def _guarded(table: pyarrow.Table) -> pyarrow.Table:
    """Return a table for CSV: no text in it is a formula to a spreadsheet."""
    for place, column in enumerate(table.schema):
        if pyarrow.types.is_string(column.type):
            texts = [text if text is None else cell(text) for text in table[place].to_pylist()]
            table = table.set_column(place, column, pyarrow.array(texts, column.type))
    return table


def read_answer(store: Store, prefix: str, name: str) -> pyarrow.Table:
    """Return a stored answer (contract ``ANSWERS[name]``)."""
    return pq.read_table(io.BytesIO(store.read(f"{prefix}{name}.parquet")))


def read_engine(store: Store, prefix: str) -> str:
    """Return the engine, or engines, that made the stored answers."""
    return " and ".join(sorted({store.metadata(f"{prefix}{name}.parquet")["engine"] for name in ANSWERS}))


def write_quality(store: Store, prefix: str, quality: Quality, facts: Mapping[str, object]) -> None:
    """Write what was counted, with its checks, as JSON."""
    store.write(f"{prefix}quality.json", formats.json_bytes(quality.as_document()), as_metadata(facts))


def read_quality(store: Store, prefix: str) -> Quality:
    """Return what `write_quality` wrote."""
    document = json.loads(store.read(f"{prefix}quality.json"))
    return Quality(**{name: value for name, value in document.items() if name != "checks"})


def write_report(store: Store, prefix: str, findings: Findings, facts: Mapping[str, object]) -> str:
    """Write the report's files and return the key of the page."""
    for name, data in render(findings).items():
        store.write(f"{prefix}{name}", data, as_metadata(facts))
    return f"{prefix}report.html"
