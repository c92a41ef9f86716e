"""Status: which days each layer of the lake has, real or mock.

Belongs here: counting days from listings. Does not belong here: reading data (that is ``verify``).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pizza_assets.lake import layout
from pizza_assets.lake.sales import SalesTable
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, DatedFiles, noted
from pizza_assets.platform.kept import Kept, sentences, span


@dataclass(frozen=True)
class LayerStatus:
    """Days of one layer. ``real`` and ``mock`` are None where a layer holds both in separate rows."""

    name: str
    days: Sequence[date]
    real: int | None
    mock: int | None

    @property
    def gaps(self) -> int:
        """Days that are missing between the first and the last one."""
        return (self.days[-1] - self.days[0]).days + 1 - len(self.days) if self.days else 0


def layers(store: Store) -> list[LayerStatus]:
    """Return the status of every layer, in the order that data flows: the match-day branch, then retail."""
    return [*match_day_layers(store), *retail_layers(store)]


def retail_layers(store: Store) -> list[LayerStatus]:
    """Return the status of each retailer's raw sales. Their files tell real from mock, their names do not."""
    return [
        LayerStatus(name, SalesTable(store, where).stored, None, None) for name, where in layout.SALES_TABLES.items()
    ]


def match_day_layers(store: Store) -> list[LayerStatus]:
    """Return the status of the match-day branch's layers."""
    found = []
    for where in layout.DAILY_TABLES.values():
        stored = DailyTable(store, where).stored
        sources = [day.source for day in stored.values()]
        real, mock = (sources.count(source) if where.by_source else None for source in ("real", "mock"))
        found.append(LayerStatus(where.name, list(stored), real, mock))
    for name, prefix, file in (
        ("correlation_results", layout.CORRELATION_PREFIX, layout.CORRELATION_FILES[-1]),
        ("dashboard_data", layout.DASHBOARD_PREFIX, layout.DASHBOARD_HISTORY_FILE),
    ):
        found.append(LayerStatus(name, DatedFiles(store, prefix).days(file), None, None))
    return found


def notes(store: Store) -> list[str]:
    """Return what is to be known of days beside their number: which were kept, and of which something is unknown."""
    lines = []
    collected: Sequence[layout.DailyLayout | layout.SalesLayout] = (
        layout.RAW_MATCHES,
        layout.RAW_ORDERS,
        *layout.SALES_TABLES.values(),
    )
    for where in collected:
        kept = [Kept(day, reason) for day, reason in noted(store, where, "kept").items()]
        lines += [f"{where.name}: {sentence}" for sentence in sentences(kept)]
    days_by_reason: dict[str, list[date]] = {}
    for day, reason in noted(store, layout.RAW_MATCHES, "unknown").items():
        days_by_reason.setdefault(reason, []).append(day)
    name = layout.RAW_MATCHES.name
    lines += [f"{name}: {span(days)} without {reason}" for reason, days in days_by_reason.items()]
    return lines + unknown_clubs(noted(store, layout.RAW_MATCHES, "unknown-clubs"))


def unknown_clubs(noted_clubs: Mapping[date, str]) -> list[str]:
    """Return a line that says of how many clubs the city is not known, and what to do, and one with each of them."""
    if not noted_clubs:
        return []
    matches = Counter(club for clubs in noted_clubs.values() for club in clubs.splitlines())
    first = (
        f"{layout.RAW_MATCHES.name}: {len(matches)} clubs whose city is not known, in days from {min(noted_clubs)} to "
        f"{max(noted_clubs)}. Their matches have no effect in their cities. Add them to CLUBS_FILE, and backfill these "
        "days. Matches of each:"
    )
    return [first, *(f"  {club}: {count}" for club, count in matches.most_common())]


def has_days(store: Store, first: date, last: date) -> bool:
    """Tell whether every layer of the match-day branch has every day from `first` to `last`."""
    wanted = {first + timedelta(days=n) for n in range((last - first).days + 1)}
    return all(wanted <= set(layer.days) for layer in match_day_layers(store))
