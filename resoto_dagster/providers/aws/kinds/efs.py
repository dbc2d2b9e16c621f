"""File systems that many instances share, and the ways into them."""

import json
import math

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging, Value
from resoto_dagster.providers.aws.kinds.kms import encrypted_with

_TAGGING = Tagging(upsert="tag_resource", remove="untag_resource", params={"ResourceId": "id"})

_FILE_SYSTEM = AwsKind(
    name="aws_efs_file_system",
    description="A file system that many instances share; deleting it deletes all files in it.",
    bases=("network_share",),
    service="efs",
    api=Call(operation="describe_file_systems", items="FileSystems"),
    details=(
        Detail(
            operation="describe_file_system_policy",
            params={"FileSystemId": "FileSystemId"},
            result="Policy",
            into="FileSystemPolicy",
            absent=("PolicyNotFound",),
        ),
    ),
    id="FileSystemId",
    name_path="Name",
    arn="FileSystemArn",
    prefix="",
    ctime="CreationTime",
    properties={
        "share_status": "LifeCycleState",
        "share_size": Value("SizeInBytes.Value", lambda size: math.ceil(size / 1024**3)),
        "share_encrypted": "Encrypted",
        "share_throughput": Value("ProvisionedThroughputInMibps", lambda speed: speed * 1024**2),
        "provisioned_throughput_in_mibps": "ProvisionedThroughputInMibps",
        "file_system_policy": Value("FileSystemPolicy", json.loads),
    },
    links=encrypted_with("KmsKeyId"),
    read={"FileSystemId": "id"},
    missing=("FileSystemNotFound",),
    gone=("LifeCycleState", ("deleted",)),
    delete=(
        Step(
            operation="delete_mount_target",
            each=Call(
                operation="describe_mount_targets", items="MountTargets", params={"FileSystemId": "id"}
            ),
            params={"MountTargetId": "item.MountTargetId"},
            absent=("MountTargetNotFound",),
        ),
        Step(operation="delete_file_system", params={"FileSystemId": "id"}, early=("FileSystemInUse",)),
    ),
    tagging=_TAGGING,
    takes_along=("aws_efs_access_point", "aws_efs_mount_target"),
    changing=("number_of_mount_targets", "share_size", "share_status"),
    volatile=("size_in_bytes",),
)

_MOUNT_TARGET = AwsKind(
    name="aws_efs_mount_target",
    description="The way into a file system from one availability zone of a network.",
    service="efs",
    api=Call(
        operation="describe_mount_targets",
        items="MountTargets",
        params={"FileSystemId": "item.FileSystemId"},
        each=Call(operation="describe_file_systems", items="FileSystems"),
    ),
    id="MountTargetId",
    prefix="",
    tags="",
    links=(
        Link(kind="aws_efs_file_system", path="FileSystemId", parent=True, delete="before"),
        Link(kind="aws_ec2_network_interface", path="NetworkInterfaceId", parent=True),
        Link(kind="aws_ec2_subnet", path="SubnetId", parent=True, delete="before"),
        Link(kind="aws_vpc", path="VpcId", parent=True, delete="before"),
    ),
    read={"MountTargetId": "id"},
    missing=("MountTargetNotFound", "FileSystemNotFound"),
    gone=("LifeCycleState", ("deleted",)),
    delete=(Step(operation="delete_mount_target", params={"MountTargetId": "id"}),),
    changing=("life_cycle_state",),
)

_ACCESS_POINT = AwsKind(
    name="aws_efs_access_point",
    description="The way into a directory of a file system, as one user.",
    service="efs",
    api=Call(operation="describe_access_points", items="AccessPoints"),
    id="AccessPointId",
    name_path="Name",
    arn="AccessPointArn",
    prefix="",
    links=(Link(kind="aws_efs_file_system", path="FileSystemId", parent=True, delete="before"),),
    read={"AccessPointId": "id"},
    missing=("AccessPointNotFound", "FileSystemNotFound"),
    gone=("LifeCycleState", ("deleted",)),
    delete=(Step(operation="delete_access_point", params={"AccessPointId": "id"}),),
    tagging=_TAGGING,
    changing=("life_cycle_state",),
)

KINDS = (_FILE_SYSTEM, _MOUNT_TARGET, _ACCESS_POINT)
