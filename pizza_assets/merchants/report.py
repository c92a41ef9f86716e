"""The report: one page that an executive reads, as HTML and as Markdown with charts.

Belongs here: which rows of the answers are shown, and sentences. Does not belong here: computing answers,
marks of charts (``charts``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

import pyarrow
import pyarrow.compute as pc

from pizza_assets.dashboard.page import content_security_policy
from pizza_assets.merchants import charts
from pizza_assets.merchants.contract import ANSWERS
from pizza_assets.merchants.quality import Quality, checks
from pizza_assets.merchants.questions import QUESTIONS, Rules

#: Rows of a table or chart in the report; all of them are in the answers.
_SHOWN = 10
#: A mean of fewer sales than these is not shown; it is in the answers.
_MIN_SALES = 30
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: Cohen (1988): associations below 0.1 are next to none, from there small, from 0.3 medium, from 0.5 large.
_STRENGTHS = ((0.1, "hardly tells"), (0.3, "tells a little of"), (0.5, "tells something of"), (2.0, "tells much of"))


def _number(value: float, digits: int = 0) -> str:
    return f"{value:,.{digits}f}"


@dataclass(frozen=True)
class Findings:
    """The answers, as the report words them.

    Parameters
    ----------
    answers
        All tables of ``ANSWERS``, by name.
    quality
        What was counted.
    rules
        The rules that the answers were made with.
    engine
        The name of the engine.
    currency
        Of the amounts; None where the source names none.
    """

    answers: Mapping[str, pyarrow.Table]
    quality: Quality
    rules: Rules
    engine: str
    currency: str | None = None

    @cached_property
    def advice(self) -> Mapping[str, list[dict[str, Any]]]:
        """The advice by topic, in the order of its positions."""
        rows = self.answers["merchant_advice"].to_pylist()
        return {topic: [row for row in rows if row["topic"] == topic] for topic in {row["topic"] for row in rows}}

    def advised(self, topic: str) -> list[str]:
        """What is advised on a topic, the best first; months by their name."""
        found = [row["choice"] for row in self.advice.get(topic, []) if row["is_advised"]]
        return [_MONTHS[int(month) - 1] for month in found] if topic == "month" else found

    @property
    def hours(self) -> str:
        """The advised hours, from opening to closing."""
        hours = self.advised("hour")
        if not hours:
            return "no hours known"
        return f"{hours[0]}:00 to {(int(hours[0]) + len(hours)) % 24:02d}:00"

    @property
    def instalments(self) -> str:
        """How many instalments still leave a profit."""
        if "instalments" not in self.advice:
            return "instalments are not known"
        numbers = [int(number) for number in self.advised("instalments")]
        if not numbers:
            return "no number of instalments leaves a profit"
        most = max(numbers)
        return "payment at once only" if most == 0 else f"{most} instalment{'s' if most > 1 else ''} at most"

    @property
    def three(self) -> list[str]:
        """The three findings that come first, each with its numbers and true on its own; fewer where less is known."""
        months = self.advice.get("month", [])
        whole = sum(row["amount"] for row in months)
        told = []
        for topic, subject in (("city", "City {} spends the most"), ("category", "Category {} brings in the most")):
            for row in self.advice.get(topic, [])[:1]:
                share = f", {row['amount'] / whole:.0%} of the whole" if whole > 0 else ""
                told.append(
                    f"{subject.format(row['choice'])}: {self.money(row['amount'])} in {row['sales']:,} sales{share}."
                )
        if hours := [row for row in self.advice.get("hour", []) if row["is_advised"]]:
            told.append(f"{sum(row['measure'] for row in hours):.0%} of sales are made from {self.hours}.")
        for row in months[:1]:
            name = _MONTHS[int(row["choice"]) - 1]
            told.append(f"{name} brings in the most a day: {self.money(row['measure'])} on average.")
        return told[:3]

    @property
    def headline(self) -> str:
        """The first finding."""
        return next(iter(self.three), "There are no sales to learn from.")

    def money(self, value: float, digits: int = 0) -> str:
        """Return an amount with its currency, or as an amount where the source names none."""
        return (
            f"{_number(value, digits)} {self.currency}" if self.currency else f"an amount of {_number(value, digits)}"
        )

    @property
    def unit(self) -> str:
        """What amounts are in, for titles."""
        return self.currency or "in the source's own currency"

    @property
    def association(self) -> str:
        """What Cramér's V says."""
        (row,) = self.answers["city_category_association"].to_pylist()
        if row["cramers_v"] is None:
            return "With fewer than two known cities or categories there is no association to measure."
        tells = next(word for limit, word in _STRENGTHS if row["cramers_v"] < limit)
        return (
            f"The city {tells} the category: Cramér's V is {row['cramers_v']:.2f} over {row['cities']:,} cities and "
            f"{row['categories']:,} categories. {row['unknown_city_attempts']:,} attempts in unknown cities are apart."
        )

    @property
    def cards(self) -> list[tuple[str, str, str]]:
        """Key figures: name, figure, and what stands below it."""
        months = self.advice.get("month", [])
        sales, amount = sum(row["sales"] for row in months), sum(row["amount"] for row in months)
        stored = self.quality.stored
        return [
            ("Attempts", _number(stored), f"{self.quality.share('declined'):.1%} declined"),
            ("Sales", _number(sales), "authorised attempts"),
            (f"Amount, {self.unit}", _number(amount), f"{_number(amount / sales, 2) if sales else '-'} a sale"),
            ("Merchants", _number(self.quality.merchants.get("listed", 0)), "in the list"),
            ("First", (self.quality.first or "-")[:10], "day of the data"),
            ("Last", (self.quality.last or "-")[:10], "day of the data"),
        ]

    @property
    def newest_month(self) -> str:
        """The newest month of the data; empty without any."""
        return pc.max(self.answers["top_merchants"]["month"]).as_py() or ""

    def leaders(self) -> list[dict[str, object]]:
        """The largest leaders of a city in the newest month."""
        table = self.answers["top_merchants"]
        first = table.filter(pc.and_(pc.equal(table["position"], 1), pc.equal(table["month"], self.newest_month)))
        return [
            {
                "label": f"{row['merchant_name']} (city {row['city_id']})",
                "value": row["amount"],
                "text": f"{_number(row['amount'])} in {row['sales']:,} sales",
            }
            for row in _head(first, "amount")
        ]

    def popular(self) -> list[dict[str, object]]:
        """The most popular merchants of all cities."""
        return [
            {
                "label": f"{row['merchant_name']} (city {row['city_id']})",
                "value": row["attempts"],
                "text": f"{row['share_of_city']:.0%} of the city",
            }
            for row in _head(self.answers["popular_merchants"], "attempts")
        ]

    def largest_means(self) -> list[dict[str, object]]:
        """The largest mean sales with enough sales behind them."""
        table = self.answers["mean_sales"]
        rows = table.filter(pc.greater_equal(table["sales"], _MIN_SALES)).slice(0, _SHOWN).to_pylist()
        return [
            {
                "merchant": row["merchant_name"],
                "state": row["state_id"],
                "mean": _number(row["mean_amount"], 2),
                "sales": f"{row['sales']:,}",
            }
            for row in rows
        ]

    def drawings(self) -> dict[str, str]:
        """The charts by name, as SVG with custom properties for colours."""
        hours = [
            {"label": row["category"], "hour": row["hour"], "position": row["position"]}
            for row in self.answers["top_hours"].to_pylist()
        ]
        by_clock = sorted(self.advice.get("hour", []), key=lambda row: str(row["choice"]))
        by_month = sorted(self.advice.get("month", []), key=lambda row: str(row["choice"]))
        drawn = {
            "leaders": charts.bars(
                self.leaders(), f"amount, {self.unit}", "Largest merchants of a city in the newest month"
            ),
            "hours": charts.hour_grid(hours, "Best hours of each category"),
            "popular": charts.bars(self.popular(), "attempts", "Most popular merchants"),
            "months": charts.columns(
                [_column(row, _MONTHS[int(row["choice"]) - 1]) for row in by_month],
                "month",
                "a day",
                "~s",
                "Amount per observed day, by calendar month",
            ),
            "opening": charts.columns(
                [_column(row, row["choice"]) for row in by_clock], "hour", "share of sales", ".0%", "Sales by hour"
            ),
            "instalments": charts.columns(
                [_column(row, row["choice"]) for row in self.advice.get("instalments", [])],
                "instalments",
                "expected profit",
                ".0%",
                "Expected profit by number of instalments",
            ),
        }
        return {name: charts.svg(chart) for name, chart in drawn.items()}


