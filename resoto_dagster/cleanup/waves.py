"""What can go before what: dependencies between marked resources, and the waves that follow from them."""

import contextlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Protocol

from sqlalchemy import Connection, text

from resoto_dagster.cleanup.plan import PlanItem, TakenAlong
from resoto_dagster.cleanup.planners import aws_vpcs
from resoto_dagster.inventory.streaming import stream
from resoto_dagster.model.resource import Scope, StoredResource

Above = Mapping[uuid.UUID, Sequence[uuid.UUID]]
"""For each item those that can't go unless it goes."""


class DeletionRules(Protocol):
    """What a provider knows of its deletions; a `ProviderSession` is one."""

    def held_back(self, resource: StoredResource) -> str | None:
        """Why the provider does not delete a resource by itself, or None."""

    def goes_along(self, resource: StoredResource, owner: StoredResource) -> bool:
        """Whether a resource is deleted along with what it belongs to."""

    def can_untie(self, resource: StoredResource, other: StoredResource) -> bool:
        """Whether a resource can be made to let go of another one that must otherwise outlive it."""


@dataclass(frozen=True, slots=True)
class _Dependant:
    """Something in the inventory that belongs to another resource, or even must be gone before it."""

    resource: StoredResource
    first: bool
    protected: bool


def _dependants(
    connection: Connection, items: Mapping[uuid.UUID, PlanItem]
) -> dict[uuid.UUID, list[_Dependant]]:
    """For every item all there is in the inventory that belongs to it or must be gone before it."""
    there = {node: item.resource for node, item in items.items()} | _unmarked_dependants(connection, items)
    protected = frozenset(
        connection.execute(text("SELECT node_id FROM inventory.marks WHERE mark = 'protected'")).scalars()
    )
    edges = """
        SELECT src, dst, bool_or(type = 'delete') AS first FROM inventory.edges
        WHERE src = ANY (%(nodes)s) AND dst <> src GROUP BY src, dst
    """
    found: dict[uuid.UUID, list[_Dependant]] = {}
    for src, dst, first in stream(connection, edges, {"nodes": list(items)}):
        if dst in there:
            found.setdefault(src, []).append(_Dependant(there[dst], first, dst in protected))
    for every in found.values():
        every.sort(key=lambda one: str(one.resource))
    return found


def _unmarked_dependants(
    connection: Connection, items: Mapping[uuid.UUID, PlanItem]
) -> dict[uuid.UUID, StoredResource]:
    """The dependants that are no items themselves; each is read once, however many items it depends on."""
    unmarked = """
        SELECT r.node_id, s.provider, s.account, s.region, r.kind, r.id, r.name, r.reported
        FROM inventory.resources r JOIN inventory.scopes s USING (scope_id)
        WHERE r.node_id IN (SELECT dst FROM inventory.edges WHERE src = ANY (%(nodes)s))
            AND r.node_id <> ALL (%(nodes)s)
    """
    rows = stream(connection, unmarked, {"nodes": list(items)})
    return {
        node: StoredResource(node, Scope(provider, account, region, kind), id_, name, reported)
        for node, provider, account, region, kind, id_, name, reported in rows
    }


