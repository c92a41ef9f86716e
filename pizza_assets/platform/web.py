"""The local servers' common part: a loopback address, limits of time, size and number, and an orderly end.

Belongs here: sockets, the Host header, signals. Does not belong here: what is served. It takes a tenth of a second to
import, so that only what serves imports it.
"""

import asyncio
import errno
import logging
import resource
import signal
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from pizza_assets.errors import ServerError
from pizza_assets.settings import Settings

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
#: Answers that have begun may take this long when the server ends.
_GRACE_SECONDS = 1.0
_PART_BYTES = 262_144
_ACCEPTED_AT_ONCE = 4
#: Stand in every answer: it is shown as what it is, in no other site's frame, and read by no other site.
_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
_log = logging.getLogger(__name__)


class _Http(H11Protocol):
    """HTTP/1.1 that waits for a client so long, and no longer.

    uvicorn limits the time between two requests. This adds the time until a request is whole, and the time until what
    was written is read; ``timeout_keep_alive`` is the limit of each. Beyond twice ``limit_concurrency``, where uvicorn
    answers 503, connections are closed at once, so that they do not use up the process's file handles.
    """

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # pause_writing tells of every byte that is not read yet
        if self.limit_concurrency is not None and len(self.connections) > 2 * self.limit_concurrency:
            transport.abort()
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_timer()

    def shutdown(self) -> None:
        super().shutdown()
        self.loop.call_later(_GRACE_SECONDS, self._drop)

    def _watch(self) -> None:
        is_awaited = self.conn.their_state in {h11.IDLE, h11.SEND_BODY} or self.flow.write_paused
        if not is_awaited:
            self._stop_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.timeout_keep_alive, self._drop)

    def _drop(self) -> None:
        if self.flow.write_paused:
            # Else the kernel goes on offering what was written, for minutes. Zero seconds of linger drop it.
            end = self.transport.get_extra_info("socket")
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _InParts:
    """Sends large answers part by part, each when the one before was read: who does not read holds one part."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_parts(message: Message) -> None:
            rest = memoryview(message.get("body", b""))
            while len(rest) > _PART_BYTES:
                await send({**message, "body": rest[:_PART_BYTES], "more_body": True})
                rest = rest[_PART_BYTES:]
                await asyncio.sleep(0)  # other clients come between two parts, and so does word that this one left
            await send({**message, "body": rest} if "body" in message else message)

        await self._app(scope, receive, send_parts)


class _Uvicorn(uvicorn.Server):
    """Accepts few connections at a time, and lets many wait; asyncio has one figure for both.

    With a large one it accepts beyond the limit until file handles run out, and logs a traceback for each that waits.
    """

    def __init__(self, config: uvicorn.Config, backlog: int) -> None:
        super().__init__(config)
        self._backlog = backlog

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for end in sockets or []:
            end.listen(self._backlog)


class Server:
    """Serves routes. It listens from the beginning, and answers in ``serve_forever`` or ``running``.

    Parameters
    ----------
    routes
        What is served; every other path is answered with 404.
    settings
        The limits, and the names besides loopback's that requests may give in the header Host (else: 400).
    port
        Port; a free one when 0.
    host
        The address to listen on.
    middleware
        What looks at requests after the Host header was judged.

    Raises
    ------
    ServerError
        When the port is taken, or may not be used.
    """

    def __init__(
        self,
        routes: Sequence[BaseRoute],
        settings: Settings,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        middleware: Sequence[Middleware] = (),
    ) -> None:
        hosts = [*LOOPBACK_HOSTS, *settings.server_hosts]
        app = Starlette(
            routes=routes,
            middleware=[
                Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
                *middleware,
                Middleware(_InParts),
            ],
            exception_handlers={Exception: _failed},
            max_body_size=settings.server_max_body_bytes,
        )
        handles, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                app,
                http=_Http,
                ws="none",
                loop="asyncio",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="critical",  # errors of ours are logged by _failed; the rest is what clients do
                access_log=False,
                proxy_headers=False,
                server_header=False,
                headers=_HEADERS,
                backlog=_ACCEPTED_AT_ONCE,
                limit_concurrency=min(settings.server_max_connections, max(1, handles // 4)),
                timeout_keep_alive=settings.server_client_seconds,
            ),
            settings.server_backlog,
        )
        self._socket = _listen(host, port, settings.server_backlog)
        self.server_port: int = self._socket.getsockname()[1]
        self.address = f"http://{host}:{self.server_port}"

    def serve_forever(self) -> None:
        """Serve until ``shutdown``, or until SIGINT or SIGTERM where this is the main thread; then return."""
        is_main = threading.current_thread() is threading.main_thread()
        before = signal.signal(signal.SIGTERM, signal.default_int_handler) if is_main else None
        try:
            with suppress(KeyboardInterrupt):  # uvicorn ends in order, and raises the signal again
                self._uvicorn.run(sockets=[self._socket])
        finally:
            self._socket.close()
            if is_main:
                signal.signal(signal.SIGTERM, before)

    def shutdown(self) -> None:
        """Let ``serve_forever`` return soon: answers that have begun get a second."""
        self._uvicorn.should_exit = True

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Serve in a thread of this process until the context is left."""
        thread = threading.Thread(target=self.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            thread.join()


def _listen(host: str, port: int, backlog: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=backlog)
    except OSError as error:
        reasons = {errno.EADDRINUSE: "another program uses it", errno.EACCES: "only root may use it"}
        if error.errno not in reasons:
            raise
        raise ServerError(
            f"Port {port} on {host} cannot be used: {reasons[error.errno]}. Choose another with --port; 0 takes a "
            "free one."
        ) from error


async def _failed(_: Request, error: Exception) -> Any:  # noqa: ANN401 as Starlette has it
    _log.error("A request could not be answered.", exc_info=error)
    return PlainTextResponse("The server failed; its log says why.", 500)
