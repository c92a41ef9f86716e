"""Who may do what on AWS: one table, from which the policies of all roles are made.

Belongs here: actions, what they reach, and why. Does not belong here: templates. A test records the requests that the
product makes, and holds the table to them: nothing that is used is missing, and nothing is allowed that is not used.
Where a service of AWS, or dagster-aws, uses an action for us, ``used_by`` names it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pizza_assets.aws.templates.words import BUCKET, Template, policy, statement, sub

#: function: the Lambda function. task: Dagster on ECS. operator: a person at the command line. execution: what ECS
#: itself does to start a task. scheduler: EventBridge Scheduler.
Role = Literal["function", "task", "operator", "execution", "scheduler"]
ROLES: tuple[Role, ...] = ("function", "task", "operator", "execution", "scheduler")

#: Requests that the product's own code makes, which a test records.
PRODUCT = "product"


@dataclass(frozen=True)
class Permission:
    """An action that roles may use, on what (in CloudFormation's ``Fn::Sub``), and why; ``only_if`` is a condition."""

    action: str
    on: str
    why: str
    roles: tuple[Role, ...]
    used_by: str = PRODUCT
    only_if: tuple[str, str, str] | None = None


_S3 = "arn:${AWS::Partition}:s3:::"
_LAKE, _OBJECTS = f"{_S3}{BUCKET}", f"{_S3}{BUCKET}/*"
_LOGS = f"{_S3}pizza-game-logs-${{Suffix}}"
_HERE = "${AWS::Region}:${AWS::AccountId}"
_SECRET = f"arn:${{AWS::Partition}}:secretsmanager:{_HERE}:secret:pizza-game/${{Suffix}}/settings-*"
_QUICKSIGHT = f"arn:${{AWS::Partition}}:quicksight:{_HERE}:"
_DATA_SET, _SOURCE, _BOARD = (f"{_QUICKSIGHT}{kind}/pizza-*" for kind in ("dataset", "datasource", "dashboard"))
_ECS = f"arn:${{AWS::Partition}}:ecs:{_HERE}:"
_TASKS, _DEFINITIONS = f"{_ECS}task/pizza-game-${{Suffix}}/*", f"{_ECS}task-definition/*"
_GROUP = f"arn:${{AWS::Partition}}:logs:{_HERE}:log-group:"
_FUNCTION = "pizza-game-dashboard-${Suffix}"
_LAUNCHER = "dagster-aws (EcsRunLauncher)"

_RUNS: tuple[Role, ...] = ("function", "task")
_ALL: tuple[Role, ...] = ("function", "task", "operator")

PERMISSIONS: tuple[Permission, ...] = (
    # The lake
    Permission("s3:ListBucket", _LAKE, "find the days that are stored", _ALL),
    Permission("s3:GetObject", _OBJECTS, "read days, and their metadata", _ALL),
    Permission("s3:PutObject", _OBJECTS, "store days, large ones in parts", _ALL),
    Permission("s3:DeleteObject", _OBJECTS, "replace a mock day by a real one", _ALL),
    Permission("s3:AbortMultipartUpload", _OBJECTS, "an upload in parts that failed", _ALL, "boto3, when a part fails"),
    Permission("s3:ListBucketVersions", _LAKE, "pizza-assets restore: which runs wrote a day", ("operator",)),
    Permission("s3:GetObjectVersion", _OBJECTS, "pizza-assets restore: what one of them wrote", ("operator",)),
    # Secrets, metrics
    Permission("secretsmanager:GetSecretValue", _SECRET, "the keys of the APIs", _RUNS),
    Permission(
        "cloudwatch:PutMetricData",
        "*",
        "METRICS=cloudwatch; CloudWatch knows no resource of it, only a namespace",
        ("task",),
        only_if=("StringEquals", "cloudwatch:namespace", "PizzaAssets"),
    ),
    # QuickSight
    Permission("quicksight:CreateIngestion", _DATA_SET, "refresh what viewers see", _RUNS),
    Permission("quicksight:DescribeIngestion", _DATA_SET, "follow the refresh to its end", _RUNS),
    *(
        Permission(f"quicksight:{verb}{kind}", on, f"pizza-assets quicksight {command}", ("operator",))
        for kind, on in (
            ("DataSource", _SOURCE),
            ("DataSet", _DATA_SET),
            ("RefreshSchedule", _DATA_SET),
            ("Dashboard", _BOARD),
        )
        for verb, command in (
            ("Describe", "deploy, status, backup"),
            ("Create", "deploy, restore"),
            ("Update", "deploy, restore"),
            ("Delete", "teardown"),
        )
        if (verb, kind) not in {("Create", "DataSource"), ("Create", "DataSet")}
    ),
    Permission(
        "quicksight:CreateDataSource",
        "*",
        "pizza-assets quicksight deploy, restore; QuickSight knows no resource of it before it is there",
        ("operator",),
    ),
    Permission(
        "quicksight:CreateDataSet",
        _SOURCE,
        "pizza-assets quicksight deploy, restore; of a new data set IAM looks at the source",
        ("operator",),
    ),
    *(
        Permission(f"quicksight:Update{kind}Permissions", on, "who sees what is there already", ("operator",))
        for kind, on in (("DataSource", _SOURCE), ("DataSet", _DATA_SET), ("Dashboard", _BOARD))
    ),
    Permission("quicksight:UpdateDashboardPublishedVersion", _BOARD, "show the new version", ("operator",)),
    Permission("quicksight:PassDataSource", _SOURCE, "a data set names its source", ("operator",), "QuickSight"),
    Permission("quicksight:PassDataSet", _DATA_SET, "a dashboard names its data sets", ("operator",), "QuickSight"),
    # What services do in our name
    Permission(
        "logs:CreateLogStream", f"{_GROUP}/aws/lambda/{_FUNCTION}:*", "the function's log", ("function",), "Lambda"
    ),
    Permission("logs:PutLogEvents", f"{_GROUP}/aws/lambda/{_FUNCTION}:*", "the same", ("function",), "Lambda"),
    Permission(
        "sqs:SendMessage",
        f"arn:${{AWS::Partition}}:sqs:{_HERE}:{_FUNCTION}-dead",
        "events that failed three times",
        ("function", "scheduler"),
        "Lambda, Scheduler",
    ),
    Permission(
        "lambda:InvokeFunction",
        f"arn:${{AWS::Partition}}:lambda:{_HERE}:function:{_FUNCTION}",
        "the run at 18:00",
        ("scheduler",),
        "Scheduler",
    ),
    # Dagster on ECS
    *(
        Permission(action, on, why, ("task",), _LAUNCHER)
        for action, on, why in (
            ("ecs:RunTask", _DEFINITIONS, "each run is a task"),
            ("ecs:DescribeTasks", _TASKS, "is the run's task alive"),
            ("ecs:StopTask", _TASKS, "end a run from the UI"),
            ("ecs:DescribeTaskDefinition", "*", "what a run's task is made like; ECS knows no resource of it"),
            ("ecs:RegisterTaskDefinition", _DEFINITIONS, "the task of a run"),
            ("ecs:TagResource", f"{_ECS}*", "costs of runs by tag; a new task has no name yet"),
            ("ec2:DescribeNetworkInterfaces", "*", "the subnets of the daemon's task; EC2 knows no resource of it"),
            ("iam:PassRole", "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/pizza-game-${Suffix}-*", "its roles"),
            ("secretsmanager:ListSecrets", "*", "secrets by tag; Secrets Manager knows no resource of it"),
            ("logs:GetLogEvents", f"{_GROUP}/pizza-game/${{Suffix}}/platform:*", "why a task did not start"),
        )
    ),
    *(
        Permission(action, on, "what steps print", ("task",), "dagster-aws (S3ComputeLogManager)")
        for action, on in (
            ("s3:GetObject", f"{_LOGS}/*"),
            ("s3:PutObject", f"{_LOGS}/*"),
            ("s3:DeleteObject", f"{_LOGS}/*"),
            ("s3:ListBucket", _LOGS),
        )
    ),
    *(
        Permission(f"ssmmessages:{action}", "*", "a session through ECS Exec; SSM knows no resource", ("task",), "ECS")
        for action in ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
    ),
    # Starting a task
    Permission("ecr:GetAuthorizationToken", "*", "log in to ECR, which knows no resource", ("execution",), "ECS"),
    *(
        Permission(
            f"ecr:{action}",
            f"arn:${{AWS::Partition}}:ecr:{_HERE}:repository/pizza-game-${{Suffix}}",
            "the image",
            ("execution",),
            "ECS",
        )
        for action in ("BatchCheckLayerAvailability", "GetDownloadUrlForLayer", "BatchGetImage")
    ),
    *(
        Permission(
            f"logs:{action}", f"{_GROUP}/pizza-game/${{Suffix}}/platform:*", "tasks' logs", ("execution",), "ECS"
        )
        for action in ("CreateLogStream", "PutLogEvents")
    ),
    Permission(
        "secretsmanager:GetSecretValue",
        f"arn:${{AWS::Partition}}:secretsmanager:{_HERE}:secret:rds!db-*",
        "the database's password, whose secret RDS makes and names",
        ("execution",),
        "ECS",
    ),
)


def of_role(role: Role, table: Iterable[Permission] = PERMISSIONS) -> list[Permission]:
    """Return what a role may do."""
    return [permission for permission in table if role in permission.roles]


def policy_of(role: Role, table: Sequence[Permission] = PERMISSIONS) -> Template:
    """Return the policy of a role: a statement for each set of resources and condition, actions in order."""
    grouped: dict[tuple[str, tuple[str, str, str] | None], list[str]] = {}
    for permission in of_role(role, table):
        grouped.setdefault((permission.on, permission.only_if), []).append(permission.action)
    statements = []
    for (on, condition), actions in grouped.items():
        more: dict[str, object] = {}
        if condition is not None:
            operator, key, value = condition
            more["Condition"] = {operator: {key: value}}
        resources: object = sub(on) if "${" in on else on
        statements.append(statement("Allow", sorted(actions), resources, **more))
    return policy(*statements)


def used(role: Role, actions: Iterable[str], table: Sequence[Permission] = PERMISSIONS) -> Mapping[str, list[str]]:
    """Compare what a role may do with the actions that its requests need.

    Returns
    -------
    Mapping
        ``missing``: used and not allowed. ``too_many``: allowed for the product, and not used.
    """
    found = set(actions)
    allowed = {permission.action for permission in of_role(role, table)}
    ours = {permission.action for permission in of_role(role, table) if permission.used_by == PRODUCT}
    return {"missing": sorted(found - allowed), "too_many": sorted(ours - found)}


def wide(table: Iterable[Permission] = PERMISSIONS) -> list[Permission]:
    """Return what has no reason for its width: an action with a ``*``, or all resources of a service that names them.

    A reason for all resources is that the service knows no other: the table has to say so.
    """
    return [
        permission
        for permission in table
        if "*" in permission.action or (permission.on == "*" and "know" not in permission.why)
    ]
