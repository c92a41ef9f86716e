"""Checking a request to QuickSight offline, strictly against the service's model.

Belongs here: what the model forbids. botocore checks members and types alone; enums, patterns, lengths and
'only one of these' are in its model too, and checked here. Does not belong here: references between requests.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from pizza_assets.dashboard.quicksight.data_sources import Request
from pizza_assets.errors import PizzaAssetsError

_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "double": (float, int),
    "float": (float, int),
    "boolean": (bool,),
    "timestamp": (datetime, str),
    "list": (list, tuple),
    "map": (dict,),
    "structure": (dict,),
}
#: The documentation of a structure that may have one member says so; the model has no other mark.
_UNION = re.compile(r"union type structure|only one of the attributes can be non-null", re.IGNORECASE)
#: Structures that allow one member alone and do not say so.
_UNMARKED_UNIONS = frozenset({"DimensionField", "MeasureField", "ConditionalFormattingColor"})


@cache
def _model() -> Any:  # noqa: ANN401 - botocore has no types
    import botocore.session  # noqa: PLC0415 half a second, for QuickSight alone

    return botocore.session.get_session().get_service_model("quicksight")


def problems(operation: str, request: Request) -> list[str]:
    """Return what is wrong with a request by the service's own model, each with its place."""
    model = _model()
    if operation not in model.operation_names:
        return [f"QuickSight has no operation {operation}"]
    return list(_shape(model.operation_model(operation).input_shape, request, operation))


def _shape(shape: Any, value: Any, at: str) -> Iterator[str]:  # noqa: ANN401 - botocore has no types
    kind = shape.type_name
    expected = _PYTHON_TYPES.get(kind, (object,))
    fits: bool = isinstance(value, expected)
    if not fits or (isinstance(value, bool) and kind != "boolean"):
        yield f"{at}: expected {kind}, found {type(value).__name__} {value!r}"
        return
    if kind == "structure":
        yield from _structure(shape, value, at)
    elif kind == "list":
        yield from _bounds(shape, len(value), at, "items")
        for i, item in enumerate(value):
            yield from _shape(shape.member, item, f"{at}[{i}]")
    elif kind == "map":
        yield from _bounds(shape, len(value), at, "entries")
        for name, item in value.items():
            yield from _shape(shape.key, name, f"{at} key")
            yield from _shape(shape.value, item, f"{at}.{name}")
    elif kind == "string":
        yield from _string(shape, value, at)
    elif kind in {"integer", "long", "double", "float"}:
        yield from _bounds(shape, value, at, "")


def _structure(shape: Any, value: Request, at: str) -> Iterator[str]:  # noqa: ANN401 - botocore has no types
    yield from (f"{at}: {name} is missing" for name in shape.required_members if name not in value)
    yield from (f"{at}: no member {name}" for name in value if name not in shape.members)
    is_union = shape.name in _UNMARKED_UNIONS or bool(_UNION.search(shape.documentation or ""))
    if is_union and len(value) != 1:
        yield f"{at}: exactly one of {', '.join(shape.members)} is allowed, found {', '.join(value) or 'none'}"
    for name, item in value.items():
        if name in shape.members:
            yield from _shape(shape.members[name], item, f"{at}.{name}")


def _string(shape: Any, value: str, at: str) -> Iterator[str]:  # noqa: ANN401 - botocore has no types
    enum, pattern = getattr(shape, "enum", None), shape.metadata.get("pattern")
    if enum and value not in enum:
        yield f"{at}: {value!r} is none of {', '.join(enum)}"
    if pattern and not re.fullmatch(pattern.strip("^$") if pattern.startswith("^") else pattern, value, re.ASCII):
        yield f"{at}: {value!r} does not match {pattern}"
    yield from _bounds(shape, len(value), at, "characters")


def _bounds(shape: Any, size: float, at: str, unit: str) -> Iterator[str]:  # noqa: ANN401 - botocore has no types
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield f"{at}: at least {low} {unit} expected, found {size}"
    if high is not None and size > high:
        yield f"{at}: at most {high} {unit} allowed, found {size}"


def check(operation: str, request: Request) -> None:
    """Raise PizzaAssetsError with everything that the model finds wrong with a request."""
    if found := problems(operation, request):
        raise PizzaAssetsError(f"The request {operation} is not valid: {'; '.join(found[:10])}.")
