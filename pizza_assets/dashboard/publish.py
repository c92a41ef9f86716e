"""Publishing: the current data sets first, whole, then what points at them.

Belongs here: the order in which viewers' files change. Does not belong here: what is in them.
"""

import io
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from pizza_assets.dashboard.manifest import Published, index, quicksight_manifest
from pizza_assets.errors import LakeError
from pizza_assets.lake import formats, layout
from pizza_assets.lake.store import Store, checksum
from pizza_assets.lake.tables import DatedFiles, as_metadata


def current_as_of(store: Store) -> date | None:
    """Return the day that the current data sets are of; None when there are none."""
    if not any(store.list(layout.MANIFEST_KEY)):
        return None
    document = json.loads(store.read(layout.MANIFEST_KEY))
    try:
        return date.fromisoformat(document["as_of"])
    except (KeyError, ValueError) as error:
        raise LakeError(
            f"{store.uri(layout.MANIFEST_KEY)} names no 'as_of' day. Delete it and materialize dashboard_data again."
        ) from error


def newest_shown(store: Store) -> date | None:
    """Return the day that an older one may not replace: that of the current data sets.

    Where their manifest cannot be read it is the newest day of the history, so that a run of that day mends it.
    """
    try:
        return current_as_of(store)
    except LakeError:
        return max(DatedFiles(store, layout.DASHBOARD_PREFIX).days(layout.DASHBOARD_HISTORY_FILE), default=None)


def newer_than(store: Store, day: date) -> date | None:
    """Return the day of the current data sets where it is later than `day`, so that they stay; None where it is not."""
    current = newest_shown(store)
    return current if current is not None and current > day else None


def current_rows(store: Store) -> Mapping[str, int]:
    """Return the rows of each current data set, as the manifest counts them; none when there is no manifest."""
    if not any(store.list(layout.MANIFEST_KEY)):
        return {}
    listed = json.loads(store.read(layout.MANIFEST_KEY))["data_sets"]
    return {name: int(data_set["rows"]) for name, data_set in listed.items()}


def current_records(store: Store, data_set: str) -> list[dict[str, Any]]:
    """Return the rows of a current data set as its CSV has them: instants are texts, empty cells NaN."""
    frame = pd.read_csv(io.BytesIO(store.read(layout.current_key(data_set))))
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def publish(
    store: Store, frames: Mapping[str, pd.DataFrame], as_of: date, run_id: str, lineage: Mapping[str, object]
) -> Mapping[str, Published]:
    """Write the current data sets, then their manifests, the index and the lineage; return what was written."""
    published = {}
    for name, frame in frames.items():
        data = formats.csv_bytes(frame)
        key = layout.current_key(name)
        facts = {"run-id": run_id, "as-of": as_of.isoformat(), "rows": len(frame)}
        store.write(key, data, as_metadata(facts))
        published[name] = Published(key, store.uri(key), len(frame), tuple(frame.columns), checksum(data))
    documents = {layout.manifest_key(name): quicksight_manifest(item) for name, item in published.items()}
    documents[layout.MANIFEST_KEY] = index(as_of.isoformat(), published)
    documents[layout.LINEAGE_KEY] = {"as_of": as_of.isoformat(), "run_id": run_id, **lineage}
    for key, document in documents.items():
        store.write(key, formats.json_bytes(document), as_metadata({"run-id": run_id, "as-of": as_of.isoformat()}))
    return published
