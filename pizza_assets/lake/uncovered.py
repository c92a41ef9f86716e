"""Cities of which a day does not tell all orders, as the metadata of the day says it.

Belongs here: writing and reading that fact. Does not belong here: finding it out (``orders/coverage.py``).
"""

from collections.abc import Collection, Mapping

#: The fact of a real day that some cities are known in part only, or not at all.
UNCOVERED = "uncovered"
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
