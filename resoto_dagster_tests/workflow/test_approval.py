"""Approval in Dagster: the notice, the decision, and the run that executes what was approved."""

import time
from typing import Any

import pytest
from dagster import DagsterInstance, RunsFilter, build_sensor_context
from dagster._daemon.types import DaemonHeartbeat
from sqlalchemy import Engine

from resoto_dagster.cleanup.plan import Plan, load_plan
from resoto_dagster.config import NoticesSettings, OwnerSettings
from resoto_dagster.hooks import hook
from resoto_dagster.workflow.project import CONTINUES_TAG
from resoto_dagster_tests.cleanup.conftest import network_with_everything, settings
from resoto_dagster_tests.cleanup.services import WebService, web_service
from resoto_dagster_tests.workflow.sim import SimCloud, arrange, definitions
from resoto_dagster_tests.workflow.test_workflow import failure, metadata, run


def last_plan(engine: Engine) -> Plan:
    with engine.connect() as connection:
        plan = load_plan(connection)
    assert plan is not None
    return plan


def decide(instance: DagsterInstance, plan: Plan, decision: str = "approved") -> Any:
    given = {"plan": plan.plan_id, "decision": decision, "author": "ann", "reason": "looked at it"}
    return (
        definitions()
        .resolve_job_def("decide_on_plan")
        .execute_in_process(
            instance=instance,
            run_config={"ops": {"write_decision": {"config": given}}},
            raise_on_error=False,
        )
    )


def launched(sensor: str, instance: DagsterInstance) -> list[Any]:
    context = build_sensor_context(instance)
    return list(
        definitions().get_repository_def().get_sensor_def(sensor).evaluate_tick(context).run_requests or []
    )


def execute_approved(instance: DagsterInstance, tags: dict[str, str]) -> Any:
    job = definitions().resolve_job_def("approved_cleanup")
    return job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)


@pytest.fixture
def cloud() -> SimCloud:
    cloud = SimCloud(*network_with_everything())
    arrange(cloud=cloud, cleanup=settings(approval="always"))
    return cloud


def test_a_plan_that_waits_shows_in_the_ui_and_is_executed_once_approved(
    instance: DagsterInstance, engine: Engine, cloud: SimCloud
) -> None:
    result = run(instance)
    assert result.success
    plan = last_plan(engine)
    assert metadata(result, "cleanup_plan")["waits for approval"] == "cleanup.approval = always"
    assert "the plan waits for approval" in metadata(result, "cleanup")["nothing is deleted because"]
    assert launched("on_approval", instance) == []
    assert decide(instance, plan).success
    (request,) = launched("on_approval", instance)
    done = execute_approved(instance, request.tags)
    assert done.success
    assert metadata(done, "cleanup")["deleted"] == 3
    assert cloud.deleted[0] == "ins"
    assert launched("on_approval", instance) == []


def test_what_was_rejected_is_not_launched(
    instance: DagsterInstance, engine: Engine, cloud: SimCloud
) -> None:
    run(instance)
    assert decide(instance, last_plan(engine), "rejected").success
    assert launched("on_approval", instance) == []
    refused = decide(instance, last_plan(engine))
    assert not refused.success
    assert "was rejected by ann" in failure(refused)[1]


def test_a_cleanup_for_a_plan_of_another_run_is_refused(instance: DagsterInstance, engine: Engine) -> None:
    cloud = SimCloud(*network_with_everything())
    arrange(cloud=cloud, cleanup=settings(enabled=False))
    first = run(instance)
    arrange(cloud=cloud, cleanup=settings())
    other = execute_approved(instance, {CONTINUES_TAG: first.run_id})
    assert not other.success
    assert "is another run's, and not one that waits for approval" in failure(other)[1]
    assert "this run has made no plan" in failure(execute_approved(instance, {}))[1]
    assert cloud.deleted == []


def test_what_waits_is_not_executed_by_a_run_that_only_says_it_continues(
    instance: DagsterInstance, engine: Engine, cloud: SimCloud
) -> None:
    first = run(instance)
    other = execute_approved(instance, {CONTINUES_TAG: first.run_id})
    assert "the plan waits for approval" in metadata(other, "cleanup")["nothing is deleted because"]
    assert cloud.deleted == []


def test_hooks_before_the_cleanup_run_again_before_what_was_approved(
    instance: DagsterInstance, engine: Engine
) -> None:
    calls: list[str] = []

    @hook("pre_cleanup", required=True)
    def ask(context: Any) -> None:
        calls.append(context.action)
        if len(calls) > 1:
            raise RuntimeError("not now")

    cloud = SimCloud(*network_with_everything())
    arrange(ask, cloud=cloud, cleanup=settings(approval="always"))
    first = run(instance)
    decide(instance, last_plan(engine))
    done = execute_approved(instance, {CONTINUES_TAG: first.run_id})
    assert calls == ["pre_cleanup", "pre_cleanup"]
    assert not done.success
    assert cloud.deleted == []


def noticed(slack: WebService) -> SimCloud:
    cloud = SimCloud(*network_with_everything())
    notices = NoticesSettings(approvers=["team"], owners={"team": OwnerSettings(slack=slack.url)})
    arrange(cloud=cloud, cleanup=settings(approval="always", notices=notices))
    return cloud


def test_without_a_daemon_approvers_are_told_once_by_the_run_itself(
    instance: DagsterInstance, engine: Engine
) -> None:
    with web_service() as slack:
        noticed(slack)
        run(instance)
        run(instance)
        assert len(slack.posted) == 1
        assert f"Plan {last_plan(engine).plan_id - 1} would delete 3 resources" in str(slack.posted[0])
    assert instance.get_runs_count(RunsFilter(job_name="approval_notice")) == 1


def test_with_a_daemon_the_sensor_launches_the_notice(instance: DagsterInstance, engine: Engine) -> None:
    with web_service() as slack:
        noticed(slack)
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SENSOR", "a daemon", []))
        run(instance)
        assert slack.posted == []
        (request,) = launched("on_plan_waiting", instance)
        job = definitions().resolve_job_def("approval_notice")
        assert job.execute_in_process(instance=instance, tags=request.tags).success
        assert "resoto plan approve" in str(slack.posted[0])
        decide(instance, last_plan(engine))
        assert launched("on_plan_waiting", instance) == []


def test_a_notice_that_is_refused_fails_in_a_line_and_not_the_workflow(
    instance: DagsterInstance, engine: Engine
) -> None:
    with web_service() as slack:
        url, secret = slack.url, slack.secret
    notices = NoticesSettings(approvers=["team"], owners={"team": OwnerSettings(slack=url)})
    arrange(cloud=SimCloud(*network_with_everything()), cleanup=settings(approval="always", notices=notices))
    assert run(instance).success
    (notice,) = instance.get_runs(RunsFilter(job_name="approval_notice"))
    assert notice.is_failure
    logged = "".join(entry.user_message or "" for entry in instance.all_logs(notice.run_id))
    assert secret not in logged