def _column(row: Mapping[str, Any], label: str) -> dict[str, object]:
    return {"label": label, "value": row["measure"], "is_advised": row["is_advised"]}


def _head(table: pyarrow.Table, column: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.sort_by([(column, "descending")]).slice(0, _SHOWN).to_pylist()
    return rows


def _asset(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")


def render(findings: Findings) -> dict[str, bytes]:
    """Return the report's files by name: report.html, report.md and the Markdown's charts."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    style = _asset("pizza_assets.dashboard", "page_assets/page.css") + _asset(__package__, "report_assets/report.css")
    drawings = findings.drawings()
    shown = {
        "findings": findings,
        "quality": findings.quality,
        "checks": checks(findings.quality),
        "questions": {name: question.title for name, question in QUESTIONS.items()},
        "definitions": {name: schema.description for name, schema in ANSWERS.items()},
    }

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)

    def filled(name: str, **more: object) -> bytes:
        template = environment.from_string(_asset(__package__, f"report_assets/{name}.j2"))
        return template.render(**shown, **more).encode()

    page = filled(
        "report.html",
        policy=content_security_policy([], [style]),
        style=Markup(style),  # noqa: S704 our own files
        drawings={name: Markup(drawing) for name, drawing in drawings.items()},  # noqa: S704 vl-convert escapes texts
    )
    plain = {f"charts/{name}.svg": charts.with_colours(drawing, style).encode() for name, drawing in drawings.items()}
    return {"report.html": page, "report.md": filled("report.md"), **plain}
