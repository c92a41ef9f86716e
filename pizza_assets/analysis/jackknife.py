"""The delete-one-week jackknife: intervals and p-values that carry everything a week has in common.

Belongs here: from an estimate and its leave-one-week-out versions to a standard error, an interval and a
p-value. Does not belong here: any particular estimate.

Orders of one week share weather, pay days and the baseline's own error, so weeks are the independent pieces.
Source: Tukey 1958; Busing, Meijer & van der Leeden 1999 (delete-a-group).
"""

from dataclasses import dataclass

import numpy as np

from pizza_assets.analysis.grid import Floats

CONFIDENCE = 0.95
#: How often an effect must be found to be called one that would be found.
POWER = 0.8


@dataclass(frozen=True)
class Interval:
    """Two-sided 95 % intervals and p-values against 0, one element an estimate; NaN where there is none."""

    low: Floats
    high: Floats
    p_value: Floats


def jackknife_error(without: Floats) -> Floats:
    """Return standard errors from leave-one-week-out estimates (estimates by weeks).

    ``sqrt((G - 1) / G * sum (theta_-g - mean)^2)`` over G weeks. NaN as soon as one is not finite.
    """
    n_weeks = without.shape[-1]
    if n_weeks < 2:
        return np.full(without.shape[:-1], np.nan)
    is_finite = np.asarray(np.isfinite(without).all(axis=-1))
    usable = np.where(np.expand_dims(is_finite, -1), without, 0)
    deviations = usable - usable.mean(axis=-1, keepdims=True)
    error = np.sqrt((n_weeks - 1) / n_weeks * np.square(deviations).sum(axis=-1))
    return np.where(is_finite, error, np.nan)


def effective_weeks(variance: Floats) -> Floats:
    """Return how many equal weeks the weeks' shares of the variance amount to: ``(sum v)^2 / sum v^2``.

    A variance that a few big weeks decide on is less certain than their number says (Satterthwaite 1946). With
    plain weeks - 1, teams' p-values below 0.0005 come up three times too often.

    Parameters
    ----------
    variance
        What each week adds to the variance, up to a factor; estimates by weeks.
    """
    total, squares = variance.sum(axis=-1), np.square(variance).sum(axis=-1)
    weeks: Floats = np.divide(np.square(total), squares, out=np.zeros_like(total), where=squares > 0)
    return weeks


def student_interval(estimate: Floats, error: Floats, degrees: Floats) -> Interval:
    """Return Student-t intervals and p-values with `degrees` of freedom; NaN where they are not defined."""
    from scipy.special import stdtr, stdtrit

    usable = np.isfinite(estimate) & np.isfinite(error) & (error > 0) & (degrees > 0)
    df = np.where(usable, degrees, 1.0)
    spread = np.where(usable, error, np.nan)
    reach = stdtrit(df, 0.5 + CONFIDENCE / 2) * spread
    return Interval(low=estimate - reach, high=estimate + reach, p_value=2 * stdtr(df, -np.abs(estimate / spread)))


def found_from(p_needed: float, degrees: float) -> float:
    """Return from how many standard errors on an effect is found with a chance of `POWER`, at p <= `p_needed`."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, POWER) - stdtrit(degrees, p_needed / 2))
