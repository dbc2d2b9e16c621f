"""Caches in memory, and the groups of them that hold the same data."""

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

_TAGS = Detail(
    operation="list_tags_for_resource", params={"ResourceName": "ARN"}, result="TagList", into="Tags"
)
_TAGGING = Tagging(
    upsert="add_tags_to_resource", remove="remove_tags_from_resource", params={"ResourceName": "arn"}
)

_CLUSTER = AwsKind(
    name="aws_elasticache_cache_cluster",
    description="A cache in memory, or one node of a group of them; deleting it leaves no final snapshot.",
    service="elasticache",
    api=Call(operation="describe_cache_clusters", items="CacheClusters", params={"ShowCacheNodeInfo": True}),
    details=(_TAGS,),
    id="CacheClusterId",
    name_path="CacheClusterId",
    arn="ARN",
    prefix="cluster",
    ctime="CacheClusterCreateTime",
    properties={
        "cluster_cache_cluster_create_time": "CacheClusterCreateTime",
        "cluster_replication_group_id": "ReplicationGroupId",
        "cluster_in_replication_group": Value("ReplicationGroupId", bool, absent=False),
    },
    links=(
        Link(
            kind="aws_ec2_security_group",
            path="SecurityGroups[].SecurityGroupId",
            parent=True,
            delete="before",
        ),
        Link(
            kind="aws_elasticache_replication_group",
            path="ReplicationGroupId",
            parent=True,
            delete="after",
        ),
        Link(kind="aws_sns_topic", path="NotificationConfiguration.TopicArn", by="arn"),
    ),
    read={"CacheClusterId": "id"},
    missing=("CacheClusterNotFound",),
    delete=(Step(operation="delete_cache_cluster", params={"CacheClusterId": "id"}),),
    tagging=_TAGGING,
    held_back=(
        HeldBack("cluster_in_replication_group", (True,), "it goes with its replication group", along=True),
    ),
    changing=(
        "cluster_cache_cluster_status",
        "cluster_cache_nodes",
        "cluster_cache_parameter_group",
        "cluster_log_delivery_configurations",
        "cluster_security_groups",
    ),
)

_REPLICATION_GROUP = AwsKind(
    name="aws_elasticache_replication_group",
    description="A group of caches that hold the same data; deleting it deletes them all and leaves no final "
    "snapshot.",
    service="elasticache",
    api=Call(operation="describe_replication_groups", items="ReplicationGroups"),
    details=(_TAGS,),
    id="ReplicationGroupId",
    name_path="ReplicationGroupId",
    arn="ARN",
    prefix="replication_group",
    ctime="ReplicationGroupCreateTime",
    properties={"replication_group_arn": "ARN"},
    links=encrypted_with("KmsKeyId"),
    read={"ReplicationGroupId": "id"},
    missing=("ReplicationGroupNotFoundFault",),
    delete=(Step(operation="delete_replication_group", params={"ReplicationGroupId": "id"}),),
    tagging=_TAGGING,
    held_back=(
        HeldBack(
            "replication_group_global_replication_group_info.global_replication_group_member_role",
            ("PRIMARY", "SECONDARY"),
            "it has to leave its global datastore first",
        ),
    ),
    changing=(
        "replication_group_automatic_failover",
        "replication_group_log_delivery_configurations",
        "replication_group_member_clusters",
        "replication_group_node_groups",
        "replication_group_snapshotting_cluster_id",
        "replication_group_status",
    ),
)

KINDS = (_CLUSTER, _REPLICATION_GROUP)
