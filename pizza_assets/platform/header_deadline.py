"""A limit of time for the headers of an answer: requests limits the time between two bytes only.

Belongs here: ending a connection whose headers come byte by byte. Does not belong here: the body, which the session
reads itself.
"""

import contextlib
import socket
import threading
from typing import Any, ClassVar

import requests.adapters


class HeaderDeadline(requests.adapters.HTTPAdapter):
    """Sends requests; the headers of each answer have to be there within `seconds`, else its connection breaks off."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 as requests'
        """Return the pool of connections to an address, whose connections have the limit."""
        pool: Any = super().get_connection_with_tls_context(*arguments, **options)
        if not issubclass(pool.ConnectionCls, _Limited):
            pool.ConnectionCls = type("Limited", (_Limited, pool.ConnectionCls), {"seconds": self._seconds})
        return pool


class _Limited:
    """What a connection of urllib3's is besides."""

    seconds: ClassVar[float]
    sock: socket.socket | None

    def getresponse(self) -> Any:  # noqa: ANN401 as urllib3's
        """Read the headers; what is still on its way when the time is over ends in a connection that breaks off."""
        timer = threading.Timer(self.seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse()  # type: ignore[misc]  # urllib3's connection, of which this is a part
        finally:
            timer.cancel()

    def _cut(self) -> None:
        if self.sock is not None:
            with contextlib.suppress(OSError):
                # Not the TLS layer's own method: another thread is reading.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
