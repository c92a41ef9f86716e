"""A real Dagster daemon on an instance of its own, and killing it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
import yaml

from pizza_assets.settings import Settings

ROOT = Path(__file__).parents[2]


def make_instance(home: Path) -> None:
    """Write the project's own dagster.yaml to `home`, with quicker daemons."""
    document = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    document["run_monitoring"] |= {"poll_interval_seconds": 3, "start_timeout_seconds": 60}
    document["run_coordinator"] = {
        "module": "dagster.core.run_coordinator",
        "class": "QueuedRunCoordinator",
        "config": {"dequeue_interval_seconds": 1},
    }
    for section in document.values():
        folder = section.get("config", {}).get("base_dir")
        if folder:  # relative to the working folder of whoever opens it
            section["config"]["base_dir"] = str(home / folder)
    (home / "dagster.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")


def environment_of(settings: Mapping[str, str]) -> Mapping[str, str]:
    """Return this process's environment with these settings, and no others: no key or lake of the developer's."""
    own = {name.upper() for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name.upper() not in own}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", **settings}


class Daemon:
    """``dagster-daemon``, in `home`, with the settings of `environment`."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self._home = home
        self._environment = {
            **environment,
            "DAGSTER_HOME": str(home),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> int:
        """Start it; return its process id."""
        command = [str(Path(sys.executable).parent / "dagster-daemon"), "run", "-m", "benchmarks.soak.definitions"]
        with (self._home / "daemon.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 our own command
                command, cwd=self._home, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        return self._process.pid

    def kill(self, *, with_children: bool) -> None:
        """Kill it with SIGKILL: alone, so that runs go on without it, or with all that it started, as a power cut."""
        process = self._process
        if process is None:
            return
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.kill()
        process.wait()
        for child in children if with_children else []:
            try:
                child.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(children if with_children else [], timeout=30)
