"""What people, planners and hooks want of a resource: that it goes (`clean`), or that it stays (`protected`).

Marks are kept by the resource's identity and survive every collect. A person's mark stays until the person
takes it back; `protected` holds even for a resource that was missed for a while, `clean` only for the one
that was there when it was set, and not for a later one of the same name. What a planner, a rule or a hook
marked is replaced as a whole each time it runs, and its `clean` counts only in the run that made it.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Connection, text

MarkName = Literal["clean", "protected"]
Source = Literal["person", "planner", "hook", "rule"]


@dataclass(frozen=True, slots=True)
class Author:
    """Who marks: a person by name, or a planner, rule or hook by its own name and the run it works for."""

    source: Source
    name: str
    root_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark on one resource; it counts `until` a moment, or for good."""

    node_id: uuid.UUID
    mark: MarkName
    reason: str
    until: datetime | None = None


def set_marks(connection: Connection, author: Author, marks: Iterable[Mark]) -> int:
    """Set marks; one that the author has set already gets the new reason. Returns how many."""
    now = datetime.now(UTC)
    rows = [
        {
            "node_id": mark.node_id,
            "mark": mark.mark,
            "reason": mark.reason,
            "source": author.source,
            "author": author.name,
            "root_run_id": author.root_run_id,
            "at": now,
            "until": mark.until,
        }
        for mark in marks
    ]
    if rows:
        connection.execute(
            text(
                """
                INSERT INTO inventory.marks (node_id, mark, source, author, reason, at, root_run_id, until)
                VALUES (:node_id, :mark, :source, :author, :reason, :at, :root_run_id, :until)
                ON CONFLICT (node_id, mark, source, author) DO UPDATE SET reason = excluded.reason,
                    at = excluded.at, root_run_id = excluded.root_run_id, until = excluded.until
                """
            ),
            rows,
        )
    return len(rows)


def replace_marks(connection: Connection, author: Author, marks: Iterable[Mark]) -> int:
    """Make `marks` the only ones of this author. Returns how many."""
    connection.execute(
        text("DELETE FROM inventory.marks WHERE source = :source AND author = :author"),
        {"source": author.source, "author": author.name},
    )
    return set_marks(connection, author, marks)


def remove_mark(connection: Connection, author: Author, mark: MarkName, nodes: Sequence[uuid.UUID]) -> int:
    """Take back an author's own marks. Returns how many there were."""
    return connection.execute(
        text(
            "DELETE FROM inventory.marks WHERE source = :source AND author = :author AND mark = :mark "
            "AND node_id = ANY(:nodes)"
        ),
        {"source": author.source, "author": author.name, "mark": mark, "nodes": list(nodes)},
    ).rowcount


def forget_ended(connection: Connection) -> int:
    """Drop marks that counted until a moment that has passed. Returns how many."""
    return connection.execute(text("DELETE FROM inventory.marks WHERE until <= now()")).rowcount


def forget_authors_except(connection: Connection, source: Source, names: Sequence[str]) -> int:
    """Drop what planners, rules or hooks marked that are not in force any more. Returns how many marks."""
    return connection.execute(
        text("DELETE FROM inventory.marks WHERE source = :source AND author <> ALL(:names)"),
        {"source": source, "names": list(names)},
    ).rowcount
