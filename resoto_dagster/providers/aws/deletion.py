"""How a resource is deleted or made to let go of another, and what AWS does not delete by itself."""

import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

from resoto_dagster.model.resource import StoredResource
from resoto_dagster.providers.aws.accounts import Account
from resoto_dagster.providers.aws.clients import ServiceClient, request_id
from resoto_dagster.providers.aws.declaration import AwsKind, Call, HeldBack, Step
from resoto_dagster.providers.aws.errors import ApiError
from resoto_dagster.providers.aws.listing import compile_items
from resoto_dagster.providers.aws.params import compile_params, with_dotted
from resoto_dagster.providers.aws.paths import compile_list
from resoto_dagster.providers.base import ProviderError

Params = Iterator[dict[str, Any]]

_PATIENCE = timedelta(minutes=10)
"""For how long a step is tried again that comes too early."""
_PAUSE = timedelta(seconds=10)


def delete(kind: AwsKind, resource: StoredResource, account: Account) -> tuple[str, ...]:
    """Make the calls of the kind's deletion in their order and return the ids of the requests.

    What the API says is not there any more counts as deleted. Raises ProviderError when it refuses.
    """
    client = account.client(kind.service, resource.scope.region)
    ids, asked = _make_calls(kind.delete, kind.missing, client, resource.reported)
    last = kind.delete[-1]
    if last.each is None and last.operation not in asked:
        raise ProviderError(f"{last.operation}: not all of {dict(last.params)} is known of {resource}")
    return ids


def untie(
    kind: AwsKind, resource: StoredResource, other: StoredResource, account: Account
) -> tuple[str, ...]:
    """Have a resource let go of another one, as the kind declares, and return the ids of the requests.

    Raises ProviderError when AWS refuses.
    """
    client = account.client(kind.service, resource.scope.region)
    source = {**resource.reported, "other": other.reported}
    ids, _ = _make_calls(kind.unties[other.scope.kind], kind.missing, client, source)
    return ids


def _make_calls(
    steps: Sequence[Step], missing: Sequence[str], client: ServiceClient, reported: Mapping[str, Any]
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Make the calls of steps in their order. Returns the ids of the requests, and the operations asked."""
    ids: list[str] = []
    asked: set[str] = set()
    for step in steps:
        nothing_to_do = {*missing, *step.absent}
        try:
            every_params = list(_params(step, client, reported))
        except ApiError as error:
            if not error.is_one_of(nothing_to_do):
                raise
            continue
        for params in every_params:
            asked.add(step.operation)
            try:
                answer = _call(step, client, params)
            except ApiError as error:
                if not error.is_one_of(nothing_to_do):
                    raise
            else:
                ids.append(request_id(answer))
                _raise_refused(step, answer, nothing_to_do)
                if step.until:
                    client.wait(step.until, step.operation, params)
    return tuple(ids), frozenset(asked)


def held_back(kind: AwsKind, resource: StoredResource) -> HeldBack | None:
    """The declared reason for which AWS would not delete this very resource by itself, or None."""
    for rule in kind.held_back:
        if any(value in rule.values for value in _values_at(rule.property)(resource.reported)):
            return rule
    return None


@cache
def _values_at(path: str) -> Callable[[Mapping[str, Any]], list[Any]]:
    return compile_list(path)


def _call(step: Step, client: ServiceClient, params: dict[str, Any]) -> dict[str, Any]:
    """Make the call of a step, again and again as long as it comes too early."""
    deadline = time.monotonic() + _PATIENCE.total_seconds()
    while True:
        try:
            return client.call(step.operation, params)
        except ApiError as error:
            if not error.is_one_of(step.early) or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE.total_seconds())


def _params(step: Step, client: ServiceClient, reported: Mapping[str, Any]) -> Params:
    """The params of every call of a step; all before the first, since the calls change what is listed."""
    if step.each is None:
        params = compile_params(step.params, step.const)(reported)
        if params is not None:
            yield params
        return
    sources = [{**reported, "item": item} for item in _listed(step.each, client, reported)]
    if step.batch > 1:
        yield from _batches(step, sources, reported)
    else:
        make = compile_params(step.params, step.const)
        yield from (params for params in map(make, sources) if params is not None)


def _listed(call: Call, client: ServiceClient, reported: Mapping[str, Any]) -> list[dict[str, Any]]:
    params, items = compile_params(call.params)(reported), compile_items(call.items)
    if params is None:
        return []
    return [item for page in client.pages(call.operation, params, call.page_size) for item in items(page)]


def _batches(step: Step, sources: list[dict[str, Any]], reported: Mapping[str, Any]) -> Params:
    """A call for each batch; params that are mappings become a list with an object for each item."""
    common = {name: source for name, source in step.params.items() if not isinstance(source, Mapping)}
    objects = {name: compile_params(s) for name, s in step.params.items() if isinstance(s, Mapping)}
    params = compile_params(common, step.const)(reported)
    if params is None:
        return
    for start in range(0, len(sources), step.batch):
        made = {name: list(map(make, sources[start : start + step.batch])) for name, make in objects.items()}
        lists = {name: [an_object for an_object in every if an_object] for name, every in made.items()}
        if all(lists.values()):
            yield with_dotted(params, lists)


def _raise_refused(step: Step, answer: Mapping[str, Any], nothing_to_do: Container[str]) -> None:
    """Raise what an answer lists as refused though the call as such succeeded."""
    listed = compile_list(step.errors)(answer) if step.errors else []
    refused = [error for error in listed if error.get("Code") not in nothing_to_do]
    if refused:
        code, message = refused[0].get("Code", "Unknown"), refused[0].get("Message", "")
        raise ProviderError(f"{code}: {step.operation}: {len(refused)} refused, the first: {message}")
