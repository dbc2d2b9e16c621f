"""A resource as a provider reported it, the scope it was read in, and the edges it declares."""

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

GLOBAL = "global"
"""The region of what belongs to an account as a whole."""


class EdgeType(StrEnum):
    """`default`: belongs to or uses. `delete`: the node the edge leads to must be deleted first."""

    DEFAULT = "default"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """The smallest thing that is collected whole or not at all: one kind of one account and region."""

    provider: str
    account: str
    region: str
    kind: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.account}/{self.region}/{self.kind}"


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """One end of an edge as its owner knows it; the other end is named, not resolved.

    `outgoing` edges lead from the owner to the named resource, the others from the named resource to the
    owner. `value` is what the named resource carries as its `by`; `kind` may be a base kind.
    """

    type: EdgeType
    outgoing: bool
    kind: str
    value: str
    by: Literal["id", "arn", "name"] = "id"


@dataclass(slots=True)
class Resource:
    """One resource, as the API answered. Times carry a time zone; `None` means the API does not say.

    `volatile` names properties that change all the time by themselves: their change alone is no change.
    """

    kind: str
    id: str
    name: str
    region: str
    tags: dict[str, str] = field(default_factory=dict)
    ctime: datetime | None = None
    mtime: datetime | None = None
    atime: datetime | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    edges: tuple[Edge, ...] = ()
    volatile: tuple[str, ...] = ()

    def reported(self) -> dict[str, Any]:
        """All that is known of the resource as one JSON object, without the time of its last access.

        The last access changes without the resource changing; it is kept beside the object.
        """
        return {
            **self.properties,
            "id": self.id,
            "kind": self.kind,
            "name": self.name,
            "tags": self.tags,
            "ctime": self.ctime,
            "mtime": self.mtime,
        }


@dataclass(frozen=True, slots=True)
class StoredResource:
    """A resource as the inventory holds it; enough to read it again, to delete it and to tag it."""

    node_id: uuid.UUID
    scope: Scope
    id: str
    name: str
    reported: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.scope}/{self.id}"


def node_ids(scope: Scope) -> Callable[[str], uuid.UUID]:
    """A function that gives a resource of a scope, by its id, its identity in the graph.

    That is the same for ever, whatever else about the resource changes. Half of it follows from the scope
    alone, so that what is written together lies together in an index.
    """
    place = "\x1f".join((scope.provider, scope.account, scope.region, scope.kind))
    of_place = hashlib.sha256(place.encode())
    half = of_place.digest()[:8]

    def identity(resource_id: str) -> uuid.UUID:
        whole = of_place.copy()
        whole.update(f"\x1f{resource_id}".encode())
        return uuid.UUID(bytes=half + whole.digest()[:8])

    return identity


def node_id(scope: Scope, resource_id: str) -> uuid.UUID:
    """The identity of one resource in the graph."""
    return node_ids(scope)(resource_id)
