"""Keys that other services encrypt with."""

import json
from collections.abc import Sequence
from typing import Any, Literal

from resoto_dagster.providers.aws.declaration import (
    AwsKind,
    Call,
    Detail,
    HeldBack,
    Link,
    Step,
    Tagging,
    Value,
)


def encrypted_with(*sources: str | Value, delete: Literal["before"] | None = "before") -> tuple[Link, ...]:
    """The edges to the keys that a resource is encrypted with, and, but for `delete=None`, goes before.

    AWS names a key by its ARN or by its id, often as its user did. What names an alias leads to no key: only
    AWS knows which one that is at the moment.
    """
    return tuple(
        Link(kind="aws_kms_key", path=_named(source, by), by=by, delete=delete)
        for source in sources
        for by in _NAMES
    )


_NAMES: tuple[Literal["arn", "id"], ...] = ("arn", "id")


def _named(source: str | Value, by: Literal["arn", "id"]) -> Value:
    """Those of the keys that are named in that way."""

    def chosen(found: str | Sequence[str | None] | None) -> list[str]:
        names = [found] if isinstance(found, str) else found or ()
        return [name for name in names if name and _way(name) == by]

    if isinstance(source, str):
        return Value(source, chosen)
    return Value(source.path, lambda *found: chosen(source.convert(*found)))


def _way(name: str) -> str:
    if ":key/" in name:
        return "arn"
    return "alias" if ":" in name or name.startswith("alias/") else "id"


def _if_own(key: str | None, manager: str | None, *_: Any) -> str | None:
    """The key's id if it is the account's own; AWS's have neither tags nor a policy of one's own."""
    return key if manager == "CUSTOMER" else None


def _if_rotating(key: str | None, manager: str | None, state: str | None, origin: str | None) -> str | None:
    """The key's id if it can be rotated now."""
    return _if_own(key, manager) if (state, origin) == ("Enabled", "AWS_KMS") else None


_OWN_KEY = {"KeyId": Value(("KeyId", "KeyManager"), _if_own)}

_KEY = AwsKind(
    name="aws_kms_key",
    description="A key that data is encrypted with; its deletion can be called off for 30 days, in which "
    "nothing can be decrypted.",
    bases=("access_key",),
    service="kms",
    api=Call(operation="list_keys", items="Keys", page_size=1000),
    details=(
        Detail(operation="describe_key", params={"KeyId": "KeyId"}, result="KeyMetadata", into=""),
        Detail(operation="list_resource_tags", params=_OWN_KEY, result="Tags", into="Tags"),
        Detail(
            operation="get_key_policy",
            params=_OWN_KEY,
            const={"PolicyName": "default"},
            result="Policy",
            into="KeyPolicy",
        ),
        Detail(
            operation="get_key_rotation_status",
            params={"KeyId": Value(("KeyId", "KeyManager", "KeyState", "Origin"), _if_rotating)},
            result="KeyRotationEnabled",
            into="KeyRotationEnabled",
            absent=("UnsupportedOperationException",),
        ),
    ),
    id="KeyId",
    name_path="KeyId",
    arn="Arn",
    prefix="kms",
    ctime="CreationDate",
    properties={
        "access_key_status": "KeyState",
        "kms_multiregion_configuration": "MultiRegionConfiguration",
        "kms_key_policy": Value("KeyPolicy", json.loads),
    },
    drop=("KeyArn",),
    missing=("NotFoundException",),
    gone=("KeyState", ("PendingDeletion", "PendingReplicaDeletion")),
    delete=(
        Step(operation="schedule_key_deletion", params={"KeyId": "id"}, const={"PendingWindowInDays": 30}),
    ),
    tagging=Tagging(
        upsert="tag_resource",
        remove="untag_resource",
        params={"KeyId": "id"},
        named=("TagKey", "TagValue"),
    ),
    held_back=(HeldBack("kms_key_manager", ("AWS",), "AWS owns the key"),),
)

KINDS = (_KEY,)
