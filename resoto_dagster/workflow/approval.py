"""Approval in Dagster: who decides is told of a plan that waits, and what was approved is executed."""

from collections.abc import Iterator, Sequence

from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    Enum,
    EnumValue,
    Field,
    JobDefinition,
    OpExecutionContext,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    job,
    op,
)

from resoto_dagster.cleanup.approval import approved_and_untouched, decide, latest_waiting
from resoto_dagster.cleanup.notices import approval_message, tell
from resoto_dagster.cleanup.owners import Owner
from resoto_dagster.cleanup.plan import plan_of_number
from resoto_dagster.errors import ResotoError
from resoto_dagster.workflow.gates import sensors_live
from resoto_dagster.workflow.jobs import APPROVED
from resoto_dagster.workflow.project import CONTINUES_TAG, Project, failure

PLAN_TAG = "resoto/plan"
"""The number of the plan that a run is about."""

_NOTICE_TAG = "resoto/approval_notice"
_DECISIONS = Enum("Decision", [EnumValue("approved"), EnumValue("rejected")])


def notice_job(project: Project) -> JobDefinition:
    """The job that tells the approvers of a plan that waits."""
    settings = project.settings.cleanup.notices

    @op(description="Tells cleanup.notices.approvers of the plan that the run's tag names.")
    def tell_approvers(context: OpExecutionContext) -> None:
        try:
            with project.engine().connect() as connection:
                plan = plan_of_number(connection, _number(context.run.tags.get(PLAN_TAG)))
            context.log.warning("plan %s waits for approval: %s", plan.plan_id, plan.waits)
            for name in settings.approvers:
                tell(Owner(name, settings.owners[name]), approval_message(plan), settings)
        except ResotoError as error:
            raise failure(error) from None

    @job(description="Tells who decides of a plan that waits for approval; a sensor launches it.")
    def approval_notice() -> None:
        tell_approvers()

    return approval_notice


def decision_job(project: Project) -> JobDefinition:
    """The job by which a plan is approved or rejected in the UI."""

    @op(
        description="Writes down what was decided on a plan that waits.",
        config_schema={
            "plan": Field(int, description="The plan's number."),
            "decision": Field(_DECISIONS),
            "author": Field(str, description="Who decides."),
            "reason": Field(str, description="Why; it is kept with the plan."),
        },
    )
    def write_decision(context: OpExecutionContext) -> None:
        given = context.op_config
        try:
            with project.engine().begin() as connection:
                plan = plan_of_number(connection, given["plan"])
                decide(
                    *(connection, plan, given["decision"], given["author"], given["reason"]),
                    project.settings.cleanup,
                )
        except ResotoError as error:
            raise failure(error) from None
        context.log.info("plan %s is %s by %s", plan.plan_id, given["decision"], given["author"])

    @job(description="Approves or rejects a plan that waits, like `resoto plan approve`.")
    def decide_on_plan() -> None:
        write_decision()

    return decide_on_plan


def approval_sensors(project: Project, notice: JobDefinition) -> Sequence[SensorDefinition]:
    """What launches the notice and the execution; nothing where no plan ever waits."""
    if project.settings.cleanup.approval == "none":
        return []
    return [_notice_sensor(project, notice), _approval_sensor(project)]


def _notice_sensor(project: Project, notice: JobDefinition) -> SensorDefinition:
    """The sensor that launches the notice for a plan that waits."""

    def evaluate(_context: SensorEvaluationContext) -> Iterator[RunRequest | SkipReason]:
        with project.engine().connect() as connection:
            waiting = latest_waiting(connection, project.settings.cleanup)
        if waiting is None:
            yield SkipReason("the last plan does not wait for approval")
        else:
            plan_id, key = waiting
            yield RunRequest(run_key=key, tags={PLAN_TAG: str(plan_id), _NOTICE_TAG: key})

    return SensorDefinition(
        name="on_plan_waiting",
        description="Launches approval_notice when a plan waits for approval, once for plans alike.",
        evaluation_fn=evaluate,
        job=notice,
        minimum_interval_seconds=10,
        default_status=DefaultSensorStatus.RUNNING,
    )


def _approval_sensor(project: Project) -> SensorDefinition:
    """The sensor that launches the execution of what was approved."""

    def evaluate(_context: SensorEvaluationContext) -> Iterator[RunRequest | SkipReason]:
        with project.engine().connect() as connection:
            approved = approved_and_untouched(connection, project.settings.cleanup)
        if not approved:
            yield SkipReason("no plan is approved and not yet executed")
        for plan_id, root_run_id in approved:
            yield RunRequest(run_key=str(plan_id), tags={PLAN_TAG: str(plan_id), CONTINUES_TAG: root_run_id})

    return SensorDefinition(
        name="on_approval",
        description="Launches approved_cleanup for a plan that was approved.",
        evaluation_fn=evaluate,
        job_name=APPROVED,
        minimum_interval_seconds=10,
        default_status=DefaultSensorStatus.RUNNING,
    )


def tell_without_daemon(project: Project, instance: DagsterInstance) -> None:
    """Tell the approvers of the last plan, if it waits and no daemon lives whose sensor would see to it."""
    with project.engine().connect() as connection:
        waiting = latest_waiting(connection, project.settings.cleanup)
    if waiting is None or sensors_live(instance):
        return
    plan_id, key = waiting
    if instance.get_runs_count(RunsFilter(tags={_NOTICE_TAG: key})):
        return
    notice_job(project).execute_in_process(
        instance=instance, tags={PLAN_TAG: str(plan_id), _NOTICE_TAG: key}, raise_on_error=False
    )


def _number(tag: str | None) -> int:
    if tag is None or not tag.isdecimal():
        raise ResotoError(f"the run's tag {PLAN_TAG} is {tag!r}; expected the number of a plan that waits")
    return int(tag)
