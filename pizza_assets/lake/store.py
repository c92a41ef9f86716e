"""LocalStore and S3Store: objects with metadata behind one small protocol.

Belongs here: reading, writing, listing and deleting bytes under a key. Does not belong here: what the
bytes mean. A write either happens whole or not at all, and carries the checksum of its bytes.
"""

import contextlib
import hashlib
import io
import json
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from pizza_assets.errors import LakeError

_LOGGER = logging.getLogger("pizza_assets.lake")
_T = TypeVar("_T")

#: Name of the checksum in an object's metadata.
CHECKSUM = "sha256"

Metadata = Mapping[str, str]

#: What follows the key's name in the name of its metadata: the start of the checksum.
_SIDECAR_END = re.compile(r"\.[0-9a-f]{12}\.json")


@dataclass(frozen=True)
class Listed:
    """An object as a listing shows it; ``modified_at`` in UTC."""

    key: str
    size: int
    modified_at: datetime


@dataclass(frozen=True)
class Version:
    """A version of an object, with its metadata, written at ``at`` (UTC)."""

    key: str
    number: str
    at: datetime
    metadata: Metadata


class Store(Protocol):
    """Bytes and text metadata under a key; keys use ``/`` and are relative to the store's root.

    ``can_travel`` tells whether other processes can be handed the store; ``retries`` counts the tries after a first
    one, of all operations.
    """

    can_travel: ClassVar[bool]
    retries: int

    def read(self, key: str) -> bytes:
        """Return the object's bytes. Raises LakeError when it is absent or damaged."""

    def metadata(self, key: str) -> Metadata:
        """Return the object's metadata. Raises LakeError when it is absent."""

    def write(self, key: str, data: bytes, metadata: Metadata) -> None:
        """Put the object in place whole, replacing what was there. Metadata is ASCII text."""

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens when it is absent."""

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield the objects below `prefix`, by key."""

    def uri(self, key: str) -> str:
        """Return the address of a key, for people."""


