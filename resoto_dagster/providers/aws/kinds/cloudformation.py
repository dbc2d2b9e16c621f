"""Stacks of resources that are made from a template, and go together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, HeldBack, Link, Step, Value

_RESOURCES: Mapping[str, tuple[str, Literal["id", "arn", "name"]]] = {
    "AWS::AutoScaling::AutoScalingGroup": ("aws_autoscaling_group", "id"),
    "AWS::CertificateManager::Certificate": ("aws_acm_certificate", "arn"),
    "AWS::CloudFormation::Stack": ("aws_cloudformation_stack", "id"),
    "AWS::CloudFormation::StackSet": ("aws_cloudformation_stack_set", "id"),
    "AWS::CloudWatch::Alarm": ("aws_cloudwatch_alarm", "id"),
    "AWS::EC2::EIP": ("aws_ec2_elastic_ip", "id"),
    "AWS::EC2::FlowLog": ("aws_ec2_flow_log", "id"),
    "AWS::EC2::Host": ("aws_ec2_host", "id"),
    "AWS::EC2::Instance": ("aws_ec2_instance", "id"),
    "AWS::EC2::InternetGateway": ("aws_ec2_internet_gateway", "id"),
    "AWS::EC2::KeyPair": ("aws_ec2_keypair", "name"),
    "AWS::EC2::LaunchTemplate": ("aws_ec2_launch_template", "id"),
    "AWS::EC2::NatGateway": ("aws_ec2_nat_gateway", "id"),
    "AWS::EC2::NetworkAcl": ("aws_ec2_network_acl", "id"),
    "AWS::EC2::NetworkInterface": ("aws_ec2_network_interface", "id"),
    "AWS::EC2::RouteTable": ("aws_ec2_route_table", "id"),
    "AWS::EC2::SecurityGroup": ("aws_ec2_security_group", "id"),
    "AWS::EC2::Subnet": ("aws_ec2_subnet", "id"),
    "AWS::EC2::VPC": ("aws_vpc", "id"),
    "AWS::EC2::VPCEndpoint": ("aws_vpc_endpoint", "id"),
    "AWS::EC2::VPCPeeringConnection": ("aws_vpc_peering_connection", "id"),
    "AWS::EC2::Volume": ("aws_ec2_volume", "id"),
    "AWS::ElasticLoadBalancing::LoadBalancer": ("aws_elb", "name"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("aws_alb", "arn"),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ("aws_alb_target_group", "arn"),
    "AWS::IAM::AccessKey": ("aws_iam_access_key", "id"),
    "AWS::IAM::Group": ("aws_iam_group", "name"),
    "AWS::IAM::InstanceProfile": ("aws_iam_instance_profile", "name"),
    "AWS::IAM::ManagedPolicy": ("aws_iam_policy", "arn"),
    "AWS::IAM::Role": ("aws_iam_role", "name"),
    "AWS::IAM::ServerCertificate": ("aws_iam_server_certificate", "name"),
    "AWS::IAM::User": ("aws_iam_user", "name"),
    "AWS::KMS::Key": ("aws_kms_key", "id"),
    "AWS::Lambda::Function": ("aws_lambda_function", "id"),
    "AWS::RDS::DBCluster": ("aws_rds_cluster", "id"),
    "AWS::RDS::DBInstance": ("aws_rds_instance", "id"),
    "AWS::S3::Bucket": ("aws_s3_bucket", "id"),
}
"""The kind of a stack's resource by its type, and which of its names a stack knows it by."""


def _of_type(resource_type: str) -> Callable[[Sequence[Mapping[str, Any]]], list[str]]:
    """The names of those resources of a stack that are of the type and not deleted."""
    return lambda resources: [
        resource["PhysicalResourceId"]
        for resource in resources
        if resource["ResourceType"] == resource_type
        and resource.get("PhysicalResourceId")
        and resource["ResourceStatus"] != "DELETE_COMPLETE"
    ]


