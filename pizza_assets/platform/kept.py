"""Kept days: real data that stays in the lake because its source gave nothing that may replace it.

Belongs here: that outcome of collecting a day. Does not belong here: who finds it (the collectors), and the rule
that mock never replaces real (``lake/tables.py``).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Kept:
    """A day that stays as it is stored, byte for byte. `reason` tells in one sentence why it is not collected again."""

    day: date
    reason: str

    def __str__(self) -> str:
        """Return what is said of the day."""
        return f"kept, not refreshed: {self.reason}"


def sentences(kept: Iterable[Kept]) -> list[str]:
    """Return one text for each reason, with the number of its days and the first and last of them.

    Reasons that differ in numbers only, such as the day that was asked for, are one.
    """
    by_reason: dict[str, list[Kept]] = {}
    for item in kept:
        by_reason.setdefault(re.sub(r"\d+", "#", item.reason), []).append(item)
    return [f"{span([item.day for item in same])} {same[0]}" for same in by_reason.values()]


def span(days: Sequence[date]) -> str:
    """Return days in words; there is at least one."""
    first, last = min(days), max(days)
    return f"{first} is" if len(days) == 1 else f"{len(days)} days from {first} to {last} are"
