from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pandas as pd
from hypothesis import event, given
from hypothesis import strategies as st

from pizza_assets.analysis.alignment import align
from pizza_assets.contracts import MERGED_ORDERS, validate
from pizza_assets_tests.frames import match_row, matches_frame, orders_frame
from pizza_assets_tests.strategies import DAYS, matches_around, orders_of_day


def _by_hand(orders: pd.DataFrame, matches: pd.DataFrame) -> set[tuple[str, str, str]]:
    """Pair every order with every match, one by one, as the definition of the windows reads."""
    pairs = set()
    for order in orders.to_dict("records"):
        for match in matches.to_dict("records"):
            extra = timedelta(minutes=30 if match["duration"] != "REGULAR" else 0)
            offset = order["timestamp"] - match["timestamp"]
            if order["city"] == "unknown" or order["city"] not in (match["home_city"], match["away_city"]):
                continue
            for period, start, end in (
                ("pre_match", timedelta(hours=-2), timedelta(0)),
                ("during_match", timedelta(0), timedelta(hours=2) + extra),
                ("post_match", timedelta(hours=2) + extra, timedelta(hours=4) + extra),
            ):
                if start <= offset < end:
                    pairs.add((order["order_id"], match["match_id"], period))
    return pairs


#: Kick-offs (min from midnight) of which some window lies in the day.
_KICK_OFFS = st.integers(-4 * 60, 26 * 60)
#: Minutes from kick-off at which a window begins or ends.
_EDGES = (-120, 0, 120, 150, 240, 270)


@st.composite
def _orders_near(draw: st.DrawFn, day: date, matches: pd.DataFrame) -> pd.DataFrame:
    """Orders of a day, most of them in the cities and around the kick-offs of matches, many at an edge of a window."""
    orders = draw(orders_of_day(day, most=5))
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = [(row["timestamp"].to_pydatetime(), row["city"]) for row in orders.to_dict("records")]
    for match in matches.to_dict("records"):
        for _ in range(draw(st.integers(2, 8))):
            seconds = 60 * draw(st.sampled_from(_EDGES)) + draw(st.integers(-1, 1))
            if draw(st.booleans()):
                seconds = draw(st.integers(-3 * 3600, 5 * 3600))
            at = match["timestamp"].to_pydatetime() + timedelta(seconds=seconds)
            if midnight <= at < midnight + timedelta(days=1):
                rows.append((at, match[draw(st.sampled_from(["home_city", "away_city"]))]))
    rows.sort()
    return orders_frame([at for at, _ in rows], [city for _, city in rows])


def test_orders_meet_the_matches_around_them_and_no_others() -> None:
    met = Counter[bool]()

    # Feature: pizza-game-dashboard, Property 12: For any data merging operation, Domino's orders should be correctly
    # aligned with nearby football match events based on temporal proximity
    @given(st.data(), DAYS)
    def aligned(data: st.DataObject, day: date) -> None:
        matches = data.draw(matches_around(day, least=1, minutes=_KICK_OFFS))
        orders = data.draw(_orders_near(day, matches))
        merged = validate(align(orders, [matches], is_complete=True), MERGED_ORDERS)
        found = set(zip(merged["order_id"], merged["match_id"], merged["time_period"], strict=True))
        assert found == _by_hand(orders, matches)
        assert len(found) == len(merged)
        kick_offs = dict(zip(matches["match_id"], matches["timestamp"], strict=True))
        for row in merged.to_dict("records"):
            offset = row["timestamp"] - kick_offs[row["match_id"]]
            assert row["minutes_from_kick_off"] == offset.total_seconds() / 60
        met[bool(found)] += 1
        event(f"{len(found) // 5 * 5} pairs or more")

    aligned()
    assert met[True] > 0.5 * met.total(), "most examples have an order beside a match"


# Feature: pizza-game-dashboard, Property 12: For any data merging operation, Domino's orders should be correctly
# aligned with nearby football match events based on temporal proximity
@given(st.data(), DAYS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(data: st.DataObject, day: date, random: object) -> None:
    matches = data.draw(matches_around(day, least=1, minutes=_KICK_OFFS))
    orders = data.draw(_orders_near(day, matches))
    expected = align(orders, [matches], is_complete=False)
    seed = random.randint(0, 2**31)  # type: ignore[attr-defined] # a random.Random
    shuffled = orders.sample(frac=1, random_state=seed)
    halves = [matches.iloc[::2], matches.iloc[1::2]]
    pd.testing.assert_frame_equal(align(shuffled, halves, is_complete=False), expected)


def test_windows_are_half_open() -> None:
    kick_off = datetime(2024, 3, 31, 15, 30, tzinfo=UTC)
    offsets = [-120.001, -120, -0.001, 0, 119.99, 120, 239.99, 240]
    orders = orders_frame([kick_off + timedelta(minutes=offset) for offset in offsets], ["Liverpool"] * len(offsets))
    merged = align(orders, [matches_frame([match_row("m", kick_off)])], is_complete=True)
    assert list(zip(merged["order_id"], merged["time_period"], strict=True)) == [
        ("o1", "pre_match"),
        ("o2", "pre_match"),
        ("o3", "during_match"),
        ("o4", "during_match"),
        ("o5", "post_match"),
        ("o6", "post_match"),
    ]


def test_a_match_that_was_postponed_draws_no_orders() -> None:
    kick_off = datetime(2024, 3, 31, 15, 30, tzinfo=UTC)
    matches = matches_frame([match_row("m", kick_off, score=None, status="POSTPONED")])
    assert align(orders_frame([kick_off], ["Liverpool"]), [matches], is_complete=True).empty
