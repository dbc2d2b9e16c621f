"""Classic load balancers."""

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging, Value
from resoto_dagster.providers.aws.kinds.service_quotas import CLASSIC_LOAD_BALANCERS, counted_by_quota

_LOAD_BALANCER = AwsKind(
    name="aws_elb",
    description="A classic load balancer, which spreads traffic over instances.",
    bases=("load_balancer",),
    service="elb",
    api=Call(operation="describe_load_balancers", items="LoadBalancerDescriptions"),
    details=(
        Detail(
            operation="describe_tags",
            params={"LoadBalancerNames": ["LoadBalancerName"]},
            result="TagDescriptions",
            batch=20,
            match=("LoadBalancerName", "LoadBalancerName"),
            into="",
        ),
    ),
    id="DNSName",
    name_path="LoadBalancerName",
    prefix="elb",
    ctime="CreatedTime",
    properties={
        "lb_type": Value("DNSName", lambda _: "elb"),
        "backends": "Instances[].InstanceId",
        "scheme": "Scheme",
    },
    drop=("Instances",),
    links=(
        Link(kind="aws_vpc", path="VPCId", parent=True, delete="before"),
        Link(kind="aws_ec2_subnet", path="Subnets[]", parent=True, delete="before"),
        Link(kind="aws_ec2_security_group", path="SecurityGroups[]", parent=True, delete="before"),
        Link(kind="aws_ec2_instance", path="Instances[].InstanceId", delete="before"),
        counted_by_quota("DNSName", CLASSIC_LOAD_BALANCERS),
    ),
    read={"LoadBalancerNames": ["name"]},
    missing=("LoadBalancerNotFound",),
    delete=(Step(operation="delete_load_balancer", params={"LoadBalancerName": "name"}),),
    tagging=Tagging(
        upsert="add_tags",
        remove="remove_tags",
        params={"LoadBalancerNames": ["name"]},
        keys="Tags",
        keys_form="objects",
    ),
    changing=("backends",),
)

KINDS = (_LOAD_BALANCER,)
