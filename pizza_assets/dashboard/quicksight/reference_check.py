"""Checking that the requests of a deployment fit together: every reference leads somewhere.

Belongs here: columns, types, field ids, parameters, filters, sheets, layout. Does not belong here: what a
single request may look like (``model_check``).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pizza_assets.dashboard.quicksight.data_sources import Request, referenced

_TYPES = {"STRING": "text", "INTEGER": "number", "DECIMAL": "number", "DATETIME": "date"}
_FIELD_TYPES = {
    "CategoricalDimensionField": "text",
    "NumericalDimensionField": "number",
    "DateDimensionField": "date",
    "CategoricalMeasureField": "text",
    "NumericalMeasureField": "number",
    "DateMeasureField": "date",
}
_FILTER_TYPES = {
    "CategoryFilter": "text",
    "NumericEqualityFilter": "number",
    "NumericRangeFilter": "number",
    "TimeRangeFilter": "date",
}


def nodes(document: Any, key: str) -> Iterator[Any]:  # noqa: ANN401 - any JSON
    """Yield every value under `key`, anywhere in a document."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name == key:
                yield value
            yield from nodes(value, key)
    elif isinstance(document, list):
        for item in document:
            yield from nodes(item, key)


def columns_of(data_set: Request) -> Mapping[str, str]:
    """Return the columns that a data set gives and their types, after its casts and projection."""
    physical = next(iter(data_set["PhysicalTableMap"].values()))
    types = {column["Name"]: column["Type"] for column in _inputs(physical)}
    for table in data_set["LogicalTableMap"].values():
        for step in table["DataTransforms"]:
            if cast := step.get("CastColumnTypeOperation"):
                types[cast["ColumnName"]] = cast["NewColumnType"]
            if project := step.get("ProjectOperation"):
                types = {name: types.get(name, "STRING") for name in project["ProjectedColumns"]}
    return types


def _inputs(table: Request) -> list[Request]:
    """Return the columns of a physical table: a file's, or a query's."""
    source: Request = next(iter(table.values()))
    columns: list[Request] = source.get("InputColumns") or source.get("Columns") or []
    return columns


def data_set_problems(data_set: Request, source_arns: set[str]) -> list[str]:
    """Return what does not fit together within a data set."""
    name = data_set["DataSetId"]
    found = []
    inputs: list[str] = []
    for table in data_set["PhysicalTableMap"].values():
        source = next(iter(table.values()))
        if source["DataSourceArn"] not in source_arns:
            found.append(f"{name}: no data source {source['DataSourceArn']}")
        inputs += [column["Name"] for column in _inputs(table)]
        found += [
            f"{name}: S3 columns must be STRING, {column['Name']} is {column['Type']}"
            for column in _inputs(table)
            if "S3Source" in table and column["Type"] != "STRING"
        ]
    found += [f"{name}: the column {column} is there twice" for column, n in Counter(inputs).items() if n > 1]
    for table in data_set["LogicalTableMap"].values():
        if table["Source"].get("PhysicalTableId") not in data_set["PhysicalTableMap"]:
            found.append(f"{name}: no physical table {table['Source'].get('PhysicalTableId')}")
        steps = table["DataTransforms"]
        casts = [step["CastColumnTypeOperation"] for step in steps if "CastColumnTypeOperation" in step]
        used = [cast["ColumnName"] for cast in casts]
        used += [column for step in steps for column in step.get("ProjectOperation", {}).get("ProjectedColumns", [])]
        found += [f"{name}: no column {column}" for column in used if column not in inputs]
        found += [
            f"{name}: the date {cast['ColumnName']} needs a format"
            for cast in casts
            if cast["NewColumnType"] == "DATETIME" and not cast.get("Format")
        ]
    return found


