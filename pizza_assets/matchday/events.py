"""Matches to events: every goal whose minute is known, and each team's result.

Belongs here: what happened in a match, and when. Does not belong here: what it did to orders.
"""

import pandas as pd

from pizza_assets import contracts
from pizza_assets.contracts.matches import PLAYED

#: A half lasts 45 minutes and the break 15 (Laws of the Game, 7). Stoppage time is not known.
_HALF, _BREAK = 45, pd.Timedelta(minutes=15)
#: The final whistle, counted from kick-off, by how the match was decided; stoppage time is a rough 5 min.
_END = {
    "REGULAR": pd.Timedelta(minutes=110),
    "EXTRA_TIME": pd.Timedelta(minutes=145),
    "PENALTY_SHOOTOUT": pd.Timedelta(minutes=160),
}
_AWAY_RESULT = {"win": "loss", "loss": "win", "draw": "draw"}


def played(matches: pd.DataFrame) -> pd.DataFrame:
    """Return the matches of FOOTBALL_MATCHES that were played out on the pitch and have a result."""
    return matches[(matches["status"] == PLAYED) & matches["event_type"].notna()]


def match_events(matches: pd.DataFrame) -> pd.DataFrame:
    """Return the MATCH_EVENTS of FOOTBALL_MATCHES, sorted by instant; both sides of every played match."""
    ended = played(matches)
    if ended.empty:
        return contracts.empty(contracts.MATCH_EVENTS)
    sides = [_side(ended, side) for side in ("home", "away")]
    events = pd.concat([*(_goals(side) for side in sides), *(_results(side) for side in sides)], ignore_index=True)
    events = contracts.conform(events, contracts.MATCH_EVENTS)
    return events.sort_values(["timestamp", "event_id"], ignore_index=True)


def _side(ended: pd.DataFrame, side: str) -> pd.DataFrame:
    """Return the matches as one side sees them, with ``minutes`` of its goals and its ``result``."""
    result = ended["event_type"]
    return pd.DataFrame(
        {
            "match_id": ended["match_id"],
            "side": side,
            "kick_off_at": ended["timestamp"],
            "duration": ended["duration"],
            "team": ended[f"{side}_team"],
            "city": ended[f"{side}_city"],
            "match_significance": ended["match_significance"],
            "data_source": ended["data_source"],
            "minutes": ended[f"{side}_goal_minutes"].astype(object),
            "result": result if side == "home" else result.map(_AWAY_RESULT),
        }
    )


def _goals(side: pd.DataFrame) -> pd.DataFrame:
    goals = side.explode("minutes", ignore_index=True).dropna(subset="minutes")
    minute = goals["minutes"].astype("int64")
    number = (goals.groupby("match_id").cumcount() + 1).astype(str)
    return goals.assign(
        event_id=goals["match_id"] + ":" + goals["side"] + ":" + number,
        timestamp=goals["kick_off_at"] + pd.to_timedelta(minute, unit="min") + _BREAK * (minute > _HALF).astype(int),
        minute=minute.astype("Int64"),
        event_type="goal",
    )


def _results(side: pd.DataFrame) -> pd.DataFrame:
    end = side["duration"].map(_END).fillna(_END["REGULAR"])
    return side.assign(
        event_id=side["match_id"] + ":" + side["side"] + ":result",
        timestamp=side["kick_off_at"] + end,
        minute=pd.array([pd.NA] * len(side), dtype="Int64"),
        event_type=side["result"],
    )
