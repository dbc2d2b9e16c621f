"""Dagster's instance on this project's storage, and what Dagster's commands say when it is not there."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import dagster as dg
import psycopg
import pytest
from dagster._core.instance.config import dagster_instance_config
from dagster._core.storage.runs import RunStorage

from resoto_dagster.database import sync_url
from resoto_dagster.embedded_postgres import discard
from resoto_dagster.errors import ResotoError
from resoto_dagster.storage import ResotoStorage

REPOSITORY = Path(__file__).parents[1]
SETTINGS = REPOSITORY / "dagster.yaml"
UNREACHABLE = "postgresql://ann:s3cr3t-Word@127.0.0.1:1/estate"
DEFINITIONS = """
import dagster as dg

@dg.op
def hello():
    pass

@dg.job(executor_def=dg.in_process_executor)
def greet():
    hello()

defs = dg.Definitions(jobs=[greet])
"""


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance as dagster.yaml describes it."""
    shutil.copy(SETTINGS, tmp_path)
    monkeypatch.chdir(tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A folder with dagster.yaml, a small job, and a state folder of its own."""
    shutil.copy(SETTINGS, tmp_path)
    (tmp_path / "greeting.py").write_text(DEFINITIONS)
    yield tmp_path
    discard(tmp_path / ".resoto")


def dagster(project: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RESOTO_", "DAGSTER_"))}
    return subprocess.run(
        [str(Path(sys.executable).with_name("dagster")), *arguments],
        cwd=project,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def execute(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    @dg.asset
    def thing() -> None:
        pass

    return dg.materialize([thing], instance=instance)


def test_settings_are_all_known_to_dagster() -> None:
    settings, instance_class = dagster_instance_config(str(REPOSITORY))
    assert instance_class is None
    assert settings["storage"] == {"custom": {"module": "resoto_dagster.storage", "class": "ResotoStorage"}}


def test_events_are_kept_in_the_database_of_the_inventory(instance: dg.DagsterInstance) -> None:
    result = execute(instance)
    with psycopg.connect(sync_url("psycopg").set(drivername="postgresql").render_as_string()) as connection:
        row = connection.execute("SELECT status FROM runs WHERE run_id = %s", [result.run_id]).fetchone()
        assert row == ("SUCCESS",)
    assert instance.get_latest_materialization_event(dg.AssetKey("thing")) is not None


def storages(instance: dg.DagsterInstance) -> list[RunStorage]:
    return [instance.run_storage, instance.event_log_storage, instance.schedule_storage]


def test_few_connections_serve_all_events(instance: dg.DagsterInstance) -> None:
    (engine,) = {storage._engine for storage in storages(instance)}
    execute(instance)
    assert engine.pool.checkedout() == 0
    assert 0 < engine.pool.checkedin() <= 2


def test_run_goes_on_after_its_connections_were_cut(instance: dg.DagsterInstance) -> None:
    execute(instance)
    with psycopg.connect(sync_url("psycopg").set(drivername="postgresql").render_as_string()) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    assert execute(instance).success


def test_webserver_gets_its_timeout_and_keeps_the_pool(instance: dg.DagsterInstance) -> None:
    (before,) = {storage._engine for storage in storages(instance)}
    instance.optimize_for_webserver(statement_timeout=12_000, pool_recycle=3600, max_overflow=20)
    (after,) = {storage._engine for storage in storages(instance)}
    assert after is before
    with after.connect() as connection:
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar_one() == "12s"


def test_missing_database_is_told_to_python_and_to_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESOTO_DATABASE_URL", UNREACHABLE)
    with pytest.raises(click.ClickException) as told:
        ResotoStorage.from_config_value(None, {"should_autocreate_tables": True})
    assert isinstance(told.value, ResotoError)
    assert told.value.message.startswith("database estate at 127.0.0.1:1 as ann can't be reached: ")


@pytest.mark.slow
def test_job_runs_with_nothing_configured(project: Path) -> None:
    done = dagster(project, "job", "execute", "-f", "greeting.py", "-j", "greet")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (project / ".resoto").iterdir()) == [
        "compute_logs",
        "postgres",
        "storage",
    ]
    assert not list(project.glob(".tmp_dagster_home_*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("job", "execute", "-f", "greeting.py", "-j", "greet"),
        ("definitions", "validate", "-f", "greeting.py"),
        ("dev", "-f", "greeting.py", "-p", "0"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
@pytest.mark.parametrize(
    ("url", "line"),
    [
        (
            UNREACHABLE,
            "Error: database estate at 127.0.0.1:1 as ann can't be reached: connection to server at ",
        ),
        ("mysql://ann:s3cr3t-Word@db/estate", "Error: RESOTO_DATABASE_URL starts with mysql://, expected "),
    ],
    ids=["unreachable", "mysql"],
)
def test_missing_database_is_one_line_and_no_traceback(
    project: Path, command: tuple[str, ...], url: str, line: str
) -> None:
    failed = dagster(project, *command, RESOTO_DATABASE_URL=url)
    told = failed.stdout + failed.stderr
    assert failed.returncode == 1
    assert "Traceback" not in told
    assert told.splitlines()[-1].startswith(line)
    assert "s3cr3t-Word" not in told


LOAD = """
import sys
import dagster as dg
sys.stdin.readline()
with dg.DagsterInstance.from_config(".") as instance:
    print(instance.get_runs_count(), "ready")
"""


def test_two_that_start_at_once_create_the_tables_once(project: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RESOTO_")}
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", LOAD],
            cwd=project,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("go\n")
        starter.stdin.flush()
    for starter in starters:
        told, errors = starter.communicate(timeout=120)
        assert (told, errors) == ("0 ready\n", "")
        assert starter.returncode == 0
