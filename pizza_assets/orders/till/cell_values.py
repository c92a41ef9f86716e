"""Cells of tills: amounts, times and names of pizzas, whole columns at a time.

Belongs here: how people and tills write them. Does not belong here: which column holds what (``columns.py``). A cell
that cannot be read is null; nothing is guessed: the date order and the decimal sign are given.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow
import pyarrow.compute as pc

from pizza_assets.orders.till.tables import Cells
from pizza_assets.platform.columns import EARLIEST, LATEST

DateOrder = Literal["dmy", "mdy", "ymd"]
Decimal = Literal[".", ","]

#: What programs write where they have nothing.
_NOTHING = r"^(?i:null|n/?a|none|nan|<na>|nil|undefined|#n/a|#ref!|#value!|-+|–|—|\?)$"

_TIME = r"(?:[T ,]+|, ?|^)(?P<hour>\d{1,2})[:.h](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,]\d{1,9})?)?"
_AFTER = (
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?(?: ?(?:GMT|UTC)?(?P<offset>Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2}))?"
    r"(?: ?(?:[A-Z]{3,4}|Uhr))?(?: \([A-Za-z ]+\))?$"
)
_WEEKDAY = r"^(?:[A-Za-z]{2,9}\.?,? +)?"
_MONTHS = (
    "jan feb mar apr may jun jul aug sep oct nov dec "
    "januar februar maerz april mai juni juli august september oktober november dezember "
    "ene feb mar abr may jun jul ago sep oct nov dic gen feb mar apr mag giu lug ago set ott nov dic "
    "janv fevr mars avr mai juin juil aout sept oct nov dec"
)
_YEAR_FIRST = r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})"
_NAMED = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?[-/. ]+(?P<name>[^\d\s,./-]{3,10})\.?[-/., ]+(?P<y>\d{4}|\d{2})"
_NAMED_FIRST = r"(?P<name>[A-Za-z]{3,10})\.? (?P<d>\d{1,2})(?:st|nd|rd|th)?,? +(?P<y>\d{4})"
_NUMBERED = r"(?P<first>\d{1,2})[-/.](?P<second_>\d{1,2})[-/.](?P<y>\d{4}|\d{2})"
_COMPACT = r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})"
#: The shapes of a date, the one of two numbers last: only it needs to know which comes first.
_DATES = (_YEAR_FIRST, _NUMBERED, _NAMED, _NAMED_FIRST, _COMPACT)
#: Beside a column of business days some tills count the hours on: 24:15 is a quarter past midnight of the next day.
_LAST_HOUR = 29
#: Days since 1899-12-30, as spreadsheets count: from 1992 to 2037.
_SERIALS = (33_604, 50_405)
#: Seconds and milliseconds since 1970, as APIs count: from 1992 to 2037.
_SECONDS, _MILLISECONDS = (693_000_000, 2_145_000_000), (693_000_000_000, 2_145_000_000_000)


def known_text(text: pyarrow.Array) -> pyarrow.Array:
    """Return text; null where a word such as NULL or N/A stands for nothing."""
    is_nothing = pc.fill_null(pc.match_substring_regex(text, _NOTHING), False)
    return pc.if_else(is_nothing, pyarrow.scalar(None, pyarrow.string()), text)


# Amounts


def amounts(cells: Cells, decimal: Decimal) -> npt.NDArray[np.float64]:
    """Return amounts and other numbers; NaN where there is none or none can be read.

    Currency signs and codes do not count, thousands are separated by the other sign, blanks or apostrophes, and an
    amount in parentheses or with the sign behind it is negative.
    """
    plain = _plain_numbers(known_text(cells.text))
    thousands = "," if decimal == "." else "."
    whole = rf"[+-]?(?:\d{{1,3}}(?:\{thousands}\d{{3}})+|\d+)"
    good = pc.match_substring_regex(plain, rf"^(?:{whole}(?:\{decimal}\d*)?|[+-]?\{decimal}\d+)$")
    text = pc.if_else(good, plain, pyarrow.scalar(None, pyarrow.string()))
    text = pc.replace_substring(text, thousands, "")
    if decimal != ".":
        text = pc.replace_substring(text, decimal, ".")
    numbers = text.cast(pyarrow.float64())
    if cells.numbers is not None:
        numbers = pc.coalesce(cells.numbers, numbers)
    found = np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=float)
    return np.where(np.isfinite(found), found, np.nan)


def _plain_numbers(text: pyarrow.Array) -> pyarrow.Array:
    """Return the number in each cell: without currency, blanks and apostrophes, its sign in front."""
    if not pc.any(pc.match_substring_regex(text, r"[^0-9.,]")).as_py():
        return text
    plain = pc.replace_substring_regex(text, r"[\s'’\x{00a0}\x{202f}]", "")
    plain = pc.replace_substring(plain, "−", "-")
    plain = pc.replace_substring_regex(plain, r"^([(+-]*)[A-Za-z]{0,3}\.?\p{Sc}?([(+-]*)(\d.*|[.,]\d.*)$", r"\1\2\3")
    plain = pc.replace_substring_regex(plain, r"^(.*\d[.,]?)(?:[A-Za-z]{1,3}\.?|\p{Sc})(\)?-?)$", r"\1\2")
    plain = pc.replace_substring_regex(plain, r"^\((.*)\)$", r"-\1")
    plain = pc.replace_substring_regex(plain, r"[.,]-+$", "")  # 12,- is twelve
    return pc.replace_substring_regex(plain, r"^([\d.,]+)-$", r"-\1")


@dataclass(frozen=True)
class DecimalEvidence:
    """How many amounts show a decimal point, a decimal comma, or could be read either way, and an example of each."""

    point: int = 0
    comma: int = 0
    either: int = 0
    examples: tuple[str, ...] = ("", "", "")

    def __add__(self, other: "DecimalEvidence") -> "DecimalEvidence":
        examples = tuple(mine or theirs for mine, theirs in zip(self.examples, other.examples, strict=True))
        return DecimalEvidence(
            self.point + other.point,
            self.comma + other.comma,
            self.either + other.either,
            examples,
        )


def decimal_evidence(cells: Cells) -> DecimalEvidence:
    """Tell which decimal sign the amounts show; those that are numbers in the file already need none."""
    text = known_text(cells.text)
    if cells.numbers is not None:
        text = pc.if_else(pc.is_valid(cells.numbers), pyarrow.scalar(None, pyarrow.string()), text)
    plain = _plain_numbers(text)
    shown, examples = [], []
    for sign, other in ((r"\.", ","), (",", r"\.")):
        decisive = (
            rf"\d{{1,3}}(?:{other}\d{{3}})+{sign}\d*|\d*{sign}(?:\d{{0,2}}|\d{{4,}})|0{sign}\d+|\d{{4,}}{sign}\d+"
        )
        pattern = rf"^[+-]?(?:{decisive})$"
        twice = rf"^[+-]?\d{{1,3}}(?:{other}\d{{3}}){{2,}}$"
        shown.append(
            pc.fill_null(
                pc.or_(pc.match_substring_regex(plain, pattern), pc.match_substring_regex(plain, twice)), False
            )
        )
    either = pc.fill_null(pc.match_substring_regex(plain, r"^[+-]?[1-9]\d{0,2}[.,]\d{3}$"), False)
    for mask in (*shown, either):
        at = pc.index(mask, True).as_py()
        examples.append("" if at < 0 else str(text[at].as_py()))
    point, comma, ambiguous = (int(pc.sum(mask).as_py() or 0) for mask in (*shown, either))
    return DecimalEvidence(point, comma, ambiguous, tuple(examples))


# Times


@dataclass(frozen=True)
class Times:
    """Times of a column: on the till's own clock, or as instants; null where they cannot be read.

    `has_clock` tells where a time of day stands.
    """

    local: "pd.Series[pd.Timestamp]"
    instants: "pd.Series[pd.Timestamp]"
    has_clock: npt.NDArray[np.bool_]

    def in_utc(self, time_zone: str) -> "pd.Series[pd.Timestamp]":
        """Return instants; where the clocks go back it is the first of two, where they go forward there is none."""
        first = np.ones(len(self.local), dtype=bool)
        localized = self.local.dt.tz_localize(time_zone, ambiguous=first, nonexistent="NaT").dt.tz_convert("UTC")
        together = self.instants.fillna(localized)
        return together.where(together.between(EARLIEST, LATEST))


def times(date: Cells, clock: Cells | None, date_order: DateOrder | None) -> Times:
    """Read times from one column, or from one of dates and one of times of day."""
    count = len(date.text)
    text = known_text(date.text)
    if clock is not None:
        of_day = _with_colons(known_text(clock.text))
        if clock.times is not None:  # a spreadsheet's time of day comes with a date of its own
            of_day = pc.coalesce(pc.strftime(clock.times, "%H:%M:%S"), of_day)
        if clock.numbers is not None:  # or as the part of a day that it is
            part = pc.if_else(pc.less(clock.numbers, 1), clock.numbers, pyarrow.scalar(None, pyarrow.float64()))
            seconds = pc.round(pc.multiply(part, 86_400.0)).cast(pyarrow.int64())
            of_day = pc.coalesce(pc.strftime(seconds.cast(pyarrow.timestamp("s")), "%H:%M:%S"), of_day)
        only_date = pc.replace_substring_regex(text, r"[ T]00:00(:00)?(\.0+)?$", "")
        text = pc.binary_join_element_wise(only_date, of_day, " ")
    local, offset, has_clock = _parsed(text, date_order, 23 if clock is None else _LAST_HOUR)
    instants = pd.Series(pd.NaT, index=range(count), dtype="datetime64[us, UTC]")
    with_offset = ~np.isnan(offset)
    if with_offset.any():
        shifted = pd.Series(local - np.where(with_offset, offset, 0).astype("timedelta64[m]")).astype("datetime64[us]")
        instants = shifted.where(with_offset).dt.tz_localize("UTC")
        local = np.where(with_offset, np.datetime64("NaT", "us"), local)
    plain = pd.Series(local).astype("datetime64[us]")
    if date.times is not None and clock is None:
        stamps = date.times.to_pandas()
        if stamps.dt.tz is None:
            plain = plain.where(stamps.isna(), stamps.astype("datetime64[us]"))
            # A date without a time of day is midnight in a spreadsheet; beside others midnight is a time of day.
            some = bool((stamps.dropna() != stamps.dropna().dt.floor("D")).any())
            has_clock = np.where(stamps.notna(), some, has_clock)
        else:
            instants = instants.where(stamps.isna(), stamps.astype("datetime64[us, UTC]"))
            plain = plain.where(stamps.isna())
            has_clock |= stamps.notna().to_numpy()
    if clock is None:
        numbers = _plain_counts(date)
        with np.errstate(invalid="ignore"):
            is_serial, is_second, is_milli = (
                (numbers >= low) & (numbers < high) for low, high in (_SERIALS, _SECONDS, _MILLISECONDS)
            )
        seconds = np.round(np.where(is_serial, numbers, 0) * 86_400).astype("int64")
        of_serials = pd.Series(np.datetime64("1899-12-30", "us") + seconds.astype("timedelta64[s]"))
        plain = plain.where(~is_serial, of_serials.astype("datetime64[us]"))
        has_clock = np.where(is_serial, seconds % 86_400 > 0, has_clock)
        millis = np.where(is_second, numbers * 1000, np.where(is_milli, numbers, 0)).astype("int64")
        counted = pd.Series(np.datetime64(0, "us") + millis.astype("timedelta64[ms]")).astype("datetime64[us]")
        instants = instants.where(~(is_second | is_milli), counted.dt.tz_localize("UTC"))
        has_clock = has_clock | is_second | is_milli
    return Times(plain, instants, has_clock)


def _with_colons(text: pyarrow.Array) -> pyarrow.Array:
    """Return times of day of digits only, as 1805 or 180530, with their colons."""
    text = pc.replace_substring_regex(text, r"^(\d{1,2})(\d{2})$", r"\1:\2")
    return pc.replace_substring_regex(text, r"^(\d{1,2})(\d{2})(\d{2})$", r"\1:\2:\3")


def _plain_counts(cells: Cells) -> npt.NDArray[np.float64]:
    """Return what a spreadsheet's or an API's clock counts, where a cell is a number and nothing else; else NaN."""
    is_count = pc.match_substring_regex(cells.text, r"^(?:\d{5}(?:\.\d+)?|\d{9,10}(?:\.\d+)?|\d{12,13})$")
    text = pc.if_else(is_count, cells.text, pyarrow.scalar(None, pyarrow.string()))
    numbers = text.cast(pyarrow.float64())
    if cells.numbers is not None:
        numbers = pc.coalesce(cells.numbers, numbers)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=float)


def _parsed(
    text: pyarrow.Array, date_order: DateOrder | None, last_hour: int
) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return times on the clock that wrote them, offsets in minutes (NaN: none), and where a time of day stands."""
    count = len(text)
    local = np.full(count, np.datetime64("NaT", "us"))
    offset, has_clock = np.full(count, np.nan), np.zeros(count, dtype=bool)
    rest = np.flatnonzero(pc.is_valid(text).to_numpy(zero_copy_only=False))
    for shape in _DATES:
        for clock in (_TIME + _AFTER, r" *$"):
            if len(rest) == 0:
                return local, offset, has_clock
            parts = pc.extract_regex(text.take(pyarrow.array(rest)), _WEEKDAY + shape + clock)
            good = np.flatnonzero(pc.is_valid(parts).to_numpy(zero_copy_only=False))
            if len(good) == 0:
                continue
            at = rest[good]
            fields = parts.take(pyarrow.array(good))
            stamps, minutes = _stamps(fields, date_order, last_hour)
            local[at], offset[at], has_clock[at] = stamps, minutes, clock.startswith(_TIME)
            rest = np.delete(rest, good)
    return local, offset, has_clock


