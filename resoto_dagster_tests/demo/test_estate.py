from collections import Counter
from datetime import UTC, datetime

import pytest

from resoto_dagster.demo.estate import (
    ACCOUNTS,
    BUSY_VPC_REGION,
    EXPIRED_VPC_REGION,
    PROTECTED_TAG,
    REGIONS,
    seed,
)
from resoto_dagster.demo.server import SimulatedAccounts, only_simulated_aws, simulated_aws
from resoto_dagster.demo.truth import GLOBAL, list_everything
from resoto_dagster.model.expiry import ctime_of, expiry_of

pytestmark = pytest.mark.slow

PER_ACCOUNT = {
    "aws_ec2_instance": 79,
    "aws_ec2_volume": 146,
    "aws_ec2_snapshot": 36,
    "aws_ec2_keypair": 12,
    "aws_ec2_elastic_ip": 13,
    "aws_ec2_network_interface": 93,
    "aws_vpc": 8,
    "aws_ec2_subnet": 23,
    "aws_ec2_security_group": 18,
    "aws_ec2_route_table": 12,
    "aws_ec2_internet_gateway": 4,
    "aws_ec2_nat_gateway": 4,
    "aws_ec2_network_acl": 12,
    "aws_elb": 7,
    "aws_alb": 4,
    "aws_alb_target_group": 7,
    "aws_s3_bucket": 14,
    "aws_rds_instance": 9,
    "aws_lambda_function": 21,
    "aws_iam_role": 10,
    "aws_iam_user": 13,
    "aws_iam_access_key": 8,
    "aws_autoscaling_group": 3,
    "aws_cloudwatch_alarm": 30,
    "aws_cloudformation_stack": 3,
}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    with (
        simulated_aws(tmp_path_factory.mktemp("moto") / "moto.log") as endpoint,
        only_simulated_aws(endpoint),
    ):
        seed(endpoint)
        yield endpoint


@pytest.fixture(scope="module")
def accounts(endpoint):
    return SimulatedAccounts(endpoint)


def tags_of(resource):
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", resource.get("TagSet", ()))}


def expired(tags):
    ctime, problem = ctime_of(tags, datetime.now(UTC))
    expiry = expiry_of(tags)
    if problem or expiry.problem:
        return False
    at = expiry.at or (ctime + expiry.after if expiry.after else None)
    return at is not None and at < datetime.now(UTC)


def ec2_tags(accounts, account, region):
    """The tags of all tagged EC2 resources by type and id."""
    found = {}
    pages = accounts.client(account, "ec2", region).get_paginator("describe_tags").paginate()
    for tag in (tag for page in pages for tag in page["Tags"]):
        found.setdefault((tag["ResourceType"], tag["ResourceId"]), {})[tag["Key"]] = tag["Value"]
    return found


def test_about_a_thousand_resources_in_both_accounts(endpoint):
    found = list_everything(endpoint)
    for account in ACCOUNTS:
        assert Counter(kind for owner, _, kind, _ in found if owner == account) == PER_ACCOUNT
    assert 1000 <= len(found) <= 1250


def test_every_region_of_both_accounts_is_populated(endpoint):
    places = Counter((account, region) for account, region, _, _ in list_everything(endpoint))
    assert set(places) == {(account, region) for account in ACCOUNTS for region in (*REGIONS, GLOBAL)}
    assert min(places.values()) > 40


def test_accounts_have_their_aliases(accounts):
    for account, alias in ACCOUNTS.items():
        assert accounts.client(account, "iam").list_account_aliases()["AccountAliases"] == [alias]


def vpc_named(ec2, name):
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [name]}])["Vpcs"]
    return vpc


@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_expired_vpc_has_everything_in_it_and_all_of_it_is_expired(accounts, account):
    ec2 = accounts.client(account, "ec2", EXPIRED_VPC_REGION)
    vpc = vpc_named(ec2, "review-env")
    inside = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
    instances = [
        instance
        for reservation in ec2.describe_instances(Filters=inside)["Reservations"]
        for instance in reservation["Instances"]
    ]
    attached = [{"Name": "attachment.instance-id", "Values": [one["InstanceId"] for one in instances]}]
    tables = ec2.describe_route_tables(Filters=inside)["RouteTables"]
    acls = ec2.describe_network_acls(Filters=inside)["NetworkAcls"]
    groups = ec2.describe_security_groups(Filters=inside)["SecurityGroups"]
    interfaces = ec2.describe_network_interfaces(Filters=inside)["NetworkInterfaces"]
    gateways = ec2.describe_nat_gateways(Filters=inside)["NatGateways"]
    addresses = [address["PublicIp"] for one in gateways for address in one["NatGatewayAddresses"]]
    content = {
        "subnets": ec2.describe_subnets(Filters=inside)["Subnets"],
        "groups": [group for group in groups if group["GroupName"] != "default"],
        "tables": [table for table in tables if not any(one["Main"] for one in table["Associations"])],
        "acls": [acl for acl in acls if not acl["IsDefault"]],
        "interfaces": [one for one in interfaces if not one.get("Attachment")],
        "nat gateways": gateways,
        "addresses": ec2.describe_addresses(PublicIps=addresses)["Addresses"],
        "instances": instances,
        "volumes": ec2.describe_volumes(Filters=attached)["Volumes"],
        "internet gateways": ec2.describe_internet_gateways(
            Filters=[{"Name": "attachment.vpc-id", "Values": [vpc["VpcId"]]}]
        )["InternetGateways"],
    }
    assert {what: len(found) for what, found in content.items()} == {
        "subnets": 2,
        "groups": 2,
        "tables": 1,
        "acls": 1,
        "interfaces": 2,
        "nat gateways": 1,
        "addresses": 1,
        "instances": 3,
        "volumes": 4,
        "internet gateways": 1,
    }
    for resource in (vpc, *(one for found in content.values() for one in found)):
        assert expired(tags_of(resource)), resource


