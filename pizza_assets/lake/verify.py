"""Verification: re-reads the lake and says what is wrong with it.

Belongs here: checks that need nothing but the lake. Does not belong here: repair; running a day again is
the repair of everything found here.
"""

import gzip
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import pandas as pd
import pyarrow

from pizza_assets import contracts
from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.errors import PizzaAssetsError
from pizza_assets.lake import formats, layout
from pizza_assets.lake.layout import DAILY_TABLES, SALES_TABLES, DailyLayout, SalesLayout
from pizza_assets.lake.months import days_in
from pizza_assets.lake.sales import sales_table
from pizza_assets.lake.store import Metadata, Store, checksum
from pizza_assets.lake.tables import DailyTable
from pizza_assets.warehouse.contract import PIZZA_VS_FOOTBALL


@dataclass
class Report:
    """How many objects were read, and a sentence for each thing that is wrong."""

    objects: int = 0
    problems: list[str] = field(default_factory=list)


def verify(store: Store, seen: Callable[[str], None] = lambda _: None) -> Report:
    """Read every object of the lake and check it; `seen` is called with each key.

    Checked are checksums, schemas and contracts, row counts, received = stored + rejected, that the source
    in the path, the metadata and the rows is one, that a day has one variant, that the volume counts every
    order, that analyses are complete, and that the manifests point at what exists.
    """
    report = Report()
    for where in DAILY_TABLES.values():
        _table(store, where, report, seen)
    for sales in SALES_TABLES.values():
        _sales(store, sales, report, seen)
    _months(store, report, seen)
    _volume_counts_all_orders(store, report)
    _correlation(store, report, seen)
    _pizza_vs_football(store, report, seen)
    _dashboard(store, report, seen)
    _quality(store, report, seen)
    for prefix in (layout.REPORT_PREFIX, layout.DASHBOARD_PREFIX):
        _documents(store, prefix, report, seen)
    return report


def _keys_by_day(store: Store, prefix: str) -> dict[date, list[str]]:
    keys: dict[date, list[str]] = defaultdict(list)
    for item in store.list(f"{prefix}/"):
        day = layout.day_of(item.key)
        if day:
            keys[day].append(item.key)
    return keys


def _table(store: Store, where: DailyLayout, report: Report, seen: Callable[[str], None]) -> None:
    for day, keys in _keys_by_day(store, where.prefix).items():
        data = [key for key in keys if key.endswith(".parquet")]
        if len(data) != 1:
            found = ", ".join(data) or "none"
            report.problems.append(f"{where.name} {day}: expected one data file, found {found}. Run the day again.")
        for key in keys:
            report.objects += 1
            seen(key)
            try:
                report.problems += [f"{store.uri(key)}: {problem}" for problem in _object(store, where, day, key)]
            except PizzaAssetsError as error:
                report.problems.append(str(error))


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


def _sales(store: Store, where: SalesLayout, report: Report, seen: Callable[[str], None]) -> None:
    for day, keys in _keys_by_day(store, where.prefix).items():
        if where.key(day) not in keys:
            report.problems.append(f"{where.name} {day}: {store.uri(where.key(day))} is missing. Run the day again.")
        for key in keys:
            report.objects += 1
            seen(key)
            try:
                report.problems += [f"{store.uri(key)}: {problem}" for problem in _sales_object(store, where, day, key)]
            except PizzaAssetsError as error:
                report.problems.append(str(error))


def _sales_object(store: Store, where: SalesLayout, day: date, key: str) -> Iterator[str]:
    data, facts = store.read(key), store.metadata(key)
    if key == where.rejected_key(day):
        yield from _counted("rejected records", len(formats.read_ndjson(data)), facts.get("rejected"))
    elif key == where.received_key(day):
        yield from _counted("pages as received", len(json.loads(gzip.decompress(data))["pages"]), facts.get("pages"))
    elif key == where.key(day):
        table = sales_table(data, store.uri(key))
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
        yield "it does not belong here. Remove it."


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
    orders, volume = (DailyTable(store, DAILY_TABLES[name]) for name in ("raw_orders", "order_volume"))
    for day in volume:
        try:
            counted = int(volume[day]["orders"].sum())
            stored = int(orders.facts(day).get("rows", -1)) if day in orders else None
        except PizzaAssetsError:
            continue  # the table's own check has reported it
        if counted != stored:
            report.problems.append(
                f"order_volume {day} counts {counted} orders, raw_orders has {stored}. Run order_volume+ for the day."
            )