def _stamps(
    parts: pyarrow.StructArray, date_order: DateOrder | None, last_hour: int
) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.float64]]:
    names = {field.name for field in parts.type}

    def number(name: str) -> npt.NDArray[np.int64]:
        if name not in names:
            return np.zeros(len(parts), dtype="int64")
        text = pc.struct_field(parts, name)
        return np.asarray(pc.if_else(pc.equal(text, ""), "0", text).cast(pyarrow.int64()), dtype="int64")

    year, is_short = number("y"), np.asarray(pc.utf8_length(pc.struct_field(parts, "y"))) == 2
    year = np.where(is_short, year + 2000, year)
    bad = np.zeros(len(parts), dtype=bool)
    if "name" in names:
        encoded = pc.struct_field(parts, "name").dictionary_encode()
        months = np.array([_month(name) for name in encoded.dictionary.to_pylist()], dtype="int64")
        month, day = months[encoded.indices.to_numpy()], number("d")
    elif "first" in names:
        one, two = number("first"), number("second_")
        day, month = (one, two) if date_order == "dmy" else (two, one)
        if date_order == "ymd":  # 24/05/31
            bad |= ~is_short
            year, month, day = np.where(is_short, one + 2000, year), two, np.where(is_short, year - 2000, 0)
        bad |= date_order is None
    else:
        month, day = number("m"), number("d")
    hour, minute, second = number("hour"), number("minute"), number("second")
    if "half" in names:
        half = pc.utf8_lower(pc.struct_field(parts, "half")).to_numpy(zero_copy_only=False)
        bad |= (half != "") & ((hour < 1) | (hour > 12))
        hour = np.where(half == "", hour, hour % 12 + np.where(half == "p", 12, 0))
    bad |= (month < 1) | (month > 12) | (day < 1) | (hour > last_hour) | (minute > 59) | (second > 60) | (year < 1)
    months_since = (np.clip(year, 1, 9999) - 1970) * 12 + np.clip(month, 1, 12) - 1
    first_day = months_since.astype("datetime64[M]").astype("datetime64[D]")
    length = ((months_since + 1).astype("datetime64[M]").astype("datetime64[D]") - first_day).astype("int64")
    bad |= day > length
    seconds = ((day - 1) * 24 + hour) * 3600 + minute * 60 + np.minimum(second, 59)
    stamps = first_day.astype("datetime64[us]") + seconds.astype("timedelta64[s]")
    stamps = np.where(bad, np.datetime64("NaT", "us"), stamps)
    minutes = np.full(len(parts), np.nan)
    if "offset" in names:
        offsets = pc.struct_field(parts, "offset").dictionary_encode()
        known = np.array([_offset_minutes(text) for text in offsets.dictionary.to_pylist()], dtype=float)
        minutes = known[offsets.indices.to_numpy()]
    return stamps, minutes