def _going_along(
    connection: Connection, items: Mapping[uuid.UUID, PlanItem]
) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Pairs of a network and an item that was marked for nothing but that the network goes."""
    only_so = [node for node, item in items.items() if item.author == f"planner {aws_vpcs.NAME}"]
    return [
        (row.network, row.node_id) for row in connection.execute(text(aws_vpcs.NETWORKS), {"nodes": only_so})
    ]


def _unknown_dependants(
    connection: Connection, items: Mapping[uuid.UUID, PlanItem]
) -> list[tuple[uuid.UUID, str]]:
    """For each item what it names itself that must go first, and that the inventory does not hold."""
    rows = connection.execute(
        text(
            """
            SELECT owner, kind || ' ' || value FROM inventory.deferred_edges
            WHERE type = 'delete' AND outgoing AND owner = ANY (:nodes)
            ORDER BY owner, kind, value
            """
        ),
        {"nodes": list(items)},
    )
    return [(owner, what) for owner, what in rows]


def relate(connection: Connection, items: Mapping[uuid.UUID, PlanItem], rules: DeletionRules) -> Above:
    """Say of every item what it waits for and takes along, and keep what something unmarked needs.

    What was marked only because its network goes stays with the network: what is left there may need it.
    """
    for node, what in _unknown_dependants(connection, items):
        items[node].kept = items[node].kept or f"{what} needs it, and is not in the inventory"
    dependants = _dependants(connection, items)
    above: dict[uuid.UUID, list[uuid.UUID]] = {}
    for node, item in items.items():
        for dependant in dependants.get(node, ()):
            resource = dependant.resource
            along = rules.goes_along(resource, item.resource)
            if not (along or dependant.first):
                continue
            planned = items.get(resource.node_id)
            if planned is None:
                if not along:
                    item.kept = item.kept or f"{_short(resource)} stays, and can't without it"
            elif not along or planned.kept is None or planned.kept != rules.held_back(resource):
                above.setdefault(resource.node_id, []).append(node)
                if dependant.first:
                    item.waits_for.add(resource.node_id)
            if along and (planned is None or planned.kept is not None):
                item.takes_along.append(TakenAlong(resource.node_id, resource.scope, resource.id))
                if dependant.protected:
                    item.kept = item.kept or f"{_short(resource)} would go along, and is protected"
    for network, node in _going_along(connection, items):
        if network in items:
            above.setdefault(network, []).append(node)
        else:
            items[node].kept = items[node].kept or "its network stays"
    return above


def settle(items: Mapping[uuid.UUID, PlanItem], above: Above, rules: DeletionRules) -> None:
    """Keep what something that stays still needs; put the rest into waves, dependants first."""
    stays = [node for node, item in items.items() if item.kept is not None]
    while True:
        _keep_above(stays, items, above)
        going = {node: item for node, item in items.items() if item.kept is None}
        _put_into_waves(going, rules)
        # What waits in a circle stays, too, and may keep others that have a wave by now.
        stays = [node for node, item in going.items() if item.kept is not None]
        if not stays:
            return


def _keep_above(stays: list[uuid.UUID], items: Mapping[uuid.UUID, PlanItem], above: Above) -> None:
    """Keep all that can't go without what stays, or is not to."""
    while stays:
        node = stays.pop()
        for other in above.get(node, ()):
            if items[other].kept is None:
                items[other].kept = f"{_short(items[node].resource)} stays, and can't without it"
                items[other].wave = None
                stays.append(other)


def _put_into_waves(going: Mapping[uuid.UUID, PlanItem], rules: DeletionRules) -> None:
    """Number the waves; circles are untied where that can be done, and else kept with all behind them."""
    _number(going)
    circling = {node: item for node, item in going.items() if item.wave is None}
    if circling:
        _untie(circling, rules)
        _number(going)
    for item in circling.values():
        if item.wave is None:
            blocking = (going[other] for other in item.waits_for if going[other].wave is None)
            names = ", ".join(sorted(_short(other.resource) for other in blocking))
            item.kept = f"waits in a circle, for {names}"


def _number(going: Mapping[uuid.UUID, PlanItem]) -> None:
    """Give a wave to all that no circle blocks."""
    sorter = TopologicalSorter({node: item.waits_for for node, item in going.items()})
    with contextlib.suppress(CycleError):  # the sorter still gives all that no circle blocks
        sorter.prepare()
    wave = 0
    while ready := sorter.get_ready():
        wave += 1
        for node in ready:
            going[node].wave = wave
        sorter.done(*ready)


def _untie(circling: Mapping[uuid.UUID, PlanItem], rules: DeletionRules) -> None:
    """Take from every circle one wait that needs not be, if there is one."""
    waits = {node: item.waits_for & circling.keys() for node, item in sorted(circling.items())}
    while True:
        try:
            TopologicalSorter(waits).prepare()
        except CycleError as error:
            circle = error.args[1]
        else:
            return
        # The sorter names each one before the one that waits for it.
        for first, then in pairwise(circle):
            if rules.can_untie(circling[first].resource, circling[then].resource):
                waits[then].discard(first)
                circling[then].waits_for.discard(first)
                circling[then].unties.add(first)
                break
        else:
            for node in circle:  # it can't be helped; others may
                waits.pop(node, None)


def _short(resource: StoredResource) -> str:
    return f"{resource.scope.kind} {resource.id}"
