"""The simulated APIs of three retailers, on loopback: what ``sources/retail`` asks, answered with mock sales.

Belongs here: authentication, pages and faults of HTTP. Does not belong here: what is sold (``retailers.py``), what is
delivered (``retail_feed.py``).

Every answer carries ``X-Data-Source: mock``, so that nobody takes the data for real. The credentials are no secrets.
"""

import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import SecretStr

from pizza_assets.settings import Settings
from pizza_assets.sources.retail.oauth import basic
from pizza_assets.sources.retail.received import SOURCE_HEADER
from pizza_assets.sources.retail.retailer_3 import SIGNATURE_HEADER, signature
from pizza_assets.synthetic.retail_dialects import Record
from pizza_assets.synthetic.retail_feed import DATA_FAULTS, delivery

#: Faults of HTTP, and what each does.
HTTP_FAULTS = {
    "down": "every request is answered with 503",
    "slow": "every answer comes later than a client waits",
    "cut": "the first answer to each request breaks off half-way",
    "half-page": "pages lack half of their records",
    "expired-tokens": "a token is good for one request only",
    "bad-signature": "pages are signed with another key",
}
FAULTS = {**HTTP_FAULTS, **DATA_FAULTS}
RETAILERS = ("retailer_1", "retailer_2", "retailer_3")

#: What each of them asks for.
CREDENTIALS = {
    "RETAILER_1_API_KEY": "simulated-key",
    "RETAILER_2_CLIENT_ID": "simulated-client",
    "RETAILER_2_CLIENT_SECRET": "simulated-secret",
    "RETAILER_3_USER": "simulated-user",
    "RETAILER_3_PASSWORD": "simulated-password",
    "RETAILER_3_SIGNING_KEY": "simulated-signing-key",
}
_TOKEN_SECONDS = 3600
_SLOW_SECONDS = 300.0


@dataclass(frozen=True)
class _Request:
    """What is asked of one retailer; header names are in small letters, ``base`` is where its API begins."""

    retailer_id: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    base: str


@dataclass(frozen=True)
class _Answer:
    value: Mapping[str, Any]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return json.dumps(self.value).encode()


_UNAUTHORIZED = _Answer({"error": "wrong credentials"}, 401)


