"""Zones, sets of records and records, from the API's answer to their deletion."""

from dataclasses import replace

import pytest

from resoto_dagster.providers.base import ProviderError
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    belongs_to,
    goes_before,
    stored,
)

OF_ZONE = "it is the zone's own and goes with the zone"
WWW = {"Name": "www.example.org.", "Type": "A", "TTL": 60}
ADDRESSES = [{"Value": "192.0.2.1"}, {"Value": "192.0.2.2"}]
ALIAS = {"HostedZoneId": "Z2", "DNSName": "lb.example.net.", "EvaluateTargetHealth": True}


def _add(client, zone, **record_set):
    client("route53").change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record_set}]}
    )


@pytest.fixture
def zone(client):
    """A zone with two addresses of one name, and its tags; the zone's id."""
    route53 = client("route53")
    made = route53.create_hosted_zone(
        Name="example.org", CallerReference="first", HostedZoneConfig={"Comment": "ours"}
    )
    zone = made["HostedZone"]["Id"].removeprefix("/hostedzone/")
    route53.change_tags_for_resource(
        ResourceType="hostedzone",
        ResourceId=zone,
        AddTags=[{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}],
    )
    _add(client, zone, **WWW, ResourceRecords=ADDRESSES)
    return zone


@pytest.fixture
def sets(zone, collect_kind):
    """A function that returns the sets of records that there are, by name and type."""

    def collected():
        found = collect_kind("aws_route53_resource_record_set")
        return {(one.name, one.properties["record_type"]): one for one in found}

    return collected


def test_properties_and_edges_of_a_zone(zone, collect_kind):
    (found,) = collect_kind("aws_route53_zone")

    assert (found.id, found.name, found.region) == (zone, "example.org.", "global")
    assert found.tags == {"owner": "web", "env": "test"}
    assert found.properties == {
        "arn": f"arn:aws:route53:::hostedzone/{zone}",
        "private_zone": False,
        "zone_caller_reference": "first",
        "zone_config": {"comment": "ours", "private_zone": False},
        "zone_owned_by_service": False,
        "zone_resource_record_set_count": 3,
    }
    assert set(found.edges) == {belongs_to("aws_account", ACCOUNT)}


def test_every_zone_has_its_own_tags(synthetic, collect_kind):
    def tags(params):
        sets = [
            {"ResourceType": "hostedzone", "ResourceId": zone, "Tags": [{"Key": "zone", "Value": zone}]}
            for zone in reversed(params["ResourceIds"])
        ]
        return {"ResourceTagSets": sets}

    ids = [f"Z{number}" for number in range(12)]  # more than Route 53 tells the tags of at once
    zones = [{"Id": f"/hostedzone/{zone}", "Name": "x.", "CallerReference": zone} for zone in ids]
    synthetic.answer("route53", "ListHostedZones", {"HostedZones": zones, "IsTruncated": False})
    synthetic.answer("route53", "ListTagsForResources", tags)

    found = collect_kind("aws_route53_zone")

    assert {zone.id: zone.tags for zone in found} == {zone: {"zone": zone} for zone in ids}
    asked = synthetic.asked("route53", "ListTagsForResources")
    assert sorted(len(params["ResourceIds"]) for params in asked) == [2, 10]


def test_a_zone_that_a_service_made_is_held_back(session):
    item = {"Id": "/hostedzone/Z1", "LinkedService": {"ServicePrincipal": "servicediscovery.amazonaws.com"}}
    zone = map_item("aws_route53_zone", item)

    assert zone.properties["zone_linked_service"] == {"service_principal": "servicediscovery.amazonaws.com"}
    assert session.held_back(stored(zone)) == "the service that made it deletes it"


def test_a_zone_is_read_tagged_and_deleted(zone, sets, collect_kind, session):
    (found,) = collect_kind("aws_route53_zone")
    known = stored(found)
    assert session.read(known) == found

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    with pytest.raises(ProviderError, match="HostedZoneNotEmpty"):
        session.delete(known)
    session.delete(stored(sets()["www.example.org.", "A"]))
    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_route53_zone") == []
    assert sets() == {}
    session.delete(known)  # what is gone already is no error


def test_properties_and_edges_of_a_set(zone, sets):
    found = sets()["www.example.org.", "A"]

    assert (found.id, found.region, found.tags) == (f"{zone}/www.example.org./A", "global", {})
    assert found.properties == {
        "record_of_traffic_policy": False,
        "record_of_zone": False,
        "record_ttl": 60,
        "record_type": "A",
        "record_values": ["192.0.2.1", "192.0.2.2"],
        "record_zone_id": zone,
        "record_zone_name": "example.org.",
    }
    assert set(found.edges) == {
        belongs_to("aws_account", ACCOUNT),
        belongs_to("aws_route53_zone", zone),
        goes_before("aws_route53_zone", zone),
    }


