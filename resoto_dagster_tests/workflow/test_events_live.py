"""Events under a real `dagster dev`: the daemon asks the sensor and launches its run, the change is there."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import orjson
import psutil
import pytest

from resoto_dagster.demo.server import SimulatedAccounts, simulated_aws, simulated_environment
from resoto_dagster.embedded_postgres import discard
from resoto_dagster_tests.cli.commands import RESOTO
from resoto_dagster_tests.providers.aws.cloudtrail import Queue
from resoto_dagster_tests.workflow.test_dagster_dev import (
    ACCOUNT,
    REGION,
    Dev,
    clean_environment,
    project_in,
    until,
    volume,
)

pytestmark = pytest.mark.slow
SETTINGS = f"""\
schedule: "0 0 1 1 *"
providers:
  aws:
    accounts: [{{id: "{ACCOUNT}", role: resoto}}]
    regions: [{REGION}]
    kinds: [aws_ec2_volume, aws_ec2_instance]
    events:
      queue: resoto-events
      region: {REGION}
      account: {{id: "{ACCOUNT}", role: resoto}}
"""


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    with simulated_aws(tmp_path / "aws.log") as endpoint:
        yield endpoint


@pytest.fixture
def queue(endpoint: str) -> Queue:
    sqs = SimulatedAccounts(endpoint).client(ACCOUNT, "sqs", REGION)
    return Queue(sqs, sqs.create_queue(QueueName="resoto-events")["QueueUrl"])


@pytest.fixture
def dev(endpoint: str, queue: Queue, tmp_path: Path) -> Iterator[Dev]:
    folder = project_in(tmp_path)
    (folder / "resoto.yaml").write_text(SETTINGS)
    dev = Dev(folder, simulated_environment(endpoint, clean_environment()))
    try:
        until("dagster dev", 60, dev.is_up)
        yield dev
    finally:
        started = dev.processes()
        dev.process.terminate()
        _, alive = psutil.wait_procs(started, timeout=30)
        for process in alive:
            process.kill()
        discard(folder / ".resoto")


def known(dev: Dev) -> set[str]:
    """The volumes in the inventory."""
    done = subprocess.run(
        [*RESOTO, "search", "is(aws_ec2_volume)", "--json"],
        cwd=dev.folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return {row["id"] for row in map(orjson.loads, done.stdout.splitlines())}


def test_a_change_is_in_the_inventory_within_a_minute(dev: Dev, endpoint: str, queue: Queue) -> None:
    ec2 = SimulatedAccounts(endpoint).client(ACCOUNT, "ec2", REGION)
    first = volume(ec2)
    assert dev.ended(dev.launch("collect")) == "SUCCESS"
    assert known(dev) == {first}
    for _ in range(2):
        made = volume(ec2)
        queue.tell("ec2", "CreateVolume", awsRegion=REGION, recipientAccountId=ACCOUNT)
        until("the new volume", 60, lambda made=made: made in known(dev))
        until("the end of its message", 10, lambda: queue.left() == 0)
