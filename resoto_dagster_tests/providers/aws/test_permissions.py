"""The IAM actions of calls, where they are named as the call is and where not."""

import pytest

from resoto_dagster.providers.aws.permissions import iam_action, iam_actions


@pytest.mark.parametrize(
    ("signed_for", "operation", "actions"),
    [
        ("ec2", "DescribeVolumes", ("ec2:DescribeVolumes",)),
        ("monitoring", "DescribeAlarms", ("cloudwatch:DescribeAlarms",)),
        ("s3", "DeleteObjects", ("s3:DeleteObject", "s3:DeleteObjectVersion")),
        ("s3", "DeleteBucket", ("s3:DeleteBucket",)),
        ("sqs", "DeleteMessageBatch", ("sqs:DeleteMessage",)),
        ("apigateway", "GetRestApis", ("apigateway:GET",)),
        ("apigateway", "DeleteStage", ("apigateway:DELETE",)),
        ("apigateway", "TagResource", ("apigateway:PUT",)),
        ("apigateway", "UntagResource", ("apigateway:DELETE",)),
    ],
)
def test_actions(signed_for: str, operation: str, actions: tuple[str, ...]) -> None:
    assert iam_actions(signed_for, operation) == actions
    assert iam_action(signed_for, operation) == actions[0]