def _parameters(parameters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {parameter["ParameterKey"]: parameter.get("ParameterValue") for parameter in parameters}


_STACK = AwsKind(
    name="aws_cloudformation_stack",
    description="A stack of resources that go with it. Its tags are changed with its template, not here: "
    "AWS would update every resource in it.",
    bases=("stack",),
    service="cloudformation",
    api=Call(operation="describe_stacks", items="Stacks"),
    details=(
        Detail(
            operation="list_stack_resources",
            params={"StackName": "StackId"},
            result="StackResourceSummaries",
            into="Resources",
        ),
    ),
    id="StackId",
    name_path="StackName",
    prefix="stack",
    ctime="CreationTime",
    mtime="LastUpdatedTime",
    properties={
        "stack_status": "StackStatus",
        "stack_status_reason": "StackStatusReason",
        "stack_parameters": Value("Parameters", _parameters),
        "stack_nested": Value("ParentId", bool, absent=False),
        "stack_parent_id": "ParentId",
        "stack_notification_ar_ns": "NotificationARNs",
        "description": "Description",
    },
    drop=("Resources",),
    links=tuple(
        Link(kind=kind, path=Value("Resources", _of_type(resource_type)), by=by)
        for resource_type, (kind, by) in _RESOURCES.items()
    ),
    read={"StackName": "id"},
    gone=("StackStatus", ("DELETE_COMPLETE",)),
    delete=(Step(operation="delete_stack", params={"StackName": "id"}),),
    takes_along=True,
    held_back=(HeldBack("stack_nested", (True,), "it goes with the stack that it is nested in", along=True),),
    changing=("stack_drift_information", "stack_last_operations"),
)


def _instance_id(stack_set: str | None, account: str | None, region: str | None) -> str:
    return f"{stack_set}/{account}/{region}"


_STACK_SET = AwsKind(
    name="aws_cloudformation_stack_set",
    description="A template, and the accounts and regions that have a stack of it. Its tags are changed with "
    "the template, not here: AWS would update every stack of the set.",
    service="cloudformation",
    api=Call(operation="list_stack_sets", items="Summaries", params={"Status": "ACTIVE"}, page_size=100),
    details=(
        Detail(
            operation="describe_stack_set",
            params={"StackSetName": "StackSetName"},
            result="StackSet",
            into="",
        ),
    ),
    id="StackSetId",
    name_path="StackSetName",
    arn="StackSetARN",
    prefix="stack_set",
    properties={
        "description": "Description",
        "stack_set_managed_execution": "ManagedExecution.Active",
        "stack_set_parameters": Value("Parameters", _parameters),
    },
    drop=("TemplateBody",),
    missing=("StackSetNotFoundException",),
    gone=("Status", ("DELETED",)),
    delete=(Step(operation="delete_stack_set", params={"StackSetName": "name"}),),
    changing=(
        "stack_set_drift_status",
        "stack_set_last_drift_check_timestamp",
        "stack_set_regions",
        "stack_set_drift_detection_details",
    ),
)

_STACK_INSTANCE = AwsKind(
    name="aws_cloud_formation_stack_instance_summary",
    description="The place that a stack set has a stack of its own in: an account and a region.",
    service="cloudformation",
    api=Call(
        operation="list_stack_instances",
        items="Summaries",
        params={"StackSetName": "item.StackSetName"},
        each=Call(operation="list_stack_sets", items="Summaries", params={"Status": "ACTIVE"}, page_size=100),
        page_size=100,
    ),
    id=Value(("StackSetId", "Account", "Region"), _instance_id),
    prefix="stack_instance",
    tags="",
    properties={
        "stack_instance_stack_set_id": "StackSetId",
        "stack_instance_account": "Account",
        "stack_instance_region": "Region",
        "stack_instance_status": "Status",
        "stack_instance_stack_instance_status": "StackInstanceStatus.DetailedStatus",
    },
    links=(
        # A set that still has instances can't be deleted.
        Link(kind="aws_cloudformation_stack_set", path="StackSetId", parent=True, delete="before"),
        Link(kind="aws_cloudformation_stack", path="StackId"),
    ),
    read={
        "StackSetName": "stack_instance_stack_set_id",
        "StackInstanceAccount": "stack_instance_account",
        "StackInstanceRegion": "stack_instance_region",
    },
    missing=("StackSetNotFoundException",),
)

KINDS = (_STACK, _STACK_SET, _STACK_INSTANCE)
