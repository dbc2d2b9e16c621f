"""REST APIs, their parts and the names they are called by, from the API's answer to their deletion."""

import json

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    REGION,
    belongs_to,
    goes_before,
    stored,
    uses,
)

ARN = f"arn:aws:apigateway:{REGION}::"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:authorize"
URI_OF = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/"
URI = f"{URI_OF}{FUNCTION}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/authorize"
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1"
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": '"x"'}]}
PARTS = (
    "aws_apigateway_authorizer",
    "aws_apigateway_deployment",
    "aws_apigateway_resource",
    "aws_apigateway_stage",
)


class Shop:
    """A REST API with one of everything."""

    def __init__(self, apigateway):
        made = apigateway.create_rest_api(
            name="shop",
            description="of the shop",
            endpointConfiguration={"types": ["REGIONAL"]},
            minimumCompressionSize=1024,
            policy=json.dumps(POLICY),
            tags={"owner": "web"},
        )
        self.id = made["id"]
        self.root = apigateway.get_resources(restApiId=self.id)["items"][0]["id"]
        orders = apigateway.create_resource(restApiId=self.id, parentId=self.root, pathPart="orders")
        self.orders = orders["id"]
        authorizer = apigateway.create_authorizer(
            restApiId=self.id,
            name="who",
            type="TOKEN",
            authorizerUri=f"{URI}/invocations",
            authorizerCredentials=ROLE,
            identitySource="method.request.header.Authorization",
            authorizerResultTtlInSeconds=60,
        )
        self.authorizer = authorizer["id"]
        of_method = {"restApiId": self.id, "resourceId": self.orders, "httpMethod": "GET"}
        apigateway.put_method(**of_method, authorizationType="CUSTOM", authorizerId=self.authorizer)
        apigateway.put_integration(
            **of_method, type="HTTP", uri="https://orders.example.org", integrationHttpMethod="GET"
        )
        deployment = apigateway.create_deployment(restApiId=self.id, stageName="live", description="first")
        self.deployment = deployment["id"]
        apigateway.create_stage(
            restApiId=self.id,
            stageName="test",
            deploymentId=self.deployment,
            description="to try",
            variables={"color": "blue"},
            tags={"owner": "web", "env": "test"},
        )


@pytest.fixture
def shop(client):
    return Shop(client("apigateway"))


def _of_api(shop):
    return {belongs_to("aws_region", REGION), belongs_to("aws_apigateway_rest_api", shop.id)}


def test_properties_and_edges_of_an_api(shop, client, collect_kind):
    (api,) = collect_kind("aws_apigateway_rest_api")

    assert (api.id, api.name, api.region, api.tags) == (shop.id, "shop", REGION, {"owner": "web"})
    assert api.ctime is not None
    properties = api.properties
    assert properties["arn"] == f"{ARN}/restapis/{shop.id}"
    assert properties["description"] == "of the shop"
    assert properties["api_endpoint_configuration"]["types"] == ["REGIONAL"]
    assert properties["api_key_source"] == "HEADER"
    assert properties["api_minimum_compression_size"] == 1024
    assert properties["api_policy"] == POLICY
    assert properties["api_disable_execute_api_endpoint"] is False
    assert set(api.edges) == {belongs_to("aws_region", REGION)}


def test_the_policy_of_an_api_as_aws_answers_it():
    escaped = json.dumps(json.dumps(POLICY))[1:-1]

    api = map_item(
        "aws_apigateway_rest_api", {"id": "a", "policy": escaped, "version": "1", "warnings": ["w"]}
    )

    assert api.properties["api_policy"] == POLICY
    assert (api.properties["api_version"], api.properties["api_warnings"]) == ("1", ["w"])


def test_properties_and_edges_of_a_deployment(shop, client, collect_kind):
    (deployment,) = collect_kind("aws_apigateway_deployment")

    assert (deployment.id, deployment.name, deployment.region) == (shop.deployment, shop.deployment, REGION)
    assert deployment.ctime is not None
    assert deployment.properties == {
        "arn": f"{ARN}/restapis/{shop.id}/deployments/{shop.deployment}",
        "deployment_api_id": shop.id,
        "description": "first",
    }
    assert set(deployment.edges) == _of_api(shop)


def test_what_is_in_a_deployment():
    summary = {"/orders": {"GET": {"authorizationType": "NONE", "apiKeyRequired": True}}}

    deployment = map_item("aws_apigateway_deployment", {"id": "d", "api": {"id": "a"}, "apiSummary": summary})

    assert deployment.properties["deployment_api_summary"] == {
        "/orders": {"GET": {"authorization_type": "NONE", "api_key_required": True}}
    }


