"""Shops: a city's forecast divided among them.

Belongs here: each shop's share of its city's orders, and how much shares vary. Does not belong here: the city's
forecast (``forecast``).

A shop's orders are its share of the city's. The share is that of the last 28 days, of a new shop since its first order.
Its days vary about it more than a city's days: by moments, ``s2 = sum((N - pM)^2 - p(1 - p)M) / sum((pM)^2)`` over
shops and days, with N orders of the shop and M of the city; a share that few orders tell is less certain by
``(1 - p) / N``.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from pizza_assets.analysis.forecast import Forecast
from pizza_assets.analysis.grid import Floats

#: Days that shares are read from, and after how many without an order a shop has stopped.
SHARE_DAYS, STOPPED_AFTER_DAYS = 28, 7
_ROUNDS = 50
STOPPED = f"no order in the last {STOPPED_AFTER_DAYS} days"


def key_of(city: str, shop: str) -> str:
    """Return the name of a shop's row: its city and itself."""
    return f"{city}\x1f{shop}"


def split_key(key: str) -> tuple[str, str]:
    """Return city and shop of a row's name."""
    city, _, shop = key.partition("\x1f")
    return city, shop


def by_shop(of: Forecast, sold: pd.DataFrame) -> Forecast | None:
    """Return the forecast with a row for each shop of the cities that have several; None where none has.

    Parameters
    ----------
    of
        The cities' forecast.
    sold
        Orders of the last `SHARE_DAYS` days or fewer: city, shop, day (since 1970), orders; one row each.

    Notes
    -----
    Rows are named by `key_of`. Shops that have stopped are in `left_out`, and their share goes to the others.
    """
    sold = sold[sold["city"].isin(of.cities)]
    shops = sold.groupby(["city", "shop"], as_index=False).agg(
        orders=("orders", "sum"), first=("day", "min"), last=("day", "max")
    )
    if shops.empty:
        return None
    shops["is_open"] = shops["last"] > int(sold["day"].max()) - STOPPED_AFTER_DAYS
    n_open = shops.groupby("city")["is_open"].transform("sum")
    shops = shops[n_open + (~shops["is_open"]) > 1]
    if shops.empty:
        return None
    stopped, shops = shops[~shops["is_open"]], shops[shops["is_open"]].reset_index(drop=True)
    sold = sold.merge(shops[["city", "shop"]], on=["city", "shop"])
    shops["share"] = np.concatenate([_shares(sold, rows) for _, rows in shops.groupby("city")])
    by_day = sold.groupby(["city", "day"])["orders"].sum()
    varies = _day_variance(sold, shops, by_day)

    rows = pd.Index(of.cities).get_indexer(pd.Index(shops["city"]))
    share = shops["share"].to_numpy()[:, None]
    names = tuple(key_of(city, shop) for city, shop in zip(shops["city"], shops["shop"], strict=True))
    units = of.units.merge(shops[["city", "shop"]], on="city")
    units = units.assign(city=[key_of(*pair) for pair in zip(units["city"], units["shop"], strict=True)])
    uncertain = (1 - shops["share"].to_numpy()) / np.maximum(shops["orders"].to_numpy(), 1)
    gone = [key_of(*pair) for pair in zip(stopped["city"], stopped["shop"], strict=True)]
    missing = [("city", key, STOPPED) for key in gone]
    return replace(
        of,
        cities=names,
        plain=of.plain[rows] * share,
        effect=of.effect[rows],
        effect_variance=of.effect_variance[rows],
        noise=replace(of.noise, day=of.noise.day + varies, new=of.noise.new[rows] + uncertain),
        week=of.week[rows],
        time_of_week=of.time_of_week[rows],
        units=units.drop(columns="shop").sort_values(["kick_off_bin", "city"]).reset_index(drop=True),
        left_out=pd.DataFrame(missing, columns=["what", "name", "reason"]),
    )


def _shares(sold: pd.DataFrame, shops: pd.DataFrame) -> Floats:
    """Return the shares of one city's shops, of which each counts from its first order on.

    The maximum likelihood of a multinomial whose shops differ by day: ``rate = N / sum over its days of M / sum of the
    rates of the shops that were open``, in turns (Hunter 2004).
    """
    days = sold[sold["city"] == shops["city"].iloc[0]].groupby("day")["orders"].sum()
    is_open = (days.index.to_numpy() >= shops["first"].to_numpy()[:, None]).astype(float)
    rate: Floats = np.ones(len(shops))
    for _ in range(_ROUNDS):
        rate = shops["orders"].to_numpy() / (is_open @ (days.to_numpy() / (rate @ is_open)))
        rate = rate / rate.sum()
    return rate


def _day_variance(sold: pd.DataFrame, shops: pd.DataFrame, by_day: pd.Series) -> float:
    """Return how much a shop's day varies about its share of the city's day, relative to it."""
    told = sold.merge(shops[["city", "shop", "share"]], on=["city", "shop"])
    whole = by_day.reindex(pd.MultiIndex.from_frame(told[["city", "day"]])).to_numpy(dtype=float)
    share, orders = told["share"].to_numpy(), told["orders"].to_numpy(dtype=float)
    mean = share * whole
    beyond = np.square(orders - mean) - mean * (1 - share)
    weight = float(np.square(mean).sum())
    return max(float(beyond.sum()) / weight, 0.0) if weight > 0 else 0.0
