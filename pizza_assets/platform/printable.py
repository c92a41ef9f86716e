"""Text from outside, shown as text: what would move a cursor, colour a line or turn its direction is spelled out.

Belongs here: characters that are commands to a terminal or a reader's eye. Does not belong here: markup (HTML, Slack),
secrets (``redaction``), and data, which stays as it was received.
"""

import re

#: Controls (C0 without tab and line feed, DEL, C1), marks and overrides of direction, line and paragraph separators,
#: and halves of surrogate pairs, which no terminal can show.
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
#: At the start of a cell, a spreadsheet takes what follows for a formula; behind a sign, a number is a number.
#: Apostrophes before it count as well, so that the one that guards a cell can be told from those that were there.
_FORMULA = re.compile(r"'*(?:[=@\t\r]|[+-](?!(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z))")


def printable(text: str) -> str:
    """Return text with its commands spelled out, such as ESC as a backslash and x1b; line feeds and tabs stay."""
    return _COMMANDS.sub(_escape, text)


def counted(count: int, what: str) -> str:
    """Return a number with its noun: "1 day", "1,200 matches"."""
    many = "" if count == 1 else "es" if what.endswith("ch") else "s"
    return f"{count:,} {what}{many}"


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def cell(text: str) -> str:
    """Return text for a cell of a CSV file that a spreadsheet opens: what it takes for a formula starts with '."""
    return f"'{text}" if _FORMULA.match(text) else text


def of_cell(cell: str) -> str:
    """Return the text that `cell` made this cell of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
