"""Networks and what they are made of: as moto has them, value by value."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from resoto_dagster.providers.base import ProviderError, ProviderSession
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    OTHER_ACCOUNT,
    REGION,
    belongs_to,
    goes_after,
    goes_before,
    stored,
    uses,
)
from resoto_dagster_tests.providers.aws.synthetic import Synthetic

Client = Callable[..., Any]
Collect = Callable[..., list[Any]]

IN_REGION = belongs_to("aws_region", REGION)


@pytest.fixture
def network(client: Client) -> str:
    """A network of one's own, beside the default one."""
    vpc_id: str = client("ec2").create_vpc(
        CidrBlock="10.1.0.0/16",
        TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "lab"}]}],
    )["Vpc"]["VpcId"]
    return vpc_id


@pytest.fixture
def subnet(client: Client, network: str) -> str:
    subnet_id: str = client("ec2").create_subnet(VpcId=network, CidrBlock="10.1.1.0/24")["Subnet"]["SubnetId"]
    return subnet_id


def only(resources: list[Any], resource_id: str) -> Any:
    return next(resource for resource in resources if resource.id == resource_id)


def test_vpc(network: str, collect_kind: Collect) -> None:
    found = only(collect_kind("aws_vpc"), network)
    assert (found.name, found.tags) == ("lab", {"Name": "lab"})
    assert found.properties["cidr_blocks"] == ["10.1.0.0/16"]
    assert found.properties["vpc_cidr_block"] == "10.1.0.0/16"
    assert found.properties["vpc_is_default"] is False
    assert found.properties["vpc_cidr_block_association_set"][0]["cidr_block"] == "10.1.0.0/16"
    assert found.properties["arn"] == f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/{network}"
    assert set(found.edges) == {IN_REGION, belongs_to("aws_service_quota", "L-F678F1CE")}


def test_subnet(network: str, subnet: str, collect_kind: Collect) -> None:
    found = only(collect_kind("aws_ec2_subnet"), subnet)
    assert found.properties["cidr_block"] == "10.1.1.0/24"
    assert found.properties["subnet_cidr_block"] == "10.1.1.0/24"
    assert found.properties["subnet_available_ip_address_count"] == 251
    assert found.properties["subnet_vpc_id"] == network
    assert found.properties["arn"] == f"arn:aws:ec2:{REGION}:{ACCOUNT}:subnet/{subnet}"
    assert set(found.edges) == {IN_REGION, belongs_to("aws_vpc", network), goes_before("aws_vpc", network)}


def test_security_groups_go_before_those_their_rules_name(
    network: str, client: Client, collect_kind: Collect, session: ProviderSession
) -> None:
    ec2 = client("ec2")
    web, database = (
        ec2.create_security_group(GroupName=name, Description=f"of {name}", VpcId=network)["GroupId"]
        for name in ("web", "database")
    )
    for source in (web, database):
        ec2.authorize_security_group_ingress(
            GroupId=database,
            IpPermissions=[
                {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": source}]}
            ],
        )
    groups = {group.id: group for group in collect_kind("aws_ec2_security_group")}
    assert (groups[database].name, groups[database].properties["description"]) == ("database", "of database")
    assert groups[database].properties["group_ip_permissions"][0]["from_port"] == 1
    in_network = {IN_REGION, belongs_to("aws_vpc", network), goes_before("aws_vpc", network)}
    assert set(groups[web].edges) == in_network
    assert set(groups[database].edges) == in_network | {
        uses("aws_ec2_security_group", web),
        goes_before("aws_ec2_security_group", web),
    }, "that its own rules name it keeps no group"
    assert session.held_back(stored(groups[web])) is None
    default = next(group for group in groups.values() if group.name == "default")
    assert session.held_back(stored(default)) == "a network's default group goes with the network"


def test_groups_that_name_each_other_let_go_of_one_another(
    network: str, client: Client, collect_kind: Collect, session: ProviderSession
) -> None:
    ec2 = client("ec2")
    web, database, other = (
        ec2.create_security_group(GroupName=name, Description=name, VpcId=network)["GroupId"]
        for name in ("web", "database", "other")
    )

    def allow(group: str, source: str, direction: str) -> None:
        pair = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": source}]}
        call = getattr(ec2, f"authorize_security_group_{direction}")
        call(GroupId=group, IpPermissions=[pair])

    for source in (web, database, other):
        allow(database, source, "ingress")
        allow(database, source, "egress")
    allow(web, database, "egress")
    groups = {group.id: group for group in collect_kind("aws_ec2_security_group")}
    assert session.can_untie(stored(groups[database]), stored(groups[web]))

    answer = session.untie(stored(groups[database]), stored(groups[web]))

    assert len(answer.request_ids) == 2
    again = {group.id: group for group in collect_kind("aws_ec2_security_group")}
    named = {edge.value for edge in again[database].edges if edge.kind == "aws_ec2_security_group"}
    assert named == {other}, "only what names the other group is gone, and what it names itself stays"
    assert again[web] == groups[web]
    assert len(again[database].properties["group_ip_permissions"]) == 1
    assert session.untie(stored(again[database]), stored(again[web])).request_ids == ()
    known = stored(groups[database])
    assert session.half_done(known, again[database])
    other = {**again[database].properties, "description": "another one"}
    assert not session.half_done(known, replace(again[database], properties=other))
    assert not session.half_done(stored(groups[web]), replace(again[web], properties=other))


def test_route_table(
    network: str, subnet: str, client: Client, collect_kind: Collect, session: ProviderSession
) -> None:
    ec2 = client("ec2")
    made = ec2.create_route_table(VpcId=network)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=made, SubnetId=subnet)
    tables = {table.id: table for table in collect_kind("aws_ec2_route_table")}
    assert tables[made].properties["route_table_associations"][0]["subnet_id"] == subnet
    assert tables[made].properties["route_table_routes"][0]["destination_cidr_block"] == "10.1.0.0/16"
    assert tables[made].properties["owner_id"] == ACCOUNT
    assert set(tables[made].edges) == {
        IN_REGION,
        belongs_to("aws_vpc", network),
        goes_before("aws_vpc", network),
    }
    assert session.held_back(stored(tables[made])) is None
    main = [table for table in tables.values() if table.id != made]
    assert {session.held_back(stored(table)) for table in main} == {
        "a network's main route table goes with the network"
    }

    assert len(session.delete(stored(tables[made])).request_ids) == 2
    assert session.read(stored(tables[made])) is None


