"""The actions that the workflow emits, and how the hooks on them ended: the table that sensors read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, text

HookOutcome = Literal["success", "failure", "timeout", "not_run"]


@dataclass(frozen=True, slots=True)
class HookResult:
    """How one hook ended. `run_id` is its own run's; `seconds` how long that took."""

    hook: str
    required: bool
    outcome: HookOutcome
    run_id: str | None
    seconds: float | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Emitted:
    """An action that waits for its hooks. `attempt` is the workflow's run that emitted it last."""

    action_id: int
    root_run_id: str
    attempt: str


def emit(
    connection: Connection,
    root_run_id: str,
    run_id: str,
    action: str,
    subscribers: Sequence[str],
    timeout: timedelta,
) -> Emitted:
    """Emit an action; an earlier emission of it for the same workflow is over by that."""
    connection.execute(
        text(
            "UPDATE inventory.actions SET completed_at = now() "
            "WHERE root_run_id = :root_run_id AND action = :action AND completed_at IS NULL"
        ),
        {"root_run_id": root_run_id, "action": action},
    )
    now = datetime.now(UTC)
    action_id = connection.execute(
        text(
            """
            INSERT INTO inventory.actions (root_run_id, run_id, action, emitted_at, deadline, subscribers)
            VALUES (:root_run_id, :run_id, :action, :now, :deadline, :subscribers) RETURNING action_id
            """
        ),
        {
            "root_run_id": root_run_id,
            "run_id": run_id,
            "action": action,
            "now": now,
            "deadline": now + timeout,
            "subscribers": list(subscribers),
        },
    ).scalar_one()
    return Emitted(action_id, root_run_id, run_id)


def earlier_successes(connection: Connection, root_run_id: str, action: str) -> list[HookResult]:
    """The hooks that succeeded when the action was emitted last for a workflow."""
    action_id = connection.scalar(
        text(
            "SELECT max(action_id) FROM inventory.actions "
            "WHERE root_run_id = :root_run_id AND action = :action"
        ),
        {"root_run_id": root_run_id, "action": action},
    )
    return [result for result in results_of(connection, action_id) if result.outcome == "success"]


def waiting_for(connection: Connection, hook: str) -> list[Emitted]:
    """The actions that wait for a hook to be launched by its sensor."""
    rows = connection.execute(
        text(
            """
            SELECT action_id, root_run_id, run_id FROM inventory.actions
            WHERE completed_at IS NULL AND deadline > now() AND :hook = ANY (subscribers)
            ORDER BY action_id
            """
        ),
        {"hook": hook},
    )
    return [Emitted(*row) for row in rows]


def still_waits(connection: Connection, action_id: int) -> bool:
    """Whether the gate of an action still waits; locks it, so that it can't go on meanwhile."""
    return bool(
        connection.scalar(
            text(
                "SELECT completed_at IS NULL AND deadline > now() FROM inventory.actions "
                "WHERE action_id = :id FOR SHARE"
            ),
            {"id": action_id},
        )
    )


def record_results(connection: Connection, action_id: int, results: Sequence[HookResult]) -> None:
    """Write down how the hooks of an action ended."""
    for result in results:
        connection.execute(
            text(
                """
                INSERT INTO inventory.hook_outcomes
                    (action_id, hook, required, outcome, run_id, seconds, error)
                VALUES (:action_id, :hook, :required, :outcome, :run_id, :seconds, :error)
                ON CONFLICT (action_id, hook) DO UPDATE SET required = excluded.required,
                    outcome = excluded.outcome, run_id = excluded.run_id, seconds = excluded.seconds,
                    error = excluded.error
                """
            ),
            {
                "action_id": action_id,
                "hook": result.hook,
                "required": result.required,
                "outcome": result.outcome,
                "run_id": result.run_id,
                "seconds": result.seconds,
                "error": result.error,
            },
        )


def results_of(connection: Connection, action_id: int | None) -> list[HookResult]:
    """How the hooks of an action ended so far."""
    rows = connection.execute(
        text(
            "SELECT hook, required, outcome, run_id, seconds, error FROM inventory.hook_outcomes "
            "WHERE action_id = :id ORDER BY hook"
        ),
        {"id": action_id},
    )
    return [HookResult(*row) for row in rows]


def complete(connection: Connection, action_id: int) -> None:
    """Say that the gate has gone on; a hook that ends later is too late."""
    connection.execute(
        text("UPDATE inventory.actions SET completed_at = now() WHERE action_id = :id"), {"id": action_id}
    )


def missing_successes(
    connection: Connection, root_run_id: str, required: Sequence[tuple[str, str]]
) -> list[str]:
    """Which of the required hooks, given as (action, hook), have not succeeded for a workflow.

    An action's last emission counts. One that was not emitted counts as not succeeded.
    """
    rows = connection.execute(
        text(
            """
            SELECT a.action, o.hook FROM inventory.hook_outcomes o JOIN inventory.actions a USING (action_id)
            WHERE o.outcome = 'success' AND a.root_run_id = :root_run_id AND a.action_id = (
                SELECT max(b.action_id) FROM inventory.actions b
                WHERE b.root_run_id = a.root_run_id AND b.action = a.action)
            """
        ),
        {"root_run_id": root_run_id},
    )
    succeeded = {(action, hook) for action, hook in rows}
    return [f"{hook} ({action})" for action, hook in required if (action, hook) not in succeeded]


def emitted_actions(connection: Connection, root_run_id: str) -> frozenset[str]:
    """The actions that a workflow has emitted."""
    rows = connection.execute(
        text("SELECT DISTINCT action FROM inventory.actions WHERE root_run_id = :root_run_id"),
        {"root_run_id": root_run_id},
    )
    return frozenset(rows.scalars())
