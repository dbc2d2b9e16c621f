"""What is read of CloudTrail's events, what is dropped, and what is no event."""

from typing import Any

import orjson
import pytest

from resoto_dagster.providers.aws.api_calls import ApiCall, Dropped, Malformed, read_api_call
from resoto_dagster_tests.providers.aws.cloudtrail import envelope
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, OTHER_ACCOUNT, REGION


def message(**detail: Any) -> str:
    return orjson.dumps(envelope("ec2", "CreateVolume", **detail)).decode()


def test_a_call_is_read() -> None:
    assert read_api_call(message()) == ApiCall("ec2", "CreateVolume", ACCOUNT, REGION)


@pytest.mark.parametrize(
    ("source", "name", "call"),
    [
        ("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", ("lambda", "UpdateFunctionCode")),
        ("lambda.amazonaws.com", "DeleteFunction20150331", ("lambda", "DeleteFunction")),
        ("cloudfront.amazonaws.com", "CreateDistribution2020_05_31", ("cloudfront", "CreateDistribution")),
        ("sagemaker.amazonaws.com", "CreateAutoMLJobV2", ("sagemaker", "CreateAutoMLJobV2")),
        ("ec2.amazonaws.com.cn", "RunInstances", ("ec2", "RunInstances")),
        ("cognito-idp.amazonaws.com", "CreateUserPool", ("cognito-idp", "CreateUserPool")),
    ],
)
def test_a_call_is_told_by_service_and_name_without_a_version(
    source: str, name: str, call: tuple[str, str]
) -> None:
    read = read_api_call(message(eventSource=source, eventName=name))
    assert (read.service, read.name) == call


def test_a_call_lies_in_the_account_of_the_resource() -> None:
    assert read_api_call(message(userIdentity={"accountId": OTHER_ACCOUNT})).account == ACCOUNT
    caller = message(recipientAccountId=None, userIdentity={"accountId": OTHER_ACCOUNT})
    assert read_api_call(caller).account == OTHER_ACCOUNT


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ({"readOnly": True}, "call that only reads"),
        ({"readOnly": None, "eventName": "DescribeVolumes"}, "call that only reads"),
        ({"readOnly": None, "eventName": "GetObject"}, "call that only reads"),
        ({"managementEvent": False}, "call on data"),
        ({"errorCode": "Client.DryRunOperation"}, "call that failed"),
    ],
)
def test_what_changes_nothing_is_dropped(detail: dict[str, Any], reason: str) -> None:
    with pytest.raises(Dropped, match=f"^{reason}$"):
        read_api_call(message(**detail))


def test_a_call_that_does_not_say_whether_it_reads_is_told_by_its_name() -> None:
    assert read_api_call(message(readOnly=None, eventName="Getaway")).name == "Getaway"


@pytest.mark.parametrize(
    "type_", ["AWS Console Sign In via CloudTrail", "EC2 Instance State-change Notification"]
)
def test_an_event_that_is_no_call_is_dropped(type_: str) -> None:
    with pytest.raises(Dropped, match=r"^no API call$"):
        read_api_call(orjson.dumps({"detail-type": type_, "detail": {}}).decode())


SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SECRET, "it is not JSON"),
        (f'["{SECRET}"]', "it has no detail-type"),
        (f'"{SECRET}"', "it has no detail-type"),
        (f'{{"detail-type": 5, "x": "{SECRET}"}}', "it has no detail-type"),
        (f'{{"detail-type": "AWS API Call via CloudTrail", "detail": "{SECRET}"}}', "it has no detail"),
        (message(eventName=None), "it has no eventName, or one that is none"),
        (message(eventName=f"Create {SECRET}"), "it has no eventName, or one that is none"),
        (message(eventName=["CreateVolume"]), "it has no eventName, or one that is none"),
        (message(eventName=""), "it has no eventName, or one that is none"),
        (message(eventSource="ec2.example.com"), "it has no eventSource, or one that is none"),
        (message(awsRegion="nowhere"), "it has no awsRegion, or one that is none"),
        (message(recipientAccountId=SECRET), "it has no recipientAccountId, or one that is none"),
        (
            message(recipientAccountId=None, userIdentity={"accountId": 5}),
            "it has no accountId, or one that is none",
        ),
        (message(recipientAccountId=None, userIdentity=SECRET), "it has no recipientAccountId, or one that"),
    ],
)
def test_what_is_no_event_is_told_without_what_it_says(text: str, reason: str) -> None:
    with pytest.raises(Malformed, match=f"^{reason}") as told:
        read_api_call(text)
    assert SECRET not in str(told.value)
    assert told.value.__cause__ is None
    assert "\n" not in str(told.value)
