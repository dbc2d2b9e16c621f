"""The shape of a step: `pre_STEP`, STEP and `post_STEP` as visible ops of one graph that yields an asset."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dagster import (
    AssetKey,
    AssetsDefinition,
    DataVersion,
    GraphIn,
    GraphOut,
    In,
    Nothing,
    OpDefinition,
    OpExecutionContext,
    Out,
    Output,
    graph,
    op,
)
from sqlalchemy import Engine

from resoto_dagster.config import Step
from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.steps import step_begins, step_succeeded
from resoto_dagster.workflow.gates import pass_gate
from resoto_dagster.workflow.project import Project, failure, root_run_id


@dataclass(frozen=True)
class Materialized:
    """What a step's asset shows: its metadata, and the version of its content."""

    metadata: Mapping[str, Any]
    data_version: str


def graph_name(step: Step) -> str:
    """The name of a step's graph. Not the step's own: the jobs `collect` and `cleanup` have those names,
    and Dagster wants all names of jobs, graphs and ops to differ.
    """
    return f"{step}_step"


Work = Callable[[OpExecutionContext, Project, Engine], None]
Show = Callable[[OpExecutionContext, Project, Engine], Materialized]


def pre_gate(project: Project, step: Step, after: Iterable[str]) -> OpDefinition:
    """The op that emits `pre_STEP`, once all inputs `after` are there, and waits for its hooks."""
    action = f"pre_{step}"

    @op(
        name=action,
        description=f"Emits {action} and waits for the hooks on it.",
        ins={name: In(Nothing) for name in after},
        out=Out(Nothing),
    )
    def gate(context: OpExecutionContext) -> Output[None]:
        try:
            with project.engine().begin() as connection:
                step_begins(connection, step, root_run_id(context.run))
            return Output(None, metadata=pass_gate(context, project, action))
        except ResotoError as error:
            raise failure(error) from None

    return gate


def step_op(project: Project, step: Step, work: Work, description: str) -> OpDefinition:
    """The op of the step itself, which bears the step's name in the graph; it hands on nothing but order."""

    @op(name=f"run_{step}", description=description, ins={"after": In(Nothing)}, out=Out(Nothing))
    def run(context: OpExecutionContext) -> None:
        try:
            work(context, project, project.engine())
        except ResotoError as error:
            raise failure(error) from None

    return run


def post_gate(project: Project, step: Step, asset: AssetKey, show: Show) -> OpDefinition:
    """The op that emits `post_STEP`, waits for its hooks, and yields the step's asset as `show` shows it."""
    action = f"post_{step}"

    @op(
        name=action,
        description=f"Emits {action} and waits for the hooks on it.",
        ins={"after": In(Nothing)},
        out=Out(Nothing),
    )
    def gate(context: OpExecutionContext) -> Output[None]:
        try:
            hooks = pass_gate(context, project, action)
            engine = project.engine()
            shown = show(context, project, engine)
            with engine.begin() as connection:
                step_succeeded(connection, step, root_run_id(context.run))
        except ResotoError as error:
            raise failure(error) from None
        context.set_data_version(asset, DataVersion(shown.data_version))
        return Output(None, metadata={**shown.metadata, **hooks})

    return gate


def step_asset(
    project: Project,
    step: Step,
    after: Mapping[str, AssetKey],
    work: Work,
    show: Show,
    description: str,
    code_version: str | None = None,
) -> AssetsDefinition:
    """The asset of a step: gate, work and gate as visible ops, downstream of the assets `after`, by input."""
    pre, run, post = (
        pre_gate(project, step, after),
        step_op(project, step, work, description),
        post_gate(project, step, AssetKey(step), show),
    )

    @graph(name=graph_name(step), ins={name: GraphIn() for name in after}, out=GraphOut())
    def run_step(**inputs: Any) -> Any:
        return post(run.alias(step)(pre(**inputs)))

    return AssetsDefinition.from_graph(
        run_step,
        keys_by_input_name=after,
        keys_by_output_name={"result": AssetKey(step)},
        group_name="workflow",
        descriptions_by_output_name={"result": description},
        code_versions_by_output_name={"result": code_version},
    )
