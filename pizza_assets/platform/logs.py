"""Logs: lines for people; JSON lines in a container, or where LOG_FORMAT asks for them. Each says what it belongs to.

Belongs here: how records become lines, and the fields that tie them together. Does not belong here: what is logged.
No secret leaves through a log: known ones and what looks like one are redacted.
"""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter

from pizza_assets.errors import SettingsError
from pizza_assets.platform.redaction import redacted_error, safe_text
from pizza_assets.settings import Settings

#: What ties a line to others: the same names in every log, metric and alert.
CORRELATION = ("request_id", "run_id", "asset", "partition")

_CONTAINER_FILES = ("/.dockerenv", "/run/.containerenv")
_CONTAINER_NAMES = ("KUBERNETES_SERVICE_HOST", "ECS_CONTAINER_METADATA_URI_V4", "AWS_LAMBDA_FUNCTION_NAME")

_bound: ContextVar[Mapping[str, str]] = ContextVar("pizza_assets_logs_bound", default={})  # noqa: B039 never changed


@contextmanager
def bound(**fields: str) -> Iterator[None]:
    """Give every line that is logged inside these fields; see ``CORRELATION``."""
    token = _bound.set({**_bound.get(), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


def correlation(record: logging.LogRecord) -> dict[str, str]:
    """Return the run, asset and partition of a record: its own, else those bound, else those that Dagster gave it."""
    dagster: Mapping[str, Any] = getattr(record, "dagster_meta", None) or {}
    given = {"run_id": dagster.get("run_id"), "asset": dagster.get("step_key"), **_bound.get()}
    found = {name: getattr(record, name, None) or given.get(name) for name in CORRELATION}
    return {name: str(value) for name, value in found.items() if value}


def message(record: logging.LogRecord) -> str:
    """Return what a record says, without the run and step that Dagster writes in front of it."""
    dagster: Mapping[str, Any] = getattr(record, "dagster_meta", None) or {}
    return str(dagster.get("orig_message") or record.getMessage())


class JsonLines(JsonFormatter):
    """One JSON object a line: timestamp (UTC), level, logger, message, those of ``CORRELATION``, exception."""

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Fill in the fields of a line."""
        log_data |= {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": safe_text(message(record)),
            **correlation(record),
        }
        exception = message_dict.get("exc_info") or _error_of_event(record)
        if exception:
            log_data["exception"] = safe_text(str(exception))


class PlainLines(logging.Formatter):
    """Level, message, and which asset and day it belongs to; a run's id tells people nothing."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 logging's name
        """Return the line."""
        of = " ".join(value for name, value in correlation(record).items() if name not in {"request_id", "run_id"})
        return f"{record.levelname} {message(record)}" + (f" [{of}]" if of else "")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line and, below it, the traceback."""
        return safe_text(super().format(record))


def _error_of_event(record: logging.LogRecord) -> str:
    """Return the error that one of Dagster's events carries."""
    data = getattr(getattr(record, "dagster_event", None), "event_specific_data", None)
    error = getattr(data, "error", None)
    return "" if error is None else str(error.to_string())


def handler(stream: TextIO) -> logging.Handler:
    """Return a handler that writes to `stream`, in the form of LOG_FORMAT."""
    made = logging.StreamHandler(stream)
    made.setFormatter(JsonLines() if _is_json(stream) else PlainLines())
    return made


def _is_json(stream: TextIO) -> bool:
    """Tell whether lines are JSON: as LOG_FORMAT says, else in a container, where no terminal is read."""
    try:
        asked = Settings.load().log_format
    except SettingsError:
        asked = "auto"  # the command says what is wrong with the settings
    if asked != "auto":
        return asked == "json"
    return not stream.isatty() and is_container()


def is_container() -> bool:
    """Tell whether this process runs in a container: of Docker, Podman, Kubernetes, ECS or Lambda."""
    return any(Path(name).exists() for name in _CONTAINER_FILES) or not os.environ.keys().isdisjoint(_CONTAINER_NAMES)


def json_lines() -> JsonLines:
    """Return the formatter that knows the settings' secrets; deploy/dagster-production.yaml names it."""
    Settings.load()
    return JsonLines()


def configure(level: int = logging.WARNING) -> None:
    """Let this process log to stderr; what was set up before is replaced."""
    make_safe()
    # What it warns of is what it could not tidy up after an error, which is raised and told as a sentence.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    logging.basicConfig(level=level, handlers=[handler(sys.stderr)], force=True)


def keep_out(logger: str) -> None:
    """Leave a logger's warnings out of this process' stderr; a run's own log has them still."""
    for each in logging.getLogger().handlers:
        each.addFilter(lambda record: record.name != logger or record.levelno >= logging.ERROR)


def make_safe() -> None:
    """Let no record of this process hold a secret or a command to a terminal, whoever logs it and writes it down."""
    logging.setLogRecordFactory(_safe_record)


def _safe_record(*args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: ANN401 as logging calls it
    record = logging.LogRecord(*args, **kwargs)
    record.msg, record.args = safe_text(record.getMessage()), ()
    if record.exc_info and record.exc_info[1] is not None:
        error = redacted_error(record.exc_info[1])
        record.exc_info = (type(error), error, error.__traceback__)
    return record
