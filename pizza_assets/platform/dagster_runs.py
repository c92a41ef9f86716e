"""Runs from the command line: a range of days through Dagster, in this process, on the local instance.

Belongs here: launching what the UI would launch, with the same history. Does not belong here: printing.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stderr
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TextIO, cast

import dagster as dg
import sqlalchemy

from pizza_assets.definitions import MATCH_DAY_JOB, build_defs
from pizza_assets.errors import PizzaAssetsError, SettingsError, UseError, machine_fault
from pizza_assets.platform import dagster_event_log as event_log  # noqa: F401 its wait for locks is to hold when the run storage opens
from pizza_assets.platform.dagster_compat import DagsterExecutionInterruptedError
from pizza_assets.platform.dagster_failures import AT_ONCE_TAG
from pizza_assets.platform.dagster_in_process import NO_RETRIES, prepare
from pizza_assets.platform.dagster_partitions import daily_partitions
from pizza_assets.settings import Settings

#: The instance outside the project's folder; the folder's own dagster.yaml says the same, and tells why.
_INSTANCE = """\
event_log_storage:
  module: pizza_assets.platform.dagster_event_log
  class: KeptSqliteEventLog
  config:
    base_dir: {events}
run_launcher:
  module: pizza_assets.platform.dagster_run_launcher
  class: LocalRunLauncher
run_monitoring:
  enabled: true
  poll_interval_seconds: 30
  start_timeout_seconds: 180
  cancel_timeout_seconds: 180
  max_runtime_seconds: 86400
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false
concurrency:
  pools:
    granularity: run
    default_limit: 1
  runs:
    max_concurrent_runs: 6
schedules:
  use_threads: true
sensors:
  use_threads: true
  num_workers: 4
freshness:
  enabled: true
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      skipped: 3
      success: 90
      failure: 90
      started: 3
telemetry:
  enabled: false
python_logs:
  managed_python_loggers: [pizza_assets.sources]
  python_log_level: INFO
nux:
  enabled: false
"""
_LOGGER = logging.getLogger("pizza_assets.runs")
_RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


class RunFailedError(PizzaAssetsError):
    """A run failed; the message is the sentence of the error behind it, ``cause`` the name of that error's class."""

    def __init__(self, message: str, cause: str | None = None) -> None:
        super().__init__(message)
        self.cause = cause


def dagster_home() -> Path:
    """Return where Dagster keeps its history: DAGSTER_HOME, the folder of dagster.yaml, or ``.dagster``.

    Raises
    ------
    SettingsError
        When DAGSTER_HOME is no absolute path.
    """
    if home := os.environ.get("DAGSTER_HOME"):
        if not Path(home).is_absolute():
            raise SettingsError(
                f"DAGSTER_HOME must be an absolute path, found '{home}'. Set DAGSTER_HOME={Path(home).absolute()}."
            )
        return Path(home)
    here = Path.cwd()
    return here if (here / "dagster.yaml").exists() else here / ".dagster"


@contextmanager
def local_instance() -> Iterator[dg.DagsterInstance]:
    """Open the instance that ``dagster dev`` shows."""
    home = dagster_home()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        events = json.dumps(f"{home.resolve()}/history/runs/")  # a JSON string is a YAML string
        new = home / f"dagster.yaml.{os.getpid()}"  # half a file would be an instance of other storages
        try:
            new.write_text(_INSTANCE.format(events=events), encoding="utf-8")
            new.replace(home / "dagster.yaml")
        finally:
            new.unlink(missing_ok=True)
    os.environ["DAGSTER_HOME"] = str(home)
    with dg.DagsterInstance.get() as instance:
        yield instance


Instances = Callable[[], AbstractContextManager[dg.DagsterInstance]]


