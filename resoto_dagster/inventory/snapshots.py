"""Moments of the past with a name, and how long the past is kept.

The inventory keeps every version of every resource for a while, so a snapshot is nothing but a name for a
moment: what was there at that moment is kept as long as the name is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.search.moments import moment


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment with a name. `schedule` took it, or a person when there is none."""

    name: str
    at: datetime
    schedule: str | None


def take_snapshot(connection: Connection, name: str, schedule: str | None = None) -> Snapshot:
    """Give the present a name. Raises ResotoError when another moment has it."""
    if not name.strip() or _is_moment(name):
        raise ResotoError(f"{name!r} is no name for a snapshot; expected e.g. before-migration")
    taken = Snapshot(name, datetime.now(UTC), schedule)
    try:
        connection.execute(
            text("INSERT INTO inventory.snapshots (name, at, schedule) VALUES (:name, :at, :schedule)"),
            {"name": taken.name, "at": taken.at, "schedule": schedule},
        )
    except IntegrityError:
        raise ResotoError(f"there is a snapshot {name!r} already; take another name") from None
    return taken


def snapshots(connection: Connection) -> list[Snapshot]:
    """All snapshots, the oldest first."""
    rows = connection.execute(text("SELECT name, at, schedule FROM inventory.snapshots ORDER BY at, name"))
    return [Snapshot(*row) for row in rows]


def delete_snapshot(connection: Connection, name: str) -> None:
    """Take the name away from its moment. Raises ResotoError when nothing has it."""
    deleted = connection.execute(
        text("DELETE FROM inventory.snapshots WHERE name = :name"), {"name": name}
    ).rowcount
    if not deleted:
        raise ResotoError(f"there is no snapshot {name!r}; {_known(connection)}")


def delete_old_snapshots(connection: Connection, schedule: str, keep: int) -> int:
    """Delete all snapshots of a schedule but the newest ones. Returns how many."""
    return connection.execute(
        text(
            """
            DELETE FROM inventory.snapshots WHERE name IN (
                SELECT name FROM inventory.snapshots WHERE schedule = :schedule
                ORDER BY at DESC, name OFFSET :keep
            )
            """
        ),
        {"schedule": schedule, "keep": keep},
    ).rowcount


def moment_of(connection: Connection, given: str) -> datetime:
    """The moment of a snapshot's name, a timestamp, or a time ago (`-2d`). Raises ResotoError."""
    at = connection.scalar(text("SELECT at FROM inventory.snapshots WHERE name = :name"), {"name": given})
    if at is None:
        try:
            at = moment(given)
        except ValueError as error:
            raise ResotoError(f"{error}, or the name of a snapshot; {_known(connection)}") from None
    if at > datetime.now(UTC):
        raise ResotoError(f"{given} is in the future; the inventory knows the past only")
    found: datetime = at
    return found


def forget_history(connection: Connection, before: datetime) -> int:
    """Forget what ended before a moment, but for what snapshots hold. Returns how many versions and edges."""
    forgotten = 0
    for table, ended in (("history", "at"), ("past_edges", "until")):
        statement = f"""
            DELETE FROM inventory.{table} h WHERE h.{ended} < :before AND NOT EXISTS (
                SELECT FROM inventory.snapshots s WHERE h.since <= s.at AND s.at < h.{ended}
            )
        """  # noqa: S608
        forgotten += connection.execute(text(statement), {"before": before}).rowcount
    return forgotten


def _is_moment(name: str) -> bool:
    try:
        moment(name)
    except ValueError:
        return False
    return True


def _known(connection: Connection) -> str:
    names: Sequence[str] = [one.name for one in snapshots(connection)]
    return f"there are: {', '.join(names[-10:])}" if names else "none has been taken yet"
