"""What resources cost a month, as far as the inventory holds prices: what a plan saves."""

import uuid
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, text

HOURS_A_MONTH = 730
"""365 days of 24 hours, divided by 12: what AWS's own calculator takes a month for."""

# A type's price is that of an hour of an instance, and of a gigabyte of a volume a month. What is stopped is
# not paid for by the hour; its volumes are, by themselves.
_COSTS = """
    SELECT r.node_id, min(CASE
        WHEN 'volume' = ANY (k.bases) THEN
            (t.reported ->> 'ondemand_cost')::float8 * (r.reported ->> 'volume_size')::float8
        WHEN r.reported ->> 'instance_status' = 'stopped' THEN 0
        ELSE (t.reported ->> 'ondemand_cost')::float8 * :hours
    END) AS monthly_cost
    FROM inventory.resources r
    JOIN inventory.kinds k ON k.kind = r.kind
    JOIN inventory.edges e ON e.dst = r.node_id AND e.type = 'default'
    JOIN inventory.resources t ON t.node_id = e.src
    JOIN inventory.kinds tk ON tk.kind = t.kind
    WHERE r.node_id = ANY (:nodes) AND (
        'volume' = ANY (k.bases) AND 'volume_type' = ANY (tk.bases)
        OR 'instance' = ANY (k.bases) AND 'instance_type' = ANY (tk.bases))
    GROUP BY r.node_id
"""


def monthly_costs(connection: Connection, nodes: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, float]:
    """US dollars a month on demand, of those resources whose cost is known."""
    rows = connection.execute(text(_COSTS), {"nodes": list(nodes), "hours": HOURS_A_MONTH})
    return {node: cost for node, cost in rows if cost is not None}
