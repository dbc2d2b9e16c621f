"""Marks what lacks a tag that it must have."""

from sqlalchemy import Connection, text

from resoto_dagster.cleanup.planners.selection import Selected
from resoto_dagster.config import UntaggedSettings
from resoto_dagster.inventory.search.compile import BORN

_LACKING = f"""
    SELECT r.node_id, s.provider, s.account, array(
        SELECT tag FROM unnest(CAST(:tags AS text[])) tag
        WHERE NOT coalesce(r.reported -> 'tags', '{{}}') ? tag ORDER BY tag) AS lacking
    FROM inventory.resources r
    JOIN inventory.scopes s ON s.scope_id = r.scope_id
    JOIN inventory.kinds k ON k.kind = r.kind
    WHERE (k.kind = ANY (:kinds) OR k.bases && CAST(:kinds AS text[]))
        AND k.deletable AND s.provider = :provider AND s.account = ANY (:accounts)
        AND {BORN} < now() - :age
        AND NOT coalesce(r.reported -> 'tags', '{{}}') ?& CAST(:tags AS text[])
"""  # noqa: S608


def select(connection: Connection, settings: UntaggedSettings) -> list[Selected]:
    """Resources of listed kinds in listed accounts, older than the age, that lack any of the tags."""
    return [
        Selected(row.node_id, row.provider, row.account, f"tag {', '.join(row.lacking)} missing")
        for provider, accounts in settings.accounts.items()
        for row in connection.execute(
            text(_LACKING),
            {
                "provider": provider,
                "accounts": accounts,
                "kinds": settings.kinds,
                "tags": settings.tags,
                "age": settings.age,
            },
        )
    ]
