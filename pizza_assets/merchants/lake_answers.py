"""The lake's transactions to the lake's answers, on any engine: what a Dagster run and a Spark job both do.

Belongs here: where an engine reads the parts, and storing each answer as it is made. Does not belong here: who
is told of it.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import pyarrow

from pizza_assets.errors import LakeError
from pizza_assets.lake.layout import MERCHANT_ANSWERS_PREFIX
from pizza_assets.lake.store import Store
from pizza_assets.merchants import lake_copy, outputs
from pizza_assets.merchants.analysis import Answer, Study, Told
from pizza_assets.merchants.clean import Limits
from pizza_assets.merchants.contract import ANSWERS
from pizza_assets.merchants.engines import Engine
from pizza_assets.merchants.questions import Rules

PREFIX = f"{MERCHANT_ANSWERS_PREFIX}/"


@dataclass(frozen=True)
class Stored:
    """An answer that lies in the lake, and what is told of it; plain values, so that they travel."""

    answer: Answer
    address: str
    facts: dict[str, str | int]


def answer(
    engine: Engine, store: Store, names: Sequence[str], limits: Limits, run_id: str, told: Told
) -> Iterator[Stored]:
    """Ask the lake's copy for the answers of these names, and store each as it is made.

    Raises
    ------
    LakeError
        When there is no copy.
    EngineError
        When the engine fails.
    """
    manifest = lake_copy.read_manifest(store)
    listed = lake_copy.read_merchants(store, manifest.data_source)
    with _parts(engine, store, manifest) as paths:
        study = Study(engine, engine.parquet(paths), listed, limits)
        for found in study.ask(names, Rules(), manifest.data_source, told):
            facts: dict[str, str | int] = {
                "data-source": manifest.data_source,
                "run-id": run_id,
                "transactions": manifest.quality.stored,
                "transactions-run-id": manifest.run_id,
            }
            key = outputs.write_answer(store, PREFIX, found, engine.name, facts)
            shown = {"rows": found.table.num_rows, "engine": engine.name, **facts}
            yield Stored(found, store.uri(key), shown)


def read_all(store: Store, manifest: lake_copy.Manifest) -> dict[str, pyarrow.Table]:
    """Return all stored answers, by name. Raises LakeError when some are of other transactions than the manifest's."""
    made_of = {name: store.metadata(f"{PREFIX}{name}.parquet")["transactions-run-id"] for name in ANSWERS}
    if others := [name for name, run_id in made_of.items() if run_id != manifest.run_id]:
        raise LakeError(
            f"{', '.join(others)}: computed from other transactions than the lake has now. Materialize the answers "
            "again."
        )
    return {name: outputs.read_answer(store, PREFIX, name) for name in ANSWERS}


def _parts(engine: Engine, store: Store, manifest: lake_copy.Manifest) -> AbstractContextManager[list[str]]:
    """Give the parts as the engine reads them: by address on a cluster, as files on this machine."""
    if engine.reads_addresses:
        return nullcontext([store.uri(key) for key in manifest.parts])
    return lake_copy.local_parts(store, manifest)
