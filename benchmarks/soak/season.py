"""A football API on loopback that plays a season, and answers a third of its requests with a fault.

The season is made by ``football/mock``, so that the soak needs no real data; a server that replays a real one takes
its place with --url.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from pizza_assets.football.mock import mock_matches
from pizza_assets.settings import Settings
from pizza_assets_tests.platform.fake_api import Answer, FakeApi, Request, envelope, july_to_june, match, score

FAULTS: Sequence[Answer] = (
    Answer(429, {"message": "You reached your request limit. Wait 1 seconds."}, {"retry-after": "1"}),
    Answer(500),
    Answer(503, {"message": "down"}),
    Answer(fault="reset"),
    Answer(body={"matches": [1, 2, 3]}, fault="truncated"),
    Answer(body=b"<html>Bad gateway</html>", headers={"content-type": "text/html"}),
)


def _as_api(row: Mapping[str, Any], number: int) -> dict[str, object]:
    goals = row["home_score"], row["away_score"]
    return match(
        number,
        row["timestamp"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        homeTeam={"id": 1, "name": row["home_team"], "shortName": row["home_team"], "tla": None, "crest": None},
        awayTeam={"id": 2, "name": row["away_team"], "shortName": row["away_team"], "tla": None, "crest": None},
        score=score(*(int(goal) for goal in goals)),
    )


class Season:
    """Answers for the days that are asked for; while ``is_down`` with nothing but faults."""

    def __init__(self, first: date, last: date, seed: int) -> None:
        self._random = random.Random(seed)
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        rows = [row for day in days for row in mock_matches(day, Settings.load()).to_dict("records")]
        self._matches = [_as_api(row, number) for number, row in enumerate(rows, 1)]
        self.is_down = False
        self.asked = self.faults = 0

    def answer(self, request: Request) -> Answer:
        """Return the matches, or a fault."""
        self.asked += 1
        if self.is_down or self._random.random() < 1 / 3:
            self.faults += 1
            return FAULTS[2] if self.is_down else FAULTS[self.faults % len(FAULTS)]
        first, last = request.query["dateFrom"], request.query["dateTo"]
        return Answer(body=envelope(*(found for found in self._matches if first <= str(found["utcDate"])[:10] <= last)))

    def played_by(self, server: FakeApi) -> FakeApi:
        """Let a server answer with this season."""
        server.follows(self.answer).competition = lambda request: FAULTS[2] if self.is_down else july_to_june(request)
        return server
