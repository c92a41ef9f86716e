"""A PostgreSQL server for the session, and for each test a database of its own that has the schema."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from pizza_assets.settings import Settings
from pizza_assets.warehouse import embedded
from pizza_assets.warehouse.connection import Connection, connect, reader
from pizza_assets.warehouse.migrations import migrate

_numbers = count()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server: TEST_WAREHOUSE_URL (a superuser's), else PostgreSQL from the wheel."""
    if url := os.environ.get("TEST_WAREHOUSE_URL"):
        yield url
        return
    with server_folder() as place:
        address = embedded.start(place)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # a test's data need not outlive a power cut
            connection.execute("SELECT pg_reload_conf()")
        yield address


@contextmanager
def server_folder() -> Iterator[Path]:
    """A folder for an embedded server, which is stopped at the end; as root, one that another account can enter."""
    with tempfile.TemporaryDirectory(prefix="pizza-warehouse-") as parent:
        Path(parent).chmod(0o755)
        place = Path(parent, "warehouse")
        try:
            yield place
        finally:
            embedded.stop(place)


@pytest.fixture
def warehouse_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for the embedded warehouse of commands that run in this process; root's tests lie in a private one."""
    with server_folder() as place:
        monkeypatch.setenv("WAREHOUSE_DIR", str(place))
        yield place


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


@pytest.fixture(scope="session")
def reader_login(server: str, template: str) -> str:
    """A login role that may read and nothing else; the roles that it is a member of come with the template."""
    with psycopg.connect(server, autocommit=True) as connection, suppress(psycopg.errors.DuplicateObject):
        connection.execute("CREATE ROLE test_reader LOGIN IN ROLE bi_reader")
    return "test_reader"


@pytest.fixture
def settings(database: str, reader_login: str, tmp_path: Path) -> Settings:
    """Settings with an empty warehouse, a login that reads it, and an empty lake."""
    return Settings.load(
        warehouse_url=database,
        warehouse_reader_url=make_conninfo(database, user=reader_login),
        pizza_lake=str(tmp_path / "lake"),
    )


@pytest.fixture
def reading(settings: Settings) -> Iterator[Connection]:
    """A connection to the warehouse of `connection`, as somebody who asks queries."""
    with reader(settings) as opened:
        yield opened
