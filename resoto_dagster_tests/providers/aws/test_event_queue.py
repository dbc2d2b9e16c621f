"""The queue of events on moto's SQS: what is handed out, what is dropped, what comes again."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from resoto_dagster.model.resource import Scope
from resoto_dagster.providers.aws import event_queue, provider
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.aws.settings import AwsSettings
from resoto_dagster.providers.base import EventSource, ProviderError, Received
from resoto_dagster_tests.providers.aws.cloudtrail import SECRET, Queue
from resoto_dagster_tests.providers.aws.front import Front
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, OTHER_ACCOUNT, OTHER_REGION, REGION

Client = Callable[..., Any]

UNKNOWN_ACCOUNT = "333333333333"


def open_events(**settings: Any) -> EventSource:
    section = {"events": {"queue": "resoto-events", "region": REGION}, "regions": [REGION]}
    return provider.open_events(AwsSettings.model_validate(section | settings))


def received(*kinds: str, **settings: Any) -> Received:
    """What one look into the queue brings; of all kinds unless some are named."""
    source = open_events(**settings)
    try:
        return source.receive(kinds or tuple(KINDS))
    finally:
        source.close()


def scope(kind: str, region: str = REGION, account: str = ACCOUNT) -> Scope:
    return Scope("aws", account, region, kind)


VOLUMES = {scope("aws_ec2_volume"), scope("aws_ec2_volume_type")}


def test_an_event_is_handed_out_with_what_it_touches(queue: Queue) -> None:
    message = queue.tell("ec2", "CreateVolume")
    (event,) = received().events
    assert (event.id, event.name) == (message, "ec2:CreateVolume")
    assert event.scopes == VOLUMES
    assert queue.left() == 1, "it stays in the queue"


def test_only_configured_kinds_count(queue: Queue) -> None:
    queue.tell("ec2", "CreateVolume")
    (event,) = received("aws_ec2_volume", "aws_vpc").events
    assert event.scopes == {scope("aws_ec2_volume")}


@pytest.mark.parametrize("region", [REGION, OTHER_REGION])
def test_what_belongs_to_the_whole_account_is_touched_in_the_region_global(queue: Queue, region: str) -> None:
    queue.tell("s3", "CreateBucket", awsRegion=region)
    (event,) = received("aws_s3_bucket").events
    assert event.scopes == {scope("aws_s3_bucket", "global")}


def test_an_empty_queue_is_no_error_and_asks_nothing_else(queue: Queue, front: Front) -> None:
    assert received(accounts=[{"id": OTHER_ACCOUNT, "role": "resoto"}]) == Received((), {})
    assert [asked.service for asked in front.requests] == ["sts", "sqs", "sqs"]


def test_what_concerns_nothing_that_is_collected_is_dropped_counted_and_deleted(queue: Queue) -> None:
    queue.tell("ec2", "DescribeVolumes", readOnly=True)
    queue.tell("ec2", "CreateVolume", errorCode="Client.UnauthorizedOperation")
    for _ in range(2):
        queue.tell("appmesh", "CreateMesh")
    queue.tell("logs", "CreateLogStream")
    queue.tell("iam", "CreateRole")
    queue.tell("ec2", "CreateVolume", recipientAccountId=UNKNOWN_ACCOUNT)
    queue.tell("ec2", "CreateVolume", awsRegion=OTHER_REGION)
    wanted = queue.tell("ec2", "CreateVolume")

    found = received("aws_ec2_volume", "aws_cloudwatch_log_group")

    assert [event.id for event in found.events] == [wanted]
    assert found.dropped == {
        "call that only reads": 1,
        "call that failed": 1,
        "call of a service without kinds": 2,
        "call that changes no resource": 1,
        "call on kinds that are not configured": 1,
        "call in an account that is not configured": 1,
        "call in a region that is not configured": 1,
    }
    assert queue.left() == 1


def test_each_account_has_its_own_regions(queue: Queue) -> None:
    for account in (ACCOUNT, OTHER_ACCOUNT):
        for region in (REGION, OTHER_REGION):
            queue.tell("ec2", "CreateVolume", recipientAccountId=account, awsRegion=region)
    found = received(
        "aws_ec2_volume",
        accounts=[{"id": ACCOUNT}, {"id": OTHER_ACCOUNT, "role": "resoto", "regions": [OTHER_REGION]}],
    )
    assert {one for event in found.events for one in event.scopes} == {
        scope("aws_ec2_volume", REGION, ACCOUNT),
        scope("aws_ec2_volume", OTHER_REGION, OTHER_ACCOUNT),
    }
    assert found.dropped == {"call in a region that is not configured": 2}


def test_the_accounts_of_an_organization_are_configured(queue: Queue, client: Client) -> None:
    api = client("organizations")
    api.create_organization(FeatureSet="ALL")
    made = api.create_account(AccountName="one", Email="one@example.com")
    member = made["CreateAccountStatus"]["AccountId"]
    for account in (member, UNKNOWN_ACCOUNT):
        queue.tell("ec2", "CreateVolume", recipientAccountId=account)
    found = received("aws_ec2_volume", organization={})
    assert [event.scopes for event in found.events] == [{scope("aws_ec2_volume", account=member)}]
    assert found.dropped == {"call in an account that is not configured": 1}


def test_nothing_is_dropped_for_its_account_while_an_account_can_not_be_told(
    queue: Queue, front: Front
) -> None:
    queue.tell("ec2", "CreateVolume", recipientAccountId=UNKNOWN_ACCOUNT)
    queue.tell("ec2", "CreateVolume", recipientAccountId=OTHER_ACCOUNT)
    front.refuse(lambda asked: asked.service == "organizations")
    found = received("aws_ec2_volume", organization={})
    assert {one.account for event in found.events for one in event.scopes} == {UNKNOWN_ACCOUNT, OTHER_ACCOUNT}
    assert found.dropped == {}


def test_a_malformed_message_is_told_in_one_line_and_deleted(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    broken = queue.put(f"{{ {SECRET}")
    wanted = queue.tell("ec2", "CreateVolume")
    with caplog.at_level(logging.DEBUG, logger="resoto_dagster"):
        found = received()
    assert [event.id for event in found.events] == [wanted]
    assert found.dropped == {"malformed message": 1}
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        f"message {broken} is deleted, since it is no event: it is not JSON"
    ]
    assert queue.left() == 1
    assert SECRET not in caplog.text
    assert SECRET not in repr(found)


def test_an_event_comes_again_until_it_is_forgotten(queue: Queue) -> None:
    message = queue.tell("ec2", "CreateVolume")
    source = open_events()
    (first,) = source.receive(KINDS).events
    assert source.receive(KINDS).events == (), "it is hidden for a while"
    queue.show_again()
    (second,) = source.receive(KINDS).events
    assert first.id == second.id == message
    source.forget([second.receipt])
    assert queue.left() == 0
    source.close()


def test_the_receipt_of_a_message_that_is_shown_again_deletes_it(queue: Queue) -> None:
    queue.tell("ec2", "CreateVolume")
    source = open_events()
    (event,) = source.receive(KINDS).events
    queue.show_again()
    source.forget([event.receipt])
    assert queue.left() == 0
    source.close()


def test_as_many_as_there_are_come_at_once(queue: Queue) -> None:
    made = {queue.tell("ec2", "CreateVolume") for _ in range(25)}
    source = open_events()
    events = source.receive(KINDS).events
    assert {event.id for event in events} == made
    source.forget([event.receipt for event in events])
    assert queue.left() == 0
    source.close()


def test_no_more_come_than_fit(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_queue, "MOST_MESSAGES", 20)
    for _ in range(25):
        queue.tell("ec2", "CreateVolume")
    assert len(received().events) == 20
    assert len(received().events) == 5


def test_receiving_ends_in_time_however_many_come(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_queue, "LONGEST_SECONDS", 0)
    queue.tell("ec2", "CreateVolume")
    assert received().events == ()


def test_the_waits_fit_into_a_tick_and_a_hidden_message_outlasts_it() -> None:
    longest = event_queue.WAIT_SECONDS + event_queue.LONGEST_SECONDS
    assert longest < 60, "Dagster gives a tick a minute"
    assert event_queue.WAIT_SECONDS <= 20, "SQS waits no longer"
    assert 2 * longest < event_queue.HIDDEN_SECONDS


def test_a_queue_may_be_named_by_its_url_and_be_in_another_account(queue: Queue, client: Client) -> None:
    other = client("sqs", account=OTHER_ACCOUNT)
    theirs = Queue(other, other.create_queue(QueueName="theirs")["QueueUrl"])
    message = theirs.tell("ec2", "CreateVolume")
    account = {"id": OTHER_ACCOUNT, "role": "resoto"}
    found = received(events={"queue": theirs.url, "region": REGION, "account": account})
    assert [event.id for event in found.events] == [message]


@pytest.mark.parametrize(
    ("events", "error"),
    [
        ({"queue": "missing", "region": REGION}, "sqs:GetQueueUrl"),
        (
            {"queue": "resoto-events", "region": REGION, "account": {"id": OTHER_ACCOUNT}},
            f"the credentials for account {OTHER_ACCOUNT} belong to account {ACCOUNT}",
        ),
    ],
)
def test_a_queue_that_can_not_be_read_is_an_error(queue: Queue, events: Any, error: str) -> None:
    with pytest.raises(ProviderError, match=error):
        received(events=events)


def test_what_may_not_be_received_and_deleted_is_told(queue: Queue, front: Front) -> None:
    queue.tell("ec2", "CreateVolume")
    source = open_events()
    (event,) = source.receive(KINDS).events
    front.refuse(lambda asked: asked.service == "sqs")
    with pytest.raises(ProviderError, match="sqs:DeleteMessage"):
        source.forget([event.receipt])
    with pytest.raises(ProviderError, match="sqs:ReceiveMessage"):
        source.receive(KINDS)
    source.close()


def test_messages_that_are_not_deleted_are_counted(queue: Queue) -> None:
    queue.tell("ec2", "CreateVolume")
    source = open_events()
    (event,) = source.receive(KINDS).events
    with pytest.raises(ProviderError, match=r"^ReceiptHandleIsInvalid: 1 of 2 messages were not deleted$"):
        source.forget(["made-up", event.receipt])
    assert queue.left() == 0, "the other one is"
    source.close()
