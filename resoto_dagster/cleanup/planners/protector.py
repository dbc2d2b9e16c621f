"""Protects what the settings list by its id, wherever it is named."""

from sqlalchemy import Connection, text

from resoto_dagster.cleanup.planners.selection import Selected
from resoto_dagster.config import ProtectorSettings


def select(connection: Connection, settings: ProtectorSettings) -> list[Selected]:
    """The listed resources that there are."""
    listed = [
        (provider, account, region, kind, id_)
        for provider, accounts in settings.resources.items()
        for account, regions in accounts.items()
        for region, kinds in regions.items()
        for kind, ids in kinds.items()
        for id_ in ids
    ]
    rows = connection.execute(
        text(
            """
            SELECT r.node_id, s.provider, s.account
            FROM unnest(CAST(:providers AS text[]), CAST(:accounts AS text[]), CAST(:regions AS text[]),
                CAST(:kinds AS text[]), CAST(:ids AS text[])) AS listed (provider, account, region, kind, id)
            JOIN inventory.scopes s ON (s.provider, s.account, s.kind)
                = (listed.provider, listed.account, listed.kind)
            JOIN inventory.resources r ON r.scope_id = s.scope_id AND r.id = listed.id
                AND r.region = listed.region
            """
        ),
        {
            name: [one[position] for one in listed]
            for position, name in enumerate(("providers", "accounts", "regions", "kinds", "ids"))
        },
    )
    return [Selected(row.node_id, row.provider, row.account, "listed in the settings") for row in rows]
