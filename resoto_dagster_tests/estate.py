"""A small estate of made-up kinds, written into the inventory the way a collect does it."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from resoto_dagster.inventory.collecting import InventorySink, register_kinds, settle_graph
from resoto_dagster.model.kind import Kind
from resoto_dagster.model.resource import Edge, EdgeType, Resource, Scope, node_id

NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, kw_only=True)
class DeletableKind(Kind):
    """A kind that can be deleted; `changing` names properties that change by themselves."""

    changing: tuple[str, ...] = ()

    @property
    def deletable(self) -> bool:
        return True

    @property
    def unsettled(self) -> frozenset[str]:
        return frozenset(self.changing)


KINDS = {
    kind.name: kind
    for kind in (
        Kind(name="sim_account", description="An account.", bases=("account",)),
        Kind(name="sim_region", description="A region.", bases=("region",)),
        Kind(name="sim_instance_type", description="A type of instances.", bases=("instance_type",)),
        Kind(name="sim_volume_type", description="A type of volumes.", bases=("volume_type",)),
        DeletableKind(name="sim_network", description="A network.", bases=("network",)),
        DeletableKind(name="sim_instance", description="An instance.", bases=("instance",)),
        DeletableKind(
            name="sim_volume", description="A volume.", bases=("volume",), changing=("volume_status",)
        ),
    )
}


def scope(kind: str = "sim_volume", region: str = "r1", account: str = "a1") -> Scope:
    return Scope("sim", account, region, kind)


def resource(id_: str, kind: str = "sim_volume", region: str = "r1", **given: Any) -> Resource:
    given.setdefault("name", id_)
    given.setdefault("ctime", NOW - timedelta(days=10))
    return Resource(kind=kind, id=id_, region=region, **given)


def goes_before(kind: str, value: str) -> tuple[Edge, ...]:
    """The edges of something that belongs to another resource and must be deleted before it."""
    return (
        Edge(EdgeType.DEFAULT, outgoing=False, kind=kind, value=value),
        Edge(EdgeType.DELETE, outgoing=False, kind=kind, value=value),
    )


def node(id_: str, kind: str = "sim_volume", region: str = "r1", account: str = "a1") -> uuid.UUID:
    return node_id(scope(kind, region, account), id_)


def no_properties(kinds: Collection[str]) -> dict[str, dict[str, str]]:
    """What a provider says that tells nothing of its kinds' properties."""
    return {}


def collect(
    engine: Engine, collected: dict[Scope, Sequence[Resource]], run_id: str = "run-1"
) -> InventorySink:
    """One collect that reads exactly these scopes, all of them well."""
    sink = InventorySink(engine, "sim", run_id)
    with engine.begin() as connection:
        register_kinds(connection, "sim", KINDS, list(KINDS), "1", no_properties)
    sink.accounts_expected(sorted({one.account for one in collected}))
    sink.scopes_expected(list(collected))
    for one, resources in collected.items():
        sink.collected(one, resources)
    with engine.begin() as connection:
        settle_graph(connection)
    return sink


def table(engine: Engine, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement), parameters)]
