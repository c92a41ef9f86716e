"""Types of CloudFormation that moto does not make, or makes half: here they are made through moto's own services.

moto reports a stack as complete without its bucket policies, lifecycles, alarms, schedules and secrets. Each type below
sends what the template says to moto's service as boto3 would, so that a test reads it back, and botocore checks it.
"""

import json
from typing import Any, ClassVar

import boto3
from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel

#: Where moto's server listens; the fixture sets it.
ENDPOINT = ""


def client(service: str, region: str = "us-east-1") -> Any:
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=ENDPOINT,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


class Made(CloudFormationModel):
    """A resource that a subclass puts in place (``put``) and takes away (``remove``)."""

    kind: ClassVar[str] = ""
    name_property: ClassVar[str] = ""

    def __init__(self, name: str, properties: dict[str, Any]) -> None:
        self.name, self.properties = name, properties

    @property
    def physical_resource_id(self) -> str:
        return self.name

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return {"Arn": f"arn:aws:s3:::{self.name}"}[attribute_name]

    @classmethod
    def put(cls, name: str, properties: dict[str, Any]) -> None:
        raise NotImplementedError

    @classmethod
    def remove(cls, name: str, properties: dict[str, Any]) -> None:
        """What goes with something else."""

    @classmethod
    def create_from_cloudformation_json(cls, resource_name: str, cloudformation_json: Any, *_: Any, **__: Any) -> Any:
        cls.put(resource_name, cloudformation_json["Properties"])
        return cls(resource_name, cloudformation_json["Properties"])

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, **_: Any
    ) -> Any:
        cls.put(original_resource.name, cloudformation_json["Properties"])
        return cls(original_resource.name, cloudformation_json["Properties"])

    def delete(self, *_: Any) -> None:
        self.remove(self.name, self.properties)


