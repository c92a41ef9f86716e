"""What an evening on AWS uses, as measured, and what the templates count up to; for estimates.

``make bench-lambda`` measures again and prints these figures. Does not belong here: prices.
"""

from pizza_assets.aws.prices import Day
from pizza_assets.aws.templates import watching
from pizza_assets.platform.metrics import UNITS

#: Measured by ``make bench-lambda``: one evening's two days on a mock lake in a bucket, 30 ms for each request of S3.
EVENING = Day(
    seconds=49,
    megabytes=1024,
    writes=95,
    reads=56,
    stored=398_687,
    logged=12_780,
    source="measured on a mock lake of 60 days, on a loaded machine, not on Lambda (make bench-lambda)",
)
#: Of the image: its packages, unpacked; ECR stores it compressed, which is less.
IMAGE_BYTES = 1.5e9
#: Daily assets whose figures go to CloudWatch; each has up to as many as ``platform.metrics.UNITS``.
_ASSETS = ("raw_matches", "raw_orders", "match_events", "order_volume", "merged_orders", "correlation_results",
           "insights_report", "dashboard_data")  # fmt: skip


def metrics() -> int:
    """Return how many metrics a run emits at most, each with its asset."""
    return len(_ASSETS) * len(UNITS)


def alarm_metrics() -> int:
    """Return how many metrics the alarms look at; each costs."""
    resources = watching.template()["Resources"].values()
    alarms = [item["Properties"] for item in resources if item["Type"] == "AWS::CloudWatch::Alarm"]
    return sum(len([query for query in alarm.get("Metrics", ()) if "MetricStat" in query]) or 1 for alarm in alarms)
