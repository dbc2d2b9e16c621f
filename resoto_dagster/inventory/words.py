"""The words of resources, for searches by full text.

They are written once the scopes are merged, since making them takes longer than all the rest of a merge.
Until then `inventory.matching` finds the new resources without them.
"""

from sqlalchemy import Connection, text


def write_words(connection: Connection) -> int:
    """Write the words of all resources that lack them. Returns how many there were."""
    # Merges that are under way hold their scopes; those scopes get their words after the next collect.
    scopes = connection.execute(
        text("SELECT scope_id FROM inventory.scopes WHERE NOT worded FOR UPDATE SKIP LOCKED")
    )
    which = {"scopes": list(scopes.scalars())}
    written = connection.execute(
        text(
            """
            INSERT INTO inventory.words (node_id, words)
            SELECT r.node_id, coalesce(inventory.words(r.reported), '') FROM inventory.resources r
            LEFT JOIN inventory.words w ON w.node_id = r.node_id
            WHERE r.scope_id = ANY (:scopes) AND w.node_id IS NULL
            """
        ),
        which,
    ).rowcount
    connection.execute(
        text("UPDATE inventory.scopes SET worded = true WHERE scope_id = ANY (:scopes)"), which
    )
    return written
