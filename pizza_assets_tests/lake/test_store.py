import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count

from pizza_assets.errors import LakeError, SettingsError
from pizza_assets.lake import open_lake
from pizza_assets.lake.s3 import S3Store
from pizza_assets.lake.store import LocalStore, Store
from pizza_assets_tests.conftest import AWS, BUCKET
from pizza_assets_tests.faulty_s3 import FAULTS, faulty

KEY = "raw-data/x/2024/02/29/20240229_000000_x.parquet"


def test_what_is_written_is_read_with_its_metadata_and_checksum(store: Store) -> None:
    store.write(KEY, b"bytes", {"rows": "3"})
    assert store.read(KEY) == b"bytes"
    assert store.metadata(KEY) == {"rows": "3", "sha256": hashlib.sha256(b"bytes").hexdigest()}


def test_a_write_replaces_bytes_and_metadata(store: Store) -> None:
    store.write(KEY, b"old", {"rows": "1"})
    store.write(KEY, b"new", {"rows": "2"})
    assert store.read(KEY) == b"new"
    assert store.metadata(KEY)["rows"] == "2"
    assert [item.key for item in store.list("")] == [KEY]


def test_listing_shows_keys_below_a_prefix_in_order(store: Store) -> None:
    for key in ("a/2.txt", "a/1.txt", "b/1.txt"):
        store.write(key, b"12345", {})
    assert [(item.key, item.size) for item in store.list("a/")] == [("a/1.txt", 5), ("a/2.txt", 5)]
    assert list(store.list("nothing/")) == []


def test_a_folder_that_is_not_there_yet_holds_nothing_even_beside_other_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert list(LocalStore(tmp_path / "lake").list("")) == []
    assert list(LocalStore(tmp_path / "lake").list("raw-data/")) == []


def test_deleting_removes_and_an_absent_object_is_no_error(store: Store) -> None:
    store.write(KEY, b"bytes", {})
    store.delete(KEY)
    store.delete(KEY)
    assert list(store.list("")) == []


