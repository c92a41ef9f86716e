"""The stack of the function that runs every evening: Lambda, its schedule, its secret, its role.

Belongs here: what runs without a server. Does not belong here: what the function does (``aws.handler``).
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
    ref,
    resource,
    sub,
    tags,
    text,
    trust,
)
from pizza_assets.operations.expected_partitions import REFRESH_AT

FUNCTION = "pizza-game-dashboard-${Suffix}"
HANDLER = "pizza_assets.aws.handler.handler"
TIMEOUT_SECONDS = 900
_RETRIES, _EVENT_SECONDS = 2, 6 * 3600
_OWN_KEY = "encrypted by AWS's own key; a key of ours costs 1 USD a month and protects from nobody else here"

#: What the function's settings are; parameters in capitals of CloudFormation.
ENVIRONMENT: Template = {
    "S3_BUCKET_NAME": sub(BUCKET),
    "SETTINGS_SECRET": ref("Secret"),
    "DAILY_REFRESH_TIME_ZONE": ref("TimeZone"),
    "MAX_REQUESTS_PER_MINUTE": "10",
    "MAX_REQUESTS_PER_HOUR": "1000",
    "METRICS": "emf",
    "LOG_FORMAT": "json",
    "RANGE_PROCESSES": "1",
    "HOME": "/tmp",  # noqa: S108 the only folder of a function that can be written to
    "DAGSTER_HOME": "/tmp/dagster",  # noqa: S108 as above
    "QUICKSIGHT_ACCOUNT_ID": if_("HasQuickSight", ref("QuickSightAccountId")),
    "QUICKSIGHT_EDITION": ref("QuickSightEdition"),
}


def _function() -> Template:
    properties: Template = {
        "FunctionName": sub(FUNCTION),
        "Description": "The match-day job of a day, every evening: collect, merge, analyse, publish",
        "PackageType": "Image",
        "Architectures": [ref("Architecture")],
        "Code": {"ImageUri": ref("ImageUri")},
        "ImageConfig": {"Command": ["python", "-m", "awslambdaric", HANDLER]},
        "Role": att("Role", "Arn"),
        "Timeout": TIMEOUT_SECONDS,
        "MemorySize": ref("Megabytes"),
        "EphemeralStorage": {"Size": ref("TemporaryMegabytes")},
        "ReservedConcurrentExecutions": if_("IsReserved", 1),
        "DeadLetterConfig": {"TargetArn": att("DeadLetters", "Arn")},
        "LoggingConfig": {"LogGroup": ref("Log")},
        "Environment": {"Variables": ENVIRONMENT},
        "Tags": tags(),
    }
    accepted = {
        "CKV_AWS_50": "one function calls nothing of ours that X-Ray could follow; logs have the request's id",
        "CKV_AWS_117": "it asks APIs on the internet; in a VPC it would need a NAT gateway, 33 USD a month",
        "CKV_AWS_115": "one at a time where the account's quota allows to reserve: parameter OneAtATime",
        "CKV_AWS_173": f"variables hold no secret; {_OWN_KEY}",
    }
    return resource("Lambda::Function", properties, accepted=accepted)


def _schedule() -> Template:
    properties = {
        "Name": sub(FUNCTION),
        "Description": f"Every day at {REFRESH_AT:%H:%M} of the time zone, summer time or not",
        "ScheduleExpression": f"cron({REFRESH_AT.minute} {REFRESH_AT.hour} * * ? *)",
        "ScheduleExpressionTimezone": ref("TimeZone"),
        "State": ref("ScheduleState"),
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": att("Function", "Arn"),
            "RoleArn": att("ScheduleRole", "Arn"),
            "Input": "{}",
            "DeadLetterConfig": {"Arn": att("DeadLetters", "Arn")},
            "RetryPolicy": {"MaximumRetryAttempts": _RETRIES, "MaximumEventAgeInSeconds": _EVENT_SECONDS},
        },
    }
    accepted = {"CKV_AWS_297": _OWN_KEY}
    return resource("Scheduler::Schedule", properties, accepted=accepted)


def _role(name: str, service: str, role: permissions.Role, **more: object) -> Template:
    return resource(
        "IAM::Role",
        {
            "RoleName": sub(name),
            "AssumeRolePolicyDocument": trust(service, **more),
            "Policies": [{"PolicyName": role, "PolicyDocument": permissions.policy_of(role)}],
            "Tags": tags(),
        },
    )


def template() -> Template:
    """Return the template."""
    only_ours = {"Condition": {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}}
    retries = {
        "FunctionName": ref("Function"),
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": _RETRIES,
        "MaximumEventAgeInSeconds": _EVENT_SECONDS,
    }
    secret = {
        "Name": sub("pizza-game/${Suffix}/settings"),
        "Description": "Settings that are secrets, as a JSON object: FOOTBALL_API_KEY, DOMINOS_API_KEY ...",
        "SecretString": "{}",
        "Tags": tags(),
    }
    dead = {
        "QueueName": sub(f"{FUNCTION}-dead"),
        "MessageRetentionPeriod": 14 * 86_400,
        "SqsManagedSseEnabled": True,
        "Tags": tags(),
    }
    log = {"LogGroupName": sub(f"/aws/lambda/{FUNCTION}"), "RetentionInDays": ref("LogDays"), "Tags": tags()}
    return {
        "AWSTemplateFormatVersion": VERSION,
        "Description": "pizza-game serverless: the function of the match-day job, every evening",
        "Parameters": {
            "Suffix": SUFFIX,
            "ImageUri": text("The image, by digest: ...amazonaws.com/pizza-game-<suffix>@sha256:..."),
            "Architecture": text("Of the image.", "x86_64", AllowedValues=["x86_64", "arm64"]),
            "TimeZone": text("IANA time zone of the run at 18:00.", "Europe/London"),
            "ScheduleState": text("DISABLED: only by hand.", "ENABLED", AllowedValues=["ENABLED", "DISABLED"]),
            "Megabytes": {"Type": "Number", "Default": 1024, "MinValue": 512, "MaxValue": 10240},
            "TemporaryMegabytes": {"Type": "Number", "Default": 512, "MinValue": 512, "MaxValue": 10240},
            "OneAtATime": text(
                "true: a second event waits until the first has ended. false: for accounts with a quota of 10 "
                "concurrent executions, which cannot reserve one; the lake's lease keeps runs apart there, too.",
                "true",
                AllowedValues=["true", "false"],
            ),
            "LogDays": {"Type": "Number", "Default": 30, "AllowedValues": [7, 14, 30, 90, 365]},
            "QuickSightAccountId": text("12 digits: refresh QuickSight after each run. Empty: do not.", ""),
            "QuickSightEdition": text("Of QuickSight.", "enterprise", AllowedValues=["standard", "enterprise"]),
        },
        "Conditions": {
            "HasQuickSight": is_set("QuickSightAccountId"),
            "IsReserved": {"Fn::Equals": [ref("OneAtATime"), "true"]},
        },
        "Resources": {
            "Role": _role("PizzaDashboardRole-${Suffix}", "lambda.amazonaws.com", "function"),
            "ScheduleRole": _role("PizzaScheduleRole-${Suffix}", "scheduler.amazonaws.com", "scheduler", **only_ours),
            "Secret": resource(
                "SecretsManager::Secret",
                secret,
                accepted={
                    "CKV_AWS_149": _OWN_KEY,
                },
            ),
            "DeadLetters": resource(
                "SQS::Queue", dead, accepted={"CKV_AWS_27": "SQS encrypts it (SqsManagedSseEnabled)"}
            ),
            "Log": resource("Logs::LogGroup", log, accepted={"CKV_AWS_158": _OWN_KEY}),
            "Function": _function(),
            "Retries": resource("Lambda::EventInvokeConfig", retries),
            "Schedule": _schedule(),
        },
        "Outputs": {
            "FunctionName": {"Description": "The function", "Value": ref("Function")},
            "SecretName": {"Description": "Where keys go", "Value": sub("pizza-game/${Suffix}/settings")},
        },
    }
