from datetime import UTC, datetime, timedelta

import pytest
from dagster import DagsterInstance

from resoto_dagster.workflow.retention import delete_old_runs
from resoto_dagster_tests.estate import resource
from resoto_dagster_tests.workflow.sim import SimCloud, arrange, definitions, workflow
from resoto_dagster_tests.workflow.test_events import JOB, listen, run

pytestmark = pytest.mark.usefixtures("engine")


def test_old_runs_go_but_those_that_assets_show_and_those_that_still_run(instance: DagsterInstance) -> None:
    arrange(cloud=SimCloud(resource("v1")))
    old = [workflow().execute_in_process(instance=instance).run_id for _ in range(2)]
    running = instance.create_run_for_job(workflow()).run_id
    assert delete_old_runs(instance, datetime.now(UTC) - timedelta(hours=1)) == 0
    assert delete_old_runs(instance, datetime.now(UTC) + timedelta(hours=1)) == 1
    left = {record.dagster_run.run_id for record in instance.get_run_records()}
    assert left == {old[1], running}


def test_the_purge_is_a_job_of_its_own_on_a_schedule(instance: DagsterInstance) -> None:
    arrange(keep_runs=timedelta(days=7))
    repository = definitions().get_repository_def()
    assert repository.get_schedule_def("purge_schedule").default_status.value == "RUNNING"
    assert repository.get_job("purge").execute_in_process(instance=instance).success


def test_runs_on_events_go_sooner(instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    listen(resource("v1"))
    on_events = run(instance, JOB).run_id
    others = {run(instance, "collect").run_id for _ in range(2)}
    purge = definitions().resolve_job_def("purge")
    assert purge.execute_in_process(instance=instance).success
    assert instance.has_run(on_events)
    monkeypatch.setattr("resoto_dagster.workflow.retention.KEEP_ON_EVENTS", timedelta(hours=-1))
    assert purge.execute_in_process(instance=instance).success
    assert not instance.has_run(on_events)
    assert all(instance.has_run(run_id) for run_id in others)
