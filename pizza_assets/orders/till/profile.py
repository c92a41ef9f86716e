"""What an export means: its columns, how it writes times and amounts, what is no order, and where its shops are.

Belongs here: that description, read from and written to ``orders.toml``. Does not belong here: finding it out
(``evidence.py``), applying it (``reading.py``).
"""

import csv
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import available_timezones

from pizza_assets.errors import SettingsError
from pizza_assets.orders.till.cell_values import DateOrder, Decimal
from pizza_assets.orders.till.places import Place, place_of
from pizza_assets.reference import fold

Field = Literal["order_id", "time", "shop", "total", "pizzas", "quantity", "currency", "category"]
FIELDS: tuple[Field, ...] = get_args(Field)
Kind = Literal["void", "refund", "test", "total"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: What each field is, for people and in the comments of the file.
MEANINGS: Mapping[Field, str] = {
    "order_id": "the order's number",
    "time": "when it was placed",
    "shop": "which shop",
    "total": "what was paid",
    "pizzas": "the names of the pizzas",
    "quantity": "how many",
    "currency": "the currency of the amount",
    "category": "the kind of item, which tells pizzas from drinks",
}


@dataclass(frozen=True)
class Mark:
    """Rows that are no order: those whose `column` holds one of `values` (any case; ``*``: anything at all)."""

    kind: Kind
    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Closed:
    """Days of a shop (None: of all shops), both ends included."""

    first: date
    last: date
    shop: str | None = None


@dataclass(frozen=True)
class Profile:
    """What an export means. What is None is not known yet.

    Attributes
    ----------
    name
        Of a ready-made profile; else empty.
    columns
        Columns of each field, by name or by position from 1. Fields without a column are unknown.
    shop
        The one shop of all rows.
    date_order, decimal
        Whether day or month comes first, and the decimal sign.
    rows
        What a row is.
    total_of
        Whether the amount of an item's row is the item's or, repeated or once, the order's.
    pizza_categories
        Categories whose items are pizzas; others count for the total only. All items when empty.
    leave_out_others
        Whether items that are no pizza do not count for the total either.
    fill_down
        Columns whose empty cells repeat the cell above.
    closed, opened
        Days without orders that were not found by themselves: nothing is known of them; and days that were found,
        on which there truly was no order.
    """

    name: str = ""
    columns: Mapping[Field, tuple[str | int, ...]] = field(default_factory=dict)
    shop: str | None = None
    currency: str | None = None
    time_zone: str | None = None
    day_starts: int = 4
    date_order: DateOrder | None = None
    decimal: Decimal | None = None
    minor_units: bool = False
    rows: Literal["order", "item"] | None = None
    total_of: Literal["item", "order"] = "item"
    pizza_categories: tuple[str, ...] = ()
    leave_out_others: bool = False
    fill_down: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    shops: Mapping[str, str] = field(default_factory=dict)
    closed: tuple[Closed, ...] = ()
    opened: tuple[Closed, ...] = ()

    def columns_in(self, columns: Sequence[str]) -> dict[Field, tuple[str, ...]]:
        """Return the columns of a table that hold each field; fields of which one is missing are left out."""
        by_name = {fold(name) or name: name for name in reversed(columns)}
        found: dict[Field, tuple[str, ...]] = {}
        for name, wanted in self.columns.items():
            here = [_column(one, columns, by_name) for one in wanted]
            if here and None not in here:
                found[name] = tuple(one for one in here if one is not None)
        return found


def _column(wanted: str | int, columns: Sequence[str], by_name: Mapping[str, str]) -> str | None:
    if isinstance(wanted, int):
        return columns[wanted - 1] if 1 <= wanted <= len(columns) else None
    return wanted if wanted in columns else by_name.get(fold(wanted) or wanted)


def read_profile(path: Path) -> Profile:
    """Read ``orders.toml``, and beside it ``shops.csv`` where it is there.

    Raises
    ------
    SettingsError
        When it cannot be read, or holds something that a profile does not have.
    """
    try:
        profile = parsed_profile(path.read_text(encoding="utf-8"), str(path))
        beside = path.with_name("shops.csv")
        shops = read_shops(beside.read_text(encoding="utf-8-sig"), str(beside)) if beside.exists() else {}
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"The profile {path} could not be read: {error}.") from None
    return replace(profile, shops={**profile.shops, **shops})


def read_shops(text: str, where: str) -> dict[str, str]:
    """Read shops.csv: the city of each shop, or that of its address; shops without either are left out.

    Raises
    ------
    SettingsError
        When it has not the columns shop and city.
    """
    rows = csv.DictReader(text.splitlines(), skipinitialspace=True)
    if not {"shop", "city"} <= set(rows.fieldnames or ()):
        raise SettingsError(
            f"{where} must have the columns shop, city and address. Found {rows.fieldnames}. Correct it."
        )
    shops = {}
    for row in rows:
        shop, city, address = ((row.get(name) or "").strip() for name in ("shop", "city", "address"))
        place = Place(city, "") if city else place_of(address)
        if shop and place.is_decided:
            shops[shop] = place.city
    return shops


