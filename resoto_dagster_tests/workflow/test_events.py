"""Collecting on events: when the sensor launches a run, and that it never collects beside a workflow."""

import threading
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    Definitions,
    ExecuteInProcessResult,
    build_sensor_context,
)
from dagster._core.remote_origin import RemoteJobOrigin
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG
from sqlalchemy import Engine, text

from resoto_dagster.config import ProviderSettings
from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.turn import turn
from resoto_dagster.workflow.events import SECONDS_BETWEEN
from resoto_dagster_tests.cleanup.conftest import settings
from resoto_dagster_tests.estate import KINDS, resource, table
from resoto_dagster_tests.workflow.sim import NoSettings, SimCloud, arrange, definitions
from resoto_dagster_tests.workflow.test_schedule_and_sensors import FINISHED, REPOSITORY, UNFINISHED
from resoto_dagster_tests.workflow.test_workflow import failure

pytestmark = pytest.mark.usefixtures("engine")

JOB, SENSOR = "collect_touched_sim", "on_sim_events"
LISTENS = {"sim": ProviderSettings(kinds=tuple(KINDS), own=NoSettings(events=True))}


def listen(*resources: Any, **given: Any) -> SimCloud:
    """A cloud that tells of its changes, in the current project."""
    cloud = SimCloud(*resources)
    arrange(cloud=cloud, providers=LISTENS, **given)
    return cloud


def tick(instance: DagsterInstance) -> Any:
    repository = definitions().get_repository_def()
    sensor = repository.get_sensor_def(SENSOR)
    return sensor.evaluate_tick(build_sensor_context(instance=instance, repository_def=repository))


def launch(instance: DagsterInstance, request: Any) -> ExecuteInProcessResult:
    job = definitions().resolve_job_def(JOB)
    return job.execute_in_process(instance=instance, tags=dict(request.tags), raise_on_error=False)


def run(instance: DagsterInstance, job: str) -> ExecuteInProcessResult:
    return definitions().resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False)


def make_run(instance: DagsterInstance, status: DagsterRunStatus, job: str = "collect_and_cleanup") -> str:
    """A run of a job, with the tags that it has when it is launched."""
    definition = definitions().resolve_job_def(job)
    origin = RemoteJobOrigin(REPOSITORY, job) if status == DagsterRunStatus.QUEUED else None
    made = instance.create_run_for_job(
        definition, status=status, remote_job_origin=origin, tags=dict(definition.tags)
    )
    return made.run_id


def known(engine: Engine) -> set[str]:
    return {id_ for (id_,) in table(engine, "SELECT id FROM inventory.resources")}


def test_without_a_source_of_events_there_is_neither_sensor_nor_job() -> None:
    arrange()
    repository = definitions().get_repository_def()
    assert not repository.has_sensor_def(SENSOR)
    assert not repository.has_job(JOB)


def test_the_sensor_runs_by_default_and_often_enough() -> None:
    listen()
    Definitions.validate_loadable(definitions())
    sensor = definitions().get_repository_def().get_sensor_def(SENSOR)
    assert sensor.default_status == DefaultSensorStatus.RUNNING
    assert sensor.job_name == JOB
    assert sensor.minimum_interval_seconds == SECONDS_BETWEEN
    assert SECONDS_BETWEEN <= 15


def test_a_run_on_events_takes_its_turn_and_does_not_keep_it() -> None:
    listen()
    tags = definitions().resolve_job_def(JOB).tags
    assert tags["resoto/workflow"] == "true", "dagster.yaml has one run at a time with that tag"
    assert 0 < int(tags[MAX_RUNTIME_SECONDS_TAG]) <= 900


def test_the_run_reads_what_was_touched_and_forgets_the_events(
    instance: DagsterInstance, engine: Engine
) -> None:
    cloud = listen(resource("v1"), resource("i1", "sim_instance"))
    cloud.events.tell("e1", "sim_volume")
    (request,) = tick(instance).run_requests
    assert request.tags["resoto/events"] == "change 1"
    assert cloud.events.waiting, "it is not forgotten before it is collected"
    assert launch(instance, request).success
    assert cloud.collected == ["sim_volume"]
    assert known(engine) == {"v1"}
    assert not cloud.events.waiting
    assert table(engine, "SELECT count(*) FROM inventory.event_batches") == [(0,)]


@pytest.mark.parametrize("status", sorted(UNFINISHED, key=str))
@pytest.mark.parametrize("job", ["collect_and_cleanup", "cleanup", JOB])
def test_events_wait_while_a_run_collects_or_is_about_to(
    instance: DagsterInstance, job: str, status: DagsterRunStatus
) -> None:
    cloud = listen()
    cloud.events.tell("e1", "sim_volume")
    run_id = make_run(instance, status, job)
    result = tick(instance)
    assert not result.run_requests
    assert result.skip_message == f"events wait, since run {run_id} of {job} is {status.value.lower()}"
    assert cloud.events.deliveries == 0, "they are not even received"


