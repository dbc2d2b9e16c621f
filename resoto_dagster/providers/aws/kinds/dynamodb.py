"""Tables without a server, and groups of them that hold the same in several regions."""

from collections.abc import Mapping, Sequence

from resoto_dagster.providers.aws.declaration import (
    AwsKind,
    Call,
    Detail,
    HeldBack,
    Link,
    Step,
    Tagging,
    Value,
)
from resoto_dagster.providers.aws.kinds.kms import encrypted_with

_STATUS = {
    "ACTIVE": "available",
    "CREATING": "busy",
    "UPDATING": "busy",
    "ARCHIVING": "busy",
    "ARCHIVED": "stopped",
    "DELETING": "terminated",
    "INACCESSIBLE_ENCRYPTION_CREDENTIALS": "failed",
    "REPLICATION_NOT_AUTHORIZED": "failed",
}

_TAGGING = Tagging(upsert="tag_resource", remove="untag_resource", params={"ResourceArn": "arn"})


def _streams(destinations: Sequence[Mapping[str, str]]) -> list[str]:
    """The streams of Kinesis that changes of a table go to; one that they went to is still told of."""
    return [one["StreamArn"] for one in destinations if one.get("DestinationStatus") != "DISABLED"]


_TABLE = AwsKind(
    name="aws_dynamodb_table",
    description="A table; deleting it deletes every item in it, and leaves no backup.",
    bases=("database",),
    service="dynamodb",
    api=Call(operation="list_tables", items="TableNames"),
    details=(
        Detail(operation="describe_table", params={"TableName": "TableNames"}, result="Table", into=""),
        Detail(
            operation="describe_continuous_backups",
            params={"TableName": "TableNames"},
            result="ContinuousBackupsDescription",
            into="ContinuousBackup",
        ),
        Detail(
            operation="describe_kinesis_streaming_destination",
            params={"TableName": "TableNames"},
            result="KinesisDataStreamDestinations",
            into="KinesisDataStreamDestinations",
            # It says so of a table that is being made, too, and not every region knows the call.
            absent=("ResourceNotFoundException", "UnknownOperationException"),
        ),
        Detail(
            operation="list_tags_of_resource", params={"ResourceArn": "TableArn"}, result="Tags", into="Tags"
        ),
    ),
    id="TableNames",
    name_path="TableNames",
    arn="TableArn",
    prefix="dynamodb",
    ctime="CreationDateTime",
    properties={
        "db_type": Value("TableNames", lambda _: "dynamodb"),
        "db_status": Value("TableStatus", lambda status: _STATUS.get(status, "unknown")),
        # A table without a key of its own is encrypted with one of AWS.
        "volume_encrypted": Value("TableNames", lambda _: True),
        "dynamodb_table_status": "TableStatus",
        "dynamodb_point_in_time_recovery": (
            "ContinuousBackup.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus"
        ),
    },
    drop=("TableName",),
    links=(
        Link(
            kind="aws_kinesis_stream",
            path=Value("KinesisDataStreamDestinations", _streams),
            by="arn",
            delete="before",
        ),
        *encrypted_with("SSEDescription.KMSMasterKeyArn", "Replicas[].KMSMasterKeyId"),
    ),
    missing=("ResourceNotFoundException", "TableNotFoundException"),
    delete=(Step(operation="delete_table", params={"TableName": "id"}),),
    tagging=_TAGGING,
    held_back=(HeldBack("dynamodb_deletion_protection_enabled", (True,), "it is protected from deletion"),),
    changing=(
        "db_status",
        "dynamodb_global_secondary_indexes",
        "dynamodb_item_count",
        "dynamodb_kinesis_data_stream_destinations",
        "dynamodb_local_secondary_indexes",
        "dynamodb_provisioned_throughput",
        "dynamodb_replicas",
        "dynamodb_table_size_bytes",
        "dynamodb_table_status",
        "dynamodb_warm_throughput",
    ),
    volatile=("dynamodb_continuous_backup",),
)

_GLOBAL_TABLE = AwsKind(
    name="aws_dynamodb_global_table",
    description="Tables of several regions that hold the same, of the first version of these; deleting it "
    "leaves every table, each by itself.",
    service="dynamodb",
    regional=False,
    api=Call(operation="list_global_tables", items="GlobalTables"),
    details=(
        Detail(
            operation="describe_global_table",
            params={"GlobalTableName": "GlobalTableName"},
            result="GlobalTableDescription",
            into="",
        ),
        Detail(
            operation="list_tags_of_resource",
            params={"ResourceArn": "GlobalTableArn"},
            result="Tags",
            into="Tags",
            absent=("ValidationException",),
        ),
    ),
    id="GlobalTableName",
    name_path="GlobalTableName",
    arn="GlobalTableArn",
    prefix="dynamodb",
    ctime="CreationDateTime",
    links=encrypted_with("ReplicationGroup[].KMSMasterKeyId"),
    missing=("GlobalTableNotFoundException", "ResourceNotFoundException"),
    delete=(
        Step(
            operation="update_global_table",
            each=Call(
                operation="describe_global_table",
                items="GlobalTableDescription.ReplicationGroup",
                params={"GlobalTableName": "id"},
            ),
            batch=50,
            params={"GlobalTableName": "id", "ReplicaUpdates": {"Delete.RegionName": "item.RegionName"}},
        ),
    ),
    tagging=_TAGGING,
    changing=("dynamodb_global_table_status", "dynamodb_replication_group"),
)

KINDS = (_TABLE, _GLOBAL_TABLE)
