"""From an item to a resource: names, forms, tags, times, edges."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.session import Session

from resoto_dagster.model.resource import GLOBAL, Resource
from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Value
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.aws.mapping import Place, compile_mapper, tags_of
from resoto_dagster.providers.aws.shapes import item_members
from resoto_dagster_tests.providers.aws.harness import belongs_to, goes_after, goes_before, uses

MODELS = Session()
PLACE = Place("aws", "111111111111", "eu-west-1")
MOMENT = datetime(2024, 5, 1, 10, 30, tzinfo=timezone(timedelta(hours=2)))

VOLUME = AwsKind(
    name="aws_ec2_volume",
    description="A disk.",
    service="ec2",
    api=Call(operation="describe_volumes", items="Volumes"),
    id="VolumeId",
    prefix="volume",
)
FUNCTION = AwsKind(
    name="aws_lambda_function",
    description="A function.",
    service="lambda",
    api=Call(operation="list_functions", items="Functions"),
    id="FunctionName",
    prefix="function",
    tags="",
)


def mapped(kind: AwsKind, item: dict[str, Any], place: Place = PLACE) -> Resource:
    resource = compile_mapper(kind, item_members(MODELS, kind))(item, place)
    assert resource is not None
    return resource


def test_members_become_properties_with_the_prefix_in_snake_case() -> None:
    found = mapped(
        VOLUME,
        {"VolumeId": "vol-1", "Size": 8, "VolumeType": "gp3", "SseType": None, "Attachments": []},
    )
    assert found.properties == {"volume_size": 8, "volume_type": "gp3", "volume_attachments": []}


def test_a_value_of_several_paths_gets_what_is_at_each() -> None:
    kind = replace(
        VOLUME,
        id=Value(("VolumeId", "SnapshotId"), lambda *parts: "/".join(filter(None, parts))),
        name_path=Value("VolumeId", str.upper),
        properties={
            "both": Value(("Size", "Iops"), lambda size, iops: [size, iops]),
            "neither": Value(("State", "KmsKeyId"), lambda *_: "made of nothing", absent="none"),
        },
    )
    alone = mapped(kind, {"VolumeId": "vol-1", "Size": 8, "VolumeType": "gp3"})
    assert (alone.id, alone.name) == ("vol-1", "VOL-1")
    assert alone.properties == {"both": [8, None], "neither": "none", "volume_type": "gp3"}
    assert mapped(kind, {"VolumeId": "vol-1", "SnapshotId": "snap-1"}).id == "vol-1/snap-1"


def test_times_are_text_in_utc_inside_and_moments_outside() -> None:
    found = mapped(
        replace(VOLUME, ctime="CreateTime"),
        {
            "VolumeId": "vol-1",
            "CreateTime": MOMENT,
            "Attachments": [{"AttachTime": MOMENT, "Device": "/dev/a"}],
        },
    )
    assert found.ctime == MOMENT
    assert found.ctime is not None
    assert found.ctime.tzinfo is UTC
    assert found.properties == {
        "volume_attachments": [{"attach_time": "2024-05-01T08:30:00Z", "device": "/dev/a"}]
    }


def test_a_time_that_aws_answers_as_text_is_a_moment() -> None:
    found = mapped(
        replace(FUNCTION, mtime="LastModified"),
        {"FunctionName": "f", "LastModified": "2024-05-01T10:30:00.000+0200"},
    )
    assert found.mtime == MOMENT


def test_keys_of_maps_are_data() -> None:
    found = mapped(FUNCTION, {"FunctionName": "f", "Environment": {"Variables": {"DbHost": "a", "X_Y": "b"}}})
    assert found.properties == {"function_environment": {"variables": {"DbHost": "a", "X_Y": "b"}}}


def test_of_what_is_secret_the_keys_alone_are_kept() -> None:
    model = replace(
        FUNCTION,
        service="sagemaker",
        api=Call(operation="describe_model", items=""),
        id="ModelName",
        secret=("PrimaryContainer.Environment", "Containers[].Environment"),
    )
    item = {
        "ModelName": "m",
        "PrimaryContainer": {"Environment": {"Token": "t"}, "Image": "i"},
        "Containers": [{"Environment": {"Key": "k"}}, {"Image": "j"}],
    }
    assert mapped(model, item).properties == {
        "function_primary_container": {"environment": {"Token": "***"}, "image": "i"},
        "function_containers": [{"environment": {"Key": "***"}}, {"image": "j"}],
    }
    assert mapped(model, {"ModelName": "m"}).properties == {}

    job = replace(
        model,
        api=Call(operation="describe_transform_job", items=""),
        id="TransformJobName",
        secret=("Environment",),
    )
    item = {"TransformJobName": "j", "Environment": {"Token": "t"}}
    assert mapped(job, item).properties == {"function_environment": {"Token": "***"}}


def test_a_text_that_is_secret_is_not_kept() -> None:
    kind = replace(VOLUME, secret=("Attachments[].Device",))
    item = {"VolumeId": "vol-1", "Attachments": [{"Device": "/dev/a", "InstanceId": "i-1"}, {}]}
    assert mapped(kind, item).properties == {
        "volume_attachments": [{"device": "***", "instance_id": "i-1"}, {}]
    }


def test_a_property_names_a_member_so_that_it_stands_there_once() -> None:
    kind = replace(
        VOLUME,
        properties={
            "volume_status": Value("State", str.upper),
            "instances": "Attachments[].InstanceId",
            "attached": "Attachments[].AttachTime",
            "kms": Value("KmsKeyId", str, absent="none"),
        },
        drop=("Attachments",),
    )
    found = mapped(
        kind,
        {
            "VolumeId": "vol-1",
            "State": "error",
            "Attachments": [{"InstanceId": "i-1", "AttachTime": MOMENT}, {}],
        },
    )
    assert found.properties == {
        "volume_status": "ERROR",
        "instances": ["i-1"],
        "attached": ["2024-05-01T08:30:00Z"],
        "kms": "none",
    }


@pytest.mark.parametrize(
    ("name_path", "item", "name"),
    [
        (None, {}, "vol-1"),
        (None, {"Tags": [{"Key": "Name", "Value": "data"}]}, "data"),
        (None, {"Tags": [{"Key": "Name", "Value": ""}]}, "vol-1"),
        ("Attachments[].Device", {"Attachments": [{"Device": "/dev/a"}, {"Device": "/dev/b"}]}, "/dev/a"),
        ("KmsKeyId", {"Tags": [{"Key": "Name", "Value": "data"}]}, "data"),
    ],
)
def test_name(name_path: str | None, item: dict[str, Any], name: str) -> None:
    assert mapped(replace(VOLUME, name_path=name_path), {"VolumeId": "vol-1", **item}).name == name


@pytest.mark.parametrize(
    "tags",
    [
        [{"Key": "aws:stack", "Value": "s"}, {"Key": "owner", "Value": ""}, {"Key": "empty"}],
        [{"key": "aws:stack", "value": "s"}, {"key": "owner", "value": ""}, {"key": "empty"}],
        [{"TagKey": "aws:stack", "TagValue": "s"}, {"TagKey": "owner", "TagValue": ""}, {"TagKey": "empty"}],
        {"aws:stack": "s", "owner": "", "empty": ""},
    ],
)
def test_tags_in_all_their_forms(tags: Any) -> None:
    assert tags_of(tags) == {"aws:stack": "s", "owner": "", "empty": ""}


@pytest.mark.parametrize("tags", [None, [], {}])
def test_no_tags(tags: Any) -> None:
    assert tags_of(tags) == {}


def test_what_is_gone_is_no_resource() -> None:
    kind = replace(VOLUME, gone=("State", ("deleted", "deleting")))
    make = compile_mapper(kind, item_members(MODELS, kind))
    assert make({"VolumeId": "vol-1", "State": "deleted"}, PLACE) is None
    assert make({"VolumeId": "vol-1", "State": "error"}, PLACE) is not None
    assert make({"VolumeId": "vol-1"}, PLACE) is not None


@pytest.mark.parametrize(
    ("arn", "found"),
    [
        (
            "arn:{partition}:ec2:{region}:{account}:volume/{id}",
            "arn:aws:ec2:eu-west-1:111111111111:volume/vol-1",
        ),
        ("KmsKeyId", "arn:aws:kms:key"),
    ],
)
def test_arn(arn: str, found: str) -> None:
    item = {"VolumeId": "vol-1", "KmsKeyId": "arn:aws:kms:key"}
    assert mapped(replace(VOLUME, arn=arn), item).properties["arn"] == found


def test_links_become_edges_once_each_and_never_to_the_resource_itself() -> None:
    kind = replace(
        VOLUME,
        links=(
            Link(kind="aws_ec2_instance", path="Attachments[].InstanceId", parent=True, delete="after"),
            Link(kind="aws_ec2_snapshot", path="SnapshotId"),
            Link(
                kind="aws_ec2_volume",
                path=Value("SourceVolumeId", lambda ids: ids.split(",")),
                delete="before",
            ),
            Link(kind="aws_kms_key", path="KmsKeyId", by="arn"),
        ),
    )
    found = mapped(
        kind,
        {
            "VolumeId": "vol-1",
            "SnapshotId": "snap-1",
            "KmsKeyId": "",
            "SourceVolumeId": "vol-1,vol-2",
            "Attachments": [{"InstanceId": "i-1"}, {"InstanceId": "i-1"}, {"InstanceId": "i-2"}],
        },
    )
    assert len(found.edges) == len(set(found.edges))
    assert set(found.edges) == {
        belongs_to("aws_region", "eu-west-1"),
        *(edge("aws_ec2_instance", name) for name in ("i-1", "i-2") for edge in (belongs_to, goes_after)),
        uses("aws_ec2_snapshot", "snap-1"),
        uses("aws_ec2_volume", "vol-2"),
        goes_before("aws_ec2_volume", "vol-2"),
    }


def test_what_belongs_to_no_region_belongs_to_the_account() -> None:
    everywhere = replace(PLACE, region=GLOBAL)
    assert mapped(VOLUME, {"VolumeId": "vol-1"}, everywhere).edges == (
        belongs_to("aws_account", "111111111111"),
    )
    assert mapped(KINDS["aws_account"], {"Account": "111111111111"}, everywhere).edges == ()


def test_the_region_may_stand_in_the_item() -> None:
    kind = replace(VOLUME, region_path="AvailabilityZone", regional=False)
    everywhere = replace(PLACE, region=GLOBAL)
    found = mapped(kind, {"VolumeId": "vol-1", "AvailabilityZone": "us-west-2"}, everywhere)
    assert found.region == "us-west-2"
    assert found.edges == (belongs_to("aws_region", "us-west-2"),)
    assert mapped(kind, {"VolumeId": "vol-1"}, everywhere).region == GLOBAL


def test_a_property_cannot_take_the_name_that_every_resource_uses() -> None:
    kind = replace(
        FUNCTION,
        prefix="",
        drop=("FunctionName",),
        id="FunctionArn",
        details=(Detail(operation="get_function", params={"FunctionName": "FunctionName"}, into="Id"),),
    )
    with pytest.raises(LookupError, match="id is no name for a property"):
        compile_mapper(kind, item_members(MODELS, kind))
