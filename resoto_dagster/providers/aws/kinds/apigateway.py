"""REST APIs and what they are made of, and the domain names that lead to them."""

import json
from collections.abc import Mapping
from typing import Any

from resoto_dagster.providers.aws.declaration import (
    AwsKind,
    Call,
    HeldBack,
    Link,
    Step,
    Tagging,
    Value,
)

_MISSING = ("NotFoundException",)

_APIS = Call(operation="get_rest_apis", items="items", page_size=500)

_OF_API = Link(kind="aws_apigateway_rest_api", path="api.id", parent=True)

# Endpoints serve other APIs as well; AWS deletes an API, or a domain name, without them.
_ENDPOINTS = Link(kind="aws_vpc_endpoint", path="endpointConfiguration.vpcEndpointIds[]")

_ARN = "arn:{partition}:apigateway:{region}::/restapis/"


def _policy(text: str) -> Any:
    """The policy of an API, whose quotes API Gateway escapes once more."""
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(json.loads(f'"{text}"', strict=False))


def _function(uri: str) -> str | None:
    """The ARN of the function at a URI, without its version; None where each stage names its own."""
    _, found, function = uri.removesuffix("/invocations").partition("/functions/")
    return ":".join(function.split(":")[:7]) if found and "${" not in function else None


def _functions(methods: Mapping[str, Mapping[str, Any]]) -> list[str | None]:
    return [_function(method.get("methodIntegration", {}).get("uri", "")) for method in methods.values()]


def _authorizers(methods: Mapping[str, Mapping[str, Any]]) -> list[str | None]:
    return [method.get("authorizerId") for method in methods.values()]


def _zones(domain: str) -> list[str]:
    """The names of all zones that the domain name may lie in."""
    labels = domain.split(".")
    return [".".join(labels[at:]) + "." for at in range(len(labels) - 1)]


def _domain_id(domain: str, its_id: str | None) -> str:
    """A private domain name may be called like a public one."""
    return f"{domain}/{its_id}" if its_id else domain


_REST_API = AwsKind(
    name="aws_apigateway_rest_api",
    description="A REST API; deleting it deletes all of its stages and whatever else it is made of.",
    service="apigateway",
    api=_APIS,
    id="id",
    name_path="name",
    arn=_ARN + "{id}",
    prefix="api",
    ctime="createdDate",
    tags="tags",
    properties={"description": "description", "api_policy": Value("policy", _policy)},
    links=(_ENDPOINTS,),
    missing=_MISSING,
    delete=(Step(operation="delete_rest_api", params={"restApiId": "id"}),),
    tagging=Tagging(
        upsert="tag_resource",
        remove="untag_resource",
        params={"resourceArn": "arn"},
        tags="tags",
        keys="tagKeys",
        tags_form="map",
    ),
    takes_along=(
        "aws_apigateway_authorizer",
        "aws_apigateway_deployment",
        "aws_apigateway_resource",
        "aws_apigateway_stage",
    ),
    changing=("api_status", "api_status_message"),
)

_DEPLOYMENT = AwsKind(
    name="aws_apigateway_deployment",
    description="The state of a REST API at one time, which stages make callable.",
    service="apigateway",
    api=Call(
        operation="get_deployments",
        items="items",
        params={"restApiId": "item.id"},
        each=_APIS,
        owner="api",
        page_size=500,
    ),
    id="id",
    arn=_ARN + "{deployment_api_id}/deployments/{id}",
    prefix="deployment",
    ctime="createdDate",
    tags="",
    properties={"description": "description", "deployment_api_id": "api.id"},
    drop=("api",),
    links=(_OF_API,),
    read={"item.id": "deployment_api_id"},
    missing=_MISSING,
    delete=(
        Step(operation="delete_deployment", params={"restApiId": "deployment_api_id", "deploymentId": "id"}),
    ),
)

_STAGE = AwsKind(
    name="aws_apigateway_stage",
    description="A name under which a deployment of a REST API can be called.",
    service="apigateway",
    api=Call(operation="get_stages", items="item", params={"restApiId": "item.id"}, each=_APIS, owner="api"),
    id=Value(("api.id", "stageName"), "{}_{}".format),
    name_path="stageName",
    arn=_ARN + "{stage_api_id}/stages/{name}",
    prefix="stage",
    ctime="createdDate",
    mtime="lastUpdatedDate",
    tags="tags",
    properties={
        "description": "description",
        "stage_cache_status": "cacheClusterStatus",
        "stage_api_id": "api.id",
    },
    drop=("api",),
    links=(
        _OF_API,
        # A deployment can't be deleted as long as a stage has it.
        Link(kind="aws_apigateway_deployment", path="deploymentId", parent=True, delete="before"),
        Link(
            kind="aws_apigateway_deployment", path="canarySettings.deploymentId", parent=True, delete="before"
        ),
    ),
    read={"item.id": "stage_api_id"},
    missing=_MISSING,
    delete=(Step(operation="delete_stage", params={"restApiId": "stage_api_id", "stageName": "name"}),),
    tagging=_REST_API.tagging,
    changing=("stage_cache_status",),
)

