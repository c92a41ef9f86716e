"""Real counts that packages ship: hired bikes in Washington by the hour (`Bikeshare` of ISLP), a year of them.

Belongs here: the same forecast on counts that nobody simulated, beside public methods. Does not belong here: simulated
worlds. Where a package is not installed, that is said instead.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.backtest.methods import History, fixed_effects, mean_of_four_weeks
from benchmarks.backtest.score import PROBABILITIES, Sums, score
from pizza_assets.analysis.analyse import prepare
from pizza_assets.analysis.family import families, select
from pizza_assets.analysis.forecast import HORIZON_DAYS, Forecast, forecast
from pizza_assets.analysis.grid import Floats, days_since_1970
from pizza_assets.analysis.windows import BINS_PER_DAY
from pizza_assets.contracts import FOOTBALL_MATCHES, empty

#: The city whose clock the counts are put on; the counts tell local hours.
_CITY, _FIRST = "London", date(2011, 1, 1)
_ORIGINS, _WEEKS_APART = 12, 2
_LEVELS = (50, 80, 95)
TARGETS = ("other quarter hours", "days")


def bikes() -> pd.DataFrame:
    """Return hired bikes as ORDER_VOLUME, an hour's in its first quarter; days that miss hours are as they are."""
    found = find_spec("ISLP")
    folders = list(found.submodule_search_locations or ()) if found else []
    # Read as a file: to import the package takes scikit-learn and more.
    rows = pd.read_csv(Path(folders[0]) / "data" / "Bikeshare.csv")
    # The table tells the day of the year and the hour, of 2011 alone.
    day = pd.Timestamp(_FIRST) + pd.to_timedelta(rows["day"].astype(int) - 1, unit="D")
    local = day + pd.to_timedelta(rows["hr"].astype(int), unit="h")
    at = local.dt.tz_localize("Europe/London", ambiguous=True, nonexistent="shift_forward").dt.tz_convert("UTC")
    frame = pd.DataFrame({"bin_start": at.astype("datetime64[us, UTC]"), "orders": rows["bikers"].astype("int64")})
    counts = frame.groupby("bin_start")[["orders"]].sum().reset_index()
    return counts.assign(
        city=_CITY, currency="USD", data_source="real", revenue=np.nan, pizzas=counts["orders"]
    ).astype({"city": "str", "currency": "str", "data_source": "str"})


def report() -> Iterator[str]:
    """Yield the table over real counts."""
    if find_spec("ISLP") is None:
        yield "\nreal counts: not measured, for the package ISLP is not installed (pip install ISLP)"
        return
    volume = bikes()
    last = volume["bin_start"].max().date()
    totals: dict[str, dict[str, Sums]] = {}
    for back in range(_ORIGINS)[::-1]:
        origin = last - timedelta(days=HORIZON_DAYS + 7 * _WEEKS_APART * back)
        for name, of_targets in _measured(volume, origin).items():
            mine = totals.setdefault(name, {target: Sums() for target in TARGETS})
            for target in TARGETS:
                if target in of_targets:
                    mine[target] += of_targets[target]
    yield f"\nreal counts: bikes hired in Washington in 2011 by the hour, {_ORIGINS} origins; loss divided by ours"
    ours = totals["ours"]
    for name, of in totals.items():
        cells = [
            f"{target}: {sums.loss / ours[target].loss:.3f}, bias {100 * (sums.expected / sums.orders - 1):+.1f} %, "
            f"50/80/95 % hold {'/'.join(f'{100 * share / sums.n:.0f}' for share in sums.inside)}"
            for target, sums in of.items()
            if sums.n
        ]
        yield f"{name:22}" + "; ".join(cells)
    if find_spec("statsforecast") is None:
        yield "AutoETS and MSTL: not measured, for the package statsforecast is not installed"


def _measured(volume: pd.DataFrame, origin: date) -> dict[str, dict[str, Sums]]:
    end = pd.Timestamp(origin + timedelta(days=1), tz="UTC")
    known = volume[volume["bin_start"] < end].reset_index(drop=True)
    days = [_FIRST + timedelta(days=n) for n in range((origin - _FIRST).days + 1)]
    nothing = empty(FOOTBALL_MATCHES)
    prepared = prepare(known, nothing, dict.fromkeys(days, "real"))
    end_day = days_since_1970(origin) + 1
    selection = select(prepared.grid, prepared.matches, end_day - 365, end_day)
    found = forecast(selection, families(selection), prepared.matches.played, nothing, origin)
    if isinstance(found, str):
        raise TypeError(found)
    ahead = volume[(volume["bin_start"] >= end) & (volume["bin_start"] < end + pd.Timedelta(days=HORIZON_DAYS))]
    bins = ((ahead["bin_start"] - end) // pd.Timedelta(minutes=15)).to_numpy()
    came = np.zeros((1, 1, found.n_bins))
    came[0, 0, bins] = ahead["orders"]
    history = History(prepared, found, nothing)
    methods = {
        "ours": found,
        "mean of four weeks": mean_of_four_weeks(history, found),
        "fixed effects": fixed_effects(history, found, with_matches=False),
    }
    scores = {
        name: {t: of for t, of in score(method, came).items() if t in TARGETS} for name, method in methods.items()
    }
    if find_spec("statsforecast") is not None:
        daily = known.groupby(known["bin_start"].dt.date)["orders"].sum().reindex(days, fill_value=0)
        scores |= {name: {"days": of} for name, of in _packaged(daily.to_numpy(dtype=float), found, came).items()}
    return scores


def _packaged(daily: Floats, like: Forecast, came: Floats) -> dict[str, Sums]:
    """Return what AutoETS and MSTL score on days."""
    from statsforecast.models import MSTL, AutoETS  # noqa: PLC0415 it is installed where this is measured alone

    orders = came.reshape(like.n_bins // BINS_PER_DAY, BINS_PER_DAY).sum(axis=1)
    found = {}
    for name, model in (("AutoETS", AutoETS(season_length=7)), ("MSTL", MSTL(season_length=7))):
        predicted = model.forecast(y=daily, h=len(orders), level=list(_LEVELS))
        ends = [predicted["mean"] if p == 0.5 else _end(predicted, p) for p in PROBABILITIES]
        loss = sum(
            float(np.maximum(p * (orders - q), (p - 1) * (orders - q)).sum())
            for p, q in zip(PROBABILITIES, ends, strict=True)
        )
        pairs = [(_end(predicted, 0.5 - level / 200), _end(predicted, 0.5 + level / 200)) for level in _LEVELS]
        inside = [float(((orders >= low) & (orders <= high)).sum()) for low, high in pairs]
        found[name] = Sums(
            loss,
            float(len(orders)),
            float(orders.sum()),
            float(predicted["mean"].sum()),
            (inside[0], inside[1], inside[2]),
        )
    return found


def _end(predicted: dict[str, Floats], probability: float) -> Floats:
    side, level = ("lo", 1 - 2 * probability) if probability < 0.5 else ("hi", 2 * probability - 1)
    return predicted[f"{side}-{round(100 * level)}"]
