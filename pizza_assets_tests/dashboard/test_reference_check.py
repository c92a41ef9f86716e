"""The strict check of requests: the real ones pass, and every planted fault is caught."""

# ruff: noqa: E501 the table of faults reads best with one fault in its place

import copy
from collections.abc import Callable
from typing import Any

import pytest

from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.dashboard.quicksight import deploy, model_check, reference_check
from pizza_assets.dashboard.quicksight.data_sources import Request, data_set, resource_id
from pizza_assets.dashboard.quicksight.definition import dashboard
from pizza_assets_tests.dashboard.test_deploy import TO

SETS = {name: data_set(TO, name) for name in DATA_SETS}
ARNS = {name: TO.arn("dataset", resource_id(name)) for name in DATA_SETS}
SOURCES = {TO.arn("datasource", resource_id(name)) for name in DATA_SETS}


def all_problems(board: Request, sets: dict[str, Request]) -> list[str]:
    found = model_check.problems("CreateDashboard", board)
    found += [problem for request in sets.values() for problem in model_check.problems("CreateDataSet", request)]
    if found:  # references are only looked up in requests of the right shape
        return found
    found += [problem for request in sets.values() for problem in reference_check.data_set_problems(request, SOURCES)]
    return found + reference_check.definition_problems(board["Definition"], sets, ARNS)


def test_every_request_of_a_deployment_and_a_teardown_is_valid() -> None:
    requests = [*deploy.requests(TO), *deploy.teardown_requests(TO)]
    assert [problem for operation, request in requests for problem in model_check.problems(operation, request)] == []
    assert len(requests) == 2 * (3 * len(DATA_SETS) + 1) + 1 + 3, "a teardown looks for the warehouse's, too"


def test_the_real_requests_fit_together() -> None:
    assert all_problems(dashboard(TO), SETS) == []


def test_total_matches_and_correlation_strength_are_key_figures_that_follow_the_data_source() -> None:
    board = dashboard(TO)
    shown = {
        name: visual(board, name)["ChartConfiguration"]["FieldWells"]["Values"] for name in ("kpi-match-id", "kpi-r")
    }
    assert shown["kpi-match-id"][0]["CategoricalMeasureField"]["AggregationFunction"] == "DISTINCT_COUNT"
    assert shown["kpi-r"][0]["NumericalMeasureField"]["Column"] == {
        "DataSetIdentifier": "correlations", "ColumnName": "r",
    }  # fmt: skip
    filtered = {item["CategoryFilter"]["Column"]["ColumnName"] for item in group(board, "kpi-r")["Filters"]}
    assert filtered == {"data_source", "scope", "factor", "method", "time_window"}, "one correlation, of one source"
    scope = group(board, "matches")["ScopeConfiguration"]["SelectedSheets"]["SheetVisualScopingConfigurations"][0]
    assert "kpi-match-id" in scope["VisualIds"]


def visual(board: Request, name: str) -> Any:
    for sheet in board["Definition"]["Sheets"]:
        for item in sheet["Visuals"]:
            if next(iter(item.values()))["VisualId"] == name:
                return next(iter(item.values()))
    raise KeyError(name)


def wells(board: Request, name: str) -> Any:
    return next(iter(visual(board, name)["ChartConfiguration"]["FieldWells"].values()))


def group(board: Request, name: str) -> Any:
    return next(item for item in board["Definition"]["FilterGroups"] if item["FilterGroupId"] == f"filters-{name}")


def layout(board: Request) -> Any:
    return board["Definition"]["Sheets"][0]["Layouts"][0]["Configuration"]["GridLayout"]["Elements"]


def table(sets: dict[str, Request]) -> Any:
    return sets["daily"]["PhysicalTableMap"]["daily"]["S3Source"]


def steps(sets: dict[str, Request]) -> Any:
    return sets["daily"]["LogicalTableMap"]["daily"]["DataTransforms"]


Plant = Callable[[Request, dict[str, Request]], Any]

