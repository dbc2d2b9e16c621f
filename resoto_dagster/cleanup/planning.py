"""Making a plan: what of the marked goes, in which order, and what is kept and why."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from sys import intern
from typing import Any

from sqlalchemy import Connection

from resoto_dagster.cleanup.budget import over_budget
from resoto_dagster.cleanup.costs import monthly_costs
from resoto_dagster.cleanup.freshness import clock_jumped, collected_by, why_stale
from resoto_dagster.cleanup.grace import grace_of
from resoto_dagster.cleanup.plan import Plan, PlanItem, write_plan
from resoto_dagster.cleanup.rules import as_written, version_of
from resoto_dagster.cleanup.waves import DeletionRules, relate, settle
from resoto_dagster.config import CleanupSettings
from resoto_dagster.garbage import seldom_looked_for
from resoto_dagster.inventory.marks import forget_ended
from resoto_dagster.inventory.merge import reported_fingerprint
from resoto_dagster.inventory.search.compile import BORN
from resoto_dagster.inventory.streaming import stream
from resoto_dagster.model.kind import Kind
from resoto_dagster.model.resource import Scope, StoredResource

_MARKED = f"""
    WITH marked AS (
        SELECT m.node_id, string_agg(m.reason, '; ' ORDER BY m.source, m.author) AS reason,
            array_agg(m.source ORDER BY m.source, m.author) AS sources,
            array_agg(m.author ORDER BY m.source, m.author) AS authors,
            array_agg(n.announced_at ORDER BY m.source, m.author) AS announced
        FROM inventory.marks m JOIN inventory.resources r ON r.node_id = m.node_id
        LEFT JOIN inventory.announcements n
            ON n.node_id = m.node_id AND n.source = m.source AND n.author = m.author
            AND n.announced_at >= greatest(r.first_seen, r.ctime)
        WHERE m.mark = 'clean' AND (
            m.root_run_id = %(root_run_id)s
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
        k.deletable, marked.reason, marked.sources, marked.authors, marked.announced,
        shielded.reason AS shield, shielded.author AS shielder
    FROM marked
    JOIN inventory.resources r ON r.node_id = marked.node_id
    JOIN inventory.scopes s ON s.scope_id = r.scope_id
    JOIN inventory.kinds k ON k.kind = r.kind
    LEFT JOIN inventory.accounts a ON a.provider = s.provider AND a.account = s.account
    LEFT JOIN shielded ON shielded.node_id = r.node_id
"""  # noqa: S608


@seldom_looked_for()
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
    now, collector = datetime.now(UTC), collected_by(connection, root_run_id)
    versions = {rule.name: version_of(rule) for rule in settings.rules}
    items: dict[uuid.UUID, PlanItem] = {}
    scopes: dict[Scope, Scope] = {}  # one object for all resources of a scope
    for row in stream(connection, _MARKED, {"root_run_id": root_run_id}):
        scope = Scope(row.provider, row.account, row.scope_region, row.kind)
        scope = scopes.setdefault(scope, scope)
        resource = StoredResource(row.node_id, scope, row.id, row.name, row.reported)
        marks = list(zip(row.sources, row.authors, strict=True))
        author = intern(", ".join(_name(*mark, versions) for mark in marks))
        item = PlanItem(resource, row.account_name, intern(row.region), intern(row.reason), author, row.born)
        item.grace = grace_of(settings, list(zip(marks, row.announced, strict=True)), now)
        unsettled = kinds[row.kind].unsettled if row.kind in kinds else frozenset()
        item.fingerprint = reported_fingerprint(row.reported, unsettled)
        item.kept = _why_kept(row, settings, collector)
        if item.kept is None:
            item.kept = rules.held_back(resource)
        items[row.node_id] = item
    items = dict(sorted(items.items(), key=lambda one: str(one[1].resource)))
    above = relate(connection, items, rules)
    settle(items, above, rules)
    # Only what would go but for its grace is in grace: nobody is told of what stays anyway.
    in_grace = [node for node, item in items.items() if item.wave is not None and item.grace is not None]
    for node in in_grace:
        items[node].kept, items[node].wave = str(items[node].grace), None
    if in_grace:
        settle(items, above, rules)
    _put_costs(connection, items)
    ordered = sorted(items.values(), key=lambda item: (item.wave is None, item.wave or 0, str(item.resource)))
    going = [item for item in ordered if item.wave is not None]
    over = over_budget(connection, settings.budget, going)
    waits = over if settings.approval != "none" else None
    if settings.approval == "always" and going:
        waits = over or "cleanup.approval = always"
    held = clock_jumped(connection, now) or (over if settings.approval == "none" else None)
    return write_plan(
        connection,
        ordered,
        held=held,
        waits=waits,
        notes=tuple(notes),
        rules={rule.name: {"version": versions[rule.name], **as_written(rule)} for rule in settings.rules},
        root_run_id=root_run_id,
        run_id=run_id,
    )


def _name(source: str, author: str, versions: Mapping[str, str]) -> str:
    version = f" {versions[author]}" if source == "rule" and author in versions else ""
    return f"{source} {author}{version}"


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


def _put_costs(connection: Connection, items: Mapping[uuid.UUID, PlanItem]) -> None:
    """Say what each item costs a month, with what goes along with it."""
    along = {one.node_id for item in items.values() for one in item.takes_along}
    costs = monthly_costs(connection, items.keys() | along)
    for node, item in items.items():
        nodes = {node, *(one.node_id for one in item.takes_along)} & costs.keys()
        item.monthly_cost = sum(costs[one] for one in sorted(nodes)) if nodes else None
