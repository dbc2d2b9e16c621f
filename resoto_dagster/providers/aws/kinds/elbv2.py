"""Application, network and gateway load balancers, and the groups of targets they send traffic to."""

from collections.abc import Sequence

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging, Value
from resoto_dagster.providers.aws.kinds.service_quotas import counted_by_quota, load_balancer_quota


def _first(values: Sequence[str]) -> str | None:
    return values[0] if values else None


def _distinct(values: Sequence[str]) -> list[str]:
    return sorted(set(values))


def _instances(targets: Sequence[str]) -> list[str]:
    """The instances among targets, which may also be addresses, functions and load balancers."""
    return [target for target in targets if target.startswith("i-")]


def _tags(arn: str) -> Detail:
    """The tags of what has the ARN at that path."""
    return Detail(
        operation="describe_tags",
        params={"ResourceArns": [arn]},
        result="TagDescriptions",
        batch=20,
        match=("ResourceArn", arn),
        into="",
    )


_TAGGING = Tagging(upsert="add_tags", remove="remove_tags", params={"ResourceArns": ["arn"]})

_LOAD_BALANCER = AwsKind(
    name="aws_alb",
    description="An application, network or gateway load balancer.",
    bases=("load_balancer",),
    service="elbv2",
    api=Call(operation="describe_load_balancers", items="LoadBalancers"),
    details=(
        _tags("LoadBalancerArn"),
        Detail(
            operation="describe_target_groups",
            params={"LoadBalancerArn": "LoadBalancerArn"},
            result="TargetGroups",
            into="TargetGroups",
            absent=("TargetGroupNotFound",),
        ),
        Detail(
            operation="describe_target_health",
            each="TargetGroups",
            params={"TargetGroupArn": "TargetGroupArn"},
            result="TargetHealthDescriptions",
            into="Targets",
            absent=("TargetGroupNotFound",),
        ),
    ),
    id="LoadBalancerName",
    name_path="LoadBalancerName",
    arn="LoadBalancerArn",
    prefix="alb",
    ctime="CreatedTime",
    properties={
        "lb_type": Value("LoadBalancerName", lambda _: "alb"),
        "public_ip_address": Value("AvailabilityZones[].LoadBalancerAddresses[].IpAddress", _first),
        "backends": Value("Targets[].Target.Id", _distinct),
    },
    drop=("ResourceArn", "TargetGroups", "Targets"),
    links=(
        Link(kind="aws_vpc", path="VpcId", parent=True, delete="before"),
        Link(kind="aws_ec2_subnet", path="AvailabilityZones[].SubnetId", parent=True, delete="before"),
        Link(kind="aws_ec2_security_group", path="SecurityGroups[]", parent=True, delete="before"),
        counted_by_quota("Type", load_balancer_quota),
    ),
    read={"LoadBalancerArns": ["arn"]},
    missing=("LoadBalancerNotFound",),
    delete=(Step(operation="delete_load_balancer", params={"LoadBalancerArn": "arn"}),),
    tagging=_TAGGING,
    changing=("alb_state", "backends"),
)

_TARGET_GROUP = AwsKind(
    name="aws_alb_target_group",
    description="A group of targets that application, network or gateway load balancers send traffic to.",
    service="elbv2",
    api=Call(operation="describe_target_groups", items="TargetGroups"),
    details=(
        _tags("TargetGroupArn"),
        Detail(
            operation="describe_target_health",
            params={"TargetGroupArn": "TargetGroupArn"},
            result="TargetHealthDescriptions",
            into="TargetHealth",
        ),
    ),
    id="TargetGroupName",
    name_path="TargetGroupName",
    arn="TargetGroupArn",
    prefix="alb",
    properties={
        "protocol": "Protocol",
        "port": "Port",
        "target_type": "TargetType",
        "alb_lb_arns": "LoadBalancerArns",
        "backends": Value("TargetHealth[].Target.Id", _distinct),
    },
    drop=("ResourceArn",),
    links=(
        Link(kind="aws_vpc", path="VpcId", parent=True, delete="before"),
        Link(kind="aws_alb", path="LoadBalancerArns[]", by="arn", parent=True, delete="after"),
        Link(kind="aws_ec2_instance", path=Value("TargetHealth[].Target.Id", _instances), delete="before"),
    ),
    read={"TargetGroupArns": ["arn"]},
    missing=("TargetGroupNotFound",),
    delete=(Step(operation="delete_target_group", params={"TargetGroupArn": "arn"}),),
    tagging=_TAGGING,
    changing=("alb_lb_arns", "alb_target_health", "backends"),
)

KINDS = (_LOAD_BALANCER, _TARGET_GROUP)
