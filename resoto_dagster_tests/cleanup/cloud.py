"""A made-up cloud that cleanups run against: it lists, deletes and remembers every call."""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from resoto_dagster.model.requests import Asked
from resoto_dagster.model.resource import Resource, StoredResource
from resoto_dagster.providers.base import Answer, CollectSink, ProviderError


class Cloud:
    """A provider session over a dict of resources by id."""

    def __init__(self, *resources: Resource):
        self.resources = {resource.id: resource for resource in resources}
        self.refuses: dict[str, str] = {}
        self.held: dict[str, str] = {}
        self.along: set[str] = set()
        self.takes_all: set[str] = set()
        self.unties: set[str] = set()
        self.deletes_in_parts: set[str] = set()
        self.untied: list[tuple[str, str]] = []
        self.deleted: list[str] = []
        self.reads: list[str] = []
        self.before_delete: Callable[[str], None] = lambda _id: None
        self.requests: Counter[Asked] = Counter()
        self._lock = threading.Lock()

    def change(self, id_: str, **changes: object) -> None:
        self.resources[id_] = replace(self.resources[id_], **changes)

    def collect(self, kinds: Collection[str], sink: CollectSink) -> None:
        raise AssertionError("a cleanup does not collect")

    def read(self, resource: StoredResource) -> Resource | None:
        with self._lock:
            self.reads.append(resource.id)
            return self.resources.get(resource.id)

    def delete(self, resource: StoredResource) -> Answer:
        if resource.id in self.refuses:
            raise ProviderError(self.refuses[resource.id])
        self.before_delete(resource.id)
        with self._lock:
            self.deleted.append(resource.id)
            self.resources.pop(resource.id, None)
        return Answer((f"request-{resource.id}",))

    def update_tags(
        self, resource: StoredResource, upsert: Mapping[str, str], remove: Collection[str]
    ) -> Answer:
        raise AssertionError("a cleanup does not tag")

    def held_back(self, resource: StoredResource) -> str | None:
        return self.held.get(resource.id)

    def goes_along(self, resource: StoredResource, owner: StoredResource) -> bool:
        return resource.id in self.along or owner.id in self.takes_all

    def can_untie(self, resource: StoredResource, other: StoredResource) -> bool:
        return resource.id in self.unties

    def untie(self, resource: StoredResource, other: StoredResource) -> Answer:
        if resource.id in self.refuses:
            raise ProviderError(self.refuses[resource.id])
        with self._lock:
            self.untied.append((resource.id, other.id))
            now = self.resources[resource.id]
            edges = tuple(edge for edge in now.edges if edge.value != other.id)
            self.resources[resource.id] = replace(now, edges=edges)
        return Answer((f"untie-{resource.id}",))

    def half_done(self, resource: StoredResource, now: Resource) -> bool:
        return resource.id in self.deletes_in_parts

    def close(self) -> None:
        pass
