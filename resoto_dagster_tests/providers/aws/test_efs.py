"""File systems and the ways into them, from the API's answer to their deletion."""

import json
from datetime import timedelta

import pytest

from resoto_dagster.providers.aws import deletion
from resoto_dagster_tests.providers.aws.answers import map_item, settled
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    REGION,
    belongs_to,
    goes_before,
    stored,
)
from resoto_dagster_tests.providers.aws.network import make_network
from resoto_dagster_tests.providers.aws.synthetic import Refusal

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*"}]}
TAGS = [{"Key": "Name", "Value": "shared"}, {"Key": "owner", "Value": "web"}]


@pytest.fixture
def shared(client):
    """A file system with a mount target and an access point; the ids of these, and the network."""
    efs, network = client("efs"), make_network(client)
    file_system = efs.create_file_system(
        CreationToken="once",
        Encrypted=True,
        ThroughputMode="provisioned",
        ProvisionedThroughputInMibps=2.5,
        Tags=TAGS,
    )["FileSystemId"]
    target = efs.create_mount_target(
        FileSystemId=file_system, SubnetId=network.subnets[0], SecurityGroups=[network.security_group]
    )["MountTargetId"]
    point = efs.create_access_point(
        ClientToken="once-too",
        FileSystemId=file_system,
        PosixUser={"Uid": 7, "Gid": 8},
        RootDirectory={"Path": "/home"},
        Tags=TAGS,
    )["AccessPointId"]
    return file_system, target, point, network


def test_properties_and_edges_of_a_file_system(shared, client, collect_kind):
    client("efs").put_file_system_policy(FileSystemId=shared[0], Policy=json.dumps(POLICY))

    (found,) = collect_kind("aws_efs_file_system")

    assert (found.id, found.name, found.region) == (shared[0], "shared", REGION)
    assert found.tags == {"Name": "shared", "owner": "web"}
    assert found.ctime is not None
    properties = found.properties
    assert properties["arn"] == f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/{shared[0]}"
    assert properties["owner_id"] == ACCOUNT
    assert properties["creation_token"] == "once"
    assert properties["share_status"] == "available"
    assert properties["share_size"] == 0
    assert properties["share_encrypted"] is True
    assert properties["share_throughput"] == 2.5 * 1024 * 1024
    assert properties["provisioned_throughput_in_mibps"] == 2.5
    assert properties["throughput_mode"] == "provisioned"
    assert properties["performance_mode"] == "generalPurpose"
    assert properties["number_of_mount_targets"] == 1
    assert properties["file_system_policy"] == POLICY
    assert found.edges == (belongs_to("aws_region", REGION),)


def test_a_file_system_without_a_policy_or_a_name(client, collect_kind):
    made = client("efs").create_file_system(CreationToken="plain")

    (found,) = collect_kind("aws_efs_file_system")

    assert found.name == made["FileSystemId"]
    assert "file_system_policy" not in found.properties


def test_the_size_of_a_file_system_is_in_whole_gigabytes():
    item = {"FileSystemId": "fs", "SizeInBytes": {"Value": 1024**3 + 1}}

    assert map_item("aws_efs_file_system", item).properties["share_size"] == 2


def test_properties_and_edges_of_a_mount_target(shared, client, collect_kind):
    file_system, target, _, network = shared

    (found,) = collect_kind("aws_efs_mount_target")

    described = client("efs").describe_mount_targets(MountTargetId=target)["MountTargets"][0]
    assert (found.id, found.name, found.region) == (target, target, REGION)
    assert found.properties["owner_id"] == ACCOUNT
    assert found.properties["life_cycle_state"] == "available"
    assert found.properties["ip_address"] == described["IpAddress"]
    assert found.properties["availability_zone_name"] == "us-east-1a"
    owners = [
        ("aws_efs_file_system", file_system),
        ("aws_ec2_subnet", network.subnets[0]),
        ("aws_vpc", network.vpc),
    ]
    assert set(found.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_ec2_network_interface", described["NetworkInterfaceId"]),
        *(belongs_to(*owner) for owner in owners),
        *(goes_before(*owner) for owner in owners),
    }


def test_properties_and_edges_of_an_access_point(shared, collect_kind):
    file_system, _, point, _ = shared

    (found,) = collect_kind("aws_efs_access_point")

    assert (found.id, found.name, found.region) == (point, "shared", REGION)
    assert found.tags == {"Name": "shared", "owner": "web"}
    assert found.properties == {
        "arn": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:access-point/{point}",
        "client_token": "once-too",
        "file_system_id": file_system,
        "life_cycle_state": "available",
        "owner_id": ACCOUNT,
        "posix_user": {"uid": 7, "gid": 8},
        "root_directory": {"path": "/home"},
    }
    assert set(found.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_efs_file_system", file_system),
        goes_before("aws_efs_file_system", file_system),
    }


def test_a_file_system_takes_the_ways_into_it_along(shared, collect_kind, session):
    file_system = stored(collect_kind("aws_efs_file_system")[0])

    assert session.goes_along(stored(collect_kind("aws_efs_mount_target")[0]), file_system)
    assert session.goes_along(stored(collect_kind("aws_efs_access_point")[0]), file_system)


def test_ways_into_a_file_system_are_read_and_deleted(shared, collect_kind, session):
    for kind in ("aws_efs_access_point", "aws_efs_mount_target"):
        (found,) = collect_kind(kind)
        assert session.read(stored(found)) == found

        session.delete(stored(found))

        assert session.read(stored(found)) is None
        assert collect_kind(kind) == []
        session.delete(stored(found))  # what is gone already is no error
    assert [one.id for one in collect_kind("aws_efs_file_system")] == [shared[0]]


def test_file_systems_and_access_points_are_tagged(shared, collect_kind, session):
    for kind in ("aws_efs_access_point", "aws_efs_file_system"):
        known = stored(collect_kind(kind)[0])
        session.update_tags(known, {"team": "a"}, ["owner"])
        assert session.read(known).tags == {"Name": "shared", "team": "a"}


def test_a_file_system_is_read_and_deleted_with_its_mount_targets(shared, collect_kind, session):
    (found,) = collect_kind("aws_efs_file_system")
    assert settled(session.read(stored(found))) == settled(found)

    session.delete(stored(found))

    assert session.read(stored(found)) is None
    assert collect_kind("aws_efs_file_system") == []
    assert collect_kind("aws_efs_mount_target") == []
    session.delete(stored(found))  # what is gone already is no error


def test_a_file_system_waits_until_its_mount_targets_have_gone(synthetic, session, monkeypatch):
    monkeypatch.setattr(deletion, "_PAUSE", timedelta(0))
    left = ["fsmt-01234567"]

    def delete(asked):
        if left:
            left.pop()
            raise Refusal("FileSystemInUse", 409)

    synthetic.answer("efs", "DescribeMountTargets", {"MountTargets": [{"MountTargetId": "fsmt-01234567"}]})
    synthetic.answer("efs", "DeleteMountTarget", {})
    synthetic.answer("efs", "DeleteFileSystem", delete)

    session.delete(stored(map_item("aws_efs_file_system", {"FileSystemId": "fs-01234567"})))

    assert synthetic.asked("efs", "DeleteMountTarget") == [{"MountTargetId": "fsmt-01234567"}]
    assert synthetic.asked("efs", "DeleteFileSystem") == [
        {"FileSystemId": "fs-01234567"},
        {"FileSystemId": "fs-01234567"},
    ]
