"""A made-up AWS estate of any size: resources as a collect hands them over, scope by scope, three edges each.

Everything follows from the numbers, so that two runs make the same estate.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from resoto_dagster.model.resource import GLOBAL, Edge, EdgeType, Resource, Scope

REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-south-1")
PER_REGION = 10_000
PER_ACCOUNT = len(REGIONS) * PER_REGION
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
_OWNERS = ("web", "data", "ml", "billing", "search", "ops", "qa", "mobile")
_SIZES = ("t3.micro", "t3.large", "m5.large", "m5.2xlarge", "c6i.xlarge", "r6g.4xlarge")
_SHARES = {
    "aws_ec2_volume": 4_000,
    "aws_ec2_instance": 2_500,
    "aws_ec2_network_interface": 2_500,
    "aws_ec2_snapshot": 939,
    "aws_ec2_subnet": 50,
    "aws_vpc": 10,
}


def account_id(number: int) -> str:
    """The id of the account with a number."""
    return f"{100_000_000_000 + number}"


def account_scopes(number: int) -> Iterator[tuple[Scope, list[Resource]]]:
    """All scopes of one account: itself, its regions, and 10 000 resources in each region."""
    account = account_id(number)
    place = Scope("aws", account, GLOBAL, "aws_account")
    yield place, [Resource("aws_account", account, f"account-{number}", GLOBAL)]
    regions = [Resource("aws_region", region, region, region) for region in REGIONS]
    for region in regions:
        region.edges = (_from("aws_account", account),)
    yield Scope("aws", account, GLOBAL, "aws_region"), regions
    for position, region in enumerate(REGIONS):
        first = number * PER_ACCOUNT + position * PER_REGION
        for kind, share in _SHARES.items():
            made = [_resource(kind, first, region, one) for one in range(share)]
            yield Scope("aws", account, region, kind), made


def volumes(count: int, account: str = "999999999999") -> tuple[Scope, list[Resource]]:
    """One scope of volumes, as large as one likes."""
    scope = Scope("aws", account, REGIONS[0], "aws_ec2_volume")
    return scope, [_resource(scope.kind, 900_000_000, scope.region, number) for number in range(count)]


def _resource(kind: str, first: int, region: str, number: int) -> Resource:
    own = first + number
    born = NEWEST - timedelta(minutes=own * 7 % 500_000)
    tags = {"owner": _OWNERS[own % 8], "stage": "prod" if own % 3 else "test", "service": f"svc-{own % 500}"}
    if own % 50 == 0:
        tags["expiration"] = "90d"
    identity, properties, edges = _MAKERS[kind](first, region, number)
    name = f"{_OWNERS[own % 8]}-{own % 10_000}"
    made = Resource(kind, identity, name, region, tags, born, born, None, properties, edges)
    made.properties["arn"] = f"arn:aws:ec2:{region}:{100_000_000_000 + first // PER_ACCOUNT}:x/{identity}"
    return made


def _id(prefix: str, number: int) -> str:
    return f"{prefix}-{number * 0x9E3779B97F4A7C15 % 2**68:017x}"


def _from(kind: str, value: str) -> Edge:
    return Edge(EdgeType.DEFAULT, False, kind, value)


def _must_go_first(kind: str, value: str) -> Edge:
    return Edge(EdgeType.DELETE, True, kind, value)


def _volume(first: int, region: str, number: int) -> tuple[str, dict[str, Any], tuple[Edge, ...]]:
    own = first + number
    instance = _id("i", first + number % 2_500)
    used = number % 4 != 0
    attached = {
        "instance_id": instance,
        "device": "/dev/xvda",
        "state": "attached",
        "delete_on_termination": True,
    }
    properties = {
        "volume_size": 8 + own % 500,
        "volume_type": ("gp3", "gp2", "io1")[own % 3],
        "volume_status": "in-use" if used else "available",
        "volume_iops": 3_000,
        "volume_encrypted": own % 2 == 0,
        "availability_zone": f"{region}a",
        "snapshot_id": _id("snap", own),
        "multi_attach_enabled": False,
        "volume_attachments": [attached] if used else [],
    }
    owned = (
        (_from("aws_ec2_instance", instance), _must_go_first("aws_ec2_instance", instance)) if used else ()
    )
    return _id("vol", own), properties, (_from("aws_region", region), *owned)


def _instance(first: int, region: str, number: int) -> tuple[str, dict[str, Any], tuple[Edge, ...]]:
    own = first + number
    network, subnet = _id("vpc", first + number % 10), _id("subnet", first + number % 50)
    address = f"10.{own >> 16 & 255}.{own >> 8 & 255}.{own & 255}"
    properties = {
        "instance_cores": 1 << own % 5,
        "instance_memory": 2 << own % 6,
        "instance_type": _SIZES[own % 6],
        "instance_status": "running" if own % 5 else "stopped",
        "image_id": _id("ami", own % 100),
        "private_dns_name": f"ip-10-0-0-{own % 250}.{region}.compute.internal",
        "private_ip_address": address,
        "monitoring": {"state": "disabled"},
        "placement": {"availability_zone": f"{region}a", "tenancy": "default"},
        "security_groups": [{"group_name": "default", "group_id": _id("sg", first + number % 20)}],
        "vpc_id": network,
        "subnet_id": subnet,
    }
    edges = (_from("aws_region", region), _from("aws_ec2_subnet", subnet), _from("aws_vpc", network))
    return _id("i", own), properties, (*edges, _must_go_first("aws_vpc", network))


def _interface(first: int, region: str, number: int) -> tuple[str, dict[str, Any], tuple[Edge, ...]]:
    own = first + number
    subnet = _id("subnet", first + number % 50)
    properties = {
        "network_interface_status": "in-use",
        "private_ips": [f"10.{own >> 16 & 255}.{own >> 8 & 255}.{own & 255}"],
        "mac": f"0a:{own & 255:02x}:{own >> 8 & 255:02x}:{own >> 16 & 255:02x}:00:01",
        "description": f"interface of {_id('i', first + number)}",
        "subnet_id": subnet,
    }
    edges = (_from("aws_region", region), _from("aws_ec2_instance", _id("i", first + number)))
    return _id("eni", own), properties, (*edges, _from("aws_ec2_subnet", subnet))


def _snapshot(first: int, region: str, number: int) -> tuple[str, dict[str, Any], tuple[Edge, ...]]:
    own = first + number
    volume = _id("vol", first + number * 4)
    properties = {
        "snapshot_status": "completed",
        "description": f"nightly backup of {volume}",
        "volume_id": volume,
        "volume_size": 8 + own % 500,
        "encrypted": own % 2 == 0,
        "storage_tier": "standard",
    }
    return _id("snap", own), properties, (_from("aws_region", region), _from("aws_ec2_volume", volume))


def _subnet(first: int, region: str, number: int) -> tuple[str, dict[str, Any], tuple[Edge, ...]]:
    network = _id("vpc", first + number % 10)
    properties = {"cidr_block": f"10.0.{number}.0/24", "vpc_id": network, "available_ip_address_count": 200}
    edges = (_from("aws_region", region), _from("aws_vpc", network), _must_go_first("aws_vpc", network))
    return _id("subnet", first + number), properties, edges


def _network(first: int, region: str, number: int) -> tuple[str, dict[str, Any], tuple[Edge, ...]]:
    properties = {"cidr_block": f"10.{number}.0.0/16", "is_default": number == 0}
    return _id("vpc", first + number), properties, (_from("aws_region", region),)


_MAKERS = {
    "aws_ec2_volume": _volume,
    "aws_ec2_instance": _instance,
    "aws_ec2_network_interface": _interface,
    "aws_ec2_snapshot": _snapshot,
    "aws_ec2_subnet": _subnet,
    "aws_vpc": _network,
}
