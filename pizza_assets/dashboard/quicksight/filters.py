"""Filters, parameters and calculated fields of the dashboard in QuickSight.

Belongs here: which rows a visual shows, and the controls that decide it. Does not belong here: the visuals.
"""

from pizza_assets.dashboard import spec
from pizza_assets.dashboard.datasets import ALL_TEAMS
from pizza_assets.dashboard.quicksight.data_sources import Request
from pizza_assets.dashboard.spec import Kind, Visual
from pizza_assets.warehouse.contract import ALL_CITIES

ALL_TYPES = "all"
MATCH_SHEET = "match"
PARAMETERS = ("Team", "MatchType", "DataSource", "DateFrom", "DateTo", "MatchId")

#: Calculated fields by data set: (name, expression). Each `in_...` is 1 for rows that the parameters ask for.
_IN_TEAM = f"ifelse(${{Team}} = '{ALL_TEAMS}', 1, {{team}} = ${{Team}}, 1, 0)"
_IN_TYPE = f"ifelse(${{MatchType}} = '{ALL_TYPES}', 1, {{match_type}} = ${{MatchType}}, 1, 0)"
_ASKED = (
    f"ifelse(${{Team}} <> '{ALL_TEAMS}', concat('team:', ${{Team}}), "
    f"${{MatchType}} <> '{ALL_TYPES}', concat('significance:', ${{MatchType}}), 'all')"
)
CALCULATED = (
    ("effects", "in_scope", f"ifelse({{scope}} = {_ASKED}, 1, 0)"),
    ("effects", "in_team", _IN_TEAM),
    ("matches", "in_team", _IN_TEAM),
    ("matches", "in_type", _IN_TYPE),
    ("profile", "in_type", _IN_TYPE),
    ("daily", "deviation_pct", "(sum({orders}) / sum({expected}) - 1) * 100"),
)
#: Calculated fields that aggregate; a field well takes them without an aggregation of its own.
AGGREGATED = frozenset({("daily", "deviation_pct")})


def column(data_set: str, name: str) -> Request:
    """Return a column as the definition names it."""
    return {"DataSetIdentifier": data_set, "ColumnName": name}


def _equals_parameter(filter_id: str, field: Request, parameter: str) -> Request:
    how = {"MatchOperator": "EQUALS", "ParameterName": parameter, "NullOption": "NON_NULLS_ONLY"}
    return {
        "CategoryFilter": {
            "FilterId": filter_id, "Column": field, "Configuration": {"CustomFilterConfiguration": how},
        }
    }  # fmt: skip


def _equals_value(filter_id: str, field: Request, value: str, operator: str = "EQUALS") -> Request:
    how = {"MatchOperator": operator, "CategoryValue": value, "NullOption": "NON_NULLS_ONLY"}
    return {
        "CategoryFilter": {
            "FilterId": filter_id, "Column": field, "Configuration": {"CustomFilterConfiguration": how},
        }
    }  # fmt: skip


def _is_one(filter_id: str, field: Request) -> Request:
    return {
        "NumericEqualityFilter": {
            "FilterId": filter_id, "Column": field, "Value": 1.0, "MatchOperator": "EQUALS",
            "NullOption": "NON_NULLS_ONLY",
        }
    }  # fmt: skip


def _between(filter_id: str, field: Request) -> Request:
    return {
        "TimeRangeFilter": {
            "FilterId": filter_id, "Column": field, "IncludeMinimum": True, "IncludeMaximum": True,
            "RangeMinimumValue": {"Parameter": "DateFrom"}, "RangeMaximumValue": {"Parameter": "DateTo"},
            "NullOption": "NON_NULLS_ONLY", "TimeGranularity": "DAY",
        }
    }  # fmt: skip


def _filters_of(visual: Visual) -> list[Request]:
    """Return the filters of a visual: those it follows, and the rows that are its own."""
    data_set, name = visual.data_set, visual.id
    found = []
    for item in spec.FILTERS:
        if item.id not in visual.follows or data_set not in item.columns:
            continue
        filter_id, field = f"{name}-{item.id}", column(data_set, item.columns[data_set])
        if item.id == "source":
            found.append(_equals_parameter(filter_id, field, "DataSource"))
        elif item.id == "dates":
            found.append(_between(filter_id, field))
        elif name == "uplift":
            found.append(_is_one(filter_id, column(data_set, "in_scope")))
        else:
            found.append(_is_one(filter_id, column(data_set, f"in_{item.id}")))
    return found + _rows_of_its_own(visual)


