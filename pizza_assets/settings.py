"""Every setting once: its name, its default and what it means.

Belongs here: reading the environment and ``.env``. Does not belong here: what a setting is used for.
Values come from the environment first, then from ``.env`` in the working directory. Secrets are
``SecretStr`` and print as ``**********``.
"""

import json
import os
import re
from datetime import date
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from dotenv import dotenv_values
from pydantic import (
    AliasChoices,
    Field,
    HttpUrl,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pizza_assets.errors import SettingsError
from pizza_assets.platform.addresses import is_loopback
from pizza_assets.platform.redaction import learn, secrets_of
from pizza_assets.reference import name_of_team


@cache
def _time_zones() -> set[str]:
    """Return the names of all time zones; to list them takes 10 ms, for it walks the system's database."""
    return available_timezones()


_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
#: How settings begin that no other program has.
_OURS = ("PIZZA_", "FOOTBALL_", "DOMINOS_", "RETAILER_", "QUICKSIGHT_", "MERCHANTS_", "WAREHOUSE_", "MOCK_")


class Settings(BaseSettings):
    """All settings of the platform. Each field's environment variable is its name in capitals, or its alias."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8-sig",  # some editors begin a file with a mark
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    # Lake
    pizza_lake: str = Field("lake", description="Where data lives: a folder, or s3://bucket[/prefix].")
    s3_bucket_name: str | None = Field(
        None, description="A bucket name; taken as PIZZA_LAKE=s3://<bucket> when PIZZA_LAKE is not set."
    )
    s3_attempts: int = Field(
        6,
        ge=1,
        le=20,
        description="How often an operation on S3 is tried when its failure may pass, with growing pauses.",
    )
    aws_endpoint_url: HttpUrl | None = Field(None, description="Another S3 endpoint (MinIO, moto).")
    aws_region: str | None = Field(
        None,
        validation_alias=AliasChoices("aws_region", "aws_default_region"),
        description="AWS region of the bucket.",
    )
    aws_profile: str | None = Field(None, description="Named AWS profile.")

    # Days
    pizza_start_date: date = Field(date(2023, 8, 1), description="First day of the daily partitions (UTC).")
    pizza_max_days_per_run: int = Field(
        366, ge=1, description="A longer backfill is split into runs of this many days."
    )
    range_processes: int | None = Field(
        None, ge=1, description="Processes that analyse the days of a long range; not set: one for each core."
    )
    analysis_window_days: int = Field(365, ge=14, description="Days before and including the 'as of' day.")

    # Real or mock
    pizza_allow_mock: bool = Field(
        True,
        description=(
            "false: a source that does not answer fails the run instead of falling back to mock. A day that is real in "
            "the lake is kept in either case."
        ),
    )

    # Quality
    mock_days_before_error: int = Field(
        3, ge=1, description="Mock days in a row, although a real source is set up, that are an error."
    )
    freshness_hours: float = Field(
        48,
        gt=0,
        description="Hours since the end of the newest complete day from which data is late (a daily run at 18:00 "
        "keeps it below 42).",
    )

    # User interface
    docs_url: HttpUrl | None = Field(
        None, description="Where docs/ can be read in a browser; without it the UI names the files."
    )

    log_format: Literal["auto", "text", "json"] = Field(
        "auto", description="Lines of logs: text, json, or auto: json in a container, text elsewhere."
    )

    # Football matches
    football_api_key: SecretStr | None = Field(None, description="Token of football-data.org.")
    football_api_url: HttpUrl = Field(
        HttpUrl("https://api.football-data.org/v4"), description="Base address of the football API."
    )
    football_competitions: Annotated[tuple[str, ...], NoDecode] = Field(
        ("PL",),
        description="Competition codes, separated by commas. One that does not answer affects its own matches only.",
    )
    matches_files: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Fixtures in files, without a key: files, folders or patterns, separated by commas; tables of "
        "football-data.co.uk, openfootball's JSON and text, or a table of your own. Real matches.",
    )

    clubs_file: str | None = Field(
        None,
        description=(
            "CSV of clubs to add to ours, with the columns club, city, country (ISO 3166) and time_zone (IANA). A row "
            "without a club adds a city."
        ),
    )
    focus_teams: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Clubs that you ask about, separated by commas (Liverpool, Everton), set before you look at "
        "results; they then have the weight that all clubs share otherwise.",
    )

    # Orders
    dominos_api_key: SecretStr | None = Field(None, description="Bearer token of the Domino's orders API.")
    dominos_api_url: HttpUrl = Field(
        HttpUrl("https://api.dominos.com/v1"), description="Base address of the orders API."
    )
    dominos_store_id: str | None = Field(None, description="Only this store's orders; all stores when not set.")
    orders_files: str | None = Field(
        None,
        description="Till exports: a file, a folder or a pattern; text, spreadsheets, JSON, Parquet. Real orders.",
    )
    orders_profile: str | None = Field(
        None,
        description="What they mean: the file that pizza-assets orders inspect writes, or a ready-made profile's name.",
    )
    orders_columns: Annotated[dict[str, str], NoDecode] = Field(
        {}, description='JSON object from our field to the column, where no profile is: {"order_id": "Receipt"}.'
    )
    orders_time_zone: str = Field(
        "UTC", description="Time zone of times without an offset in till exports, where the profile names none."
    )
    orders_currency: str = Field("GBP", pattern="^[A-Z]{3}$", description="ISO 4217 currency of orders that name none.")

    tonight_files: str | None = Field(
        None,
        description="Till exports of today that appear or grow while matches are on: a file, a folder or a pattern, "
        "read with ORDERS_PROFILE. 'pizza-assets serve' then shows tonight.",
    )

    # Retailers
    retailer_1_url: HttpUrl | None = Field(
        None, description="Base address of retailer 1's API; its days are mock when not set."
    )
    retailer_1_api_key: SecretStr | None = Field(None, description="API key of retailer 1.")
    retailer_2_url: HttpUrl | None = Field(
        None, description="Base address of retailer 2's API; its days are mock when not set."
    )
    retailer_2_client_id: str | None = Field(None, description="OAuth2 client of retailer 2.")
    retailer_2_client_secret: SecretStr | None = Field(None, description="Secret of that client.")
    retailer_3_url: HttpUrl | None = Field(
        None, description="Base address of retailer 3's API; its days are mock when not set."
    )
    retailer_3_user: str | None = Field(None, description="User name at retailer 3.")
    retailer_3_password: SecretStr | None = Field(None, description="Password of that user.")
    retailer_3_signing_key: SecretStr | None = Field(None, description="Key with which retailer 3 signs its pages.")
    retailer_1_time_zone: str | None = Field(
        None, description="Time zone of retailer 1's business days and clock; RETAIL_DAILY_TIME_ZONE when not set."
    )
    retailer_2_time_zone: str | None = Field(
        None, description="Time zone of retailer 2's business days; RETAIL_DAILY_TIME_ZONE when not set."
    )
    retailer_3_time_zone: str | None = Field(
        None, description="Time zone of retailer 3's business days; RETAIL_DAILY_TIME_ZONE when not set."
    )
    retailer_requests_per_minute: int = Field(120, ge=1, description="Requests in any 60 s, per retailer's host.")

    # QuickSight
    quicksight_account_id: str | None = Field(
        None, pattern="^[0-9]{12}$", description="AWS account of QuickSight, 12 digits."
    )
    quicksight_edition: Literal["standard", "enterprise"] = Field(
        "enterprise", description="standard: 8 manual refreshes a data set in any 24 h; enterprise: 32."
    )
    quicksight_owners: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="ARNs of users or groups that own the dashboard, separated by commas."
    )
    quicksight_viewers: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="ARNs of users or groups that see the dashboard, separated by commas."
    )
    quicksight_warehouse: str | None = Field(
        None,
        description="host[:port]/database of the warehouse, as QuickSight reaches it; without it not set up there.",
    )
    quicksight_warehouse_secret: str | None = Field(
        None,
        pattern="^arn:[-a-z0-9]*:secretsmanager:[-a-z0-9]*:[0-9]{12}:secret:.+$",
        description="ARN of the secret in Secrets Manager with user and password of a bi_reader.",
    )
    quicksight_vpc_connection: str | None = Field(
        None, description="ARN of the VPC connection that leads to the warehouse, where it is in a VPC."
    )

    # Every day
    daily_refresh_time_zone: str = Field("Europe/London", description="Time zone of the daily refresh at 18:00.")
    dagster_ui_url: HttpUrl = Field(
        HttpUrl("http://localhost:3000"), description="Where people open Dagster's UI; alerts link to it."
    )

    # Alerts; with neither Slack nor SMTP they are only logged
    slack_webhook_url: SecretStr | None = Field(None, description="Incoming webhook of Slack that gets the alerts.")
    smtp_host: str | None = Field(None, description="Mail server that sends the alerts.")
    smtp_port: int = Field(587, ge=1, le=65535, description="587: STARTTLS; 465: TLS; plain on loopback only.")
    smtp_user: str | None = Field(None, description="User at the mail server; none when not set.")
    smtp_password: SecretStr | None = Field(None, description="Password at the mail server.")
    alert_email_from: str | None = Field(None, description="Sender of the alerts.")
    alert_email_to: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Receivers of the alerts, separated by commas."
    )
    alert_repeat_hours: int = Field(24, ge=1, description="The same cause alerts again after this many hours.")
    alerts_per_hour: int = Field(10, ge=1, description="More alerts than this in an hour are put into one.")

    # Metrics
    metrics: Literal["off", "emf", "cloudwatch"] = Field(
        "off", description="off; emf: lines that CloudWatch Logs makes metrics of; cloudwatch: PutMetricData."
    )
    metrics_namespace: str = Field("PizzaAssets", description="Namespace of the metrics in CloudWatch.")
    metrics_file: str | None = Field(None, description="File that the emf lines are appended to; stderr when not set.")

    # Warehouse
    warehouse_url: SecretStr | None = Field(
        None,
        description="A PostgreSQL server (14 or newer), postgresql://user:password@host/database; TLS is required "
        "unless it is on loopback. Without it PostgreSQL runs embedded, in WAREHOUSE_DIR.",
    )
    warehouse_reader_url: SecretStr | None = Field(
        None,
        description="The same server with a login role that is a member of bi_reader alone: who asks the queries of "
        "'pizza-assets warehouse sql'. WAREHOUSE_URL when not set.",
    )
    warehouse_dir: str | None = Field(
        None, description="Folder of the embedded PostgreSQL; beside a local lake, named after it, when not set."
    )

    warehouse_keep_months: int | None = Field(
        None, ge=1, description="Whole months of facts to keep; older ones move to the lake. All when not set."
    )
    retail_daily_time_zone: str = Field(
        "Europe/London", description="Time zone of the retailers' business days, and of the views' deadline at 06:00."
    )

    # Merchants
    merchants_transactions: str | None = Field(
        None,
        description="Card transactions: a Parquet file, a folder or a glob; or the word warehouse: its sales, each "
        "store a merchant. Mock when not set.",
    )
    merchants_file: str | None = Field(
        None, description="List of merchants, a table in any format: merchant_id, merchant_name, city_id, state_id."
    )
    merchants_currency: str | None = Field(
        None, pattern="^[A-Z]{3}$", description="Take the warehouse's sales in this currency, where it has several."
    )
    merchants_data_source: Literal["real", "mock"] | None = Field(
        None, description="Take the warehouse's real or its mock sales, where it has both."
    )
    merchants_max_amount: float = Field(
        10_000_000, gt=0, description="Larger purchase amounts, either way, are rejected."
    )
    merchants_mock_rows: int = Field(200_000, ge=1, description="Mock transactions, when there are no real ones.")
    merchants_engine: Literal["duckdb", "spark"] = Field(
        "duckdb", description="duckdb: this machine; spark: local or a cluster (the extra 'spark')."
    )
    merchants_memory_limit: str = Field(
        "4GB", pattern=r"^[0-9]+(\.[0-9]+)?\s*[KMGT]i?B$", description="Memory of DuckDB; the rest goes to disk."
    )
    merchants_spark_master: str = Field(
        "local[*]", description="Spark's master: local[*], spark://host:7077 ... EMR Serverless has its own."
    )
    merchants_emr_application_id: str | None = Field(
        None, description="EMR Serverless application (Spark); with it the Spark runs start there."
    )
    merchants_emr_role_arn: str | None = Field(None, description="Role that the EMR Serverless job runs as.")
    merchants_emr_entry_point: str | None = Field(
        None, description="s3://... of deploy/emr_serverless/entry_point.py, uploaded."
    )
    merchants_emr_archive: str | None = Field(
        None, description="s3://... of the packed Python environment (docs/merchants.md says how to pack it)."
    )

    # HTTP
    max_requests_per_minute: int = Field(10, ge=1, description="Requests in any 60 s, per API and machine.")
    max_requests_per_hour: int = Field(1000, ge=1, description="Requests in any hour, per API and machine.")
    max_api_retries: int = Field(3, ge=0, description="Tries after the first, on 429, 5xx and network faults.")
    api_timeout: float = Field(30, gt=0, description="Seconds to wait for a connection or for more data.")

    # Servers on loopback (the dashboard's page, the simulated APIs)
    server_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Names, besides loopback's, that requests may ask for in the header Host, separated by commas."
    )
    service_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="Token that 'pizza-assets serve' asks for; needed to listen on more than loopback.",
    )
    server_max_connections: int = Field(
        250,
        ge=1,
        description="More connections are answered with 503; at most a quarter of the process's file handles.",
    )
    server_backlog: int = Field(1024, ge=1, description="Connections that wait to be accepted.")
    server_max_body_bytes: int = Field(65_536, ge=0, description="Larger requests are answered with 413.")
    server_client_seconds: int = Field(
        10, ge=1, description="Seconds that a client may take to send a request, or to read the answer."
    )

    # Mock data: what it plants. A log-uplift of 0.10 multiplies the expected orders by exp(0.10); 0 = none.
    mock_seed: int = Field(2026, ge=0, description="Seed of all mock data.")
    mock_orders_per_store_day: float = Field(155, gt=0, description="Mean orders of one store on one day.")
    mock_uplift_pre_match: float = Field(0.10, description="Planted log-uplift in the 2 h before kick-off.")
    mock_uplift_during_match: float = Field(0.06, description="Planted log-uplift in the 2 h from kick-off.")
    mock_uplift_post_match: float = Field(0.04, description="Planted log-uplift from 2 h to 4 h after kick-off.")
    mock_goal_effect: float = Field(
        0.03, description="Planted log-uplift per goal above the mean of 2.8, during and after the match."
    )
    mock_win_effect: float = Field(
        0.08, description="Planted log-uplift after the match where the city's team won, against the mean."
    )
    mock_tournament_factor: float = Field(2, ge=0, description="Planted effects are this many times larger in cups.")
    mock_final_factor: float = Field(4, ge=0, description="Planted effects are this many times larger in finals.")
    mock_uplift_cap: float = Field(0.85, gt=0, description="No planted uplift is above +85 %.")

    # Mock retail sales
    retail_mock_lines_per_day: float = Field(2500, gt=0, description="Mean lines of one mock retailer on one day.")
    retail_mock_pizza_uplift: float = Field(
        0.10, description="Planted log-uplift of pizza sales on match days, in the home team's city."
    )

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """Read the environment and ``.env``; `overrides` win.

        Raises
        ------
        SettingsError
            Naming the environment variable, what was expected and what to do.
        """
        try:
            return cls(**overrides)  # type: ignore[arg-type]
        except UnicodeDecodeError as error:
            raise SettingsError(
                f"{Path('.env').absolute()}: expected UTF-8 text, found byte {error.object[error.start]:#04x} at "
                f"position {error.start}{', as in UTF-16' if error.object[:2] in _UTF_16 else ''}. Save it as UTF-8."
            ) from None
        except OSError as error:
            raise SettingsError(
                f"{Path('.env').absolute()} cannot be read: {error.strerror}. Correct its permissions, or remove it."
            ) from None
        except ValidationError as error:
            problems = "; ".join(
                f"{'_'.join(map(str, item['loc'])).upper() or 'settings'}: {item['msg']}" for item in error.errors()
            )
            raise SettingsError(
                f"A setting has a wrong value. {problems}. Correct it in the environment or in .env "
                "(.env.example explains each setting)."
            ) from None

    @field_validator(
        "focus_teams",
        "football_competitions",
        "matches_files",
        "quicksight_owners",
        "quicksight_viewers",
        "alert_email_to",
        "server_hosts",
        mode="before",
    )
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("orders_columns", mode="before")
    @classmethod
    def _read_json(cls, value: object) -> object:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except json.JSONDecodeError as error:
            raise ValueError(f'expected a JSON object such as {{"order_id": "Receipt"}}, found {error}') from None

    @field_validator("football_competitions")
    @classmethod
    def _some_competition(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not all(code.isalnum() for code in value):
            raise ValueError("expected competition codes such as PL or PL,CL")
        return value

    @field_validator("focus_teams")
    @classmethod
    def _known_teams(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        names = {name: name_of_team(name, info.data.get("football_competitions", ())) for name in value}
        unknown = [name for name, found in names.items() if found is None]
        if unknown and not info.data.get("clubs_file"):
            raise ValueError(f"expected clubs of pizza_assets/reference/teams.csv, found {', '.join(unknown)}")
        return tuple(dict.fromkeys(found or name for name, found in names.items()))

    @field_validator("server_hosts")
    @classmethod
    def _exact_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[A-Za-z0-9.-]+", name) for name in value):
            raise ValueError("expected names such as dashboard.example.com, without port and without *")
        return value

    @field_validator(
        "orders_time_zone",
        "daily_refresh_time_zone",
        "retail_daily_time_zone",
        "retailer_1_time_zone",
        "retailer_2_time_zone",
        "retailer_3_time_zone",
    )
    @classmethod
    def _known_time_zone(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if value not in _time_zones():
            raise ValueError(f"'{value}' is not an IANA time zone such as Europe/London")
        return str(ZoneInfo(value))

    @field_validator("slack_webhook_url")
    @classmethod
    def _safe_webhook(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if not parts.hostname or (parts.scheme != "https" and not is_loopback(parts.hostname)):
                raise ValueError("expected an address that starts with https:// (the address itself is the secret)")
        return value

    @model_validator(mode="after")
    def _learn_secrets(self) -> Self:
        learn(*secrets_of(self))
        return self

    @model_validator(mode="after")
    def _whole_mail(self) -> Self:
        if self.smtp_host and not (self.alert_email_from and self.alert_email_to):
            raise ValueError("SMTP_HOST is set, so ALERT_EMAIL_FROM and ALERT_EMAIL_TO must be set, too")
        return self

    @model_validator(mode="after")
    def _lake_from_bucket(self) -> Self:
        if self.s3_bucket_name and "pizza_lake" not in self.model_fields_set:
            object.__setattr__(self, "pizza_lake", f"s3://{self.s3_bucket_name}")
        return self


def misspelt() -> list[str]:
    """Return a sentence for each name in the environment or ``.env`` that looks like a setting and is none."""
    known = {name.upper() for name in Settings.model_fields} | {"AWS_DEFAULT_REGION", "PIZZA_SUFFIX"}  # of 'aws'
    try:
        in_file = set(dotenv_values(".env", encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        in_file = set()  # Settings.load says what is wrong with it
    found = []
    for name in sorted({*os.environ, *in_file}):
        upper = name.upper()
        near = get_close_matches(upper, known, 1, 0.9)
        if upper in known or not (near or upper.startswith(_OURS)):
            continue
        where = ".env" if name in in_file else "the environment"
        hint = f"did you mean {near[0]}?" if near else "see .env.example for those that there are."
        found.append(f"{name} in {where} is no setting and changes nothing: {hint}")
    return found
