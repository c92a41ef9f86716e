"""Spark jobs through Dagster Pipes: a process here, or EMR Serverless by configuration.

Belongs here: starting a job, and telling what it reported from what it did not. Does not belong here: what the
job does (``merchants.spark_job``). A job that ends well and reports nothing is a failure.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg

from pizza_assets.lake import s3_client
from pizza_assets.merchants import spark_job
from pizza_assets.settings import Settings

#: The module that a process here runs.
JOB = spark_job.__name__
#: Settings that a job needs, wherever it runs.
_PASSED_ON = ("pizza_lake", "aws_endpoint_url", "aws_region", "merchants_max_amount")
#: Where a job on EMR Serverless leaves its messages and logs in the lake's bucket; both may expire.
_MESSAGES, _LOGS = "spark-runs/messages", "spark-runs/logs"
#: Seconds between looks for messages in the bucket.
POLL_SECONDS = 10.0
#: The packed Python environment, as EMR Serverless unpacks it beside the job.
_PYTHON = "./environment/bin/python"


class _Listening:
    """A message reader that keeps its handler, so that a failed job's own words can be asked for."""

    handler: dg.PipesMessageHandler | None = None
    #: One job writes. Dagster's own property says so too, and warns that it is a preview.
    expected_writer_count = 1

    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[Any]:
        self.handler = handler
        with super().read_messages(handler) as params:  # type: ignore[misc] # a mixin of readers, which have it
            yield params

    def sentence(self) -> str | None:
        """Return the error that the job reported."""
        messages = self.handler.get_custom_messages() if self.handler else ()
        return next((message[spark_job.ERROR] for message in messages if spark_job.ERROR in message), None)


class _FileReader(_Listening, dg.PipesTempFileMessageReader):
    """Reads messages from a file."""


def job_environment(settings: Settings) -> dict[str, str]:
    """Return the environment that a job needs to find the same lake."""
    values = {name: getattr(settings, name) for name in _PASSED_ON}
    return {name.upper(): str(value) for name, value in values.items() if value is not None}


def emr_request(settings: Settings, names: Sequence[str], run_id: str) -> dict[str, Any]:
    """Return the StartJobRun request that answers these names on EMR Serverless."""
    variables = {
        **job_environment(settings),
        "PYSPARK_DRIVER_PYTHON": _PYTHON,
        "PYSPARK_PYTHON": _PYTHON,
    }
    options = {
        "spark.archives": f"{settings.merchants_emr_archive}#environment",
        "spark.executorEnv.PYSPARK_PYTHON": _PYTHON,
        **{f"spark.emr-serverless.driverEnv.{name}": value for name, value in variables.items()},
    }
    return {
        "applicationId": settings.merchants_emr_application_id,
        "executionRoleArn": settings.merchants_emr_role_arn,
        "name": f"pizza_assets merchants {run_id}",
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": settings.merchants_emr_entry_point,
                "entryPointArguments": spark_job.arguments(names, None),
                "sparkSubmitParameters": " ".join(f"--conf {name}={value}" for name, value in options.items()),
            }
        },
        "configurationOverrides": {
            "monitoringConfiguration": {
                "s3MonitoringConfiguration": {"logUri": f"{settings.pizza_lake.rstrip('/')}/{_LOGS}/"}
            }
        },
    }


class SparkRuns:
    """Starts Spark jobs that answer questions about the lake's transactions."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def answer(self, context: dg.AssetExecutionContext, names: Sequence[str]) -> Iterator[dg.MaterializeResult[Any]]:
        """Run a job for these answers and yield what it reported.

        Raises
        ------
        Failure
            With the job's own sentence, or saying which answers it did not report.
        """
        here = self._settings.merchants_emr_application_id is None
        reader: Any = _FileReader() if here else self._bucket_reader()
        try:
            done = self._run_here(context, names, reader) if here else self._run_on_emr(context, names, reader)
        except Exception as error:
            sentence = reader.sentence()
            if sentence is None:
                raise
            raise dg.Failure(sentence) from error
        reported = set()
        for result in done.get_results(implicit_materializations=False):
            reported.add(result.asset_key.path[-1])
            yield result
        if missing := [name for name in names if name not in reported]:
            raise dg.Failure(
                f"The Spark job ended without reporting {', '.join(missing)}: they are not materialized. "
                "Look into its log for why."
            )

    def _run_here(self, context: dg.AssetExecutionContext, names: Sequence[str], reader: Any) -> Any:  # noqa: ANN401 dagster's classes
        job = spark_job.arguments(names, self._settings.merchants_spark_master)
        return dg.PipesSubprocessClient(message_reader=reader).run(
            context=context.op_execution_context,
            command=[sys.executable, "-m", JOB, *job],
            env=job_environment(self._settings),
        )

    def _run_on_emr(self, context: dg.AssetExecutionContext, names: Sequence[str], reader: Any) -> Any:  # noqa: ANN401 as above
        import boto3
        from dagster_aws.pipes import PipesEMRServerlessClient

        client = boto3.Session(profile_name=self._settings.aws_profile, region_name=self._settings.aws_region)
        emr = PipesEMRServerlessClient(client.client("emr-serverless"), message_reader=reader)
        return emr.run(
            context=context.op_execution_context,
            start_job_run_params=emr_request(self._settings, names, context.run.run_id),
        )

    def _bucket_reader(self) -> Any:  # noqa: ANN401 as above
        """Return a reader of messages that a job leaves in the lake's bucket."""
        from dagster_aws.pipes import PipesS3MessageReader

        class BucketReader(_Listening, PipesS3MessageReader):
            @contextmanager
            def get_params(self) -> Iterator[dict[str, Any]]:
                with super().get_params() as params:
                    yield {**params, "key_prefix": f"{_MESSAGES}/{params['key_prefix']}"}

        bucket = self._settings.pizza_lake.removeprefix("s3://").split("/")[0]
        return BucketReader(interval=POLL_SECONDS, bucket=bucket, client=s3_client(self._settings))
