"""DNS: zones, the sets of records in them, and each record of a set."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from resoto_dagster.providers.aws.declaration import (
    AwsKind,
    Call,
    Detail,
    HeldBack,
    Link,
    Step,
    Tagging,
    Value,
)

_LONGEST = 255
"""The longest value of a record that its id holds as it is: ids are indexed, texts may be much longer."""


def _bare(zone_id: str) -> str:
    """The id without `/hostedzone/`, which some of Route 53's answers put before it."""
    return zone_id.rpartition("/")[2]


def _record_set_id(zone_id: str, name: str, record_type: str, identifier: str | None) -> str:
    return "/".join(filter(None, (_bare(zone_id), name, record_type, identifier)))


def _record_id(zone_id: str, name: str, record_type: str, identifier: str | None, value: str) -> str:
    told = value if len(value) <= _LONGEST else hashlib.sha256(value.encode()).hexdigest()
    return f"{_record_set_id(zone_id, name, record_type, identifier)}/{told}"


def _is_of_zone(zone_name: str, name: str, record_type: str) -> bool:
    """Whether it is one of the two record sets without which there is no zone."""
    return record_type in ("NS", "SOA") and name == zone_name


_SET = ("Zone.Id", "Name", "Type", "SetIdentifier")
"""What tells a record set from all others."""

_ZONES = Call(operation="list_hosted_zones", items="HostedZones")

_READ = {
    "item.Id": "record_zone_id",
    "item.Name": "record_zone_name",
    "StartRecordName": "name",
    "StartRecordType": "record_type",
}

_ZONE = AwsKind(
    name="aws_route53_zone",
    description="A zone of DNS names, public or within networks.",
    bases=("dns_zone",),
    service="route53",
    regional=False,
    api=_ZONES,
    details=(
        Detail(
            operation="list_tags_for_resources",
            params={"ResourceIds": [Value("Id", _bare)]},
            const={"ResourceType": "hostedzone"},
            result="ResourceTagSets",
            batch=10,
            match=("ResourceId", Value("Id", _bare)),
            into="",
        ),
    ),
    id=Value("Id", _bare),
    name_path="Name",
    arn="arn:{partition}:route53:::hostedzone/{id}",
    prefix="zone",
    properties={
        "private_zone": "Config.PrivateZone",
        "zone_owned_by_service": Value("LinkedService.ServicePrincipal", bool, absent=False),
    },
    drop=("ResourceId", "ResourceType"),
    missing=("NoSuchHostedZone",),
    delete=(Step(operation="delete_hosted_zone", params={"Id": "id"}),),
    tagging=Tagging(
        upsert="change_tags_for_resource",
        remove="change_tags_for_resource",
        params={"ResourceId": "id"},
        const={"ResourceType": "hostedzone"},
        tags="AddTags",
        keys="RemoveTagKeys",
    ),
    held_back=(HeldBack("zone_owned_by_service", (True,), "the service that made it deletes it"),),
    changing=("zone_resource_record_set_count",),
)

_REPORTED: Mapping[str, str] = {
    "name": "Name",
    "record_type": "Type",
    "record_set_identifier": "SetIdentifier",
    "record_weight": "Weight",
    "record_region": "Region",
    "record_geo_location": "GeoLocation",
    "record_geo_proximity_location": "GeoProximityLocation",
    "record_cidr_routing_config": "CidrRoutingConfig",
    "record_fail_over": "Failover",
    "record_multi_value_answer": "MultiValueAnswer",
    "record_ttl": "TTL",
    "record_values": "ResourceRecords",
    "record_alias_target": "AliasTarget",
    "record_health_check_id": "HealthCheckId",
}
"""All that makes a record set, by the name that it is reported under."""

_ABBREVIATED = {"dns_name": "DNSName", "aws_region": "AWSRegion"}


def _as_asked(reported: Any) -> Any:
    """The members of a reported structure under the names that Route 53 asks for."""
    if not isinstance(reported, Mapping):
        return reported
    names = ((_ABBREVIATED.get(name) or name.title().replace("_", ""), name) for name in reported)
    return {asked: _as_asked(reported[name]) for asked, name in names}


def _removal(*reported: Any) -> list[dict[str, Any]]:
    """The change that removes a record set; Route 53 makes it only if all that is said of the set holds."""
    given = zip(_REPORTED.values(), reported, strict=True)
    record_set = {member: _as_asked(value) for member, value in given if value is not None}
    values: Sequence[str] = record_set.pop("ResourceRecords", ())
    if values:
        record_set["ResourceRecords"] = [{"Value": value} for value in values]
    return [{"Action": "DELETE", "ResourceRecordSet": record_set}]


