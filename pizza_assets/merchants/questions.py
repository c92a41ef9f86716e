"""The five questions, one Ibis expression for each table of answers, the same on DuckDB and on Spark.

Belongs here: definitions and tie-breaks. Does not belong here: cleaning, engines, words. Amounts are summed
as whole millionths, so that totals, ranks and ties are exact and do not depend on the order of adding.

A *sale* is an authorised attempt; amounts are of sales, popularity counts attempts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pizza_assets.merchants.clean import MILLIONTHS, named
from pizza_assets.merchants.contract import UNKNOWN_CATEGORY, UNKNOWN_CITY

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class Rules:
    """What the definitions leave to whoever asks; the defaults are the definitions' own."""

    #: Question 1: merchants per month and city.
    top_merchants: int = 5
    #: Question 3: hours per category.
    top_hours: int = 3
    #: Question 4: merchants per city.
    popular_merchants: int = 5
    #: Question 5: cities, categories and months that are advised.
    advised: int = 3
    #: Question 5: share of sales that the advised hours hold.
    share_in_hours: float = 0.8
    #: Question 5: share of an amount that is left when the goods are paid.
    gross_margin: float = 0.25
    #: Question 5: share of customers who default in each month of instalments.
    monthly_default: float = 0.229
    #: Declined attempts count as sales.
    declined_are_sales: bool = False
    #: Attempts at exactly 00:00:00 have no time of day: they take no part in hours.
    midnight_is_unknown: bool = False


def _sales(attempts: "ir.Table", rules: Rules) -> "ir.Table":
    return attempts if rules.declined_are_sales else attempts.filter(attempts.is_sale)


def _with_hours(attempts: "ir.Table", rules: Rules) -> "ir.Table":
    """Return `attempts` with ``hour``, without those whose time of day is unknown."""
    at = attempts.purchase_date
    if rules.midnight_is_unknown:
        attempts = attempts.filter((at.hour() != 0) | (at.minute() != 0) | (at.second() != 0))
    return attempts.mutate(hour=attempts.purchase_date.hour().cast("int64"))


def _total(sales: "ir.Table", *by: str) -> "ir.Table":
    """Return the total in millionths and the number of sales, by columns."""
    return sales.group_by(by).agg(total=sales.millionths.sum().cast("int64"), sales=sales.count())


def _money(total: "ir.Value") -> "ir.FloatingValue":
    return total.cast("float64") / MILLIONTHS


def _ranked(table: "ir.Table", by: Sequence[str], *order: "ir.Value") -> "ir.Table":
    """Return `table` with ``position``, 1 first, within each group of rows that are equal in `by`."""
    import ibis

    window = ibis.window(group_by=list(by) or None, order_by=order)
    return table.mutate(position=ibis.row_number().over(window).cast("int64") + 1)


def top_merchants(attempts: "ir.Table", names: "ir.Table", rules: Rules) -> "ir.Table":
    """Question 1: merchants with the largest amount per month and city of purchase; merchant_id breaks ties."""
    sales = _sales(attempts, rules)
    dated = sales.mutate(year=sales.purchase_date.year(), number=sales.purchase_date.month())
    totals = _total(dated, "year", "number", "city_id", "merchant_id")
    ranked = _ranked(totals, ("year", "number", "city_id"), totals.total.desc(), totals.merchant_id.asc())
    best = ranked.filter(ranked.position <= rules.top_merchants)
    month = best.year.cast("string") + "-" + best.number.cast("string").lpad(2, "0")
    return (
        named(best.mutate(month=month, amount=_money(best.total)), names)
        .select("month", "city_id", "position", "merchant_id", "merchant_name", "amount", "sales")
        .order_by("month", "city_id", "position")
    )


def mean_sales(attempts: "ir.Table", names: "ir.Table", rules: Rules) -> "ir.Table":
    """Question 2: mean sale of each merchant in each state of purchase, the largest first, with the number of sales."""
    totals = _total(_sales(attempts, rules), "merchant_id", "state_id")
    means = totals.mutate(mean_amount=totals.total.cast("float64") / totals.sales.cast("float64") / MILLIONTHS)
    answer = named(means, names).select("merchant_id", "merchant_name", "state_id", "mean_amount", "sales")
    return answer.order_by(answer.mean_amount.desc(), "merchant_id", "state_id")


