"""Verification: re-reads the lake and says what is wrong with it.

Belongs here: checks that need nothing but the lake, and the command that mends what each finds. Does not belong here:
repair.
"""

import gzip
import io
import json
import shlex
import zlib
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pandas as pd
import pyarrow
import pyarrow.parquet as pq

from pizza_assets import contracts
from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.errors import PizzaAssetsError
from pizza_assets.lake import formats, layout
from pizza_assets.lake.layout import DAILY_TABLES, FRAME_TABLES, SALES_TABLES, DailyLayout, SalesLayout
from pizza_assets.lake.months import days_in
from pizza_assets.lake.retention import RAW_DAYS
from pizza_assets.lake.sales import sales_table
from pizza_assets.lake.store import Metadata, Store, checksum
from pizza_assets.lake.tables import VERSION, DailyTable, DatedFiles
from pizza_assets.platform.upgrades import checked_version
from pizza_assets.warehouse.contract import PIZZA_VS_FOOTBALL


@dataclass
class Report:
    """How many objects were read, and a sentence for each thing that is wrong, with the command that mends it."""

    objects: int = 0
    problems: list[str] = field(default_factory=list)


def verify(store: Store, seen: Callable[[str], None] = lambda _: None) -> Report:
    """Read every object of the lake and check it; `seen` is called with each key.

    Checked are checksums, schemas and contracts, row counts, received = stored + rejected, that the source
    in the path, the metadata and the rows is one, that a day has one variant, that the volume counts every
    order, that analyses are complete, and that the manifests point at what exists. What a run may have replaced
    between two reads is read again before it counts as wrong.
    """
    report = Report()
    _dashboard(store, report, seen)  # first: a day whose current data cannot be read does not end well
    for where in FRAME_TABLES.values():
        _days(store, where.prefix, partial(_table_day, store, where), _collecting(where.name), report, seen)
    for sales in SALES_TABLES.values():
        mend = _backfill(sales.name, "--retail ")
        _days(store, sales.prefix, partial(_sales_day, store, sales), mend, report, seen)
    for where in filter(lambda where: where.has_months, DAILY_TABLES.values()):
        check = partial(_month, store, DailyTable(store, where))
        _singly(store, layout.month_key(where.name).rstrip("/"), check, report, seen)
    _singly(store, layout.month_key(layout.VERDICTS).rstrip("/"), partial(_verdicts, store), report, seen)
    _volume_counts_all_orders(store, report)
    _days(
        store, layout.CORRELATION_PREFIX, partial(_correlation_day, store), _backfill("correlation_results+"),
        report, seen,
    )  # fmt: skip
    _singly(store, layout.PIZZA_VS_FOOTBALL_PREFIX, partial(_pizza_vs_football, store), report, seen)
    _singly(store, layout.QUALITY_PREFIX, partial(_quality, store), report, seen)
    for prefix, asset in ((layout.REPORT_PREFIX, "insights_report"), (layout.DASHBOARD_PREFIX, "dashboard_data")):
        _days(store, prefix, partial(_documents_day, store), _backfill(asset), report, seen)
    return report


Mend = Callable[[date], str]


def _backfill(selection: str, options: str = "") -> Mend:
    return lambda day: f"pizza-assets backfill {options}--from {day} --to {day} --select '{selection}'"


def _collecting(asset: str) -> Mend:
    """Return the command that makes a day of a table, and what follows from it, again."""
    return _backfill(asset if asset == layout.MERGED_ORDERS.name else f"{asset}+")


def _removing(store: Store, key: str) -> str:
    address = store.uri(key)
    return f"{'aws s3 rm' if address.startswith('s3://') else 'rm'} {shlex.quote(address)}"


def _with_command(problem: str, command: str) -> str:
    return f"{problem.rstrip()} To mend it: {command}"


