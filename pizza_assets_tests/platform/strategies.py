"""Hypothesis strategies for what APIs answer: good records, records gone wrong in any way, and faults."""

import copy
from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from pizza_assets_tests.platform.fake_api import Answer, envelope, match, order, page, score

SATURDAY = date(2024, 5, 4)

junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["half a pizza \ud83c", "2024-05-04T14:00:00", "2999-01-01T00:00:00Z", "NaN", "-1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def instants(first: date = SATURDAY, days: int = 2) -> st.SearchStrategy[str]:
    """Instants within `days` from `first`, as the APIs write them."""
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return st.integers(0, days * 86_400 - 1).map(lambda s: f"{start + timedelta(seconds=s):%Y-%m-%dT%H:%M:%SZ}")


@st.composite
def corrupted(draw: st.DrawFn, record: dict[str, object]) -> object:
    """Put junk in place of some values of `record`, at any depth, or take keys away."""
    broken = copy.deepcopy(record)
    for _ in range(draw(st.integers(0, 3))):
        place = broken
        key = draw(st.sampled_from(sorted(place)))
        while isinstance(inner := place.get(key), dict) and inner and draw(st.booleans()):
            place, key = inner, draw(st.sampled_from(sorted(inner)))
        if draw(st.booleans()):
            place[key] = draw(junk)
        else:
            place.pop(key, None)
        if not broken:
            break
    return broken


@st.composite
def wild_matches(draw: st.DrawFn) -> list[object]:
    """Matches of which some went wrong."""
    numbers = draw(st.lists(st.integers(1, 6), max_size=5))
    return [draw(corrupted(match(number, draw(instants()))) | junk) for number in numbers]


@st.composite
def wild_orders(draw: st.DrawFn) -> list[object]:
    """Orders of which some went wrong."""
    numbers = draw(st.lists(st.integers(1, 6), max_size=5))
    return [draw(corrupted(order(number, draw(instants()))) | junk) for number in numbers]


@st.composite
def good_scores(draw: st.DrawFn) -> tuple[tuple[int, int], dict[str, object]]:
    """The goals in play of both sides, and the score as the API tells it."""
    goals = st.integers(0, 9)
    home, away = draw(goals), draw(goals)
    duration = draw(st.sampled_from(["REGULAR", "EXTRA_TIME", "PENALTY_SHOOTOUT"]))
    kicks = draw(st.tuples(goals, goals)) if duration == "PENALTY_SHOOTOUT" else (0, 0)
    more: dict[str, object] = {} if duration == "REGULAR" else {"regularTime": (None, None), "extraTime": (0, 0)}
    more |= {"penalties": kicks} if duration == "PENALTY_SHOOTOUT" else {}
    told = score(home + kicks[0], away + kicks[1], duration=duration, **more)
    return (home, away), {**told, "winner": draw(st.sampled_from(["HOME_TEAM", "AWAY_TEAM", "DRAW", None]))}


good_orders = st.builds(
    order,
    number=st.integers(1, 10**9),
    timestamp=instants(days=1),
    location=st.sampled_from(["12 High Street, Norwich", "Leeds", "Nowhere", "Zürich \U0001f355"]),
    order_total=st.floats(0, 1000).map(lambda total: round(total, 2)),
    pizza_types=st.lists(st.sampled_from(["Margherita", "Quattro Stagioni", "Piña"]), min_size=1, max_size=4),
    quantity=st.integers(1, 20),
    currency=st.sampled_from(["GBP", "EUR", None]),
)

#: Answers that hold nothing one could use, whatever was asked.
failures = st.one_of(
    st.sampled_from([400, 401, 403, 404, 418, 429, 500, 501, 502, 503, 504, 302, 204]).flatmap(
        lambda status: st.builds(
            Answer,
            status=st.just(status),
            body=st.just(b"") if status == 204 else st.binary(max_size=20) | st.just({"message": "no"}),
        )
    ),
    st.builds(Answer, fault=st.sampled_from(["reset", "truncated"])),
    st.builds(Answer, body=st.binary(max_size=30)),
    st.builds(Answer, body=st.dictionaries(st.text(max_size=4), junk, max_size=2)),
    st.sampled_from(
        [
            Answer(body=b"<html><body>maintenance</body></html>", headers={"content-type": "text/html"}),
            Answer(body=b"[]"),
            Answer(body=envelope({"id": 1})),
            Answer(body=page({"id": 1})),
        ]
    ),
)
