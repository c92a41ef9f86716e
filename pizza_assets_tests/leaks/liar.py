"""Servers that repeat our secrets: every API, S3, QuickSight, Slack, a mail and a PostgreSQL server, on loopback."""

import base64
import json
import socket
import socketserver
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from pydantic import SecretStr

from pizza_assets.retail.retailer_3 import SIGNATURE_HEADER, signature
from pizza_assets_tests.platform.fake_api import envelope, match, order, page, score

#: Ways to write a secret.
FORMS: Mapping[str, Callable[[str], str]] = {
    "raw": str,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 shifted by one": lambda secret: base64.b64encode(b"u" + secret.encode() + b"!").decode(),
    "base64 shifted by two, urlsafe, unpadded": lambda secret: (
        base64.urlsafe_b64encode(b"u:" + secret.encode()).decode().rstrip("=")
    ),
    "in an address": lambda secret: quote(secret, safe=""),
    "in an address, each byte": lambda secret: "".join(f"%{byte:02X}" for byte in secret.encode()),
}
#: How an answer goes wrong, and where it repeats the secrets. Numbers are statuses, with the secrets in the message.
MODES = (
    "values", "keys", "escaped values", "shape", "content type", "headers", "page", "reason", "location",
    "cursor", "cut", "reset", "400", "401", "403", "404", "429", "500", "503",
)  # fmt: skip


@dataclass
class Liar:
    """What is told: the secrets in one of the forms, in the way of one of the modes.

    ``alerts`` are those that came.
    """

    secrets: Sequence[str] = ()
    signing_key: str = ""
    mode: str = "values"
    form: str = "raw"
    answers: Counter[str] = field(default_factory=Counter)
    alerts: list[tuple[str, str]] = field(default_factory=list)

    @property
    def told(self) -> str:
        """Every secret, as it is told."""
        return " ".join(FORMS[self.form](secret) for secret in self.secrets)

    def body_of(self, path: str, query: Mapping[str, str], base: str) -> object:
        """Return what an honest API would answer, with the secrets in every text."""
        told = self.told
        day = query.get("date") or query.get("day") or query.get("business_date") or query.get("from", "")[:10]
        if path.endswith("/oauth/token"):
            return {"access_token": "token-that-was-given", "expires_in": 3600, "scope": told}
        if path.endswith("/matches"):
            names = {"stage": told, "homeTeam": {"id": 1, "name": told}, "awayTeam": {"id": 2, "name": told}}
            first = query["dateFrom"]
            good = match(1, f"{first}T14:00:00Z", **names)
            return envelope(good, match(told, f"{first}T14:00:00Z", score=score(told, told), **names), told)
        if path.endswith("/orders"):
            good = order(1, f"{day}T12:00:00Z", location=told, pizza_types=[told])
            return page(good, order(2, told), told, next_cursor=told if self.mode == "cursor" else None)
        if path.endswith("/sales") and "page" in query:
            line = {
                "receipt": told, "line_no": 1, "sold": f"{day}T12:03:11", "sku": told, "description": told,
                "dept": told, "member": told, "branch": told, "town": told, "qty": 2, "price_p": 250, "total_p": 500,
                "ccy": "GBP",
            }  # fmt: skip
            return {"page": 1, "pages": 1, "total": 2, "sales": [line, {**line, "qty": told}]}
        if path.endswith("/transactions"):
            item = {"sku": told, "title": told, "category": told, "count": 2, "unit": "2.50", "amount": "5.00"}
            sale = {
                "id": told, "created": 1714561391, "currency": "GBP", "shop": {"id": told, "city": told},
                "customer": {"id": told}, "items": [item, {**item, "count": told}],
            }  # fmt: skip
            following = f"{base}/transactions?{told}" if self.mode == "cursor" else None
            return {"meta": {"transactions": 1}, "data": [sale], "links": {"next": following}}
        row = {
            "saleRef": told, "pos": 1, "soldAt": f"{day}T12:03:11+01:00", "loyaltyId": told, "units": 2,
            "item": {"code": told, "name": told, "group": told}, "store": {"number": told, "city": told},
            "unitPrice": 2.5, "lineTotal": 5.0, "currency": "GBP",
        }  # fmt: skip
        return {"rows": [row, {**row, "units": told}], "cursor": told if self.mode == "cursor" else None}


def _escaped(body: str, secrets: Sequence[str]) -> str:
    """Return JSON in which every character of a secret is written as its number."""
    for secret in secrets:
        plain = json.dumps(secret)[1:-1]
        body = body.replace(plain, "".join(rf"\u{ord(character):04x}" for character in secret))
    return body


def _lie(liar: Liar, mode: str, honest: str) -> dict[str, Any]:
    """Return the parts of an answer that goes wrong in one way; `honest` is the body of a good one."""
    told = liar.told
    wrong = json.dumps({"message": told, told: {told: [told]}})
    renamed = {told if isinstance(value, list) else key: value for key, value in json.loads(honest).items()}
    names = {f"X-{''.join(filter(str.isalnum, secret))}": secret for secret in liar.secrets}
    ways: dict[str, dict[str, Any]] = {
        "escaped values": {"text": _escaped(honest, liar.secrets)},
        "keys": {"text": json.dumps(renamed)},
        "shape": {"text": json.dumps([told, {told: told}])},
        "content type": {"text": told, "headers": {"Content-Type": f"text/{told}"}},
        "headers": {"text": honest, "headers": {**names, "X-Data-Source": told, "Content-Type": told}},
        "page": {"text": f"<html>{told}</html>", "headers": {"Content-Type": "text/html"}},
        "reason": {"text": wrong, "status": 500, "reason": told},
        "location": {"text": wrong, "status": 302, "headers": {"Location": f"http://127.0.0.1/{told}"}},
        "cut": {"text": honest, "cut": True},
    }
    if mode.isdigit():
        return {"text": wrong, "status": int(mode), "headers": {"Retry-After": told, "WWW-Authenticate": told}}
    return ways.get(mode, {"text": honest})


