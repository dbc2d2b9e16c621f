"""What a collect reports, written down: which accounts and scopes it set out to read, and how each ended."""

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson
import psycopg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DataError

from resoto_dagster.inventory.edges import EdgeCounts, resolve_edges
from resoto_dagster.inventory.merge import MergeResult, merge_scope
from resoto_dagster.inventory.words import write_words
from resoto_dagster.model.kind import Kind
from resoto_dagster.model.resource import Resource, Scope


def register_kinds(connection: Connection, provider: str, kinds: Iterable[Kind]) -> None:
    """Make a provider's kinds and their base kinds known to searches."""
    connection.execute(
        text(
            """
            INSERT INTO inventory.kinds (kind, provider, bases, deletable)
            VALUES (:kind, :provider, :bases, :deletable)
            ON CONFLICT (kind) DO UPDATE SET provider = excluded.provider, bases = excluded.bases,
                deletable = excluded.deletable
            WHERE (kinds.provider, kinds.bases, kinds.deletable)
                IS DISTINCT FROM (excluded.provider, excluded.bases, excluded.deletable)
            """
        ),
        [
            {
                "kind": kind.name,
                "provider": provider,
                "bases": sorted({kind.name, *kind.all_bases}),
                "deletable": kind.deletable and not kind.phantom,
            }
            for kind in kinds
        ],
    )


@dataclass
class KindTotals:
    """What a collect found of one kind, over all scopes."""

    resources: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    """The scopes that failed, as text, with the error of each."""

    def add(self, result: MergeResult) -> None:
        """Count one more scope."""
        self.resources += result.resources
        self.added += result.added
        self.changed += result.changed
        self.removed += result.removed


class InventorySink:
    """The `CollectSink` that merges into the inventory. May be used from many threads."""

    def __init__(self, engine: Engine, provider: str, run_id: str):
        self._engine = engine
        self._provider = provider
        self._run_id = run_id
        self._lock = threading.Lock()
        self.totals: dict[str, KindTotals] = {}
        self.failed_accounts: dict[str, str] = {}
        self.empty_accounts: dict[str, str] = {}
        self.scopes = Counter[str]()

    def _totals(self, kind: str) -> KindTotals:
        return self.totals.setdefault(kind, KindTotals())

    def accounts_expected(self, accounts: Sequence[str]) -> None:
        """Write down the accounts that will be read.

        Others of which nothing was ever known are forgotten: what could not be entered has its id by now.
        """
        with self._engine.begin() as connection:
            connection.execute(
                text(
                    """
                    DELETE FROM inventory.accounts a
                    WHERE provider = :provider AND account <> ALL (:accounts) AND NOT EXISTS (
                        SELECT FROM inventory.scopes s
                        WHERE s.provider = a.provider AND s.account = a.account)
                    """
                ),
                {"provider": self._provider, "accounts": list(accounts)},
            )
        if not accounts:
            return
        with self._engine.begin() as connection:
            connection.execute(
                text(
                    """
                    INSERT INTO inventory.accounts (provider, account, state, run_id, attempted_at)
                    VALUES (:provider, :account, 'collecting', :run_id, :now)
                    ON CONFLICT (provider, account) DO UPDATE SET state = 'collecting', error = NULL,
                        run_id = excluded.run_id, attempted_at = excluded.attempted_at
                    """
                ),
                [
                    {
                        "provider": self._provider,
                        "account": account,
                        "run_id": self._run_id,
                        "now": datetime.now(UTC),
                    }
                    for account in sorted(accounts)
                ],
            )

    def scopes_expected(self, scopes: Sequence[Scope]) -> None:
        """Write down the scopes that will be read; their accounts have answered."""
        if not scopes:
            return
        now = datetime.now(UTC)
        with self._engine.begin() as connection:
            connection.execute(
                text(
                    """
                    INSERT INTO inventory.scopes
                        (provider, account, region, kind, state, run_id, attempted_at)
                    VALUES (:provider, :account, :region, :kind, 'collecting', :run_id, :now)
                    ON CONFLICT (provider, account, region, kind) DO UPDATE SET state = 'collecting',
                        run_id = excluded.run_id, attempted_at = excluded.attempted_at
                    """
                ),
                [
                    {
                        "provider": scope.provider,
                        "account": scope.account,
                        "region": scope.region,
                        "kind": scope.kind,
                        "run_id": self._run_id,
                        "now": now,
                    }
                    for scope in sorted(scopes)
                ],
            )
            self._answered(connection, sorted({scope.account for scope in scopes}))

    def _answered(self, connection: Connection, accounts: list[str]) -> None:
        connection.execute(
            text(
                "UPDATE inventory.accounts SET state = 'fresh' "
                "WHERE provider = :provider AND account = ANY(:accounts) AND run_id = :run_id"
            ),
            {"provider": self._provider, "accounts": accounts, "run_id": self._run_id},
        )

    def collected(self, scope: Scope, resources: Sequence[Resource]) -> None:
        """Merge a scope that was read to its end; one that the database can't take has failed."""
        try:
            with self._engine.begin() as connection:
                result = merge_scope(connection, scope, resources, self._run_id, datetime.now(UTC))
        except (DataError, psycopg.DataError, orjson.JSONEncodeError, UnicodeEncodeError) as error:
            cause = str(getattr(error, "orig", error)).partition("\n")[0]
            self.failed(scope, f"can't be stored: {cause}")
            return
        with self._lock:
            self._totals(scope.kind).add(result)
            self.scopes["fresh"] += 1

    def failed(self, scope: Scope, error: str) -> None:
        """Keep the scope's last good state, and mark it failed."""
        with self._engine.begin() as connection:
            connection.execute(
                text(
                    """
                    UPDATE inventory.scopes SET state = 'failed', error = :error, run_id = :run_id,
                        attempted_at = :now
                    WHERE provider = :provider AND account = :account AND region = :region AND kind = :kind
                    """
                ),
                {
                    "provider": scope.provider,
                    "account": scope.account,
                    "region": scope.region,
                    "kind": scope.kind,
                    "error": error,
                    "run_id": self._run_id,
                    "now": datetime.now(UTC),
                },
            )
        with self._lock:
            self._totals(scope.kind).failed[str(scope)] = error
            self.scopes["failed"] += 1

    def account_empty(self, account: str, reason: str) -> None:
        """Write down that an account is done, since there is nothing to read of it."""
        with self._engine.begin() as connection:
            self._answered(connection, [account])
        with self._lock:
            self.empty_accounts[account] = reason

    def account_failed(self, account: str, error: str) -> None:
        """Mark an account failed with all that is known of it."""
        with self._engine.begin() as connection:
            _fail_account(connection, self._provider, account, error, self._run_id)
        with self._lock:
            self.failed_accounts[account] = error


