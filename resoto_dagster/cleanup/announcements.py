"""Announcing deletions: each owner is told in one message, and only what was told is written down.

A grace begins with an announcement. One is written down after its message was accepted: whoever dies between
the two tells it twice, and never lets a grace begin that nobody was told of.
"""

import hashlib
import secrets
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from resoto_dagster.cleanup.notices import Announceable, message_about, tell
from resoto_dagster.cleanup.owners import Owner, owner_of
from resoto_dagster.cleanup.plan import Plan
from resoto_dagster.config import CleanupSettings, NoticesSettings
from resoto_dagster.errors import ResotoError

LINK_LASTS = timedelta(days=90)
"""How long the link of a notice is good."""

AT_A_TIME = 4
"""How many owners are told at a time: a service that does not answer must not hold up the rest."""


def announceable(plan: Plan, settings: CleanupSettings, now: datetime) -> list[Announceable]:
    """What of a plan that was just made begins its grace by being told of."""
    quiet = {("rule", rule.name) for rule in settings.rules if not rule.notify}
    return [
        Announceable(
            resource=item.resource,
            account_name=item.account_name,
            region=item.region,
            reason=item.reason,
            authors=item.grace.announces,
            due=now + item.grace.length,
            monthly_cost=item.monthly_cost,
            quiet=quiet.issuperset(item.grace.announces),
        )
        for item in plan.kept
        if item.grace is not None and item.grace.due is None and item.kept == str(item.grace)
    ]


def announce(
    engine: Engine, settings: NoticesSettings, found: Sequence[Announceable], now: datetime
) -> list[str]:
    """Tell every owner of theirs, in one message each, and write down what was told.

    Where there is nobody to tell, the plan itself is the announcement. Returns what people should know: who
    could not be told, of whose resources nothing is written down then, and how many have no owner.
    """
    owned: dict[Owner, list[Announceable]] = {}
    nobodys: list[Announceable] = []
    quiet: list[Announceable] = []
    for one in found:
        owner = None if one.quiet else owner_of(one.resource, settings)
        if owner is not None:
            owned.setdefault(owner, []).append(one)
        elif one.quiet:
            quiet.append(one)
        else:
            nobodys.append(one)
    with engine.begin() as connection:
        _write(connection, [*nobodys, *quiet], now, None)
    notes = []
    if nobodys and settings.configured:
        notes.append(f"no owner is known of {_count(nobodys)}: only the plan announces them")
    with ThreadPoolExecutor(AT_A_TIME, "tell") as pool:
        telling = [
            pool.submit(_tell_owner, engine, settings, owner, theirs, now) for owner, theirs in owned.items()
        ]
    refused = (one.result() for one in telling)
    return [*notes, *(why for why in refused if why is not None)]


def _tell_owner(
    engine: Engine, settings: NoticesSettings, owner: Owner, theirs: Sequence[Announceable], now: datetime
) -> str | None:
    """Tell one owner, and write it down if the message was accepted; else why it was not."""
    token = None if settings.link is None else secrets.token_urlsafe(32)
    link = None if token is None else f"{settings.link}/keep/{token}"
    try:
        tell(owner, message_about(theirs, settings, link), settings)
    except ResotoError as error:
        return f"{error}; {_count(theirs)} stay until it is told"
    with engine.begin() as connection:
        _write(connection, theirs, now, _write_notice(connection, owner.name, now, token))
    return None


def _count(found: Sequence[Announceable]) -> str:
    return f"{len(found)} resource" + ("" if len(found) == 1 else "s")


def token_hash(token: str) -> bytes:
    """What is kept of a link's token: who reads the database can't make the link from it."""
    return hashlib.sha256(token.encode()).digest()


def _write_notice(connection: Connection, owner: str, now: datetime, token: str | None) -> int:
    statement = """
        INSERT INTO inventory.notices (owner, sent_at, token) VALUES (:owner, :now, :token)
        RETURNING notice_id
    """
    hashed = None if token is None else token_hash(token)
    notice_id: int = connection.execute(
        text(statement), {"owner": owner, "now": now, "token": hashed}
    ).scalar_one()
    return notice_id


def _write(
    connection: Connection, found: Iterable[Announceable], now: datetime, notice_id: int | None
) -> None:
    rows = [
        {"node": one.resource.node_id, "source": source, "author": author, "now": now, "notice": notice_id}
        for one in found
        for source, author in one.authors
    ]
    if rows:
        statement = """
            INSERT INTO inventory.announcements (node_id, source, author, announced_at, notice_id)
            VALUES (:node, :source, :author, :now, :notice)
            ON CONFLICT (node_id, source, author) DO UPDATE SET announced_at = excluded.announced_at,
                notice_id = excluded.notice_id
        """
        connection.execute(text(statement), rows)


def announced(
    connection: Connection, nodes: Collection[uuid.UUID]
) -> Mapping[tuple[uuid.UUID, str, str], datetime]:
    """When marks on these nodes were announced, by node, source and author."""
    statement = """
        SELECT node_id, source, author, announced_at FROM inventory.announcements
        WHERE node_id = ANY (:nodes)
    """
    rows = connection.execute(text(statement), {"nodes": list(nodes)})
    return {(row.node_id, row.source, row.author): row.announced_at for row in rows}


def forget_authors_announcements(connection: Connection, settings: CleanupSettings) -> int:
    """Drop the announcements of rules and planners that are not in force any more. Returns how many."""
    planners = [name for name, one in settings.planners if one.enabled]
    in_force = [f"rule {rule.name}" for rule in settings.rules] + [f"planner {name}" for name in planners]
    statement = "DELETE FROM inventory.announcements WHERE source || ' ' || author <> ALL (:in_force)"
    return connection.execute(text(statement), {"in_force": in_force}).rowcount


def forget_announcements(
    connection: Connection, source: str, author: str, except_nodes: Collection[uuid.UUID]
) -> int:
    """Drop an author's announcements of what it does not select any more. Returns how many.

    Their reason is gone; should it come back, it is told anew.
    """
    statement = """
        DELETE FROM inventory.announcements
        WHERE source = :source AND author = :author AND node_id <> ALL (:nodes)
    """
    return connection.execute(
        text(statement), {"source": source, "author": author, "nodes": list(except_nodes)}
    ).rowcount


def forget_protected(connection: Connection) -> int:
    """Drop the announcements of what is protected now, so that it is told anew when that ends.

    Returns how many.
    """
    statement = """
        DELETE FROM inventory.announcements a
        WHERE EXISTS (
            SELECT FROM inventory.marks m
            WHERE m.node_id = a.node_id AND m.mark = 'protected' AND (m.until IS NULL OR m.until > now())
        )
    """
    return connection.execute(text(statement)).rowcount


def forget_notices(connection: Connection, now: datetime) -> int:
    """Drop notices whose links have ended; what they announced stays announced. Returns how many."""
    return connection.execute(
        text("DELETE FROM inventory.notices WHERE sent_at <= :before"), {"before": now - LINK_LASTS}
    ).rowcount
