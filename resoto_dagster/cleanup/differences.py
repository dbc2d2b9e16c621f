"""How two plans differ: what goes now and did not, what does not any more, what is kept for other reasons."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from resoto_dagster.cleanup.plan import Plan, PlanItem

DELETED = "to delete"


@dataclass(frozen=True, slots=True)
class Difference:
    """What two plans say of a resource; None where one does not name it."""

    item: PlanItem
    before: str | None
    after: str | None


def differences(before: Plan, after: Plan) -> list[Difference]:
    """What the plans do not say alike, what goes by the later one first; waves and ages do not count."""
    then, now = _items(before), _items(after)
    found = [
        Difference(now.get(node) or then[node], _said(then.get(node)), _said(now.get(node)))
        for node in {**then, **now}
    ]
    differing = [one for one in found if one.before != one.after]
    return sorted(differing, key=_what_goes_first)


def _what_goes_first(one: Difference) -> tuple[bool, bool, str]:
    return one.after != DELETED, one.before != DELETED, str(one.item.resource)


def _items(plan: Plan) -> Mapping[UUID, PlanItem]:
    return {item.resource.node_id: item for item in plan.items}


def _said(item: PlanItem | None) -> str | None:
    if item is None:
        return None
    return DELETED if item.kept is None else f"kept: {item.kept}"
