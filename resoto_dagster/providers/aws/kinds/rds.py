"""Databases."""

from collections.abc import Mapping
from typing import Any

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Link, Step, Tagging, Value

_STATUS = {
    "available": "available",
    "storage-optimization": "available",
    "stopped": "stopped",
    "deleting": "terminated",
    "delete-precheck": "terminated",
    "failed": "failed",
    "inaccessible-encryption-credentials": "failed",
    "inaccessible-encryption-credentials-recoverable": "failed",
    "incompatible-network": "failed",
    "incompatible-option-group": "failed",
    "incompatible-parameters": "failed",
    "incompatible-restore": "failed",
    "insufficient-capacity": "failed",
    "restore-error": "failed",
    "storage-full": "failed",
    "backing-up": "busy",
    "configuring-enhanced-monitoring": "busy",
    "configuring-iam-database-auth": "busy",
    "configuring-log-exports": "busy",
    "converting-to-vpc": "busy",
    "creating": "busy",
    "maintenance": "busy",
    "modifying": "busy",
    "moving-to-vpc": "busy",
    "rebooting": "busy",
    "renaming": "busy",
    "resetting-master-credentials": "busy",
    "starting": "busy",
    "stopping": "busy",
    "storage-config-upgrade": "busy",
    "storage-initialization": "busy",
    "upgrading": "busy",
}


def _endpoint(endpoint: Mapping[str, Any]) -> str | None:
    """Address and port; None while the database still waits for its address."""
    address, port = endpoint.get("Address"), endpoint.get("Port")
    return f"{address}:{port}" if address and port else address


_INSTANCE = AwsKind(
    name="aws_rds_instance",
    description="A database instance; deleting it leaves no final snapshot.",
    bases=("database",),
    service="rds",
    api=Call(operation="describe_db_instances", items="DBInstances"),
    id="DBInstanceIdentifier",
    name_path="DBName",
    arn="DBInstanceArn",
    prefix="rds",
    ctime="InstanceCreateTime",
    tags="TagList",
    properties={
        "db_type": "Engine",
        "db_status": Value("DBInstanceStatus", lambda status: _STATUS.get(status, "unknown")),
        "db_endpoint": Value("Endpoint", _endpoint),
        "db_version": "EngineVersion",
        "db_publicly_accessible": "PubliclyAccessible",
        "instance_type": "DBInstanceClass",
        "volume_size": "AllocatedStorage",
        "volume_iops": "Iops",
        "volume_encrypted": "StorageEncrypted",
    },
    links=(
        Link(kind="aws_vpc", path="DBSubnetGroup.VpcId", parent=True, delete="before"),
        Link(
            kind="aws_ec2_subnet",
            path="DBSubnetGroup.Subnets[].SubnetIdentifier",
            parent=True,
            delete="before",
        ),
        Link(
            kind="aws_ec2_security_group",
            path="VpcSecurityGroups[].VpcSecurityGroupId",
            parent=True,
            delete="before",
        ),
        Link(kind="aws_kms_key", path="KmsKeyId", by="arn", delete="before"),
    ),
    read={"DBInstanceIdentifier": "id"},
    missing=("DBInstanceNotFound",),
    delete=(
        Step(
            operation="delete_db_instance",
            params={"DBInstanceIdentifier": "id"},
            const={"SkipFinalSnapshot": True},
        ),
    ),
    tagging=Tagging(
        upsert="add_tags_to_resource", remove="remove_tags_from_resource", params={"ResourceName": "arn"}
    ),
    volatile=("rds_latest_restorable_time",),
    changing=(
        "rds_percent_progress",
        "rds_read_replica_db_cluster_identifiers",
        "rds_read_replica_db_instance_identifiers",
        "rds_storage_operation_percent_progress",
    ),
)

KINDS = (_INSTANCE,)
