"""Backups of the warehouse in pg_dump's format, by the wheel's own programs; restoring one is also how to upgrade.

Belongs here: writing a backup, and filling an empty database from one. Does not belong here: what is in the schema.

A backup has the schemas of the warehouse with their data, and no owners or grants: a restore gives these anew. A server
up to PostgreSQL 16 is asked by the programs of 16, for those of 18 send settings that it does not know.
"""

import os
import subprocess
from pathlib import Path

from psycopg.conninfo import make_conninfo

from pizza_assets.errors import UseError, WarehouseError
from pizza_assets.warehouse import cluster, migrations
from pizza_assets.warehouse.connection import Connection, explained

SCHEMAS = ("sales", "marts", "merchants", "ops")
#: The newest server that the older programs know.
_OLDER = 16


def backup(connection: Connection, path: Path) -> int:
    """Write the warehouse to `path`, whole or not at all, and return the bytes of the file.

    Raises
    ------
    UseError
        When there is such a file already.
    WarehouseError
        When pg_dump fails, for which the disk may be full.
    """
    if path.exists():
        raise UseError(f"{path} exists already. Name another file, or remove it first.")
    unfinished = path.with_name(f"{path.name}.part")
    schemas = [f"--schema={name}" for name in SCHEMAS]
    try:
        _run(connection, "pg_dump", "--format=custom", "--no-owner", "--no-acl", *schemas, f"--file={unfinished}")
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path.stat().st_size


def restore(connection: Connection, path: Path) -> str:
    """Fill an empty database from a backup, bring it to this version, and return the revision that the backup had.

    Raises
    ------
    UseError
        When there is no such file.
    WarehouseError
        When the database has a warehouse already, or the file is no backup; nothing is changed then.
    """
    if not path.is_file():
        raise UseError(f"{path}: expected a backup of the warehouse, found no such file.")
    if migrations.current(connection) is not None:
        raise WarehouseError(
            "The database has a warehouse already, and a backup is restored into an empty one. Set WAREHOUSE_DIR to a "
            "new folder (or WAREHOUSE_URL to an empty database), and run again.",
            final=True,
        )
    _run(connection, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-acl", str(path))
    found = migrations.current(connection)
    if found is None:
        raise WarehouseError(f"{path} is a backup, but not of a warehouse: it has no table ops.alembic_version.")
    with explained():
        # What the backup does not say: who may refresh. The migration grants the rest.
        connection.execute("REVOKE EXECUTE ON FUNCTION marts.refresh_views() FROM PUBLIC")
        migrations.migrate(connection)
    return found


def _run(connection: Connection, program: str, *options: str) -> None:
    """Run a program of the wheel on the connection's database; a password goes by the environment."""
    version = str(_OLDER) if connection.info.server_version < (_OLDER + 1) * 10_000 else None
    there = make_conninfo(connection.info.dsn, dbname=connection.info.dbname)  # which has no password
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if connection.info.password:
        environment["PGPASSWORD"] = connection.info.password
    done = subprocess.run(  # noqa: S603 a program of the wheel
        [cluster.programs_of(version) / program, f"--dbname={there}", "--no-password", *options],
        env=environment | {"LC_ALL": "C"}, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        said = " ".join(done.stderr.split())[-500:]
        raise WarehouseError(f"{program} failed, and nothing was changed. It says: {said}")
