"""Whether what the inventory knows is good enough to decide on: nothing stale is ever planned for cleanup."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection, text

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far two clocks may differ; AWS refuses what is signed at a time further off."""

AccountId = tuple[str, str]
"""A provider and the id of one of its accounts."""


class ScopeState(Protocol):
    """What is known of a scope: a row with these columns of `inventory.scopes`."""

    state: Any
    error: Any
    run_id: Any
    succeeded_at: Any


def collected_by(connection: Connection, root_run_id: str) -> str | None:
    """The run itself, if it collected: then only what that very collect read counts as fresh."""
    found = connection.scalar(
        text(
            "SELECT EXISTS (SELECT FROM inventory.scopes WHERE run_id = :run_id) "
            "OR EXISTS (SELECT FROM inventory.accounts WHERE run_id = :run_id)"
        ),
        {"run_id": root_run_id},
    )
    return root_run_id if found else None


def why_stale(scope: ScopeState, max_age: timedelta, collector: str | None) -> str | None:
    """Why a scope is not fresh, or None. `collector` is what `collected_by` said."""
    if scope.state != "fresh":
        return f"not read well: {scope.error or scope.state}"
    if collector is not None and scope.run_id != collector:
        return f"not collected by this run, last {scope.succeeded_at:%Y-%m-%d %H:%M}Z"
    if scope.succeeded_at < datetime.now(UTC) - max_age:
        return f"data is too old: last collected {scope.succeeded_at:%Y-%m-%d %H:%M}Z"
    return None


@dataclass(frozen=True, slots=True)
class Freshness:
    """Of which accounts something is stale, and which are known at all, both by the names of kinds."""

    stale: Mapping[str, Mapping[AccountId, str]]
    known: Mapping[str, frozenset[AccountId]]

    def why_not(self, account: AccountId, names: Iterable[str]) -> str | None:
        """Why nothing can be concluded of an account from the kinds, or None."""
        for name in names:
            if account not in self.known.get(name, ()):
                return f"no {name} of it is collected"
            if account in self.stale[name]:
                return self.stale[name][account]
        return None


_SCOPES = """
    SELECT named.name, s.provider, s.account, s.region, s.kind, s.state, s.error, s.run_id, s.succeeded_at
    FROM unnest(CAST(:names AS text[])) AS named (name)
    JOIN inventory.kinds k ON k.kind = named.name OR named.name = ANY (k.bases)
    JOIN inventory.scopes s ON s.kind = k.kind
    ORDER BY s.provider, s.account, s.region, s.kind
"""


def freshness_of(
    connection: Connection, names: Iterable[str], max_age: timedelta, root_run_id: str
) -> Freshness:
    """What is known of the scopes of kinds and base kinds, account by account."""
    collector = collected_by(connection, root_run_id)
    wanted = sorted(set(names))
    stale: dict[str, dict[AccountId, str]] = {name: {} for name in wanted}
    known: dict[str, set[AccountId]] = {name: set() for name in wanted}
    for row in connection.execute(text(_SCOPES), {"names": wanted}):
        account = (row.provider, row.account)
        known[row.name].add(account)
        why = why_stale(row, max_age, collector)
        if why is not None:
            stale[row.name].setdefault(account, f"{row.region} {row.kind}: {why}")
    return Freshness(stale, {name: frozenset(accounts) for name, accounts in known.items()})


def clock_jumped(connection: Connection, now: datetime) -> str | None:
    """Why the clock can't be relied on, or None: by a wrong one everything looks expired, or fresh."""
    row = connection.execute(
        text(
            """
            SELECT clock_timestamp() AS database,
                (SELECT max(succeeded_at) FROM inventory.scopes) AS collected,
                (SELECT max(created_at) FROM inventory.plans) AS planned
            """
        )
    ).one()
    if abs(row.database - now) > CLOCK_TOLERANCE:
        there = f"{row.database:%Y-%m-%d %H:%M}Z in the database"
        return f"the clocks differ: it is {now:%Y-%m-%d %H:%M}Z here and {there}"
    for what, at in (("collected", row.collected), ("planned", row.planned)):
        if at is not None and at > now + CLOCK_TOLERANCE:
            return f"the clock was set back: it is {now:%Y-%m-%d %H:%M}Z, and {at:%Y-%m-%d %H:%M}Z was {what}"
    return None
