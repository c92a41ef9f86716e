"""What follows from a contract: Parquet schema, validation, splitting off bad rows, data dictionary.

Belongs here: mechanics that hold for every contract. Does not belong here: any particular data set.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow
from pandera.errors import SchemaErrors

from pizza_assets.errors import ContractError
from pizza_assets.platform.columns import UTC_TYPE

_ARROW_BY_PANDAS: Mapping[object, pyarrow.DataType] = {
    pd.StringDtype(na_value=float("nan")): pyarrow.string(),
    UTC_TYPE: pyarrow.timestamp("us", tz="UTC"),
    pd.Series([], dtype="int64").dtype: pyarrow.int64(),
    pd.Series([], dtype="int32").dtype: pyarrow.int32(),
    pd.Series([], dtype="float64").dtype: pyarrow.float64(),
    pd.Series([], dtype="bool").dtype: pyarrow.bool_(),
    pd.Int64Dtype(): pyarrow.int64(),
}


def _pandas_type(column: pa.Column) -> Any:  # noqa: ANN401 pandas has no common type of types
    return column.dtype.type


def arrow_schema(schema: pa.DataFrameSchema) -> pyarrow.Schema:
    """Return the Parquet schema of a contract."""
    fields = []
    for name, column in schema.columns.items():
        dtype = _pandas_type(column)
        arrow = dtype.pyarrow_dtype if isinstance(dtype, pd.ArrowDtype) else _ARROW_BY_PANDAS[dtype]
        fields.append(pyarrow.field(name, arrow, nullable=column.nullable))
    return pyarrow.schema(fields)


def empty(schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Return a frame without rows that keeps the contract."""
    return from_arrow(arrow_schema(schema).empty_table(), schema)


