"""What happens on a real instance reaches a Slack and a mail server on loopback: once, useful, without secrets."""

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange

from pizza_assets.definitions import build_defs
from pizza_assets.errors import LakeError
from pizza_assets.lake import layout, open_lake
from pizza_assets.lake.layout import CORRELATION_FILES, CORRELATION_PREFIX
from pizza_assets.lake.store import LocalStore
from pizza_assets.lake.tables import DatedFiles, Files
from pizza_assets.operations import dagster_alert_sources as alert_sources
from pizza_assets.operations.alerts import channels as channels_module
from pizza_assets.operations.alerts.alert import Alert
from pizza_assets.operations.dagster_alerts import STATE_KEY, alert_sensor
from pizza_assets.platform.dagster_runs import RunFailedError, run_days
from pizza_assets.settings import Settings
from pizza_assets_tests.dashboard.test_quicksight_assets import Daemon, land
from pizza_assets_tests.operations.alerts.receivers import MailServer, SlackServer
from pizza_assets_tests.operations.test_dagster_automation import run_under_way
from pizza_assets_tests.platform.test_pipeline import FIRST, LAST, small

SECRET = "9f8e7d6c5b4a3210"


@pytest.fixture
def on_disk(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance on disk, as `dagster dev` has it; runs from the command line use it, too."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dg.DagsterInstance.get() as found:
        yield found


@pytest.fixture
def settings(slack: SlackServer, mail: MailServer) -> Settings:
    return small(
        slack_webhook_url=slack.url,
        smtp_host="127.0.0.1",
        smtp_port=mail.port,
        alert_email_from="dagster@example.org",
        alert_email_to=("ops@example.org",),
        dagster_ui_url="http://dagster.example",
    )


def look(
    instance: dg.DagsterInstance,
    settings: Settings,
    now: datetime | None = None,
    repository: dg.RepositoryDefinition | None = None,
) -> str:
    """Evaluate the sensor as the daemon does; return what the UI says of it."""
    sensor = alert_sensor(settings, lambda: now or datetime.now(UTC) + timedelta(seconds=10))
    tick = sensor.evaluate_tick(dg.build_sensor_context(instance, repository_def=repository))
    assert not tick.run_requests
    return str(tick.skip_message)


def mails(mail: MailServer) -> Sequence[str]:
    return [f"{found['Subject']}\n{found.get_content()}".replace("\r\n", "\n") for found in mail.mails]


def test_nothing_happened_nothing_is_sent(on_disk: dg.DagsterInstance, settings: Settings, slack: SlackServer) -> None:
    run_days(settings, FIRST, FIRST)
    assert look(on_disk, settings) == "Nothing waits."
    assert slack.payloads == []


def test_a_failed_run_is_one_message_with_sentence_days_link_and_what_to_do(
    on_disk: dg.DagsterInstance,
    settings: Settings,
    slack: SlackServer,
    mail: MailServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(*_: Any) -> None:
        raise LakeError(f"The disk of https://admin:{SECRET}@nas is full. Free some space.")

    monkeypatch.setattr(LocalStore, "write", failing)
    with pytest.raises(RunFailedError):
        run_days(settings, FIRST, LAST)
    (run,) = on_disk.get_runs()
    look(on_disk, settings)
    look(on_disk, settings)
    (text,), (letter,) = slack.texts, mails(mail)
    for message in (text, letter):
        assert "Run failed: raw_matches" in message
        assert "is full. Free some space." in message
        assert f"{FIRST} to {LAST}" in message
        assert f"http://dagster.example/runs/{run.run_id}" in message
        assert "re-execute the run from failure" in message
        assert SECRET not in message
    kept = on_disk.daemon_cursor_storage.get_cursor_values({STATE_KEY})[STATE_KEY]
    assert SECRET not in kept
    with pytest.raises(RunFailedError):
        run_days(settings, FIRST, LAST)
    look(on_disk, settings)
    assert len(slack.payloads) == 1, "the same cause again is no news"


def test_a_month_that_fell_back_to_mock_is_one_message_per_source(
    on_disk: dg.DagsterInstance, settings: Settings, slack: SlackServer, mail: MailServer
) -> None:
    dead = {"football_api_key": SECRET, "football_api_url": "http://127.0.0.1:9/v4", "max_api_retries": 0}
    configured = settings.model_copy(update=small(**dead).model_dump(include=set(dead)))
    last = FIRST + timedelta(days=29)
    run_days(configured, FIRST, last, "key:raw_matches or key:raw_orders")
    look(on_disk, configured)
    (text,) = slack.texts
    assert text.startswith("Fell back to mock: raw_matches\n"), "no source of orders is set up: that is no fallback"
    assert f"30 from {FIRST} to {last}" in text
    assert f"pizza-assets backfill --from {FIRST} --to {last}" in text
    assert "FOOTBALL_API_URL" in text, "the source's own sentence"
    assert SECRET not in text
    assert len(mail.mails) == 1


def checked(instance: dg.DagsterInstance, severity: dg.AssetCheckSeverity, *, blocking: bool) -> bool:
    """Run an asset whose check fails."""

    @dg.asset(
        partitions_def=dg.DailyPartitionsDefinition("2026-06-01"),
        check_specs=[dg.AssetCheckSpec("counts_reconcile", asset="raw_orders", blocking=blocking)],
    )
    def raw_orders() -> Iterator[Any]:
        yield dg.MaterializeResult()
        yield dg.AssetCheckResult(
            passed=False, severity=severity, description="received 5 is not stored 3 + rejected 1"
        )

    @dg.asset(deps=[raw_orders], partitions_def=dg.DailyPartitionsDefinition("2026-06-01"))
    def order_volume() -> None: ...

    job = dg.Definitions([raw_orders, order_volume], jobs=[dg.define_asset_job("job")]).resolve_job_def("job")
    return job.execute_in_process(instance=instance, partition_key="2026-06-10", raise_on_error=False).success


@pytest.mark.parametrize("blocking", [True, False])
def test_a_failed_check_is_one_message_whether_it_stops_the_run_or_not(
    instance: dg.DagsterInstance, settings: Settings, slack: SlackServer, *, blocking: bool
) -> None:
    assert checked(instance, dg.AssetCheckSeverity.ERROR, blocking=blocking) is not blocking
    look(instance, settings)
    (text,) = slack.texts
    assert text.startswith("Check failed: raw_orders, counts_reconcile\n")
    assert "received 5 is not stored 3 + rejected 1" in text
    assert "2026-06-10" in text
    assert ("Nothing was made from these days" in text) is blocking


def test_a_warning_of_a_check_is_no_alert(instance: dg.DagsterInstance, settings: Settings, slack: SlackServer) -> None:
    checked(instance, dg.AssetCheckSeverity.WARN, blocking=False)
    look(instance, settings)
    assert slack.payloads == []


def test_a_failed_ingestion_fails_the_refresh_and_alerts_with_quicksights_words(
    instance: dg.DagsterInstance,
    settings: Settings,
    slack: SlackServer,
    mail: MailServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pizza_assets.dashboard.quicksight.assets._RETRY_DELAY", 0)
    daemon = Daemon(instance, "FAILED")
    land(instance, "2025-01-05")
    (request,) = daemon.tick()
    assert not daemon.run(request).success
    look(instance, settings)
    (text,), (letter,) = slack.texts, mails(mail)
    for message in (text, letter):
        assert "QuickSight refresh failed: spice_refresh" in message
        assert "S3_MANIFEST_ERROR The manifest is broken" in message
        assert "the last good refresh" in message


def freshness(instance: dg.DagsterInstance, state: FreshnessState, at: datetime) -> None:
    changed = FreshnessStateChange(
        key=dg.AssetKey("dashboard_data"),
        new_state=state,
        previous_state=FreshnessState.UNKNOWN,
        state_change_timestamp=at.timestamp(),
    )
    instance._report_runless_asset_event(changed)  # as Dagster's freshness daemon does


def test_late_data_is_one_message_until_it_is_late_again(
    instance: dg.DagsterInstance, settings: Settings, slack: SlackServer
) -> None:
    repository = build_defs(small()).get_repository_def()
    freshness(instance, FreshnessState.FAIL, datetime.now(UTC))
    for _ in range(2):
        look(instance, settings, repository=repository)
    (text,) = slack.texts
    assert text.startswith("Data is late: dashboard_data\n")
    freshness(instance, FreshnessState.PASS, datetime.now(UTC))
    look(instance, settings, repository=repository)
    assert len(slack.payloads) == 1


def test_a_spike_in_real_orders_is_one_message(
    on_disk: dg.DagsterInstance, settings: Settings, slack: SlackServer
) -> None:
    run_days(settings, FIRST, LAST)
    lake = open_lake("lake")
    header = "city,bucket_ts,data_source,orders,expected,uplift_pct,q_value,match_ids,time_period,seen_in\n"
    row = f"London,{LAST}T19:00:00Z,real,90,30.25,197.5,0.001,unexplained,unexplained,real\n"
    lake.write(layout.current_key("anomalies"), (header + row).encode(), {})
    look(on_disk, settings)
    (text,) = slack.texts
    assert text.startswith("Anomaly found: real orders\n")
    assert "London, 19:00 UTC: 90 orders where 30.2 were expected" in text


def test_what_the_newest_day_found_is_one_message(
    on_disk: dg.DagsterInstance, settings: Settings, slack: SlackServer
) -> None:
    run_days(settings, FIRST, LAST)
    files = DatedFiles(open_lake("lake"), CORRELATION_PREFIX)
    name = CORRELATION_FILES[0]
    day = files.days(name)[-1]
    results = pd.read_csv(io.BytesIO(files.read(day, name)))
    found = results.head(1).assign(data_source="real", verdict="higher", pattern_description="It does.", q_value=0.01)
    rest = {other: files.read(day, other) for other in CORRELATION_FILES[1:]}
    files.put(day, Files({name: found.to_csv(index=False).encode(), **rest}, {}), "r0")
    files.put(FIRST - timedelta(days=1), Files({name: results.head(0).to_csv().encode(), **rest}, {}), "r0")
    look(on_disk, settings)
    (text,) = slack.texts
    assert text.startswith("Finding: real data\n")
    assert "It does." in text


def ended(instance: dg.DagsterInstance, message: str, **tags: str) -> dg.DagsterRun:
    """A run that ended outside of its steps."""

    @dg.op
    def work() -> None: ...

    job = dg.GraphDefinition(name="match_day", node_defs=[work]).to_job()
    run = instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
    instance.report_run_failed(run, message)
    return run


def test_a_killed_worker_is_told_in_dagsters_words(
    instance: dg.DagsterInstance, settings: Settings, slack: SlackServer
) -> None:
    ended(instance, "Detected run worker status FAILED. Marking run as failed.")
    look(instance, settings)
    assert "Run failed: match_day\n" in slack.texts[0]
    assert "Detected run worker status FAILED" in slack.texts[0]


def test_a_run_that_dagster_tries_again_is_no_alert_yet(
    instance: dg.DagsterInstance, settings: Settings, slack: SlackServer
) -> None:
    repository = build_defs(small()).get_repository_def()
    again = {"dagster/will_retry": "true"}
    instance.report_run_failed(run_under_way(instance, repository, tags=again), "killed")
    look(instance, settings)
    assert slack.payloads == []
    ended(instance, "killed", **again)
    look(instance, settings)
    assert len(slack.payloads) == 1, "a run of the command line is tried by nobody"


def test_a_failure_is_looked_at_when_dagster_has_noted_whether_it_tries_again(
    instance: dg.DagsterInstance, settings: Settings, slack: SlackServer
) -> None:
    ended(instance, "one")
    look(instance, settings, datetime.now(UTC))
    assert slack.payloads == []
    look(instance, settings)
    assert len(slack.payloads) == 1


def test_the_first_look_leaves_the_past_alone(
    instance: dg.DagsterInstance, settings: Settings, slack: SlackServer
) -> None:
    ended(instance, "long ago")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    look(instance, settings, tomorrow)
    ended(instance, "now")  # at an instant before the first look's hour: as if the clock had been set
    look(instance, settings, tomorrow)
    assert slack.payloads == []


def test_many_failures_are_looked_at_in_pages(
    instance: dg.DagsterInstance, settings: Settings, slack: SlackServer
) -> None:
    for number in range(30):
        ended(instance, f"cause {chr(97 + number % 3)}")
    for _ in range(2):
        look(instance, settings)
    assert len(slack.payloads) == 3


def test_a_webhook_that_hangs_holds_nobody_up_and_gets_its_message_later(
    on_disk: dg.DagsterInstance,
    settings: Settings,
    slack: SlackServer,
    mail: MailServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channels_module, "TIMEOUTS", (0.2, 0.2))
    slack.hangs = True
    ended(on_disk, "one")
    said = look(on_disk, settings)
    assert "1 messages wait" in said
    assert "Slack" in said
    assert len(mail.mails) == 1
    run_days(settings, FIRST, FIRST, "raw_matches")  # the data does not wait
    slack.hangs = False
    assert look(on_disk, settings) == "Nothing waits."
    assert (len(slack.payloads), len(mail.mails)) == (1, 1)


def test_alerts_are_on_by_default_and_without_channels_logged(
    instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    assert alert_sensor(small()).default_status is dg.DefaultSensorStatus.RUNNING
    ended(instance, "The machine is gone.")
    assert look(instance, small()) == "Nothing waits."
    assert "The machine is gone." in caplog.text


def test_a_run_that_cannot_be_read_silences_no_other(
    instance: dg.DagsterInstance, settings: Settings, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = ended(instance, "one")
    ended(instance, "two")
    read = alert_sources.of_run

    def failing(found: dg.DagsterInstance, run: dg.DagsterRun, *rest: Any) -> Iterator[Alert]:
        if run.run_id == bad.run_id:
            raise KeyError("new in the next Dagster")
        return read(found, run, *rest)

    monkeypatch.setattr(alert_sources, "of_run", failing)
    look(instance, settings)
    assert [text.split(":")[0] for text in slack.texts] == ["Run not looked at", "Run failed"]
