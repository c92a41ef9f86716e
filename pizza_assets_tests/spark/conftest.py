"""Spark on this machine: local, and a standalone cluster of two workers on loopback.

Without pyspark or Java every test here is skipped and says what is missing; ``make test-spark`` installs both.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pizza_assets.errors import EngineError
from pizza_assets.merchants.engines import Engine
from pizza_assets.merchants.spark import SparkEngine, check_java

_PATIENCE = 90.0
#: Small data: few partitions, no waiting for a web page.
QUICK = {"spark.sql.shuffle.partitions": "2", "spark.driver.memory": "1g"}


@pytest.fixture(scope="session", autouse=True)
def _spark_is_here() -> None:
    pytest.importorskip("pyspark", reason="pyspark is missing: make test-spark installs it")
    try:
        check_java()
    except EngineError as error:
        pytest.skip(f"{error} make test-spark installs it")


@pytest.fixture(scope="module")
def engine(_spark_is_here: None) -> Iterator[Engine]:
    with SparkEngine("local[2]", QUICK) as spark:
        yield spark


class Cluster:
    """A standalone cluster on loopback: a master, and workers that can be killed."""

    def __init__(self, folder: Path) -> None:
        import pyspark

        self._folder, self._home = folder, Path(pyspark.__file__).parent
        self._processes: list[subprocess.Popen[bytes]] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.master = f"spark://127.0.0.1:{port}"
        self._start("master.Master", "--port", str(port), "--webui-port", "0")
        wait_for(lambda: _listens(port), "the master to listen")
        self._workers = [self._worker(number) for number in range(2)]
        wait_for(lambda: self._log("master").count("Registering worker") == 2, "two workers to register")

    def _log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def _worker(self, number: int) -> "subprocess.Popen[bytes]":
        work = str(self._folder / f"work-{number}")
        size = ("--cores", "1", "--memory", "1g", "--webui-port", "0", "--work-dir", work)
        return self._start("worker.Worker", *size, self.master, log=f"worker-{number}")

    def _start(self, service: str, *options: str, log: str = "master") -> "subprocess.Popen[bytes]":
        command = [self._home / "bin" / "spark-class", f"org.apache.spark.deploy.{service}", "--host", "127.0.0.1"]
        with (self._folder / f"{log}.log").open("wb") as file:
            process = subprocess.Popen(
                [*command, *options],
                env={**os.environ, "SPARK_HOME": str(self._home), "SPARK_LOCAL_IP": "127.0.0.1"},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def kill_a_worker(self) -> None:
        """Kill a worker with its executors, as a machine that loses its power."""
        os.killpg(self._workers[0].pid, signal.SIGKILL)

    def stop(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds; fail when it does not within a minute and a half."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


@pytest.fixture
def cluster(tmp_path: Path, _spark_is_here: None) -> Iterator[Cluster]:
    started = Cluster(tmp_path)
    yield started
    started.stop()


def executors(engine: SparkEngine) -> list[Any]:
    """All executors of a session, dead ones too, but not the driver."""
    listed = engine.session.sparkContext._jsc.sc().statusStore().executorList(False)
    every = [listed.apply(position) for position in range(listed.size())]
    return [executor for executor in every if executor.id() != "driver"]
