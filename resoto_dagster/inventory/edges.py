"""The edges of the graph: declared by their owners, and resolved once all scopes are merged.

A kind declares an edge by what the API names (an id, an ARN, a name). Until the named resource is found the
edge is deferred. Resoto calls finding it `merge_outer_edges`; here that is done for all edges alike: the
named resource is looked for first in the same account and region, then among the account's global ones, then
in the whole account, then, for ids and ARNs, in the provider's other accounts. The nearest place decides;
two candidates in the same place are reported, not guessed between.

An edge is in `edges` while both its ends are there, and else in `deferred_edges`. When one comes to an end it
goes on to `past_edges`.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Cursor
from sqlalchemy import Connection, text

from resoto_dagster.model.resource import GLOBAL, Edge

_DECLARED = "owner, scope_id, type, outgoing, kind, key, value"
_TYPES = ("uuid", "int4", "text", "bool", "text", "text", "text")
_REMEMBER = "INSERT INTO inventory.past_edges (src, dst, type, since, until)"
_COLUMN = {"id": "r.id", "name": "r.name", "arn": "r.reported ->> 'arn'"}
_ELSEWHERE = {"id": "true", "arn": "true", "name": "false"}
_RESOLVE = """
    WITH ranked AS (
        SELECT e.ctid AS edge, r.node_id,
            rank() OVER (PARTITION BY e.ctid ORDER BY CASE
                WHEN rs.account = s.account AND rs.region = s.region THEN 0
                WHEN rs.account = s.account AND rs.region = :global_region THEN 1
                WHEN rs.account = s.account THEN 2
                ELSE 3 END) AS place
        FROM inventory.deferred_edges e
        JOIN inventory.scopes s ON s.scope_id = e.scope_id
        JOIN inventory.kinds k ON e.kind = ANY (k.bases)
        JOIN inventory.resources r ON r.kind = k.kind AND {column} = e.value
        JOIN inventory.scopes rs ON rs.scope_id = r.scope_id
        WHERE e.key = :key AND rs.provider = s.provider AND (rs.account = s.account OR {elsewhere})
    ), best AS (
        SELECT edge, (array_agg(node_id))[1] AS node_id, count(*) AS candidates
        FROM ranked WHERE place = 1 GROUP BY edge
    ), ambiguous AS (
        UPDATE inventory.deferred_edges e SET candidates = best.candidates
        FROM best WHERE best.edge = e.ctid AND best.candidates > 1
    ), resolved AS (
        DELETE FROM inventory.deferred_edges e USING best WHERE best.edge = e.ctid AND best.candidates = 1
        RETURNING e.*, best.node_id
    )
    INSERT INTO inventory.edges (scope_id, type, outgoing, kind, key, value, src, dst, since)
    SELECT scope_id, type, outgoing, kind, key, value,
        CASE WHEN outgoing THEN owner ELSE node_id END, CASE WHEN outgoing THEN node_id ELSE owner END, :now
    FROM resolved
