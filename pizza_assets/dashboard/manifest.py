"""Manifests: what QuickSight reads to find the data, and where the data came from.

Belongs here: the documents under quicksight-ready/metadata. Does not belong here: the data itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A data set as it was written: its key, its address, rows, columns and checksum."""

    key: str
    uri: str
    rows: int
    columns: tuple[str, ...]
    sha256: str


def quicksight_manifest(published: Published) -> dict[str, object]:
    """Return the S3 manifest of one data set.

    It lists the exact file: a prefix would count old snapshots twice. QuickSight takes all settings as
    text (Amazon QuickSight user guide, "Supported formats for Amazon S3 manifest files").
    """
    return {
        "fileLocations": [{"URIs": [published.uri]}],
        "globalUploadSettings": {
            "format": "CSV",
            "delimiter": ",",
            "textqualifier": '"',
            "containsHeader": "true",
        },
    }


def index(as_of: str, data_sets: Mapping[str, Published]) -> dict[str, object]:
    """Return the list of all data sets that belong together, with what is needed to check them."""
    return {
        "as_of": as_of,
        "data_sets": {
            name: {
                "key": item.key,
                "manifest": f"{name}.manifest.json",
                "rows": item.rows,
                "columns": list(item.columns),
                "sha256": item.sha256,
            }
            for name, item in data_sets.items()
        },
    }
