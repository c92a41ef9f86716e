"""What the service answers with: the published data sets and reports, held until the lake has others.

Belongs here: reading the lake, filtering, rows as JSON. Does not belong here: HTTP.
"""

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pizza_assets.contracts import arrow_schema
from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.dashboard.page import read_csv
from pizza_assets.errors import LakeError, PizzaAssetsError
from pizza_assets.lake import layout
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DatedFiles

#: Rows of an answer, by default and at most.
LIMIT, MOST = 100, 5000
#: What a program asks for, by the data set that holds it.
NAMES: Mapping[str, str] = {
    "results": "effects",
    "associations": "correlations",
    "matches": "matches",
    "volume": "daily",
    "hours": "hourly",
    "profile": "profile",
    "anomalies": "anomalies",
    "retail": "retail",
    "forecast": "forecast",
    "differences": "pooled",
    "about": "meta",
}
_PAGING = ("limit", "offset")


class AskedWronglyError(PizzaAssetsError):
    """A question that cannot be answered as it is asked."""


@dataclass(frozen=True)
class Answer:
    """Rows of a data set: how many match, from which on, and what the data set is of."""

    name: str
    total: int
    offset: int
    rows: list[dict[str, Any]]
    version: str

    def body(self) -> bytes:
        """Return it as JSON."""
        document = {"name": self.name, "total": self.total, "offset": self.offset, "rows": self.rows}
        return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


class Published:
    """The published data sets of a lake. Frames are read again when their object is another one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._frames: dict[str, tuple[str, pd.DataFrame]] = {}
        self._lock = threading.Lock()

    def version(self, name: str) -> str:
        """Return what changes when a data set does. Raises LakeError when it was not published yet."""
        key = layout.current_key(NAMES[name])
        item = next((item for item in self._store.list(key) if item.key == key), None)
        if item is None:
            raise LakeError(
                f"The data set '{name}' was not published yet. Run 'pizza-assets demo' or 'pizza-assets backfill'."
            )
        return hashlib.sha256(f"{key} {item.version}".encode()).hexdigest()[:16]

    def frame(self, name: str) -> tuple[str, pd.DataFrame]:
        """Return a data set with its version."""
        version = self.version(name)
        with self._lock:
            held = self._frames.get(name)
            if held is None or held[0] != version:
                frame = read_csv(self._store.read(layout.current_key(NAMES[name])), NAMES[name])
                self._frames[name] = held = (version, frame)
        return held

    def answer(self, name: str, asked: Mapping[str, str]) -> Answer:
        """Return the rows of a data set in which columns have the asked values.

        Parameters
        ----------
        asked
            Values by column of text or flag, and `limit` and `offset`.

        Raises
        ------
        AskedWronglyError
            When a name or a value is none that can be asked for.
        """
        schema = DATA_SETS[NAMES[name]]
        limit = _number(asked, "limit", LIMIT, MOST)
        offset = _number(asked, "offset", 0, 2**31)
        filters = {column: value for column, value in asked.items() if column not in _PAGING}
        if wrong := sorted(set(filters) - set(filterable(name))):
            raise AskedWronglyError(
                f"'{wrong[0]}' is no column of '{name}' that can be asked for. There are: "
                f"{', '.join((*filterable(name), *_PAGING))}."
            )
        version, frame = self.frame(name)
        for column, value in filters.items():
            of_text = frame[column].astype("str").str.lower() if frame[column].dtype == bool else frame[column]
            frame = frame[of_text == (value.lower() if frame[column].dtype == bool else value)]
        shown = frame.iloc[offset : offset + limit]
        return Answer(name, len(frame), offset, rows_of(shown[list(schema.columns)]), version)

    def report(self, file: str) -> tuple[str, bytes]:
        """Return the newest report's file with its version."""
        reports = DatedFiles(self._store, layout.REPORT_PREFIX)
        days = reports.days(file)
        if not days:
            raise LakeError("There is no report yet. Materialize insights_report first.")
        data = reports.read(days[-1], file)
        return hashlib.sha256(data).hexdigest()[:16], data


def filterable(name: str) -> tuple[str, ...]:
    """Return the columns of a data set that can be asked for: texts and flags."""
    types = arrow_schema(DATA_SETS[NAMES[name]])
    return tuple(field.name for field in types if str(field.type) in {"string", "large_string", "bool"})


def _number(asked: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = asked.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= most):
        raise AskedWronglyError(f"{name}: expected a whole number from 0 to {most}, found {text[:40]!r}.")
    return int(text)


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON has them: instants as ISO 8601 in UTC, what is unknown as null."""
    columns = {}
    for name, values in frame.items():
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            texts = values.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
            columns[str(name)] = [None if pd.isna(text) else text for text in texts.tolist()]
        else:
            columns[str(name)] = [None if pd.isna(value) else value for value in values.tolist()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
