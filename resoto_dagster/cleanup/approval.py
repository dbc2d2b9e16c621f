"""Approval: a person says that a plan which waits may be done, as it is; or that it must not.

What is approved is one plan, frozen as it was seen. It is executed as a whole or, when anything of it is
different by now, not at all; and only while it is not too old.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Connection, text

from resoto_dagster.cleanup.plan import Plan, PlanItem, load_plan
from resoto_dagster.config import CleanupSettings
from resoto_dagster.errors import ResotoError

Decision = Literal["approved", "rejected"]


@dataclass(frozen=True, slots=True)
class Approval:
    """What somebody decided on a plan."""

    decision: Decision
    author: str
    reason: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.decision} by {self.author} at {self.at:%Y-%m-%d %H:%M}Z: {self.reason}"


def approval_of(connection: Connection, plan_id: int) -> Approval | None:
    """What was decided on a plan, if anything."""
    row = connection.execute(
        text("SELECT decision, author, reason, at FROM inventory.approvals WHERE plan_id = :plan_id"),
        {"plan_id": plan_id},
    ).one_or_none()
    return Approval(*row) if row else None


def decide(
    connection: Connection,
    plan: Plan,
    decision: Decision,
    author: str,
    reason: str,
    settings: CleanupSettings,
) -> None:
    """Approve or reject a plan, once and for all. Raises ResotoError when there is nothing to decide."""
    if not reason.strip():
        raise ResotoError("the reason is empty; say why, so that nobody has to guess")
    if plan.held is not None:
        raise ResotoError(f"plan {plan.plan_id} is held, which no approval changes: {plan.held}")
    if plan.waits is None:
        raise ResotoError(f"plan {plan.plan_id} waits for no approval")
    now = datetime.now(UTC)
    if _expired(plan, settings, now):
        raise ResotoError(_too_old(plan, settings))
    written = connection.execute(
        text(
            """
            INSERT INTO inventory.approvals (plan_id, decision, author, reason, at)
            VALUES (:plan_id, :decision, :author, :reason, :now) ON CONFLICT (plan_id) DO NOTHING
            """
        ),
        {
            "plan_id": plan.plan_id,
            "decision": decision,
            "author": author,
            "reason": reason,
            "now": now,
        },
    )
    if not written.rowcount:
        raise ResotoError(f"plan {plan.plan_id} was {approval_of(connection, plan.plan_id)}")


def approved_and_untouched(connection: Connection, settings: CleanupSettings) -> list[tuple[int, str]]:
    """The approved plans of which nothing was tried yet, by number and the workflow that made them."""
    rows = connection.execute(
        text(
            """
            SELECT plan_id, p.root_run_id FROM inventory.plans p JOIN inventory.approvals a USING (plan_id)
            WHERE a.decision = 'approved' AND p.created_at >= :since
                AND NOT EXISTS (SELECT FROM inventory.journal j WHERE j.plan_id = p.plan_id)
            ORDER BY plan_id
            """
        ),
        {"since": datetime.now(UTC) - settings.approval_expires},
    )
    return [(plan_id, root_run_id) for plan_id, root_run_id in rows]


def latest_waiting(connection: Connection, settings: CleanupSettings) -> tuple[int, str] | None:
    """The last plan of all, if it waits for a decision: its number, and a key of what it deletes.

    Plans alike have the same key for as long as the first of them can be approved: nobody is told twice.
    """
    row = connection.execute(
        text(
            """
            SELECT p.plan_id, p.hash, p.created_at FROM inventory.plans p
            WHERE p.plan_id = (SELECT max(plan_id) FROM inventory.plans) AND p.waits IS NOT NULL
                AND p.held IS NULL AND p.created_at >= :since
                AND NOT EXISTS (SELECT FROM inventory.approvals a WHERE a.plan_id = p.plan_id)
            """
        ),
        {"since": datetime.now(UTC) - settings.approval_expires},
    ).one_or_none()
    if row is None:
        return None
    period = int(row.created_at.timestamp() // settings.approval_expires.total_seconds())
    return row.plan_id, f"{row.hash.hex()}-{period}"


def why_not_approved(plan: Plan, approval: Approval | None, settings: CleanupSettings) -> str | None:
    """Why a plan may not be executed for want of an approval, or None."""
    if plan.waits is None:
        return None
    if approval is not None and approval.decision == "rejected":
        return f"the plan was {approval}"
    if _expired(plan, settings, datetime.now(UTC)):
        return _too_old(plan, settings)
    if approval is None:
        return f"the plan waits for approval (`resoto plan approve {plan.plan_id}`): {plan.waits}"
    return None


def how_moved(connection: Connection, plan: Plan) -> str | None:
    """How the last plan of all differs in what an earlier one deletes, or None where it does all of that."""
    last = load_plan(connection)
    if last is None or last.plan_id == plan.plan_id:
        return None
    by_node = {item.resource.node_id: item for item in last.items}
    for item in plan.going:
        now = by_node.get(item.resource.node_id)
        resource = item.resource
        if now is None:
            return f"{resource} is not marked any more, or gone"
        if now.kept is not None:
            return f"{resource} is kept by now: {now.kept}"
        if _what_is_done(now) != _what_is_done(item):
            return f"{resource}, or what goes before or along with it, has changed"
    return None


def _what_is_done(item: PlanItem) -> tuple[object, ...]:
    return item.fingerprint, item.waits_for, item.unties, {one.node_id for one in item.takes_along}


def _expired(plan: Plan, settings: CleanupSettings, now: datetime) -> bool:
    return plan.created_at + settings.approval_expires < now


def _too_old(plan: Plan, settings: CleanupSettings) -> str:
    until = plan.created_at + settings.approval_expires
    return f"plan {plan.plan_id} could be approved until {until:%Y-%m-%d %H:%M}Z; look at the last one"
