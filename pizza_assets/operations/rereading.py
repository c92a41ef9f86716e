"""Reading rejected records again, with today's code and settings.

Belongs here: a stored day together with those of its rejects that can be stored today. Does not belong here: storing
it. No source is asked, so that a day keeps all that it has; mock days have no quarantine, and stay as they are.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from pizza_assets import contracts
from pizza_assets.errors import LakeError
from pizza_assets.football import football_data
from pizza_assets.lake.layout import RAW_MATCHES, RAW_ORDERS, DailyLayout
from pizza_assets.lake.store import CHECKSUM, Store
from pizza_assets.lake.tables import VERSION, DailyTable, Day, notes_of, received_objects, records_at
from pizza_assets.operations.quarantine import Reject, rejects
from pizza_assets.orders import dominos
from pizza_assets.orders import files as order_files
from pizza_assets.orders.collect import API, FILES
from pizza_assets.orders.records import RawOrders, read_orders
from pizza_assets.platform.records import by_position, utc_days
from pizza_assets.settings import Settings

#: What the lake notes of each day by itself; all other facts are the day's own.
_NOTED = {CHECKSUM, "data-source", "run-id", VERSION, "rows", "received", "rejected", "set-aside"}

#: Rows that can be stored, by position (the frame's index), and why each other record cannot.
Read = tuple[pd.DataFrame, dict[int, str]]


def reread(store: Store, where: DailyLayout, day: date, settings: Settings) -> Day:
    """Return a stored day whole, with those of its rejects that can be stored today.

    Of records with one key the stored one stays. A record whose time turns out to be of another day stays rejected: it
    belongs to that day, which has to be collected again.

    Raises
    ------
    LakeError
        When the day is not there, or mock, or its quarantine is not the one that its data tell of.
    ContractError
        When what is stored of the day breaks today's contract.
    """
    table = DailyTable(store, where)
    if day not in table or table.stored[day].source != "real":
        raise LakeError(f"{where.name} has no real day {day}, so there is nothing to replay. Collect it first.")
    rejects_of_day = [reject for _, of_day in rejects(store, where, day, day) for reject in of_day]
    frame, facts = contracts.validate(table[day], where.contract), table.facts(day)
    if len(rejects_of_day) != int(facts["rejected"]):
        raise LakeError(
            f"{where.name} {day}: expected {facts['rejected']} rejected records in its quarantine, found "
            f"{len(rejects_of_day)}: a run that replaced the day did not finish. Collect it again first: "
            f"pizza-assets backfill --from {day} --to {day}."
        )
    again, reasons = _READERS[where.name](rejects_of_day, settings, facts)
    is_of_day = utc_days(again["timestamp"]) == np.datetime64(day, "D")
    for position, instant in again["timestamp"][~is_of_day].items():
        reasons[int(str(position))] = f"timestamp = {instant.isoformat()}: of another day; collect that day again"
    together = pd.concat([frame.set_axis(-1 - np.arange(len(frame)), axis="index"), again[is_of_day]])
    valid, duplicates = contracts.split_valid(together, where.contract)
    reasons |= by_position(duplicates)
    rejected = [{**reject, "reason": reasons[at]} for at, reject in enumerate(rejects_of_day) if at in reasons]
    set_aside = records_at(store, where.set_aside_key(day))
    # Several rejected rows of a till may be one order.
    merged = [at for at in range(len(rejects_of_day)) if at not in reasons and at not in again.index]
    return Day(
        valid.reset_index(drop=True),
        "real",
        int(facts["received"]) - len(merged),
        rejected,
        received_objects(store, where, day),
        {name: value for name, value in facts.items() if name not in _NOTED},
        notes_of(store, where, day),
        set_aside,
    )


def gains(store: Store, where: DailyLayout, first: date, last: date, settings: Settings) -> dict[date, int]:
    """Return how many rejects of each day could be stored today; days of which none could are left out."""
    real = {day for day, kept in DailyTable(store, where).stored.items() if kept.source == "real"}
    gained = {
        day: len(rejects_of_day) - len(reread(store, where, day, settings).rejected)
        for day, rejects_of_day in rejects(store, where, first, last)
        if day in real
    }
    return {day: count for day, count in gained.items() if count}


def _matches(rejects_of_day: Sequence[Reject], settings: Settings, facts: Mapping[str, str]) -> Read:
    """Read matches again; rows of files stay as they are, for a file is read whole when its day is collected again."""
    del settings, facts
    reasons = {at: str(reject["reason"]) for at, reject in enumerate(rejects_of_day) if "file" in reject["record"]}
    rest = [at for at in range(len(rejects_of_day)) if at not in reasons]
    frame, again = football_data.read_matches([rejects_of_day[at]["record"] for at in rest])
    return frame.set_axis([rest[at] for at in frame.index], axis="index"), reasons | {
        rest[at]: why for at, why in again.items()
    }


def _orders(rejects_of_day: Sequence[Reject], settings: Settings, facts: Mapping[str, str]) -> Read:
    """Read orders by the rules of their origin; a line that was no record at all stays one, and rejected."""
    is_of_files = (facts.get("origin") or (FILES if settings.orders_files else API)) == FILES
    if is_of_files:
        return order_files.read_again([reject["record"] for reject in rejects_of_day], settings)
    lines = {
        at: (str(reject["record"]["line"]), str(reject["reason"]))
        for at, reject in enumerate(rejects_of_day)
        if set(reject["record"]) == {"line"}
    }
    part = RawOrders([reject["record"] for reject in rejects_of_day], dominos.names(settings), lines)
    return read_orders(part, dominos.reading_rules(settings))


_READERS: Mapping[str, Callable[[Sequence[Reject], Settings, Mapping[str, str]], Read]] = {
    RAW_MATCHES.name: _matches,
    RAW_ORDERS.name: _orders,
}