@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_expired_vpc_has_expired_load_balancers(accounts, account):
    vpc = vpc_named(accounts.client(account, "ec2", EXPIRED_VPC_REGION), "review-env")["VpcId"]
    elb = accounts.client(account, "elb", EXPIRED_VPC_REGION)
    classic = elb.describe_load_balancers(LoadBalancerNames=["review-legacy"])["LoadBalancerDescriptions"]
    assert [one["VPCId"] for one in classic] == [vpc]
    assert expired(tags_of(elb.describe_tags(LoadBalancerNames=["review-legacy"])["TagDescriptions"][0]))
    elbv2 = accounts.client(account, "elbv2", EXPIRED_VPC_REGION)
    (balancer,) = elbv2.describe_load_balancers(Names=["review-front"])["LoadBalancers"]
    (group,) = elbv2.describe_target_groups(LoadBalancerArn=balancer["LoadBalancerArn"])["TargetGroups"]
    assert (balancer["VpcId"], group["VpcId"]) == (vpc, vpc)
    targets = elbv2.describe_target_health(TargetGroupArn=group["TargetGroupArn"])
    assert len(targets["TargetHealthDescriptions"]) == 3
    arns = [balancer["LoadBalancerArn"], group["TargetGroupArn"]]
    assert all(expired(tags_of(one)) for one in elbv2.describe_tags(ResourceArns=arns)["TagDescriptions"])


@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_busy_vpc_is_expired_and_has_a_live_instance(accounts, account):
    ec2 = accounts.client(account, "ec2", BUSY_VPC_REGION)
    vpc = vpc_named(ec2, "load-test")
    assert expired(tags_of(vpc))
    found = ec2.describe_instances(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Reservations"]
    (instance,) = found[0]["Instances"]
    assert instance["State"]["Name"] == "running"
    assert not expired(tags_of(instance))


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("region", REGIONS)
def test_an_expired_volume_is_in_use_by_a_live_instance(accounts, account, region):
    ec2 = accounts.client(account, "ec2", region)
    (volume,) = ec2.describe_volumes(Filters=[{"Name": "tag:Name", "Values": ["scratch"]}])["Volumes"]
    assert expired(tags_of(volume))
    instance = volume["Attachments"][0]["InstanceId"]
    (reservation,) = ec2.describe_instances(InstanceIds=[instance])["Reservations"]
    assert not expired(tags_of(reservation["Instances"][0]))


@pytest.mark.parametrize("account", ACCOUNTS)
def test_what_is_to_be_protected_is_expired(accounts, account):
    found = [
        tags
        for region in REGIONS
        for tags in ec2_tags(accounts, account, region).values()
        if PROTECTED_TAG in tags
    ]
    found.append(
        tags_of(accounts.client(account, "s3").get_bucket_tagging(Bucket=f"{ACCOUNTS[account]}-audit"))
    )
    assert len(found) == 4
    assert all(expired(tags) for tags in found)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_an_expired_bucket_has_objects_in_it(accounts, account):
    s3 = accounts.client(account, "s3")
    name = f"{ACCOUNTS[account]}-build-cache"
    assert expired(tags_of(s3.get_bucket_tagging(Bucket=name)))
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 5


@pytest.mark.parametrize("account", ACCOUNTS)
def test_what_is_expired_stays_within_the_default_budget(accounts, account):
    expired_by_scope = Counter(
        (region, resource_type)
        for region in REGIONS
        for (resource_type, _), tags in ec2_tags(accounts, account, region).items()
        if expired(tags)
    )
    assert max(expired_by_scope.values()) < 10
    # Besides EC2's there are 15 of the regions' other services, a bucket, a role and a user.
    assert 30 < expired_by_scope.total() < 80


def test_tags_that_no_one_can_read_never_expire_anything(accounts):
    found = [
        tags
        for account in ACCOUNTS
        for region in REGIONS
        for tags in ec2_tags(accounts, account, region).values()
        if expiry_of(tags).problem
    ]
    assert {tags["expiration"] for tags in found} == {"-7d", "0h", "soon"}
    assert not any(expired(tags) for tags in found)


def test_the_truth_notices_what_goes(endpoint, accounts):
    account, region = "111111111111", "us-east-1"
    before = list_everything(endpoint)
    ec2 = accounts.client(account, "ec2", region)
    found = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": ["experiment"]}])["Reservations"]
    instance = found[0]["Instances"][0]
    root = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    interface = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    (gateway,) = ec2.describe_nat_gateways()["NatGateways"]
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    ec2.delete_nat_gateway(NatGatewayId=gateway["NatGatewayId"])
    assert before - list_everything(endpoint) == {
        (account, region, "aws_ec2_instance", instance["InstanceId"]),
        (account, region, "aws_ec2_volume", root),
        (account, region, "aws_ec2_network_interface", interface),
        (account, region, "aws_ec2_nat_gateway", gateway["NatGatewayId"]),
    }


def test_a_vpc_that_goes_takes_what_aws_made_with_it(endpoint, accounts):
    account, region = "222222222222", "us-east-1"
    ec2 = accounts.client(account, "ec2", region)
    before = list_everything(endpoint)
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    made = {kind for _, _, kind, _ in list_everything(endpoint) - before}
    assert made == {"aws_vpc", "aws_ec2_network_acl", "aws_ec2_route_table", "aws_ec2_security_group"}
    ec2.delete_vpc(VpcId=vpc)
    assert list_everything(endpoint) == before
