"""The schedule and the catch-up sensor as the daemon evaluates them, on a real instance and a real lake."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.test_utils import instance_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._utils.schedules import cron_string_iterator

from pizza_assets.definitions import MATCH_DAY_JOB, build_defs
from pizza_assets.errors import SettingsError
from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import RAW_MATCHES, RAW_ORDERS
from pizza_assets.lake.store import Store
from pizza_assets.operations import dagster_automation as automation
from pizza_assets.operations.dagster_automation import automation_defs, catch_up, daily_refresh, decide
from pizza_assets.operations.expected_partitions import ONE_DAY
from pizza_assets.platform.dagster_active_runs import RANGE_TAGS, active_days, partitions_of, range_tags
from pizza_assets.settings import Settings
from pizza_assets_tests.operations.test_expected_partitions import at, put

TODAY = date(2026, 6, 10)
NOON = at(TODAY, 12)


def some(**settings: object) -> Settings:
    return Settings.load(**{"pizza_start_date": date(2026, 1, 1), "daily_refresh_time_zone": "UTC", **settings})


@pytest.fixture
def lake() -> Store:
    return open_lake("lake")


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return build_defs(some()).get_repository_def()


def span(request: dg.RunRequest) -> tuple[date, date]:
    first, last = (date.fromisoformat(request.tags[tag]) for tag in RANGE_TAGS)
    return first, last


# --- daily_refresh


def refreshed(settings: Settings, due: datetime, now: datetime | None = None) -> dg.RunRequest | str:
    schedule = daily_refresh(settings, dg.define_asset_job("job"), lambda: now or due)
    tick = schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=due))
    return tick.run_requests[0] if tick.run_requests else str(tick.skip_message)


def test_the_evening_brings_today_and_completes_yesterday() -> None:
    request = refreshed(some(), at(TODAY, 18))
    assert isinstance(request, dg.RunRequest)
    assert span(request) == (TODAY - ONE_DAY, TODAY)


@pytest.mark.parametrize("zone", ["Europe/London", "America/Los_Angeles", "Pacific/Auckland", "Asia/Kolkata"])
@pytest.mark.parametrize("start", [date(2026, 3, 26), date(2026, 10, 22), date(2026, 4, 2)])
def test_through_clock_changes_every_day_is_brought_once_and_completed_once(zone: str, start: date) -> None:
    settings = some(daily_refresh_time_zone=zone)
    schedule = daily_refresh(settings, dg.define_asset_job("job"))
    ticks = cron_string_iterator(
        at(start, 0).timestamp(), str(schedule.cron_schedule), str(schedule.execution_timezone)
    )
    requests = [refreshed(settings, next(ticks)) for _ in range(8)]
    spans = [span(request) for request in requests if isinstance(request, dg.RunRequest)]
    assert [last for _, last in spans] == [spans[0][1] + n * ONE_DAY for n in range(8)]
    assert all(first == last - ONE_DAY for first, last in spans)
    keys = [request.run_key for request in requests if isinstance(request, dg.RunRequest)]
    assert len(set(keys)) == 8


def test_a_tick_has_one_run_key_and_the_next_day_another() -> None:
    keys = [refreshed(some(), at(day, 18)).run_key for day in (TODAY, TODAY, TODAY + ONE_DAY)]  # type: ignore[union-attr] # requests
    assert keys[0] == keys[1] != keys[2]


def test_a_tick_that_comes_on_another_day_is_left_to_the_catch_up() -> None:
    assert "came after that day had ended" in str(refreshed(some(), at(TODAY - ONE_DAY, 18), NOON))
    assert isinstance(refreshed(some(), at(TODAY, 18), at(TODAY, 23, 59)), dg.RunRequest)


def test_the_first_day_has_no_yesterday_and_before_it_there_is_nothing() -> None:
    request = refreshed(some(pizza_start_date=TODAY), at(TODAY, 18))
    assert isinstance(request, dg.RunRequest)
    assert span(request) == (TODAY, TODAY)
    assert "PIZZA_START_DATE" in str(refreshed(some(pizza_start_date=TODAY + ONE_DAY), at(TODAY, 18)))


def test_an_unknown_time_zone_stops_with_a_sentence_that_names_the_setting() -> None:
    with pytest.raises(SettingsError, match=r"DAILY_REFRESH_TIME_ZONE: .*'Europe/Londres' is not an IANA time zone"):
        some(daily_refresh_time_zone="Europe/Londres")


# --- catch_up


class Daemon:
    """Evaluates the sensor and remembers cursor and run keys, as Dagster's daemon does."""

    def __init__(self, instance: dg.DagsterInstance, repository: dg.RepositoryDefinition, settings: Settings) -> None:
        self.instance, self.repository, self.settings = instance, repository, settings
        self.cursor: str | None = None
        self.keys: set[str | None] = set()
        self.said: str | None = None

    def tick(self, now: datetime) -> list[tuple[date, date]]:
        job = dg.define_asset_job(MATCH_DAY_JOB)
        sensor = catch_up(self.settings, job, {dg.AssetKey("raw_orders")}, lambda: now)
        context = dg.build_sensor_context(self.instance, cursor=self.cursor, repository_def=self.repository)
        tick = sensor.evaluate_tick(context)
        self.cursor, self.said = tick.cursor, tick.skip_message
        fresh = [request for request in tick.run_requests or [] if request.run_key not in self.keys]
        self.keys |= {request.run_key for request in fresh}
        return [span(request) for request in fresh]