class LiarServer(ThreadingHTTPServer):
    """Answers every request as `liar` says."""

    daemon_threads = True

    def __init__(self, liar: Liar) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.liar = liar

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """Clients that go away are part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LiarServer

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path.startswith("/services"):
            self.server.liar.alerts.append(("message to Slack", body.decode()))
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_POST()

    def do_GET(self) -> None:
        liar, url = self.server.liar, urlsplit(self.path)
        kind = next((name for name in _KINDS if url.path.startswith(name)), "/aws")
        liar.answers[kind] += 1
        if kind == "/aws":
            self._aws(liar.told)
        elif liar.mode == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
        else:
            query = dict(parse_qsl(url.query))
            honest = json.dumps(liar.body_of(url.path, query, f"{self.server.url}{kind}"))
            mode = "values" if url.path.endswith("/oauth/token") and liar.mode.isdigit() else liar.mode
            self._send(query=query, **_lie(liar, mode, honest))

    def _aws(self, told: str) -> None:
        """Reject a request to S3, QuickSight or CloudWatch."""
        body = f"<Error><Code>Denied</Code><Message>{told.replace('&', '&amp;').replace('<', '&lt;')}</Message></Error>"
        if "quicksight" in self.headers.get("authorization", ""):
            body = json.dumps({"Message": told, told: told})
        self._send(body, {}, 400, {"x-amzn-errortype": "AccessDeniedException", "x-amz-request-id": told})

    def _send(
        self,
        text: str,
        query: Mapping[str, str],
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        reason: str | None = None,
        cut: bool = False,
    ) -> None:
        body = text.encode()
        signed = {}
        if "business_date" in query:
            key, day = SecretStr(self.server.liar.signing_key), date.fromisoformat(query["business_date"])
            signed[SIGNATURE_HEADER] = signature(key, day, query.get("cursor", ""), body)
        self.send_response(status, reason)
        shown = {"Content-Type": "application/json", "Content-Length": str(len(body)), **signed, **(headers or {})}
        for name, value in shown.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut


_KINDS = ("/football", "/dominos", "/retailer_1", "/retailer_2", "/retailer_3", "/services")


class LyingDatabase(socketserver.ThreadingTCPServer):
    """A PostgreSQL server that rejects every user, and says why with our secrets in it."""

    daemon_threads = True

    def __init__(self, liar: Liar) -> None:
        super().__init__(("127.0.0.1", 0), _Rejection)
        self.liar = liar


class _Rejection(socketserver.BaseRequestHandler):
    server: LyingDatabase

    def handle(self) -> None:
        """Answer as the protocol has it: no TLS, then an error."""
        while data := self.request.recv(4096):
            if struct.unpack("!II", data[:8])[1] in {80877103, 80877104}:  # it asks for TLS, or GSS
                self.request.sendall(b"N")
                continue
            self.server.liar.answers["postgresql"] += 1
            fields = {"S": "FATAL", "C": "28P01", "M": self.server.liar.told, "D": self.server.liar.told}
            body = b"".join(f"{name}{value}".encode() + b"\0" for name, value in fields.items()) + b"\0"
            self.request.sendall(b"E" + struct.pack("!I", len(body) + 4) + body)
            return


class LyingMailServer(socketserver.ThreadingTCPServer):
    """A mail server that takes every second mail, and repeats our secrets in each reply."""

    daemon_threads = True

    def __init__(self, liar: Liar) -> None:
        super().__init__(("127.0.0.1", 0), _Mails)
        self.liar = liar


class _Mails(socketserver.StreamRequestHandler):
    server: LyingMailServer

    def handle(self) -> None:
        """Answer as RFC 5321 has it."""
        liar = self.server.liar
        liar.answers["smtp"] += 1
        is_taken = liar.answers["smtp"] % 2 == 1
        self._say("220", liar.told)
        while words := self.rfile.readline().split():
            verb = words[0].upper()
            if verb == b"EHLO":
                self._say("250-loopback", liar.told)
                self._say("250 AUTH PLAIN", "")
            elif verb == b"DATA":
                self._say("354", liar.told)
                lines = iter(self.rfile.readline, b".\r\n")
                message = message_from_bytes(b"".join(lines), policy=policy.default)
                liar.alerts.append(("mail", f"{message.items()}\n{message.get_content()}"))
                self._say("250", liar.told)
            else:
                code = {b"AUTH": "235", b"QUIT": "221", b"MAIL": "250" if is_taken else "550"}.get(verb, "250")
                self._say(code, liar.told)

    def _say(self, code: str, told: str) -> None:
        self.wfile.write(f"{code} {told}\r\n".encode())


@contextmanager
def serving(*servers: socketserver.BaseServer) -> Iterator[None]:
    """Serve in threads."""
    threads = [threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()
