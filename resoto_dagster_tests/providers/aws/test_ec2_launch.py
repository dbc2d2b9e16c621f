"""Images, launch templates, hosts and reservations, value by value."""

import base64
from datetime import UTC, datetime

import pytest

from resoto_dagster.model.resource import Resource
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.base import ProviderError
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    REGION,
    belongs_to,
    goes_after,
    goes_before,
    stored,
    uses,
)

IN_REGION = belongs_to("aws_region", REGION)


def tagged(kind):
    tags = [{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}]
    return [{"ResourceType": kind, "Tags": tags}]


def read_tag_and_delete(session, collect_kind, found):
    known = stored(found)
    assert session.held_back(known) is None
    assert session.read(known) == found
    session.update_tags(known, {"owner": "ops"}, ["env"])
    assert session.read(known).tags == {"owner": "ops"}
    assert len(session.delete(known).request_ids) == 1
    assert session.read(known) is None
    assert collect_kind(found.kind) == []


@pytest.fixture
def image(client):
    """The id of an image of an instance, and that of its snapshot."""
    ec2 = client("ec2")
    made = ec2.run_instances(ImageId="ami-12345678", InstanceType="t3.micro", MinCount=1, MaxCount=1)
    image = ec2.create_image(
        InstanceId=made["Instances"][0]["InstanceId"],
        Name="golden",
        Description="with all that is needed",
        TagSpecifications=tagged("image"),
    )["ImageId"]
    (mapping, *_) = ec2.describe_images(ImageIds=[image])["Images"][0]["BlockDeviceMappings"]
    return image, mapping["Ebs"]["SnapshotId"]


def test_image(image, collect_kind, session):
    image_id, snapshot = image

    (found,) = collect_kind("aws_ec2_image")

    assert (found.id, found.name, found.tags) == (image_id, "golden", {"owner": "web", "env": "test"})
    assert abs(found.ctime - datetime.now(UTC)).total_seconds() < 60
    properties = found.properties
    assert properties["arn"] == f"arn:aws:ec2:{REGION}::image/{image_id}"
    assert properties["description"] == "with all that is needed"
    assert properties["owner_id"] == ACCOUNT
    assert properties["state"] == "available"
    assert properties["public"] is False
    assert properties["architecture"] == "x86_64"
    assert properties["virtualization_type"] == "hvm"
    assert properties["root_device_name"] == "/dev/sda1"
    assert properties["block_device_mappings"][0]["ebs"]["snapshot_id"] == snapshot
    assert set(found.edges) == {
        IN_REGION,
        uses("aws_ec2_snapshot", snapshot),
        goes_before("aws_ec2_snapshot", snapshot),
    }
    read_tag_and_delete(session, collect_kind, found)
    session.delete(stored(found))  # gone already is no error


def test_only_images_of_the_account_are_listed_and_disabled_ones_are(synthetic, collect_kind):
    launched = "2024-05-02T10:00:00.000Z"
    synthetic.answer(
        "ec2", "DescribeImages", {"Images": [{"ImageId": "ami-1", "LastLaunchedTime": launched}]}
    )

    (found,) = collect_kind("aws_ec2_image")

    assert found.atime == datetime(2024, 5, 2, 10, tzinfo=UTC)
    (asked,) = synthetic.asked("ec2", "DescribeImages")
    assert asked == {"Owners": ["self"], "IncludeDisabled": True, "MaxResults": 1000}


def test_a_protected_image_is_held_back(session):
    found = map_item("aws_ec2_image", {"ImageId": "a", "DeregistrationProtection": "enabled-with-cooldown"})
    assert session.held_back(stored(found)) == "it is protected from deregistration"
    found = map_item("aws_ec2_image", {"ImageId": "a", "DeregistrationProtection": "disabled"})
    assert session.held_back(stored(found)) is None


