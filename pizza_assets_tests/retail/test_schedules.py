"""The retailers' mornings on a real Dagster instance: who runs when, and what happens when one is away for days."""

import json
import socket
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from pizza_assets.definitions import build_defs
from pizza_assets.retail import assets as retail
from pizza_assets.retail.schedules import CHAINS, RETAIL_JOB, VIEWS_JOB, blocks, business_day, decide, requests
from pizza_assets.settings import Settings
from pizza_assets.warehouse import assets as warehouse
from pizza_assets.warehouse.connection import Connection

MONDAY = date(2025, 3, 3)
ZONE = "Europe/London"


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def days(*numbers: int) -> set[date]:
    return {MONDAY + timedelta(days=number) for number in numbers}


def land(instance: dg.DagsterInstance, day: date, *retailers: str) -> None:
    """Note days as loaded, without loading any."""
    for retailer in retailers or CHAINS:
        key = dg.AssetKey(CHAINS[retailer][-1])
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=day.isoformat()))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2025, 3, 4, 1, 59, tzinfo=UTC), date(2025, 3, 2)),
        (datetime(2025, 3, 4, 2, 0, tzinfo=UTC), date(2025, 3, 3)),
        (datetime(2025, 7, 4, 0, 59, tzinfo=UTC), date(2025, 7, 2)),  # 01:59 in London
        (datetime(2025, 7, 4, 1, 0, tzinfo=UTC), date(2025, 7, 3)),
    ],
)
def test_yesterday_is_expected_from_two_in_the_morning_on(now: datetime, expected: date) -> None:
    assert business_day(now, ZONE) == expected


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (days(), [(0, 0)][1:]),
        (days(0, 1, 2, 3), []),
        (days(0, 3), [(1, 2)]),
        (days(0, 2), [(1, 1), (3, 3)]),
    ],
)
def test_gaps_are_asked_for_in_blocks_and_the_newest_day_by_itself(
    there: set[date], expected: list[tuple[int, int]]
) -> None:
    day = MONDAY + timedelta(days=4)
    found = [((first - MONDAY).days, (last - MONDAY).days) for first, last in blocks(there, day)]
    assert found == [*expected, (4, 4)]


def test_gaps_that_are_too_old_are_left_to_people() -> None:
    day = MONDAY + timedelta(days=100)
    assert blocks(days(0), day)[0][0] == day - timedelta(days=31)


def test_the_schedule_starts_one_run_per_retailer(instance: dg.DagsterInstance) -> None:
    found = requests(instance, Settings.load(pizza_start_date=MONDAY), at(MONDAY + timedelta(days=1), 2))
    selected = [[key.path[-1] for key in request.asset_selection or []] for request in found]
    assert selected == [
        ["raw_retailer_1", "sales_retailer_1"],
        ["raw_retailer_2", "sales_retailer_2"],
        ["raw_retailer_3", "sales_retailer_3"],
        ["raw_orders", "raw_dominos_sales", "sales_dominos"],
        ["match_dates"],
    ]
    assert {request.tags["dagster/asset_partition_range_start"] for request in found} == {"2025-03-03"}
    assert len({request.run_key for request in found}) == 5
    assert requests(instance, Settings.load(pizza_start_date=MONDAY), at(MONDAY, 2)) == []


def test_partitions_of_a_demos_sales_begin_with_them_and_its_orders_are_taken_as_they_are(
    instance: dg.DagsterInstance,
) -> None:
    settings = Settings.load(pizza_start_date=MONDAY - timedelta(days=200))
    defs = build_defs(settings, MONDAY)
    graph = defs.resolve_asset_graph()

    def first_of(asset: str) -> str | None:
        partitions = graph.get(dg.AssetKey(asset)).partitions_def
        return partitions.get_first_partition_key() if partitions else None

    assert first_of("raw_orders") == str(settings.pizza_start_date)
    assert {first_of(asset) for asset in ("raw_retailer_1", "raw_dominos_sales", "sales_dominos", "match_dates")} == {
        str(MONDAY)
    }
    job = defs.resolve_job_def(RETAIL_JOB)
    assert dg.AssetKey("raw_orders") not in job.asset_layer.executable_asset_keys
    found = requests(instance, settings, at(MONDAY + timedelta(days=1), 2), asks_for_orders=False)
    assert [key.path[-1] for key in found[3].asset_selection or []] == ["raw_dominos_sales", "sales_dominos"]


def test_the_views_that_follow_the_newest_facts_are_not_refreshed_again(instance: dg.DagsterInstance) -> None:
    land(instance, MONDAY)
    assert isinstance(decide(instance, None, Settings.load(), at(MONDAY + timedelta(days=1), 3)), dg.SensorResult)
    instance.report_runless_asset_event(dg.AssetMaterialization("warehouse_views"))
    assert isinstance(decide(instance, None, Settings.load(), at(MONDAY + timedelta(days=1), 3)), dg.SkipReason)


TUESDAY = MONDAY + timedelta(days=1)


