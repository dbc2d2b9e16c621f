"""Kubernetes clusters and their nodes, from the API's answer to their deletion."""

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item, settled
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    REGION,
    belongs_to,
    goes_before,
    stored,
    uses,
)
from resoto_dagster_tests.providers.aws.network import make_network

ROLE = f"arn:aws:iam::{ACCOUNT}:role/cluster"
NODE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/node"


@pytest.fixture
def network(client):
    return make_network(client)


@pytest.fixture
def clusters(client, network):
    """Two clusters with a group of nodes of the same name in each."""
    eks = client("eks")
    for name in ("blue", "green"):
        eks.create_cluster(
            name=name,
            version="1.29",
            roleArn=ROLE,
            resourcesVpcConfig={
                "subnetIds": list(network.subnets),
                "securityGroupIds": [network.security_group],
            },
            tags={"owner": name, "env": "test"},
        )
        eks.create_nodegroup(
            clusterName=name,
            nodegroupName="workers",
            nodeRole=NODE_ROLE,
            subnets=[network.subnets[0]],
            scalingConfig={"minSize": 1, "maxSize": 3, "desiredSize": 2},
            labels={"disk-Type": "ssd"},
            tags={"owner": name},
        )
    return eks


def test_properties_and_edges_of_a_cluster(clusters, network, collect_kind):
    blue, green = collect_kind("aws_eks_cluster")

    described = clusters.describe_cluster(name="blue")["cluster"]
    assert (blue.id, blue.name, blue.region) == ("blue", "blue", REGION)
    assert (blue.tags, green.tags) == ({"owner": "blue", "env": "test"}, {"owner": "green", "env": "test"})
    assert blue.ctime is not None
    properties = blue.properties
    assert properties["arn"] == f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/blue"
    assert properties["version"] == "1.29"
    assert properties["endpoint"] == described["endpoint"]
    assert properties["cluster_status"] == "ACTIVE"
    assert properties["cluster_role_arn"] == ROLE
    assert properties["cluster_certificate_authority"] == described["certificateAuthority"]["data"]
    assert properties["cluster_resources_vpc_config"]["subnet_ids"] == list(network.subnets)
    owners = [
        ("aws_iam_role", ROLE, "arn"),
        ("aws_ec2_subnet", network.subnets[0]),
        ("aws_ec2_subnet", network.subnets[1]),
        ("aws_ec2_security_group", network.security_group),
    ]
    assert {edge for edge in blue.edges if edge.kind != "aws_vpc"} == {
        belongs_to("aws_region", REGION),
        *(belongs_to(*owner) for owner in owners),
        *(goes_before(*owner) for owner in owners),
    }


def test_a_cluster_is_in_a_network_and_may_be_protected(session):
    item = {"clusters": "c", "resourcesVpcConfig": {"vpcId": "vpc-1"}, "deletionProtection": True}

    cluster = map_item("aws_eks_cluster", item)

    assert {belongs_to("aws_vpc", "vpc-1"), goes_before("aws_vpc", "vpc-1")} <= set(cluster.edges)
    assert session.held_back(stored(cluster)) == "it is protected from deletion"


def test_the_code_that_registers_a_cluster_is_secret():
    item = {"clusters": "c", "connectorConfig": {"activationId": "a-1", "activationCode": "not-a-secret"}}

    assert map_item("aws_eks_cluster", item).properties["cluster_connector_config"] == {
        "activation_id": "a-1",
        "activation_code": "***",
    }


def test_properties_and_edges_of_nodegroups(clusters, network, collect_kind):
    blues, greens = collect_kind("aws_eks_nodegroup")

    described = clusters.describe_nodegroup(clusterName="blue", nodegroupName="workers")["nodegroup"]
    group = described["resources"]["autoScalingGroups"][0]["name"]
    assert (blues.id, blues.name, blues.region) == ("blue/workers", "workers", REGION)
    assert (greens.id, greens.name) == ("green/workers", "workers")
    assert (blues.tags, greens.tags) == ({"owner": "blue"}, {"owner": "green"})
    assert blues.ctime is not None
    properties = blues.properties
    assert properties["arn"] == described["nodegroupArn"]
    assert properties["cluster_name"] == "blue"
    assert properties["version"] == described["version"]
    assert properties["group_status"] == "ACTIVE"
    assert properties["group_scaling_config"] == {"min_size": 1, "max_size": 3, "desired_size": 2}
    assert properties["group_labels"] == {"disk-Type": "ssd"}
    assert properties["group_node_role"] == NODE_ROLE
    assert properties["group_subnets"] == [network.subnets[0]]
    assert set(blues.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_eks_cluster", "blue"),
        goes_before("aws_eks_cluster", "blue"),
        uses("aws_autoscaling_group", group),
        goes_before("aws_autoscaling_group", group),
        uses("aws_iam_role", NODE_ROLE, "arn"),
        goes_before("aws_iam_role", NODE_ROLE, "arn"),
        uses("aws_ec2_subnet", network.subnets[0]),
        goes_before("aws_ec2_subnet", network.subnets[0]),
    }


