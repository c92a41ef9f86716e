"""The health check of containers, against answers of the webserver."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pizza_assets.platform.healthz import problems

_LOADED = {"name": "pizza", "locationOrLoadError": {"__typename": "RepositoryLocation"}}
_BROKEN = {"name": "pizza", "locationOrLoadError": {"__typename": "PythonError", "message": "No module\nof it"}}
_ALIVE, _DEAD = ({"daemonType": "SENSOR", "required": True, "healthy": healthy} for healthy in (True, False))


def answer(entries: list[Any], daemons: list[Any]) -> dict[str, Any]:
    workspace, health = {"locationEntries": entries}, {"allDaemonStatuses": daemons}
    return {"workspaceOrError": workspace, "instance": {"daemonHealth": health}}


@contextmanager
def webserver(data: object) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            self._send(b"{}")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._send(json.dumps({"data": data}).encode())

        def _send(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (answer([_LOADED], [_ALIVE]), []),
        (answer([_BROKEN], [_ALIVE]), ["the code location pizza: No module"]),
        (answer([_LOADED], [_DEAD]), ["the daemon SENSOR gives no sign of life"]),
        (answer([], []), ["no code location is configured"]),
        ({"workspaceOrError": {"message": "broken"}}, ["no code location: broken"]),
    ],
)
def test_what_is_wrong_is_said(data: object, found: list[str]) -> None:
    with webserver(data) as address:
        assert problems(address) == found


def test_a_webserver_that_answers_otherwise_is_not_healthy() -> None:
    with webserver(None) as address:
        assert problems(address) == [f"the webserver at {address} does not answer as expected (TypeError)"]


def test_the_exit_code_is_what_containers_read() -> None:
    command = [sys.executable, "-m", "pizza_assets.platform.healthz"]
    with webserver(answer([_LOADED], [_ALIVE])) as address:
        done = subprocess.run([*command, address], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ok\n")
    done = subprocess.run([*command, "http://127.0.0.1:9"], capture_output=True, text=True, check=False)
    assert (done.returncode, "does not answer" in done.stdout) == (1, True)
