"""Networks and what they are made of."""

from collections.abc import Callable

from resoto_dagster.providers.aws.declaration import AwsKind, Call, HeldBack, Link, Step, Value
from resoto_dagster.providers.aws.kinds.ec2 import TAGGING
from resoto_dagster.providers.aws.kinds.service_quotas import NETWORKS, counted_by_quota


def _with_id(prefix: str) -> Callable[[str], str | None]:
    """The id of what a flow log is of, if it is of this sort."""
    return lambda resource: resource if resource.startswith(prefix) else None


def _bucket(destination: str) -> str | None:
    """The bucket of a flow log's destination, if it is one: `arn:aws:s3:::bucket/folder/`."""
    return destination.split(":", 5)[5].partition("/")[0] if ":s3:::" in destination else None


def _naming(egress: bool) -> Value:
    """The id, as a list, of an item that is a rule in one direction that names the other group."""

    def rule(id_: str, is_egress: bool, named: str | None, other: str) -> list[str] | None:
        return [id_] if named == other and is_egress is egress else None

    paths = ("SecurityGroupRuleId", "IsEgress", "ReferencedGroupInfo.GroupId")
    return Value((*(f"item.{path}" for path in paths), "other.id"), rule)


_RULES = Call(
    operation="describe_security_group_rules",
    items="SecurityGroupRules",
    params={"Filters": Value("id", lambda group: [{"Name": "group-id", "Values": [group]}])},
    page_size=1000,
)

