"""The most that one plan may delete."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, text

from resoto_dagster.cleanup.plan import PlanItem
from resoto_dagster.config import BudgetSettings

SMALL = 10
"""From how many deletions in one scope on their share of the scope counts."""


def over_budget(connection: Connection, budget: BudgetSettings, going: Sequence[PlanItem]) -> str | None:
    """Why the plan is more than may be done at once, or None."""
    if len(going) > budget.resources:
        limit = f"cleanup.budget.resources = {budget.resources}"
        return f"{len(going)} resources would be deleted, more than {limit}"
    money = sum(item.monthly_cost or 0 for item in going)
    if money > budget.money:
        return (
            f"what would be deleted costs ${money:,.2f} a month, "
            f"more than cleanup.budget.money = {budget.money:g}"
        )
    counts = Counter(item.resource.scope for item in going)
    large = [scope for scope, count in counts.items() if count >= SMALL]
    for scope in sorted(large):
        total = connection.scalar(
            text(
                """
                SELECT resources FROM inventory.scopes
                WHERE provider = :provider AND account = :account AND region = :region AND kind = :kind
                """
            ),
            {
                "provider": scope.provider,
                "account": scope.account,
                "region": scope.region,
                "kind": scope.kind,
            },
        )
        if counts[scope] > budget.share * (total or 0):
            return (
                f"{counts[scope]} of the {total} resources of {scope} would be deleted, "
                f"more than cleanup.budget.share = {budget.share}"
            )
    return None
