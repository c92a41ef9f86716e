"""Structure: the contract is kept, and no record is lost between what was received and what is stored.

Belongs here: expectations that a program can prove; a day that breaks one is rejected. Does not belong here:
anything that depends on what is usual.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandera.pandas as pa

from pizza_assets.errors import ContractError
from pizza_assets.lake.sales import SalesDay
from pizza_assets.lake.tables import Day
from pizza_assets.platform.quality.results import Background, DayResult

Counts = Mapping[str, int]
#: The name of the check that a data set's contract is kept.
SCHEMA = "schema"


def _passed(measured: Mapping[date, Counts], _: Background) -> Sequence[DayResult]:
    """Return a passed day for each: what breaks the structure was rejected when it was measured or stored."""
    return [DayResult(day, figures=counts) for day, counts in measured.items()]


@dataclass(frozen=True)
class Schema:
    """The day keeps its contract. The lake itself rejects a frame that does not; this check shows it."""

    contract: pa.DataFrameSchema
    name: str = SCHEMA
    is_blocking: bool = True
    judge = staticmethod(_passed)

    @property
    def description(self) -> str:
        """Return what the contract asks for."""
        rules = sum(len(column.checks) for column in self.contract.columns.values())
        key = ", ".join((self.contract.metadata or {})["key"])
        return (
            f"{len(self.contract.columns)} columns with their types, {rules} rules on values, unique by {key} "
            f"(contract {self.contract.name}). A day that breaks it is not stored."
        )

    def measure(self, day: date, content: Day | SalesDay) -> Counts:
        """Return rows and columns."""
        del day
        return {"rows": content.counts["rows"], "columns": len(self.contract.columns)}


@dataclass(frozen=True)
class CountsReconcile:
    """Received is stored and rejected, together."""

    name: str = "counts_reconcile"
    description: str = "received = stored + rejected. A day that loses or invents records is not stored."
    is_blocking: bool = True
    judge = staticmethod(_passed)

    def measure(self, day: date, content: Day | SalesDay) -> Counts:
        """Return the three counts.

        Raises
        ------
        ContractError
            When they do not add up.
        """
        counts = content.counts
        aside = counts.get("set-aside", 0)
        if counts["received"] != counts["rows"] + counts["rejected"] + aside:
            told = f", {aside} set aside" if aside else ""
            raise ContractError(
                f"{day}: expected received = stored + rejected, found {counts['received']} received, "
                f"{counts['rows']} to store{told} and {counts['rejected']} rejected. Report it: records would be lost."
            )
        return counts


@dataclass(frozen=True)
class Agrees:
    """What is stored agrees with what it was made from: two counts of the same thing are equal."""

    name: str
    description: str
    #: Returns the count expected and the count found.
    counts: Callable[[Day], tuple[int, int]]
    is_blocking: bool = True
    judge = staticmethod(_passed)

    def measure(self, day: date, content: Day) -> Counts:
        """Return both counts.

        Raises
        ------
        ContractError
            When they differ.
        """
        expected, found = self.counts(content)
        if expected != found:
            raise ContractError(f"{day}: {self.description} Expected {expected}, found {found}. Run the day again.")
        return {"expected": expected, "found": found}
