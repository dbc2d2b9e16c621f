"""Topics and who is subscribed to them, and the apps on mobile devices that are notified."""

import json
from collections.abc import Callable
from typing import Any

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging, Value
from resoto_dagster.providers.aws.kinds.kms import encrypted_with

_MISSING = ("NotFound", "ResourceNotFound")


def _attribute(name: str, convert: Callable[[str], Any] = str, absent: Any = None) -> Value:
    """One of the attributes, all of which SNS answers as texts."""
    return Value(f"Attributes.{name}", convert, absent)


def _is_true(text: str) -> bool:
    return text.lower() == "true"


def _last_of(separator: str) -> Callable[[str], str]:
    return lambda arn: arn.rpartition(separator)[2]


def _endpoint_of(protocol: str) -> Value:
    """The ARN of what a subscription delivers to by that protocol."""
    return Value(("Protocol", "Endpoint"), lambda its, endpoint: endpoint if its == protocol else None)


_TOPIC = AwsKind(
    name="aws_sns_topic",
    description="A topic, to which messages are published for all that subscribe to it.",
    service="sns",
    api=Call(operation="list_topics", items="Topics"),
    details=(
        Detail(
            operation="get_topic_attributes",
            params={"TopicArn": "TopicArn"},
            result="Attributes",
            into="Attributes",
        ),
        Detail(
            operation="list_tags_for_resource", params={"ResourceArn": "TopicArn"}, result="Tags", into="Tags"
        ),
    ),
    id="TopicArn",
    name_path=Value("TopicArn", _last_of(":")),
    arn="TopicArn",
    prefix="topic",
    properties={
        "topic_display_name": _attribute("DisplayName"),
        "topic_subscriptions_confirmed": _attribute("SubscriptionsConfirmed", int),
        "topic_subscriptions_deleted": _attribute("SubscriptionsDeleted", int),
        "topic_subscriptions_pending": _attribute("SubscriptionsPending", int),
        "topic_policy": _attribute("Policy", json.loads),
        "topic_delivery_policy": _attribute("DeliveryPolicy"),
        "topic_effective_delivery_policy": _attribute("EffectiveDeliveryPolicy"),
        "topic_owner": _attribute("Owner"),
        "topic_kms_master_key_id": _attribute("KmsMasterKeyId"),
        "topic_fifo_topic": _attribute("FifoTopic", _is_true, False),
        "topic_content_based_deduplication": _attribute("ContentBasedDeduplication", _is_true, False),
        "topic_signature_version": _attribute("SignatureVersion"),
        "topic_tracing_config": _attribute("TracingConfig"),
    },
    drop=("Attributes",),
    links=encrypted_with("Attributes.KmsMasterKeyId"),
    missing=_MISSING,
    delete=(Step(operation="delete_topic", params={"TopicArn": "arn"}),),
    tagging=Tagging(upsert="tag_resource", remove="untag_resource", params={"ResourceArn": "arn"}),
    takes_along=("aws_sns_subscription",),
    changing=(
        "topic_subscriptions_confirmed",
        "topic_subscriptions_deleted",
        "topic_subscriptions_pending",
    ),
)

