"""What ``status`` and ``teardown`` say: lines about what is there, and what is left and costs.

Belongs here: putting what AWS answers into lines. Does not belong here: requests themselves.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from pizza_assets.aws import prices
from pizza_assets.aws.account import Account
from pizza_assets.aws.deployment import Deployer
from pizza_assets.aws.stacks import TEMPLATES, bucket_name, logs_bucket_name, stack_name


def status(account: Account, deployer: Deployer, suffix: str) -> Iterator[str]:
    """Yield a line for each stack, the bucket, the newest day, dead letters and alarms."""
    states = {kind: deployer.state(stack_name(kind, suffix)) for kind in TEMPLATES}
    for kind, state in states.items():
        yield f"{kind:<13}{state or 'not deployed'}"
    if states["storage"]:
        objects, size = account.bucket_bytes(bucket_name(suffix))
        yield f"{'bucket':<13}{bucket_name(suffix)}: {objects} objects and versions, {size / 1e6:,.1f} MB"
        day = account.newest_day(suffix)
        late = "" if day is None else f", {(datetime.now(UTC).date() - day).days} days ago"
        yield f"{'newest day':<13}{day or 'none is published yet'}{late}"
    if states["serverless"]:
        dead = account.dead_letters(suffix)
        yield f"{'dead letters':<13}{'no queue' if dead is None else dead}"
    if states["watching"]:
        alarms = account.alarms(suffix)
        loud = [(name, reason) for name, state, reason in alarms if state == "ALARM"]
        yield f"{'alarms':<13}{len(loud)} of {len(alarms)} in ALARM"
        for name, reason in loud:
            yield f"{'':<13}{name}: {reason}"


def left(account: Account, suffix: str, *, has_quicksight: bool) -> Iterator[str]:
    """Yield a line for each thing that is left of a deployment, with what it costs a month as far as that is known."""
    buckets = {name: account.bucket_bytes(name) for name in (bucket_name(suffix), logs_bucket_name(suffix))}
    for name, (objects, size) in buckets.items():
        if objects:
            usd = size / 1e9 * prices.PRICES["S3 storage"].usd
            yield f"bucket {name}: {objects} objects and versions, {size / 1e6:,.1f} MB, {usd:.2f} USD a month"
    for arn in account.tagged(suffix):
        if not any(arn.endswith(f":::{name}") and found[0] for name, found in buckets.items()):
            yield f"{arn}{_cost(arn)}"
    if has_quicksight:
        yield (
            "QuickSight: its objects cost nothing, its users do, by month: 'pizza-assets quicksight teardown', then "
            "Manage QuickSight > Account settings in the console"
        )


def _cost(arn: str) -> str:
    if ":snapshot:" in arn:
        return f": {prices.PRICES['RDS snapshots'].usd} USD a month for each GB"
    return ""
