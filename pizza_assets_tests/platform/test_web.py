"""What every local server does about clients that are late, greedy, strange or gone."""

import asyncio
import errno
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pizza_assets.errors import ServerError, SettingsError
from pizza_assets.lake import layout, open_lake
from pizza_assets.platform.web import Server
from pizza_assets.settings import Settings

#: More than the kernel keeps for a connection.
LARGE = b"x" * 12_000_000
#: For what has to come; a test that waits so long has failed.
LONG = 30.0


def small(_: Request) -> Response:
    return PlainTextResponse("small")


def large(_: Request) -> Response:
    return PlainTextResponse(LARGE)


async def body(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


def failing(_: Request) -> Response:
    raise ZeroDivisionError("a fault of ours")


ROUTES = [
    Route("/", small),
    Route("/large", large),
    Route("/failing", failing),
    Route("/body", body, methods=["POST"]),
]


def served(*more: Route, **limits: object) -> Server:
    return Server([*ROUTES, *more], Settings(_env_file=None, **limits))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served(server_hosts=("pizza.example", "www.shop.example")).running() as serving:
        yield serving


def connected(server: Server, first: bytes = b"") -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(LONG)
    connection.connect(("127.0.0.1", server.server_port))
    connection.sendall(first)
    return connection


def everything(connection: socket.socket) -> bytes:
    """Return what arrives until the server ends the connection."""
    received = b""
    try:
        while part := connection.recv(1 << 20):
            received += part
    except ConnectionResetError:
        pass
    return received


def request(target: str = "/", host: str = "127.0.0.1", method: str = "GET", more: str = "") -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode()


CLOSE = "Connection: close\r\n"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "LOCALHOST:80", "[::1]:8060", "pizza.example", "pizza.example:1"]
)
def test_loopback_and_configured_names_are_answered(server: Server, host: str) -> None:
    with connected(server, request(host=host, more=CLOSE)) as connection:
        assert everything(connection).endswith(b"small")


@pytest.mark.parametrize(
    "host",
    ["rebound.example", "127.0.0.1.example", "localhost.example", "www.pizza.example", "shop.example", "",
     "localhost@evil", "[::2]", "127.0.0.1\r\nHost: rebound.example"],
)  # fmt: skip
def test_a_page_elsewhere_reads_nothing_by_dns_rebinding(server: Server, host: str) -> None:
    with connected(server, request(host=host, more=CLOSE)) as connection:
        answer = everything(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"small" not in answer


@pytest.mark.parametrize("hosts", ["*", "*.example.com", "example.com:80", "a/b"])
def test_configured_names_are_exact(hosts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_HOSTS", hosts)
    with pytest.raises(SettingsError, match="SERVER_HOSTS"):
        Settings.load()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/other", 404),
        ("GET", "/../etc/passwd", 404),
        ("POST", "/", 405),
        ("TRACE", "/", 405),
    ],
)
def test_only_what_is_served_is_there(server: Server, method: str, path: str, status: int) -> None:
    with connected(server, request(path, method=method, more=CLOSE)) as connection:
        assert everything(connection).startswith(f"HTTP/1.1 {status} ".encode())


def test_every_answer_keeps_to_itself(server: Server) -> None:
    for path in ("/", "/other"):
        headers = requests.get(f"{server.address}{path}", timeout=LONG).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "server" not in headers


def test_head_is_get_without_the_body(server: Server) -> None:
    got = requests.get(server.address, timeout=LONG)
    head = requests.head(server.address, timeout=LONG)
    kept = ("content-type", "content-length", "x-content-type-options")
    assert [head.headers[name] for name in kept] == [got.headers[name] for name in kept]
    with connected(server, request(method="HEAD") + request(more=CLOSE)) as connection:
        # A body of the first answer would stand where the second begins.
        assert re.fullmatch(rb"(?s)HTTP/1.1 200 OK.+?\r\n\r\nHTTP/1.1 200 OK.+?\r\n\r\nsmall", everything(connection))


def test_only_loopback_listens(server: Server) -> None:
    with socket.socket() as other:
        # All of 127.0.0.0/8 leads here; a server of all addresses would answer.
        assert other.connect_ex(("127.0.0.2", server.server_port)) == errno.ECONNREFUSED


HALVES = {
    "nothing": b"",
    "half a line": b"GET / HT",
    "half the headers": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half",
    "half a body": request("/body", method="POST", more="Content-Length: 10\r\n") + b"half",
    "half a second request": request() + b"GET / HT",
}


