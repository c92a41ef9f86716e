"""The stack that watches: alarms, the topic that they go to, a dashboard of CloudWatch.

Belongs here: what is an alarm, and what people see. Does not belong here: measuring (``platform.metrics``).
"""

import json
from collections.abc import Sequence

from pizza_assets.aws.templates.serverless import FUNCTION, TIMEOUT_SECONDS
from pizza_assets.aws.templates.words import (
    BUCKET,
    SUFFIX,
    VERSION,
    Template,
    is_set,
    policy,
    ref,
    resource,
    statement,
    sub,
    tags,
    text,
)
from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.dashboard.quicksight.data_sources import resource_id

NAMESPACE = "PizzaAssets"
#: A run that takes longer than this share of what Lambda allows is an alarm.
_NEAR_THE_LIMIT = 0.8
#: Hours after which no success is an alarm: a day, and two hours for a run that is tried again.
_WITHOUT_SUCCESS_HOURS = 26
_HOUR = 3600
_COLLECTED = ("raw_matches", "raw_orders")


def _alarm(
    name: str, why: str, metric: Template, threshold: object, comparison: str = "GreaterThanOrEqualToThreshold"
) -> Template:
    return resource(
        "CloudWatch::Alarm",
        {
            "AlarmName": sub(f"pizza-game-${{Suffix}}-{name}"),
            "AlarmDescription": why,
            "AlarmActions": [ref("Topic")],
            "OKActions": [ref("Topic")],
            "ComparisonOperator": comparison,
            "EvaluationPeriods": 1,
            "Threshold": threshold,
            "TreatMissingData": "notBreaching",
            **metric,
            "Tags": tags(),
        },
    )


def _metric(name: str, statistic: str, seconds: int, namespace: str, **dimensions: object) -> Template:
    return {
        "Namespace": namespace,
        "MetricName": name,
        "Statistic": statistic,
        "Period": seconds,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }


def _of_function(name: str, statistic: str) -> Template:
    return _metric(name, statistic, 300, "AWS/Lambda", FunctionName=sub(FUNCTION))


def _of_asset(name: str, statistic: str, asset: str, seconds: int = _HOUR) -> Template:
    return _metric(name, statistic, seconds, NAMESPACE, Asset=asset)


def _summed(metrics: Sequence[Template]) -> Template:
    """Return the sum of several metrics; those without a value count as zero."""
    queries: list[Template] = []
    for number, metric in enumerate(metrics):
        stat = {
            "Metric": {name: metric[name] for name in ("Namespace", "MetricName", "Dimensions")},
            "Stat": metric["Statistic"],
            "Period": metric["Period"],
        }
        queries.append({"Id": f"m{number}", "MetricStat": stat, "ReturnData": False})
    sum_of_all = " + ".join(f"FILL(m{number}, 0)" for number in range(len(metrics)))
    return {"Metrics": [*queries, {"Id": "all", "Expression": sum_of_all, "ReturnData": True}]}


def _alarms() -> dict[str, Template]:
    no_success = _of_asset("Days", "Sum", "dashboard_data")
    no_success |= {
        "EvaluationPeriods": _WITHOUT_SUCCESS_HOURS,
        "DatapointsToAlarm": _WITHOUT_SUCCESS_HOURS,
        "TreatMissingData": "breaching",
    }
    dead = _metric("ApproximateNumberOfMessagesVisible", "Maximum", 300, "AWS/SQS", QueueName=sub(f"{FUNCTION}-dead"))
    ingestions = [
        _metric("IngestionErrorCount", "Sum", _HOUR, "AWS/QuickSight", DatasetId=resource_id(name))
        for name in DATA_SETS
    ]
    failed_checks = [
        _of_asset("ChecksFailed", "Sum", asset) for asset in (*_COLLECTED, "order_volume", "dashboard_data")
    ]
    mock = {
        f"Mock{asset.title().replace('_', '')}": _alarm(
            f"mock-{asset.replace('_', '-')}",
            f"Less of {asset} is real than expected: a source does not answer, or is not set up.",
            _of_asset("RealShare", "Average", asset),
            ref("RealPercent"),
            "LessThanThreshold",
        )
        for asset in _COLLECTED
    }
    return {
        "Errors": _alarm(
            "errors",
            "The function failed. Its log says why in one sentence; docs/operations.md says what to do.",
            _of_function("Errors", "Sum"),
            1,
        ),
        "Duration": _alarm(
            "duration",
            "A run came near the 15 minutes of Lambda. Ask for fewer days, or give it more memory.",
            _of_function("Duration", "Maximum"),
            int(_NEAR_THE_LIMIT * TIMEOUT_SECONDS * 1000),
        ),
        "Throttles": _alarm(
            "throttles",
            "Two runs were asked for at once; Lambda starts the second when the first has ended.",
            _of_function("Throttles", "Sum"),
            1,
        ),
        "DeadLetters": _alarm("dead-letters", "An event failed three times; it lies in the queue.", dead, 1),
        "NoSuccess": _alarm(
            "no-success",
            f"No day was published for {_WITHOUT_SUCCESS_HOURS} hours.",
            no_success,
            1,
            "LessThanThreshold",
        ),
        "ChecksFailed": _alarm("checks", "A check of a day failed.", _summed(failed_checks), 1),
        "Spice": _alarm("spice", "QuickSight could not take the data of a data set.", _summed(ingestions), 1),
        **mock,
    }


