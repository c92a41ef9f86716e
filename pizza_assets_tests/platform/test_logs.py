import io
import json
import logging
from typing import Any

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.platform import logs
from pizza_assets.platform.redaction import learn

LOGGER = logging.getLogger("pizza_assets.sources")
SECRET = "9f8e7d6c5b4a3210"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _level() -> Any:
    LOGGER.setLevel(logging.INFO)
    yield
    LOGGER.handlers.clear()
    LOGGER.setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def _in_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "is_container", lambda: True)


def logging_to(stream: io.StringIO) -> io.StringIO:
    learn(SECRET)
    LOGGER.handlers = [logs.handler(stream)]
    return stream


def only(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    return dict(json.loads(line))


def test_in_a_container_a_line_is_json_and_says_what_it_belongs_to() -> None:
    stream = logging_to(io.StringIO())
    with logs.bound(run_id="r1", asset="raw_orders"):
        LOGGER.info("stored %d orders", 5, extra={"partition": "2026-06-10"})
    line = only(stream)
    assert line.pop("timestamp").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "pizza_assets.sources",
        "message": "stored 5 orders",
        "run_id": "r1",
        "asset": "raw_orders",
        "partition": "2026-06-10",
    }


def test_on_a_terminal_a_line_is_for_people() -> None:
    stream = logging_to(Terminal())
    with logs.bound(asset="raw_orders", run_id="8f14e45f"):
        LOGGER.warning("3 days are mock")
    LOGGER.warning("done")
    assert stream.getvalue() == "WARNING 3 days are mock [raw_orders]\nWARNING done\n", (
        "a run's id tells people nothing"
    )


@pytest.mark.parametrize(
    ("asked", "contained", "stream", "is_json"),
    [
        ("auto", True, io.StringIO, True),
        ("auto", True, Terminal, False),
        ("auto", False, io.StringIO, False),
        ("json", False, Terminal, True),
        ("text", True, io.StringIO, False),
    ],
)
def test_json_is_for_containers_and_who_asks_for_it(
    asked: str, contained: bool, stream: type[io.StringIO], is_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "is_container", lambda: contained)
    monkeypatch.setenv("LOG_FORMAT", asked)
    written = logging_to(stream())
    LOGGER.warning("done")
    assert written.getvalue().startswith("{") == is_json


@pytest.mark.parametrize("name", ["KUBERNETES_SERVICE_HOST", "AWS_LAMBDA_FUNCTION_NAME"])
def test_a_container_is_known_by_its_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(logs, "_CONTAINER_FILES", ())
    assert not logs.is_container()
    monkeypatch.setenv(name, "here")
    assert logs.is_container()


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_no_secret_leaves_through_a_log(stream: type[io.StringIO]) -> None:
    written = logging_to(stream())
    try:
        raise ValueError(f"rejected {SECRET}")
    except ValueError:
        LOGGER.exception("asked https://u:hunter22@host with %s", SECRET)
    assert "rejected" in written.getvalue(), "the traceback is there"
    assert SECRET not in written.getvalue()
    assert "hunter22" not in written.getvalue()


def test_what_is_bound_ends_with_the_block() -> None:
    stream = logging_to(io.StringIO())
    with logs.bound(run_id="r1"), logs.bound(asset="a", run_id="r2"):
        pass
    LOGGER.info("after")
    assert "run_id" not in only(stream)


@given(st.text(), st.dictionaries(st.sampled_from(logs.CORRELATION), st.text(min_size=1)))
def test_whatever_is_said_is_one_line(said: str, fields: dict[str, str]) -> None:
    stream = logging_to(io.StringIO())
    with logs.bound(**fields):
        LOGGER.info("%s", said)
    assert {name: only(stream)[name] for name in fields} == fields


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_what_is_quoted_from_outside_moves_no_cursor(stream: type[io.StringIO]) -> None:
    written = logging_to(stream())
    LOGGER.warning("found %s", "\x1b]0;title\x07 \x9b2J \r \u202e \u2028 end")
    said = json.loads(written.getvalue())["message"] if stream is io.StringIO else written.getvalue()
    assert r"found \x1b]0;title\x07 \x9b2J \x0d \u202e \u2028 end" in said


def test_no_record_holds_a_secret_whoever_writes_it_down(caplog: pytest.LogCaptureFixture) -> None:
    learn(SECRET)
    logs.make_safe()
    try:
        try:
            raise OSError(5, f"cannot read {SECRET}", f"orders/{SECRET}")
        except OSError as error:
            raise KeyError(f"no {SECRET}") from error
    except KeyError:
        logging.getLogger("somebody.else").exception("asked %s", SECRET)
    assert "cannot read" in caplog.text
    assert SECRET not in caplog.text


def failing_job(handler: logging.Handler) -> dg.JobDefinition:
    @dg.logger
    def console(_: dg.InitLoggerContext) -> logging.Logger:
        made = logging.Logger("dagster")
        made.addHandler(handler)
        return made

    @dg.op
    def work(context: dg.OpExecutionContext) -> None:
        context.log.info("at work")
        raise ValueError("out of pizza")

    return dg.GraphDefinition(name="job", node_defs=[work]).to_job(logger_defs={"console": console})


def test_dagsters_own_records_say_their_run_and_step() -> None:
    stream = io.StringIO()
    job = failing_job(logs.handler(stream))
    result = job.execute_in_process(run_config={"loggers": {"console": {}}}, raise_on_error=False)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    (said,) = [line for line in lines if line["message"] == "at work"]
    assert (said["run_id"], said["asset"]) == (result.run_id, "work")
    failed, *_ = [line for line in lines if "out of pizza" in line.get("exception", "")]
    assert failed["run_id"] == result.run_id
