"""Columns of cells as they came: text, numbers, instants and cities out of whatever a source put there.

Belongs here: reading one kind of cell, whole columns at a time. Does not belong here: records (``order_records.py``,
``retail/``). A cell that cannot be read is null.
"""

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow
import pyarrow.compute as pc

from pizza_assets.orders.till.places import place_of
from pizza_assets.platform.columns import EARLIEST, LATEST

#: A number as text may spell it.
NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*$"
_TIME = r"^\s*\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?\s*(Z|[+-]\d\d(:?\d\d)?)?\s*$"
_OFFSET = r"(Z|:\d\d(\.\d{1,9})?\s*[+-]\d\d(:?\d\d)?)\s*$"

Mask = npt.NDArray[np.bool_]


def text_or_none(value: object) -> str | None:
    """Return text as it is and a whole number as text; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    # Half of a surrogate pair, which JSON can spell, is no text.
    return value if isinstance(value, str) and value.encode(errors="ignore").decode() == value else None


def same_ids(values: Sequence[object]) -> list[object]:
    """Return ids, with a number written as the text that names the same: 42 is "0042" where "0042" alone stands for it.

    A number has lost its leading zeros: without this, one shop would be two.
    """
    texts = defaultdict[str, set[str]](set)
    for value in values:
        if isinstance(value, str) and re.fullmatch("[0-9]+", value.strip()):
            texts[value.strip().lstrip("0") or "0"].add(value.strip())

    def same(value: object) -> object:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        spellings = texts.get(str(value), set()) if texts and is_number else set()
        return next(iter(spellings)) if len(spellings) == 1 else value

    return [same(value) for value in values]


def is_null(cells: pyarrow.Array) -> Mask:
    """Tell which cells are null."""
    return np.asarray(cells.is_null().to_numpy(zero_copy_only=False), dtype=bool)


def holds_text(cells: pyarrow.Array) -> bool:
    """Tell whether the column is one of text."""
    kind = cells.type.value_type if pyarrow.types.is_dictionary(cells.type) else cells.type
    return bool(pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind))


def text_of(cells: pyarrow.Array) -> pyarrow.Array:
    """Return text without blanks around it; null where there is none. Whole numbers are taken as text."""
    if not holds_text(cells) and not pyarrow.types.is_integer(cells.type):
        return pyarrow.nulls(len(cells), pyarrow.string())
    text = pc.utf8_trim_whitespace(cells.cast(pyarrow.string()))
    return pc.if_else(pc.equal(text, ""), pyarrow.scalar(None, pyarrow.string()), text)


def numbers_of(cells: pyarrow.Array) -> npt.NDArray[np.float64]:
    """Return numbers, from text too; NaN where there is none."""
    kind = cells.type
    if holds_text(cells):
        text = text_of(cells)
        cells = pc.if_else(pc.match_substring_regex(text, NUMBER), text, pyarrow.scalar(None, pyarrow.string()))
        kind = pyarrow.float64()
    if pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind) or pyarrow.types.is_decimal(kind):
        return np.asarray(cells.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=float)
    return np.full(len(cells), np.nan)


def cities_of(locations: pyarrow.Array) -> pyarrow.Array:
    """Return the city that each location names, or 'unknown'."""
    encoded = locations.dictionary_encode()
    cities = pyarrow.array([place_of(name).city for name in encoded.dictionary.to_pylist()], pyarrow.string())
    return cities.take(encoded.indices)


def instants_of(
    cells: pyarrow.Array, time_zone: str | None
) -> tuple["pd.Series[pd.Timestamp]", npt.NDArray[np.object_]]:
    """Return each time in UTC (NaT where it cannot be read), and what each cell was expected to be.

    A time without an offset is one of `time_zone`, and rejected where there is none. Where the clocks go back, it
    is taken as the first of the two, in summer time; where they go forward, it may not exist, and is rejected.
    """
    count, kind = len(cells), cells.type
    expected = np.full(count, "an ISO 8601 time such as 2024-05-19T18:30:00Z", dtype=object)
    if pyarrow.types.is_timestamp(kind):
        stamps = cells.cast(pyarrow.timestamp("us", "UTC" if kind.tz else None), safe=False).to_pandas()
        aware = np.full(count, kind.tz is not None)
        instants = stamps if kind.tz else pd.Series(pd.NaT, index=range(count), dtype="datetime64[us, UTC]")
        given = stamps if not kind.tz else pd.Series(pd.NaT, index=range(count), dtype="datetime64[us]")
    else:
        text = text_of(cells)
        is_time = pc.fill_null(pc.match_substring_regex(text, _TIME), False).to_numpy(zero_copy_only=False)
        aware = pc.fill_null(pc.match_substring_regex(text, _OFFSET), False).to_numpy(zero_copy_only=False)
        strings = text.to_pandas()
        instants = _parsed(strings.where(is_time & aware), utc=True)
        given = _parsed(strings.where(is_time & ~aware), utc=False)
    instants, given = instants.astype("datetime64[us, UTC]"), given.astype("datetime64[us]")
    local = ~aware & given.notna().to_numpy()
    if time_zone is None:
        expected[local] = "an offset from UTC, such as Z or +01:00"
    else:
        expected[local] = f"a time that {time_zone} has (its clocks went forward over this one)"
        first_of_two = np.ones(count, dtype=bool)
        localized = given.where(local).dt.tz_localize(time_zone, ambiguous=first_of_two, nonexistent="NaT")
        instants = instants.where(~local, localized.dt.tz_convert("UTC"))
    plausible = instants.between(EARLIEST, LATEST)
    expected[(instants.notna() & ~plausible).to_numpy()] = f"a time from {EARLIEST.year} to {LATEST.year}"
    return instants.where(plausible), expected


def _parsed(text: "pd.Series[str]", *, utc: bool) -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime(text, format="ISO8601", errors="coerce", utc=utc)
