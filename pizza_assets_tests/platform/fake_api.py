"""A fake HTTP API on loopback: gives scripted answers, faults among them, and remembers what it was asked."""

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import HttpUrl, SecretStr
from pyrate_limiter import Rate

from pizza_assets.football import football_data
from pizza_assets.orders import dominos
from pizza_assets.platform.http import HttpSession
from pizza_assets.platform.rate_budget import RateBudget
from pizza_assets.settings import Settings

TOKEN = "0123456789abcdef"


@dataclass(frozen=True)
class Request:
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    at: float
    #: What was posted; None where it was asked with GET.
    form: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Answer:
    """`fault`: reset, truncated (half of the body), silence (until `FakeApi.release`), dribble (a byte at a time)."""

    status: int = 200
    body: object = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str | None = None

    def payload(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Script = Callable[[Request], Answer]


def july_to_june(request: Request) -> Answer:
    """Tell seasons that, with a day before and after, go from July to June."""
    seasons = [{"id": year, "startDate": f"{year}-07-02", "endDate": f"{year + 1}-06-29"} for year in range(2000, 2040)]
    return Answer(body={"code": request.path.split("/")[-1], "currentSeason": seasons[25], "seasons": seasons})


class FakeApi(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Request] = []
        self.script: Script = lambda _: Answer()
        #: Answers about a competition itself, whose requests are not remembered.
        self.competition: Script = july_to_june
        self.release = threading.Event()
        self._lock = threading.Lock()

    @property
    def url(self) -> HttpUrl:
        return HttpUrl(f"http://127.0.0.1:{self.server_port}/v4")

    def answers(self, *answers: Answer) -> Self:
        """Give these answers in turn, and the last one for ever."""
        left = list(answers)
        return self.follows(lambda _: left.pop(0) if len(left) > 1 else left[0])

    def follows(self, script: Script) -> Self:
        self.requests.clear()
        self.script = script
        self.competition = july_to_june
        return self

    def answer(self, request: Request) -> Answer:
        if re.search(r"/competitions/\w+$", request.path):
            return self.competition(request)
        with self._lock:
            self.requests.append(request)
            return self.script(request)

    def handle_error(self, *_: object) -> None:
        """Clients that go away are part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FakeApi

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.do_GET(dict(parse_qsl(body.decode())))

    def do_GET(self, form: Mapping[str, str] | None = None) -> None:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.answer(Request(url.path, dict(parse_qsl(url.query)), headers, time.monotonic(), form))
        if answer.fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        if answer.fault == "silence":
            self.server.release.wait(10)
            self.close_connection = True
            return
        payload = answer.payload()
        self.send_response(answer.status)
        for name, value in {
            "content-type": "application/json",
            "content-length": len(payload),
            **answer.headers,
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        if answer.fault == "truncated":
            self.wfile.write(payload[: len(payload) // 2])
            self.close_connection = True
        elif answer.fault == "dribble":
            for byte in payload:
                self.wfile.write(bytes([byte]))
                if self.server.release.wait(0.02):
                    return
        else:
            self.wfile.write(payload)


@contextmanager
def running() -> Iterator[FakeApi]:
    server = FakeApi()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


def settings_for(server: FakeApi, **changes: object) -> Settings:
    values: dict[str, object] = {
        "football_api_url": server.url,
        "football_api_key": SecretStr(TOKEN),
        "dominos_api_url": server.url,
        "dominos_api_key": SecretStr(TOKEN),
        "api_timeout": 5,
        "max_api_retries": 2,
        "mock_orders_per_store_day": 2,
    }
    return Settings(_env_file=None, **{**values, **changes})


def unlimited(folder: Path) -> RateBudget:
    return RateBudget("fake", [Rate(1_000_000, 1_000)], folder / "rate-limits")


def football_session(settings: Settings, folder: Path, waits: list[float] | None = None) -> HttpSession:
    return football_data.open_session(
        settings, budget=unlimited(folder), sleep=(waits if waits is not None else []).append
    )


def dominos_session(settings: Settings, folder: Path) -> HttpSession:
    return dominos.open_session(settings, budget=unlimited(folder), sleep=[].append)


def match(number: int = 1, utc_date: object = "2024-05-04T14:00:00Z", **changes: object) -> dict[str, object]:
    """Return a played match as the API gives it: Arsenal FC 2, Chelsea FC 1."""
    return {
        "area": {"id": 2072, "name": "England", "code": "ENG", "flag": None},
        "competition": {"id": 2021, "name": "Premier League", "code": "PL", "type": "LEAGUE", "emblem": None},
        "season": {"id": 1, "startDate": "2023-08-11", "endDate": "2024-05-19", "currentMatchday": 36, "winner": None},
        "id": number,
        "utcDate": utc_date,
        "status": "FINISHED",
        "matchday": 36,
        "stage": "REGULAR_SEASON",
        "group": None,
        "lastUpdated": "2024-05-05T00:20:21Z",
        "homeTeam": {"id": 57, "name": "Arsenal FC", "shortName": "Arsenal", "tla": "ARS", "crest": None},
        "awayTeam": {"id": 61, "name": "Chelsea FC", "shortName": "Chelsea", "tla": None, "crest": None},
        "score": score(2, 1, half_time=(1, 0)),
        "odds": {"msg": "Activate Odds-Package in User-Panel to retrieve odds."},
        "referees": [],
        **changes,
    }


def score(
    home: object,
    away: object,
    *,
    half_time: Sequence[object] = (None, None),
    duration: object = "REGULAR",
    **more: object,
) -> dict[str, object]:
    """Return a score as the API gives it; `more` are further pairs such as ``penalties=(4, 5)``."""
    pairs = {"fullTime": (home, away), "halfTime": half_time, **more}
    return {
        "winner": None,
        "duration": duration,
        **{name: dict(zip(("home", "away"), pair, strict=True)) for name, pair in pairs.items()},
    }


def envelope(*matches: object) -> dict[str, object]:
    return {"filters": {"season": "2023"}, "resultSet": {"count": len(matches)}, "matches": list(matches)}


def order(number: int = 1, timestamp: object = "2024-05-04T18:30:00Z", **changes: object) -> dict[str, object]:
    return {
        "order_id": f"order-{number}",
        "timestamp": timestamp,
        "location": "12 High Street, Norwich",
        "order_total": 31.5,
        "pizza_types": ["Margherita", "Funghi"],
        "quantity": 2,
        "currency": "GBP",
        **changes,
    }


def page(*orders: object, next_cursor: object = None) -> dict[str, object]:
    return {"orders": list(orders), "next_cursor": next_cursor}
