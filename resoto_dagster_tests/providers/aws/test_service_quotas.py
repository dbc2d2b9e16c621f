"""Quotas, from the API's answer to the default metrics that count them."""

import pytest

from resoto_dagster.model.resource import GLOBAL
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION, belongs_to, stored
from resoto_dagster_tests.providers.aws.synthetic import Refusal

QUOTAS = {
    "ec2": {
        "L-1216C47A": ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 1152.0),
        "L-34B43A08": ("All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 640.0),
        "L-DB2E81BA": ("Running On-Demand G and VT instances", 64.0),
        "L-0263D0A3": ("EC2-VPC Elastic IPs", 5.0),
    },
    "ebs": {
        "L-7A658B76": ("Storage for General Purpose SSD (gp3) volumes, in TiB", 50.0),
        "L-309BACF6": ("Snapshots per Region", 100000.0),
    },
    "vpc": {
        "L-F678F1CE": ("VPCs per Region", 5.0),
        "L-A4707A72": ("Internet gateways per Region", 5.0),
        "L-407747CB": ("Subnets per VPC", 200.0),
    },
    "elasticloadbalancing": {
        "L-53DA6B97": ("Application Load Balancers per Region", 50.0),
        "L-69A177A2": ("Network Load Balancers per Region", 50.0),
        "L-E9E9831D": ("Classic Load Balancers per Region", 20.0),
    },
    "iam": {"L-BF35879D": ("Server certificates per account", 20.0)},
    "s3": {"L-DC2B2D3D": ("Buckets", 10000.0)},
    "sagemaker": {"L-0": ("Notebooks", 1.0)},
}


def _arn(service, code):
    # What nobody changed has the ARN of the default, which names no account.
    return f"arn:aws:servicequotas:{REGION}:{'' if service == 'vpc' else ACCOUNT}:{service}/{code}"


@pytest.fixture
def quotas(synthetic):
    tags = {_arn("ec2", "L-1216C47A"): {"owner": "web", "env": "test"}}

    def listed(params):
        service = params["ServiceCode"]
        return {
            "Quotas": [
                {
                    "ServiceCode": service,
                    "ServiceName": service.upper(),
                    "QuotaArn": _arn(service, code),
                    "QuotaCode": code,
                    "QuotaName": name,
                    "Value": value,
                    "Unit": "None",
                    "Adjustable": True,
                    "GlobalQuota": service in ("iam", "s3"),
                    "UsageMetric": {"MetricNamespace": "AWS/Usage", "MetricDimensions": {"Class": "a"}},
                    "Period": {"PeriodValue": 1, "PeriodUnit": "DAY"},
                    "ErrorReason": {"ErrorCode": "SERVICE_QUOTA_NOT_AVAILABLE_ERROR", "ErrorMessage": "no"},
                }
                for code, (name, value) in QUOTAS[service].items()
            ]
        }

    def tags_of(params):
        if params["ResourceARN"] not in tags:
            raise Refusal("NoSuchResourceException")
        return {"Tags": [{"Key": k, "Value": v} for k, v in tags[params["ResourceARN"]].items()]}

    def tag(params):
        tags[params["ResourceARN"]].update({tag["Key"]: tag["Value"] for tag in params["Tags"]})

    def untag(params):
        for key in params["TagKeys"]:
            tags[params["ResourceARN"]].pop(key)

    services = [{"ServiceCode": service} for service in QUOTAS]
    synthetic.answer("service-quotas", "ListServices", {"Services": services})
    synthetic.answer("service-quotas", "ListServiceQuotas", listed)
    synthetic.answer("service-quotas", "ListTagsForResource", tags_of)
    synthetic.answer("service-quotas", "TagResource", tag)
    synthetic.answer("service-quotas", "UntagResource", untag)


def test_quotas_of_the_region_and_of_the_account(quotas, synthetic, collect_kind, session):
    found = {quota.id: quota for quota in collect_kind("aws_service_quota")}

    everywhere = {code for service in QUOTAS.values() for code in service}
    assert set(found) == everywhere - {"L-0263D0A3", "L-309BACF6", "L-407747CB", "L-0"}
    assert {code for code, quota in found.items() if quota.region == GLOBAL} == {"L-BF35879D", "L-DC2B2D3D"}
    standard = found["L-1216C47A"]
    assert (standard.name, standard.region) == (QUOTAS["ec2"]["L-1216C47A"][0], REGION)
    assert standard.tags == {"owner": "web", "env": "test"}
    assert standard.properties == {
        "arn": f"arn:aws:servicequotas:{REGION}:{ACCOUNT}:ec2/L-1216C47A",
        "service_code": "ec2",
        "service_name": "EC2",
        "quota": 1152.0,
        "quota_unit": "None",
        "quota_adjustable": True,
        "quota_global": False,
        "quota_usage_metric": {"metric_namespace": "AWS/Usage", "metric_dimensions": {"Class": "a"}},
        "quota_period": {"period_value": 1, "period_unit": "DAY"},
        "quota_error_reason": {"error_code": "SERVICE_QUOTA_NOT_AVAILABLE_ERROR", "error_message": "no"},
    }
    assert set(standard.edges) == {belongs_to("aws_region", REGION)}
    assert set(found["L-DC2B2D3D"].edges) == {belongs_to("aws_account", ACCOUNT)}
    asked = {params["ServiceCode"] for params in synthetic.asked("service-quotas", "ListServiceQuotas")}
    assert asked == set(QUOTAS) - {"sagemaker"}
    of_tags = {params["ResourceARN"] for params in synthetic.asked("service-quotas", "ListTagsForResource")}
    assert of_tags == {
        quota.properties["arn"] for quota in found.values() if quota.properties["service_code"] != "vpc"
    }


