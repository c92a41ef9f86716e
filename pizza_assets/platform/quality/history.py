"""The history of quality checks in the lake: one Parquet file for each run and data set; none is replaced.

Belongs here: results to a frame and back to the lake. Does not belong here: judging.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd

from pizza_assets import contracts
from pizza_assets.contracts import QUALITY_RESULTS
from pizza_assets.lake import formats, layout
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import as_metadata
from pizza_assets.platform.columns import Source
from pizza_assets.platform.quality.results import DayResult, worst


@dataclass(frozen=True)
class Evaluation:
    """What the checks of one run said about a data set: results by check, and the source of each day."""

    asset: str
    run_id: str
    evaluated_at: datetime
    results: Mapping[str, Sequence[DayResult]]
    sources: Mapping[date, Source]


def write(store: Store, evaluation: Evaluation) -> str:
    """Keep an evaluation in the lake and return its key."""
    rows = [
        {
            "run_id": evaluation.run_id,
            "evaluated_at": evaluation.evaluated_at,
            "asset": evaluation.asset,
            "check": check,
            "day": result.day.isoformat(),
            "data_source": evaluation.sources.get(result.day, "none"),
            "status": result.status,
            "message": result.message or None,
            "figures": json.dumps(result.figures),
        }
        for check, of_check in evaluation.results.items()
        for result in of_check
    ]
    frame = contracts.conform(pd.DataFrame(rows, columns=list(QUALITY_RESULTS.columns)), QUALITY_RESULTS)
    data = formats.parquet_bytes(contracts.validate(frame, QUALITY_RESULTS), QUALITY_RESULTS)
    key = layout.quality_key(evaluation.asset, evaluation.evaluated_at, evaluation.run_id)
    statuses = {check: worst(of_check) for check, of_check in evaluation.results.items()}
    store.write(key, data, as_metadata({"run-id": evaluation.run_id, "rows": len(frame), "worst": statuses}))
    return key


def read(store: Store, asset: str, first: date, last: date) -> pd.DataFrame:
    """Return QUALITY_RESULTS of the runs that judged `asset` from `first` to `last` (UTC), oldest run first."""
    keys = [
        item.key
        for item in store.list(f"{layout.quality_prefix(asset)}/")
        if (at := layout.day_of(item.key)) and first <= at <= last
    ]
    frames = [formats.read_parquet(store.read(key), QUALITY_RESULTS, key) for key in sorted(keys)]
    return pd.concat(frames, ignore_index=True) if frames else contracts.empty(QUALITY_RESULTS)
