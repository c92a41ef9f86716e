"""What the UI can show of every asset, asked of Dagster's own GraphQL API: none is left without an explanation."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster_graphql.schema import create_schema

QUERY = """
{
  assetNodes {
    assetKey { path }
    groupName description kinds opVersion
    owners { ... on TeamAssetOwner { team } }
    tags { key value }
    metadataEntries {
      label
      ... on TableSchemaMetadataEntry { schema { columns { name type description } } }
      ... on TableColumnLineageMetadataEntry { lineage { columnName columnDeps { columnName assetKey { path } } } }
    }
    assetChecksOrError { ... on AssetChecks { checks { name description blocking } } }
  }
  repositoriesOrError { ... on RepositoryConnection { nodes {
    jobs { name description isAssetJob }
    schedules { name description scheduleState { status } }
    sensors { name description }
  } } }
}
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What the UI's server answers, from the code location that it would load."""
    target = ModuleTarget("pizza_assets.definitions", attribute=None, working_directory=None, location_name=None)
    with (
        dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("home"))) as instance,
        WorkspaceProcessContext(instance, target) as process,
    ):
        answer = create_schema().execute(QUERY, context_value=process.create_request_context())
    assert not answer.errors
    data: Mapping[str, Any] = answer.data
    return data


def test_no_asset_lacks_what_explains_it(shown: Mapping[str, Any]) -> None:
    assert len(shown["assetNodes"]) > 20
    for node in shown["assetNodes"]:
        name = "/".join(node["assetKey"]["path"])
        assert node["description"], name
        assert node["groupName"] != "default", name
        assert node["kinds"], name
        assert [owner["team"] for owner in node["owners"]], name
        assert "branch" in {tag["key"] for tag in node["tags"]}, name
        assert node["opVersion"] not in {None, "1"}, name
        entries = {entry["label"]: entry for entry in node["metadataEntries"]}
        columns = entries["dagster/column_schema"]["schema"]["columns"]
        assert columns, name
        assert all(column["type"] and column["description"] for column in columns), name
        assert "docs" in entries, name
        checks = node["assetChecksOrError"]["checks"]
        assert checks, name
        assert all(check["description"] for check in checks), name


def test_column_lineage_leads_back_to_what_was_collected(shown: Mapping[str, Any]) -> None:
    lineage = {
        node["assetKey"]["path"][-1]: {
            line["columnName"]: {(dep["assetKey"]["path"][-1], dep["columnName"]) for dep in line["columnDeps"]}
            for entry in node["metadataEntries"]
            if entry["label"] == "dagster/column_lineage"
            for line in entry["lineage"]
        }
        for node in shown["assetNodes"]
    }

    def origins(asset: str, column: str) -> set[tuple[str, str]]:
        before = lineage[asset].get(column) if lineage[asset] else None
        if before is None:
            return {(asset, column)}
        return {origin for asset_before, column_before in before for origin in origins(asset_before, column_before)}

    assert origins("dashboard_page", "daily.revenue") == {("raw_orders", "order_total")}
    assert ("raw_orders", "timestamp") in origins("insights_report", "estimate")
    assert ("raw_matches", "home_score") in origins("insights_report", "estimate")
    assert origins("warehouse_views", "mv_daily_sales_summary.net_revenue") == {
        ("raw_orders", "order_total"),
        *((f"raw_retailer_{number}", "total_amount") for number in (1, 2, 3)),
    }


def test_jobs_schedules_and_sensors_say_what_they_do(shown: Mapping[str, Any]) -> None:
    (repository,) = shown["repositoriesOrError"]["nodes"]
    for kind in ("jobs", "schedules", "sensors"):
        for item in repository[kind]:
            if not item["name"].startswith("__"):
                assert item["description"], (kind, item["name"])
