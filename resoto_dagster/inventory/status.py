"""How well the estate is known: accounts and scopes, fresh, stale or failed, and the content's version."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, text

Freshness = Literal["fresh", "stale", "failed", "collecting"]


@dataclass(frozen=True, slots=True)
class ScopeStatus:
    """One scope as it was last read. Without a success it holds nothing yet."""

    provider: str
    account: str
    account_name: str | None
    region: str
    kind: str
    freshness: Freshness
    error: str | None
    attempted_at: datetime
    succeeded_at: datetime | None
    resources: int
    added: int
    changed: int
    removed: int


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """One account, and why it could not be read at all."""

    provider: str
    account: str
    name: str | None
    state: Literal["collecting", "fresh", "failed"]
    error: str | None
    attempted_at: datetime


def scope_statuses(connection: Connection, max_age: timedelta) -> list[ScopeStatus]:
    """All scopes. A scope that was read well, but longer ago than `max_age`, is stale."""
    rows = connection.execute(
        text(
            """
            SELECT s.provider, s.account, a.name AS account_name, s.region, s.kind,
                CASE WHEN s.state = 'fresh' AND s.succeeded_at < :oldest THEN 'stale' ELSE s.state END
                    AS freshness,
                s.error, s.attempted_at, s.succeeded_at, s.resources, s.added, s.changed, s.removed
            FROM inventory.scopes s LEFT JOIN inventory.accounts a USING (provider, account)
            ORDER BY s.provider, s.account, s.region, s.kind
            """
        ),
        {"oldest": datetime.now(UTC) - max_age},
    )
    return [ScopeStatus(*row) for row in rows]


def account_statuses(connection: Connection) -> list[AccountStatus]:
    """All accounts."""
    rows = connection.execute(
        text(
            "SELECT provider, account, name, state, error, attempted_at FROM inventory.accounts "
            "ORDER BY provider, account"
        )
    )
    return [AccountStatus(*row) for row in rows]


def inventory_version(connection: Connection) -> str:
    """A hash of what the inventory holds: equal content and marks, equal version, whenever it was read."""
    digest = hashlib.blake2b(digest_size=16)
    for row in connection.execute(
        text(
            """
            SELECT provider, account, region, kind, version, resources FROM inventory.scopes
            ORDER BY provider, account, region, kind
            """
        )
    ):
        digest.update(repr(tuple(row)).encode())
    for row in connection.execute(
        text(
            "SELECT node_id, mark, source, author, reason FROM inventory.marks "
            "ORDER BY node_id, mark, source, author"
        )
    ):
        digest.update(repr(tuple(row)).encode())
    for row in connection.execute(
        text("SELECT provider, account, name FROM inventory.accounts ORDER BY provider, account")
    ):
        digest.update(repr(tuple(row)).encode())
    return digest.hexdigest()
