"""The stacks by name, in the order in which they are made, and their parameters.

Belongs here: which templates there are, and what a person may set. Does not belong here: sending them.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import yaml

from pizza_assets.aws.templates import platform, serverless, storage, watching
from pizza_assets.aws.templates.words import SUFFIX, Template
from pizza_assets.errors import UseError

TEMPLATES: Mapping[str, Callable[[], Template]] = {
    "storage": storage.template,
    "serverless": serverless.template,
    "watching": watching.template,
    "platform": platform.template,
}
#: Deployed when no other are named: all that a run every evening needs.
USUAL = ("storage", "serverless", "watching")
#: CloudFormation's own limit of a template that is sent with the request, in bytes.
MAX_TEMPLATE_BYTES = 51_200


@dataclass(frozen=True)
class Stack:
    """One stack: its kind, its name on AWS, its template as it is sent, and its parameters."""

    kind: str
    name: str
    body: str
    parameters: Mapping[str, str]


def stack_name(kind: str, suffix: str) -> str:
    """Return the name of a stack on AWS."""
    return f"pizza-game-{kind}-{suffix}"


def bucket_name(suffix: str) -> str:
    """Return the name of the lake's bucket."""
    return f"pizza-game-analytics-{suffix}"


def logs_bucket_name(suffix: str) -> str:
    """Return the name of the bucket of Dagster's logs of steps."""
    return f"pizza-game-logs-{suffix}"


def function_name(suffix: str) -> str:
    """Return the name of the function."""
    return f"pizza-game-dashboard-{suffix}"


def check_suffix(suffix: str) -> str:
    """Return the suffix. Raises UseError when no bucket can be named so."""
    if not re.fullmatch(SUFFIX["AllowedPattern"], suffix):
        raise UseError(f"--suffix '{suffix}': {SUFFIX['ConstraintDescription']}.")
    return suffix


def plan(suffix: str, kinds: Sequence[str], given: Mapping[str, str]) -> list[Stack]:
    """Return the stacks in order; `given` are parameters by name, each for every stack that has it.

    Raises
    ------
    UseError
        When a stack or a parameter is unknown, or a parameter without a default is not given.
    """
    check_suffix(suffix)
    if unknown := [kind for kind in kinds if kind not in TEMPLATES]:
        raise UseError(f"--stack {unknown[0]}: expected one of {', '.join(TEMPLATES)}.")
    templates = {kind: TEMPLATES[kind]() for kind in TEMPLATES if kind in kinds}
    names = {name for template in templates.values() for name in template["Parameters"]}
    if wrong := sorted(given.keys() - names):
        raise UseError(f"--set {wrong[0]}=...: expected a parameter of these stacks: {', '.join(sorted(names))}.")
    stacks = []
    for kind, template in templates.items():
        asked = {"Suffix": suffix, **given}
        missing = [name for name, of in template["Parameters"].items() if "Default" not in of and name not in asked]
        if missing:
            explained = ", ".join(f"{name} ({template['Parameters'][name]['Description']})" for name in missing)
            raise UseError(f"The stack {kind} needs {explained} Give it with --set {missing[0]}=...")
        values = {name: asked[name] for name in template["Parameters"] if name in asked}
        body = json.dumps(template, separators=(",", ":"))
        stacks.append(Stack(kind, stack_name(kind, suffix), body, values))
    return stacks


class _Dumper(yaml.SafeDumper):  # type: ignore[misc] # yaml has no types
    """Writes equal values each time, without anchors."""

    def ignore_aliases(self, data: object) -> bool:
        """Return that nothing is written as a reference to something else."""
        return True


def as_yaml(template: Template) -> str:
    """Return a template as people read it."""
    return str(yaml.dump(template, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True))
