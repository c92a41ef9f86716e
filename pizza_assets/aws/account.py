"""An account of AWS as the settings name it: clients, buckets, what is in it, what it cost.

Belongs here: requests to services other than CloudFormation. Does not belong here: stacks, words on the screen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pizza_assets.aws.errors import AwsError, as_sentences
from pizza_assets.aws.stacks import bucket_name, function_name
from pizza_assets.aws.templates.words import PROJECT, PROJECT_TAG
from pizza_assets.lake import layout, open_lake
from pizza_assets.settings import Settings

#: S3's own limit of one request.
_DELETED_AT_ONCE = 1000


@dataclass
class Account:
    """Clients of one account and region; each is made when it is first asked for."""

    settings: Settings
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str, region: str | None = None) -> Any:  # noqa: ANN401 boto3 makes client classes at run time
        """Return the client of a service."""
        import boto3
        from botocore.config import Config  # noqa: PLC0415 for AWS alone

        if service not in self._clients:
            with as_sentences(f"open {service}"):
                session = boto3.Session(
                    profile_name=self.settings.aws_profile, region_name=region or self.settings.aws_region
                )
                endpoint = str(self.settings.aws_endpoint_url) if self.settings.aws_endpoint_url else None
                config = Config(connect_timeout=10, retries={"mode": "standard", "total_max_attempts": 5})
                self._clients[service] = session.client(service, endpoint_url=endpoint, config=config)
        return self._clients[service]

    @property
    def region(self) -> str:
        """Return the region's name."""
        return str(self.client("s3").meta.region_name)

    def number(self) -> str:
        """Return the account's 12 digits. Raises AwsError where there are no credentials, or none that are valid."""
        with as_sentences("ask which account this is"):
            return str(self.client("sts").get_caller_identity()["Account"])

    def check_bucket(self, suffix: str, *, has_stack: bool) -> None:
        """Raise AwsError unless the lake's bucket can be made, or is ours and here.

        Parameters
        ----------
        has_stack
            Whether the stack that makes the bucket is there.
        """
        from botocore.exceptions import ClientError  # noqa: PLC0415 for AWS alone

        name = bucket_name(suffix)
        with as_sentences(f"look for the bucket {name}"):
            try:
                answer = self.client("s3").head_bucket(Bucket=name)
            except ClientError as error:
                status, answer = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response
                if status == 404:
                    return
                if status == 403:
                    raise AwsError(
                        f"The name of the bucket {name} is taken by another account of AWS. Choose another --suffix."
                    ) from error
                if status not in {301, 400}:
                    raise
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        found = headers.get("x-amz-bucket-region", self.region)
        if found != self.region:
            raise AwsError(
                f"The bucket {name} is in {found}, and the region is {self.region}. Set AWS_REGION={found}, or choose "
                "another --suffix."
            )
        if not has_stack:
            raise AwsError(
                f"The bucket {name} is there, and no stack that made it. Choose another --suffix, or remove the bucket "
                f"with its data: 'pizza-assets aws teardown --suffix {suffix}'."
            )

    def bucket_bytes(self, name: str) -> tuple[int, int]:
        """Return how many versions of objects a bucket has, and their bytes; (0, 0) when there is none."""
        sizes = [item.get("Size", 0) for item in self._versions(name)]
        return len(sizes), sum(sizes)

    def _versions(self, name: str) -> Iterator[Mapping[str, Any]]:
        from botocore.exceptions import ClientError  # noqa: PLC0415 for AWS alone

        with as_sentences(f"list the bucket {name}"):
            try:
                for page in self.client("s3").get_paginator("list_object_versions").paginate(Bucket=name):
                    yield from page.get("Versions", ())
                    yield from page.get("DeleteMarkers", ())
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchBucket":
                    raise

    def delete_markers(self, name: str) -> list[dict[str, str]]:
        """Return the newest delete marker of each object that was deleted and has versions still."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 for AWS alone

        found = []
        with as_sentences(f"list the bucket {name}"):
            try:
                for page in self.client("s3").get_paginator("list_object_versions").paginate(Bucket=name):
                    found += [item for item in page.get("DeleteMarkers", ()) if item["IsLatest"]]
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchBucket":
                    raise
        return [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]

    def undelete(self, name: str, markers: list[dict[str, str]]) -> int:
        """Remove delete markers, so that the versions before them show again; return how many. Raises AwsError."""
        parts = range(0, len(markers), _DELETED_AT_ONCE)
        return sum(self._delete(name, markers[start : start + _DELETED_AT_ONCE]) for start in parts)

    def empty(self, name: str) -> int:
        """Delete every version of every object of a bucket, and return how many. Raises AwsError."""
        count = 0
        batch: list[dict[str, str]] = []
        for item in self._versions(name):
            batch.append({"Key": item["Key"], "VersionId": item["VersionId"]})
            if len(batch) == _DELETED_AT_ONCE:
                count += self._delete(name, batch)
                batch = []
        return count + self._delete(name, batch)

    def _delete(self, name: str, batch: list[dict[str, str]]) -> int:
        if not batch:
            return 0
        with as_sentences(f"empty the bucket {name}"):
            answer = self.client("s3").delete_objects(Bucket=name, Delete={"Objects": batch, "Quiet": True})
        if errors := answer.get("Errors"):
            first = errors[0]
            raise AwsError(
                f"{len(errors)} of {len(batch)} objects of the bucket {name} could not be deleted, such as "
                f"{first['Key']}: {first.get('Message', first['Code'])}. Correct that, then run teardown again."
            )
        return len(batch)

    def delete_bucket(self, name: str) -> bool:
        """Delete an empty bucket, and tell whether there was one."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 for AWS alone

        with as_sentences(f"delete the bucket {name}"):
            try:
                self.client("s3").delete_bucket(Bucket=name)
            except ClientError as error:
                if error.response["Error"]["Code"] == "NoSuchBucket":
                    return False
                raise
        return True

    def tagged(self, suffix: str) -> list[str]:
        """Return the ARNs of all resources in this region that have our tags."""
        filters = [{"Key": PROJECT_TAG, "Values": [PROJECT]}, {"Key": "suffix", "Values": [suffix]}]
        with as_sentences("list what has our tags"):
            pages = self.client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=filters)
            return sorted(item["ResourceARN"] for page in pages for item in page["ResourceTagMappingList"])

    def alarms(self, suffix: str) -> list[tuple[str, str, str]]:
        """Return name, state and reason of each of our alarms."""
        with as_sentences("list the alarms"):
            pages = (
                self.client("cloudwatch")
                .get_paginator("describe_alarms")
                .paginate(AlarmNamePrefix=f"pizza-game-{suffix}-")
            )
            return [
                (item["AlarmName"], item["StateValue"], item.get("StateReason", ""))
                for page in pages
                for item in page["MetricAlarms"]
            ]

    def dead_letters(self, suffix: str) -> int | None:
        """Return how many events failed three times; None when there is no queue."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 for AWS alone

        client = self.client("sqs")
        with as_sentences("count the dead letters"):
            try:
                url = client.get_queue_url(QueueName=f"{function_name(suffix)}-dead")["QueueUrl"]
            except ClientError as error:
                if "NonExistentQueue" in str(error) or "does not exist" in str(error):
                    return None
                raise
            name = "ApproximateNumberOfMessages"
            return int(client.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])

    def newest_day(self, suffix: str) -> date | None:
        """Return the newest day of the dashboard's history in the bucket; None when there is none."""
        prefix = f"{layout.DASHBOARD_PREFIX}/"
        store = open_lake(f"s3://{bucket_name(suffix)}", self.client("s3"))
        days = (layout.day_of(item.key) for item in store.list(prefix))
        return max((day for day in days if day is not None), default=None)

    def spent(self, suffix: str, days: int = 30) -> list[tuple[str, float]]:
        """Return what was spent of late by service (USD), dearest first. Cost Explorer takes 0.01 USD for it."""
        until = datetime.now(UTC).date()
        with as_sentences("ask Cost Explorer"):
            answer = self.client("ce", "us-east-1").get_cost_and_usage(
                TimePeriod={"Start": (until - timedelta(days=days)).isoformat(), "End": until.isoformat()},
                Granularity="MONTHLY",
                Metrics=["UnblendedCost"],
                Filter={"Tags": {"Key": "suffix", "Values": [suffix]}},
                GroupBy=[{"Type": "DIMENSION", "Key": "SERVICE"}],
            )
        spent: dict[str, float] = {}
        for period in answer["ResultsByTime"]:
            for group in period["Groups"]:
                name = group["Keys"][0]
                spent[name] = spent.get(name, 0.0) + float(group["Metrics"]["UnblendedCost"]["Amount"])
        return sorted(spent.items(), key=lambda item: -item[1])
