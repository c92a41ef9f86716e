"""Matches to events: every goal whose minute is known, and each team's result.

Belongs here: what happened in a match, and when. Does not belong here: what it did to orders.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pandas as pd
import pyarrow

from pizza_assets import contracts
from pizza_assets.football.contract import PLAYED

#: A half lasts 45 minutes and the break 15 (Laws of the Game, 7). Stoppage time is not known.
_HALF, _BREAK = 45, 15
#: Minutes from kick-off to the final whistle, by how the match was decided; stoppage time is a rough 5 min.
_END = {"REGULAR": 110, "EXTRA_TIME": 145, "PENALTY_SHOOTOUT": 160}
#: The result as each side sees it, by the home side's.
_RESULTS = {
    "home": {"win": "win", "loss": "loss", "draw": "draw"},
    "away": {"win": "loss", "loss": "win", "draw": "draw"},
}


def played(matches: pd.DataFrame) -> pd.DataFrame:
    """Return the matches of FOOTBALL_MATCHES that were played out on the pitch and have a result."""
    return matches[(matches["status"] == PLAYED) & matches["event_type"].notna()]


def match_events(matches: pd.DataFrame) -> pd.DataFrame:
    """Return the MATCH_EVENTS of FOOTBALL_MATCHES, sorted by instant; both sides of every played match."""
    ended = played(matches)
    if ended.empty:
        return contracts.empty(contracts.MATCH_EVENTS)
    # A day has few matches: their records are quicker to go through than frames to build.
    records = contracts.to_arrow(ended, contracts.FOOTBALL_MATCHES).to_pylist()
    events = [event for match in records for side in _RESULTS for event in _events_of(match, side)]
    table = pyarrow.Table.from_pylist(events, contracts.arrow_schema(contracts.MATCH_EVENTS))
    table = table.sort_by([("timestamp", "ascending"), ("event_id", "ascending")])
    return contracts.from_arrow(table, contracts.MATCH_EVENTS)


def _events_of(match: Mapping[str, Any], side: str) -> Iterator[dict[str, Any]]:
    """Yield the goals and the result of one side."""
    shared = {name: match[name] for name in ("match_id", "match_significance", "data_source")}
    shared |= {name: match[f"{side}_{name}"] for name in ("team", "city")}

    def event(name: str, event_type: str, minutes_from_kick_off: int, minute: int | None = None) -> dict[str, Any]:
        return shared | {
            "event_id": f"{match['match_id']}:{side}:{name}",
            "timestamp": match["timestamp"] + timedelta(minutes=minutes_from_kick_off),
            "minute": minute,
            "event_type": event_type,
        }

    for number, minute in enumerate(match[f"{side}_goal_minutes"] or (), start=1):
        yield event(str(number), "goal", minute + _BREAK * (minute > _HALF), minute)
    yield event("result", _RESULTS[side][match["event_type"]], _END.get(match["duration"], _END["REGULAR"]))
