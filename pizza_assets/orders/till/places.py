"""Where a shop is: the town that its name or address names, or why nobody can tell.

Belongs here: reading an address as an address. Does not belong here: the towns (``reference/``), what a person decided
(the profile's shops). A street's name is never a town, and of two readings neither is taken.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from pizza_assets.reference import UNKNOWN_CITY, cities, fold, postcode_areas, spellings

_POSTCODE = re.compile(r"\b([A-Z]{1,2})(\d[A-Z\d]?)(?:\s*(\d[A-Z]{2}))?\b")
_OTHER_POSTCODE = re.compile(r"\b(?:[A-Z]-)?\d{4,5}(?:-\d{3,4})?\b(?:\s*[A-Z]{2}\b)?")
_STREETS = frozenset(
    """street st road rd lane ln avenue ave av way square sq row drive dr close place pl court ct hill terrace crescent
    gardens grove park parade walk quay wharf gate highway hwy boulevard blvd embankment broadway mews bypass
    roundabout retail mall station airport university hospital green rise view
    strasse str platz weg allee gasse rue place via viale piazza calle plaza avenida laan straat plein rua""".split()
)
#: Words of countries and counties, which stand behind the town.
_REGIONS = frozenset(
    """uk gb united kingdom great britain england scotland wales northern ireland republic of deutschland germany france
    italy italia spain espana netherlands nederland portugal belgium bedfordshire berkshire buckinghamshire
    cambridgeshire cheshire cornwall cumbria derbyshire devon dorset essex gloucestershire greater hampshire
    herefordshire hertfordshire kent lancashire leicestershire lincolnshire merseyside middlesex norfolk
    northamptonshire northumberland nottinghamshire oxfordshire shropshire somerset staffordshire suffolk surrey sussex
    tyne and wear warwickshire west east south north midlands wiltshire worcestershire yorkshire""".split()
)
_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|PA|"
    "RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC"
)
#: Words beside a town's name that leave it a town: "Norwich 2", "Leeds city centre", "Pizza Palace Derby".
_BESIDE = frozenset(
    """central centre center city town north south east west northeast northwest southeast southwest shop store branch
    pizza pizzeria restaurant takeaway kitchen till no number the of in at""".split()
)


@dataclass(frozen=True)
class Place:
    """The town of a shop (``UNKNOWN_CITY``: undecided), and how it was found or why it was not."""

    city: str
    why: str

    @property
    def is_decided(self) -> bool:
        """Tell whether the town is known."""
        return self.city != UNKNOWN_CITY


def _undecided(why: str) -> Place:
    return Place(UNKNOWN_CITY, why)


@lru_cache(maxsize=65_536)
def place_of(location: str) -> Place:
    """Return where a shop is, from its name or address.

    The town stands last, before the postcode. A postcode of the United Kingdom has to agree with it.
    """
    # A city's own name may have a part in brackets, "Valencia (Venezuela)".
    address = ",".join(
        part if fold(part) in spellings() else re.sub(r"[()]", ",", part) for part in location.split(",")
    )
    area, address = _without_postcode(address)
    parts = [part for part in (_plain(part) for part in re.split(r"[,;\n/]|\s[-–—|]\s", address)) if part]
    named = [part for part in parts if fold(part) in spellings()]
    for position, part in reversed(list(enumerate(parts))):
        if fold(part) not in spellings():
            if set(fold(part).split()) <= _REGIONS or fold(part).startswith("greater "):
                continue
            if re.search(rf"\s(?:{_STATES})$", part):
                return _undecided(f"'{part}' is a place in the United States")
        is_last = position == len(parts) - 1
        found = _town(part, is_address=area is not None or (is_last and position > 0))
        if found is not None and found.city not in cities() and found.is_decided and named:
            return _undecided(f"'{named[-1]}' or '{part}' may be the town")
        if found is not None:
            return _checked(found, area)
    return _undecided("it names no town")


def _plain(part: str) -> str:
    return " ".join(part.split()).strip(" .:-")


def _without_postcode(address: str) -> tuple[str | None, str]:
    """Return the area of the last British postcode (None: there is none), and the address without postcodes."""
    areas = postcode_areas()
    found = [
        match for match in _POSTCODE.finditer(address) if match[1] in areas and (match[3] or _ends(address, match))
    ]
    if found:
        match = found[-1]
        return match[1], f"{address[: match.start()]},{address[match.end() :]}"
    return None, _OTHER_POSTCODE.sub(",", address) if re.search(r"[^\W\d_]{3}", address) else address


def _ends(address: str, match: "re.Match[str]") -> bool:
    """Tell whether the first half of a postcode stands at the end, after something else."""
    return match.start() > 0 and not address[match.end() :].strip(" ,.")


def _town(part: str, *, is_address: bool) -> Place | None:
    """Return the town that a part of an address names, an undecided place, or None where it is no town's part."""
    words = fold(part).split()
    if city := spellings().get(" ".join(words)):
        return Place(city, f"'{part}'")
    named = [
        (start, start + length, spellings()[" ".join(words[start : start + length])])
        for length in range(1, min(len(words), 5) + 1)
        for start in range(len(words) - length + 1)
        if " ".join(words[start : start + length]) in spellings()
    ]
    named = [one for one in named if not any(o[0] <= one[0] and one[1] <= o[1] and o != one for o in named)]
    streets = [at for at, word in enumerate(words) if word in _STREETS]
    if not named:
        is_town = is_address and not streets and len(words) <= 4 and not re.search(r"\d", part)
        return Place(part, f"'{part}'") if is_town and words and part[0].isupper() else None
    start, end, city = named[-1]
    after = [word for word in words[end:] if word not in _BESIDE and not word.isdigit()]
    if not after and streets and streets[-1] < start:
        return Place(city, f"'{part}'")  # 12 High St Norwich
    if streets:
        is_street = streets[-1] == len(words) - 1 or is_address
        return None if is_street else _undecided(f"'{part}' may be a street or a place in {city}")
    if after or len({one[2] for one in named}) > 1:
        return _undecided(f"'{part}' may be {city}, or another place")
    return Place(city, f"'{part}'")


def _checked(place: Place, area: str | None) -> Place:
    """Hold the town against the postcode's area."""
    if area is None or not place.is_decided or place.city not in cities():
        return place
    towns = postcode_areas()[area]
    if place.city in towns:
        return Place(place.city, f"{place.why}, and the postcode area {area}")
    return _undecided(f"{place.why} does not fit the postcode area {area} ({', '.join(towns)})")
