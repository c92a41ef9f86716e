"""Anomalies as alerts: spikes of the newest days in real orders.

Belongs here: which of the published anomalies are news, and their words. Does not belong here: finding them.
"""

import io
import logging
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd

from pizza_assets.dashboard.publish import current_as_of
from pizza_assets.errors import LakeError
from pizza_assets.lake import layout
from pizza_assets.lake.store import Store
from pizza_assets.operations.alerts.alert import Alert

_LOGGER = logging.getLogger("pizza_assets.alerts")

#: A spike more days before the newest one is no news.
_NEWS = timedelta(days=1)
_SHOWN = 5


def anomalies(store: Store, published: Collection[str], run_id: str) -> Iterator[Alert]:
    """Yield an alert for each of the newest days that has spikes in real orders.

    Spikes of mock orders are planted or chance, and no news.

    Parameters
    ----------
    published
        The days whose dashboard data the run made: nothing is said when the current one is not among them.
    """
    try:
        as_of = current_as_of(store)
        if as_of is None or as_of.isoformat() not in published:
            return
        data = store.read(layout.current_key("anomalies"))
    except LakeError as error:  # the lake's own checks tell of it; other alerts must not wait for that
        _LOGGER.warning("Anomalies were not checked: %s", error)
        return
    spikes = pd.read_csv(io.BytesIO(data))
    spikes["bucket_ts"] = pd.to_datetime(spikes["bucket_ts"], utc=True)  # not while reading: a file may have no rows
    days = spikes["bucket_ts"].dt.date
    spikes = spikes[(spikes["data_source"] == "real") & (days >= as_of - _NEWS)].sort_values("q_value")
    for day in sorted(set(days[spikes.index])):
        yield _alert(spikes[days[spikes.index] == day].to_dict("records"), day, run_id)


def _alert(spikes: Sequence[Mapping[Hashable, Any]], day: date, run_id: str) -> Alert:
    lines = [_sentence(spike) for spike in spikes[:_SHOWN]]
    if len(spikes) > _SHOWN:
        lines.append(f"... and {len(spikes) - _SHOWN} more.")
    return Alert(
        title="Anomaly found",
        subject="real orders",
        sentence="\n".join(lines),
        action="The dashboard lists all of them. Where no match explains one: a promotion, an outage before, bad data?",
        partitions=(day.isoformat(),),
        run_id=run_id,
        key=day.isoformat(),
    )


def _sentence(spike: Mapping[Hashable, Any]) -> str:
    matches = spike["match_ids"]
    cause = "no match explains it" if matches == "unexplained" else f"match {matches}"
    return (
        f"{spike['city']}, {spike['bucket_ts']:%H:%M} UTC: {spike['orders']} orders where {spike['expected']:.1f} were "
        f"expected (q = {spike['q_value']:.2g}); {cause}."
    )
