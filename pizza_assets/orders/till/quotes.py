"""Quotes that tills get wrong: which are where they belong, and lines written again with those that are not.

Belongs here: lines of text and their quotes. Does not belong here: encodings, delimiters (``text.py``).
"""

import csv
import re
from collections.abc import Sequence

import numpy as np

#: A value in quotes may run over this many lines; more is a quote that was left open.
_LINES_IN_QUOTES = 20


def tolerant_cells(line: str, delimiter: str) -> list[str]:
    """Split one line. A quote at a cell's start ends at the next quote that a delimiter follows; others are text."""
    cells, at = [], 0
    ending = re.compile(rf'"\s*(?={re.escape(delimiter)}|$)')
    while at <= len(line):
        closing = ending.search(line, at + 1) if line.startswith('"', at) else None
        if closing:
            # An even number of quotes before the end is a doubled one: text, as in "12"" Hawaiian".
            while closing and _is_doubled(line, at + 1, closing.start()):
                closing = ending.search(line, closing.start() + 1)
        if closing:
            cells.append(line[at + 1 : closing.start()].replace('""', '"'))
            at = closing.end() + 1
        else:
            end = line.find(delimiter, at)
            end = len(line) if end < 0 else end
            cells.append(line[at:end])
            at = end + 1
    return cells


def _is_doubled(line: str, start: int, quote: int) -> bool:
    before = quote
    while before > start and line[before - 1] == '"':
        before -= 1
    return (quote - before) % 2 == 1


def _quoted(cells: Sequence[str], delimiter: str) -> str:
    return delimiter.join('"' + cell.replace('"', '""') + '"' for cell in cells)


def is_clean(data: bytes, delimiter: str) -> bool:
    """Tell whether every quote in whole lines opens a cell, closes it in the same line, or is doubled within."""
    octets = np.frombuffer(data, dtype=np.uint8)
    quotes = np.flatnonzero(octets == ord('"'))
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    edges = np.frombuffer(f'{delimiter}\n"'.encode(), dtype=np.uint8)
    before = octets[np.maximum(opening - 1, 0)]
    after = octets[np.minimum(closing + 1, len(octets) - 1)]
    doubled = np.concatenate([[False], opening[1:] == closing[:-1] + 1])
    good_start = (opening == 0) | np.isin(before, edges[:-1]) | doubled
    followed = np.concatenate([closing[:-1] + 1 == opening[1:], [False]])
    good_end = (closing == len(octets) - 1) | np.isin(after, edges[:-1]) | followed
    if not (good_start.all() and good_end.all()):
        return False
    # A line break within quotes may be meant, or may be a quote that was left open: that is decided line by line.
    breaks = np.flatnonzero(octets == ord("\n"))
    return bool((np.searchsorted(breaks, opening) == np.searchsorted(breaks, closing)).all())


def repaired(text: str, delimiter: str, width: int, *, is_last: bool) -> tuple[str, str]:
    """Write lines again so that their quotes are where they belong; return them, and lines that wait for more."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    out, at = [], 0
    while at < len(lines):
        line = lines[at]
        if '"' not in line:
            out.append(line)
            at += 1
            continue
        taken = _joined(lines, at, delimiter, width)
        if taken == 0 and not is_last and len(lines) - at < _LINES_IN_QUOTES and len(out) > 0:
            return "\n".join(out) + "\n", "\n".join(lines[at:]) + "\n"
        if taken:
            out.extend(lines[at : at + taken])
            at += taken
        else:
            out.append(_quoted(tolerant_cells(line, delimiter), delimiter))
            at += 1
    return "\n".join(out) + "\n", ""


def _joined(lines: Sequence[str], at: int, delimiter: str, width: int) -> int:
    """Return how many lines from `at` on make one row whose quotes are where they belong; 0 where none do."""
    together = ""
    for taken, line in enumerate(lines[at : at + _LINES_IN_QUOTES], 1):
        together = f"{together}\n{line}" if taken > 1 else line
        if together.count('"') % 2 == 0:
            if not _quotes_fit(together, delimiter):
                return 0
            cells = next(csv.reader([f"{part}\n" for part in together.split("\n")], delimiter=delimiter), [])
            return taken if taken == 1 or len(cells) == width else 0
    return 0


def _quotes_fit(row: str, delimiter: str) -> bool:
    """Tell whether every quote of one row opens a cell, closes it, or is doubled within."""
    quotes = [match.start() for match in re.finditer('"', row)]
    last = len(row) - 1
    for number, quote in enumerate(quotes):
        if number % 2 == 0:
            doubled = number > 0 and quotes[number - 1] == quote - 1
            if not (quote == 0 or row[quote - 1] == delimiter or doubled):
                return False
        else:
            followed = number + 1 < len(quotes) and quotes[number + 1] == quote + 1
            if not (quote == last or row[quote + 1] == delimiter or followed):
                return False
    return True
