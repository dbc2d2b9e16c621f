"""The estate of a cleanup that is killed: 300 resources that have expired, and what must stay beside them.

It is small in accounts and regions, so that a round is quick, and rich in what waits for what: alarms, load
balancers, instances with attached volumes, whole networks, roles and buckets whose deletion takes many calls.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from resoto_dagster.demo import resources as make
from resoto_dagster.demo.resources import Network, Place, Tagger, Tags
from resoto_dagster.demo.server import ROLE, SimulatedAccounts

CLEANED, OTHER = "111111111111", "222222222222"
"""The account that the cleanup may touch, and one that it may not."""
REGION = "us-east-1"
KINDS = (
    "aws_account",
    "aws_region",
    "aws_cloudwatch_alarm",
    "aws_ec2_elastic_ip",
    "aws_ec2_instance",
    "aws_ec2_internet_gateway",
    "aws_ec2_keypair",
    "aws_ec2_network_acl",
    "aws_ec2_network_interface",
    "aws_ec2_route_table",
    "aws_ec2_security_group",
    "aws_ec2_snapshot",
    "aws_ec2_subnet",
    "aws_ec2_volume",
    "aws_elb",
    "aws_iam_role",
    "aws_s3_bucket",
    "aws_vpc",
)
SETTINGS = f"""\
providers:
  aws:
    accounts: [{{id: "{CLEANED}", role: {ROLE}}}, {{id: "{OTHER}", role: {ROLE}}}]
    regions: [{REGION}]
    kinds: [{", ".join(KINDS)}]
cleanup:
  enabled: true
  dry_run: false
  accounts:
    aws: ["{CLEANED}"]
  budget: {{resources: 1000, share: 1.0}}
  planners:
    expired: {{enabled: true}}
  rules:
    - {{name: legal, search: tags.stay = legal, reason: a case is pending, mark: protect}}
