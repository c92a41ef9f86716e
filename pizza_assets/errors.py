"""The errors that people see: each says what was expected, what was found, where, and what to do."""

import re
from datetime import date

from pizza_assets.platform.redaction import safe_text

_SPACE = "Free space there"
_MODES = "Correct the permissions, or name another folder (PIZZA_LAKE, DAGSTER_HOME, WAREHOUSE_DIR)"
_HANDLES = "Raise the limit of open files (ulimit -n 1024)"
_MEMORY = "Give the run more memory, or set RANGE_PROCESSES=1 and choose fewer days"

#: What the operating system, SQLite and Arrow say when the machine is at fault, what it means, and what to do.
_MACHINE = (
    (
        r"No space left on device|database or disk is full|Disk quota exceeded|File too large",
        "no space is left",
        _SPACE,
    ),
    (r"disk I/O error", "a disk I/O error, as of a full disk", _SPACE),
    (r"Too many open files", "too many files are open", _HANDLES),
    (
        r"unable to open database file",
        "a file could not be opened",
        f"{_SPACE}, correct the permissions, or raise ulimit -n",
    ),
    (r"Read-only file system|readonly database", "it is read-only", _MODES),
    (r"Permission denied|Operation not permitted", "permission is denied", _MODES),
    (r"\[Errno (?:17|20)\]|Not a directory", "a file stands where a folder should be", "Name another folder"),
    (r"\[Errno 21\]|Is a directory", "a folder stands where a file should be", "Name another file"),
    (r"\[Errno 40\]|Too many levels of symbolic links", "its links lead nowhere", "Correct the link"),
    (r"database is locked", "another process holds a lock", "End what locks it, such as a backup"),
    (
        r"MemoryError|Cannot allocate memory|failed to map segment|malloc of size|start new thread",
        "memory is used up",
        _MEMORY,
    ),
)


def machine_fault(text: str, where: str) -> str | None:
    """Return the sentence about a fault of the machine: a full disk, no handles, no memory, a lock of others.

    Parameters
    ----------
    text
        The error's class and message.
    where
        What was written, for people; a file that `text` names is named instead.

    Returns
    -------
    str or None
        None when the machine is not at fault.
    """
    for pattern, found, to_do in _MACHINE:
        if re.search(pattern, text):
            named = re.search(r"\[Errno \d+\] [^:]+: '([^']+)'", text)
            place = named[1] if named else where
            return f"{place} could not be used: {found}. {to_do}, then run again; finished days are kept."
    return None


class PizzaAssetsError(Exception):
    """Base of every error that the command line shows as one sentence.

    Its message may quote what came from outside: it holds no secret, and no commands to terminals. ``final`` says that
    another try in the same run is useless.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(safe_text(message))
        self.final = final


class UseError(PizzaAssetsError):
    """What was asked for cannot be: a wrong option or name, a range of days that is reversed. Exit code 2."""


class SettingsError(UseError):
    """A setting is missing or wrong."""


class SourceError(PizzaAssetsError):
    """A source could not give its data."""


class ContractError(PizzaAssetsError):
    """A frame breaks its contract. ``rejected`` tells which day a check rejects for it, and the check's name."""

    rejected: tuple[date, str] | None = None


class LakeError(PizzaAssetsError):
    """The lake cannot be read or written, or holds something that should not be there.

    ``is_missing`` says that an object is not there.
    """

    def __init__(self, message: str, *, final: bool = False, is_missing: bool = False) -> None:
        super().__init__(message, final=final)
        self.is_missing = is_missing


class MissingDayError(LakeError, KeyError):
    """A table has no such day; a KeyError, too, because tables are mappings."""

    def __str__(self) -> str:
        """Return the sentence, which KeyError would put into quotation marks."""
        return str(self.args[0])


class RealDataError(LakeError):
    """Mock data would have replaced real data; nothing was written."""


class WarehouseError(PizzaAssetsError):
    """The warehouse cannot be reached, read or written, or rejects what it is given."""


class EngineError(PizzaAssetsError):
    """A query engine is missing, cannot be reached, or has run out of memory."""


class ServerError(UseError):
    """A local server cannot start."""
