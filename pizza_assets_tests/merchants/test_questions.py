"""Every definition and tie-break of the five questions, computed by hand. The Spark tests run these too."""

from math import sqrt

import pytest

from pizza_assets.merchants.engines import Engine
from pizza_assets.merchants.questions import Rules
from pizza_assets_tests.merchants.worlds import answer, at, columns, merchants, row, transactions

FIVE = tuple(row(merchant_id=f"M{n}", purchase_amount=float(n)) for n in range(1, 7))


def advice(
    engine: Engine, topic: str, *rows: dict[str, object], rules: Rules | None = None
) -> list[tuple[object, ...]]:
    """Choice, sales, amount, measure and whether it is advised, in their order."""
    found = answer(engine, "merchant_advice", transactions(*rows), rules=rules)
    assert [row[1] for row in found if row[0] == topic] == list(range(1, 1 + sum(row[0] == topic for row in found)))
    return [row[2:] for row in found if row[0] == topic]


class TestTopMerchants:
    def test_the_five_largest_amounts_with_their_sales(self, engine: Engine) -> None:
        rows = (*FIVE, row(merchant_id="M2", purchase_amount=3.5))
        found = answer(engine, "top_merchants", transactions(*rows), merchants(("M6", "Six")))
        assert found == [
            ("2024-05", "1", 1, "M6", "Six", 6.0, 1),
            ("2024-05", "1", 2, "M2", "M2", 5.5, 2),
            ("2024-05", "1", 3, "M5", "M5", 5.0, 1),
            ("2024-05", "1", 4, "M4", "M4", 4.0, 1),
            ("2024-05", "1", 5, "M3", "M3", 3.0, 1),
        ]

    def test_equal_amounts_are_ranked_by_merchant_id_and_the_sixth_is_left_out(self, engine: Engine) -> None:
        rows = transactions(*(row(merchant_id=f"M{n}") for n in (6, 5, 4, 3, 2, 10)))
        found = answer(engine, "top_merchants", rows)
        assert columns(found, 2, 3) == [(1, "M10"), (2, "M2"), (3, "M3"), (4, "M4"), (5, "M5")]

    def test_a_tie_of_different_sums_is_a_tie(self, engine: Engine) -> None:
        # 0.1 + 0.2 is more than 0.3 in binary fractions.
        rows = transactions(
            row(merchant_id="B", purchase_amount=0.1),
            row(merchant_id="B", purchase_amount=0.2),
            row(merchant_id="A", purchase_amount=0.3),
        )
        assert columns(answer(engine, "top_merchants", rows), 2, 3, 5) == [(1, "A", 0.3), (2, "B", 0.3)]

    def test_months_of_years_and_cities_of_purchase_stand_apart(self, engine: Engine) -> None:
        rows = transactions(
            row(purchase_date=at(1, 31, 23, minute=59)),
            row(purchase_date=at(2, 1, 0, minute=0)),
            row(purchase_date=at(1, 31, year=2023)),
            row(purchase_date=at(1, 5), city_id="2"),
            row(purchase_date=at(1, 5), city_id=None),
            row(purchase_date=at(1, 5), city_id="-1"),
        )
        assert columns(answer(engine, "top_merchants", rows), 0, 1, 6) == [
            ("2023-01", "1", 1),
            ("2024-01", "1", 1),
            ("2024-01", "2", 1),
            ("2024-01", "Unknown city", 2),
            ("2024-02", "1", 1),
        ]

    def test_declined_attempts_are_no_sales_unless_asked_for(self, engine: Engine) -> None:
        rows = transactions(row(), row(authorized_flag="N", purchase_amount=9.0))
        assert columns(answer(engine, "top_merchants", rows), 5, 6) == [(1.0, 1)]
        assert columns(answer(engine, "top_merchants", rows, rules=Rules(declined_are_sales=True)), 5, 6) == [(10.0, 2)]

    def test_a_merchant_of_several_cities_is_ranked_in_each_by_what_it_sold_there(self, engine: Engine) -> None:
        rows = transactions(
            row(purchase_amount=9.0), row(city_id="2"), row(merchant_id="M2", city_id="2", purchase_amount=2.0)
        )
        assert columns(answer(engine, "top_merchants", rows), 1, 2, 3, 5) == [
            ("1", 1, "M1", 9.0),
            ("2", 1, "M2", 2.0),
            ("2", 2, "M1", 1.0),
        ]

    def test_attempts_without_a_merchant_are_ranked_together(self, engine: Engine) -> None:
        rows = transactions(row(merchant_id=None), row(merchant_id=" "), row())
        assert columns(answer(engine, "top_merchants", rows), 3, 4, 5, 6) == [
            ("Unknown merchant", "Unknown merchant", 2.0, 2),
            ("M1", "M1", 1.0, 1),
        ]

    def test_negative_amounts_are_summed(self, engine: Engine) -> None:
        rows = transactions(
            row(purchase_amount=-0.75), row(purchase_amount=0.5), row(merchant_id="M2", purchase_amount=-0.1)
        )
        assert columns(answer(engine, "top_merchants", rows), 3, 5) == [("M2", -0.1), ("M1", -0.25)]

    def test_without_transactions_there_is_no_answer(self, engine: Engine) -> None:
        assert answer(engine, "top_merchants", transactions()) == []


