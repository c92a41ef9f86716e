"""A table as a file holds it: columns of cells, in batches, and the rows that are no row of the table.

Belongs here: that shape, which all formats share. Does not belong here: any format (``files.py``, ``text.py``), what
a column means (``columns.py``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow
import pyarrow.compute as pc

from pizza_assets.errors import SourceError

#: Rows of a batch, where a format is read by rows.
ROWS_PER_BATCH = 65_536
#: More columns than any till has: a file of something else.
MOST_COLUMNS = 2_000


@dataclass(frozen=True)
class Cells:
    """One column. `text` spells each cell; where a format has types, `numbers` and `times` hold what it says itself.

    A time is one of the till's own clock (timestamp without zone) or an instant (timestamp in UTC).
    """

    text: pyarrow.Array
    numbers: pyarrow.Array | None = None
    times: pyarrow.Array | None = None


@dataclass(frozen=True)
class Rows:
    """Some rows of a table, in its order.

    Attributes
    ----------
    columns
        By the column's name; all of one length.
    first_row
        Number of the first row among the rows of the table, from 1.
    broken
        Rows that do not fit the table, by position: the text that stands there, and why. Their cells are null.
    """

    columns: Mapping[str, Cells]
    count: int
    first_row: int
    broken: Mapping[int, tuple[str, str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.count

    def record(self, position: int) -> dict[str, object]:
        """Return one row whole, as text by column; None where a cell is empty."""
        if position in self.broken:
            return {"line": self.broken[position][0]}
        return {name: column.text[position].as_py() for name, column in self.columns.items()}


@dataclass(frozen=True)
class Table:
    """A table found in a file.

    Attributes
    ----------
    source
        The file, and the part of it, for people: ``march.zip > shop 1.csv``, ``sales.xlsx, sheet Orders``.
    description
        What the file is, for people: ``text (Windows-1252), cells separated by ;, the table starts in line 4``.
    columns
        Names as they stand in the file, each once: a second ``Tax`` is ``Tax (2)``, one without a name ``column 7``.
    batches
        Reads the table from its start; each call reads again.
    """

    source: str
    description: str
    columns: Sequence[str]
    batches: Callable[[], Iterator[Rows]]


def check_width(source: str, width: int) -> None:
    """Raise SourceError where a table has more columns than an export can have."""
    if width > MOST_COLUMNS:
        raise SourceError(
            f"{source} has {width:,} columns; an export of orders has at most {MOST_COLUMNS:,}. Export it again."
        )


def unique_names(names: Sequence[str | None]) -> list[str]:
    """Return names without blanks around them, each once."""
    taken: set[str] = set()
    result = []
    for position, given in enumerate(names, 1):
        plain = " ".join((given or "").split()) or f"column {position}"
        name, copy = plain, 1
        while name in taken:
            copy += 1
            name = f"{plain} ({copy})"
        taken.add(name)
        result.append(name)
    return result


def trimmed(text: pyarrow.Array) -> pyarrow.Array:
    """Return text without blanks around it; null where there is none."""
    plain = pc.utf8_trim_whitespace(text)
    if pc.any(pc.starts_with(plain, '="')).as_py():  # a formula that keeps a spreadsheet from reading a number
        plain = pc.utf8_trim_whitespace(pc.replace_substring_regex(plain, r'^="([^"]*)"$', r"\1"))
    return pc.if_else(pc.equal(plain, ""), pyarrow.scalar(None, pyarrow.string()), plain)
