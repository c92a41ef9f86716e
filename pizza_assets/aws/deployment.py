"""Deploying stacks with CloudFormation: a change set, what it changes, its progress, and why it failed.

Belongs here: the order of requests, and what their answers mean. Does not belong here: templates, options, printing.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pizza_assets.aws.errors import AwsError, advice, as_sentences
from pizza_assets.aws.stacks import MAX_TEMPLATE_BYTES, Stack

_POLL_SECONDS = 3.0
_NOTHING = ("didn't contain changes", "No updates are to be performed", "no changes")
#: A stack whose first creation failed can only be deleted.
_DEAD_ENDS = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"})
_NEW = frozenset({"REVIEW_IN_PROGRESS", "DELETE_COMPLETE"})


@dataclass(frozen=True)
class Change:
    """A change to one resource: Add, Modify or Remove; ``replaces`` where the old one goes."""

    action: str
    resource: str
    kind: str
    replaces: bool

    def __str__(self) -> str:
        """Return the line that people read."""
        return f"{self.action:<7} {self.kind:<45} {self.resource}{'  (REPLACES the old one)' if self.replaces else ''}"


@dataclass(frozen=True)
class ChangeSet:
    """What CloudFormation would do to a stack; ``number`` is its ARN."""

    stack: Stack
    number: str
    stack_id: str
    changes: tuple[Change, ...]
    is_new: bool


class Deployer:
    """Deploys and removes stacks through a client of CloudFormation; `tell` hears of every event of a resource."""

    def __init__(
        self,
        client: Any,  # noqa: ANN401 boto3 makes client classes at run time
        tell: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._tell, self._sleep = client, tell, sleep

    def state(self, name: str) -> str | None:
        """Return a stack's state; None when there is none."""
        found = self._describe(name)
        return None if found is None or found["StackStatus"] == "DELETE_COMPLETE" else str(found["StackStatus"])

    def outputs(self, name: str) -> Mapping[str, str]:
        """Return a stack's outputs."""
        found = self._describe(name) or {}
        return {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", ())}

    def prepare(self, stack: Stack) -> ChangeSet | None:
        """Make the change set of a stack; None when nothing would change.

        Raises
        ------
        AwsError
            When the stack can only be deleted, somebody else changes it, or AWS rejects the template.
        """
        if len(stack.body.encode()) > MAX_TEMPLATE_BYTES:
            raise AwsError(f"The template {stack.kind} has more than {MAX_TEMPLATE_BYTES} bytes, AWS's limit.")
        found = self._describe(stack.name)
        state = found["StackStatus"] if found else None
        if state in _DEAD_ENDS:
            raise AwsError(
                f"The stack {stack.name} is in {state}: it can only be deleted. Run 'pizza-assets aws teardown "
                f"--stack {stack.kind}', then deploy again."
            )
        if state is not None and state.endswith("_IN_PROGRESS") and state not in _NEW:
            raise AwsError(f"The stack {stack.name} is being changed ({state}). Wait until that has ended.")
        is_new = found is None or state in _NEW
        known = {item["ParameterKey"] for item in (found or {}).get("Parameters", ())} if not is_new else set()
        parameters: list[dict[str, Any]] = [
            {"ParameterKey": name, "ParameterValue": value} for name, value in stack.parameters.items()
        ]
        parameters += [
            {"ParameterKey": name, "UsePreviousValue": True}
            for name in sorted(known - stack.parameters.keys())
            if f'"{name}":' in stack.body
        ]
        with as_sentences(f"make a change set of the stack {stack.name}"):
            answer = self._create(
                StackName=stack.name,
                ChangeSetName=f"deploy-{datetime.now(UTC):%Y%m%d-%H%M%S}",
                ChangeSetType="CREATE" if is_new else "UPDATE",
                TemplateBody=stack.body,
                Parameters=parameters,
                Capabilities=["CAPABILITY_NAMED_IAM"],
            )
            return answer and self._made(stack, answer["Id"], is_new=is_new)

    def _create(self, **request: object) -> Any:  # noqa: ANN401 as boto3 answers
        """Ask for a change set; return None where AWS says at once that nothing changes."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 for AWS alone

        try:
            return self._client.create_change_set(**request)
        except ClientError as error:
            if any(part in str(error) for part in _NOTHING):
                return None
            raise

    def _made(self, stack: Stack, number: str, *, is_new: bool) -> ChangeSet | None:
        while True:
            found = self._client.describe_change_set(ChangeSetName=number, StackName=stack.name)
            if not found["Status"].endswith(("PENDING", "IN_PROGRESS")):
                break
            self._sleep(_POLL_SECONDS)
        reason = found.get("StatusReason", "")
        changes = [_change(item["ResourceChange"]) for item in found.get("Changes", ())]
        while token := found.get("NextToken"):
            found |= self._client.describe_change_set(ChangeSetName=number, StackName=stack.name, NextToken=token)
            changes += [_change(item["ResourceChange"]) for item in found.get("Changes", ())]
            if found.get("NextToken") == token:
                break
        if found["Status"] == "FAILED" or not changes:
            self._client.delete_change_set(ChangeSetName=number, StackName=stack.name)
            if not changes and (not reason or any(part in reason for part in _NOTHING)):
                return None
            raise AwsError(f"AWS rejects the template {stack.kind}: {reason.rstrip('.')}. {advice(reason)}.")
        return ChangeSet(stack, number, found["StackId"], tuple(changes), is_new)

    def apply(self, changes: ChangeSet) -> None:
        """Apply a change set, and follow it to its end.

        Raises
        ------
        AwsError
            Naming the resource that failed first, and why.
        """
        name = changes.stack.name
        with as_sentences(f"change the stack {name}"):
            seen = {event["EventId"] for event in self._events(changes.stack_id)}
            self._client.execute_change_set(ChangeSetName=changes.number, StackName=name)
        self._follow(name, changes.stack_id, seen, good=("CREATE_COMPLETE", "UPDATE_COMPLETE"))

    def discard(self, changes: ChangeSet) -> None:
        """Forget a change set, and the empty stack that was made for it."""
        name = changes.stack.name
        with as_sentences(f"discard the change set of {name}"):
            self._client.delete_change_set(ChangeSetName=changes.number, StackName=name)
            if changes.is_new:
                self._client.delete_stack(StackName=name)

    def delete(self, name: str) -> bool:
        """Delete a stack, follow it to its end, and tell whether there was one. Raises AwsError."""
        found = self._describe(name)
        if found is None or found["StackStatus"] == "DELETE_COMPLETE":
            return False
        with as_sentences(f"delete the stack {name}"):
            seen = {event["EventId"] for event in self._events(found["StackId"])}
            self._client.delete_stack(StackName=name)
        self._follow(name, found["StackId"], seen, good=("DELETE_COMPLETE",))
        return True

    def _follow(self, name: str, stack_id: str, seen: set[str], good: tuple[str, ...]) -> None:
        failure: tuple[str, str, str] | None = None
        with as_sentences(f"follow the stack {name}"):
            while True:
                found = self._describe(stack_id)
                state = "DELETE_COMPLETE" if found is None else str(found["StackStatus"])
                for event in self._new_events(stack_id, seen):
                    self._tell(_event_line(event))
                    reason = event.get("ResourceStatusReason", "")
                    if failure is None and event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
                        failure = (event["LogicalResourceId"], event.get("ResourceType", ""), reason)
                if not state.endswith("_IN_PROGRESS"):
                    break
                self._sleep(_POLL_SECONDS)
        if state in good:
            return
        what, kind, why = failure or (name, "the stack", (found or {}).get("StackStatusReason", "AWS gives no reason"))
        raise AwsError(f"The stack {name} failed ({state}) at {what} ({kind}): {why.rstrip('.')}. {advice(why)}.")

    def _describe(self, name: str) -> Mapping[str, Any] | None:
        from botocore.exceptions import ClientError  # noqa: PLC0415 for AWS alone

        with as_sentences(f"describe the stack {name}"):
            try:
                found: Mapping[str, Any] = self._client.describe_stacks(StackName=name)["Stacks"][0]
            except ClientError as error:
                if "does not exist" in str(error):
                    return None
                raise
            return found

    def _events(self, stack_id: str) -> Iterator[Mapping[str, Any]]:
        from botocore.exceptions import ClientError  # noqa: PLC0415 for AWS alone

        try:
            for page in self._client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
                yield from page["StackEvents"]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise

    def _new_events(self, stack_id: str, seen: set[str]) -> list[Mapping[str, Any]]:
        """Return events that were not seen before, oldest first."""
        found = [event for event in self._events(stack_id) if event["EventId"] not in seen]
        seen.update(event["EventId"] for event in found)
        return found[::-1]


def _change(item: Mapping[str, Any]) -> Change:
    return Change(
        item["Action"],
        item["LogicalResourceId"],
        item["ResourceType"],
        item.get("Replacement") in {"True", "Conditional"},
    )


def _event_line(event: Mapping[str, Any]) -> str:
    reason = event.get("ResourceStatusReason")
    return f"{event['ResourceStatus']:<22} {event['LogicalResourceId']}{f': {reason}' if reason else ''}"
