"""The plan: what goes, in which order, and what is kept though it was marked, each with its reason.

A plan is made once, written down, and never changed; a dry run and a real run make the same one.
"""

import hashlib
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from resoto_dagster.cleanup.grace import Grace
from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.merge import cursor_of
from resoto_dagster.model.resource import Scope, StoredResource


@dataclass(frozen=True, slots=True)
class TakenAlong:
    """What belongs to a planned resource and goes with it, without being in a wave itself."""

    node_id: uuid.UUID
    scope: Scope
    id: str

    def __str__(self) -> str:
        return f"{self.scope.kind} {self.id}"


@dataclass(slots=True)
class PlanItem:
    """A marked resource: in a wave, or kept for a reason.

    It goes when all that it `waits_for` is gone, and what it `unties`, which goes later, has let go of it.
    `monthly_cost` is in US dollars, what goes along included; None where it is not known. `grace` is known
    while the plan is made; written down it is a reason to be kept.
    """

    resource: StoredResource
    account_name: str | None
    region: str
    reason: str
    author: str
    born: datetime
    kept: str | None = None
    wave: int | None = None
    waits_for: set[uuid.UUID] = field(default_factory=set)
    unties: set[uuid.UUID] = field(default_factory=set)
    monthly_cost: float | None = None
    fingerprint: bytes = b""
    takes_along: list[TakenAlong] = field(default_factory=list)
    grace: Grace | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as it was written down.

    `held` says why none of it may be done, `waits` why a person must approve it first. `rules` are the rules
    that were in force, as they were, by their names.
    """

    plan_id: int
    root_run_id: str
    run_id: str
    created_at: datetime
    hash: str
    held: str | None
    waits: str | None
    notes: tuple[str, ...]
    rules: Mapping[str, Mapping[str, Any]]
    items: tuple[PlanItem, ...]

    @property
    def going(self) -> list[PlanItem]:
        """What is to be deleted, wave by wave."""
        return [item for item in self.items if item.wave is not None]

    @property
    def kept(self) -> list[PlanItem]:
        """What was marked and stays."""
        return [item for item in self.items if item.kept is not None]

    @property
    def monthly_cost(self) -> float:
        """US dollars a month that what goes costs, as far as that is known."""
        return sum(item.monthly_cost or 0 for item in self.going)

    @property
    def altered(self) -> bool:
        """Whether it is not what was written down when it was made."""
        return _hash(self.items).hex() != self.hash


_PLAN_COLUMNS = "plan_id, root_run_id, run_id, created_at, hash, held, waits, notes, rules"
_ITEM_COLUMNS = (
    "plan_id, position, node_id, provider, account, account_name, scope_region, region, kind, id, name, "
    "reason, author, born, wave, kept, waits_for, unties, monthly_cost, takes_along, fingerprint, reported"
)


def _hash(items: Sequence[PlanItem]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for item in items:
        parts = (
            *(item.resource.node_id.hex, str(item.resource), item.fingerprint),
            *(item.reason, item.author, item.wave, item.kept, item.monthly_cost),
            *(sorted(node.hex for node in nodes) for nodes in (item.waits_for, item.unties)),
            [one.node_id.hex for one in item.takes_along],
        )
        digest.update(repr(parts).encode())
    return digest.digest()


def _array(nodes: Collection[uuid.UUID]) -> str:
    """The text of a `uuid[]`: psycopg takes many times as long to find out what is in a list."""
    return f"{{{','.join(sorted(map(str, nodes)))}}}"


def write_plan(
    connection: Connection,
    items: Sequence[PlanItem],
    *,
    held: str | None,
    waits: str | None,
    notes: tuple[str, ...],
    rules: Mapping[str, Mapping[str, Any]],
    root_run_id: str,
    run_id: str,
) -> Plan:
    """Write a plan down as it will be executed."""
    digest, now = _hash(items), datetime.now(UTC)
    plan_id = connection.scalar(
        text(
            """
            INSERT INTO inventory.plans (root_run_id, run_id, created_at, hash, held, waits, notes, rules)
            VALUES (:root_run_id, :run_id, :now, :hash, :held, :waits, :notes, :rules) RETURNING plan_id
            """
        ),
        {
            "root_run_id": root_run_id,
            "run_id": run_id,
            "now": now,
            "hash": digest,
            "held": held,
            "waits": waits,
            "notes": list(notes),
            "rules": Jsonb(rules),
        },
    )
    assert plan_id is not None
    with (
        cursor_of(connection) as cursor,
        cursor.copy(f"COPY inventory.plan_items ({_ITEM_COLUMNS}) FROM STDIN") as copy,
    ):
        for position, item in enumerate(items):
            resource, scope = item.resource, item.resource.scope
            identity = (resource.node_id, scope.provider, scope.account, item.account_name, scope.region)
            named = (item.region, scope.kind, resource.id, resource.name)
            why = (item.reason, item.author, item.born, item.wave, item.kept)
            rest = (
                _array(item.waits_for),
                _array(item.unties),
                item.monthly_cost,
                Jsonb([[one.node_id, *astuple(one.scope), one.id] for one in item.takes_along]),
                item.fingerprint,
                Jsonb(resource.reported),
            )
            copy.write_row((plan_id, position, *identity, *named, *why, *rest))
    return Plan(plan_id, root_run_id, run_id, now, digest.hex(), held, waits, notes, rules, tuple(items))


def load_plan(
    connection: Connection, root_run_id: str | None = None, before: int | None = None
) -> Plan | None:
    """The last plan of a run, or of all runs, or the last one `before` another; None when there is none."""
    plan = connection.execute(
        text(
            f"""
            SELECT {_PLAN_COLUMNS} FROM inventory.plans
            WHERE (CAST(:root_run_id AS text) IS NULL OR root_run_id = :root_run_id)
                AND (CAST(:before AS bigint) IS NULL OR plan_id < :before)
            ORDER BY plan_id DESC LIMIT 1
            """  # noqa: S608
        ),
        {"root_run_id": root_run_id, "before": before},
    ).one_or_none()
    return _with_items(connection, plan) if plan else None


def plan_of_number(connection: Connection, number: int) -> Plan:
    """The plan with a number. Raises ResotoError when there is none."""
    plan = connection.execute(
        text(f"SELECT {_PLAN_COLUMNS} FROM inventory.plans WHERE plan_id = :number"),  # noqa: S608
        {"number": number},
    ).one_or_none()
    if plan is None:
        raise ResotoError(f"there is no plan {number}; `resoto plan show` shows the last one")
    return _with_items(connection, plan)


def _with_items(connection: Connection, plan: Any) -> Plan:
    rows = connection.execute(
        text(
            f"SELECT {_ITEM_COLUMNS} FROM inventory.plan_items WHERE plan_id = :plan_id ORDER BY position"  # noqa: S608
        ),
        {"plan_id": plan.plan_id},
    )
    return Plan(
        plan.plan_id,
        plan.root_run_id,
        plan.run_id,
        plan.created_at,
        plan.hash.hex(),
        plan.held,
        plan.waits,
        tuple(plan.notes),
        plan.rules,
        tuple(map(_item, rows)),
    )


def _item(row: Any) -> PlanItem:
    scope = Scope(row.provider, row.account, row.scope_region, row.kind)
    return PlanItem(
        StoredResource(row.node_id, scope, row.id, row.name, row.reported),
        row.account_name,
        row.region,
        row.reason,
        row.author,
        row.born,
        row.kept,
        row.wave,
        set(row.waits_for),
        set(row.unties),
        row.monthly_cost,
        row.fingerprint,
        [TakenAlong(uuid.UUID(node), Scope(*scope), id_) for node, *scope, id_ in row.takes_along],
    )
