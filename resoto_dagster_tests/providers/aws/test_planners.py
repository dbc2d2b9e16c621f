"""The planners on what is really read of AWS, as far as moto knows it."""

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from resoto_dagster.cleanup.planners import run_planners
from resoto_dagster.config import (
    AlarmsSettings,
    CleanupSettings,
    LoadBalancersSettings,
    PlannersSettings,
    VolumesSettings,
)
from resoto_dagster.inventory.collecting import InventorySink, register_kinds, settle_graph
from resoto_dagster.providers.aws import provider
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.base import ProviderSession
from resoto_dagster_tests.estate import table
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION

Client = Callable[..., Any]
COLLECTED = (
    "aws_alb",
    "aws_alb_target_group",
    "aws_autoscaling_group",
    "aws_cloudwatch_alarm",
    "aws_ec2_instance",
    "aws_ec2_volume",
    "aws_ecs_service",
    "aws_elb",
)


def test_what_nothing_uses_is_found(
    engine: Engine, client: Client, open_session: Callable[..., ProviderSession]
) -> None:
    ec2, elb, cloudwatch = client("ec2"), client("elb"), client("cloudwatch")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    (running,) = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"]
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}
    for name in ("used", "unused"):
        elb.create_load_balancer(
            LoadBalancerName=name, Listeners=[listener], AvailabilityZones=[f"{REGION}a"]
        )
    elb.register_instances_with_load_balancer(
        LoadBalancerName="used", Instances=[{"InstanceId": running["InstanceId"]}]
    )
    client("elbv2").create_target_group(
        Name="targets", Protocol="HTTP", Port=80, VpcId=running["VpcId"], TargetType="instance"
    )
    for name, instance in (("live", running["InstanceId"]), ("orphan", "i-0123456789abcdef0")):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/EC2",
            MetricName="CPUUtilization",
            Dimensions=[{"Name": "InstanceId", "Value": instance}],
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Period=60,
            Statistic="Average",
            Threshold=1,
        )
    volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
    sink = InventorySink(engine, "aws", "run-1")
    with engine.begin() as connection:
        register_kinds(connection, "aws", KINDS, COLLECTED, "1", provider.property_types)
    open_session(regions=[REGION]).collect(COLLECTED, sink)
    time.sleep(1.1)  # a target group is as old as the inventory knows it, and 1s is the least age there is
    with engine.begin() as connection:
        settle_graph(connection)
        settings = PlannersSettings(
            volumes=VolumesSettings(enabled=True, min_age="1s"),
            aws_load_balancers=LoadBalancersSettings(enabled=True, min_age="1s"),
            aws_alarms=AlarmsSettings(enabled=True, accounts=[ACCOUNT]),
        )
        marked = run_planners(connection, CleanupSettings(planners=settings), "run-1")
    assert marked.notes == ()
    found = table(engine, "SELECT r.name FROM inventory.marks JOIN inventory.resources r USING (node_id)")
    assert {name for (name,) in found} == {"unused", "targets", "orphan", volume}
