"""A match as a typed record."""

from typing import Annotated, ClassVar, Literal

import pandera.pandas as pa
from pydantic import Field

from pizza_assets.football.contract import FOOTBALL_MATCHES
from pizza_assets.platform.columns import Source
from pizza_assets.platform.models import Instant, Record

Text = Annotated[str, Field(min_length=1)]
Goals = Annotated[int, Field(ge=0)]


class FootballMatch(Record):
    """A football match: a row of FOOTBALL_MATCHES. Scores and `event_type` (home side) are null before the end."""

    contract: ClassVar[pa.DataFrameSchema] = FOOTBALL_MATCHES

    match_id: Text
    timestamp: Instant
    home_team: Text
    away_team: Text
    home_score: Goals | None
    away_score: Goals | None
    event_type: Literal["win", "loss", "draw"] | None
    match_significance: Literal["regular", "tournament", "final"]
    data_source: Source
    competition: Text
    stage: Text
    status: Text
    duration: Text = "REGULAR"
    home_half_time_score: Goals | None = None
    away_half_time_score: Goals | None = None
    home_city: Text = "unknown"
    away_city: Text = "unknown"
    home_goal_minutes: tuple[int, ...] | None = None
    away_goal_minutes: tuple[int, ...] | None = None
    home_team_id: Text | None = None
    away_team_id: Text | None = None
