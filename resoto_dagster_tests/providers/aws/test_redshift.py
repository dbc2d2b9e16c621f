"""Data warehouses, from the API's answer to their deletion."""

import json

import pytest

from resoto_dagster.providers.base import ProviderError
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import REGION, belongs_to, goes_before, stored
from resoto_dagster_tests.providers.aws.network import make_network


@pytest.fixture
def cluster(client):
    """The network and the ARN of the role of a cluster."""
    network = make_network(client)
    role = client("iam").create_role(
        RoleName="loader", AssumeRolePolicyDocument=json.dumps({"Statement": []})
    )["Role"]["Arn"]
    redshift = client("redshift")
    redshift.create_cluster_subnet_group(
        ClusterSubnetGroupName="subnets", Description="both", SubnetIds=list(network.subnets)
    )
    redshift.create_cluster(
        ClusterIdentifier="sales",
        DBName="shop",
        NodeType="ra3.xlplus",
        NumberOfNodes=2,
        ClusterType="multi-node",
        MasterUsername="root",
        MasterUserPassword="not-a-Secret1",
        VpcSecurityGroupIds=[network.security_group],
        ClusterSubnetGroupName="subnets",
        Encrypted=True,
        IamRoles=[role],
        Tags=[{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}],
    )
    return network, role


def test_properties_and_edges(cluster, collect_kind):
    network, role = cluster

    (sales,) = collect_kind("aws_redshift_cluster")

    assert (sales.id, sales.name, sales.region) == ("sales", "sales", REGION)
    assert sales.tags == {"owner": "web", "env": "test"}
    assert sales.ctime is not None
    properties = sales.properties
    assert properties["arn"] == f"arn:aws:redshift:{REGION}:123456789012:cluster:sales"
    assert properties["redshift_node_type"] == "ra3.xlplus"
    assert properties["redshift_number_of_nodes"] == 2
    assert properties["redshift_cluster_status"] == "available"
    assert properties["redshift_db_name"] == "shop"
    assert properties["redshift_master_username"] == "root"
    assert properties["redshift_encrypted"] is True
    assert properties["redshift_endpoint"]["port"] == 5439
    assert properties["redshift_cluster_subnet_group_name"] == "subnets"
    assert "not-a-Secret1" not in str(sales)
    owners = [
        ("aws_ec2_subnet", network.subnets[0]),
        ("aws_ec2_subnet", network.subnets[1]),
        ("aws_ec2_security_group", network.security_group),
        ("aws_iam_role", role, "arn"),
    ]
    assert set(sales.edges) == {
        belongs_to("aws_region", REGION),
        *(belongs_to(*owner) for owner in owners),
        *(goes_before(*owner) for owner in owners),
    }


def test_the_network_that_moto_leaves_out():
    sales = map_item("aws_redshift_cluster", {"ClusterIdentifier": "sales", "VpcId": "vpc-1"})

    assert set(sales.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_vpc", "vpc-1"),
        goes_before("aws_vpc", "vpc-1"),
    }


def test_is_read_tagged_and_deleted(cluster, client, collect_kind, session):
    (sales,) = collect_kind("aws_redshift_cluster")
    known = stored(sales)
    assert session.read(known) == sales

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_redshift_cluster") == []
    assert client("redshift").describe_cluster_snapshots()["Snapshots"] == []
    session.delete(known)  # what is gone already is no error


def test_a_cluster_that_is_busy_stays(synthetic, session, collect_kind):
    synthetic.answer("redshift", "DescribeClusters", {"Clusters": [{"ClusterIdentifier": "sales"}]})
    synthetic.refuse("redshift", "DeleteCluster", "InvalidClusterState")
    (sales,) = collect_kind("aws_redshift_cluster")

    with pytest.raises(ProviderError, match="InvalidClusterState: redshift:DeleteCluster"):
        session.delete(stored(sales))
