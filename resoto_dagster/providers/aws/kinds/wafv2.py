"""Firewalls for web applications."""

from collections.abc import Sequence
from typing import Any

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Value


def _if_regional(arn: str) -> str | None:
    """The ARN, unless the firewall is one of CloudFront, which itself says which distributions it guards."""
    return arn if ":regional/webacl/" in arn else None


def _guards(resource_type: str, into: str) -> Detail:
    """What of one type is behind the firewall."""
    return Detail(
        operation="list_resources_for_web_acl",
        params={"WebACLArn": Value("ARN", _if_regional)},
        const={"ResourceType": resource_type},
        result="ResourceArns",
        into=into,
    )


def _apis(stages: Sequence[str]) -> list[str]:
    """The REST APIs of stages: `arn:aws:apigateway:us-east-1::/restapis/API/stages/live`."""
    return [stage.split("/")[2] for stage in stages]


def _limits(request_body: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """How much of a request is inspected, by the type of what is behind the firewall."""
    return {kind: limit["DefaultSizeInspectionLimit"] for kind, limit in request_body.items()}


_WEB_ACL = AwsKind(
    name="aws_waf_web_acl",
    description="A firewall that lets web requests through to what is behind it, or does not.",
    bases=("firewall",),
    service="wafv2",
    api=Call(operation="list_web_acls", items="WebACLs", params={"Scope": "REGIONAL"}),
    global_api=Call(operation="list_web_acls", items="WebACLs", params={"Scope": "CLOUDFRONT"}),
    details=(
        Detail(operation="get_web_acl", params={"ARN": "ARN"}, result="WebACL", into=""),
        Detail(
            operation="list_tags_for_resource",
            params={"ResourceARN": "ARN"},
            result="TagInfoForResource.TagList",
            into="Tags",
        ),
        _guards("APPLICATION_LOAD_BALANCER", "LoadBalancers"),
        _guards("API_GATEWAY", "ApiStages"),
        _guards("COGNITO_USER_POOL", "UserPools"),
    ),
    id="Id",
    name_path="Name",
    arn="ARN",
    prefix="",
    properties={
        "waf_rules": "Rules",
        "association_inspection_limit": Value("AssociationConfig.RequestBody", _limits),
    },
    # The token is for changes and is another one after each.
    drop=("LockToken", "LoadBalancers", "ApiStages", "UserPools"),
    links=(
        Link(kind="aws_alb", path="LoadBalancers", by="arn"),
        Link(kind="aws_apigateway_rest_api", path=Value("ApiStages", _apis)),
        Link(kind="aws_cognito_user_pool", path="UserPools", by="arn"),
    ),
    missing=("WAFNonexistentItemException",),
)

KINDS = (_WEB_ACL,)
