"""The service: routes over what is published, and tonight. Read-only.

Belongs here: HTTP: paths, versions, tokens, streams. Does not belong here: what is answered (``data``, ``graphql``,
``forecast.tonight``), sockets and limits (``platform.web``).
"""

import asyncio
import base64
import binascii
import hashlib
import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pizza_assets.dashboard.serve import page_routes
from pizza_assets.errors import LakeError, SettingsError
from pizza_assets.forecast.tonight import Tonight
from pizza_assets.lake.store import Store
from pizza_assets.platform.addresses import is_loopback
from pizza_assets.platform.web import Server
from pizza_assets.service import graphql, openapi
from pizza_assets.service.data import NAMES, AskedWronglyError, Published
from pizza_assets.settings import Settings

#: Seconds between two looks at tonight, and between signs of life to who listens.
LOOK_SECONDS, SIGN_OF_LIFE_SECONDS = 10.0, 15.0
_JSON = "application/json"
#: Answers about one data set that are held, for many ask the same.
_HELD = 8
Respond = Callable[[Request], Awaitable[Response]]


def server(
    store: Store,
    settings: Settings,
    port: int = 0,
    host: str = "127.0.0.1",
    *,
    tonight: Tonight | None = None,
    look_seconds: float = LOOK_SECONDS,
) -> Server:
    """Return the service.

    Parameters
    ----------
    host
        The address to listen on. Other than loopback's it needs SERVICE_TOKEN, and a proxy in front that speaks TLS.
    tonight
        The evening that is watched; None where no orders arrive.
    look_seconds
        Seconds between two looks at it.

    Raises
    ------
    SettingsError
        When others than this machine could ask, and no token is set.
    ServerError
        When the port is taken, or may not be used.
    """
    token = settings.service_token.get_secret_value() if settings.service_token else None
    if token is None and not is_loopback(host):
        raise SettingsError(f"{host} is not loopback, so a token is needed. Set SERVICE_TOKEN (16 characters or more).")
    asks = [Middleware(_Token, token=token)] if token else []
    return Server(routes(store, tonight, look_seconds), settings, port, host=host, middleware=asks)


def routes(store: Store, tonight: Tonight | None, look_seconds: float = LOOK_SECONDS) -> list[BaseRoute]:
    """Return the routes of the service."""
    published = Published(store)
    paths = {f"/api/v1/{name}": _rows(published, name) for name in NAMES}
    paths["/api/v1/report"] = _report(published, "insights_report.json", _JSON)
    paths["/api/v1/report.md"] = _report(published, "insights_report.md", "text/markdown; charset=utf-8")
    paths["/api/v1/openapi.json"] = _description()
    paths |= _of_tonight(_Watched(tonight, look_seconds))
    found = [Route(path, _answering(respond)) for path, respond in paths.items()]
    return [*page_routes(store), *found, Route("/graphql", _answering(_graphql(published)), methods=["POST"])]


def _rows(published: Published, name: str) -> Respond:
    held: dict[str, bytes] = {}

    async def respond(request: Request) -> Response:
        pairs = request.query_params.multi_items()
        asked = dict(pairs)
        if len(asked) != len(pairs):
            raise AskedWronglyError("A parameter is given twice. Give each once.")
        version = await run_in_threadpool(published.version, name) + _digest(str(sorted(pairs)).encode())
        if version not in held:
            answer = await run_in_threadpool(published.answer, name, asked)
            if len(held) >= _HELD:
                held.pop(next(iter(held)))
            held[version] = await run_in_threadpool(answer.body)
        return _versioned(request, held[version], _JSON, version)

    return respond


def _report(published: Published, file: str, media_type: str) -> Respond:
    async def respond(request: Request) -> Response:
        version, data = await run_in_threadpool(published.report, file)
        return _versioned(request, data, media_type, version)

    return respond


def _description() -> Respond:
    body = json.dumps(openapi.document(), ensure_ascii=False).encode()

    async def respond(request: Request) -> Response:
        return _versioned(request, body, _JSON, _digest(body))

    return respond