class Bucket(Made):
    kind, name_property = "AWS::S3::Bucket", "BucketName"

    @classmethod
    def put(cls, name: str, properties: dict[str, Any]) -> None:
        s3 = client("s3")
        if name not in {item["Name"] for item in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=name)
        rules = []
        for rule in properties["LifecycleConfiguration"]["Rules"]:
            made = {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
            if "ExpirationInDays" in rule:
                made["Expiration"] = {"Days": rule["ExpirationInDays"]}
            if "NoncurrentVersionExpiration" in rule:
                made["NoncurrentVersionExpiration"] = rule["NoncurrentVersionExpiration"]
            if "AbortIncompleteMultipartUpload" in rule:
                made["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
            rules.append(made)
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
        s3.put_public_access_block(
            Bucket=name, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
        )
        if "VersioningConfiguration" in properties:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"])
        sides = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        by_default = [{"ApplyServerSideEncryptionByDefault": side["ServerSideEncryptionByDefault"]} for side in sides]
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": by_default})
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": properties["Tags"]})

    @classmethod
    def remove(cls, name: str, properties: dict[str, Any]) -> None:
        """The template keeps it: RetainExceptOnCreate, which moto does not know."""


class BucketPolicy(Made):
    kind = "AWS::S3::BucketPolicy"

    @classmethod
    def put(cls, name: str, properties: dict[str, Any]) -> None:
        client("s3").put_bucket_policy(Bucket=properties["Bucket"], Policy=json.dumps(properties["PolicyDocument"]))

    @classmethod
    def remove(cls, name: str, properties: dict[str, Any]) -> None:
        client("s3").delete_bucket_policy(Bucket=properties["Bucket"])


class Alarm(Made):
    kind, name_property = "AWS::CloudWatch::Alarm", "AlarmName"

    @classmethod
    def put(cls, name: str, properties: dict[str, Any]) -> None:
        client("cloudwatch").put_metric_alarm(**{**properties, "Threshold": float(properties["Threshold"])})

    @classmethod
    def remove(cls, name: str, properties: dict[str, Any]) -> None:
        client("cloudwatch").delete_alarms(AlarmNames=[name])


class Schedule(Made):
    kind, name_property = "AWS::Scheduler::Schedule", "Name"

    @classmethod
    def put(cls, name: str, properties: dict[str, Any]) -> None:
        scheduler = client("scheduler")
        there = {item["Name"] for item in scheduler.list_schedules()["Schedules"]}
        (scheduler.update_schedule if name in there else scheduler.create_schedule)(**properties)

    @classmethod
    def remove(cls, name: str, properties: dict[str, Any]) -> None:
        client("scheduler").delete_schedule(Name=name)


class Secret(Made):
    kind, name_property = "AWS::SecretsManager::Secret", "Name"

    @classmethod
    def put(cls, name: str, properties: dict[str, Any]) -> None:
        secrets = client("secretsmanager")
        if name not in {item["Name"] for item in secrets.list_secrets()["SecretList"]}:
            secrets.create_secret(**properties)

    @classmethod
    def remove(cls, name: str, properties: dict[str, Any]) -> None:
        client("secretsmanager").delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


class Function(Made):
    kind, name_property = "AWS::Lambda::Function", "FunctionName"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return {"Arn": f"arn:aws:lambda:us-east-1:123456789012:function:{self.name}"}[attribute_name]

    @classmethod
    def put(cls, name: str, properties: dict[str, Any]) -> None:
        functions = client("lambda")
        if name in {item["FunctionName"] for item in functions.list_functions()["Functions"]}:
            cls.remove(name, properties)
        given = {key: value for key, value in properties.items() if key != "ReservedConcurrentExecutions"}
        variables = {key: str(value) for key, value in given["Environment"]["Variables"].items() if value is not None}
        given |= {"Environment": {"Variables": variables}, "Timeout": int(given["Timeout"])}
        given["Tags"] = {tag["Key"]: tag["Value"] for tag in given["Tags"]}
        functions.create_function(**given)
        if "ReservedConcurrentExecutions" in properties:
            functions.put_function_concurrency(
                FunctionName=name, ReservedConcurrentExecutions=properties["ReservedConcurrentExecutions"]
            )

    @classmethod
    def remove(cls, name: str, properties: dict[str, Any]) -> None:
        client("lambda").delete_function(FunctionName=name)


class Retries(Made):
    kind = "AWS::Lambda::EventInvokeConfig"

    @classmethod
    def put(cls, name: str, properties: dict[str, Any]) -> None:
        given = {key: value for key, value in properties.items() if key != "Qualifier"}
        client("lambda").put_function_event_invoke_config(**given)


class Subscription(Made):
    kind = "AWS::SNS::Subscription"

    @classmethod
    def put(cls, name: str, properties: dict[str, Any]) -> None:
        client("sns").subscribe(**properties)


class TopicPolicy(Made):
    kind = "AWS::SNS::TopicPolicy"

    @classmethod
    def put(cls, name: str, properties: dict[str, Any]) -> None:
        for topic in properties["Topics"]:
            client("sns").set_topic_attributes(
                TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(properties["PolicyDocument"])
            )


TYPES: tuple[type[Made], ...] = (
    Bucket, BucketPolicy, Alarm, Schedule, Secret, Function, Retries, Subscription, TopicPolicy,
)  # fmt: skip


def add_types(monkeypatch: Any, endpoint: str) -> None:
    """Let moto's CloudFormation make our types, through the services of the server at `endpoint`."""
    monkeypatch.setattr("pizza_assets_tests.aws.moto_types.ENDPOINT", endpoint)
    added = {made.kind: made for made in TYPES}
    by_type, by_name = parsing.get_model_map(), parsing.get_name_type_map()
    monkeypatch.setattr(parsing, "resource_class_from_type", lambda kind: added.get(kind) or by_type.get(kind))
    monkeypatch.setattr(
        parsing,
        "resource_name_property_from_type",
        lambda kind: added[kind].name_property or None if kind in added else by_name.get(kind),
    )
