"""A job run in this process: how it tells of its end, and where Dagster keeps the run."""

import subprocess
import sys
from pathlib import Path

import pytest
from dagster_postgres import PostgresRunStorage

from resoto_dagster import definitions as project_definitions
from resoto_dagster.errors import ConfigError
from resoto_dagster.hooks import Hook, HookContext
from resoto_dagster.workflow.run import instance_here, run_workflow
from resoto_dagster_tests.estate import resource
from resoto_dagster_tests.workflow.conftest import ROOT
from resoto_dagster_tests.workflow.sim import SimCloud, arrange, definitions

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: an empty one, and local state in it; the database is the test session's."""
    from resoto_dagster.database import database_url

    monkeypatch.setenv("RESOTO_DATABASE_URL", database_url())
    monkeypatch.setenv("RESOTO_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Runs are of the project that a test arranges."""
    arrange(cloud=SimCloud(resource("v1")))
    monkeypatch.setattr(project_definitions, "defs", definitions())
    return monkeypatch


def broken(given: pytest.MonkeyPatch, error: Exception, action: str, **settings: object) -> None:
    class Broken(SimCloud):
        def collect(self, kinds: object, sink: object) -> None:
            raise error

    arrange(cloud=Broken(), **settings)
    given.setattr(project_definitions, "defs", definitions())


def test_a_run_that_succeeds_says_no_more(given: pytest.MonkeyPatch) -> None:
    summary = run_workflow()
    assert summary.success
    assert summary.error is None
    with instance_here() as instance:
        run = instance.get_run_by_id(summary.run_id)
    assert run is not None
    assert (run.job_name, run.is_success) == ("collect_and_cleanup", True)


def test_another_job_and_a_run_id_can_be_asked_for(given: pytest.MonkeyPatch) -> None:
    wanted = "00000000-0000-4000-8000-000000000001"
    with instance_here() as instance:
        instance.wipe()
    assert run_workflow("metrics", wanted).run_id == wanted
    with instance_here() as instance:
        run = instance.get_run_by_id(wanted)
    assert run is not None
    assert run.job_name == "metrics"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("first line\nsecond line"), "RuntimeError: first line"),
        (ConfigError("resoto.yaml, line 3: oh"), "resoto.yaml, line 3: oh"),
        (ConnectionError(), "ConnectionError"),
    ],
)
def test_a_run_that_fails_says_why_in_one_line(
    given: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    broken(given, error, "collect")
    summary = run_workflow()
    assert not summary.success
    assert summary.error == f"collect_step.collect_sim: {told}"


def test_a_hook_that_stops_the_workflow_is_named(given: pytest.MonkeyPatch) -> None:
    def check(context: HookContext) -> None:
        raise RuntimeError("no")

    arrange(Hook(check, "pre_collect", required=True))
    given.setattr(project_definitions, "defs", definitions())
    summary = run_workflow("collect")
    assert summary.error == (
        "collect_step.pre_collect: pre_collect: required hooks did not succeed: "
        "check (failure: failed; its run says why)"
    )


def test_nothing_is_said_on_the_terminal_while_it_runs(
    given: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    broken(given, RuntimeError("no"), "collect")
    run_workflow()
    assert capfd.readouterr() == ("", "")


def test_without_a_dagster_yaml_the_runs_are_kept_in_the_same_database(folder: Path) -> None:
    with instance_here() as instance:
        assert isinstance(instance.run_storage, PostgresRunStorage)
        assert Path(instance.root_directory) == folder / "state" / "dagster"
        assert not instance.telemetry_enabled
    assert sorted(path.name for path in folder.iterdir()) == ["state"], "nothing else is left behind"


def test_the_dagster_yaml_of_the_working_directory_holds(folder: Path) -> None:
    text = (ROOT / "dagster.yaml").read_text()
    assert "max_concurrent_runs: 20" in text
    (folder / "dagster.yaml").write_text(text.replace("max_concurrent_runs: 20", "max_concurrent_runs: 7"))
    with instance_here() as instance:
        assert isinstance(instance.run_storage, PostgresRunStorage)
        assert instance.get_settings("concurrency")["runs"]["max_concurrent_runs"] == 7
        assert instance.root_directory == ".resoto/storage", "as the file says"


def test_the_folder_of_dagster_home_goes_before_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    home = folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(
        "concurrency: {runs: {max_concurrent_runs: 3}}\ntelemetry: {enabled: false}"
    )
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with instance_here() as instance:
        assert instance.get_settings("concurrency")["runs"]["max_concurrent_runs"] == 3
        assert Path(instance.root_directory) == home
        assert not isinstance(instance.run_storage, PostgresRunStorage)


@pytest.mark.parametrize("home", ["nowhere", "/nowhere/at/all", "~/nowhere"])
def test_a_dagster_home_that_is_no_folder_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", home)
    with pytest.raises(ConfigError) as refused:
        instance_here()
    assert str(refused.value) == f"DAGSTER_HOME={home}: expected the absolute path of a folder that is there"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "run_monitorin: {enabled: true}",
            'dagster.yaml: Received unexpected config entry "run_monitorin" at the root.',
        ),
        (
            "\ntelemetry: [",
            "dagster.yaml, line 2: not valid YAML: expected the node content, but found '<stream end>'",
        ),
    ],
)
def test_a_dagster_yaml_that_is_wrong_is_told(folder: Path, text: str, told: str) -> None:
    (folder / "dagster.yaml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        instance_here()
    assert str(refused.value) == told


def test_dagster_tells_a_mistake_in_the_settings_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "resoto.yaml").write_text("cleanup:\n  dry_rn: false\n")
    command = ["job", "execute", "-m", "resoto_dagster.definitions", "-j", "collect_and_cleanup"]
    told = subprocess.run(
        [sys.executable, "-m", "dagster", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 1
    assert "Traceback" not in told.stderr + told.stdout
    assert told.stderr.splitlines()[-1] == (
        "Error: resoto.yaml, line 2: cleanup.dry_rn: unknown key 'dry_rn'; did you mean 'dry_run'?"
    )
