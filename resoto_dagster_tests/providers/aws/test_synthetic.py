"""The server that answers out of botocore's models: what is stated is what botocore's own client parses."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION
from resoto_dagster_tests.providers.aws.samples import MOMENT, sample, service_model, synthesise
from resoto_dagster_tests.providers.aws.synthetic import Asked, Refusal

LATER = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)

PROTOCOLS = {
    "json": (
        "sagemaker",
        "ListAlgorithms",
        "list_algorithms",
        {"NameContains": "b", "MaxResults": 7},
        {"AlgorithmSummaryList": [{"AlgorithmName": "a", "CreationTime": MOMENT}, {"AlgorithmName": "b"}]},
    ),
    "query": (
        "redshift",
        "DescribeClusters",
        "describe_clusters",
        {"TagKeys": ["owner", "env"], "MaxRecords": 20},
        {
            "Clusters": [
                {
                    "ClusterIdentifier": "<a&b>",
                    "Encrypted": False,
                    "NumberOfNodes": 3,
                    "ClusterCreateTime": LATER,
                    "Tags": [{"Key": "owner", "Value": "web"}],
                }
            ]
        },
    ),
    "ec2": (
        "ec2",
        "DescribeVolumes",
        "describe_volumes",
        {"VolumeIds": ["vol-1", "vol-2"], "Filters": [{"Name": "state", "Values": ["available"]}]},
        {"Volumes": [{"VolumeId": "vol-1", "CreateTime": LATER, "Attachments": [{"InstanceId": "i-1"}]}]},
    ),
    "rest-json": (
        "bedrock-agent",
        "GetAgentVersion",
        "get_agent_version",
        {"agentId": "a b/c", "agentVersion": "1"},
        {"agentVersion": {"agentId": "a", "idleSessionTTLInSeconds": 60, "createdAt": LATER}},
    ),
    "rest-xml": (
        "cloudfront",
        "ListDistributions",
        "list_distributions",
        {"Marker": "there", "MaxItems": "5"},
        {
            "DistributionList": {
                "Marker": "there",
                "IsTruncated": False,
                "Items": [
                    {"Id": "E1", "LastModifiedTime": LATER, "Aliases": {"Quantity": 1, "Items": ["a.b"]}}
                ],
            }
        },
    ),
}
"""An operation of each protocol: what it is asked, and an answer."""


def _told(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_stated_is_what_a_client_parses(protocol, synthetic, client):
    service, operation, method, params, stated = PROTOCOLS[protocol]
    synthetic.answer(service, operation, stated)

    answer = getattr(client(service), method)(**params)

    assert service_model(service).resolved_protocol == protocol
    assert _told(answer) == stated
    assert answer["ResponseMetadata"]["RequestId"] == "request-1"
    assert synthetic.calls == [Asked(service, operation, params, REGION)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_error_is_that_of_the_code(protocol, synthetic, client):
    service, operation, method, params, _ = PROTOCOLS[protocol]
    synthetic.refuse(service, operation, "AccessDeniedException", 403, "not <you>")

    with pytest.raises(ClientError) as raised:
        getattr(client(service), method)(**params)

    response = raised.value.response
    assert (response["Error"]["Code"], response["Error"]["Message"]) == ("AccessDeniedException", "not <you>")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_full_answer_arrives_whole(protocol, synthetic, client):
    service, operation, method, params, _ = PROTOCOLS[protocol]
    synthetic.in_full(service, operation)

    assert _told(getattr(client(service), method)(**params)) == synthesise(service, operation)


def test_a_function_answers_by_the_params_and_may_refuse(synthetic, client):
    models = {"a": {"ModelName": "a"}, "b": {"ModelName": "b"}}

    def delete(params):
        if params["ModelName"] not in models:
            raise Refusal("ValidationException", 400, "there is none")
        del models[params["ModelName"]]

    synthetic.answer("sagemaker", "ListModels", lambda params: {"Models": list(models.values())})
    synthetic.answer("sagemaker", "DeleteModel", delete)
    sagemaker = client("sagemaker")

    sagemaker.delete_model(ModelName="a")

    assert [model["ModelName"] for model in sagemaker.list_models()["Models"]] == ["b"]
    with pytest.raises(ClientError, match="there is none"):
        sagemaker.delete_model(ModelName="a")
    assert synthetic.asked("sagemaker", "DeleteModel") == [{"ModelName": "a"}] * 2


def test_who_asks_and_which_regions_there_are_is_known(synthetic, client):
    assert client("sts").get_caller_identity()["Account"] == ACCOUNT
    assert client("ec2").describe_regions()["Regions"] == [{"RegionName": REGION}]


def test_services_that_sign_alike_are_told_apart(synthetic, client):
    synthetic.answer("bedrock", "ListTagsForResource", {"tags": [{"key": "of", "value": "bedrock"}]})
    synthetic.answer("bedrock-agent", "ListTagsForResource", {"tags": {"of": "agent"}})
    synthetic.answer(
        "elb", "DescribeLoadBalancers", {"LoadBalancerDescriptions": [{"LoadBalancerName": "old"}]}
    )
    synthetic.answer("elbv2", "DescribeLoadBalancers", {"LoadBalancers": [{"LoadBalancerName": "new"}]})
    arn = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:agent/A1"

    assert client("bedrock").list_tags_for_resource(resourceARN=arn)["tags"][0]["value"] == "bedrock"
    assert client("bedrock-agent").list_tags_for_resource(resourceArn=arn)["tags"] == {"of": "agent"}
    assert client("elb").describe_load_balancers()["LoadBalancerDescriptions"][0]["LoadBalancerName"] == "old"
    assert client("elbv2").describe_load_balancers()["LoadBalancers"][0]["LoadBalancerName"] == "new"
    assert synthetic.asked("bedrock-agent", "ListTagsForResource") == [{"resourceArn": arn}]


def test_what_can_t_be_told_apart_is_a_problem(synthetic, client):
    synthetic.answer("neptune", "DescribeDBClusters", {"DBClusters": []})
    synthetic.answer("docdb", "DescribeDBClusters", {"DBClusters": []})

    with pytest.raises(ClientError, match=r"\(NotStated\)"):
        client("docdb").describe_db_clusters()

    assert synthetic.problems == ["LookupError: stated of several services: neptune, docdb"]
    synthetic.problems.clear()


@pytest.mark.parametrize(
    ("service", "method", "problem"),
    [
        ("sts", "get_session_token", "LookupError: no answer is stated of sts GetSessionToken {}"),
        (
            "sagemaker",
            "list_models",
            "LookupError: nothing is stated of sagemaker POST SageMaker.ListModels",
        ),
        ("bedrock", "list_guardrails", "LookupError: nothing is stated of bedrock GET /guardrails"),
    ],
)
def test_what_nobody_stated_is_a_problem(service, method, problem, synthetic, client):
    with pytest.raises(ClientError, match=r"\(NotStated\)"):
        getattr(client(service), method)()

    assert synthetic.problems == [problem]
    synthetic.problems.clear()


def test_a_function_whose_answer_does_not_fit_is_a_problem(synthetic, client):
    synthetic.answer("sagemaker", "ListModels", lambda params: {"Model": []})

    with pytest.raises(ClientError, match=r"\(NotStated\)"):
        client("sagemaker").list_models()

    assert synthetic.problems == [
        "LookupError: sagemaker ListModels: the answer has no member Model, but Models, NextToken"
    ]
    synthetic.problems.clear()


@pytest.mark.parametrize(
    ("operation", "answer", "problem"),
    [
        ("ListModel", {}, "sagemaker has no operation ListModel"),
        ("ListModels", {"Models": [{"Name": "a"}]}, r"the answer.Models\[\] has no member Name"),
        ("ListModels", {"Models": {"ModelName": "a"}}, "the answer.Models is no list"),
        ("ListModels", {"Models": ["a"]}, r"the answer.Models\[\] is no structure: 'a'"),
        ("ListModels", {"Models": [{"ModelName": 1}]}, "ModelName is no string: 1"),
        ("ListModels", {"Models": [{"CreationTime": "now"}]}, "CreationTime is no timestamp: 'now'"),
        ("DeleteModel", {"ModelName": "a"}, "sagemaker DeleteModel: the answer has no members"),
    ],
)
def test_what_the_model_does_not_know_can_t_be_stated(operation, answer, problem, synthetic):
    with pytest.raises(LookupError, match=problem):
        synthetic.answer("sagemaker", operation, answer)


def test_a_full_answer_leads_to_no_next_page():
    assert "NextToken" not in synthesise("sagemaker", "ListModels")
    assert "nextToken" not in synthesise("bedrock", "ListGuardrails")
    assert "Marker" not in synthesise("glacier", "ListVaults")
    assert "NextToken" in synthesise("sagemaker", "ListModels", NextToken="more")


def test_a_full_answer_has_what_is_given_in_its_place():
    answer = synthesise(
        "bedrock",
        "ListGuardrails",
        guardrails=[{"id": "g-1", "description": None}, {"status": "FAILED"}],
    )

    first, second = answer["guardrails"]
    assert first["id"] == "g-1"
    assert "description" not in first
    assert (second["id"], second["status"], second["createdAt"]) == ("id", "FAILED", MOMENT)
    assert second["arn"] == f"arn:aws:service:us-east-1:{ACCOUNT}:arn"


def test_a_sample_has_all_members_an_enum_s_value_and_one_member_of_a_union():
    detail = service_model("bedrock-agent").shape_for("Agent")
    assert set(sample(detail)) == set(detail.members)
    assert sample(detail)["agentStatus"] in detail.members["agentStatus"].enum
    assert sample(detail) == sample(detail)
    executor = service_model("bedrock-agent").shape_for("OrchestrationExecutor")
    assert executor.is_tagged_union
    assert sample(executor) == {"lambda": "lambda"}


def test_a_sample_ends_where_a_structure_holds_itself():
    statement = sample(service_model("wafv2").shape_for("Statement"))
    assert statement["NotStatement"] == {}
    assert statement["AndStatement"] == {"Statements": []}


def test_a_sample_knows_no_other_members():
    with pytest.raises(LookupError, match="Agent has no member name, but agentId"):
        sample(service_model("bedrock-agent").shape_for("Agent"), name="a")
