"""The stack of Dagster itself on ECS Fargate: webserver, daemon, code location, PostgreSQL, logs of steps in S3.

Belongs here: what runs all the time. Does not belong here: the instance's settings (``deploy/dagster-ecs.yaml``).
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

#: Ports of the webserver, of the code location and of PostgreSQL.
WEB, CODE, POSTGRES = 3000, 4000, 5432
_CODE_HOST = "code.pizza-${Suffix}.internal"
_OWN_KEY = "encrypted by AWS's own key; a key of ours costs 1 USD a month and protects from nobody else here"
#: The services by name: what they run, and CPU units and megabytes.
SERVICES: dict[str, tuple[list[str], str, str]] = {
    "Code": (
        ["dagster", "api", "grpc", "-h", "0.0.0.0", "-p", str(CODE), "-m", "pizza_assets.definitions"],  # noqa: S104 in a container; its security group lets in the other tasks alone
        "512",
        "2048",
    ),
    "Webserver": (["dagster-webserver", "-h", "0.0.0.0", "-p", str(WEB), "-w", "workspace.yaml"], "512", "1024"),  # noqa: S104 as above
    "Daemon": (["dagster-daemon", "run", "-w", "workspace.yaml"], "512", "1024"),
}


def _environment() -> list[Template]:
    values: Template = {
        "PIZZA_LAKE": sub(f"s3://{BUCKET}"),
        "SETTINGS_SECRET": sub("pizza-game/${Suffix}/settings"),
        "METRICS": "cloudwatch",
        "LOG_FORMAT": "json",
        "DAILY_REFRESH_TIME_ZONE": ref("TimeZone"),
        "AWS_REGION": ref("AWS::Region"),
        "DAGSTER_CURRENT_IMAGE": ref("ImageUri"),
        "DAGSTER_PG_HOST": att("Database", "Endpoint.Address"),
        "DAGSTER_PG_DB": "pizza",
        "DATABASE_CERTIFICATES": "/opt/dagster/rds.pem",
        "DAGSTER_LOGS_BUCKET": ref("Logs"),
        "DAGSTER_CODE_HOST": sub(_CODE_HOST),
    }
    return [{"Name": name, "Value": value} for name, value in values.items()]


def _password(key: str) -> Template:
    return sub(f"${{Database.MasterUserSecret.SecretArn}}:{key}::")


def _task(name: str, command: list[str], cpu: str, megabytes: str) -> Template:
    container = {
        "Name": name.lower(),
        "Image": ref("ImageUri"),
        "Command": command,
        "Essential": True,
        "ReadonlyRootFilesystem": True,
        "Environment": _environment(),
        "Secrets": [
            {"Name": "DAGSTER_PG_USERNAME", "ValueFrom": _password("username")},
            {"Name": "DAGSTER_PG_PASSWORD", "ValueFrom": _password("password")},
        ],
        "MountPoints": [{"SourceVolume": "temporary", "ContainerPath": "/tmp", "ReadOnly": False}],  # noqa: S108 of the container
        "PortMappings": [{"ContainerPort": {"Webserver": WEB, "Code": CODE}[name]}] if name != "Daemon" else [],
        "LogConfiguration": {
            "LogDriver": "awslogs",
            "Options": {
                "awslogs-group": ref("Log"),
                "awslogs-region": ref("AWS::Region"),
                "awslogs-stream-prefix": name.lower(),
            },
        },
    }
    return resource(
        "ECS::TaskDefinition",
        {
            "Family": sub(f"pizza-game-${{Suffix}}-{name.lower()}"),
            "Cpu": cpu,
            "Memory": megabytes,
            "NetworkMode": "awsvpc",
            "RequiresCompatibilities": ["FARGATE"],
            "ExecutionRoleArn": att("ExecutionRole", "Arn"),
            "TaskRoleArn": att("TaskRole", "Arn"),
            "Volumes": [{"Name": "temporary"}],
            "ContainerDefinitions": [container],
            "Tags": tags(),
        },
    )


def _service(name: str) -> Template:
    properties: Template = {
        "ServiceName": name.lower(),
        "Cluster": ref("Cluster"),
        "TaskDefinition": ref(f"{name}Task"),
        "LaunchType": "FARGATE",
        "DesiredCount": 1,
        "EnableExecuteCommand": True,
        "PropagateTags": "SERVICE",
        # The daemon must never run twice: the old one ends before the new one starts.
        "DeploymentConfiguration": (
            {"MaximumPercent": 100, "MinimumHealthyPercent": 0}
            if name == "Daemon"
            else {"MaximumPercent": 200, "MinimumHealthyPercent": 100}
        ),
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {
                "AssignPublicIp": "DISABLED",
                "Subnets": ref("SubnetIds"),
                "SecurityGroups": [ref("TasksGroup")],
            }
        },
        "Tags": tags(),
    }
    if name == "Code":
        properties["ServiceRegistries"] = [{"RegistryArn": att("CodeName", "Arn")}]
    if name == "Webserver":
        target = {"ContainerName": "webserver", "ContainerPort": WEB, "TargetGroupArn": ref("WebTargets")}
        properties["LoadBalancers"] = if_("HasLoadBalancer", [target])
        properties["HealthCheckGracePeriodSeconds"] = if_("HasLoadBalancer", 120)
    return resource("ECS::Service", properties)


def _network() -> dict[str, Template]:
    def group(what: str, rules: list[Template]) -> Template:
        return resource(
            "EC2::SecurityGroup",
            {"GroupDescription": what, "VpcId": ref("VpcId"), "SecurityGroupIngress": rules, "Tags": tags()},
        )

    def from_group(source: str, port: int, why: str, to: str) -> Template:
        return resource(
            "EC2::SecurityGroupIngress",
            {
                "GroupId": att(to, "GroupId"),
                "SourceSecurityGroupId": att(source, "GroupId"),
                "IpProtocol": "tcp",
                "FromPort": port,
                "ToPort": port,
                "Description": why,
            },
        )

    people = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": ref("PeopleCidr"), "Description": "people"}
    from_load_balancer = from_group("LoadBalancerGroup", WEB, "people, by the load balancer", "TasksGroup")
    return {
        "TasksGroup": group("Tasks of Dagster", []),
        "DatabaseGroup": group("PostgreSQL", []),
        "LoadBalancerGroup": {**group("People", [people]), "Condition": "HasLoadBalancer"},
        "CodeFromTasks": from_group("TasksGroup", CODE, "webserver and daemon", "TasksGroup"),
        "DatabaseFromTasks": from_group("TasksGroup", POSTGRES, "Dagster and the warehouse", "DatabaseGroup"),
        "WebFromLoadBalancer": {**from_load_balancer, "Condition": "HasLoadBalancer"},
        "Namespace": resource(
            "ServiceDiscovery::PrivateDnsNamespace",
            {"Name": sub("pizza-${Suffix}.internal"), "Vpc": ref("VpcId"), "Tags": tags()},
        ),
        "CodeName": resource(
            "ServiceDiscovery::Service",
            {
                "Name": "code",
                "NamespaceId": ref("Namespace"),
                "DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 10}]},
                "HealthCheckCustomConfig": {"FailureThreshold": 1},
                "Tags": tags(),
            },
        ),
    }


def _database() -> dict[str, Template]:
    parameters = {
        "Family": "postgres17",
        "Description": "TLS is required; slow statements are logged",
        "Parameters": {"rds.force_ssl": "1", "log_min_duration_statement": "5000", "log_statement": "ddl"},
        "Tags": tags(),
    }
    subnets = {
        "DBSubnetGroupDescription": "Where Dagster's database is",
        "SubnetIds": ref("SubnetIds"),
        "Tags": tags(),
    }
    database = {
        "DBInstanceIdentifier": sub("pizza-game-${Suffix}"),
        "Engine": "postgres",
        "EngineVersion": "17.11",
        "DBName": "pizza",
        "DBInstanceClass": ref("DatabaseClass"),
        "AllocatedStorage": ref("DatabaseGigabytes"),
        "StorageType": "gp3",
        "StorageEncrypted": True,
        "MasterUsername": "dagster",
        "ManageMasterUserPassword": True,
        "EnableIAMDatabaseAuthentication": True,
        "EnableCloudwatchLogsExports": ["postgresql", "upgrade"],
        "BackupRetentionPeriod": 7,
        "MultiAZ": ref("DatabaseInTwoZones"),
        "PubliclyAccessible": False,
        "AutoMinorVersionUpgrade": True,
        "CopyTagsToSnapshot": True,
        "DeletionProtection": ref("DatabaseProtected"),
        "DBParameterGroupName": ref("DatabaseParameters"),
        "DBSubnetGroupName": ref("DatabaseSubnets"),
        "VPCSecurityGroups": [att("DatabaseGroup", "GroupId")],
        "Tags": tags(),
    }
    accepted = {
        "CKV_AWS_118": "enhanced monitoring costs; Performance Insights and the logs are enough at this size",
        "CKV_AWS_157": "two zones double the price: parameter DatabaseInTwoZones",
        "CKV_AWS_293": "parameter DatabaseProtected; teardown leaves a snapshot",
    }
    return {
        "DatabaseParameters": resource("RDS::DBParameterGroup", parameters),
        "DatabaseSubnets": resource("RDS::DBSubnetGroup", subnets),
        "Database": resource(
            "RDS::DBInstance", database, accepted=accepted, DeletionPolicy="Snapshot", UpdateReplacePolicy="Snapshot"
        ),
    }


def _load_balancer() -> dict[str, Template]:
    """Return the internal load balancer with a log-in (OIDC); only where a certificate is given."""
    log_in = {
        "Type": "authenticate-oidc",
        "Order": 1,
        "AuthenticateOidcConfig": {
            "Issuer": ref("OidcIssuer"),
            "AuthorizationEndpoint": ref("OidcAuthorizationEndpoint"),
            "TokenEndpoint": ref("OidcTokenEndpoint"),
            "UserInfoEndpoint": ref("OidcUserInfoEndpoint"),
            "ClientId": ref("OidcClientId"),
            "ClientSecret": sub("{{resolve:secretsmanager:${OidcSecretName}:SecretString:client_secret}}"),
            "OnUnauthenticatedRequest": "authenticate",
        },
    }
    found = {
        "LoadBalancer": resource(
            "ElasticLoadBalancingV2::LoadBalancer",
            {
                "Type": "application",
                "Scheme": "internal",
                "Subnets": ref("SubnetIds"),
                "SecurityGroups": [att("LoadBalancerGroup", "GroupId")],
                "LoadBalancerAttributes": [{"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": "true"}],
                "Tags": tags(),
            },
            accepted={
                "CKV_AWS_91": "the webserver is for few people, inside the network; its own log is kept",
                "CKV_AWS_150": "nothing is lost with it; teardown would have to switch the protection off first",
            },
        ),
        "WebTargets": resource(
            "ElasticLoadBalancingV2::TargetGroup",
            {
                "VpcId": ref("VpcId"),
                "Protocol": "HTTP",
                "Port": WEB,
                "TargetType": "ip",
                "HealthCheckPath": "/server_info",
                "Tags": tags(),
            },
        ),
        "Listener": resource(
            "ElasticLoadBalancingV2::Listener",
            {
                "LoadBalancerArn": ref("LoadBalancer"),
                "Port": 443,
                "Protocol": "HTTPS",
                "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
                "Certificates": [{"CertificateArn": ref("CertificateArn")}],
                "DefaultActions": [log_in, {"Type": "forward", "Order": 2, "TargetGroupArn": ref("WebTargets")}],
            },
        ),
    }
    return {name: {**item, "Condition": "HasLoadBalancer"} for name, item in found.items()}


def _roles() -> dict[str, Template]:
    roles: tuple[tuple[str, permissions.Role], ...] = (("TaskRole", "task"), ("ExecutionRole", "execution"))
    return {
        name: resource(
            "IAM::Role",
            {
                "RoleName": sub(f"pizza-game-${{Suffix}}-{role}"),
                "AssumeRolePolicyDocument": trust("ecs-tasks.amazonaws.com"),
                "Policies": [{"PolicyName": role, "PolicyDocument": permissions.policy_of(role)}],
                "Tags": tags(),
            },
            accepted={"CKV_AWS_111": "each statement on all resources says why in pizza_assets/aws/permissions.py"},
        )
        for name, role in roles
    }


def _kept() -> dict[str, Template]:
    bucket = resource(
        "S3::Bucket",
        {
            "BucketName": sub("pizza-game-logs-${Suffix}"),
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": "logs",
                        "Status": "Enabled",
                        "ExpirationInDays": 90,
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                    }
                ]
            },
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "PublicAccessBlockConfiguration": dict.fromkeys(
                ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
            ),
            "Tags": tags(),
        },
        accepted={
            "CKV_AWS_18": "these are logs themselves",
            "CKV_AWS_21": "logs of steps are written once and expire",
            "CKV_AWS_145": "S3 encrypts with its own keys (SSE-S3)",
        },
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
    )
    denied = statement(
        "Deny",
        "s3:*",
        [att("Logs", "Arn"), sub("${Logs.Arn}/*")],
        Sid="OnlyTls",
        Principal="*",
        Condition={"Bool": {"aws:SecureTransport": "false"}},
    )
    log = {"LogGroupName": sub("/pizza-game/${Suffix}/platform"), "RetentionInDays": 30, "Tags": tags()}
    return {
        "Logs": bucket,
        "LogsPolicy": resource("S3::BucketPolicy", {"Bucket": ref("Logs"), "PolicyDocument": policy(denied)}),
        "Log": resource("Logs::LogGroup", log, accepted={"CKV_AWS_158": _OWN_KEY}),
    }


def template() -> Template:
    """Return the template."""
    oidc = {
        f"Oidc{name}": text(f"{name} of the log-in provider; needed with CertificateArn.", "")
        for name in ("Issuer", "AuthorizationEndpoint", "TokenEndpoint", "UserInfoEndpoint", "ClientId")
    }
    cluster = {
        "ClusterName": sub("pizza-game-${Suffix}"),
        "ClusterSettings": [{"Name": "containerInsights", "Value": "enabled"}],
        "Tags": tags(),
    }
    yes_no = {"AllowedValues": ["true", "false"]}
    return {
        "AWSTemplateFormatVersion": VERSION,
        "Description": "pizza-game platform: Dagster on ECS Fargate, PostgreSQL on RDS",
        "Parameters": {
            "Suffix": SUFFIX,
            "ImageUri": text("The image, by digest."),
            "VpcId": text(
                "A VPC whose private subnets reach the internet (NAT) or have the endpoints.", Type="AWS::EC2::VPC::Id"
            ),
            "SubnetIds": text("Private subnets in two zones.", Type="List<AWS::EC2::Subnet::Id>"),
            "TimeZone": text("IANA time zone of the daily refresh.", "Europe/London"),
            "DatabaseClass": text("Of RDS.", "db.t4g.small"),
            "DatabaseGigabytes": text("Of RDS.", "20", AllowedPattern="^[0-9]+$"),
            "DatabaseInTwoZones": text("true: a standby in another zone, at twice the price.", "false", **yes_no),
            "DatabaseProtected": text("true: the database cannot be deleted, by teardown either.", "false", **yes_no),
            "CertificateArn": text("Certificate of the internal load balancer; empty: none, use SSM.", ""),
            "PeopleCidr": text("Whose addresses reach the load balancer.", "10.0.0.0/8"),
            "OidcSecretName": text("Secret with the key client_secret; needed with CertificateArn.", ""),
            **oidc,
        },
        "Conditions": {"HasLoadBalancer": is_set("CertificateArn")},
        "Resources": {
            "Cluster": resource("ECS::Cluster", cluster),
            **_kept(),
            **_roles(),
            **_network(),
            **_database(),
            **_load_balancer(),
            **{f"{name}Task": _task(name, *of_service) for name, of_service in SERVICES.items()},
            **{f"{name}Service": _service(name) for name in SERVICES},
        },
        "Outputs": {
            "ClusterName": {"Description": "Of Dagster's tasks", "Value": ref("Cluster")},
            "DatabaseHost": {"Description": "For QUICKSIGHT_WAREHOUSE", "Value": att("Database", "Endpoint.Address")},
        },
    }
