"""Marks what is past the moment that its expiration tag names."""

from sqlalchemy import Connection, text

from resoto_dagster.cleanup.planners.selection import Selected
from resoto_dagster.config import PlannerSettings
from resoto_dagster.inventory.search.compile import EXPIRES
from resoto_dagster.model.base_kinds import PHANTOM


def select(connection: Connection, _settings: PlannerSettings) -> list[Selected]:
    """Every expired resource that is more than a phantom."""
    statement = f"""
        SELECT r.node_id, s.provider, s.account, {EXPIRES} AS expires
        FROM inventory.resources r
        JOIN inventory.scopes s ON s.scope_id = r.scope_id
        JOIN inventory.kinds k ON k.kind = r.kind
        WHERE {EXPIRES} < now() AND NOT (:phantom = ANY (k.bases))
    """  # noqa: S608
    return [
        Selected(row.node_id, row.provider, row.account, f"expired {row.expires:%Y-%m-%d %H:%M}Z")
        for row in connection.execute(text(statement), {"phantom": PHANTOM})
    ]


def unreadable(connection: Connection) -> list[str]:
    """What tags say that can't be understood: for people, since it never lets a resource expire."""
    rows = connection.execute(
        text(
            """
            SELECT s.provider, s.account, s.region, r.kind, r.id, r.tag_problem
            FROM inventory.resources r JOIN inventory.scopes s ON s.scope_id = r.scope_id
            WHERE r.tag_problem IS NOT NULL ORDER BY 1, 2, 3, 4, 5
            """
        )
    )
    return [
        f"{provider}/{account}/{region}/{kind}/{id_}: {problem}"
        for provider, account, region, kind, id_, problem in rows
    ]