def test_events_wait_while_an_asset_is_materialised(instance: DagsterInstance) -> None:
    listen().events.tell("e1", "sim_volume")
    job = definitions().resolve_implicit_global_asset_job_def()
    run_id = instance.create_run_for_job(job, status=DagsterRunStatus.STARTED).run_id
    assert run_id in tick(instance).skip_message


@pytest.mark.parametrize("status", sorted(FINISHED, key=str))
def test_events_do_not_wait_for_what_has_ended(instance: DagsterInstance, status: DagsterRunStatus) -> None:
    listen().events.tell("e1", "sim_volume")
    make_run(instance, status)
    assert len(tick(instance).run_requests) == 1


def test_a_run_that_finds_a_workflow_at_work_reads_nothing(instance: DagsterInstance, engine: Engine) -> None:
    """One that passed Dagster's queue by, as `resoto run` does."""
    cloud = listen(resource("v1"))
    cloud.events.tell("e1", "sim_volume")
    (request,) = tick(instance).run_requests
    other = make_run(instance, DagsterRunStatus.STARTED)
    result = launch(instance, request)
    assert failure(result) == (
        "read_touched_sim",
        f"the events come again: run {other} of collect_and_cleanup is started",
    )
    assert cloud.collected == []
    assert cloud.events.waiting
    instance.delete_run(other)
    (again,) = tick(instance).run_requests
    assert again.run_key != request.run_key
    assert launch(instance, again).success
    assert known(engine) == {"v1"}


def test_a_run_goes_on_while_a_workflow_is_queued_behind_it(
    instance: DagsterInstance, engine: Engine
) -> None:
    cloud = listen(resource("v1"))
    cloud.events.tell("e1", "sim_volume")
    (request,) = tick(instance).run_requests
    make_run(instance, DagsterRunStatus.QUEUED)
    assert launch(instance, request).success
    assert known(engine) == {"v1"}


@pytest.mark.parametrize("job", ["collect_and_cleanup", "cleanup"])
def test_a_workflow_begins_only_when_the_turn_is_free(
    instance: DagsterInstance, engine: Engine, job: str
) -> None:
    cloud = listen(resource("v1"), cleanup=settings())
    order: list[str] = []
    read = cloud.collect

    def noted(*args: Any, **kwargs: Any) -> None:
        order.append("collect")
        read(*args, **kwargs)

    cloud.collect = noted  # type: ignore[method-assign]
    thread = threading.Thread(target=lambda: (run(instance, job), order.append("ended")))
    with turn(engine):
        thread.start()
        _until_something_waits(engine)
        assert order == []
    thread.join(60)
    assert order == (["collect", "ended"] if job == "collect_and_cleanup" else ["ended"])
    assert table(engine, "SELECT count(*) FROM inventory.plans") == [(1,)]


def _until_something_waits(engine: Engine) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    pause = threading.Event()
    for _ in range(600):
        if table(engine, waiting) != [(0,)]:
            return
        pause.wait(0.05)
    raise AssertionError("nothing waits for the turn")


def test_a_turn_ends_with_an_error(engine: Engine) -> None:
    with pytest.raises(RuntimeError), turn(engine):
        raise RuntimeError
    with turn(engine):
        assert table(engine, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(1,)]
    assert table(engine, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


def test_events_alone_delete_nothing(instance: DagsterInstance, engine: Engine) -> None:

    cloud = listen(
        resource("v1", tags={"expiration": "1d"}), resource("i1", "sim_instance"), cleanup=settings()
    )
    cloud.events.tell("e1", "sim_volume")
    (request,) = tick(instance).run_requests
    assert launch(instance, request).success
    assert set(cloud.resources) == {"v1", "i1"}, "events alone delete nothing"
    assert run(instance, "collect_and_cleanup").success
    assert set(cloud.resources) == {"i1"}


@pytest.mark.parametrize("whole", [True, False])
def test_a_cleanup_needs_more_than_what_was_read_on_events(
    instance: DagsterInstance, engine: Engine, whole: bool
) -> None:
    """Who needs a volume is not known anew by reading the volumes again."""
    cloud = listen(resource("v1", tags={"expiration": "1d"}), cleanup=settings())
    if whole:
        assert run(instance, "collect").success
        with engine.begin() as connection:
            for statement in (
                "UPDATE inventory.accounts SET attempted_at = attempted_at - interval '3 hours'",
                "UPDATE inventory.scopes SET succeeded_at = succeeded_at - interval '3 hours'",
            ):
                connection.execute(text(statement))
    cloud.events.tell("e1", "sim_volume")
    (request,) = tick(instance).run_requests
    assert launch(instance, request).success
    assert run(instance, "cleanup").success
    assert set(cloud.resources) == {"v1"}
    ((kept,),) = table(engine, "SELECT kept FROM inventory.plan_items")
    never = "its account was never collected as a whole"
    assert kept.startswith("data is too old: its account was last collected 2" if whole else never)
    assert run(instance, "collect").success
    assert run(instance, "cleanup").success
    assert cloud.resources == {}


def test_a_scope_that_fails_is_told_and_the_others_are_read(
    instance: DagsterInstance, engine: Engine
) -> None:
    cloud = listen(resource("v1"), resource("i1", "sim_instance"))
    assert run(instance, "collect").success
    cloud.denied = {"sim_volume"}
    for kind in ("sim_volume", "sim_instance"):
        cloud.events.tell(kind, kind)
    (request,) = tick(instance).run_requests
    result = launch(instance, request)
    assert result.success
    statement = "SELECT kind, state, error FROM inventory.scopes WHERE run_id = :run ORDER BY kind"
    assert table(engine, statement, run=result.run_id) == [
        ("sim_instance", "fresh", None),
        ("sim_volume", "failed", "AccessDenied: sim:List sim_volume"),
    ]
    assert not cloud.events.waiting, "the next whole collect reads it again anyway"


def test_a_run_that_reads_half_and_dies_leaves_no_scope_half_read(
    instance: DagsterInstance, engine: Engine
) -> None:
    cloud = listen(resource("v1"))
    assert run(instance, "collect").success
    before = table(engine, "SELECT * FROM inventory.scopes ORDER BY kind")
    cloud.events.tell("e1", "sim_volume")
    (request,) = tick(instance).run_requests

    def die(kinds: Any, sink: Any, only: Any) -> None:
        sink.accounts_expected(["a1"])
        sink.scopes_expected(sorted(only))
        raise RuntimeError("the process dies")

    cloud.collect = die  # type: ignore[method-assign]
    assert not launch(instance, request).success
    assert table(engine, "SELECT * FROM inventory.scopes ORDER BY kind") == before
    assert cloud.events.waiting


def test_a_scope_that_is_not_configured_any_more_is_left_out(
    instance: DagsterInstance, engine: Engine
) -> None:
    cloud = listen(resource("v1"))
    cloud.events.tell("e1", "sim_volume", account="a2")
    cloud.events.tell("e2", "sim_volume")
    (request,) = tick(instance).run_requests
    assert launch(instance, request).success
    assert table(engine, "SELECT account, state FROM inventory.scopes") == [("a1", "fresh")]
    assert not cloud.events.waiting


def test_a_source_that_can_not_be_read_fails_the_tick_in_one_line(instance: DagsterInstance) -> None:
    listen().events.broken = "AccessDenied: sim:Receive"
    with pytest.raises(
        ResotoError, match=r"^the events of sim can't be received: AccessDenied: sim:Receive$"
    ):
        tick(instance)


def test_events_that_can_not_be_forgotten_fail_nothing(instance: DagsterInstance, engine: Engine) -> None:
    cloud = listen(resource("v1"))
    cloud.events.tell("e1", "sim_volume")
    (request,) = tick(instance).run_requests
    cloud.events.broken = "AccessDenied: sim:Forget"
    result = launch(instance, request)
    assert result.success
    assert known(engine) == {"v1"}
    told = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert "events that are collected come once more: AccessDenied: sim:Forget" in told


def test_a_run_for_no_events_says_who_launches_such_runs(instance: DagsterInstance) -> None:
    listen()
    assert failure(run(instance, JOB)) == (
        "read_touched_sim",
        "the run was launched for no events; on_sim_events launches such runs",
    )


def test_the_hooks_of_the_workflow_do_not_run(instance: DagsterInstance, engine: Engine) -> None:
    cloud = listen(resource("v1"))
    cloud.events.tell("e1", "sim_volume")
    (request,) = tick(instance).run_requests
    assert launch(instance, request).success
    assert table(engine, "SELECT count(*) FROM inventory.actions") == [(0,)]


def test_the_tag_that_names_the_events_stays_short(instance: DagsterInstance) -> None:
    cloud = listen()
    for number in range(100):
        cloud.events.tell(f"e{number}", "sim_volume", name=f"change{number:03}")
    (request,) = tick(instance).run_requests
    assert len(request.tags["resoto/events"]) == 200
    assert request.tags["resoto/events"].startswith("change000 1, change001 1, ")


def test_what_was_dropped_is_told(instance: DagsterInstance) -> None:
    cloud = listen()
    cloud.events.dropped = {"call that only reads": 2}
    assert tick(instance).skip_message == ("no events of what is collected; dropped: call that only reads 2")
