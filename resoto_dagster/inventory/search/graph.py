"""Ways through the graph: from the nodes of one SELECT to those that edges lead to.

A way may pass a node again, but no step is taken twice from the same node at the same depth, so that cycles
end. Without an end to the depth a node is gone on from once.
"""

# ruff: noqa: S608  # SQL is what is made here; all values of a search are parameters

from collections.abc import Sequence

from resoto_dagster.inventory.search.query import Navigation
from resoto_dagster.inventory.search.sql import Parameters

_FARTHEST_RELATIVE = 16


def walk(parameters: Parameters, navigation: Navigation, seed: str) -> str:
    """A SELECT of the `node_id` of all nodes that the edges lead to, from those that `seed` selects."""
    ways = [
        _directed(parameters, seed, types, near, far, navigation)
        for types, near, far in ((navigation.inbound, "dst", "src"), (navigation.outbound, "src", "dst"))
        if types
    ]
    return " UNION ".join(f"({way})" for way in ways) if len(ways) > 1 else ways[0]


def nearest(parameters: Parameters, kind: str, *, inbound: bool) -> str:
    """A SELECT of what the nearest node of a kind reports: up from the node `r`, or down from it."""
    near, far = ("dst", "src") if inbound else ("src", "dst")
    way = parameters.alias()
    edge = _edge(parameters, ("default",), way, near)
    farthest = parameters.add(_FARTHEST_RELATIVE)
    return f"""
        WITH RECURSIVE {way}(node_id, depth) AS (
            SELECT r.node_id, 0
            UNION SELECT e.{far}, {way}.depth + 1 FROM {way} {edge}
            WHERE {way}.depth < CAST({farthest} AS integer)
        )
        SELECT n.reported FROM {way}
        JOIN {parameters.resources} n ON n.node_id = {way}.node_id
        WHERE {way}.depth > 0 AND {parameters.of_kind("n", kind)} ORDER BY {way}.depth, n.node_id LIMIT 1"""


def _edge(parameters: Parameters, types: Sequence[str], way: str, near: str) -> str:
    of_type = f"e.type = ANY ({parameters.array(list(types))})"
    return f"JOIN {parameters.edges} e ON e.{near} = {way}.node_id AND {of_type}"


def _directed(
    parameters: Parameters, seed: str, types: Sequence[str], near: str, far: str, navigation: Navigation
) -> str:
    start, until = navigation.start, navigation.until
    way = parameters.alias()
    edge = _edge(parameters, types, way, near)
    if (start, until) == (0, 0):
        return seed
    if (start, until) == (1, 1):
        return f"SELECT e.{far} AS node_id FROM ({seed}) {way} {edge}"
    if until is None:
        first = seed
        if start:
            exactly = Navigation(start=start, until=start)
            first = _directed(parameters, seed, types, near, far, exactly)
        return f"""
            WITH RECURSIVE {way}(node_id) AS (({first}) UNION SELECT e.{far} FROM {way} {edge})
            SELECT node_id FROM {way}"""
    first_depth, last_depth = parameters.add(start), parameters.add(until)
    return f"""
        WITH RECURSIVE {way}(node_id, depth) AS (
            SELECT node_id, 0 FROM ({seed}) {parameters.alias()}
            UNION SELECT e.{far}, {way}.depth + 1 FROM {way} {edge}
            WHERE {way}.depth < CAST({last_depth} AS integer)
        )
        SELECT node_id FROM {way} WHERE depth >= CAST({first_depth} AS integer)"""
