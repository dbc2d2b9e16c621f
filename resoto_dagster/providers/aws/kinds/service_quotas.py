"""How much of something AWS lets an account have.

All quotas that we know are resources of `aws_service_quota`. Those that count instances, networks, gateways,
load balancers, buckets and certificates are resources of kinds of their own as well, so that they are found
by their base kinds, as quotas of other providers are.
"""

import re
from collections.abc import Callable, Mapping

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Tagging, Value

_ON_DEMAND = (
    "L-1216C47A",  # Standard (A, C, D, H, I, M, R, T, Z)
    "L-6E869C2A",  # DL
    "L-74FC7D96",  # F
    "L-DB2E81BA",  # G and VT
    "L-43DA4232",  # High Memory
    "L-F7808C92",  # HPC
    "L-1945791B",  # Inf
    "L-417A185B",  # P
    "L-2C3B7624",  # Trn
    "L-7295265B",  # X
)
_SPOT = (
    "L-34B43A08",  # Standard (A, C, D, H, I, M, R, T, Z)
    "L-85EED4F7",  # DL
    "L-88CF9481",  # F
    "L-3819A6DF",  # G and VT
    "L-B5D1601B",  # Inf
    "L-7212CCBC",  # P
    "L-6B0D517C",  # Trn
    "L-E3A00192",  # X
)
_VOLUMES = (
    "L-D18FCD1D",  # gp2
    "L-7A658B76",  # gp3
    "L-FD252861",  # io1
    "L-09BD8365",  # io2
    "L-17AF77E8",  # sc1
    "L-82ACEF56",  # st1
    "L-9CF3C2EB",  # standard
)
NETWORKS = "L-F678F1CE"
"""How many private networks there may be in a region."""
_INTERNET_GATEWAYS = "L-A4707A72"
CLASSIC_LOAD_BALANCERS = "L-E9E9831D"
"""How many classic load balancers there may be in a region."""
_LOAD_BALANCERS = ("L-53DA6B97", "L-69A177A2")
"""Application and network load balancers."""
SERVER_CERTIFICATES = "L-BF35879D"
"""How many server certificates an account may keep."""
_BUCKETS = "L-DC2B2D3D"

_REGIONAL = {
    "ec2": (*_ON_DEMAND, *_SPOT),
    "ebs": _VOLUMES,
    "vpc": (NETWORKS, _INTERNET_GATEWAYS),
    "elasticloadbalancing": (CLASSIC_LOAD_BALANCERS, *_LOAD_BALANCERS),
}
_GLOBAL = {"iam": (SERVER_CERTIFICATES,), "s3": (_BUCKETS,)}

_STANDARD = ("a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z")
_QUOTA_OF_FAMILY = dict.fromkeys(_STANDARD, "L-1216C47A") | {
    "dl": "L-6E869C2A",
    "f": "L-74FC7D96",
    "g": "L-DB2E81BA",
    "vt": "L-DB2E81BA",
    "u": "L-43DA4232",
    "hpc": "L-F7808C92",
    "inf": "L-1945791B",
    "p": "L-417A185B",
    "trn": "L-2C3B7624",
    "x": "L-7295265B",
}
"""By the letters that names of instance types begin with."""

_FAMILY = re.compile(r"(?:Running On-Demand (.*) instances|All (.*) Spot Instance Requests)")


def _family(quota_name: str) -> str:
    """The family of instances: `Standard (A, C, D, H, I, M, R, T, Z)`."""
    found = _FAMILY.fullmatch(quota_name)
    return found[1] or found[2] if found else quota_name


def counted_by_quota(path: str, code: str | Callable[[str], str | None]) -> Link:
    """The edge to a resource from the quota it counts in: one for all, or by what is at the path."""
    of = code if callable(code) else lambda _: code
    return Link(kind="aws_service_quota", path=Value(path, of), parent=True)


def load_balancer_quota(load_balancer_type: str) -> str | None:
    """The code of the quota that a load balancer of the type counts in, if we know it."""
    return dict(zip(("application", "network"), _LOAD_BALANCERS, strict=True)).get(load_balancer_type)


def volume_quota(volume_type: str) -> str | None:
    """The code of the quota that volumes of the type count in, if we know it."""
    types = ("gp2", "gp3", "io1", "io2", "sc1", "st1", "standard")
    return dict(zip(types, _VOLUMES, strict=True)).get(volume_type)


