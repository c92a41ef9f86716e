"""The analysis: what is derived from orders and matches agrees with them, and is whole.

Belongs here: expectations of events, merged orders, results and what viewers see. Does not belong here: the statistics
themselves (docs/statistics.md, ``benchmarks/calibration``).
"""

import csv
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pandas as pd
import pandera.pandas as pa

from pizza_assets import contracts
from pizza_assets.errors import ContractError
from pizza_assets.lake.layout import DASHBOARD_HISTORY_FILE
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import Day, Files
from pizza_assets.platform.quality.results import Background, DayResult, Status
from pizza_assets.platform.quality.structure import SCHEMA, Agrees, Counts

_DAYS_AT_ONCE = 31


def _count_of(fact: str, content: Day) -> int:
    found = content.facts[fact]
    if not isinstance(found, int):
        raise TypeError(f"the fact '{fact}' must be a count, found {found!r}")
    return found


#: The roll-up counts every order: the fact ``orders`` holds how many there were.
COUNTS_ALL_ORDERS = Agrees(
    "counts_all_orders",
    "The volume counts every order of raw_orders once.",
    lambda day: (_count_of("orders", day), int(day.frame["orders"].sum())),
)
#: Each side of a played match has a result: the fact ``played`` holds how many were played.
COUNTS_ALL_RESULTS = Agrees(
    "counts_all_results",
    "Each played match of raw_matches has a result for both teams.",
    lambda day: (2 * _count_of("played", day), int((day.frame["event_type"] != "goal").sum())),
)


@dataclass(frozen=True)
class NextDayKnown:
    """A merged day that is long over was merged with the matches of the day after it."""

    name: str = "next_day_known"
    description: str = (
        "Orders before midnight may belong to a match after it. A day that is over for more than a day but was merged "
        "without the next day's matches warns: run merged_orders for it again."
    )
    is_blocking: bool = False

    def measure(self, day: date, content: Day) -> tuple[bool, int]:
        """Return whether the day is complete, and its orders around matches."""
        del day
        return bool(content.facts["is-complete"]), len(content.frame)

    def judge(self, measured: Mapping[date, tuple[bool, int]], background: Background) -> Sequence[DayResult]:
        """Warn about days that could be complete by now."""
        settled = background.today - timedelta(days=1)
        results = []
        for day, (is_complete, orders) in measured.items():
            figures = {"orders_around_matches": orders, "is_complete": int(is_complete)}
            if is_complete:
                results.append(DayResult(day, "passed", "", figures))
            elif day >= settled:
                results.append(DayResult(day, "skipped", "the next day's matches are not known yet", figures))
            else:
                found = f"merged without the matches of {day + timedelta(days=1)}: collect them, then run it again"
                results.append(DayResult(day, "warn", found, figures))
        return results


@dataclass(frozen=True)
class FileSchema:
    """A CSV that an asset writes each day keeps its contract: columns before it is stored, values at the end."""

    contract: pa.DataFrameSchema
    file: str
    name: str = SCHEMA
    is_blocking: bool = True

    @property
    def description(self) -> str:
        """Return what the contract asks for."""
        key = ", ".join((self.contract.metadata or {})["key"])
        return (
            f"{self.file} has the {len(self.contract.columns)} columns of its contract, their values, unique by {key}."
        )

    def measure(self, day: date, content: Files) -> bytes:
        """Return the day's file, compressed: a season's are held until they are judged.

        Raises
        ------
        ContractError
            When its columns are not the contract's.
        """
        data = content.content[self.file]
        expected, found = list(self.contract.columns), next(csv.reader([data.partition(b"\n")[0].decode()]), [])
        if found != expected:
            raise ContractError(f"{self.file} of {day}: expected the columns {expected}, found {found}.")
        return zlib.compress(data)

    def judge(self, measured: Mapping[date, bytes], background: Background) -> Sequence[DayResult]:
        """Judge the rows of many days at once: validating costs the same for one day and for a month."""
        del background
        days = list(measured)
        months = [days[at : at + _DAYS_AT_ONCE] for at in range(0, len(days), _DAYS_AT_ONCE)]
        return [result for month in months for result in self._judge_together({day: measured[day] for day in month})]

    def _judge_together(self, measured: Mapping[date, bytes]) -> Iterator[DayResult]:
        frames = {day: pd.read_csv(io.BytesIO(zlib.decompress(data))) for day, data in measured.items()}
        rows = pd.concat(frames, names=["day", "row"]).reset_index("day")
        days = rows.pop("day")
        rows = rows.reset_index(drop=True)
        _, reasons = contracts.split_valid(contracts.conform(rows, self.contract), self.contract)
        days_of_broken = days.to_numpy()[reasons.index.to_numpy(dtype=int)]
        for day, frame in frames.items():
            yield self._judged(day, len(frame), reasons[days_of_broken == day])

    def _judged(self, day: date, rows: int, broken: "pd.Series[str]") -> DayResult:
        message = f"{len(broken)} rows break the contract, e.g. {broken.iloc[0]}" if len(broken) else ""
        status: Status = "error" if message else "passed"
        return DayResult(day, status, message, {"rows": rows, "broken_rows": len(broken)})


