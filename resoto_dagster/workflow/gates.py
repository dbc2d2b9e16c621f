"""Gates: an action is emitted, the hooks on it run, and the workflow goes on when all have ended.

While a daemon lives, the hooks' sensors launch them; otherwise the gate runs them in its own process.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any

from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    Failure,
    JobDefinition,
    MetadataValue,
    OpExecutionContext,
    RunsFilter,
    TableRecord,
)
from sqlalchemy import Engine

from resoto_dagster.hooks import Hook
from resoto_dagster.workflow.actions import (
    Emitted,
    HookOutcome,
    HookResult,
    complete,
    earlier_successes,
    emit,
    record_results,
)
from resoto_dagster.workflow.hook_jobs import ACTION_ID_TAG, HOOK_TAG, hook_job, hook_tags, sensor_name
from resoto_dagster.workflow.project import Project, root_run_id

DAEMON_ALIVE_SECONDS = 90
"""How old the sensor daemon's last heartbeat may be; it writes one every 30 seconds."""

POLL_SECONDS = 0.25
_RESUME_TAG = "dagster/is_resume_retry"
_ENDED = {DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED}

Metadata = dict[str, Any]


def pass_gate(context: OpExecutionContext, project: Project, action: str) -> Metadata:
    """Emit an action, wait for its hooks, and give what they did as metadata.

    Raises Failure when a required hook did not succeed, or any hook where the action's settings say stop.
    """
    hooks = [hook for hook in project.hooks if hook.action == action]
    if not hooks:
        return {"hooks": 0}
    engine = project.engine()
    run = context.run
    with engine.begin() as connection:
        resumes = run.tags.get(_RESUME_TAG) == "true"
        done = earlier_successes(connection, root_run_id(run), action) if resumes else []
        names = {result.hook for result in done}
        todo = [hook for hook in hooks if hook.name not in names]
        timeout = project.settings.action(action).timeout
        subscribers = _launched_by_sensors(context.instance, todo)
        emitted = emit(connection, root_run_id(run), run.run_id, action, subscribers or (), timeout)
        record_results(connection, emitted.action_id, done)
    deadline = time.monotonic() + timeout.total_seconds()
    if subscribers is None:
        context.log.info("no live sensor daemon: the hooks run in this process")
        ended = _run_here(context, project, todo, emitted, deadline)
    else:
        ended = _wait_for_sensors(context.instance, todo, subscribers, emitted, deadline)
    return _judge(engine, project, action, emitted, [*done, *ended])


def sensors_live(instance: DagsterInstance) -> bool:
    """Whether a daemon lives that evaluates sensors."""
    if instance.schedule_storage is None:
        return False
    heartbeat = instance.get_daemon_heartbeats().get("SENSOR")
    return heartbeat is not None and time.time() - heartbeat.timestamp <= DAEMON_ALIVE_SECONDS


def _launched_by_sensors(instance: DagsterInstance, hooks: Sequence[Hook]) -> list[str] | None:
    """The hooks that sensors will launch; None when no daemon lives that would evaluate sensors."""
    if not sensors_live(instance):
        return None
    stopped = {state.instigator_name for state in instance.all_instigator_state() if not state.is_running}
    return [hook.name for hook in hooks if sensor_name(hook) not in stopped]


def _run_here(
    context: OpExecutionContext, project: Project, hooks: Sequence[Hook], emitted: Emitted, deadline: float
) -> list[HookResult]:
    """Run hooks in this process, side by side. What outlives the deadline is left behind, and too late."""
    ended: dict[str, HookResult] = {}
    loggers = {name: value for name, value in context.run.run_config.items() if name == "loggers"}

    def run(hook: Hook) -> None:
        begin = time.monotonic()
        job: JobDefinition = hook_job(project, hook)
        result = job.execute_in_process(
            instance=context.instance,
            run_config=loggers,
            tags=dict(hook_tags(emitted, hook.name)),
            raise_on_error=False,
        )
        ended[hook.name] = _result(hook, result.dagster_run, result.success, time.monotonic() - begin)

    threads = {
        hook.name: threading.Thread(target=run, args=(hook,), name=f"hook_{hook.name}", daemon=True)
        for hook in hooks
    }
    for thread in threads.values():
        thread.start()
    for thread in threads.values():
        thread.join(max(0.0, deadline - time.monotonic()))
    return [
        ended.get(hook.name)
        or HookResult(hook.name, hook.required, "timeout", None, None, "had not ended in time")
        for hook in hooks
    ]


def _wait_for_sensors(
    instance: DagsterInstance,
    hooks: Sequence[Hook],
    subscribers: Sequence[str],
    emitted: Emitted,
    deadline: float,
) -> list[HookResult]:
    """Wait for the runs that the sensors launch; cancel what has not ended by the deadline."""
    wanted = RunsFilter(tags={ACTION_ID_TAG: str(emitted.action_id)})
    waiting = {hook.name: hook for hook in hooks if hook.name in subscribers}
    ended = [
        HookResult(hook.name, hook.required, "not_run", None, None, "its sensor is switched off")
        for hook in hooks
        if hook.name not in subscribers
    ]
    runs: dict[str, DagsterRun] = {}
    while waiting and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        for record in instance.get_run_records(wanted):
            run = record.dagster_run
            runs[run.tags[HOOK_TAG]] = run
            if run.status in _ENDED and (hook := waiting.pop(run.tags[HOOK_TAG], None)):
                seconds = (record.end_time or 0) - (record.start_time or record.end_time or 0)
                ended.append(_result(hook, run, run.is_success, seconds))
    for name, hook in waiting.items():
        late = runs.get(name)
        if late is not None:
            instance.run_coordinator.cancel_run(late.run_id)
        error = "had not ended in time" if late else "was not launched in time"
        ended.append(HookResult(name, hook.required, "timeout", late.run_id if late else None, None, error))
    return ended


def _result(hook: Hook, run: DagsterRun, success: bool, seconds: float) -> HookResult:
    outcome: HookOutcome = "success" if success else "failure"
    error = None if success else "failed; its run says why"
    return HookResult(hook.name, hook.required, outcome, run.run_id, seconds, error)


def _judge(
    engine: Engine, project: Project, action: str, emitted: Emitted, results: Sequence[HookResult]
) -> Metadata:
    """Write the results down, and stop the workflow or let it go on."""
    bad = [result for result in results if result.outcome != "success"]
    required = [result for result in bad if result.required]
    stops = bool(required) or (bool(bad) and project.settings.action(action).on_error == "stop")
    with engine.begin() as connection:
        record_results(connection, emitted.action_id, results)
        if not stops:
            complete(connection, emitted.action_id)
    metadata = _metadata(results)
    if stops:
        names = ", ".join(f"{result.hook} ({result.outcome}: {result.error})" for result in required or bad)
        raise Failure(
            description=f"{action}: {'required ' if required else ''}hooks did not succeed: {names}",
            metadata=metadata,
            allow_retries=False,
        )
    return metadata


def _metadata(results: Sequence[HookResult]) -> Metadata:
    rows = [
        TableRecord(
            {
                "hook": result.hook,
                "outcome": result.outcome,
                "seconds": round(result.seconds or 0, 2),
                "required": result.required,
                "error": result.error or "",
                "run": result.run_id or "",
            }
        )
        for result in sorted(results, key=lambda result: result.hook)
    ]
    return {"hooks": len(rows), "hooks that ran": MetadataValue.table(rows)}
