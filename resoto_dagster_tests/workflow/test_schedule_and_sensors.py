"""What launches runs: the schedule's ticks, the hooks' sensors, and who runs a gate's hooks."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRunStatus,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    Definitions,
    build_schedule_context,
    build_sensor_context,
)
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from sqlalchemy import Engine, text

from resoto_dagster.config import ACTIONS, ActionSettings
from resoto_dagster.hooks import Hook, HookContext
from resoto_dagster.workflow.actions import (
    Emitted,
    HookOutcome,
    HookResult,
    complete,
    emit,
    missing_successes,
    record_results,
)
from resoto_dagster.workflow.gates import DAEMON_ALIVE_SECONDS
from resoto_dagster_tests.cleanup.conftest import settings
from resoto_dagster_tests.estate import resource, table
from resoto_dagster_tests.workflow.sim import SimCloud, arrange, definitions, workflow

pytestmark = pytest.mark.usefixtures("engine")
WORKFLOW = "collect_and_cleanup"
TICK = datetime(2026, 1, 31, 12, tzinfo=UTC)
FINISHED = {DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED}
UNFINISHED = set(DagsterRunStatus) - FINISHED - {DagsterRunStatus.MANAGED}

REPOSITORY = RemoteRepositoryOrigin(
    InProcessCodeLocationOrigin(
        LoadableTargetOrigin(module_name="resoto_dagster.definitions"), location_name="resoto"
    ),
    "__repository__",
)
"""Where the daemon would find the definitions."""


@pytest.fixture(autouse=True)
def clean_daemon(instance: DagsterInstance) -> Iterator[None]:
    """No daemon and no sensor has ever run; nor has it for the tests that come after."""
    assert instance.schedule_storage is not None
    instance.schedule_storage.wipe()
    yield
    instance.schedule_storage.wipe()
    instance.wipe()


def keep(context: HookContext) -> None:
    """Does nothing."""


def tick(instance: DagsterInstance) -> Any:
    """What the schedule wants at noon."""
    repository = definitions().get_repository_def()
    schedule = repository.get_schedule_def(f"{WORKFLOW}_schedule")
    context = build_schedule_context(
        instance=instance, scheduled_execution_time=TICK, repository_def=repository
    )
    return schedule.evaluate_tick(context)


def make_run(instance: DagsterInstance, status: DagsterRunStatus, job: str = WORKFLOW) -> str:
    definition = definitions().resolve_job_def(job)
    origin = RemoteJobOrigin(REPOSITORY, job) if status == DagsterRunStatus.QUEUED else None
    return instance.create_run_for_job(definition, status=status, remote_job_origin=origin).run_id


def test_a_tick_launches_the_workflow_once(instance: DagsterInstance) -> None:
    arrange()
    result = tick(instance)
    assert result.skip_message is None
    (request,) = result.run_requests
    assert request.run_key == TICK.isoformat()


@pytest.mark.parametrize("status", sorted(UNFINISHED, key=str))
def test_a_tick_is_skipped_while_a_run_has_not_ended_and_names_it(
    instance: DagsterInstance, status: DagsterRunStatus
) -> None:
    arrange()
    run_id = make_run(instance, status)
    result = tick(instance)
    assert not result.run_requests
    assert result.skip_message == f"run {run_id} of {WORKFLOW} is still {status.value.lower()}"


@pytest.mark.parametrize("status", sorted(FINISHED, key=str))
def test_a_run_that_has_ended_in_whatever_way_skips_nothing(
    instance: DagsterInstance, status: DagsterRunStatus
) -> None:
    arrange()
    make_run(instance, status)
    assert len(tick(instance).run_requests) == 1


def test_another_job_that_runs_skips_nothing(instance: DagsterInstance) -> None:
    arrange()
    make_run(instance, DagsterRunStatus.STARTED, "metrics")
    assert len(tick(instance).run_requests) == 1


@pytest.mark.parametrize("cron", ["0 * * * *", "*/5 2 * * 1-5", "@daily"])
def test_the_schedule_is_configurable_and_runs_by_default(cron: str) -> None:
    arrange(schedule=cron)
    schedule = definitions().get_repository_def().get_schedule_def(f"{WORKFLOW}_schedule")
    assert schedule.cron_schedule == cron
    assert schedule.job_name == WORKFLOW
    assert schedule.default_status == DefaultScheduleStatus.RUNNING


def emitted(
    engine: Engine, action: str = "post_collect", hooks: tuple[str, ...] = ("keep",), seconds: float = 60
) -> Emitted:
    with engine.begin() as connection:
        return emit(connection, "root", "attempt", action, hooks, timedelta(seconds=seconds))


def sense(instance: DagsterInstance) -> Any:
    """What the hook's sensor wants now."""
    arrange(Hook(keep, "post_collect"))
    repository = definitions().get_repository_def()
    sensor = repository.get_sensor_def("on_post_collect_keep")
    return sensor.evaluate_tick(build_sensor_context(instance=instance, repository_def=repository))


