import io
import json
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from pizza_assets import contracts
from pizza_assets.analysis.quality import (
    COUNTS_ALL_ORDERS,
    COUNTS_ALL_RESULTS,
    CurrentDataSets,
    FileSchema,
    HistoryDocument,
    NextDayKnown,
)
from pizza_assets.errors import ContractError
from pizza_assets.lake import formats, open_lake
from pizza_assets.lake.layout import CORRELATION_PREFIX, DASHBOARD_HISTORY_FILE
from pizza_assets.lake.tables import DatedFiles, Day, Files
from pizza_assets.platform.quality.results import Background

DAY = date(2025, 9, 6)
FILE = "correlation_results.csv"
SCHEMA = FileSchema(contracts.CORRELATION_RESULTS, FILE)


def background(folder: Path, today: date = DAY + timedelta(days=9)) -> Background:
    return Background(DatedFiles(open_lake(str(folder)), CORRELATION_PREFIX), DAY, today)


def results_csv(day: date, **changes: object) -> Files:
    row = {
        "analysis_id": f"{day}/all", "as_of": day.isoformat(), "data_source": "real", "scope": "all", "factor": "match",
        "method": "uplift", "time_window": "day", "estimate": 7.0, "unit": "%", "ci_low": 1.0, "ci_high": 13.0,
        "correlation_coefficient": None, "statistical_significance": 0.01, "q_value": 0.02, "effect_size": 0.07,
        "n": 30, "n_weeks": 20, "observed": 1070, "expected": 1000.0, "verdict": "higher", "reason": "q = 0.02",
        "pattern_description": "More orders.", "data_quality": "100",
        "smallest_effect": None, "more_matches": None, **changes,
    }  # fmt: skip
    return Files({FILE: formats.csv_bytes(pd.DataFrame([row]))})


def test_the_volume_must_count_every_order() -> None:
    frame = contracts.empty(contracts.ORDER_VOLUME)
    assert COUNTS_ALL_ORDERS.measure(DAY, Day(frame, "real", facts={"orders": 0})) == {"expected": 0, "found": 0}
    with pytest.raises(ContractError, match=r"counts every order of raw_orders once\. Expected 5, found 0"):
        COUNTS_ALL_ORDERS.measure(DAY, Day(frame, "real", facts={"orders": 5}))


def test_each_played_match_must_have_two_results() -> None:
    frame = contracts.empty(contracts.MATCH_EVENTS)
    with pytest.raises(ContractError, match=r"Expected 2, found 0"):
        COUNTS_ALL_RESULTS.measure(DAY, Day(frame, "real", facts={"played": 1}))


def test_a_count_that_is_none_is_an_error_of_the_program() -> None:
    with pytest.raises(TypeError, match="must be a count"):
        COUNTS_ALL_ORDERS.measure(DAY, Day(contracts.empty(contracts.ORDER_VOLUME), "real", facts={"orders": "5"}))


@pytest.mark.parametrize(
    ("is_complete", "days_ago", "status"),
    [(True, 9, "passed"), (False, 9, "warn"), (False, 1, "skipped"), (False, 2, "warn")],
)
def test_a_settled_day_that_was_merged_too_early_warns(
    tmp_path: Path, is_complete: bool, days_ago: int, status: str
) -> None:
    check = NextDayKnown()
    day = Day(contracts.empty(contracts.MERGED_ORDERS), "real", facts={"is-complete": is_complete})
    (result,) = check.judge({DAY: check.measure(DAY, day)}, background(tmp_path, DAY + timedelta(days=days_ago)))
    assert result.status == status
    assert ("2025-09-07" in result.message) == (status == "warn")


def test_results_of_all_days_are_held_against_the_contract(tmp_path: Path) -> None:
    good, bad = DAY, DAY + timedelta(days=1)
    measured = {
        good: SCHEMA.measure(good, results_csv(good)),
        bad: SCHEMA.measure(bad, results_csv(bad, verdict="maybe")),
    }
    results = {result.day: result for result in SCHEMA.judge(measured, background(tmp_path))}
    assert (results[good].status, results[good].figures) == ("passed", {"rows": 1, "broken_rows": 0})
    assert results[bad].status == "error"
    assert results[bad].message.startswith("1 rows break the contract, e.g. verdict = 'maybe': expected isin(")


def test_a_file_with_other_columns_is_rejected() -> None:
    frame = pd.read_csv(io.BytesIO(results_csv(DAY).content[FILE])).drop(columns="verdict")
    with pytest.raises(ContractError, match=r"correlation_results\.csv of 2025-09-06: expected the columns"):
        SCHEMA.measure(DAY, Files({FILE: formats.csv_bytes(frame)}))


def document(as_of: str, *rows: str) -> Files:
    content = {"as_of": as_of, "summary": {}, "results": [{"as_of": row} for row in rows]}
    return Files({DASHBOARD_HISTORY_FILE: json.dumps(content).encode()})


def test_the_history_of_a_day_is_of_that_day() -> None:
    check = HistoryDocument()
    assert check.measure(DAY, document("2025-09-06", "2025-09-06", "2025-09-06")) == {"results": 2}
    assert check.measure(DAY, document("2025-09-06")) == {"results": 0}
    for other in (document("2025-09-05", "2025-09-06"), document("2025-09-06", "2025-09-06", "2025-09-05")):
        with pytest.raises(ContractError, match="expected results as of that day"):
            check.measure(DAY, other)


def test_what_viewers_see_is_judged_on_the_newest_day(tmp_path: Path) -> None:
    schema = contracts.ORDER_VOLUME
    broken = contracts.empty(schema).drop(columns="city")
    for frame, status in ((contracts.empty(schema), "passed"), (broken, "error")):
        check = CurrentDataSets({"volume": schema}, lambda _, frame=frame: {"volume": frame})  # type: ignore[misc]
        older, newest = DAY, DAY + timedelta(days=1)
        results = {result.day: result for result in check.judge({older: 10, newest: 20}, background(tmp_path))}
        assert (results[older].status, results[newest].status) == ("passed", status)
        assert results[newest].figures == {"history_bytes": 20, "rows_of_volume": 0}