def instance_quota(instance_type: str) -> str | None:
    """The code of the quota that instances of the type (`m5.large`) count in, unless they are spot ones."""
    family = re.match("[a-z]*", instance_type)
    return _QUOTA_OF_FAMILY.get(family[0]) if family else None


def _if_of_account(arn: str) -> str | None:
    """The ARN, if it names an account; the default that holds for all accounts has no tags."""
    return arn if arn.split(":")[4] else None


def _of_services(services: Mapping[str, tuple[str, ...]]) -> Call:
    return Call(
        operation="list_service_quotas",
        items="Quotas",
        params={"ServiceCode": "item.ServiceCode"},
        each=Call(operation="list_services", items="Services", where=("ServiceCode", tuple(services))),
        where=("QuotaCode", tuple(code for codes in services.values() for code in codes)),
    )


_PROPERTIES: dict[str, str | Value] = {
    "quota": "Value",
    "quota_global": "GlobalQuota",
    "service_code": "ServiceCode",
    "service_name": "ServiceName",
}

_QUOTA = AwsKind(
    name="aws_service_quota",
    description="How much of something an account may have, or have running, or ask for in a time.",
    bases=("quota",),
    service="service-quotas",
    api=_of_services(_REGIONAL),
    global_api=_of_services(_GLOBAL),
    details=(
        Detail(
            operation="list_tags_for_resource",
            params={"ResourceARN": Value("QuotaArn", _if_of_account)},
            result="Tags",
            into="Tags",
            absent=("NoSuchResourceException",),
        ),
    ),
    id="QuotaCode",
    name_path="QuotaName",
    arn="QuotaArn",
    prefix="quota",
    properties=_PROPERTIES,
    tagging=Tagging(upsert="tag_resource", remove="untag_resource", params={"ResourceARN": "arn"}),
)


def _quota(
    name: str,
    base: str,
    description: str,
    service_code: str,
    *codes: str,
    regional: bool = True,
    properties: dict[str, str | Value] | None = None,
) -> AwsKind:
    """A kind of the quotas with these codes."""
    return AwsKind(
        name=name,
        description=description,
        bases=(base,),
        service="service-quotas",
        regional=regional,
        api=Call(
            operation="list_service_quotas",
            items="Quotas",
            params={"ServiceCode": service_code},
            where=("QuotaCode", codes),
        ),
        id="QuotaCode",
        name_path="QuotaName",
        arn="QuotaArn",
        prefix="quota",
        tags="",
        properties=_PROPERTIES | (properties or {}),
    )


KINDS = (
    _QUOTA,
    _quota(
        "aws_ec2_instance_quota",
        "instance_quota",
        "How many virtual processors instances of a family of types may have together.",
        "ec2",
        *_ON_DEMAND,
        *_SPOT,
        properties={
            "instance_type": Value("QuotaName", _family),
            "quota_type": Value("QuotaCode", lambda code: "spot" if code in _SPOT else "on_demand"),
        },
    ),
    _quota(
        "aws_vpc_quota",
        "network_quota",
        "How many private networks there may be in a region.",
        "vpc",
        NETWORKS,
    ),
    _quota(
        "aws_ec2_internet_gateway_quota",
        "gateway_quota",
        "How many gateways to the internet there may be in a region.",
        "vpc",
        _INTERNET_GATEWAYS,
    ),
    _quota(
        "aws_elb_quota",
        "load_balancer_quota",
        "How many classic load balancers there may be in a region.",
        "elasticloadbalancing",
        CLASSIC_LOAD_BALANCERS,
    ),
    _quota(
        "aws_alb_quota",
        "load_balancer_quota",
        "How many application or network load balancers there may be in a region.",
        "elasticloadbalancing",
        *_LOAD_BALANCERS,
    ),
    _quota(
        "aws_s3_bucket_quota",
        "bucket_quota",
        "How many buckets an account may have.",
        "s3",
        _BUCKETS,
        regional=False,
    ),
    _quota(
        "aws_iam_server_certificate_quota",
        "certificate_quota",
        "How many server certificates an account may keep in IAM.",
        "iam",
        SERVER_CERTIFICATES,
        regional=False,
    ),
)
