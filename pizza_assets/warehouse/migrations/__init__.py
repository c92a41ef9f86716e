"""The warehouse's schema as Alembic migrations of raw SQL, each with its way back.

Belongs here: applying them, and knowing whether they are applied. Does not belong here: opening connections.
"""

from typing import Any

import psycopg

from pizza_assets.errors import WarehouseError

#: The revision that this version of the package works with.
HEAD = "0007"
#: Advisory lock of migrations ('pizza'): no two processes migrate at once.
LOCK = 0x70697A7A61


def current(connection: psycopg.Connection[Any]) -> str | None:
    """Return the revision that the database is at; None for a database without our schema."""
    found = connection.execute("SELECT to_regclass('ops.alembic_version') IS NOT NULL").fetchone()
    if not found or not found[0]:
        return None
    row = connection.execute("SELECT version_num FROM ops.alembic_version").fetchone()
    return str(row[0]) if row else None


def check(connection: psycopg.Connection[Any]) -> None:
    """Raise WarehouseError unless the database is at the revision that this package works with."""
    found = current(connection)
    if found == HEAD:
        return
    where = "has no warehouse yet" if found is None else f"is at revision {found}"
    todo = "run pizza-assets warehouse migrate" if found is None or found < HEAD else "update this package"
    raise WarehouseError(f"The database {where}, this version works with revision {HEAD}: {todo}.")


def migrate(connection: psycopg.Connection[Any], revision: str = "head") -> None:
    """Bring the database to `revision` (``base`` removes everything) in one transaction, then set the roles.

    Two processes that migrate at once wait for each other. `connection` is left open.
    """
    from alembic import command  # noqa: PLC0415 costs half a second, and few commands migrate
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import create_engine  # noqa: PLC0415
    from sqlalchemy.pool import StaticPool  # noqa: PLC0415

    from pizza_assets.warehouse.roles import set_roles  # noqa: PLC0415 roles read migrations' schemas

    config = Config()
    config.set_main_option("script_location", "pizza_assets.warehouse:migrations")
    was_autocommit = connection.autocommit
    connection.autocommit = False
    try:
        engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
        with engine.connect() as alchemy:
            config.attributes["connection"] = alchemy
            step = command.downgrade if _is_way_back(current(connection), revision) else command.upgrade
            step(config, revision)
        if current(connection) == HEAD:
            # The migrations' commit let go of their lock, and two grants at once are rejected by PostgreSQL.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            set_roles(connection)
        connection.commit()
    finally:
        connection.rollback()
        connection.autocommit = was_autocommit


def _is_way_back(found: str | None, revision: str) -> bool:
    return revision == "base" or (revision != "head" and found is not None and revision < found)
