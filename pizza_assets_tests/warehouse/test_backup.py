"""Backups: a round trip keeps all, also to another version of PostgreSQL; what cannot be restored says so."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pizza_assets.cli import main
from pizza_assets.settings import Settings
from pizza_assets.warehouse import backup as backups
from pizza_assets.warehouse import cluster
from pizza_assets.warehouse.connection import Connection, connect, warehouse
from pizza_assets.warehouse.loader import load_day
from pizza_assets.warehouse.marts import refresh
from pizza_assets.warehouse.migrations import migrate
from pizza_assets_tests.postgres import server_folder
from pizza_assets_tests.warehouse.shops import DAY, RETAILER, facts, one, sales


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["warehouse", *arguments])


def make_old_database(place: Path, version: str) -> None:
    """Make the folder of an embedded warehouse as an older version of PostgreSQL has it."""
    owner = cluster.account(place)
    place.mkdir(mode=0o700)
    owner.own(place)
    initdb = cluster.programs_of(version) / "initdb"
    done = owner.run(
        [initdb, "--pgdata", place / "data", "--username", "postgres", "--encoding", "UTF8", "--locale", "C"]
    )
    assert done.returncode == 0, done.stderr


def fill(connection: Connection) -> None:
    lines = sales({"quantity": -1}, {"quantity": "1.25", "total_amount": "3.12"}, {"customer_id": None})
    load_day(connection, lines, retailer_id=RETAILER, source_day=DAY)
    refresh(connection)


def test_a_backup_of_an_older_postgresql_is_restored_into_the_newest(
    warehouse_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_old_database(warehouse_folder, "16")
    with warehouse(Settings.load()) as connection:
        fill(connection)
        before, was = facts(connection), connection.info.server_version // 10_000
    made = run("backup", "sales.dump")
    assert made.exit_code == 0, made.output
    assert "sales.dump: " in made.output
    assert not Path("sales.dump.part").exists()
    with server_folder() as place:
        monkeypatch.setenv("WAREHOUSE_DIR", str(place))
        assert run("restore", "sales.dump").output == "Restored from sales.dump: revision 0007, now 0007.\n"
        with warehouse(Settings.load()) as connection:
            assert facts(connection) == before
            assert was == 16
            assert connection.info.server_version // 10_000 == 18
            assert one(connection, "SELECT sum(facts) FROM marts.mv_daily_sales_summary") == 3
            connection.execute("SET ROLE loader")
            fill(connection)
            connection.execute("RESET ROLE; SET ROLE bi_reader")
            with pytest.raises(Exception, match="permission denied"):
                connection.execute("SELECT marts.refresh_views()")
        again = run("restore", "sales.dump")
        assert again.exit_code == 1
        assert "The database has a warehouse already" in again.output


def test_a_backup_of_an_older_version_is_brought_to_this_one(
    connection: Connection, empty_database: str, tmp_path: Path
) -> None:
    load_day(connection, sales({}, {"quantity": 2}), retailer_id=RETAILER, source_day=DAY)
    before = facts(connection)
    migrate(connection, "0005")
    backups.backup(connection, tmp_path / "old.dump")
    with connect(empty_database) as empty:
        assert backups.restore(empty, tmp_path / "old.dump") == "0005"
        assert sum(row["total_amount"] for row in facts(empty)) == sum(row["total_amount"] for row in before)


def test_files_that_are_not_right_change_nothing(connection: Connection, empty_database: str, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("mine")
    with pytest.raises(Exception, match="exists already"):
        backups.backup(connection, there)
    with pytest.raises(Exception, match="pg_dump failed"):
        backups.backup(connection, tmp_path / "missing" / "sales.dump")
    with connect(empty_database) as empty:
        with pytest.raises(Exception, match="pg_restore failed, and nothing was changed"):
            backups.restore(empty, there)
        with pytest.raises(Exception, match="found no such file"):
            backups.restore(empty, tmp_path / "missing")
        assert one(empty, "SELECT count(*) FROM pg_namespace WHERE nspname = 'sales'") == 0
    assert there.read_text() == "mine"