def test_a_sensor_runs_by_default_and_is_asked_every_second() -> None:
    arrange(Hook(keep, "post_collect"))
    sensor = definitions().get_repository_def().get_sensor_def("on_post_collect_keep")
    assert sensor.default_status == DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 1
    assert sensor.job_name == "hook_keep"


def test_a_sensor_skips_while_no_workflow_waits(instance: DagsterInstance) -> None:
    result = sense(instance)
    assert not result.run_requests
    assert result.skip_message == "no workflow waits at post_collect"


def test_a_sensor_launches_its_hook_once_for_every_action_that_waits(
    instance: DagsterInstance, engine: Engine
) -> None:
    action = emitted(engine)
    for _ in range(2):
        (request,) = sense(instance).run_requests
        assert request.run_key == f"{action.action_id}:keep", "Dagster launches one run for one key"
        assert {name: value for name, value in request.tags.items() if name.startswith("resoto/")} == {
            "resoto/action_id": str(action.action_id),
            "resoto/attempt": "attempt",
            "resoto/workflow_run": "root",
            "resoto/hook": "keep",
        }


@pytest.mark.parametrize("hooks", [(), ("other",)])
def test_a_sensor_leaves_what_is_not_for_it(
    instance: DagsterInstance, engine: Engine, hooks: tuple[str, ...]
) -> None:
    emitted(engine, hooks=hooks)
    assert not sense(instance).run_requests


def test_a_sensor_leaves_what_is_over(instance: DagsterInstance, engine: Engine) -> None:
    done = emitted(engine, "pre_collect")
    with engine.begin() as connection:
        complete(connection, done.action_id)
    emitted(engine, "post_collect", seconds=-1)
    assert sense(instance).skip_message == "no workflow waits at post_collect"


def test_an_action_that_is_emitted_again_waits_once(instance: DagsterInstance, engine: Engine) -> None:
    emitted(engine)
    again = emitted(engine)
    (request,) = sense(instance).run_requests
    assert request.run_key == f"{again.action_id}:keep"


def beat(instance: DagsterInstance, age: float) -> None:
    """The sensor daemon's last sign of life."""
    instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - age, "SENSOR", "daemon-1", []))


def switch(instance: DagsterInstance, sensor: str, status: InstigatorStatus) -> None:
    """Switch a sensor on or off, as the UI does."""
    origin = RemoteInstigatorOrigin(REPOSITORY, sensor)
    instance.add_instigator_state(InstigatorState(origin, InstigatorType.SENSOR, status))


def run_with_hook(instance: DagsterInstance, seconds: float = 0.6, **given: Any) -> Any:
    """The workflow with a hook on post_collect, the gate of which waits so long at most."""
    actions = {"post_collect": ActionSettings(timeout=timedelta(seconds=seconds))}
    arrange(Hook(keep, "post_collect", **given), cloud=SimCloud(resource("v1")), actions=actions)
    return workflow().execute_in_process(instance=instance, raise_on_error=False)


