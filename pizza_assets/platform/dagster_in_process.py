"""What Dagster's in-process runs lack: their place in the UI, and an end with Ctrl-C that is one sentence.

Belongs here: making an instance fit for runs of the command line. Does not belong here: running. Dagster
exports no way to do either.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import dagster as dg

from pizza_assets.platform.dagster_compat import (
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvCodeLocationOrigin,
    NoOpComputeLogManager,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

#: The module that workspace.yaml names; Dagster names the code location after it.
CODE_LOCATION = "pizza_assets.definitions"
#: The daemon starts a run again whose process was killed. One of the command line is started by who typed it.
NO_RETRIES = {"dagster/max_retries": "0"}


def origin_of(job: str) -> RemoteJobOrigin:
    """Return the origin of a job of our code location."""
    location = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name=CODE_LOCATION), CODE_LOCATION)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job)


def prepare(instance: dg.DagsterInstance, job: str) -> None:
    """Let the runs that are made on this instance from now on be runs of this job, and write to no other stream.

    The timeline and the jobs of the UI leave out runs of which it is not noted what they are of. To copy stdout and
    stderr of a step Dagster starts four processes, which print tracebacks at Ctrl-C; ours write to neither.
    """
    create = type(instance).create_run_for_job.__get__(instance)
    instance.create_run_for_job = partial(create, remote_job_origin=origin_of(job))  # type: ignore[method-assign]
    instance._compute_log_manager = NoOpComputeLogManager()
    instance._compute_log_manager.register_instance(instance)


@contextmanager
def ephemeral_instance() -> Iterator[dg.DagsterInstance]:
    """Open an instance in memory, whose history ends with it: for a process that keeps none, such as a function."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance
