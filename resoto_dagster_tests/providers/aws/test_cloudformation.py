"""Stacks, from the API's answer to their deletion."""

import json

import pytest

from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.base import ProviderError
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    OTHER_REGION,
    REGION,
    belongs_to,
    goes_before,
    stored,
    uses,
)
from resoto_dagster_tests.providers.aws.synthetic import Refusal

TEMPLATE = {
    "Description": "a site",
    "Parameters": {"Size": {"Type": "String"}},
    "Resources": {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "stacked"}},
        "Network": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"RoleName": "stacked", "AssumeRolePolicyDocument": {"Statement": []}},
        },
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "stacked"}},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "stacked"}},
        "Gate": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
    },
    "Outputs": {"Bucket": {"Value": {"Ref": "Bucket"}}},
}


@pytest.fixture
def site(client):
    """The id of a stack with six resources, one of which is of no kind."""
    answer = client("cloudformation").create_stack(
        StackName="site",
        TemplateBody=json.dumps(TEMPLATE),
        Parameters=[{"ParameterKey": "Size", "ParameterValue": "small"}],
        Tags=[{"Key": "owner", "Value": "web"}],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    return answer["StackId"]


def test_properties_and_edges(site, client, collect_kind):
    resources = client("cloudformation").list_stack_resources(StackName="site")["StackResourceSummaries"]
    network = next(
        resource["PhysicalResourceId"] for resource in resources if resource["LogicalResourceId"] == "Network"
    )

    (stack,) = collect_kind("aws_cloudformation_stack")

    assert (stack.id, stack.name, stack.region, stack.tags) == (site, "site", REGION, {"owner": "web"})
    assert stack.ctime is not None
    properties = stack.properties
    assert properties["stack_status"] == "CREATE_COMPLETE"
    assert properties["stack_parameters"] == {"Size": "small"}
    assert properties["description"] == "a site"
    assert properties["stack_nested"] is False
    assert properties["stack_outputs"][0]["output_value"] == "stacked"
    assert set(stack.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_s3_bucket", "stacked"),
        uses("aws_vpc", network),
        uses("aws_iam_role", "stacked", "name"),
        uses("aws_sns_topic", f"arn:aws:sns:{REGION}:{ACCOUNT}:stacked"),
        uses("aws_sqs_queue", "stacked"),
    }


def test_is_read_and_deleted(site, collect_kind, session):
    (stack,) = collect_kind("aws_cloudformation_stack")
    known = stored(stack)
    assert session.read(known) == stack
    assert session.held_back(known) is None

    session.delete(known)

    assert session.read(known) is None
    assert collect_kind("aws_cloudformation_stack") == []
    session.delete(known)  # what is gone already is no error


def test_a_stack_inside_another_goes_with_it(session):
    inner = map_item(
        "aws_cloudformation_stack",
        {"StackId": "arn:inner", "StackName": "inner", "ParentId": "arn:outer", "RootId": "arn:outer"},
    )

    assert inner.properties["stack_nested"] is True
    assert inner.properties["stack_parent_id"] == "arn:outer"
    assert session.held_back(stored(inner)) == "it goes with the stack that it is nested in"


def test_what_a_stack_has_already_deleted_is_not_linked():
    def resource(name, status):
        return {
            "LogicalResourceId": name,
            "PhysicalResourceId": name,
            "ResourceType": "AWS::EC2::VPC",
            "ResourceStatus": status,
        }

    unborn = {"LogicalResourceId": "x", "ResourceType": "AWS::EC2::VPC", "ResourceStatus": "CREATE_FAILED"}
    resources = [resource("vpc-1", "UPDATE_COMPLETE"), resource("vpc-2", "DELETE_COMPLETE"), unborn]

    stack = map_item(
        "aws_cloudformation_stack", {"StackId": "arn:one", "StackName": "one", "Resources": resources}
    )

    assert {edge.value for edge in stack.edges if edge.kind == "aws_vpc"} == {"vpc-1"}


def test_its_tags_are_left_to_its_template(site, collect_kind, session):
    (stack,) = collect_kind("aws_cloudformation_stack")

    assert not KINDS["aws_cloudformation_stack"].taggable
    with pytest.raises(ProviderError, match="can't be changed"):
        session.update_tags(stored(stack), {"owner": "ops"}, [])


def test_a_stack_knows_its_resources_by_ids_or_arns():
    service = "arn:aws:ecs:us-east-1:123456789012:service/blue/web"
    model = "arn:aws:sagemaker:us-east-1:123456789012:model/churn"
    known = {
        "AWS::DynamoDB::GlobalTable": "orders",
        "AWS::ECS::Service": service,
        "AWS::EKS::Nodegroup": "blue/workers",
        "AWS::ElasticBeanstalk::Environment": "shop-test",
        "AWS::Elasticsearch::Domain": "old-search",
        "AWS::Logs::LogGroup": "/app",
        "AWS::OpenSearchService::Domain": "search",
        "AWS::Redshift::Cluster": "sales",
        "AWS::SageMaker::Domain": "d-1",
        "AWS::SageMaker::Model": model,
    }
    resources = [
        {"PhysicalResourceId": name, "ResourceType": kind, "ResourceStatus": "CREATE_COMPLETE"}
        for kind, name in known.items()
    ]

    stack = map_item("aws_cloudformation_stack", {"StackId": "s", "Resources": resources})

    assert set(stack.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_dynamodb_table", "orders"),
        uses("aws_ecs_service", service, "arn"),
        uses("aws_eks_nodegroup", "blue/workers"),
        uses("aws_beanstalk_environment", "shop-test", "name"),
        uses("aws_opensearch_domain", "old-search", "name"),
        uses("aws_cloudwatch_log_group", "/app"),
        uses("aws_opensearch_domain", "search", "name"),
        uses("aws_redshift_cluster", "sales"),
        uses("aws_sagemaker_domain", "d-1"),
        uses("aws_sagemaker_model", model, "arn"),
    }


@pytest.fixture
def stack_set(client):
    """The id of a stack set without instances."""
    answer = client("cloudformation").create_stack_set(
        StackSetName="base",
        Description="what every account has",
        TemplateBody=json.dumps({"Resources": {"Network": TEMPLATE["Resources"]["Network"]}}),
        Parameters=[{"ParameterKey": "Size", "ParameterValue": "small"}],
        Tags=[{"Key": "owner", "Value": "web"}],
    )
    return answer["StackSetId"]


@pytest.fixture
def stack_instance(client, stack_set):
    """A stack of the set in another region."""
    client("cloudformation").create_stack_instances(
        StackSetName="base", Accounts=[ACCOUNT], Regions=[OTHER_REGION]
    )


def test_properties_and_edges_of_a_stack_set(stack_set, client, collect_kind):
    client("cloudformation").create_stack_set(StackSetName="other", TemplateBody="{}")

    base, other = sorted(collect_kind("aws_cloudformation_stack_set"), key=lambda found: found.name)

    assert (base.id, base.name, base.region, base.tags) == (stack_set, "base", REGION, {"owner": "web"})
    properties = base.properties
    assert properties["arn"].startswith(f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stackset/base:")
    assert properties["description"] == "what every account has"
    assert properties["stack_set_status"] == "ACTIVE"
    assert properties["stack_set_permission_model"] == "SELF_MANAGED"
    assert properties["stack_set_managed_execution"] is False
    assert properties["stack_set_parameters"] == {"Size": "small"}
    assert properties["stack_set_execution_role_name"] == "AWSCloudFormationStackSetExecutionRole"
    assert base.edges == (belongs_to("aws_region", REGION),)
    assert (other.name, other.tags, other.properties["stack_set_parameters"]) == ("other", {}, {})


def test_a_stack_set_is_read_and_deleted(stack_set, collect_kind, session):
    (base,) = collect_kind("aws_cloudformation_stack_set")
    known = stored(base)
    assert session.read(known) == base
    assert not KINDS["aws_cloudformation_stack_set"].taggable

    assert len(session.delete(known).request_ids) == 1

    assert session.read(known) is None
    assert collect_kind("aws_cloudformation_stack_set") == []


def test_properties_and_edges_of_a_stack_instance(stack_set, stack_instance, collect_kind, session):
    (found,) = collect_kind("aws_cloud_formation_stack_instance_summary")

    assert found.id == f"{stack_set}/{ACCOUNT}/{OTHER_REGION}"
    assert (found.region, found.tags) == (REGION, {})
    properties = found.properties
    assert properties["stack_instance_stack_set_id"] == stack_set
    assert properties["stack_instance_account"] == ACCOUNT
    assert properties["stack_instance_region"] == OTHER_REGION
    stack = properties["stack_instance_stack_id"]
    assert stack.startswith(f"arn:aws:cloudformation:{OTHER_REGION}:{ACCOUNT}:stack/StackSet-base:")
    assert properties["stack_instance_status"] == "CURRENT"
    assert properties["stack_instance_stack_instance_status"] == "SUCCEEDED"
    assert set(found.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_cloudformation_stack_set", stack_set),
        goes_before("aws_cloudformation_stack_set", stack_set),
        uses("aws_cloudformation_stack", stack),
    }
    again = session.read(stored(found))  # moto gives the stack another id every time
    assert (again.id, again.properties["stack_instance_status"]) == (found.id, "CURRENT")
    assert not KINDS["aws_cloud_formation_stack_instance_summary"].deletable


def test_a_stack_instance_that_went_is_gone(stack_instance, client, collect_kind, session):
    (found,) = collect_kind("aws_cloud_formation_stack_instance_summary")

    client("cloudformation").delete_stack_instances(
        StackSetName="base", Accounts=[ACCOUNT], Regions=[OTHER_REGION], RetainStacks=False
    )

    assert session.read(stored(found)) is None
    assert collect_kind("aws_cloud_formation_stack_instance_summary") == []


def test_a_stack_set_that_goes_while_it_is_read_has_no_instances(synthetic, collect_kind):
    sets = [{"StackSetId": name, "StackSetName": name} for name in ("base", "late")]
    synthetic.answer("cloudformation", "ListStackSets", {"Summaries": sets})

    def instances(params):
        if params["StackSetName"] == "base":
            raise Refusal("StackSetNotFoundException", 404)
        return {"Summaries": [{"StackSetId": "late", "Account": ACCOUNT, "Region": REGION}]}

    synthetic.answer("cloudformation", "ListStackInstances", instances)

    (found,) = collect_kind("aws_cloud_formation_stack_instance_summary")

    assert found.id == f"late/{ACCOUNT}/{REGION}"