def test_what_is_the_zones_own_goes_with_it(zone, client, sets, collect_kind, session):
    _add(client, zone, Name="sub.example.org.", Type="NS", TTL=60, ResourceRecords=[{"Value": "ns.sub."}])
    (owner,) = collect_kind("aws_route53_zone")

    held = {key: session.held_back(stored(one)) for key, one in sets().items()}
    along = {key for key, one in sets().items() if session.goes_along(stored(one), stored(owner))}

    assert held == {
        ("example.org.", "NS"): OF_ZONE,
        ("example.org.", "SOA"): OF_ZONE,
        ("sub.example.org.", "NS"): None,
        ("www.example.org.", "A"): None,
    }
    assert along == {("example.org.", "NS"), ("example.org.", "SOA")}


def test_sets_of_one_name_and_type_are_told_apart(zone, client, collect_kind, session):
    for identifier, weight in (("blue", 10), ("green", 0)):
        record = {"Name": "api.example.org.", "Type": "CNAME", "TTL": 5}
        target = [{"Value": f"{identifier}.example.org"}]
        _add(client, zone, **record, SetIdentifier=identifier, Weight=weight, ResourceRecords=target)

    found = {one.id: one for one in collect_kind("aws_route53_resource_record_set")}
    blue = found[f"{zone}/api.example.org./CNAME/blue"]
    green = found[f"{zone}/api.example.org./CNAME/green"]

    assert blue.properties["record_set_identifier"] == "blue"
    assert (blue.properties["record_weight"], green.properties["record_weight"]) == (10, 0)
    session.delete(stored(blue))
    assert session.read(stored(blue)) is None
    assert session.read(stored(green)) == green


def test_a_set_is_read_and_deleted(zone, client, sets, session):
    _add(client, zone, Name="alias.example.org.", Type="A", AliasTarget=ALIAS)
    before = sets()
    www, alias = before.pop(("www.example.org.", "A")), before.pop(("alias.example.org.", "A"))
    assert alias.properties["record_values"] == []
    assert alias.properties["record_alias_target"] == {
        "hosted_zone_id": "Z2",
        "dns_name": "lb.example.net.",
        "evaluate_target_health": True,
    }
    for one in (www, alias):
        assert session.read(stored(one)) == one

        session.delete(stored(one))
        assert session.read(stored(one)) is None
    assert sets() == before


def test_a_set_is_deleted_only_as_it_was_planned(zone, client, sets, session):
    planned = stored(sets()["www.example.org.", "A"])
    client("route53").change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={
            "Changes": [{"Action": "UPSERT", "ResourceRecordSet": {**WWW, "ResourceRecords": ADDRESSES[:1]}}]
        },
    )
    changed = replace(planned, reported={**planned.reported, "record_ttl": 61})

    with pytest.raises(ProviderError, match="route53:ChangeResourceRecordSets"):
        session.delete(changed)

    assert sets()["www.example.org.", "A"].properties["record_values"] == ["192.0.2.1"]


RECORD_SETS = [
    {
        **WWW,
        "SetIdentifier": "here",
        "GeoLocation": {"ContinentCode": "EU", "CountryCode": "DE", "SubdivisionCode": "BE"},
        "HealthCheckId": "check",
        "ResourceRecords": ADDRESSES,
    },
    {
        **WWW,
        "SetIdentifier": "near",
        "GeoProximityLocation": {"AWSRegion": "eu-west-1", "Bias": 5},
        "ResourceRecords": ADDRESSES,
    },
    {
        **WWW,
        "SetIdentifier": "nearer",
        "GeoProximityLocation": {"Coordinates": {"Latitude": "1.0", "Longitude": "2.0"}},
        "ResourceRecords": ADDRESSES,
    },
    {
        **WWW,
        "SetIdentifier": "net",
        "CidrRoutingConfig": {"CollectionId": "c", "LocationName": "l"},
        "ResourceRecords": ADDRESSES,
    },
    {**WWW, "SetIdentifier": "many", "MultiValueAnswer": True, "ResourceRecords": ADDRESSES[:1]},
    {**WWW, "SetIdentifier": "far", "Region": "eu-west-1", "ResourceRecords": ADDRESSES[:1]},
    {
        "Name": "x.example.org.",
        "Type": "A",
        "SetIdentifier": "main",
        "Failover": "PRIMARY",
        "AliasTarget": ALIAS,
    },
]


@pytest.mark.parametrize("record_set", RECORD_SETS, ids=lambda one: one["SetIdentifier"])
def test_what_is_asked_to_be_deleted_is_the_set_as_it_is(record_set, synthetic, collect_kind, session):
    zones = {"HostedZones": [{"Id": "/hostedzone/Z1", "Name": "example.org.", "CallerReference": "1"}]}
    synthetic.answer("route53", "ListHostedZones", {**zones, "IsTruncated": False})
    sets = {"ResourceRecordSets": [record_set], "IsTruncated": False}
    synthetic.answer("route53", "ListResourceRecordSets", sets)
    synthetic.in_full("route53", "ChangeResourceRecordSets")
    (found,) = collect_kind("aws_route53_resource_record_set")

    session.delete(stored(found))

    (asked,) = synthetic.asked("route53", "ChangeResourceRecordSets")
    assert asked["HostedZoneId"] == "Z1"
    assert asked["ChangeBatch"] == {"Changes": [{"Action": "DELETE", "ResourceRecordSet": record_set}]}