_RECORD_SET = AwsKind(
    name="aws_route53_resource_record_set",
    description="What a DNS name answers to one type of question.",
    bases=("dns_record_set",),
    service="route53",
    regional=False,
    api=Call(
        operation="list_resource_record_sets",
        items="ResourceRecordSets",
        params={"HostedZoneId": "item.Id"},
        each=_ZONES,
        owner="Zone",
    ),
    id=Value(_SET, _record_set_id),
    name_path="Name",
    prefix="record",
    tags="",
    properties={
        "record_type": "Type",
        "record_set_identifier": "SetIdentifier",
        "record_ttl": "TTL",
        "record_values": "ResourceRecords[].Value",
        "record_fail_over": "Failover",
        "record_zone_id": Value("Zone.Id", _bare),
        "record_zone_name": "Zone.Name",
        "record_of_zone": Value(("Zone.Name", "Name", "Type"), _is_of_zone),
        "record_of_traffic_policy": Value("TrafficPolicyInstanceId", bool, absent=False),
        "record_traffic_policy_instance_id": "TrafficPolicyInstanceId",
    },
    drop=("ResourceRecords", "Zone"),
    links=(Link(kind="aws_route53_zone", path=Value("Zone.Id", _bare), parent=True, delete="before"),),
    read=_READ,
    missing=("NoSuchHostedZone",),
    delete=(
        Step(
            operation="change_resource_record_sets",
            params={
                "HostedZoneId": "record_zone_id",
                "ChangeBatch.Changes": Value(tuple(_REPORTED), _removal),
            },
        ),
    ),
    takes_along=("aws_route53_resource_record",),
    held_back=(
        HeldBack("record_of_zone", (True,), "it is the zone's own and goes with the zone", along=True),
        HeldBack("record_of_traffic_policy", (True,), "the traffic policy that made it deletes it"),
    ),
)

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "CAA": ("flags", "tag", "value"),
    "MX": ("priority", "value"),
    "SOA": ("mname", "rname", "serial", "refresh", "retry", "expire", "minimum"),
    "SRV": ("priority", "weight", "port", "value"),
}
"""What the data of a record consists of, by its type; of all other types it is the value as a whole."""

_WORDS = frozenset({"mname", "rname", "tag", "value"})
"""The fields that are no numbers."""

_STRINGS = re.compile(r'"((?:[^"\\]|\\.)*)"')


def _fields(record_type: str, data: str) -> Mapping[str, str]:
    if record_type in ("TXT", "SPF"):
        return {"value": "".join(_STRINGS.findall(data)) or data}
    names = _FIELDS.get(record_type, ("value",))
    parts = data.split(maxsplit=len(names) - 1)
    found = dict(zip(names, parts, strict=True)) if len(names) == len(parts) else {}
    return {"value": data, **found}


def _field(name: str) -> Value:
    def of(record_type: str, data: str) -> str | int | None:
        found = _fields(record_type, data).get(name)
        if found is None or name in _WORDS:
            return found
        return int(found) if found.isdigit() else None

    return Value(("Type", "ResourceRecords.Value"), of)


_RECORD = AwsKind(
    name="aws_route53_resource_record",
    description="One of a DNS name's answers to one type of question; it goes with the set that it is in.",
    bases=("dns_record",),
    service="route53",
    regional=False,
    api=Call(
        operation="list_resource_record_sets",
        items="ResourceRecordSets",
        params={"HostedZoneId": "item.Id"},
        each=_ZONES,
        owner="Zone",
        split="ResourceRecords",
    ),
    id=Value((*_SET, "ResourceRecords.Value"), _record_id),
    name_path="Name",
    prefix="record",
    tags="",
    properties={
        "record_type": "Type",
        "record_set_identifier": "SetIdentifier",
        "record_ttl": "TTL",
        "record_data": "ResourceRecords.Value",
        "record_zone_id": Value("Zone.Id", _bare),
        "record_zone_name": "Zone.Name",
        "record_value": _field("value"),
        "record_priority": _field("priority"),
        "record_port": _field("port"),
        "record_weight": _field("weight"),
        "record_flags": _field("flags"),
        "record_tag": _field("tag"),
        "record_mname": _field("mname"),
        "record_rname": _field("rname"),
        "record_serial": _field("serial"),
        "record_refresh": _field("refresh"),
        "record_retry": _field("retry"),
        "record_expire": _field("expire"),
        "record_minimum": _field("minimum"),
    },
    # How an answer is chosen is said of the set.
    drop=(
        "AliasTarget",
        "CidrRoutingConfig",
        "Failover",
        "GeoLocation",
        "GeoProximityLocation",
        "HealthCheckId",
        "MultiValueAnswer",
        "Region",
        "ResourceRecords",
        "TrafficPolicyInstanceId",
        "Weight",
        "Zone",
    ),
    links=(
        Link(
            kind="aws_route53_resource_record_set",
            path=Value(_SET, _record_set_id),
            parent=True,
            delete="before",
        ),
    ),
    read=_READ,
    missing=("NoSuchHostedZone",),
)

KINDS = (_ZONE, _RECORD_SET, _RECORD)