_RESOURCE = AwsKind(
    name="aws_apigateway_resource",
    description="A path of a REST API with its methods; deleting it deletes the paths below it.",
    service="apigateway",
    api=Call(
        operation="get_resources",
        items="items",
        params={"restApiId": "item.id", "embed": ["methods"]},
        each=_APIS,
        owner="api",
        page_size=500,
    ),
    id="id",
    name_path="path",
    arn=_ARN + "{resource_api_id}/resources/{id}",
    prefix="resource",
    tags="",
    properties={"resource_path": "path", "resource_api_id": "api.id"},
    drop=("api",),
    links=(
        _OF_API,
        Link(kind="aws_apigateway_resource", path="parentId", parent=True),
        # A method whose authorizer or function is gone answers nobody.
        Link(kind="aws_apigateway_authorizer", path=Value("resourceMethods", _authorizers), delete="before"),
        Link(
            kind="aws_lambda_function",
            path=Value("resourceMethods", _functions),
            by="arn",
            delete="before",
        ),
    ),
    read={"item.id": "resource_api_id"},
    missing=_MISSING,
    delete=(Step(operation="delete_resource", params={"restApiId": "resource_api_id", "resourceId": "id"}),),
    takes_along=("aws_apigateway_resource",),
    held_back=(HeldBack("resource_path", ("/",), "an API's root goes with the API", along=True),),
)

_AUTHORIZER = AwsKind(
    name="aws_apigateway_authorizer",
    description="What decides who may call the methods of a REST API.",
    service="apigateway",
    api=Call(
        operation="get_authorizers",
        items="items",
        params={"restApiId": "item.id"},
        each=_APIS,
        owner="api",
        page_size=500,
    ),
    id="id",
    name_path="name",
    arn=_ARN + "{authorizer_api_id}/authorizers/{id}",
    prefix="authorizer",
    tags="",
    properties={"authorizer_api_id": "api.id"},
    drop=("api",),
    links=(
        _OF_API,
        Link(kind="aws_lambda_function", path=Value("authorizerUri", _function), by="arn", delete="before"),
        Link(kind="aws_iam_role", path="authorizerCredentials", by="arn", delete="before"),
        Link(kind="aws_cognito_user_pool", path="providerARNs[]", by="arn", delete="before"),
    ),
    read={"item.id": "authorizer_api_id"},
    missing=_MISSING,
    delete=(
        Step(operation="delete_authorizer", params={"restApiId": "authorizer_api_id", "authorizerId": "id"}),
    ),
)

_DOMAIN_NAME = AwsKind(
    name="aws_apigateway_domain_name",
    description="A domain name of one's own under which REST APIs can be called.",
    service="apigateway",
    api=Call(operation="get_domain_names", items="items", page_size=500),
    id=Value(("domainName", "domainNameId"), _domain_id),
    name_path="domainName",
    arn="arn:{partition}:apigateway:{region}::/domainnames/{name}",
    prefix="domain",
    tags="tags",
    properties={
        "arn": "domainNameArn",
        "domain_domain_name_status": "domainNameStatus",
        "domain_domain_name_status_message": "domainNameStatusMessage",
        "domain_policy": Value("policy", _policy),
        "domain_private": Value("domainNameId", bool, absent=False),
    },
    links=(
        Link(kind="aws_route53_zone", path=Value("domainName", _zones), by="name", delete="before"),
        _ENDPOINTS,
        # AWS keeps a certificate that a domain name has.
        Link(kind="aws_acm_certificate", path="certificateArn", by="arn", delete="before"),
        Link(kind="aws_acm_certificate", path="regionalCertificateArn", by="arn", delete="before"),
    ),
    missing=_MISSING,
    delete=(Step(operation="delete_domain_name", params={"domainName": "name"}),),
    tagging=_REST_API.tagging,
    # A public one may have the same name.
    held_back=(HeldBack("domain_private", (True,), "a private domain name is not deleted"),),
    changing=("domain_domain_name_status", "domain_domain_name_status_message"),
)

KINDS = (_REST_API, _DEPLOYMENT, _STAGE, _RESOURCE, _AUTHORIZER, _DOMAIN_NAME)
