"""Kubernetes clusters and the groups of instances that are their nodes."""

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

_CLUSTERS = Call(operation="list_clusters", items="clusters")
_TAGGING = Tagging(
    upsert="tag_resource",
    remove="untag_resource",
    params={"resourceArn": "arn"},
    tags="tags",
    tags_form="map",
    keys="tagKeys",
)

_CLUSTER = AwsKind(
    name="aws_eks_cluster",
    description="A Kubernetes cluster; what its pods keep elsewhere stays when it is deleted.",
    bases=("managed_kubernetes_cluster_provider",),
    service="eks",
    api=_CLUSTERS,
    details=(Detail(operation="describe_cluster", params={"name": "clusters"}, result="cluster", into=""),),
    id="clusters",
    name_path="clusters",
    arn="arn",
    prefix="cluster",
    ctime="createdAt",
    tags="tags",
    properties={
        "version": "version",
        "endpoint": "endpoint",
        "cluster_certificate_authority": "certificateAuthority.data",
    },
    drop=("certificateAuthority", "name"),
    secret=("connectorConfig.activationCode",),
    links=(
        Link(kind="aws_iam_role", path="roleArn", by="arn", parent=True, delete="before"),
        Link(kind="aws_vpc", path="resourcesVpcConfig.vpcId", parent=True, delete="before"),
        Link(kind="aws_ec2_subnet", path="resourcesVpcConfig.subnetIds[]", parent=True, delete="before"),
        Link(
            kind="aws_ec2_security_group",
            path="resourcesVpcConfig.securityGroupIds[]",
            parent=True,
            delete="before",
        ),
        *encrypted_with("encryptionConfig[].provider.keyArn"),
    ),
    missing=("ResourceNotFoundException",),
    delete=(
        # AWS deletes no cluster that has some, and one of them at a time.
        Step(
            operation="delete_fargate_profile",
            each=Call(
                operation="list_fargate_profiles", items="fargateProfileNames", params={"clusterName": "id"}
            ),
            params={"clusterName": "id", "fargateProfileName": "item.fargateProfileNames"},
            until="fargate_profile_deleted",
        ),
        Step(operation="delete_cluster", params={"name": "id"}, until="cluster_deleted"),
    ),
    tagging=_TAGGING,
    held_back=(HeldBack("cluster_deletion_protection", (True,), "it is protected from deletion"),),
    changing=("cluster_health", "cluster_platform_version", "cluster_status"),
)

_NODEGROUP = AwsKind(
    name="aws_eks_nodegroup",
    description="A group of instances that are nodes of a Kubernetes cluster, and end with it.",
    service="eks",
    api=Call(
        operation="list_nodegroups",
        items="nodegroups",
        params={"clusterName": "item.clusters"},
        each=_CLUSTERS,
        owner="Cluster",
    ),
    details=(
        Detail(
            operation="describe_nodegroup",
            params={"clusterName": "Cluster.clusters", "nodegroupName": "nodegroups"},
            result="nodegroup",
            into="",
        ),
    ),
    id=Value(("Cluster.clusters", "nodegroups"), "{}/{}".format),
    name_path="nodegroups",
    arn="nodegroupArn",
    prefix="group",
    ctime="createdAt",
    tags="tags",
    properties={"cluster_name": "Cluster.clusters", "version": "version"},
    drop=("Cluster", "clusterName", "nodegroupName"),
    links=(
        Link(kind="aws_eks_cluster", path="clusterName", parent=True, delete="before"),
        Link(kind="aws_autoscaling_group", path="resources.autoScalingGroups[].name", delete="before"),
        Link(kind="aws_iam_role", path="nodeRole", by="arn", delete="before"),
        Link(kind="aws_ec2_subnet", path="subnets[]", delete="before"),
    ),
    read={"item.clusters": "cluster_name"},
    missing=("ResourceNotFoundException",),
    delete=(
        Step(
            operation="delete_nodegroup",
            params={"clusterName": "cluster_name", "nodegroupName": "name"},
            until="nodegroup_deleted",
        ),
    ),
    tagging=_TAGGING,
    takes_along=("aws_autoscaling_group",),
    changing=("group_health", "group_scaling_config", "group_status"),
    volatile=("group_modified_at",),
)

KINDS = (_CLUSTER, _NODEGROUP)