_SUBSCRIPTION = AwsKind(
    name="aws_sns_subscription",
    description="The subscription of a queue, a function, an address or an app to a topic.",
    service="sns",
    api=Call(operation="list_subscriptions", items="Subscriptions"),
    details=(
        Detail(
            operation="get_subscription_attributes",
            params={"SubscriptionArn": "SubscriptionArn"},
            result="Attributes",
            into="Attributes",
        ),
    ),
    id="SubscriptionArn",
    name_path="SubscriptionArn",
    arn="SubscriptionArn",
    prefix="subscription",
    properties={
        "subscription_confirmation_was_authenticated": _attribute("ConfirmationWasAuthenticated", _is_true),
        "subscription_delivery_policy": _attribute("DeliveryPolicy"),
        "subscription_effective_delivery_policy": _attribute("EffectiveDeliveryPolicy"),
        "subscription_filter_policy": _attribute("FilterPolicy"),
        "subscription_filter_policy_scope": _attribute("FilterPolicyScope"),
        "subscription_pending_confirmation": _attribute("PendingConfirmation", _is_true),
        "subscription_raw_message_delivery": _attribute("RawMessageDelivery", _is_true),
        "subscription_redrive_policy": _attribute("RedrivePolicy"),
        "subscription_role_arn": _attribute("SubscriptionRoleArn"),
    },
    drop=("Attributes",),
    links=(
        Link(kind="aws_sns_topic", path="TopicArn", by="arn", parent=True),
        Link(kind="aws_iam_role", path="Attributes.SubscriptionRoleArn", by="arn", delete="before"),
        Link(kind="aws_sqs_queue", path=_endpoint_of("sqs"), by="arn"),
        Link(kind="aws_lambda_function", path=_endpoint_of("lambda"), by="arn"),
    ),
    missing=_MISSING,
    # What nobody has confirmed yet can't be named, nor ended, and ends by itself if nobody does.
    gone=("SubscriptionArn", ("Deleted", "PendingConfirmation")),
    delete=(Step(operation="unsubscribe", params={"SubscriptionArn": "arn"}),),
)

# Where there are no notifications for mobile devices, SNS does not know the call.
_APPLICATIONS = Call(
    operation="list_platform_applications", items="PlatformApplications", absent=("InvalidAction",)
)

_PLATFORM_APPLICATION = AwsKind(
    name="aws_sns_platform_application",
    description="An app as a service for mobile devices knows it, which notifies its installations.",
    service="sns",
    api=_APPLICATIONS,
    id="PlatformApplicationArn",
    name_path=Value("PlatformApplicationArn", _last_of("/")),
    arn="PlatformApplicationArn",
    prefix="application",
    # Of the attributes only those are kept that are no credentials.
    properties={
        "application_enabled": _attribute("Enabled", _is_true),
        "application_apple_certificate_expiry_date": _attribute("AppleCertificateExpiryDate"),
        "application_apple_platform_team_id": _attribute("ApplePlatformTeamID"),
        "application_apple_platform_bundle_id": _attribute("ApplePlatformBundleID"),
        "application_event_endpoint_created": _attribute("EventEndpointCreated"),
        "application_event_endpoint_deleted": _attribute("EventEndpointDeleted"),
        "application_event_endpoint_updated": _attribute("EventEndpointUpdated"),
        "application_event_endpoint_failure": _attribute("EventDeliveryFailure"),
    },
    drop=("Attributes",),
    links=tuple(
        Link(kind="aws_sns_topic", path=f"Attributes.{event}", by="arn")
        for event in (
            "EventEndpointCreated",
            "EventEndpointDeleted",
            "EventEndpointUpdated",
            "EventDeliveryFailure",
        )
    ),
    missing=_MISSING,
    delete=(Step(operation="delete_platform_application", params={"PlatformApplicationArn": "arn"}),),
    takes_along=("aws_sns_endpoint",),
)

_ENDPOINT = AwsKind(
    name="aws_sns_endpoint",
    description="An app's installation on a mobile device, which can be notified.",
    service="sns",
    api=Call(
        operation="list_endpoints_by_platform_application",
        items="Endpoints",
        params={"PlatformApplicationArn": "item.PlatformApplicationArn"},
        each=_APPLICATIONS,
        owner="Application",
    ),
    id="EndpointArn",
    name_path=Value("EndpointArn", _last_of("/")),
    arn="EndpointArn",
    prefix="endpoint",
    properties={
        "endpoint_enabled": _attribute("Enabled", _is_true),
        "endpoint_token": _attribute("Token"),
        "endpoint_platform_application_arn": "Application.PlatformApplicationArn",
    },
    drop=("Attributes", "Application"),
    links=(
        Link(
            kind="aws_sns_platform_application",
            path="Application.PlatformApplicationArn",
            by="arn",
            parent=True,
        ),
    ),
    read={"item.PlatformApplicationArn": "endpoint_platform_application_arn"},
    missing=_MISSING,
    delete=(Step(operation="delete_endpoint", params={"EndpointArn": "arn"}),),
)

KINDS = (_TOPIC, _SUBSCRIPTION, _PLATFORM_APPLICATION, _ENDPOINT)
