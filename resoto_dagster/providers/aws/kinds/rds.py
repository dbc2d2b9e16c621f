"""Databases, clusters of them, and their snapshots."""

from collections.abc import Mapping, Sequence
from typing import Any

from resoto_dagster.providers.aws.declaration import AwsKind, Call, HeldBack, Link, Step, Tagging, Value
from resoto_dagster.providers.aws.kinds.kms import encrypted_with

_STATUS = {
    "available": "available",
    "storage-optimization": "available",
    "stopped": "stopped",
    "deleting": "terminated",
    "delete-precheck": "terminated",
    "cloning-failed": "failed",
    "failed": "failed",
    "inaccessible-encryption-credentials": "failed",
    "inaccessible-encryption-credentials-recoverable": "failed",
    "incompatible-network": "failed",
    "incompatible-option-group": "failed",
    "incompatible-parameters": "failed",
    "incompatible-restore": "failed",
    "insufficient-capacity": "failed",
    "migration-failed": "failed",
    "restore-error": "failed",
    "storage-full": "failed",
    "backing-up": "busy",
    "backtracking": "busy",
    "configuring-enhanced-monitoring": "busy",
    "configuring-iam-database-auth": "busy",
    "configuring-log-exports": "busy",
    "converting-to-vpc": "busy",
    "creating": "busy",
    "failing-over": "busy",
    "maintenance": "busy",
    "migrating": "busy",
    "modifying": "busy",
    "moving-to-vpc": "busy",
    "preparing-data-migration": "busy",
    "promoting": "busy",
    "rebooting": "busy",
    "renaming": "busy",
    "resetting-master-credentials": "busy",
    "starting": "busy",
    "stopping": "busy",
    "storage-config-upgrade": "busy",
    "storage-initialization": "busy",
    "update-iam-db-auth": "busy",
    "upgrading": "busy",
}

_TAGGING = Tagging(
    upsert="add_tags_to_resource", remove="remove_tags_from_resource", params={"ResourceName": "arn"}
)
_PASSWORD = "PendingModifiedValues.MasterUserPassword"
_OF_A_SERVICE = (
    HeldBack(
        "rds_snapshot_type",
        ("automated",),
        "it goes with the automated backups of its database",
        along=True,
    ),
    HeldBack("rds_snapshot_type", ("awsbackup",), "AWS Backup owns it"),
)


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
        *encrypted_with("KmsKeyId"),
    ),
    secret=(_PASSWORD,),
    read={"DBInstanceIdentifier": "id"},
    missing=("DBInstanceNotFound",),
    delete=(
        Step(
            operation="delete_db_instance",
            params={"DBInstanceIdentifier": "id"},
            const={"SkipFinalSnapshot": True},
        ),
    ),
    tagging=_TAGGING,
    volatile=("rds_latest_restorable_time",),
    changing=(
        "rds_percent_progress",
        "rds_read_replica_db_cluster_identifiers",
        "rds_read_replica_db_instance_identifiers",
        "rds_storage_operation_percent_progress",
    ),
)


def _address(endpoint: str | None, port: int | None) -> str | None:
    return f"{endpoint}:{port}" if endpoint and port else endpoint


