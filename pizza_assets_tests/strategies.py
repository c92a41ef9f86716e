"""Hypothesis strategies for orders and matches that keep their contracts."""

from datetime import UTC, date, datetime, timedelta

import pandas as pd
from hypothesis import strategies as st

from pizza_assets.football.contract import SIGNIFICANCES
from pizza_assets.platform.columns import SOURCES, Source
from pizza_assets_tests.frames import match_row, matches_frame, orders_frame

CITIES = ("Liverpool", "Manchester", "London", "Bristol", "unknown")
#: Days around both clock changes, a leap day and a turn of the year are as likely as any other.
DAYS = st.one_of(
    st.sampled_from([date(2024, 2, 29), date(2024, 3, 31), date(2024, 10, 27), date(2024, 12, 31)]),
    st.dates(date(2023, 8, 2), date(2026, 5, 31)),
)
sources = st.sampled_from(SOURCES)


@st.composite
def orders_of_day(
    draw: st.DrawFn, day: date | None = None, source: Source | None = None, most: int = 30
) -> pd.DataFrame:
    """Orders of one UTC day, sorted by time, of one source."""
    day = day or draw(DAYS)
    seconds = sorted(draw(st.lists(st.integers(0, 86_399), max_size=most)))
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    cities = draw(st.lists(st.sampled_from(CITIES), min_size=len(seconds), max_size=len(seconds)))
    times = [midnight + timedelta(seconds=second) for second in seconds]
    return orders_frame(times, cities, source=source or draw(sources), prefix=f"{day:%Y%m%d}-")


@st.composite
def matches_around(
    draw: st.DrawFn,
    day: date,
    source: Source | None = None,
    least: int = 0,
    minutes: st.SearchStrategy[int] = st.integers(-24 * 60, 48 * 60 - 1),  # noqa: B008 it holds no state
) -> pd.DataFrame:
    """Matches that kick off from the day before `day` to the day after it, of one source, played or not.

    `minutes` draws the kick-offs, from midnight of `day`.
    """
    source = source or draw(sources)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = []
    for number in range(draw(st.integers(least, 4))):
        kick_off = midnight + timedelta(minutes=draw(minutes))
        score = draw(st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9)))
        rows.append(
            match_row(
                f"{source}-{number}",
                kick_off,
                (draw(st.sampled_from(CITIES)), draw(st.sampled_from(CITIES))),
                score,
                data_source=source,
                match_significance=draw(st.sampled_from(SIGNIFICANCES)),
                duration=draw(st.sampled_from(["REGULAR", "EXTRA_TIME", "PENALTY_SHOOTOUT"])),
            )
        )
    return matches_frame(rows)
