"""OpenAPI 3.1 of the service, from the contracts.

Belongs here: the description of paths and schemas. Does not belong here: answering.
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from pizza_assets.contracts import arrow_schema
from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.service.data import LIMIT, MOST, NAMES, filterable

Document = dict[str, Any]
_TEXT: Document = {"text/plain": {"schema": {"type": "string"}}}
_STATUSES = {
    "304": "Nothing has changed since the version of If-None-Match.",
    "400": "The question cannot be answered as it is asked; the text says why.",
    "401": "The token is missing or wrong.",
    "503": "There is nothing to show yet, or too many ask; the text says what to do.",
}


def _kind(arrow_type: str) -> str:
    if arrow_type.startswith(("int", "uint")):
        return "integer"
    if arrow_type.startswith(("float", "double", "decimal")):
        return "number"
    return "boolean" if arrow_type == "bool" else "string"


def schema_of(name: str) -> Document:
    """Return the JSON schema of a row of a data set."""
    contract = DATA_SETS[NAMES[name]]
    properties = {}
    for field in arrow_schema(contract):
        column, kind = contract.columns[field.name], _kind(str(field.type))
        unit = (column.metadata or {}).get("unit")
        shown: Document = {"type": [kind, "null"] if column.nullable else kind}
        shown["description"] = f"{column.description} [{unit}]" if unit else column.description
        if str(field.type).startswith("timestamp"):
            shown["format"] = "date-time"
        properties[field.name] = shown
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _whole(most: int, default: int) -> Document:
    return {"type": "integer", "minimum": 0, "maximum": most, "default": default}


def _answers(content: Document) -> Document:
    others: Document = {status: {"description": text} for status, text in _STATUSES.items()}
    for status in ("400", "401", "503"):
        others[status]["content"] = _TEXT
    return {"200": {"description": "The answer.", "content": content}, **others}


def _rows_path(name: str) -> Document:
    contract = DATA_SETS[NAMES[name]]
    answer = {
        "type": "object",
        "required": ["name", "total", "offset", "rows"],
        "properties": {
            "name": {"const": name},
            "total": {"type": "integer", "description": "Rows that match."},
            "offset": {"type": "integer", "description": "The first of them that is shown."},
            "rows": {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}},
        },
    }
    parameters = [
        {"name": column, "in": "query", "schema": {"type": "string"}, "description": "Only rows with this value."}
        for column in filterable(name)
    ]
    parameters += [
        {"name": "limit", "in": "query", "schema": _whole(MOST, LIMIT), "description": "Rows of the answer."},
        {"name": "offset", "in": "query", "schema": _whole(2**31, 0), "description": "Rows to leave out before them."},
    ]
    return {
        "get": {
            "operationId": name,
            "summary": contract.description,
            "parameters": parameters,
            "responses": _answers({"application/json": {"schema": answer}}),
        }
    }


def _plain_path(operation: str, summary: str, content: Document) -> Document:
    return {"get": {"operationId": operation, "summary": summary, "responses": _answers(content)}}


def document() -> Mapping[str, Any]:
    """Return the OpenAPI document."""
    anything: Document = {"application/json": {"schema": {"type": "object"}}}
    paths = {f"/api/v1/{name}": _rows_path(name) for name in NAMES}
    paths["/api/v1/report"] = _plain_path("report", "The newest report.", anything)
    paths["/api/v1/report.md"] = _plain_path(
        "reportText", "The newest report as text.", {"text/markdown": {"schema": {"type": "string"}}}
    )
    paths["/api/v1/tonight"] = _plain_path("tonight", "Orders of today against expected, by quarter hour.", anything)
    paths["/api/v1/tonight/events"] = _plain_path(
        "tonightEvents",
        "The same as server-sent events, whenever it changes.",
        {"text/event-stream": {"schema": {"type": "string"}}},
    )
    paths["/graphql"] = {
        "post": {
            "operationId": "graphql",
            "summary": "The data sets by GraphQL; the schema is told by introspection.",
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["query"],
                            "properties": {"query": {"type": "string"}, "variables": {"type": ["object", "null"]}},
                        }
                    }
                },
            },
            "responses": _answers(anything),
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pizza and football",
            "version": version("pizza_assets"),
            "description": "What is published, read-only. Every row says whether it is real or mock. Instants are UTC.",
        },
        "paths": paths,
        "components": {
            "schemas": {name: schema_of(name) for name in NAMES},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }
