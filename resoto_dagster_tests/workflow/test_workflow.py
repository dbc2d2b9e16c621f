import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from dagster import (
    AssetKey,
    AssetSelection,
    DagsterInstance,
    Definitions,
    ExecuteInProcessResult,
    ReexecutionOptions,
    execute_job,
)
from dagster._core.definitions.reconstruct import ReconstructableJob
from sqlalchemy import Engine

from resoto_dagster.config import ActionSettings
from resoto_dagster.hooks import Hook, HookContext
from resoto_dagster.workflow import hook_jobs
from resoto_dagster.workflow.collect import not_collected
from resoto_dagster_tests.cleanup.conftest import network_with_everything, settings
from resoto_dagster_tests.estate import resource, table
from resoto_dagster_tests.workflow import sim
from resoto_dagster_tests.workflow.sim import SimCloud, arrange, definitions, workflow

pytestmark = pytest.mark.usefixtures("engine")
FULL_ORDER = [
    "collect_step.pre_collect",
    "collect_step.collect_sim",
    "collect_step.merge_outer_edges",
    "collect_step.post_collect",
    "cleanup_plan_step.pre_cleanup_plan",
    "cleanup_plan_step.cleanup_plan",
    "cleanup_plan_step.post_cleanup_plan",
    "cleanup_step.pre_cleanup",
    "cleanup_step.cleanup",
    "cleanup_step.post_cleanup",
    "generate_metrics_step.pre_generate_metrics",
    "generate_metrics_step.generate_metrics",
    "generate_metrics_step.post_generate_metrics",
]


def run(instance: DagsterInstance, selection: list[AssetKey] | None = None) -> ExecuteInProcessResult:
    return workflow().execute_in_process(instance=instance, raise_on_error=False, asset_selection=selection)


def steps(result: ExecuteInProcessResult) -> list[str]:
    return [str(event.step_key) for event in result.all_events if event.event_type_value == "STEP_SUCCESS"]


def failure(result: ExecuteInProcessResult) -> tuple[str, str]:
    """The step that failed, and what it says."""
    (event,) = result.get_step_failure_events()
    told = event.step_failure_data.user_failure_data
    return str(event.step_key), str(told.description if told else event.step_failure_data.error)


def metadata(result: ExecuteInProcessResult, key: str) -> dict[str, Any]:
    for event in result.get_asset_materialization_events():
        if event.asset_key == AssetKey(key.split("/")):
            return {name: value.value for name, value in event.materialization.metadata.items()}
    raise AssertionError(f"{key} was not materialized")


def warnings(instance: DagsterInstance, result: ExecuteInProcessResult) -> list[str]:
    """What the run's log warns of."""
    return [
        entry.user_message for entry in instance.all_logs(result.run_id) if entry.level == logging.WARNING
    ]


def hook(action: str, function: Callable[[HookContext], object], *, required: bool = False) -> Hook:
    return Hook(function, action, required)


def test_the_definitions_are_loadable_and_bear_the_names_that_others_rely_on() -> None:
    def keep(context: HookContext) -> None: ...

    arrange(hook("post_collect", keep))
    defs = definitions()
    Definitions.validate_loadable(defs)
    repository = defs.get_repository_def()
    assert {job.name for job in repository.get_all_jobs()} >= {
        "collect_and_cleanup",
        "collect",
        "cleanup",
        "metrics",
        "hook_keep",
    }
    assert repository.has_schedule_def("collect_and_cleanup_schedule")
    assert repository.has_sensor_def("on_post_collect_keep")
    keys = {key.to_user_string() for key in defs.resolve_all_asset_keys()}
    assert keys == {
        *(f"sim/{kind}" for kind in sim.KINDS),
        "sim/inventory",
        "inventory",
        "cleanup_plan",
        "cleanup",
        "generate_metrics",
    }


