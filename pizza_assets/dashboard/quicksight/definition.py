"""The dashboard's definition for QuickSight, rendered from the specification.

Belongs here: field wells, filters, parameters, layout, drill-down. Does not belong here: what is shown
(``spec``), sending it (``deploy``).
"""

from typing import Any

from pizza_assets.dashboard import spec
from pizza_assets.dashboard.datasets import ALL_TEAMS, DATA_SETS
from pizza_assets.dashboard.quicksight.data_sources import (
    DASHBOARD_ID,
    Request,
    Target,
    column_type,
    permissions,
    resource_id,
)
from pizza_assets.dashboard.quicksight.filters import (
    AGGREGATED,
    ALL_TYPES,
    CALCULATED,
    MATCH_SHEET,
    PARAMETERS,
    column,
    controls,
    date_parameter,
    filter_groups,
    text_parameter,
)
from pizza_assets.dashboard.spec import Kind, Visual

OVERVIEW = "overview"
_TEXT_COLOURS = {"higher": "#B3321F", "lower": "#27698C", "insufficient": "#5B616A"}


def _type(data_set: str, name: str) -> str:
    if any((data_set, name) == (item[0], item[1]) for item in CALCULATED):
        return "DECIMAL" if (data_set, name) in AGGREGATED else "INTEGER"
    return column_type(DATA_SETS[data_set], name)


def _dimension(visual: str, data_set: str, name: str, granularity: str = "DAY") -> Request:
    field: Request = {"FieldId": f"{visual}.{name}", "Column": column(data_set, name)}
    kind = _type(data_set, name)
    if kind == "DATETIME":
        return {"DateDimensionField": {**field, "DateGranularity": granularity}}
    if kind == "STRING":
        return {"CategoricalDimensionField": field}
    return {"NumericalDimensionField": field}


def _measure(visual: str, data_set: str, name: str, aggregation: str = "MAX") -> Request:
    field: Request = {"FieldId": f"{visual}.{name}", "Column": column(data_set, name)}
    if _type(data_set, name) == "STRING":
        return {"CategoricalMeasureField": {**field, "AggregationFunction": aggregation}}
    if (data_set, name) not in AGGREGATED:
        field["AggregationFunction"] = {"SimpleNumericalAggregation": aggregation}
    return {"NumericalMeasureField": field}


def _titles(title: str, subtitle: str = "") -> Request:
    words: Request = {"Title": {"Visibility": "VISIBLE", "FormatText": {"PlainText": title}}}
    if subtitle:
        words["Subtitle"] = {"Visibility": "VISIBLE", "FormatText": {"PlainText": subtitle}}
    return words


def _subtitle(visual: Visual) -> str:
    cannot = [item.label.lower() for item in visual.cannot_follow()]
    fixed = f"Does not follow {', '.join(cannot)}." if cannot else ""
    return " ".join(filter(None, [visual.title + ".", visual.note, fixed]))


def _zero_line() -> list[Request]:
    return [{"Status": "ENABLED", "DataConfiguration": {"StaticConfiguration": {"Value": 0.0}}}]


def _kpis() -> list[Request]:
    names = {"uplift_pct": "Uplift, %", "ci_low": "95 % interval from, %", "ci_high": "95 % interval to, %"}
    figures = [("effects", column, title, "MAX") for column, title in {**names, "n_matches": "City kick-offs"}.items()]
    figures += [
        ("matches", "match_id", "Total matches", "DISTINCT_COUNT"),
        ("correlations", "r", "Correlation strength: r of orders and goals during matches", "MAX"),
        ("daily", "orders", "Orders", "SUM"),
        ("daily", "revenue", "Revenue, in the currency of the orders", "SUM"),
    ]
    return [
        {
            "KPIVisual": {
                "VisualId": f"kpi-{column.replace('_', '-')}",
                **_titles(title),
                "ChartConfiguration": {"FieldWells": {"Values": [_measure(f"kpi-{column}", data_set, column, how)]}},
            }
        }
        for data_set, column, title, how in figures
    ]


def _bar(visual: Visual) -> Request:
    is_days = visual.id == "days"
    data_set = visual.data_set
    category = visual.fields["x" if is_days else "label"]
    values = ["deviation_pct"] if is_days else [visual.fields[role] for role in ("low", "x", "high")]
    wells: Request = {
        "Category": [_dimension(visual.id, data_set, category)],
        "Values": [_measure(visual.id, data_set, name) for name in values],
    }
    if is_days:
        wells["Colors"] = [_dimension(visual.id, data_set, visual.fields["colour"])]
    return {
        "BarChartVisual": {
            "VisualId": visual.id,
            **_titles(visual.question, _subtitle(visual)),
            "ChartConfiguration": {
                "FieldWells": {"BarChartAggregatedFieldWells": wells},
                "Orientation": "VERTICAL" if is_days else "HORIZONTAL",
                "BarsArrangement": "CLUSTERED",
                "ReferenceLines": _zero_line(),
            },
        }
    }