KINDS = (
    AwsKind(
        name="aws_vpc",
        description="A private network.",
        bases=("network",),
        service="ec2",
        api=Call(operation="describe_vpcs", items="Vpcs", page_size=1000),
        id="VpcId",
        arn="arn:{partition}:ec2:{region}:{account}:vpc/{id}",
        prefix="vpc",
        properties={
            "cidr_blocks": "CidrBlockAssociationSet[].CidrBlock",
            "vpc_cidr_block_association_set": "CidrBlockAssociationSet",
        },
        links=(counted_by_quota("VpcId", NETWORKS),),
        read={"VpcIds": ["id"]},
        missing=("InvalidVpcID.NotFound",),
        delete=(Step(operation="delete_vpc", params={"VpcId": "id"}),),
        tagging=TAGGING,
    ),
    AwsKind(
        name="aws_ec2_subnet",
        description="A part of a network in one availability zone.",
        bases=("subnet",),
        service="ec2",
        api=Call(operation="describe_subnets", items="Subnets", page_size=1000),
        id="SubnetId",
        arn="SubnetArn",
        prefix="subnet",
        properties={"cidr_block": "CidrBlock", "subnet_cidr_block": "CidrBlock"},
        links=(Link(kind="aws_vpc", path="VpcId", parent=True, delete="before"),),
        read={"SubnetIds": ["id"]},
        missing=("InvalidSubnetID.NotFound",),
        delete=(Step(operation="delete_subnet", params={"SubnetId": "id"}),),
        tagging=TAGGING,
        changing=("subnet_available_ip_address_count",),
    ),
    AwsKind(
        name="aws_ec2_security_group",
        description="A set of rules on what traffic may pass.",
        bases=("security_group",),
        service="ec2",
        api=Call(operation="describe_security_groups", items="SecurityGroups", page_size=1000),
        id="GroupId",
        name_path="GroupName",
        arn="arn:{partition}:ec2:{region}:{account}:security-group/{id}",
        prefix="group",
        properties={"description": "Description"},
        drop=("SecurityGroupArn",),
        links=(
            Link(kind="aws_vpc", path="VpcId", parent=True, delete="before"),
            # A group that a rule of another one names can't be deleted.
            Link(
                kind="aws_ec2_security_group",
                path="IpPermissions[].UserIdGroupPairs[].GroupId",
                delete="before",
            ),
            Link(
                kind="aws_ec2_security_group",
                path="IpPermissionsEgress[].UserIdGroupPairs[].GroupId",
                delete="before",
            ),
        ),
        read={"GroupIds": ["id"]},
        missing=("InvalidGroup.NotFound",),
        delete=(Step(operation="delete_security_group", params={"GroupId": "id"}),),
        tagging=TAGGING,
        held_back=(
            HeldBack("name", ("default",), "a network's default group goes with the network", along=True),
        ),
        unties={
            "aws_ec2_security_group": tuple(
                Step(
                    operation=f"revoke_security_group_{direction}",
                    each=_RULES,
                    params={"GroupId": "id", "SecurityGroupRuleIds": _naming(egress=direction == "egress")},
                    absent=("InvalidSecurityGroupRuleId.NotFound",),
                )
                for direction in ("ingress", "egress")
            )
        },
        untied=("group_ip_permissions", "group_ip_permissions_egress"),
    ),
    AwsKind(
        name="aws_ec2_route_table",
        description="The routes that traffic of a network or of some of its subnets takes.",
        bases=("routing_table",),
        service="ec2",
        api=Call(operation="describe_route_tables", items="RouteTables", page_size=100),
        id="RouteTableId",
        arn="arn:{partition}:ec2:{region}:{account}:route-table/{id}",
        prefix="route_table",
        properties={"owner_id": "OwnerId"},
        links=(Link(kind="aws_vpc", path="VpcId", parent=True, delete="before"),),
        read={"RouteTableIds": ["id"]},
        missing=("InvalidRouteTableID.NotFound",),
        delete=(
            Step(
                operation="disassociate_route_table",
                each=Call(
                    operation="describe_route_tables",
                    items="RouteTables[].Associations[]",
                    params={"RouteTableIds": ["id"]},
                ),
                params={"AssociationId": "item.RouteTableAssociationId"},
                absent=("InvalidAssociationID.NotFound",),
            ),
            Step(operation="delete_route_table", params={"RouteTableId": "id"}),
        ),
        tagging=TAGGING,
        held_back=(
            HeldBack(
                "route_table_associations[].main",
                (True,),
                "a network's main route table goes with the network",
                along=True,
            ),
        ),
        changing=("route_table_associations", "route_table_routes"),
    ),
    AwsKind(
        name="aws_ec2_internet_gateway",
        description="A network's way to the internet.",
        bases=("gateway",),
        service="ec2",
        api=Call(operation="describe_internet_gateways", items="InternetGateways", page_size=1000),
        id="InternetGatewayId",
        arn="arn:{partition}:ec2:{region}:{account}:internet-gateway/{id}",
        prefix="gateway",
        links=(Link(kind="aws_vpc", path="Attachments[].VpcId", parent=True, delete="before"),),
        read={"InternetGatewayIds": ["id"]},
        missing=("InvalidInternetGatewayID.NotFound",),
        delete=(
            Step(
                operation="detach_internet_gateway",
                each=Call(
                    operation="describe_internet_gateways",
                    items="InternetGateways[].Attachments[]",
                    params={"InternetGatewayIds": ["id"]},
                ),
                params={"InternetGatewayId": "id", "VpcId": "item.VpcId"},
                absent=("Gateway.NotAttached",),
            ),
            Step(operation="delete_internet_gateway", params={"InternetGatewayId": "id"}),
        ),
        tagging=TAGGING,
        changing=("gateway_attachments",),
    ),
    AwsKind(
        name="aws_ec2_nat_gateway",
        description="The way to the internet for what has no public address.",
        bases=("gateway",),
        service="ec2",
        api=Call(operation="describe_nat_gateways", items="NatGateways", page_size=1000),
        id="NatGatewayId",
        arn="arn:{partition}:ec2:{region}:{account}:natgateway/{id}",
        prefix="nat",
        ctime="CreateTime",
        links=(
            Link(kind="aws_vpc", path="VpcId", delete="before"),
            Link(kind="aws_ec2_subnet", path="SubnetId", delete="before"),
            Link(
                kind="aws_ec2_network_interface",
                path="NatGatewayAddresses[].NetworkInterfaceId",
                delete="before",
            ),
            Link(kind="aws_ec2_elastic_ip", path="NatGatewayAddresses[].PublicIp", delete="before"),
        ),
        read={"NatGatewayIds": ["id"]},
        missing=("InvalidNatGatewayID.NotFound", "NatGatewayNotFound"),
        gone=("State", ("deleted",)),
        delete=(Step(operation="delete_nat_gateway", params={"NatGatewayId": "id"}),),
        tagging=TAGGING,
    ),
    AwsKind(
        name="aws_ec2_network_acl",
        description="Rules on what traffic may enter and leave subnets.",
        bases=("network_acl",),
        service="ec2",
        api=Call(operation="describe_network_acls", items="NetworkAcls", page_size=1000),
        id="NetworkAclId",
        arn="arn:{partition}:ec2:{region}:{account}:network-acl/{id}",
        prefix="acl",
        properties={"is_default": "IsDefault", "owner_id": "OwnerId"},
        links=(
            Link(kind="aws_vpc", path="VpcId", parent=True, delete="before"),
            # It can't be deleted as long as a subnet has it.
            Link(kind="aws_ec2_subnet", path="Associations[].SubnetId", delete="after"),
        ),
        missing=("InvalidNetworkAclID.NotFound",),
        delete=(Step(operation="delete_network_acl", params={"NetworkAclId": "id"}),),
        tagging=TAGGING,
        held_back=(
            HeldBack("is_default", (True,), "a network's default ACL goes with the network", along=True),
        ),
        changing=("acl_associations",),
    ),
    AwsKind(
        name="aws_vpc_endpoint",
        description="A way from a network to a service that does not lead over the internet.",
        bases=("endpoint",),
        service="ec2",
        api=Call(operation="describe_vpc_endpoints", items="VpcEndpoints", page_size=1000),
        id="VpcEndpointId",
        arn="arn:{partition}:ec2:{region}:{account}:vpc-endpoint/{id}",
        prefix="endpoint",
        ctime="CreationTimestamp",
        properties={
            "vpc_endpoint_type": "VpcEndpointType",
            "endpoint_creation_timestamp": "CreationTimestamp",
            "endpoint_dns_options": "DnsOptions.DnsRecordIpType",
        },
        links=(
            Link(kind="aws_vpc", path="VpcId", parent=True, delete="before"),
            Link(kind="aws_ec2_route_table", path="RouteTableIds[]", parent=True, delete="before"),
            Link(kind="aws_ec2_subnet", path="SubnetIds[]", parent=True, delete="before"),
            Link(kind="aws_ec2_security_group", path="Groups[].GroupId", parent=True, delete="before"),
            Link(kind="aws_ec2_network_interface", path="NetworkInterfaceIds[]", delete="before"),
        ),
        read={"VpcEndpointIds": ["id"]},
        missing=("InvalidVpcEndpointId.NotFound",),
        # The API writes its states in either way.
        gone=("State", ("Deleted", "deleted")),
        delete=(
            Step(
                operation="delete_vpc_endpoints",
                params={"VpcEndpointIds": ["id"]},
                errors="Unsuccessful[].Error",
            ),
        ),
        tagging=TAGGING,
        held_back=(HeldBack("endpoint_requester_managed", (True,), "the service that made it deletes it"),),
        changing=("endpoint_last_error", "endpoint_network_interface_ids"),
    ),
    AwsKind(
        name="aws_vpc_peering_connection",
        description="A connection between two networks, of which one may be another account's.",
        bases=("peering_connection",),
        service="ec2",
        api=Call(operation="describe_vpc_peering_connections", items="VpcPeeringConnections", page_size=1000),
        id="VpcPeeringConnectionId",
        arn="arn:{partition}:ec2:{region}:{account}:vpc-peering-connection/{id}",
        prefix="connection",
        properties={"peering_connection_status": "Status"},
        links=(
            Link(kind="aws_vpc", path="RequesterVpcInfo.VpcId", parent=True, delete="before"),
            Link(kind="aws_vpc", path="AccepterVpcInfo.VpcId", parent=True, delete="before"),
        ),
        read={"VpcPeeringConnectionIds": ["id"]},
        missing=("InvalidVpcPeeringConnectionID.NotFound", "InvalidVpcPeeringConnectionId.NotFound"),
        gone=("Status.Code", ("deleted", "expired", "failed", "rejected")),
        delete=(Step(operation="delete_vpc_peering_connection", params={"VpcPeeringConnectionId": "id"}),),
        tagging=TAGGING,
    ),
    AwsKind(
        name="aws_ec2_flow_log",
        description="The record of what goes in and out of a network, a subnet or an interface.",
        service="ec2",
        api=Call(operation="describe_flow_logs", items="FlowLogs", page_size=1000),
        id="FlowLogId",
        arn="arn:{partition}:ec2:{region}:{account}:vpc-flow-log/{id}",
        prefix="",
        ctime="CreationTime",
        links=(
            Link(kind="aws_vpc", path=Value("ResourceId", _with_id("vpc-")), parent=True),
            Link(kind="aws_ec2_subnet", path=Value("ResourceId", _with_id("subnet-")), parent=True),
            Link(kind="aws_ec2_network_interface", path=Value("ResourceId", _with_id("eni-")), parent=True),
            Link(kind="aws_s3_bucket", path=Value("LogDestination", _bucket)),
            Link(kind="aws_cloudwatch_log_group", path="LogGroupName"),
            Link(kind="aws_iam_role", path="DeliverLogsPermissionArn", by="arn"),
        ),
        read={"FlowLogIds": ["id"]},
        missing=("InvalidFlowLogId.NotFound",),
        delete=(
            Step(operation="delete_flow_logs", params={"FlowLogIds": ["id"]}, errors="Unsuccessful[].Error"),
        ),
        tagging=TAGGING,
        changing=("deliver_logs_error_message", "deliver_logs_status"),
    ),
)