def top_hours(attempts: "ir.Table", names: "ir.Table", rules: Rules) -> "ir.Table":
    """Question 3: hours with the largest amount per category; the earlier hour breaks ties."""
    totals = _total(_with_hours(_sales(attempts, rules), rules), "category", "hour")
    ranked = _ranked(totals, ("category",), totals.total.desc(), totals.hour.asc())
    best = ranked.filter(ranked.position <= rules.top_hours)
    return best.select("category", "position", "hour", amount=_money(best.total), sales=best.sales).order_by(
        "category", "position"
    )


def popular_merchants(attempts: "ir.Table", names: "ir.Table", rules: Rules) -> "ir.Table":
    """Question 4: merchants with the most attempts per city of purchase; merchant_id breaks ties."""
    counts = attempts.group_by("city_id", "merchant_id").agg(attempts=attempts.count())
    shared = counts.group_by("city_id").mutate(in_city=counts.attempts.sum())
    ranked = _ranked(shared, ("city_id",), shared.attempts.desc(), shared.merchant_id.asc())
    best = ranked.filter(ranked.position <= rules.popular_merchants)
    share = best.attempts.cast("float64") / best.in_city.cast("float64")
    return (
        named(best.mutate(share_of_city=share), names)
        .select("city_id", "position", "merchant_id", "merchant_name", "attempts", "share_of_city")
        .order_by("city_id", "position")
    )


def city_category_association(attempts: "ir.Table", names: "ir.Table", rules: Rules) -> "ir.Table":
    """Question 4: Cramér's V of cities by categories, by attempts; unknown cities apart.

    H. Cramér, Mathematical Methods of Statistics (1946), 21.9: V² = chi² / n / (min(rows, columns) - 1), with
    chi² / n = sum(cell² / (row total x column total)) - 1.
    """
    import ibis

    cells = attempts.group_by("city_id", "category").agg(cell=attempts.count())
    is_known = cells.city_id != UNKNOWN_CITY
    apart = cells.agg(unknown_city_attempts=cells.cell.sum(where=~is_known).fill_null(0).cast("int64"))
    known = cells.filter(is_known)
    known = known.mutate(
        row=known.cell.sum().over(ibis.window(group_by="city_id")).cast("float64"),
        column=known.cell.sum().over(ibis.window(group_by="category")).cast("float64"),
    )
    cell = known.cell.cast("float64")
    whole = known.agg(
        attempts=known.cell.sum().fill_null(0).cast("int64"),
        cities=known.city_id.nunique(),
        categories=known.category.nunique(),
        phi_squared=(cell * cell / known.row / known.column).sum() - 1,
    )
    least = ibis.least(whole.cities, whole.categories)
    # Rounded, for the last bits of a sum of fractions depend on the order of adding.
    phi_squared = whole.phi_squared.clip(lower=0)
    v_squared = (least > 1).ifelse(phi_squared / (least - 1), None)
    measured = whole.mutate(
        chi_squared=(phi_squared * whole.attempts).round(3),
        cramers_v=v_squared.clip(upper=1).sqrt().round(6),
    )
    return measured.cross_join(apart).select(
        "attempts", "unknown_city_attempts", "cities", "categories", "chi_squared", "cramers_v"
    )


def merchant_advice(attempts: "ir.Table", names: "ir.Table", rules: Rules) -> "ir.Table":
    """Question 5: what a new merchant does well to choose: cities, categories, months, hours, instalments."""
    import ibis

    sales = _sales(attempts, rules)
    advice = ibis.union(
        _largest(sales, "city", "city_id", UNKNOWN_CITY, rules),
        _largest(sales, "category", "category", UNKNOWN_CATEGORY, rules),
        _months(attempts, sales, rules),
        _hours(_with_hours(sales, rules), rules),
        _instalments(sales, rules),
    )
    return advice.order_by("topic", "position")


def _advice(
    table: "ir.Table", topic: str, choice: "ir.Value", measure: "ir.Value", is_advised: "ir.Value"
) -> "ir.Table":
    import ibis

    return table.select(
        topic=ibis.literal(topic),
        position=table.position.cast("int64"),
        choice=choice.cast("string"),
        sales=table.sales.cast("int64"),
        amount=_money(table.total),
        measure=measure.cast("float64"),
        is_advised=is_advised,
    )


def _largest(sales: "ir.Table", topic: str, column: str, unknown: str, rules: Rules) -> "ir.Table":
    """Rank known places or categories by amount; the smaller name breaks ties. Nobody can go to an unknown one."""
    totals = _total(sales.filter(sales[column] != unknown), column)
    ranked = _ranked(totals, (), totals.total.desc(), totals[column].asc())
    return _advice(ranked, topic, ranked[column], _money(ranked.total), ranked.position <= rules.advised)


