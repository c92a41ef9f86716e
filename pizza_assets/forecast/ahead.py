"""Fixtures ahead: the matches of the days after a day, as they are known on it.

Belongs here: from what the collector gives for each day to one list as of a day. Does not belong here: asking the
source (``orders.collect``), the forecast.

A list is real where the source tells of one of its days; days that it does not tell of are named as unknown. Where a
real source is set up and tells of none, the newest earlier real list stands in; mock fixtures do only where no real
source is set up.
"""

from collections.abc import Mapping
from datetime import date, timedelta

import pandas as pd

from pizza_assets.analysis.forecast import HORIZON_DAYS, as_scheduled
from pizza_assets.contracts import FOOTBALL_MATCHES, empty
from pizza_assets.lake.tables import Day

#: The fact that names the days whose fixtures are not known, and the one that says from which day a list is.
UNKNOWN_DAYS, LIST_OF = "unknown-days", "list-of"

Given = Mapping[date, tuple[str, pd.DataFrame, str]]


def days_ahead(day: date) -> list[date]:
    """Return the days of the horizon after a day."""
    return [day + timedelta(days=n) for n in range(1, HORIZON_DAYS + 1)]


def fixtures_of(day: date, given: Given, earlier: tuple[date, pd.DataFrame] | None, *, is_set_up: bool) -> Day:
    """Return the fixtures ahead of a day.

    Parameters
    ----------
    given
        By day: data source, FOOTBALL_MATCHES rows, and the reason why they are mock, or an empty text.
    earlier
        The newest earlier real list, with its day; None where there is none.
    is_set_up
        Whether a real source of matches is set up.
    """
    ahead = [of for of in days_ahead(day) if of in given]
    real = [of for of in ahead if given[of][0] == "real"]
    unknown = [of for of in days_ahead(day) if of not in real]
    facts: dict[str, object] = {}
    if real:
        frames = [given[of][1] for of in real]
    elif not is_set_up:
        return Day(_one_list([given[of][1] for of in ahead]), "mock")
    else:
        facts["reason"] = next((given[of][2] for of in ahead if given[of][2]), "the source tells of none of the days")
        frames = []
        if earlier is not None:
            until = earlier[0] + timedelta(days=HORIZON_DAYS)
            facts[LIST_OF] = earlier[0].isoformat()
            kept = earlier[1]
            frames = [kept[kept["timestamp"] >= pd.Timestamp(day + timedelta(days=1), tz="UTC")]]
            unknown = [of for of in days_ahead(day) if of > until]
    if unknown:
        facts[UNKNOWN_DAYS] = f"{unknown[0]} to {unknown[-1]}" if len(unknown) > 1 else str(unknown[0])
    return Day(_one_list(frames), "real", facts=facts)


def _one_list(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the fixtures together without results; of a match on several days the last one counts."""
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return empty(FOOTBALL_MATCHES)
    together = pd.concat(filled, ignore_index=True).sort_values("timestamp", kind="stable")
    off = together["status"].isin(["POSTPONED", "CANCELLED"])
    # A match that was moved is listed under both its days; the day that it is played on counts.
    ordered = pd.concat([together[off], together[~off]])
    return as_scheduled(
        ordered.drop_duplicates("match_id", keep="last").sort_values("timestamp").reset_index(drop=True)
    )
