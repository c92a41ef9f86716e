"""A small server of the lake's page, which reloads when it changes.

Belongs here: showing the page to one viewer on this machine. Does not belong here: making it.
"""

import asyncio
import hashlib
import re

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from pizza_assets.dashboard.stored_page import stored_page
from pizza_assets.errors import LakeError
from pizza_assets.lake.store import Store
from pizza_assets.platform.web import Server
from pizza_assets.settings import Settings


def live_page(store: Store) -> tuple[bytes, str]:
    """Return the page as the server shows it, and its version; it may ask this server, and nobody else."""
    page = stored_page(store)
    version = hashlib.sha256(page).hexdigest()[:16]
    page = page.replace(b"connect-src &#39;none&#39;", b"connect-src &#39;self&#39;", 1)
    return re.sub(rb'<html lang="en"', f'<html lang="en" data-live="{version}"'.encode(), page, count=1), version


def server(store: Store, settings: Settings, port: int = 0) -> Server:
    """Return a server of the lake's page on the loopback address; `port` 0 takes a free one.

    Raises
    ------
    ServerError
        When the port is taken, or may not be used.
    """
    return Server(page_routes(store), settings, port)


def page_routes(store: Store) -> list[Route]:
    """Return the routes of the lake's page and of its version."""
    reading: asyncio.Task[tuple[bytes, str]] | None = None

    async def read() -> tuple[bytes, str]:
        # Requests that come while the page is read share what is read.
        nonlocal reading
        if reading is None or reading.done():
            reading = asyncio.create_task(run_in_threadpool(live_page, store))
        return await asyncio.shield(reading)

    async def respond(request: Request) -> Response:
        try:
            page, version = await read()
        except LakeError as error:
            return PlainTextResponse(str(error), 503)
        headers = {"Cache-Control": "no-cache", "ETag": f'"{version}"'}
        if headers["ETag"] in re.split(r", *", request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        if request.url.path == "/version":
            return PlainTextResponse(version, headers=headers)
        return HTMLResponse(page, headers=headers)

    return [Route("/", respond), Route("/version", respond)]