def test_an_image_that_aws_backup_made_is_held_back(session):
    made = [{"Key": "aws:backup:source-resource", "Value": "i-1:1"}]
    image, own = (map_item("aws_ec2_image", {"ImageId": "ami-1", "Tags": tags}) for tags in (made, []))

    assert (image.properties["made_by_backup"], own.properties["made_by_backup"]) == (True, False)
    assert session.held_back(stored(image)) == "AWS Backup owns it"
    assert session.held_back(stored(own)) is None


def test_launch_template(client, collect_kind, session):
    ec2 = client("ec2")
    script = base64.b64encode(b"echo not-a-secret").decode()
    made = ec2.create_launch_template(
        LaunchTemplateName="web",
        LaunchTemplateData={"InstanceType": "t3.micro"},
        TagSpecifications=tagged("launch-template"),
    )["LaunchTemplate"]["LaunchTemplateId"]
    ec2.create_launch_template_version(
        LaunchTemplateId=made,
        VersionDescription="larger",
        LaunchTemplateData={"InstanceType": "t3.large", "UserData": script},
    )
    ec2.create_launch_template(LaunchTemplateName="other", LaunchTemplateData={"InstanceType": "m5.large"})

    found = next(template for template in collect_kind("aws_ec2_launch_template") if template.id == made)

    assert (found.name, found.tags) == ("web", {"owner": "web", "env": "test"})
    assert found.ctime <= found.mtime
    properties = found.properties
    assert properties["arn"] == f"arn:aws:ec2:{REGION}:{ACCOUNT}:launch-template/{made}"
    assert properties["version_number"] == 2
    assert properties["version_description"] == "larger"
    assert properties["is_default_version"] is False
    assert properties["default_version_number"] == 1
    assert properties["created_by"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert properties["launch_template_data"]["instance_type"] == "t3.large"
    assert properties["launch_template_data"]["user_data"] == "***"
    assert found.edges == (IN_REGION,)
    known = stored(found)
    assert session.read(known) == found
    session.update_tags(known, {"owner": "ops"}, ["env"])
    # moto answers templates with the tags they were made with.
    tags = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [made]}])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"owner": "ops"}
    assert len(session.delete(known).request_ids) == 1
    assert session.read(known) is None
    assert [template.name for template in collect_kind("aws_ec2_launch_template")] == ["other"]
    session.delete(known)  # gone already is no error


def test_the_newest_versions_of_all_templates_are_asked_for_at_once(client, collect_kind, front):
    for name in ("a", "b", "c"):
        client("ec2").create_launch_template(
            LaunchTemplateName=name, LaunchTemplateData={"ImageId": f"ami-{name}"}
        )

    found = collect_kind("aws_ec2_launch_template")

    assert {template.name: template.properties["launch_template_data"]["image_id"] for template in found} == {
        "a": "ami-a",
        "b": "ami-b",
        "c": "ami-c",
    }
    assert front.count()["DescribeLaunchTemplateVersions"] == 1


def test_a_template_that_a_service_made_is_held_back(session):
    item = {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "of-a-service", "Operator": {"Managed": True}}
    found = map_item("aws_ec2_launch_template", item)
    assert session.held_back(stored(found)) == "the service that made it deletes it"


def test_host(client, collect_kind, session):
    (made,) = client("ec2").allocate_hosts(
        AvailabilityZone=f"{REGION}a",
        InstanceType="m5.large",
        AutoPlacement="off",
        HostRecovery="on",
        Quantity=1,
        TagSpecifications=tagged("dedicated-host"),
    )["HostIds"]

    (found,) = collect_kind("aws_ec2_host")

    assert (found.id, found.name, found.tags) == (made, made, {"owner": "web", "env": "test"})
    assert abs(found.ctime - datetime.now(UTC)).total_seconds() < 60
    properties = found.properties
    assert properties["arn"] == f"arn:aws:ec2:{REGION}:{ACCOUNT}:dedicated-host/{made}"
    assert properties["host_auto_placement"] == "off"
    assert properties["host_recovery"] == "on"
    assert properties["host_availability_zone"] == f"{REGION}a"
    assert properties["host_properties"] == {"instance_type": "m5.large"}
    assert properties["host_state"] == "available"
    assert properties["host_owner_id"] == ACCOUNT
    assert found.edges == (IN_REGION,)
    read_tag_and_delete(session, collect_kind, found)


