"""Time windows around kick-off, and the units that we count orders for.

Belongs here: which matches count, which city and kick-off they make a unit of, where its windows lie.
Does not belong here: orders.

A unit is a city and a kick-off: matches of one city at one kick-off are one unit. Windows are half-open and
snapped to the grid of 15-minute bins: a kick-off at an odd minute goes to the nearest bin, and kick-offs of one
bin are one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pizza_assets.football.contract import BEGUN, PLAYED, SIGNIFICANCES, UNTIMED
from pizza_assets.reference import UNKNOWN_CITY, cities, country_of_nation

BIN_MINUTES = 15
BINS_PER_HOUR = 60 // BIN_MINUTES
BINS_PER_DAY = 24 * BINS_PER_HOUR
_BIN_US = BIN_MINUTES * 60 * 1_000_000

#: Hours from kick-off at which each window starts and ends. Extra time adds 30 min to 'during', and shifts 'post'.
WINDOW_HOURS = {"pre_match": (-2, 0), "during_match": (0, 2), "post_match": (2, 4), "day": (0, 24)}
#: The hours around kick-off that another match must keep out of, and that the baseline is not fitted on.
SPAN_HOURS = (-2, 4)
_EXTRA_TIME_BINS = 2
#: Whether extra time moves a window's start and its end.
_MOVED_BY_EXTRA_TIME = {"pre_match": (0, 0), "during_match": (0, 1), "post_match": (1, 1), "day": (0, 0)}
#: A match with one of these statuses was not played at its time, so people did not order because of it.
NOT_PLAYED_AT_ALL = ("POSTPONED", "CANCELLED", "AWARDED")
#: Why matches of national teams whose countries sell nothing do not count.
NATIONAL_TEAMS = "national teams"
#: Factors that a unit's outcome is described by, and whether they are 0/1 by nature.
OUTCOMES = {"goals": False, "margin": False, "win": True, "loss": True, "draw": True, "significance": False}


@dataclass(frozen=True)
class Matches:
    """The matches that count, as units.

    Attributes
    ----------
    units
        One row per city and kick-off, by kick-off: city, kick_off_at, kick_off_bin (15-minute bins since
        1970, UTC), extra_time, match_ids, match_significance, competition, data_source, and one
        float column per outcome: goals and margin are means over the unit's matches; win, loss and draw are
        0 or 1, and NaN where the city's teams fared differently.
    memberships
        One row per unit and scope: unit (row number in `units`), scope ('team:...', 'competition:...',
        'significance:...').
    spans
        One row per city and kick-off whose hours are kept out of the baseline: the units, and matches that
        may have been played but whose result we do not know: all day where their time is not known. A match of a
        national team is one in every city of its country. Columns city, kick_off_bin, extra_time, data_source.
    national
        One row per national team's match that was played and the team's country: match_id, country, team, competition,
        stage, kick_off_bin, extra_time, data_source.
    perhaps
        Matches that may have been played but whose result we do not know; those of which only the day is known with
        kick-offs at all its hours. Columns of FOOTBALL_MATCHES.
    played
        The matches behind the units, once each, and the others that were played.
    ignored
        The rows that do not count: match_id, kick_off_bin, reason. Those of national teams do where their countries
        sell.
    unknown_days
        Days (since 1970, UTC) of which not all matches are known: none of their hours counts as free of matches.
    """

    units: pd.DataFrame
    memberships: pd.DataFrame
    spans: pd.DataFrame
    national: pd.DataFrame
    perhaps: pd.DataFrame
    played: pd.DataFrame
    ignored: pd.DataFrame
    unknown_days: NDArray[np.int64]


def bins_of(instants: pd.Series) -> NDArray[np.int64]:
    """Return instants as numbers of the nearest 15-minute bin since 1970 (UTC)."""
    microseconds = instants.dt.tz_convert("UTC").dt.as_unit("us").dt.tz_localize(None).to_numpy().astype(np.int64)
    result: NDArray[np.int64] = (microseconds + _BIN_US // 2) // _BIN_US
    return result


def select_matches(matches: pd.DataFrame, unknown_days: Collection[date] = ()) -> Matches:
    """Turn FOOTBALL_MATCHES rows into units; on `unknown_days` (UTC) there may have been others.

    A team is known by its source's number, where there is one, and named as it was at its last kick-off.
    Only finished matches with a score count. Of several rows with one `match_id` (a postponed match, stored
    under both days) the finished one with the latest kick-off counts.
    """
    matches = _with_newest_names(matches)
    is_played = (matches["status"] == PLAYED) & matches["home_score"].notna() & matches["away_score"].notna()
    by_kick_off = matches[is_played].sort_values(["timestamp", "match_id"], kind="stable")
    played = by_kick_off.drop_duplicates("match_id", keep="last").reset_index(drop=True)
    is_again = by_kick_off.duplicated("match_id", keep="last")
    # One that was begun and later played again was watched on both days.
    is_told = matches["match_id"].isin(played["match_id"]) & ~matches["status"].isin(BEGUN)
    perhaps = ~is_played & ~matches["status"].isin(NOT_PLAYED_AT_ALL) & ~is_told
    possible = _at_all_hours(matches[perhaps])
    known = pd.concat([played, possible], ignore_index=True)
    national = _national_sides(known)
    spans = pd.concat([_sides(known), national.merge(cities_of_countries(), on="country")], ignore_index=True)
    sides = _sides(played)
    no_city = played[~played["match_id"].isin(sides["match_id"])]
    is_national = no_city["match_id"].isin(national["match_id"])
    unplayed = matches[~is_played]
    reasons = ("status " + unplayed["status"]).mask(unplayed["status"] == PLAYED, "no score")
    reasons = reasons.mask(unplayed["status"].isin(UNTIMED.values()), "kick-off time not known")
    ignored = [
        unplayed.assign(reason=reasons),
        by_kick_off[is_again].assign(reason="listed twice"),
        no_city.assign(reason=np.where(is_national, NATIONAL_TEAMS, "no known city")),
    ]
    units, unit_of_side = _units(sides)
    return Matches(
        units=units,
        memberships=_memberships(sides, unit_of_side),
        spans=spans.groupby(["city", "kick_off_bin", "data_source"])[["extra_time"]].any().reset_index(),
        national=national[national["match_id"].isin(played["match_id"])],
        perhaps=possible,
        played=played,
        ignored=pd.concat([_reasons(frame) for frame in ignored], ignore_index=True),
        unknown_days=np.array(sorted(unknown_days), dtype="datetime64[D]").astype(np.int64),
    )


#: Kick-offs whose spans together are a day and the hours after a late match, in hours from local midnight.
_ALL_HOURS = (2, 8, 14, 20, 22)


def _at_all_hours(matches: pd.DataFrame) -> pd.DataFrame:
    """Return the matches, each of which only the day is known with kick-offs at all hours of the home city's day."""
    is_untimed = matches["status"].isin(UNTIMED.values())
    if not is_untimed.any():
        return matches
    untimed, known = matches[is_untimed], cities()
    days = untimed["timestamp"].dt.tz_localize(None).dt.normalize()
    zones = untimed["home_city"].map(lambda city: known[city].time_zone if city in known else "UTC")
    midnights = pd.Series(
        [
            day.tz_localize(zone, ambiguous=True, nonexistent="shift_forward").tz_convert("UTC")
            for day, zone in zip(days, zones, strict=True)
        ],
        untimed.index,
    ).astype(matches["timestamp"].dtype)
    copies = [untimed.assign(timestamp=midnights + pd.Timedelta(hours=hours)) for hours in _ALL_HOURS]
    return pd.concat([matches[~is_untimed], *copies])


