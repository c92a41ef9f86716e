"""Retail sales by category around kick-off, against expected: the orders' analysis, once for each category.

Belongs here: which analyses are made of sales, and that all of a source's results are one family. Does not belong
here: any formula (``uplift``, ``results``, ``verdicts``), where sales come from (``warehouse``).

Sales of one source are analysed against the baseline of that source alone, and only where they answer for it: real
sales around real matches are ``real``, mock sales are ``mock`` whatever the matches. Real sales around mock matches
tell nothing of football and have no result; the real baseline keeps out of the days of mock matches.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd
import pyarrow

from pizza_assets.analysis.analyse import WINDOW_DAYS
from pizza_assets.analysis.family import families, select
from pizza_assets.analysis.grid import build_grid, days_since_1970
from pizza_assets.analysis.results import uplift_rows
from pizza_assets.analysis.verdicts import Row, judge, share_of_season
from pizza_assets.analysis.windows import Matches, select_matches
from pizza_assets.contracts import arrow_schema, from_arrow
from pizza_assets.platform.columns import Source
from pizza_assets.warehouse.contract import ALL_CITIES, PIZZA_VS_FOOTBALL

#: Columns of a result by their names in PIZZA_VS_FOOTBALL.
_NAMES = {
    "items": "observed",
    "uplift_pct": "estimate",
    "p_value": "statistical_significance",
    "n_matches": "n",
}


@dataclass(frozen=True)
class CategorySales:
    """What one source says of the sales of a category.

    Attributes
    ----------
    volume
        Items sold by city and 15 minutes, with the columns of ORDER_VOLUME that a grid reads: city, bin_start
        (UTC), data_source, orders (the items).
    retailers
        Whose sales these are.
    days
        The days (UTC) that all of these retailers are observed on. A day in here without sales is a true zero,
        unless many were usual (see `coverage`); any other day is unobserved, whatever the volume has of it.
    """

    category: str
    data_source: Source
    retailers: tuple[str, ...]
    volume: pd.DataFrame
    days: Collection[date]


def sales_uplift(
    sales: Iterable[CategorySales],
    matches: pd.DataFrame,
    as_of: date,
    window_days: int = WINDOW_DAYS,
    unknown_days: Collection[date] = (),
) -> pd.DataFrame:
    """Return what matches do to the sales of each category, over all cities and in each: PIZZA_VS_FOOTBALL.

    Parameters
    ----------
    sales
        Each category and source once; taken one at a time. Without a day in the window it has no result.
    matches
        FOOTBALL_MATCHES rows; only finished ones with a score count.
    as_of, window_days
        The trailing window: the `window_days` days up to and including `as_of` (UTC).
    unknown_days
        Days (UTC) of which not all matches are known: none of their hours counts as free of matches.
    """
    units, end_day = select_matches(matches, unknown_days), days_since_1970(as_of) + 1
    rows = [row for of_category in sales for row in _estimates(of_category, units, end_day - window_days, end_day)]
    shown = [_shown(row) | {"as_of": as_of} for row in judge(rows)]
    return from_arrow(pyarrow.Table.from_pylist(shown, schema=arrow_schema(PIZZA_VS_FOOTBALL)), PIZZA_VS_FOOTBALL)


def _estimates(sales: CategorySales, matches: Matches, low_day: int, end_day: int) -> list[Row]:
    """Estimate the uplift of a category in every window, over all cities and in each that it is sold in."""
    grid = build_grid(sales.volume, dict.fromkeys(sales.days, sales.data_source))
    city = matches.units["city"][matches.units["city"].isin(grid.cities)]
    by_city = pd.DataFrame({"unit": city.index, "scope": "city:" + city.astype(str)})
    selection = select(grid, replace(matches, memberships=by_city), low_day, end_day)
    days = int(selection.days_with[sales.data_source].sum())
    told = {"category": sales.category, "retailers": " ".join(sales.retailers), "days": days}
    told |= {"share": share_of_season(days)}
    found = [family for family in families(selection) if days and family.source == sales.data_source]
    rows = [row for family in found for row in uplift_rows(family)]
    return [row | told | {"question": (sales.category, row["question"])} for row in rows]


def _shown(row: Row) -> Row:
    city = row["scope"].removeprefix("city:") if row["scope"] != "all" else ALL_CITIES
    return row | {name: row[was] for name, was in _NAMES.items()} | {"city": city}
