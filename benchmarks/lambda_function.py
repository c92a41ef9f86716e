"""The function under Lambda's own runtime client: cold start, one evening on a long lake in a bucket, peak of memory.

``make bench-lambda`` (as root, for the limits; minutes). Belongs here: a runtime API on loopback, and Lambda's limits:
a read-only root, /tmp of 512 MB, no /dev/shm, a limit of memory. The bucket is moto's behind a proxy that waits 30 ms
before each request. The last lines are the figures that ``pizza_assets/aws/usage.py`` has.

What differs from Lambda: it runs as root, on this machine's processors, with moto's S3; Lambda gives 1,024 MB 0.58 of
a processor.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

import boto3

from pizza_assets.aws.templates.serverless import HANDLER, TIMEOUT_SECONDS
from pizza_assets_tests.faulty_s3 import FaultyS3

BUCKET, FIRST = "pizza-lake", date(2025, 1, 1)
_ROOT = Path(__file__).parents[1]
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
#: Makes the limits in a mount namespace of its own, and becomes the runtime client.
_LIMITS = """
set -e
mount --make-rprivate /
mount -o remount,bind,ro /
mount -t tmpfs -o size=512m tmpfs /tmp
if [ -d /dev/shm ]; then mount -t tmpfs -o size=0,mode=0,ro tmpfs /dev/shm; fi
cd /
exec "$@"
"""


class Slow(FaultyS3):
    """A bucket's server at a distance: waits before each request, fails none, and counts them."""

    def __init__(self, target: str, seconds: float) -> None:
        super().__init__(target, 0, 0)
        self._seconds = seconds
        self.reads = self.writes = 0
        self._count = threading.Lock()

    def draw(self, *, is_download: bool) -> str | None:
        """Count a request, and wait."""
        with self._count:
            self.reads += is_download
            self.writes += not is_download
        time.sleep(self._seconds)
        return None


@dataclass
class Answered:
    """What the function answered, after so many seconds."""

    seconds: float
    body: Mapping[str, object]
    failed: bool


