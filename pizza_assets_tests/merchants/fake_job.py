"""A job that speaks Pipes and computes nothing: what it reports is in FAKE_JOB."""

import json
import os
import sys

from dagster_pipes import open_dagster_pipes

from pizza_assets.merchants.spark_job import ERROR


def main() -> None:
    with open_dagster_pipes() as pipes:
        told = json.loads(os.environ["FAKE_JOB"])
        pipes.log.info(f"arguments: {' '.join(sys.argv[1:])}, lake: {os.environ['PIZZA_LAKE']}")
        for name in told.get("reports", []):
            pipes.report_asset_materialization(asset_key=name, metadata={"rows": 1})
        if "error" in told:
            pipes.report_custom_message({ERROR: told["error"]})
            sys.exit(1)


main()
