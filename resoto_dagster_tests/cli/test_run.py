"""The command runs the real workflow on a simulated AWS."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from sqlalchemy import Engine

from resoto_dagster.demo.server import simulated_aws, simulated_environment
from resoto_dagster_tests.cli.commands import resoto, resoto_json

pytestmark = pytest.mark.slow

SETTINGS = """
providers:
  aws:
    regions: [us-east-1, eu-central-1]
    kinds: [aws_ec2_volume, aws_s3_bucket]
    accounts: [{id: default}, {id: "999999999999"}]
cleanup:
  enabled: true
  accounts: {aws: ["123456789012"]}
  planners: {expired: {enabled: true}}
"""


@pytest.fixture
def aws(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A simulated AWS with three volumes, one of them expired, and a bucket."""
    with simulated_aws(folder / "aws.log") as endpoint:
        environment = simulated_environment(endpoint, os.environ)
        for name in set(os.environ) - set(environment):
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        ec2 = boto3.client("ec2", "us-east-1")
        for tags in (
            {"expiration": "1d", "resoto:ctime": "2024-01-01T00:00:00Z"},
            {"Name": "data"},
            {"Name": "x"},
        ):
            tag_list = [{"Key": key, "Value": value} for key, value in tags.items()]
            tagged = [{"ResourceType": "volume", "Tags": tag_list}]
            ec2.create_volume(AvailabilityZone="us-east-1a", Size=8, TagSpecifications=tagged)
        boto3.client("s3", "us-east-1").create_bucket(Bucket="a-bucket")
        yield


def test_a_run_tells_what_it_did(engine: Engine, aws: None, folder: Path) -> None:
    (folder / "resoto.yaml").write_text(SETTINGS)
    told = resoto("run").stdout.splitlines()
    run_id = told[0].split()[1]
    assert told[0] == f"run {run_id} of collect_and_cleanup"
    assert "aws 123456789012 us-east-1: 1 scope read, 3 resources" in told
    assert "aws 123456789012 eu-central-1: 1 scope read, 0 resources" in told
    lines = [line.split() for line in told]
    assert ["aws", "123456789012", "3", "0", "4", "4", "0", "0"] in lines
    (not_read,) = (line for line in told if line.startswith("the account"))
    assert "999999999999" in not_read
    assert any(line.endswith(": 1 resource to delete, 1 in wave 1") for line in told)
    assert "outcomes: 1 would_delete" in told
    assert told[-1] == f"run {run_id} succeeded"
    assert "would_delete" in resoto("plan", "show", "--run", run_id).stdout

    again = resoto_json("run")
    assert (again["success"], again["error"]) == (True, None)
    (account,) = again["accounts"]
    assert (account["resources"], account["added"], account["removed"]) == (4, 0, 0)
    assert [one["account"] for one in again["problems"]] == ["999999999999"]
    assert again["plan"]["outcomes"] == {"would_delete": 1}


def test_a_run_that_fails_ends_with_1_and_says_why(engine: Engine, folder: Path) -> None:
    (folder / "resoto.yaml").write_text("hooks: {modules: [my_hooks]}\n")
    (folder / "my_hooks.py").write_text(
        "from resoto_dagster.hooks import hook\n\n\n"
        "@hook('pre_cleanup', required=True)\n"
        "def ask(context):\n    raise RuntimeError('nobody answers')\n"
    )
    done = resoto("run", "cleanup", code=1)
    assert done.stdout.startswith("run ")
    assert "nothing was collected" in done.stdout
    last = done.stderr.splitlines()[-1]
    assert last.startswith("resoto: run ")
    assert "ask" in last


def test_nothing_configured_is_done_at_once_and_said(engine: Engine) -> None:
    done = resoto("run")
    assert "nothing was collected" in done.stdout
    assert done.stdout.splitlines()[-1].endswith(" succeeded")
    told = json.loads(resoto("run", "metrics", "--json").stdout)
    assert told["plan"] is None
    assert told["metrics"]["snapshot_id"] >= 1
