"""The words of CloudFormation that all templates share.

Belongs here: references, tags, parameters, and why a linter's rule does not apply. Does not belong here: resources.
"""

from collections.abc import Mapping
from typing import Any

Template = dict[str, Any]

VERSION = "2010-09-09"
#: The tag that every resource has; costs are asked for by it.
PROJECT_TAG = "project"
PROJECT = "pizza-game"

SUFFIX: Template = {
    "Type": "String",
    "AllowedPattern": "^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$",
    "ConstraintDescription": "expected 2 to 40 small letters, digits and hyphens",
    "Description": "End of the names of all resources; the bucket's name has to be new in all of AWS.",
}
BUCKET = "pizza-game-analytics-${Suffix}"


def ref(name: str) -> Template:
    """Return a reference to a resource or parameter."""
    return {"Ref": name}


def sub(text: str) -> Template:
    """Return a text whose ``${Name}`` CloudFormation fills in."""
    return {"Fn::Sub": text}


def att(resource: str, name: str) -> Template:
    """Return an attribute of a resource."""
    return {"Fn::GetAtt": [resource, name]}


def if_(condition: str, then: object, otherwise: object | None = None) -> Template:
    """Return one value or the other; without a second one the property is left out."""
    return {"Fn::If": [condition, then, {"Ref": "AWS::NoValue"} if otherwise is None else otherwise]}


def is_set(parameter: str) -> Template:
    """Return the condition that a parameter is not empty."""
    return {"Fn::Not": [{"Fn::Equals": [ref(parameter), ""]}]}


def text(description: str, default: str | None = None, **more: object) -> Template:
    """Return a parameter of type String; one with a default may be left out."""
    return {"Type": "String", "Description": description, **({} if default is None else {"Default": default}), **more}


def tags() -> list[Template]:
    """Return the tags of a resource."""
    return [{"Key": PROJECT_TAG, "Value": PROJECT}, {"Key": "suffix", "Value": ref("Suffix")}]


def tag_map() -> Template:
    """Return the same tags, for the resources that take a mapping."""
    return {PROJECT_TAG: PROJECT, "suffix": ref("Suffix")}


def resource(kind: str, properties: Template, *, accepted: Mapping[str, str] | None = None, **more: object) -> Template:
    """Return a resource; `accepted` says of each of checkov's rules that it breaks why that is right."""
    found: Template = {"Type": f"AWS::{kind}", "Properties": properties, **more}
    if accepted:
        found["Metadata"] = {"checkov": {"skip": [{"id": rule, "comment": why} for rule, why in accepted.items()]}}
    return found


def statement(effect: str, actions: object, resources: object, **more: object) -> Template:
    """Return a statement of a policy."""
    return {"Effect": effect, "Action": actions, "Resource": resources, **more}


def policy(*statements: Template) -> Template:
    """Return a policy."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust(service: str, **more: object) -> Template:
    """Return the policy that lets a service of AWS take a role."""
    return policy({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", **more})
