"""The handler on a lake in a folder: the time that is left, two at once, and failures."""

import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from pizza_assets.aws.handler import handler
from pizza_assets.errors import PizzaAssetsError
from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import RAW_ORDERS
from pizza_assets.lake.lock import WriterLock
from pizza_assets.lake.tables import DailyTable


class Invocation:
    """An invocation whose time is said in advance, answer by answer; the last one stays."""

    aws_request_id = "request-1"
    function_name = "pizza-game-dashboard-x"

    def __init__(self, *seconds: float) -> None:
        self._seconds = list(seconds)

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (self._seconds.pop(0) if len(self._seconds) > 1 else self._seconds[0]))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIZZA_START_DATE", "2025-09-01")
    monkeypatch.setenv("MOCK_ORDERS_PER_STORE_DAY", "2")
    monkeypatch.setenv("LOG_FORMAT", "json")


def stored() -> list[str]:
    return [str(day) for day in DailyTable(open_lake("lake"), RAW_ORDERS).stored]


def test_a_run_that_needs_too_long_stops_between_days_and_says_how_to_go_on(capfd: pytest.CaptureFixture[str]) -> None:
    event = {"from": "2025-09-01", "to": "2025-09-04", "select": "raw_matches or raw_orders"}
    answer: dict[str, Any] = handler(event, Invocation(900, 60.001))  # no time for another day
    assert (answer["status"], answer["days"]) == ("stopped", ["2025-09-01", "2025-09-02"])
    assert stored() == ["2025-09-01", "2025-09-02"], "what is done is kept"
    assert answer["left"] == {**event, "from": "2025-09-03"}
    assert "Made 2 days." in answer["message"]
    assert f"--payload '{json.dumps(answer['left'])}'" in answer["message"]
    assert answer["message"] in [json.loads(line)["message"] for line in capfd.readouterr().err.splitlines()]
    again = handler(answer["left"], Invocation(900))
    assert (again["status"], stored()) == ("done", [f"2025-09-0{day}" for day in (1, 2, 3, 4)])


def test_a_function_that_starts_without_time_does_nothing() -> None:
    answer = handler({"from": "2025-09-01"}, Invocation(30))
    assert (answer["status"], answer["days"], Path("lake").exists()) == ("stopped", [], False)


def test_two_events_at_once_wait_for_one_another(capfd: pytest.CaptureFixture[str]) -> None:
    Path("lake").mkdir()
    other = WriterLock(open_lake("lake"))
    other.acquire()
    told = threading.Event()

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.set()

    heard = Heard(logging.WARNING)
    logging.getLogger("pizza_assets.lake").addHandler(heard)
    answers: list[Any] = []
    event = {"from": "2025-09-01", "select": "raw_matches"}
    second = threading.Thread(target=lambda: answers.append(handler(event, Invocation(900))))
    second.start()
    try:
        assert told.wait(60), "the second says that it waits"
        assert answers == []
    finally:
        other.release()
        second.join()
        logging.getLogger("pizza_assets.lake").removeHandler(heard)
    assert answers[0]["status"] == "done"
    assert "Another run writes to this lake" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({"from": "2025-08-01"}, "The days 2025-08-01 to 2025-08-01 are not all there"),
        ({"from": "2025-09-01", "select": "nonsense"}, "--select 'nonsense': expected names of assets"),
        ({"days": 3}, "The event has the key 'days'"),
    ],
)
def test_what_cannot_be_is_an_error_that_lambda_sees_and_a_line_of_the_log(
    event: object, sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PizzaAssetsError) as error:
        handler(event, Invocation(900))
    assert sentence in str(error.value)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (line,) = [line for line in lines if line["level"] == "ERROR"]
    assert (sentence in line["message"], line["request_id"]) == (True, "request-1")


def test_a_run_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIZZA_ALLOW_MOCK", "false")
    with pytest.raises(PizzaAssetsError, match="No real football matches of 2025-09-01"):
        handler({"from": "2025-09-01"}, Invocation(900))
