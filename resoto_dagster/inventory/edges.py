"""Finding the other ends of edges: Resoto's `merge_outer_edges`, for all edges alike.

A kind declares an edge by what the API names (an id, an ARN, a name). Once all scopes are merged the named
resource is looked for: first in the same account and region, then among the account's global ones, then in
the whole account, then, for ids and ARNs, in the provider's other accounts. The nearest place decides; two
candidates in the same place are reported, not guessed between.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from resoto_dagster.model.resource import GLOBAL

_COLUMN = {"id": "r.id", "name": "r.name", "arn": "r.reported ->> 'arn'"}
_ELSEWHERE = {"id": "true", "arn": "true", "name": "false"}
_RESOLVE = """
    WITH ranked AS (
        SELECT e.edge_id, r.node_id,
            rank() OVER (PARTITION BY e.edge_id ORDER BY CASE
                WHEN rs.account = s.account AND rs.region = s.region THEN 0
                WHEN rs.account = s.account AND rs.region = :global_region THEN 1
                WHEN rs.account = s.account THEN 2
                ELSE 3 END) AS place
        FROM inventory.edges e
        JOIN inventory.scopes s ON s.scope_id = e.scope_id
        JOIN inventory.kinds k ON e.kind = ANY (k.bases)
        JOIN inventory.resources r ON r.kind = k.kind AND {column} = e.value
        JOIN inventory.scopes rs ON rs.scope_id = r.scope_id
        WHERE (e.src IS NULL OR e.dst IS NULL) AND e.key = :key
            AND rs.provider = s.provider AND (rs.account = s.account OR {elsewhere})
    ), best AS (
        SELECT edge_id, (array_agg(node_id))[1] AS node_id, count(*) AS candidates
        FROM ranked WHERE place = 1 GROUP BY edge_id
    )
    UPDATE inventory.edges e SET
        src = CASE WHEN outgoing OR best.candidates > 1 THEN src ELSE best.node_id END,
        dst = CASE WHEN NOT outgoing OR best.candidates > 1 THEN dst ELSE best.node_id END,
        candidates = best.candidates
    FROM best WHERE best.edge_id = e.edge_id
"""


@dataclass(frozen=True, slots=True)
class EdgeCounts:
    """How many edges have both ends, how many wait for one, and how many have too many candidates."""

    resolved: int
    deferred: int
    ambiguous: int


def resolve_edges(connection: Connection) -> EdgeCounts:
    """Find the missing ends of all edges. Asks only for edges that lack one."""
    # After a first collect nothing is known of the tables' sizes, and all would be compared with all.
    connection.execute(
        text("ANALYZE inventory.kinds, inventory.scopes, inventory.resources, inventory.edges")
    )
    connection.execute(
        text(
            "UPDATE inventory.edges SET candidates = 0 WHERE (src IS NULL OR dst IS NULL) AND candidates > 0"
        )
    )
    for key, column in _COLUMN.items():
        statement = _RESOLVE.format(column=column, elsewhere=_ELSEWHERE[key])
        connection.execute(text(statement), {"key": key, "global_region": GLOBAL})
    counts = connection.execute(
        text(
            """
            SELECT count(*) FILTER (WHERE src IS NOT NULL AND dst IS NOT NULL),
                count(*) FILTER (WHERE (src IS NULL OR dst IS NULL) AND candidates < 2),
                count(*) FILTER (WHERE (src IS NULL OR dst IS NULL) AND candidates > 1)
            FROM inventory.edges
            """
        )
    ).one()
    return EdgeCounts(*counts)
