"""Classic load balancers, from the API's answer to their deletion."""

import pytest

from resoto_dagster.providers.base import ProviderError
from resoto_dagster_tests.providers.aws.harness import (
    REGION,
    belongs_to,
    goes_before,
    stored,
    uses,
)
from resoto_dagster_tests.providers.aws.network import make_network, run_instance

LISTENER = {"Protocol": "http", "LoadBalancerPort": 80, "InstancePort": 8080}


def _elb(client, name, network, **tags):
    elb = client("elb")
    answer = elb.create_load_balancer(
        LoadBalancerName=name,
        Listeners=[LISTENER],
        Subnets=list(network.subnets),
        SecurityGroups=[network.security_group],
        Scheme="internal",
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()] or [{"Key": "none", "Value": ""}],
    )
    return answer["DNSName"]


def test_properties_and_edges(client, collect_kind):
    network = make_network(client)
    instance = run_instance(client, network.subnets[0])
    dns_name = _elb(client, "front", network, owner="web")
    client("elb").register_instances_with_load_balancer(
        LoadBalancerName="front", Instances=[{"InstanceId": instance}]
    )

    (elb,) = collect_kind("aws_elb")

    assert (elb.id, elb.name, elb.region, elb.tags) == (dns_name, "front", REGION, {"owner": "web"})
    assert elb.ctime is not None
    assert elb.properties["lb_type"] == "elb"
    assert elb.properties["backends"] == [instance]
    assert elb.properties["scheme"] == "internal"
    assert elb.properties["elb_vpc_id"] == network.vpc
    listener = elb.properties["elb_listener_descriptions"][0]["listener"]
    assert (listener["load_balancer_port"], listener["instance_port"]) == (80, 8080)
    owners = [
        ("aws_vpc", network.vpc),
        ("aws_ec2_subnet", network.subnets[0]),
        ("aws_ec2_subnet", network.subnets[1]),
        ("aws_ec2_security_group", network.security_group),
    ]
    assert set(elb.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_service_quota", "L-E9E9831D"),
        uses("aws_ec2_instance", instance),
        goes_before("aws_ec2_instance", instance),
        *(belongs_to(*owner) for owner in owners),
        *(goes_before(*owner) for owner in owners),
    }


def test_every_one_has_its_own_tags(client, collect_kind):
    network = make_network(client)
    for number in range(23):  # one more than AWS describes the tags of at once, and then some
        _elb(client, f"lb-{number}", network, number=str(number))

    found = collect_kind("aws_elb")

    assert {elb.name: elb.tags for elb in found} == {
        f"lb-{number}": {"number": str(number)} for number in range(23)
    }


def test_is_read_tagged_and_deleted(client, collect_kind, session):
    _elb(client, "front", make_network(client), owner="web", env="test")
    (elb,) = collect_kind("aws_elb")
    known = stored(elb)
    assert session.read(known) == elb

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_elb") == []


def test_what_goes_between_two_calls_of_a_read_is_gone(front, client, collect_kind, session):
    _elb(client, "front", make_network(client), owner="web")
    (elb,) = collect_kind("aws_elb")

    def delete_once_listed(request, content):
        if request.action == "DescribeLoadBalancers" and b"front" in content:
            client("elb").delete_load_balancer(LoadBalancerName="front")
        return content

    front.rewrites.append(delete_once_listed)
    assert session.read(stored(elb)) is None


def test_a_detail_that_is_not_found_of_what_is_still_there_is_an_error(front, client, collect_kind, session):
    _elb(client, "front", make_network(client), owner="web")
    (elb,) = collect_kind("aws_elb")
    front.deny("DescribeTags", code="LoadBalancerNotFound")
    with pytest.raises(ProviderError, match="LoadBalancerNotFound"):
        session.read(stored(elb))
