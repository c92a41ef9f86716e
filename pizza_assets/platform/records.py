"""What every source hands over: the records of one day, stored or rejected, and none lost.

Belongs here: that shape, and how a record whose time cannot be read still finds its day. Does not belong here:
what any source's records look like.
"""

import json
import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from pizza_assets.platform.columns import EARLIEST, LATEST

Days = npt.NDArray[np.datetime64]
NOT_A_DAY = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class Rejected:
    """A record that cannot be stored, whole and as received (JSON values), and why."""

    record: Mapping[str, object]
    reason: str


@dataclass(frozen=True)
class DayRecords:
    """What a source gave for one UTC day. ``received == len(frame) + len(rejected) + len(set_aside)``, always.

    ``raw`` holds the source's own objects where they are kept, ``origin`` names the source where there are several, and
    ``set_aside`` the records that are no order or sale, such as voids, with the reason.
    """

    frame: pd.DataFrame
    rejected: Sequence[Rejected]
    raw: Sequence[Mapping[str, object]] | None = None
    origin: str = ""
    set_aside: Sequence[Rejected] = ()

    @property
    def received(self) -> int:
        """Number of records received."""
        return len(self.frame) + len(self.rejected) + len(self.set_aside)


def read_json(text: bytes) -> object:
    """Return the value of a JSON text in UTF-8, so that it can be written again by any JSON writer.

    NaN and Infinity, which JSON does not have, come as text; half of a surrogate pair, which no UTF-8 file can hold,
    comes as a question mark.

    Raises
    ------
    ValueError, RecursionError
        When it is no JSON, or nested too deeply.
    """
    plain = text.decode("utf-8-sig")
    value = json.loads(plain, parse_constant=str)
    if re.search(r"\\u[dD][89a-fA-F]", plain):
        value = json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"), parse_constant=str)
    return value


def emptied(name: str, what: str, day: date, rows: int) -> str:
    """Return why an answer without records is not the truth about a day that has some.

    Parameters
    ----------
    name
        The source.
    what
        What it gave none of, such as ``orders``.
    day, rows
        The day, and how many the lake has of it.
    """
    return (
        f"{name}: expected {what} of {day}, of which {rows} are stored, found none in a whole answer. Ask the operator "
        "of the source. If there were none: pizza-assets lake remove, then run the day again."
    )


def as_record(value: object) -> Mapping[str, object]:
    """Return `value` when it is a JSON object; anything else becomes one with the key ``value``."""
    return value if isinstance(value, Mapping) else {"value": value}


def found(value: object) -> str:
    """Return `value` for a message, cut where it is long."""
    return reprlib.repr(value)


def jsonable(row: Mapping[str, object]) -> dict[str, object]:
    """Return `row` with values that JSON does not know (instants, decimals, bytes) as text."""
    return {str(key): json.loads(json.dumps(value, default=str), parse_constant=str) for key, value in row.items()}


def utc_days(instants: "pd.Series[pd.Timestamp]") -> Days:
    """Return the UTC day of each instant; NaT where it is missing or outside what the contracts can store."""
    plausible = instants.where(instants.between(EARLIEST, LATEST))
    return plausible.dt.tz_localize(None).to_numpy(dtype="datetime64[D]")


def filled_days(days: Days, before: np.datetime64 = NOT_A_DAY) -> Days:
    """Give each record without a day that of the nearest earlier record, else of the nearest later.

    `before` is the day of the record that comes before the first. Where no record has a day, NaT stays.
    """
    if len(days) == 0:
        return days
    # pandas has no datetime64[D]: seconds, and back.
    seconds = pd.Series(np.concatenate([[before], days]).astype("datetime64[s]"))
    return seconds.ffill().bfill().to_numpy(dtype="datetime64[D]")[1:]


def days_within(days: Days, first: date, last: date) -> Days:
    """Return the days of an answer about `first` to `last`; a record without a day gets one of these."""
    lowest, highest = np.datetime64(first, "D"), np.datetime64(last, "D")
    filled = filled_days(days)
    return np.where(np.isnat(days), np.clip(np.where(np.isnat(filled), lowest, filled), lowest, highest), days)


def by_position(violations: "pd.Series[str]") -> dict[int, str]:
    """Return why each row was rejected, by its position: the index of what ``split_valid`` gives, as numbers."""
    return dict(zip(violations.index.to_numpy(dtype=int).tolist(), violations, strict=True))


def days_between(first: date, last: date) -> list[date]:
    """Return the days from `first` to `last`, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def chunks(days: Iterable[date], longest: int) -> Iterable[list[date]]:
    """Split ascending days into lists that span at most `longest` days each."""
    chunk: list[date] = []
    for day in days:
        if chunk and day - chunk[0] >= timedelta(days=longest):
            yield chunk
            chunk = []
        chunk.append(day)
    if chunk:
        yield chunk