def selected_assets(defs: dg.Definitions, selection: str, job: str = MATCH_DAY_JOB) -> list[dg.AssetKey]:
    """Return the assets of a job that a selection such as ``order_volume+ or merged_orders`` names.

    An asset's name stands for Dagster's ``key:name``: bare names are an older syntax there, without ``or``, in which
    ``name+`` is one layer and not all that follows.

    Raises
    ------
    UseError
        When the selection is no valid expression or names nothing.
    """
    graph = defs.resolve_asset_graph()
    of_job = set(defs.resolve_job_def(job).asset_layer.executable_asset_keys)
    names = sorted(key.to_user_string() for key in of_job)
    listed = f"The assets are {', '.join(names)}."
    keyed = re.sub(rf"(?<![\w:\"])({'|'.join(names)})(?![\w\"])", r"key:\1", selection)
    try:
        keys = dg.AssetSelection.from_string(keyed).resolve(graph) & of_job
    except (dg.DagsterInvalidSubsetError, dg.DagsterError) as error:
        raise UseError(
            f"--select '{selection}': expected names of assets, order_volume+ (and what follows), group:raw, or "
            f"several of them with 'or'. {listed}"
        ) from error
    if not keys:
        raise UseError(f"--select '{selection}' names no asset. {listed}")
    return sorted(keys, key=lambda key: key.to_user_string())


def check_days(settings: Settings, first: date, last: date) -> None:
    """Raise UseError unless `first` to `last` is a range of existing partitions."""
    newest = daily_partitions(settings).get_last_partition_key()
    if first > last:
        raise UseError(f"The range is empty: {first} is after {last}.")
    if first < settings.pizza_start_date or last.isoformat() > (newest or ""):
        raise UseError(
            f"The days {first} to {last} are not all there: partitions go from {settings.pizza_start_date} "
            f"(PIZZA_START_DATE) to {newest} (today is one from the hour of its refresh on)."
        )


@dataclass(frozen=True)
class Plan:
    """What to run: selected assets of a job, once for each set of tags, and how many of the assets have days."""

    job: dg.JobDefinition
    tags: Sequence[dict[str, str]]
    daily_assets: int


def plan_days(
    settings: Settings,
    first: date,
    last: date,
    selection: str = "*",
    *,
    job: str = MATCH_DAY_JOB,
    tags: Mapping[str, str] | None = None,
) -> Plan:
    """Return what materializes the selected assets of a job for `first` to `last` (both included).

    Raises
    ------
    UseError
        When the days are no partitions, or the selection names nothing.
    """
    check_days(settings, first, last)
    defs = build_defs(settings)
    keys = selected_assets(defs, selection, job)
    graph = defs.resolve_asset_graph()
    spans = _chunks(first, last, settings.pizza_max_days_per_run)
    of_runs = [
        {**(tags or {}), _RANGE_TAGS[0]: start.isoformat(), _RANGE_TAGS[1]: end.isoformat()} for start, end in spans
    ]
    return Plan(_only(defs.resolve_job_def(job), keys), of_runs, sum(graph.get(key).is_partitioned for key in keys))


def run_days(  # noqa: PLR0913 as plan_days
    settings: Settings,
    first: date,
    last: date,
    selection: str = "*",
    *,
    job: str = MATCH_DAY_JOB,
    tags: Mapping[str, str] | None = None,
    verbose: bool = False,
) -> list[str]:
    """Plan and run days, and return the runs' ids. Raises what `plan_days` and `run` raise."""
    return run(plan_days(settings, first, last, selection, job=job, tags=tags), verbose=verbose)


def run_once(
    settings: Settings, job: str, *, verbose: bool = False, opened: Instances = local_instance, level: str = "CRITICAL"
) -> str:
    """Run a job whose assets have no days, and return the run's id. Raises RunFailedError."""
    plan = Plan(build_defs(settings).resolve_job_def(job), [{}], 0)
    return run(plan, verbose=verbose, opened=opened, level=level)[0]


