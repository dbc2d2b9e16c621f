"""What plans said of a resource, and what was done to it: the whole story of a deletion."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from resoto_dagster.cleanup.approval import Approval, approval_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the journal: `intended` before the API is asked, `answered` after, then the outcome."""

    at: datetime
    run_id: str
    event: str
    detail: str
    request_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """What one plan said of a resource, and the entries of the journal that came of it.

    `wave` is None where it was kept, `kept` says why. `along_with` is what took it along, where the plan did
    not name it itself; all else is of that then.
    """

    plan_id: int
    run_id: str
    planned_at: datetime
    hash: str
    held: str | None
    waits: str | None
    approval: Approval | None
    rules: Mapping[str, Mapping[str, Any]]
    kind: str
    id: str
    name: str
    cloud: str
    account: str
    account_name: str | None
    region: str
    reason: str
    author: str
    born: datetime
    monthly_cost: float | None
    wave: int | None
    kept: str | None
    along_with: str | None
    entries: tuple[Entry, ...]


_PLANNED = """
    SELECT p.plan_id, p.root_run_id, p.created_at, p.hash, p.held, p.waits, p.rules, i.kind, i.id, i.name,
        i.provider, i.account, i.account_name, i.region, i.reason, i.author, i.born, i.monthly_cost,
        i.wave, i.kept, i.node_id
    FROM inventory.plan_items i JOIN inventory.plans p USING (plan_id)
    WHERE i.id = :id OR EXISTS (
        SELECT FROM jsonb_array_elements(i.takes_along) along WHERE along ->> -1 = :id)
    ORDER BY p.plan_id, i.position
"""
_ENTRIES = """
    SELECT at, run_id, event, detail, request_ids FROM inventory.journal
    WHERE plan_id = :plan_id AND node_id = :node_id ORDER BY journal_id
"""


def story_of(connection: Connection, id_: str) -> list[Planned]:
    """All that plans said of resources with an id, the earliest plan first."""
    return [
        Planned(
            plan_id=row.plan_id,
            run_id=row.root_run_id,
            planned_at=row.created_at,
            hash=row.hash.hex(),
            held=row.held,
            waits=row.waits,
            approval=approval_of(connection, row.plan_id),
            rules={name: rule for name, rule in row.rules.items() if f"rule {name} " in f"{row.author}, "},
            kind=row.kind,
            id=row.id,
            name=row.name,
            cloud=row.provider,
            account=row.account,
            account_name=row.account_name,
            region=row.region,
            reason=row.reason,
            author=row.author,
            born=row.born,
            monthly_cost=row.monthly_cost,
            wave=row.wave,
            kept=row.kept,
            along_with=None if row.id == id_ else f"{row.kind} {row.id}",
            entries=tuple(
                Entry(entry.at, entry.run_id, entry.event, entry.detail, tuple(entry.request_ids))
                for entry in connection.execute(
                    text(_ENTRIES), {"plan_id": row.plan_id, "node_id": row.node_id}
                )
            ),
        )
        for row in connection.execute(text(_PLANNED), {"id": id_})
    ]
