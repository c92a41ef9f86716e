from datetime import date

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.analysis.alignment import align
from pizza_assets.analysis.events import match_events
from pizza_assets.analysis.volume import roll_up
from pizza_assets.contracts import MATCH_EVENTS, MERGED_ORDERS, ORDER_VOLUME, validate
from pizza_assets_tests.strategies import DAYS, matches_around, orders_of_day

_LABELS = ["data_source", "order_data_source", "match_data_source"]


def _unlabelled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns=_LABELS, errors="ignore")


# Feature: pizza-game-dashboard, Property 13: For any dataset (real or mock), the processing logic should handle both
# data sources consistently and produce equivalent output formats
@given(st.data(), DAYS)
def test_only_the_label_differs_between_real_and_mock(data: st.DataObject, day: date) -> None:
    real_orders, real_matches = data.draw(orders_of_day(day, "real")), data.draw(matches_around(day, "real"))
    mock_orders, mock_matches = (frame.assign(data_source="mock") for frame in (real_orders, real_matches))
    for schema, real, mock in (
        (ORDER_VOLUME, roll_up(real_orders), roll_up(mock_orders)),
        (MATCH_EVENTS, match_events(real_matches), match_events(mock_matches)),
        (
            MERGED_ORDERS,
            align(real_orders, [real_matches], is_complete=True),
            align(mock_orders, [mock_matches], is_complete=True),
        ),
    ):
        validate(real, schema)
        validate(mock, schema)
        pd.testing.assert_frame_equal(_unlabelled(real), _unlabelled(mock))
