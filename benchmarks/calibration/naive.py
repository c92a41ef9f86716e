"""Two simpler analyses, run on the same worlds to show what they get wrong.

Belongs here: the baselines that the benchmark compares with. Does not belong here: the platform's own method.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import ttest_1samp

from benchmarks.calibration.worlds import World

WINDOWS = {"pre_match": (-8, 0), "during_match": (0, 8), "post_match": (8, 16)}
_WEEK = 7 * 96

Result = dict[str, tuple[float, float, float, float]]


def sums_of(world: World) -> NDArray[np.float64]:
    """Return orders summed up to each bin, cities by bins, with a leading 0."""
    n_cities, n_bins = world.true_orders.shape
    city = pd.Index(world.city_names).get_indexer(pd.Index(world.volume["city"]))
    bins = ((world.volume["bin_start"] - world.first_bin) // pd.Timedelta(minutes=15)).to_numpy()
    orders = np.zeros((n_cities, n_bins + 1))
    np.add.at(orders, (city, bins + 1), world.volume["orders"].to_numpy())
    return orders.cumsum(axis=1)


def _estimate(log_ratio: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return the mean, a 95 % interval and a p-value, as if units were independent."""
    test = ttest_1samp(log_ratio, 0)
    interval = test.confidence_interval()
    return float(log_ratio.mean()), float(interval.low), float(interval.high), float(test.pvalue)


def before_after(world: World) -> Result:
    """Compare the nation's orders in each window with those in the 2 hours before the windows begin."""
    nation = sums_of(world).sum(axis=0)
    kick_off = ((world.matches["timestamp"] - world.first_bin) // pd.Timedelta(minutes=15)).to_numpy()
    kick_off = kick_off[(kick_off > 16) & (kick_off + 16 < len(nation))]
    before = nation[kick_off - 8] - nation[kick_off - 16]
    result = {}
    for name, (low, high) in WINDOWS.items():
        orders = nation[kick_off + high] - nation[kick_off + low]
        result[name] = _estimate(np.log((orders + 0.5) / (before + 0.5)))
    return result


def trailing_mean(world: World, weeks: int = 4) -> Result:
    """Compare each city's window with the mean of the same weekday and time in the weeks before it."""
    sums = sums_of(world)
    sides = [
        world.matches[["timestamp", f"{side}_city"]].set_axis(["timestamp", "city"], axis=1)
        for side in ("home", "away")
    ]
    units = pd.concat(sides).drop_duplicates()
    units = units[units["city"].isin(world.city_names)]
    city = pd.Index(world.city_names).get_indexer(pd.Index(units["city"]))
    kick_off = ((units["timestamp"] - world.first_bin) // pd.Timedelta(minutes=15)).to_numpy()
    usable = (kick_off - 8 >= weeks * _WEEK) & (kick_off + 16 < sums.shape[1])
    city, kick_off = city[usable], kick_off[usable]
    result = {}
    for name, (low, high) in WINDOWS.items():
        orders = sums[city, kick_off + high] - sums[city, kick_off + low]
        back = [
            sums[city, kick_off + high - i * _WEEK] - sums[city, kick_off + low - i * _WEEK]
            for i in range(1, weeks + 1)
        ]
        result[name] = _estimate(np.log((orders + 0.5) / (np.mean(back, axis=0) + 0.5)))
    return result
