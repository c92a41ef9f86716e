"""What a check says about a day, and how many days add up to one answer.

Belongs here: results, their order and their sentence. Does not belong here: any particular check.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Generic, Literal, Protocol, TypeVar

import pandas as pd

from pizza_assets.contracts import from_arrow
from pizza_assets.lake.sales import SalesTable
from pizza_assets.lake.tables import DailyTable, DatedFiles, Day, Files

#: 'skipped' is an answer: the day cannot be judged yet, and the message says why.
Status = Literal["passed", "skipped", "warn", "error"]
STATUSES: tuple[Status, ...] = ("error", "warn", "skipped", "passed")

Figure = str | int | float
#: What an asset makes of a day: a table's Day, or Files.
Content_contra = TypeVar("Content_contra", bound=Day | Files, contravariant=True)
Measured = TypeVar("Measured")


@dataclass(frozen=True)
class DayResult:
    """What a check says about one day: the figures it is judged by, and a sentence unless it passed."""

    day: date
    status: Status = "passed"
    message: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True)
class Background:
    """What a judgement may look at beside the days of the run.

    ``stored`` are the days of the same data set as the run found them, ``first`` is the run's first day, and
    ``today`` the day (UTC) that is not over.
    """

    stored: DailyTable | SalesTable | DatedFiles
    first: date
    today: date
    _read: dict[tuple[str, ...], dict[date, pd.DataFrame]] = field(default_factory=dict)

    @property
    def table(self) -> DailyTable:
        """Return the stored days of a data set that is a table."""
        if not isinstance(self.stored, DailyTable):
            raise TypeError(f"{self.stored.prefix} holds files, and this check is for tables")
        return self.stored

    def earlier(self, days: int, columns: Sequence[str]) -> Mapping[date, pd.DataFrame]:
        """Return the table's frames of the `days` days before the run; checks that ask for the same share them."""
        key = (str(days), *columns)
        if key not in self._read:
            start, end = self.first - timedelta(days=days), self.first - timedelta(days=1)
            tables = self.table.view(columns).by_day(start, end)
            self._read[key] = {day: from_arrow(of, self.table.layout.contract) for day, of in tables.items()}
        return self._read[key]


class DailyCheck(Protocol, Generic[Content_contra, Measured]):
    """An expectation of a daily data set."""

    @property
    def name(self) -> str:
        """Its name in the UI."""

    @property
    def description(self) -> str:
        """What it expects, as the UI explains it."""

    @property
    def is_blocking(self) -> bool:
        """Whether a day that fails is rejected, and stops what is downstream."""

    def measure(self, day: date, content: Content_contra) -> Measured:
        """Return what the day is judged by. Blocking checks raise ContractError here, before the day is stored."""

    def judge(self, measured: Mapping[date, Measured], background: Background) -> Sequence[DayResult]:
        """Return a result for each measured day."""


AnyCheck = DailyCheck[Any, Any]


def worst(results: Sequence[DayResult]) -> Status:
    """Return the worst status among the results; 'skipped' when no day could be judged."""
    found = {result.status for result in results}
    judged = found - {"skipped"}
    return next((status for status in STATUSES if status in judged), "skipped")


def worst_first(results: Sequence[DayResult]) -> list[DayResult]:
    """Return the results with errors first, then warnings, skipped and passed days; of each the newest first."""
    newest_first = sorted(results, key=lambda result: result.day, reverse=True)
    return sorted(newest_first, key=lambda result: STATUSES.index(result.status))


def sentence(results: Sequence[DayResult]) -> str:
    """Return the results in one sentence, with the worst and newest day as its example."""
    counts = Counter(result.status for result in results)
    days = f"{len(results)} day{'' if len(results) == 1 else 's'}"
    text = f"{days}: " + ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
    example = next((result for result in worst_first(results) if result.message), None)
    return f"{text}. {example.day}: {example.message}" if example else f"{text}."
