"""Matches of national teams: an event study, for all cities of the country have such a match at once.

Belongs here: what the country's orders at these matches are held against, and the uplift of any set of them. Does not
belong here: matches of clubs, verdicts, sentences.

No city of the country is without the match, so there is no control inside it. Expected is what the country sells in
the same hours of its week when no match is on: with O observed orders and U usual ones (the baseline without D and H,
which are read from the very day), ``y = log((O + 1/2) / U)`` of the country's free cities in the same hours of all
other weeks says what y is without a match, and how much it varies. Where cities of other countries sell at these
hours, their x = log ratio takes the part of a day out that countries share: ``y = a + b x + error`` is the market model
of event studies (MacKinlay 1997), and a match's uplift is what y is above it. Weights are ``1 / (1 / U + s2)``, Poisson
noise and the variance between weeks by moments. The uplift of several matches is their weighted mean; its error has
theirs and that of a and b. Kick-offs of one country are independent pieces here, cities of one kick-off are not.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pizza_assets.analysis.contract import NATIONAL
from pizza_assets.analysis.correlation import MIN_EXPECTED
from pizza_assets.analysis.family import Selection
from pizza_assets.analysis.grid import Bools, Floats, Ints, cumulated
from pizza_assets.analysis.uplift import Panel
from pizza_assets.analysis.verdicts import MIN_WEEKS
from pizza_assets.analysis.windows import window_bins
from pizza_assets.platform.columns import Source
from pizza_assets.reference import cities

#: Kinds of scopes, and the columns that they are read from.
SCOPES = dict(zip(NATIONAL, ("team", "competition", "stage"), strict=True))
#: Fewer kick-offs than this prove nothing.
MIN_KICK_OFFS = 3
#: Other countries' cities are asked where so many of their orders are usual in a window.
_MIN_CONTROL_ORDERS = 20.0
_CONTINUITY, _ROUNDS, _TINY = 0.5, 3, 1e-12


@dataclass(frozen=True)
class NationUplift:
    """The uplift of one scope in one window.

    Attributes
    ----------
    log_ratio, error, degrees
        Log-uplift, its standard error and degrees of freedom; NaN where too little tells them.
    observed, expected
        Orders at the matches that count, and those expected without a match.
    n_units, n_kick_offs, n_weeks
        Cities and kick-offs that count, kick-offs of countries, and the weeks that they fall in.
    has_controls
        Whether cities of other countries were asked.
    events
        Numbers of the kick-offs, by country: the same ones are the same question.
    """

    log_ratio: float
    error: float
    degrees: float
    observed: float
    expected: float
    n_units: int
    n_kick_offs: int
    n_weeks: int
    has_controls: bool
    events: tuple[int, ...]


@dataclass(frozen=True)
class _Study:
    """One country's matches in one window, against the model of its other weeks.

    Attributes
    ----------
    event, week
        Number of each kick-off that counts, and its week.
    above, precision, design
        What y is above the model, 1 / its variance beside the model's, and the row of the model; by kick-off.
    covariance, degrees
        Of the model's coefficients.
    """

    event: Ints
    week: Ints
    above: Floats
    precision: Floats
    design: Floats
    covariance: Floats
    degrees: int
    observed: Floats
    expected: Floats
    n_cities: Ints


def nation_uplifts(selection: Selection, source: Source, time_window: str) -> dict[str, NationUplift]:
    """Return the uplift of each scope ('nation:...', 'tournament:...', 'stage:...') whose country sells.

    Parameters
    ----------
    selection
        Orders and matches of the trailing window.
    source
        The family: real where orders and matches are real.
    time_window
        One of TIME_WINDOWS.
    """
    key: tuple[Source, Source] = (source, source) if (source, source) in selection.panels else ("real", source)
    country_of = np.array([cities()[name].country for name in selection.grid.cities])
    is_asked = selection.national["country"].isin(country_of)
    if key != ("mock", "mock"):
        is_asked &= selection.national["data_source"] == source
    here = selection.national[is_asked]
    if key not in selection.panels or here.empty:
        return {}
    by_kick_off = here.groupby(["country", "kick_off_bin"], sort=True)
    events = by_kick_off["extra_time"].any().reset_index()
    by_country = events.groupby("country", sort=True)
    found = [_study(selection.panels[key], country_of == name, group, time_window) for name, group in by_country]
    studies = [study for study in found if study is not None]
    number, members = by_kick_off.ngroup(), dict[str, set[int]]()
    for kind, column in SCOPES.items():
        for name, mine in number.groupby(here[column], sort=True):
            members[f"{kind}:{name}"] = set(mine)
    return {scope: _pooled(studies, of_scope) for scope, of_scope in members.items()}


def _study(panel: Panel, is_home: Bools, events: pd.DataFrame, time_window: str) -> _Study | None:
    """Hold one country's kick-offs against its other weeks; None where too few weeks tell what is usual.

    `is_home` says which rows of the grid are the country's; the index of `events` is their number.
    """
    grid = panel.grid
    home, others = np.flatnonzero(is_home), np.flatnonzero(~is_home)
    start, end = (bins - grid.first_bin for bins in window_bins(events, time_window))
    is_inside = (start >= 0) & (end <= grid.n_bins)
    start, end, number = start[is_inside], end[is_inside], events.index.to_numpy(dtype=np.int64)[is_inside]
    if not len(number):
        return None
    # The country's clock is that of its first city.
    week, time_of_week = grid.week[grid.zone[home[0]]], grid.time_of_week[grid.zone[home[0]]]
    matches = _sums(panel, home, start, end, with_match=True)
    matches_elsewhere = _sums(panel, others, start, end)
    counts = matches.usual >= MIN_EXPECTED
    first, last = _same_hours(time_of_week, start, end)
    rest = _sums(panel, home, first, last)
    rest_elsewhere = _sums(panel, others, first, last)
    is_reference = rest.usual >= MIN_EXPECTED
    is_controlled = is_reference & (rest_elsewhere.usual >= _MIN_CONTROL_ORDERS)
    has_controls = (matches_elsewhere.usual[counts] >= _MIN_CONTROL_ORDERS).all()
    has_controls &= len({*week[first[is_controlled]]}) >= MIN_WEEKS
    if has_controls:
        is_reference = is_controlled
    n_weeks = len({*week[first[is_reference]]})
    if n_weeks < MIN_WEEKS or not counts.any():
        return None
    x, x_here = (
        np.column_stack([np.ones(is_used.sum()), *([part.log_ratio[is_used]] if has_controls else [])])
        for part, is_used in ((rest_elsewhere, is_reference), (matches_elsewhere, counts))
    )
    usual = matches.usual[counts]
    model = _fitted(x, rest.log_ratio[is_reference], rest.usual[is_reference], n_weeks)
    without_match = x_here @ model.beta
    return _Study(
        event=number[counts],
        week=week[start[counts]],
        above=matches.log_ratio[counts] - without_match,
        precision=1 / (model.scale * (1 / usual + model.between)),
        design=x_here,
        covariance=model.covariance,
        degrees=n_weeks - x.shape[1],
        observed=matches.orders[counts],
        expected=usual * np.exp(without_match),
        n_cities=matches.n_cities[counts],
    )


@dataclass(frozen=True)
class _Sums:
    """Orders and usual orders of windows over the cities that count, and how many these are."""

    orders: Floats
    usual: Floats
    n_cities: Ints

    @property
    def log_ratio(self) -> Floats:
        usable = self.usual > 0
        return np.log(np.where(usable, self.orders + _CONTINUITY, 1) / np.where(usable, self.usual, 1))


def _sums(panel: Panel, rows: Ints, start: Ints, end: Ints, *, with_match: bool = False) -> _Sums:
    """Add up windows [start, end) (bins of the grid) over the rows whose window is observed and free of matches.

    `with_match` says that one match, the nation's own, is on.
    """
    baseline = panel.baseline
    if with_match:
        lacks = (panel.unobserved + panel.unknown)[rows]
        bins = panel.grid.first_bin + start, panel.grid.first_bin + end
        is_alone = [panel.spans.overlapping(np.full(len(start), row), *bins) == 1 for row in rows]
        counts = (lacks[:, end] == lacks[:, start]) & np.array(is_alone)
    else:
        lacks = cumulated(~(panel.free & baseline.is_known)[rows])
        counts = lacks[:, end] == lacks[:, start]
    orders, usual = panel.orders[rows], cumulated(baseline.usual[rows])
    in_window, usual_ones = (
        np.where(counts, counted[:, end] - counted[:, start], 0).sum(axis=0) for counted in (orders, usual)
    )
    return _Sums(in_window, usual_ones, counts.sum(axis=0))


def _same_hours(time_of_week: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Return the windows (bins of the grid) at the same local times of the week and of the same lengths, once each."""
    wanted = np.unique(np.stack([time_of_week[start], end - start]), axis=1).T.tolist()
    places = [(at, at + length) for time, length in wanted for at in np.flatnonzero(time_of_week == time).tolist()]
    first, last = np.array(places, dtype=np.int64).T
    is_inside = last <= len(time_of_week)
    return first[is_inside], last[is_inside]


