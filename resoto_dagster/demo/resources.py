"""What the demo's estate is made of: how a resource of each sort is created in the simulated AWS."""

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from resoto_dagster.demo.server import SimulatedAccounts

Tags = dict[str, str]
Tagger = Callable[[str], Tags]
"""The tags of a resource, given its name."""

_IMAGE = "ami-0123456789abcdef0"
_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
_TEMPLATE = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})


@dataclass(frozen=True)
class Place:
    """A region of an account, and the clients there."""

    accounts: SimulatedAccounts
    account: str
    region: str

    @property
    def ec2(self) -> Any:
        """The client that most is created with."""
        return self.client("ec2")

    def client(self, service: str) -> Any:
        """A client of a service."""
        return self.accounts.client(self.account, service, self.region)


@dataclass(frozen=True)
class Network:
    """A VPC and what instances and load balancers need of it."""

    name: str
    vpc: str
    subnets: tuple[str, ...]
    groups: tuple[str, ...]


def _list(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _on_creation(resource_type: str, tags: Tags) -> list[dict[str, Any]]:
    return [{"ResourceType": resource_type, "Tags": _list(tags)}]


def create_network(place: Place, name: str, prefix: str, tag: Tagger) -> Network:
    """A VPC with two subnets and two security groups, of which one lets the other in."""
    ec2 = place.ec2
    vpc = ec2.create_vpc(CidrBlock=f"{prefix}.0.0/16", TagSpecifications=_on_creation("vpc", tag(name)))
    vpc_id = vpc["Vpc"]["VpcId"]
    subnets = tuple(
        ec2.create_subnet(
            VpcId=vpc_id,
            CidrBlock=f"{prefix}.{number}.0/24",
            AvailabilityZone=f"{place.region}{zone}",
            TagSpecifications=_on_creation("subnet", tag(f"{name}-{zone}")),
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("ab")
    )
    web, database = groups = tuple(
        ec2.create_security_group(
            VpcId=vpc_id,
            GroupName=f"{name}-{part}",
            Description=f"{part} of {name}",
            TagSpecifications=_on_creation("security-group", tag(f"{name}-{part}")),
        )["GroupId"]
        for part in ("web", "database")
    )
    let_in = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": web}]}
    ec2.authorize_security_group_ingress(GroupId=database, IpPermissions=[let_in])
    return Network(name, vpc_id, subnets, groups)


def connect_network(place: Place, network: Network, tag: Tagger) -> None:
    """Internet and NAT gateway, a route table that uses them, a network ACL and a spare interface."""
    ec2, name = place.ec2, network.name
    created = ec2.create_internet_gateway(TagSpecifications=_on_creation("internet-gateway", tag(name)))
    gateway = created["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc)
    created = ec2.create_route_table(
        VpcId=network.vpc, TagSpecifications=_on_creation("route-table", tag(f"{name}-public"))
    )
    table = created["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    for subnet in network.subnets:
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    _create_nat_gateway(place, network, tag)
    # No subnet has it: moto would not let go of an ACL whose subnets are gone.
    ec2.create_network_acl(VpcId=network.vpc, TagSpecifications=_on_creation("network-acl", tag(name)))
    create_network_interface(place, network, tag(f"{name}-spare"))


def _create_nat_gateway(place: Place, network: Network, tag: Tagger) -> None:
    tags = tag(f"{network.name}-nat")
    gateway = place.ec2.create_nat_gateway(
        SubnetId=network.subnets[0],
        AllocationId=create_elastic_ip(place, tags),
        TagSpecifications=_on_creation("natgateway", tags),
    )["NatGateway"]
    # Moto makes an interface for the gateway and, unlike AWS, leaves it behind when the gateway is deleted.
    interfaces = [address["NetworkInterfaceId"] for address in gateway["NatGatewayAddresses"]]
    place.ec2.create_tags(Resources=interfaces, Tags=_list(tags))


def create_network_interface(place: Place, network: Network, tags: Tags) -> None:
    """An interface that nothing is attached to."""
    place.ec2.create_network_interface(
        SubnetId=network.subnets[1],
        Groups=[network.groups[1]],
        TagSpecifications=_on_creation("network-interface", tags),
    )


def create_elastic_ip(place: Place, tags: Tags) -> str:
    """A public address; returns the id of its allocation."""
    created = place.ec2.allocate_address(Domain="vpc", TagSpecifications=_on_creation("elastic-ip", tags))
    return str(created["AllocationId"])


def create_instances(place: Place, network: Network, instance_type: str, count: int, tags: Tags) -> list[str]:
    """Running instances; their root volumes, tagged alike, and network interfaces go with them."""
    interface = {
        "DeviceIndex": 0,
        "SubnetId": network.subnets[0],
        "Groups": [network.groups[0]],
        "DeleteOnTermination": True,
    }
    root = {"VolumeSize": 20, "VolumeType": "gp3", "DeleteOnTermination": True}
    started = place.ec2.run_instances(
        ImageId=_IMAGE,
        InstanceType=instance_type,
        MinCount=count,
        MaxCount=count,
        NetworkInterfaces=[interface],
        Placement={"AvailabilityZone": f"{place.region}a"},
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": root}],
        TagSpecifications=_on_creation("instance", tags) + _on_creation("volume", tags),
    )
    return [instance["InstanceId"] for instance in started["Instances"]]


def create_volume(place: Place, gigabytes: int, tags: Tags, instance: str | None = None) -> str:
    """A volume, attached to an instance if one is named; it does not go with that."""
    created = place.ec2.create_volume(
        AvailabilityZone=f"{place.region}a",
        Size=gigabytes,
        VolumeType="gp3",
        TagSpecifications=_on_creation("volume", tags),
    )
    if instance:
        place.ec2.attach_volume(VolumeId=created["VolumeId"], InstanceId=instance, Device="/dev/sdf")
    return str(created["VolumeId"])


def create_snapshot(place: Place, volume: str, tags: Tags) -> None:
    """A snapshot of a volume."""
    place.ec2.create_snapshot(VolumeId=volume, TagSpecifications=_on_creation("snapshot", tags))


def create_keypair(place: Place, name: str, tags: Tags) -> None:
    """A key pair."""
    place.ec2.create_key_pair(
        KeyName=name, KeyType="ed25519", TagSpecifications=_on_creation("key-pair", tags)
    )


def create_classic_balancer(
    place: Place, network: Network, name: str, tags: Tags, instances: Sequence[str]
) -> None:
    """A classic load balancer before instances."""
    elb = place.client("elb")
    elb.create_load_balancer(
        LoadBalancerName=name,
        Listeners=[{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}],
        Subnets=list(network.subnets),
        SecurityGroups=[network.groups[0]],
        Tags=_list(tags),
    )
    if instances:
        elb.register_instances_with_load_balancer(
            LoadBalancerName=name, Instances=[{"InstanceId": instance} for instance in instances]
        )


def create_balancer(place: Place, network: Network, name: str, tag: Tagger, instances: Sequence[str]) -> None:
    """An application load balancer with a target group of instances."""
    elb = place.client("elbv2")
    created = elb.create_load_balancer(
        Name=name, Subnets=list(network.subnets), SecurityGroups=[network.groups[0]], Tags=_list(tag(name))
    )
    group = create_target_group(place, network, name, tag(name))
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": instance} for instance in instances])
    elb.create_listener(
        LoadBalancerArn=created["LoadBalancers"][0]["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )


def create_target_group(place: Place, network: Network, name: str, tags: Tags) -> str:
    """A target group without targets; returns its ARN."""
    created = place.client("elbv2").create_target_group(
        Name=name, Protocol="HTTP", Port=80, VpcId=network.vpc, Tags=_list(tags)
    )
    return str(created["TargetGroups"][0]["TargetGroupArn"])


def create_database(place: Place, name: str, tags: Tags) -> None:
    """A database instance."""
    place.client("rds").create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t3.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="demo",
        MasterUserPassword="not-a-secret",
        Tags=_list(tags),
    )


def create_function(place: Place, name: str, role: str, tags: Tags) -> None:
    """A function that runs as a role."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("main.py", "def handler(event, context):\n    return event\n")
    place.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=f"arn:aws:iam::{place.account}:role/{role}",
        Handler="main.handler",
        Code={"ZipFile": code.getvalue()},
        Tags=tags,
    )


def create_alarm(place: Place, name: str, instance: str, tags: Tags) -> None:
    """An alarm on the load of an instance."""
    place.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/EC2",
        MetricName="CPUUtilization",
        Dimensions=[{"Name": "InstanceId", "Value": instance}],
        Statistic="Average",
        Period=300,
        EvaluationPeriods=2,
        Threshold=90,
        ComparisonOperator="GreaterThanThreshold",
        Tags=_list(tags),
    )


def create_scaling_group(place: Place, network: Network, name: str, tags: Tags) -> None:
    """A group of two instances, which get its tags."""
    place.ec2.create_launch_template(
        LaunchTemplateName=name, LaunchTemplateData={"ImageId": _IMAGE, "InstanceType": "t3.small"}
    )
    place.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateName": name, "Version": "$Latest"},
        MinSize=2,
        MaxSize=4,
        VPCZoneIdentifier=network.subnets[0],
        Tags=[{**tag, "PropagateAtLaunch": True} for tag in _list(tags)],
    )


def create_stack(place: Place, name: str, tags: Tags) -> None:
    """A stack with a topic in it."""
    place.client("cloudformation").create_stack(StackName=name, TemplateBody=_TEMPLATE, Tags=_list(tags))


def create_bucket(place: Place, name: str, tags: Tags, objects: int = 0) -> None:
    """A bucket with a number of objects in it."""
    s3 = place.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": _list(tags)})
    for number in range(objects):
        s3.put_object(Bucket=name, Key=f"part-{number}", Body=b"demo")


def create_role(place: Place, name: str, tags: Tags) -> None:
    """A role that functions may take on."""
    place.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=_TRUST, Tags=_list(tags))


def create_user(place: Place, name: str, tags: Tags, *, access_key: bool) -> None:
    """A user, with an access key or without."""
    place.client("iam").create_user(UserName=name, Tags=_list(tags))
    if access_key:
        place.client("iam").create_access_key(UserName=name)
