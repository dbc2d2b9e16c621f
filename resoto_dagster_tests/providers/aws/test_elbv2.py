"""Load balancers and their target groups, from the API's answer to their deletion."""

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    REGION,
    belongs_to,
    goes_after,
    goes_before,
    stored,
    uses,
)
from resoto_dagster_tests.providers.aws.network import make_network, run_instance


def _tags(tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()] or [{"Key": "none", "Value": ""}]


def _alb(client, name, network, **tags):
    answer = client("elbv2").create_load_balancer(
        Name=name,
        Subnets=list(network.subnets),
        SecurityGroups=[network.security_group],
        Scheme="internal",
        Tags=_tags(tags),
    )
    return answer["LoadBalancers"][0]["LoadBalancerArn"]


def _target_group(client, name, vpc, target_type="instance", **tags):
    answer = client("elbv2").create_target_group(
        Name=name, Protocol="HTTP", Port=8080, VpcId=vpc, TargetType=target_type, Tags=_tags(tags)
    )
    return answer["TargetGroups"][0]["TargetGroupArn"]


@pytest.fixture
def served(client):
    """A load balancer, a target group behind it, and the instance in that."""
    network = make_network(client)
    instance = run_instance(client, network.subnets[0])
    alb = _alb(client, "front", network, owner="web")
    group = _target_group(client, "targets", network.vpc, owner="web", env="test")
    elbv2 = client("elbv2")
    elbv2.create_listener(
        LoadBalancerArn=alb,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": instance}])
    return network, instance, alb, group


def test_properties_and_edges_of_a_load_balancer(served, collect_kind):
    network, instance, arn, _ = served

    (alb,) = collect_kind("aws_alb")

    assert (alb.id, alb.name, alb.region, alb.tags) == ("front", "front", REGION, {"owner": "web"})
    assert alb.ctime is not None
    assert alb.properties["arn"] == arn
    assert alb.properties["lb_type"] == "alb"
    assert alb.properties["alb_type"] == "application"
    assert alb.properties["alb_scheme"] == "internal"
    assert alb.properties["backends"] == [instance]
    assert alb.properties["alb_security_groups"] == [network.security_group]
    owners = [
        ("aws_vpc", network.vpc),
        ("aws_ec2_subnet", network.subnets[0]),
        ("aws_ec2_subnet", network.subnets[1]),
        ("aws_ec2_security_group", network.security_group),
    ]
    assert set(alb.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_service_quota", "L-53DA6B97"),
        *(belongs_to(*owner) for owner in owners),
        *(goes_before(*owner) for owner in owners),
    }


def test_a_load_balancer_without_target_groups_has_no_backends(client, collect_kind):
    _alb(client, "idle", make_network(client))

    (alb,) = collect_kind("aws_alb")

    assert alb.properties["backends"] == []


def test_the_public_address_of_a_network_load_balancer():
    addresses = [{"LoadBalancerAddresses": [{"IpAddress": "203.0.113.7"}]}, {"LoadBalancerAddresses": []}]
    item = {"LoadBalancerName": "net", "Type": "network", "AvailabilityZones": addresses}

    assert map_item("aws_alb", item).properties["public_ip_address"] == "203.0.113.7"
    assert "public_ip_address" not in map_item("aws_alb", item | {"AvailabilityZones": []}).properties


def test_properties_and_edges_of_a_target_group(served, collect_kind):
    network, instance, alb, arn = served

    (group,) = collect_kind("aws_alb_target_group")

    assert (group.id, group.name, group.tags) == ("targets", "targets", {"owner": "web", "env": "test"})
    assert group.properties["arn"] == arn
    assert group.properties["protocol"] == "HTTP"
    assert group.properties["port"] == 8080
    assert group.properties["target_type"] == "instance"
    assert group.properties["alb_lb_arns"] == [alb]
    assert group.properties["backends"] == [instance]
    assert group.properties["alb_target_health"][0]["target"]["id"] == instance
    assert set(group.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_vpc", network.vpc),
        goes_before("aws_vpc", network.vpc),
        belongs_to("aws_alb", alb, "arn"),
        goes_after("aws_alb", alb, "arn"),
        uses("aws_ec2_instance", instance),
        goes_before("aws_ec2_instance", instance),
    }


def test_targets_that_are_no_instances_lead_to_no_edges(client, collect_kind):
    network = make_network(client)
    arn = _target_group(client, "addresses", network.vpc, target_type="ip")
    client("elbv2").register_targets(TargetGroupArn=arn, Targets=[{"Id": "10.0.0.9"}])

    (group,) = collect_kind("aws_alb_target_group")

    assert group.properties["backends"] == ["10.0.0.9"]
    assert not [edge for edge in group.edges if edge.kind == "aws_ec2_instance"]


def test_every_one_has_its_own_tags(client, collect_kind):
    network = make_network(client)
    for number in range(23):  # more than AWS describes the tags of at once
        _target_group(client, f"group-{number}", network.vpc, number=str(number))

    found = collect_kind("aws_alb_target_group")

    assert {group.name: group.tags for group in found} == {
        f"group-{number}": {"number": str(number)} for number in range(23)
    }


def test_are_read_tagged_and_deleted(served, collect_kind, session):
    (alb,), (group,) = collect_kind("aws_alb"), collect_kind("aws_alb_target_group")
    for resource in (alb, group):
        known = stored(resource)
        assert session.read(known) == resource
        session.update_tags(known, {"owner": "ops"}, ["env"])
        assert session.read(known).tags == {"owner": "ops"}

    for resource in (alb, group):
        session.delete(stored(resource))
        assert session.read(stored(resource)) is None
    assert collect_kind("aws_alb") == []
    assert collect_kind("aws_alb_target_group") == []
