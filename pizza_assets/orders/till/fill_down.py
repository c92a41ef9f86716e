"""Cells that a report leaves empty because they repeat the cell above: the day, or the whole head of an order.

Belongs here: finding such columns, and filling them. Does not belong here: what a column means (``columns.py``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow

from pizza_assets.orders.till.profile import Profile
from pizza_assets.orders.till.tables import Cells, Rows, Table

#: A report repeats a cell at least this often; fewer empty cells are cells that somebody forgot.
_LEAST_SHARE = 0.2


def repeated_columns(profile: Profile, rows: Rows) -> tuple[str, ...]:
    """Return the columns whose empty cells repeat the one above, in some rows of a table.

    That is the column of days where the times of day stand beside it, and number, time and shop of an order above rows
    that name items only.
    """
    here = profile.columns_in(list(rows.columns))
    if "order_id" not in here or "time" not in here or not len(rows):
        return ()
    is_empty = {name: _empty(rows, name) for names in here.values() for name in names}
    number, time = here["order_id"][0], here["time"]
    day = is_empty[time[0]]
    if len(time) > 1 and not day[0] and (day & ~is_empty[time[1]] & ~is_empty[number]).mean() >= _LEAST_SHARE:
        return (time[0],)
    is_below = is_empty[number] & day
    told = [~is_empty[here[name][0]] for name in ("pizzas", "quantity") if name in here]
    if told and not is_below[0] and (is_below & np.logical_or.reduce(told)).mean() >= _LEAST_SHARE:
        return (number, *time, *here.get("shop", ()))
    return ()


def _empty(rows: Rows, name: str) -> npt.NDArray[np.bool_]:
    return np.asarray(rows.columns[name].text.is_null().to_numpy(zero_copy_only=False), dtype=bool)


def filled_down(table: Table, columns: Sequence[str]) -> Table:
    """Return the table with empty cells of these columns filled from above."""
    here = [name for name in columns if name in table.columns]

    def batches() -> Iterator[Rows]:
        above: dict[str, Cells] = {}
        for rows in table.batches():
            filled = {name: _filled(rows.columns[name], above.get(name)) for name in here}
            if len(rows):
                above = {name: _taken(cells, np.array([len(rows) - 1])) for name, cells in filled.items()}
            yield replace(rows, columns={**rows.columns, **filled})

    return replace(table, batches=batches) if here else table


def _filled(cells: Cells, above: Cells | None) -> Cells:
    at = np.arange(len(cells.text))
    is_told = np.asarray(cells.text.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    last = np.maximum.accumulate(np.where(is_told, at, -1)) if len(at) else at
    if above is not None:
        cells, last = _joined(above, cells), last + 1
    return _taken(cells, last)


def _joined(first: Cells, then: Cells) -> Cells:
    def join(one: pyarrow.Array | None, two: pyarrow.Array | None) -> pyarrow.Array | None:
        known = one if two is None else two
        if known is None:
            return None
        kind = known.type
        parts = (one, first.text), (two, then.text)
        return pyarrow.concat_arrays(
            [pyarrow.nulls(len(text), kind) if part is None else part.cast(kind) for part, text in parts]
        )

    text = pyarrow.concat_arrays([first.text, then.text])
    return Cells(text, join(first.numbers, then.numbers), join(first.times, then.times))


def _taken(cells: Cells, at: npt.NDArray[np.int64]) -> Cells:
    """Return the cells at these positions; -1 is none."""
    indices = pyarrow.array(at, mask=at < 0)
    return Cells(*(None if part is None else part.take(indices) for part in (cells.text, cells.numbers, cells.times)))
