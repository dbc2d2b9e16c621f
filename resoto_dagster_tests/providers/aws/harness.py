"""What the tests of AWS share: a sink that remembers, and how a resource looks once it is stored."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from resoto_dagster.model.resource import Edge, EdgeType, Resource, Scope, StoredResource, node_id

ACCOUNT = "123456789012"
"""The account of moto's default credentials."""
OTHER_ACCOUNT = "222222222222"
REGION = "us-east-1"
OTHER_REGION = "eu-west-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k-1"
"""The ARN of a key."""


@dataclass
class RecordingSink:
    """A sink that remembers all it was told and insists on the order the contract promises."""

    accounts: list[str] = field(default_factory=list)
    announced: list[Scope] = field(default_factory=list)
    found: dict[Scope, list[Resource]] = field(default_factory=dict)
    failures: dict[Scope, str] = field(default_factory=dict)
    account_failures: dict[str, str] = field(default_factory=dict)
    empty: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def accounts_expected(self, accounts: Sequence[str]) -> None:
        assert not self.accounts
        assert not self.announced
        self.accounts = list(accounts)

    def scopes_expected(self, scopes: Sequence[Scope]) -> None:
        with self._lock:
            assert scopes
            assert {scope.account for scope in scopes} <= set(self.accounts)
            self.announced.extend(scopes)

    def collected(self, scope: Scope, resources: Sequence[Resource]) -> None:
        with self._lock:
            assert scope in self.announced
            assert scope not in self.found | self.failures
            self.found[scope] = list(resources)

    def found_empty(self, scopes: Sequence[Scope]) -> None:
        for scope in scopes:
            self.collected(scope, [])

    def failed(self, scope: Scope, error: str) -> None:
        with self._lock:
            assert scope in self.announced
            assert scope not in self.found | self.failures
            assert "\n" not in error
            self.failures[scope] = error

    def account_empty(self, account: str, reason: str) -> None:
        with self._lock:
            assert account in self.accounts
            assert "\n" not in reason
            self.empty[account] = reason

    def account_failed(self, account: str, error: str) -> None:
        with self._lock:
            assert account in self.accounts
            assert "\n" not in error
            self.account_failures[account] = error

    def of_kind(self, kind: str) -> list[Resource]:
        """All resources of a kind, of whatever scope, by id."""
        found = (
            resource
            for scope, resources in self.found.items()
            if scope.kind == kind
            for resource in resources
        )
        return sorted(found, key=lambda resource: resource.id)


def stored(resource: Resource, account: str = ACCOUNT, region: str | None = None) -> StoredResource:
    """The resource as the inventory would hand it out."""
    scope = Scope("aws", account, region or resource.region, resource.kind)
    return StoredResource(node_id(scope, resource.id), scope, resource.id, resource.name, as_json(resource))


def as_json(resource: Resource) -> Mapping[str, Any]:
    """What is reported of the resource after it went through JSON."""
    import orjson

    return orjson.loads(orjson.dumps(resource.reported()))


def belongs_to(kind: str, value: str, by: str = "id") -> Edge:
    """The edge from what the resource belongs to."""
    return Edge(EdgeType.DEFAULT, False, kind, value, by)


def uses(kind: str, value: str, by: str = "id") -> Edge:
    """The edge to what the resource uses."""
    return Edge(EdgeType.DEFAULT, True, kind, value, by)


def goes_before(kind: str, value: str, by: str = "id") -> Edge:
    """The edge that says that the resource must be deleted before the other one."""
    return Edge(EdgeType.DELETE, False, kind, value, by)


def encrypted_with(key: str = KEY) -> set[Edge]:
    """The edges to the key that the resource is encrypted with, by its ARN or its id."""
    by = "arn" if key.startswith("arn:") else "id"
    return {uses("aws_kms_key", key, by), goes_before("aws_kms_key", key, by)}


def goes_after(kind: str, value: str, by: str = "id") -> Edge:
    """The edge that says that the other one must be deleted before the resource."""
    return Edge(EdgeType.DELETE, True, kind, value, by)
