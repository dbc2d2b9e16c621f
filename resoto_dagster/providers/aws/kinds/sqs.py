"""Queues of messages."""

import json
from collections.abc import Callable
from typing import Any

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging, Value
from resoto_dagster.providers.aws.kinds.kms import encrypted_with

_DAY = 24 * 60 * 60


def _attribute(name: str, convert: Callable[[str], Any] = str, absent: Any = None) -> Value:
    """One of the attributes of a queue, all of which SQS answers as texts."""
    return Value(f"Attributes.{name}", convert, absent)


def _is_true(text: str) -> bool:
    return text == "true"


def _name(url: str) -> str:
    return url.rpartition("/")[2]


def _redrive_policy(text: str) -> dict[str, Any]:
    policy = json.loads(text)
    return {
        "dead_letter_target_arn": policy["deadLetterTargetArn"],
        "max_receive_count": int(policy["maxReceiveCount"]),
    }


def _redrive_allow_policy(text: str) -> dict[str, Any]:
    policy = json.loads(text)
    allowed = {"redrive_permission": policy["redrivePermission"]}
    sources = policy.get("sourceQueueArns")
    return {**allowed, "source_queue_arns": sources} if sources else allowed


_QUEUE = AwsKind(
    name="aws_sqs_queue",
    description="A queue of messages; deleting it deletes every message in it.",
    bases=("queue",),
    service="sqs",
    # Without a page size SQS answers a thousand queues and does not say that there are more.
    api=Call(operation="list_queues", items="QueueUrls", params={"MaxResults": 1000}),
    details=(
        Detail(
            operation="get_queue_attributes",
            params={"QueueUrl": "QueueUrls"},
            const={"AttributeNames": ["All"]},
            result="Attributes",
            into="Attributes",
        ),
        Detail(operation="list_queue_tags", params={"QueueUrl": "QueueUrls"}, result="Tags", into="Tags"),
    ),
    id=Value("QueueUrls", _name),
    name_path=Value("QueueUrls", _name),
    arn="Attributes.QueueArn",
    prefix="sqs",
    ctime="Attributes.CreatedTimestamp",
    mtime="Attributes.LastModifiedTimestamp",
    properties={
        "queue_type": _attribute(
            "FifoQueue", lambda text: "fifo" if _is_true(text) else "standard", "standard"
        ),
        "approximate_message_count": _attribute("ApproximateNumberOfMessages", int),
        "message_retention_period_days": _attribute("MessageRetentionPeriod", lambda text: int(text) // _DAY),
        "sqs_queue_url": "QueueUrls",
        "sqs_approximate_number_of_messages": _attribute("ApproximateNumberOfMessages", int),
        "sqs_approximate_number_of_messages_not_visible": _attribute(
            "ApproximateNumberOfMessagesNotVisible", int
        ),
        "sqs_approximate_number_of_messages_delayed": _attribute("ApproximateNumberOfMessagesDelayed", int),
        "sqs_policy": _attribute("Policy", json.loads),
        "sqs_redrive_policy": _attribute("RedrivePolicy", _redrive_policy),
        "sqs_redrive_allow_policy": _attribute("RedriveAllowPolicy", _redrive_allow_policy),
        "sqs_fifo_queue": _attribute("FifoQueue", _is_true, False),
        "sqs_content_based_deduplication": _attribute("ContentBasedDeduplication", _is_true),
        "sqs_deduplication_scope": _attribute("DeduplicationScope"),
        "sqs_fifo_throughput_limit": _attribute("FifoThroughputLimit"),
        "sqs_kms_master_key_id": _attribute("KmsMasterKeyId"),
        "sqs_kms_data_key_reuse_period_seconds": _attribute("KmsDataKeyReusePeriodSeconds", int),
        "sqs_managed_sse_enabled": _attribute("SqsManagedSseEnabled", _is_true),
        "sqs_visibility_timeout": _attribute("VisibilityTimeout", int),
        "sqs_maximum_message_size": _attribute("MaximumMessageSize", int),
        "sqs_message_retention_period": _attribute("MessageRetentionPeriod", int),
        "sqs_delay_seconds": _attribute("DelaySeconds", int),
        "sqs_receive_message_wait_time_seconds": _attribute("ReceiveMessageWaitTimeSeconds", int),
    },
    drop=("Attributes",),
    links=(
        Link(
            kind="aws_sqs_queue",
            path=_attribute("RedrivePolicy", lambda text: _redrive_policy(text)["dead_letter_target_arn"]),
            by="arn",
        ),
        *encrypted_with("Attributes.KmsMasterKeyId"),
    ),
    read={"QueueNamePrefix": "name"},
    missing=("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
    delete=(Step(operation="delete_queue", params={"QueueUrl": "sqs_queue_url"}),),
    tagging=Tagging(
        upsert="tag_queue", remove="untag_queue", params={"QueueUrl": "sqs_queue_url"}, tags_form="map"
    ),
    volatile=(
        "approximate_message_count",
        "sqs_approximate_number_of_messages",
        "sqs_approximate_number_of_messages_delayed",
        "sqs_approximate_number_of_messages_not_visible",
    ),
)

KINDS = (_QUEUE,)
