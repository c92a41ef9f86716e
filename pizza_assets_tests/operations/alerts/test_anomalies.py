from datetime import date

import pandas as pd
import pytest

from pizza_assets.lake import layout, open_lake
from pizza_assets.lake.formats import csv_bytes, json_bytes
from pizza_assets.lake.store import Store
from pizza_assets.operations.alerts.anomalies import anomalies

AS_OF = date(2026, 6, 10)


@pytest.fixture
def lake() -> Store:
    return open_lake("lake")


def publish(store: Store, *spikes: tuple[str, str, str, float, str]) -> None:
    columns = ["city", "bucket_ts", "data_source", "q_value", "match_ids"]
    frame = pd.DataFrame(spikes, columns=columns).assign(orders=90, expected=30.25)
    frame["bucket_ts"] = pd.to_datetime(frame["bucket_ts"], utc=True)
    store.write(layout.current_key("anomalies"), csv_bytes(frame), {})
    store.write(layout.MANIFEST_KEY, json_bytes({"as_of": AS_OF.isoformat()}), {})


def test_spikes_of_real_orders_of_the_newest_days_are_news(lake: Store) -> None:
    publish(
        lake,
        ("London", "2026-06-10T19:00", "real", 0.01, "7"),
        ("Leeds", "2026-06-09T20:00", "real", 0.02, "unexplained"),
        ("Leeds", "2026-06-09T21:00", "real", 0.001, "8"),
        ("London", "2026-06-08T19:00", "real", 0.01, "9"),
        ("London", "2026-06-10T20:00", "mock", 0.01, "7"),
    )
    yesterday, today = anomalies(lake, ["2026-06-09", "2026-06-10"], "r1")
    assert today.sentence == "London, 19:00 UTC: 90 orders where 30.2 were expected (q = 0.01); match 7."
    assert yesterday.sentence.splitlines()[0].startswith("Leeds, 21:00 UTC"), "the surest comes first"
    assert yesterday.sentence.splitlines()[1].endswith("no match explains it.")
    assert (today.partitions, yesterday.partitions) == (("2026-06-10",), ("2026-06-09",))


def test_a_day_is_one_cause_whatever_is_found_in_it(lake: Store) -> None:
    publish(lake, ("London", "2026-06-10T19:00", "real", 0.01, "7"))
    (first,) = anomalies(lake, ["2026-06-10"], "r1")
    publish(lake, *[(f"City {letter}", "2026-06-10T19:00", "real", 0.01, "7") for letter in "abcdefgh"])
    (second,) = anomalies(lake, ["2026-06-10"], "r2")
    assert first.cause == second.cause
    assert second.sentence.splitlines()[-1] == "... and 3 more."


def test_no_spikes_are_no_news(lake: Store) -> None:
    publish(lake)
    assert list(anomalies(lake, ["2026-06-10"], "r1")) == []


def test_a_run_over_older_days_tells_nothing(lake: Store) -> None:
    publish(lake, ("London", "2026-06-10T19:00", "real", 0.01, "7"))
    assert list(anomalies(lake, ["2026-06-01"], "r1")) == []


def test_a_lake_that_cannot_be_read_holds_no_other_alert_up(lake: Store, caplog: pytest.LogCaptureFixture) -> None:
    publish(lake, ("London", "2026-06-10T19:00", "real", 0.01, "7"))
    lake.delete(layout.current_key("anomalies"))
    assert list(anomalies(lake, ["2026-06-10"], "r1")) == []
    assert "does not exist" in caplog.text
