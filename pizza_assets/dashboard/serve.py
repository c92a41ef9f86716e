"""Showing the page: where its file is, and a small server that reloads it when it changes.

Belongs here: reading the page from the lake for one viewer on this machine. Does not belong here: making it.
"""

import hashlib
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pizza_assets.errors import LakeError
from pizza_assets.lake import layout
from pizza_assets.lake.store import LocalStore, Store


def page_file(store: Store, folder: Path) -> Path:
    """Return the page as a file of this machine; one that lies in a bucket is copied into `folder`.

    Raises
    ------
    LakeError
        When no page was made yet.
    """
    text = _page(store)
    if isinstance(store, LocalStore):
        return Path(store.uri(layout.PAGE_KEY))
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / "dashboard.html"
    copy.write_bytes(text)
    return copy.absolute()


def _page(store: Store) -> bytes:
    if not any(store.list(layout.PAGE_KEY)):
        raise LakeError(
            f"{store.uri(layout.PAGE_KEY)} does not exist yet. Make it with 'pizza-assets demo' or "
            "'pizza-assets backfill'."
        )
    return store.read(layout.PAGE_KEY)


def live_page(store: Store) -> tuple[bytes, str]:
    """Return the page as the server shows it, and its version; it may ask this server, and nobody else."""
    page = _page(store)
    version = hashlib.sha256(page).hexdigest()[:16]
    page = page.replace(b"connect-src &#39;none&#39;", b"connect-src &#39;self&#39;", 1)
    return re.sub(rb'<html lang="en"', f'<html lang="en" data-live="{version}"'.encode(), page, count=1), version


def server(store: Store, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of the lake's page on the loopback address; `port` 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            if path not in ("/", "/version"):
                self.send_error(404, "Only / is here")
                return
            try:
                page, version = live_page(store)
            except LakeError as error:
                self._answer(503, "text/plain; charset=utf-8", str(error).encode())
                return
            if path == "/version":
                self._answer(200, "text/plain; charset=utf-8", version.encode())
            else:
                self._answer(200, "text/html; charset=utf-8", page)

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 as http.server names it
            """Keep the terminal quiet."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)
