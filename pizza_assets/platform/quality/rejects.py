"""Rejects: how much of what was received could not be stored, and why.

Belongs here: the share that is rejected. Does not belong here: rejecting (each source), replaying (``operations``).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pizza_assets.lake.sales import SalesDay
from pizza_assets.lake.tables import Day
from pizza_assets.platform.quality.results import Background, DayResult, Figure, Status

DUPLICATE = "duplicate "


def kind_of(reason: object) -> str:
    """Return a reason without the value that it names: what many rejects have in common."""
    return str(reason).split(" = ", 1)[0].split(";", 1)[0][:80]


@dataclass(frozen=True)
class RejectedShare:
    """Few records are rejected; duplicates count apart from all others."""

    name: str
    description: str
    #: The shares of the received records from which a day warns, and from which it is an error.
    warn_from: float
    error_from: float
    is_duplicate: bool
    is_blocking: bool = False

    def measure(self, day: date, content: Day | SalesDay) -> Mapping[str, Figure]:
        """Return received, rejected, and the commonest reason."""
        del day
        reasons = [str(item["reason"]) for item in content.rejected]
        ours = [reason for reason in reasons if reason.startswith(DUPLICATE) == self.is_duplicate]
        common = Counter(map(kind_of, ours)).most_common(1)
        return {
            "received": content.counts["received"],
            "rejected": len(ours),
            "commonest_reason": f"{common[0][0]} ({common[0][1]})" if common else "",
        }

    def judge(self, measured: Mapping[date, Mapping[str, Figure]], background: Background) -> Sequence[DayResult]:
        """Compare the share of rejected records with what is tolerable."""
        del background
        return [self._judged(day, figures) for day, figures in measured.items()]

    def _judged(self, day: date, figures: Mapping[str, Figure]) -> DayResult:
        received, rejected = int(figures["received"]), int(figures["rejected"])
        share = rejected / received if received else 0.0
        status: Status = "error" if share >= self.error_from else "warn" if share >= self.warn_from else "passed"
        message = (
            f"{rejected} of {received} records were rejected ({share:.1%}), most often: {figures['commonest_reason']}. "
            "pizza-assets quarantine list shows them."
            if status != "passed"
            else ""
        )
        return DayResult(day, status, message, {**figures, "share": round(share, 4)})


REJECTED = RejectedShare(
    "rejected_records",
    "Few records are rejected: 1 % warns, 20 % is an error. They wait in the quarantine, whole and with the reason.",
    warn_from=0.01,
    error_from=0.20,
    is_duplicate=False,
)
DUPLICATES = RejectedShare(
    "duplicates",
    "Few records come twice under one key: 1 % warns, 20 % is an error. The first of them is stored.",
    warn_from=0.01,
    error_from=0.20,
    is_duplicate=True,
)
