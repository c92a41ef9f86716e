"""A proxy before an S3 server that makes a share of all requests fail, in the ways that networks and servers do."""

import http.client
import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

#: "lost" does what was asked and loses the answer; "truncated" and "damaged" change the body of a download.
FAULTS = ("error", "slow down", "reset", "lost", "truncated", "damaged")
#: What no second try changes: the status and code of S3's answer. They come only from a script.
DENIALS = {
    "denied": (403, "AccessDenied"),
    "unknown key": (403, "InvalidAccessKeyId"),
    "expired": (400, "ExpiredToken"),
    "no bucket": (404, "NoSuchBucket"),
}


class FaultyS3(ThreadingHTTPServer):
    """Forwards to `target`; `share` of the requests fail, drawn with `seed`. ``faults`` counts them by kind.

    The faults in ``script`` come first, one a request.
    """

    daemon_threads = True

    def __init__(self, target: str, share: float, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target, self.share = str(urlsplit(target).netloc), share
        self.faults: Counter[str] = Counter()
        self.requests = 0
        self.script: list[str] = []
        self._random, self._lock = random.Random(seed), threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def draw(self, *, is_download: bool) -> str | None:
        with self._lock:
            self.requests += 1
            if self.script:
                self.faults[self.script[0]] += 1
                return self.script.pop(0)
            if self._random.random() >= self.share:
                return None
            fault = self._random.choice(FAULTS if is_download else FAULTS[:4])
            self.faults[fault] += 1
            return fault

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves is part of the test."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyS3

    def log_message(self, *_: object) -> None: ...

    def _forward(self) -> None:
        body = self._body()
        is_download = self.command == "GET" and "list-type" not in self.path
        fault = self.server.draw(is_download=is_download)
        if fault == "reset":
            self._reset()
            return
        if fault in {"error", "slow down"}:
            self._answer(500 if fault == "error" else 503, [], b"")
            return
        if fault in DENIALS:
            status, code = DENIALS[fault]
            body = f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode()
            self._answer(status, [("Content-Type", "application/xml")], b"" if self.command == "HEAD" else body)
            return
        upstream = http.client.HTTPConnection(self.server.target, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "transfer-encoding"}
        upstream.request(self.command, self.path, body, headers | {"Content-Length": str(len(body))})
        answer = upstream.getresponse()
        data = answer.read()
        upstream.close()
        headers_back = [
            (name, value)
            for name, value in answer.getheaders()
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}
        ]
        if fault == "lost":
            self._reset()
            return
        length = len(data) if self.command != "HEAD" else int(answer.headers.get("Content-Length", 0))
        if fault == "damaged" and data:
            place = self.server.requests % len(data)
            data = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            headers_back = [(name, value) for name, value in headers_back if "checksum" not in name.lower()]
        if fault == "truncated":
            data = data[: len(data) // 2]
        self._answer(answer.status, headers_back, data, length)
        if fault == "truncated":
            self._reset()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward  # noqa: N815 the names that http.server asks for

    def _body(self) -> bytes:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, length: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def _reset(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def faulty(target: str, share: float, seed: int = 0) -> Iterator[FaultyS3]:
    """Run the proxy on loopback."""
    with FaultyS3(target, share, seed) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