def test_a_host_goes_after_its_instances(session):
    item = {"HostId": "h-1", "Instances": [{"InstanceId": "i-1"}], "State": "available"}

    found = map_item("aws_ec2_host", item)

    assert set(found.edges) == {
        IN_REGION,
        uses("aws_ec2_instance", "i-1"),
        goes_after("aws_ec2_instance", "i-1"),
    }
    assert "host_instances" in KINDS["aws_ec2_host"].unsettled
    owned = map_item("aws_ec2_host", item | {"MemberOfServiceLinkedResourceGroup": True})
    assert session.held_back(stored(owned)) == "the service that allocated it releases it"


def test_a_host_that_is_not_released_is_told(synthetic, session):
    error = {"Code": "Client.InvalidHost.Occupied", "Message": "instances are on it"}
    synthetic.answer("ec2", "ReleaseHosts", {"Unsuccessful": [{"ResourceId": "h-1", "Error": error}]})
    with pytest.raises(ProviderError, match=r"^Client.InvalidHost.Occupied: release_hosts: 1 refused"):
        session.delete(stored(Resource("aws_ec2_host", "h-1", "h-1", REGION)))


def test_reserved_instances(synthetic, collect_kind, session):
    end = datetime(2027, 1, 1, tzinfo=UTC)
    reserved = {
        "ReservedInstancesId": "r-1",
        "InstanceType": "m5.large",
        "AvailabilityZone": f"{REGION}a",
        "Start": datetime(2026, 1, 1, tzinfo=UTC),
        "End": end,
        "Duration": 31536000,
        "FixedPrice": 100.5,
        "InstanceCount": 3,
        "OfferingClass": "standard",
        "OfferingType": "All Upfront",
        "RecurringCharges": [{"Amount": 0.5, "Frequency": "Hourly"}],
        "Scope": "Availability Zone",
        "State": "active",
        "Tags": [{"Key": "owner", "Value": "web"}],
    }
    listed = [reserved, reserved | {"ReservedInstancesId": "r-2", "State": "retired"}]
    synthetic.answer(
        "ec2",
        "DescribeReservedInstances",
        lambda params: {
            "ReservedInstances": [
                one
                for one in listed
                if one["ReservedInstancesId"] in params.get("ReservedInstancesIds", ["r-1", "r-2"])
            ]
        },
    )
    synthetic.answer("ec2", "CreateTags", {})

    (found,) = collect_kind("aws_ec2_reserved_instances")

    assert (found.id, found.name, found.tags) == ("r-1", "r-1", {"owner": "web"})
    assert found.properties == {
        "arn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:reserved-instances/r-1",
        "availability_zone": f"{REGION}a",
        "reservation_duration": 31536000,
        "reservation_end": "2027-01-01T00:00:00Z",
        "reservation_fixed_price": 100.5,
        "reservation_instance_count": 3,
        "reservation_instance_type": "m5.large",
        "reservation_offering_class": "standard",
        "reservation_offering_type": "All Upfront",
        "reservation_recurring_charges": [{"amount": 0.5, "frequency": "Hourly"}],
        "reservation_reserved_instances_id": "r-1",
        "reservation_scope": "Availability Zone",
        "reservation_start": "2026-01-01T00:00:00Z",
        "reservation_state": "active",
    }
    assert set(found.edges) == {IN_REGION, belongs_to("aws_ec2_instance_type", "m5.large")}
    assert session.read(stored(found)) == found
    assert not KINDS["aws_ec2_reserved_instances"].deletable
    session.update_tags(stored(found), {"owner": "ops"}, [])
    (asked,) = synthetic.asked("ec2", "CreateTags")
    assert asked == {"Resources": ["r-1"], "Tags": [{"Key": "owner", "Value": "ops"}]}
    reserved["State"] = "retired"
    assert session.read(stored(found)) is None