def test_properties_and_edges_of_stages(shop, collect_kind):
    live, test = collect_kind("aws_apigateway_stage")

    assert (test.id, test.name, test.region) == (f"{shop.id}_test", "test", REGION)
    assert test.tags == {"owner": "web", "env": "test"}
    properties = test.properties
    assert properties["arn"] == f"{ARN}/restapis/{shop.id}/stages/test"
    assert properties["description"] == "to try"
    assert properties["stage_api_id"] == shop.id
    assert properties["stage_cache_cluster_enabled"] is False
    assert properties["stage_deployment_id"] == shop.deployment
    assert properties["stage_variables"] == {"color": "blue"}
    assert set(test.edges) == _of_api(shop) | {
        belongs_to("aws_apigateway_deployment", shop.deployment),
        goes_before("aws_apigateway_deployment", shop.deployment),
    }
    assert (live.id, live.tags) == (f"{shop.id}_live", {})


def test_what_else_there_is_to_a_stage():
    stage = map_item(
        "aws_apigateway_stage",
        {
            "api": {"id": "a"},
            "stageName": "live",
            "deploymentId": "d-1",
            "canarySettings": {"percentTraffic": 5.0, "deploymentId": "d-2", "useStageCache": False},
            "accessLogSettings": {"destinationArn": "arn:aws:logs:x", "format": "json"},
            "cacheClusterSize": "0.5",
            "cacheClusterStatus": "AVAILABLE",
            "clientCertificateId": "cert",
            "documentationVersion": "1",
            "methodSettings": {"*/*": {"loggingLevel": "INFO"}},
            "tracingEnabled": True,
            "webAclArn": "arn:aws:wafv2:x",
        },
    )

    assert stage.properties == {
        "arn": f"{ARN}/restapis/a/stages/live",
        "stage_access_log_settings": {"destination_arn": "arn:aws:logs:x", "format": "json"},
        "stage_api_id": "a",
        "stage_cache_cluster_size": "0.5",
        "stage_cache_status": "AVAILABLE",
        "stage_canary_settings": {
            "percent_traffic": 5.0,
            "deployment_id": "d-2",
            "use_stage_cache": False,
        },
        "stage_client_certificate_id": "cert",
        "stage_deployment_id": "d-1",
        "stage_documentation_version": "1",
        "stage_method_settings": {"*/*": {"logging_level": "INFO"}},
        "stage_tracing_enabled": True,
        "stage_web_acl_arn": "arn:aws:wafv2:x",
    }
    for deployment in ("d-1", "d-2"):
        assert goes_before("aws_apigateway_deployment", deployment) in stage.edges


def test_properties_and_edges_of_resources(shop, collect_kind):
    found = {resource.id: resource for resource in collect_kind("aws_apigateway_resource")}

    assert set(found) == {shop.root, shop.orders}
    root, orders = found[shop.root], found[shop.orders]
    assert (root.name, orders.name, orders.region) == ("/", "/orders", REGION)
    properties = orders.properties
    assert properties["arn"] == f"{ARN}/restapis/{shop.id}/resources/{shop.orders}"
    assert properties["resource_api_id"] == shop.id
    assert properties["resource_parent_id"] == shop.root
    assert properties["resource_path"] == "/orders"
    assert properties["resource_path_part"] == "orders"
    method = properties["resource_methods"]["GET"]
    assert (method["authorization_type"], method["authorizer_id"]) == ("CUSTOM", shop.authorizer)
    assert method["method_integration"]["uri"] == "https://orders.example.org"
    assert set(orders.edges) == _of_api(shop) | {
        belongs_to("aws_apigateway_resource", shop.root),
        uses("aws_apigateway_authorizer", shop.authorizer),
        goes_before("aws_apigateway_authorizer", shop.authorizer),
    }
    assert set(root.edges) == _of_api(shop)


def test_the_functions_that_methods_call():
    def method(function):
        return {"methodIntegration": {"type": "AWS_PROXY", "uri": f"{URI_OF}{function}/invocations"}}

    methods = {
        "GET": method(f"{FUNCTION}:live"),
        "POST": method(FUNCTION),
        "PUT": method(FUNCTION + "${stageVariables.version}"),
        "DELETE": {"methodIntegration": {"type": "MOCK"}},
        "OPTIONS": {},
    }
    item = {"id": "r", "path": "/", "api": {"id": "a"}, "resourceMethods": methods}

    resource = map_item("aws_apigateway_resource", item)

    assert set(resource.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_apigateway_rest_api", "a"),
        uses("aws_lambda_function", FUNCTION, "arn"),
        goes_before("aws_lambda_function", FUNCTION, "arn"),
    }


def test_methods_are_read_along_with_their_resources(synthetic, collect_kind):
    synthetic.answer("apigateway", "GetRestApis", {"items": [{"id": "a"}]})
    synthetic.answer("apigateway", "GetResources", {"items": []})

    assert collect_kind("aws_apigateway_resource") == []
    (asked,) = synthetic.asked("apigateway", "GetResources")
    assert (asked["restApiId"], asked["embed"]) == ("a", ["methods"])


