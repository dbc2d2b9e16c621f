"""Functions, from the API's answer to their deletion."""

import io
import json
import zipfile
from datetime import UTC, datetime

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import REGION, belongs_to, goes_before, stored, uses
from resoto_dagster_tests.providers.aws.network import make_network


@pytest.fixture
def function(client):
    """A function inside a network, and the ARN of its role."""
    network = make_network(client)
    role = client("iam").create_role(
        RoleName="runner", AssumeRolePolicyDocument=json.dumps({"Statement": []})
    )
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", "def handle(event, context): return event")
    client("lambda").create_function(
        FunctionName="resize",
        Runtime="python3.12",
        Role=role["Role"]["Arn"],
        Handler="handler.handle",
        Code={"ZipFile": code.getvalue()},
        MemorySize=256,
        Timeout=7,
        Environment={"Variables": {"API_TOKEN": "hidden-value"}},
        TracingConfig={"Mode": "Active"},
        VpcConfig={"SubnetIds": list(network.subnets), "SecurityGroupIds": [network.security_group]},
        Tags={"owner": "web", "env": "test"},
    )
    return network, role["Role"]["Arn"]


VPC = "vpc-123abc"
"""What moto says for every function, whatever network it is in."""


def test_properties_and_edges(function, collect_kind):
    network, role = function

    (resize,) = collect_kind("aws_lambda_function")

    assert (resize.id, resize.name, resize.region) == ("resize", "resize", REGION)
    assert resize.tags == {"owner": "web", "env": "test"}
    assert resize.ctime is None
    assert abs((datetime.now(UTC) - resize.mtime).total_seconds()) < 3600
    properties = resize.properties
    assert properties["arn"] == f"arn:aws:lambda:{REGION}:123456789012:function:resize"
    assert properties["memory_size"] == properties["function_memory_size"] == 256
    assert properties["function_timeout"] == 7
    assert properties["function_runtime"] == "python3.12"
    assert properties["function_role"] == role
    assert properties["function_tracing_config"] == "Active"
    assert properties["function_ephemeral_storage"] == 512
    owners = [
        ("aws_vpc", VPC),
        ("aws_ec2_subnet", network.subnets[0]),
        ("aws_ec2_subnet", network.subnets[1]),
        ("aws_ec2_security_group", network.security_group),
    ]
    assert set(resize.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_iam_role", role, "arn"),
        *(belongs_to(*owner) for owner in owners),
        *(goes_before(*owner) for owner in owners),
    }


def test_where_its_failed_events_go():
    queue = f"arn:aws:sqs:{REGION}:123456789012:dead"

    resize = map_item("aws_lambda_function", {"FunctionName": "x", "DeadLetterConfig": {"TargetArn": queue}})

    assert resize.properties["function_dead_letter_config"] == queue


def test_what_is_in_the_environment_is_not_kept(function, collect_kind):
    (resize,) = collect_kind("aws_lambda_function")

    assert resize.properties["function_environment"] == {"variables": {"API_TOKEN": "***"}}
    assert "hidden-value" not in str(resize)


def test_is_read_tagged_and_deleted(function, collect_kind, session):
    (resize,) = collect_kind("aws_lambda_function")
    known = stored(resize)
    assert session.read(known) == resize

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_lambda_function") == []
    session.delete(known)  # what is gone already is no error
