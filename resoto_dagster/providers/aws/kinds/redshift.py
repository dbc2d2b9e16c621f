"""Data warehouses."""

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging
from resoto_dagster.providers.aws.kinds.kms import encrypted_with

_CLUSTER = AwsKind(
    name="aws_redshift_cluster",
    description="A data warehouse; deleting it leaves no final snapshot.",
    service="redshift",
    api=Call(operation="describe_clusters", items="Clusters"),
    details=(
        Detail(
            operation="describe_cluster_subnet_groups",
            params={"ClusterSubnetGroupName": "ClusterSubnetGroupName"},
            result="ClusterSubnetGroups",
            into="SubnetGroups",
        ),
    ),
    id="ClusterIdentifier",
    name_path="ClusterIdentifier",
    arn="arn:{partition}:redshift:{region}:{account}:cluster:{id}",
    prefix="redshift",
    ctime="ClusterCreateTime",
    drop=("SubnetGroups",),
    links=(
        Link(kind="aws_vpc", path="VpcId", parent=True, delete="before"),
        Link(
            kind="aws_ec2_subnet",
            path="SubnetGroups[].Subnets[].SubnetIdentifier",
            parent=True,
            delete="before",
        ),
        Link(
            kind="aws_ec2_security_group",
            path="VpcSecurityGroups[].VpcSecurityGroupId",
            parent=True,
            delete="before",
        ),
        Link(kind="aws_iam_role", path="IamRoles[].IamRoleArn", by="arn", parent=True, delete="before"),
        *encrypted_with("KmsKeyId"),
    ),
    read={"ClusterIdentifier": "id"},
    missing=("ClusterNotFound",),
    delete=(
        Step(
            operation="delete_cluster",
            params={"ClusterIdentifier": "id"},
            const={"SkipFinalClusterSnapshot": True},
        ),
    ),
    tagging=Tagging(upsert="create_tags", remove="delete_tags", params={"ResourceName": "arn"}),
    changing=(
        "redshift_cluster_availability_status",
        "redshift_cluster_nodes",
        "redshift_cluster_revision_number",
        "redshift_cluster_status",
        "redshift_data_transfer_progress",
        "redshift_endpoint",
        "redshift_modify_status",
        "redshift_pending_actions",
        "redshift_resize_info",
        "redshift_restore_status",
    ),
    volatile=(
        "redshift_expected_next_snapshot_schedule_time",
        "redshift_expected_next_snapshot_schedule_time_status",
        "redshift_next_maintenance_window_start_time",
    ),
)

KINDS = (_CLUSTER,)
