"""Search engines, from the API's answer to their deletion."""

import json

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION, belongs_to, goes_before, stored
from resoto_dagster_tests.providers.aws.network import make_network
from resoto_dagster_tests.providers.aws.synthetic import Refusal

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "es:*"}]}
ARN = f"arn:aws:es:{REGION}:{ACCOUNT}:domain/logs"


@pytest.fixture
def domain(client):
    """The network of a domain."""
    network = make_network(client)
    client("opensearch").create_domain(
        DomainName="logs",
        EngineVersion="OpenSearch_2.11",
        ClusterConfig={"InstanceType": "t3.small.search", "InstanceCount": 2},
        EBSOptions={"EBSEnabled": True, "VolumeSize": 10},
        AccessPolicies=json.dumps(POLICY),
        SnapshotOptions={"AutomatedSnapshotStartHour": 3},
        NodeToNodeEncryptionOptions={"Enabled": True},
        VPCOptions={"SubnetIds": list(network.subnets), "SecurityGroupIds": [network.security_group]},
        TagList=[{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}],
    )
    return network


def test_properties_and_edges(domain, collect_kind):
    (logs,) = collect_kind("aws_opensearch_domain")

    assert (logs.id, logs.name, logs.region) == (f"{ACCOUNT}/logs", "logs", REGION)
    assert logs.tags == {"owner": "web", "env": "test"}
    properties = logs.properties
    assert properties["arn"] == ARN
    assert (properties["created"], properties["deleted"], properties["processing"]) == (True, False, False)
    assert properties["engine_version"] == "OpenSearch_2.11"
    assert properties["cluster_config"]["instance_type"] == "t3.small.search"
    assert properties["cluster_config"]["instance_count"] == 2
    assert properties["ebs_options"] == {"ebs_enabled": True, "volume_size": 10}
    assert properties["access_policies"] == POLICY
    assert properties["snapshot_options"] == 3
    assert properties["node_to_node_encryption_options"] is True
    assert properties["endpoints"] == {"vpc": f"logs.{REGION}.es.amazonaws.com"}
    owners = [
        ("aws_ec2_subnet", domain.subnets[0]),
        ("aws_ec2_subnet", domain.subnets[1]),
        ("aws_ec2_security_group", domain.security_group),
    ]
    assert set(logs.edges) == {
        belongs_to("aws_region", REGION),
        *(belongs_to(*owner) for owner in owners),
        *(goes_before(*owner) for owner in owners),
    }


def test_what_moto_leaves_out():
    role = f"arn:aws:iam::{ACCOUNT}:role/search"
    item = {
        "DomainId": f"{ACCOUNT}/logs",
        "DomainName": "logs",
        "AccessPolicies": "",
        "VPCOptions": {"VPCId": "vpc-1"},
        "CognitoOptions": {"Enabled": True, "RoleArn": role},
        "SoftwareUpdateOptions": {"AutoSoftwareUpdateEnabled": True},
    }

    logs = map_item("aws_opensearch_domain", item)

    assert "access_policies" not in logs.properties
    assert logs.properties["software_update_options"] is True
    assert set(logs.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_vpc", "vpc-1"),
        goes_before("aws_vpc", "vpc-1"),
        belongs_to("aws_iam_role", role, "arn"),
        goes_before("aws_iam_role", role, "arn"),
    }
    assert map_item("aws_opensearch_domain", {**item, "Deleted": True}) is None


def test_is_read_tagged_and_deleted(domain, collect_kind, session):
    (logs,) = collect_kind("aws_opensearch_domain")
    known = stored(logs)
    assert session.read(known) == logs

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_opensearch_domain") == []
    session.delete(known)  # what is gone already is no error


def test_a_domain_that_goes_while_it_is_read(synthetic, collect_kind):
    def describe(params):
        if params["DomainName"] == "gone":
            raise Refusal("ResourceNotFoundException", 409)
        return {
            "DomainStatus": {
                "DomainId": f"{ACCOUNT}/logs",
                "DomainName": "logs",
                "ARN": ARN,
                "ClusterConfig": {},
            }
        }

    names = [{"DomainName": "gone"}, {"DomainName": "logs"}]
    synthetic.answer("opensearch", "ListDomainNames", {"DomainNames": names})
    synthetic.answer("opensearch", "DescribeDomain", describe)
    synthetic.answer("opensearch", "ListTags", {})

    assert [found.name for found in collect_kind("aws_opensearch_domain")] == ["logs"]
