from datetime import date
from pathlib import Path

import pytest

from pizza_assets.errors import SettingsError
from pizza_assets.orders.till.book import Book
from pizza_assets.orders.till.evidence import find_out
from pizza_assets.orders.till.files import tables_in
from pizza_assets.orders.till.profile import Closed, Mark, Profile, parsed_profile, ready_made

PROFILE = """
shop = "Norwich"
time_zone = "Europe/London"
currency = "GBP"
date_order = "dmy"
decimal = ","
rows = "item"
pizza_categories = ["Pizza"]
day_starts = 6

[columns]
order_id = 1
time = ["Date", "Time"]
total = "Total"

[[set_aside]]
kind = "void"
column = "Status"
values = ["X"]

[shops]
"High Street" = "Norwich"

[[closed]]
first = 2024-12-25
last = 2024-12-26

[[open]]
first = 2025-01-01
shop = "High Street"
"""


def test_reads_a_profile() -> None:
    profile = parsed_profile(PROFILE, "orders.toml")
    assert profile.columns == {"order_id": (1,), "time": ("Date", "Time"), "total": ("Total",)}
    assert profile.columns_in(["No", "date", "TIME"]) == {"order_id": ("No",), "time": ("date", "TIME")}
    assert profile.marks == (Mark("void", "Status", ("X",)),)
    assert profile.closed == (Closed(date(2024, 12, 25), date(2024, 12, 26)),)
    assert profile.opened == (Closed(date(2025, 1, 1), date(2025, 1, 1), "High Street"),)
    assert (profile.day_starts, profile.shops) == (6, {"High Street": "Norwich"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = ", "is no valid TOML"),
        ('time_zone = "London"', "time_zone must be a time zone such as Europe/London. Found 'London'"),
        ('currency = "£"', "currency must be a code of three letters"),
        ('decimal = "."\nrows = "line"', "rows must be 'order' or 'item'. Found 'line'"),
        ("[columns]\nprice = 1", "columns.price must be one of order_id"),
        ("[columns]\norder_id = 1.5", "columns.order_id must be"),
        ("surprise = 1", "a name must be one of those in the documentation. Found 'surprise'"),
        ('[[set_aside]]\nkind = "gone"\ncolumn = "x"', "set_aside must be of a kind"),
        ("[[closed]]\nfirst = 2024-05-02\nlast = 2024-05-01", "closed must be from a first to a last day"),
        ("day_starts = 20", "day_starts must be an hour from 0 to 12"),
        ("minor_units = 1", "minor_units must be of type bool"),
    ],
)
def test_a_wrong_profile_is_told(text: str, told: str) -> None:
    with pytest.raises(SettingsError) as error:
        parsed_profile(text, "orders.toml")
    assert told in str(error.value)


#: Two pizzas for 25.50 at 18:10 in London, as each till writes them, and rows that are no order.
SAMPLES = {path.stem: path for path in (Path(__file__).parent / "samples").glob("*.csv")}


def test_every_ready_made_profile_has_a_sample() -> None:
    assert set(SAMPLES) == set(ready_made())


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_ready_made_profile_is_found_and_reads_its_export(name: str) -> None:
    has_shop = "Norwich" in SAMPLES[name].read_text()
    found = find_out(tables_in(SAMPLES[name]), Profile(time_zone="Europe/London", shop=None if has_shop else "Norwich"))
    assert found.profile.name == name
    found.check()
    with Book(found.tables, found.profile) as book:
        (order,) = book.orders(date(2024, 5, 4)).to_pylist()
        assert (order["order_total"], order["location"]) == (25.5, "Norwich")
        assert str(order["timestamp"]) == "2024-05-04 17:10:00+00:00"
        assert order["pizza_types"] == (None if name == "Clover" else ["Margherita", "Funghi"])
        counted = book.counted
        assert counted.rows == counted.stored + sum(counted.set_aside.values())
        assert counted.rejected == 0