_CLUSTER = AwsKind(
    name="aws_rds_cluster",
    description="Database instances that share their data; deleting it leaves no final snapshot.",
    bases=("database",),
    service="rds",
    api=Call(operation="describe_db_clusters", items="DBClusters"),
    id="DBClusterIdentifier",
    name_path="DBClusterIdentifier",
    arn="DBClusterArn",
    prefix="rds",
    ctime="ClusterCreateTime",
    tags="TagList",
    # Size and type are those of its instances.
    properties={
        "db_type": "Engine",
        "db_status": Value("Status", lambda status: _STATUS.get(status, "unknown")),
        "db_endpoint": Value(("Endpoint", "Port"), _address),
        "db_version": "EngineVersion",
        "db_publicly_accessible": "PubliclyAccessible",
        "volume_iops": "Iops",
        "volume_encrypted": "StorageEncrypted",
        "rds_endpoint": "Endpoint",
        "rds_port": "Port",
        "rds_db_subnet_group_name": "DBSubnetGroup",
        "rds_cluster_pending_modified_values": "PendingModifiedValues",
    },
    secret=(_PASSWORD,),
    links=(
        Link(
            kind="aws_ec2_security_group",
            path="VpcSecurityGroups[].VpcSecurityGroupId",
            parent=True,
            delete="before",
        ),
        # It can't be deleted while it has instances.
        Link(kind="aws_rds_instance", path="DBClusterMembers[].DBInstanceIdentifier", delete="after"),
        Link(kind="aws_kinesis_stream", path="ActivityStreamKinesisStreamName"),
        *encrypted_with("KmsKeyId"),
    ),
    read={"DBClusterIdentifier": "id"},
    missing=("DBClusterNotFoundFault",),
    delete=(
        Step(
            operation="delete_db_cluster",
            params={"DBClusterIdentifier": "id"},
            const={"SkipFinalSnapshot": True},
        ),
    ),
    tagging=_TAGGING,
    volatile=(
        "rds_backtrack_consumed_change_records",
        "rds_earliest_backtrack_time",
        "rds_earliest_restorable_time",
        "rds_latest_restorable_time",
    ),
    changing=(
        "rds_capacity",
        "rds_db_cluster_members",
        "rds_percent_progress",
        "rds_read_replica_identifiers",
    ),
)


def _features(features: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {feature["Name"]: feature.get("Value") for feature in features}


_SNAPSHOT = AwsKind(
    name="aws_rds_snapshot",
    description="A copy of a database instance as it was at one moment.",
    bases=("snapshot",),
    service="rds",
    api=Call(operation="describe_db_snapshots", items="DBSnapshots"),
    id="DBSnapshotIdentifier",
    arn="DBSnapshotArn",
    prefix="rds",
    ctime="SnapshotCreateTime",
    tags="TagList",
    properties={
        "snapshot_status": "Status",
        "volume_size": "AllocatedStorage",
        "encrypted": "Encrypted",
        "rds_allocated_storage": "AllocatedStorage",
        "rds_encrypted": "Encrypted",
        "rds_snapshot_database_time": "SnapshotDatabaseTime",
        "rds_snapshot_target": "SnapshotTarget",
        "rds_processor_features": Value("ProcessorFeatures", _features),
    },
    links=(
        Link(kind="aws_rds_instance", path="DBInstanceIdentifier", parent=True),
        *encrypted_with("KmsKeyId"),
    ),
    read={"DBSnapshotIdentifier": "id", "SnapshotType": "rds_snapshot_type"},
    missing=("DBSnapshotNotFound", "DBSnapshotNotFoundFault"),
    delete=(Step(operation="delete_db_snapshot", params={"DBSnapshotIdentifier": "id"}),),
    tagging=_TAGGING,
    held_back=_OF_A_SERVICE,
    changing=("rds_percent_progress",),
)

_CLUSTER_SNAPSHOT = AwsKind(
    name="aws_rds_cluster_snapshot",
    description="A copy of a cluster's data as it was at one moment.",
    service="rds",
    api=Call(operation="describe_db_cluster_snapshots", items="DBClusterSnapshots"),
    id="DBClusterSnapshotIdentifier",
    arn="DBClusterSnapshotArn",
    prefix="rds",
    ctime="SnapshotCreateTime",
    tags="TagList",
    properties={"rds_db_cluster_snapshot_arn": "DBClusterSnapshotArn"},
    links=(
        Link(kind="aws_rds_cluster", path="DBClusterIdentifier", parent=True),
        *encrypted_with("KmsKeyId"),
    ),
    read={"DBClusterSnapshotIdentifier": "id", "SnapshotType": "rds_snapshot_type"},
    missing=("DBClusterSnapshotNotFoundFault",),
    delete=(Step(operation="delete_db_cluster_snapshot", params={"DBClusterSnapshotIdentifier": "id"}),),
    tagging=_TAGGING,
    held_back=_OF_A_SERVICE,
    changing=("rds_percent_progress",),
)

KINDS = (_INSTANCE, _CLUSTER, _SNAPSHOT, _CLUSTER_SNAPSHOT)
