"""cleanup_plan: planners and hooks mark what should go; then the plan is made and frozen."""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dagster import AssetsDefinition, MetadataValue, OpExecutionContext, TableRecord
from sqlalchemy import Engine

from resoto_dagster.cleanup.announcements import (
    announce,
    announceable,
    forget_authors_announcements,
    forget_notices,
    forget_protected,
)
from resoto_dagster.cleanup.plan import Plan, PlanItem, load_plan
from resoto_dagster.cleanup.planners import follow_marks, run_planners
from resoto_dagster.cleanup.planners.expired import unreadable
from resoto_dagster.cleanup.planners.selection import Marked
from resoto_dagster.cleanup.planning import make_plan
from resoto_dagster.cleanup.rules import run_rules
from resoto_dagster.cleanup.tag_validator import shorten, too_long
from resoto_dagster.cleanup.tagging_rules import lacking, tag
from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.marks import forget_authors_except
from resoto_dagster.inventory.turn import wait_for_turn
from resoto_dagster.model.durations import format_duration
from resoto_dagster.model.resource import StoredResource
from resoto_dagster.providers.base import ProviderSession
from resoto_dagster.workflow.approval import tell_without_daemon
from resoto_dagster.workflow.collect import INVENTORY
from resoto_dagster.workflow.gates import pass_gate
from resoto_dagster.workflow.graphs import Materialized, step_asset
from resoto_dagster.workflow.project import Project, root_run_id

SHOWN = 200
"""How many rows each of the asset's tables has; `resoto plan show` shows all."""


@dataclass(frozen=True)
class _Rules:
    """The deletion rules of all configured providers; of another one's resources nothing is known."""

    sessions: Mapping[str, ProviderSession]

    def held_back(self, resource: StoredResource) -> str | None:
        session = self.sessions.get(resource.scope.provider)
        return session.held_back(resource) if session else f"{resource.scope.provider} is not configured"

    def goes_along(self, resource: StoredResource, owner: StoredResource) -> bool:
        session = self.sessions.get(owner.scope.provider)
        same = owner.scope.provider == resource.scope.provider
        return session is not None and same and session.goes_along(resource, owner)

    def can_untie(self, resource: StoredResource, other: StoredResource) -> bool:
        session = self.sessions.get(resource.scope.provider)
        same = other.scope.provider == resource.scope.provider
        return session is not None and same and session.can_untie(resource, other)


def _plan(context: OpExecutionContext, project: Project, engine: Engine) -> None:
    wait_for_turn(engine)
    unchanged = [*_validate_tags(context, project, engine), *_tag(context, project, engine)]
    with engine.begin() as connection:
        forget_authors_except(connection, "hook", [hook.name for hook in project.hooks])
        forget_authors_announcements(connection, project.settings.cleanup)
        forget_protected(connection)
        forget_notices(connection, datetime.now(UTC))
        ruled = run_rules(connection, project.settings.cleanup, root_run_id(context.run))
        marked = run_planners(connection, project.settings.cleanup, root_run_id(context.run))
        notes = [
            *unchanged,
            *ruled.notes,
            *marked.notes,
            *(unreadable(connection) if "expired" in marked.counts else ()),
        ]
    _tell(context, "rule", ruled)
    _tell(context, "planner", marked)
    pass_gate(context, project, "cleanup_plan")
    with ExitStack() as stack:
        sessions = {name: stack.enter_context(closing(project.session(name))) for name in project.providers}
        with engine.begin() as connection:
            followed = follow_marks(connection, project.settings.cleanup, root_run_id(context.run))
            plan = make_plan(
                connection,
                project.settings.cleanup,
                project.kinds,
                _Rules(sessions),
                root_run_id(context.run),
                context.run_id,
                [*notes, *followed.notes],
            )
    _tell(context, "planner", followed)
    context.log.info("plan %s: %s go, %s are kept", plan.plan_id, len(plan.going), len(plan.kept))
    if plan.held:
        context.log.warning("the plan is held: %s", plan.held)
    elif plan.waits:
        context.log.warning("the plan waits for approval: %s", plan.waits)
        tell_without_daemon(project, context.instance)
    _announce(context, project, engine, plan)