def test_what_cannot_be_removed_is_one_sentence(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    (tmp_path / KEY).mkdir(parents=True)  # the system removes no folder as if it were a file
    with pytest.raises(LakeError, match="could not be removed: .*Correct the permissions, then run again"):
        store.delete(KEY)


@pytest.mark.parametrize("access", ["read", "metadata"])
def test_an_absent_object_is_named(store: Store, access: str) -> None:
    with pytest.raises(LakeError, match=r"20240229_000000_x\.parquet does not exist.*backfill"):
        getattr(store, access)(KEY)


def test_large_objects_go_up_in_parts(bucket: Any) -> None:
    store = S3Store(bucket, "pizza-lake")
    data = os.urandom(9 * 1024 * 1024)
    store.write(KEY, data, {})
    assert store.read(KEY) == data
    assert "-2" in bucket.head_object(Bucket="pizza-lake", Key=KEY)["ETag"]


def test_objects_are_encrypted_on_the_server(bucket: Any) -> None:
    S3Store(bucket, "pizza-lake").write(KEY, b"bytes", {})
    assert bucket.head_object(Bucket="pizza-lake", Key=KEY)["ServerSideEncryption"] == "AES256"


def test_a_changed_file_is_found_out(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.write(KEY, b"bytes", {})
    (tmp_path / KEY).write_bytes(b"bites")
    with pytest.raises(LakeError, match="is damaged: its checksum should be"):
        store.read(KEY)


def test_a_changed_object_is_found_out(bucket: Any) -> None:
    store = S3Store(bucket, "pizza-lake")
    store.write(KEY, b"bytes", {})
    facts = store.metadata(KEY)
    bucket.put_object(Bucket="pizza-lake", Key=KEY, Body=b"bites", Metadata=facts)
    with pytest.raises(LakeError, match="is damaged"):
        store.read(KEY)


def test_killed_between_metadata_and_bytes_the_old_object_is_still_whole(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.write(KEY, b"old", {"rows": "1"})
    other = LocalStore(tmp_path / "other")
    other.write(KEY, b"new", {"rows": "2"})
    (new_metadata,) = (tmp_path / "other" / ".metadata" / KEY).parent.glob("*.json")
    new_metadata.rename((tmp_path / ".metadata" / KEY).parent / new_metadata.name)
    assert store.read(KEY) == b"old"
    assert store.metadata(KEY)["rows"] == "1"
    store.write(KEY, b"new", {"rows": "2"})
    assert store.metadata(KEY)["rows"] == "2"
    assert len(list((tmp_path / ".metadata" / KEY).parent.glob("*.json"))) == 1


def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.write(KEY, b"old", {"rows": "1"})
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # the kernel lets it write no more: EFBIG
    try:
        with pytest.raises(LakeError, match="could not be written: File too large. What was there before is unchanged"):
            store.write(KEY, b"x" * 10_000, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert store.read(KEY) == b"old"
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} <= {".json", Path(KEY).suffix}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(LakeError, match="could not be written: Permission denied"):
        LocalStore(tmp_path / "lake").write(KEY, b"bytes", {})


@pytest.mark.parametrize("access", ["read", "metadata", "delete", "list", "write"])
def test_a_bucket_that_does_not_exist_is_named(access: str) -> None:
    calls: dict[str, Any] = {
        "read": lambda store: store.read(KEY),
        "metadata": lambda store: store.metadata(KEY),
        "delete": lambda store: store.delete(KEY),
        "list": lambda store: list(store.list("")),
        "write": lambda store: store.write(KEY, b"", {}),
    }
    with mock_aws():
        store = S3Store(boto3.client("s3", region_name="us-east-1"), "no-such-bucket")
        expected = "does not exist" if access == "metadata" else "The bucket 'no-such-bucket' does not exist. Create it"
        with pytest.raises(LakeError, match=expected):
            calls[access](store)


@set_initial_no_auth_action_count(0)
@mock_aws
def test_a_bucket_that_forbids_says_what_is_needed() -> None:
    store = S3Store(boto3.client("s3", region_name="us-east-1"), "pizza-lake")
    for call in (lambda: store.read(KEY), lambda: store.write(KEY, b"", {}), lambda: list(store.list("raw-data/"))):
        with pytest.raises(LakeError, match=r"S3 denies access to s3://pizza-lake/raw-data.*needs s3:GetObject"):
            call()


@pytest.mark.parametrize("location", ["s3://", "gs://bucket"])
def test_a_location_that_is_no_lake_names_the_setting(location: str) -> None:
    with pytest.raises(SettingsError, match="PIZZA_LAKE="):
        open_lake(location)


def test_operations_are_tried_again_while_their_failure_may_pass(s3_server: str) -> None:
    plain = AWS.client("s3", endpoint_url=s3_server)
    with suppress(plain.exceptions.BucketAlreadyOwnedByYou):
        plain.create_bucket(Bucket=BUCKET)
    once = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=5, read_timeout=5)
    with faulty(s3_server, 0.4) as proxy:
        store = S3Store(AWS.client("s3", endpoint_url=proxy.address, config=once), BUCKET, "tried", attempts=15)
        for number in range(40):
            data = f"bytes of {number}".encode() * 50
            store.write(f"{number:02}", data, {"number": str(number)})
            assert store.read(f"{number:02}") == data
            assert store.metadata(f"{number:02}")["number"] == str(number)
        assert [item.key for item in store.list("")] == [f"{number:02}" for number in range(40)]
        for number in range(40):
            store.delete(f"{number:02}")
        assert list(store.list("")) == []
        assert set(proxy.faults) == set(FAULTS)
        assert store.retries == sum(proxy.faults.values())


def test_a_failure_that_lasts_is_one_sentence(s3_server: str) -> None:
    once = Config(retries={"mode": "standard", "total_max_attempts": 1})
    with faulty(s3_server, 1.0) as proxy:
        store = S3Store(AWS.client("s3", endpoint_url=proxy.address, config=once), BUCKET, attempts=3)
        with pytest.raises(LakeError, match="S3 failed on s3://pizza-lake/k: "):
            store.write("k", b"bytes", {})
        assert proxy.requests == 3


def test_what_is_denied_or_absent_is_not_tried_again(bucket: Any) -> None:
    store = S3Store(bucket, BUCKET)
    with pytest.raises(LakeError, match="does not exist"):
        store.read("absent")
    assert store.retries == 0