@pytest.fixture
def daemon(instance: dg.DagsterInstance, repository: dg.RepositoryDefinition) -> Daemon:
    return Daemon(instance, repository, some())


def fill(lake: Store, first: date, last: date) -> None:
    for number in range((last - first).days + 1):
        put(lake, first + number * ONE_DAY)


def test_an_empty_lake_stays_empty(daemon: Daemon, lake: Store) -> None:
    assert daemon.tick(NOON) == []
    assert daemon.tick(at(TODAY, 23)) == []
    # From now on, days count: this one was not brought by a refresh.
    assert daemon.tick(at(TODAY + ONE_DAY, 12)) == [(TODAY, TODAY)]


def test_a_season_that_ended_long_ago_is_not_continued(daemon: Daemon, lake: Store) -> None:
    fill(lake, date(2026, 4, 1), TODAY - automation.REACH - ONE_DAY)
    assert daemon.tick(NOON) == []
    assert daemon.tick(at(TODAY, 19)) == []


def test_a_week_without_a_daemon_is_caught_up_in_one_run_once(daemon: Daemon, lake: Store) -> None:
    stopped = TODAY - timedelta(days=8)
    fill(lake, stopped - timedelta(days=20), stopped)
    daemon.cursor = (stopped - ONE_DAY).isoformat()
    assert daemon.tick(NOON) == [(stopped + ONE_DAY, TODAY - ONE_DAY)]
    assert daemon.tick(NOON) == [], "the same days are the same reason"
    fill(lake, stopped + ONE_DAY, TODAY - ONE_DAY)
    assert daemon.tick(NOON) == []
    assert daemon.cursor == (TODAY - 2 * ONE_DAY).isoformat(), "yesterday is completed by this evening's refresh"
    assert "is missing" in str(daemon.said)


def test_a_new_instance_beside_a_lake_of_last_week_catches_up_from_its_newest_day(daemon: Daemon, lake: Store) -> None:
    newest = TODAY - timedelta(days=6)
    fill(lake, newest - timedelta(days=3), newest)
    assert daemon.tick(NOON) == [(newest + ONE_DAY, TODAY - ONE_DAY)]


def test_gaps_before_the_newest_day_are_nobodys_outage(daemon: Daemon, lake: Store) -> None:
    put(lake, TODAY - timedelta(days=10))
    fill(lake, TODAY - timedelta(days=2), TODAY - ONE_DAY)
    assert daemon.tick(NOON) == []


def test_what_failed_is_tried_again_when_another_day_is_missing(daemon: Daemon, lake: Store) -> None:
    fill(lake, TODAY - timedelta(days=5), TODAY - timedelta(days=3))
    assert daemon.tick(NOON) == [(TODAY - 2 * ONE_DAY, TODAY - ONE_DAY)]
    assert daemon.tick(at(TODAY, 17)) == []
    assert daemon.tick(at(TODAY + ONE_DAY, 12)) == [(TODAY - 2 * ONE_DAY, TODAY)]


def test_a_day_whose_run_failed_is_asked_for_again_once_a_day_until_it_is_there(daemon: Daemon, lake: Store) -> None:
    gap = TODAY - 4 * ONE_DAY
    fill(lake, gap - 3 * ONE_DAY, gap - ONE_DAY)
    fill(lake, gap + ONE_DAY, TODAY - ONE_DAY)
    daemon.cursor = (gap - ONE_DAY).isoformat()
    for day in (TODAY, TODAY + ONE_DAY):
        fill(lake, day, day)
        assert daemon.tick(at(day, 12)) == [(gap, gap)]
        assert daemon.tick(at(day, 17)) == []
    fill(lake, gap, gap)
    assert daemon.tick(at(TODAY + 2 * ONE_DAY, 12)) == []


