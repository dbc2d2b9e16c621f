"""Replacing a scope by what was read of it, in one transaction, writing only what changed.

Facts only: marks are kept elsewhere, by the resource's identity, and survive every merge.
"""

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.types.json import Jsonb, set_json_dumps
from sqlalchemy import Connection

from resoto_dagster.model.expiry import ctime_of, expiry_of
from resoto_dagster.model.resource import Edge, Resource, Scope, node_id

set_json_dumps(orjson.dumps)

_JSON = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What a merge found: the resources there are now, and how many of them came, changed and went."""

    resources: int
    added: int
    changed: int
    removed: int


@dataclass(frozen=True, slots=True)
class _Row:
    """A resource as it will stand in the table, and its edges."""

    node_id: uuid.UUID
    resource: Resource
    json: bytes
    hash: bytes
    ctime: datetime | None

    def columns(self, scope_id: int) -> tuple[Any, ...]:
        resource = self.resource
        expiry = expiry_of(resource.tags)
        problem = ctime_of(resource.tags, resource.ctime)[1] or expiry.problem
        times = (self.ctime, resource.mtime, resource.atime, expiry.at, expiry.after, problem)
        reported = Jsonb(orjson.Fragment(self.json))
        identity = (self.node_id, scope_id, resource.kind, resource.id, resource.name, resource.region)
        return (*identity, reported, *times, self.hash)


def _row(scope: Scope, resource: Resource) -> _Row:
    ctime, _ = ctime_of(resource.tags, resource.ctime)
    reported = {**resource.reported(), "ctime": ctime}
    json = content = orjson.dumps(reported, option=_JSON)
    if resource.volatile:
        lasting = {key: value for key, value in reported.items() if key not in resource.volatile}
        content = orjson.dumps(lasting, option=_JSON)
    digest = hashlib.blake2b(content, digest_size=16)
    digest.update(resource.region.encode())
    for edge in sorted(resource.edges):
        digest.update(repr((edge.type.value, edge.outgoing, edge.kind, edge.by, edge.value)).encode())
    return _Row(node_id(scope, resource.id), resource, json, digest.digest(), ctime)


def fingerprint(scope: Scope, resource: Resource, unsettled: frozenset[str]) -> bytes:
    """What must be the same when a planned resource is read again: all it reports that does not change by
    itself, its tags among it.
    """
    return reported_fingerprint(orjson.loads(_row(scope, resource).json), unsettled)


def reported_fingerprint(reported: Mapping[str, Any], unsettled: frozenset[str]) -> bytes:
    """The fingerprint of what the inventory holds as `reported`."""
    settled = {key: value for key, value in reported.items() if key not in unsettled}
    return hashlib.blake2b(orjson.dumps(settled, option=_JSON), digest_size=16).digest()


_COLUMNS = (
    "node_id, scope_id, kind, id, name, region, reported, ctime, mtime, atime, expires_at, expires_after, "
    "tag_problem, hash, first_seen, changed_at"
)
_UPDATE = """
    UPDATE inventory.resources SET name = %s, region = %s, reported = %s, ctime = %s, mtime = %s, atime = %s,
        expires_at = %s, expires_after = %s, tag_problem = %s, hash = %s, changed_at = %s
    WHERE node_id = %s
"""


def cursor_of(connection: Connection) -> Cursor[Any]:
    """The psycopg cursor below a SQLAlchemy connection, in the same transaction."""
    raw = connection.connection.driver_connection
    assert raw is not None
    cursor: Cursor[Any] = raw.cursor()
    return cursor


def merge_scope(
    connection: Connection, scope: Scope, resources: Iterable[Resource], run_id: str, now: datetime
) -> MergeResult:
    """Replace what is known of the scope by `resources`, and mark the scope fresh.

    The caller's transaction holds the scope's row until it ends, so that two runs can't mix.
    """
    rows = {row.node_id: row for row in (_row(scope, resource) for resource in resources)}
    with cursor_of(connection) as cursor:
        scope_id = _lock(cursor, scope, run_id, now)
        cursor.execute(
            "SELECT node_id, hash, atime FROM inventory.resources WHERE scope_id = %s", (scope_id,)
        )
        known = {node: (content, atime) for node, content, atime in cursor.fetchall()}
        added = [row for node, row in rows.items() if node not in known]
        changed = [row for node, row in rows.items() if node in known and known[node][0] != row.hash]
        removed = [node for node in known if node not in rows]
        _remove(cursor, scope_id, removed, run_id, now)
        _update(cursor, scope_id, changed, run_id, now)
        _add(cursor, scope_id, added, run_id, now)
        settled = {row.node_id for row in changed}
        touched = [
            (row.resource.atime, Jsonb(orjson.Fragment(row.json)), node)
            for node, row in rows.items()
            if node in known and node not in settled and known[node][1] != row.resource.atime
        ]
        if touched:
            cursor.executemany(
                "UPDATE inventory.resources SET atime = %s, reported = %s WHERE node_id = %s", touched
            )
        result = MergeResult(len(rows), len(added), len(changed), len(removed))
        _mark_fresh(cursor, scope_id, rows, result, now)
    return result


def _lock(cursor: Cursor[Any], scope: Scope, run_id: str, now: datetime) -> int:
    """The scope's id; its row is locked until the transaction ends."""
    cursor.execute(
        """
        INSERT INTO inventory.scopes (provider, account, region, kind, state, run_id, attempted_at)
        VALUES (%s, %s, %s, %s, 'collecting', %s, %s)
        ON CONFLICT (provider, account, region, kind) DO UPDATE SET run_id = excluded.run_id
        RETURNING scope_id
        """,
        (scope.provider, scope.account, scope.region, scope.kind, run_id, now),
    )
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def _mark_fresh(
    cursor: Cursor[Any], scope_id: int, rows: Mapping[uuid.UUID, _Row], result: MergeResult, now: datetime
) -> None:
    version = hashlib.blake2b(digest_size=16)
    for node, row in sorted(rows.items()):
        version.update(node.bytes + row.hash)
    cursor.execute(
        """
        UPDATE inventory.scopes SET state = 'fresh', error = NULL, attempted_at = %s, succeeded_at = %s,
            resources = %s, added = %s, changed = %s, removed = %s, version = %s
        WHERE scope_id = %s
        """,
        (
            now,
            now,
            result.resources,
            result.added,
            result.changed,
            result.removed,
            version.digest(),
            scope_id,
        ),
    )


