from collections.abc import Iterator
from datetime import date, timedelta

import pandas as pd

from pizza_assets.analysis.history import KEY, found_on, with_history
from pizza_assets.analysis.insights import three_findings
from pizza_assets.analysis.report import report_markdown
from pizza_assets_tests.analysis.seasons import season

TODAY = date(2025, 5, 1)


def _results(**verdicts: str) -> pd.DataFrame:
    rows = [("real", f"team:{club}", "match", "uplift", "day", verdict) for club, verdict in verdicts.items()]
    return pd.DataFrame(rows, columns=[*KEY, "verdict"])


def _days(*results: pd.DataFrame) -> Iterator[tuple[date, pd.DataFrame]]:
    return ((TODAY - timedelta(days=number), rows) for number, rows in enumerate(results, 1))


def test_a_finding_is_of_the_first_day_of_its_unbroken_run() -> None:
    today = _results(A="higher", B="higher", C="no effect found", D="lower", E="higher")
    earlier = _days(
        _results(A="higher", B="no effect found", C="higher", D="lower"),
        _results(A="higher", B="higher", C="higher", D="higher", E="higher"),
    )
    days = [TODAY - timedelta(days=2), TODAY, None, TODAY - timedelta(days=1), TODAY]
    assert found_on(today, earlier, TODAY) == days


def test_days_are_read_only_as_far_back_as_a_finding_goes() -> None:
    earlier = _days(_results(A="higher"), _results(A="no effect found"), _results(A="higher"))
    assert found_on(_results(A="higher"), earlier, TODAY) == [TODAY - timedelta(days=1)]
    assert len(list(earlier)) == 1
    nothing = _days(_results(A="higher"))
    assert found_on(_results(A="no effect found"), nothing, TODAY) == [None]
    assert len(list(nothing)) == 1


def test_the_report_says_since_when() -> None:
    analysis = season(weeks=40, seed=4, effect={"pre_match": 0.5}).analysis()
    day = analysis.as_of - timedelta(days=3)
    told = with_history(analysis, [(day, analysis.results)])
    text = report_markdown(told)
    found = analysis.results["verdict"].isin(["higher", "lower"])
    assert found.any()
    first = three_findings(analysis.results).index
    for place, sentence in analysis.results.loc[
        found & (analysis.results["scope"] == "all"), "pattern_description"
    ].items():
        assert place in first or f"{sentence} Found on {day}, holds since." in text
    since = text.split("\n1. ")[1].split("\n###")[0].count(f"Found on {day}, holds since.")
    assert since == found[first].sum() > 0
    assert f"higher, found on {day} and since" in text
    assert "Found on" not in report_markdown(analysis)