def test_days_apart_are_runs_apart_and_long_stretches_are_split(daemon: Daemon, lake: Store) -> None:
    daemon.settings = some(pizza_max_days_per_run=2)
    daemon.cursor = (TODAY - timedelta(days=7)).isoformat()
    put(lake, TODAY - timedelta(days=4))
    days = [TODAY - timedelta(days=number) for number in range(8)]
    assert daemon.tick(NOON) == [(days[6], days[5]), (days[3], days[2]), (days[1], days[1])]


def test_days_that_were_kept_are_asked_for_again_once_a_day(daemon: Daemon, lake: Store) -> None:
    fill(lake, TODAY - 40 * ONE_DAY, TODAY - ONE_DAY)
    notes = [RAW_MATCHES.note_key(TODAY - n * ONE_DAY, "kept") for n in (40, 3, 2)]
    for note in [*notes, RAW_ORDERS.note_key(TODAY - 2 * ONE_DAY, "kept")]:
        lake.write(note, b"{}", {})
    for day in (TODAY, TODAY + ONE_DAY):
        fill(lake, day, day)
        assert daemon.tick(at(day, 12)) == [(TODAY - 3 * ONE_DAY, TODAY - 2 * ONE_DAY)]
        assert daemon.tick(at(day, 13)) == []
    for note in notes:
        lake.delete(note)
    lake.delete(RAW_ORDERS.note_key(TODAY - 2 * ONE_DAY, "kept"))
    assert daemon.tick(at(TODAY + ONE_DAY, 14)) == []
    assert "No day after" in str(daemon.said)


def test_days_before_the_start_date_are_never_caught_up(daemon: Daemon, lake: Store) -> None:
    daemon.settings, daemon.cursor = some(pizza_start_date=TODAY - 2 * ONE_DAY), "2026-05-01"
    assert daemon.tick(NOON) == [(TODAY - 2 * ONE_DAY, TODAY - ONE_DAY)]


def run_under_way(
    instance: dg.DagsterInstance, repository: dg.RepositoryDefinition, job: str = MATCH_DAY_JOB, **run: Any
) -> dg.DagsterRun:
    """Create a run of all assets of a job in the queue; it will not start."""
    origin = RemoteJobOrigin(
        RemoteRepositoryOrigin(
            ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(), "here"), "__repository__"
        ),
        job,
    )
    values = {"status": dg.DagsterRunStatus.QUEUED, "remote_job_origin": origin, **run}
    return instance.create_run_for_job(repository.get_job(job), **values)


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTED])
@pytest.mark.parametrize("selection", [None, frozenset({dg.AssetKey("raw_orders")})])
def test_a_run_that_covers_a_missing_day_is_waited_for(
    daemon: Daemon, lake: Store, status: dg.DagsterRunStatus, selection: frozenset[dg.AssetKey] | None
) -> None:
    fill(lake, TODAY - timedelta(days=5), TODAY - timedelta(days=3))
    tags = range_tags(TODAY - 2 * ONE_DAY, TODAY - 2 * ONE_DAY)
    run = run_under_way(daemon.instance, daemon.repository, status=status, tags=tags, asset_selection=selection)
    assert daemon.tick(NOON) == []
    assert "Waiting" in str(daemon.said)
    daemon.instance.report_run_canceled(run)
    assert daemon.tick(NOON) == [(TODAY - 2 * ONE_DAY, TODAY - ONE_DAY)]


@pytest.fixture
def retrying() -> Iterator[dg.DagsterInstance]:
    with instance_for_test(overrides={"run_retries": {"enabled": True, "max_retries": 1}}) as found:
        yield found