#: What is planted, and a part of the sentence that must tell it.
FAULTS: dict[str, tuple[Plant, str]] = {
    "an unknown enum value": (
        lambda b, s: visual(b, "days")["ChartConfiguration"].update(Orientation="DIAGONAL"), "none of",
    ),
    "an id that breaks the pattern": (lambda b, s: b.update(DashboardId="pizza dashboard"), "does not match"),
    "a colour in small letters": (
        lambda b, s: visual(b, "certainty")["ConditionalFormatting"]["ConditionalFormattingOptions"][0]["Cell"][
            "TextFormat"]["TextColor"]["Solid"].update(Color="#b3321f"), "does not match",
    ),
    "a format that is too long": (
        lambda b, s: steps(s)[0]["CastColumnTypeOperation"].update(Format="y" * 33), "at most 32",
    ),
    "a title that is too long": (
        lambda b, s: visual(b, "days")["Title"]["FormatText"].update(PlainText="x" * 513), "at most 512",
    ),
    "two members of a union": (
        lambda b, s: b["Definition"]["Sheets"][0]["Visuals"][0].update(TableVisual={"VisualId": "x"}), "exactly one of",
    ),
    "an empty union": (lambda b, s: wells(b, "days")["Values"].append({}), "exactly one of"),
    "a missing member": (lambda b, s: wells(b, "days")["Values"][0]["NumericalMeasureField"].pop("FieldId"), "FieldId is missing"),
    "a misspelt member": (lambda b, s: b.update(Defintion={}), "no member Defintion"),
    "a number as text": (lambda b, s: layout(b)[0].update(RowSpan="3"), "expected integer"),
    "an element wider than the grid": (lambda b, s: layout(b)[0].update(ColumnSpan=37), "at most 36"),
    "a column that the data set lacks": (
        lambda b, s: wells(b, "days")["Category"][0]["DateDimensionField"]["Column"].update(ColumnName="date"),
        "has no column date",
    ),
    "a text column as a number": (
        lambda b, s: wells(b, "profile")["Values"][0][
            "NumericalMeasureField"]["Column"].update(ColumnName="match_type"), "needs a number",
    ),
    "a data set that is not declared": (
        lambda b, s: b["Definition"]["DataSetIdentifierDeclarations"].pop(), "not declared",
    ),
    "another data set's ARN": (
        lambda b, s: b["Definition"]["DataSetIdentifierDeclarations"][0].update(DataSetArn="arn:aws:quicksight:::x"),
        "another ARN",
    ),
    "a layout element that is no visual": (lambda b, s: layout(b)[3].update(ElementId="nothing"), "is no VISUAL"),
    "a visual without a place": (lambda b, s: layout(b).pop(), "has no place"),
    "two elements on one place": (lambda b, s: layout(b)[-1].update(RowIndex=0), "lies on"),
    "a visual that is there twice": (
        lambda b, s: b["Definition"]["Sheets"][0]["Visuals"].append(copy.deepcopy(b["Definition"]["Sheets"][0]["Visuals"][0])),
        "is there twice",
    ),
    "a click to a sheet that is not there": (
        lambda b, s: visual(b, "matches")["Actions"][0]["ActionOperations"][0]["NavigationOperation"][
            "LocalNavigationConfiguration"].update(TargetSheetId="nowhere"), "which is not there",
    ),
    "a click that passes an unknown field": (
        lambda b, s: visual(b, "matches")["Actions"][0]["ActionOperations"][1]["SetParametersOperation"][
            "ParameterValueConfigurations"][0]["Value"].update(SourceField="matches.nothing"), "no field matches.nothing",
    ),
    "a click that sets an unknown parameter": (
        lambda b, s: visual(b, "matches")["Actions"][0]["ActionOperations"][1]["SetParametersOperation"][
            "ParameterValueConfigurations"][0].update(DestinationParameterName="Match"), "no parameter Match",
    ),
    "a filter by an unknown parameter": (
        lambda b, s: group(b, "days")["Filters"][0]["CategoryFilter"]["Configuration"]["CustomFilterConfiguration"].update(
            ParameterName="Origin"), "no parameter Origin",
    ),
    "a filter of an unknown visual": (
        lambda b, s: group(b, "days")["ScopeConfiguration"]["SelectedSheets"]["SheetVisualScopingConfigurations"][0][
            "VisualIds"].append("nothing"), "has no visual nothing",
    ),
    "a filter of a visual with other data": (
        lambda b, s: group(b, "days")["ScopeConfiguration"]["SelectedSheets"]["SheetVisualScopingConfigurations"][0][
            "VisualIds"].append("teams"), "does not show the data set",
    ),
    "a filter on an unknown sheet": (
        lambda b, s: group(b, "days")["ScopeConfiguration"]["SelectedSheets"]["SheetVisualScopingConfigurations"][0].update(
            SheetId="nowhere"), "no sheet nowhere",
    ),
    "a filter id that is there twice": (
        lambda b, s: group(b, "days")["Filters"].append(copy.deepcopy(group(b, "days")["Filters"][0])), "is there twice",
    ),
    "a date filter on text": (
        lambda b, s: group(b, "days")["Filters"][1]["TimeRangeFilter"]["Column"].update(ColumnName="city"),
        "cannot filter a text",
    ),
    "a control of an unknown parameter": (
        lambda b, s: b["Definition"]["Sheets"][0]["ParameterControls"][0]["Dropdown"].update(SourceParameterName="Club"),
        "no parameter Club",
    ),
    "a date picker for a text": (
        lambda b, s: b["Definition"]["Sheets"][0]["ParameterControls"][3]["DateTimePicker"].update(SourceParameterName="Team"),
        "needs a date parameter",
    ),
    "a parameter that is declared twice": (
        lambda b, s: b["Definition"]["ParameterDeclarations"].append(b["Definition"]["ParameterDeclarations"][0]),
        "declared twice",
    ),
    "an expression with an unknown column": (
        lambda b, s: b["Definition"]["CalculatedFields"][0].update(Expression="{scoop}"), "no column scoop",
    ),
    "an expression with an unknown parameter": (
        lambda b, s: b["Definition"]["CalculatedFields"][0].update(Expression="${Club}"), "no parameter Club",
    ),
    "an expression with open brackets": (
        lambda b, s: b["Definition"]["CalculatedFields"][0].update(Expression="sum({orders}"), "brackets",
    ),
    "a sort by an unknown field": (
        lambda b, s: visual(b, "certainty")["ChartConfiguration"]["SortConfiguration"]["RowSort"][0]["FieldSort"].update(
            FieldId="certainty.z"), "no field certainty.z",
    ),
    "a format by an unknown field": (
        lambda b, s: visual(b, "certainty")["ConditionalFormatting"]["ConditionalFormattingOptions"][0]["Cell"].update(
            FieldId="certainty.z"), "no field certainty.z",
    ),
    "a field that is there twice": (
        lambda b, s: wells(b, "certainty")["Values"].append(wells(b, "certainty")["Values"][0]), "is there twice",
    ),
    "an S3 column with a type": (lambda b, s: table(s)["InputColumns"][3].update(Type="INTEGER"), "must be STRING"),
    "an S3 column that is there twice": (
        lambda b, s: table(s)["InputColumns"].append(table(s)["InputColumns"][0]), "is there twice",
    ),
    "a cast of an unknown column": (
        lambda b, s: steps(s)[0]["CastColumnTypeOperation"].update(ColumnName="date"), "no column date",
    ),
    "a date without its format": (lambda b, s: steps(s)[0]["CastColumnTypeOperation"].pop("Format"), "needs a format"),
    "a data source that is not there": (
        lambda b, s: table(s).update(DataSourceArn="arn:aws:quicksight:::datasource/x"), "no data source",
    ),
    "a physical table that is not there": (
        lambda b, s: s["daily"]["LogicalTableMap"]["daily"]["Source"].update(PhysicalTableId="dayly"), "no physical table",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught_and_named(fault: str) -> None:
    plant, told = FAULTS[fault]
    board, sets = copy.deepcopy(dashboard(TO)), copy.deepcopy(SETS)
    plant(board, sets)
    found = all_problems(board, sets)
    assert any(told in problem for problem in found), found


def test_an_unknown_operation_is_named() -> None:
    assert model_check.problems("CreateDashbord", {}) == ["QuickSight has no operation CreateDashbord"]