def test_the_whole_workflow_in_its_order(instance: DagsterInstance) -> None:
    cloud = SimCloud(*network_with_everything(), resource("stays"))
    arrange(cloud=cloud, cleanup=settings(accounts={"sim": ["a1"]}))
    result = run(instance)
    assert result.success
    assert steps(result) == FULL_ORDER
    assert set(cloud.resources) == {"stays"}
    volumes = metadata(result, "sim/sim_volume")
    assert (volumes["dagster/row_count"], volumes["added"], volumes["failed scopes"]) == (2, 2, 0)
    plan = metadata(result, "cleanup_plan")
    rows = {row.data["id"]: row.data for row in plan["plan"].records}
    assert rows["ins"]["wave"] == 1
    assert rows["vol"]["where"] == "sim/a1/r1"
    assert rows["vol"]["age"].startswith("10d")
    assert rows["vol"]["why"].startswith("expired ")
    assert metadata(result, "cleanup")["deleted"] == 3
    assert metadata(result, "generate_metrics")["cached"] is False


def test_cleanup_is_off_by_default(instance: DagsterInstance) -> None:
    cloud = SimCloud(*network_with_everything())
    arrange(cloud=cloud)
    result = run(instance)
    assert result.success
    assert len(cloud.resources) == 3
    assert "cleanup is off" in str(metadata(result, "cleanup")["nothing is deleted because"])


def test_trap_8_without_a_provider_the_workflow_is_done_at_once(instance: DagsterInstance) -> None:
    arrange(providers={})
    result = run(instance)
    assert result.success
    assert steps(result) == [step for step in FULL_ORDER if "collect_sim" not in step]


def test_one_kind_alone_is_collected_alone(instance: DagsterInstance) -> None:
    cloud = SimCloud(resource("v1"), resource("i1", "sim_instance"))
    arrange(cloud=cloud)
    result = run(instance, [AssetKey(["sim", "sim_volume"])])
    assert steps(result) == FULL_ORDER[:2]
    assert cloud.collected == ["sim_volume"]
    assert [event.asset_key for event in result.get_asset_materialization_events()] == [
        AssetKey(["sim", "sim_volume"])
    ]


def test_lineage_follows_what_kinds_belong_to() -> None:
    from resoto_dagster.providers import load_provider
    from resoto_dagster.workflow.collect import lineage

    parents = lineage(load_provider("aws").kinds)
    assert parents["aws_ec2_route_table"] == ("aws_vpc",), "the region is implied"
    assert parents["aws_vpc"] == ("aws_service_quota",)
    assert parents["aws_service_quota"] == ("aws_region",)
    assert parents["aws_ec2_subnet"] == ("aws_vpc",)
    assert "aws_ec2_subnet" in parents["aws_ec2_instance"]
    assert parents["aws_ec2_volume"] == ("aws_ec2_volume_type", "aws_ec2_instance")
    order = list(parents)
    for kind, above in parents.items():
        assert all(order.index(parent) < order.index(kind) for parent in above)


def test_a_kind_that_could_not_be_read_is_told_in_the_run_and_planned_for_nothing(
    instance: DagsterInstance,
) -> None:
    cloud = SimCloud(*network_with_everything())
    arrange(cloud=cloud, cleanup=settings())
    run(instance)
    cloud.resources |= {one.id: one for one in network_with_everything()}
    cloud.denied = {"sim_volume"}
    result = run(instance)
    assert result.success
    assert metadata(result, "sim/sim_volume")["failed scopes"] == 1
    assert metadata(result, "inventory")["scopes not fresh"] == 1
    record = instance.get_run_by_id(result.run_id)
    assert record is not None
    assert record.tags["resoto/not_collected_sim"] == "0 accounts, 1 scopes"
    assert warnings(instance, result) == [
        "not collected: sim/a1/r1/sim_volume: AccessDenied: sim:List sim_volume"
    ]
    assert "vol" in cloud.resources


def test_what_failed_for_one_reason_is_told_in_one_line() -> None:
    failed = dict.fromkeys((f"sim/a1/r{number}/sim_volume" for number in range(2000)), "ExpiredToken")
    failed |= {"sim/a2": "AccessDenied", "sim/a1/r1/sim_network": "Throttled", "sim/a0": "AccessDenied"}
    assert list(not_collected(failed)) == [
        "not collected: sim/a0, sim/a2: AccessDenied",
        "not collected: sim/a1/r0/sim_volume, sim/a1/r1/sim_volume, sim/a1/r10/sim_volume and 1997 more: "
        "ExpiredToken",
        "not collected: sim/a1/r1/sim_network: Throttled",
    ]
    assert list(not_collected({})) == []