def _fail_account(connection: Connection, provider: str, account: str, error: str, run_id: str) -> None:
    values = {"provider": provider, "account": account, "error": error, "run_id": run_id}
    now = datetime.now(UTC)
    connection.execute(
        text(
            """
            INSERT INTO inventory.accounts (provider, account, state, error, run_id, attempted_at)
            VALUES (:provider, :account, 'failed', :error, :run_id, :now)
            ON CONFLICT (provider, account) DO UPDATE SET state = 'failed', error = excluded.error,
                run_id = excluded.run_id, attempted_at = excluded.attempted_at
            """
        ),
        {**values, "now": now},
    )
    connection.execute(
        text(
            """
            UPDATE inventory.scopes SET state = 'failed', error = :error, run_id = :run_id,
                attempted_at = :now
            WHERE provider = :provider AND account = :account
            """
        ),
        {**values, "now": now},
    )


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was set out to be collected and never ended."""

    what: str
    error: str


def close_collect(connection: Connection, run_id: str) -> list[Gap]:
    """Compare what arrived with what was set out to be collected by a run, and fail what is missing."""
    values = {"error": "the collect ended before it was read", "run_id": run_id}
    gaps: list[str] = []
    for table, name in (
        ("accounts", "provider || '/' || account"),
        ("scopes", "provider || '/' || account || '/' || region || '/' || kind"),
    ):
        statement = f"""
            UPDATE inventory.{table} SET state = 'failed', error = :error
            WHERE state = 'collecting' AND run_id = :run_id RETURNING {name}
            """  # noqa: S608
        gaps += connection.execute(text(statement), values).scalars()
    return [Gap(what, values["error"]) for what in gaps]


def settle_graph(connection: Connection) -> EdgeCounts:
    """Make the graph whole after merges: accounts bear their own resources' names, edges find their ends.

    What searches need beside the resources is brought up to date, too.
    """
    connection.execute(
        text(
            """
            UPDATE inventory.accounts a SET name = r.name
            FROM inventory.resources r
            JOIN inventory.kinds k ON k.kind = r.kind AND 'account' = ANY (k.bases)
            JOIN inventory.scopes s ON s.scope_id = r.scope_id
            WHERE a.provider = s.provider AND a.account = r.id AND a.name IS DISTINCT FROM r.name
            """
        )
    )
    counts = resolve_edges(connection, datetime.now(UTC))
    write_words(connection)
    for index in ("resources_reported", "words_words"):
        connection.execute(text("SELECT gin_clean_pending_list(:index)"), {"index": f"inventory.{index}"})
    return counts