def test_the_root_goes_with_its_api_and_a_resource_with_the_one_above(shop, collect_kind, session):
    found = {resource.id: stored(resource) for resource in collect_kind("aws_apigateway_resource")}

    assert session.held_back(found[shop.root]) == "an API's root goes with the API"
    assert session.held_back(found[shop.orders]) is None
    assert session.goes_along(found[shop.orders], found[shop.root])


def test_properties_and_edges_of_an_authorizer(shop, collect_kind):
    (authorizer,) = collect_kind("aws_apigateway_authorizer")

    assert (authorizer.id, authorizer.name, authorizer.region) == (shop.authorizer, "who", REGION)
    assert authorizer.properties == {
        "arn": f"{ARN}/restapis/{shop.id}/authorizers/{shop.authorizer}",
        "authorizer_api_id": shop.id,
        "authorizer_credentials": ROLE,
        "authorizer_identity_source": "method.request.header.Authorization",
        "authorizer_result_ttl_in_seconds": 60,
        "authorizer_type": "TOKEN",
        "authorizer_uri": f"{URI}/invocations",
    }
    assert set(authorizer.edges) == _of_api(shop) | {
        uses("aws_lambda_function", FUNCTION, "arn"),
        goes_before("aws_lambda_function", FUNCTION, "arn"),
        uses("aws_iam_role", ROLE, "arn"),
        goes_before("aws_iam_role", ROLE, "arn"),
    }


@pytest.mark.parametrize(
    ("uri", "function"),
    [
        (f"{URI}/invocations", FUNCTION),
        (f"{URI}:live/invocations", FUNCTION),
        (f"arn:aws:apigateway:{REGION}:s3:path/bucket/key", None),
    ],
)
def test_the_function_that_an_authorizer_calls(uri, function):
    item = {
        "id": "who",
        "api": {"id": "a"},
        "authorizerUri": uri,
        "authType": "custom",
        "identityValidationExpression": "x",
        "providerARNs": ["pool"],
    }
    authorizer = map_item("aws_apigateway_authorizer", item)

    assert authorizer.properties["authorizer_auth_type"] == "custom"
    assert authorizer.properties["authorizer_identity_validation_expression"] == "x"
    assert authorizer.properties["authorizer_provider_arns"] == ["pool"]
    found = [
        edge.value for edge in authorizer.edges if edge == uses("aws_lambda_function", edge.value, "arn")
    ]
    assert found == ([function] if function else [])
    assert {
        uses("aws_cognito_user_pool", "pool", "arn"),
        goes_before("aws_cognito_user_pool", "pool", "arn"),
    } <= set(authorizer.edges)


def test_a_stage_is_read_tagged_and_deleted(shop, collect_kind, session):
    live, test = collect_kind("aws_apigateway_stage")
    known = stored(test)
    assert session.read(known) == test

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_apigateway_stage") == [live]
    session.delete(known)  # what is gone already is no error


def test_the_parts_of_an_api_are_read_and_deleted(shop, collect_kind, session):
    for stage in collect_kind("aws_apigateway_stage"):
        session.delete(stored(stage))
    resources = collect_kind("aws_apigateway_resource")
    orders = next(resource for resource in resources if resource.id == shop.orders)
    (deployment,) = collect_kind("aws_apigateway_deployment")
    (authorizer,) = collect_kind("aws_apigateway_authorizer")

    for part in (deployment, orders, authorizer):
        assert session.read(stored(part)) == part
        session.delete(stored(part))
        assert session.read(stored(part)) is None

    assert [resource.id for resource in collect_kind("aws_apigateway_resource")] == [shop.root]
    assert collect_kind("aws_apigateway_deployment") == []
    assert collect_kind("aws_apigateway_authorizer") == []
    session.delete(stored(deployment))  # what is gone already is no error


def test_an_api_is_read_and_deleted_with_all_its_parts(shop, client, collect_kind, session):
    other = Shop(client("apigateway"))
    apis = {api.id: stored(api) for api in collect_kind("aws_apigateway_rest_api")}
    parts = {kind: collect_kind(kind) for kind in PARTS}
    for found in parts.values():
        assert all(session.goes_along(stored(part), apis[shop.id]) for part in found)
    assert session.read(apis[shop.id]).id == shop.id

    session.delete(apis[shop.id])

    assert session.read(apis[shop.id]) is None
    for kind in PARTS:
        left = collect_kind(kind)
        assert len(left) == len(parts[kind]) // 2
        assert all(belongs_to("aws_apigateway_rest_api", other.id) in part.edges for part in left)


