"""What an alert says, and which alerts say the same.

Belongs here: an alert's parts, its cause, and its words. Does not belong here: when it is sent (``queue.py``) and
how (``channels.py``).
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

#: Words of a sentence that differ from one occurrence to the next: identities, days, counts, addresses' queries.
_VARIABLE = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\?\S+|\d+(?:[.,:-]\d+)*")
_LONGEST_SENTENCE = 1500


@dataclass(frozen=True)
class Alert:
    """Something that somebody has to know.

    Attributes
    ----------
    title
        What happened, in a few words: 'Run failed'.
    subject
        What it happened to: assets or a job, as people know them.
    sentence
        What is wrong, in the words of the error itself.
    action
        What to do about it.
    partitions
        The partitions concerned, in order; a range that is known by its ends has two and `is_range`.
    run_id
        The run that it happened in; None where there is none.
    key
        What tells this cause from others, where title, subject and sentence do not.
    """

    title: str
    subject: str
    sentence: str
    action: str
    partitions: Sequence[str] = ()
    is_range: bool = False
    run_id: str | None = None
    key: str = ""

    @property
    def cause(self) -> str:
        """Return what alerts of one cause share; days, counts and runs differ."""
        return f"{self.title}|{self.subject}|{self.key or _VARIABLE.sub('#', self.sentence)}"[:500]

    @property
    def span(self) -> str:
        """Return the partitions in words."""
        if not self.partitions:
            return ""
        first, last = self.partitions[0], self.partitions[-1]
        if first == last:
            return first
        return f"{first} to {last}" if self.is_range else f"{len(self.partitions)} from {first} to {last}"

    def joined(self, other: "Alert") -> "Alert":
        """Return this alert with the partitions of another of the same cause, too."""
        partitions = tuple(sorted({*self.partitions, *other.partitions}))
        return replace(self, partitions=partitions, is_range=self.is_range or other.is_range)

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Return the alert that `as_json` was made of."""
        return cls(**{**document, "partitions": tuple(document["partitions"])})


def shortened(text: str) -> str:
    """Return a text on few lines, short enough for a message."""
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines() if line.strip())
    return lines if len(lines) <= _LONGEST_SENTENCE else f"{lines[:_LONGEST_SENTENCE]} …"
