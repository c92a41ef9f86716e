from dataclasses import replace
from datetime import date

import pandas as pd
from hypothesis import event, given
from hypothesis import strategies as st

from pizza_assets.analysis.alignment import align
from pizza_assets.analysis.analyse import Analysis
from pizza_assets.analysis.events import match_events
from pizza_assets.analysis.volume import roll_up
from pizza_assets.contracts import (
    ANOMALIES,
    CORRELATION_RESULTS,
    MATCH_EVENTS,
    MERGED_ORDERS,
    ORDER_VOLUME,
    UNIT_UPLIFT,
    validate,
)
from pizza_assets.platform.columns import Source
from pizza_assets_tests.analysis.seasons import Season, season
from pizza_assets_tests.strategies import DAYS, matches_around, orders_of_day

#: `data_quality` says how much of the data is real.
_LABELS = ["data_source", "order_data_source", "match_data_source", "data_quality"]


def _unlabelled(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame without what names its source: labels, and the label in sentences and in ids."""
    frame = frame.drop(columns=_LABELS, errors="ignore")
    texts = frame.select_dtypes("str").columns
    return frame.assign(**{name: frame[name].str.replace(r"\b(real|mock)\b", "-", regex=True) for name in texts})


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


def _as(source: Source, of: Season) -> Season:
    return replace(
        of,
        volume=of.volume.assign(data_source=source),
        matches=of.matches.assign(data_source=source),
        order_sources=dict.fromkeys(of.order_sources, source),
    )


def _tables(analysis: Analysis) -> dict[str, pd.DataFrame]:
    return {
        "results": validate(analysis.results, CORRELATION_RESULTS),
        "units": validate(analysis.units, UNIT_UPLIFT),
        "anomalies": validate(analysis.anomalies, ANOMALIES),
        "profile": analysis.profile,
        "expected": analysis.expected,
    }


# Feature: pizza-game-dashboard, Property 13: For any dataset (real or mock), the processing logic should handle both
# data sources consistently and produce equivalent output formats
@given(
    weeks=st.integers(6, 12),
    seed=st.integers(0, 50),
    uplift=st.sampled_from([0.0, 0.2, 0.5]),
    scale=st.sampled_from([0.5, 1.0, 2.0]),
)
def test_an_analysis_finds_the_same_in_real_and_in_mock_data(
    weeks: int, seed: int, uplift: float, scale: float
) -> None:
    of = season(weeks, seed, effect={"during_match": uplift}, scale=scale)
    real, mock = (_tables(_as(source, of).analysis()) for source in ("real", "mock"))
    for name, table in real.items():
        pd.testing.assert_frame_equal(_unlabelled(table), _unlabelled(mock[name]), obj=name)
        assert set(table["data_source"]) <= {"real"}
        assert set(mock[name]["data_source"]) <= {"mock"}
    event(f"some estimate is known: {real['results']['estimate'].notna().any()}")
    event(f"something is found: {real['results']['verdict'].isin(['higher', 'lower']).any()}")
