"""The jobs, and the schedule that drives the whole workflow."""

from collections.abc import Mapping, Sequence

from dagster import (
    AssetSelection,
    DagsterRunStatus,
    DefaultScheduleStatus,
    RunRequest,
    RunsFilter,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from resoto_dagster.workflow.project import Project

WORKFLOW = "collect_and_cleanup"
APPROVED = "approved_cleanup"
ONE_AT_A_TIME = {"resoto/workflow": "true"}
"""Dagster runs one run with this tag at a time (dagster.yaml); hooks' runs are free of it."""

UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.SUSPENDED,
    DagsterRunStatus.CANCELING,
]


def jobs() -> Sequence[UnresolvedAssetJobDefinition]:
    """The workflow, and its siblings that run a part of it."""
    steps = AssetSelection.assets("cleanup_plan", "cleanup")
    metrics = AssetSelection.assets("generate_metrics")
    collected = AssetSelection.all() - steps - metrics
    described: Mapping[str, tuple[AssetSelection, str]] = {
        WORKFLOW: (AssetSelection.all(), "Collects everything, plans, cleans up and generates metrics."),
        "collect": (collected | metrics, "Collects everything and generates metrics; deletes nothing."),
        "cleanup": (steps | metrics, "Plans and cleans up on what was collected last."),
        APPROVED: (
            AssetSelection.assets("cleanup") | metrics,
            "Executes a plan that was approved; the sensor on_approval launches it.",
        ),
        "metrics": (metrics, "Generates metrics from what was collected last."),
    }
    return [
        define_asset_job(name, selection=selection, description=description, tags=ONE_AT_A_TIME)
        for name, (selection, description) in described.items()
    ]


def schedule(project: Project) -> ScheduleDefinition:
    """Launches the workflow by the configured cron; a tick is skipped while the last run still runs."""

    def evaluate(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        unfinished = context.instance.get_runs(RunsFilter(job_name=WORKFLOW, statuses=UNFINISHED), limit=1)
        if unfinished:
            run = unfinished[0]
            return SkipReason(f"run {run.run_id} of {WORKFLOW} is still {run.status.value.lower()}")
        return RunRequest(run_key=context.scheduled_execution_time.isoformat())

    return ScheduleDefinition(
        name=f"{WORKFLOW}_schedule",
        job_name=WORKFLOW,
        cron_schedule=project.settings.schedule,
        execution_fn=evaluate,
        default_status=DefaultScheduleStatus.RUNNING,
        description="Runs the workflow; skips a tick while the last run has not ended.",
    )
