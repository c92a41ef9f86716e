"""Sources: how much of the data is real, and since when it is not.

Belongs here: judging the labels. Does not belong here: choosing a source (``collect.py`` of each slice).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pizza_assets.lake.sales import SalesDay
from pizza_assets.lake.tables import Day
from pizza_assets.platform.columns import Source
from pizza_assets.platform.kept import Kept
from pizza_assets.platform.printable import counted
from pizza_assets.platform.quality.results import Background, DayResult, Status

#: The fact of a mock day for which a real source was set up.
FALLBACK = "fell-back"
#: The fact of a day of which some is still what was stored before, and of one of which some is not known: why.
KEPT_FACT, UNKNOWN = "kept", "unknown"
#: Days over which the trend is told.
_TREND_DAYS = 30


@dataclass(frozen=True)
class ShareOfReal:
    """A source that is set up gives real data. Falling back to mock once is a warning, again and again an error."""

    #: Whether a real source is set up; where none is, mock data is what was asked for.
    is_configured: bool
    #: So many days of mock data in a row are an error.
    error_after_days: int
    name: str = "share_of_real_data"
    is_blocking: bool = False

    @property
    def description(self) -> str:
        """Return the rule that holds with these settings."""
        if not self.is_configured:
            return "No real source is set up, so mock data is what was asked for. Shows the share of real days."
        return (
            "The source is set up, so days are real. A mock day warns; "
            f"{self.error_after_days} mock days in a row are an error."
        )

    def measure(self, day: date, content: Day) -> tuple[Source, str]:
        """Return the day's source, and the reason why it is mock."""
        del day
        return content.data_source, str(content.facts.get("reason", ""))

    def judge(self, measured: Mapping[date, tuple[Source, str]], background: Background) -> Sequence[DayResult]:
        """Count, for each day, the days in a row that fell back to mock and end with it."""
        table, newest = background.table, max(measured)
        sources = {day: kept.source for day, kept in table.stored.items() if day <= newest}
        sources |= {day: source for day, (source, _) in measured.items()}
        results, in_a_row, recent = [], 0, list[bool]()
        for day, source in sorted(sources.items()):
            is_near = day >= background.first - timedelta(days=self.error_after_days)
            fell_back = source == "mock" and (
                self.is_configured if day in measured else is_near and FALLBACK in table.facts(day)
            )
            in_a_row = in_a_row + 1 if fell_back else 0
            recent = [*recent, source == "real"][-_TREND_DAYS:]
            if day in measured:
                results.append(self._judged(day, measured[day], in_a_row, sum(recent) / len(recent)))
        return results

    def _judged(self, day: date, found: tuple[Source, str], in_a_row: int, trend: float) -> DayResult:
        source, reason = found
        figures = {
            "data_source": source,
            "share_real": float(source == "real"),
            "fallbacks_in_a_row": in_a_row,
            f"share_real_{_TREND_DAYS}_days": round(trend, 3),
        }
        if source == "real" or not self.is_configured:
            return DayResult(day, "passed", "" if source == "real" else f"mock: {reason}", figures)
        status: Status = "error" if in_a_row >= self.error_after_days else "warn"
        days = counted(in_a_row, "day")
        return DayResult(day, status, f"mock for {days} in a row, although a source is set up: {reason}", figures)


@dataclass(frozen=True)
class Refreshed:
    """A day that was asked for is collected again. A real day that could not be stays as it is, and warns."""

    name: str = "is_refreshed"
    is_blocking: bool = False

    @property
    def description(self) -> str:
        """Return the rule."""
        return "Each day that was asked for was collected again. A real day whose source gives nothing now is kept."

    def measure(self, day: date, content: Day | SalesDay) -> str:
        """Return why some of the day is still what was stored before."""
        del day
        return str(content.facts.get(KEPT_FACT, ""))

    def judge(self, measured: Mapping[date, str], background: Background) -> Sequence[DayResult]:
        """Warn of each day of which some was kept."""
        del background
        return [self.judged(Kept(day, reason)) if reason else DayResult(day) for day, reason in measured.items()]

    def judged(self, kept: Kept) -> DayResult:
        """Warn of a day that was kept."""
        return DayResult(kept.day, "warn", str(kept))


REFRESHED = Refreshed()


@dataclass(frozen=True)
class CompetitionsKnown:
    """The matches of all competitions that are set up are known. A day on which some are not warns."""

    name: str = "competitions_known"
    is_blocking: bool = False

    @property
    def description(self) -> str:
        """Return the rule."""
        return (
            "Each competition of FOOTBALL_COMPETITIONS answered, or its matches of the day are stored. A day without "
            "one of them is real as far as it goes, and no day without matches to the analysis."
        )

    def measure(self, day: date, content: Day) -> str:
        """Return which competitions are unknown, and why."""
        del day
        return str(content.facts.get(UNKNOWN, ""))

    def judge(self, measured: Mapping[date, str], background: Background) -> Sequence[DayResult]:
        """Warn of each day on which competitions are unknown."""
        del background
        return [
            DayResult(day, "warn", f"unknown matches: {reason}") if reason else DayResult(day)
            for day, reason in measured.items()
        ]
