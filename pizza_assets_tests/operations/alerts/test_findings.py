from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import CORRELATION_FILES, CORRELATION_PREFIX
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DatedFiles, Files
from pizza_assets.operations.alerts.findings import findings

BEFORE, AS_OF = date(2026, 6, 9), date(2026, 6, 10)


@pytest.fixture
def lake() -> Store:
    return open_lake("lake")


def analyse(store: Store, day: date, *results: tuple[str, str, str]) -> None:
    frame = pd.DataFrame(results, columns=["data_source", "scope", "verdict"]).assign(
        factor="match", method="uplift", time_window="during_match", q_value=0.01
    )
    frame["pattern_description"] = frame["scope"] + ": " + frame["verdict"]
    content = dict.fromkeys(CORRELATION_FILES, frame.to_csv(index=False).encode())
    DatedFiles(store, CORRELATION_PREFIX).put(day, Files(content, {}), "r0")


def test_what_was_found_today_and_not_before_is_news(lake: Store) -> None:
    analyse(lake, BEFORE, ("real", "all", "higher"), ("real", "team:C", "higher"))
    today = [("real", "all", "higher"), ("real", "team:A", "higher"), ("real", "team:B", "no effect found")]
    analyse(lake, AS_OF, *today, ("mock", "team:D", "higher"), ("real", "team:C", "lower"))
    (alert,) = findings(lake, [AS_OF.isoformat()], "r1")
    assert alert.sentence.splitlines() == ["team:A: higher", "team:C: lower"]
    assert alert.partitions == ("2026-06-10",)


def test_what_holds_since_is_no_news(lake: Store) -> None:
    for day in (BEFORE, AS_OF):
        analyse(lake, day, ("real", "all", "higher"))
    assert list(findings(lake, [AS_OF.isoformat()], "r1")) == []


def test_what_a_range_of_days_found_is_told_once_against_the_day_before_it(lake: Store) -> None:
    analyse(lake, date(2026, 6, 8))
    for day in (BEFORE, AS_OF):
        analyse(lake, day, *[("real", f"team:{letter}", "higher") for letter in "ABCDEFG"])
    (alert,) = findings(lake, [BEFORE.isoformat(), AS_OF.isoformat()], "r1")
    assert alert.sentence.splitlines()[-1] == "... and 2 more."


def test_the_first_analysis_and_older_days_tell_nothing(lake: Store) -> None:
    analyse(lake, AS_OF, ("real", "all", "higher"))
    assert list(findings(lake, [AS_OF.isoformat()], "r1")) == []
    analyse(lake, BEFORE)
    assert list(findings(lake, [BEFORE.isoformat()], "r1")) == []


def test_an_analysis_that_cannot_be_read_stops_no_other_alert(lake: Store, caplog: pytest.LogCaptureFixture) -> None:
    for day in (BEFORE, AS_OF):
        analyse(lake, day, ("real", "all", "higher"))
    key = next(item.key for item in lake.list(f"{CORRELATION_PREFIX}/") if CORRELATION_FILES[0] in item.key)
    (Path("lake") / key).write_bytes(b"damaged")
    assert list(findings(lake, [AS_OF.isoformat()], "r1")) == []
    assert "Findings were not checked" in caplog.text
