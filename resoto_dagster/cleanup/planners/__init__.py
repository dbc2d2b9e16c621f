"""The planners: each looks at the inventory and marks what should go, or stay. All are off by default."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from resoto_dagster.cleanup.announcements import forget_announcements
from resoto_dagster.cleanup.freshness import freshness_of
from resoto_dagster.cleanup.planners import (
    aws_alarms,
    aws_load_balancers,
    aws_vpcs,
    expired,
    protector,
    untagged,
    volumes,
)
from resoto_dagster.cleanup.planners.selection import Marked, Selected, known_well
from resoto_dagster.config import CleanupSettings
from resoto_dagster.inventory.marks import Author, Mark, MarkName, forget_authors_except, replace_marks


@dataclass(frozen=True, slots=True)
class Planner:
    """What selects resources, given the planner's own settings.

    `reasons_from` are the kinds whose absence it takes for a reason: where one of them is not fresh, or not
    collected at all, in an account, the planner sits that account out.
    """

    select: Callable[[Connection, Any], list[Selected]]
    mark: MarkName = "clean"
    reasons_from: tuple[str, ...] = ()


PLANNERS: Mapping[str, Planner] = {
    "protector": Planner(protector.select, mark="protected"),
    "expired": Planner(expired.select),
    "untagged": Planner(untagged.select),
    "volumes": Planner(volumes.select, reasons_from=("volume",)),
    "aws_load_balancers": Planner(aws_load_balancers.select, reasons_from=aws_load_balancers.REASONS_FROM),
    "aws_alarms": Planner(aws_alarms.select, reasons_from=aws_alarms.REASONS_FROM),
}
"""By the name they have in the settings; each gives the marks it wants to be in force now."""


def run_planners(connection: Connection, settings: CleanupSettings, root_run_id: str) -> Marked:
    """Let every enabled planner mark anew; what a planner marked that is off now is dropped."""
    enabled = [name for name in PLANNERS if getattr(settings.planners, name).enabled]
    following = [aws_vpcs.NAME] if settings.planners.aws_vpcs.enabled else []
    forget_authors_except(connection, "planner", [*enabled, *following])
    return _run({name: PLANNERS[name] for name in enabled}, connection, settings, root_run_id)


def follow_marks(connection: Connection, settings: CleanupSettings, root_run_id: str) -> Marked:
    """Let the planners that follow what all others, and the hooks, have marked mark in their turn."""
    if not settings.planners.aws_vpcs.enabled:
        return Marked({}, ())
    planner = Planner(
        lambda on, own: aws_vpcs.select(on, own, root_run_id), reasons_from=aws_vpcs.REASONS_FROM
    )
    return _run({aws_vpcs.NAME: planner}, connection, settings, root_run_id)


def _run(
    planners: Mapping[str, Planner], connection: Connection, settings: CleanupSettings, root_run_id: str
) -> Marked:
    counts, notes = {}, []
    for name, planner in planners.items():
        unknown = _unknown(connection, planner.reasons_from)
        selected: list[Selected] = []
        if unknown:
            notes.append(f"planner {name} does nothing: no {unknown[0]} is collected")
        else:
            selected = planner.select(connection, getattr(settings.planners, name))
            forget_announcements(connection, "planner", name, [one.node_id for one in selected])
        freshness = freshness_of(connection, planner.reasons_from, settings.max_data_age, root_run_id)
        known, sat_out = known_well(f"planner {name}", selected, freshness, planner.reasons_from)
        notes += sat_out
        marks = [Mark(one.node_id, planner.mark, one.reason) for one in known]
        counts[name] = replace_marks(connection, Author("planner", name, root_run_id), marks)
    return Marked(counts, tuple(notes))


def _unknown(connection: Connection, names: tuple[str, ...]) -> list[str]:
    """The names that are no kind, or base kind of one, that was ever collected."""
    statement = """
        SELECT named FROM unnest(CAST(:names AS text[])) AS named
        WHERE NOT EXISTS (SELECT FROM inventory.kinds k WHERE k.kind = named OR named = ANY (k.bases))
        ORDER BY named
    """
    return list(connection.execute(text(statement), {"names": list(names)}).scalars())