def ran(result: Any) -> dict[str, Any]:
    """What the gate's metadata says of its hook."""
    (event,) = (
        event
        for event in result.get_asset_materialization_events()
        if event.asset_key == AssetKey("inventory")
    )
    (record,) = event.materialization.metadata["hooks that ran"].value.records
    return dict(record.data)


@pytest.mark.parametrize("age", [None, DAEMON_ALIVE_SECONDS + 30, 86_400])
def test_without_a_live_daemon_the_gate_runs_its_hooks_itself(
    instance: DagsterInstance, engine: Engine, age: float | None
) -> None:
    if age is not None:
        beat(instance, age)
    told = ran(run_with_hook(instance, seconds=30))
    assert (told["hook"], told["outcome"], told["error"]) == ("keep", "success", "")
    assert table(engine, "SELECT subscribers FROM inventory.actions") == [([],)], "no sensor shall launch it"
    assert instance.get_run_by_id(told["run"]).job_name == "hook_keep"


@pytest.mark.parametrize("age", [0, DAEMON_ALIVE_SECONDS - 30])
def test_while_a_daemon_lives_the_gate_leaves_its_hooks_to_the_sensors(
    instance: DagsterInstance, engine: Engine, age: float
) -> None:
    """Here the daemon has died a moment ago: nothing is launched, and the gate says so in time."""
    beat(instance, age)
    told = ran(run_with_hook(instance))
    assert (told["outcome"], told["error"]) == ("timeout", "was not launched in time")
    assert table(engine, "SELECT subscribers, completed_at IS NOT NULL FROM inventory.actions") == [
        (["keep"], True)
    ]