def test_the_retry_of_a_killed_run_is_waited_for(
    retrying: dg.DagsterInstance, repository: dg.RepositoryDefinition, lake: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = Daemon(retrying, repository, some())
    fill(lake, TODAY - timedelta(days=5), TODAY - timedelta(days=3))
    run = run_under_way(retrying, repository, tags=range_tags(TODAY - 2 * ONE_DAY, TODAY - ONE_DAY))
    # As another process sees it: the run has failed, and Dagster has not noted yet that it tries it again.
    with monkeypatch.context() as between:
        between.setattr(type(retrying), "add_run_tags", lambda *_: None)
        retrying.report_run_failed(run, "killed")
    assert daemon.tick(NOON) == []
    retrying.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
    assert daemon.tick(NOON) == []
    retrying.add_run_tags(run.run_id, {"dagster/auto_retry_run_id": "another"})  # which has its own record
    assert len(daemon.tick(NOON)) == 1


def test_a_failed_run_that_is_not_tried_again_is_not_waited_for(
    retrying: dg.DagsterInstance, repository: dg.RepositoryDefinition, lake: Store
) -> None:
    daemon = Daemon(retrying, repository, some())
    fill(lake, TODAY - timedelta(days=5), TODAY - timedelta(days=3))
    tags = {**range_tags(TODAY - 2 * ONE_DAY, TODAY - ONE_DAY), "dagster/max_retries": "0"}
    retrying.report_run_failed(run_under_way(retrying, repository, tags=tags), "failed")
    assert len(daemon.tick(NOON)) == 1


@pytest.mark.parametrize(
    "tags", [range_tags(date(2026, 1, 5), date(2026, 2, 5)), {"dagster/partition": "2026-01-05"}, {}]
)
def test_a_run_over_other_days_is_not_waited_for(daemon: Daemon, lake: Store, tags: dict[str, str]) -> None:
    fill(lake, TODAY - timedelta(days=5), TODAY - timedelta(days=3))
    run_under_way(daemon.instance, daemon.repository, tags=tags)
    assert len(daemon.tick(NOON)) == 1


# Dagster's own, on its way to a backfill.
@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources` is deprecated:DeprecationWarning")
def test_a_backfill_from_the_ui_is_waited_for_until_it_has_ended(daemon: Daemon, lake: Store) -> None:
    fill(lake, TODAY - timedelta(days=9), TODAY - timedelta(days=5))
    running = backfill(daemon.repository, daemon.instance)
    daemon.instance.add_backfill(running)
    assets = {dg.AssetKey("raw_orders")}
    days = active_days(daemon.instance, daemon.repository.asset_graph, assets, MATCH_DAY_JOB)
    assert days == {TODAY - timedelta(days=number) for number in (2, 3, 4)}
    assert (
        active_days(daemon.instance, daemon.repository.asset_graph, {dg.AssetKey("dashboard_data")}, MATCH_DAY_JOB)
        == set()
    )
    assert active_days(daemon.instance, None, assets, MATCH_DAY_JOB) is None, "without the assets nobody can tell"
    assert daemon.tick(NOON) == []
    daemon.instance.update_backfill(running.with_status(BulkActionStatus.COMPLETED_SUCCESS))
    fill(lake, TODAY - timedelta(days=4), TODAY - timedelta(days=2))
    assert daemon.tick(NOON) == [(TODAY - ONE_DAY, TODAY - ONE_DAY)]


def backfill(repository: dg.RepositoryDefinition, instance: dg.DagsterInstance) -> PartitionBackfill:
    """A backfill of three days of raw_orders and order_volume, as the UI starts it."""
    keys = [(TODAY - timedelta(days=number)).isoformat() for number in (2, 3, 4)]
    assets = [dg.AssetKey("raw_orders"), dg.AssetKey("order_volume")]
    graph = repository.asset_graph
    return PartitionBackfill.from_asset_partitions(
        backfill_id="abc",
        asset_graph=graph,
        partition_names=keys,
        asset_selection=assets,
        backfill_timestamp=NOON.timestamp(),
        tags={},
        dynamic_partitions_store=instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )


def test_partitions_of_other_kinds_are_no_days(
    instance: dg.DagsterInstance, repository: dg.RepositoryDefinition
) -> None:
    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["north"]))
    def raw_orders() -> None: ...

    other = dg.Definitions([raw_orders], jobs=[dg.define_asset_job("other", [raw_orders])]).resolve_job_def("other")
    run = instance.create_run_for_job(other, status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": "north"})
    assert partitions_of(run) == ("north", "north")
    assert active_days(instance, repository.asset_graph, {dg.AssetKey("raw_orders")}, "other") == set()


def test_nothing_is_asked_for_while_nobody_can_tell_what_a_backfill_covers(lake: Store) -> None:
    fill(lake, TODAY - timedelta(days=5), TODAY - timedelta(days=3))
    answer = decide(lake, some(), None, None, NOON)
    assert not answer.run_requests
    assert "Waiting" in str(answer.skip_reason)


def test_schedule_and_sensor_run_by_default() -> None:
    defs = automation_defs(some(), dg.define_asset_job("job"), set())
    (schedule,), (sensor,) = defs.schedules or [], defs.sensors or []
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING  # type: ignore[union-attr] # it is a schedule
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING  # type: ignore[union-attr] # it is a sensor


def test_the_daemon_asks_for_what_the_job_can_run(repository: dg.RepositoryDefinition, lake: Store) -> None:
    assert {"daily_refresh"} <= {schedule.name for schedule in repository.schedule_defs}
    assert {"catch_up", "alerts"} <= {sensor.name for sensor in repository.sensor_defs}
    assert repository.get_job(MATCH_DAY_JOB).partitions_def is not None