def asked(instance: dg.DagsterInstance, settings: Settings, at: datetime) -> dict[str, list[str]]:
    """Return the newest day of each run, by the asset that it ends with."""
    found: dict[str, list[str]] = {}
    for request in requests(instance, settings, at):
        name = (request.asset_selection or [])[-1].path[-1]
        found.setdefault(name, []).append(request.tags["dagster/asset_partition_range_end"])
    return found


def test_a_day_is_asked_for_when_it_has_ended_where_the_retailer_is(instance: dg.DagsterInstance) -> None:
    """Tokyo's Monday ends at 15:00 UTC, two hours before it is due; that of Los Angeles on Tuesday at 08:00."""
    settings = Settings.load(
        pizza_start_date=MONDAY, retailer_1_time_zone="Asia/Tokyo", retailer_3_time_zone="America/Los_Angeles"
    )
    due = {}
    for hour in range(48):
        now = at(MONDAY, 0) + timedelta(hours=hour)
        for name, days in asked(instance, settings, now).items():
            due.setdefault((name, days[-1]), now)
            for day in days:
                zone = {"sales_retailer_1": "Asia/Tokyo", "sales_retailer_3": "America/Los_Angeles"}.get(name, "UTC")
                assert now.astimezone(ZoneInfo(zone)).date() > date.fromisoformat(day)
    assert due["sales_retailer_1", "2025-03-03"] == at(MONDAY, 17)
    assert due["sales_retailer_2", "2025-03-03"] == at(TUESDAY, 2)
    assert due["sales_dominos", "2025-03-03"] == at(TUESDAY, 2)
    assert due["sales_retailer_3", "2025-03-03"] == at(TUESDAY, 10)


def test_where_the_clock_skips_two_a_day_is_asked_for_all_the_same(instance: dg.DagsterInstance) -> None:
    settings = Settings.load(pizza_start_date=date(2025, 3, 29), retail_daily_time_zone="Europe/Berlin")
    assert "sales_retailer_1" in asked(instance, settings, datetime(2025, 3, 30, 1, tzinfo=UTC))  # 03:00 in Berlin


def test_a_day_that_has_not_come_is_asked_for_each_hour_until_the_deadline_and_then_every_night(
    instance: dg.DagsterInstance,
) -> None:
    settings = Settings.load(pizza_start_date=MONDAY)
    land(instance, MONDAY, "retailer_1", "retailer_3", "dominos")
    hours = {hour: asked(instance, settings, at(TUESDAY, 0) + timedelta(hours=hour)) for hour in range(2, 27)}
    assert all(found == {"sales_retailer_2": ["2025-03-03"]} for hour, found in hours.items() if 2 < hour <= 6)
    assert all(found == {} for hour, found in hours.items() if 6 < hour < 26)
    assert hours[26]["sales_retailer_1"] == ["2025-03-04"]
    land(instance, MONDAY - timedelta(days=1), "retailer_2")
    assert asked(instance, settings, at(TUESDAY + timedelta(days=1), 2))["sales_retailer_2"] == [
        "2025-03-03", "2025-03-04"
    ]  # fmt: skip


def test_no_second_run_of_a_day_starts_while_one_is_on_its_way(instance: dg.DagsterInstance) -> None:
    settings = Settings.load(pizza_start_date=MONDAY)
    land(instance, MONDAY, "retailer_1", "retailer_3", "dominos")
    (request,) = requests(instance, settings, at(TUESDAY, 3))
    job = build_defs(settings).resolve_job_def(RETAIL_JOB)
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=request.tags)
    assert requests(instance, settings, at(TUESDAY, 4)) == []


def test_a_day_without_lines_or_of_before_its_end_is_asked_for_again(instance: dg.DagsterInstance) -> None:
    """An empty answer may be an early one. What Dagster notes now is of before the end of days to come."""
    today = datetime.now(UTC).date()
    settings = Settings.load(pizza_start_date=today - timedelta(days=3))
    night = at(today + timedelta(days=1), 2)
    key = dg.AssetKey("sales_retailer_1")
    for number, received in ((3, 5), (2, 0), (1, 7), (0, 3)):
        day = today - timedelta(days=number)
        metadata = {"received": received}
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=str(day), metadata=metadata))
    assert asked(instance, settings, night)["sales_retailer_1"] == [str(today - timedelta(days=2)), str(today)]
    assert "sales_retailer_1" in asked(instance, settings, night + timedelta(hours=1))


def test_the_schedule_looks_every_hour() -> None:
    schedule = build_defs(Settings.load()).resolve_schedule_def(RETAIL_JOB)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 * * * *", "UTC")


def cursor(result: dg.SensorResult | dg.SkipReason) -> str:
    assert isinstance(result, dg.SensorResult), result
    assert result.cursor is not None
    return result.cursor


def why(result: dg.SensorResult | dg.SkipReason) -> str:
    assert isinstance(result, dg.SkipReason), result
    return result.skip_message or ""


def test_nothing_is_refreshed_before_anything_was_loaded(instance: dg.DagsterInstance) -> None:
    assert why(decide(instance, None, Settings.load(), at(TUESDAY, 9))) == "No retailer has been loaded yet."


