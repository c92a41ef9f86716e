"""Analyses as files: the same in whichever process they are made."""

from datetime import timedelta
from functools import partial

from pizza_assets.analysed import analysed

from pizza_assets.cores import on_all_cores
from pizza_assets.matchday.analysis import prepare
from pizza_assets_tests.matchday.seasons import season


def test_a_range_has_the_same_files_from_one_process_and_from_two() -> None:
    of = season(weeks=14)
    days = [of.as_of - timedelta(days=before) for before in reversed(range(95))]
    make = partial(analysed, prepare(of.volume, of.matches, of.order_sources), 60)
    assert list(on_all_cores(make, days, 2)) == list(on_all_cores(make, days, 1))