def parsed_profile(text: str, where: str) -> Profile:
    """Read the text of a profile; `where` names it in errors.

    Raises
    ------
    SettingsError
        When it holds something that a profile does not have.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The profile {where} is no valid TOML: {error}. Correct it.") from None
    reader = _Reader(document, where)
    zone = reader.take("time_zone", str)
    if zone is not None and zone not in available_timezones():
        raise reader.error("time_zone", "a time zone such as Europe/London", zone)
    currency = reader.take("currency", str)
    if currency is not None and not re.fullmatch("[A-Z]{3}", currency):
        raise reader.error("currency", "a code of three letters such as GBP", currency)
    profile = Profile(
        name=reader.take("name", str) or "",
        columns=_columns(reader),
        shop=reader.take("shop", str),
        currency=currency,
        time_zone=zone,
        day_starts=reader.take("day_starts", int) if "day_starts" in document else 4,
        date_order=reader.choice("date_order", ("dmy", "mdy", "ymd")),  # type: ignore[arg-type]
        decimal=reader.choice("decimal", (".", ",")),  # type: ignore[arg-type]
        minor_units=bool(reader.take("minor_units", bool)),
        rows=reader.choice("rows", ("order", "item")),  # type: ignore[arg-type]
        total_of=reader.choice("total_of", ("item", "order")) or "item",  # type: ignore[arg-type]
        pizza_categories=reader.texts("pizza_categories"),
        leave_out_others=bool(reader.take("leave_out_others", bool)),
        fill_down=reader.texts("fill_down"),
        marks=tuple(_marks(reader)),
        shops=_shops(reader),
        closed=tuple(_closed(reader, "closed")),
        opened=tuple(_closed(reader, "open")),
    )
    reader.nothing_else()
    if not 0 <= profile.day_starts <= 12:
        raise reader.error("day_starts", "an hour from 0 to 12", profile.day_starts)
    return profile


class _Reader:
    """Takes values out of a document, and tells where one is wrong."""

    def __init__(self, document: Mapping[str, Any], where: str) -> None:
        self._left, self._where = dict(document), where

    def error(self, name: str, expected: str, found: object) -> SettingsError:
        return SettingsError(f"The profile {self._where}: {name} must be {expected}. Found {found!r}. Correct it.")

    def take(self, name: str, kind: type) -> Any:  # noqa: ANN401 of the kind, or None
        value = self._left.pop(name, None)
        if value is not None and not isinstance(value, kind):
            raise self.error(name, f"of type {kind.__name__}", value)
        return value

    def choice(self, name: str, values: Sequence[str]) -> str | None:
        value = self._left.pop(name, None)
        if value is not None and value not in values:
            raise self.error(name, " or ".join(map(repr, values)), value)
        return None if value is None else str(value)

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._left.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(name, 'a list of texts such as ["Pizza"]', value)
        return tuple(value)

    def tables(self, name: str, keys: Sequence[str]) -> list[Mapping[str, Any]]:
        value = self._left.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) and set(item) <= set(keys) for item in value):
            raise self.error(name, f"written as [[{name}]] with {', '.join(keys)}", value)
        return value

    def nothing_else(self) -> None:
        if self._left:
            raise self.error("a name", "one of those in the documentation", sorted(self._left)[0])


def _columns(reader: _Reader) -> dict[Field, tuple[str | int, ...]]:
    given = reader.take("columns", dict) or {}
    columns: dict[Field, tuple[str | int, ...]] = {}
    for name, value in given.items():
        values = value if isinstance(value, list) else [value]
        good = name in FIELDS and values and all(isinstance(item, str | int) for item in values)
        if not good or len(values) > (2 if name == "time" else 1):
            fields = ", ".join(FIELDS)
            raise reader.error(f"columns.{name}", f"one of {fields}, and name a column or its position", value)
        columns[name] = tuple(values)
    return columns


def _marks(reader: _Reader) -> list[Mark]:
    marks = []
    for item in reader.tables("set_aside", ("kind", "column", "values")):
        values = item.get("values", ["*"])
        if item.get("kind") not in KINDS or not isinstance(item.get("column"), str) or not isinstance(values, list):
            raise reader.error("set_aside", f"of a kind out of {', '.join(KINDS)}, with a column and values", item)
        marks.append(Mark(item["kind"], item["column"], tuple(map(str, values))))
    return marks


def _shops(reader: _Reader) -> dict[str, str]:
    shops = reader.take("shops", dict) or {}
    if not all(isinstance(city, str) for city in shops.values()):
        raise reader.error("shops", 'shops and their cities: "High Street" = "Norwich"', shops)
    return dict(shops)


def _closed(reader: _Reader, name: str) -> list[Closed]:
    closed = []
    for item in reader.tables(name, ("shop", "first", "last")):
        first, last = item.get("first"), item.get("last", item.get("first"))
        if type(first) is not date or type(last) is not date or last < first:
            raise reader.error(name, "from a first to a last day: first = 2024-12-25", dict(item))
        closed.append(Closed(first, last, item.get("shop")))
    return closed


def quoted(value: str) -> str:
    """Return text as TOML spells it."""
    escaped = "".join(
        f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else {'"': '\\"', "\\": "\\\\"}.get(c, c) for c in value
    )
    return f'"{escaped}"'


@cache
def ready_made() -> Mapping[str, Profile]:
    """Return the profiles that are there already, by name: of tills that many people have."""
    found = (item for item in (files(__package__) / "profiles").iterdir() if item.name.endswith(".toml"))
    profiles = [parsed_profile(item.read_text(encoding="utf-8"), item.name) for item in found]
    return {profile.name: profile for profile in sorted(profiles, key=lambda profile: profile.name)}