def test_the_views_follow_when_all_retailers_are_in(instance: dg.DagsterInstance) -> None:
    land(instance, MONDAY, "retailer_1", "retailer_2", "dominos")
    assert (
        why(decide(instance, None, Settings.load(), at(TUESDAY, 3)))
        == "retailer_3: 2025-03-03 is missing; waiting until 06:00 GMT."
    )
    land(instance, MONDAY, "retailer_3")
    done = decide(instance, None, Settings.load(), at(TUESDAY, 3))
    assert why(decide(instance, cursor(done), Settings.load(), at(TUESDAY, 4))) == "No new facts."
    land(instance, MONDAY - timedelta(days=9), "retailer_1")  # a backfill
    cursor(decide(instance, cursor(done), Settings.load(), at(TUESDAY, 5)))


def test_at_the_deadline_the_views_are_refreshed_once_without_those_that_are_missing(
    instance: dg.DagsterInstance,
) -> None:
    land(instance, MONDAY, "retailer_1")
    late = decide(instance, None, Settings.load(), at(TUESDAY, 6))
    assert json.loads(cursor(late))["flagged"] == "2025-03-03"
    assert why(decide(instance, cursor(late), Settings.load(), at(TUESDAY, 7))) == (
        "No new facts. retailer_2, retailer_3, dominos: 2025-03-03 is missing."
    )
    land(instance, MONDAY, "retailer_2")
    cursor(decide(instance, cursor(late), Settings.load(), at(TUESDAY, 8)))


def test_missing_retailers_are_flagged_even_when_nobody_has_the_day(instance: dg.DagsterInstance) -> None:
    land(instance, MONDAY)
    before = cursor(decide(instance, None, Settings.load(), at(TUESDAY, 3)))
    late = decide(instance, before, Settings.load(), at(TUESDAY + timedelta(days=1), 6))
    assert isinstance(late, dg.SensorResult)
    assert late.run_requests is not None
    assert late.run_requests[0].tags == {warehouse.DAY_TAG: "2025-03-04"}


def test_one_refresh_does_for_all_that_is_on_its_way(instance: dg.DagsterInstance) -> None:
    land(instance, MONDAY)
    running = instance.create_run_for_job(
        build_defs(Settings.load()).resolve_job_def(VIEWS_JOB), status=dg.DagsterRunStatus.STARTED
    )
    assert "is queued or running" in why(decide(instance, None, Settings.load(), at(TUESDAY, 3)))
    instance.delete_run(running.run_id)
    cursor(decide(instance, None, Settings.load(), at(TUESDAY, 3)))


def test_one_retailer_away_for_three_days_stops_nobody_and_catches_up(
    instance: dg.DagsterInstance,
    connection: Connection,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three mornings without retailer 2, whose API rejects connections, and the fourth with it."""
    for module in (retail, warehouse):
        monkeypatch.setattr(module, "RETRIES", 0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
    here = Settings.load(
        warehouse_url=database, pizza_lake=str(tmp_path / "lake"), pizza_start_date=MONDAY, max_api_retries=0,
        retail_mock_lines_per_day=20, mock_orders_per_store_day=2,
    )  # fmt: skip
    away = here.model_copy(
        update=Settings.load(
            retailer_2_url=nobody, retailer_2_client_id="shop", retailer_2_client_secret="secret"
        ).model_dump(include={"retailer_2_url", "retailer_2_client_id", "retailer_2_client_secret"})
    )
    seen: str | None = None
    flagged = []
    for night in range(5):
        settings = away if night in {1, 2, 3} else here
        defs = build_defs(settings)
        morning = MONDAY + timedelta(days=night + 1)
        for request in requests(instance, settings, at(morning, 2)):
            assets = [*(request.asset_selection or [])]
            if assets[0] == dg.AssetKey("match_dates"):
                continue
            if assets[0] == dg.AssetKey("raw_orders"):
                assets = [dg.AssetKey("raw_matches"), *assets]  # the match-day branch has made it the evening before
            defs.resolve_implicit_global_asset_job_def().execute_in_process(
                instance=instance, asset_selection=assets, tags=request.tags, raise_on_error=False
            )
        decision = decide(instance, seen, settings, at(morning, 6))
        seen = cursor(decision)
        assert isinstance(decision, dg.SensorResult)
        tags = (decision.run_requests or [dg.RunRequest()])[0].tags
        done = defs.resolve_job_def(VIEWS_JOB).execute_in_process(instance=instance, tags=tags, raise_on_error=False)
        assert done.success
        flagged.append(done.get_asset_check_evaluations()[0].passed)
        views = connection.execute(
            "SELECT retailer_id, max(sale_date) >= %s FROM marts.mv_daily_sales_summary GROUP BY 1",
            [morning - timedelta(2)],
        ).fetchall()
        assert all(is_fresh for name, is_fresh in views if name != "retailer_2")
    assert flagged == [True, False, False, False, True]
    loaded = connection.execute("SELECT retailer_id, days, missing_days FROM marts.load_status ORDER BY 1").fetchall()
    assert loaded == [(name, 5, 0) for name in sorted(CHAINS)]
