"""Older versions of a day in a bucket with versioning: which runs wrote it, and bringing back what one of them wrote.

Belongs here: choosing versions and restoring them. Does not belong here: options and what is printed.
"""

from datetime import date

from pizza_assets.errors import LakeError, RealDataError
from pizza_assets.lake import layout
from pizza_assets.lake.s3 import NO_VERSION, S3Store, Version
from pizza_assets.lake.store import Store


def versions_of_day(store: Store, prefix: str, day: date) -> tuple[S3Store, list[Version]]:
    """Return the bucket's store, and all versions of the objects of a day below `prefix`, oldest first.

    Raises
    ------
    LakeError
        When the lake is a folder, or the bucket keeps no version of that day.
    """
    if not isinstance(store, S3Store):
        raise LakeError(
            f"{store.uri('')} is a folder, which keeps no older versions. Copy the day from a backup, or collect it "
            f"again: pizza-assets backfill --from {day} --to {day}."
        )
    found = [*store.versions(f"{prefix}/", lambda key: layout.day_of(key) == day)]
    if not found:
        raise LakeError(f"{store.uri(prefix)} has no version of {day}. Choose another day or data set.")
    if any(version.number == NO_VERSION for version in found):
        raise LakeError(
            f"The bucket '{store.bucket}' kept no versions when {day} was written. For what comes, switch it on: "
            f"aws s3api put-bucket-versioning --bucket {store.bucket} --versioning-configuration Status=Enabled."
        )
    return store, sorted(found, key=lambda version: version.at)


def restore(store: S3Store, versions: list[Version], run_id: str, *, is_real: bool) -> int:
    """Put what a run wrote in place again, then remove what it did not write; return how many objects it wrote.

    Raises
    ------
    LakeError
        When the run wrote nothing of the day; nothing is changed then.
    RealDataError
        When the run wrote mock data, and the day `is_real` now; nothing is changed then.
    """
    of_run = {version.key: version.number for version in versions if version.metadata.get("run-id") == run_id}
    if not of_run:
        runs = dict.fromkeys(str(version.metadata.get("run-id")) for version in versions)
        raise LakeError(f"No version of this day is of the run {run_id}. Expected one of {', '.join(runs)}.")
    is_mock = any(of.metadata.get("data-source") == "mock" for of in versions if of.number == of_run.get(of.key))
    if is_real and is_mock:
        raise RealDataError(
            f"The run {run_id} wrote mock data, which never replaces real data. To have the real day removed first: "
            "pizza-assets lake remove."
        )
    for key, number in of_run.items():
        store.restore(key, number)
    for key in {version.key for version in versions} - of_run.keys():
        store.delete(key)
    return len(of_run)
