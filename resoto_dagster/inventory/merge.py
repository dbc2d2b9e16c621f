"""Replacing a scope by what was read of it, in one transaction, writing only what changed.

Facts only: marks are kept elsewhere, by the resource's identity, and survive every merge.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.types.json import Jsonb, set_json_dumps
from sqlalchemy import Connection

from resoto_dagster.inventory.edges import declare_edges, redeclare_edges, release_ends, withdraw_edges
from resoto_dagster.model.expiry import ctime_of, expiry_of
from resoto_dagster.model.resource import Resource, Scope, node_id, node_ids

set_json_dumps(orjson.dumps)

_JSON = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What a merge found: the resources there are now, and how many of them came, changed and went."""

    resources: int
    added: int
    changed: int
    removed: int


def _content(resource: Resource) -> tuple[bytes, bytes]:
    """What the resource reports as JSON, and the hash of all whose change is a change of the resource."""
    ctime, _ = ctime_of(resource.tags, resource.ctime)
    reported = resource.reported()
    reported["ctime"] = ctime
    json = lasting = orjson.dumps(reported, option=_JSON)
    if resource.volatile:
        kept = {key: value for key, value in reported.items() if key not in resource.volatile}
        lasting = orjson.dumps(kept, option=_JSON)
    edges = [(edge.type, edge.outgoing, edge.kind, edge.by, edge.value) for edge in resource.edges]
    edges.sort()
    beside = orjson.dumps((resource.region, edges))
    return json, hashlib.blake2b(lasting + beside, digest_size=16).digest()


def _columns(resource: Resource, json: bytes) -> tuple[Any, ...]:
    """The columns of _FACTS."""
    ctime, problem = ctime_of(resource.tags, resource.ctime)
    expiry = expiry_of(resource.tags)
    times = (ctime, resource.mtime, resource.atime, expiry.at, expiry.after)
    reported = Jsonb(orjson.Fragment(json))
    return (resource.name, resource.region, reported, *times, problem or expiry.problem)


def fingerprint(resource: Resource, unsettled: frozenset[str]) -> bytes:
    """What must be the same when a planned resource is read again: all it reports that does not change by
    itself, its tags among it.
    """
    return reported_fingerprint(orjson.loads(_content(resource)[0]), unsettled)


def reported_fingerprint(reported: Mapping[str, Any], unsettled: frozenset[str]) -> bytes:
    """The fingerprint of what the inventory holds as `reported`."""
    settled = {key: value for key, value in reported.items() if key not in unsettled}
    return hashlib.blake2b(orjson.dumps(settled, option=_JSON), digest_size=16).digest()


_FACTS = "name, region, reported, ctime, mtime, atime, expires_at, expires_after, tag_problem"
_FACT_TYPES = ("text", "text", "jsonb", *["timestamptz"] * 4, "interval", "text")
_COLUMNS = f"node_id, scope_id, kind, id, {_FACTS}, hash, first_seen, changed_at"
_TYPES = ("uuid", "int4", "text", "text", *_FACT_TYPES, "bytea", "timestamptz", "timestamptz")
_UPDATE = f"""
    UPDATE inventory.resources SET ({_FACTS}, changed_at) = ({", ".join(["%s"] * 10)}) WHERE node_id = %s
"""  # noqa: S608
_VERSION = (
    "node_id, scope_id, kind, id, name, region, reported, ctime, mtime, expires_at, expires_after, first_seen"
)
_REMEMBER = f"""
    INSERT INTO inventory.history (at, run_id, change, since, {_VERSION})
    SELECT %s, %s, %s, changed_at, {_VERSION} FROM inventory.resources WHERE node_id = ANY (%s)
"""  # noqa: S608


def cursor_of(connection: Connection) -> Cursor[Any]:
    """The psycopg cursor below a SQLAlchemy connection, in the same transaction."""
    raw = connection.connection.driver_connection
    assert raw is not None
    cursor: Cursor[Any] = raw.cursor()
    return cursor


@dataclass(frozen=True, slots=True)
class _Merge:
    """One merge: into which scope, for which run, and when. `node` gives a resource's identity by its id."""

    cursor: Cursor[Any]
    kind: str
    node: Callable[[str], uuid.UUID]
    scope_id: int
    run_id: str
    now: datetime