@lru_cache(maxsize=256)
def _month(name: str) -> int:
    plain = name.casefold().replace("ä", "ae").replace("é", "e").replace("û", "u")
    names = _MONTHS.split()
    found = [at % 12 + 1 for at, known in enumerate(names) if known == plain]
    return (
        found[0] if found else next((at % 12 + 1 for at, known in enumerate(names[:12]) if plain.startswith(known)), 0)
    )


def _offset_minutes(text: str) -> float:
    if not text:
        return np.nan
    if text in ("Z", "UTC", "GMT"):
        return 0.0
    digits = text[1:].replace(":", "").ljust(4, "0")
    return (int(digits[:2]) * 60 + int(digits[2:])) * (-1 if text[0] == "-" else 1)


@dataclass(frozen=True)
class DateEvidence:
    """What the dates of two numbers show: the largest first and second number, how many there are, and examples."""

    first: int = 0
    second: int = 0
    count: int = 0
    with_dots: int = 0
    example: str = ""
    first_example: str = ""
    second_example: str = ""
    short_years: int = 0
    third: int = 0
    firsts: frozenset[int] = frozenset()
    thirds: frozenset[int] = frozenset()

    def __add__(self, other: "DateEvidence") -> "DateEvidence":
        return DateEvidence(
            max(self.first, other.first),
            max(self.second, other.second),
            self.count + other.count,
            self.with_dots + other.with_dots,
            self.example or other.example,
            self.first_example if self.first >= other.first else other.first_example,
            self.second_example if self.second >= other.second else other.second_example,
            self.short_years + other.short_years,
            max(self.third, other.third),
            self.firsts | other.firsts,
            self.thirds | other.thirds,
        )

    @property
    def has_year_first(self) -> bool:
        """Tell whether years of two digits come first: the last number is no year up to now, or varies as days do."""
        if not self.count or self.short_years < self.count or self.second > 12:
            return False
        this_year = datetime.now(UTC).year % 100
        is_day_last = self.third > this_year or (len(self.firsts) <= 2 < len(self.thirds) and min(self.firsts) > 12)
        return self.third <= 31 and is_day_last and max(self.firsts) <= this_year