def _with_newest_names(matches: pd.DataFrame) -> pd.DataFrame:
    """Return the matches with one name for each team of which the source's number is known, its newest."""
    sides = [matches.filter(["timestamp", f"{side}_team", f"{side}_team_id"]) for side in ("home", "away")]
    teams = pd.concat([side.set_axis(["timestamp", "name", "id"], axis="columns") for side in sides])
    known = teams[teams["id"].notna()].sort_values("timestamp", kind="stable")
    newest = known.drop_duplicates("id", keep="last").set_index("id")["name"]
    if len(known.drop_duplicates(["id", "name"])) == len(newest):
        return matches
    return matches.assign(
        **{
            f"{side}_team": matches[f"{side}_team_id"].map(newest).fillna(matches[f"{side}_team"])
            for side in ("home", "away")
        }
    )


def _reasons(matches: pd.DataFrame) -> pd.DataFrame:
    bins, reason = bins_of(matches["timestamp"]), matches["reason"].astype(str)
    return pd.DataFrame({"match_id": matches["match_id"], "kick_off_bin": bins, "reason": reason})


def _sides(matches: pd.DataFrame) -> pd.DataFrame:
    """Return one row per match and team whose city is known."""
    shared = ["match_id", "timestamp", "match_significance", "competition", "data_source"]
    sides = []
    for ours, theirs in (("home", "away"), ("away", "home")):
        side = matches[shared].assign(
            team=matches[f"{ours}_team"],
            city=matches[f"{ours}_city"],
            goals_for=matches[f"{ours}_score"].astype(float),
            goals_against=matches[f"{theirs}_score"].astype(float),
            extra_time=matches["duration"] != "REGULAR",
            kick_off_bin=bins_of(matches["timestamp"]),
        )
        sides.append(side[side["city"] != UNKNOWN_CITY])
    return pd.concat(sides, ignore_index=True).rename(columns={"timestamp": "kick_off_at"})