def _days(
    store: Store,
    prefix: str,
    check: Callable[[date, Sequence[str]], Iterator[str]],
    mend: Mend,
    report: Report,
    seen: Callable[[str], None],
) -> None:
    """Check the days below a prefix. One with problems is listed and read again: a run may have replaced it."""
    suspects = []
    for day, keys in _keys_by_day(store, prefix).items():
        report.objects += len(keys)
        if any(check(day, keys)):
            suspects.append(day)
        for key in keys:
            seen(key)
    listed = _keys_by_day(store, prefix) if suspects else {}
    for day in suspects:
        report.problems += [_with_command(problem, mend(day)) for problem in check(day, listed.get(day, []))]


def _singly(
    store: Store,
    prefix: str,
    check: Callable[[str], Iterator[str]],
    report: Report,
    seen: Callable[[str], None],
) -> None:
    """Check the objects below a prefix, each by itself; one that nothing makes again is to be removed."""
    for item in store.list(f"{prefix}/"):
        report.objects += 1
        seen(item.key)
        if any(_found(store, item.key, check)):
            report.problems += [
                _with_command(text, _removing(store, item.key)) for text in _found(store, item.key, check)
            ]


def _found(store: Store, key: str, check: Callable[[str], Iterator[str]]) -> Iterator[str]:
    """Yield what is wrong with an object, an error of its own among it, with the object's name."""
    address = store.uri(key)
    try:
        for problem in check(key):
            yield f"{address}: {problem}"
    except PizzaAssetsError as error:
        yield str(error) if address in str(error) else f"{address}: {error}"
    except (ValueError, KeyError, TypeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        yield f"{address} is not what it should be ({type(error).__name__}: {error})."


def _keys_by_day(store: Store, prefix: str) -> dict[date, list[str]]:
    keys: dict[date, list[str]] = defaultdict(list)
    for item in store.list(f"{prefix}/"):
        day = layout.day_of(item.key)
        if day:
            keys[day].append(item.key)
    return keys


def _table_day(store: Store, where: DailyLayout, day: date, keys: Sequence[str]) -> Iterator[str]:
    data = [key for key in keys if key.endswith(".parquet")]
    if keys and len(data) != 1:
        yield f"{where.name} {day}: expected one data file, found {', '.join(data) or 'none'}."
    for key in keys:
        yield from _found(store, key, lambda key: _object(store, where, day, key))


def _object(store: Store, where: DailyLayout, day: date, key: str) -> Iterator[str]:
    data, facts = store.read(key), store.metadata(key)
    if key.endswith(".parquet"):
        yield from _daily_data(where, key, data, facts)
        if facts.get("rejected", "0") != "0" and not any(store.list(where.rejected_key(day))):
            yield f"{facts['rejected']} records were rejected, but their quarantine is missing."
        if "set-aside" in facts and not any(store.list(where.set_aside_key(day))):
            yield f"{facts['set-aside']} records were set aside, but they are missing."
    elif key == where.set_aside_key(day):
        yield from _counted("records set aside", len(formats.read_ndjson(data)), facts.get("set-aside"))
    elif key.endswith(".ndjson"):
        yield from _counted("rejected records", len(formats.read_ndjson(data)), facts.get("rejected"))
    elif key.endswith(".json.gz"):
        objects = json.loads(gzip.decompress(data))["objects"]
        yield from _counted("objects as received", len(objects), facts.get("received"))


def _daily_data(where: DailyLayout, key: str, data: bytes, facts: Metadata) -> Iterator[str]:
    frame = contracts.validate(formats.read_parquet(data, where.contract, key), where.contract)
    if facts.get("rows") != str(len(frame)):
        yield f"its metadata counts {facts.get('rows')} rows, it has {len(frame)}."
    yield from _reconciled(facts)
    labels = {facts.get("data-source"), where.source_of(key) or facts.get("data-source")}
    labels |= set(frame["data_source"]) if "data_source" in frame else set()
    if len(labels) != 1:
        yield f"path, metadata and rows name different sources: {', '.join(sorted(map(str, labels)))}."


def _sales_day(store: Store, where: SalesLayout, day: date, keys: Sequence[str]) -> Iterator[str]:
    if keys and where.key(day) not in keys:
        yield f"{where.name} {day}: {store.uri(where.key(day))} is missing."
    for key in keys:
        yield from _found(store, key, lambda key: _sales_object(store, where, day, key))


def _sales_object(store: Store, where: SalesLayout, day: date, key: str) -> Iterator[str]:
    data, facts = store.read(key), store.metadata(key)
    if key == where.rejected_key(day):
        yield from _counted("rejected records", len(formats.read_ndjson(data)), facts.get("rejected"))
    elif key == where.received_key(day):
        yield from _counted("pages as received", len(json.loads(gzip.decompress(data))["pages"]), facts.get("pages"))
    elif key == where.key(day):
        table = sales_table(data, store.uri(key), checked_version(facts.get(VERSION), contracts.SALES, store.uri(key)))
        contracts.validate(contracts.from_arrow(table, contracts.SALES), contracts.SALES)
        yield from _counted("lines", len(table), facts.get("rows"))
        yield from _reconciled(facts)
        labels = {facts.get("data-source"), *table["data_source"].unique().to_pylist()}
        if len(labels) != 1 or not set(table["retailer_id"].unique().to_pylist()) <= {where.retailer_id}:
            yield f"its lines are not all of {where.retailer_id} and of one source, {facts.get('data-source')}."
        for name, beside in (("rejected", where.rejected_key(day)), ("pages", where.received_key(day))):
            if facts.get(name, "0") != "0" and not any(store.list(beside)):
                yield f"it counts {facts[name]} {name}, but {store.uri(beside)} is missing."
    elif key != where.note_key(day, "kept"):
        yield f"it does not belong here: {_removing(store, key)}, then run the day again."


def _counted(what: str, found: int, expected: str | None) -> Iterator[str]:
    if str(found) != expected:
        yield f"expected {expected} {what}, found {found}."


def _reconciled(facts: Metadata) -> Iterator[str]:
    rows, received, rejected = (int(facts.get(name, "-1")) for name in ("rows", "received", "rejected"))
    aside = int(facts.get("set-aside", "0"))
    if received != rows + rejected + aside:
        told = f" + set aside {aside}" if aside else ""
        yield f"received {received} is not stored {rows} + rejected {rejected}{told}."


def _volume_counts_all_orders(store: Store, report: Report) -> None:
    mend = _backfill("order_volume+")
    found = _miscounted(store)
    if found:
        found = _miscounted(store, set(found))
    report.problems += [_with_command(problem, mend(day)) for day, problem in found.items()]


def _miscounted(store: Store, only: Container[date] | None = None) -> dict[date, str]:
    orders, volume = (DailyTable(store, DAILY_TABLES[name]) for name in ("raw_orders", "order_volume"))
    aged = datetime.now(UTC) - timedelta(days=RAW_DAYS)
    old = {layout.day_of(item.key) for item in store.list(f"{volume.prefix}/") if item.modified_at <= aged}
    wrong = {}
    for day in volume if only is None else [day for day in volume if day in only]:
        try:
            counted = int(volume[day]["orders"].sum())
            stored = int(orders.facts(day).get("rows", -1)) if day in orders else None
        except PizzaAssetsError:
            continue  # the table's own check has reported it
        has_expired = stored is None and day in old
        if counted != stored and not has_expired:
            wrong[day] = f"order_volume {day} counts {counted} orders, raw_orders has {stored}."
    return wrong


def _month(store: Store, table: DailyTable, key: str) -> Iterator[str]:
    """Check that a compact month repeats its days; one that was replaced since is read by itself, and no problem."""
    differ = [
        str(day)
        for day, of in days_in(store.read(key), key, partial(_table_of, table.layout)).items()
        if day in table and table.stored[day].version == of.version and of.table != table.arrow(day)
    ]
    if differ:
        yield f"it does not repeat {table.layout.name} of {', '.join(differ)}; without it, it is made again."


def _verdicts(store: Store, key: str) -> Iterator[str]:
    """Check that a compact month of verdicts is what was written: the report is told from it."""
    days_in(store.read(key), key, lambda data, _: pq.read_table(pyarrow.BufferReader(data)))
    yield from ()


def _table_of(where: DailyLayout, data: bytes, key: str) -> pyarrow.Table:
    return formats.read_table(data, where.contract, key)


def _correlation_day(store: Store, day: date, keys: Sequence[str]) -> Iterator[str]:
    missing = {layout.dated_key(layout.CORRELATION_PREFIX, day, f) for f in layout.CORRELATION_FILES} - set(keys)
    yield from (f"{store.uri(key)} is missing." for key in sorted(missing) if keys)
    for key in keys:
        yield from _found(store, key, lambda key: _correlation(store, key))


def _correlation(store: Store, key: str) -> Iterator[str]:
    data = store.read(key)
    if key.endswith(".json"):
        json.loads(data)
    elif key.endswith(".csv") and (found := _header(data)) != (expected := list(contracts.CORRELATION_RESULTS.columns)):
        yield f"expected the columns {expected}, found {found}."


def _pizza_vs_football(store: Store, key: str) -> Iterator[str]:
    found = formats.read_parquet(store.read(key), PIZZA_VS_FOOTBALL, key)
    contracts.validate(found, PIZZA_VS_FOOTBALL)
    yield from ()


def _header(data: bytes) -> list[str]:
    return data.decode().split("\n", 1)[0].split(",")


def _dashboard(store: Store, report: Report, seen: Callable[[str], None]) -> None:
    if any(_current(store)):
        newest = DatedFiles(store, layout.CORRELATION_PREFIX).days(layout.CORRELATION_FILES[-1])
        command = _backfill("dashboard_data+")(newest[-1]) if newest else "pizza-assets backfill --from DAY --to DAY"
        report.problems += [_with_command(problem, command) for problem in _current(store)]
    for prefix in (f"{layout.DASHBOARD_PREFIX}/current/", f"{layout.METADATA_PREFIX}/"):
        for item in store.list(prefix):
            report.objects += 1
            seen(item.key)


def _current(store: Store) -> Iterator[str]:
    """Yield what is wrong with the current data sets and what points at them."""
    if not any(store.list(layout.MANIFEST_KEY)):
        if any(store.list(f"{layout.DASHBOARD_PREFIX}/current/")):
            yield f"{store.uri(layout.MANIFEST_KEY)} is missing."
        return
    listed: dict[str, Any] = {}

    def index(key: str) -> Iterator[str]:
        listed.update(json.loads(store.read(key))["data_sets"])
        yield from (f"it does not list the data set '{name}'." for name in DATA_SETS if name not in listed)

    yield from _found(store, layout.MANIFEST_KEY, index)
    for name, schema in DATA_SETS.items():
        if name in listed:
            of_set = partial(_current_set, store, name, list(schema.columns), listed[name])
            yield from _found(store, layout.current_key(name), of_set)


def _current_set(store: Store, name: str, columns: Sequence[str], entry: Mapping[str, Any], key: str) -> Iterator[str]:
    data = store.read(key)
    manifest = json.loads(store.read(layout.manifest_key(name)))
    uris = [uri for location in manifest["fileLocations"] for uri in location["URIs"]]
    checks: Mapping[str, tuple[object, object]] = {
        "checksum": (entry["sha256"], checksum(data)),
        "rows": (entry["rows"], len(pd.read_csv(io.BytesIO(data)))),
        "columns": (columns, _header(data)),
        # QuickSight needs whole addresses; a lake that was copied elsewhere is as good as it was.
        "address in its manifest": ([entry["key"]], [uri[-len(entry["key"]) :] for uri in uris]),
    }
    for what, (expected, found) in checks.items():
        if expected != found:
            yield f"expected the {what} {expected}, found {found}."


def _documents_day(store: Store, day: date, keys: Sequence[str]) -> Iterator[str]:
    del day
    for key in keys:
        yield from _found(store, key, lambda key: _document(store, key))


def _document(store: Store, key: str) -> Iterator[str]:
    data = store.read(key)
    if key.endswith(".json"):
        json.loads(data)
    yield from ()


def _quality(store: Store, key: str) -> Iterator[str]:
    frame = formats.read_parquet(store.read(key), contracts.QUALITY_RESULTS, key)
    contracts.validate(frame, contracts.QUALITY_RESULTS)
    rows = store.metadata(key).get("rows")
    if str(len(frame)) != rows:
        yield f"its metadata counts {rows} rows, it has {len(frame)}."
