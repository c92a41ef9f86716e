"""The truth of a simulated world, and APIs that tell it: right, wrong, in part, late or not at all.

Belongs here: matches and orders with their revisions, corrections of them, and how each API answers. Does not belong
here: what is made of the answers.

All that is known of a day and competition (of orders: of a day) has one revision, which grows with each correction, and
every record carries it: so that older data can be told from newer.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Literal

from pydantic import HttpUrl, SecretStr

from benchmarks.simulation.machine import START, Machine
from pizza_assets.errors import SourceError
from pizza_assets.platform.api import Api, AuthenticationError, NotFoundError
from pizza_assets.platform.http import HttpSession, Reply
from pizza_assets.settings import Settings

#: The days of a world: three that have begun when it starts, and two more.
DAYS = tuple(START.date() - timedelta(days=2) + timedelta(days=n) for n in range(5))
COMPETITIONS = {"PL": 2021, "CL": 2001}
#: What a source does. ``unset``: it was never set up, or is no longer.
Mode = Literal["up", "partly", "away", "forbidden", "rejected", "no-season", "wrong", "nothing", "unset"]
MODES: tuple[Mode, ...] = ("up", "partly", "away", "forbidden", "rejected", "no-season", "wrong", "nothing", "unset")
#: What every source does whose day has to be known afterwards.
UP: Mapping[str, Mode] = {"PL": "up", "CL": "up", "orders": "up"}
#: A retailer, whose sales are collected by runs of their own.
SALES = "sales"
#: The clubs of each competition, home and away: one match in two competitions would be listed twice.
_CLUBS = {
    "PL": ("Norwich City FC", ("Leeds United FC", 341)),
    "CL": ("Arsenal FC", ("Chelsea FC", 61)),
}
_PER_PAGE = 2
#: Worlds that begin in different ways.
WORLDS = 3
#: How many matches a competition may have, on even and on odd days.
_MATCHES = {"PL": ([1, 2], [0, 0, 0, 1]), "CL": ([0, 0, 1], [1, 2])}


@dataclass
class Record:
    """A match or an order. One that is broken cannot be stored: it is rejected."""

    number: str
    day: date
    hour: int
    is_broken: bool = False

    @property
    def at(self) -> datetime:
        """When it happens (UTC)."""
        return datetime(self.day.year, self.day.month, self.day.day, self.hour, 30, tzinfo=START.tzinfo)


class World:
    """What is true, by source (a competition, ``orders`` or ``sales``) and day.

    There are a few worlds only, and a revision of a day is the same in each that begins alike, so that what was made of
    it once is known.
    """

    def __init__(self, number: int, machine: Machine) -> None:
        self.machine = machine
        self.revisions: dict[tuple[str, date], int] = {}
        self.records: dict[tuple[str, date], list[Record]] = {}
        #: Records that are no longer true.
        self.removed: set[str] = set()
        self._random: dict[tuple[str, date], Random] = {}
        for index, source in enumerate((*UP, SALES), 1):
            for day in DAYS:
                random = self._random[source, day] = Random(f"{number} {source} {day}")
                counts = _MATCHES[source][day.day % 2] if source in COMPETITIONS else [2, 3, 4]
                count = random.choice(counts)
                self.revisions[source, day] = 1
                first = 10_000 * index + 100 * day.day
                self.records[source, day] = [Record(str(first + n), day, 8 + 4 * n) for n in range(count)]
                for record in self.records[source, day][1:]:
                    record.is_broken = random.random() < 0.25

    def correct(self, source: str, day: date) -> None:
        """Change what is true of a day: records come, go, break or are mended; the first of a day stays."""
        records, random = self.records[source, day], self._random[source, day]
        self.revisions[source, day] += 1
        if not records:
            return
        action = random.choice(["mend", "break", "add", "remove", "revise"])
        if action in {"mend", "break"}:
            for record in records[1:]:
                record.is_broken = action == "break"
        elif action == "add" and len(records) < 5:
            number = int(records[0].number) + 10 * self.revisions[source, day]
            records.append(Record(str(number), day, random.randint(8, 20)))
        elif action == "remove" and len(records) > 1:
            self.removed.add(records.pop().number)

    def told(self, sources: Sequence[str], days: Sequence[date]) -> bytes:
        """Return all that sources tell of days when they are up."""
        records = [
            self.order(record) if source == "orders" else self.match(source, record)
            for source in sources
            for day in days
            for record in self.visible(source, day)
        ]
        return json.dumps([list(map(str, days)), records]).encode()

    def visible(self, source: str, day: date) -> list[Record]:
        """Return what can be known of a day by now: all matches, and what was ordered and sold."""
        records = self.records[source, day]
        return [record for record in records if source in COMPETITIONS or record.at <= self.machine.true_time]

    def match(self, competition: str, record: Record) -> dict[str, object]:
        """Return a match as football-data.org gives it; the number of the home team tells the revision."""
        home, (away, away_id) = _CLUBS[competition]
        is_played = record.at + timedelta(hours=2) <= self.machine.true_time
        full = {"home": 2, "away": 1} if is_played else {"home": None, "away": None}
        match = {
            "area": {"name": "England"},
            "competition": {"id": COMPETITIONS[competition], "code": competition, "type": "LEAGUE"},
            "id": int(record.number),
            "utcDate": f"{record.at:%Y-%m-%dT%H:%M:%SZ}",
            "status": "FINISHED" if is_played else "TIMED",
            "stage": "REGULAR_SEASON",
            "homeTeam": {"id": self.revisions[competition, record.day], "name": home},
            "awayTeam": {"id": away_id, "name": away},
            "score": {"duration": "REGULAR", "fullTime": full, "halfTime": {"home": None, "away": None}},
        }
        return match | ({"homeTeam": {"id": 1}} if record.is_broken else {})

    def order(self, record: Record) -> dict[str, object]:
        """Return an order as the API gives it; the total tells the revision."""
        return {
            "order_id": record.number,
            "timestamp": f"{record.at:%Y-%m-%dT%H:%M:%SZ}",
            "location": "12 High Street, Norwich",
            "order_total": None if record.is_broken else 10 + self.revisions["orders", record.day],
            "pizza_types": ["Margherita"],
            "quantity": 1,
            "currency": "GBP",
        }

    def line(self, record: Record) -> dict[str, object]:
        """Return a line of a receipt as retailer 1 gives it; the price tells the revision."""
        price = 100 + self.revisions[SALES, record.day]
        return {
            "receipt": record.number,
            "line_no": 1,
            "sold": f"{record.at + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}",  # London's clock in September
            "sku": "100321",
            "description": "Stone Baked Margherita",
            "dept": "Frozen Pizza",
            "member": None,
            "branch": "B07",
            "town": "Leeds",
            "qty": None if record.is_broken else 1,
            "price_p": price,
            "total_p": price,
            "ccy": "GBP",
        }


class Source(HttpSession):
    """A session with an API of the simulated world; ``was_right`` tells whether all of its answers were."""

    def __init__(self, api: Api, settings: Settings, world: World, modes: Mapping[str, Mode], random: Random) -> None:
        super().__init__(api, settings)
        self._world, self._modes, self._random = world, modes, random

    def ask(self, path: str, parameters: Mapping[str, str], form: Mapping[str, str] | None = None) -> Reply:
        """Answer as the API's mode wants it."""
        del form
        source = path.split("/")[1] if "/" in path else path
        mode = self._modes[source]
        asked = f"{self.api.name}, GET {path}"
        if mode == "away" or (mode == "partly" and self._random.random() < 0.4):
            raise SourceError(f"{asked}: expected an answer, found none within 30 s. Try again later.")
        if mode == "forbidden":
            raise SourceError(f"{asked}: expected 200, found 403. Check the plan.", final=True)
        if mode == "rejected":
            raise AuthenticationError(f"{asked}: expected 200, found 401. Check {self.api.key_setting}.")
        if mode == "no-season" and source in COMPETITIONS:
            raise NotFoundError(f"{asked}: expected 200, found 404.")
        return _reply(self._orders(parameters, mode) if source == "orders" else self._matches(path, parameters, mode))

    def _matches(self, path: str, parameters: Mapping[str, str], mode: Mode) -> dict[str, object]:
        competition = path.split("/")[1]
        if not path.endswith("/matches"):
            season = {"startDate": "2025-08-01", "endDate": "2026-05-31"}
            return {"code": competition, "seasons": [season], "currentSeason": season}
        matches = [
            self._world.match(competition, record)
            for day in _between(parameters["dateFrom"], parameters["dateTo"])
            for record in self._world.visible(competition, day)
        ]
        if mode == "nothing":
            matches = []
        answer: dict[str, object] = {"matches": matches, "resultSet": {"count": len(matches)}}
        if mode == "wrong":
            return self._random.choice(
                [{"matches": matches}, answer | {"resultSet": {"count": len(matches) + 1}}, {"message": "moved"}]
            )
        return answer

    def _orders(self, parameters: Mapping[str, str], mode: Mode) -> dict[str, object]:
        last = date.fromisoformat(parameters["to"][:10]) - timedelta(days=1)
        orders = [
            self._world.order(record)
            for day in _between(parameters["from"][:10], str(last))
            for record in self._world.visible("orders", day)
        ]
        start = int(parameters.get("cursor", "0"))
        page: dict[str, object] = {
            "orders": [] if mode == "nothing" else orders[start : start + _PER_PAGE],
            "next_cursor": str(start + _PER_PAGE) if mode != "nothing" and start + _PER_PAGE < len(orders) else None,
        }
        if mode == "wrong":
            return self._random.choice(
                [{"orders": "many"}, {"message": "moved"}, page | {"orders": [{"id": 1}, {"id": 2}]}]
            )
        return page


def _between(first: str, last: str) -> list[date]:
    return [day for day in DAYS if first <= str(day) <= last]


def _reply(value: dict[str, object]) -> Reply:
    body = json.dumps(value).encode()
    return Reply(value, body, {}, body)


@lru_cache
def settings_of(
    *, has_matches: bool = True, has_orders: bool = True, has_sales: bool = True, allows_mock: bool = True
) -> Settings:
    """Return the settings of a run."""
    return Settings(
        _env_file=None,
        football_api_key=SecretStr("0123456789abcdef") if has_matches else None,
        football_competitions=tuple(COMPETITIONS),
        dominos_api_key=SecretStr("0123456789abcdef") if has_orders else None,
        orders_files=None,
        retailer_1_url=HttpUrl("http://127.0.0.1:9") if has_sales else None,
        retailer_1_api_key=SecretStr("0123456789abcdef"),
        retail_mock_lines_per_day=3,
        pizza_allow_mock=allows_mock,
        pizza_start_date=DAYS[0],
        analysis_window_days=14,
        mock_orders_per_store_day=0.05,
        daily_refresh_time_zone="UTC",
        clubs_file=None,
        focus_teams=(),
    )