def date_evidence(cells: Cells) -> DateEvidence:
    """Tell what shows whether the day or the month comes first."""
    parts = pc.extract_regex(
        cells.text, _WEEKDAY + r"(?P<a>\d{1,2})(?P<sign>[-/.])(?P<b>\d{1,2})[-/.](?P<c>\d{4}|\d{2})(?:\D|$)"
    )
    good = np.flatnonzero(pc.is_valid(parts).to_numpy(zero_copy_only=False))
    if len(good) == 0:
        return DateEvidence()
    fields = parts.take(pyarrow.array(good))
    one, two, three = (np.asarray(pc.struct_field(fields, name).cast(pyarrow.int64())) for name in ("a", "b", "c"))
    dots = int(pc.sum(pc.equal(pc.struct_field(fields, "sign"), ".")).as_py() or 0)
    shown = [str(cells.text[int(good[at])].as_py()) for at in (0, int(one.argmax()), int(two.argmax()))]
    short = three < 100
    return DateEvidence(
        int(one.max()),
        int(two.max()),
        len(good),
        dots,
        shown[0],
        shown[1],
        shown[2],
        short_years=int(short.sum()),
        third=int(three.max()),
        firsts=frozenset(one.tolist()),
        thirds=frozenset(three.tolist()),
    )