"""
_NETWORKS = 5
_POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
)


def expired(name: str) -> Tags:
    """Tags of what has been there for longer than it says."""
    born = datetime.now(UTC) - timedelta(days=30)
    return {"Name": name, "expiration": "7d", "resoto:ctime": born.isoformat(timespec="seconds")}


def protected(name: str) -> Tags:
    """Tags of what has expired, and is protected by a rule."""
    return {**expired(name), "stay": "legal"}


def staying(name: str) -> Tags:
    """Tags of what does not expire."""
    return {"Name": name, "owner": "search"}


def seed(endpoint: str) -> None:
    """Fill an empty simulated AWS."""
    accounts = SimulatedAccounts(endpoint)
    for account in (CLEANED, OTHER):
        make.create_role(Place(accounts, account, REGION), ROLE, staying(ROLE))
    cleaned, other = (Place(accounts, account, REGION) for account in (CLEANED, OTHER))
    for number in range(_NETWORKS):
        _expired_network(cleaned, number)
    _expired_without_network(cleaned)
    _what_stays(cleaned)
    for number in range(10):
        make.create_volume(other, 10, expired(f"elsewhere-{number}"))
    make.create_bucket(other, "elsewhere", expired("elsewhere"), objects=2)


def _expired_network(place: Place, number: int) -> None:
    name = f"review-{number}"
    network = _connected_network(place, name, f"10.{number}", expired)
    _let_each_other_in(place, network, expired(f"{name}-mesh"))
    instances = make.create_instances(place, network, "t3.small", 6, expired(name))
    for position, instance in enumerate(instances[:2]):
        make.create_alarm(place, f"{name}-{position}", instance, expired(f"{name}-{position}"))
    for instance in instances[:4]:
        make.create_volume(place, 30, expired(f"{name}-data"), instance)
    make.create_classic_balancer(place, network, name, expired(name), instances[:2])


def _connected_network(place: Place, name: str, prefix: str, tag: Tagger) -> Network:
    """A network with a gateway, a route table that its subnets have, an ACL and two spare interfaces.

    No NAT gateway: the simulation would leave the interface behind that AWS deletes along with it.
    """
    network, ec2 = make.create_network(place, name, prefix, tag), place.ec2
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc)
    table = ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    for subnet in network.subnets:
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    acl = ec2.create_network_acl(VpcId=network.vpc)["NetworkAcl"]["NetworkAclId"]
    tags = [{"Key": key, "Value": value} for key, value in tag(name).items()]
    ec2.create_tags(Resources=[gateway, table, acl], Tags=tags)
    for number in range(2):
        make.create_network_interface(place, network, tag(f"{name}-{number}"))
    return network


def _let_each_other_in(place: Place, network: Network, tags: Tags) -> None:
    """Two security groups of which neither can go as long as the other one names it."""
    ec2, groups = place.ec2, []
    for number in range(2):
        made = ec2.create_security_group(
            VpcId=network.vpc, GroupName=f"{network.name}-mesh-{number}", Description="mesh"
        )
        groups.append(made["GroupId"])
    ec2.create_tags(Resources=groups, Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
    for one, other in (groups, reversed(groups)):
        let_in = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": other}]}
        ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=[let_in])


def _expired_without_network(place: Place) -> None:
    for number in range(47):
        volume = make.create_volume(place, 10 + number, expired(f"disk-{number}"))
        make.create_snapshot(place, volume, expired(f"backup-{number}"))
    for number in range(16):
        make.create_keypair(place, f"key-{number}", expired(f"key-{number}"))
        make.create_elastic_ip(place, expired(f"entry-{number}"))
    for number in range(8):
        make.create_bucket(place, f"cache-{number}", expired(f"cache-{number}"), objects=6)
    for number in range(8):
        _role_with_policies(place, f"job-{number}")


def _role_with_policies(place: Place, name: str) -> None:
    """Many calls are needed to delete it; a kill may come between them."""
    make.create_role(place, name, expired(name))
    iam = place.client("iam")
    for number in range(3):
        iam.put_role_policy(RoleName=name, PolicyName=f"part-{number}", PolicyDocument=_POLICY)
    policy = iam.create_policy(PolicyName=f"{name}-shared", PolicyDocument=_POLICY)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=policy)


def _what_stays(place: Place) -> None:
    network = _connected_network(place, "main", "10.100", staying)
    instances = make.create_instances(place, network, "t3.small", 5, staying("web"))
    # Both have expired: one is in use by what stays, the other one is protected.
    make.create_volume(place, 50, expired("scratch"), instances[0])
    make.create_volume(place, 80, protected("forensics"))
    for number in range(20):
        volume = make.create_volume(place, 10 + number, staying(f"archive-{number}"))
        make.create_snapshot(place, volume, staying(f"archive-{number}"))
    for number in range(5):
        make.create_elastic_ip(place, {})
        make.create_bucket(place, f"data-{number}", staying(f"data-{number}"), objects=1)
    make.create_bucket(place, "audit", protected("audit"), objects=2)
    make.create_alarm(place, "web", instances[0], staying("web"))
    busy = make.create_network(place, "load-test", "10.101", expired)
    make.create_instances(place, busy, "t3.small", 1, staying("still-needed"))


_EC2 = {
    "describe_addresses": "Addresses",
    "describe_internet_gateways": "InternetGateways",
    "describe_key_pairs": "KeyPairs",
    "describe_network_acls": "NetworkAcls",
    "describe_network_interfaces": "NetworkInterfaces",
    "describe_route_tables": "RouteTables",
    "describe_security_groups": "SecurityGroups",
    "describe_security_group_rules": "SecurityGroupRules",
    "describe_subnets": "Subnets",
    "describe_volumes": "Volumes",
    "describe_vpcs": "Vpcs",
}


def what_is_there(endpoint: str) -> dict[str, list[str]]:
    """All that the simulated AWS has, in both accounts, with every property, by account and sort.

    Terminated instances, which AWS remembers for a while, are not there any more.
    """
    accounts = SimulatedAccounts(endpoint)
    return {
        f"{account} {sort}": sorted(json.dumps(item, default=str, sort_keys=True) for item in items)
        for account in (CLEANED, OTHER)
        for sort, items in _listed(Place(accounts, account, REGION))
    }


def _listed(place: Place) -> Iterator[tuple[str, list[Any]]]:
    for operation, member in _EC2.items():
        yield member, getattr(place.ec2, operation)()[member]
    yield "Snapshots", place.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    reservations = place.ec2.describe_instances()["Reservations"]
    instances = [instance for one in reservations for instance in one["Instances"]]
    yield "Instances", [one for one in instances if one["State"]["Name"] != "terminated"]
    elb, iam, s3 = place.client("elb"), place.client("iam"), place.client("s3")
    yield "LoadBalancers", elb.describe_load_balancers()["LoadBalancerDescriptions"]
    yield "Alarms", place.client("cloudwatch").describe_alarms()["MetricAlarms"]
    yield "Policies", iam.list_policies(Scope="Local")["Policies"]
    roles = iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
    yield "Roles", [{**role, "RoleLastUsed": None} for role in roles]
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    yield "Buckets", [(name, s3.get_bucket_tagging(Bucket=name)["TagSet"]) for name in buckets]
    yield "Objects", [(name, s3.list_object_versions(Bucket=name).get("Versions")) for name in buckets]
