"""Finding out what an export means: from the names of its columns and from what stands in them.

Belongs here: completing a profile, each part with its evidence, and the questions that the files cannot answer. Does
not belong here: asking people, printing (``inspection.py``), applying the profile (``reading.py``).
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute as pc

from pizza_assets.errors import SourceError
from pizza_assets.orders.till import vocabulary
from pizza_assets.orders.till.book import place_in
from pizza_assets.orders.till.cell_values import (
    DateEvidence,
    DecimalEvidence,
    amounts,
    date_evidence,
    decimal_evidence,
    known_text,
    times,
)
from pizza_assets.orders.till.columns import Question, missing_columns, with_columns
from pizza_assets.orders.till.fill_down import filled_down, repeated_columns
from pizza_assets.orders.till.profile import Field, Profile, ready_made
from pizza_assets.orders.till.tables import Rows, Table
from pizza_assets.reference import cities, fold

#: Rows of each table that are compared with each other.
SAMPLE = 100_000
#: Totals are taken for minor units where half of them are whole and at least so much.
_LARGE_TOTAL = 500
#: Orders whose rows all have one amount, of at least so many different ones: it is the order's, not that of its items.
_DIFFERENT_AMOUNTS = 10
_SIGN = r"(?P<s>[£€]|\b(?:GBP|EUR|USD|CHF|SEK|NOK|DKK|PLN|CZK|AUD|NZD|CAD)\b)"
_SIGNS = {"£": "GBP", "€": "EUR"}
_CURRENCIES = {"GB": "GBP", "CH": "CHF", "US": "USD"}
_EURO = frozenset(["IE", "DE", "FR", "ES", "IT", "NL", "BE", "AT", "PT", "FI", "GR"])


@dataclass(frozen=True)
class Findings:
    """What was found out.

    Attributes
    ----------
    profile
        As complete as the files allow.
    tables
        Tables that hold orders.
    left_out
        Other tables, and why they take no part.
    evidence
        By key of the profile: why it has its value, in words.
    questions
        What is open.
    """

    profile: Profile
    tables: tuple[Table, ...]
    left_out: tuple[tuple[Table, str], ...] = ()
    evidence: dict[str, str] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()

    def check(self) -> None:
        """Raise SourceError while a question is open without whose answer no order can be read."""
        needed = [question.text for question in self.questions if question.is_needed]
        if needed:
            raise SourceError(" ".join(needed))


def find_out(
    tables: Sequence[Table],
    given: Profile | None = None,
    on_progress: Callable[[str, int], None] | None = None,
    *,
    takes_empty: bool = False,
) -> Findings:
    """Complete a profile from what stands in the files.

    Parameters
    ----------
    tables
        Of all files.
    given
        What is known already; it stays. Without columns those of a ready-made profile are taken where they fit.
    on_progress
        Called with the source and the number of rows looked at so far.
    takes_empty
        Whether a column without any cell counts by its name: of a few rows that were rejected for what they lack.

    Raises
    ------
    SourceError
        When a file cannot be read, or no table has a row.
    """
    profile = given or Profile()
    evidence: dict[str, str] = {}
    if not profile.columns:
        profile = _ready_made(tables, profile, evidence)
    samples = [(table, _sample(table)) for table in tables]
    with_rows = [(table, rows) for table, rows in samples if rows is not None]
    if not with_rows:
        names = ", ".join(table.source for table in tables)
        raise SourceError(f"{names} must hold orders. Found no row under the column names. Export again.")
    profile = with_columns(
        profile, _richest(profile, [rows for _, rows in with_rows]), evidence, takes_empty=takes_empty
    )
    used, left_out = [], [(table, "it has no rows") for table, rows in samples if rows is None]
    for table, _ in with_rows:
        here = profile.columns_in(table.columns)
        missing = [name for name in ("order_id", "time") if name in profile.columns and name not in here]
        if missing:
            wanted = [str(column) for name in missing for column in profile.columns[name]]  # type: ignore[index]
            left_out.append(
                (table, f"it has no column {' or '.join(wanted)}; its columns are {', '.join(table.columns)}")
            )
        else:
            used.append(table)
    if not profile.fill_down:
        found = (repeated_columns(profile, rows) for _, rows in with_rows)
        profile = replace(profile, fill_down=next((names for names in found if names), ()))
    used = [filled_down(table, profile.fill_down) for table in used]
    if not used:
        raise SourceError("; ".join(f"{table.source}: {why}" for table, why in left_out) + ". Correct the profile.")
    findings = Findings(profile, tuple(used), tuple(left_out), evidence)
    questions = [*missing_columns(profile, with_rows[0][0])]
    if not questions:
        findings, questions = _looked_at(findings, on_progress)
    return replace(findings, questions=tuple(questions))


def _richest(profile: Profile, samples: Sequence[Rows]) -> Rows:
    """Return the rows of the table that tells most fields, and of those the longest: a summary is no list of orders."""
    by_columns: dict[tuple[str, ...], Rows] = {}
    for rows in sorted(samples, key=len, reverse=True):
        by_columns.setdefault(tuple(rows.columns), rows)
    if len(by_columns) == 1:
        return next(iter(by_columns.values()))
    fields = {columns: with_columns(profile, rows, {}, takes_empty=False) for columns, rows in by_columns.items()}
    best = max(fields, key=lambda columns: (len(fields[columns].columns_in(columns)), len(by_columns[columns])))
    return by_columns[best]


def _sample(table: Table) -> Rows | None:
    return next((rows for rows in table.batches() if len(rows)), None)


def _ready_made(tables: Sequence[Table], given: Profile, evidence: dict[str, str]) -> Profile:
    """Return the ready-made profile whose columns a table has all of, the one with the most; else the given one."""
    fitting = [
        (len(set(profile.columns_in(table.columns))), profile)
        for table in tables
        for profile in ready_made().values()
        if set(profile.columns_in(table.columns)) == set(profile.columns)
        and all(any(fold(mark.column) == fold(name) for name in table.columns) for mark in profile.marks)
    ]
    if not fitting:
        return given
    profile = max(fitting, key=lambda pair: pair[0])[1]
    evidence["name"] = f"the columns are those of the profile '{profile.name}'"
    for name in profile.columns:
        evidence[f"columns.{name}"] = f"as {profile.name} writes it"
    return merged(profile, given)


def merged(below: Profile, above: Profile) -> Profile:
    """Return `below` with what `above` says instead."""
    nothing = Profile()
    said = {name: value for name, value in vars(above).items() if value != getattr(nothing, name) and name != "columns"}
    return replace(below, **said, columns={**below.columns, **above.columns})


@dataclass
class _Seen:
    """What was seen in the cells of all tables."""

    dates: DateEvidence = field(default_factory=DateEvidence)
    decimals: DecimalEvidence = field(default_factory=DecimalEvidence)
    has_clock: int = 0
    local: int = 0
    shops: "Counter[str]" = field(default_factory=Counter)
    signs: "Counter[str]" = field(default_factory=Counter)
    categories: "Counter[str]" = field(default_factory=Counter)
    totals: list[float] = field(default_factory=list)
    whole: bool = True
    compared: int = 0
    again: int = 0
    again_other: int = 0
    example: str = ""
    several: int = 0
    amount_once: int = 0
    amount_same: int = 0
    amounts: set[str] = field(default_factory=set)


def _looked_at(findings: Findings, on_progress: Callable[[str, int], None] | None) -> tuple[Findings, list[Question]]:
    profile, evidence, seen = findings.profile, dict(findings.evidence), _Seen()
    for table in findings.tables:
        columns = profile.columns_in(table.columns)
        kept: list[pd.DataFrame] = []
        count = 0
        for rows in table.batches():
            _see(seen, rows, columns)
            count += len(rows)
            if count <= SAMPLE:
                kept.append(_plain(rows))
            if on_progress:
                on_progress(table.source, count)
        _compare(seen, kept, columns)
    questions: list[Question] = []
    profile = _date_order(profile, seen, evidence, questions)
    profile = _decimal(profile, seen, evidence, questions)
    profile = _rows(profile, seen, evidence)
    profile = _pizza_categories(profile, seen, evidence)
    profile = _clock_and_money(profile, seen, evidence, questions)
    return replace(findings, profile=profile, evidence=evidence), questions


def _see(seen: _Seen, rows: Rows, columns: dict[Field, tuple[str, ...]]) -> None:
    time = rows.columns[columns["time"][0]]
    seen.dates += date_evidence(time)
    if "total" in columns:
        total = rows.columns[columns["total"][0]]
        seen.decimals += decimal_evidence(total)
        _count(seen.signs, pc.struct_field(pc.extract_regex(total.text, _SIGN), "s"))
        if len(seen.totals) < SAMPLE:
            values = amounts(total, ".")
            values = values[np.isfinite(values)]
            seen.totals += values.tolist()
            seen.whole &= bool((values == np.floor(values)).all())
    for name, counter in (("category", seen.categories), ("shop", seen.shops)):
        if name in columns:
            _count(counter, known_text(rows.columns[columns[name][0]].text))
    if seen.local < SAMPLE:
        clock = rows.columns[columns["time"][1]] if len(columns["time"]) > 1 else None
        read = times(time, clock, "dmy" if seen.dates.second <= 12 else "mdy")
        seen.has_clock += int(read.has_clock.sum())
        seen.local += int(read.local.notna().sum())


def _count(counter: "Counter[str]", text: pyarrow.Array) -> None:
    for found in pc.value_counts(pc.drop_null(text)):
        counter[" ".join(found["values"].as_py().split())] += found["counts"].as_py()


def _plain(rows: Rows) -> pd.DataFrame:
    return pd.DataFrame({name: cells.text.to_pandas() for name, cells in rows.columns.items()})


def _compare(seen: _Seen, kept: Sequence[pd.DataFrame], columns: dict[Field, tuple[str, ...]]) -> None:
    """Count rows that have the number, shop and date of a row above them, and of those the ones that differ from it."""
    if not kept:
        return
    frame = pd.concat(kept, ignore_index=True)
    same = [columns["order_id"][0], columns["time"][0], *columns.get("shop", ())[:1]]
    frame = frame[frame[same[0]].notna()]
    again = frame.duplicated(list(dict.fromkeys(same)))
    other = again & ~frame.duplicated()
    seen.compared += len(frame)
    seen.again += int(again.sum())
    seen.again_other += int(other.sum())
    if other.any() and not seen.example:
        seen.example = str(frame[same[0]][other].iloc[0])
    if "total" in columns:
        _compare_amounts(seen, frame.drop_duplicates(), same, columns["total"][0])


def _compare_amounts(seen: _Seen, frame: pd.DataFrame, same: Sequence[str], total: str) -> None:
    """Count the orders of several rows, and those whose rows have one amount: once, or the same in each row."""
    of_orders = frame.groupby(list(dict.fromkeys(same)), sort=False, dropna=False)[total]
    told = of_orders.agg(["size", "count", "nunique", "first"])
    told = told[told["size"] > 1]
    seen.several += len(told)
    seen.amount_once += int((told["count"] == 1).sum())
    is_same = (told["count"] == told["size"]) & (told["nunique"] == 1)
    seen.amount_same += int(is_same.sum())
    if len(seen.amounts) < _DIFFERENT_AMOUNTS:
        seen.amounts |= set(told.loc[is_same, "first"].unique()[:_DIFFERENT_AMOUNTS])


def _date_order(profile: Profile, seen: _Seen, evidence: dict[str, str], questions: list[Question]) -> Profile:
    dates = seen.dates
    if profile.date_order or dates.count == 0:
        if dates.count == 0:
            evidence["date_order"] = "the dates show it themselves"
        return profile
    if dates.has_year_first:
        evidence["date_order"] = (
            f"'{dates.example}': the last number of the dates varies as days do, the first does not"
        )
        return replace(profile, date_order="ymd")
    if dates.first > 12 and dates.second > 12:
        questions.append(
            Question(
                "date_order",
                f"Does the day or the month come first? '{dates.first_example}' and '{dates.second_example}' cannot "
                "both be read in one way.",
                ("dmy", "mdy"),
            )
        )
        return profile
    if dates.first > 12 or dates.second > 12:
        order, example = ("dmy", dates.first_example) if dates.first > 12 else ("mdy", dates.second_example)
        evidence["date_order"] = f"'{example}' can be read in no other way"
        return replace(profile, date_order=order)  # type: ignore[arg-type]
    if dates.with_dots == dates.count:
        evidence["date_order"] = f"dates with dots such as '{dates.example}' have the day first"
        return replace(profile, date_order="dmy")
    questions.append(
        Question(
            "date_order",
            f"Is '{dates.example}' day/month or month/day? No date in the files tells. "
            "Set date_order to dmy (day first) or mdy (month first).",
            ("dmy", "mdy"),
        )
    )
    return profile


def _decimal(profile: Profile, seen: _Seen, evidence: dict[str, str], questions: list[Question]) -> Profile:
    shown = seen.decimals
    if profile.decimal:
        return profile
    point, comma, either = shown.examples
    if shown.point and shown.comma:
        text = (
            f"Amounts are written in two ways, '{point}' and '{comma}'. Set decimal to '.' or ','; the others are "
            "rejected."
        )
        questions.append(Question("decimal", text, (".", ",")))
        return profile
    if shown.point or shown.comma:
        evidence["decimal"] = f"amounts such as '{point or comma}'"
        return replace(profile, decimal="." if shown.point else ",")
    if shown.either:
        text = f"Is '{either}' more than a thousand, or a little more than {either[0]}? Set decimal to '.' or ','."
        questions.append(Question("decimal", text, (".", ",")))
        return profile
    if "total" in profile.columns and seen.totals:
        evidence["decimal"] = "not one amount needs it" if seen.whole else "the file holds numbers"
    return replace(profile, decimal=".")


def _rows(profile: Profile, seen: _Seen, evidence: dict[str, str]) -> Profile:
    if profile.rows:
        return profile
    if seen.again_other and seen.again_other >= 0.01 * seen.compared:
        evidence["rows"] = (
            f"the number and time of {seen.again_other:,} rows stand in a row above, too; the first is {seen.example}"
        )
        profile = replace(profile, rows="item")
        if profile.total_of == "item" and (why := _is_of_order(profile, seen)):
            evidence["total_of"] = why
            profile = replace(profile, total_of="order")
        return profile
    evidence["rows"] = (
        "every row has a number of its own" if not seen.again else "rows that repeat a number are the same"
    )
    return replace(profile, rows="order")


def _is_of_order(profile: Profile, seen: _Seen) -> str:
    """Return why the amounts of items' rows are those of their whole orders; empty where they are not."""
    if not seen.several:
        return ""
    if seen.amount_once == seen.several:
        return "of the rows of an order one only has an amount"
    is_named = fold(str(profile.columns["total"][0])) in vocabulary.ORDER_TOTALS
    if seen.amount_same == seen.several and (is_named or len(seen.amounts) >= _DIFFERENT_AMOUNTS):
        return "all rows of an order have the same one"
    return ""


