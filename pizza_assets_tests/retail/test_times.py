from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.retail.times import local_time, seconds_since_1970, time_with_offset

LONDON = ZoneInfo("Europe/London")
#: Around both clock changes of 2024, and at any other time.
INSTANTS = st.one_of(
    st.integers(-10_000, 10_000).map(lambda s: datetime(2024, 3, 31, 1, tzinfo=UTC) + timedelta(seconds=s)),
    st.integers(-10_000, 10_000).map(lambda s: datetime(2024, 10, 27, 1, tzinfo=UTC) + timedelta(seconds=s)),
    st.integers(0, 86_400 * 3650).map(lambda s: datetime(2015, 1, 1, tzinfo=UTC) + timedelta(seconds=s)),
)


def read(instants: pd.Series) -> list[datetime | None]:
    assert str(instants.dtype) == "datetime64[us, UTC]"
    return [None if pd.isna(instant) else instant.to_pydatetime() for instant in instants]


@given(st.lists(INSTANTS))
def test_instants_come_back_from_seconds_and_from_offsets(instants: list[datetime]) -> None:
    assert read(seconds_since_1970([int(instant.timestamp()) for instant in instants])[0]) == instants
    local = [instant.astimezone(LONDON).isoformat() for instant in instants]
    assert read(time_with_offset(local)[0]) == instants


@given(st.lists(INSTANTS))
def test_instants_come_back_from_wall_clocks_except_in_the_second_of_two_equal_hours(instants: list[datetime]) -> None:
    local = [instant.astimezone(LONDON) for instant in instants]
    expected = [instant - timedelta(hours=wall.fold) for instant, wall in zip(instants, local, strict=True)]
    walls = [wall.replace(tzinfo=None).isoformat() for wall in local]
    assert read(local_time(walls, "Europe/London")[0]) == expected


def test_an_hour_that_the_clock_skips_is_rejected() -> None:
    instants, expected = local_time(["2024-03-31T01:30:00", "2024-03-31T02:00:00"], "Europe/London")
    assert read(instants) == [None, datetime(2024, 3, 31, 1, tzinfo=UTC)]
    assert expected[0] == "a time that Europe/London has (its clocks went forward over this one)"


@pytest.mark.parametrize("cell", [None, True, 1714561391.5, "1714561391", -1, 10**12, [1714561391]])
def test_what_is_no_second_since_1970_is_rejected(cell: object) -> None:
    instants, expected = seconds_since_1970([cell])
    assert read(instants) == [None]
    assert expected[0] == "whole seconds since 1970, in the years 1992 to 2037"


@pytest.mark.parametrize("cell", [None, 1714561391, "yesterday", "2024-05-01T12:00:00", "2024-13-01T12:00:00Z", {}])
def test_what_has_no_offset_or_is_no_time_is_rejected(cell: object) -> None:
    assert read(time_with_offset([cell])[0]) == [None]
