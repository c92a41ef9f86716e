"""Small frames that keep their contracts, for examples and property tests."""

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from pizza_assets import contracts
from pizza_assets.platform.columns import Source

Goals = tuple[int, int]


def orders_frame(
    times: Sequence[datetime], cities: Sequence[str], *, source: Source = "real", prefix: str = "o"
) -> pd.DataFrame:
    """Orders at these UTC times in these cities, one pizza for 10.50 each."""
    count = len(times)
    frame = pd.DataFrame(
        {
            "order_id": [f"{prefix}{number}" for number in range(count)],
            "timestamp": pd.to_datetime(list(times), utc=True),
            "location": [f"{city} store 1" for city in cities],
            "order_total": 10.5,
            "pizza_types": [["Margherita"]] * count,
            "quantity": 1,
            "data_source": source,
            "city": list(cities),
            "currency": "GBP",
        }
    )
    return contracts.conform(frame, contracts.DOMINOS_ORDERS)


def match_row(
    match_id: str,
    kick_off: datetime,
    cities: tuple[str, str] = ("Liverpool", "Manchester"),
    score: Goals | None = (2, 1),
    **changes: object,
) -> dict[str, object]:
    """One match; without a score it is not played yet."""
    result = None if score is None else "win" if score[0] > score[1] else "loss" if score[0] < score[1] else "draw"
    return {
        "match_id": match_id,
        "timestamp": kick_off,
        "home_team": f"{cities[0]} FC",
        "away_team": f"{cities[1]} FC",
        "home_score": score[0] if score else None,
        "away_score": score[1] if score else None,
        "event_type": result,
        "match_significance": "regular",
        "data_source": "real",
        "competition": "PL",
        "stage": "REGULAR_SEASON",
        "status": "FINISHED" if score else "TIMED",
        "duration": "REGULAR",
        "home_half_time_score": 0 if score else None,
        "away_half_time_score": 0 if score else None,
        "home_city": cities[0],
        "away_city": cities[1],
        "home_goal_minutes": None,
        "away_goal_minutes": None,
        "home_team_id": None,
        "away_team_id": None,
        **changes,
    }


def matches_frame(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    """Matches that keep their contract."""
    if not rows:
        return contracts.empty(contracts.FOOTBALL_MATCHES)
    frame = pd.DataFrame(rows)
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True)
    return contracts.conform(frame, contracts.FOOTBALL_MATCHES)
