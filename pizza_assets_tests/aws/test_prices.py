"""The estimate: sums of prices that each name their page, and that nobody takes for verified ones."""

from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.aws import prices, usage
from pizza_assets.aws.prices import PRICES, Day, estimate, table, total
from pizza_assets.aws.stacks import TEMPLATES

_COUNTS = {"metrics": 10, "alarm_metrics": 5, "image_bytes": 1e9}


def test_every_price_names_its_page() -> None:
    for name, price in PRICES.items():
        assert price.usd > 0, name
        assert price.source.startswith("https://aws.amazon.com/")


def test_an_estimate_says_whether_its_prices_were_compared() -> None:
    lines = table(estimate(["serverless"], usage.EVENING, 0, **_COUNTS))
    assert any("not compared with AWS" in line for line in lines) != prices.VERIFIED


@given(
    st.sets(st.sampled_from(sorted(TEMPLATES))),
    st.builds(
        Day,
        seconds=st.floats(0, 900),
        megabytes=st.integers(512, 10240),
        writes=st.integers(0, 10**6),
        reads=st.integers(0, 10**6),
        stored=st.just(0),
        logged=st.integers(0, 10**9),
        source=st.just("made up"),
    ),
    st.floats(0, 1e13),
)
def test_a_total_is_the_sum_of_its_stacks_and_more_use_costs_more(kinds: set[str], day: Day, size: float) -> None:
    lines = estimate(kinds, day, size, **_COUNTS)
    assert {line.stack for line in lines} == kinds
    parts = sum(total(estimate([kind], day, size, **_COUNTS)) for kind in kinds)
    assert abs(total(lines) - parts) < 1e-6
    assert total(estimate(kinds, day, size + 1e9, **_COUNTS)) >= total(lines)


def test_an_evening_was_measured() -> None:
    assert usage.EVENING.seconds > 0
    assert usage.EVENING.writes > 0
    assert usage.EVENING.source.startswith("measured")