def test_a_quota_is_read_and_tagged(quotas, collect_kind, session):
    found = {quota.id: quota for quota in collect_kind("aws_service_quota")}
    known = stored(found["L-1216C47A"])
    assert session.read(known) == found["L-1216C47A"]
    assert session.read(stored(found["L-BF35879D"])) == found["L-BF35879D"]

    session.update_tags(known, {"owner": "ops"}, ["env"])

    assert session.read(known).tags == {"owner": "ops"}


def test_quotas_of_instances_tell_the_family_and_how_they_are_paid(quotas, collect_kind, session):
    found = {quota.id: quota for quota in collect_kind("aws_ec2_instance_quota")}

    told = {
        code: (quota.properties["instance_type"], quota.properties["quota_type"], quota.properties["quota"])
        for code, quota in found.items()
    }
    assert told == {
        "L-1216C47A": ("Standard (A, C, D, H, I, M, R, T, Z)", "on_demand", 1152.0),
        "L-34B43A08": ("Standard (A, C, D, H, I, M, R, T, Z)", "spot", 640.0),
        "L-DB2E81BA": ("G and VT", "on_demand", 64.0),
    }
    assert session.read(stored(found["L-DB2E81BA"])) == found["L-DB2E81BA"]


@pytest.mark.parametrize(
    ("kind", "base", "region", "quotas_of_it"),
    [
        ("aws_vpc_quota", "network_quota", REGION, {"L-F678F1CE": 5.0}),
        ("aws_ec2_internet_gateway_quota", "gateway_quota", REGION, {"L-A4707A72": 5.0}),
        ("aws_elb_quota", "load_balancer_quota", REGION, {"L-E9E9831D": 20.0}),
        ("aws_alb_quota", "load_balancer_quota", REGION, {"L-53DA6B97": 50.0, "L-69A177A2": 50.0}),
        ("aws_s3_bucket_quota", "bucket_quota", GLOBAL, {"L-DC2B2D3D": 10000.0}),
        ("aws_iam_server_certificate_quota", "certificate_quota", GLOBAL, {"L-BF35879D": 20.0}),
    ],
)
def test_quotas_that_are_found_by_their_base(kind, base, region, quotas_of_it, quotas, collect_kind, session):
    found = collect_kind(kind)

    assert {quota.id: quota.properties["quota"] for quota in found} == quotas_of_it
    assert {quota.region for quota in found} == {region}
    assert {base, "quota", "phantom_resource"} <= KINDS[kind].all_bases
    assert session.read(stored(found[0])) == found[0]


@pytest.mark.parametrize(
    ("instance_type", "quota"),
    [
        ("m5.large", "L-1216C47A"),
        ("im4gn.large", "L-1216C47A"),
        ("d3en.xlarge", "L-1216C47A"),
        ("dl1.24xlarge", "L-6E869C2A"),
        ("g4dn.xlarge", "L-DB2E81BA"),
        ("vt1.3xlarge", "L-DB2E81BA"),
        ("u-6tb1.metal", "L-43DA4232"),
        ("u7i-12tb.224xlarge", "L-43DA4232"),
        ("inf1.xlarge", "L-1945791B"),
        ("trn1.2xlarge", "L-2C3B7624"),
        ("hpc6a.48xlarge", "L-F7808C92"),
        ("x2iedn.xlarge", "L-7295265B"),
        ("p4d.24xlarge", "L-417A185B"),
        ("f1.2xlarge", "L-74FC7D96"),
    ],
)
def test_the_quota_that_instances_count_in(instance_type, quota):
    item = {"InstanceType": instance_type}

    found = map_item("aws_ec2_instance_type", item)

    assert set(found.edges) == {belongs_to("aws_region", REGION), belongs_to("aws_service_quota", quota)}


def test_what_we_know_no_quota_of_counts_in_none():
    mac = map_item("aws_ec2_instance_type", {"InstanceType": "mac1.metal"})
    gateway = map_item("aws_alb", {"LoadBalancerName": "g", "Type": "gateway"})
    network = map_item("aws_alb", {"LoadBalancerName": "n", "Type": "network"})

    assert set(mac.edges) == {belongs_to("aws_region", REGION)}
    assert set(gateway.edges) == {belongs_to("aws_region", REGION)}
    assert set(network.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_service_quota", "L-69A177A2"),
    }