"""


@dataclass(frozen=True, slots=True)
class EdgeCounts:
    """How many edges have both ends, how many wait for one, and how many have too many candidates."""

    resolved: int
    deferred: int
    ambiguous: int


def declare_edges(
    cursor: Cursor[Any], scope_id: int, declared: Iterable[tuple[uuid.UUID, Sequence[Edge]]]
) -> None:
    """Write the edges that new resources declare; their other ends are not looked for yet."""
    with cursor.copy(f"COPY inventory.deferred_edges ({_DECLARED}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(_TYPES)
        for owner, edges in declared:
            for edge in dict.fromkeys(edges):
                copy.write_row((owner, scope_id, *_columns(edge)))


def redeclare_edges(
    cursor: Cursor[Any], scope_id: int, declared: Mapping[uuid.UUID, Sequence[Edge]], now: datetime
) -> list[uuid.UUID]:
    """Replace the edges of resources that declare others now. Returns those resources."""
    owners = list(declared)
    cursor.execute(
        """
        SELECT owner, type, outgoing, kind, key, value FROM inventory.deferred_edges
        WHERE scope_id = %(scope_id)s AND owner = ANY (%(owners)s)
        UNION ALL
        SELECT src, type, outgoing, kind, key, value FROM inventory.edges
        WHERE src = ANY (%(owners)s) AND outgoing
        UNION ALL
        SELECT dst, type, outgoing, kind, key, value FROM inventory.edges
        WHERE dst = ANY (%(owners)s) AND NOT outgoing
        """,
        {"owners": owners, "scope_id": scope_id},
    )
    known: dict[uuid.UUID, set[tuple[Any, ...]]] = {}
    for owner, *edge in cursor:
        known.setdefault(owner, set()).add(tuple(edge))
    others = [
        owner for owner, edges in declared.items() if set(map(_columns, edges)) != known.get(owner, set())
    ]
    if others:
        withdraw_edges(cursor, scope_id, others, now)
        declare_edges(cursor, scope_id, ((owner, declared[owner]) for owner in others))
    return others


def withdraw_edges(cursor: Cursor[Any], scope_id: int, owners: list[uuid.UUID], now: datetime) -> None:
    """End all edges that these resources of a scope declared."""
    cursor.execute(
        "DELETE FROM inventory.deferred_edges WHERE scope_id = %s AND owner = ANY (%s)", (scope_id, owners)
    )
    for end, outgoing in (("src", "outgoing"), ("dst", "NOT outgoing")):
        cursor.execute(
            f"""
            WITH ended AS (DELETE FROM inventory.edges WHERE {end} = ANY (%s) AND {outgoing} RETURNING *)
            {_REMEMBER} SELECT src, dst, type, since, %s FROM ended
            """,  # noqa: S608
            (owners, now),
        )


def release_ends(
    cursor: Cursor[Any],
    nodes: list[uuid.UUID],
    now: datetime,
    named_by: Sequence[str] = ("id", "name", "arn"),
) -> None:
    """End and defer again the edges that others declared to or from these resources by such a key."""
    if not nodes:
        return
    for end, owner, outgoing in (("dst", "src", "outgoing"), ("src", "dst", "NOT outgoing")):
        cursor.execute(
            f"""
            WITH ended AS (
                DELETE FROM inventory.edges WHERE {end} = ANY (%s) AND {outgoing} AND key = ANY (%s)
                RETURNING *
            ), remembered AS (
                {_REMEMBER} SELECT src, dst, type, since, %s FROM ended
            )
            INSERT INTO inventory.deferred_edges ({_DECLARED})
            SELECT {owner}, scope_id, type, outgoing, kind, key, value FROM ended
            """,  # noqa: S608
            (nodes, list(named_by), now),
        )


def _columns(edge: Edge) -> tuple[Any, ...]:
    return (edge.type.value, edge.outgoing, edge.kind, edge.by, edge.value)


def resolve_edges(connection: Connection, now: datetime) -> EdgeCounts:
    """Find the missing ends of deferred edges."""
    # After a first collect nothing is known of the tables' sizes, and all would be compared with all.
    connection.execute(
        text("ANALYZE inventory.kinds, inventory.scopes, inventory.resources, inventory.deferred_edges")
    )
    connection.execute(text("UPDATE inventory.deferred_edges SET candidates = 0 WHERE candidates > 0"))
    for key, column in _COLUMN.items():
        statement = _RESOLVE.format(column=column, elsewhere=_ELSEWHERE[key])
        connection.execute(text(statement), {"key": key, "global_region": GLOBAL, "now": now})
    counts = connection.execute(
        text(
            """
            SELECT (SELECT count(*) FROM inventory.edges), count(*) FILTER (WHERE candidates < 2),
                count(*) FILTER (WHERE candidates > 1)
            FROM inventory.deferred_edges
            """
        )
    ).one()
    return EdgeCounts(*counts)
