"""Kick-offs: times, fixtures and scores that football can have.

Belongs here: what the laws of the game and a team's legs allow. Does not belong here: the contract of a match.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from pizza_assets.football.contract import UNTIMED
from pizza_assets.lake.tables import Day
from pizza_assets.platform.quality.results import Background, DayResult, Status
from pizza_assets.platform.quality.sources import CompetitionsKnown
from pizza_assets.reference import cities

#: Two kick-offs of a team are at least so far apart (the FA's fixture lists leave it two days).
_REST_HOURS = 48
REST = pd.Timedelta(hours=_REST_HOURS)
#: Local hours in which matches kick off.
FIRST_HOUR, LAST_HOUR = 10, 22
#: More goals for one side than any first-class match of the last century had in regular play.
MOST_GOALS = 15
#: A match in one of these will not be played at the time it names, or has none yet.
_NOT_AT_THIS_TIME = ("SCHEDULED", "POSTPONED", "CANCELLED", "SUSPENDED", *UNTIMED.values())
_COLUMNS = (
    *("match_id", "timestamp", "home_team", "away_team", "home_score", "away_score", "status", "data_source"),
    *("home_half_time_score", "away_half_time_score", "home_city"),
)


def problems(matches: pd.DataFrame) -> "pd.Series[str]":
    """Return what is implausible about each match, as a sentence; matches without anything are not there.

    Parameters
    ----------
    matches
        FOOTBALL_MATCHES of one source, those of the two days before among them.
    """
    at_time = ~matches["status"].isin(_NOT_AT_THIS_TIME).to_numpy()
    hours = _local_hours(matches)
    is_odd = at_time & np.isfinite(hours) & ((hours < FIRST_HOUR) | (hours > LAST_HOUR))
    texts = [np.where(is_odd, [f"kicks off at {hour:.0f} h local time" for hour in hours], "")]
    for side in ("home", "away"):
        score, half = (matches[name].to_numpy(float, na_value=np.nan) for name in (f"{side}_score", _half(side)))
        texts.append(np.where(score > MOST_GOALS, f"more than {MOST_GOALS} {side} goals", ""))
        texts.append(np.where(half > score, f"more {side} goals at half-time than at the end", ""))
        texts.append(_too_soon(matches, at_time, side))
    found = pd.Series(["; ".join(filter(None, of_match)) for of_match in zip(*texts, strict=True)], matches.index)
    names = matches["home_team"] + " - " + matches["away_team"] + ": "
    return (names + found)[found != ""]


def _half(side: str) -> str:
    return f"{side}_half_time_score"


def _local_hours(matches: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the hour of kick-off in the home team's city; NaN where we do not know its time zone."""
    zones = matches["home_city"].map(lambda name: cities()[name].time_zone if name in cities() else None)
    hours = np.full(len(matches), np.nan)
    for zone in zones.dropna().unique():
        of_zone = (zones == zone).to_numpy()
        hours[of_zone] = matches["timestamp"][of_zone].dt.tz_convert(zone).dt.hour
    return hours


def _too_soon(matches: pd.DataFrame, at_time: npt.NDArray[np.bool_], side: str) -> npt.NDArray[np.str_]:
    """Return, for each match, a sentence when the team of that side kicked off less than ``REST`` before."""
    row = np.arange(len(matches))
    sides = [
        pd.DataFrame(
            {"row": row, "side": each, "at": matches["timestamp"].array, "team": matches[f"{each}_team"].array}
        )
        for each in ("home", "away")
    ]
    teams = pd.concat([of_side[at_time] for of_side in sides]).sort_values("at", kind="stable")
    soon = teams[(teams.groupby("team")["at"].diff() < REST) & (teams["side"] == side)]
    texts = np.full(len(matches), "", dtype=object)
    texts[soon["row"]] = soon["team"] + f" kicked off less than {_REST_HOURS} h before"
    return texts


@dataclass(frozen=True)
class KickOffsPlausible:
    """Every match could have been played as it is told."""

    name: str = "kick_offs_plausible"
    description: str = (
        f"No team kicks off twice within 48 h, none between {LAST_HOUR + 1} h and {FIRST_HOUR} h local time, no side "
        f"scores more than {MOST_GOALS}, and none loses goals after half-time. What is implausible warns."
    )
    is_blocking: bool = False

    def measure(self, day: date, content: Day) -> pd.DataFrame:
        """Return what the day's matches are judged by."""
        del day
        return content.frame[list(_COLUMNS)]

    def judge(self, measured: Mapping[date, pd.DataFrame], background: Background) -> Sequence[DayResult]:
        """Judge the matches of all days together with those of the two days before."""
        days = {day: frame for day, frame in measured.items() if len(frame)}
        if not days:
            return [DayResult(day, figures={"matches": 0, "implausible": 0}) for day in measured]
        all_days = pd.concat({**background.earlier(2, _COLUMNS), **days}, names=["day"])
        found = pd.concat([problems(of_source) for _, of_source in all_days.groupby("data_source", sort=False)])
        return [_judged(day, len(frame), found) for day, frame in measured.items()]


def _judged(day: date, matches: int, found: "pd.Series[str]") -> DayResult:
    texts = found[found.index.get_level_values("day") == day].tolist()
    status: Status = "warn" if texts else "passed"
    return DayResult(day, status, ". ".join(texts), {"matches": matches, "implausible": len(texts)})


#: The checks of matches, beside those of everything that is collected.
CHECKS = (CompetitionsKnown(), KickOffsPlausible())