@dataclass(frozen=True)
class _Model:
    """Coefficients with their covariance, the variance between weeks, and what scales all variances."""

    beta: Floats
    covariance: Floats
    between: float
    scale: float


def _fitted(x: Floats, y: Floats, usual: Floats, n_weeks: int) -> _Model:
    """Fit y to the columns of x; windows of one week are no more pieces than the week is."""
    between = 0.0
    for _ in range(_ROUNDS):
        weight = 1 / (1 / usual + between)
        inverse = np.linalg.pinv((x * weight[:, None]).T @ x)
        beta = inverse @ (x.T @ (weight * y))
        beyond = np.square(y - x @ beta) - 1 / usual
        between = max(float((weight * beyond).sum() / weight.sum()), 0.0)
    weight, pieces = 1 / (1 / usual + between), min(len(y), n_weeks)
    scale = float((weight * np.square(y - x @ beta)).mean()) * pieces / (pieces - x.shape[1])
    return _Model(beta, scale * inverse * len(y) / pieces, between, max(scale, _TINY))


def _pooled(studies: list[_Study], events: set[int]) -> NationUplift:
    """Return the weighted mean over these kick-offs of all countries."""
    chosen = [(study, np.isin(study.event, list(events))) for study in studies]
    chosen = [(study, mine) for study, mine in chosen if mine.any()]
    total = sum(float(study.precision[mine].sum()) for study, mine in chosen)
    mean, error, degrees = np.nan, np.nan, np.nan
    if chosen:
        mean = sum(float(study.precision[mine] @ study.above[mine]) for study, mine in chosen) / total
        of_models = 0.0
        for study, mine in chosen:
            pull = study.precision[mine] @ study.design[mine] / total
            of_models += float(pull @ study.covariance @ pull)
        error = float(np.sqrt(1 / total + of_models))
        degrees = float(min(study.degrees for study, _ in chosen))
    weeks = {int(week) for study, mine in chosen for week in study.week[mine]}
    return NationUplift(
        log_ratio=mean,
        error=error,
        degrees=degrees,
        observed=sum(float(study.observed[mine].sum()) for study, mine in chosen),
        expected=sum(float(study.expected[mine].sum()) for study, mine in chosen) if chosen else np.nan,
        n_units=sum(int(study.n_cities[mine].sum()) for study, mine in chosen),
        n_kick_offs=sum(int(mine.sum()) for _, mine in chosen),
        n_weeks=len(weeks),
        has_controls=any(study.design.shape[1] > 1 for study, _ in chosen),
        events=tuple(sorted(int(number) for study, mine in chosen for number in study.event[mine])),
    )
