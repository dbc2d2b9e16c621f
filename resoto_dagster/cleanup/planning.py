"""Making a plan: what of the marked goes, in which order, and what is kept and why."""

import contextlib
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from graphlib import CycleError, TopologicalSorter
from typing import Any, Protocol

from sqlalchemy import Connection, text

from resoto_dagster.cleanup.freshness import collected_by, why_stale
from resoto_dagster.cleanup.plan import Plan, PlanItem, TakenAlong, write_plan
from resoto_dagster.cleanup.planners import aws_vpcs
from resoto_dagster.config import BudgetSettings, CleanupSettings
from resoto_dagster.inventory.marks import forget_ended
from resoto_dagster.inventory.merge import reported_fingerprint
from resoto_dagster.inventory.search.compile import BORN
from resoto_dagster.model.kind import Kind
from resoto_dagster.model.resource import Scope, StoredResource

SMALL = 10
"""From how many deletions in one scope on their share of the scope counts."""


class DeletionRules(Protocol):
    """What a provider knows of its deletions; a `ProviderSession` is one."""

    def held_back(self, resource: StoredResource) -> str | None:
        """Why the provider does not delete a resource by itself, or None."""

    def goes_along(self, resource: StoredResource, owner: StoredResource) -> bool:
        """Whether a resource is deleted along with what it belongs to."""


_MARKED = f"""
    WITH marked AS (
        SELECT m.node_id, string_agg(m.reason, '; ' ORDER BY m.source, m.author) AS reason,
            string_agg(m.source || ' ' || m.author, ', ' ORDER BY m.source, m.author) AS author
        FROM inventory.marks m JOIN inventory.resources r ON r.node_id = m.node_id
        WHERE m.mark = 'clean' AND (
            m.root_run_id = :root_run_id
            -- a person meant the resource there was then, not one that bears its name by now
            OR (m.source = 'person' AND m.at >= greatest(r.first_seen, r.ctime)))
        GROUP BY m.node_id
    ), shielded AS (
        SELECT DISTINCT ON (node_id) node_id, reason, source || ' ' || author AS author
        FROM inventory.marks WHERE mark = 'protected' ORDER BY node_id, source, author
    )
    SELECT r.node_id, s.provider, s.account, a.name AS account_name, s.region AS scope_region, r.region,
        r.kind, r.id, r.name, r.reported, {BORN} AS born, s.state, s.error, s.run_id, s.succeeded_at,
        a.attempted_at AS account_read_at,
        k.deletable, marked.reason, marked.author, shielded.reason AS shield, shielded.author AS shielder
    FROM marked
    JOIN inventory.resources r ON r.node_id = marked.node_id
    JOIN inventory.scopes s ON s.scope_id = r.scope_id
    JOIN inventory.kinds k ON k.kind = r.kind
    LEFT JOIN inventory.accounts a ON a.provider = s.provider AND a.account = s.account
    LEFT JOIN shielded ON shielded.node_id = r.node_id
    ORDER BY s.provider, s.account, s.region, r.kind, r.id
"""  # noqa: S608


def make_plan(
    connection: Connection,
    settings: CleanupSettings,
    kinds: Mapping[str, Kind],
    rules: DeletionRules,
    root_run_id: str,
    run_id: str,
    notes: Iterable[str] = (),
) -> Plan:
    """Decide on everything that is marked for the run, order it and write the plan down.

    When the run collected, only what that very collect read counts as fresh.
    """
    forget_ended(connection)
    collector = collected_by(connection, root_run_id)
    items: dict[uuid.UUID, PlanItem] = {}
    for row in connection.execute(text(_MARKED), {"root_run_id": root_run_id}):
        scope = Scope(row.provider, row.account, row.scope_region, row.kind)
        resource = StoredResource(row.node_id, scope, row.id, row.name, row.reported)
        item = PlanItem(resource, row.account_name, row.region, row.reason, row.author, row.born)
        unsettled = kinds[row.kind].unsettled if row.kind in kinds else frozenset()
        item.fingerprint = reported_fingerprint(row.reported, unsettled)
        item.kept = _why_kept(row, settings, collector)
        if item.kept is None:
            item.kept = rules.held_back(resource)
        items[row.node_id] = item
    for node, what in _unknown_dependants(connection, items):
        items[node].kept = items[node].kept or f"{what} needs it, and is not in the inventory"
    _settle(items, _dependants(connection, items), _going_along(connection, items), rules)
    ordered = sorted(items.values(), key=lambda item: (item.wave is None, item.wave or 0, str(item.resource)))
    held = _over_budget(connection, settings.budget, [item for item in ordered if item.wave is not None])
    return write_plan(connection, ordered, held, tuple(notes), root_run_id, run_id)


