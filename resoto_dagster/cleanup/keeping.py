"""What the link of a notice shows, and keeping what is behind it."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from resoto_dagster.cleanup.announcements import LINK_LASTS, token_hash
from resoto_dagster.inventory.marks import Author, Mark, set_marks


@dataclass(frozen=True, slots=True)
class Announced:
    """A resource that a notice announced, and that is still there.

    `until` is when its protection ends; None while it is not protected, and for one that does not end.
    """

    node_id: uuid.UUID
    kind: str
    id: str
    name: str
    account: str
    region: str
    reason: str
    protected: bool
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as its link shows it."""

    owner: str
    sent_at: datetime
    resources: tuple[Announced, ...]


_NOTICE = """
    SELECT notice_id, owner, sent_at FROM inventory.notices WHERE token = :token AND sent_at > :since
"""
_ANNOUNCED = """
    SELECT r.node_id, r.kind, r.id, r.name, coalesce(a.name, s.account) AS account, r.region,
        coalesce(clean.reason, '') AS reason, coalesce(shield.protected, false) AS protected, shield.until
    FROM (
        SELECT DISTINCT node_id FROM inventory.announcements WHERE notice_id = :notice
    ) told
    JOIN inventory.resources r ON r.node_id = told.node_id
    JOIN inventory.scopes s ON s.scope_id = r.scope_id
    LEFT JOIN inventory.accounts a ON a.provider = s.provider AND a.account = s.account
    CROSS JOIN LATERAL (
        SELECT string_agg(m.reason, '; ' ORDER BY m.source, m.author) AS reason
        FROM inventory.marks m WHERE m.node_id = r.node_id AND m.mark = 'clean'
    ) clean
    CROSS JOIN LATERAL (
        SELECT count(*) > 0 AS protected,
            CASE WHEN bool_and(m.until IS NOT NULL) THEN max(m.until) END AS until
        FROM inventory.marks m
        WHERE m.node_id = r.node_id AND m.mark = 'protected' AND (m.until IS NULL OR m.until > :now)
    ) shield
    ORDER BY s.provider, s.account, r.region, r.kind, r.id
"""


def notice_of(connection: Connection, token: str, now: datetime) -> Notice | None:
    """The notice with a token in its link; None for one that is unknown or has ended."""
    found = connection.execute(
        text(_NOTICE), {"token": token_hash(token), "since": now - LINK_LASTS}
    ).one_or_none()
    if found is None:
        return None
    rows = connection.execute(text(_ANNOUNCED), {"notice": found.notice_id, "now": now})
    return Notice(found.owner, found.sent_at, tuple(Announced(**row) for row in rows.mappings()))


def keep(
    connection: Connection, notice: Notice, nodes: Collection[uuid.UUID], now: datetime, length: timedelta
) -> int:
    """Protect those of a notice's resources that are among the nodes, for a while. Returns how many."""
    reason = f"kept by the link in the notice of {notice.sent_at:%Y-%m-%d}"
    marks = [
        Mark(one.node_id, "protected", reason, now + length)
        for one in notice.resources
        if one.node_id in nodes
    ]
    return set_marks(connection, Author("person", f"{notice.owner} by link"), marks)