def merge_scope(
    connection: Connection, scope: Scope, resources: Iterable[Resource], run_id: str, now: datetime
) -> MergeResult:
    """Replace what is known of the scope by `resources`, and mark the scope fresh.

    The caller's transaction holds the scope's row until it ends, so that two runs can't mix.
    """
    found = {resource.id: resource for resource in resources}
    with cursor_of(connection) as cursor:
        scope_id = _lock(cursor, scope, run_id, now)
        merge = _Merge(cursor, scope.kind, node_ids(scope), scope_id, run_id, now)
        cursor.execute(
            "SELECT id, hash, mtime, atime FROM inventory.resources WHERE scope_id = %s",
            (merge.scope_id,),
            binary=True,
        )
        known = {id_: (hash_, (mtime, atime)) for id_, hash_, mtime, atime in cursor}
        _remove(merge, [merge.node(id_) for id_ in known if id_ not in found])
        removed = len(known.keys() - found.keys())
        hashes = {}
        changed: list[tuple[Resource, bytes, bytes]] = []
        touched = []
        for id_, (before, times) in known.items():
            resource = found.get(id_)
            if resource is None:
                continue
            json, hashes[id_] = _content(resource)
            if hashes[id_] != before:
                changed.append((resource, json, hashes[id_]))
            elif (resource.mtime, resource.atime) != times:
                reported = Jsonb(orjson.Fragment(json))
                touched.append((resource.mtime, resource.atime, reported, merge.node(id_)))
        differing = _update(merge, changed)
        if touched:
            cursor.executemany(
                "UPDATE inventory.resources SET mtime = %s, atime = %s, reported = %s WHERE node_id = %s",
                touched,
            )
        added = [resource for id_, resource in found.items() if id_ not in known]
        hashes |= _add(merge, added)
        result = MergeResult(len(found), len(added), differing, removed)
        _mark_fresh(merge, hashes, result)
    return result


def keep_empty(connection: Connection, scopes: Sequence[Scope], run_id: str, now: datetime) -> list[Scope]:
    """Mark those of the scopes fresh that held nothing before, either, and return them."""
    with cursor_of(connection) as cursor:
        cursor.execute(
            """
            UPDATE inventory.scopes s SET state = 'fresh', error = NULL, run_id = %s, attempted_at = %s,
                succeeded_at = %s, added = 0, changed = 0, removed = 0, version = %s
            FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS e (provider, account, region, kind)
            WHERE (s.provider, s.account, s.region, s.kind) = (e.provider, e.account, e.region, e.kind)
                AND s.resources = 0
            RETURNING s.provider, s.account, s.region, s.kind
            """,
            (
                run_id,
                now,
                now,
                _version({}),
                [scope.provider for scope in scopes],
                [scope.account for scope in scopes],
                [scope.region for scope in scopes],
                [scope.kind for scope in scopes],
            ),
        )
        return [Scope(*row) for row in cursor]


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


def _version(hashes: Mapping[str, bytes]) -> bytes:
    """What differs when a resource of a scope, by its id, has another hash, comes or goes."""
    version = hashlib.blake2b(digest_size=16)
    for id_ in sorted(hashes):
        version.update(id_.encode() + hashes[id_])
    return version.digest()


def _mark_fresh(merge: _Merge, hashes: Mapping[str, bytes], result: MergeResult) -> None:
    merge.cursor.execute(
        """
        UPDATE inventory.scopes SET state = 'fresh', error = NULL, attempted_at = %s, succeeded_at = %s,
            resources = %s, added = %s, changed = %s, removed = %s, version = %s, worded = worded AND %s
        WHERE scope_id = %s
        """,
        (
            merge.now,
            merge.now,
            result.resources,
            result.added,
            result.changed,
            result.removed,
            _version(hashes),
            not result.added and not result.changed,
            merge.scope_id,
        ),
    )