def _why_kept(row: Any, settings: CleanupSettings, collector: str | None) -> str | None:
    if not row.deletable:
        return f"{row.kind} can't be deleted"
    if row.shield is not None:
        return f"protected by {row.shielder}: {row.shield}"
    stale = why_stale(row, settings.max_data_age, collector)
    if stale is not None:
        return stale
    # A scope alone may have been read since, on an event; who needs its resources was not.
    if collector is None and row.account_read_at is None:
        return "its account was never collected as a whole"
    if collector is None and row.account_read_at < datetime.now(UTC) - settings.max_data_age:
        return f"data is too old: its account was last collected {row.account_read_at:%Y-%m-%d %H:%M}Z"
    if row.account not in settings.accounts.get(row.provider, []):
        return f"cleanup.accounts does not list {row.provider} account {row.account}"
    return None


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
    rows = connection.execute(
        text(
            """
            SELECT e.src, r.node_id, s.provider, s.account, s.region, r.kind, r.id, r.name, r.reported,
                e.first,
                EXISTS (SELECT FROM inventory.marks m WHERE m.node_id = r.node_id AND m.mark = 'protected')
            FROM (
                SELECT src, dst, bool_or(type = 'delete') AS first FROM inventory.edges
                WHERE src = ANY (:nodes) AND dst <> src GROUP BY src, dst
            ) e
            JOIN inventory.resources r ON r.node_id = e.dst
            JOIN inventory.scopes s ON s.scope_id = r.scope_id
            ORDER BY s.provider, s.account, s.region, r.kind, r.id
            """
        ),
        {"nodes": list(items)},
    )
    found: dict[uuid.UUID, list[_Dependant]] = {}
    for src, node, provider, account, region, kind, id_, name, reported, first, protected in rows:
        resource = StoredResource(node, Scope(provider, account, region, kind), id_, name, reported)
        found.setdefault(src, []).append(_Dependant(resource, first, protected))
    return found


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


def _settle(
    items: Mapping[uuid.UUID, PlanItem],
    dependants: Mapping[uuid.UUID, list[_Dependant]],
    going_along: Sequence[tuple[uuid.UUID, uuid.UUID]],
    rules: DeletionRules,
) -> None:
    """Keep what something that stays still needs; put the rest into waves, dependants first.

    What was marked only because its network goes stays with the network: what is left there may need it.
    """
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
    for network, node in going_along:
        if network in items:
            above.setdefault(network, []).append(node)
        else:
            items[node].kept = items[node].kept or "its network stays"
    stays = [node for node, item in items.items() if item.kept is not None]
    while True:
        _keep_above(stays, items, above)
        going = {node: item for node, item in items.items() if item.kept is None}
        _put_into_waves(going)
        # What waits in a circle stays, too, and may keep others that have a wave by now.
        stays = [node for node, item in going.items() if item.kept is not None]
        if not stays:
            return


def _keep_above(
    stays: list[uuid.UUID],
    items: Mapping[uuid.UUID, PlanItem],
    above: Mapping[uuid.UUID, Sequence[uuid.UUID]],
) -> None:
    """Keep all that can't go without what stays, or is not to."""
    while stays:
        node = stays.pop()
        for other in above.get(node, ()):
            if items[other].kept is None:
                items[other].kept = f"{_short(items[node].resource)} stays, and can't without it"
                items[other].wave = None
                stays.append(other)


def _put_into_waves(going: Mapping[uuid.UUID, PlanItem]) -> None:
    """Number the waves; what waits in a circle, or behind one, is kept."""
    sorter = TopologicalSorter({node: item.waits_for for node, item in going.items()})
    with contextlib.suppress(CycleError):  # the sorter still gives all that no circle blocks
        sorter.prepare()
    wave = 0
    while ready := sorter.get_ready():
        wave += 1
        for node in ready:
            going[node].wave = wave
        sorter.done(*ready)
    for item in going.values():
        if item.wave is None:
            blocking = (going[other] for other in item.waits_for if going[other].wave is None)
            names = ", ".join(sorted(_short(other.resource) for other in blocking))
            item.kept = f"waits in a circle, for {names}"


def _short(resource: StoredResource) -> str:
    return f"{resource.scope.kind} {resource.id}"


def _over_budget(connection: Connection, budget: BudgetSettings, going: Sequence[PlanItem]) -> str | None:
    """Why the plan is more than may be done at once, or None."""
    if len(going) > budget.resources:
        limit = f"cleanup.budget.resources = {budget.resources}"
        return f"{len(going)} resources would be deleted, more than {limit}"
    counts = Counter(item.resource.scope for item in going)
    large = [scope for scope, count in counts.items() if count >= SMALL]
    for scope in sorted(large):
        total = connection.scalar(
            text(
                """
                SELECT resources FROM inventory.scopes
                WHERE provider = :provider AND account = :account AND region = :region AND kind = :kind
                """
            ),
            {
                "provider": scope.provider,
                "account": scope.account,
                "region": scope.region,
                "kind": scope.kind,
            },
        )
        if counts[scope] > budget.share * (total or 0):
            return (
                f"{counts[scope]} of the {total} resources of {scope} would be deleted, "
                f"more than cleanup.budget.share = {budget.share}"
            )
    return None
