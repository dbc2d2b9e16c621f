"""What Dagster loads."""

import click
from dagster import Definitions

from resoto_dagster.errors import ResotoError
from resoto_dagster.workflow.approval import approval_sensors, decision_job, notice_job
from resoto_dagster.workflow.cleanup import cleanup_asset
from resoto_dagster.workflow.cleanup_plan import cleanup_plan_asset
from resoto_dagster.workflow.collect import collect_assets
from resoto_dagster.workflow.events import events_job, events_sensor, listening
from resoto_dagster.workflow.executors import executor
from resoto_dagster.workflow.generate_metrics import metrics_asset
from resoto_dagster.workflow.hook_jobs import hook_job, hook_sensor
from resoto_dagster.workflow.jobs import jobs, schedule
from resoto_dagster.workflow.project import Project
from resoto_dagster.workflow.retention import purge_job, purge_schedule
from resoto_dagster.workflow.snapshots import snapshot_job, snapshot_schedules
from resoto_dagster.workflow.tables import TABLES, InventoryTables


def build_definitions(project: Project) -> Definitions:
    """Everything that a project gives Dagster."""
    purge, snapshot, notice = purge_job(project), snapshot_job(project), notice_job(project)
    own_jobs = [decision_job(project), notice, purge, snapshot]
    hook_jobs = {hook: hook_job(project, hook) for hook in project.hooks}
    event_jobs = {provider: events_job(project, provider) for provider in listening(project)}
    return Definitions(
        assets=[
            collect_assets(project),
            cleanup_plan_asset(project),
            cleanup_asset(project),
            metrics_asset(project),
        ],
        jobs=[*jobs(), *own_jobs, *hook_jobs.values(), *event_jobs.values()],
        schedules=[schedule(project), purge_schedule(purge), *snapshot_schedules(project, snapshot)],
        sensors=[
            *approval_sensors(project, notice),
            *(hook_sensor(project, hook, job) for hook, job in hook_jobs.items()),
            *(events_sensor(project, provider, job) for provider, job in event_jobs.items()),
        ],
        resources={TABLES: InventoryTables(project)},
        executor=executor(),
    )


def _load() -> Definitions:
    """The definitions of the project here; Dagster's commands tell a mistake in the settings in a line."""
    try:
        return build_definitions(Project.load())
    except ResotoError as error:
        raise click.ClickException(str(error)) from None


defs = _load()