class TestMeanSales:
    def test_mean_and_number_per_merchant_and_state_the_largest_first(self, engine: Engine) -> None:
        rows = transactions(
            row(purchase_amount=1.0),
            row(purchase_amount=2.0),
            row(purchase_amount=4.0, state_id="8"),
            row(purchase_amount=100.0, authorized_flag="N"),
            row(merchant_id="M2", purchase_amount=3.0, state_id=None),
        )
        assert answer(engine, "mean_sales", rows, merchants(("M1", "One"))) == [
            ("M1", "One", "8", 4.0, 1),
            ("M2", "M2", "Unknown state", 3.0, 1),
            ("M1", "One", "9", 1.5, 2),
        ]

    def test_equal_means_are_ordered_by_merchant_then_state(self, engine: Engine) -> None:
        rows = transactions(row(merchant_id="M2"), row(state_id="8"), row(state_id="7"))
        assert columns(answer(engine, "mean_sales", rows), 0, 2) == [("M1", "7"), ("M1", "8"), ("M2", "9")]

    def test_equal_means_of_different_sums_are_equal(self, engine: Engine) -> None:
        # (0.1 + 0.2) / 2 is more than 0.15 in binary fractions.
        rows = transactions(
            row(merchant_id="B", purchase_amount=0.1),
            row(merchant_id="B", purchase_amount=0.2),
            row(merchant_id="A", purchase_amount=0.15),
        )
        assert columns(answer(engine, "mean_sales", rows), 0, 3, 4) == [("A", 0.15, 1), ("B", 0.15, 2)]

    def test_a_merchant_without_sales_has_no_mean_unless_declined_attempts_count(self, engine: Engine) -> None:
        rows = transactions(row(), row(merchant_id="M2", authorized_flag="N", purchase_amount=3.0))
        assert columns(answer(engine, "mean_sales", rows), 0, 3) == [("M1", 1.0)]
        assert columns(answer(engine, "mean_sales", rows, rules=Rules(declined_are_sales=True)), 0, 3) == [
            ("M2", 3.0),
            ("M1", 1.0),
        ]


class TestTopHours:
    def test_the_three_largest_hours_of_each_category(self, engine: Engine) -> None:
        rows = transactions(
            row(purchase_date=at(5, 1, 23), purchase_amount=5.0),
            row(purchase_date=at(6, 2, 23), purchase_amount=5.0),
            row(purchase_date=at(5, 1, 9), purchase_amount=8.0),
            row(purchase_date=at(5, 1, 8), purchase_amount=7.0),
            row(purchase_date=at(5, 1, 7), purchase_amount=6.0),
            row(purchase_date=at(5, 1, 0), category=" "),
        )
        assert answer(engine, "top_hours", rows) == [
            ("A", 1, 23, 10.0, 2),
            ("A", 2, 9, 8.0, 1),
            ("A", 3, 8, 7.0, 1),
            ("Unknown category", 1, 0, 1.0, 1),
        ]

    def test_the_earlier_hour_breaks_ties(self, engine: Engine) -> None:
        rows = transactions(*(row(purchase_date=at(5, 1, hour)) for hour in (22, 10, 9, 2)))
        assert columns(answer(engine, "top_hours", rows), 1, 2) == [(1, 2), (2, 9), (3, 10)]

    def test_amounts_of_sales_decide_not_their_number_nor_declined_attempts(self, engine: Engine) -> None:
        rows = transactions(
            *[row(purchase_date=at(5, 1, 9))] * 3,
            row(purchase_date=at(5, 1, 20), purchase_amount=4.0),
            row(purchase_date=at(5, 1, 7), purchase_amount=99.0, authorized_flag="N"),
        )
        assert columns(answer(engine, "top_hours", rows), 1, 2, 3, 4) == [(1, 20, 4.0, 1), (2, 9, 3.0, 3)]

    def test_midnight_to_the_second_can_be_left_out(self, engine: Engine) -> None:
        rows = transactions(row(purchase_date=at(5, 1, 0, minute=0)), row(purchase_date=at(5, 1, 0, minute=1)))
        assert columns(answer(engine, "top_hours", rows), 2, 4) == [(0, 2)]
        assert columns(answer(engine, "top_hours", rows, rules=Rules(midnight_is_unknown=True)), 2, 4) == [(0, 1)]


