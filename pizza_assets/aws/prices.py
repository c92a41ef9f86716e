"""What AWS costs a month: prices in one table, and how much of each a deployment uses.

Belongs here: prices with their source, and arithmetic. Does not belong here: asking AWS what was spent.

The prices are list prices of us-east-1, without any free tier. Nobody has compared them with AWS's pages since they
were noted (``VERIFIED``): do so before you rely on them. Other regions are dearer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

#: When the prices were noted, and whether somebody has compared them with the pages that each names.
AS_OF = date(2026, 11, 29)
VERIFIED = False


@dataclass(frozen=True)
class Price:
    """A price in USD for one ``unit``, and the page that has it."""

    usd: float
    unit: str
    source: str


_S3, _LAMBDA, _WATCH = (f"https://aws.amazon.com/{name}/pricing/" for name in ("s3", "lambda", "cloudwatch"))
_FARGATE, _RDS = "https://aws.amazon.com/fargate/pricing/", "https://aws.amazon.com/rds/postgresql/pricing/"
_QUICKSIGHT = "https://aws.amazon.com/quicksight/pricing/"

PRICES: Mapping[str, Price] = {
    "S3 storage": Price(0.023, "GB a month", _S3),
    "S3 writes and listings": Price(0.005 / 1000, "request", _S3),
    "S3 reads": Price(0.0004 / 1000, "request", _S3),
    "Lambda compute (x86)": Price(0.0000166667, "GB second", _LAMBDA),
    "Lambda requests": Price(0.20 / 1e6, "request", _LAMBDA),
    "Logs": Price(0.50, "GB", _WATCH),
    "Metrics": Price(0.30, "metric a month", _WATCH),
    "Alarms": Price(0.10, "metric of an alarm a month", _WATCH),
    "CloudWatch dashboard": Price(3.00, "dashboard a month", _WATCH),
    "Secrets": Price(0.40, "secret a month", "https://aws.amazon.com/secrets-manager/pricing/"),
    "Images": Price(0.10, "GB a month", "https://aws.amazon.com/ecr/pricing/"),
    "Fargate CPU": Price(0.04048, "vCPU hour", _FARGATE),
    "Fargate memory": Price(0.004445, "GB hour", _FARGATE),
    "RDS db.t4g.small": Price(0.032, "hour", _RDS),
    "RDS storage (gp3)": Price(0.115, "GB a month", _RDS),
    "RDS snapshots": Price(0.095, "GB a month", _RDS),
    "NAT gateway": Price(0.045, "hour", "https://aws.amazon.com/vpc/pricing/"),
    "Load balancer": Price(0.0225, "hour", "https://aws.amazon.com/elasticloadbalancing/pricing/"),
    "QuickSight author, Standard": Price(12.0, "author a month", _QUICKSIGHT),
    "QuickSight author, Enterprise": Price(24.0, "author a month", _QUICKSIGHT),
    "QuickSight reader, Enterprise": Price(3.0, "reader a month", _QUICKSIGHT),
    "EMR Serverless CPU": Price(0.052624, "vCPU hour", "https://aws.amazon.com/emr/pricing/"),
    "EMR Serverless memory": Price(0.0057785, "GB hour", "https://aws.amazon.com/emr/pricing/"),
}

_DAYS, _HOURS = 30.4, 730.0
_GB = 1e9
#: A metric is charged for each hour in which it gets values; a run lies in one hour, at most in two.
EMITTING_HOURS = 2


@dataclass(frozen=True)
class Day:
    """What the run of one evening uses. ``writes`` are PUT and LIST requests; ``stored`` are bytes it adds."""

    seconds: float
    megabytes: int
    writes: int
    reads: int
    stored: int
    logged: int
    source: str


@dataclass(frozen=True)
class Line:
    """A line of an estimate: so many units of a price, in USD a month."""

    stack: str
    what: str
    units: float
    price: Price

    @property
    def usd(self) -> float:
        """The cost in USD a month."""
        return self.units * self.price.usd


def estimate(
    kinds: Iterable[str], day: Day, lake_bytes: float, *, metrics: int, alarm_metrics: int, image_bytes: float
) -> list[Line]:
    """Return what stacks cost a month.

    Parameters
    ----------
    kinds
        Stacks by kind.
    day
        What the run of one evening uses, as measured.
    lake_bytes
        What lies in the bucket, with old versions; a year of evenings counts where that is more.
    metrics, alarm_metrics
        How many metrics runs emit, and how many alarms look at.
    image_bytes
        Size of the images in the repository.
    """
    units: dict[str, dict[str, float]] = {
        "storage": {"S3 storage": max(lake_bytes, day.stored * 365) / _GB, "Images": image_bytes / _GB},
        "serverless": {
            "Lambda compute (x86)": day.seconds * day.megabytes / 1024 * _DAYS,
            "Lambda requests": _DAYS,
            "S3 writes and listings": day.writes * _DAYS,
            "S3 reads": day.reads * _DAYS,
            "Logs": day.logged * _DAYS / _GB,
            "Metrics": metrics * EMITTING_HOURS / 24,
            "Secrets": 1,
        },
        "watching": {"Alarms": alarm_metrics, "CloudWatch dashboard": 1},
        "platform": {
            "Fargate CPU": 1.5 * _HOURS,
            "Fargate memory": 4 * _HOURS,
            "RDS db.t4g.small": _HOURS,
            "RDS storage (gp3)": 20,
            "NAT gateway": _HOURS,
            "Secrets": 1,
        },
    }
    return [
        Line(kind, name, number, PRICES[name])
        for kind in units
        if kind in kinds
        for name, number in units[kind].items()
    ]


def total(lines: Iterable[Line]) -> float:
    """Return the sum in USD a month."""
    return sum(line.usd for line in lines)


def table(lines: Iterable[Line]) -> list[str]:
    """Return an estimate as lines of text."""
    found = list(lines)
    rows = [
        f"{line.stack:<11} {line.what:<26} {line.units:>14,.3f} {line.price.unit:<28} {line.usd:>9.2f} USD"
        for line in found
    ]
    return [
        *rows,
        f"{'':<11} {'a month':<26} {'':>14} {'':<28} {total(found):>9.2f} USD",
        f"List prices of us-east-1 without free tier, noted {AS_OF}{'' if VERIFIED else ', not compared with AWS'};",
        "QuickSight's users, data transfer and taxes come on top.",
    ]
