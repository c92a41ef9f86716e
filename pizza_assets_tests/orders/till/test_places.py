import pytest

from pizza_assets.orders.till.places import place_of
from pizza_assets.reference import UNKNOWN_CITY, cities, postcode_areas


@pytest.mark.parametrize(
    ("location", "city"),
    [
        ("Norwich", "Norwich"),
        ("12 High St, NORWICH NR2", "Norwich"),
        ("Newcastle-upon-Tyne (Grey Street)", "Newcastle upon Tyne"),
        ("Yorkshire Street", UNKNOWN_CITY),
        ("Store 4711", UNKNOWN_CITY),
        ("leeds", "Leeds"),
        ("12 High St Norwich", "Norwich"),
        ("5 Derby Square, Liverpool L2 1AB", "Liverpool"),
        ("Reading Lane, London E8 1DS", "London"),
        ("Liverpool Road, Manchester", "Manchester"),
        ("1 Leeds Road, Bradford", "Bradford"),
        ("Manchester, Oxford Road", "Manchester"),
        ("Pizza Palace Derby", "Derby"),
        ("Leeds city centre", "Leeds"),
        ("Norwich 2", "Norwich"),
        ("Kingston upon Hull", "Hull"),
        ("Church St, Newcastle NE1 4XX", "Newcastle upon Tyne"),
        ("Unit 3, Riverside, Norwich, Norfolk, NR1 1EE, United Kingdom", "Norwich"),
        ("Church Road, Hove, East Sussex BN3 2BB", "Brighton"),
        ("Main branch", UNKNOWN_CITY),
        ("Shop 3", UNKNOWN_CITY),
        ("London Road", UNKNOWN_CITY),
        ("Norwich High Street", UNKNOWN_CITY),
        ("London Colney", UNKNOWN_CITY),
        ("Bridge St, Newcastle-under-Lyme", UNKNOWN_CITY),
        ("4 Main St, Reading PA", UNKNOWN_CITY),
        ("1 The Street, London NR1 1AA", UNKNOWN_CITY),
        ("Norwich, Markt", UNKNOWN_CITY),
    ],
)
def test_an_address_is_read_as_an_address(location: str, city: str) -> None:
    place = place_of(location)
    assert place.city == city, place.why
    assert place.is_decided == (city != UNKNOWN_CITY)


@pytest.mark.parametrize("city", sorted(cities()))
def test_a_street_is_never_its_city(city: str) -> None:
    other = "Leeds" if city != "Leeds" else "Norwich"
    for street in ("Road", "Street", "Square"):
        assert place_of(f"{city} {street}, {other}").city == other
        if "(" not in city:  # no street has brackets
            assert place_of(f"12 {city} {street}").city == UNKNOWN_CITY
    assert place_of(f"12 High Street, {city}").city == city


def test_a_postcode_agrees_or_nobody_decides() -> None:
    for area, towns in postcode_areas().items():
        for city in cities():
            expected = city if city in towns else UNKNOWN_CITY
            if cities()[city].country == "GB":
                assert place_of(f"1 High Street, {city} {area}1 1AA").city == expected, (city, area)
