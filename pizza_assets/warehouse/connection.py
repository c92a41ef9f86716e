"""Connections to the warehouse: where it is, that the way there is safe, who asks, and its errors as sentences.

Belongs here: opening a connection and what can go wrong on it. Does not belong here: what is sent over it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pizza_assets.errors import SettingsError, WarehouseError
from pizza_assets.settings import Settings
from pizza_assets.warehouse import embedded, migrations, roles

Connection = psycopg.Connection[Any]

_SECURE = ("require", "verify-ca", "verify-full")
_CONNECT_SECONDS = 10
#: What to do about an error, by its class (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_ADVICE: tuple[tuple[type[psycopg.Error], str], ...] = (
    (errors.DiskFull, "its disk is full. Free space, then run again"),
    (errors.ConfigurationLimitExceeded, "a limit of the server is reached (temp_file_limit?). Raise it, or load less"),
    (errors.OutOfMemory, "the server has not enough memory. Give it more, or load fewer days at once"),
    (errors.TooManyConnections, "it has no connection free. Raise max_connections, or run fewer loads at once"),
    (errors.ReadOnlySqlTransaction, "queries only read here. For a load, point WAREHOUSE_URL at the primary server"),
    (errors.InsufficientPrivilege, "its user may not do this. Grant the user the role loader or bi_reader"),
    (errors.QueryCanceled, "a statement took too long and was cancelled. Run again, or raise statement_timeout"),
    (errors.LockNotAvailable, "another process holds a lock for too long. Run again when it is done"),
    (errors.DeadlockDetected, "two processes waited for each other. Run again"),
    (errors.AdminShutdown, "it was shut down. Start it, then run again"),
)


def address(settings: Settings) -> str:
    """Return the connection string of the warehouse; the embedded server is started for it.

    Raises
    ------
    SettingsError
        When WAREHOUSE_URL is no address, or does not ask for TLS and leads off this machine.
    WarehouseError
        When the embedded server does not start.
    """
    url = settings.warehouse_url
    return secure_address(url.get_secret_value()) if url else embedded.start(embedded.folder(settings))


def secure_address(url: str, setting: str = "WAREHOUSE_URL") -> str:
    """Return a connection string that cannot go over a network in the clear. Raises SettingsError."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise SettingsError(
            f"{setting} is no PostgreSQL address: expected postgresql://user:password@host:5432/database."
        ) from None
    if not _leaves_machine(parts):
        return url
    mode = parts.get("sslmode")
    if mode is None:
        roots = {} if "sslrootcert" in parts else {"sslrootcert": "system"}
        return make_conninfo(url, sslmode="verify-full", **roots)
    if mode not in _SECURE:
        raise SettingsError(
            f"{setting} asks for sslmode={mode}, which may send passwords and sales in the clear to "
            f"{parts.get('host') or parts.get('hostaddr')}. Use sslmode=verify-full (or leave it out)."
        )
    return url


def _leaves_machine(parts: dict[str, Any]) -> bool:
    hosts = str(parts.get("hostaddr") or parts.get("host") or "/").split(",")
    return not all(host.startswith(("/", "@")) or host == "localhost" or _is_loopback(host) for host in hosts)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def connect(conninfo: str) -> Connection:
    """Open a connection in autocommit mode, with the clock in UTC.

    Raises
    ------
    WarehouseError
        When the server does not answer or rejects.
    """
    try:
        connection = psycopg.connect(
            conninfo, autocommit=True, connect_timeout=_CONNECT_SECONDS, application_name="pizza-assets"
        )
        connection.execute("SET TIME ZONE 'UTC'")
    except psycopg.OperationalError as error:
        raise explain(error) from error
    return connection


@contextmanager
def warehouse(settings: Settings) -> Iterator[Connection]:
    """Open the warehouse of these settings and close it at the end; an embedded one is made when it is not there.

    Raises
    ------
    WarehouseError
        When it cannot be reached, or its schema is not the one that this version works with. What the database
        rejects inside of the block is raised as WarehouseError too.
    """
    with connect(address(settings)) as connection:
        if settings.warehouse_url is None and migrations.current(connection) is None:
            migrations.migrate(connection)
        migrations.check(connection)
        with explained():
            yield connection


@contextmanager
def reader(settings: Settings) -> Iterator[Connection]:
    """Open the warehouse as a login role that owns nothing and reads `sales`, `marts` and `merchants` alone.

    A role that is merely set for a session (SET ROLE) can be left again by the query itself, so the login counts.

    Raises
    ------
    WarehouseError
        As `warehouse`; and when the login of WAREHOUSE_READER_URL may do more than read.
    """
    with connect(_readers_address(settings)) as connection, explained():
        more = roles.more_than_reading(connection)
        if more:
            raise WarehouseError(
                f"Queries are asked by a login role that may only read, and {connection.info.user} {more}. Have an "
                "administrator run: CREATE ROLE analyst LOGIN PASSWORD '...' IN ROLE bi_reader; then set "
                "WAREHOUSE_READER_URL to that login's address.",
                final=True,
            )
        yield connection


@contextmanager
def reading(settings: Settings) -> Iterator[Connection]:
    """Open the warehouse for queries of our own, in a session that only reads, as a role that owns nothing.

    That is the login of `reader`. Where only WAREHOUSE_URL is named, its user takes the role ``bi_reader`` when it may
    do more.

    Raises
    ------
    WarehouseError
        As `warehouse`.
    """
    with connect(_readers_address(settings)) as connection, explained():
        connection.execute("SET default_transaction_read_only = on")
        if roles.more_than_reading(connection):
            roles.become_reader(connection)
        migrations.check(connection)
        yield connection


def _readers_address(settings: Settings) -> str:
    url = settings.warehouse_reader_url or settings.warehouse_url
    if url:
        setting = "WAREHOUSE_READER_URL" if settings.warehouse_reader_url else "WAREHOUSE_URL"
        return secure_address(url.get_secret_value(), setting)
    with warehouse(settings) as connection:
        roles.set_reader_login(connection)
    return make_conninfo(address(settings), user=roles.READER_LOGIN)


@contextmanager
def explained() -> Iterator[None]:
    """Turn the database's errors into sentences."""
    try:
        yield
    except psycopg.Error as error:
        raise explain(error) from error


def explain(error: psycopg.Error) -> WarehouseError:
    """Return an error of the database as a sentence that says what to do."""
    said = (error.diag.message_primary or str(error)).strip().rstrip(".")
    for kind, advice in _ADVICE:
        if isinstance(error, kind):
            words = f"The warehouse rejected the statement: {advice}. Nothing was changed. Its message: {said}."
            return WarehouseError(words, final=kind is errors.DiskFull)
    if isinstance(error, psycopg.OperationalError):
        return WarehouseError(
            "The warehouse does not answer. What was not committed is lost. Check that the server runs and "
            f"that WAREHOUSE_URL is right, then run again. Its message: {' '.join(said.split())}."
        )
    return WarehouseError(f"The warehouse rejected the statement; nothing was changed. Its message: {said}.")
