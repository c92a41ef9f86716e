"""Which permissions the requests of the product need: each request that boto3 sends is recorded with its action."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.client import BaseClient

#: IAM's actions of S3's operations (Service Authorization Reference); with a version, the action of versions.
_OF_S3: Mapping[str, tuple[str, ...]] = {
    "GetObject": ("s3:GetObject",),
    "HeadObject": ("s3:GetObject",),
    "PutObject": ("s3:PutObject",),
    "CreateMultipartUpload": ("s3:PutObject",),
    "UploadPart": ("s3:PutObject",),
    "CompleteMultipartUpload": ("s3:PutObject",),
    "AbortMultipartUpload": ("s3:AbortMultipartUpload",),
    "CopyObject": ("s3:PutObject", "s3:GetObject"),
    "DeleteObject": ("s3:DeleteObject",),
    "ListObjectsV2": ("s3:ListBucket",),
    "HeadBucket": ("s3:ListBucket",),
    "ListObjectVersions": ("s3:ListBucketVersions",),
}
_SAME = {"quicksight:DescribeDashboardDefinition": "quicksight:DescribeDashboard"}


def actions_of(service: str, operation: str, request: Mapping[str, Any]) -> set[str]:
    """Return the actions that IAM asks for."""
    if service == "s3":
        source = request.get("CopySource")
        has_version = "VersionId" in request or (isinstance(source, Mapping) and "VersionId" in source)
        return {
            "s3:GetObjectVersion" if action == "s3:GetObject" and has_version else action
            for action in _OF_S3[operation]
        }
    action = f"{service}:{operation}"
    return {_SAME.get(action, action)}


@contextmanager
def recorded(
    monkeypatch: Any, instead: Callable[[str, str, Mapping[str, Any]], Any] = lambda *_: None
) -> Iterator[set[str]]:
    """Record the actions of all requests that boto3 sends; `instead` may answer one itself."""
    found: set[str] = set()
    send = BaseClient._make_api_call

    def call(self: BaseClient, operation: str, request: dict[str, Any]) -> Any:
        service = self.meta.service_model.service_name
        found.update(actions_of(service, operation, request))
        answer = instead(service, operation, request)
        return send(self, operation, request) if answer is None else answer

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", call)
        yield found