def test_an_account_of_which_there_is_nothing_to_read_is_told_and_no_failure(
    instance: DagsterInstance, engine: Engine
) -> None:
    cloud = SimCloud(resource("v1"))
    cloud.empty = {"a2": "no region"}
    arrange(cloud=cloud)
    result = run(instance)
    assert result.success
    assert warnings(instance, result) == ["nothing is collected of sim/a2: no region"]
    assert metadata(result, "sim/inventory")["failed accounts"] == 0
    states = table(engine, "SELECT account, state FROM inventory.accounts ORDER BY account")
    assert states == [("a1", "fresh"), ("a2", "fresh")]


def test_metrics_are_computed_once_while_nothing_changes(instance: DagsterInstance, engine: Engine) -> None:
    cloud = SimCloud(resource("v1"))
    arrange(cloud=cloud)
    cached = []
    for change in (None, None, resource("v2"), None):
        if change is not None:
            cloud.resources[change.id] = change
        cached.append(metadata(run(instance), "generate_metrics")["cached"])
    assert cached == [False, True, False, True]
    measured = "SELECT count(*), count(DISTINCT measured_at) FROM inventory.metrics"
    assert table(engine, measured) == [(4, 2)]


def test_a_hook_gates_and_its_marks_count_in_the_same_run(instance: DagsterInstance) -> None:
    def keep_volumes(context: HookContext) -> None:
        assert len(context.search("is(volume)")) == 1
        context.protect("is(volume)", "precious")

    def drop_networks(context: HookContext) -> None:
        context.clean('is(network) and name = "idle"', "idle")

    cloud = SimCloud(*network_with_everything(), resource("n2", "sim_network", name="idle"))
    arrange(
        hook("post_collect", keep_volumes),
        hook("cleanup_plan", drop_networks),
        cloud=cloud,
        cleanup=settings(),
    )
    result = run(instance)
    assert result.success
    assert set(cloud.resources) == {"vol"}
    ran = metadata(result, "inventory")["hooks that ran"].records
    assert [(row.data["hook"], row.data["outcome"]) for row in ran] == [("keep_volumes", "success")]
    hook_run = instance.get_run_by_id(str(ran[0].data["run"]))
    assert hook_run is not None
    assert hook_run.tags[hook_jobs.WORKFLOW_TAG] == result.run_id


def fails(context: HookContext) -> None:
    raise RuntimeError("no")


def test_a_hook_that_fails_is_told_and_the_workflow_goes_on(instance: DagsterInstance) -> None:
    arrange(hook("post_collect", fails))
    result = run(instance)
    assert result.success
    assert metadata(result, "inventory")["hooks that ran"].records[0].data["outcome"] == "failure"


def test_a_hook_that_fails_before_the_cleanup_stops_it(instance: DagsterInstance) -> None:
    cloud = SimCloud(*network_with_everything())
    arrange(hook("pre_cleanup", fails), cloud=cloud, cleanup=settings())
    step, why = failure(run(instance))
    assert step == "cleanup_step.pre_cleanup"
    assert "fails (failure" in why
    assert len(cloud.resources) == 3


def test_a_hook_that_does_not_end_in_time_is_left_behind_and_its_marks_are_not_set(
    instance: DagsterInstance, engine: Engine
) -> None:
    def slow(context: HookContext) -> None:
        context.clean("is(volume)", "late")
        time.sleep(1.5)

    cloud = SimCloud(resource("v1"))
    actions = {"pre_cleanup_plan": ActionSettings(timeout=timedelta(seconds=0.5))}
    arrange(hook("pre_cleanup_plan", slow), cloud=cloud, cleanup=settings(), actions=actions)
    result = run(instance)
    assert result.success
    time.sleep(2.5)
    assert table(engine, "SELECT outcome FROM inventory.hook_outcomes") == [("timeout",)]
    assert table(engine, "SELECT count(*) FROM inventory.marks") == [(0,)]
    assert set(cloud.resources) == {"v1"}


def test_the_plan_is_frozen_for_hooks_that_come_after_it(instance: DagsterInstance) -> None:
    def too_late(context: HookContext) -> None:
        context.clean("is(volume)", "too late")

    cloud = SimCloud(resource("v1"))
    arrange(hook("pre_cleanup", too_late), cloud=cloud, cleanup=settings())
    result = run(instance)
    assert not result.success
    assert set(cloud.resources) == {"v1"}


