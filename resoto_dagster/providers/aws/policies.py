"""The IAM policies that a collect and a cleanup need, as the declarations of the kinds have it."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from botocore.session import Session

from resoto_dagster.providers.aws.clients import new_session
from resoto_dagster.providers.aws.declaration import AwsKind, Step
from resoto_dagster.providers.aws.permissions import iam_actions, service_of
from resoto_dagster.providers.aws.settings import DEFAULT_QUEUE, DEFAULT_ROLE
from resoto_dagster.providers.aws.shapes import operation_model, waiter_method

LONGEST = 6144
"""The characters that IAM takes of a managed policy, white space not counted."""

ENTERING = ("ec2:DescribeRegions", "sts:GetCallerIdentity")
"""What is asked in every account before its resources are."""

LISTING = (
    "organizations:ListAccounts",
    "organizations:ListAccountsForParent",
    "organizations:ListOrganizationalUnitsForParent",
)
"""What is asked in the account that lists those of an organization."""

RECEIVING = (
    ("sqs", "delete_message_batch"),
    ("sqs", "get_queue_url"),
    ("sqs", "receive_message"),
)
"""What is called to receive events from a queue."""

Document = dict[str, Any]

Operation = tuple[str, str]
"""A call: the service and the client's method."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What is allowed, and on which resources."""

    sid: str
    actions: tuple[str, ...]
    resource: str = "*"


def statements_for(parts: Iterable[str], kinds: Collection[AwsKind]) -> list[Statement]:
    """What the parts `collect`, `cleanup`, `tagging` and `events` need; all others on top of the first."""
    made: dict[str, Callable[[], list[Statement]]] = {
        "collect": lambda: [
            Statement("Collect", collect_actions(kinds)),
            Statement("ListOrganization", LISTING),
            Statement("EnterAccounts", ("sts:AssumeRole",), f"arn:*:iam::*:role/{DEFAULT_ROLE}"),
        ],
        "cleanup": lambda: [Statement("Cleanup", cleanup_actions(kinds))],
        "tagging": lambda: [Statement("Tagging", tagging_actions(kinds))],
        "events": lambda: [Statement("Events", _actions(RECEIVING), f"arn:*:sqs:*:*:{DEFAULT_QUEUE}")],
    }
    return [statement for part in parts for statement in made[part]()]


def collect_actions(kinds: Iterable[AwsKind]) -> tuple[str, ...]:
    """The actions of all calls by which kinds are read, once or again."""
    return _actions((one for kind in kinds for one in collect_calls(kind)), ENTERING)


def cleanup_actions(kinds: Iterable[AwsKind]) -> tuple[str, ...]:
    """The actions of all deletions, and of what they list first."""
    return _actions(one for kind in kinds for one in cleanup_calls(kind))


def tagging_actions(kinds: Iterable[AwsKind]) -> tuple[str, ...]:
    """The actions of all changes of tags."""
    return _actions(one for kind in kinds for one in tagging_calls(kind))


def collect_calls(kind: AwsKind) -> Iterator[Operation]:
    """The calls by which a kind is read, once or again."""
    return _operations(replace(kind, delete=(), tagging=None), kind.service)


def cleanup_calls(kind: AwsKind) -> Iterator[Operation]:
    """The calls of a kind's deletion and untying, with those that list what goes first or wait for it."""
    return _operations((kind.delete, *kind.unties.values()), kind.service)


def tagging_calls(kind: AwsKind) -> Iterator[Operation]:
    """The calls that change the tags of a kind."""
    if kind.tagging:
        yield from ((kind.service, method) for method in (kind.tagging.upsert, kind.tagging.remove))


def documents(statements: Iterable[Statement], longest: int = LONGEST) -> list[Document]:
    """The statements as policies, as few as they fit into."""
    made: list[Document] = []
    for statement in statements:
        for action in statement.actions:
            if not made or _length(_with(made[-1], statement, action)) > longest:
                made.append({"Version": "2012-10-17", "Statement": []})
            made[-1] = _with(made[-1], statement, action)
    return made


def _with(document: Document, statement: Statement, action: str) -> Document:
    """The policy with one more action allowed."""
    before: Sequence[Any] = document["Statement"]
    actions = [action]
    if before and before[-1]["Sid"] == statement.sid:
        actions = [*before[-1]["Action"], action]
        before = before[:-1]
    allowed = {"Sid": statement.sid, "Effect": "Allow", "Action": actions, "Resource": statement.resource}
    return {**document, "Statement": [*before, allowed]}


def _length(document: Document) -> int:
    return len(json.dumps(document, separators=(",", ":")))


def _operations(part: Any, service: str) -> Iterator[Operation]:
    """All calls in a part of a declaration, whatever they are in."""
    if is_dataclass(part):
        service = getattr(part, "service", None) or service
        operation = getattr(part, "operation", None)
        if operation:
            yield service, operation
        if isinstance(part, Step) and part.until:
            yield service, waiter_method(new_session(), service, part.until)
        for field in fields(part):
            yield from _operations(getattr(part, field.name), service)
    elif isinstance(part, tuple):
        for one in part:
            yield from _operations(one, service)


def _actions(operations: Iterable[Operation], more: Iterable[str] = ()) -> tuple[str, ...]:
    models = new_session()
    asked = dict.fromkeys(operations)
    return tuple(sorted({*more, *(action for one in asked for action in _of_operation(models, *one))}))


def _of_operation(models: Session, service: str, method: str) -> tuple[str, ...]:
    operation = operation_model(models, service, method)
    return iam_actions(service_of(operation.service_model), operation.name)