def test_internet_gateway(
    network: str, client: Client, collect_kind: Collect, session: ProviderSession
) -> None:
    ec2 = client("ec2")
    made = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=network)
    found = only(collect_kind("aws_ec2_internet_gateway"), made)
    assert found.properties["gateway_attachments"] == [{"state": "available", "vpc_id": network}]
    assert set(found.edges) == {IN_REGION, belongs_to("aws_vpc", network), goes_before("aws_vpc", network)}

    assert len(session.delete(stored(found)).request_ids) == 2
    assert session.read(stored(found)) is None


def test_nat_gateway(
    network: str, subnet: str, client: Client, collect_kind: Collect, session: ProviderSession
) -> None:
    ec2 = client("ec2")
    address = ec2.allocate_address(Domain="vpc")
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address["AllocationId"])["NatGateway"]
    (found,) = collect_kind("aws_ec2_nat_gateway")
    assert found.ctime == made["CreateTime"]
    assert found.properties["nat_state"] == "available"
    assert found.properties["nat_gateway_addresses"][0]["allocation_id"] == address["AllocationId"]
    assert {
        uses("aws_vpc", network),
        goes_before("aws_vpc", network),
        uses("aws_ec2_subnet", subnet),
        goes_before("aws_ec2_subnet", subnet),
        uses("aws_ec2_elastic_ip", address["PublicIp"]),
        goes_before("aws_ec2_elastic_ip", address["PublicIp"]),
    } < set(found.edges)
    (interface,) = collect_kind("aws_ec2_network_interface")
    assert uses("aws_ec2_network_interface", interface.id) in found.edges

    assert len(session.delete(stored(found)).request_ids) == 1
    assert session.read(stored(found)) is None
    assert collect_kind("aws_ec2_nat_gateway") == []


def test_network_acl(
    network: str, subnet: str, client: Client, collect_kind: Collect, session: ProviderSession
) -> None:
    ec2 = client("ec2")
    made = ec2.create_network_acl(VpcId=network)["NetworkAcl"]["NetworkAclId"]
    acls = {acl.id: acl for acl in collect_kind("aws_ec2_network_acl")}
    default = next(
        acl for acl in acls.values() if belongs_to("aws_vpc", network) in acl.edges and acl.id != made
    )
    assert set(default.edges) == {
        IN_REGION,
        belongs_to("aws_vpc", network),
        goes_before("aws_vpc", network),
        uses("aws_ec2_subnet", subnet),
        goes_after("aws_ec2_subnet", subnet),
    }
    assert default.properties["is_default"] is True
    assert session.held_back(stored(default)) == "a network's default ACL goes with the network"
    assert acls[made].properties["is_default"] is False
    assert acls[made].properties["owner_id"] == ACCOUNT
    assert session.held_back(stored(acls[made])) is None

    assert len(session.delete(stored(acls[made])).request_ids) == 1
    assert session.read(stored(acls[made])) is None


