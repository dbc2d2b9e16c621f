"""Autoscaling groups, from the API's answer to their deletion."""

import pytest

from resoto_dagster_tests.providers.aws.harness import REGION, belongs_to, goes_before, stored, uses
from resoto_dagster_tests.providers.aws.network import make_network


@pytest.fixture
def group(client):
    """A group with two instances, behind both sorts of load balancers; the network and the target group."""
    network = make_network(client)
    elbv2, autoscaling = client("elbv2"), client("autoscaling")
    client("elb").create_load_balancer(
        LoadBalancerName="old",
        Listeners=[{"Protocol": "http", "LoadBalancerPort": 80, "InstancePort": 80}],
        Subnets=list(network.subnets),
    )
    target_group = elbv2.create_target_group(Name="new", Protocol="HTTP", Port=80, VpcId=network.vpc)
    target_group_arn = target_group["TargetGroups"][0]["TargetGroupArn"]
    image = client("ec2").describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    autoscaling.create_launch_configuration(
        LaunchConfigurationName="launch", ImageId=image, InstanceType="t3.micro"
    )
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="workers",
        LaunchConfigurationName="launch",
        MinSize=2,
        MaxSize=4,
        DesiredCapacity=2,
        VPCZoneIdentifier=",".join(network.subnets),
        LoadBalancerNames=["old"],
        TargetGroupARNs=[target_group_arn],
        Tags=[
            {
                "ResourceId": "workers",
                "ResourceType": "auto-scaling-group",
                "Key": key,
                "Value": value,
                "PropagateAtLaunch": False,
            }
            for key, value in (("owner", "web"), ("env", "test"))
        ],
    )
    return network, target_group_arn


def _running(client):
    pages = client("ec2").describe_instances()["Reservations"]
    return {
        instance["InstanceId"]
        for reservation in pages
        for instance in reservation["Instances"]
        if instance["State"]["Name"] == "running"
    }


def test_properties_and_edges(group, client, collect_kind):
    network, target_group = group
    instances = _running(client)
    assert len(instances) == 2

    (workers,) = collect_kind("aws_autoscaling_group")

    assert (workers.id, workers.name, workers.region) == ("workers", "workers", REGION)
    assert workers.tags == {"owner": "web", "env": "test"}
    assert workers.ctime is not None
    properties = workers.properties
    assert properties["arn"].endswith(":autoScalingGroupName/workers")
    assert (properties["min_size"], properties["max_size"]) == (2, 4)
    assert properties["autoscaling_desired_capacity"] == 2
    assert properties["autoscaling_launch_configuration_name"] == "launch"
    assert properties["autoscaling_target_group_ar_ns"] == [target_group]
    assert {instance["instance_id"] for instance in properties["autoscaling_instances"]} == instances
    used = [
        *(("aws_ec2_instance", instance) for instance in instances),
        *(("aws_ec2_subnet", subnet) for subnet in network.subnets),
    ]
    assert set(workers.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_elb", "old", "name"),
        uses("aws_alb_target_group", target_group, "arn"),
        *(uses(*other) for other in used),
        *(goes_before(*other) for other in used),
    }


def test_the_launch_templates_that_it_launches_from(client, collect_kind):
    network = make_network(client)
    ids = {
        name: client("ec2").create_launch_template(
            LaunchTemplateName=name,
            LaunchTemplateData={"InstanceType": "t3.micro", "ImageId": "ami-12345678"},
        )["LaunchTemplate"]["LaunchTemplateId"]
        for name in ("plain", "mixed", "override")
    }
    where = {"MinSize": 0, "MaxSize": 1, "VPCZoneIdentifier": network.subnets[0]}
    client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="a", LaunchTemplate={"LaunchTemplateId": ids["plain"]}, **where
    )
    override = {"LaunchTemplateId": ids["override"], "Version": "1"}
    client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="b",
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {"LaunchTemplateId": ids["mixed"]},
                "Overrides": [{"InstanceType": "t3.small", "LaunchTemplateSpecification": override}],
            }
        },
        **where,
    )

    plain, mixed = collect_kind("aws_autoscaling_group")

    def templates(group):
        return {edge for edge in group.edges if edge.kind == "aws_ec2_launch_template"}

    def both(name):
        return {edge("aws_ec2_launch_template", ids[name]) for edge in (uses, goes_before)}

    assert templates(plain) == both("plain")
    assert templates(mixed) == both("mixed") | both("override")


def test_its_deletion_leaves_the_instances_alone(group, client, collect_kind, session):
    instances = _running(client)
    (workers,) = collect_kind("aws_autoscaling_group")

    session.delete(stored(workers))

    assert session.read(stored(workers)) is None
    assert collect_kind("aws_autoscaling_group") == []
    assert _running(client) == instances


def test_is_read_and_tagged(group, client, collect_kind, session):
    (workers,) = collect_kind("aws_autoscaling_group")
    known = stored(workers)
    assert session.read(known) == workers

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])

    assert session.read(known).tags == {"owner": "ops", "team": "a"}
    written = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]["Tags"]
    assert {tag["Key"]: tag["PropagateAtLaunch"] for tag in written} == {"owner": False, "team": False}
