"""How long the past is kept: Dagster's runs, and what changed in the inventory.

Dagster keeps every run and event for ever otherwise, 2 kB an event.
"""

from datetime import UTC, datetime, timedelta

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultScheduleStatus,
    JobDefinition,
    OpExecutionContext,
    RunsFilter,
    ScheduleDefinition,
    job,
    op,
)

from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.snapshots import forget_history
from resoto_dagster.workflow.events import job_name, listening
from resoto_dagster.workflow.project import Project, failure

KEEP_ON_EVENTS = timedelta(days=2)
"""How long runs on events are kept at most: there may be one every minute."""

_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


def _shown(instance: DagsterInstance) -> frozenset[str]:
    """The runs that materialised an asset last; deleting one would empty the asset's page."""
    records = instance.get_asset_records()
    events = (record.asset_entry.last_materialization for record in records)
    return frozenset(event.run_id for event in events if event is not None)


def delete_old_runs(instance: DagsterInstance, before: datetime, job: str | None = None) -> int:
    """Delete the runs that ended and were made before a moment, of all jobs or of one, with their events.

    Returns how many.
    """
    wanted = RunsFilter(statuses=_ENDED, created_before=before, job_name=job)
    old = set(instance.get_run_ids(wanted)) - _shown(instance)
    for run_id in old:
        instance.delete_run(run_id)
    return len(old)


def purge_job(project: Project) -> JobDefinition:
    """The job that deletes old runs and forgets old history."""

    @op(description="Deletes Dagster's runs that are older than keep_runs, but those that assets show.")
    def delete_runs(context: OpExecutionContext) -> None:
        now, keep = datetime.now(UTC), project.settings.keep_runs
        count = delete_old_runs(context.instance, now - keep)
        for provider in listening(project):
            before = now - min(keep, KEEP_ON_EVENTS)
            count += delete_old_runs(context.instance, before, job_name(provider))
        context.log.info("%s runs deleted", count)

    @op(description="Forgets what changed longer ago than keep_history, but what snapshots hold.")
    def delete_history(context: OpExecutionContext) -> None:
        before = datetime.now(UTC) - project.settings.keep_history
        try:
            engine = project.engine()
        except ResotoError as error:
            raise failure(error) from None
        with engine.begin() as connection:
            forgotten = forget_history(connection, before)
        context.log.info("%s past versions and edges forgotten", forgotten)

    @job(description="Deletes records of old runs and old history; what is there now is not touched.")
    def purge() -> None:
        delete_runs()
        delete_history()

    return purge


def purge_schedule(purge: JobDefinition) -> ScheduleDefinition:
    """Runs the purge once a day, away from the full hour."""
    return ScheduleDefinition(
        name="purge_schedule",
        job=purge,
        cron_schedule="30 3 * * *",
        default_status=DefaultScheduleStatus.RUNNING,
    )