def _add(merge: _Merge, resources: Sequence[Resource]) -> dict[str, bytes]:
    """Write new resources. Returns their hashes."""
    hashes: dict[str, bytes] = {}
    nodes: list[uuid.UUID] = []
    if not resources:
        return hashes
    with merge.cursor.copy(f"COPY inventory.resources ({_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(_TYPES)
        for resource in resources:
            json, hash_ = _content(resource)
            hashes[resource.id] = hash_
            nodes.append(merge.node(resource.id))
            identity = (nodes[-1], merge.scope_id, merge.kind, resource.id)
            copy.write_row((*identity, *_columns(resource, json), hash_, merge.now, merge.now))
    edges = ((node, resource.edges) for node, resource in zip(nodes, resources, strict=True))
    declare_edges(merge.cursor, merge.scope_id, edges)
    return hashes


def _update(merge: _Merge, changed: Sequence[tuple[Resource, bytes, bytes]]) -> int:
    """Write what changed, and remember what it was. Returns how many resources or their edges differ.

    None need differ where only the way to make hashes does.
    """
    if not changed:
        return 0
    cursor = merge.cursor
    nodes = {resource.id: merge.node(resource.id) for resource, _, _ in changed}
    cursor.execute(
        "SELECT id, region, reported FROM inventory.resources WHERE node_id = ANY (%s)",
        (list(nodes.values()),),
    )
    before = {id_: (region, reported) for id_, region, reported in cursor}
    differing, renamed, values = [], [], []
    for resource, json, _ in changed:
        node, (region, reported), now = nodes[resource.id], before[resource.id], orjson.loads(json)
        if (region, reported) == (resource.region, now):
            continue
        differing.append(node)
        values.append((*_columns(resource, json), merge.now, node))
        if any(reported.get(key) != now.get(key) for key in ("name", "arn")):
            renamed.append(node)
    cursor.execute(_REMEMBER, (merge.now, merge.run_id, "updated", differing))
    cursor.execute("DELETE FROM inventory.words WHERE node_id = ANY (%s)", (differing,))
    if values:
        cursor.executemany(_UPDATE, values)
    cursor.executemany(
        "UPDATE inventory.resources SET hash = %s WHERE node_id = %s",
        [(hash_, nodes[resource.id]) for resource, _, hash_ in changed],
    )
    release_ends(cursor, renamed, merge.now, named_by=("name", "arn"))
    declared = {nodes[resource.id]: resource.edges for resource, _, _ in changed}
    return len({*differing, *redeclare_edges(cursor, merge.scope_id, declared, merge.now)})


def _remove(merge: _Merge, nodes: list[uuid.UUID]) -> None:
    if not nodes:
        return
    cursor = merge.cursor
    withdraw_edges(cursor, merge.scope_id, nodes, merge.now)
    release_ends(cursor, nodes, merge.now)
    cursor.execute(_REMEMBER, (merge.now, merge.run_id, "deleted", nodes))
    cursor.execute("DELETE FROM inventory.words WHERE node_id = ANY (%s)", (nodes,))
    cursor.execute("DELETE FROM inventory.resources WHERE node_id = ANY (%s)", (nodes,))


def merge_resource(
    connection: Connection, scope: Scope, resource: Resource, run_id: str, now: datetime
) -> None:
    """Take over one resource that was read again by itself; one that is not known stays unknown."""
    with cursor_of(connection) as cursor:
        cursor.execute(
            """
            SELECT scope_id, version FROM inventory.scopes s JOIN inventory.resources r USING (scope_id)
            WHERE r.node_id = %s FOR UPDATE OF s
            """,
            (node_id(scope, resource.id),),
        )
        row = cursor.fetchone()
        if row is None:
            return
        scope_id, version = row
        json, hash_ = _content(resource)
        merge = _Merge(cursor, scope.kind, node_ids(scope), scope_id, run_id, now)
        if _update(merge, [(resource, json, hash_)]):
            digest = hashlib.blake2b((version or b"") + hash_, digest_size=16).digest()
            cursor.execute(
                "UPDATE inventory.scopes SET version = %s, worded = false WHERE scope_id = %s",
                (digest, scope_id),
            )


def forget_resource(connection: Connection, node: uuid.UUID, run_id: str, now: datetime) -> None:
    """Take one resource out of the inventory, because a read did not find it any more.

    Nobody's wish to delete it outlives it; what protects it does, should it come back.
    """
    with cursor_of(connection) as cursor:
        cursor.execute(
            """
            SELECT scope_id, s.provider, s.account, s.region, s.kind FROM inventory.resources r
            JOIN inventory.scopes s USING (scope_id) WHERE node_id = %s FOR UPDATE OF r
            """,
            (node,),
        )
        row = cursor.fetchone()
        if row is None:
            return
        scope = Scope(*row[1:])
        _remove(_Merge(cursor, scope.kind, node_ids(scope), row[0], run_id, now), [node])
        cursor.execute("DELETE FROM inventory.marks WHERE node_id = %s AND mark = 'clean'", (node,))
        cursor.execute(
            "UPDATE inventory.scopes SET version = NULL, resources = resources - 1 WHERE scope_id = %s",
            (row[0],),
        )
