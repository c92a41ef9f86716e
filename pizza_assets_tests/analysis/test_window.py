"""What the assets of a run share."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from pizza_assets.analysis import coverage
from pizza_assets.analysis.window import Window, analyse_window
from pizza_assets_tests.analysis.seasons import season


@pytest.fixture(scope="module")
def window() -> Window:
    of = season(8)
    return Window(of.volume, of.matches, of.order_sources, coverage.NONE_KNOWN, [])


def test_the_same_question_has_the_same_answer_once(window: Window) -> None:
    as_of = max(window.sources)
    first = analyse_window(window, as_of, 56)
    again = replace(window, volume=window.volume.copy())
    assert analyse_window(again, as_of, 56) is first


def test_another_day_window_club_or_row_is_another_question(window: Window) -> None:
    as_of = max(window.sources)
    more = window.volume.assign(orders=window.volume["orders"] + 1)
    asked = [
        (window, as_of, 56, ()),
        (window, as_of - timedelta(days=1), 56, ()),
        (window, as_of, 55, ()),
        (window, as_of, 56, ("Arsenal FC",)),
        (replace(window, volume=more), as_of, 56, ()),
        (replace(window, unknown_days=[as_of]), as_of, 56, ()),
    ]
    for before, question in itertools.pairwise(asked):
        first = analyse_window(*before)
        assert analyse_window(*question) is not first