@dataclass(frozen=True)
class HistoryDocument:
    """A day's entry in the dashboard's history is of that day, and holds all results."""

    name: str = "holds_the_analysis"
    description: str = "The day's entry in the history is as of that day and holds every result of the analysis."
    is_blocking: bool = True

    def measure(self, day: date, content: Files) -> Counts:
        """Return the number of results.

        Raises
        ------
        ContractError
            When the document is of another day, or results are missing.
        """
        document = json.loads(content.content[DASHBOARD_HISTORY_FILE])
        found = (document["as_of"], {row["as_of"] for row in document["results"]} or {day.isoformat()})
        if found != (day.isoformat(), {day.isoformat()}):
            raise ContractError(f"{DASHBOARD_HISTORY_FILE} of {day}: expected results as of that day, found {found}.")
        return {"results": len(document["results"])}

    def judge(self, measured: Mapping[date, Counts], background: Background) -> Sequence[DayResult]:
        """Return a passed day for each: others were rejected."""
        del background
        return [DayResult(day, figures=counts) for day, counts in measured.items()]


@dataclass(frozen=True)
class CurrentDataSets:
    """What viewers see keeps its contracts. ``read`` returns the current data sets of a lake, as viewers get them."""

    schemas: Mapping[str, pa.DataFrameSchema]
    read: Callable[[Store], Mapping[str, pd.DataFrame]]
    name: str = SCHEMA
    is_blocking: bool = True
    description: str = "Each current data set (CSV) has the columns, types and values of its contract."

    def measure(self, day: date, content: Files) -> int:
        """Return the size of the day's entry in the history, in bytes."""
        del day
        return sum(map(len, content.content.values()))

    def judge(self, measured: Mapping[date, int], background: Background) -> Sequence[DayResult]:
        """Read the current data sets; the result stands on the newest day of the run."""
        newest = max(measured)
        current = self._judged(newest, self.read(background.stored.store))
        older = [DayResult(day, figures={"history_bytes": size}) for day, size in measured.items() if day != newest]
        return [*older, replace(current, figures={"history_bytes": measured[newest], **current.figures})]

    def _judged(self, day: date, frames: Mapping[str, pd.DataFrame]) -> DayResult:
        problems = []
        for name, frame in frames.items():
            try:
                contracts.validate(frame, self.schemas[name])
            except ContractError as error:
                problems.append(str(error))
        rows = {f"rows_of_{name}": len(frame) for name, frame in frames.items()}
        return DayResult(day, "error" if problems else "passed", " ".join(problems), rows)


def differences(expected: Mapping[str, int], found: Mapping[str, int]) -> str:
    """Return where two counts of rows by data set differ, as a sentence; empty when they agree."""
    names = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    return "; ".join(
        f"{name}: expected {expected.get(name, 'none')}, found {found.get(name, 'none')}" for name in names
    )
