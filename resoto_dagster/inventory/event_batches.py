"""The events that a run is launched for: which scopes it shall read, and what it forgets when it has.

An event's own place is its source, where it stays until a run has collected what it touched. A batch only
tells the run what was received; one that is lost costs nothing, since its events come again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from resoto_dagster.inventory.merge import cursor_of
from resoto_dagster.model.resource import Scope


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events of one provider: their names with counts, what they touched, and by what they are forgotten."""

    names: Mapping[str, int]
    scopes: frozenset[Scope]
    receipts: tuple[str, ...]


def save_batch(connection: Connection, provider: str, batch: str, events: EventBatch) -> None:
    """Write a batch down, in place of all earlier ones of the provider: no run is left to ask for those."""
    scopes = [[scope.account, scope.region, scope.kind] for scope in sorted(events.scopes)]
    with cursor_of(connection) as cursor:
        cursor.execute("DELETE FROM inventory.event_batches WHERE provider = %s", (provider,))
        cursor.execute(
            """
            INSERT INTO inventory.event_batches (provider, batch, received_at, receipts, names, scopes)
            VALUES (%s, %s, %s, %s, %s, %s)
            """,
            (
                provider,
                batch,
                datetime.now(UTC),
                list(events.receipts),
                Jsonb(dict(events.names)),
                Jsonb(scopes),
            ),
        )


def load_batch(connection: Connection, provider: str, batch: str) -> EventBatch | None:
    """A batch; None when it was collected, or gave way to another one."""
    with cursor_of(connection) as cursor:
        cursor.execute(
            "SELECT names, scopes, receipts FROM inventory.event_batches WHERE provider = %s AND batch = %s",
            (provider, batch),
        )
        row = cursor.fetchone()
    if row is None:
        return None
    names, scopes, receipts = row
    return EventBatch(names, frozenset(Scope(provider, *scope) for scope in scopes), tuple(receipts))


def delete_batch(connection: Connection, provider: str, batch: str) -> None:
    """Take a batch away that was collected."""
    with cursor_of(connection) as cursor:
        cursor.execute(
            "DELETE FROM inventory.event_batches WHERE provider = %s AND batch = %s", (provider, batch)
        )