class TestPopularMerchants:
    def test_attempts_count_declined_and_repeated_ones_too(self, engine: Engine) -> None:
        rows = transactions(row(authorized_flag="N"), row(authorized_flag="N"), row(merchant_id="M2"), row(city_id="2"))
        assert answer(engine, "popular_merchants", rows, merchants(("M1", "One"))) == [
            ("1", 1, "M1", "One", 2, 2 / 3),
            ("1", 2, "M2", "M2", 1, 1 / 3),
            ("2", 1, "M1", "One", 1, 1.0),
        ]

    def test_equal_numbers_are_ranked_by_merchant_id_and_five_are_kept(self, engine: Engine) -> None:
        rows = transactions(*(row(merchant_id=f"M{n}") for n in (6, 5, 4, 3, 2, 1)))
        found = answer(engine, "popular_merchants", rows)
        assert columns(found, 1, 2) == [(n, f"M{n}") for n in range(1, 6)]
        assert columns(found, 5) == [(1 / 6,)] * 5

    def test_amounts_do_not_count_and_unknown_cities_and_merchants_are_groups(self, engine: Engine) -> None:
        rows = transactions(
            row(purchase_amount=99.0), row(merchant_id=None), row(merchant_id=None), row(city_id="-1", state_id="8")
        )
        assert columns(answer(engine, "popular_merchants", rows), 0, 1, 2, 4) == [
            ("1", 1, "Unknown merchant", 2),
            ("1", 2, "M1", 1),
            ("Unknown city", 1, "M1", 1),
        ]


class TestAssociation:
    def test_a_city_that_tells_the_category_has_v_1(self, engine: Engine) -> None:
        rows = transactions(row(), row(), row(city_id="2", category="B"))
        assert answer(engine, "city_category_association", rows) == [(3, 0, 2, 2, 3.0, 1.0)]

    def test_independence_has_v_0(self, engine: Engine) -> None:
        rows = transactions(*(row(city_id=city, category=category) for city in "12" for category in "AB"))
        assert answer(engine, "city_category_association", rows) == [(4, 0, 2, 2, 0.0, 0.0)]

    def test_a_table_by_hand(self, engine: Engine) -> None:
        # City 1: 2 A, 1 B. City 2: 1 B, 1 C. Sum of cell²/(row x column):
        # 4/(3x2) + 1/(3x2) + 1/(2x2) + 1/(2x1) = 1.58333; chi² = 5 x 0.58333 = 2.91667; V = sqrt(0.58333 / 1).
        rows = transactions(
            row(), row(), row(category="B"), row(city_id="2", category="B"), row(city_id="2", category="C")
        )
        assert answer(engine, "city_category_association", rows) == [
            (5, 0, 2, 3, 2.917, pytest.approx(sqrt(7 / 12), abs=1e-6))
        ]

    def test_three_of_both(self, engine: Engine) -> None:
        # City 1: 2 A. City 2: 2 B. City 3: 1 A, 1 C. Columns: 3, 2, 1. Sum of cell²/(row x column):
        # 4/(2x3) + 4/(2x2) + 1/(2x3) + 1/(2x1) = 2.33333; chi² = 6 x 1.33333 = 8; V = sqrt(1.33333 / 2).
        rows = transactions(
            row(), row(), *[row(city_id="2", category="B")] * 2, row(city_id="3"), row(city_id="3", category="C")
        )
        assert answer(engine, "city_category_association", rows) == [
            (6, 0, 3, 3, 8.0, pytest.approx(sqrt(2 / 3), abs=1e-6))
        ]

    def test_attempts_count_declined_ones_too_and_an_unknown_category_is_one(self, engine: Engine) -> None:
        rows = transactions(row(authorized_flag="N"), row(city_id="2", category=None))
        assert answer(engine, "city_category_association", rows) == [(2, 0, 2, 2, 2.0, 1.0)]

    def test_unknown_cities_stand_apart(self, engine: Engine) -> None:
        rows = transactions(row(), row(city_id="2", category="B"), row(city_id=None, category="B"), row(city_id="-1"))
        assert answer(engine, "city_category_association", rows) == [(2, 2, 2, 2, 2.0, 1.0)]

    @pytest.mark.parametrize(
        "rows", [[], [row(city_id=None)], [row(), row(category="B")]], ids=["none", "unknown", "one"]
    )
    def test_below_two_cities_or_categories_there_is_no_v(self, engine: Engine, rows: list[dict[str, object]]) -> None:
        ((*_, v),) = answer(engine, "city_category_association", transactions(*rows))
        assert v is None


