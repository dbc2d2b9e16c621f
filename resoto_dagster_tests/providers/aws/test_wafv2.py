"""Firewalls for web applications, those of regions and those of CloudFront."""

import pytest

from resoto_dagster.model.resource import GLOBAL
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION, belongs_to, stored, uses

ARN = f"arn:aws:wafv2:{REGION}:{ACCOUNT}"
REGIONAL = f"{ARN}:regional/webacl/front/w-1"
WORLDWIDE = f"{ARN}:global/webacl/edge/w-2"
ALB = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/front/1"
POOL = f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/pool-1"
BEHIND = {
    "APPLICATION_LOAD_BALANCER": ALB,
    "API_GATEWAY": f"arn:aws:apigateway:{REGION}::/restapis/api-1/stages/live",
    "COGNITO_USER_POOL": POOL,
}
"""What is behind the firewall of the region, by its type."""


@pytest.fixture
def firewalls(synthetic):
    """One firewall in the region and, on a second page, one of CloudFront."""

    def listed(params):
        if params["Scope"] == "REGIONAL":
            return {"WebACLs": [{"Id": "w-1", "Name": "front", "ARN": REGIONAL, "LockToken": "l"}]}
        if "NextMarker" not in params:
            return {"WebACLs": [], "NextMarker": "more"}
        assert params["NextMarker"] == "more"
        return {"WebACLs": [{"Id": "w-2", "Name": "edge", "ARN": WORLDWIDE, "LockToken": "l"}]}

    def described(params):
        name, acl = params["ARN"].split("/")[2:]
        return {
            "WebACL": {
                "Id": acl,
                "Name": name,
                "ARN": params["ARN"],
                "Description": "what may come in",
                "Capacity": 12,
                "DefaultAction": {"Block": {"CustomResponse": {"ResponseCode": 403}}},
                "Rules": [{"Name": "countries", "Priority": 0, "Action": {"Allow": {}}}],
                "VisibilityConfig": {"MetricName": "front"},
                "ManagedByFirewallManager": False,
                "LabelNamespace": "awswaf:front:",
                "CustomResponseBodies": {"No": {"ContentType": "TEXT_PLAIN", "Content": "no"}},
                "CaptchaConfig": {"ImmunityTimeProperty": {"ImmunityTime": 60}},
                "ChallengeConfig": {"ImmunityTimeProperty": {"ImmunityTime": 90}},
                "TokenDomains": ["example.com"],
                "AssociationConfig": {
                    "RequestBody": {"API_GATEWAY": {"DefaultSizeInspectionLimit": "KB_32"}}
                },
                "PreProcessFirewallManagerRuleGroups": [{"Name": "before"}],
                "PostProcessFirewallManagerRuleGroups": [{"Name": "after"}],
            },
            "LockToken": "l",
        }

    synthetic.answer("wafv2", "ListWebACLs", listed)
    synthetic.answer("wafv2", "GetWebACL", described)
    synthetic.answer(
        "wafv2",
        "ListTagsForResource",
        {"TagInfoForResource": {"TagList": [{"Key": "owner", "Value": "web"}]}},
    )
    synthetic.answer(
        "wafv2",
        "ListResourcesForWebACL",
        lambda params: {"ResourceArns": [BEHIND[params["ResourceType"]]]},
    )


def test_properties_and_edges(firewalls, collect_kind):
    front, edge = collect_kind("aws_waf_web_acl")

    assert (front.id, front.name, front.region) == ("w-1", "front", REGION)
    assert front.tags == {"owner": "web"}
    assert front.properties == {
        "arn": REGIONAL,
        "description": "what may come in",
        "capacity": 12,
        "default_action": {"block": {"custom_response": {"response_code": 403}}},
        "waf_rules": [{"name": "countries", "priority": 0, "action": {"allow": {}}}],
        "visibility_config": {"metric_name": "front"},
        "managed_by_firewall_manager": False,
        "label_namespace": "awswaf:front:",
        "custom_response_bodies": {"No": {"content_type": "TEXT_PLAIN", "content": "no"}},
        "captcha_config": {"immunity_time_property": {"immunity_time": 60}},
        "challenge_config": {"immunity_time_property": {"immunity_time": 90}},
        "token_domains": ["example.com"],
        "association_config": {"request_body": {"API_GATEWAY": {"default_size_inspection_limit": "KB_32"}}},
        "association_inspection_limit": {"API_GATEWAY": "KB_32"},
        "pre_process_firewall_manager_rule_groups": [{"name": "before"}],
        "post_process_firewall_manager_rule_groups": [{"name": "after"}],
    }
    assert set(front.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_alb", ALB, "arn"),
        uses("aws_apigateway_rest_api", "api-1"),
        uses("aws_cognito_user_pool", POOL, "arn"),
    }
    assert (edge.id, edge.name, edge.region) == ("w-2", "edge", GLOBAL)
    assert set(edge.edges) == {belongs_to("aws_account", ACCOUNT)}


def test_what_is_behind_the_firewalls_of_cloudfront_is_not_asked_for(firewalls, synthetic, collect_kind):
    collect_kind("aws_waf_web_acl")

    assert synthetic.asked("wafv2", "ListResourcesForWebACL") == [
        {"WebACLArn": REGIONAL, "ResourceType": resource_type} for resource_type in BEHIND
    ]


def test_each_is_read_where_it_was_found(firewalls, synthetic, collect_kind, session):
    front, edge = collect_kind("aws_waf_web_acl")

    assert session.read(stored(front)) == front
    assert session.read(stored(edge)) == edge

    synthetic.answer("wafv2", "ListWebACLs", {"WebACLs": []})
    assert session.read(stored(front)) is None
    assert session.read(stored(edge)) is None


def test_those_of_cloudfront_are_asked_for_once_however_many_regions(firewalls, synthetic, collect_kind):
    names = ("us-east-1", "eu-west-1", "eu-central-1")
    synthetic.answer("ec2", "DescribeRegions", {"Regions": [{"RegionName": name} for name in names]})

    collect_kind("aws_waf_web_acl", regions=["eu-west-1", "eu-central-1"])

    asked = [
        (call.region, call.params["Scope"])
        for call in synthetic.calls
        if call.operation == "ListWebACLs" and "NextMarker" not in call.params
    ]
    assert sorted(asked) == [
        ("eu-central-1", "REGIONAL"),
        ("eu-west-1", "REGIONAL"),
        ("us-east-1", "CLOUDFRONT"),
    ]
