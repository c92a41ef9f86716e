"""A copy of what is in QuickSight, and putting it back: what people changed in the console is in no code.

Belongs here: a document of requests, and reading it for another account, region or bucket. Does not belong here:
sending (``deploy``). Without changes by hand 'quicksight deploy' makes the same from the code.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pizza_assets.dashboard.quicksight.data_sources import Request, Target
from pizza_assets.dashboard.quicksight.deploy import Api, QuickSightError, Step, plan
from pizza_assets.errors import UseError

_FORMAT = 1


def backup(api: Api, to: Target) -> str:
    """Return all that is there as JSON: a request for each data set, schedule and dashboard.

    Data sources are left out: they only name the lake, and are made for the lake of the account that is restored to.

    Raises
    ------
    QuickSightError
        When nothing is there, or QuickSight rejects a request.
    """
    resources = [
        {"kind": step.kind, "name": step.name, "request": request}
        for step in plan(to)
        if step.kind != "DataSource" and (request := _as_created(api, step)) is not None
    ]
    if not resources:
        raise QuickSightError(
            "ResourceNotFoundException", "There is nothing of ours in QuickSight to copy. Deploy first."
        )
    document = {"format": _FORMAT, "account": to.account, "region": to.region, "resources": resources}
    return json.dumps(document, indent=1, default=str)


def _as_created(api: Api, step: Step) -> Request | None:
    """Return the request that would make a resource as it is now; None when it is not there."""
    try:
        found: Mapping[str, Any] = api.call(f"Describe{step.kind}", step.key)[step.kind]
        if step.kind == "Dashboard":
            found = {**found, "Definition": api.call("DescribeDashboardDefinition", step.key)["Definition"]}
    except QuickSightError as error:
        if error.code == "ResourceNotFoundException":
            return None
        raise
    if step.kind == "RefreshSchedule":
        schedule = found.get("Schedule", found)
        asked = step.create["Schedule"]
        return {**step.create, "Schedule": {name: schedule.get(name, value) for name, value in asked.items()}}
    left_out = {"Permissions", "AwsAccountId"}  # who may see it is what the settings say
    return {name: value if name in left_out else found.get(name, value) for name, value in step.create.items()}


def steps_of(text: str, to: Target) -> list[Step]:
    """Return the steps that put a copy in place at `to`, which may be another account or region.

    Raises
    ------
    UseError
        When the text is no copy of ours.
    """
    try:
        document = json.loads(text)
        account, region, resources = document["account"], document["region"], document["resources"]
        known = {(item["kind"], item["name"]): item["request"] for item in resources}
        is_ours = document["format"] == _FORMAT
    except (ValueError, KeyError, TypeError):
        is_ours = False
    if not is_ours:
        raise UseError("The file is no copy of QuickSight: expected what 'pizza-assets quicksight backup' wrote.")
    moved = json.loads(
        json.dumps([[kind, name, request] for (kind, name), request in known.items()]).replace(
            f":{region}:{account}:", f":{to.region}:{to.account}:"
        )
    )
    requests = {(kind, name): request for kind, name, request in moved}
    steps = []
    for step in plan(to):
        request = requests.get((step.kind, step.name))
        if request is not None:
            own = {name: value for name, value in step.create.items() if name in {"AwsAccountId", "Permissions"}}
            step = replace(step, create={**request, **own})  # noqa: PLW2901 the same step with another request
        if request is not None or step.kind == "DataSource":
            steps.append(step)
    return steps