def test_how_many_nodes_there_are_is_no_change_of_a_nodegroup(clusters, collect_kind):
    before = collect_kind("aws_eks_nodegroup")
    clusters.update_nodegroup_config(
        clusterName="blue",
        nodegroupName="workers",
        scalingConfig={"minSize": 1, "maxSize": 3, "desiredSize": 3},
    )
    after = collect_kind("aws_eks_nodegroup")

    assert before[0].properties["group_scaling_config"]["desired_size"] == 2
    assert after[0].properties["group_scaling_config"]["desired_size"] == 3
    assert settled(before[0]) == settled(after[0])


def test_a_nodegroup_takes_its_autoscaling_group_along(clusters, client, network, collect_kind, session):
    client("autoscaling").create_launch_configuration(
        LaunchConfigurationName="c", ImageId="ami-1", InstanceType="t3.micro"
    )
    client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="nodes",
        LaunchConfigurationName="c",
        MinSize=0,
        MaxSize=1,
        VPCZoneIdentifier=network.subnets[0],
    )
    workers = stored(collect_kind("aws_eks_nodegroup")[0])

    assert session.goes_along(stored(collect_kind("aws_autoscaling_group")[0]), workers)
    assert not session.goes_along(stored(collect_kind("aws_eks_cluster")[0]), workers)


def test_a_cluster_is_tagged(clusters, collect_kind, session):
    known = stored(collect_kind("aws_eks_cluster")[0])

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])

    assert session.read(known).tags == {"owner": "ops", "team": "a"}


def test_a_nodegroup_is_tagged(synthetic, session):
    tags, arn = {"owner": "blue", "env": "test"}, f"arn:aws:eks:{REGION}:{ACCOUNT}:nodegroup/blue/workers/1"
    group = {"clusterName": "blue", "nodegroupName": "workers", "nodegroupArn": arn, "tags": tags}
    synthetic.answer("eks", "ListNodegroups", {"nodegroups": ["workers"]})
    synthetic.answer("eks", "DescribeNodegroup", lambda _: {"nodegroup": group})
    synthetic.answer("eks", "TagResource", lambda asked: tags.update(asked["tags"]))
    synthetic.answer("eks", "UntagResource", lambda asked: [tags.pop(key) for key in asked["tagKeys"]] and {})
    known = stored(
        map_item("aws_eks_nodegroup", {"Cluster": {"clusters": "blue"}, "nodegroups": "workers", **group})
    )

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])

    assert session.read(known).tags == {"owner": "ops", "team": "a"}
    assert [asked["resourceArn"] for asked in synthetic.asked("eks", "TagResource")] == [arn]


def test_are_read_and_deleted(clusters, collect_kind, session):
    clusters.create_fargate_profile(
        clusterName="blue",
        fargateProfileName="pods",
        podExecutionRoleArn=ROLE,
        selectors=[{"namespace": "default"}],
    )
    (blues, greens), (blue, green) = collect_kind("aws_eks_nodegroup"), collect_kind("aws_eks_cluster")
    for resource in (blues, blue):
        assert session.read(stored(resource)) == resource

        session.delete(stored(resource))

        assert session.read(stored(resource)) is None
    assert collect_kind("aws_eks_nodegroup") == [greens]
    assert collect_kind("aws_eks_cluster") == [green]


def test_what_is_gone_already_is_no_error(synthetic, session):
    for operation in ("ListFargateProfiles", "DeleteCluster", "DeleteNodegroup"):
        synthetic.refuse("eks", operation, "ResourceNotFoundException", 404)
    group = {"Cluster": {"clusters": "blue"}, "nodegroups": "workers"}

    session.delete(stored(map_item("aws_eks_cluster", {"clusters": "blue"})))
    session.delete(stored(map_item("aws_eks_nodegroup", group)))

    assert synthetic.asked("eks", "DeleteCluster") == [{"name": "blue"}]


def test_fargate_profiles_are_deleted_one_after_the_other(synthetic, session):
    synthetic.answer("eks", "ListFargateProfiles", {"fargateProfileNames": ["a", "b"]})
    synthetic.refuse("eks", "DescribeFargateProfile", "ResourceNotFoundException", 404)
    synthetic.answer("eks", "DeleteFargateProfile", {})
    synthetic.answer("eks", "DeleteCluster", {})
    synthetic.refuse("eks", "DescribeCluster", "ResourceNotFoundException", 404)

    session.delete(stored(map_item("aws_eks_cluster", {"clusters": "blue"})))

    assert [(call.operation, call.params) for call in synthetic.calls if call.service == "eks"] == [
        ("ListFargateProfiles", {"clusterName": "blue"}),
        ("DeleteFargateProfile", {"clusterName": "blue", "fargateProfileName": "a"}),
        ("DescribeFargateProfile", {"clusterName": "blue", "fargateProfileName": "a"}),
        ("DeleteFargateProfile", {"clusterName": "blue", "fargateProfileName": "b"}),
        ("DescribeFargateProfile", {"clusterName": "blue", "fargateProfileName": "b"}),
        ("DeleteCluster", {"name": "blue"}),
        ("DescribeCluster", {"name": "blue"}),
    ]
