"""Running a job now, in this process: what the command line does, with the same instance as the UI."""

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from dagster import DagsterInstance, DagsterInvalidConfigError, ExecuteInProcessResult
from dagster._core.instance.ref import InstanceRef

from resoto_dagster.errors import ConfigError
from resoto_dagster.state import state_folder
from resoto_dagster.workflow.jobs import WORKFLOW
from resoto_dagster.workflow.project import Project


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run ended; `error` says in a line a step why it failed."""

    run_id: str
    success: bool
    error: str | None


def instance_here() -> DagsterInstance:
    """Dagster's instance of DAGSTER_HOME, or of the working directory's `dagster.yaml`.

    Without either it is kept in the same database, with all of Dagster's defaults. Raises ConfigError.
    """
    home = os.environ.get("DAGSTER_HOME")
    if home:
        if not (Path(home).is_absolute() and Path(home).is_dir()):
            raise ConfigError(f"DAGSTER_HOME={home}: expected the absolute path of a folder that is there")
        return DagsterInstance.get()
    base = state_folder() / "dagster"
    base.mkdir(parents=True, exist_ok=True)
    if Path("dagster.yaml").exists():
        try:
            ref = InstanceRef.from_dir(str(base), config_dir=str(Path.cwd()))
        except DagsterInvalidConfigError as error:
            problem = error.errors[0].message.partition(" Expected: ")[0].partition("\n")[0]
            raise ConfigError(f"dagster.yaml: {problem}") from None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ConfigError(f"dagster.yaml, line {line}: not valid YAML: {error.problem}") from None
        return DagsterInstance.from_ref(ref)
    storage = {"custom": {"module": "resoto_dagster.storage", "class": "ResotoStorage"}}
    overrides = {"storage": storage, "telemetry": {"enabled": False}}
    return DagsterInstance.from_ref(InstanceRef.from_dir(str(base), overrides=overrides))


def run_workflow(
    job_name: str = WORKFLOW, run_id: str | None = None, tags: Mapping[str, str] | None = None
) -> RunSummary:
    """Run a job to its end; the summary tells of a step's failure.

    Raises ConfigError and DatabaseUnavailable.
    """
    Project.load()  # what is wrong with the settings is told as ours, not as Dagster's commands tell it
    from resoto_dagster.definitions import defs

    run_id = run_id or str(uuid.uuid4())
    job = defs.resolve_job_def(job_name)
    with instance_here() as instance:
        result = job.execute_in_process(
            instance=instance,
            run_id=run_id,
            tags=dict(tags or {}),
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        return RunSummary(run_id, result.success, None if result.success else _why(result))


def _why(result: ExecuteInProcessResult) -> str:
    reasons = []
    for event in result.get_step_failure_events():
        data = event.step_failure_data
        told = data.user_failure_data.description if data.user_failure_data else None
        if told is None and data.error is not None:
            cause = data.error.cause or data.error
            told = cause.message.strip().partition("\n")[0].rstrip(": ")
        reasons.append(f"{event.step_key}: {told or 'failed'}")
    return "; ".join(reasons) or "the run failed before its first step"