def _validate_tags(context: OpExecutionContext, project: Project, engine: Engine) -> list[str]:
    """Shorten expiration tags that are too long. Returns those that stay as they are, and why."""
    settings = project.settings.cleanup
    if not settings.tag_validator.enabled:
        return []
    with engine.connect() as connection:
        found = too_long(connection, settings, root_run_id(context.run))
    if settings.dry_run or not settings.enabled:
        return [f"would be shortened: {one}" for one in found]
    with ExitStack() as stack:
        failures = shorten(engine, found, project.retagger(stack))
    context.log.info("%s of %s expiration tags were shortened", len(found) - len(failures), len(found))
    return [f"could not be shortened: {resource}: {reason}" for resource, reason in failures]


def _tag(context: OpExecutionContext, project: Project, engine: Engine) -> list[str]:
    """Let rules tag what they find. Returns what stays as it is, and why."""
    settings = project.settings.cleanup
    with engine.connect() as connection:
        found, notes = lacking(connection, settings, root_run_id(context.run))
    if settings.dry_run or not settings.enabled:
        return [*notes, *(f"would be tagged: {one}" for one in found)]
    with ExitStack() as stack:
        failures = tag(engine, found, project.retagger(stack))
    if found:
        context.log.info("%s tags of %s resources could not be set", len(failures), len(found))
    return [*notes, *(f"could not be tagged: {resource}: {reason}" for resource, reason in failures)]


def _announce(context: OpExecutionContext, project: Project, engine: Engine, plan: Plan) -> None:
    """Tell owners of what begins its grace by that; not while nothing would be deleted after it."""
    settings = project.settings.cleanup
    if settings.dry_run or not settings.enabled:
        return
    now = datetime.now(UTC)
    for note in announce(engine, settings.notices, announceable(plan, settings, now), now):
        context.log.warning("%s", note)


def _tell(context: OpExecutionContext, what: str, marked: Marked) -> None:
    for name, count in marked.counts.items():
        context.log.info("%s %s marks %s resources", what, name, count)
    for note in marked.notes:
        context.log.warning("%s", note)


def plan_of_run(engine: Engine, context: OpExecutionContext) -> Plan:
    """The plan that the workflow of this run has made. Raises ResotoError when it has made none."""
    with engine.connect() as connection:
        plan = load_plan(connection, root_run_id(context.run))
    if plan is None:
        raise ResotoError(
            "this run has made no plan, and no other run's plan is executed; "
            "launch the job collect_and_cleanup or cleanup"
        )
    return plan


def describe(plan: Plan, item: PlanItem) -> dict[str, str | int | float | bool | None]:
    """A planned resource as a row: what, where, why and how old; what a page has no room for comes last."""
    scope, first = item.resource.scope, item.waits_for | item.unties
    return {
        "kind": scope.kind,
        "name": item.resource.name,
        "why": item.reason,
        "where": f"{scope.provider}/{item.account_name or scope.account}/{item.region}",
        "age": format_duration(datetime.now(UTC) - item.born),
        "$/month": item.monthly_cost,
        "id": item.resource.id,
        "by": item.author,
        "after": ", ".join(one.resource.id for one in plan.items if one.resource.node_id in first),
        "takes along": ", ".join(map(str, item.takes_along)),
    }


def _show(context: OpExecutionContext, _project: Project, engine: Engine) -> Materialized:
    plan = plan_of_run(engine, context)
    metadata: dict[str, Any] = {
        "dagster/row_count": len(plan.going),
        "kept": len(plan.kept),
        "waves": max((item.wave or 0 for item in plan.going), default=0),
        "held": plan.held or "no",
        "saves a month (US dollars)": round(plan.monthly_cost, 2),
        "waits for approval": plan.waits or "no",
        "hash": plan.hash,
    }
    if plan.going:
        rows = [TableRecord({"wave": item.wave, **describe(plan, item)}) for item in plan.going[:SHOWN]]
        metadata["plan"] = MetadataValue.table(rows)
    if plan.kept:
        rows = [
            TableRecord({"kept because": item.kept, **describe(plan, item)}) for item in plan.kept[:SHOWN]
        ]
        metadata["marked and kept"] = MetadataValue.table(rows)
    if plan.notes:
        metadata["notes"] = MetadataValue.md("\n".join(f"- {note}" for note in plan.notes[:SHOWN]))
    return Materialized(metadata, plan.hash)


def cleanup_plan_asset(project: Project) -> AssetsDefinition:
    """The plan as an asset, downstream of the inventory."""
    return step_asset(
        project,
        "cleanup_plan",
        {"inventory": INVENTORY},
        _plan,
        _show,
        "What this run's cleanup would delete, in which order and why; what was marked and is kept, and why.",
    )