def _line(visual: Visual) -> Request:
    is_match = visual.id == "match"
    roles, how = (("y", "expected", "marks"), "SUM") if is_match else (("y", "low", "high"), "MAX")
    data_set = visual.data_set
    wells = {
        "Category": [_dimension(visual.id, data_set, visual.fields["x"], "HOUR")],
        "Values": [_measure(visual.id, data_set, visual.fields[role], how) for role in roles],
        "SmallMultiples": [_dimension(visual.id, data_set, visual.fields["panel"])],
    }
    return {
        "LineChartVisual": {
            "VisualId": visual.id,
            **_titles(visual.question, _subtitle(visual)),
            "ChartConfiguration": {
                "FieldWells": {"LineChartAggregatedFieldWells": wells},
                "Type": "LINE",
                "SmallMultiplesOptions": {"YAxis": {"Scale": "SHARED"}},
                **({} if is_match else {"ReferenceLines": _zero_line()}),
            },
        }
    }


def _dots(visual: Visual) -> Request:
    data_set, fields = visual.data_set, visual.fields
    wells = {
        "XAxis": [_dimension(visual.id, data_set, fields["x"], "MINUTE")],
        "YAxis": [_dimension(visual.id, data_set, fields["y"])],
        "Size": [_measure(visual.id, data_set, fields["size"], "SUM")],
        "Category": [_dimension(visual.id, data_set, fields["colour"])],
        "Label": [_dimension(visual.id, data_set, fields["detail"])],
    }
    opens = {
        "CustomActionId": "open-match",
        "Name": "Open this match",
        "Status": "ENABLED",
        "Trigger": "DATA_POINT_CLICK",
        "ActionOperations": [
            {"NavigationOperation": {"LocalNavigationConfiguration": {"TargetSheetId": MATCH_SHEET}}},
            {
                "SetParametersOperation": {
                    "ParameterValueConfigurations": [
                        {
                            "DestinationParameterName": "MatchId",
                            "Value": {"SourceField": f"{visual.id}.{fields['detail']}"},
                        }
                    ]
                }
            },
        ],
    }
    return {
        "ScatterPlotVisual": {
            "VisualId": visual.id,
            **_titles(visual.question, _subtitle(visual)),
            "ChartConfiguration": {"FieldWells": {"ScatterPlotUnaggregatedFieldWells": wells}},
            "Actions": [opens],
        }
    }


def _table(visual: Visual) -> Request:
    fields = [
        {"FieldId": f"{visual.id}.{name}", "Column": column(visual.data_set, name)} for name in visual.fields.values()
    ]
    table: Request = {
        "VisualId": visual.id,
        **_titles(visual.question, _subtitle(visual)),
        "ChartConfiguration": {"FieldWells": {"TableUnaggregatedFieldWells": {"Values": fields}}},
    }
    if "q_value" in visual.fields:
        by_q = {"FieldSort": {"FieldId": f"{visual.id}.q_value", "Direction": "ASC"}}
        table["ChartConfiguration"]["SortConfiguration"] = {"RowSort": [by_q]}
    if colours := _conditional_colours(visual):
        table["ConditionalFormatting"] = {"ConditionalFormattingOptions": colours}
    return {"TableVisual": table}


def _conditional_colours(visual: Visual) -> list[Request]:
    def cell(name: str, expression: str, colour: str) -> Request:
        solid = {"Solid": {"Expression": expression, "Color": colour}}
        return {"Cell": {"FieldId": f"{visual.id}.{name}", "TextFormat": {"TextColor": solid}}}

    if "verdict" in visual.fields:
        return [cell("verdict", f"{{verdict}} = '{word}'", colour) for word, colour in _TEXT_COLOURS.items()]
    if "is_mock" in visual.fields:
        return [cell("is_mock", "{is_mock} = 'True'", _TEXT_COLOURS["higher"])]
    return []


_RENDERERS = {
    Kind.BANNER: _table,
    Kind.BAR: _bar,
    Kind.LINE: _line,
    Kind.INTERVAL: _bar,
    Kind.DOTS: _dots,
    Kind.TABLE: _table,
}


def _placed(*rows: tuple[int, list[tuple[str, str, int]]]) -> list[Request]:
    """Lay out rows of (height, [(id, type, width)]) on QuickSight's grid of 36 columns."""
    elements, top = [], 0
    for height, cells in rows:
        left = 0
        for name, kind, width in cells:
            elements.append({
                "ElementId": name, "ElementType": kind, "ColumnIndex": left, "ColumnSpan": width,
                "RowIndex": top, "RowSpan": height,
            })  # fmt: skip
            left += width
        top += height
    return [{"Configuration": {"GridLayout": {"Elements": elements}}}]


