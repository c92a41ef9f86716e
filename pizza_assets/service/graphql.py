"""The data sets by GraphQL: one field each, with the arguments and columns of the JSON answers.

Belongs here: the schema, made from the contracts, and its limits. Does not belong here: HTTP.
"""

from typing import Any

import graphene
from graphql import DocumentNode, FieldNode, GraphQLError, GraphQLSchema, Visitor, execute_sync, parse, validate, visit

from pizza_assets.contracts import arrow_schema
from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.service.data import LIMIT, NAMES, AskedWronglyError, Published, filterable

#: Data sets that one question may ask for, and the longest question.
MOST_FIELDS, MOST_CHARACTERS, MOST_TOKENS = 5, 10_000, 1_000
_SCALARS = {"number": graphene.Float, "boolean": graphene.Boolean, "string": graphene.String}


def schema_of(published: Published) -> GraphQLSchema:
    """Return the schema over what is published. Counts are floats: GraphQL's integers end at 2^31."""
    fields: dict[str, Any] = {}
    for name, data_set in NAMES.items():
        contract = DATA_SETS[data_set]
        columns = {
            field.name: _SCALARS[_kind(str(field.type))](description=contract.columns[field.name].description)
            for field in arrow_schema(contract)
        }
        row = type(f"{name.capitalize()}Row", (graphene.ObjectType,), columns)
        fields[name] = graphene.List(
            graphene.NonNull(row),
            description=contract.description,
            limit=graphene.Int(default_value=LIMIT),
            offset=graphene.Int(default_value=0),
            **{column: graphene.String() for column in filterable(name)},
        )
        fields[f"resolve_{name}"] = _resolver(published, name)
    query = type("Query", (graphene.ObjectType,), fields)
    schema: GraphQLSchema = graphene.Schema(query=query, auto_camelcase=False).graphql_schema
    return schema


def _kind(arrow_type: str) -> str:
    if arrow_type.startswith(("int", "uint", "float", "double", "decimal")):
        return "number"
    return "boolean" if arrow_type == "bool" else "string"


def _resolver(published: Published, name: str) -> Any:  # noqa: ANN401 graphene takes any function
    def resolve(_root: object, _info: object, **asked: object) -> list[dict[str, Any]]:
        given = {column: str(value) for column, value in asked.items() if value is not None}
        return published.answer(name, given).rows

    return resolve


def answer(schema: GraphQLSchema, query: str, variables: dict[str, Any] | None) -> dict[str, Any]:
    """Return the answer to a query as a document with `data` or `errors`.

    Raises
    ------
    AskedWronglyError
        When the query is too long, or asks for too many data sets at once.
    """
    if len(query) > MOST_CHARACTERS:
        raise AskedWronglyError(f"query: expected at most {MOST_CHARACTERS} characters, found {len(query)}.")
    try:
        document = parse(query, max_tokens=MOST_TOKENS)
    except GraphQLError as error:
        return {"errors": [error.formatted]}
    if errors := validate(schema, document):
        return {"errors": [error.formatted for error in errors[:5]]}
    _check_size(document)
    found = execute_sync(schema, document, variable_values=variables)
    shown: dict[str, Any] = {"data": found.data}
    if found.errors:
        shown["errors"] = [error.formatted for error in found.errors[:5]]
    return shown


def _check_size(document: DocumentNode) -> None:
    """Raise AskedWronglyError when a query asks for more than `MOST_FIELDS` data sets, under whichever names."""
    counter = _Counter()
    visit(document, counter)
    if counter.data_sets > MOST_FIELDS:
        raise AskedWronglyError(f"query: expected at most {MOST_FIELDS} data sets at once, found {counter.data_sets}.")


class _Counter(Visitor):
    """Counts the fields that are data sets; fields of the same response key are merged, so there are no more."""

    def __init__(self) -> None:
        super().__init__()
        self.data_sets = 0

    def enter_field(self, node: FieldNode, *_: object) -> None:
        self.data_sets += node.name.value in NAMES
