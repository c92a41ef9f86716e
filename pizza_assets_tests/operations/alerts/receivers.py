"""Loopback receivers: a Slack webhook and a mail server that remember what they are sent, or misbehave as told."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

Server = TypeVar("Server", bound=socketserver.BaseServer)
SECRET_PATH = "/services/T0000/B0000/very-secret-hook"


class SlackServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _SlackHandler)
        self.payloads: list[dict[str, Any]] = []
        self.status = 200
        self.hangs = False
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}{SECRET_PATH}"

    @property
    def texts(self) -> list[str]:
        """Everything that a person would read of each message."""
        return [
            "\n".join([payload["text"], *(block["text"]["text"] for block in payload["blocks"])])
            for payload in self.payloads
        ]

    def handle_error(self, *_: object) -> None:
        """Clients that give up are part of the game."""


class _SlackHandler(BaseHTTPRequestHandler):
    server: SlackServer

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.server.hangs:
            self.server.release.wait(10)
            return
        if self.server.status == 200 and self.path == SECRET_PATH:
            self.server.payloads.append(json.loads(body))
        self.send_response(self.server.status)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")


class MailServer(socketserver.ThreadingTCPServer):
    """The part of SMTP (RFC 5321) that a client needs to hand over a mail."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MailHandler)
        self.mails: list[EmailMessage] = []
        self.receivers: list[list[str]] = []
        self.rejects = False

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _MailHandler(socketserver.StreamRequestHandler):
    server: MailServer

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self._say("220 loopback")
        to: list[str] = []
        while line := self.rfile.readline():
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"EHLO":
                self._say("250 loopback")
            elif verb == b"MAIL":
                self._say("550 no" if self.server.rejects else "250 ok")
            elif verb == b"RCPT":
                to.append(line.decode().split("<")[1].split(">")[0])
                self._say("250 ok")
            elif verb == b"DATA":
                self._say("354 go on")
                self._take(to)
                self._say("250 ok")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _take(self, to: list[str]) -> None:
        data = b""
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            data += line.removeprefix(b".") if line.startswith(b"..") else line
        mail = message_from_bytes(data, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.server.mails.append(mail)
        self.server.receivers.append(list(to))


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Serve in a thread."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        if isinstance(server, SlackServer):
            server.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