@pytest.mark.parametrize("first", HALVES.values(), ids=HALVES.keys())
def test_half_a_request_is_closed(first: bytes) -> None:
    with served(server_client_seconds=1).running() as server, connected(server, first) as connection:
        assert everything(connection).count(b"HTTP/1.1 200") == first.count(request())


def test_a_request_that_drips_is_closed() -> None:
    with served(server_client_seconds=1).running() as server, connected(server, HALVES["half the headers"]) as end:
        poll = select.poll()
        poll.register(end, select.POLLIN)
        for _ in range(round(LONG / 0.2)):
            if poll.poll(200):
                break
            end.sendall(b"x")
        assert everything(end) == b""


def test_fifty_that_never_read_hold_nothing_and_nobody() -> None:
    with served(server_client_seconds=1).running() as server, ExitStack() as stack:
        deaf = [stack.enter_context(connected(server, request("/large"))) for _ in range(50)]
        for _ in range(20):
            assert requests.get(server.address, timeout=LONG).text == "small"
        for connection in deaf:
            poll = select.poll()
            poll.register(connection, 0)  # only of its end, not of what there is to read
            assert poll.poll(1000 * LONG)


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 1e6


def test_who_does_not_read_takes_little_memory() -> None:
    with served().running() as server, ExitStack() as stack:
        before = resident_mb()
        deaf = [stack.enter_context(connected(server, request("/large"))) for _ in range(50)]
        for connection in deaf:
            assert select.select([connection], [], [], LONG)[0]  # its answer has begun
        assert resident_mb() - before < 100  # 50 answers have 600


def test_an_answer_may_take_longer_than_a_client() -> None:
    is_due = threading.Event()

    def slow(_: Request) -> Response:
        is_due.wait(LONG)
        return PlainTextResponse("slow")

    with (
        served(Route("/slow", slow), server_client_seconds=1).running() as server,
        connected(server, request("/slow", more=CLOSE)) as patient,
        connected(server) as silent,
    ):
        assert everything(silent) == b""  # so that the limit is over
        is_due.set()
        assert everything(patient).endswith(b"slow")


@pytest.mark.parametrize(
    ("more", "sent", "status"),
    [
        ("Content-Length: 100\r\n", b"x" * 100, 200),
        ("Content-Length: 101\r\n", b"", 413),
        ("Transfer-Encoding: chunked\r\n", b"64\r\n" + b"x" * 100 + b"\r\n0\r\n\r\n", 200),
        ("Transfer-Encoding: chunked\r\n", b"65\r\n" + b"x" * 101 + b"\r\n", 413),
    ],
)
def test_bodies_have_a_limit(more: str, sent: bytes, status: int) -> None:
    with (
        served(server_max_body_bytes=100, server_client_seconds=1).running() as server,
        connected(server, request("/body", method="POST", more=more + CLOSE) + sent) as connection,
    ):
        assert everything(connection).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_header_has_a_limit(server: Server) -> None:
    with connected(server, b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000) as connection:
        assert b" 400 " in everything(connection)[:20]


def test_connections_have_a_limit() -> None:
    with served(server_max_connections=3, server_client_seconds=1).running() as server, ExitStack() as stack:
        held = [stack.enter_context(connected(server)) for _ in range(3)]
        assert requests.get(server.address, timeout=LONG).status_code == 503
        assert [everything(connection) for connection in held] == [b""] * 3
        assert requests.get(server.address, timeout=LONG).status_code == 200


def test_far_more_connections_are_closed_at_once() -> None:
    with served(server_max_connections=3).running() as server, ExitStack() as stack:
        held = [stack.enter_context(connected(server)) for _ in range(10)]
        closed, _, _ = select.select(held, [], [], LONG)
        while len(closed) < 4:
            closed, _, _ = select.select(held, [], [], LONG)
        assert closed == held[6:]


def test_two_hundred_clients_are_answered(server: Server) -> None:
    async def ask() -> int:
        count = 0
        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.server_port)
            writer.write(request(more=CLOSE))
            count += (await reader.read()).endswith(b"small")
            writer.close()
        return count

    async def ask_all() -> list[int]:
        return await asyncio.wait_for(asyncio.gather(*(ask() for _ in range(200))), LONG)

    assert asyncio.run(ask_all()) == [5] * 200


