"""Progress of days: a line an asset in a log, live lines on a terminal, and what is stored after Ctrl-C."""

import io
import logging
import re
import sys
from datetime import date, timedelta

import pytest

from pizza_assets.cli.progress import day_progress

LOGGER = logging.getLogger("pizza_assets.progress")
FIRST = date(2025, 9, 1)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def day_is_done(asset: str, number: int, reason: str | None = None) -> None:
    day = FIRST + timedelta(days=number)
    LOGGER.info("stored", extra={"asset": asset, "day": day, **({"reason": reason} if reason else {})})


def test_a_log_has_a_line_for_each_asset(capsys: pytest.CaptureFixture[str]) -> None:
    with day_progress(3) as kept:
        for asset in ("raw_matches", "raw_orders"):
            for number in range(3):
                day_is_done(asset, number, "no answer" if (asset, number) == ("raw_orders", 1) else None)
    said = [re.sub(r"\d+ s\)", "0 s)", line) for line in capsys.readouterr().err.splitlines()]
    assert said == [
        "stored raw_matches: 3 days, the last is 2025-09-03 (0 s)",
        "stored raw_orders: 2 days, the last is 2025-09-03 (0 s)",
        "raw_orders: 2025-09-02 is kept, not refreshed: no answer",
    ]
    assert [day.day for day in kept["raw_orders"]] == [date(2025, 9, 2)]


@pytest.mark.parametrize("columns", [40, 100])
def test_a_terminal_has_a_live_line_for_each_asset(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    with day_progress(3):
        for number in range(3):
            day_is_done("correlation_results", number)
        day_is_done("raw_orders", 0)
    last = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in terminal.getvalue().splitlines()]
    assert any("correlation_re" in line and "3/3" in line for line in last)
    assert any("raw_orders" in line and "1/3" in line for line in last)
    assert all(len(part) <= columns for line in last for part in line.split("\r"))


def test_after_ctrl_c_it_says_what_is_stored(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        with day_progress(3):
            day_is_done("raw_matches", 0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert capsys.readouterr().err == "Stored: raw_matches 1 of 3 days.\n"
