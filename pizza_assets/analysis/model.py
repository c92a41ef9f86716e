"""A result of the analysis as a typed record."""

from typing import Annotated, ClassVar, Literal

import pandera.pandas as pa
from pydantic import Field

from pizza_assets.analysis.contract import CORRELATION_RESULTS
from pizza_assets.platform.columns import Source
from pizza_assets.platform.models import Record

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1)]


class CorrelationResult(Record):
    """One estimate with its 95 % interval: a row of CORRELATION_RESULTS, in the units of `unit`."""

    contract: ClassVar[pa.DataFrameSchema] = CORRELATION_RESULTS

    analysis_id: Text
    as_of: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    data_source: Source
    scope: Text
    factor: Text
    method: Text
    time_window: Literal["pre_match", "during_match", "post_match", "day"]
    estimate: Number | None
    unit: Literal["%", "r", "d"]
    ci_low: Number | None
    ci_high: Number | None
    correlation_coefficient: Annotated[float, Field(ge=-1, le=1)] | None
    statistical_significance: Probability | None
    q_value: Probability | None
    effect_size: Number | None
    n: Count
    n_weeks: Count
    observed: Count
    expected: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    verdict: Text
    reason: Text
    pattern_description: Text
    data_quality: Text
    smallest_effect: Number | None = None
    more_matches: Count | None = None
