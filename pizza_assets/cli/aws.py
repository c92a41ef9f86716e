"""The commands of the platform on AWS: ``pizza-assets aws``.

Belongs here: options, questions and what is printed. Does not belong here: what the commands do (``pizza_assets.aws``).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pizza_assets.cli.options import Group
from pizza_assets.errors import UseError
from pizza_assets.settings import Settings

if TYPE_CHECKING:
    from pizza_assets.aws.deployment import Deployer
    from pizza_assets.aws.stacks import Stack

_SUFFIX = click.option("--suffix", required=True, envvar="PIZZA_SUFFIX", help="End of the names of all resources.")
_STACK = click.option(
    "--stack", "kinds", multiple=True, help="storage, serverless, watching or platform; may be repeated."
)


@click.group(cls=Group)
def aws() -> None:
    """Deploy the platform to AWS, look at it, say what it costs, and remove it."""


def _given(values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if wrong := [value for value, (name, sign, _) in zip(values, pairs, strict=True) if not name or not sign]:
        raise UseError(f"--set {wrong[0]}: expected NAME=VALUE, such as --set TimeZone=Europe/Berlin.")
    return {name: value for name, _, value in pairs}


def _open() -> tuple[Any, "Deployer", Settings]:
    from pizza_assets.aws.account import Account
    from pizza_assets.aws.deployment import Deployer

    settings = Settings.load()
    account = Account(settings)
    return account, Deployer(account.client("cloudformation"), click.echo), settings


def _estimate(kinds: tuple[str, ...], lake_bytes: float) -> list[str]:
    from pizza_assets.aws import prices
    from pizza_assets.aws.usage import EVENING, IMAGE_BYTES, alarm_metrics, metrics

    lines = prices.estimate(
        kinds, EVENING, lake_bytes, metrics=metrics(), alarm_metrics=alarm_metrics(), image_bytes=IMAGE_BYTES
    )
    return [*prices.table(lines), f"An evening: {EVENING.source}"]


@aws.command()
@_SUFFIX
@_STACK
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="A parameter of the templates; repeatable.")
@click.option("--email", help="Address that gets the alarms.")
@click.option("--image", help="The image by digest, as 'docker push' prints it.")
@click.option("--dry-run", is_flag=True, help="Print templates, resources and cost; ask nobody.")
@click.option("--yes", is_flag=True, help="Do not ask before a change set is applied.")
def deploy(  # noqa: PLR0913 options
    suffix: str,
    kinds: tuple[str, ...],
    values: tuple[str, ...],
    email: str | None,
    image: str | None,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    """Create or update the stacks: each change set is shown before it is applied.

    The first time: --stack storage, then push the image, then all.
    """
    from pizza_assets.aws.stacks import TEMPLATES, USUAL, plan

    kinds = kinds or USUAL
    given = _given(values)
    if email and "watching" in kinds:
        given["Email"] = email
    if image and {"serverless", "platform"} & set(kinds):
        given["ImageUri"] = image
    settings = Settings.load()
    if any("TimeZone" in TEMPLATES[kind]()["Parameters"] for kind in kinds if kind in TEMPLATES):
        given.setdefault("TimeZone", settings.daily_refresh_time_zone)
    if "serverless" in kinds and settings.quicksight_account_id:
        given.setdefault("QuickSightAccountId", settings.quicksight_account_id)
        given.setdefault("QuickSightEdition", settings.quicksight_edition)
    stacks = plan(suffix, kinds, given)
    if dry_run:
        _print_plan(stacks, kinds)
        return
    account, deployer, _ = _open()
    number = account.number()
    click.echo(f"Account {number}, region {account.region}.")
    if "storage" in kinds:
        account.check_bucket(suffix, has_stack=deployer.state(stacks[0].name) is not None)
    for stack in stacks:
        _deploy(deployer, stack, yes=yes)


def _print_plan(stacks: "list[Stack]", kinds: tuple[str, ...]) -> None:
    from pizza_assets.aws.stacks import TEMPLATES, as_yaml

    for stack in stacks:
        template = TEMPLATES[stack.kind]()
        click.echo(f"# {stack.name}\n{as_yaml(template)}")
    for stack in stacks:
        click.echo(f"{stack.name} with {', '.join(f'{key}={value}' for key, value in stack.parameters.items())}:")
        for name, item in TEMPLATES[stack.kind]()["Resources"].items():
            only = f"  (where {item['Condition']})" if "Condition" in item else ""
            click.echo(f"  Add     {item['Type']:<45} {name}{only}")
    for line in _estimate(kinds, 0.0):
        click.echo(line)
    click.echo("Nothing was sent.")


def _deploy(deployer: "Deployer", stack: "Stack", *, yes: bool) -> None:
    changes = deployer.prepare(stack)
    if changes is None:
        click.echo(f"{stack.name}: nothing changes.")
        return
    click.echo(f"{stack.name}: {'is new' if changes.is_new else 'changes'}")
    for change in changes.changes:
        click.echo(f"  {change}")
    if not yes and not click.confirm("Apply these changes?"):
        deployer.discard(changes)
        raise click.Abort
    deployer.apply(changes)
    for name, value in deployer.outputs(stack.name).items():
        click.echo(f"  {name}: {value}")


@aws.command()
@_SUFFIX
def status(suffix: str) -> None:
    """Show stacks, the newest day, dead letters and alarms."""
    from pizza_assets.aws import report
    from pizza_assets.aws.stacks import check_suffix

    check_suffix(suffix)
    account, deployer, _ = _open()
    for line in report.status(account, deployer, suffix):
        click.echo(line)


@aws.command()
@_SUFFIX
@_STACK
@click.option("--dry-run", is_flag=True, help="Only the estimate; ask nobody.")
def cost(suffix: str, kinds: tuple[str, ...], *, dry_run: bool) -> None:
    """Estimate what a month costs, and show what was spent in the last 30 days by Cost Explorer.

    Cost Explorer takes 0.01 USD for a question, and knows our tags a day after they were activated in Billing.
    """
    from pizza_assets.aws.stacks import TEMPLATES, USUAL, bucket_name, check_suffix

    check_suffix(suffix)
    if unknown := [kind for kind in kinds if kind not in TEMPLATES]:
        raise UseError(f"--stack {unknown[0]}: expected one of {', '.join(TEMPLATES)}.")
    size = 0.0
    if not dry_run:
        account, _, _ = _open()
        size = account.bucket_bytes(bucket_name(suffix))[1]
    for line in _estimate(kinds or USUAL, size):
        click.echo(line)
    if dry_run:
        return
    spent = account.spent(suffix)
    click.echo("Spent in the last 30 days:" if spent else "Cost Explorer knows of no spending with our tags yet.")
    for name, usd in spent:
        click.echo(f"  {name:<40} {usd:>9.2f} USD")


@aws.command()
@_SUFFIX
@_STACK
@click.option("--keep-data", is_flag=True, help="Leave the storage stack: the bucket, its data and the images.")
@click.option("--dry-run", is_flag=True, help="Say what would go; delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def teardown(suffix: str, kinds: tuple[str, ...], *, keep_data: bool, dry_run: bool, yes: bool) -> None:
    """Delete the stacks and all data with every version, and say what is left and what it costs."""
    from pizza_assets.aws import report
    from pizza_assets.aws.stacks import TEMPLATES, bucket_name, check_suffix, logs_bucket_name, stack_name

    check_suffix(suffix)
    if unknown := [kind for kind in kinds if kind not in TEMPLATES]:
        raise UseError(f"--stack {unknown[0]}: expected one of {', '.join(TEMPLATES)}.")
    account, deployer, settings = _open()
    click.echo(f"Account {account.number()}, region {account.region}.")
    going = [
        kind
        for kind in reversed(list(TEMPLATES))
        if kind in (kinds or TEMPLATES) and not (keep_data and kind == "storage")
    ]
    buckets = {"storage": bucket_name(suffix), "platform": logs_bucket_name(suffix)}
    for kind in going:
        state = deployer.state(stack_name(kind, suffix))
        objects, size = account.bucket_bytes(buckets[kind]) if kind in buckets else (0, 0)
        data = f", with {objects} objects and versions ({size / 1e6:,.1f} MB)" if objects else ""
        click.echo(f"{stack_name(kind, suffix)}: {state or 'not deployed'}{data}")
    if dry_run:
        click.echo("Nothing was deleted.")
        return
    if not yes and not click.confirm("Delete all of this? Only a copy elsewhere brings data back"):
        raise click.Abort
    for kind in going:
        _remove(account, deployer, stack_name(kind, suffix), buckets.get(kind), click.echo)
    lines = list(report.left(account, suffix, has_quicksight=settings.quicksight_account_id is not None))
    click.echo("Left:" if lines else "Nothing is left.")
    for line in lines:
        click.echo(f"  {line}")


@aws.command()
@_SUFFIX
@click.option("--dry-run", is_flag=True, help="Say what would come back; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def undelete(suffix: str, *, dry_run: bool, yes: bool) -> None:
    """Bring back what was deleted from the bucket in the last 30 days: its newest versions show again.

    End what deletes first. A real day that replaced a mock one has both after this: 'pizza-assets verify' names such.
    """
    from pizza_assets.aws.stacks import bucket_name, check_suffix

    bucket = bucket_name(check_suffix(suffix))
    account, _, _ = _open()
    markers = account.delete_markers(bucket)
    for marker in markers[:10]:
        click.echo(f"  {marker['Key']}")
    if len(markers) > 10:
        click.echo(f"  and {len(markers) - 10} more")
    if dry_run:
        click.echo(f"{len(markers)} objects would be there again. Nothing was changed.")
        return
    if markers and not yes and not click.confirm(f"Bring these {len(markers)} objects of {bucket} back?"):
        raise click.Abort
    click.echo(f"{account.undelete(bucket, markers)} objects are there again.")


def _remove(account: Any, deployer: "Deployer", name: str, bucket: str | None, tell: Callable[[str], None]) -> None:  # noqa: ANN401 an Account; importing it costs time
    if bucket is not None and (count := account.empty(bucket)):
        tell(f"{bucket}: {count} objects and versions deleted")
    if deployer.delete(name):
        tell(f"{name}: deleted")
    if bucket is not None and account.delete_bucket(bucket):
        tell(f"{bucket}: deleted")
