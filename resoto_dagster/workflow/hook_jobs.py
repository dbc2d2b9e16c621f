"""A hook as a Dagster job, and the sensor that launches it when its action is emitted."""

from collections.abc import Iterator, Mapping

from dagster import (
    DefaultSensorStatus,
    JobDefinition,
    OpExecutionContext,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    job,
    op,
)

from resoto_dagster.errors import ResotoError
from resoto_dagster.hooks import Hook, HookContext
from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Author, replace_marks
from resoto_dagster.workflow.actions import Emitted, still_waits, waiting_for
from resoto_dagster.workflow.project import Project, failure

ACTION_ID_TAG = "resoto/action_id"
ATTEMPT_TAG = "resoto/attempt"
WORKFLOW_TAG = "resoto/workflow_run"
HOOK_TAG = "resoto/hook"


def hook_tags(emitted: Emitted, hook: str) -> Mapping[str, str]:
    """The tags of a hook's run, by which the gate finds it."""
    return {
        ACTION_ID_TAG: str(emitted.action_id),
        ATTEMPT_TAG: emitted.attempt,
        WORKFLOW_TAG: emitted.root_run_id,
        HOOK_TAG: hook,
    }


def sensor_name(hook: Hook) -> str:
    """The name of a hook's sensor."""
    return f"on_{hook.action}_{hook.name}"


def hook_job(project: Project, hook: Hook) -> JobDefinition:
    """The job that runs a hook's function and then sets its marks."""

    # named so that a hook may bear the name of its action: names of ops differ within all jobs
    @op(name=f"call_{hook.name}", description=hook.description)
    def run_hook(context: OpExecutionContext) -> None:
        tags = context.run.tags
        workflow_run = tags.get(WORKFLOW_TAG)
        author = Author("hook", hook.name, workflow_run)
        try:
            engine = project.engine()
            hook_context = HookContext(hook.action, workflow_run, Inventory(engine, author), context.log)
            hook(hook_context)
            with engine.begin() as connection:
                if ACTION_ID_TAG in tags and not still_waits(connection, int(tags[ACTION_ID_TAG])):
                    raise ResotoError(
                        f"too late: the workflow no longer waits at {hook.action}; no mark is set"
                    )
                count = replace_marks(connection, author, hook_context.marks.values())
        except ResotoError as error:
            raise failure(error) from None
        context.log.info("%s marks set", count)

    @job(name=f"hook_{hook.name}", description=hook.description, tags={HOOK_TAG: hook.name})
    def run() -> None:
        run_hook()

    return run


def hook_sensor(project: Project, hook: Hook, hook_job: JobDefinition) -> SensorDefinition:
    """The sensor that launches a hook for every emission of its action that waits for it."""

    def evaluate(_context: SensorEvaluationContext) -> Iterator[RunRequest | SkipReason]:
        with project.engine().connect() as connection:
            waiting = waiting_for(connection, hook.name)
        if not waiting:
            yield SkipReason(f"no workflow waits at {hook.action}")
        for emitted in waiting:
            yield RunRequest(
                run_key=f"{emitted.action_id}:{hook.name}", tags=dict(hook_tags(emitted, hook.name))
            )

    return SensorDefinition(
        name=sensor_name(hook),
        description=f"Launches {hook.name} when a workflow reaches {hook.action}.",
        evaluation_fn=evaluate,
        job=hook_job,
        minimum_interval_seconds=1,
        default_status=DefaultSensorStatus.RUNNING,
        tags={"resoto/action": hook.action},
    )