def to_arrow(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> pyarrow.Table:
    """Return `frame` as an Arrow table with the contract's Parquet schema."""
    return pyarrow.Table.from_pandas(frame, schema=arrow_schema(schema), preserve_index=False).replace_schema_metadata()


def from_arrow(table: pyarrow.Table, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Return an Arrow table (all or some of the contract's columns, in its Parquet types) as a frame in its types."""
    # Column by column is four times as fast as to_pandas() and a cast of what came out otherwise.
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        dtype = _pandas_type(schema.columns[name])
        is_extension = isinstance(dtype, pd.api.extensions.ExtensionDtype)
        columns[name] = dtype.__from_arrow__(column) if is_extension else np.array(column)
    return pd.DataFrame(columns, copy=False)


def conform(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Return the contract's columns of `frame`, in its order and with its types. Values are not checked."""
    return _cast(frame[list(schema.columns)], schema)


def _cast(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Return `frame` with the contract's types; columns that have them are not touched, for casting costs."""
    wanted = {name: _pandas_type(schema.columns[str(name)]) for name in frame.columns}
    other = {name: dtype for name, dtype in wanted.items() if frame[name].dtype != dtype}
    # pandas does not cast Python lists to lists of Arrow, it only makes new ones
    lists = {
        str(name): pd.Series(_lists(frame[name].tolist(), dtype), frame.index)
        for name, dtype in other.items()
        if isinstance(dtype, pd.ArrowDtype) and pyarrow.types.is_list(dtype.pyarrow_dtype)
    }
    plain = {name: dtype for name, dtype in other.items() if name not in lists}
    return frame.assign(**lists).astype(plain) if other else frame


def _lists(values: list[object], dtype: pd.ArrowDtype) -> pd.arrays.ArrowExtensionArray:
    return pd.arrays.ArrowExtensionArray(pyarrow.array(values, type=dtype.pyarrow_dtype))


def _repeated(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.Series:
    """Return which rows repeat the key of an earlier one; none do where the contract has no key."""
    return frame.duplicated(schema.unique) if schema.unique else pd.Series(data=False, index=frame.index)


def _keeps(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> bool:
    """Tell whether `frame` keeps the contract, by the contract's own checks.

    pandera's validate() comes to the same, and four times as slowly, for it prepares a report as it goes.
    """
    columns = schema.columns
    if list(frame.columns) != list(columns) or frame.dtypes.tolist() != [_pandas_type(c) for c in columns.values()]:
        return False
    return frame.empty or (
        not _repeated(frame, schema).any()
        and not any(frame[name].isna().any() for name, column in columns.items() if not column.nullable)
        and all(check(frame[name]).check_passed for name, column in columns.items() for check in column.checks)
        and all(check(frame).check_passed for check in schema.checks)
    )


def _failures(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame | None:
    if _keeps(frame, schema):
        return None
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        failures: pd.DataFrame = errors.failure_cases
        return failures
    return None


def validate(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Return `frame` unchanged when it keeps the contract.

    Raises
    ------
    ContractError
        With each broken rule, how many rows break it, and an example.
    """
    failures = _failures(frame, schema)
    if failures is None:
        return frame
    problems = [
        f"{column}: {check} fails {len(group)} times, e.g. {group['failure_case'].iloc[0]!r}"
        for (column, check), group in failures.astype({"column": str, "check": str}).groupby(["column", "check"])
    ]
    raise ContractError(f"The data breaks the contract '{schema.name}'. {'; '.join(problems)}.")


def valid_tables(frames: Sequence[pd.DataFrame], schema: pa.DataFrameSchema) -> Iterator[pyarrow.Table]:
    """Yield each frame as an Arrow table with the contract's Parquet schema.

    Frames are judged together, and one by one only when together they do not keep the contract: judging costs the same
    for one day and for a month.

    Raises
    ------
    ContractError
        As `validate` does, when a frame's turn comes; those before it were yielded.
    """
    together = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    same_types = all(frame.dtypes.equals(frames[0].dtypes) for frame in frames[1:])  # concat could mend a wrong one
    if same_types and _keeps(together, schema):
        table, start = to_arrow(together, schema), 0
        for frame in frames:
            yield table.slice(start, len(frame))
            start += len(frame)
    else:
        yield from (to_arrow(validate(frame, schema), schema) for frame in frames)


def split_valid(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> tuple[pd.DataFrame, pd.Series]:
    """Split rows that break the contract off.

    Parameters
    ----------
    frame
        All columns of the contract with their types, any values. The index must be unique.
    schema
        The contract.

    Returns
    -------
    valid : DataFrame
        The rows that keep the contract, in their order. Of rows with one key the first is kept.
    reasons : Series of str
        Why each other row was rejected, by its index.

    Raises
    ------
    ContractError
        When a column is missing or has the wrong type: that is no matter of single rows.
    """
    if _keeps(frame, schema):
        return frame, pd.Series(dtype=str)
    duplicate = _repeated(frame, schema)
    reasons = {label: f"duplicate {' + '.join(schema.unique)}" for label in frame.index[duplicate]}
    failures = _failures(frame[~duplicate], schema)
    if failures is not None:
        if failures["index"].isna().any():
            validate(frame[~duplicate], schema)
        for label, cases in failures.groupby("index"):
            reasons[label] = "; ".join(
                f"{case.column} = {case.failure_case!r}: expected {case.check}" for case in cases.itertuples()
            )
    rejected = pd.Series(reasons, dtype=str).reindex(frame.index[frame.index.isin(list(reasons))])
    return frame.drop(index=rejected.index), rejected


def data_dictionary(contracts: Mapping[str, pa.DataFrameSchema]) -> str:
    """Return the data dictionary of the contracts as Markdown."""
    lines = ["# Data dictionary", "", "Generated from the contracts by `make dictionary`."]
    for schema in contracts.values():
        facts = schema.metadata or {}
        lines += ["", f"## {schema.name}", "", schema.description or "", ""]
        lines += [f"Grain: {facts['grain']}. Key: {', '.join(facts['key']) or 'none'}.", ""]
        lines += ["| column | type | unit | may be null | meaning |", "|---|---|---|---|---|"]
        fields = arrow_schema(schema)
        for name, column in schema.columns.items():
            unit = (column.metadata or {}).get("unit", "")
            null = "yes" if column.nullable else ""
            lines.append(f"| {name} | {fields.field(name).type} | {unit} | {null} | {column.description} |")
    return "\n".join(lines) + "\n"