def _pizza_categories(profile: Profile, seen: _Seen, evidence: dict[str, str]) -> Profile:
    """Take the kinds of item that name pizzas for pizzas, where there are others."""
    named = tuple(kind for kind, _ in seen.categories.most_common() if "pizz" in fold(kind))
    if profile.rows != "item" or profile.pizza_categories or not named or len(named) == len(seen.categories):
        return profile
    others = [kind for kind, _ in seen.categories.most_common() if kind not in named]
    evidence["pizza_categories"] = f"others are {', '.join(others[:5])}{' ...' if len(others) > 5 else ''}"
    return replace(profile, pizza_categories=named)


def _clock_and_money(profile: Profile, seen: _Seen, evidence: dict[str, str], questions: list[Question]) -> Profile:
    if not seen.has_clock:
        questions.append(
            Question(
                "columns.time",
                "The orders have dates but no time of day. Without it nothing can be said about matches: export the "
                "orders with their times.",
            )
        )
    shops = list(seen.shops) or [profile.shop or ""]
    places = {place_in(profile, shop).city for shop in shops}
    known = [cities()[place] for place in places if place in cities()]
    zones, countries = {city.time_zone for city in known}, {city.country for city in known}
    if not profile.time_zone:
        if len(zones) == 1:
            profile = replace(profile, time_zone=zones.pop())
            evidence["time_zone"] = f"the time zone of {known[0].name}"
        elif not seen.local:
            profile = replace(profile, time_zone="UTC")
            evidence["time_zone"] = "each time says by itself how it differs from UTC"
        else:
            questions.append(
                Question("time_zone", "In which time zone is the till's clock? Set time_zone, such as Europe/London.")
            )
    if not profile.currency:
        signs = [_SIGNS.get(sign, sign) for sign, _ in seen.signs.most_common()]
        signs = [sign for sign in signs if re.fullmatch("[A-Z]{3}", sign)]
        of_countries = {_CURRENCIES.get(country, "EUR" if country in _EURO else "") for country in countries} - {""}
        if signs:
            profile = replace(profile, currency=signs[0])
            evidence["currency"] = "the sign beside the amounts"
        elif len(of_countries) == 1:
            profile = replace(profile, currency=of_countries.pop())
            evidence["currency"] = f"the currency of {known[0].name}"
        elif "currency" not in profile.columns:
            questions.append(
                Question("currency", "In which currency are the amounts? Set currency, such as GBP.", is_needed=False)
            )
    if seen.totals and seen.whole and not profile.minor_units and float(np.median(seen.totals)) >= _LARGE_TOTAL:
        questions.append(
            Question(
                "minor_units",
                f"Half of the totals are {np.median(seen.totals):,.0f} or more, which looks a hundred times too large. "
                "Set minor_units = true if they are pence or cents.",
                ("true", "false"),
                is_needed=False,
            )
        )
    return profile