# Names


_COUNT_FIRST = re.compile(r"^(\d{1,3})\s*(?:x|×|\*)\s*(\S.*)$", re.IGNORECASE)
_COUNT_LAST = re.compile(r"^(.*\S)\s*(?:\s(?:x|×|\*)|×|\*)\s*(\d{1,3})$|^(.*\S)\s*\(x?(\d{1,3})\)$", re.IGNORECASE)


def pizzas(text: pyarrow.Array) -> tuple[pyarrow.Array, npt.NDArray[np.float64]]:
    """Return the names of the pizzas in each cell, and how many pizzas the cell spells (NaN: no cell).

    Names are a JSON list, or stand in lines, or between ``|``, ``;``, `` + `` or commas; ``2 x Margherita`` is two.
    """
    encoded = known_text(text).dictionary_encode()
    read = [names_in(cell) for cell in encoded.dictionary.to_pylist()]
    names = pyarrow.array([[name for name, _ in of_cell] or None for of_cell in read], pyarrow.list_(pyarrow.string()))
    counts = np.array([sum(count for _, count in of_cell) or np.nan for of_cell in read] or [np.nan], dtype=float)
    at = encoded.indices.to_numpy(zero_copy_only=False)
    missing = np.isnan(at.astype(float))
    return names.take(encoded.indices), np.where(missing, np.nan, counts[np.where(missing, 0, at).astype(int)])