def test_the_gate_goes_on_when_the_run_that_the_sensor_launched_has_ended(
    instance: DagsterInstance, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test plays the daemon: it asks the sensor and launches what the sensor wants."""
    beat(instance, 0)
    launched: list[str] = []
    get_run_records: Callable[..., Any] = instance.get_run_records

    def daemon(*args: Any, **kwargs: Any) -> Any:
        if not launched:
            repository = definitions().get_repository_def()
            context = build_sensor_context(instance=instance, repository_def=repository)
            (request,) = repository.get_sensor_def("on_post_collect_keep").evaluate_tick(context).run_requests
            job = definitions().resolve_job_def("hook_keep")
            launched.append(job.execute_in_process(instance=instance, tags=dict(request.tags)).run_id)
        return get_run_records(*args, **kwargs)

    monkeypatch.setattr(instance, "get_run_records", daemon)
    told = ran(run_with_hook(instance, seconds=30))
    assert (told["outcome"], told["run"]) == ("success", launched[0])


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (None, "timeout"),
        (InstigatorStatus.DECLARED_IN_CODE, "timeout"),
        (InstigatorStatus.RUNNING, "timeout"),
        (InstigatorStatus.STOPPED, "not_run"),
    ],
)
def test_a_hook_whose_sensor_is_switched_off_is_not_waited_for_and_named(
    instance: DagsterInstance, engine: Engine, status: InstigatorStatus | None, outcome: str
) -> None:
    beat(instance, 0)
    if status is not None:
        switch(instance, "on_post_collect_keep", status)
    switch(instance, "on_post_collect_other", InstigatorStatus.STOPPED)
    told = ran(run_with_hook(instance))
    assert told["outcome"] == outcome
    if outcome == "not_run":
        assert told["error"] == "its sensor is switched off"
        assert table(engine, "SELECT hook, outcome FROM inventory.hook_outcomes") == [("keep", "not_run")]


def test_a_required_hook_whose_sensor_is_switched_off_stops_the_workflow(instance: DagsterInstance) -> None:
    beat(instance, 0)
    switch(instance, "on_post_collect_keep", InstigatorStatus.STOPPED)
    result = run_with_hook(instance, required=True)
    assert not result.success
    (event,) = result.get_step_failure_events()
    assert event.step_failure_data.user_failure_data.description == (
        "post_collect: required hooks did not succeed: keep (not_run: its sensor is switched off)"
    )


REQUIRED = [("post_collect", "check"), ("pre_cleanup", "approve")]
MISSING: dict[str, tuple[list[tuple[str, str, list[tuple[str, HookOutcome]]]], list[str]]] = {
    "nothing was emitted": ([], ["check (post_collect)", "approve (pre_cleanup)"]),
    "all succeeded": (
        [("root", "post_collect", [("check", "success")]), ("root", "pre_cleanup", [("approve", "success")])],
        [],
    ),
    "one was not reached": ([("root", "post_collect", [("check", "success")])], ["approve (pre_cleanup)"]),
    "one has not ended": (
        [("root", "post_collect", [("check", "success")]), ("root", "pre_cleanup", [])],
        ["approve (pre_cleanup)"],
    ),
    "another hook succeeded": (
        [("root", "post_collect", [("check", "success")]), ("root", "pre_cleanup", [("check", "success")])],
        ["approve (pre_cleanup)"],
    ),
    "another workflow's succeeded": (
        [
            ("root", "post_collect", [("check", "success")]),
            ("other", "pre_cleanup", [("approve", "success")]),
        ],
        ["approve (pre_cleanup)"],
    ),
    "it succeeded, and failed when it was asked again": (
        [
            ("root", "pre_cleanup", [("approve", "success")]),
            ("root", "post_collect", [("check", "success")]),
            ("root", "pre_cleanup", [("approve", "failure")]),
        ],
        ["approve (pre_cleanup)"],
    ),
    "it failed, and succeeded when it was asked again": (
        [
            ("root", "post_collect", [("check", "failure")]),
            ("root", "post_collect", [("check", "success")]),
            ("root", "pre_cleanup", [("approve", "success")]),
        ],
        [],
    ),
    **{
        f"one ended as {outcome}": (
            [
                ("root", "post_collect", [("check", outcome)]),
                ("root", "pre_cleanup", [("approve", "success")]),
            ],
            ["check (post_collect)"],
        )
        for outcome in ("failure", "timeout", "not_run")
    },
}


@pytest.mark.parametrize("case", MISSING)
def test_required_hooks_are_missing_until_their_last_emission_succeeded(engine: Engine, case: str) -> None:
    emissions, missing = MISSING[case]
    with engine.begin() as connection:
        for root, action, results in emissions:
            made = emit(connection, root, "attempt", action, [], timedelta(seconds=60))
            record_results(
                connection,
                made.action_id,
                [HookResult(hook, True, outcome, None, None, None) for hook, outcome in results],
            )
        assert missing_successes(connection, "root", REQUIRED) == missing
        assert missing_successes(connection, "root", []) == []


def test_hooks_may_bear_the_names_of_actions_and_steps(instance: DagsterInstance) -> None:
    def named(name: str) -> Hook:
        def function(context: HookContext) -> None:
            """A hook."""

        function.__name__ = name
        return Hook(function, "post_collect")

    names = [*ACTIONS, "collect_and_cleanup", "collect_sim", "sim", "inventory"]
    arrange(*map(named, names))
    Definitions.validate_loadable(definitions())
    arrange(named("post_collect"))
    assert ran(workflow().execute_in_process(instance=instance))["outcome"] == "success"


def test_a_switched_off_sensor_of_an_optional_hook_stops_where_settings_say_so(
    instance: DagsterInstance, engine: Engine
) -> None:
    beat(instance, 0)
    switch(instance, "on_pre_cleanup_keep", InstigatorStatus.STOPPED)
    cloud = SimCloud(resource("v1", tags={"expiration": "1d"}))
    arrange(Hook(keep, "pre_cleanup"), cloud=cloud, cleanup=settings())
    assert not workflow().execute_in_process(instance=instance, raise_on_error=False).success
    assert set(cloud.resources) == {"v1"}
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT outcome FROM inventory.hook_outcomes")) == "not_run"
