"""Three ways to write a time, each read into an instant in UTC, or rejected with what was expected.

Belongs here: reading a column of times. Does not belong here: which retailer writes which.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow

from pizza_assets.platform.column_parsers import instants_of, text_or_none
from pizza_assets.platform.columns import EARLIEST, LATEST

#: Instants in UTC, NaT where none can be read, and what each cell was expected to be.
Instants = tuple["pd.Series[pd.Timestamp]", npt.NDArray[np.object_]]

_NO_INSTANT = np.iinfo(np.int64).min


def local_time(cells: Sequence[object], time_zone: str) -> Instants:
    """Read ISO 8601 times of a wall clock; see ``instants_of`` for the hours when clocks change."""
    return instants_of(_texts(cells), time_zone)


def time_with_offset(cells: Sequence[object], time_zone: str = "UTC") -> Instants:
    """Read ISO 8601 times with their offset from UTC, in whatever time zone the retailer is."""
    del time_zone
    return instants_of(_texts(cells), None)


def seconds_since_1970(cells: Sequence[object], time_zone: str = "UTC") -> Instants:
    """Read whole seconds since 1970 (UTC), in whatever time zone the retailer is."""
    del time_zone
    first, last = int(EARLIEST.timestamp()), int(LATEST.timestamp())
    seconds = [cell if type(cell) is int and first <= cell <= last else _NO_INSTANT for cell in cells]
    instants = pd.Series(np.array(seconds, dtype="datetime64[s]").astype("datetime64[us]")).dt.tz_localize("UTC")
    expected = f"whole seconds since 1970, in the years {EARLIEST.year} to {LATEST.year}"
    return instants, np.full(len(cells), expected, dtype=object)


def _texts(cells: Sequence[object]) -> pyarrow.Array:
    return pyarrow.array([text_or_none(cell) for cell in cells], pyarrow.string())