def definition_problems(definition: Request, data_sets: Mapping[str, Request], arns: Mapping[str, str]) -> list[str]:
    """Return every reference in a definition that leads nowhere.

    Parameters
    ----------
    definition
        The dashboard's definition.
    data_sets
        The CreateDataSet requests by identifier.
    arns
        The ARN of each data set by identifier.
    """
    declared = {item["Identifier"]: item["DataSetArn"] for item in definition["DataSetIdentifierDeclarations"]}
    types = {name: dict(columns_of(data_sets[name])) for name in declared if name in data_sets}
    parameters = {
        next(iter(item.values()))["Name"]: next(iter(item)) for item in definition.get("ParameterDeclarations", [])
    }
    found = [f"the data set {name} has another ARN: {arn}" for name, arn in declared.items() if arns.get(name) != arn]
    for item in definition.get("CalculatedFields", []):
        found += _expression(
            item["Expression"], f"calculated field {item['Name']}", types.get(item["DataSetIdentifier"]), parameters
        )
        is_flag = item["Expression"].startswith("ifelse")
        types.setdefault(item["DataSetIdentifier"], {})[item["Name"]] = "INTEGER" if is_flag else "DECIMAL"
    for column in nodes(definition, "Column"):
        found += _column(column, types)
    for column in nodes(definition, "LinkToDataSetColumn"):
        found += _column(column, types)
    found += _fields(definition, types)
    found += _parameters(definition, parameters)
    found += _sheets(definition)
    found += _filters(definition, types)
    return found


def _expression(
    expression: str, at: str, columns: Mapping[str, str] | None, parameters: Mapping[str, str]
) -> Iterator[str]:
    names, wanted = referenced(expression)
    if columns is None:
        yield f"{at}: its data set is not declared"
        return
    yield from (f"{at}: no column {name}" for name in names if name not in columns)
    yield from (f"{at}: no parameter {name}" for name in wanted if name not in parameters)
    if expression.count("(") != expression.count(")"):
        yield f"{at}: brackets do not match"