class RetailerApis(ThreadingHTTPServer):
    """Serves the three retailers below ``/retailer_1`` and so on; `faults` may be changed while it runs.

    Parameters
    ----------
    settings
        Seed and volume of the mock sales.
    faults
        Names out of ``FAULTS``; ``retailer_2:down`` strikes that retailer only.
    port
        Port on 127.0.0.1; a free one when 0.
    """

    daemon_threads = True

    def __init__(self, settings: Settings, faults: Collection[str] = (), port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.faults = set(faults)
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._good_until: dict[str, float] = {}
        self._asked_before: set[str] = set()
        self._delivery = lru_cache(maxsize=8)(
            lambda retailer_id, day, faults: delivery(retailer_id, day, settings, faults)
        )

    def environment(self) -> dict[str, str]:
        """Return the settings with which a client asks these APIs."""
        here = f"http://127.0.0.1:{self.server_port}"
        return {f"{name.upper()}_URL": f"{here}/{name}" for name in RETAILERS} | CREDENTIALS

    def has(self, retailer_id: str, fault: str) -> bool:
        """Tell whether a fault strikes a retailer."""
        return not self.faults.isdisjoint({fault, f"{retailer_id}:{fault}"})

    def answer(self, request: _Request) -> _Answer:
        """Return the answer of a retailer to a request."""
        if self.has(request.retailer_id, "down"):
            return _Answer({"error": "down for maintenance"}, 503)
        with self._lock:
            return _APIS[request.retailer_id](self, request)

    def is_first(self, request: _Request) -> bool:
        """Tell whether this was not asked before."""
        what = f"{request.retailer_id} {request.path} {sorted(request.query.items())}"
        with self._lock:
            is_first = what not in self._asked_before
            self._asked_before.add(what)
        return is_first

    def page(self, request: _Request, day: str, start: int, size: int) -> tuple[list[Record], int]:
        """Return the records of one page, and how many the day has."""
        faults = frozenset(fault for fault in DATA_FAULTS if self.has(request.retailer_id, fault))
        records = self._delivery(request.retailer_id, date.fromisoformat(day), faults)
        return records[start : start + size], len(records)

    def shown(self, request: _Request, records: list[Record]) -> list[Record]:
        """Return what is delivered of a page."""
        return records[: len(records) // 2] if self.has(request.retailer_id, "half-page") else records

    def new_token(self) -> str:
        """Return a token that is good for an hour."""
        token = secrets.token_urlsafe(24)
        self._good_until[token] = time.monotonic() + _TOKEN_SECONDS
        return token

    def takes_token(self, retailer_id: str, token: str) -> bool:
        """Tell whether a token is good; with the fault, it is not from then on."""
        is_good = self._good_until.get(token, 0) > time.monotonic()
        if self.has(retailer_id, "expired-tokens"):
            self._good_until.pop(token, None)
        return is_good

    def server_close(self) -> None:
        """Let those go who wait for a slow answer, and close."""
        self.closing.set()
        super().server_close()

    def handle_error(self, *_: object) -> None:
        """Clients that go away are part of the game."""


def _retailer_1(server: RetailerApis, request: _Request) -> _Answer:
    if not _is(request.headers.get("x-api-key"), CREDENTIALS["RETAILER_1_API_KEY"]):
        return _UNAUTHORIZED
    number, size = int(request.query["page"]), int(request.query["per_page"])
    lines, total = server.page(request, request.query["date"], (number - 1) * size, size)
    pages = max(1, -(-total // size))
    return _Answer({"page": number, "pages": pages, "total": total, "sales": server.shown(request, lines)})


def _retailer_2(server: RetailerApis, request: _Request) -> _Answer:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if request.path == "oauth/token":
        client = basic(CREDENTIALS["RETAILER_2_CLIENT_ID"], SecretStr(CREDENTIALS["RETAILER_2_CLIENT_SECRET"]))
        if scheme != "Basic" or not _is(token, client.get_secret_value()):
            return _UNAUTHORIZED
        return _Answer({"access_token": server.new_token(), "token_type": "Bearer", "expires_in": _TOKEN_SECONDS})
    if scheme != "Bearer" or not server.takes_token(request.retailer_id, token):
        return _UNAUTHORIZED
    day, size = request.query["day"], int(request.query["limit"])
    start = int(request.query.get("after", "0"))
    transactions, total = server.page(request, day, start, size)
    following = urlencode({"day": day, "limit": size, "after": start + size})
    link = f"{request.base}/transactions?{following}" if start + size < total else None
    return _Answer(
        {"meta": {"transactions": total}, "data": server.shown(request, transactions), "links": {"next": link}}
    )


def _retailer_3(server: RetailerApis, request: _Request) -> _Answer:
    user = basic(CREDENTIALS["RETAILER_3_USER"], SecretStr(CREDENTIALS["RETAILER_3_PASSWORD"]))
    if not _is(request.headers.get("authorization"), f"Basic {user.get_secret_value()}"):
        return _UNAUTHORIZED
    day, size, cursor = request.query["business_date"], int(request.query["limit"]), request.query.get("cursor", "")
    start, _, mark = cursor.partition(".")
    if cursor and not _is(mark, _cursor_mark(day, start)):
        return _Answer({"error": "this cursor was not given by us"}, 400)
    at = int(start or 0)
    rows, total = server.page(request, day, at, size)
    following = f"{at + size}.{_cursor_mark(day, str(at + size))}" if at + size < total else None
    whole = _Answer({"rows": rows, "cursor": following})
    key = "another key" if server.has(request.retailer_id, "bad-signature") else CREDENTIALS["RETAILER_3_SIGNING_KEY"]
    signed = {SIGNATURE_HEADER: signature(SecretStr(key), date.fromisoformat(day), cursor, whole.body)}
    return _Answer({"rows": server.shown(request, rows), "cursor": following}, headers=signed)


_APIS: Mapping[str, Callable[[RetailerApis, _Request], _Answer]] = dict(
    zip(RETAILERS, (_retailer_1, _retailer_2, _retailer_3), strict=True)
)


def _is(given: str | None, expected: str) -> bool:
    return hmac.compare_digest((given or "").encode(), expected.encode())


def _cursor_mark(day: str, start: str) -> str:
    return hmac.new(CREDENTIALS["RETAILER_3_SIGNING_KEY"].encode(), f"{day} {start}".encode(), "sha256").hexdigest()[
        :16
    ]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: RetailerApis

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""

    def do_GET(self) -> None:
        """Answer a request for sales."""
        url = urlsplit(self.path)
        _, retailer_id, *rest = url.path.split("/", 2)
        headers = {name.lower(): value for name, value in self.headers.items()}
        base = f"http://{headers.get('host')}/{retailer_id}"
        request = _Request(retailer_id, "".join(rest), dict(parse_qsl(url.query)), headers, base)
        if retailer_id not in RETAILERS:
            self._send(_Answer({"error": f"expected an address below one of {', '.join(RETAILERS)}"}, 404))
            return
        if self.server.has(retailer_id, "slow"):
            self.server.closing.wait(_SLOW_SECONDS)
        try:
            answer = self.server.answer(request)
        except (KeyError, ValueError) as error:
            answer = _Answer({"error": f"missing or wrong parameter: {error}"}, 400)
        is_cut = self.server.has(retailer_id, "cut") and self.server.is_first(request)
        self._send(answer, cut=is_cut)

    def do_POST(self) -> None:
        """Answer a request for a token."""
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.do_GET()

    def _send(self, answer: _Answer, *, cut: bool = False) -> None:
        body = answer.body
        self.send_response(answer.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), SOURCE_HEADER: "mock"}
        for name, value in {**headers, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = self.close_connection or cut
        self.wfile.write(body[: len(body) // 2] if cut else body)


@contextmanager
def running(settings: Settings, faults: Collection[str] = ()) -> Iterator[RetailerApis]:
    """Serve in a thread of this process, on a free port, until the context is left."""
    server = RetailerApis(settings, faults)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
