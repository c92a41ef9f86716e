"""The simulated APIs of three retailers, on loopback: what ``retail`` asks, answered with mock sales.

Belongs here: authentication, pages and faults of HTTP. Does not belong here: what is sold (``retailers.py``), what is
delivered (``retail_feed.py``).

Every answer carries ``X-Data-Source: mock``, so that nobody takes the data for real. The credentials are no secrets.
"""

import asyncio
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from pydantic import SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pizza_assets.platform.web import Server
from pizza_assets.retail.mock_dialects import Record
from pizza_assets.retail.mock_feed import DATA_FAULTS, delivery
from pizza_assets.retail.oauth import basic
from pizza_assets.retail.received import SOURCE_HEADER
from pizza_assets.retail.retailer_3 import SIGNATURE_HEADER, signature
from pizza_assets.settings import Settings

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


class RetailerApis(Server):
    """Serves the three retailers below ``/retailer_1`` and so on; `faults` may be changed while it runs.

    Parameters
    ----------
    settings
        Seed and volume of the mock sales, and the limits of a server.
    faults
        Names out of ``FAULTS``; ``retailer_2:down`` strikes that retailer only.
    port
        Port on 127.0.0.1; a free one when 0.

    Raises
    ------
    ServerError
        When the port is taken, or may not be used.
    """

    def __init__(self, settings: Settings, faults: Collection[str] = (), port: int = 0) -> None:
        super().__init__([Route("/{path:path}", self._respond, methods=["GET", "POST"])], settings, port)
        self.faults = set(faults)
        self._lock = threading.Lock()
        self._good_until: dict[str, float] = {}
        self._asked_before: set[str] = set()
        self._delivery = lru_cache(maxsize=8)(
            lambda retailer_id, day, faults: delivery(retailer_id, day, settings, faults)
        )

    def environment(self) -> dict[str, str]:
        """Return the settings with which a client asks these APIs."""
        return {f"{name.upper()}_URL": f"{self.address}/{name}" for name in RETAILERS} | CREDENTIALS

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

    async def _respond(self, asked: Request) -> Response:
        retailer_id, _, path = asked.path_params["path"].partition("/")
        if retailer_id not in RETAILERS:
            return _response(_Answer({"error": f"expected an address below one of {', '.join(RETAILERS)}"}, 404))
        base = f"http://{asked.headers['host']}/{retailer_id}"
        request = _Request(retailer_id, path, asked.query_params, asked.headers, base)
        if self.has(retailer_id, "slow"):
            await _until_gone(asked)
        return await run_in_threadpool(self._answered, request)

    def _answered(self, request: _Request) -> Response:
        try:
            answer = self.answer(request)
        except (KeyError, ValueError) as error:
            answer = _Answer({"error": f"missing or wrong parameter: {error}"}, 400)
        is_cut = self.has(request.retailer_id, "cut") and self.is_first(request)
        return _response(answer, _Cut if is_cut else Response)


async def _until_gone(asked: Request) -> None:
    """Wait until the client or the server ends the connection, or until a slow answer is due."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_SLOW_SECONDS):
            while (await asked.receive())["type"] != "http.disconnect":
                pass


class _Cut(Response):
    """Announces a whole body, sends half of it, and ends the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(start)
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})


def _response(answer: _Answer, kind: type[Response] = Response) -> Response:
    return kind(answer.body, answer.status, {SOURCE_HEADER: "mock", **answer.headers}, "application/json")


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


@contextmanager
def running(settings: Settings, faults: Collection[str] = ()) -> Iterator[RetailerApis]:
    """Serve in a thread of this process, on a free port, until the context is left."""
    with RetailerApis(settings, faults).running() as server:
        yield server
