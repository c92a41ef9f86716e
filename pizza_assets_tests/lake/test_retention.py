"""How long what is kept: the table against the layout, and what expires from a folder."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.cli import main
from pizza_assets.errors import UseError
from pizza_assets.lake import layout, open_lake, retention
from pizza_assets.lake.retention import NEVER, RULES, rule_of
from pizza_assets.lake.store import LocalStore
from pizza_assets.operations.dagster_retention import RETENTION_JOB
from pizza_assets.platform.dagster_runs import run_days, run_once
from pizza_assets.settings import Settings

DAY = date(2025, 9, 6)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def places() -> list[str]:
    """Return every place that the layout names: prefixes, and keys of single objects."""
    tables = [table.prefix for table in (*layout.DAILY_TABLES.values(), *layout.SALES_TABLES.values())]
    named = [value for name, value in vars(layout).items() if name.endswith(("_PREFIX", "_KEY"))]
    return [place if "." in place.rpartition("/")[2] else f"{place}/" for place in (*tables, *named)]


@pytest.mark.parametrize("place", sorted(set(places())))
def test_every_place_of_the_lake_has_a_rule_or_is_kept_for_ever_and_says_why(place: str) -> None:
    if place == f"{layout.DASHBOARD_PREFIX}/":
        return  # its parts have rules of their own, below
    is_kept = any(place.startswith(kept) for kept in NEVER)
    assert (rule_of(f"{place}x") is None) == is_kept


def test_no_rule_and_nothing_kept_is_a_place_that_there_is_not() -> None:
    known = (*places(), "compact/")
    for prefix in (*(rule.prefix for rule in RULES), *NEVER):
        assert any(prefix.startswith(place) or place.startswith(prefix) for place in known), prefix


def test_current_data_never_expires_and_its_history_does() -> None:
    for key in (layout.current_key("meta"), layout.MANIFEST_KEY, layout.manifest_key("meta"), layout.PAGE_KEY):
        assert rule_of(key) is None
    history = rule_of(layout.dated_key(layout.DASHBOARD_PREFIX, DAY, layout.DASHBOARD_HISTORY_FILE))
    assert history is not None
    assert history.days == 30


@given(st.dates(date(2000, 1, 1), date(2199, 12, 31)))
def test_what_an_analysis_reads_is_kept_for_its_window(day: date) -> None:
    window = Settings.model_fields["analysis_window_days"].default
    keys = [layout.RAW_MATCHES.key(day, "real"), layout.ORDER_VOLUME.key(day, "real")]
    keys += [layout.RAW_MATCHES.note_key(day, "unknown")]
    for key in keys:
        rule = rule_of(key)
        assert rule is not None
        assert rule.days >= window
    raw = rule_of(layout.RAW_ORDERS.key(day, "real"))
    assert raw is not None
    assert raw.days == 90


def aged(store: LocalStore, key: str, days: float) -> None:
    at = (NOW - timedelta(days=days)).timestamp()
    store.write(key, b"1", {})
    os.utime(store.root / key, (at, at))


@pytest.mark.parametrize(
    ("key", "days", "goes"),
    [
        (layout.RAW_ORDERS.key(DAY, "real"), 89.9, False),
        (layout.RAW_ORDERS.key(DAY, "real"), 90, True),
        (layout.RAW_MATCHES.key(DAY, "mock"), 364, False),
        (layout.RAW_MATCHES.rejected_key(DAY), 366, True),
        (layout.SALES_TABLES["raw_retailer_1"].key(DAY), 91, True),
        (layout.ORDER_VOLUME.key(DAY, "real"), 366, True),
        (layout.current_key("meta"), 9999, False),
        (layout.quality_key("raw_orders", NOW, "0d3f6f52"), 9999, False),
    ],
)
def test_an_object_goes_by_its_age(tmp_path: Path, key: str, days: float, goes: bool) -> None:
    store = LocalStore(tmp_path)
    aged(store, key, days)
    removed = retention.expire(store, NOW)
    assert [item.key for items in removed.values() for item in items] == ([key] if goes else [])
    assert [item.key for item in store.list("")] == ([] if goes else [key])


def test_a_bucket_expires_by_itself(bucket: Any) -> None:
    with pytest.raises(UseError, match="expires objects by its own lifecycle"):
        retention.expire(open_lake("s3://pizza-lake", bucket))


def test_the_command_and_the_schedule_leave_a_lake_that_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(pizza_start_date=DAY, mock_orders_per_store_day=2)
    monkeypatch.setenv("PIZZA_START_DATE", str(DAY))
    run_days(settings, DAY, DAY + timedelta(days=2), "raw_matches or raw_orders or match_events or order_volume")
    run = CliRunner().invoke
    assert "Nothing has expired." in run(main, ["lake", "expire"]).output
    old = (datetime.now(UTC) - timedelta(days=400)).timestamp()
    keys = [layout.RAW_ORDERS.key(DAY, "mock"), layout.RAW_MATCHES.key(DAY, "mock")]
    for key in keys:
        os.utime(Path("lake") / key, (old, old))
    quarter = (datetime.now(UTC) - timedelta(days=100)).timestamp()
    for day in (DAY, DAY + timedelta(days=1)):
        os.utime(Path("lake") / layout.ORDER_VOLUME.key(day, "mock"), (quarter, quarter))
    shown = run(main, ["lake", "expire", "--dry-run"]).output
    assert ("raw-orders" in shown, "Nothing was removed." in shown) == (True, True)
    declined = run(main, ["lake", "expire"], input="n\n")
    assert declined.exit_code == 1
    assert "Removed 2 objects." in run(main, ["lake", "expire", "--yes"]).output
    os.utime(Path("lake") / layout.RAW_ORDERS.key(DAY + timedelta(days=1), "mock"), (old, old))
    run_once(settings, RETENTION_JOB)
    kept = [item.key for item in open_lake("lake").list(f"{layout.RAW_ORDERS.prefix}/mock/")]
    assert kept == [layout.RAW_ORDERS.key(DAY + timedelta(days=2), "mock")]
    verified = run(main, ["verify"])
    assert verified.exit_code == 0, verified.output
