"""What is really there: the simulated AWS asked directly, by nothing of what collects or cleans up."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from resoto_dagster.demo.estate import ACCOUNTS, REGIONS
from resoto_dagster.demo.server import SimulatedAccounts

Found = tuple[str, str, str, str]
"""Account, region, kind and id. What belongs to an account as a whole is in the region `global`."""

GLOBAL = "global"
# The simulated AWS answers one request after the other: one is sent while another one is answered.
_THREADS = 3


Ids = Callable[[Any], Iterable[str]]
"""What makes ids of one page of an API's answer."""


def _every(items: str, member: str, gone: tuple[str, str] | None = None) -> Ids:
    """The ids of all items of a page, but those of which a member says that they are gone."""

    def ids(page: Any) -> list[str]:
        return [item[member] for item in page[items] if gone is None or item[gone[0]] != gone[1]]

    return ids


def _instances(page: Any) -> list[str]:
    instances = [instance for reservation in page["Reservations"] for instance in reservation["Instances"]]
    return [instance["InstanceId"] for instance in instances if instance["State"]["Name"] != "terminated"]


@dataclass(frozen=True)
class _Listing:
    """The API call that lists a kind."""

    kind: str
    service: str
    operation: str
    ids: Ids
    params: dict[str, Any] = field(default_factory=dict)


_EC2 = (
    _Listing("aws_ec2_instance", "ec2", "describe_instances", _instances),
    _Listing("aws_ec2_volume", "ec2", "describe_volumes", _every("Volumes", "VolumeId")),
    _Listing(
        "aws_ec2_snapshot",
        "ec2",
        "describe_snapshots",
        _every("Snapshots", "SnapshotId"),
        {"OwnerIds": ["self"]},
    ),
    _Listing("aws_ec2_keypair", "ec2", "describe_key_pairs", _every("KeyPairs", "KeyPairId")),
    _Listing("aws_ec2_elastic_ip", "ec2", "describe_addresses", _every("Addresses", "PublicIp")),
    _Listing(
        "aws_ec2_network_interface",
        "ec2",
        "describe_network_interfaces",
        _every("NetworkInterfaces", "NetworkInterfaceId"),
    ),
    _Listing("aws_vpc", "ec2", "describe_vpcs", _every("Vpcs", "VpcId")),
    _Listing("aws_ec2_subnet", "ec2", "describe_subnets", _every("Subnets", "SubnetId")),
    _Listing(
        "aws_ec2_security_group", "ec2", "describe_security_groups", _every("SecurityGroups", "GroupId")
    ),
    _Listing("aws_ec2_route_table", "ec2", "describe_route_tables", _every("RouteTables", "RouteTableId")),
    _Listing(
        "aws_ec2_internet_gateway",
        "ec2",
        "describe_internet_gateways",
        _every("InternetGateways", "InternetGatewayId"),
    ),
    _Listing(
        "aws_ec2_nat_gateway",
        "ec2",
        "describe_nat_gateways",
        _every("NatGateways", "NatGatewayId", gone=("State", "deleted")),
    ),
)

_REGIONAL = (
    *_EC2,
    _Listing("aws_elb", "elb", "describe_load_balancers", _every("LoadBalancerDescriptions", "DNSName")),
    _Listing("aws_alb", "elbv2", "describe_load_balancers", _every("LoadBalancers", "LoadBalancerName")),
    _Listing(
        "aws_alb_target_group",
        "elbv2",
        "describe_target_groups",
        _every("TargetGroups", "TargetGroupName"),
    ),
    _Listing(
        "aws_rds_instance", "rds", "describe_db_instances", _every("DBInstances", "DBInstanceIdentifier")
    ),
    _Listing("aws_lambda_function", "lambda", "list_functions", _every("Functions", "FunctionName")),
    _Listing(
        "aws_autoscaling_group",
        "autoscaling",
        "describe_auto_scaling_groups",
        _every("AutoScalingGroups", "AutoScalingGroupName"),
    ),
    _Listing("aws_cloudwatch_alarm", "cloudwatch", "describe_alarms", _every("MetricAlarms", "AlarmName")),
    _Listing(
        "aws_cloudformation_stack",
        "cloudformation",
        "describe_stacks",
        _every("Stacks", "StackId", gone=("StackStatus", "DELETE_COMPLETE")),
    ),
)

_GLOBAL = (
    _Listing("aws_s3_bucket", "s3", "list_buckets", _every("Buckets", "Name")),
    _Listing("aws_iam_role", "iam", "list_roles", _every("Roles", "RoleId")),
    _Listing("aws_iam_user", "iam", "list_users", _every("Users", "UserId")),
)

_ACCESS_KEY = "aws_iam_access_key"
_NETWORK_ACL = "aws_ec2_network_acl"

KINDS = (*(listing.kind for listing in (*_REGIONAL, *_GLOBAL)), _ACCESS_KEY, _NETWORK_ACL)
"""All kinds that the estate has resources of."""


def list_everything(endpoint: str) -> set[Found]:
    """All resources of all accounts and regions of the demo.

    Terminated instances and deleted NAT gateways and stacks are not there any more, nor is the default
    network ACL of a VPC that is gone: AWS deletes it with the VPC, and only the simulation keeps it.
    Raises botocore's errors when a call fails, and DemoError when the endpoint is not on this machine.
    """
    accounts = SimulatedAccounts(endpoint)
    with ThreadPoolExecutor(_THREADS) as pool:
        answers = [
            pool.submit(question, accounts, account, region)
            for account in ACCOUNTS
            for region in (*REGIONS, GLOBAL)
            for question in _questions(region)
        ]
        return {found for answer in answers for found in answer.result()}


def _questions(region: str) -> list[Callable[[SimulatedAccounts, str, str], list[Found]]]:
    if region == GLOBAL:
        return [*(partial(_ask, listing) for listing in _GLOBAL), _access_keys]
    return [*(partial(_ask, listing) for listing in _REGIONAL), _network_acls]


def _ask(listing: _Listing, accounts: SimulatedAccounts, account: str, region: str) -> list[Found]:
    client = accounts.client(account, listing.service, REGIONS[0] if region == GLOBAL else region)
    pages = _pages(client, listing.operation, **listing.params)
    return [(account, region, listing.kind, found) for page in pages for found in listing.ids(page)]


def _access_keys(accounts: SimulatedAccounts, account: str, region: str) -> list[Found]:
    iam = accounts.client(account, "iam", REGIONS[0])
    return [
        (account, region, _ACCESS_KEY, key["AccessKeyId"])
        for users in _pages(iam, "list_users")
        for user in users["Users"]
        for keys in _pages(iam, "list_access_keys", UserName=user["UserName"])
        for key in keys["AccessKeyMetadata"]
    ]


def _network_acls(accounts: SimulatedAccounts, account: str, region: str) -> list[Found]:
    ec2 = accounts.client(account, "ec2", region)
    vpcs = {vpc["VpcId"] for page in _pages(ec2, "describe_vpcs") for vpc in page["Vpcs"]}
    return [
        (account, region, _NETWORK_ACL, acl["NetworkAclId"])
        for page in _pages(ec2, "describe_network_acls")
        for acl in page["NetworkAcls"]
        if acl["VpcId"] in vpcs or not acl["IsDefault"]
    ]


def _pages(client: Any, operation: str, **params: Any) -> Iterable[Any]:
    """All pages of an answer."""
    if client.can_paginate(operation):
        pages: Iterable[Any] = client.get_paginator(operation).paginate(**params)
        return pages
    return [getattr(client, operation)(**params)]
