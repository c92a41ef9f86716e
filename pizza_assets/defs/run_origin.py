"""Where a run comes from, as Dagster notes it of each run that its daemon starts.

Belongs here: giving runs of the command line that note; without it the UI's timeline and its jobs leave them out. Does
not belong here: running. Dagster exports no way to name it, and ``execute_in_process`` takes none.
"""

from functools import partial

import dagster as dg
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

#: The module that workspace.yaml names; Dagster names the code location after it.
CODE_LOCATION = "pizza_assets.definitions"
#: The daemon starts a run again whose process was killed. One of the command line is started by who typed it.
NO_RETRIES = {"dagster/max_retries": "0"}


def origin_of(job: str) -> RemoteJobOrigin:
    """Return the origin of a job of our code location."""
    location = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name=CODE_LOCATION), CODE_LOCATION)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job)


def note_origin(instance: dg.DagsterInstance, job: str) -> None:
    """Let the runs that are created on this instance from now on be runs of this job of our code location."""
    create = type(instance).create_run_for_job.__get__(instance)
    instance.create_run_for_job = partial(create, remote_job_origin=origin_of(job))  # type: ignore[method-assign]
