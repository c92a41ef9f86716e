"""The report: what it says, what it shows, and that data cannot break out of it."""

import re
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from pizza_assets.merchants.analysis import Study
from pizza_assets.merchants.contract import ANSWERS
from pizza_assets.merchants.engines import Engine
from pizza_assets.merchants.questions import Rules
from pizza_assets.merchants.report import Findings, render
from pizza_assets_tests.merchants.worlds import LIMITS, at, merchants_list, row, transactions

NAME = "<script>alert(1)</script> | Rossi"


def findings(engine: Engine, *rows: dict[str, Any], source: str = "real") -> Findings:
    raw = transactions(*rows).append_column("data_source", [[source] * len(rows)])
    listed = merchants_list(("M1", NAME), source="mock" if source == "mock" else "real")
    study = Study(engine, engine.lookup("raw", raw), listed, LIMITS)
    quality = study.examine()
    answers = {answer.name: answer.table for answer in study.ask(list(ANSWERS), Rules(), quality.data_source)}
    return Findings(answers, quality, Rules(), "duckdb")


@pytest.fixture(scope="module")
def some(engine: Engine) -> Findings:
    """40 sales at noon in two cities, one of them in two instalments, on real data."""
    ones = [row(purchase_date=at(5, day % 28 + 1)) for day in range(38)]
    return findings(
        engine, *ones, row(city_id="2", category="B", installments=2), row(city_id="2", authorized_flag="N")
    )


@pytest.fixture(scope="module")
def files(some: Findings) -> dict[str, bytes]:
    return render(some)


def test_three_findings_come_first_each_once_and_true_on_its_own(some: Findings, files: dict[str, bytes]) -> None:
    assert some.three == [
        "City 1 spends the most: an amount of 38 in 38 sales, 97% of the whole.",
        "Category A brings in the most: an amount of 38 in 38 sales, 97% of the whole.",
        "100% of sales are made from 12:00 to 13:00.",
    ]
    assert some.headline == some.three[0]
    for name in ("report.html", "report.md"):
        assert [files[name].decode().count(told) for told in some.three] == [1, 1, 1]


def test_the_largest_city_and_category_are_never_joined(engine: Engine) -> None:
    """The largest category sells nothing in the largest city: no sentence may say that it does."""
    apart = findings(
        engine,
        *[row(city_id="1", category="A", purchase_amount=5.0)] * 3,
        *[row(city_id="2", category="B", purchase_amount=4.0)] * 3,
        *[row(city_id="3", category="B", purchase_amount=1.0)] * 9,
    )
    sentences = " ".join([apart.headline, *apart.three]).split(".")
    assert "City 1 spends the most" in sentences[0]
    assert any("Category B brings in the most" in sentence for sentence in sentences)
    assert not any("City 1" in sentence and "Category B" in sentence for sentence in sentences)


def test_hours_go_round_midnight(engine: Engine) -> None:
    late = findings(engine, *[row(purchase_date=at(5, 1, hour)) for hour in (22, 23, 0, 1)])
    assert late.hours == "22:00 to 02:00"


def test_key_figures(some: Findings) -> None:
    figures = {name: (figure, below) for name, figure, below in some.cards}
    assert figures["Attempts"] == ("40", "2.5% declined")
    assert figures["Sales"][0] == "39"
    assert figures["Amount, in the source's own currency"] == ("39", "1.00 a sale")


def test_a_mean_of_few_sales_is_not_shown(some: Findings) -> None:
    assert [shown["sales"] for shown in some.largest_means()] == ["39"]


@pytest.mark.parametrize(("source", "banner"), [("real", b"Real data."), ("mock", b"Simulated data.")])
def test_the_page_says_whether_it_is_real(engine: Engine, source: str, banner: bytes) -> None:
    made = render(findings(engine, row(), source=source))
    other = b"Simulated data." if source == "real" else b"Real data."
    for name in ("report.html", "report.md"):
        assert banner in made[name]
        assert other not in made[name]


def test_data_cannot_break_out_of_the_page(files: dict[str, bytes]) -> None:
    page = files["report.html"].decode()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "default-src &#39;none&#39;" in page
    assert "<script" not in files["report.md"].decode()


def test_a_table_of_the_markdown_has_as_many_cells_in_each_row(files: dict[str, bytes]) -> None:
    rows = [line for line in files["report.md"].decode().splitlines() if line.startswith("| ") and "Rossi" in line]
    assert rows
    for line in rows:
        assert len(re.findall(r"(?<!\\)\|", line)) == 5


def test_the_markdowns_charts_are_beside_it_and_have_colours_of_their_own(files: dict[str, bytes]) -> None:
    linked = re.findall(r"\((charts/\w+\.svg)\)", files["report.md"].decode())
    assert sorted(linked) == sorted(name for name in files if name.endswith(".svg"))
    for name in linked:
        drawing = files[name].decode()
        assert drawing.startswith("<svg")
        assert "var(--" not in drawing


def test_the_pages_charts_follow_its_colours_for_dark_mode(files: dict[str, bytes]) -> None:
    assert files["report.html"].decode().count("<svg") == 6
    assert "var(--accent)" in files["report.html"].decode()


def test_thousands_of_rows_make_a_page_of_one_screenful(engine: Engine) -> None:
    many = [row(merchant_id=f"M{number}", city_id=str(number % 300)) for number in range(2000)]
    assert len(render(findings(engine, *many))["report.html"]) < 200_000


def test_answers_without_rows_are_a_report_too(engine: Engine) -> None:
    only_declined = findings(engine, row(authorized_flag="N", city_id=None))
    page = render(only_declined)["report.html"].decode()
    assert "No merchant has 30 sales in a state." in page
    assert isinstance(only_declined.answers["top_merchants"], pa.Table)


def test_instalments_that_nobody_knows_are_not_advised_on(engine: Engine) -> None:
    unknown = findings(engine, row(installments=None))
    assert unknown.instalments == "instalments are not known"
    nothing_left = findings(engine, row(installments=12))
    assert nothing_left.instalments == "no number of instalments leaves a profit"


def test_amounts_name_their_currency_where_it_is_known(some: Findings) -> None:
    pounds = replace(some, currency="GBP")
    assert "Amount, GBP" in {name for name, *_ in pounds.cards}
    assert "38 GBP in 38 sales" in pounds.headline
    page = render(pounds)["report.html"].decode()
    assert "Mean sale, GBP" in page
    assert "source&#39;s own currency" not in page
