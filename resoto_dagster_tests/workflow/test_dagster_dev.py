"""A real `dagster dev` on a simulated AWS, seen through the webserver as the UI sees it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from resoto_dagster.demo.server import SimulatedAccounts, simulated_aws, simulated_environment
from resoto_dagster.embedded_postgres import discard
from resoto_dagster.postgres_server import find_cluster

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
ACCOUNT = "111111111111"
REGION = "eu-west-1"
SETTINGS = f"""\
providers:
  aws:
    accounts: [{{id: "{ACCOUNT}", role: resoto}}]
    regions: [{REGION}]
    kinds: [aws_ec2_volume, aws_ec2_instance]
hooks:
  modules: [our_hooks]
cleanup:
  enabled: true
  dry_run: false
  accounts:
    aws: ["{ACCOUNT}"]
"""
HOOKS = """\
import os
from pathlib import Path
from resoto_dagster.hooks import HookContext, hook

@hook("post_collect")
def drop_idle(context: HookContext) -> None:
    context.clean('is(aws_ec2_volume) and tags.idle = "true"', "idle")
    Path(__file__).with_name("drop_idle.pid").write_text(str(os.getpid()))

@hook("pre_cleanup", required=True)
def approve(context: HookContext) -> None:
    if Path(__file__).with_name("refuse").exists():
        raise RuntimeError("refused")
    Path(__file__).with_name("approve.pid").write_text(str(os.getpid()))
"""
APPROVE, DROP_IDLE = "on_pre_cleanup_approve", "on_post_collect_drop_idle"
DAGSTER = [sys.executable, "-m", "dagster"]
REPOSITORY = {"repositoryLocationName": "resoto_dagster.definitions", "repositoryName": "__repository__"}
EVENTS = """
query ($run: ID!) { logsForRun(runId: $run, limit: 1000) { ... on EventConnection { events {
    type: __typename
    ... on MessageEvent { stepKey }
    ... on ExecutionStepFailureEvent { failureMetadata { description } }
    ... on MaterializationEvent { assetKey { path } metadataEntries {
        label
        ... on IntMetadataEntry { intValue }
        ... on TableMetadataEntry { table { records } } } } } } } }
"""


def clean_environment() -> dict[str, str]:
    """Nothing of the user's but where programs are; Dagster and the project are told nothing."""
    return {"PATH": os.environ["PATH"]}


def until(what: str, seconds: float, look: Callable[[], Any]) -> Any:
    """What `look` finds; an assertion error when it has found nothing in time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.25)
    return found


class Dev:
    """`dagster dev` in a folder, and what a user does with it."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.log = folder / "dev.log"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*DAGSTER, "dev", "-h", "127.0.0.1", "-p", str(self.port)],
                cwd=folder,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ask(self, query: str, **variables: Any) -> Any:
        """The answer to a GraphQL query."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=30) as answer:
            told = json.load(answer)
        assert "errors" not in told, told["errors"]
        return told["data"]

    def is_up(self) -> bool:
        """Whether the webserver answers and the daemon evaluates sensors."""
        assert self.process.poll() is None, self.log.read_text()
        query = '{ instance { daemonHealth { daemonStatus(daemonType: "SENSOR") { lastHeartbeatTime } } } }'
        try:
            health = self.ask(query)["instance"]["daemonHealth"]
        except OSError:
            return False
        return health["daemonStatus"]["lastHeartbeatTime"] is not None

    def launch(self, job: str, assets: list[list[str]] | None = None) -> str:
        """Launch a job, or a part of it; the run's id."""
        selector: dict[str, Any] = {**REPOSITORY, "jobName": job}
        if assets:
            selector["assetSelection"] = [{"path": path} for path in assets]
        told = self.ask(
            """mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
                ... on LaunchRunSuccess { run { runId } } ... on Error { message } } }""",
            params={"selector": selector, "mode": "default", "runConfigData": "{}"},
        )
        return str(told["launchRun"]["run"]["runId"])

    def reexecute(self, run_id: str) -> str:
        """Re-execute a failed run from its failure; the new run's id."""
        told = self.ask(
            """mutation ($params: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $params) {
                ... on LaunchRunSuccess { run { runId } } ... on Error { message } } }""",
            params={"parentRunId": run_id, "strategy": "FROM_FAILURE"},
        )
        return str(told["launchRunReexecution"]["run"]["runId"])

    def ended(self, run_id: str) -> str:
        """How a run ended."""
        query = "query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"

        def look() -> str | None:
            status = str(self.ask(query, run=run_id)["runOrError"]["status"])
            return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

        return str(until(f"the end of run {run_id}", 60, look))

    def events(self, run_id: str, kind: str) -> list[dict[str, Any]]:
        """The events of one kind in a run."""
        events = self.ask(EVENTS, run=run_id)["logsForRun"]["events"]
        return [event for event in events if event["type"] == kind]

    def steps(self, run_id: str) -> list[str]:
        """The steps of a run that succeeded."""
        return [event["stepKey"] for event in self.events(run_id, "ExecutionStepSuccessEvent")]

    def metadata(self, run_id: str) -> dict[str, dict[str, Any]]:
        """The numbers and tables that a run's materialisations show, by asset."""
        return {
            "/".join(event["assetKey"]["path"]): {
                entry["label"]: [json.loads(row) for row in entry["table"]["records"]]
                if "table" in entry
                else entry.get("intValue")
                for entry in event["metadataEntries"]
            }
            for event in self.events(run_id, "MaterializationEvent")
        }

    def switch(self, sensor: str, on: bool) -> None:
        """Switch a sensor on or off."""
        selector = {**REPOSITORY, "sensorName": sensor}
        if on:
            self.ask(
                """mutation ($sensor: SensorSelector!) { startSensor(sensorSelector: $sensor) {
                    ... on Sensor { name } ... on Error { message } } }""",
                sensor=selector,
            )
            return
        found = self.ask(
            """query ($sensor: SensorSelector!) { sensorOrError(sensorSelector: $sensor) {
                ... on Sensor { sensorState { id } } } }""",
            sensor=selector,
        )
        told = self.ask(
            """mutation ($id: String!) { stopSensor(id: $id) {
                ... on StopSensorMutationResult { instigationState { status } } } }""",
            id=found["sensorOrError"]["sensorState"]["id"],
        )
        assert told["stopSensor"]["instigationState"]["status"] == "STOPPED"

    def processes(self) -> list[psutil.Process]:
        """All that it has started: Dagster's own, and the Postgres of its folder."""
        cluster = str(find_cluster(self.folder / ".resoto").home)
        own = psutil.Process(self.process.pid)
        postgres = [process for process in psutil.process_iter(["cmdline"]) if _names(process, cluster)]
        return [own, *own.children(recursive=True), *postgres]