def _months(store: Store, report: Report, seen: Callable[[str], None]) -> None:
    """Check that compact months repeat their days; a day that was replaced since is read by itself, and no problem."""
    for where in DAILY_TABLES.values():
        table = DailyTable(store, where)
        for item in store.list(layout.month_key(where.name)):
            report.objects += 1
            seen(item.key)
            try:
                repeated = days_in(store.read(item.key), item.key, partial(_table_of, where))
                differ = [
                    str(day)
                    for day, of in repeated.items()
                    if day in table and table.stored[day].version == of.version and of.table != table.arrow(day)
                ]
            except PizzaAssetsError as error:
                report.problems.append(f"{error} Remove {store.uri(item.key)}: it is made again.")
                continue
            if differ:
                found = f"it does not repeat {where.name} of {', '.join(differ)}. Remove it: it is made again."
                report.problems.append(f"{store.uri(item.key)}: {found}")


def _table_of(where: DailyLayout, data: bytes, key: str) -> pyarrow.Table:
    return formats.read_table(data, where.contract, key)


def _correlation(store: Store, report: Report, seen: Callable[[str], None]) -> None:
    for day, keys in _keys_by_day(store, layout.CORRELATION_PREFIX).items():
        missing = {layout.dated_key(layout.CORRELATION_PREFIX, day, f) for f in layout.CORRELATION_FILES} - set(keys)
        report.problems += [f"{store.uri(key)} is missing. Run correlation_results for {day}." for key in missing]
        for key in keys:
            report.objects += 1
            seen(key)
            try:
                data = store.read(key)
            except PizzaAssetsError as error:
                report.problems.append(str(error))
                continue
            if key.endswith(".json"):
                json.loads(data)
            elif key.endswith(".csv") and (found := _header(data)) != (
                expected := list(contracts.CORRELATION_RESULTS.columns)
            ):
                report.problems.append(f"{store.uri(key)}: expected the columns {expected}, found {found}.")


def _pizza_vs_football(store: Store, report: Report, seen: Callable[[str], None]) -> None:
    for item in store.list(f"{layout.PIZZA_VS_FOOTBALL_PREFIX}/"):
        report.objects += 1
        seen(item.key)
        try:
            found = formats.read_parquet(store.read(item.key), PIZZA_VS_FOOTBALL, item.key)
            contracts.validate(found, PIZZA_VS_FOOTBALL)
        except PizzaAssetsError as error:
            report.problems.append(f"{store.uri(item.key)}: {error}")


def _header(data: bytes) -> list[str]:
    return data.decode().split("\n", 1)[0].split(",")


def _dashboard(store: Store, report: Report, seen: Callable[[str], None]) -> None:
    current = [item.key for item in store.list(f"{layout.DASHBOARD_PREFIX}/current/")]
    if not any(store.list(layout.MANIFEST_KEY)):
        if current:
            report.problems.append(f"{store.uri(layout.MANIFEST_KEY)} is missing. Run dashboard_data again.")
        return
    try:
        listed = json.loads(store.read(layout.MANIFEST_KEY))["data_sets"]
    except PizzaAssetsError as error:
        report.problems.append(str(error))
        return
    for name, schema in DATA_SETS.items():
        if name not in listed:
            report.problems.append(f"manifest.json does not list the data set '{name}'. Run dashboard_data again.")
            continue
        entry = listed[name]
        report.objects += 2
        seen(entry["key"])
        try:
            data = store.read(entry["key"])
            manifest = json.loads(store.read(layout.manifest_key(name)))
        except PizzaAssetsError as error:
            report.problems.append(str(error))
            continue
        uris = [uri for location in manifest["fileLocations"] for uri in location["URIs"]]
        rows = len(pd.read_csv(io.BytesIO(data)))
        checks = {
            "checksum": (entry["sha256"], checksum(data)),
            "rows": (entry["rows"], rows),
            "columns": (list(schema.columns), _header(data)),
            # QuickSight needs whole addresses; a lake that was copied elsewhere is as good as it was.
            "address in its manifest": ([entry["key"]], [uri[-len(entry["key"]) :] for uri in uris]),
        }
        report.problems += [
            f"{store.uri(entry['key'])}: expected the {what} {expected}, found {found}. Run dashboard_data again."
            for what, (expected, found) in checks.items()
            if expected != found
        ]


def _documents(store: Store, prefix: str, report: Report, seen: Callable[[str], None]) -> None:
    for keys in _keys_by_day(store, prefix).values():
        for key in keys:
            report.objects += 1
            seen(key)
            try:
                data = store.read(key)
                if key.endswith(".json"):
                    json.loads(data)
            except PizzaAssetsError as error:
                report.problems.append(str(error))


def _quality(store: Store, report: Report, seen: Callable[[str], None]) -> None:
    contract = contracts.QUALITY_RESULTS
    for item in store.list(f"{layout.QUALITY_PREFIX}/"):
        report.objects += 1
        seen(item.key)
        try:
            frame = formats.read_parquet(store.read(item.key), contract, item.key)
            rows = store.metadata(item.key).get("rows")
            contracts.validate(frame, contract)
        except PizzaAssetsError as error:
            report.problems.append(str(error))
            continue
        if str(len(frame)) != rows:
            report.problems.append(f"{store.uri(item.key)}: its metadata counts {rows} rows, it has {len(frame)}.")