def test_how_an_answer_is_chosen(synthetic, collect_kind):
    item = RECORD_SETS[0] | RECORD_SETS[3] | RECORD_SETS[4] | RECORD_SETS[5] | RECORD_SETS[6]
    item |= {"TrafficPolicyInstanceId": "policy", "GeoLocation": {"CountryCode": "DE"}}
    found = map_item(
        "aws_route53_resource_record_set", {**item, "Zone": {"Id": "Z1", "Name": "example.org."}}
    )

    assert found.properties["record_region"] == "eu-west-1"
    assert found.properties["record_geo_location"] == {"country_code": "DE"}
    assert found.properties["record_fail_over"] == "PRIMARY"
    assert found.properties["record_multi_value_answer"] is True
    assert found.properties["record_health_check_id"] == "check"
    assert found.properties["record_cidr_routing_config"] == {"collection_id": "c", "location_name": "l"}
    assert found.properties["record_traffic_policy_instance_id"] == "policy"
    assert found.properties["record_of_traffic_policy"] is True


def test_properties_and_edges_of_records(zone, collect_kind):
    found = {record.id: record for record in collect_kind("aws_route53_resource_record")}

    record = found[f"{zone}/www.example.org./A/192.0.2.2"]
    assert (record.name, record.region, record.tags) == ("www.example.org.", "global", {})
    assert record.properties == {
        "record_data": "192.0.2.2",
        "record_ttl": 60,
        "record_type": "A",
        "record_value": "192.0.2.2",
        "record_zone_id": zone,
        "record_zone_name": "example.org.",
    }
    record_set = f"{zone}/www.example.org./A"
    assert set(record.edges) == {
        belongs_to("aws_account", ACCOUNT),
        belongs_to("aws_route53_resource_record_set", record_set),
        goes_before("aws_route53_resource_record_set", record_set),
    }
    assert f"{record_set}/192.0.2.1" in found


@pytest.mark.parametrize(
    ("record_type", "data", "fields"),
    [
        ("MX", "10 mail.example.org.", {"priority": 10, "value": "mail.example.org."}),
        ("MX", "mail.example.org.", {"value": "mail.example.org."}),
        ("SRV", "1 2 5060 sip.", {"priority": 1, "weight": 2, "port": 5060, "value": "sip."}),
        (
            "CAA",
            '0 issue "ca.example; account=1"',
            {"flags": 0, "tag": "issue", "value": '"ca.example; account=1"'},
        ),
        (
            "SOA",
            "ns. admin. 1 7200 900 1209600 86400",
            {
                "mname": "ns.",
                "rname": "admin.",
                "serial": 1,
                "refresh": 7200,
                "retry": 900,
                "expire": 1209600,
                "minimum": 86400,
                "value": "ns. admin. 1 7200 900 1209600 86400",
            },
        ),
        ("TXT", r'"one \"two\" " "three"', {"value": r"one \"two\" three"}),
        ("AAAA", "2001:db8::1", {"value": "2001:db8::1"}),
    ],
)
def test_what_a_record_says(record_type, data, fields):
    item = {"Name": "a.", "Type": record_type, "TTL": 1, "ResourceRecords": {"Value": data}}
    record = map_item("aws_route53_resource_record", {**item, "Zone": {"Id": "Z1", "Name": "a."}})

    told = {f"record_{name}": value for name, value in fields.items()}
    about = {"record_zone_id": "Z1", "record_zone_name": "a.", "record_type": record_type, "record_ttl": 1}
    assert record.properties == {**told, **about, "record_data": data}


def test_how_often_a_set_is_chosen_is_not_the_weight_of_a_record():
    item = {"Name": "a.", "Type": "A", "Weight": 7, "ResourceRecords": {"Value": "192.0.2.1"}}
    record = map_item("aws_route53_resource_record", {**item, "Zone": {"Id": "Z1", "Name": "a."}})

    assert "record_weight" not in record.properties


def test_the_id_of_a_long_record_is_short():
    texts = [f'"{"x" * 250}" "{end}{"y" * 249}"' for end in "ab"]
    item = {"Name": "a.", "Type": "TXT", "Zone": {"Id": "Z1", "Name": "a."}}
    first, second = (
        map_item("aws_route53_resource_record", {**item, "ResourceRecords": {"Value": text}})
        for text in texts
    )

    assert first.id != second.id
    assert len(first.id) == len("Z1/a./TXT/") + 64


def test_a_record_is_read_and_goes_with_its_set(zone, sets, collect_kind, session):
    found = {record.id: record for record in collect_kind("aws_route53_resource_record")}
    record, record_set = found[f"{zone}/www.example.org./A/192.0.2.2"], sets()["www.example.org.", "A"]
    assert session.read(stored(record)) == record
    assert session.goes_along(stored(record), stored(record_set))

    session.delete(stored(record_set))

    assert session.read(stored(record)) is None
