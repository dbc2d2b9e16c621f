"""How the steps of a run are executed: chosen by `RESOTO_EXECUTOR`, the same jobs in every case."""

import os

from dagster import ExecutorDefinition, in_process_executor, multiprocess_executor

from resoto_dagster.errors import ConfigError

_PRELOADED = ["resoto_dagster.definitions", "dagster._core.executor.multiprocess", "dagster_postgres"]


def executor() -> ExecutorDefinition:
    """One process for all steps by default; a process a step, providers side by side, with `multiprocess`.

    Raises ConfigError for a name that is none.
    """
    name = os.environ.get("RESOTO_EXECUTOR", "in_process")
    if name == "in_process":
        return in_process_executor
    if name == "multiprocess":
        start = {"forkserver": {"preload_modules": _PRELOADED}}
        return multiprocess_executor.configured({"start_method": start})
    raise ConfigError(f"RESOTO_EXECUTOR={name}: unknown executor; expected in_process or multiprocess")
