"""Every declaration holds against botocore's service models: nothing in it is misspelt or made up."""

import subprocess
import sys
from dataclasses import replace
from graphlib import TopologicalSorter
from typing import Any

import pytest

from resoto_dagster.providers.aws.declaration import Call, Detail, HeldBack, Link, Step, Tagging, Value
from resoto_dagster.providers.aws.kinds import KINDS, by_name
from resoto_dagster_tests.providers.aws.contract import problems


@pytest.mark.parametrize("name", KINDS)
def test_declaration_holds(name: str) -> None:
    assert problems(KINDS[name]) == []


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (
            {"api": Call(operation="describe_disks", items="Volumes")},
            "items: ec2 has no operation describe_disks",
        ),
        ({"api": Call(operation="describe_volumes", items="Disks")}, "has no member Disks"),
        ({"api": Call(operation="describe_volumes", items="Volumes", params={"Of": 1})}, "has no member Of"),
        (
            {"api": Call(operation="describe_volumes", items="Volumes", where=("Disk", ("sda",)))},
            "has no member Disk",
        ),
        (
            {"global_api": Call(operation="describe_snapshots", items="Snapshots")},
            "global_api is for more of the same in a regional kind",
        ),
        ({"id": "DiskId"}, "there is no member DiskId"),
        ({"ctime": "Size"}, "Size is no time"),
        ({"drop": ("Disk",)}, "there is no Disk to drop"),
        ({"secret": ("Attachments",)}, "Attachments is no map and no text"),
        ({"properties": {"volume_status": "Status"}}, "there is no member Status"),
        ({"properties": {}}, "bases: volume_status is not set"),
        ({"bases": ("disk",)}, "no base kinds: ['disk']"),
        ({"prefix": "snapshot"}, "volume_size is not set"),
        ({"links": (Link(kind="aws_disk", path="VolumeId"),)}, "there is no kind aws_disk"),
        ({"links": (Link(kind="aws_vpc", path="Attachments[].Vpc"),)}, "has no member Vpc"),
        ({"read": {"VolumeIds": ["volume"]}}, "volume is not reported"),
        ({"read": {"Volumes": ["id"]}}, "has no member Volumes"),
        ({"read": {"item.Id": "id"}}, "item.Id is of an owner, and there is no call for owners"),
        (
            {"api": Call(operation="describe_volumes", items="Volumes", owner="Owner")},
            "has an owner, but no call for owners",
        ),
        ({"id": Value(("VolumeId", "DiskId"), str)}, "there is no member DiskId"),
        ({"arn": "arn:{partition}:{volume_mood}"}, "arn: there is no property volume_mood"),
        ({"takes_along": ("aws_disk",)}, "takes_along: there is no kind aws_disk"),
        ({"changing": ("volume_mood",)}, "there is no property volume_mood"),
        ({"held_back": (HeldBack("volume_mood", (1,), ""),)}, "volume_mood is not reported"),
        ({"delete": (Step(operation="delete_volume", params={}),)}, "delete_volume: needs VolumeId"),
        (
            {"delete": (Step(operation="delete_volume", params={"VolumeId": "volume"}),)},
            "volume is not reported",
        ),
        (
            {"delete": (Step(operation="delete_volume", params={"VolumeId": "id"}, until="volume_gone"),)},
            "botocore has no waiter volume_gone",
        ),
        (
            {"details": (Detail(operation="describe_tags", params={}, into="T", beside="Tags"),)},
            "is there something beside them",
        ),
        (
            {
                "details": (
                    Detail(
                        operation="describe_volume_attribute",
                        params={"VolumeId": "VolumeId"},
                        into="",
                        beside="Tags",
                    ),
                )
            },
            "has no member Tags",
        ),
        (
            {"details": (Detail(operation="describe_tags", params={}, into="T", or_gone=True),)},
            "only the answer of a batch leaves out what is gone",
        ),
        (
            {"delete": (Step(operation="remove_volume", params={"VolumeId": "id"}),)},
            "no operation remove_volume",
        ),
        (
            {
                "delete": (
                    Step(
                        operation="delete_volume",
                        each=Call(operation="describe_tags", items="Tags", absent=("NoTags",)),
                        params={"VolumeId": "id"},
                    ),
                )
            },
            "the step says which codes mean that there is nothing to do",
        ),
        (
            {
                "details": (
                    Detail(operation="describe_volume_status", params={"VolumeIds": ["Id"]}, into="S"),
                )
            },
            "there is no member Id",
        ),
        (
            {
                "details": (
                    Detail(
                        operation="describe_volume_status",
                        params={"VolumeIds": ["VolumeId"]},
                        result="VolumeStatuses",
                        match=("VolumeId", "VolumeId"),
                        into="Status",
                    ),
                )
            },
            "a match is for a batch, or for one call without params",
        ),
        (
            {
                "details": (
                    Detail(operation="describe_volume_status", params={}, ready=("Mood", "good"), into="S"),
                )
            },
            "has no member Mood",
        ),
        (
            {"tagging": Tagging(upsert="create_tags", remove="delete_tags", params={"Resources": ["id"]})},
            "has no member TagKeys",
        ),
        (
            {
                "tagging": Tagging(
                    upsert="create_tags", remove="delete_tags", params={"Resources": ["id"]}, keys="Tags"
                )
            },
            "keys_form is another one",
        ),
    ],
)
def test_what_does_not_hold_is_found(broken: dict[str, Any], problem: str) -> None:
    times: dict[str, Any] = {"atime": None, "mtime": None}  # which a detail of the volume's own tells
    found = problems(replace(KINDS["aws_ec2_volume"], **times | broken))
    assert any(problem in line for line in found), found


def test_a_kind_is_declared_once() -> None:
    volume = KINDS["aws_ec2_volume"]
    with pytest.raises(ValueError, match="aws_ec2_volume is declared twice"):
        by_name([volume, replace(volume, description="Another one.")])


def test_kinds_belong_to_each_other_without_circles() -> None:
    order = list(TopologicalSorter({kind.name: kind.parents for kind in KINDS.values()}).static_order())
    assert order[0] == "aws_account"
    assert set(order) == set(KINDS)


def test_declarations_load_without_botocore() -> None:
    code = (
        "import sys; from resoto_dagster.providers.aws import provider; assert provider.kinds; "
        "sys.exit(any(name.startswith('boto') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
