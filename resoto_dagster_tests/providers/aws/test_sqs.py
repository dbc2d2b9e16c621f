"""Queues, from the API's answer to their deletion."""

import json

import pytest

from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION, belongs_to, stored, uses

ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Principal": "*"}]}


@pytest.fixture
def orders(client):
    """A queue of orders with a dead-letter queue."""
    sqs = client("sqs")
    sqs.create_queue(QueueName="dead")
    answer = sqs.create_queue(
        QueueName="orders",
        Attributes={
            "DelaySeconds": "5",
            "KmsMasterKeyId": "alias/orders",
            "MaximumMessageSize": "262144",
            "MessageRetentionPeriod": "345600",
            "Policy": json.dumps(POLICY),
            "ReceiveMessageWaitTimeSeconds": "20",
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": f"{ARN}dead", "maxReceiveCount": 3}),
            "SqsManagedSseEnabled": "false",
            "VisibilityTimeout": "45",
        },
        tags={"owner": "web", "env": "test"},
    )
    return answer["QueueUrl"]


def test_properties_and_edges(orders, client, collect_kind):
    client("sqs").send_message(QueueUrl=orders, MessageBody="one", DelaySeconds=0)

    dead, queue = collect_kind("aws_sqs_queue")

    assert (queue.id, queue.name, queue.region) == ("orders", "orders", REGION)
    assert queue.tags == {"owner": "web", "env": "test"}
    assert queue.ctime is not None
    assert queue.mtime == queue.ctime
    assert queue.properties == {
        "arn": f"{ARN}orders",
        "approximate_message_count": 1,
        "message_retention_period_days": 4,
        "queue_type": "standard",
        "sqs_approximate_number_of_messages": 1,
        "sqs_approximate_number_of_messages_delayed": 0,
        "sqs_approximate_number_of_messages_not_visible": 0,
        "sqs_delay_seconds": 5,
        "sqs_fifo_queue": False,
        "sqs_kms_data_key_reuse_period_seconds": 300,
        "sqs_kms_master_key_id": "alias/orders",
        "sqs_managed_sse_enabled": False,
        "sqs_maximum_message_size": 262144,
        "sqs_message_retention_period": 345600,
        "sqs_policy": POLICY,
        "sqs_queue_url": orders,
        "sqs_receive_message_wait_time_seconds": 20,
        "sqs_redrive_policy": {"dead_letter_target_arn": f"{ARN}dead", "max_receive_count": 3},
        "sqs_visibility_timeout": 45,
    }
    assert set(queue.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_sqs_queue", f"{ARN}dead", "arn"),
    }
    assert dead.tags == {}
    assert set(dead.edges) == {belongs_to("aws_region", REGION)}


def test_a_queue_that_keeps_the_order(client, collect_kind):
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    client("sqs").create_queue(QueueName="ordered.fifo", Attributes=attributes)

    (queue,) = collect_kind("aws_sqs_queue")

    assert queue.properties["queue_type"] == "fifo"
    assert queue.properties["sqs_fifo_queue"] is True
    assert queue.properties["sqs_content_based_deduplication"] is True
    assert queue.properties["sqs_deduplication_scope"] == "queue"
    assert queue.properties["sqs_fifo_throughput_limit"] == "perQueue"


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        ({"redrivePermission": "denyAll"}, {"redrive_permission": "denyAll"}),
        (
            {"redrivePermission": "byQueue", "sourceQueueArns": [f"{ARN}orders"]},
            {"redrive_permission": "byQueue", "source_queue_arns": [f"{ARN}orders"]},
        ),
    ],
)
def test_who_may_use_it_as_dead_letter_queue(policy, allowed):
    item = {"QueueUrls": "https://sqs/dead", "Attributes": {"RedriveAllowPolicy": json.dumps(policy)}}

    assert map_item("aws_sqs_queue", item).properties["sqs_redrive_allow_policy"] == allowed


def test_messages_that_come_and_go_are_no_change():
    assert set(KINDS["aws_sqs_queue"].volatile) == {
        "approximate_message_count",
        "sqs_approximate_number_of_messages",
        "sqs_approximate_number_of_messages_delayed",
        "sqs_approximate_number_of_messages_not_visible",
    }


@pytest.mark.slow
def test_more_queues_than_sqs_answers_at_once(client, collect_kind, session):
    for number in range(1002):
        client("sqs").create_queue(QueueName=f"queue-{number:04}")

    found = collect_kind("aws_sqs_queue")

    assert len(found) == 1002
    assert session.read(stored(found[-1])) == found[-1]


def test_is_read_tagged_and_deleted(orders, collect_kind, session):
    dead, queue = collect_kind("aws_sqs_queue")
    known = stored(queue)
    assert session.read(known) == queue

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_sqs_queue") == [dead]
    session.delete(known)  # what is gone already is no error


def test_a_queue_whose_name_begins_like_a_deleted_one_is_another(client, collect_kind, session):
    for name in ("jobs", "jobs-old"):
        client("sqs").create_queue(QueueName=name)
    jobs, _ = collect_kind("aws_sqs_queue")

    session.delete(stored(jobs))

    assert session.read(stored(jobs)) is None