class Runtime(ThreadingHTTPServer):
    """Lambda's runtime API: hands out events, takes answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _RuntimeHandler)
        self.events: Queue[object] = Queue()
        self.answers: Queue[Answered] = Queue()
        self.ready = threading.Event()
        self.started = 0.0

    def handle_error(self, request: object, client_address: object) -> None:
        """A function that is ended is part of the benchmark."""

    def ask(self, event: object, seconds: float) -> Answered:
        """Send an event, and wait for the answer."""
        self.started = time.monotonic()
        self.events.put(event)
        return self.answers.get(timeout=seconds)


class _RuntimeHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Runtime

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        self.server.ready.set()
        body = json.dumps(self.server.events.get()).encode()
        self.send_response(200)
        for name, value in {
            "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + TIMEOUT_SECONDS) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:pizza",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            data = b"".join(parts)
        else:
            data = self.rfile.read(int(self.headers["Content-Length"]))
        failed = self.path.endswith("/error")
        self.server.answers.put(Answered(time.monotonic() - self.server.started, json.loads(data), failed))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()


@dataclass
class Limited:
    """The runtime client under Lambda's limits. ``megabytes`` is held by a control group, where there is one."""

    runtime: Runtime
    environment: Mapping[str, str]
    megabytes: int
    client: Path
    log: Path
    process: subprocess.Popen[bytes] = field(init=False)
    group: Path | None = field(init=False, default=None)

    def start(self) -> float:
        """Start the process, wait until it asks for its first event, and return the seconds that took."""
        host, port = self.runtime.server_address[:2]
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{_ROOT}:{self.client}",
            "AWS_LAMBDA_RUNTIME_API": f"{host!s}:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": "pizza-game-dashboard",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.megabytes),
            **self.environment,
        }
        command = ["unshare", "--mount", "sh", "-c", _LIMITS, "sh", sys.executable, "-m", "awslambdaric", HANDLER]
        started = time.monotonic()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603 a command of ours
        self._limit()
        while not self.runtime.ready.wait(0.05):
            if self.process.poll() is not None:
                sys.exit(f"The runtime client ended: {self.log.read_text(encoding='utf-8')[-2000:]}")
        return time.monotonic() - started

    def _limit(self) -> None:
        parent = Path("/sys/fs/cgroup/memory")
        if parent.is_dir():
            group, limit = parent / f"pizza-lambda-{os.getpid()}", "memory.limit_in_bytes"
        else:
            group, limit = Path(f"/sys/fs/cgroup/pizza-lambda-{os.getpid()}"), "memory.max"
        try:
            group.mkdir()
            (group / limit).write_text(str(self.megabytes * 2**20))
            (group / "cgroup.procs").write_text(str(self.process.pid))
            self.group = group
        except OSError as error:
            sys.stderr.write(f"No limit of memory: {error}. The peak is measured all the same.\n")

    def peak(self) -> float:
        """Return the most memory that the process had, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024

    def end(self) -> None:
        """End the process, and remove its control group."""
        self.process.kill()
        self.process.wait()
        if self.group is not None:
            time.sleep(0.2)
            self.group.rmdir()


def _moto() -> tuple[subprocess.Popen[bytes], str]:
    """Start moto's server in a process of its own, and return it and its address."""
    code = (
        "import threading; from moto.server import ThreadedMotoServer; "
        "server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False); server.start(); "
        "print('http://%s:%s' % server.get_host_and_port(), flush=True); threading.Event().wait()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603 a command of ours
    return process, (process.stdout or sys.stdin.buffer).readline().decode().strip()


def _season(address: str, settings: Mapping[str, str], days: int) -> None:
    """Make the lake as it is before the evening."""
    last = FIRST + timedelta(days=days - 1)
    code = "from pizza_assets.cli import main; main()"
    command = [sys.executable, "-W", "ignore", "-c", code, "backfill", "--from", str(FIRST), "--to"]
    environment = {**os.environ, **settings, **_CREDENTIALS, "AWS_ENDPOINT_URL": address}
    with tempfile.TemporaryDirectory() as home:
        environment["DAGSTER_HOME"] = home
        subprocess.run([*command, str(last)], env=environment, check=True, cwd=home)  # noqa: S603 a command of ours


def _bytes(address: str) -> int:
    client = boto3.Session("testing", "testing", region_name="us-east-1").client("s3", endpoint_url=address)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return sum(item["Size"] for page in pages for item in page.get("Contents", ()))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", type=Path, required=True, help="folder with awslambdaric")
    parser.add_argument("--days", type=int, default=300)
    parser.add_argument("--orders", type=float, default=155, help="mean orders of one store on one day")
    parser.add_argument("--latency", type=float, default=0.030, help="seconds before each request of S3")
    parser.add_argument("--megabytes", type=int, default=1024)
    given = parser.parse_args(arguments)
    settings = {
        "PIZZA_LAKE": f"s3://{BUCKET}",
        "PIZZA_START_DATE": str(FIRST),
        "MOCK_ORDERS_PER_STORE_DAY": str(given.orders),
        "METRICS": "emf",
        "LOG_FORMAT": "json",
        "HOME": "/tmp",  # noqa: S108 as in Lambda
        "RANGE_PROCESSES": "1",
    }
    moto, address = _moto()
    try:
        boto3.Session("testing", "testing", region_name="us-east-1").client("s3", endpoint_url=address).create_bucket(
            Bucket=BUCKET
        )
        _season(address, settings, given.days)
        _evening(given, address, settings)
    finally:
        moto.kill()
        moto.wait()


def _evening(given: argparse.Namespace, address: str, settings: Mapping[str, str]) -> None:
    before = _bytes(address)
    first = FIRST + timedelta(days=given.days)
    with Slow(address, given.latency) as slow, Runtime() as runtime, tempfile.TemporaryDirectory() as folder:
        for server in (slow, runtime):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {**settings, **_CREDENTIALS, "AWS_ENDPOINT_URL": slow.address}
        log = Path(folder) / "log"
        limited = Limited(runtime, environment, given.megabytes, given.client, log)
        cold = limited.start()
        try:
            event = {"from": str(first - timedelta(days=1)), "to": str(first)}
            done = runtime.ask(event, TIMEOUT_SECONDS)
            reads, writes, peak, logged = slow.reads, slow.writes, limited.peak(), log.stat().st_size
            stored = _bytes(address) - before
            again = runtime.ask(event, TIMEOUT_SECONDS)
            sys.stdout.write(
                f"cold start {cold:.1f} s; an evening's two days on {given.days} days {done.seconds:.1f} s, again "
                f"{again.seconds:.1f} s; peak of memory {peak:.0f} MB, again {limited.peak():.0f} MB; limit "
                f"{given.megabytes} MB{'' if limited.group else ' not held'}\n"
                f"answer: {done.body}\n"
                f"EVENING = Day(seconds={cold + done.seconds:.0f}, megabytes={given.megabytes}, writes={writes}, "
                f"reads={reads}, stored={stored}, logged={logged})\n"
            )
            if done.failed:
                sys.exit(log.read_text(encoding="utf-8")[-3000:])
        finally:
            limited.end()
            slow.shutdown()
            runtime.shutdown()


if __name__ == "__main__":
    main()
