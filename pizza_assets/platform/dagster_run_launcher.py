"""The local run launcher: Dagster's own, which can also tell whether a run's process is still there.

Belongs here: looking at the processes of this machine. Does not belong here: what becomes of a run whose process is
gone: Dagster's run monitoring marks it as failed, and its run retries start it again. Without this a run whose daemon
was killed counts as running for ever, and every run of its pool waits for it. dagster.yaml names this class.
"""

from collections.abc import Mapping
from typing import Any, Self

import dagster as dg
import psutil

from pizza_assets.platform.dagster_compat import CheckRunHealthResult, ConfigurableClassData, WorkerStatus

#: Clocks of processes and of records differ by less (s).
_TOLERANCE = 2.0
#: Tag of a run: its process, as it was first seen alive, in a form that a clock that is set does not change.
WORKER_TAG = "pizza_assets/worker"


class LocalRunLauncher(dg.DefaultRunLauncher):
    """Launches runs as processes of this machine, and knows when one has died."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        """Return the launcher that dagster.yaml describes."""
        return cls(inst_data=inst_data)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Tell run monitoring that it may ask."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Tell whether the process that executes the run is alive."""
        worker = worker_of(self._instance, run)
        if worker is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "No process has taken the run yet.")
        pid, since = worker
        now, known = identity(pid), run.tags.get(WORKER_TAG)
        if now is not None and (known == now if known else is_alive(pid, since)):
            if known is None:
                self._instance.add_run_tags(run.run_id, {WORKER_TAG: now})
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if ended := _success_of(self._instance, run):  # it could not note its end, as with runs.db locked
            self._instance.handle_run_event(run.run_id, ended)
            return CheckRunHealthResult(WorkerStatus.SUCCESS)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"The process of the run (pid {pid}) is gone.")


def worker_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[int, float] | None:
    """Return the process id that the newest event of a run names, and when it did (seconds since 1970)."""
    records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT, ascending=False)
    for record in records.records:
        entry = record.event_log_entry
        pid = entry.get_dagster_event().engine_event_data.metadata.get("pid")
        if pid is not None and str(pid.value).isdecimal():
            return int(str(pid.value)), entry.timestamp
    return None


def _success_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterEvent | None:
    """Return the event with which the log of a run says that all of it was made."""
    records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.RUN_SUCCESS, limit=1).records
    return records[0].event_log_entry.get_dagster_event() if records else None


def identity(pid: int) -> str | None:
    """Return a process' number and when it began, in seconds since the machine's start; None when it has ended."""
    try:
        process = psutil.Process(pid)
        is_dead = process.status() == psutil.STATUS_ZOMBIE
        return None if is_dead else f"{pid} {process.create_time() - psutil.boot_time():.2f}"
    except psutil.NoSuchProcess:
        return None


def is_alive(pid: int, since: float) -> bool:
    """Tell whether a process that was there at `since` is there still; its number may have another owner by now."""
    try:
        process = psutil.Process(pid)
        return bool(process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= since + _TOLERANCE)
    except psutil.NoSuchProcess:
        return False
