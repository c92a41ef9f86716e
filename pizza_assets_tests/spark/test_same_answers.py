"""The cases of DuckDB, on Spark: every definition, tie-break, cleaning rule and check."""

# ruff: noqa: F401 pytest collects what is imported here and runs it with this folder's engine
from pizza_assets_tests.analysis.test_volume_expression import test_days_together_are_the_days_one_after_another
from pizza_assets_tests.merchants.test_clean import (
    test_amounts_become_whole_millionths,
    test_attempts_are_never_de_duplicated,
    test_names_blank_conflicting_repeated_and_unmatched,
    test_other_types_that_mean_the_same,
    test_rows_are_rejected_with_a_reason,
    test_unknown_things_have_a_name,
)
from pizza_assets_tests.merchants.test_inputs import (
    test_a_part_may_lack_columns_that_no_question_needs,
    test_a_part_with_damaged_pages_is_named,
    test_names_are_names_and_not_patterns,
)
from pizza_assets_tests.merchants.test_quality import (
    test_merchants_listed_twice_and_unmatched_ones,
    test_mock_transactions_and_a_real_list_are_not_mixed,
    test_nothing_to_say_about_good_transactions,
    test_null_merchants_negative_amounts_and_midnight_warn,
    test_received_is_stored_and_rejected_by_reason,
    test_without_a_usable_transaction_nothing_is_asked,
)
from pizza_assets_tests.merchants.test_questions import (
    TestAdviceOnCitiesAndCategories,
    TestAdviceOnHours,
    TestAdviceOnInstalments,
    TestAdviceOnMonths,
    TestAssociation,
    TestMeanSales,
    TestPopularMerchants,
    TestTopHours,
    TestTopMerchants,
)
