"""The journal of deletions: written before the API is called and after it answered, never changed.

Every planned resource ends in exactly one outcome; a run that died is resumed from here.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Connection, text

Outcome = Literal["gone", "kept", "failed", "skipped", "would_delete"]
Event = Literal["untied", "intended", "answered"] | Outcome
OUTCOMES: tuple[Outcome, ...] = ("gone", "kept", "failed", "skipped", "would_delete")


def record(
    connection: Connection,
    plan_id: int,
    node_id: uuid.UUID,
    run_id: str,
    event: Event,
    detail: str,
    request_ids: Sequence[str] = (),
    fingerprint: bytes | None = None,
) -> None:
    """Write one event down; it is on disk once the caller's transaction is committed.

    The `fingerprint` is that of a resource which the event has changed.
    """
    connection.execute(
        text(
            """
            INSERT INTO inventory.journal
                (plan_id, node_id, run_id, event, at, detail, request_ids, fingerprint)
            VALUES (:plan_id, :node_id, :run_id, :event, :at, :detail, :request_ids, :fingerprint)
            """
        ),
        {
            "plan_id": plan_id,
            "node_id": node_id,
            "run_id": run_id,
            "event": event,
            "at": datetime.now(UTC),
            "detail": detail,
            "request_ids": list(request_ids),
            "fingerprint": fingerprint,
        },
    )


def outcomes(connection: Connection, plan_id: int) -> Mapping[uuid.UUID, tuple[Outcome, str]]:
    """How each resource of a plan ended so far, with what was said of it."""
    rows = connection.execute(
        text(
            """
            SELECT DISTINCT ON (node_id) node_id, event, detail FROM inventory.journal
            WHERE plan_id = :plan_id AND event = ANY (:outcomes) ORDER BY node_id, journal_id DESC
            """
        ),
        {"plan_id": plan_id, "outcomes": list(OUTCOMES)},
    )
    return {node: (event, detail) for node, event, detail in rows}


def intended(connection: Connection, plan_id: int) -> frozenset[uuid.UUID]:
    """The resources whose deletion was begun, whether the API has answered or not."""
    return _with(connection, plan_id, "intended")


def answered(connection: Connection, plan_id: int) -> frozenset[uuid.UUID]:
    """The resources whose deletion the API has accepted."""
    return _with(connection, plan_id, "answered")


def _with(connection: Connection, plan_id: int, event: Event) -> frozenset[uuid.UUID]:
    rows = connection.execute(
        text("SELECT DISTINCT node_id FROM inventory.journal WHERE plan_id = :plan_id AND event = :event"),
        {"plan_id": plan_id, "event": event},
    )
    return frozenset(rows.scalars())


def untied(connection: Connection, plan_id: int) -> Mapping[uuid.UUID, bytes]:
    """The fingerprints of the resources that have let go of others, as they were after the last time."""
    rows = connection.execute(
        text(
            """
            SELECT DISTINCT ON (node_id) node_id, fingerprint FROM inventory.journal
            WHERE plan_id = :plan_id AND event = 'untied' ORDER BY node_id, journal_id DESC
            """
        ),
        {"plan_id": plan_id},
    )
    return {row.node_id: row.fingerprint for row in rows}


def begun(connection: Connection, plan_id: int) -> bool:
    """Whether anything of a plan was tried: more than to say of some of it that it is kept."""
    return bool(
        connection.scalar(
            text(
                "SELECT EXISTS (SELECT FROM inventory.journal WHERE plan_id = :plan_id AND event <> 'kept')"
            ),
            {"plan_id": plan_id},
        )
    )


def failed_before(connection: Connection, plan_id: int) -> frozenset[uuid.UUID]:
    """Those of a plan's resources whose deletion failed in an earlier plan."""
    rows = connection.execute(
        text(
            """
            SELECT DISTINCT j.node_id FROM inventory.journal j JOIN inventory.plan_items i USING (node_id)
            WHERE i.plan_id = :plan_id AND j.plan_id < :plan_id AND j.event = 'failed'
            """
        ),
        {"plan_id": plan_id},
    )
    return frozenset(rows.scalars())