def checksum(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _missing(address: str) -> LakeError:
    return LakeError(f"{address} does not exist. Materialize its day first (pizza-assets backfill).", is_missing=True)


def _damaged(address: str, expected: str, found: str) -> LakeError:
    return LakeError(
        f"{address} is damaged: its checksum should be {expected[:12]}…, found {found[:12]}…. "
        "Materialize its day again, or restore an older version."
    )


class LocalStore:
    """A folder. Metadata lies in ``.metadata/``, in a file named by the checksum of the bytes it describes.

    Metadata is written before the bytes and older metadata removed after them, so that at any moment one
    metadata file fits the bytes, whenever the process is killed. What a killed first write leaves fits no bytes, and
    goes when the object is replaced.
    """

    can_travel: ClassVar[bool] = True

    def __init__(self, root: Path | str) -> None:
        self.retries = 0
        self.root = Path(root).expanduser().absolute()

    def read(self, key: str) -> bytes:
        """Return the object's bytes, checked against their checksum."""
        data = self._bytes(key)
        if not self._sidecar(key, checksum(data)).exists():
            known = next(self._sidecars(key), None)
            raise _damaged(self.uri(key), known.suffixes[-2][1:] if known else "in .metadata", checksum(data))
        return data

    def metadata(self, key: str) -> Metadata:
        """Return the object's metadata."""
        found = list(self._sidecars(key))
        if len(found) != 1 or not self._path(key).exists():
            found = [self._sidecar(key, checksum(self._bytes(key)))]
        try:
            return dict(json.loads(found[0].read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise LakeError(f"{self.uri(key)} has no metadata. Materialize its day again.") from None

    def write(self, key: str, data: bytes, metadata: Metadata) -> None:
        """Put the object in place: temporary file, fsync, rename."""
        digest = checksum(data)
        sidecar = self._sidecar(key, digest)
        document = json.dumps({**metadata, CHECKSUM: digest}, indent=1, sort_keys=True).encode()
        replaces = self._path(key).exists()
        try:
            sidecar.parent.mkdir(parents=True, exist_ok=True)
            self._path(key).parent.mkdir(parents=True, exist_ok=True)
            _replace(sidecar, document, sidecar.parent)
            _replace(self._path(key), data, sidecar.parent)
        except OSError as error:
            raise LakeError(
                f"{self.uri(key)} could not be written: {error.strerror}. What was there before is unchanged. "
                "Free space or correct the permissions, then run again.",
                final=True,
            ) from error
        for old in list(self._sidecars(key)) if replaces else ():
            if old != sidecar:
                old.unlink(missing_ok=True)

    def delete(self, key: str) -> None:
        """Remove the object, then its metadata."""
        self._path(key).unlink(missing_ok=True)
        for sidecar in list(self._sidecars(key)):
            sidecar.unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield the objects below `prefix`, by key."""
        start = self.root / prefix
        top = start if start.is_dir() else start.parent
        if not top.is_relative_to(self.root):
            return  # the lake itself is not there yet
        for folder, folders, files in os.walk(top):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            inside = folder.removeprefix(str(self.root)).replace(os.sep, "/").lstrip("/")
            for name in sorted(files):
                key = f"{inside}/{name}" if inside else name
                if name.startswith(".") or not key.startswith(prefix):
                    continue
                status = os.stat(f"{folder}/{name}")  # noqa: PTH116 a Path of each object takes half the time
                yield Listed(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    def uri(self, key: str) -> str:
        """Return the file's path."""
        return str(self._path(key))

    def _bytes(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            raise _missing(self.uri(key)) from None
        except OSError as error:
            raise LakeError(f"{self.uri(key)} could not be read: {error.strerror}.") from error

    def _path(self, key: str) -> Path:
        return self.root / key

    def _sidecar(self, key: str, digest: str) -> Path:
        return self.root / ".metadata" / f"{key}.{digest[:12]}.json"

    def _sidecars(self, key: str) -> Iterator[Path]:
        path = self.root / ".metadata" / key
        start = path.name
        with contextlib.suppress(FileNotFoundError):
            # A folder holds the files of all days, and a pattern or a Path of each takes milliseconds.
            ours = [name for name in os.listdir(path.parent) if name.startswith(start)]  # noqa: PTH208 names alone
            yield from (path.with_name(name) for name in ours if _SIDECAR_END.fullmatch(name, len(start)))


def _replace(path: Path, data: bytes, scratch: Path) -> None:
    # Files made in one folder for all, and moved from there, would all lie in its part of the disk: the fuller it gets,
    # the longer the next one takes.
    handle, name = tempfile.mkstemp(dir=scratch)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


#: How often an operation on S3 is tried, when nothing else is set; each try has botocore's own three inside of it.
ATTEMPTS = 6
#: Codes of S3 where a conditional write finds another version.
_NOT_THIS_VERSION = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404"}
#: Codes of S3 for what passes; besides every status of 500 and more.
_TRANSIENT = {
    "RequestTimeout", "RequestTimeTooSkewed", "SlowDown", "Throttling", "ThrottlingException", "BadDigest",
    "IncompleteBody", "InternalError", "ServiceUnavailable", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch",
}  # fmt: skip


#: The number of an object's only version where a bucket keeps none.
NO_VERSION = "null"


class _MismatchError(LakeError):
    """The bytes that came do not fit their checksum; they may fit when they come again."""


class S3Store:
    """A bucket, or a prefix in one, through a boto3 client. Objects are encrypted on the server.

    An operation whose failure may pass (a server's error, a broken connection, a body that ends early or does not fit
    its checksum) is tried `attempts` times, after pauses that grow. ``retries`` counts the tries after the first.
    """

    can_travel: ClassVar[bool] = False

    def __init__(self, client: Any, bucket: str, prefix: str = "", attempts: int = ATTEMPTS) -> None:  # noqa: ANN401 boto3 makes client classes at run time
        self.client, self.bucket = client, bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.retries = 0
        self._attempts = attempts

    def read(self, key: str) -> bytes:
        """Return the object's bytes, checked against their checksum."""
        return self.read_version(key)[0]

    def read_version(self, key: str) -> tuple[bytes, str]:
        """Return the object's bytes, checked against their checksum, and its version, for `write_if`."""
        seen: set[str] = set()

        def get() -> tuple[bytes, str]:
            answer = self.client.get_object(Bucket=self.bucket, Key=self.prefix + key)
            data: bytes = answer["Body"].read()
            expected, found = answer["Metadata"].get(CHECKSUM, ""), checksum(data)
            if expected == found:
                return data, str(answer["ETag"])
            damaged = _damaged(self.uri(key), expected or "in the metadata", found)
            if found in seen:  # twice: they lie there like that
                raise damaged
            seen.add(found)
            raise _MismatchError(str(damaged))

        return self._try(key, get)

    def metadata(self, key: str) -> Metadata:
        """Return the object's metadata."""
        return self._try(
            key, lambda: dict(self.client.head_object(Bucket=self.bucket, Key=self.prefix + key)["Metadata"])
        )

    def write(self, key: str, data: bytes, metadata: Metadata) -> None:
        """Put the object in place; boto3 splits large ones into parts, and S3 shows it when it is whole."""
        extra = {"Metadata": {**metadata, CHECKSUM: checksum(data)}, "ServerSideEncryption": "AES256"}
        self._try(
            key,
            lambda: self.client.upload_fileobj(io.BytesIO(data), self.bucket, self.prefix + key, ExtraArgs=extra),
        )

    def delete(self, key: str) -> None:
        """Remove the object."""
        self._try(key, lambda: self.client.delete_object(Bucket=self.bucket, Key=self.prefix + key))

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield the objects below `prefix`, by key."""
        after: dict[str, str] = {}
        while True:
            page = self._try(
                prefix,
                lambda: self.client.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix + prefix, **after),  # noqa: B023 called at once
            )
            for item in page.get("Contents", ()):
                key = item["Key"].removeprefix(self.prefix)
                if not key.startswith("."):  # the lease
                    yield Listed(key, item["Size"], item["LastModified"])
            if not page.get("IsTruncated"):
                return
            after = {"ContinuationToken": page["NextContinuationToken"]}

    def versions(self, prefix: str, wanted: Callable[[str], bool]) -> Iterator[Version]:
        """Yield every version that the bucket keeps of the `wanted` keys below `prefix`."""
        after: dict[str, str] = {}
        while True:
            page = self._try(
                prefix,
                lambda: self.client.list_object_versions(Bucket=self.bucket, Prefix=self.prefix + prefix, **after),  # noqa: B023 called at once
            )
            for item in page.get("Versions", ()):
                key, number = item["Key"].removeprefix(self.prefix), item["VersionId"]
                if wanted(key):
                    place = {"Bucket": self.bucket, "Key": item["Key"], "VersionId": number}
                    if number != NO_VERSION:
                        head = self._try(key, lambda: self.client.head_object(**place))  # noqa: B023 called at once
                    yield Version(key, number, item["LastModified"], {} if number == NO_VERSION else head["Metadata"])
            if not page.get("IsTruncated"):
                return
            after = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    def restore(self, key: str, version: str) -> None:
        """Put an older version of an object, with its metadata, in place as the newest one."""
        source = {"Bucket": self.bucket, "Key": self.prefix + key, "VersionId": version}
        self._try(
            key,
            lambda: self.client.copy_object(
                Bucket=self.bucket, Key=self.prefix + key, CopySource=source, ServerSideEncryption="AES256"
            ),
        )

    def write_if(self, key: str, data: bytes, *, version: str | None) -> str | None:
        """Put a small object only where it has this `version` (None: only where there is none); return its new one.

        Returns
        -------
        str or None
            None when the object has another version, or appeared: nothing was changed then.
        """
        from botocore.exceptions import ClientError  # noqa: PLC0415 only where the lake is on S3

        condition = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}

        def put() -> str | None:
            try:
                answer = self.client.put_object(
                    Bucket=self.bucket,
                    Key=self.prefix + key,
                    Body=data,
                    Metadata={CHECKSUM: checksum(data)},
                    **condition,
                )
            except ClientError as error:
                if error.response["Error"]["Code"] in _NOT_THIS_VERSION:
                    return None
                raise
            return str(answer["ETag"])

        return self._try(key, put)

    def uri(self, key: str) -> str:
        """Return the ``s3://`` address."""
        return f"s3://{self.bucket}/{self.prefix}{key}"

    def _try(self, key: str, operation: Callable[[], _T]) -> _T:
        """Do an operation, again while its failure may pass. Raises LakeError."""

        def again(state: RetryCallState) -> None:
            self.retries += 1
            error = state.outcome and state.outcome.exception()
            _LOGGER.info("S3 failed on %s (%s); try %d.", self.uri(key), error, state.attempt_number + 1)

        tries = Retrying(
            stop=stop_after_attempt(self._attempts),
            wait=wait_random_exponential(multiplier=0.1, max=10),
            retry=retry_if_exception(_may_pass),
            before_sleep=again,
            reraise=True,
        )
        with self._errors(key):
            return tries(operation)

    @contextlib.contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        """Turn boto3's errors into sentences that say what to do."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 only where the lake is on S3
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 only where the lake is on S3

        try:
            yield
        except ClientError as error:
            raise self._explain(key, error.response["Error"]["Code"], str(error)) from error
        except Boto3Error as error:
            cause = error.__cause__ or error.__context__
            code = (
                cause.response["Error"]["Code"]
                if isinstance(cause, ClientError)
                else next((code for code in ("NoSuchBucket", "AccessDenied") if code in str(error)), "")
            )
            raise self._explain(key, code, str(error)) from error
        except (BotoCoreError, HTTPError, OSError) as error:
            raise self._explain(key, type(error).__name__, str(error)) from error

    def _explain(self, key: str, code: str, message: str) -> LakeError:
        if code == "NoSuchBucket":
            return LakeError(f"The bucket '{self.bucket}' does not exist. Create it, or correct PIZZA_LAKE.")
        if code in {"AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch"}:
            return LakeError(
                f"S3 denies access to {self.uri(key)} ({code}). The role or key needs s3:GetObject, s3:PutObject, "
                f"s3:DeleteObject and s3:ListBucket on '{self.bucket}'."
            )
        if code in {"NoCredentialsError", "PartialCredentialsError"}:
            return LakeError(
                f"{self.uri(key)} needs AWS credentials, and there are none. Set AWS_PROFILE or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or run where a role gives them."
            )
        if code in {"NoSuchKey", "404"}:
            return _missing(self.uri(key))
        return LakeError(f"S3 failed on {self.uri(key)}: {message}")


def _may_pass(error: BaseException) -> bool:
    """Tell whether an operation that failed so may succeed when it is tried again."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import (  # noqa: PLC0415 only where the lake is on S3
        ClientError,
        FlexibleChecksumError,
        HTTPClientError,
        IncompleteReadError,
    )
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 only where the lake is on S3

    if isinstance(error, Boto3Error):
        cause = error.__cause__ or error.__context__
        return cause is not None and _may_pass(cause)
    if isinstance(error, ClientError):
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return status >= 500 or status == 429 or error.response["Error"]["Code"] in _TRANSIENT
    return isinstance(
        error, (_MismatchError, HTTPClientError, IncompleteReadError, FlexibleChecksumError, HTTPError, ConnectionError)
    )
