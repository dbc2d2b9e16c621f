"""Which IAM actions calls need, and what is told of a call that AWS refuses."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session

from resoto_dagster.providers.aws import permissions
from resoto_dagster.providers.aws.errors import api_error
from resoto_dagster.providers.aws.permissions import iam_action, iam_actions, refusal, service_of
from resoto_dagster_tests.providers.aws.known_actions import known_actions, unknown

MODELS = Session()
USER = "arn:aws:sts::123456789012:assumed-role/resoto/resoto_dagster"


@pytest.mark.parametrize(
    ("client", "operation", "actions"),
    [
        ("ec2", "DescribeVolumes", ("ec2:DescribeVolumes",)),
        ("cloudwatch", "DescribeAlarms", ("cloudwatch:DescribeAlarms",)),
        ("elbv2", "DescribeTags", ("elasticloadbalancing:DescribeTags",)),
        ("efs", "DescribeFileSystems", ("elasticfilesystem:DescribeFileSystems",)),
        (
            "efs",
            "DeleteMountTarget",
            ("elasticfilesystem:DeleteMountTarget", "ec2:DeleteNetworkInterface"),
        ),
        ("opensearch", "DescribeDomains", ("es:DescribeDomains",)),
        ("stepfunctions", "ListStateMachines", ("states:ListStateMachines",)),
        ("bedrock-agent", "ListAgents", ("bedrock:ListAgents",)),
        ("s3", "ListBuckets", ("s3:ListAllMyBuckets",)),
        ("s3", "DeleteObjects", ("s3:DeleteObject", "s3:DeleteObjectVersion")),
        ("s3", "GetPublicAccessBlock", ("s3:GetBucketPublicAccessBlock",)),
        ("s3control", "GetPublicAccessBlock", ("s3:GetAccountPublicAccessBlock",)),
        ("s3control", "ListAccessPoints", ("s3:ListAccessPoints",)),
        ("apigateway", "GetRestApis", ("apigateway:GET",)),
        ("apigateway", "TagResource", ("apigateway:PUT",)),
        ("apigatewayv2", "GetApis", ("apigateway:GET",)),
        ("apigatewayv2", "TagResource", ("apigateway:POST",)),
        ("lambda", "Invoke", ("lambda:InvokeFunction",)),
        ("resourcegroupstaggingapi", "GetResources", ("tag:GetResources",)),
        ("sso", "ListAccounts", ("sso:ListAccounts",)),
    ],
)
def test_a_call_needs_the_action_that_iam_has_for_it(
    client: str, operation: str, actions: tuple[str, ...]
) -> None:
    model = MODELS.get_service_model(client)
    assert operation in model.operation_names
    assert iam_actions(service_of(model), operation) == actions
    assert iam_action(service_of(model), operation) == actions[0]
    if client != "sso":  # its calls take a token of their own, and no policy
        assert unknown(actions) == []


def test_all_that_is_otherwise_exists_in_iam() -> None:
    assert "ec2:describevolumes" in known_actions()
    for service, calls in permissions._ACTIONS.items():
        for operation, actions in calls.items():
            assert unknown(actions) == [], (service, operation)


@pytest.mark.parametrize("service", sorted(permissions._ACTIONS))
def test_what_is_otherwise_is_of_calls_that_exist(service: str) -> None:
    clients = {
        service_of(model): model
        for model in map(MODELS.get_service_model, ("efs", "lambda", "s3", "s3control", "sqs"))
    }
    assert set(permissions._ACTIONS[service]) <= set(clients[service].operation_names)


def test_every_call_that_reads_or_deletes_in_s3_has_an_action() -> None:
    model = MODELS.get_service_model("s3")
    reading = [name for name in model.operation_names if name.startswith(("Delete", "Get", "Head", "List"))]
    missing = {name: unknown(iam_actions("s3", name)) for name in reading}
    assert {name for name, actions in missing.items() if actions} == {
        "DeleteBucketMetadataConfiguration",
        "GetBucketMetadataConfiguration",
        "ListDirectoryBuckets",  # of S3 Express, a service of its own in IAM
    }
    assert len(reading) > 60


@pytest.mark.parametrize("client", ["apigateway", "apigatewayv2"])
def test_actions_of_api_gateway_are_the_http_methods_of_its_calls(client: str) -> None:
    model = MODELS.get_service_model(client)
    for name in model.operation_names:
        if name.startswith(("Delete", "Get", "TagResource", "UntagResource")):
            (action,) = iam_actions(service_of(model), name)
            assert action == f"apigateway:{model.operation_model(name).http['method']}", name


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("Access Denied", None),
        ("You are not authorized to perform this operation.", None),
        (
            f"User: {USER} is not authorized to perform: elasticfilesystem:DescribeMountTargets on the "
            "specified resource",
            "elasticfilesystem:DescribeMountTargets",
        ),
        (
            f"User: {USER} is not authorized to perform: iam:ListRoles on resource: * because no "
            "identity-based policy allows the iam:ListRoles action",
            "iam:ListRoles",
        ),
        (
            f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: "
            "arn:aws:iam::222222222222:role/resoto",
            "sts:AssumeRole on arn:aws:iam::222222222222:role/resoto",
        ),
        (
            f'User: {USER} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::b/a.pdf" '
            "with an explicit deny in a resource-based policy",
            "s3:GetObject on arn:aws:s3:::b/a.pdf: an explicit deny in a resource-based policy",
        ),
        (
            f"User: {USER} is not authorized to perform: iam:ListRoles on resource: "
            "arn:aws:iam::123456789012:role/* with an explicit deny in a service control policy: "
            "arn:aws:organizations::987654321098:policy/o-qv5af4abcd/service_control_policy/p-2kgnabcd",
            "iam:ListRoles on arn:aws:iam::123456789012:role/*: "
            "an explicit deny in a service control policy, "
            "arn:aws:organizations::987654321098:policy/o-qv5af4abcd/service_control_policy/p-2kgnabcd",
        ),
        (
            "You are not authorized to perform this operation. "
            f"User: {USER} is not authorized to perform: ec2:RunInstances on resource: "
            "arn:aws:ec2:eu-west-1:123456789012:instance/* with an explicit deny in a permissions boundary: "
            "arn:aws:iam::123456789012:policy/limits. Encoded authorization failure message: a1b2C3",
            "ec2:RunInstances on arn:aws:ec2:eu-west-1:123456789012:instance/*: an explicit deny in a "
            "permissions boundary, arn:aws:iam::123456789012:policy/limits",
        ),
        (
            f"User: {USER} is not authorized to perform: kms:ListKeys with an explicit deny in an "
            "identity-based policy",
            "kms:ListKeys: an explicit deny in an identity-based policy",
        ),
        (
            f"User: {USER} is not authorized to perform: codecommit:ListRepositories on resource: "
            "arn:aws:codecommit:us-east-1:123456789012:* because no service control policy allows the "
            "codecommit:ListRepositories action",
            "codecommit:ListRepositories on arn:aws:codecommit:us-east-1:123456789012:*: "
            "no service control policy allows it",
        ),
        (
            f"User: {USER} is not authorized to perform: s3:ListAllMyBuckets because no VPC endpoint policy "
            "allows the s3:ListAllMyBuckets action",
            "s3:ListAllMyBuckets: no VPC endpoint policy allows it",
        ),
        (
            f"User: {USER} is not authorized to perform: sqs:ListQueues because no permissions boundary "
            "allows the sqs:ListQueues action",
            "sqs:ListQueues: no permissions boundary allows it",
        ),
    ],
)
def test_what_aws_says_of_a_refusal_is_told_without_the_user(message: str, told: str | None) -> None:
    assert refusal(message) == told


def error(code: str, message: str, service: str = "efs", operation: str = "DeleteMountTarget") -> Any:
    failed = ClientError({"Error": {"Code": code, "Message": message}}, operation)
    return api_error(failed, service_of(MODELS.get_service_model(service)), operation)


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        ("AccessDenied", "Access Denied", "AccessDenied: elasticfilesystem:DeleteMountTarget"),
        (
            "AccessDeniedException",
            f"User: {USER} is not authorized to perform: ec2:DeleteNetworkInterface on resource: *",
            "AccessDeniedException: ec2:DeleteNetworkInterface",
        ),
        (
            "NotAuthorizedException",
            f"{USER} is not authorized to perform: cognito-idp:ListUserPools",
            "NotAuthorizedException: cognito-idp:ListUserPools",
        ),
        (
            "IncorrectMountTargetState",
            "It is in use.",
            "IncorrectMountTargetState: elasticfilesystem:DeleteMountTarget: It is in use.",
        ),
    ],
)
def test_a_refused_call_names_the_action_that_is_missing(code: str, message: str, told: str) -> None:
    failed = error(code, message)
    assert (failed.code, str(failed)) == (code, told)


def test_a_refusal_is_one_line_of_bounded_length() -> None:
    long = f"User: x is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::{'b' * 1000}"
    told = str(error("AccessDenied", long))
    assert len(told) == 300
    assert told.startswith("AccessDenied: s3:GetObject on arn:aws:s3:::bbb")
