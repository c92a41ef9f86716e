"""``pizza-assets forecast``: the matches ahead, with the orders to expect and the pizzas to prepare.

Belongs here: options and printing. Does not belong here: the forecast.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from pizza_assets.cli.options import DAY
from pizza_assets.errors import LakeError
from pizza_assets.platform.redaction import safe_text
from pizza_assets.settings import Settings

if TYPE_CHECKING:
    import pandas as pd


@click.command()
@click.option("--as-of", **DAY, help="The last day that the forecast may know (UTC); the newest one by default.")
@click.option("--city", "cities", multiple=True, help="Only this city; may be given several times.")
@click.option("--shops", is_flag=True, help="A line for each shop, where orders name shops.")
def forecast(as_of: datetime | None, cities: Sequence[str], *, shops: bool) -> None:
    """Print the matches of the next 14 days with the orders to expect from 2 h before to 4 h after kick-off.

    The forecast is the one that order_forecast stored. Of a day without one it is made from what the lake has, and not
    stored.
    """
    day = as_of.date() if as_of else None
    made_for, rows = _rows(Settings.load(), day)
    for line in report(made_for, rows, cities, shops=shops):
        click.echo(safe_text(line))


def _rows(settings: Settings, day: date | None) -> "tuple[date, pd.DataFrame]":
    from pizza_assets.forecast import making  # pandas takes a second
    from pizza_assets.lake import lake_to_read

    store = lake_to_read(settings)
    found = making.newest(store, day)
    if found is not None and (day is None or (found[0] == day and making.is_made(found[1]))):
        return found
    if day is None:
        raise LakeError(
            "There is no forecast yet. Run 'pizza-assets demo' or 'pizza-assets backfill', or name a day: --as-of."
        )
    return day, making.forecast_from(store, settings, day)


def report(as_of: date, rows: "pd.DataFrame", cities: Sequence[str], *, shops: bool = False) -> Iterator[str]:
    """Yield a forecast for people: a line for each match, then what has no forecast, and why."""
    from pizza_assets.forecast.contract import ALL_SHOPS
    from pizza_assets.forecast.making import coming

    of_all = coming(rows[(rows["shop"] != ALL_SHOPS) == shops], cities)
    matches = of_all[of_all["expected"].notna()]
    source = "mock (simulated)" if (rows["data_source"] == "mock").any() else "real"
    yield f"As of {as_of}, {source} data. Orders from 2 h before to 4 h after kick-off; 80 % interval."
    if matches.empty:
        yield "No match ahead has a forecast."
    else:
        yield f"{'kick-off':<17} {'city':<20} {'orders':>6} {'interval':>12} {'match':>6} {'pizzas':>6}  match"
    yield from (_line(row, shops=shops) for row in matches.to_dict("records"))
    for reason, of_reason in rows[rows["reason"].notna()].groupby("reason", sort=False):
        names = [row["matches"] or row["city"] for row in of_reason.to_dict("records")]
        named = ", ".join(name for name in names if isinstance(name, str) and name != "none")
        yield f"Without a forecast: {named} ({reason})." if named else str(reason)


def _line(row: "dict[Any, Any]", *, shops: bool) -> str:
    import pandas as pd

    from pizza_assets.reference import cities

    place = cities().get(row["city"])
    at = row["kickoff_ts"].tz_convert(place.time_zone) if place else row["kickoff_ts"]
    pizzas = "" if pd.isna(row["pizzas"]) else f"{row['pizzas']:.0f}"
    where = row["shop"] if shops else row["city"]
    return (
        f"{at:%a %d %b %H:%M}  {where:<20} {row['expected']:>6.0f} {row['low_80']:>5} -{row['high_80']:>5} "
        f"{row['match_orders']:>+6.0f} {pizzas:>6}  {row['matches']}"
    )