def _text_box(name: str, text: str) -> Request:
    return {"SheetTextBoxId": name, "Content": f"<text-box>{text}</text-box>"}


def _overview() -> Request:
    kpis = _kpis()
    visuals = [
        _RENDERERS[item.kind](item) for item in spec.VISUALS if item.sheet == OVERVIEW and item.kind in _RENDERERS
    ]
    columns = [(visual["KPIVisual"]["VisualId"], "VISUAL", 9) for visual in kpis]
    return {
        "SheetId": OVERVIEW,
        "Name": spec.TITLE,
        "ContentType": "INTERACTIVE",
        "ParameterControls": controls(),
        "Visuals": [*kpis, *visuals],
        "TextBoxes": [
            _text_box(
                "rules",
                "Times are UTC. Uplift is orders in the 2 hours from kick-off against the orders expected without a "
                "match. Real and mock are never pooled. Fewer than "
                f"{spec.MIN_UNITS} kick-offs in {spec.MIN_WEEKS} weeks give no number. Click a match to open it.",
            )
        ],
        "Layouts": _placed(
            (3, [("rules", "TEXT_BOX", 36)]),
            (5, [("banner", "VISUAL", 36)]),
            (5, columns[:4]),
            (5, columns[4:]),
            (9, [("days", "VISUAL", 36)]),
            (10, [("profile", "VISUAL", 36)]),
            (14, [("teams", "VISUAL", 18), ("matches", "VISUAL", 18)]),
            (10, [("nations", "VISUAL", 36)]),
            (12, [("certainty", "VISUAL", 36)]),
            (9, [("anomalies", "VISUAL", 36)]),
            (12, [("retail", "VISUAL", 18), ("shops", "VISUAL", 18)]),
            (12, [("coming", "VISUAL", 18), ("differ", "VISUAL", 18)]),
        ),
        "SheetControlLayouts": _control_layout([f"control-{name}" for name in PARAMETERS if name != "MatchId"]),
    }


def _control_layout(controls: list[str]) -> list[Request]:
    elements = [
        {"ElementId": name, "ElementType": "PARAMETER_CONTROL", "ColumnSpan": 4, "RowSpan": 2} for name in controls
    ]
    return [{"Configuration": {"GridLayout": {"Elements": elements}}}]


def _match_sheet() -> Request:
    fields = ("kickoff_ts", "team", "opponent", "goals_for", "goals_against", "goal_minutes", "orders", "expected")
    names = dict(zip((*fields, "uplift_pct"), (*fields, "uplift_pct"), strict=True))
    result = Visual("result", "The match", "Each team's city", Kind.TABLE, "matches", names, ("team", "type", "dates"))
    return {
        "SheetId": MATCH_SHEET,
        "Name": "One match",
        "ContentType": "INTERACTIVE",
        "Visuals": [_table(result), _line(spec.visual("match"))],
        "TextBoxes": [_text_box("how", "Choose a match by a click on its dot in the first sheet. Times are UTC.")],
        "Layouts": _placed(
            (3, [("how", "TEXT_BOX", 36)]), (6, [("result", "VISUAL", 36)]), (14, [("match", "VISUAL", 36)])
        ),
    }


def definition(to: Target) -> Request:
    """Return the definition: data sets, calculated fields, parameters, filters and both sheets."""
    spec.check()
    return {
        "DataSetIdentifierDeclarations": [
            {"Identifier": name, "DataSetArn": to.arn("dataset", resource_id(name))} for name in DATA_SETS
        ],
        "CalculatedFields": [
            {"DataSetIdentifier": data_set, "Name": name, "Expression": expression}
            for data_set, name, expression in CALCULATED
        ],
        "ParameterDeclarations": [
            text_parameter("Team", ALL_TEAMS),
            text_parameter("MatchType", ALL_TYPES),
            text_parameter("DataSource", to.default_source),
            date_parameter("DateFrom", "addDateTime(-1, 'YYYY', truncDate('DD', now()))"),
            date_parameter("DateTo", "truncDate('DD', now())"),
            text_parameter("MatchId", "none"),
        ],
        "FilterGroups": filter_groups(),
        "Sheets": [_overview(), _match_sheet()],
    }


def dashboard(to: Target) -> Request:
    """Return the request for the dashboard."""
    options: dict[str, Any] = {
        "AdHocFilteringOption": {"AvailabilityStatus": "ENABLED"},
        "ExportToCSVOption": {"AvailabilityStatus": "ENABLED"},
        "SheetControlsOption": {"VisibilityState": "EXPANDED"},
    }
    return {
        "AwsAccountId": to.account,
        "DashboardId": DASHBOARD_ID,
        "Name": spec.TITLE,
        "Definition": definition(to),
        "DashboardPublishOptions": options,
        "ValidationStrategy": {"Mode": "STRICT"},
        "Permissions": permissions(to, "dashboard"),
    }