@lru_cache(maxsize=65_536)
def names_in(cell: str) -> tuple[tuple[str, int], ...]:
    """Return each name of a cell, as often as it stands there, with the number beside it."""
    found: list[tuple[str, int]] = []
    for part in _parts(cell):
        name, count = " ".join(part.split()).strip(" ,;|"), 1
        if match := _COUNT_FIRST.match(name):
            count, name = int(match[1]), match[2]
        elif match := _COUNT_LAST.match(name):
            count, name = int(match[2] or match[4]), match[1] or match[3]
        if name.strip():
            found.append((name.strip(), max(count, 1)))
    return tuple(found)


def _parts(cell: str) -> list[str]:
    if cell.startswith("["):
        try:
            values = json.loads(cell)
        except (ValueError, RecursionError):
            values = None
        if isinstance(values, list):
            return [_json_name(value) for value in values]
    lines = [line for line in cell.split("\n") if line.strip()]
    if len(lines) > 1 and not any(re.match(r"\s*\d{1,3}\s*(x|×|\*)", line, re.IGNORECASE) for line in lines[1:]):
        lines = [" ".join(lines)]  # one name over two lines
    return [part for line in lines for part in re.split(r"\s*[|;]\s*|\s+\+\s+|,(?!\d)", line)]


def _json_name(value: object) -> str:
    if isinstance(value, dict):
        name = next((value[key] for key in ("name", "title", "item", "product") if isinstance(value.get(key), str)), "")
        count = next((value[key] for key in ("quantity", "qty", "count") if isinstance(value.get(key), int)), 1)
        return f"{count} x {name}" if name else ""
    return value if isinstance(value, str) else ""