@pytest.mark.parametrize(
    ("kind", "operation", "listed", "arn"),
    [
        ("aws_apigateway_rest_api", "GetRestApis", {"id": "a", "name": "shop"}, f"{ARN}/restapis/a"),
        (
            "aws_apigateway_domain_name",
            "GetDomainNames",
            {"domainName": "shop.example.org"},
            f"{ARN}/domainnames/shop.example.org",
        ),
    ],
)
def test_apis_and_domain_names_are_tagged(kind, operation, listed, arn, synthetic, collect_kind, session):
    tags = {"owner": "web", "env": "test"}
    synthetic.answer("apigateway", operation, lambda params: {"items": [{**listed, "tags": tags}]})
    synthetic.answer("apigateway", "TagResource", lambda params: tags.update(params["tags"]))
    synthetic.answer("apigateway", "UntagResource", lambda params: tags.pop(*params["tagKeys"]) and None)
    (resource,) = collect_kind(kind)

    session.update_tags(stored(resource), {"owner": "ops"}, ["env"])

    assert session.read(stored(resource)).tags == {"owner": "ops"}
    assert synthetic.asked("apigateway", "TagResource")[0]["resourceArn"] == arn
    assert synthetic.asked("apigateway", "UntagResource")[0]["resourceArn"] == arn


@pytest.fixture
def domain(client):
    """A domain name."""
    client("apigateway").create_domain_name(
        domainName="api.shop.example.org",
        regionalCertificateArn=CERTIFICATE,
        endpointConfiguration={"types": ["REGIONAL"]},
        securityPolicy="TLS_1_2",
        tags={"owner": "web"},
    )


def test_properties_and_edges_of_a_domain_name(domain, collect_kind):
    (name,) = collect_kind("aws_apigateway_domain_name")

    assert (name.id, name.name, name.region) == ("api.shop.example.org", "api.shop.example.org", REGION)
    assert name.tags == {"owner": "web"}
    properties = name.properties
    assert properties["arn"] == f"{ARN}/domainnames/api.shop.example.org"
    assert properties["domain_domain_name_status"] == "AVAILABLE"
    assert properties["domain_domain_name_status_message"] == "Domain Name Available"
    assert properties["domain_endpoint_configuration"] == {"types": ["REGIONAL"]}
    assert properties["domain_private"] is False
    assert properties["domain_regional_certificate_arn"] == CERTIFICATE
    assert properties["domain_security_policy"] == "TLS_1_2"
    zones = ("api.shop.example.org.", "shop.example.org.", "example.org.")
    assert set(name.edges) == {
        belongs_to("aws_region", REGION),
        *(edge("aws_route53_zone", zone, "name") for zone in zones for edge in (uses, goes_before)),
        uses("aws_acm_certificate", CERTIFICATE, "arn"),
        goes_before("aws_acm_certificate", CERTIFICATE, "arn"),
    }


def test_what_a_domain_name_may_lead_to_as_well():
    item = {
        "domainName": "d",
        "certificateArn": CERTIFICATE,
        "endpointConfiguration": {"vpcEndpointIds": ["vpce-1", "vpce-2"]},
    }
    assert set(map_item("aws_apigateway_domain_name", item).edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_acm_certificate", CERTIFICATE, "arn"),
        goes_before("aws_acm_certificate", CERTIFICATE, "arn"),
        uses("aws_vpc_endpoint", "vpce-1"),
        uses("aws_vpc_endpoint", "vpce-2"),
    }


def test_a_private_api_leads_to_its_endpoints():
    item = {"id": "a", "endpointConfiguration": {"types": ["PRIVATE"], "vpcEndpointIds": ["vpce-1"]}}
    assert set(map_item("aws_apigateway_rest_api", item).edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_vpc_endpoint", "vpce-1"),
    }


def test_a_private_domain_name_is_another_than_the_public_one(session):
    arn = f"arn:aws:apigateway:{REGION}:{ACCOUNT}:/domainnames/shop.example.org+abc"
    item = {"domainName": "shop.example.org", "domainNameId": "abc", "domainNameArn": arn}
    name = map_item("aws_apigateway_domain_name", item)

    assert (name.id, name.name) == ("shop.example.org/abc", "shop.example.org")
    assert name.properties["arn"] == arn
    assert session.held_back(stored(name)) == "a private domain name is not deleted"


def test_a_domain_name_is_read_and_deleted(domain, client, collect_kind, session):
    client("apigateway").create_domain_name(domainName="other.example.org")
    name, other = collect_kind("aws_apigateway_domain_name")
    known = stored(name)
    assert session.read(known) == name
    assert session.held_back(known) is None

    session.delete(known)

    assert session.read(known) is None
    assert collect_kind("aws_apigateway_domain_name") == [other]
    session.delete(known)  # what is gone already is no error