def _column(column: Request, types: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    data_set, name = column["DataSetIdentifier"], column["ColumnName"]
    if data_set not in types:
        yield f"the data set {data_set} is not declared"
    elif name not in types[data_set]:
        yield f"the data set {data_set} has no column {name}"


def _type_of(column: Request, types: Mapping[str, Mapping[str, str]]) -> str:
    return _TYPES.get(types.get(column["DataSetIdentifier"], {}).get(column["ColumnName"], ""), "")


def _fields(definition: Request, types: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for kind, expected in _FIELD_TYPES.items():
        for field in nodes(definition, kind):
            actual = _type_of(field["Column"], types)
            if actual and actual != expected:
                yield f"{field['FieldId']}: a {kind} needs a {expected}, {field['Column']['ColumnName']} is a {actual}"
    for visual in _visuals(definition):
        ids = list(nodes(visual["ChartConfiguration"]["FieldWells"], "FieldId"))
        yield from (
            f"{visual['VisualId']}: the field {name} is there twice" for name, n in Counter(ids).items() if n > 1
        )
        used = [
            *nodes(visual["ChartConfiguration"].get("SortConfiguration", {}), "FieldId"),
            *nodes(visual.get("ConditionalFormatting", {}), "FieldId"),
            *nodes(visual.get("Actions", []), "SourceField"),
        ]
        yield from (f"{visual['VisualId']}: no field {name}" for name in used if name not in ids)
        names = {item["Column"]["ColumnName"] for item in _with_column(visual)}
        for expression in nodes(visual.get("ConditionalFormatting", {}), "Expression"):
            columns, _ = referenced(expression)
            yield from (f"{visual['VisualId']}: no column {name} to format by" for name in columns if name not in names)


def _with_column(document: Any) -> Iterator[Request]:  # noqa: ANN401 - any JSON
    if isinstance(document, dict):
        if isinstance(document.get("Column"), dict):
            yield document
        for value in document.values():
            yield from _with_column(value)
    elif isinstance(document, list):
        for item in document:
            yield from _with_column(item)


def _visuals(definition: Request) -> Iterator[Request]:
    for sheet in definition["Sheets"]:
        for visual in sheet.get("Visuals", []):
            yield from visual.values()


def _parameters(definition: Request, parameters: Mapping[str, str]) -> Iterator[str]:
    names = [next(iter(item.values()))["Name"] for item in definition.get("ParameterDeclarations", [])]
    yield from (f"the parameter {name} is declared twice" for name, n in Counter(names).items() if n > 1)
    for key in ("ParameterName", "SourceParameterName", "DestinationParameterName", "Parameter"):
        yield from (
            f"{key}: no parameter {name}"
            for name in nodes(definition, key)
            if isinstance(name, str) and name not in parameters
        )
    for control in nodes(definition, "DateTimePicker"):
        if parameters.get(control["SourceParameterName"], "DateTime").startswith("String"):
            yield f"{control['ParameterControlId']}: a date picker needs a date parameter"


def _sheets(definition: Request) -> Iterator[str]:
    ids = [sheet["SheetId"] for sheet in definition["Sheets"]]
    yield from (f"the sheet {name} is there twice" for name, n in Counter(ids).items() if n > 1)
    for name in nodes(definition, "TargetSheetId"):
        if name not in ids:
            yield f"a click leads to the sheet {name}, which is not there"
    visuals = [visual["VisualId"] for visual in _visuals(definition)]
    yield from (f"the visual {name} is there twice" for name, n in Counter(visuals).items() if n > 1)
    for sheet in definition["Sheets"]:
        own = {
            "VISUAL": [next(iter(item.values()))["VisualId"] for item in sheet.get("Visuals", [])],
            "TEXT_BOX": [box["SheetTextBoxId"] for box in sheet.get("TextBoxes", [])],
        }
        controls = [next(iter(item.values()))["ParameterControlId"] for item in sheet.get("ParameterControls", [])]
        yield from _layout(sheet["SheetId"], sheet.get("Layouts", []), own)
        if controls or sheet.get("SheetControlLayouts"):
            yield from _layout(sheet["SheetId"], sheet.get("SheetControlLayouts", []), {"PARAMETER_CONTROL": controls})


def _layout(sheet: str, layouts: list[Request], own: Mapping[str, list[str]]) -> Iterator[str]:
    elements = [element for layout in layouts for element in layout["Configuration"]["GridLayout"]["Elements"]]
    placed = Counter((element["ElementType"], element["ElementId"]) for element in elements)
    there = {(kind, name) for kind, names in own.items() for name in names}
    yield from (
        f"{sheet}: the layout places {name}, which is no {kind} of the sheet"
        for kind, name in placed
        if (kind, name) not in there
    )
    yield from (f"{sheet}: {name} is placed {n} times" for (_, name), n in placed.items() if n > 1)
    yield from (f"{sheet}: {name} has no place in the layout" for kind, name in sorted(there - set(placed)))
    cells: dict[tuple[int, int], str] = {}
    for element in elements:
        if "RowIndex" not in element:
            continue
        if element["ColumnIndex"] + element["ColumnSpan"] > 36:
            yield f"{sheet}: {element['ElementId']} is wider than the 36 columns of the grid"
        for row in range(element["RowIndex"], element["RowIndex"] + element["RowSpan"]):
            for column in range(element["ColumnIndex"], element["ColumnIndex"] + element["ColumnSpan"]):
                other = cells.setdefault((row, column), element["ElementId"])
                if other != element["ElementId"]:
                    yield f"{sheet}: {element['ElementId']} lies on {other}"
                    return


def _filters(definition: Request, types: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    groups = definition.get("FilterGroups", [])
    filters = [inner for group in groups for item in group["Filters"] for inner in item.values()]
    ids = [*(group["FilterGroupId"] for group in groups), *(inner["FilterId"] for inner in filters)]
    yield from (f"the filter {name} is there twice" for name, n in Counter(ids).items() if n > 1)
    yield from (f"no filter {name}" for name in nodes(definition, "SourceFilterId") if name not in ids)
    for group in groups:
        for item in group["Filters"]:
            for kind, inner in item.items():
                actual = _type_of(inner["Column"], types)
                if actual and actual != _FILTER_TYPES.get(kind, actual):
                    yield f"{inner['FilterId']}: a {kind} cannot filter a {actual}"
        yield from _filter_scope(group, definition)


def _filter_scope(group: Request, definition: Request) -> Iterator[str]:
    name, is_single = group["FilterGroupId"], group["CrossDataset"] == "SINGLE_DATASET"
    sheets = {
        sheet["SheetId"]: {visual["VisualId"]: visual for item in sheet.get("Visuals", []) for visual in item.values()}
        for sheet in definition["Sheets"]
    }
    read = {data for item in group["Filters"] for data in nodes(item, "DataSetIdentifier")}
    if is_single and len(read) > 1:
        yield f"{name}: filters of one data set only, found {', '.join(sorted(read))}"
    for parts in nodes(group["ScopeConfiguration"], "SheetVisualScopingConfigurations"):
        for part in parts:
            if part["SheetId"] not in sheets:
                yield f"{name}: no sheet {part['SheetId']}"
                continue
            visuals = sheets[part["SheetId"]]
            for visual in part.get("VisualIds", []):
                if visual not in visuals:
                    yield f"{name}: the sheet {part['SheetId']} has no visual {visual}"
                elif is_single and not read & set(nodes(visuals[visual], "DataSetIdentifier")):
                    yield f"{name}: {visual} does not show the data set it filters"
