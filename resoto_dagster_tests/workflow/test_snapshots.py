"""Snapshots by schedules, and what the purge forgets."""

from datetime import UTC, datetime, timedelta

from dagster import DagsterInstance
from sqlalchemy import Engine

from resoto_dagster.settings_file import parse_settings
from resoto_dagster.workflow.snapshots import SCHEDULE_TAG
from resoto_dagster_tests.estate import collect, resource, scope, table
from resoto_dagster_tests.workflow.sim import arrange, definitions

DEFAULTS = {"hourly": 24, "daily": 7, "weekly": 4, "monthly": 12, "yearly": 10}


def schedules(text: str) -> dict[str, str]:
    arrange(snapshots=parse_settings(text, "resoto.yaml").snapshots)
    found = definitions().get_repository_def().schedule_defs
    return {
        one.name.removeprefix("snapshot_").removesuffix("_schedule"): str(one.cron_schedule)
        for one in found
        if one.name.startswith("snapshot_")
    }


def test_snapshots_are_taken_by_schedules_of_their_own(engine: Engine) -> None:
    assert schedules("").keys() == DEFAULTS.keys()
    assert {name: one.keep for name, one in parse_settings("", "x").snapshots.items()} == DEFAULTS
    given = "snapshots: {hourly: {keep: 0}, daily: {keep: 3}, nightly: {schedule: '0 3 * * *', keep: 1}}"
    assert schedules(given) == {
        "daily": "55 0 * * *",
        "weekly": "55 0 * * 1",
        "monthly": "55 0 1 * *",
        "yearly": "55 0 1 1 *",
        "nightly": "0 3 * * *",
    }


def test_a_schedule_keeps_as_many_as_it_says(engine: Engine, instance: DagsterInstance) -> None:
    arrange(snapshots=parse_settings("snapshots: {hourly: {keep: 2}}", "x").snapshots)
    job = definitions().get_repository_def().get_job("take_scheduled_snapshot")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO inventory.snapshots VALUES ('hourly-1', '2026-01-01Z', 'hourly'), "
            "('hourly-2', '2026-01-02Z', 'hourly'), ('mine', '2026-01-01Z', NULL), "
            "('daily-1', '2026-01-01Z', 'daily')"
        )
    assert job.execute_in_process(instance=instance, tags={SCHEDULE_TAG: "hourly"}).success
    names = [name for (name,) in table(engine, "SELECT name FROM inventory.snapshots ORDER BY at, name")]
    assert names[:3] == ["daily-1", "mine", "hourly-2"]
    assert names[3].startswith(f"hourly-{datetime.now(UTC):%Y-%m-%dT}")
    assert len(names) == 4


def test_a_run_without_a_schedule_is_told_how_to_take_a_snapshot(instance: DagsterInstance) -> None:
    arrange()
    job = definitions().get_repository_def().get_job("take_scheduled_snapshot")
    ended = job.execute_in_process(instance=instance, raise_on_error=False)
    (failed,) = ended.get_step_failure_events()
    assert "resoto snapshot take NAME" in str(failed.step_failure_data.user_failure_data)


def test_the_purge_forgets_what_no_snapshot_holds(engine: Engine, instance: DagsterInstance) -> None:
    collect(engine, {scope(): [resource("kept"), resource("gone"), resource("there")]})
    collect(engine, {scope(): [resource("gone"), resource("there")]})
    collect(engine, {scope(): [resource("there")]})
    with engine.begin() as connection:
        for id_, since, until in (("kept", 400, 300), ("gone", 300, 200)):
            connection.exec_driver_sql(
                "UPDATE inventory.history SET since = now() - interval '1 day' * %(since)s, "
                "at = now() - interval '1 day' * %(until)s WHERE id = %(id)s",
                {"id": id_, "since": since, "until": until},
            )
        connection.exec_driver_sql(
            "INSERT INTO inventory.snapshots VALUES ('held', now() - interval '350 days', NULL)"
        )
    arrange(keep_history=timedelta(days=180))
    job = definitions().get_repository_def().get_job("purge")
    assert job.execute_in_process(instance=instance).success
    assert table(engine, "SELECT id FROM inventory.history") == [("kept",)]
    assert table(engine, "SELECT id FROM inventory.resources") == [("there",)]
