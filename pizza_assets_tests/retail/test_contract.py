from decimal import Decimal

import pandas as pd
import pyarrow
import pytest

from pizza_assets import contracts
from pizza_assets.contracts import SALES, sales_schema
from pizza_assets.errors import ContractError
from pizza_assets_tests.retail.sales_lines import sale, sales


def line(**changes: object) -> pd.DataFrame:
    return contracts.from_arrow(sales([sale(**changes)]), SALES)


def test_money_is_decimal_through_arrow_and_back() -> None:
    table = contracts.to_arrow(contracts.validate(line(), SALES), SALES)
    assert table.schema.equals(sales_schema())
    assert table.schema.field("unit_price").type == pyarrow.decimal128(16, 4)
    assert table.schema.field("total_amount").type == pyarrow.decimal128(18, 4)
    assert table.column("total_amount").to_pylist() == [Decimal("6.30")]


def test_only_the_customer_may_be_missing() -> None:
    assert [field.name for field in sales_schema() if field.nullable] == ["customer_id"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"total_amount": Decimal("6.35")}, "total_amount = quantity x unit_price"),
        ({"discount": Decimal("0.30")}, "total_amount = quantity x unit_price"),
        ({"quantity": Decimal(-3)}, "total_amount = quantity x unit_price"),
        ({"quantity": Decimal(0), "total_amount": Decimal(0)}, "quantity"),
        ({"unit_price": Decimal("-2.10"), "total_amount": Decimal("-6.30")}, "unit_price"),
        ({"retailer_id": "retailer_4"}, "retailer_id"),
        ({"currency": "pounds"}, "currency"),
        ({"line": 0}, "line"),
    ],
)
def test_a_line_that_cannot_be_is_rejected(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(ContractError, match=problem):
        contracts.validate(line(**changes), SALES)