def _widget(title: str, metrics: Sequence[Sequence[object]], place: tuple[int, int], **more: object) -> Template:
    column, row = place
    properties = {"title": title, "metrics": metrics, "region": "${AWS::Region}", "view": "timeSeries", **more}
    return {"type": "metric", "x": column * 8, "y": row * 6, "width": 8, "height": 6, "properties": properties}


def dashboard() -> str:
    """Return the dashboard's body, in which CloudFormation fills in the names."""

    def of_assets(name: str, *assets: str) -> list[list[object]]:
        return [[NAMESPACE, name, "Asset", asset] for asset in assets]

    made = ("raw_matches", "raw_orders", "order_volume", "correlation_results", "dashboard_data")
    of_function = ["FunctionName", FUNCTION]
    daily = {"stat": "Maximum", "period": 86_400}
    widgets = [
        _widget("Runs and errors", [["AWS/Lambda", name, *of_function] for name in ("Invocations", "Errors")], (0, 0)),
        _widget("Duration (ms; 900,000 is the end)", [["AWS/Lambda", "Duration", *of_function]], (1, 0), **daily),
        _widget("Peak of memory (MB)", of_assets("PeakMemory", "dashboard_data"), (2, 0), **daily),
        _widget("Rows", of_assets("Rows", *made), (0, 1), **daily),
        _widget("Share that is real (%)", of_assets("RealShare", *_COLLECTED), (1, 1), **daily),
        _widget(
            "Strongest correlation (|r|)", of_assets("CorrelationStrength", "correlation_results"), (2, 1), **daily
        ),
        _widget("Rejected records", of_assets("Rejected", *_COLLECTED), (0, 2), **daily),
        _widget("Answer time of APIs (s)", of_assets("ApiResponseTime", *_COLLECTED), (1, 2), **daily),
        _widget("Checks that failed", of_assets("ChecksFailed", *made), (2, 2), **daily),
        _widget(
            "Bytes in the bucket",
            [["AWS/S3", "BucketSizeBytes", "BucketName", BUCKET, "StorageType", "StandardStorage"]],
            (0, 3),
            **daily,
        ),
        _widget("Days published", of_assets("Days", "dashboard_data"), (1, 3), **daily),
        _widget("S3 requests that were tried again", of_assets("StoreRetries", *made), (2, 3), **daily),
    ]
    return json.dumps({"widgets": widgets})


def template() -> Template:
    """Return the template."""
    topic = resource(
        "SNS::Topic",
        {"TopicName": sub("pizza-game-${Suffix}-alarms"), "Tags": tags()},
        accepted={"CKV_AWS_26": "CloudWatch cannot publish to a topic with AWS's own key; alarms hold no data"},
    )
    from_alarms = statement(
        "Allow",
        "sns:Publish",
        ref("Topic"),
        Sid="OnlyAlarmsOfThisAccount",
        Principal={"Service": "cloudwatch.amazonaws.com"},
        Condition={"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
    )
    subscription = {"Protocol": "email", "TopicArn": ref("Topic"), "Endpoint": ref("Email")}
    return {
        "AWSTemplateFormatVersion": VERSION,
        "Description": "pizza-game watching: alarms, their topic, a dashboard",
        "Parameters": {
            "Suffix": SUFFIX,
            "Email": text("Address that gets the alarms, after it has confirmed; empty: nobody.", ""),
            "RealPercent": {
                "Type": "Number",
                "Default": 0,
                "MinValue": 0,
                "MaxValue": 100,
                "Description": "Less real data than this in an hour's runs is an alarm. 0: never, while all is mock.",
            },
        },
        "Conditions": {"HasEmail": is_set("Email")},
        "Resources": {
            "Topic": topic,
            "TopicPolicy": resource(
                "SNS::TopicPolicy", {"Topics": [ref("Topic")], "PolicyDocument": policy(from_alarms)}
            ),
            "Subscription": resource("SNS::Subscription", subscription, Condition="HasEmail"),
            **_alarms(),
            "Dashboard": resource(
                "CloudWatch::Dashboard",
                {"DashboardName": sub("pizza-game-${Suffix}"), "DashboardBody": sub(dashboard())},
            ),
        },
        "Outputs": {"TopicArn": {"Description": "What else may subscribe to", "Value": ref("Topic")}},
    }
