"""A run whose process is gone is found, by Dagster's own run monitoring; one whose process works is left alone."""

import os
import subprocess
import sys

import dagster as dg
import psutil
import pytest
from dagster._core.events import EngineEventData

from pizza_assets.platform.dagster_run_launcher import LocalRunLauncher, is_alive, worker_of


@dg.op
def work() -> None: ...


JOB = dg.GraphDefinition(name="match_day", node_defs=[work]).to_job()


@pytest.fixture
def launcher(instance: dg.DagsterInstance) -> LocalRunLauncher:
    made = LocalRunLauncher()
    made.register_instance(instance)
    return made


def started(instance: dg.DagsterInstance, pid: int) -> dg.DagsterRun:
    """A run that a process has taken, as Dagster notes it."""
    run = instance.create_run_for_job(JOB, status=dg.DagsterRunStatus.STARTED)
    instance.report_engine_event(f"Started process for run (pid: {pid}).", run, EngineEventData.in_process(pid))
    instance.report_engine_event("Something else.", run)
    return run


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_process_that_works_is_running(instance: dg.DagsterInstance, launcher: LocalRunLauncher) -> None:
    run = started(instance, os.getpid())
    assert launcher.supports_check_run_worker_health
    assert launcher.check_run_worker_health(run).status.value == "RUNNING"


@pytest.mark.parametrize("shift", [86_400, -86_400])
def test_a_clock_that_is_set_changes_nothing(
    instance: dg.DagsterInstance, launcher: LocalRunLauncher, monkeypatch: pytest.MonkeyPatch, shift: int
) -> None:
    run = started(instance, os.getpid())
    assert launcher.check_run_worker_health(run).status.value == "RUNNING"
    boot = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot + shift)
    again = instance.get_run_by_id(run.run_id)
    assert again is not None
    assert launcher.check_run_worker_health(again).status.value == "RUNNING"


def test_a_process_that_is_gone_is_not_found(
    instance: dg.DagsterInstance, launcher: LocalRunLauncher, dead: int
) -> None:
    found = launcher.check_run_worker_health(started(instance, dead))
    assert (found.status.value, found.msg) == ("NOT_FOUND", f"The process of the run (pid {dead}) is gone.")


def test_a_run_that_no_process_has_taken_is_left_to_the_start_timeout(
    instance: dg.DagsterInstance, launcher: LocalRunLauncher
) -> None:
    run = instance.create_run_for_job(JOB, status=dg.DagsterRunStatus.STARTED)
    assert launcher.check_run_worker_health(run).status.value == "RUNNING"


def test_a_number_that_another_process_has_by_now_is_not_the_worker() -> None:
    assert is_alive(os.getpid(), since=4e9)
    assert not is_alive(os.getpid(), since=1e9), "long before this process began"


def test_a_run_in_this_process_names_it(instance: dg.DagsterInstance) -> None:
    """As the runs of the command line do, so that one of these that was killed is found, too."""
    result = JOB.execute_in_process(instance=instance)
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    worker = worker_of(instance, run)
    assert worker is not None
    assert worker[0] == os.getpid()


def test_a_run_whose_log_says_that_all_was_made_is_a_success(
    instance: dg.DagsterInstance, launcher: LocalRunLauncher, dead: int
) -> None:
    """Its last words reached its log, and the table of runs was locked."""
    run = started(instance, dead)
    ended = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, JOB.name)
    instance.event_log_storage.store_event(dg.EventLogEntry(None, 20, "", run.run_id, 0.0, None, JOB.name, ended))
    assert launcher.check_run_worker_health(run).status.value == "SUCCESS"
    after = instance.get_run_by_id(run.run_id)
    assert after is not None
    assert after.status is dg.DagsterRunStatus.SUCCESS
