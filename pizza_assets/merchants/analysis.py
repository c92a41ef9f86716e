"""Transactions and merchants to answers: examine what is there, then ask the questions, on any engine.

Belongs here: the order of the steps. Does not belong here: what a step does, and where answers are kept.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow

from pizza_assets import contracts
from pizza_assets.errors import SourceError
from pizza_assets.merchants import quality
from pizza_assets.merchants.clean import Limits, accepted, attempts, judged, merchant_names
from pizza_assets.merchants.contract import ANSWERS
from pizza_assets.merchants.engines import Engine
from pizza_assets.merchants.inputs import check_schema, source_of
from pizza_assets.merchants.quality import Quality
from pizza_assets.merchants.questions import Rules, expressions
from pizza_assets.settings import Settings

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: The first clock on Earth is this far before UTC.
_EARLIEST_CLOCK = timedelta(hours=14)

#: Hears what is being done.
Told = Callable[[str], object]


def _nobody(_: str) -> None:
    """Hear nothing."""


def limits(settings: Settings) -> Limits:
    """Return the limits of the settings, now. Purchases have no time zone: the future begins where it begins first."""
    return Limits((datetime.now(UTC) + _EARLIEST_CLOCK).replace(tzinfo=None), settings.merchants_max_amount)


@dataclass(frozen=True)
class Answer:
    """One table of answers (contract ``ANSWERS[name]``), and the plan that the engine followed."""

    name: str
    table: pyarrow.Table
    plan: str


@dataclass(frozen=True)
class Study:
    """Transactions and merchants, as an engine sees them.

    Parameters
    ----------
    engine
        Where it runs.
    raw
        Transactions as they came; see ``clean.judged``.
    merchants
        MERCHANTS.
    limits
        Beyond what rows are rejected.
    """

    engine: Engine
    raw: "ir.Table"
    merchants: pyarrow.Table
    limits: Limits

    def examine(self) -> Quality:
        """Count everything, in two passes over the transactions.

        Raises
        ------
        SourceError
            When a column is missing or of a wrong type, no row is usable, or real and mock are mixed.
        """
        check_schema(self.raw.schema().to_pyarrow(), "The transactions")
        listed = self.engine.lookup("merchants", self.merchants)
        rows = judged(self.raw, self.limits)
        unmatched = quality.unmatched(attempts(accepted(rows)), merchant_names(listed))
        of_merchants = {
            name: values[0]
            for expression in (quality.merchant_census(listed), unmatched)
            for name, values in self.engine.run(expression).table.to_pydict().items()
        }
        found = Quality.from_census(self.engine.run(quality.census(rows)).table, of_merchants)
        if not found.stored:
            why = "; ".join(f"{count:,} x {reason}" for reason, count in found.rejected.items())
            what = f"{found.received:,} received, all rejected ({why})" if why else "the files have no rows"
            raise SourceError(f"There is no usable transaction: {what}. Give files with transactions.", final=True)
        labels = self.merchants["data_source"].unique().to_pylist()
        source_of([found.data_source, *labels], "Transactions and merchants together")
        return found

    def ask(self, names: Sequence[str], rules: Rules, data_source: str, told: Told = _nobody) -> Iterator[Answer]:
        """Yield the answers of these names one after another, each labelled with `data_source`.

        `told` hears the name of each before it is computed.
        """
        listed = merchant_names(self.engine.lookup("merchants", self.merchants))
        cleaned = attempts(accepted(judged(self.raw, self.limits)))
        if len(names) > 1:  # else each question would clean all rows again, which takes longer than to answer it
            cleaned = self.engine.once("cleaned", cleaned)
        for name in names:
            told(name)
            computed = self.engine.run(expressions()[name](cleaned, listed, rules))
            yield Answer(name, _conformed(computed.table, name, data_source), computed.plan)


def _conformed(table: pyarrow.Table, name: str, data_source: str) -> pyarrow.Table:
    """Return an engine's table with the label and the types of its contract."""
    labelled = table.append_column("data_source", pyarrow.repeat(data_source, table.num_rows))
    schema = contracts.arrow_schema(ANSWERS[name])
    return labelled.select(schema.names).cast(schema).combine_chunks()