def _rows_of_its_own(visual: Visual) -> list[Request]:
    """Return the filters that choose the rows of a visual, whatever viewers choose."""
    data_set, name, found = visual.data_set, visual.id, list[Request]()
    if data_set == "effects" or name == "retail":
        found.append(_equals_value(f"{name}-window", column(data_set, "time_window"), spec.HEADLINE_WINDOW))
    if name == "teams":
        found.append(_equals_value(f"{name}-scope", column(data_set, "scope"), "team:", "STARTS_WITH"))
    if name == "nations":
        found.append(_equals_value(f"{name}-method", column(data_set, "method"), "event_study"))
        found.append(_equals_value(f"{name}-scope", column(data_set, "scope"), "all", "DOES_NOT_EQUAL"))
    if name == "retail":
        found.append(_equals_value(f"{name}-city", column(data_set, "city"), ALL_CITIES))
    if name == "match":
        found.append(_equals_parameter(f"{name}-id", column(data_set, "match_id"), "MatchId"))
    return found


def _filters_of_strength() -> list[Request]:
    """Return the filters of the one correlation that is a key figure: orders during all matches with their goals."""
    one = {"scope": "all", "factor": "goals", "method": "pearson", "time_window": spec.HEADLINE_WINDOW}
    return [
        _equals_parameter("kpi-r-source", column("correlations", "data_source"), "DataSource"),
        *(_equals_value(f"kpi-r-{name}", column("correlations", name), value) for name, value in one.items()),
    ]


def _filter_group(name: str, filters: list[Request], sheet: str, visuals: list[str]) -> Request:
    scope = {"SheetId": sheet, "Scope": "SELECTED_VISUALS", "VisualIds": visuals}
    return {
        "FilterGroupId": f"filters-{name}",
        "Filters": filters,
        "ScopeConfiguration": {"SelectedSheets": {"SheetVisualScopingConfigurations": [scope]}},
        "Status": "ENABLED",
        "CrossDataset": "SINGLE_DATASET",
    }


def filter_groups() -> list[Request]:
    """Return the filters of every visual."""
    groups = []
    for visual in spec.VISUALS:
        if not (filters := _filters_of(visual)):
            continue
        own = [visual.id]
        if visual.kind is Kind.KPI:
            own = ["kpi-uplift-pct", "kpi-ci-low", "kpi-ci-high", "kpi-n-matches"]
        elif visual.id == "days":
            own += ["kpi-orders", "kpi-revenue"]
        elif visual.id == "matches":
            own += ["kpi-match-id"]
        groups.append(_filter_group(visual.id, filters, visual.sheet, own))
    groups.append(_filter_group("kpi-r", _filters_of_strength(), spec.visual("uplift").sheet, ["kpi-r"]))
    one = _equals_parameter("result-id", column("matches", "match_id"), "MatchId")
    groups.append(_filter_group("result", [one], MATCH_SHEET, ["result"]))
    return groups


def text_parameter(name: str, default: str) -> Request:
    """Return the declaration of a text parameter."""
    return {
        "StringParameterDeclaration": {
            "ParameterValueType": "SINGLE_VALUED", "Name": name, "DefaultValues": {"StaticValues": [default]},
        }
    }  # fmt: skip


def date_parameter(name: str, expression: str) -> Request:
    """Return the declaration of a date parameter whose default is an expression."""
    return {
        "DateTimeParameterDeclaration": {
            "Name": name, "TimeGranularity": "DAY", "DefaultValues": {"RollingDate": {"Expression": expression}},
        }
    }  # fmt: skip


def _dropdown(name: str, label: str, values: Request) -> Request:
    return {
        "Dropdown": {
            "ParameterControlId": f"control-{name}", "Title": label, "SourceParameterName": name,
            "Type": "SINGLE_SELECT", "SelectableValues": values,
        }
    }  # fmt: skip


def controls() -> list[Request]:
    """Return the control of every parameter that viewers set."""
    labels = {item.id: item.label for item in spec.FILTERS}
    return [
        _dropdown("Team", labels["team"], {"LinkToDataSetColumn": column("effects", "team")}),
        _dropdown("MatchType", labels["type"], {"LinkToDataSetColumn": column("profile", "match_type")}),
        _dropdown("DataSource", labels["source"], {"Values": ["real", "mock"]}),
        *(
            {"DateTimePicker": {"ParameterControlId": f"control-{name}", "Title": title, "SourceParameterName": name}}
            for name, title in (("DateFrom", "From"), ("DateTo", "To"))
        ),
    ]
