"""Re-executes the last cleanup from its failure in this process, as Dagster's UI does in one of its own.

A run whose process was killed is still said to run. Dagster's code server, or its monitoring, marks it as
failed; that is done first.
"""

import sys

from dagster import DagsterRunStatus, ReexecutionOptions, RunsFilter, execute_job
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.execution.plan.state import KnownExecutionState

from resoto_dagster.workflow.run import instance_here


def main() -> int:
    """Re-execute; 0 when the run succeeds."""
    with instance_here() as instance:
        (killed,) = instance.get_runs(RunsFilter(job_name="cleanup"), limit=1)
        if killed.status is not DagsterRunStatus.FAILURE:
            instance.report_run_failed(killed, "its process was killed")
            (killed,) = instance.get_runs(RunsFilter([killed.run_id]))
        steps, _ = KnownExecutionState.build_resume_retry_reexecution(instance, parent_run=killed)
        if not steps:  # it was killed after its last one: there is nothing to do, as the UI says, too
            return 0
        repository = ReconstructableRepository.for_module("resoto_dagster.definitions", "defs")
        with execute_job(
            ReconstructableJob(repository, killed.job_name),
            instance,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            reexecution_options=ReexecutionOptions.from_failure(killed.run_id, instance),
        ) as result:
            return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main())
