"""Days of the lake as CSV or JSON files, in the folders and under the names that the lake has for them.

Belongs here: which data sets can be exported, and their files. Does not belong here: the encodings (``formats``).
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Literal

from pizza_assets import contracts
from pizza_assets.lake import formats, layout
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, DatedFiles

Format = Literal["csv", "json"]
#: The results of an analysis lie in the lake as CSV already.
RESULTS = "correlation_results"


def export(
    store: Store, data_set: str, first: date, last: date, form: Format, folder: Path
) -> Iterator[tuple[Path, int]]:
    """Write each stored day of a data set from `first` to `last` below a folder; yield its file and number of rows.

    Raises
    ------
    LakeError
        When a day cannot be read.
    """
    encode = formats.csv_rows if form == "csv" else formats.json_rows
    if data_set == RESULTS:
        contract, files = contracts.CORRELATION_RESULTS, DatedFiles(store, layout.CORRELATION_PREFIX)
        for day in files.days(layout.CORRELATION_FILES[0]):
            if first <= day <= last:
                frame = formats.frame_of_csv(files.read(day, layout.CORRELATION_FILES[0]), contract)
                key = layout.dated_key(layout.CORRELATION_PREFIX, day, f"{RESULTS}.{form}")
                yield _written(folder / key, encode(frame, contract)), len(frame)
        return
    table = DailyTable(store, layout.DAILY_TABLES[data_set])
    for day, stored in table.stored.items():
        if first <= day <= last:
            frame = table[day]
            key = stored.key.removesuffix("parquet") + form
            yield _written(folder / key, encode(frame, table.layout.contract)), len(frame)


def _written(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