def _national_sides(matches: pd.DataFrame) -> pd.DataFrame:
    """Return one row per national team's match and its country."""
    sides = [
        pd.DataFrame(
            {
                "match_id": matches["match_id"],
                "country": matches[f"{side}_team"].map(country_of_nation).mask(matches[f"{side}_city"] != UNKNOWN_CITY),
                "team": matches[f"{side}_team"],
                "competition": matches["competition"],
                "stage": matches["stage"],
                "kick_off_bin": bins_of(matches["timestamp"]),
                "extra_time": matches["duration"] != "REGULAR",
                "data_source": matches["data_source"],
            }
        )
        for side in ("home", "away")
    ]
    national = pd.concat(sides, ignore_index=True)
    return national[national["country"].notna()].reset_index(drop=True)


def cities_of_countries() -> pd.DataFrame:
    """Return each city that is known, with its country: country, city."""
    return pd.DataFrame([(city.country, city.name) for city in cities().values()], columns=["country", "city"])


def _joined(values: pd.Series, groups: NDArray[np.int64]) -> list[str]:
    """Return each group's distinct values in order, separated by blanks."""
    distinct: dict[int, set[str]] = {group: set() for group in range(groups.max(initial=-1) + 1)}
    for group, value in zip(groups.tolist(), values.tolist(), strict=True):
        distinct[group].add(value)
    return [" ".join(sorted(of_group)) for of_group in distinct.values()]


def _units(sides: pd.DataFrame) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Group sides into units; also return the unit's row number of each side."""
    sides = sides.assign(
        rank=sides["match_significance"].map({name: i for i, name in enumerate(SIGNIFICANCES)}).astype(int),
        is_mock=sides["data_source"] == "mock",
        goals=sides["goals_for"] + sides["goals_against"],
        margin=(sides["goals_for"] - sides["goals_against"]).abs(),
        win=(sides["goals_for"] > sides["goals_against"]).astype(float),
        loss=(sides["goals_for"] < sides["goals_against"]).astype(float),
        draw=(sides["goals_for"] == sides["goals_against"]).astype(float),
    )
    groups = sides.groupby(["kick_off_bin", "city"], sort=True)
    units = groups.agg(
        kick_off_at=("kick_off_at", "min"),
        extra_time=("extra_time", "any"),
        significance=("rank", "max"),
        is_mock=("is_mock", "any"),
        goals=("goals", "mean"),
        margin=("margin", "mean"),
        **{name: (name, "mean") for name in ("win", "loss", "draw")},
    ).reset_index()
    unit_of_side: NDArray[np.int64] = groups.ngroup().to_numpy().astype(np.int64)
    units["match_ids"] = _joined(sides["match_id"], unit_of_side)
    units["competition"] = _joined(sides["competition"], unit_of_side)
    for name in ("win", "loss", "draw"):
        units[name] = units[name].where(units[name].isin([0, 1]))
    units["match_significance"] = np.asarray(SIGNIFICANCES)[units["significance"].to_numpy(dtype=int)]
    units["significance"] = units["significance"].astype(float)
    units["data_source"] = np.where(units["is_mock"], "mock", "real")
    units[["match_ids", "competition"]] = units[["match_ids", "competition"]].astype(str)
    return units.drop(columns="is_mock"), unit_of_side


