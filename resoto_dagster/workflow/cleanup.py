"""cleanup: executes the plan of its own run, and reports how every planned resource ended."""

from collections import Counter
from typing import Any

from dagster import AssetKey, AssetsDefinition, MetadataValue, OpExecutionContext, TableRecord
from sqlalchemy import Connection, Engine

from resoto_dagster.cleanup.approval import approval_of
from resoto_dagster.cleanup.execute import execute_plan, why_not
from resoto_dagster.cleanup.journal import outcomes
from resoto_dagster.config import GATES
from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.api_requests import count_requests
from resoto_dagster.inventory.status import inventory_version
from resoto_dagster.providers.base import ProviderSession
from resoto_dagster.workflow.actions import emitted_actions, missing_successes
from resoto_dagster.workflow.cleanup_plan import SHOWN, describe, plan_of_run
from resoto_dagster.workflow.graphs import Materialized, step_asset
from resoto_dagster.workflow.project import CONTINUES_TAG, Project, root_run_id

_BEFORE = GATES[: GATES.index("post_cleanup")]
"""The actions whose required hooks must have succeeded before anything is deleted."""


def _check_required_hooks(connection: Connection, project: Project, root_run: str) -> None:
    """Raise ResotoError unless all required hooks before the cleanup have succeeded for this workflow.

    The gates have seen to that already; a re-execution that starts at this step passes no gate. The gates
    of collect count where the workflow has collected at all.
    """
    collects = GATES[: GATES.index("pre_cleanup_plan")]
    emitted = emitted_actions(connection, root_run)
    required = [
        (hook.action, hook.name)
        for hook in project.hooks
        if hook.required
        and hook.action in _BEFORE
        and (hook.action not in collects or emitted & set(collects))
    ]
    missing = missing_successes(connection, root_run, required)
    if missing:
        raise ResotoError(
            f"nothing was deleted: required hooks have not succeeded for this workflow: {', '.join(missing)}"
        )


def _cleanup(context: OpExecutionContext, project: Project, engine: Engine) -> None:
    plan = plan_of_run(engine, context)
    settings = project.settings.cleanup
    if CONTINUES_TAG in context.run.tags and plan.waits is None:
        raise ResotoError(
            f"nothing was deleted: plan {plan.plan_id} is another run's, and not one that waits for approval"
        )
    with engine.connect() as connection:
        reason = why_not(plan, approval_of(connection, plan.plan_id), settings)
    if reason is not None:
        context.log.info("nothing is deleted: %s", reason)
        return
    with engine.connect() as connection:
        _check_required_hooks(connection, project, root_run_id(context.run))
    sessions: dict[str, ProviderSession] = {}

    def open_session(provider: str) -> ProviderSession:
        return sessions.setdefault(provider, project.session(provider))

    try:
        results = execute_plan(engine, plan, settings, project.kinds, open_session, context.run_id)
    finally:
        with engine.begin() as connection:
            for provider, session in sessions.items():
                count_requests(connection, provider, session.requests)
    totals = Counter(result.outcome for result in results)
    context.log.info("%s", ", ".join(f"{number} {outcome}" for outcome, number in totals.most_common()))
    for result in results:  # of the rest the journal tells: a line here costs two milliseconds
        if result.outcome not in ("gone", "would_delete"):
            log = context.log.warning if result.outcome == "failed" else context.log.info
            log("%s: %s (%s)", result.item.resource, result.outcome, result.detail)


def _show(context: OpExecutionContext, project: Project, engine: Engine) -> Materialized:
    plan = plan_of_run(engine, context)
    with engine.connect() as connection:
        ended = outcomes(connection, plan.plan_id)
        version = inventory_version(connection)
        reason = why_not(plan, approval_of(connection, plan.plan_id), project.settings.cleanup)
    counts = Counter(outcome for outcome, _ in ended.values())
    metadata: dict[str, Any] = {
        "deleted": counts["gone"],
        "would delete (dry run)": counts["would_delete"],
        "kept": counts["kept"],
        "failed": counts["failed"],
        "skipped": counts["skipped"],
    }
    if reason is not None:
        metadata["nothing is deleted because"] = reason
    rows = []
    for item in plan.going[:SHOWN]:
        outcome, detail = ended.get(item.resource.node_id, ("untouched", reason or ""))
        rows.append(TableRecord({"outcome": outcome, "detail": detail, **describe(plan, item)}))
    if rows:
        metadata["outcomes"] = MetadataValue.table(rows)
    return Materialized(metadata, version)


def cleanup_asset(project: Project) -> AssetsDefinition:
    """What became of the plan, as an asset. Its data is the inventory after the cleanup."""
    return step_asset(
        project,
        "cleanup",
        {"plan": AssetKey("cleanup_plan")},
        _cleanup,
        _show,
        "How every resource of the plan ended: deleted, kept, failed or skipped. Off unless switched on.",
    )