def run(plan: Plan, *, verbose: bool = False, opened: Instances = local_instance, level: str = "CRITICAL") -> list[str]:
    """Run a plan, one set of tags after another, and return the runs' ids.

    Parameters
    ----------
    opened
        Opens the instance that has the runs' history.
    level
        From which on Dagster's log goes to stderr; ``verbose`` is DEBUG.

    Raises
    ------
    RunFailedError
        With the sentence of the error that failed a run, or that kept Dagster's history from being written. Days that
        were finished stay.
    """
    runs = []
    level = "DEBUG" if verbose else level
    with _history_faults(), opened() as instance, nullcontext() if verbose else _without_asides():
        prepare(instance, plan.job.name)
        for run_tags in plan.tags:
            result = plan.job.execute_in_process(
                instance=instance,
                tags={**run_tags, **NO_RETRIES, AT_ONCE_TAG: "true"},
                run_config={"loggers": {"console": {"config": {"log_level": level}}}},
                raise_on_error=False,
            )
            runs.append(result.run_id)
            if not result.success:
                if any(_is_interrupted(event) for event in result.all_events):
                    raise KeyboardInterrupt
                raise _failure(result)
    return runs


def _is_interrupted(event: dg.DagsterEvent) -> bool:
    """Tell whether an event is that of a step, or a run, which Ctrl-C ended."""
    data = event.event_specific_data
    error = getattr(data, "error", None)
    return error is not None and error.cls_name == DagsterExecutionInterruptedError.__name__


@contextmanager
def _history_faults() -> Iterator[None]:
    """Raise what keeps Dagster's history from being written as RunFailedError, in one sentence."""
    try:
        yield
    except DagsterExecutionInterruptedError:
        raise KeyboardInterrupt from None
    except (sqlalchemy.exc.DBAPIError, OSError, MemoryError) as error:
        told = machine_fault(f"{type(error).__name__}: {error}", _history())
        if told is None:
            raise
        raise RunFailedError(told) from error


def _history() -> str:
    return f"Dagster's history in {dagster_home()}"


#: How Dagster begins what it writes to stderr when an event cannot be stored, before it tries again or fails.
_ASIDES = ("Exception while storing event batch", "Falling back to storing", "Exception while writing logger call")


class _WithoutAsides:
    """A stream of text, less Dagster's asides, which are counted."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self.count = stream, 0

    def write(self, text: str) -> int:
        if text.startswith(_ASIDES):
            self.count += 1
            return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@contextmanager
def _without_asides() -> Iterator[None]:
    """Keep Dagster's asides about its storage off stderr: what fails a run is in the one sentence of its error."""
    stream = _WithoutAsides(sys.stderr)
    with redirect_stderr(cast("TextIO", stream)):
        yield
    if stream.count:
        _LOGGER.warning("%s could not be written at once; some lines of the log may be missing.", _history())


def _only(job: dg.JobDefinition, keys: Collection[dg.AssetKey]) -> dg.JobDefinition:
    """Return the part of a job that makes these assets, with the checks that the job has of them and no others.

    ``execute_in_process(asset_selection=...)`` would add the checks that the job leaves out: whether the latest day is
    there is no question to a run of older days.
    """
    checks = {key for key in job.asset_layer.asset_graph.asset_check_keys if key.asset_key in keys}
    return job.get_subset(asset_selection=set(keys), asset_check_selection=checks)


def _chunks(first: date, last: date, days: int) -> Iterator[tuple[date, date]]:
    while first <= last:
        end = min(last, first + timedelta(days=days - 1))
        yield first, end
        first = end + timedelta(days=1)


def _failure(result: dg.ExecuteInProcessResult) -> RunFailedError:
    """Return the error with the message at the root of what failed: a step's error, else the run's own."""
    steps = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    runs = [event.job_failure_data.error for event in result.all_events if event.is_job_failure]
    error = next((found for found in (*steps, *runs) if found is not None), None)
    texts = []
    while error is not None:
        texts.append(error.message.strip())
        error = error.cause
    name, _, ours = next((text for text in texts if text.startswith("pizza_assets.")), "").partition(": ")
    fault = next((told for text in texts if (told := machine_fault(text, _history()))), None)
    root = (
        f"{texts[-1]} (unexpected; pizza-assets --debug ... shows where)"
        if texts
        else "The run failed; Dagster's UI shows its log."
    )
    return RunFailedError(ours or fault or root, name.rpartition(".")[2] or None)