def test_read_tag_and_delete(
    network: str, subnet: str, client: Client, collect_kind: Collect, session: ProviderSession
) -> None:
    group = client("ec2").create_security_group(GroupName="g", Description="d", VpcId=network)["GroupId"]
    made = {"aws_ec2_security_group": group, "aws_ec2_subnet": subnet, "aws_vpc": network}
    for kind, resource_id in made.items():
        found = only(collect_kind(kind), resource_id)
        known = stored(found)
        assert session.read(known) == found
        session.update_tags(known, {"owner": "me"}, ["Name"])
        changed = session.read(known)
        assert changed is not None
        assert changed.tags == {"owner": "me"}
        assert len(session.delete(known).request_ids) == 1
        assert session.read(known) is None
        session.delete(known)  # gone already is no error


def tagged(kind: str) -> list[dict[str, Any]]:
    tags = [{"Key": "Name", "Value": "one"}, {"Key": "env", "Value": "test"}]
    return [{"ResourceType": kind, "Tags": tags}]


def read_tag_and_delete(session: ProviderSession, collect_kind: Collect, found: Any) -> None:
    known = stored(found)
    assert session.held_back(known) is None
    assert session.read(known) == found
    session.update_tags(known, {"owner": "me"}, ["env"])
    changed = session.read(known)
    assert changed is not None
    assert changed.tags == {"Name": "one", "owner": "me"}
    assert len(session.delete(known).request_ids) == 1
    assert session.read(known) is None
    assert collect_kind(found.kind) == []


def test_endpoint(
    network: str, subnet: str, client: Client, collect_kind: Collect, session: ProviderSession
) -> None:
    ec2 = client("ec2")
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=network)["GroupId"]
    service = f"com.amazonaws.{REGION}.sqs"
    made = ec2.create_vpc_endpoint(
        VpcId=network,
        ServiceName=service,
        VpcEndpointType="Interface",
        SubnetIds=[subnet],
        SecurityGroupIds=[group],
        PolicyDocument="{}",
        TagSpecifications=tagged("vpc-endpoint"),
    )["VpcEndpoint"]

    (found,) = collect_kind("aws_vpc_endpoint")

    endpoint = made["VpcEndpointId"]
    assert (found.id, found.name, found.tags["env"]) == (endpoint, "one", "test")
    assert found.ctime is not None
    properties = found.properties
    assert properties["arn"] == f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-endpoint/{endpoint}"
    assert properties["vpc_endpoint_type"] == "Interface"
    assert properties["endpoint_service_name"] == service
    assert properties["endpoint_state"] == "available"
    assert properties["endpoint_policy_document"] == "{}"
    assert properties["endpoint_private_dns_enabled"] is True
    assert properties["endpoint_dns_entries"][0]["dns_name"].startswith(endpoint)
    assert properties["endpoint_creation_timestamp"].endswith("Z")
    (interface,) = made["NetworkInterfaceIds"]
    parents = {"aws_vpc": network, "aws_ec2_subnet": subnet, "aws_ec2_security_group": group}
    assert set(found.edges) == {
        IN_REGION,
        *(edge(*parent) for parent in parents.items() for edge in (belongs_to, goes_before)),
        uses("aws_ec2_network_interface", interface),
        goes_before("aws_ec2_network_interface", interface),
    }
    read_tag_and_delete(session, collect_kind, found)


def test_an_endpoint_of_route_tables(network: str, client: Client, collect_kind: Collect) -> None:
    ec2 = client("ec2")
    table = ec2.create_route_table(VpcId=network)["RouteTable"]["RouteTableId"]
    ec2.create_vpc_endpoint(
        VpcId=network,
        ServiceName=f"com.amazonaws.{REGION}.s3",
        VpcEndpointType="Gateway",
        RouteTableIds=[table],
    )
    (found,) = collect_kind("aws_vpc_endpoint")
    assert {belongs_to("aws_ec2_route_table", table), goes_before("aws_ec2_route_table", table)} < set(
        found.edges
    )


def test_what_endpoints_moto_never_has(session: ProviderSession) -> None:
    item = {"VpcEndpointId": "vpce-1", "State": "Available", "DnsOptions": {"DnsRecordIpType": "dualstack"}}
    owned = map_item("aws_vpc_endpoint", item | {"RequesterManaged": True})
    assert owned is not None
    assert owned.properties["endpoint_dns_options"] == "dualstack"
    assert session.held_back(stored(owned)) == "the service that made it deletes it"
    assert map_item("aws_vpc_endpoint", item | {"State": "Deleted"}) is None