def _history(cursor: Cursor[Any], entries: Iterable[tuple[Any, ...]]) -> None:
    columns = "at, run_id, scope_id, node_id, kind, id, change, before, after"
    with cursor.copy(f"COPY inventory.history ({columns}) FROM STDIN") as copy:
        for entry in entries:
            copy.write_row(entry)


def _add(cursor: Cursor[Any], scope_id: int, rows: Sequence[_Row], run_id: str, now: datetime) -> None:
    if not rows:
        return
    with cursor.copy(f"COPY inventory.resources ({_COLUMNS}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row((*row.columns(scope_id), now, now))
    _write_edges(cursor, scope_id, rows)
    _history(
        cursor,
        (
            (now, run_id, scope_id, row.node_id, row.resource.kind, row.resource.id, "created", None, None)
            for row in rows
        ),
    )


def _update(cursor: Cursor[Any], scope_id: int, rows: Sequence[_Row], run_id: str, now: datetime) -> None:
    if not rows:
        return
    nodes = [row.node_id for row in rows]
    cursor.execute("SELECT node_id, reported FROM inventory.resources WHERE node_id = ANY(%s)", (nodes,))
    before = dict(cursor.fetchall())
    entries, renamed = [], []
    for row in rows:
        old, new = before[row.node_id], orjson.loads(row.json)
        keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        if "name" in keys or "arn" in keys:
            renamed.append(row.node_id)
        was = Jsonb({key: old.get(key) for key in keys})
        is_now = Jsonb({key: new.get(key) for key in keys})
        entries.append(
            (now, run_id, scope_id, row.node_id, row.resource.kind, row.resource.id, "updated", was, is_now)
        )
    cursor.executemany(_UPDATE, [(*row.columns(scope_id)[4:], now, row.node_id) for row in rows])
    _forget_ends(cursor, renamed, "key <> 'id'")
    cursor.execute("DELETE FROM inventory.edges WHERE owner = ANY(%s)", (nodes,))
    _write_edges(cursor, scope_id, rows)
    _history(cursor, entries)


def _remove(cursor: Cursor[Any], scope_id: int, nodes: list[uuid.UUID], run_id: str, now: datetime) -> None:
    if not nodes:
        return
    cursor.execute("DELETE FROM inventory.edges WHERE owner = ANY(%s)", (nodes,))
    _forget_ends(cursor, nodes, "true")
    cursor.execute(
        "DELETE FROM inventory.resources WHERE node_id = ANY(%s) RETURNING node_id, kind, id, reported",
        (nodes,),
    )
    gone = cursor.fetchall()
    _history(
        cursor,
        (
            (now, run_id, scope_id, node, kind, id_, "deleted", Jsonb(reported), None)
            for node, kind, id_, reported in gone
        ),
    )


def _forget_ends(cursor: Cursor[Any], nodes: list[uuid.UUID], which: str) -> None:
    """Make edges that others own deferred again, where they lead to or from these nodes."""
    if nodes:
        cursor.execute(
            f"UPDATE inventory.edges SET dst = NULL WHERE outgoing AND dst = ANY(%s) AND {which}",  # noqa: S608
            (nodes,),
        )
        cursor.execute(
            f"UPDATE inventory.edges SET src = NULL WHERE NOT outgoing AND src = ANY(%s) AND {which}",  # noqa: S608
            (nodes,),
        )


def _write_edges(cursor: Cursor[Any], scope_id: int, rows: Sequence[_Row]) -> None:
    columns = "owner, scope_id, type, outgoing, kind, key, value, src, dst"
    with cursor.copy(f"COPY inventory.edges ({columns}) FROM STDIN") as copy:
        for row in rows:
            for edge in dict.fromkeys(row.resource.edges):
                copy.write_row(_edge_columns(row.node_id, scope_id, edge))


def _edge_columns(owner: uuid.UUID, scope_id: int, edge: Edge) -> tuple[Any, ...]:
    ends = (owner, None) if edge.outgoing else (None, owner)
    return (owner, scope_id, edge.type.value, edge.outgoing, edge.kind, edge.by, edge.value, *ends)


def forget_resource(connection: Connection, node: uuid.UUID, run_id: str, now: datetime) -> None:
    """Take one resource out of the inventory, because a read did not find it any more.

    Nobody's wish to delete it outlives it; what protects it does, should it come back.
    """
    with cursor_of(connection) as cursor:
        cursor.execute("SELECT scope_id FROM inventory.resources WHERE node_id = %s FOR UPDATE", (node,))
        row = cursor.fetchone()
        if row is None:
            return
        _remove(cursor, row[0], [node], run_id, now)
        cursor.execute("DELETE FROM inventory.marks WHERE node_id = %s AND mark = 'clean'", (node,))
        cursor.execute(
            "UPDATE inventory.scopes SET version = NULL, resources = resources - 1 WHERE scope_id = %s",
            (row[0],),
        )
