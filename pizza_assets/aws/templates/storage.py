"""The stack of what is kept: the lake's bucket, the repository of images, and what an operator may do.

Belongs here: S3 and ECR. Does not belong here: what runs.
"""

from pizza_assets.aws import permissions
from pizza_assets.aws.templates.words import (
    BUCKET,
    SUFFIX,
    VERSION,
    Template,
    att,
    if_,
    is_set,
    policy,
    ref,
    resource,
    statement,
    sub,
    tags,
    text,
    trust,
)
from pizza_assets.lake.retention import OLD_VERSION_DAYS, RULES, UPLOAD_DAYS

_WITHOUT_KMS = "S3 encrypts with its own keys (SSE-S3); a key of KMS costs a request of KMS for each object"


def lifecycle() -> Template:
    """Return the bucket's lifecycle: the rules of ``lake.retention``, old versions and unfinished uploads."""
    rules: list[Template] = [
        {"Id": rule.name, "Prefix": rule.prefix, "Status": "Enabled", "ExpirationInDays": rule.days} for rule in RULES
    ]
    rules.append(
        {
            "Id": "old-versions-and-uploads",
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_VERSION_DAYS},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UPLOAD_DAYS},
            "ExpiredObjectDeleteMarker": True,
        }
    )
    return {"Rules": rules}


def _bucket() -> Template:
    replication = {
        "Role": att("ReplicationRole", "Arn"),
        "Rules": [
            {
                "Id": "everything",
                "Priority": 0,
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "DeleteMarkerReplication": {"Status": "Disabled"},
                "Destination": {"Bucket": ref("ReplicaBucketArn"), "StorageClass": "STANDARD_IA"},
            }
        ],
    }
    logging = {"DestinationBucketName": ref("AccessLogsBucket"), "LogFilePrefix": sub(f"{BUCKET}/")}
    return resource(
        "S3::Bucket",
        {
            "BucketName": sub(BUCKET),
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
            "LifecycleConfiguration": lifecycle(),
            "LoggingConfiguration": if_("HasAccessLogs", logging),
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "PublicAccessBlockConfiguration": dict.fromkeys(
                ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
            ),
            "ReplicationConfiguration": if_("HasReplica", replication),
            "VersioningConfiguration": {"Status": "Enabled"},
            "Tags": tags(),
        },
        accepted={"CKV_AWS_18": "access logs are optional: parameter AccessLogsBucket", "CKV_AWS_145": _WITHOUT_KMS},
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
    )


def _only_tls() -> Template:
    denied = statement(
        "Deny",
        "s3:*",
        [att("Bucket", "Arn"), sub("${Bucket.Arn}/*")],
        Sid="OnlyTls",
        Principal="*",
        Condition={"Bool": {"aws:SecureTransport": "false"}},
    )
    return resource("S3::BucketPolicy", {"Bucket": ref("Bucket"), "PolicyDocument": policy(denied)})


def _replication_role() -> Template:
    lake, objects = sub(f"arn:${{AWS::Partition}}:s3:::{BUCKET}"), sub(f"arn:${{AWS::Partition}}:s3:::{BUCKET}/*")
    of_versions = [f"s3:GetObjectVersion{part}" for part in ("ForReplication", "Acl", "Tagging")]
    to_replica = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"]
    document = policy(
        statement("Allow", ["s3:GetReplicationConfiguration", "s3:ListBucket"], lake),
        statement("Allow", of_versions, objects),
        statement("Allow", to_replica, sub("${ReplicaBucketArn}/*")),
    )
    return resource(
        "IAM::Role",
        {
            "AssumeRolePolicyDocument": trust("s3.amazonaws.com"),
            "Policies": [{"PolicyName": "replicate", "PolicyDocument": document}],
            "Tags": tags(),
        },
        Condition="HasReplica",
    )


def _repository() -> Template:
    keep = (
        '{"rules": [{"rulePriority": 1, "description": "the newest ten images", "selection": {"tagStatus": "any", '
        '"countType": "imageCountMoreThan", "countNumber": 10}, "action": {"type": "expire"}}]}'
    )
    return resource(
        "ECR::Repository",
        {
            "RepositoryName": sub("pizza-game-${Suffix}"),
            "EmptyOnDelete": True,
            "ImageScanningConfiguration": {"ScanOnPush": True},
            "ImageTagMutability": "IMMUTABLE",
            "LifecyclePolicy": {"LifecyclePolicyText": keep},
            "RepositoryPolicyText": policy(
                {
                    "Sid": "TheFunction",
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                    "Condition": {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
                }
            ),
            "Tags": tags(),
        },
        accepted={"CKV_AWS_136": "ECR encrypts with its own key; the image is public code"},
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
    )


def template() -> Template:
    """Return the template."""
    operator = {
        "ManagedPolicyName": sub("pizza-game-${Suffix}-operator"),
        "Description": "What pizza-assets restore, lake, backfill and quicksight need; attach it to people's roles.",
        "PolicyDocument": permissions.policy_of("operator"),
    }
    return {
        "AWSTemplateFormatVersion": VERSION,
        "Description": "pizza-game storage: the lake's bucket, the repository of images, the operator's policy",
        "Parameters": {
            "Suffix": SUFFIX,
            "AccessLogsBucket": text("Name of a bucket that takes the access logs; empty: none are kept.", ""),
            "ReplicaBucketArn": text("ARN of a bucket with versioning in another region; empty: no copies.", ""),
        },
        "Conditions": {"HasAccessLogs": is_set("AccessLogsBucket"), "HasReplica": is_set("ReplicaBucketArn")},
        "Resources": {
            "Bucket": _bucket(),
            "BucketPolicy": _only_tls(),
            "ReplicationRole": _replication_role(),
            "Repository": _repository(),
            "OperatorPolicy": resource("IAM::ManagedPolicy", operator),
        },
        "Outputs": {
            "BucketName": {"Description": "The lake: PIZZA_LAKE=s3://<this>", "Value": ref("Bucket")},
            "RepositoryUri": {
                "Description": "Where the image is pushed to",
                "Value": att("Repository", "RepositoryUri"),
            },
            "OperatorPolicyArn": {"Description": "What people need", "Value": ref("OperatorPolicy")},
        },
    }
