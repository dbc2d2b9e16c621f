"""What a collect reports, written down: which accounts and scopes it set out to read, and how each ended."""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson
import psycopg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DataError

from resoto_dagster.inventory.edges import EdgeCounts, resolve_edges
from resoto_dagster.inventory.merge import MergeResult, keep_empty, merge_scope
from resoto_dagster.inventory.words import write_words
from resoto_dagster.model.kind import Kind
from resoto_dagster.model.resource import Resource, Scope


def register_kinds(
    connection: Connection,
    provider: str,
    kinds: Mapping[str, Kind],
    collected: Collection[str],
    version: str,
    property_types: Callable[[Collection[str]], Mapping[str, Mapping[str, str]]],
) -> None:
    """Make a provider's kinds known to searches, and of those that are collected the properties as well.

    These are asked for only when the provider's `version` is another one than before.
    """
    known = connection.execute(
        text("SELECT kind FROM inventory.kinds WHERE provider = :provider AND version = :version"),
        {"provider": provider, "version": version},
    )
    missing = set(collected) - set(known.scalars())
    if not missing:
        return
    connection.execute(
        text(
            """
            INSERT INTO inventory.kinds (kind, provider, bases, deletable, version)
            VALUES (:kind, :provider, :bases, :deletable, :version)
            ON CONFLICT (kind) DO UPDATE SET provider = excluded.provider, bases = excluded.bases,
                deletable = excluded.deletable, version = coalesce(excluded.version, kinds.version)
            """
        ),
        [
            {
                "kind": name,
                "provider": provider,
                "bases": sorted({name, *kind.all_bases}),
                "deletable": kind.deletable and not kind.phantom,
                "version": version if name in missing else None,
            }
            for name, kind in kinds.items()
        ],
    )
    connection.execute(
        text("DELETE FROM inventory.properties WHERE kind = ANY (:kinds)"), {"kinds": list(missing)}
    )
    properties = [
        {"kind": kind, "name": name, "type": type_}
        for kind, types in property_types(missing).items()
        for name, type_ in types.items()
    ]
    if properties:
        connection.execute(
            text("INSERT INTO inventory.properties (kind, name, type) VALUES (:kind, :name, :type)"),
            properties,
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
        self._count(scope, result)

    def _count(self, scope: Scope, result: MergeResult) -> None:
        with self._lock:
            self._totals(scope.kind).add(result)
            self.scopes["fresh"] += 1

    def found_empty(self, scopes: Sequence[Scope]) -> None:
        """Merge scopes that hold nothing: together those that held nothing before, either."""
        if not scopes:
            return
        with self._engine.begin() as connection:
            kept = set(keep_empty(connection, sorted(scopes), self._run_id, datetime.now(UTC)))
        for scope in scopes:
            if scope in kept:
                self._count(scope, MergeResult(0, 0, 0, 0))
            else:
                self.collected(scope, ())

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


class PartialSink(InventorySink):
    """The sink of a collect that reads only some scopes, known before: all others, and the accounts, stay.

    What it reads is not marked as being read, so that a run that dies on its way leaves no trace: a scope
    keeps its last state until it is merged or has failed. Of one that fails and was never known before, only
    `totals` tell.
    """

    def __init__(self, engine: Engine, provider: str, run_id: str, scopes: Collection[Scope]):
        super().__init__(engine, provider, run_id)
        self._open = set(scopes)

    def accounts_expected(self, accounts: Sequence[str]) -> None:
        """Other accounts are not forgotten, and these are not said to be read."""

    def scopes_expected(self, scopes: Sequence[Scope]) -> None:
        """They keep their state until they are read."""

    def collected(self, scope: Scope, resources: Sequence[Resource]) -> None:
        """Merge a scope that was read to its end; one that the database can't take has failed."""
        super().collected(scope, resources)
        self._end(scope)

    def found_empty(self, scopes: Sequence[Scope]) -> None:
        """Merge scopes that hold nothing; the others stay open."""
        super().found_empty(scopes)
        for scope in scopes:
            self._end(scope)

    def failed(self, scope: Scope, error: str) -> None:
        """Keep the scope's last good state, and mark it failed."""
        super().failed(scope, error)
        self._end(scope)

    def account_empty(self, account: str, reason: str) -> None:
        """That nothing of an account was wanted says nothing of it."""

    def account_failed(self, account: str, error: str) -> None:
        """Remember why; what of the account was to be read fails at the end."""
        with self._lock:
            self.failed_accounts[account] = error

    def close(self) -> list[Scope]:
        """Fail what was not read because its account, or the list of accounts, could not be.

        Returns the other scopes that were not read: they are not, or no longer, configured.
        """
        accounts = {scope.account for scope in self._open}
        unknown = [error for name, error in self.failed_accounts.items() if name not in accounts]
        left = []
        for scope in sorted(self._open):
            error = self.failed_accounts.get(scope.account) or next(iter(unknown), None)
            if error is None:
                left.append(scope)
            else:
                self.failed(scope, error)
        return left

    def _end(self, scope: Scope) -> None:
        with self._lock:
            self._open.discard(scope)


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


def settle_graph(connection: Connection, now: datetime | None = None) -> EdgeCounts:
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
    counts = resolve_edges(connection, now or datetime.now(UTC))
    write_words(connection)
    for index in ("resources_reported", "words_words"):
        connection.execute(text("SELECT gin_clean_pending_list(:index)"), {"index": f"inventory.{index}"})
    return counts
