"""What an export is, in words for the person who runs the shop, and the profile that says so.

Belongs here: text. Does not belong here: finding out (``evidence.py``), asking and printing (``commands.py``).
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from pizza_assets.orders.till.book import Book, Entry
from pizza_assets.orders.till.columns import Question
from pizza_assets.orders.till.coverage import Coverage
from pizza_assets.orders.till.evidence import Findings
from pizza_assets.orders.till.profile import FIELDS, MEANINGS, Profile, quoted
from pizza_assets.orders.till.tables import Table
from pizza_assets.platform.printable import counted
from pizza_assets.reference import UNKNOWN_CITY, cities

_ORDERS = {
    "dmy": "the day comes first in a date",
    "mdy": "the month comes first in a date",
    "ymd": "the year comes first in a date",
}
_SIGNS = {".": "amounts have a decimal point", ",": "amounts have a decimal comma"}
_ROWS = {"order": "each row is one order", "item": "each row is one item; rows with the same number are one order"}
#: How each question is answered on the command line.
_ANSWERS = {
    "date_order": "--date-order dmy (day first) or --date-order mdy (month first)",
    "decimal": '--decimal "." or --decimal ","',
    "time_zone": "--time-zone and its name, such as Europe/London",
    "currency": "--currency and its code, such as GBP",
    "minor_units": "--minor-units, if they are pence or cents",
    "shop": '--shop and --city, such as --shop "High Street" --city Norwich',
}
_KINDS = {
    "void": "cancelled",
    "refund": "refunds",
    "test": "tests",
    "total": "lines of totals",
    "repeated": "seen already",
    "no pizza": "without a pizza",
}
#: Gaps that are listed one by one; of more only the number is told.
_MOST_GAPS = 8
#: Files that are listed one by one.
_MOST_FILES = 20


def report(findings: Findings, book: Book | None) -> Iterator[str]:
    """Yield the lines of what was found out; without a book what needs an answer first."""
    rows = book.rows_by_source() if book else {}
    yield "Files"
    yield from _files(findings.tables, rows)
    for table, why in findings.left_out:
        yield f"  {table.source} takes no part: {why}"
    yield from _meaning(findings)
    if book:
        yield from _shops(book)
        yield from _rows(book)
    if findings.questions:
        yield ""
        yield "Questions that the files cannot answer"
        for number, question in enumerate(findings.questions, 1):
            yield f"  {number}. {question.text}{'' if question.is_needed else ' (This can wait.)'}"
            if how := _how_to_answer(question):
                yield f"     Answer by {how}."


def _how_to_answer(question: Question) -> str:
    """Return what to write to answer a question; empty where nothing that is written can."""
    if question.key in _ANSWERS:
        return _ANSWERS[question.key]
    field = question.key.removeprefix("columns.")
    return f'a line in the profile, under [columns]: {field} = "{question.answers[0]}"' if question.answers else ""


def _files(tables: Sequence[Table], rows: Mapping[str, int]) -> Iterator[str]:
    """Yield a line for each table, or for all of one kind where there are many."""
    alike: dict[str, list[Table]] = {}
    for table in tables:
        alike.setdefault(table.description if len(tables) > _MOST_FILES else table.source, []).append(table)
    for group in alike.values():
        count = sum(rows.get(table.source, 0) for table in group)
        size = f"; {counted(count, 'row')}" if rows else ""
        first, last = group[0], group[-1]
        names = first.source if first is last else f"{len(group):,} files, from {first.source} to {last.source}"
        yield f"  {names}: {first.description}{size}"


def _meaning(findings: Findings) -> Iterator[str]:
    profile, evidence = findings.profile, findings.evidence
    yield ""
    yield "Columns"
    for name in FIELDS:
        if columns := profile.columns.get(name):
            why = evidence.get(f"columns.{name}", "")
            yield f"  {' and '.join(map(str, columns)):<24} {MEANINGS[name]}{f' ({why})' if why else ''}"
    missing = [MEANINGS[name] for name in ("total", "pizzas", "quantity") if name not in profile.columns]
    if missing:
        yield f"  {'not in the files':<24} {'; '.join(missing)}: unknown, and not made up"
    yield ""
    yield "How it is written"
    lines = {
        "name": f"the till is {profile.name}" if profile.name else "",
        "shop": f"all orders are of {profile.shop}" if profile.shop else "",
        "rows": _ROWS.get(profile.rows or "", ""),
        "total_of": "the amount in each row is that of the whole order" if profile.total_of == "order" else "",
        "fill_down": f"empty cells of {', '.join(profile.fill_down)} repeat the cell above"
        if profile.fill_down
        else "",
        "pizza_categories": (
            f"items of the kind {', '.join(profile.pizza_categories)} are pizzas" if profile.pizza_categories else ""
        ),
        "date_order": _ORDERS.get(profile.date_order or "", ""),
        "decimal": _SIGNS.get(profile.decimal or "", "") if "decimal" in evidence or profile.decimal == "," else "",
        "minor_units": "amounts are in pence or cents" if profile.minor_units else "",
        "time_zone": f"the till's clock is that of {profile.time_zone}" if profile.time_zone else "",
        "currency": f"the currency is {profile.currency}" if profile.currency else "",
    }
    for key, line in lines.items():
        if line:
            yield f"  {line}{f': {evidence[key]}' if key in evidence else ''}"
    yield from (f"  {why}" for key, why in evidence.items() if key.startswith("set_aside."))


def _span(days: Mapping[date, int]) -> str:
    return f"{min(days)} to {max(days)}" if len(days) > 1 else str(min(days))


def _shops(book: Book) -> Iterator[str]:
    yield ""
    yield "Shops"
    for shop, place in book.places.items():
        days = book.by_day[shop]
        told = f"{counted(sum(days.values()), 'order')}, {_span(days)}"
        if not place.is_decided:
            yield f"  {shop}: nobody can tell where it is ({place.why}); its orders take no part until you do. {told}"
            continue
        club = "" if place.city in cities() else ", where no club plays that is known here"
        yield f"  {shop}: in {place.city}{club} ({place.why}). {told}"
        yield from (f"    {line}" for line in gaps(book.coverage[shop]))


def gaps(known: Coverage) -> Iterator[str]:
    """Yield a line for each span of days of which nothing is known."""
    if known.gaps:
        days = sum((last - first).days + 1 for first, last in known.gaps)
        yield (
            f"{counted(days, 'day')} without an order where there usually are some: closed, or the till was off. "
            "Nothing is known of them; they do not count as days with no orders."
        )
    for first, last in known.gaps[:_MOST_GAPS]:
        yield f"  {first}" + (f" to {last}" if last > first else "")
    if len(known.gaps) > _MOST_GAPS:
        yield f"  and {len(known.gaps) - _MOST_GAPS} more times"


def _rows(book: Book) -> Iterator[str]:
    found = book.counted
    aside = sum(found.set_aside.values())
    yield ""
    yield "Rows"
    yield (
        f"  {found.rows:,} read = {found.stored:,} stored ({counted(found.orders, 'order')}) + {aside:,} set aside "
        f"+ {found.rejected:,} rejected"
    )
    for kind, entries in book.examples().items():
        count = found.set_aside.get(kind, found.rejected)
        title = f"set aside, {_KINDS.get(kind, kind)}" if kind in found.set_aside else "rejected"
        yield f"  {title}: {count:,}"
        yield from (f"    {example(entry)}" for entry in entries)


def example(entry: Entry) -> str:
    """Return one row that is no order, and why."""
    cells = ", ".join(f"{value}" for value in entry.record.values() if value is not None)
    shown = cells if len(cells) <= 100 else f"{cells[:100]} ..."
    return f"row {entry.row:,} of {entry.source}: {entry.reason}. It reads: {shown}"


# The profile


def profile_text(findings: Findings, places: Mapping[str, str]) -> str:
    """Return the profile as a commented TOML file; `places` are the shops and their cities."""
    return "\n".join([*_profile_lines(findings, places), ""])


def _profile_lines(findings: Findings, places: Mapping[str, str]) -> Iterator[str]:
    profile, evidence = findings.profile, findings.evidence
    yield "# What the exports of this till mean. Correct what is wrong; pizza-assets orders inspect shows the result."
    yield f"# Found in {', '.join(table.source for table in findings.tables[:3])}"
    yield ""
    if profile.name:
        yield f"name = {quoted(profile.name)}"
    yield from _setting("shop", profile.shop, "the one shop of all rows, where no column names it", evidence)
    yield from _setting("rows", profile.rows, 'what a row is: "order" or "item"', evidence)
    if profile.rows == "item":
        yield from _setting("total_of", profile.total_of, 'the amount in a row is that of the "item" or "order"', {})
    yield from _setting("date_order", profile.date_order, '04/05/2024: "dmy" (day first), "mdy" or "ymd"', evidence)
    yield from _setting("decimal", profile.decimal, 'the decimal sign: "." or ","', evidence)
    yield "# true: amounts are in pence or cents"
    yield f"minor_units = {str(profile.minor_units).lower()}"
    yield from _setting("time_zone", profile.time_zone, "the till's clock, such as Europe/London", evidence)
    yield "# the hour until which orders belong to the evening before"
    yield f"day_starts = {profile.day_starts}"
    yield from _setting("currency", profile.currency, "of amounts that name none, such as GBP", evidence)
    yield "# the kinds of item that are pizzas; all when there are none here. Others count for the total only,"
    yield "# or with leave_out_others = true not at all."
    yield f"pizza_categories = [{', '.join(map(quoted, profile.pizza_categories))}]"
    yield f"leave_out_others = {str(profile.leave_out_others).lower()}"
    yield "# columns whose empty cells repeat the cell above, as reports print them"
    yield f"fill_down = [{', '.join(map(quoted, profile.fill_down))}]"
    yield ""
    yield "# Columns, by name or by position from 1. Without a column a field is unknown."
    yield "[columns]"
    yield '# Date and time of day may be in two: time = ["Date", "Time"].'
    for name in FIELDS:
        yield f"# {MEANINGS[name]}{_because(evidence.get(f'columns.{name}'))}"
        columns = profile.columns.get(name)
        values = [str(one) if isinstance(one, int) else quoted(one) for one in columns or ()]
        if not values:
            yield f'# {name} = ""'
        else:
            yield f"{name} = {values[0] if len(values) == 1 else '[' + ', '.join(values) + ']'}"
    yield ""
    yield "# Rows that are no order: kind is void, refund, test or total. They are kept apart and counted."
    for mark in profile.marks:
        yield "[[set_aside]]"
        yield f"kind = {quoted(mark.kind)}"
        yield f"column = {quoted(mark.column)}"
        yield f"values = [{', '.join(map(quoted, mark.values))}]"
        yield ""
    yield from _places_and_days(profile, places)


def _places_and_days(profile: Profile, places: Mapping[str, str]) -> Iterator[str]:
    yield "# Where the shops are. A file shops.csv beside this one (shop,city,address) says more."
    yield "[shops]"
    for shop, city in places.items():
        decided = "" if city != UNKNOWN_CITY else "# "
        yield f"{decided}{quoted(shop)} = {quoted(city if city != UNKNOWN_CITY else '')}"
    yield ""
    yield "# Days without an order that were found by themselves are not listed here. More days of which nothing is"
    yield "# known are [[closed]]; days that were found, but truly had no order, are [[open]]."
    for name, spans in (("closed", profile.closed), ("open", profile.opened)):
        for span in spans:
            yield f"[[{name}]]"
            yield f"first = {span.first}"
            yield f"last = {span.last}"
            if span.shop:
                yield f"shop = {quoted(span.shop)}"
    if not profile.closed:
        yield from ("# [[closed]]", "# first = 2024-12-25", "# last = 2024-12-26")


def _setting(name: str, value: str | None, what: str, evidence: Mapping[str, str]) -> Iterator[str]:
    yield f"# {what}{_because(evidence.get(name))}"
    yield f"{name} = {quoted(value)}" if value is not None else f'# {name} = ""'


def _because(why: str | None) -> str:
    plain = " ".join((why or "").split())
    return f" ({plain})" if plain else ""


def shops_text(places: Mapping[str, str]) -> str:
    """Return shops.csv: each shop and its city, empty where somebody has to decide."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["shop", "city", "address"])
    writer.writerows([shop, "" if city == UNKNOWN_CITY else city, ""] for shop, city in places.items())
    return out.getvalue()


def differences(profile: Profile, fresh: Profile, shops: Sequence[str]) -> Iterator[str]:
    """Yield what new exports show that a profile does not say."""
    for name in ("rows", "date_order", "decimal"):
        says, shows = getattr(profile, name), getattr(fresh, name)
        if says is not None and shows is not None and says != shows:
            yield f"the profile says {name} = {says!r}, the files show {shows!r}"
    for shop in shops:
        if profile.shops and shop not in profile.shops:
            yield f"the shop {shop!r} is new"
