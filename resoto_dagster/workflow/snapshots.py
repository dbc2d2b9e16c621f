"""Snapshots that are taken by themselves, a schedule each."""

from collections.abc import Sequence
from datetime import UTC, datetime

from dagster import DefaultScheduleStatus, JobDefinition, OpExecutionContext, ScheduleDefinition, job, op

from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.snapshots import delete_old_snapshots, take_snapshot
from resoto_dagster.workflow.project import Project, failure

SCHEDULE_TAG = "resoto/snapshot_schedule"


def snapshot_job(project: Project) -> JobDefinition:
    """The job that takes a snapshot for a schedule, and deletes those of it that are too many."""
    schedules = project.settings.snapshots

    @op(description="Gives the present of the inventory a name, and takes the oldest names away.")
    def name_present(context: OpExecutionContext) -> None:
        schedule = context.run.tags.get(SCHEDULE_TAG)
        try:
            if schedule not in schedules:
                raise ResotoError(
                    f"the run's tag {SCHEDULE_TAG} is {schedule!r}; expected one of {', '.join(schedules)}. "
                    "A snapshot of your own is taken by: resoto snapshot take NAME"
                )
            with project.engine().begin() as connection:
                name = f"{schedule}-{datetime.now(UTC):%Y-%m-%dT%H:%MZ}"
                take_snapshot(connection, name, schedule)
                deleted = delete_old_snapshots(connection, schedule, schedules[schedule].keep)
        except ResotoError as error:
            raise failure(error) from None
        context.log.info("snapshot %s taken, %s old ones deleted", name, deleted)

    @job(description="Takes a snapshot of the inventory; the schedules of snapshots launch it.")
    def take_scheduled_snapshot() -> None:
        name_present()

    return take_scheduled_snapshot


def snapshot_schedules(project: Project, snapshot: JobDefinition) -> Sequence[ScheduleDefinition]:
    """A schedule for each kind of snapshot in the settings of which any is kept."""
    return [
        ScheduleDefinition(
            name=f"snapshot_{name}_schedule",
            job=snapshot,
            cron_schedule=one.schedule,
            tags={SCHEDULE_TAG: name},
            default_status=DefaultScheduleStatus.RUNNING,
            description=f"Takes a snapshot of the inventory; the last {one.keep} of them are kept.",
        )
        for name, one in project.settings.snapshots.items()
        if one.keep
    ]