class TestAdviceOnCitiesAndCategories:
    def test_the_largest_amounts_are_advised_and_the_smaller_name_breaks_ties(self, engine: Engine) -> None:
        rows = [row(city_id=city) for city in ("4", "3", "2", "10")] + [row(city_id="5", purchase_amount=2.0)]
        assert advice(engine, "city", *rows) == [
            ("5", 1, 2.0, 2.0, True),
            ("10", 1, 1.0, 1.0, True),
            ("2", 1, 1.0, 1.0, True),
            ("3", 1, 1.0, 1.0, False),
            ("4", 1, 1.0, 1.0, False),
        ]

    def test_amounts_of_sales_decide(self, engine: Engine) -> None:
        rows = [row()] * 3 + [row(category="B", purchase_amount=4.0), row(authorized_flag="N", purchase_amount=9.0)]
        assert advice(engine, "category", *rows) == [("B", 1, 4.0, 4.0, True), ("A", 3, 3.0, 3.0, True)]

    def test_without_sales_nothing_is_advised(self, engine: Engine) -> None:
        assert answer(engine, "merchant_advice", transactions(row(authorized_flag="N"))) == []

    def test_nobody_is_sent_to_an_unknown_city_or_category(self, engine: Engine) -> None:
        rows = [row(), row(city_id=None, category=None, purchase_amount=99.0)]
        assert advice(engine, "city", *rows) == [("1", 1, 1.0, 1.0, True)]
        assert advice(engine, "category", *rows) == [("A", 1, 1.0, 1.0, True)]


class TestAdviceOnMonths:
    def test_a_month_counts_per_observed_day(self, engine: Engine) -> None:
        # January is seen on two days of two years with 3 in all; February on one day with 2.
        rows = [
            row(purchase_date=at(1, 5, year=2023)),
            row(purchase_date=at(1, 5, year=2024), purchase_amount=2.0),
            row(purchase_date=at(2, 1), purchase_amount=2.0),
        ]
        assert advice(engine, "month", *rows) == [("02", 1, 2.0, 2.0, True), ("01", 2, 3.0, 1.5, True)]

    def test_a_day_with_a_declined_attempt_was_observed(self, engine: Engine) -> None:
        rows = [row(purchase_date=at(1, 5)), row(purchase_date=at(1, 6), authorized_flag="N")]
        assert advice(engine, "month", *rows) == [("01", 1, 1.0, 0.5, True)]

    def test_three_are_advised_and_the_earlier_breaks_ties(self, engine: Engine) -> None:
        found = advice(engine, "month", *(row(purchase_date=at(month, 1)) for month in (12, 7, 3, 10)))
        assert columns(found, 0, 4) == [("03", True), ("07", True), ("10", True), ("12", False)]


