"""Instances, types, disks, snapshots, keys, addresses, interfaces: as moto has them, value by value."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from resoto_dagster.model.resource import Resource
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.base import ProviderError, ProviderSession
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    REGION,
    as_json,
    belongs_to,
    goes_after,
    goes_before,
    stored,
    uses,
)
from resoto_dagster_tests.providers.aws.synthetic import Synthetic

Client = Callable[..., Any]
Collect = Callable[..., list[Any]]

IN_REGION = belongs_to("aws_region", REGION)
TAGS = [{"Key": "Name", "Value": "one"}, {"Key": "owner", "Value": "me"}]


def tagged(kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": TAGS}]


@pytest.fixture
def instance(client: Client) -> dict[str, Any]:
    """A running instance with a key, a disk and an interface."""
    ec2 = client("ec2")
    ec2.create_key_pair(KeyName="login", TagSpecifications=tagged("key-pair"))
    group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    made = ec2.run_instances(
        ImageId="ami-12345678",
        SecurityGroupIds=[group],
        InstanceType="m5.large",
        KeyName="login",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=tagged("instance"),
    )
    answer = ec2.describe_instances(InstanceIds=[made["Instances"][0]["InstanceId"]])
    found: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
    return found


def test_instance(instance: dict[str, Any], collect_kind: Collect) -> None:
    (found,) = collect_kind("aws_ec2_instance")
    instance_id, group = instance["InstanceId"], instance["SecurityGroups"][0]["GroupId"]
    assert (found.id, found.name, found.region) == (instance_id, "one", REGION)
    assert found.tags == {"Name": "one", "owner": "me"}
    assert found.ctime == instance["LaunchTime"]
    assert found.properties["instance_type"] == "m5.large"
    assert found.properties["instance_cores"] == 2
    assert found.properties["instance_memory"] == 8.0
    assert found.properties["instance_status"] == "running"
    assert found.properties["instance_image_id"] == instance["ImageId"]
    assert found.properties["instance_private_ip_address"] == instance["PrivateIpAddress"]
    assert found.properties["instance_placement"]["availability_zone"] == f"{REGION}a"
    assert found.properties["instance_monitoring"] == "disabled"
    assert found.properties["arn"] == f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{instance_id}"
    assert "instance_type_v_cpu_info" not in found.properties
    assert set(found.edges) == {
        IN_REGION,
        belongs_to("aws_vpc", instance["VpcId"]),
        goes_before("aws_vpc", instance["VpcId"]),
        belongs_to("aws_ec2_subnet", instance["SubnetId"]),
        goes_before("aws_ec2_subnet", instance["SubnetId"]),
        belongs_to("aws_ec2_instance_type", "m5.large"),
        belongs_to("aws_ec2_image", "ami-12345678"),
        uses("aws_ec2_security_group", group),
        goes_before("aws_ec2_security_group", group),
        uses("aws_ec2_keypair", "login", by="name"),
        goes_before("aws_ec2_keypair", "login", by="name"),
    }


def test_terminated_instances_are_gone(
    instance: dict[str, Any], client: Client, collect_kind: Collect, session: ProviderSession
) -> None:
    (found,) = collect_kind("aws_ec2_instance")
    assert session.delete(stored(found)).request_ids
    listed = client("ec2").describe_instances(InstanceIds=[found.id])["Reservations"][0]["Instances"][0]
    assert listed["State"]["Name"] == "terminated"
    assert session.read(stored(found)) is None
    assert collect_kind("aws_ec2_instance") == []
    assert collect_kind("aws_ec2_instance_type") == []


@pytest.mark.parametrize(
    ("action", "status"), [("stop_instances", "stopped"), ("start_instances", "running")]
)
def test_instance_status(
    instance: dict[str, Any], client: Client, collect_kind: Collect, action: str, status: str
) -> None:
    getattr(client("ec2"), action)(InstanceIds=[instance["InstanceId"]])
    (found,) = collect_kind("aws_ec2_instance")
    assert found.properties["instance_status"] == status


def test_instance_type_is_collected_once_while_it_is_in_use(
    instance: dict[str, Any], client: Client, collect_kind: Collect
) -> None:
    client("ec2").run_instances(ImageId=instance["ImageId"], InstanceType="m5.large", MinCount=2, MaxCount=2)
    (found,) = collect_kind("aws_ec2_instance_type")
    assert (found.id, found.name, found.tags) == ("m5.large", "m5.large", {})
    assert found.properties["instance_type"] == "m5.large"
    assert found.properties["instance_cores"] == 2
    assert found.properties["instance_memory"] == 8.0
    assert found.properties["hypervisor"] == "nitro"
    assert found.properties["burstable_performance_supported"] is False
    assert found.properties["supported_root_device_types"] == ["ebs"]
    assert found.properties["instance_type_processor_info"]["supported_architectures"] == ["x86_64"]
    assert set(found.edges) == {IN_REGION, belongs_to("aws_service_quota", "L-1216C47A")}


def test_volume(client: Client, collect_kind: Collect, instance: dict[str, Any]) -> None:
    ec2 = client("ec2")
    made = ec2.create_volume(
        AvailabilityZone=f"{REGION}a",
        Size=20,
        VolumeType="gp3",
        Iops=3000,
        Throughput=150,
        Encrypted=True,
        TagSpecifications=tagged("volume"),
    )
    root = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    volumes = {volume.id: volume for volume in collect_kind("aws_ec2_volume")}
    assert set(volumes) == {root, made["VolumeId"]}

    free = volumes[made["VolumeId"]]
    assert (free.name, free.tags["owner"]) == ("one", "me")
    assert free.ctime is not None
    assert abs(free.ctime - datetime.now(UTC)).total_seconds() < 60
    assert free.properties["volume_size"] == 20
    assert free.properties["volume_type"] == "gp3"
    assert free.properties["volume_status"] == "available"
    assert free.properties["volume_iops"] == 3000
    assert free.properties["volume_throughput"] == 150
    assert free.properties["volume_encrypted"] is True
    assert free.properties["availability_zone"] == f"{REGION}a"
    key = made["KmsKeyId"]
    assert set(free.edges) == {
        IN_REGION,
        belongs_to("aws_ec2_volume_type", "gp3"),
        uses("aws_kms_key", key, by="arn"),
        goes_before("aws_kms_key", key, by="arn"),
    }

    attached = volumes[root]
    assert attached.name == root, "without a tag the id is the name"
    assert attached.properties["volume_status"] == "in-use"
    assert attached.properties["volume_attachments"][0]["instance_id"] == instance["InstanceId"]
    assert attached.properties["volume_attachments"][0]["attach_time"].endswith("Z")
    assert set(attached.edges) == {
        IN_REGION,
        belongs_to("aws_ec2_volume_type", attached.properties["volume_type"]),
        belongs_to("aws_ec2_instance", instance["InstanceId"]),
        goes_after("aws_ec2_instance", instance["InstanceId"]),
    }


def test_a_volume_type_is_collected_once_while_it_is_in_use(
    synthetic: Synthetic, collect_kind: Collect
) -> None:
    volumes: list[dict[str, str]] = []
    synthetic.answer("ec2", "DescribeVolumes", lambda _: {"Volumes": volumes})
    assert collect_kind("aws_ec2_volume_type") == []
    volumes += [{"VolumeType": volume_type} for volume_type in ("gp3", "new", "standard", "gp3")]
    quotas = [{"QuotaCode": "L-9CF3C2EB", "Value": 300.0}, {"QuotaCode": "L-7A658B76", "Value": 50.0}]
    synthetic.answer("service-quotas", "ListServiceQuotas", {"Quotas": quotas})

    gp3, new, standard = collect_kind("aws_ec2_volume_type")

    assert synthetic.asked("service-quotas", "ListServiceQuotas") == [{"ServiceCode": "ebs"}]
    assert (gp3.id, gp3.name, gp3.tags) == ("gp3", "gp3", {})
    assert gp3.properties == {"volume_type": "gp3", "quota": 50.0}
    assert set(gp3.edges) == {IN_REGION, belongs_to("aws_service_quota", "L-7A658B76")}
    assert standard.properties == {"volume_type": "standard", "quota": 300.0}
    assert (new.properties, new.edges) == ({"volume_type": "new"}, (IN_REGION,))
    assert KINDS["aws_ec2_volume_type"].phantom


def test_snapshot(client: Client, collect_kind: Collect) -> None:
    ec2 = client("ec2")
    volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=20)["VolumeId"]
    made = ec2.create_snapshot(VolumeId=volume, Description="before", TagSpecifications=tagged("snapshot"))
    found = {snapshot.id: snapshot for snapshot in collect_kind("aws_ec2_snapshot")}[made["SnapshotId"]]
    assert (found.name, found.tags["owner"]) == ("one", "me")
    assert found.ctime is not None
    assert {
        name: found.properties[name]
        for name in ("snapshot_status", "description", "volume_id", "volume_size", "encrypted", "owner_id")
    } == {
        "snapshot_status": "completed",
        "description": "before",
        "volume_id": volume,
        "volume_size": 20,
        "encrypted": False,
        "owner_id": ACCOUNT,
    }
    assert set(found.edges) == {IN_REGION, belongs_to("aws_ec2_volume", volume)}


def test_a_snapshot_that_aws_backup_made_is_held_back(session: ProviderSession) -> None:
    made = {"Key": "aws:backup:source-resource", "Value": "vol-1:1"}
    for tags, kept in (([*TAGS, made], "AWS Backup owns it"), (TAGS, None), ([], None)):
        found = map_item("aws_ec2_snapshot", {"SnapshotId": "snap-1", "Tags": tags})
        assert found is not None
        assert found.properties["snapshot_made_by_backup"] is (kept is not None)
        assert session.held_back(stored(found)) == kept


def test_keypair(instance: dict[str, Any], client: Client, collect_kind: Collect) -> None:
    made = client("ec2").describe_key_pairs()["KeyPairs"][0]
    (found,) = collect_kind("aws_ec2_keypair")
    assert (found.id, found.name, found.tags["owner"]) == (made["KeyPairId"], "login", "me")
    assert found.properties["fingerprint"] == made["KeyFingerprint"]
    assert found.properties["key_fingerprint"] == made["KeyFingerprint"]
    assert found.edges == (IN_REGION,)


def test_elastic_ip(instance: dict[str, Any], client: Client, collect_kind: Collect) -> None:
    ec2 = client("ec2")
    made = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))
    ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=instance["InstanceId"])
    (found,) = collect_kind("aws_ec2_elastic_ip")
    assert (found.id, found.name, found.tags["owner"]) == (made["PublicIp"], "one", "me")
    assert found.properties["ip_address"] == made["PublicIp"]
    assert found.properties["public_ip"] == made["PublicIp"]
    assert found.properties["ip_address_family"] == "ipv4"
    assert found.properties["ip_allocation_id"] == made["AllocationId"]
    assert belongs_to("aws_ec2_instance", instance["InstanceId"]) in found.edges
    assert goes_after("aws_ec2_instance", instance["InstanceId"]) in found.edges


def test_an_elastic_ip_in_use_is_taken_away_and_released(
    instance: dict[str, Any], client: Client, collect_kind: Collect, session: ProviderSession
) -> None:
    ec2 = client("ec2")
    made = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=instance["InstanceId"])
    (found,) = collect_kind("aws_ec2_elastic_ip")
    assert len(session.delete(stored(found)).request_ids) == 2
    assert ec2.describe_addresses()["Addresses"] == []
    assert session.read(stored(found)) is None


def test_network_interface(client: Client, collect_kind: Collect) -> None:
    ec2 = client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=subnet["VpcId"])["GroupId"]
    made = ec2.create_network_interface(
        SubnetId=subnet["SubnetId"],
        Description="spare",
        Groups=[group],
        TagSpecifications=tagged("network-interface"),
    )["NetworkInterface"]
    (found,) = collect_kind("aws_ec2_network_interface")
    assert (found.id, found.name, found.tags["owner"]) == (made["NetworkInterfaceId"], "one", "me")
    assert found.properties["network_interface_type"] == "interface"
    assert found.properties["network_interface_status"] == made["Status"]
    assert found.properties["mac"] == made["MacAddress"]
    assert found.properties["private_ips"] == [made["PrivateIpAddress"]]
    assert found.properties["public_ips"] == []
    assert found.properties["v6_ips"] == []
    assert found.properties["description"] == "spare"
    assert {"key": "owner", "value": "me"} in found.properties["nic_tag_set"]
    assert set(found.edges) == {
        IN_REGION,
        belongs_to("aws_vpc", subnet["VpcId"]),
        goes_before("aws_vpc", subnet["VpcId"]),
        belongs_to("aws_ec2_subnet", subnet["SubnetId"]),
        goes_before("aws_ec2_subnet", subnet["SubnetId"]),
        belongs_to("aws_ec2_security_group", group),
        goes_before("aws_ec2_security_group", group),
    }


def test_an_attached_interface_goes_after_its_instance(
    instance: dict[str, Any], collect_kind: Collect
) -> None:
    (found,) = collect_kind("aws_ec2_network_interface")
    assert belongs_to("aws_ec2_instance", instance["InstanceId"]) in found.edges
    assert goes_after("aws_ec2_instance", instance["InstanceId"]) in found.edges


@pytest.mark.parametrize(
    ("reported", "reason"),
    [
        ({}, None),
        ({"nic_requester_managed": False, "nic_attachment": {"delete_on_termination": False}}, None),
        ({"nic_attachment": {"delete_on_termination": True}}, "it goes with its instance"),
        ({"nic_requester_managed": True}, "the service that made it deletes it"),
    ],
)
def test_interfaces_that_are_held_back(
    session: ProviderSession, reported: dict[str, Any], reason: str | None
) -> None:
    interface = Resource("aws_ec2_network_interface", "eni-1", "eni-1", REGION, properties=reported)
    assert session.held_back(stored(interface)) == reason


@pytest.mark.parametrize(
    ("prepare", "kind"),
    [
        (lambda ec2: ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1), "aws_ec2_volume"),
        (lambda ec2: ec2.create_key_pair(KeyName="login"), "aws_ec2_keypair"),
        (lambda ec2: ec2.allocate_address(Domain="vpc"), "aws_ec2_elastic_ip"),
        (
            lambda ec2: ec2.create_network_interface(
                SubnetId=ec2.describe_subnets()["Subnets"][0]["SubnetId"]
            ),
            "aws_ec2_network_interface",
        ),
    ],
)
def test_read_tag_and_delete(
    client: Client, collect_kind: Collect, session: ProviderSession, prepare: Callable[[Any], Any], kind: str
) -> None:
    prepare(client("ec2"))
    (found,) = collect_kind(kind)
    known = stored(found)
    assert session.held_back(known) is None
    assert session.read(known) == found, "what did not change reads as it was collected"

    assert len(session.update_tags(known, {"owner": "me", "expires": "1d"}, []).request_ids) == 1
    assert len(session.update_tags(known, {"owner": "you"}, ["expires"]).request_ids) == 2
    (changed,) = collect_kind(kind)
    assert changed.tags == {"owner": "you"}
    assert session.read(known) == changed

    assert len(session.delete(known).request_ids) == 1
    assert collect_kind(kind) == []
    assert session.read(known) is None
    session.delete(known)  # gone already is no error


def test_what_aws_refuses_to_delete_is_told(
    instance: dict[str, Any], collect_kind: Collect, session: ProviderSession
) -> None:
    (root,) = collect_kind("aws_ec2_volume")
    with pytest.raises(ProviderError, match=r"^VolumeInUse: ec2:DeleteVolume: ") as refused:
        session.delete(stored(root))
    assert "\n" not in str(refused.value)


def test_snapshot_is_deleted(client: Client, collect_kind: Collect, session: ProviderSession) -> None:
    ec2 = client("ec2")
    volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
    made = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    found = {snapshot.id: snapshot for snapshot in collect_kind("aws_ec2_snapshot")}[made]
    assert session.read(stored(found)) == found
    session.delete(stored(found))
    assert session.read(stored(found)) is None


def test_everything_reported_is_json(instance: dict[str, Any], collect_kind: Collect) -> None:
    for kind in ("aws_ec2_instance", "aws_ec2_volume", "aws_ec2_network_interface", "aws_ec2_instance_type"):
        for resource in collect_kind(kind):
            assert as_json(resource)["kind"] == kind
