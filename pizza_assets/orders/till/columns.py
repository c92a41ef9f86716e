"""What the columns of an export mean: from their names and from what stands in them.

Belongs here: columns, and the marks of rows that are no order. Does not belong here: how cells are written
(``evidence.py``), the words that tills use (``vocabulary.py``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow
import pyarrow.compute as pc

from pizza_assets.orders.till import vocabulary
from pizza_assets.orders.till.cell_values import amounts, known_text, times
from pizza_assets.orders.till.profile import FIELDS, Field, Mark, Profile
from pizza_assets.orders.till.tables import Rows, Table
from pizza_assets.reference import fold


@dataclass(frozen=True)
class Question:
    """What the files alone cannot answer: the profile's key, and the question in words.

    `answers` are possible values, `is_needed` tells that no order can be read without an answer.
    """

    key: str
    text: str
    answers: tuple[str, ...] = ()
    is_needed: bool = True


def with_columns(given: Profile, rows: Rows, evidence: dict[str, str], *, takes_empty: bool) -> Profile:
    """Complete the columns from their names and cells."""
    by_name = {fold(name): name for name in reversed(list(rows.columns))}
    columns = dict(given.columns)
    taken = {name for one in given.columns_in(list(rows.columns)).values() for name in one}
    is_ours = bool(given.columns) and bool(given.name)
    for name in FIELDS:
        if name in columns or (name == "shop" and given.shop) or is_ours:
            continue
        words = [word for word in vocabulary.NAMES[name] if word in by_name and by_name[word] not in taken]
        fits = [by_name[word] for word in words if _fits(name, rows, by_name[word], takes_empty=takes_empty)]
        if fits:
            columns[name] = (fits[0],)
            taken.add(fits[0])
            evidence[f"columns.{name}"] = f"its name, and cells such as {_example(rows, fits[0])}"
    if "time" not in columns and not is_ours:
        dates = [name for name in rows.columns if name not in taken and _are_dates(rows, name)]
        if len(dates) == 1:
            columns["time"] = (dates[0],)
            evidence["columns.time"] = f"the only column of dates, such as {_example(rows, dates[0])}"
    columns = _with_clock(columns, rows, by_name, evidence)
    for name, here in columns.items():
        found = replace(given, columns={name: here}).columns_in(list(rows.columns)).get(name)
        if found:
            evidence.setdefault(f"columns.{name}", f"given, with cells such as {_example(rows, found[0])}")
    marks = given.marks or tuple(_marks(rows, {str(one) for names in columns.values() for one in names}, evidence))
    return replace(given, columns=columns, marks=marks)


def _with_clock(
    columns: dict[Field, tuple[str | int, ...]], rows: Rows, by_name: dict[str, str], evidence: dict[str, str]
) -> dict[Field, tuple[str | int, ...]]:
    """Add the column of times of day to one of dates only."""
    here = Profile(columns=columns).columns_in(list(rows.columns)).get("time")
    if not here or len(here) != 1:
        return columns
    read = times(rows.columns[here[0]], None, "dmy")
    if read.has_clock.any():
        return columns
    exact = [by_name[word] for word in vocabulary.CLOCKS if word in by_name]
    others = [name for name in rows.columns if {*fold(name).split()} & {*vocabulary.CLOCKS}]
    for name in (*exact, *others):
        if name != here[0] and _is_clock(rows, name):
            date, clock = _example(rows, here[0]), _example(rows, name)
            evidence["columns.time"] = f"dates such as {date} in one column, times such as {clock} in the other"
            return {**columns, "time": (here[0], name)}
    return columns


def _are_dates(rows: Rows, name: str) -> bool:
    """Tell whether the cells are times by their looks: a bare number may be one, but its column has to say so."""
    bare: bool = pc.all(pc.fill_null(pc.match_substring_regex(rows.columns[name].text, r"^[\d.]*$"), True)).as_py()
    return not bare and _fits("time", rows, name)


def _is_clock(rows: Rows, name: str) -> bool:
    cells = rows.columns[name]
    fits = pc.match_substring_regex(cells.text, r"^(\d{1,2}[:.h]\d{2}([:.]\d{2})?|([01]?\d|2[0-9])[0-5]\d([0-5]\d)?$)")
    return cells.times is not None or bool(pc.any(fits).as_py())


def _fits(name: Field, rows: Rows, column: str, *, takes_empty: bool = False) -> bool:
    """Tell whether the cells of a column can be what the field is."""
    cells = rows.columns[column]
    known = known_text(cells.text)
    filled = len(known) - known.null_count
    if filled == 0:
        return takes_empty or name in ("order_id", "shop", "pizzas", "currency", "category")
    if name == "time":
        read = times(cells, None, "dmy")
        other = times(cells, None, "mdy")
        count = max(int((one.local.notna() | one.instants.notna()).sum()) for one in (read, other))
        return bool(2 * count >= filled)
    if name in ("total", "quantity"):
        count = max(int(np.isfinite(amounts(cells, sign)).sum()) for sign in (".", ","))
        return bool(2 * count >= filled)
    if name == "pizzas":
        named: bool = pc.any(pc.match_substring_regex(known, r"\p{L}")).as_py()
        return named
    if name == "currency":
        are_codes: bool = pc.all(pc.match_substring_regex(known, "^[A-Za-z]{3}$")).as_py()
        return are_codes
    return True


def _example(rows: Rows, column: str) -> str:
    text = pc.drop_null(rows.columns[column].text)
    return f"'{str(text[0].as_py())[:40]}'" if len(text) else "none"


def _marks(rows: Rows, taken: set[str], evidence: dict[str, str]) -> Iterator[Mark]:
    for name in rows.columns:
        plain = fold(name)
        if name in taken:
            continue
        for kind, words in vocabulary.FLAGS.items():
            if plain in words:
                evidence[f"set_aside.{name}"] = f"rows where {name} says yes are {kind}s"
                yield Mark(kind, name, tuple(vocabulary.YES))
        if plain in vocabulary.STATES:
            for kind, words in vocabulary.WORDS.items():
                yield Mark(kind, name, (*words, *_phrases(rows.columns[name].text, words)))


def _phrases(text: pyarrow.Array, words: Sequence[str]) -> list[str]:
    """Return values that say a word among others, as 'Cancelled by customer' does; 'partly refunded' does not."""
    said = [str(value) for value in pc.drop_null(pc.unique(text)).to_pylist()]
    parts = {value: fold(value).split() for value in said}
    return [
        value
        for value, names in parts.items()
        if len(names) > 1 and set(names) & set(words) and not set(names) & vocabulary.NOT_WHOLLY
    ]


def missing_columns(profile: Profile, table: Table) -> Iterator[Question]:
    """Yield a question for each column without which no order can be read."""
    shown = ", ".join(table.columns)
    for name, what in (("order_id", "the number of the order"), ("time", "when an order was placed")):
        if name not in profile.columns:
            yield Question(
                f"columns.{name}",
                f"Which column holds {what}? The columns of {table.source} are {shown}.",
                tuple(table.columns),
            )
    if "shop" not in profile.columns and not profile.shop:
        yield Question(
            "shop", f"Which shop are these orders of, and where is it? No column of {table.source} names one ({shown})."
        )
