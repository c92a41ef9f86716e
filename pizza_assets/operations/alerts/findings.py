"""Findings as alerts: what the newest analysis found that the one before it had not.

Belongs here: which results are news, and their words. Does not belong here: finding them.
"""

import io
import logging
from collections.abc import Collection, Iterator
from datetime import date

import pandas as pd

from pizza_assets.analysis.history import FOUND, KEY
from pizza_assets.errors import LakeError
from pizza_assets.lake.layout import CORRELATION_FILES, CORRELATION_PREFIX
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DatedFiles
from pizza_assets.operations.alerts.alert import Alert

_LOGGER = logging.getLogger("pizza_assets.alerts")
_SHOWN = 5


def findings(store: Store, analysed: Collection[str], run_id: str) -> Iterator[Alert]:
    """Yield one alert of what was found of real data with the newest day, and not with the last day before the run's.

    Verdicts hold over all looks of a season, so a finding may be told on the day that it is found, and only then.

    Parameters
    ----------
    analysed
        The days (YYYY-MM-DD) that the run analysed: nothing is said when the newest one in the lake is not among them,
        or when there is none before them.
    """
    files = DatedFiles(store, CORRELATION_PREFIX)
    try:
        days = files.days(CORRELATION_FILES[0])
        before = [day for day in days if day.isoformat() < min(analysed)]
        if not before or days[-1].isoformat() not in analysed:
            return
        now, earlier = (_found(files, day) for day in (days[-1], before[-1]))
    except LakeError as error:  # the lake's own checks tell of it; other alerts must not wait for that
        _LOGGER.warning("Findings were not checked: %s", error)
        return
    known = set(earlier[[*KEY, "verdict"]].itertuples(index=False, name=None))
    is_new = [key not in known for key in now[[*KEY, "verdict"]].itertuples(index=False, name=None)]
    sentences = now.loc[is_new].sort_values("q_value", kind="stable")["pattern_description"].tolist()
    if sentences:
        rest = [f"... and {len(sentences) - _SHOWN} more."] if len(sentences) > _SHOWN else []
        yield Alert(
            title="Finding",
            subject="real data",
            sentence="\n".join([*sentences[:_SHOWN], *rest]),
            action="The insights report lists all results, and what speaks against them.",
            partitions=(days[-1].isoformat(),),
            run_id=run_id,
            key=days[-1].isoformat(),
        )


def _found(files: DatedFiles, day: date) -> pd.DataFrame:
    results = pd.read_csv(io.BytesIO(files.read(day, CORRELATION_FILES[0])))
    return results[results["verdict"].isin(FOUND) & (results["data_source"] == "real")]
