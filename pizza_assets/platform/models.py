"""Typed records: one row of a contract as an object, and lists of them as CSV, JSON and frames, both ways.

Belongs here: what all models share. Does not belong here: any model's fields (``model.py`` of each slice). Assets work
on frames; models are for programs that read or write single records.
"""

import csv
import io
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

import pandas as pd
import pandera.pandas as pa
import pyarrow
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

from pizza_assets import contracts
from pizza_assets.errors import ContractError
from pizza_assets.lake import formats
from pizza_assets.platform.columns import EARLIEST, LATEST
from pizza_assets.platform.printable import of_cell


def _in_range(instant: datetime) -> datetime:
    if not EARLIEST <= instant <= LATEST:
        raise ValueError(f"expected an instant from {EARLIEST.date()} to {LATEST.date()}")
    return instant


#: An instant with its time zone, in the years that the contracts can store.
Instant = Annotated[AwareDatetime, AfterValidator(_in_range)]


class Record(BaseModel):
    """One row of ``contract``: its columns are the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    contract: ClassVar[pa.DataFrameSchema]

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> list[Self]:
        """Return the rows of a frame that keeps the contract."""
        return cls._read(contracts.to_arrow(frame, cls.contract).to_pylist())

    @classmethod
    def to_frame(cls, records: Sequence[Self]) -> pd.DataFrame:
        """Return records as a frame. Raises ContractError when together they break the contract: a key twice, say."""
        rows = [record.model_dump() for record in records]
        table = pyarrow.Table.from_pylist(rows, contracts.arrow_schema(cls.contract))
        return contracts.validate(contracts.from_arrow(table, cls.contract), cls.contract)

    @classmethod
    def to_json(cls, records: Sequence[Self]) -> bytes:
        """Return records as a JSON array; instants are ISO 8601 in UTC."""
        return formats.json_rows(cls.to_frame(records), cls.contract)

    @classmethod
    def from_json(cls, data: bytes) -> list[Self]:
        """Return the records of a JSON array. Raises ContractError when one cannot be, with its number and field."""
        return cls._read(json.loads(data))

    @classmethod
    def to_csv(cls, records: Sequence[Self]) -> bytes:
        """Return records as CSV with a header: empty for null, lists as JSON, text that would be a formula quoted."""
        return formats.csv_rows(cls.to_frame(records), cls.contract)

    @classmethod
    def from_csv(cls, data: bytes) -> list[Self]:
        """Return the records of what `to_csv` wrote. Raises ContractError as `from_json` does."""
        lists = {field.name for field in contracts.arrow_schema(cls.contract) if pyarrow.types.is_list(field.type)}

        def value(name: str, text: str) -> object:
            return None if not text else json.loads(text) if name in lists else of_cell(text)

        rows = csv.DictReader(io.StringIO(data.decode(), newline=""))
        return cls._read([{name: value(name, text) for name, text in row.items()} for row in rows])

    @classmethod
    def _read(cls, rows: Sequence[Any]) -> list[Self]:
        try:
            return TypeAdapter(list[cls]).validate_python(rows)  # type: ignore[valid-type]  # a class made at run time
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            number, *field = first["loc"]
            raise ContractError(
                f"Record {number} of '{cls.contract.name}' breaks the contract in {'.'.join(map(str, field))}: "
                f"{first['msg']}. Found {first['input']!r}. {error.error_count()} problems in all."
            ) from None
