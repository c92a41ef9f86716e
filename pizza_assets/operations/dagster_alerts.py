"""Alerts in Dagster: one sensor that looks at each run that has ended, and at what has become late.

Belongs here: what was looked at, and where the queue's state is kept. Does not belong here: what is worth an alert
(``dagster_alert_sources``), what is sent when (``operations/alerts``). All alerts pass one queue, so that one limit
holds for all, and one that no channel took is sent again at the next look.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any, Literal

import dagster as dg

from pizza_assets.operations import dagster_alert_sources as alert_sources
from pizza_assets.operations.alerts.alert import Alert
from pizza_assets.operations.alerts.alert_queue import AlertQueue
from pizza_assets.operations.alerts.channels import channels
from pizza_assets.platform.dagster_failures import without_secrets_in_errors
from pizza_assets.platform.dagster_resources import lake_resource
from pizza_assets.settings import Settings

#: The key of the state among the instance's own: it is saved after each message, as a sensor's cursor cannot be.
STATE_KEY = "pizza_assets/alerts"
#: An instance that has never looked starts with the runs of the last hour.
_FIRST_LOOK = timedelta(hours=1)
_RUNS_AT_ONCE = 25
#: Dagster notes a moment after a run has failed whether it starts it again.
_SETTLED = timedelta(seconds=5)
_ENDS: Sequence[Literal[dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE]] = (
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
)


class Watch:
    """One look at the instance's records since the last one."""

    def __init__(self, instance: dg.DagsterInstance, settings: Settings, now: datetime) -> None:
        self._instance, self._now = instance, now
        kept = instance.daemon_cursor_storage.get_cursor_values({STATE_KEY}).get(STATE_KEY)
        state: dict[str, Any] = json.loads(kept) if kept else {}
        self._seen: dict[str, int] = state.get("seen", {})
        self._since: float = state.get("since", (now - _FIRST_LOOK).timestamp())
        self._late_since: float = state.get("late_since", self._since)
        self._store = lake_resource(settings).store()
        self.queue = AlertQueue.from_json(state.get("queue", state.get("desk", {})), settings, channels(settings))

    def look(self, assets: set[dg.AssetKey]) -> list[str]:
        """Take in what has happened since the last look, and send; return what went wrong in sending."""
        self.queue.receive([*self._of_runs(), *self._of_freshness(assets)], self._now)
        self.queue.prepare(self._now)
        self._save()
        return self.queue.deliver(self._now, self._save)

    def _of_runs(self) -> Iterator[Alert]:
        settled = (self._now - _SETTLED).timestamp()
        for kind in _ENDS:
            page = self._instance.fetch_run_status_changes(
                dg.RunStatusChangeRecordsFilter(
                    kind, after_timestamp=self._since, after_storage_id=self._seen.get(kind.value)
                ),
                limit=_RUNS_AT_ONCE,
                ascending=True,
            )
            for record in takewhile(lambda record: record.timestamp < settled, page.records):
                yield from self._of_run(record.event_log_entry)
                self._seen[kind.value] = record.storage_id

    def _of_run(self, ended: dg.EventLogEntry) -> Iterator[Alert]:
        instance, run = self._instance, self._instance.get_run_by_id(ended.run_id)
        if run is None:
            return  # deleted meanwhile
        try:
            yield from alert_sources.of_run(instance, run, ended, self._store)
        except Exception as error:  # noqa: BLE001 one run that we cannot read must not silence the alerts of all others
            yield Alert(
                title="Run not looked at",
                subject=run.job_name,
                sentence=f"The alerts of a run cannot be told: {type(error).__name__}: {error}",
                action="Look at the run yourself, and report this as a defect.",
                run_id=run.run_id,
            )

    def _of_freshness(self, assets: set[dg.AssetKey]) -> Iterator[Alert]:
        since = self._late_since
        for changed, alert in alert_sources.late(self._instance, assets, since):
            self._late_since = max(self._late_since, changed)
            yield alert

    def _save(self) -> None:
        state = {
            "seen": self._seen,
            "since": self._since,
            "late_since": self._late_since,
            "queue": self.queue.as_json(),
        }
        self._instance.daemon_cursor_storage.set_cursor_values({STATE_KEY: json.dumps(state)})


def alert_sensor(
    settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC), seconds: int = 30
) -> dg.SensorDefinition:
    """Return the sensor that alerts, and looks every so many `seconds`."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Failed runs and checks, late data, days that fell back to mock, anomalies, findings and failed refreshes "
            "of QuickSight: one message for each cause, to Slack and mail where they are set up, else to the log."
        ),
    )
    @without_secrets_in_errors
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        graph = context.repository_def.asset_graph if context.repository_def else None
        watch = Watch(context.instance, settings, now())
        problems = watch.look(set(graph.materializable_asset_keys) if graph else set())
        waiting = len(watch.queue.outbox) + len(watch.queue.inbox)
        return dg.SkipReason(" ".join([f"{waiting} messages wait.", *problems]) if waiting else "Nothing waits.")

    return sensor


def alert_defs(settings: Settings) -> dg.Definitions:
    """Return the sensor that alerts."""
    return dg.Definitions(sensors=[alert_sensor(settings)])
