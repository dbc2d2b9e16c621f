"""A made-up cloud for the model test: it changes by itself, refuses, is slow, and may kill who calls it."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from resoto_dagster.model.requests import Asked
from resoto_dagster.model.resource import Edge, EdgeType, Resource, Scope, StoredResource
from resoto_dagster.providers.base import Answer, CollectSink, ProviderError
from resoto_dagster_tests.estate import KINDS as ESTATE_KINDS
from resoto_dagster_tests.estate import NOW, DeletableKind

KINDS = {
    **ESTATE_KINDS,
    "sim_group": DeletableKind(name="sim_group", description="A group whose rules name others."),
}
PRICE = "gp"
"""The one type of volumes there is; a gigabyte of it costs a dollar a month."""

LONG_AGO = NOW.replace(year=NOW.year - 3, day=1)


class Killed(BaseException):
    """What ends a process at once."""


@dataclass(frozen=True)
class Thing:
    """A resource of the cloud. `at` is what it is attached to, `names` are the groups that its rules name.

    `along` goes with what it is attached to. `born` is None where the API does not say; `status` changes by
    itself.
    """

    id: str
    kind: str
    account: str = "a1"
    tag: str = ""
    size: int = 1
    at: str | None = None
    names: frozenset[str] = frozenset()
    along: bool = False
    born: datetime | None = LONG_AGO
    status: Literal["in-use", "available"] = "in-use"

    @property
    def scope(self) -> Scope:
        return Scope("sim", self.account, "r1", self.kind)

    def resource(self) -> Resource:
        """As the API tells it."""
        edges: list[Edge] = []
        if self.kind == "sim_volume":
            edges.append(Edge(EdgeType.DEFAULT, outgoing=False, kind="sim_volume_type", value=PRICE))
        if self.kind == "sim_volume" and self.at is not None:
            edges.append(Edge(EdgeType.DEFAULT, outgoing=False, kind="sim_instance", value=self.at))
            edges.append(Edge(EdgeType.DELETE, outgoing=True, kind="sim_instance", value=self.at))
        if self.kind == "sim_instance" and self.at is not None:
            edges.append(Edge(EdgeType.DEFAULT, outgoing=False, kind="sim_network", value=self.at))
            edges.append(Edge(EdgeType.DELETE, outgoing=False, kind="sim_network", value=self.at))
        for other in sorted(self.names):
            edges.append(Edge(EdgeType.DELETE, outgoing=False, kind="sim_group", value=other))
        return Resource(
            kind=self.kind,
            id=self.id,
            name=self.id,
            region="r1",
            tags={key: "1d" if key == "expiration" else "yes" for key in self.tag.split()},
            ctime=self.born,
            properties={
                "volume_size": self.size,
                "volume_status": self.status,
                "rules": sorted(self.names),
                "root": self.along,
            },
            edges=tuple(edges),
        )

    def needs_gone(self, other: "Thing") -> bool:
        """Whether this one can't go while the other is there."""
        if self.kind == "sim_volume":
            return other.kind == "sim_instance" and other.id == self.at
        if self.kind == "sim_network":
            return other.kind == "sim_instance" and other.at == self.id
        return self.kind == other.kind == "sim_group" and self.id in other.names

    def takes(self, other: "Thing") -> bool:
        """Whether the other one goes along."""
        return self.kind == "sim_instance" and other.along and other.at == self.id


@dataclass
class World:
    """A provider's session over the things there are.

    `dies_in` counts down calls, and what else the process does, until it is killed; nothing works after that
    until it is started again. `judge` is told of every deletion that is asked for, at that very moment.
    """

    things: dict[str, Thing]
    refuses: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    going: dict[str, int] = field(default_factory=dict)
    dies_in: int | None = None
    judge: Callable[[str], None] = lambda _id: None
    judge_untying: Callable[[str, str], None] = lambda _id, _other: None
    afterwards: Callable[[], None] = lambda: None
    deletes: list[str] = field(default_factory=list)

    @property
    def requests(self) -> Counter[Asked]:
        """Nobody counts them here."""
        return Counter()

    def lives(self) -> None:
        """One more thing the process does, unless it is killed, or was."""
        if self.dies_in is not None:
            self.dies_in = max(0, self.dies_in - 1)
            if not self.dies_in:
                raise Killed

    def put(self, thing: Thing) -> None:
        self.things[thing.id] = thing
        self.going.pop(thing.id, None)

    def change(self, id_: str, **changes: object) -> None:
        if id_ in self.things:
            self.things[id_] = replace(self.things[id_], **changes)  # type: ignore[arg-type]

    def remove(self, id_: str) -> None:
        """It is gone, with what goes along; what else was attached is free, what named it does not now."""
        gone = self.things.pop(id_, None)
        self.going.pop(id_, None)
        if gone is None:
            return
        for other in list(self.things.values()):
            if gone.takes(other):
                self.things.pop(other.id)
            elif other.at == id_:
                self.change(other.id, at=None)

    def collect(
        self, kinds: Collection[str], sink: CollectSink, only: Collection[Scope] | None = None
    ) -> None:
        raise AssertionError("a cleanup does not collect")

    def read(self, resource: StoredResource) -> Resource | None:
        self.lives()
        id_ = resource.id
        if id_ in self.unreadable:
            raise ProviderError("Throttling: rate exceeded")
        if id_ in self.going:
            self.going[id_] -= 1
            if self.going[id_] <= 0:
                self.remove(id_)
        thing = self.things.get(id_)
        return None if thing is None else thing.resource()

    def delete(self, resource: StoredResource) -> Answer:
        self.lives()
        id_ = resource.id
        self.deletes.append(id_)
        self.judge(id_)
        thing = self.things.get(id_)
        if thing is not None and id_ not in self.going:
            if id_ in self.refuses:
                raise ProviderError("OperationNotPermitted: termination protection")
            if any(thing.needs_gone(other) for other in self.things.values()):
                raise ProviderError("DependencyViolation: it is in use")
            if id_ in self.slow:
                self.going[id_] = 3
            else:
                self.remove(id_)
        self.afterwards()
        self.lives()
        return Answer((f"request-{id_}",))

    def update_tags(
        self, resource: StoredResource, upsert: Mapping[str, str], remove: Collection[str]
    ) -> Answer:
        raise AssertionError("a cleanup does not tag")

    def held_back(self, resource: StoredResource) -> str | None:
        return "made by another service" if "managed" in resource.reported["tags"] else None

    def goes_along(self, resource: StoredResource, owner: StoredResource) -> bool:
        return owner.scope.kind == "sim_instance" and bool(resource.reported["root"])

    def can_untie(self, resource: StoredResource, other: StoredResource) -> bool:
        return resource.scope.kind == other.scope.kind == "sim_group"

    def untie(self, resource: StoredResource, other: StoredResource) -> Answer:
        self.lives()
        self.judge_untying(resource.id, other.id)
        if resource.id in self.refuses:
            raise ProviderError("OperationNotPermitted: rules are locked")
        if resource.id in self.things:
            names = self.things[resource.id].names - {other.id}
            self.change(resource.id, names=names)
        self.lives()
        return Answer((f"untie-{resource.id}",))

    def half_done(self, resource: StoredResource, now: Resource) -> bool:
        own = {key for key in now.properties if key not in ("rules", "volume_status")}
        same = all(now.properties[key] == resource.reported[key] for key in own)
        return resource.scope.kind == "sim_group" and same

    def close(self) -> None:
        pass
