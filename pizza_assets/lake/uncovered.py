"""Cities of which a day does not tell all orders, as the metadata of the day says it.

Belongs here: writing and reading that fact. Does not belong here: finding it out (``orders/till/coverage.py``).
"""

from collections.abc import Collection, Mapping
from datetime import date

import pandas as pd

#: The fact of a real day that some cities are known in part only, or not at all.
UNCOVERED = "uncovered"
#: Why such a day takes no part in an analysis.
REASON = "the exports of the tills do not cover it"
#: Metadata is short: where the cities' names are too long, all cities count as not known.
_ALL, _LONGEST = "*", 500


def uncovered_fact(cities: Collection[str]) -> str:
    """Return cities as a fact."""
    text = "|".join(sorted(cities))
    return text if len(text) <= _LONGEST and text.isascii() else _ALL


def uncovered_in(facts: Mapping[str, str], cities: Collection[str]) -> set[str]:
    """Return which of these cities a day's facts say are not known as a whole."""
    text = facts.get(UNCOVERED, "")
    return set(cities) if text == _ALL else set(cities) & set(text.split("|"))


def unobserved(facts: Mapping[date, Mapping[str, str]], cities: Collection[str]) -> pd.DataFrame:
    """Return the days of cities that are not known as a whole, for the analysis.

    Parameters
    ----------
    facts
        The metadata of each day (UTC).
    cities
        The cities that orders are of.

    Returns
    -------
    DataFrame
        city, start, end (UTC, end excluded), reason; sorted by day and city.
    """
    rows = [(day, city) for day in sorted(facts) for city in sorted(uncovered_in(facts[day], cities))]
    start = pd.DatetimeIndex([day for day, _ in rows], dtype="datetime64[us]").tz_localize("UTC")
    return pd.DataFrame(
        {
            "city": pd.Series([city for _, city in rows], dtype="str"),
            "start": start,
            "end": start + pd.Timedelta(days=1),
            "reason": pd.Series([REASON] * len(rows), dtype="str"),
        }
    )