def _names(process: psutil.Process, text: str) -> bool:
    return any(text in argument for argument in process.info["cmdline"] or ())


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with simulated_aws(tmp_path_factory.mktemp("aws") / "aws.log") as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def ec2(endpoint: str) -> Any:
    return SimulatedAccounts(endpoint).client(ACCOUNT, "ec2", REGION)


def volume(ec2: Any, **tags: str) -> str:
    """A new volume."""
    tag_list = [{"Key": key, "Value": value} for key, value in tags.items()]
    specifications = [{"ResourceType": "volume", "Tags": tag_list}] if tags else []
    created = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1, TagSpecifications=specifications)
    return str(created["VolumeId"])


def volumes(ec2: Any) -> set[str]:
    """The volumes that are really there."""
    return {one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]}


def project_in(folder: Path) -> Path:
    """A folder with what a clone of the project has in its root."""
    for file in ROOT.glob("*.yaml"):
        shutil.copy(file, folder)
    return folder


def aws_project_in(folder: Path) -> Path:
    """The same with settings and hooks for the simulated AWS."""
    project_in(folder)
    (folder / "resoto.yaml").write_text(SETTINGS)
    (folder / "our_hooks.py").write_text(HOOKS)
    return folder


@pytest.fixture(scope="module")
def dev(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    folder = aws_project_in(tmp_path_factory.mktemp("dev"))
    dev = Dev(folder, simulated_environment(endpoint, clean_environment()))
    try:
        until("dagster dev", 60, dev.is_up)
        yield dev
    finally:
        if dev.process.poll() is None:
            started = dev.processes()
            dev.process.terminate()
            _, alive = psutil.wait_procs(started, timeout=30)
            for process in alive:
                process.kill()
        discard(folder / ".resoto")


def test_a_hook_that_its_sensor_launches_counts_in_the_run_that_waits_for_it(dev: Dev, ec2: Any) -> None:
    idle, busy = volume(ec2, idle="true"), volume(ec2)
    run = dev.launch("collect_and_cleanup")
    assert dev.ended(run) == "SUCCESS"
    assert idle not in volumes(ec2)
    assert busy in volumes(ec2)
    shown = dev.metadata(run)
    (hook,) = shown["inventory"]["hooks that ran"]
    assert (hook["hook"], hook["outcome"], hook["required"]) == ("drop_idle", "success", False)
    assert hook["seconds"] > 0
    tags = dev.ask(
        "query ($run: ID!) { runOrError(runId: $run) { ... on Run { jobName status tags { key value } } } }",
        run=hook["run"],
    )["runOrError"]
    assert (tags["jobName"], tags["status"]) == ("hook_drop_idle", "SUCCESS")
    launched_by = {tag["key"]: tag["value"] for tag in tags["tags"]}
    assert launched_by["dagster/sensor_name"] == DROP_IDLE
    assert launched_by["resoto/workflow_run"] == run
    assert {"id": idle, "outcome": "gone", "by": "hook drop_idle"}.items() <= (
        shown["cleanup"]["outcomes"][0].items()
    )


def test_a_required_hook_that_fails_stops_the_cleanup_until_it_is_mended(dev: Dev, ec2: Any) -> None:
    idle = volume(ec2, idle="true")
    refuse = dev.folder / "refuse"
    refuse.touch()
    try:
        run = dev.launch("collect_and_cleanup")
        assert dev.ended(run) == "FAILURE"
        (failure,) = dev.events(run, "ExecutionStepFailureEvent")
        assert failure["stepKey"] == "cleanup_step.pre_cleanup"
        assert "required hooks did not succeed: approve" in failure["failureMetadata"]["description"]
        again = dev.reexecute(run)
        assert dev.ended(again) == "FAILURE"
        assert dev.steps(again) == []
        assert idle in volumes(ec2)
    finally:
        refuse.unlink()
    mended = dev.reexecute(again)
    assert dev.ended(mended) == "SUCCESS"
    assert idle not in volumes(ec2)
    assert not any(step.startswith("collect_step") for step in dev.steps(mended))


def test_one_kind_alone_is_collected_alone(dev: Dev, ec2: Any) -> None:
    there = len(volumes(ec2) | {volume(ec2)})
    run = dev.launch("__ASSET_JOB", [["aws", "aws_ec2_volume"]])
    assert dev.ended(run) == "SUCCESS"
    assert dev.steps(run) == ["collect_step.pre_collect", "collect_step.collect_aws"]
    shown = dev.metadata(run)
    assert {asset: metadata["dagster/row_count"] for asset, metadata in shown.items()} == {
        "aws/aws_ec2_volume": there
    }


def test_a_hook_whose_sensor_is_switched_off_is_not_run_and_listed_so(dev: Dev, ec2: Any) -> None:
    volume(ec2, idle="true")
    dev.switch(DROP_IDLE, on=False)
    try:
        run = dev.launch("collect")
        assert dev.ended(run) == "SUCCESS"
    finally:
        dev.switch(DROP_IDLE, on=True)
    (hook,) = dev.metadata(run)["inventory"]["hooks that ran"]
    assert (hook["hook"], hook["outcome"], hook["run"]) == ("drop_idle", "not_run", "")
    assert hook["error"] == "its sensor is switched off"


def test_the_schedule_and_the_sensors_are_running_by_default(dev: Dev) -> None:
    (repository,) = dev.ask(
        """{ repositoriesOrError { ... on RepositoryConnection { nodes {
            schedules { name scheduleState { status } } sensors { name sensorState { status } } } } } }"""
    )["repositoriesOrError"]["nodes"]
    schedules = {one["name"]: one["scheduleState"]["status"] for one in repository["schedules"]}
    assert schedules["collect_and_cleanup_schedule"] == "RUNNING"
    assert set(schedules.values()) == {"RUNNING"}
    sensors = {sensor["name"]: sensor["sensorState"]["status"] for sensor in repository["sensors"]}
    assert sensors == {APPROVE: "RUNNING", DROP_IDLE: "RUNNING"}


def test_sigterm_ends_all_of_it_with_postgres(dev: Dev) -> None:
    started = dev.processes()
    names = {process.name() for process in started}
    assert "postgres" in names
    dev.process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(started, timeout=30)
    assert alive == []


def dagster(folder: Path, environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Dagster's in a folder, and remove the database that it leaves there."""
    try:
        return subprocess.run(
            [*DAGSTER, *arguments],
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        discard(folder / ".resoto")


@pytest.mark.parametrize(
    "command",
    [
        ["job", "execute", "-m", "resoto_dagster.definitions", "-j", "collect_and_cleanup"],
        ["asset", "materialize", "-m", "resoto_dagster.definitions", "--select", "inventory"],
        ["definitions", "validate"],
    ],
    ids=" ".join,
)
def test_dagsters_commands_work_in_a_fresh_clone_without_any_variable(
    tmp_path: Path, command: list[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    done = dagster(project_in(tmp_path), {**clean_environment(), "HOME": str(home)}, *command)
    assert done.returncode == 0, done.stderr


def test_a_process_for_every_step(tmp_path: Path, endpoint: str, ec2: Any) -> None:
    idle = volume(ec2, idle="true")
    environ = simulated_environment(endpoint, clean_environment()) | {"RESOTO_EXECUTOR": "multiprocess"}
    command = ["job", "execute", "-m", "resoto_dagster.definitions", "-j", "collect_and_cleanup"]
    done = dagster(aws_project_in(tmp_path), environ, *command)
    assert done.returncode == 0, done.stderr
    assert idle not in volumes(ec2)
    # Without a daemon a gate runs its hooks in its own process.
    gates = {(tmp_path / f"{hook}.pid").read_text() for hook in ("drop_idle", "approve")}
    assert len(gates) == 2