def test_peering_connection(
    network: str, client: Client, collect_kind: Collect, session: ProviderSession
) -> None:
    ec2 = client("ec2")
    other = ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_vpc_peering_connection(
        VpcId=network, PeerVpcId=other, TagSpecifications=tagged("vpc-peering-connection")
    )["VpcPeeringConnection"]["VpcPeeringConnectionId"]

    (found,) = collect_kind("aws_vpc_peering_connection")

    assert (found.id, found.name, found.tags["env"]) == (made, "one", "test")
    assert found.properties["arn"] == f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-peering-connection/{made}"
    assert found.properties["connection_requester_vpc_info"]["cidr_block"] == "10.1.0.0/16"
    assert found.properties["connection_accepter_vpc_info"]["vpc_id"] == other
    assert found.properties["peering_connection_status"]["code"] == "pending-acceptance"
    assert set(found.edges) == {
        IN_REGION,
        *(edge("aws_vpc", vpc) for vpc in (network, other) for edge in (belongs_to, goes_before)),
    }
    read_tag_and_delete(session, collect_kind, found)


@pytest.mark.parametrize(
    ("code", "there"), [("active", True), ("deleting", True), ("rejected", False), ("expired", False)]
)
def test_peering_connections_that_came_to_nothing_are_gone(code: str, there: bool) -> None:
    item = {
        "VpcPeeringConnectionId": "pcx-1",
        "Status": {"Code": code},
        "AccepterVpcInfo": {"OwnerId": OTHER_ACCOUNT, "VpcId": "vpc-2"},
    }
    assert (map_item("aws_vpc_peering_connection", item) is not None) is there


def test_flow_log(network: str, client: Client, collect_kind: Collect, session: ProviderSession) -> None:
    client("s3").create_bucket(Bucket="logs")
    (made,) = client("ec2").create_flow_logs(
        ResourceIds=[network],
        ResourceType="VPC",
        TrafficType="REJECT",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::logs",
        MaxAggregationInterval=60,
        TagSpecifications=tagged("vpc-flow-log"),
    )["FlowLogIds"]

    (found,) = collect_kind("aws_ec2_flow_log")

    assert (found.id, found.name, found.tags["env"]) == (made, "one", "test")
    assert found.ctime is not None
    properties = found.properties
    assert properties["arn"] == f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-flow-log/{made}"
    assert properties["resource_id"] == network
    assert properties["traffic_type"] == "REJECT"
    assert properties["flow_log_status"] == "ACTIVE"
    assert properties["log_destination_type"] == "s3"
    assert properties["log_destination"] == "arn:aws:s3:::logs"
    assert properties["max_aggregation_interval"] == 60
    assert set(found.edges) == {IN_REGION, belongs_to("aws_vpc", network), uses("aws_s3_bucket", "logs")}
    read_tag_and_delete(session, collect_kind, found)
    session.delete(stored(found))  # gone already is no error


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        ("vpc-1", "aws_vpc"),
        ("subnet-1", "aws_ec2_subnet"),
        ("eni-1", "aws_ec2_network_interface"),
    ],
)
def test_a_flow_log_belongs_to_what_it_is_of(resource: str, kind: str) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/logs"
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:flow"
    found = map_item(
        "aws_ec2_flow_log",
        {
            "FlowLogId": "fl-1",
            "ResourceId": resource,
            "LogDestination": group,
            "LogGroupName": "flow",
            "DeliverLogsPermissionArn": role,
        },
    )
    assert found is not None
    assert set(found.edges) == {
        IN_REGION,
        belongs_to(kind, resource),
        uses("aws_iam_role", role, "arn"),
        uses("aws_cloudwatch_log_group", "flow"),
    }


def test_a_flow_log_may_go_into_a_folder_of_a_bucket() -> None:
    item = {"FlowLogId": "fl-1", "ResourceId": "tgw-1", "LogDestination": "arn:aws:s3:::logs/of/networks/"}
    found = map_item("aws_ec2_flow_log", item)
    assert found is not None
    assert set(found.edges) == {IN_REGION, uses("aws_s3_bucket", "logs")}


@pytest.mark.parametrize(
    ("code", "raises"), [("InvalidFlowLogId.NotFound", False), ("UnauthorizedOperation", True)]
)
def test_what_a_call_for_many_lists_as_refused_is_told_unless_it_is_gone(
    synthetic: Synthetic, session: ProviderSession, code: str, raises: bool
) -> None:
    refused = {"ResourceId": "fl-1", "Error": {"Code": code, "Message": "no"}}
    synthetic.answer("ec2", "DeleteFlowLogs", {"Unsuccessful": [refused]})
    found = map_item("aws_ec2_flow_log", {"FlowLogId": "fl-1"})
    assert found is not None
    if raises:
        with pytest.raises(ProviderError, match=r"^UnauthorizedOperation: delete_flow_logs: 1 refused"):
            session.delete(stored(found))
    else:
        session.delete(stored(found))
    assert synthetic.asked("ec2", "DeleteFlowLogs") == [{"FlowLogIds": ["fl-1"]}]
