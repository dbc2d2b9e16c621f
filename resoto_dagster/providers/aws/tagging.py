"""How the tags of a resource are changed."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from resoto_dagster.model.resource import StoredResource
from resoto_dagster.providers.aws.accounts import Account
from resoto_dagster.providers.aws.clients import request_id
from resoto_dagster.providers.aws.declaration import AwsKind, Tagging
from resoto_dagster.providers.aws.params import compile_params, with_dotted
from resoto_dagster.providers.base import ProviderError

Calls = Iterator[tuple[str, dict[str, Any]]]


def update_tags(
    kind: AwsKind,
    tagging: Tagging,
    resource: StoredResource,
    account: Account,
    upsert: Mapping[str, str],
    remove: Collection[str],
) -> tuple[str, ...]:
    """Set and remove tags and return the ids of the requests. Raises ProviderError when AWS refuses.

    Where the call sets all tags at once, `upsert` are all that there shall be.
    """
    client = account.client(kind.service, resource.scope.region)
    params = compile_params(tagging.params, tagging.const)(resource.reported)
    if params is None:
        raise ProviderError(f"{tagging.upsert}: not all of {dict(tagging.params)} is known of {resource}")
    calls = _calls(tagging, resource.reported, params, upsert, remove)
    return tuple(request_id(client.call(operation, asked)) for operation, asked in calls)


def _calls(
    tagging: Tagging,
    reported: Mapping[str, Any],
    params: dict[str, Any],
    upsert: Mapping[str, str],
    remove: Collection[str],
) -> Calls:
    members = compile_params(tagging.tag_members, tagging.tag_const)(reported) or {}
    if upsert:
        yield tagging.upsert, with_dotted(params, {tagging.tags: _tags(tagging, upsert, members)})
    if tagging.replaces and not upsert:
        yield tagging.remove, params
    if remove and not tagging.replaces:
        yield tagging.remove, with_dotted(params, {tagging.keys: _keys(tagging, remove, members)})


def _tags(tagging: Tagging, tags: Mapping[str, str], members: Mapping[str, Any]) -> Any:
    if tagging.tags_form == "map":
        return dict(tags)
    key_name, value_name = tagging.named
    return [{key_name: key, value_name: value, **members} for key, value in tags.items()]


def _keys(tagging: Tagging, keys: Collection[str], members: Mapping[str, Any]) -> Any:
    if tagging.keys_form == "names":
        return list(keys)
    return [{tagging.named[0]: key, **members} for key in keys]
