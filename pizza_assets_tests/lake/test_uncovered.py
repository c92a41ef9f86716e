from datetime import date

from pizza_assets.lake.uncovered import REASON, UNCOVERED, uncovered_fact, uncovered_in, unobserved

CITIES = ["Leeds", "Norwich", "York"]


def test_cities_are_told_and_read_again() -> None:
    facts = {UNCOVERED: uncovered_fact(["York", "Leeds"])}
    assert uncovered_in(facts, CITIES) == {"Leeds", "York"}
    assert uncovered_in({}, CITIES) == set()


def test_where_the_names_are_too_long_all_cities_are_unknown() -> None:
    assert uncovered_in({UNCOVERED: uncovered_fact([f"city {n}" for n in range(100)])}, CITIES) == set(CITIES)
    assert uncovered_in({UNCOVERED: uncovered_fact(["München"])}, CITIES) == set(CITIES)


def test_the_days_that_an_analysis_leaves_out() -> None:
    day = date(2024, 5, 4)
    frame = unobserved({day: {UNCOVERED: "Leeds|York"}, date(2024, 5, 5): {}}, CITIES)
    assert frame["city"].tolist() == ["Leeds", "York"]
    assert [str(value) for value in frame.iloc[0]] == [
        "Leeds",
        "2024-05-04 00:00:00+00:00",
        "2024-05-05 00:00:00+00:00",
        REASON,
    ]
    assert unobserved({day: {}}, CITIES).empty