def _graphql(published: Published) -> Respond:
    schema = graphql.schema_of(published)

    async def respond(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            raise AskedWronglyError("The body must be JSON with the key query.") from None
        query, variables = (body.get("query"), body.get("variables")) if isinstance(body, dict) else (None, None)
        if not isinstance(query, str) or not isinstance(variables, dict | None):
            raise AskedWronglyError("The body must be a JSON object with the text query, and the object variables.")
        answer = await run_in_threadpool(graphql.answer, schema, query, variables)
        return Response(json.dumps(answer, ensure_ascii=False), media_type=_JSON)

    return respond


def _of_tonight(watched: "_Watched") -> dict[str, Respond]:
    async def now(request: Request) -> Response:
        body = await watched.body()
        return _versioned(request, body, _JSON, _digest(body))

    async def events(_: Request) -> Response:
        no_store = {"Cache-Control": "no-store"}
        return StreamingResponse(watched.events(), media_type="text/event-stream", headers=no_store)

    return {"/api/v1/tonight": now, "/api/v1/tonight/events": events}


def _answering(respond: Respond) -> Respond:
    """Return a route that says what is wrong: 400 with the question, 503 with the lake."""

    async def answer(request: Request) -> Response:
        try:
            return await respond(request)
        except AskedWronglyError as error:
            return PlainTextResponse(str(error), 400)
        except LakeError as error:
            return PlainTextResponse(str(error), 503)

    return answer


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _versioned(request: Request, body: bytes, media_type: str, version: str) -> Response:
    """Return an answer with its ETag; 304 to who has it already."""
    headers = {"Cache-Control": "no-cache", "ETag": f'"{version}"'}
    if headers["ETag"] in re.split(r", *", request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


class _Watched:
    """Tonight, looked at once for all who ask, and not more often than every so many seconds."""

    def __init__(self, tonight: Tonight | None, seconds: float) -> None:
        self._tonight, self._seconds = tonight, seconds
        self._looking: asyncio.Task[bytes] | None = None
        self._until = 0.0

    async def body(self) -> bytes:
        """Return the newest state as JSON."""
        clock = asyncio.get_running_loop().time
        if self._looking is None or (self._looking.done() and clock() >= self._until):
            self._until = clock() + self._seconds
            self._looking = asyncio.create_task(run_in_threadpool(self._look))
        return await asyncio.shield(self._looking)

    def _look(self) -> bytes:
        nothing: dict[str, Any] = {
            "day": None,
            "cities": [],
            "status": "No orders arrive here: set TONIGHT_FILES, or replay a day.",
        }
        state = nothing if self._tonight is None else self._tonight.look()
        return json.dumps(state, ensure_ascii=False, allow_nan=False).encode()

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the state whenever it is another one, and a comment where nothing happens, so that an end is seen."""
        clock, last, said_at = asyncio.get_running_loop().time, b"", 0.0
        while True:
            body = await self.body()
            if body != last:
                last, said_at = body, clock()
                yield b"event: tonight\ndata: " + body + b"\n\n"
            elif clock() - said_at >= SIGN_OF_LIFE_SECONDS:
                said_at = clock()
                yield b": waiting\n\n"
            await asyncio.sleep(min(self._seconds, SIGN_OF_LIFE_SECONDS))


class _Token:
    """Answers 401 to who does not give the token: as a bearer, or as the password that a browser asks for."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        if scope["type"] != "http" or self._is_right(headers.get(b"authorization", b"")):
            await self._app(scope, receive, send)
            return
        asks = {"WWW-Authenticate": 'Basic realm="pizza-assets"'}
        await PlainTextResponse("The token is missing or wrong.", 401, asks)(scope, receive, send)

    def _is_right(self, header: bytes) -> bool:
        scheme, _, given = header.partition(b" ")
        if scheme.lower() == b"basic":
            try:
                given = base64.b64decode(given.strip(), validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif scheme.lower() != b"bearer":
            return False
        return secrets.compare_digest(given.strip(), self._token)