def _months(attempts: "ir.Table", sales: "ir.Table", rules: Rules) -> "ir.Table":
    """Rank calendar months by amount per observed day, a day with at least one attempt; the earlier breaks ties."""
    at = attempts.purchase_date
    days = attempts.select(month=at.month().cast("int64"), day=at.date()).distinct()
    observed = days.group_by("month").agg(days=days.count())
    totals = _total(sales.mutate(month=sales.purchase_date.month().cast("int64")), "month")
    per_day = totals.join(observed, "month")
    per_day = per_day.mutate(per_day=_money(per_day.total) / per_day.days.cast("float64"))
    ranked = _ranked(per_day, (), per_day.per_day.desc(), per_day.month.asc())
    choice = ranked.month.cast("string").lpad(2, "0")
    return _advice(ranked, "month", choice, ranked.per_day, ranked.position <= rules.advised)


def _hours(sales: "ir.Table", rules: Rules) -> "ir.Table":
    """Find the smallest circular window of hours with the wanted share of sales.

    Of windows as small the one with more sales, then the one that opens earlier. Each hour that has sales is
    tried as the opening one: a smallest window opens with sales.
    """
    import ibis

    found = _total(sales, "hour")
    clock = ibis.range(24).unnest().name("hour").as_table()
    clock = clock.select(hour=clock.hour.cast("int64"))
    hours = clock.left_join(found, "hour").select(
        "hour", total=found.total.fill_null(0), sales=found.sales.fill_null(0)
    )
    opening = found.select(opening=found.hour)
    pairs = opening.cross_join(hours)
    pairs = pairs.mutate(position=(pairs.hour - pairs.opening + 24) % 24 + 1)
    so_far = ibis.window(group_by="opening", order_by="position", preceding=None, following=0)
    held = pairs.mutate(held=pairs.sales.sum().over(so_far), all_sales=pairs.sales.sum().over(group_by="opening"))
    enough = held.filter(held.held.cast("float64") >= rules.share_in_hours * held.all_sales.cast("float64"))
    best = enough.order_by("position", enough.held.desc(), "opening").limit(1)
    chosen = best.select(opens=best.opening, length=best.position)
    day = held.join(chosen, held.opening == chosen.opens)
    share = day.sales.cast("float64") / day.all_sales.cast("float64")
    return _advice(day, "hour", day.hour.cast("string").lpad(2, "0"), share, day.position <= day.length)


def _instalments(sales: "ir.Table", rules: Rules) -> "ir.Table":
    """Judge numbers of instalments by expected profit per unit sold: what customers still pay, less the goods' cost.

    When a share d of customers defaults in each month, n monthly instalments keep (1 - d)^n of the amount.
    """
    totals = _total(sales.filter(sales.installments.notnull()), "installments")
    ranked = _ranked(totals, (), totals.installments.asc())
    kept = (1 - rules.monthly_default) ** ranked.installments.cast("float64")
    profit = (kept - (1 - rules.gross_margin)).round(6)
    return _advice(ranked, "instalments", ranked.installments, profit, profit > 0)


#: Attempts (``clean.attempts``) and names (``clean.merchant_names``) to the rows of an answer.
Expression = Callable[["ir.Table", "ir.Table", Rules], "ir.Table"]


@dataclass(frozen=True)
class Question:
    """A question, how people ask for it, and the expressions that answer it by the name of their table."""

    number: int
    title: str
    answers: Mapping[str, Expression]


#: The questions by the name of their task.
QUESTIONS: Mapping[str, Question] = {
    "top-merchants": Question(1, "Which merchants sell most, by month and city?", {"top_merchants": top_merchants}),
    "mean-sales": Question(2, "What is the mean sale of each merchant in each state?", {"mean_sales": mean_sales}),
    "top-hours": Question(3, "In which hours does each category sell most?", {"top_hours": top_hours}),
    "popular-merchants": Question(
        4,
        "Where are the most popular merchants, and does the city tell the category?",
        {"popular_merchants": popular_merchants, "city_category_association": city_category_association},
    ),
    "advice": Question(5, "What should a new merchant do?", {"merchant_advice": merchant_advice}),
}


def answer_names(task: str) -> list[str]:
    """Return the names of the tables that answer a task; ``all`` stands for every task."""
    return [name for key, question in QUESTIONS.items() if task in (key, "all") for name in question.answers]


def expressions() -> Mapping[str, Expression]:
    """Return the expression of every table of answers, by its name."""
    return {name: expression for question in QUESTIONS.values() for name, expression in question.answers.items()}
