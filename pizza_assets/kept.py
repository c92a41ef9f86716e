"""Kept days: real data that stays in the lake because its source gave nothing that may replace it.

Belongs here: that outcome of collecting a day. Does not belong here: who finds it (``sources``), and who holds the rule
that mock never replaces real (``lake/tables.py``).
"""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Kept:
    """A day that stays as it is stored, byte for byte. `reason` tells in one sentence why it is not collected anew."""

    day: date
    reason: str

    def __str__(self) -> str:
        """Return what is said of the day."""
        return f"kept, not refreshed: {self.reason}"
