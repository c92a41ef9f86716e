"""Business days: whose clock they follow, and the day of a sale, which makes a receipt's number unique.

Belongs here: retailers' time zones, and which day a line was sold on. Does not belong here: when a day is asked for
(``schedules``).
"""

from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from pizza_assets.reference import cities
from pizza_assets.settings import Settings


def time_zone_of(settings: Settings, retailer_id: str) -> str:
    """Return the time zone of a retailer's business days. Those of Domino's are the days of our orders: UTC."""
    if retailer_id == "dominos":
        return "UTC"
    own: str | None = getattr(settings, f"{retailer_id}_time_zone")
    return own or settings.retail_daily_time_zone


def days_of_sale(sold_at: pa.ChunkedArray, store_city: pa.ChunkedArray, time_zone: str = "UTC") -> pa.ChunkedArray:
    """Return the calendar day of each sale at its store.

    Parameters
    ----------
    sold_at
        Instants in UTC.
    store_city
        The city of the store of each, as ``reference`` calls it, or any other text.
    time_zone
        Of stores in cities that we do not know: the retailer's.
    """
    zones = {
        city: cities()[city].time_zone if city in cities() else time_zone for city in pc.unique(store_city).to_pylist()
    }
    days = pc.cast(sold_at, pa.date32())
    for zone in sorted({*zones.values()} - {"UTC"}):
        here = pc.is_in(store_city, pa.array([city for city, its in zones.items() if its == zone]))
        local = pc.cast(pc.local_timestamp(pc.cast(sold_at, pa.timestamp("us", str(ZoneInfo(zone))))), pa.date32())
        days = pc.if_else(here, local, days)
    return days
