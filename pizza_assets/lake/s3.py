"""The store that is a bucket, or a prefix in one: objects in S3, tried again while a failure may pass.

Belongs here: what S3 does and how it fails. Does not belong here: the protocol and the store in a folder
(``store.py``), who may write (``lock.py``).
"""

import contextlib
import io
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from pizza_assets.errors import LakeError
from pizza_assets.lake.store import CHECKSUM, Listed, Metadata, checksum, damaged, missing

_LOGGER = logging.getLogger("pizza_assets.lake")
_T = TypeVar("_T")

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


@dataclass(frozen=True)
class Version:
    """A version of an object, with its metadata, written at ``at`` (UTC)."""

    key: str
    number: str
    at: datetime
    metadata: Metadata


class _MismatchError(LakeError):
    """The bytes that came do not fit their checksum; they may fit when they come again."""


class S3Store:
    """A bucket, or a prefix in one, through a boto3 client. Objects are encrypted on the server.

    An operation whose failure may pass (a server's error, a broken connection, a body that ends early or does not fit
    its checksum) is tried `attempts` times, after pauses that grow, made by `sleep` (s). ``retries`` counts the tries
    after the first.
    """

    #: As many connections as botocore keeps.
    reads_at_once: ClassVar[int] = 10

    def __init__(
        self,
        client: Any,  # noqa: ANN401 boto3 makes client classes at run time
        bucket: str,
        prefix: str = "",
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client, self.bucket = client, bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.retries = 0
        self._attempts, self._sleep = attempts, sleep

    def read(self, key: str) -> bytes:
        """Return the object's bytes, checked against their checksum."""
        return self._get(key)[0]

    def read_with_metadata(self, key: str) -> tuple[bytes, Metadata]:
        """Return the object's bytes, checked against their checksum, and its metadata: one request."""
        return self._get(key)[:2]

    def read_version(self, key: str) -> tuple[bytes, str]:
        """Return the object's bytes, checked against their checksum, and its version, for `write_if`."""
        data, _, version = self._get(key)
        return data, version

    def _get(self, key: str) -> tuple[bytes, Metadata, str]:
        seen: set[str] = set()

        def get() -> tuple[bytes, Metadata, str]:
            answer = self.client.get_object(Bucket=self.bucket, Key=self.prefix + key)
            data: bytes = answer["Body"].read()
            metadata = dict(answer["Metadata"])
            expected, found = metadata.get(CHECKSUM, ""), checksum(data)
            if expected == found:
                return data, metadata, str(answer["ETag"])
            error = damaged(self.uri(key), expected or "in the metadata", found)
            if found in seen:  # twice: they lie there like that
                raise error
            seen.add(found)
            raise _MismatchError(str(error))

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
        for page in self._pages(prefix, self.client.list_objects_v2, {"ContinuationToken": "NextContinuationToken"}):
            for item in page.get("Contents", ()):
                key = item["Key"].removeprefix(self.prefix)
                if not key.startswith("."):  # the lease
                    yield Listed(key, item["Size"], item["LastModified"], item["ETag"])

    def versions(self, prefix: str, wanted: Callable[[str], bool]) -> Iterator[Version]:
        """Yield every version that the bucket keeps of the `wanted` keys below `prefix`."""
        marks = {"KeyMarker": "NextKeyMarker", "VersionIdMarker": "NextVersionIdMarker"}
        for page in self._pages(prefix, self.client.list_object_versions, marks):
            for item in page.get("Versions", ()):
                key, number = item["Key"].removeprefix(self.prefix), item["VersionId"]
                if wanted(key):
                    yield Version(key, number, item["LastModified"], self._metadata_of(key, number))

    def _metadata_of(self, key: str, number: str) -> Metadata:
        if number == NO_VERSION:
            return {}
        place = {"Bucket": self.bucket, "Key": self.prefix + key, "VersionId": number}
        return dict(self._try(key, lambda: self.client.head_object(**place))["Metadata"])

    def _pages(self, prefix: str, ask: Callable[..., Any], marks: Mapping[str, str]) -> Iterator[Any]:
        """Yield the pages of a listing. `marks` says which key of a page gives each argument of the next request."""
        after: dict[str, str] = {}
        while True:
            page = self._try(prefix, partial(ask, Bucket=self.bucket, Prefix=self.prefix + prefix, **after))
            yield page
            if not page.get("IsTruncated"):
                return
            after = {asked: page[given] for asked, given in marks.items()}

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
            sleep=self._sleep,
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
            return missing(self.uri(key))
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