def reexecute(instance: DagsterInstance, run_id: str) -> bool:
    job = ReconstructableJob.for_module(sim.__name__, "workflow")
    options = ReexecutionOptions.from_failure(run_id, instance)
    with execute_job(job, instance, reexecution_options=options) as result:
        return result.success


@pytest.mark.parametrize("action", ["pre_collect", "post_collect", "cleanup_plan", "pre_cleanup"])
def test_a_required_hook_stops_the_workflow_also_after_a_re_execution_from_failure(
    instance: DagsterInstance, action: str
) -> None:
    broken = {"yes": True}

    def check(context: HookContext) -> None:
        if broken["yes"]:
            raise RuntimeError("not today")

    cloud = SimCloud(*network_with_everything())
    arrange(hook(action, check, required=True), cloud=cloud, cleanup=settings())
    result = run(instance)
    assert not result.success
    assert not reexecute(instance, result.run_id)
    assert len(cloud.resources) == 3
    broken.clear()
    broken["yes"] = False
    assert reexecute(instance, result.run_id)
    assert cloud.resources == {}


def test_a_re_execution_that_starts_at_the_cleanup_passes_no_gate_and_deletes_nothing(
    instance: DagsterInstance,
) -> None:
    """The step itself asks for the required hooks: here its gate succeeded before the hook was added."""
    cloud = SimCloud(*network_with_everything())
    arrange(cloud=cloud, cleanup=settings())
    cloud.refuses = {"ins": "boom"}
    cloud.read = _raise  # type: ignore[method-assign]
    result = run(instance)
    assert failure(result)[0] == "cleanup_step.cleanup"
    fresh = SimCloud(*network_with_everything())
    arrange(hook("pre_cleanup", fails, required=True), cloud=fresh, cleanup=settings())
    assert not reexecute(instance, result.run_id)
    assert len(fresh.resources) == 3


def _raise(_resource: object) -> None:
    raise RuntimeError("the process dies")


def test_the_cleanup_executes_the_plan_of_its_own_run_and_no_other(instance: DagsterInstance) -> None:
    cloud = SimCloud(*network_with_everything())
    arrange(cloud=cloud, cleanup=settings(dry_run=True))
    assert run(instance).success
    arrange(cloud=cloud, cleanup=settings())
    result = run(instance, [AssetKey("cleanup")])
    step, why = failure(result)
    assert step == "cleanup_step.cleanup"
    assert "this run has made no plan" in why
    assert len(cloud.resources) == 3


def test_a_cleanup_that_dies_is_resumed_by_a_re_execution_from_failure(instance: DagsterInstance) -> None:
    cloud = SimCloud(*network_with_everything())
    arrange(cloud=cloud, cleanup=settings())

    def die(id_: str) -> None:
        if id_ == "net":
            raise RuntimeError("the process dies")

    cloud.before_delete = die
    result = run(instance)
    assert not result.success
    cloud.before_delete = lambda _id: None
    assert reexecute(instance, result.run_id)
    assert cloud.resources == {}
    assert cloud.deleted.count("ins") == 1


def test_the_siblings_run_their_part(instance: DagsterInstance) -> None:
    arrange(cloud=SimCloud(resource("v1")))
    ran = {}
    for name in ("collect", "cleanup", "metrics"):
        result = definitions().resolve_job_def(name).execute_in_process(instance=instance)
        ran[name] = steps(result)
    assert ran["collect"] == [step for step in FULL_ORDER if step.startswith(("collect", "generate"))]
    assert ran["cleanup"] == [step for step in FULL_ORDER if not step.startswith("collect")]
    assert ran["metrics"] == [step for step in FULL_ORDER if step.startswith("generate")]


def test_assets_are_grouped_and_described() -> None:
    arrange()
    graph = definitions().resolve_asset_graph()
    assert graph.get(AssetKey(["sim", "sim_volume"])).group_name == "sim"
    assert graph.get(AssetKey(["sim", "sim_volume"])).description == "A volume."
    selection = AssetSelection.assets("generate_metrics").upstream()
    assert AssetKey(["sim", "sim_volume"]) in selection.resolve(graph)