def _memberships(sides: pd.DataFrame, unit_of_side: NDArray[np.int64]) -> pd.DataFrame:
    prefixes = {"team": "team", "competition": "competition", "significance": "match_significance"}
    rows = [
        pd.DataFrame({"unit": unit_of_side, "scope": prefix + ":" + sides[column].astype(str)})
        for prefix, column in prefixes.items()
    ]
    return pd.concat(rows, ignore_index=True).drop_duplicates(ignore_index=True)


def window_bins(units: pd.DataFrame, time_window: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first bin of each unit's window and the first bin after it (bins since 1970)."""
    start_hour, end_hour = WINDOW_HOURS[time_window]
    kick_off = units["kick_off_bin"].to_numpy(dtype=np.int64)
    extra = _EXTRA_TIME_BINS * units["extra_time"].to_numpy(dtype=np.int64)
    starts_later, ends_later = _MOVED_BY_EXTRA_TIME[time_window]
    start = kick_off + start_hour * BINS_PER_HOUR + starts_later * extra
    return start, kick_off + end_hour * BINS_PER_HOUR + ends_later * extra


@dataclass(frozen=True)
class Spans:
    """The spans of kick-offs in cities, one a city and kick-off, by city and kick-off.

    Attributes
    ----------
    city
        Row of the city in the grid.
    start, end
        First bin, and the first one after it (bins since 1970).
    """

    city: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    def overlapping(
        self, city: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Count the spans that each [start, end) of a city overlaps: those begun before its end, less those over."""
        begun = np.searchsorted(_in_city(self.city, self.start), _in_city(city, end))
        over = np.searchsorted(np.sort(_in_city(self.city, self.end)), _in_city(city, start), side="right")
        return begun - over


#: More bins than there are between 1970 and any day.
_CITY_STRIDE = 2**32


def _in_city(city: NDArray[np.int64], bins: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one number for a city and a bin, that sorts by city, then by bin."""
    return city * _CITY_STRIDE + bins


def spans_in(cities: Sequence[str], spans: pd.DataFrame) -> Spans:
    """Return the spans in `cities`; kick-offs of one city and bin are one, with extra time if any has it.

    Parameters
    ----------
    cities
        Cities by their rows in the grid.
    spans
        Columns city, kick_off_bin and extra_time.
    """
    row = pd.Index(cities).get_indexer(pd.Index(spans["city"])).astype(np.int64)
    start, end = (bins[row >= 0] for bins in span_bins(spans))
    place = _in_city(row[row >= 0], start)
    order = np.lexsort((-end, place))
    distinct = order[np.diff(place[order], prepend=-1) != 0]
    return Spans(row[row >= 0][distinct], start[distinct], end[distinct])


def span_bins(spans: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first bin of each span and the first bin after it (bins since 1970)."""
    kick_off = spans["kick_off_bin"].to_numpy(dtype=np.int64)
    extra = _EXTRA_TIME_BINS * spans["extra_time"].to_numpy(dtype=np.int64)
    return kick_off + SPAN_HOURS[0] * BINS_PER_HOUR, kick_off + SPAN_HOURS[1] * BINS_PER_HOUR + extra
