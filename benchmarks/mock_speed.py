"""How fast is mock data made? ``python -m benchmarks.mock_speed`` (a few seconds). Exits 1 below a bar."""

import sys
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from statistics import median
from time import perf_counter

from pizza_assets.football.mock import mock_matches
from pizza_assets.orders.mock import mock_orders
from pizza_assets.settings import Settings

ORDERS_PER_SECOND = 500_000
PLAIN_DAY_MS = 10
LARGE_VOLUME = 100_000


def _seconds(work: Callable[[], int]) -> tuple[float, int]:
    start = perf_counter()
    done = work()
    return perf_counter() - start, done


def _orders_of(day: date, settings: Settings) -> int:
    return len(mock_orders(day, mock_matches(day, settings), settings))


def main() -> int:
    """Print the table; return 1 when a bar is missed."""
    day = date(2024, 11, 2)
    plain, large = Settings.load(), Settings.load(mock_orders_per_store_day=LARGE_VOLUME)
    season, found = _seconds(lambda: len(mock_matches(day, plain)))

    days = [day + timedelta(days=number) for number in range(300)]
    plain_days = [_seconds(partial(_orders_of, at, plain)) for at in days]
    large_days = [_seconds(partial(_orders_of, day, large)) for _ in range(5)]
    milliseconds = 1000 * median(seconds for seconds, _ in plain_days)
    orders = sum(made for _, made in plain_days) // len(days)
    per_second = median(made / seconds for seconds, made in large_days)
    print(f"first day of a season: {1000 * season:.1f} ms ({found} matches)")
    print(f"plain day: {milliseconds:.1f} ms, median of {len(days)} with {orders} orders; bar {PLAIN_DAY_MS} ms")
    print(f"large day: {per_second:,.0f} orders/s, {large_days[0][1]:,} orders; bar {ORDERS_PER_SECOND:,} orders/s")
    return int(per_second < ORDERS_PER_SECOND or milliseconds > PLAIN_DAY_MS)


if __name__ == "__main__":
    sys.exit(main())
