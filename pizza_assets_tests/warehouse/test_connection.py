"""Where the warehouse is, that the way there is safe, and what people read when something is wrong."""

import re
import socket
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from pizza_assets.errors import SettingsError, WarehouseError
from pizza_assets.settings import Settings
from pizza_assets.warehouse import embedded
from pizza_assets.warehouse.connection import connect, explain, explained, secure_address, warehouse
from pizza_assets_tests.warehouse.shops import one


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hunter2@localhost/shop",
        "postgresql://user:hunter2@127.0.0.1:5433/shop",
        "postgresql://user:hunter2@[::1]/shop",
        "postgresql:///shop?host=/var/run/postgresql",
        "dbname=shop",
        "postgresql://user:hunter2@db.example.com/shop?sslmode=require",
        "postgresql://user:hunter2@db.example.com/shop?sslmode=verify-full&sslrootcert=/etc/rds.pem",
    ],
)
def test_safe_addresses_are_taken_as_they_are(url: str) -> None:
    assert secure_address(url) == url


def test_a_server_far_away_is_checked_fully_when_the_address_does_not_say_otherwise() -> None:
    found = psycopg.conninfo.conninfo_to_dict(secure_address("postgresql://user:hunter2@db.example.com/shop"))
    assert found["sslmode"] == "verify-full"
    assert found["sslrootcert"] == "system"
    own = secure_address("postgresql://db.example.com/shop?sslrootcert=/etc/rds.pem")
    assert psycopg.conninfo.conninfo_to_dict(own)["sslrootcert"] == "/etc/rds.pem"


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
@pytest.mark.parametrize("host", ["db.example.com", "10.0.0.7", "localhost,db.example.com"])
def test_an_address_that_may_go_in_the_clear_stops(host: str, mode: str) -> None:
    with pytest.raises(SettingsError, match=f"sslmode={mode}.*in the clear.*sslmode=verify-full") as stopped:
        secure_address(f"postgresql://user:hunter2@{host}/shop?sslmode={mode}")
    assert "hunter2" not in str(stopped.value)


def test_what_is_no_address_is_told_without_repeating_it() -> None:
    with pytest.raises(SettingsError, match="expected postgresql://") as stopped:
        secure_address("postgres//user:hunter2@host")
    assert "hunter2" not in str(stopped.value)


def test_a_database_that_is_away_is_told_without_the_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    settings = Settings.load(warehouse_url=f"postgresql://user:hunter2@127.0.0.1:{port}/shop")
    away = pytest.raises(WarehouseError, match="does not answer.*Check that the server runs")
    with away as stopped, warehouse(settings):
        pass
    assert "hunter2" not in str(stopped.value) + repr(settings)


def test_a_server_that_goes_away_in_the_middle_is_told(database: str) -> None:
    with connect(database) as connection, connect(database) as other:
        victim = one(connection, "SELECT pg_backend_pid()")
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [victim])
        with pytest.raises(WarehouseError, match="was shut down"), explained():
            connection.execute("SELECT 1")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (errors.DiskFull("could not extend file"), "its disk is full. Free space, then run again.*could not extend"),
        (errors.ReadOnlySqlTransaction("read-only"), "point WAREHOUSE_URL at the primary"),
        (errors.InsufficientPrivilege("denied"), "role loader or bi_reader"),
        (
            errors.UniqueViolation("duplicate key"),
            "rejected the statement; nothing was changed. Its message: duplicate key",
        ),
        (psycopg.OperationalError("server closed\nthe connection"), "does not answer.*closed the connection"),
    ],
)
def test_errors_say_what_to_do(error: psycopg.Error, sentence: str) -> None:
    assert re.search(sentence, str(explain(error)))


def test_the_embedded_warehouse_lies_beside_the_lake_unless_told_otherwise(tmp_path: Path) -> None:
    def folder(**settings: str) -> Path:
        return embedded.folder(Settings.load(**settings))

    assert folder(pizza_lake=str(tmp_path / "lake")) == tmp_path / "lake-warehouse"
    assert folder(pizza_lake="s3://bucket/some") == Path.cwd() / "lake-warehouse"
    assert folder(warehouse_dir=str(tmp_path / "here")) == tmp_path / "here"