def test_two_hundred_may_wait_to_be_accepted() -> None:
    is_stuck, is_due = threading.Event(), threading.Event()

    async def stuck(_: Request) -> Response:
        is_stuck.set()
        is_due.wait(LONG)  # nobody is accepted meanwhile
        return PlainTextResponse("stuck")

    with served(Route("/stuck", stuck)).running() as server, ExitStack() as stack:
        stack.enter_context(connected(server, request("/stuck")))
        assert is_stuck.wait(LONG)
        clients = [stack.enter_context(connected(server, request(more=CLOSE))) for _ in range(200)]
        is_due.set()
        assert all(everything(client).endswith(b"small") for client in clients)


def test_a_fault_of_ours_is_logged_once_and_not_shown(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    answer = requests.get(f"{server.address}/failing", timeout=LONG)
    assert (answer.status_code, answer.text) == (500, "The server failed; its log says why.")
    assert [(record.name, str(record.exc_info and record.exc_info[1])) for record in caplog.records] == [
        ("pizza_assets.platform.web", "a fault of ours")
    ]


@given(st.binary(min_size=1, max_size=400) | st.text("GETHOS/:1.\r\n -ab\0é", max_size=200).map(str.encode))
def test_noise_is_neither_answered_with_ours_nor_logged(server: Server, noise: bytes) -> None:
    with connected(server, noise + b"\r\n\r\n") as connection:
        connection.shutdown(socket.SHUT_WR)
        assert b"small" not in everything(connection)


def test_a_port_that_is_taken_is_one_sentence(server: Server) -> None:
    with pytest.raises(ServerError, match=f"Port {server.server_port} on 127.0.0.1 cannot be used: another program"):
        Server(ROUTES, Settings(_env_file=None), server.server_port)


@contextmanager
def command(*arguments: str, handles: int = 1024) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a command that serves, in the background, beside an empty lake; yield it and its port."""
    Path("lake").mkdir(exist_ok=True)
    # In the background of a script children ignore SIGINT; at a terminal they do not.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    few = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({handles}, {handles}))"
    code = f"{heard}; {few}; from pizza_assets.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        port = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
        try:
            yield process, int(port[1]) if port else 0
        finally:
            process.kill()


COMMANDS: dict[str, tuple[str, ...]] = {
    "dashboard": ("dashboard", "--serve", "--no-open", "--port"),
    "retailers": ("simulate", "retailers", "--port"),
}


def leave(port: int) -> None:
    """Ask for the page and be gone at once, with and without a word."""
    for linger in (b"\0" * 8, b"\1\0\0\0\0\0\0\0"):  # with FIN, with RST
        with socket.create_connection(("127.0.0.1", port), LONG) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.sendall(request("/"))


def half(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), LONG) as connection:
        connection.sendall(b"GET / HT")


def upgrade(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), LONG) as connection:
        connection.sendall(request(more="Connection: upgrade, close\r\nUpgrade: websocket\r\n"))
        connection.recv(1)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_command_serves_strange_clients_and_ends_in_silence(
    name: str, sent: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_CLIENT_SECONDS", "600")
    open_lake("lake").write(layout.PAGE_KEY, b'<html lang="en">' + LARGE, {})
    clients: list[Callable[[int], None]] = [leave, half, upgrade] * 10
    with command(*COMMANDS[name], "0") as (process, port), socket.create_connection(("127.0.0.1", port), LONG) as idle:
        for client in clients:
            client(port)
        idle.sendall(request())
        idle.recv(1)  # an answer has begun, and nobody reads on
        process.send_signal(sent)
        _, errors = process.communicate(timeout=LONG)
    assert process.returncode == 0
    assert [line for line in errors.splitlines() if not line.startswith(("# Serving", "Ended."))] == []


def test_few_file_handles_are_enough() -> None:
    with command(*COMMANDS["dashboard"], "0", handles=64) as (process, port), ExitStack() as stack:
        for _ in range(500):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), LONG))
        stack.close()
        assert requests.get(f"http://127.0.0.1:{port}/other", timeout=LONG).status_code == 404
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=LONG)[1] == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_whose_port_is_taken_says_so(name: str, server: Server) -> None:
    with command(*COMMANDS[name], str(server.server_port)) as (process, _):
        _, errors = process.communicate(timeout=LONG)
    assert process.returncode == 2
    assert re.fullmatch(r"Error: Port \d+ on 127\.0\.0\.1 cannot be used: [^\n]*\n", errors)
