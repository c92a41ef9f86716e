"""Where QuickSight finds the warehouse.

Belongs here: reading and checking the settings. Does not belong here: requests (``quicksight_warehouse``).

It is an address of its own, not WAREHOUSE_URL: QuickSight may come another way, and no password may travel with it.
"""

import re
from dataclasses import dataclass

from pizza_assets.errors import PizzaAssetsError
from pizza_assets.settings import Settings

_ADDRESS = re.compile(r"(?P<host>[\w.-]+)(:(?P<port>\d{1,5}))?/(?P<database>[\w-]+)")
_LOCAL = re.compile(r"localhost|127\..*|0\.0\.0\.0")
_DEFAULT_PORT = "5432"


@dataclass(frozen=True)
class WarehouseTarget:
    """The warehouse as QuickSight reaches it: the secret and the VPC connection are named by their ARNs."""

    host: str
    port: int
    database: str
    secret: str
    vpc_connection: str | None = None


def warehouse_target(settings: Settings) -> WarehouseTarget | None:
    """Return where QuickSight finds the warehouse; None where that is not set up.

    Raises
    ------
    PizzaAssetsError
        When one of address and secret is missing, or the address is none that QuickSight can reach.
    """
    address, secret = settings.quicksight_warehouse, settings.quicksight_warehouse_secret
    if address is None and secret is None:
        return None
    if address is None or secret is None:
        missing = "QUICKSIGHT_WAREHOUSE" if address is None else "QUICKSIGHT_WAREHOUSE_SECRET"
        raise PizzaAssetsError(f"QuickSight cannot read the warehouse: {missing} is not set. Set both, or neither.")
    parts = _ADDRESS.fullmatch(address)
    if parts is None or _LOCAL.fullmatch(parts["host"]):
        raise PizzaAssetsError(
            "QUICKSIGHT_WAREHOUSE must be host[:port]/database as QuickSight reaches it, without user and password, "
            f"and not this machine. Found {'something else' if parts is None else parts['host']}."
        )
    port = int(parts["port"] or _DEFAULT_PORT)
    return WarehouseTarget(parts["host"], port, parts["database"], secret, settings.quicksight_vpc_connection)
