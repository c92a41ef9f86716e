import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pizza_assets.cli import main
from pizza_assets.orders.till.profile import read_profile
from pizza_assets_tests.orders.till import exports

HEADER = "Receipt,Sold at,Shop,Total,Pizzas,Qty"


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def inspect(*arguments: str, answers: str | None = None) -> Result:
    return CliRunner().invoke(main, ["orders", "inspect", *arguments], input=answers)


def test_says_what_an_export_is_and_writes_a_profile(tmp_path: Path) -> None:
    rows = [
        "1,13/05/2024 12:00,12 High St Norwich,£10.50,Margherita,1",
        "2,13/05/2024 12:10,Main branch,£11.00,Funghi,1",
    ]
    rows += ["3,13/05/2024 12:20,Main branch,?,Funghi,1", "Total,,,£21.50,,2"]
    exports.write(tmp_path, "may.csv", "\n".join([HEADER, *rows]))
    result = inspect("*.csv", "--yes")
    assert result.exit_code == 0, result.output
    for line in (
        "  may.csv: text (UTF-8), cells separated by commas; 4 rows",
        "  Receipt                  the order's number (its name, and cells such as '1')",
        "  the day comes first in a date: '13/05/2024 12:00' can be read in no other way",
        "  the till's clock is that of Europe/London: the time zone of Norwich",
        "  12 High St Norwich: in Norwich ('12 High St Norwich'). 1 order, 2024-05-13",
        "  4 read = 2 stored (2 orders) + 1 set aside + 1 rejected",
    ):
        assert line in result.output.splitlines()
    assert "Main branch: nobody can tell where it is" in result.output
    assert "row 3 of may.csv: Total = '?': expected an amount. It reads: 3, 13/05/2024 12:20" in result.output
    profile = read_profile(tmp_path / "orders.toml")
    assert (profile.date_order, profile.decimal, profile.rows, profile.currency) == ("dmy", ".", "order", "GBP")
    assert profile.shops == {"12 High St Norwich": "Norwich"}
    assert (tmp_path / "shops.csv").read_text() == "shop,city,address\n12 High St Norwich,Norwich,\nMain branch,,\n"


def test_shops_csv_decides(tmp_path: Path) -> None:
    exports.write(
        tmp_path, "may.csv", f"{HEADER}\n1,2024-05-04 12:00,Main branch,5,a,1\n2,2024-05-04 12:00,East,5,a,1\n"
    )
    assert inspect("may.csv", "--yes", "--time-zone", "Europe/London").exit_code == 0
    (tmp_path / "shops.csv").write_text('shop,city,address\nMain branch,Leeds,\nEast,,"1 Leeds Road, Derby DE1 1AA"\n')
    result = inspect("may.csv", "--yes")
    assert "Main branch: in Leeds (the profile says so)" in result.output
    assert "East: in Derby (the profile says so)" in result.output
    assert "Read: orders.toml. The files fit it." in result.output


def test_a_question_that_nobody_answers_is_an_error(tmp_path: Path) -> None:
    exports.write(tmp_path, "may.csv", f"{HEADER}\n1,04/05/2024 12:00,Norwich,5,a,1\n")
    result = inspect("may.csv", "--yes")
    assert result.exit_code == 1
    assert "1. Is '04/05/2024 12:00' day/month or month/day?" in result.output
    (tmp_path / "orders.toml").unlink()
    result = inspect("may.csv", "--yes", "--date-order", "dmy")
    assert result.exit_code == 0
    assert tomllib.loads((tmp_path / "orders.toml").read_text())["date_order"] == "dmy"


def test_asks_at_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exports.write(tmp_path, "may.csv", "No,Date,Total\n1,04/05/2024 12:00,5\n")
    monkeypatch.setattr("pizza_assets.cli.orders._is_terminal", lambda: True)
    result = inspect("may.csv", answers="Norwich\ndmy\n")
    assert result.exit_code == 0, result.output
    profile = read_profile(tmp_path / "orders.toml")
    assert (profile.shop, profile.date_order, profile.time_zone) == ("Norwich", "dmy", "Europe/London")


def test_new_exports_that_differ_are_told(tmp_path: Path) -> None:
    exports.write(tmp_path, "may.csv", f'{HEADER}\n1,2024-05-04 12:00,Norwich,"5,50",a,1\n')
    inspect("may.csv", "--yes")
    exports.write(
        tmp_path, "june.csv", f"{HEADER}\n2,2024-06-04 12:00,Leeds,5.50,a,1\n3,2024-06-04 12:00,Leeds,5,a,1\n"
    )
    result = inspect("june.csv", "--yes")
    assert "the profile says decimal = ',', the files show '.'" in result.output
    assert "the shop 'Leeds' is new" in result.output


def test_one_shop_that_no_column_names(tmp_path: Path) -> None:
    exports.write(tmp_path, "pizza.csv", "id,date,time,name,price\n1,2024-05-04,11:38:36,hawaiian,13.25\n")
    assert "Which shop are these orders of" in inspect("pizza.csv", "--yes").output
    (tmp_path / "orders.toml").unlink()
    result = inspect("pizza.csv", "--yes", "--shop", "Pizza Palace", "--city", "Liverpool")
    assert "Pizza Palace: in Liverpool (the profile says so). 1 order" in result.output


def test_a_file_that_cannot_be_read_is_told_in_one_sentence(tmp_path: Path) -> None:
    exports.write(tmp_path, "a.csv", b"%PDF-1.4")
    exports.write(tmp_path, "b.csv", b"")
    result = inspect("*.csv", "--yes")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "Error: a.csv is a PDF, which holds no table that can be read. Export CSV or .xlsx.",
        "b.csv is empty. Export it again.",
    ]


def test_many_files_are_told_together(tmp_path: Path) -> None:
    for day in range(1, 31):
        exports.write(tmp_path, f"{day:02}.csv", f"{HEADER}\n{day},2024-05-{day:02} 12:00,Norwich,5,a,1\n")
    lines = inspect("*.csv", "--yes").output.splitlines()
    assert lines[1] == "  30 files, from 01.csv to 30.csv: text (UTF-8), cells separated by commas; 30 rows"


def test_gaps_are_listed(tmp_path: Path) -> None:
    days = [day for day in range(1, 30) if day not in (7, *range(15, 23))]
    rows = [f"{day}{n},2024-05-{day:02} 12:0{n},Norwich,5,a,1" for day in days for n in range(9)]
    exports.write(tmp_path, "may.csv", "\n".join([HEADER, *rows]))
    result = inspect("may.csv", "--yes")
    assert "9 days without an order where there usually are some" in result.output
    assert {"      2024-05-07", "      2024-05-15 to 2024-05-22"} <= set(result.output.splitlines())
