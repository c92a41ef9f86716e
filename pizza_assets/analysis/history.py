"""Since when a finding holds: the verdicts of earlier days beside today's.

Belongs here: on which day a finding was found that has been found on every day since. Does not belong here: where the
results of earlier days lie, verdicts.

Verdicts hold over all looks of a season (`verdicts.over_looks`), so a finding may be told on the day that it is found.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

import pandas as pd

from pizza_assets.analysis.analyse import Analysis

#: What makes a result of one day the same as that of another.
KEY = ["data_source", "scope", "factor", "method", "time_window"]
FOUND = ("higher", "lower")


def found_on(results: pd.DataFrame, earlier: Iterable[tuple[date, pd.DataFrame]], as_of: date) -> list[date | None]:
    """Return for each result the first of the days on which it has been found without a break; None if it is not found.

    Parameters
    ----------
    results
        CORRELATION_RESULTS as of `as_of`.
    earlier
        Earlier days with their findings at least (the columns of `KEY` and verdict), the newest first; read only as far
        as a finding goes back.
    """
    keys = list(results[KEY].itertuples(index=False, name=None))
    open_runs = {key: verdict for key, verdict in zip(keys, results["verdict"], strict=True) if verdict in FOUND}
    since = dict.fromkeys(open_runs, as_of)
    for day, rows in earlier if open_runs else ():
        verdicts = dict(zip(rows[KEY].itertuples(index=False, name=None), rows["verdict"], strict=True))
        open_runs = {key: verdict for key, verdict in open_runs.items() if verdicts.get(key) == verdict}
        since |= dict.fromkeys(open_runs, day)
        if not open_runs:
            break
    return [since.get(key) for key in keys]


def with_history(analysis: Analysis, earlier: Iterable[tuple[date, pd.DataFrame]]) -> Analysis:
    """Return the analysis with the day in the sentence of each finding, and in a column `found_on`; see `found_on`."""
    results = analysis.results
    days = found_on(results, earlier, analysis.as_of)
    sentences = [
        f"{text} Found on {day.isoformat()}, holds since." if day else text
        for text, day in zip(results["pattern_description"], days, strict=True)
    ]
    told = results.assign(pattern_description=sentences, found_on=[day.isoformat() if day else "" for day in days])
    return replace(analysis, results=told)