class TestAdviceOnHours:
    @staticmethod
    def window(engine: Engine, sales_by_hour: dict[int, int], rules: Rules | None = None) -> tuple[str, int]:
        """Opening hour and number of hours."""
        rows = [row(purchase_date=at(5, 1, hour)) for hour, sales in sales_by_hour.items() for _ in range(sales)]
        found = advice(engine, "hour", *rows, rules=rules)
        assert len(found) == 24
        assert [row[4] for row in found] == sorted((row[4] for row in found), reverse=True)
        return str(found[0][0]), sum(bool(row[4]) for row in found)

    def test_the_smallest_window_with_80_percent_of_sales(self, engine: Engine) -> None:
        assert self.window(engine, {9: 1, 12: 4, 13: 4, 20: 1}) == ("12", 2)

    def test_79_percent_are_not_enough(self, engine: Engine) -> None:
        assert self.window(engine, {9: 2, 12: 40, 13: 39, 14: 19}) == ("12", 3)

    def test_a_day_without_a_quiet_hour_opens_at_midnight(self, engine: Engine) -> None:
        # 19 of 24 hours hold 79.2 % of equal sales, 20 hold 83.3 %.
        assert self.window(engine, dict.fromkeys(range(24), 1)) == ("00", 20)

    def test_midnight_to_the_second_can_be_left_out(self, engine: Engine) -> None:
        rows = [row(purchase_date=at(5, 1, 0, minute=0))] * 9 + [row(purchase_date=at(5, 1, 20))]
        assert advice(engine, "hour", *rows)[0][0] == "00"
        assert advice(engine, "hour", *rows, rules=Rules(midnight_is_unknown=True))[0] == ("20", 1, 1.0, 1.0, True)

    def test_the_window_goes_round_midnight(self, engine: Engine) -> None:
        assert self.window(engine, {23: 4, 0: 3, 1: 2, 12: 1}) == ("23", 3)

    def test_of_windows_as_small_the_one_with_more_sales_then_the_earlier(self, engine: Engine) -> None:
        half = Rules(share_in_hours=0.5)
        assert self.window(engine, {9: 10, 20: 11}, half) == ("20", 1)
        assert self.window(engine, {20: 10, 9: 10}, half) == ("09", 1)

    def test_sales_count_not_amounts(self, engine: Engine) -> None:
        rows = [row(purchase_date=at(5, 1, 9), purchase_amount=-0.7)] * 9 + [
            row(purchase_date=at(5, 1, 20), purchase_amount=50.0)
        ]
        found = advice(engine, "hour", *rows)
        assert found[0] == ("09", 9, -6.3, 0.9, True)
        assert found[1] == ("10", 0, 0.0, 0.0, False)


class TestAdviceOnInstalments:
    def test_profit_is_what_customers_still_pay_less_the_goods(self, engine: Engine) -> None:
        # 0.771^n - 0.75: n = 0: 0.25; 1: 0.021; 2: -0.155559.
        rows = [row(installments=n, purchase_amount=10.0) for n in (2, 1, 0)]
        assert advice(engine, "instalments", *rows) == [
            ("0", 1, 10.0, 0.25, True),
            ("1", 1, 10.0, 0.021, True),
            ("2", 1, 10.0, -0.155559, False),
        ]

    def test_a_profit_of_nothing_is_not_advised(self, engine: Engine) -> None:
        # 0.75 of the amount is left, and the goods cost 0.75 of it.
        found = advice(engine, "instalments", row(installments=1), rules=Rules(monthly_default=0.25))
        assert found == [("1", 1, 1.0, 0.0, False)]

    def test_declined_attempts_take_no_part(self, engine: Engine) -> None:
        rows = [row(installments=1, authorized_flag="N"), row(installments=2)]
        assert columns(advice(engine, "instalments", *rows), 0, 1) == [("2", 1)]

    def test_codes_for_unknown_are_no_instalments(self, engine: Engine) -> None:
        rows = [row(installments=n) for n in (-1, 999, None, 60, 61)]
        assert columns(advice(engine, "instalments", *rows), 0) == [("60",)]

    def test_other_margins_and_defaults(self, engine: Engine) -> None:
        found = advice(engine, "instalments", row(installments=2), rules=Rules(gross_margin=0.3, monthly_default=0.1))
        assert columns(found, 0, 3, 4) == [("2", 0.11, True)]
