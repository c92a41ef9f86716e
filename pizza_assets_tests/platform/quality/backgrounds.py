"""A lake with some days in it, as a judgement finds it."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import DailyLayout
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.platform.quality.results import Background


def background(folder: Path, where: DailyLayout, stored: Mapping[date, Day], first: date, today: date) -> Background:
    """Return what the checks of a run from `first` find when these days are stored."""
    store = open_lake(str(folder))
    for day, content in stored.items():
        DailyTable(store, where).put(day, content, "earlier run")
    return Background(DailyTable(store, where), first, today)
