"""Topics, subscriptions, apps and their installations, from the API's answer to their deletion."""

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

SNS = f"arn:aws:sns:{REGION}:{ACCOUNT}"
NEWS = f"{SNS}:news"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:resize"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deliver"
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sns:*", "Principal": "*"}]}


@pytest.fixture
def news(client):
    """A topic with two subscribers; the ARNs of the subscriptions, the queue's and then the address's."""
    sns = client("sns")
    sns.create_topic(
        Name="news",
        Attributes={
            "DisplayName": "The news",
            "KmsMasterKeyId": "alias/news",
            "Policy": json.dumps(POLICY),
        },
        Tags=[{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}],
    )
    subscribed = [
        sns.subscribe(
            TopicArn=NEWS, Protocol="sqs", Endpoint=QUEUE, Attributes={"RawMessageDelivery": "true"}
        ),
        sns.subscribe(TopicArn=NEWS, Protocol="email", Endpoint="ann@example.org"),
    ]
    return [answer["SubscriptionArn"] for answer in subscribed]


def test_properties_and_edges_of_a_topic(news, client, collect_kind):
    client("sns").create_topic(Name="ordered.fifo", Attributes={"FifoTopic": "true"})

    topic, ordered = collect_kind("aws_sns_topic")

    assert (topic.id, topic.name, topic.region) == (NEWS, "news", REGION)
    assert topic.tags == {"owner": "web", "env": "test"}
    effective = topic.properties.pop("topic_effective_delivery_policy")
    assert "defaultHealthyRetryPolicy" in effective
    assert topic.properties == {
        "arn": NEWS,
        "topic_content_based_deduplication": False,
        "topic_delivery_policy": "",
        "topic_display_name": "The news",
        "topic_fifo_topic": False,
        "topic_kms_master_key_id": "alias/news",
        "topic_owner": ACCOUNT,
        "topic_policy": POLICY,
        "topic_subscriptions_confirmed": 0,
        "topic_subscriptions_deleted": 0,
        "topic_subscriptions_pending": 0,
    }
    assert set(topic.edges) == {belongs_to("aws_region", REGION)}
    assert ordered.tags == {}
    assert ordered.properties["topic_fifo_topic"] is True


def test_a_topic_is_read_tagged_and_deleted_with_its_subscriptions(news, collect_kind, session):
    (topic,) = collect_kind("aws_sns_topic")
    known = stored(topic)
    assert session.read(known) == topic
    for subscription in collect_kind("aws_sns_subscription"):
        assert session.goes_along(stored(subscription), known)

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_sns_topic") == []
    assert collect_kind("aws_sns_subscription") == []
    session.delete(known)  # what is gone already is no error


def test_properties_and_edges_of_subscriptions(news, collect_kind):
    found = {subscription.id: subscription for subscription in collect_kind("aws_sns_subscription")}

    assert set(found) == set(news)
    queue, address = found[news[0]], found[news[1]]
    assert (queue.name, queue.region, queue.tags) == (queue.id, REGION, {})
    assert queue.properties == {
        "arn": queue.id,
        "subscription_confirmation_was_authenticated": True,
        "subscription_endpoint": QUEUE,
        "subscription_owner": ACCOUNT,
        "subscription_pending_confirmation": False,
        "subscription_protocol": "sqs",
        "subscription_raw_message_delivery": True,
        "subscription_topic_arn": NEWS,
    }
    assert set(queue.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_sns_topic", NEWS, "arn"),
        uses("aws_sqs_queue", QUEUE, "arn"),
    }
    assert set(address.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_sns_topic", NEWS, "arn"),
    }


def test_what_else_there_is_to_a_subscription():
    subscription = map_item(
        "aws_sns_subscription",
        {
            "SubscriptionArn": f"{NEWS}:1",
            "Protocol": "lambda",
            "Endpoint": FUNCTION,
            "Attributes": {
                "ConfirmationWasAuthenticated": "true",
                "DeliveryPolicy": "{}",
                "EffectiveDeliveryPolicy": "{}",
                "FilterPolicy": '{"kind":["a"]}',
                "FilterPolicyScope": "MessageBody",
                "PendingConfirmation": "false",
                "RedrivePolicy": "{}",
                "SubscriptionRoleArn": ROLE,
            },
        },
    )

    assert subscription.properties == {
        "arn": f"{NEWS}:1",
        "subscription_confirmation_was_authenticated": True,
        "subscription_delivery_policy": "{}",
        "subscription_effective_delivery_policy": "{}",
        "subscription_endpoint": FUNCTION,
        "subscription_filter_policy": '{"kind":["a"]}',
        "subscription_filter_policy_scope": "MessageBody",
        "subscription_pending_confirmation": False,
        "subscription_protocol": "lambda",
        "subscription_redrive_policy": "{}",
        "subscription_role_arn": ROLE,
    }
    assert set(subscription.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_lambda_function", FUNCTION, "arn"),
        uses("aws_iam_role", ROLE, "arn"),
        goes_before("aws_iam_role", ROLE, "arn"),
    }


def test_what_nobody_confirmed_is_no_subscription_yet(synthetic, collect_kind):
    arns = ("PendingConfirmation", f"{NEWS}:1", "PendingConfirmation", "Deleted")
    subscriptions = [{"SubscriptionArn": arn, "TopicArn": NEWS, "Protocol": "email"} for arn in arns]
    synthetic.answer("sns", "ListSubscriptions", {"Subscriptions": subscriptions})
    synthetic.answer("sns", "GetSubscriptionAttributes", {"Attributes": {"RawMessageDelivery": "false"}})

    assert [found.id for found in collect_kind("aws_sns_subscription")] == [f"{NEWS}:1"]
    assert synthetic.asked("sns", "GetSubscriptionAttributes") == [{"SubscriptionArn": f"{NEWS}:1"}]


def test_a_subscription_is_read_and_deleted(news, collect_kind, session):
    found = {subscription.id: subscription for subscription in collect_kind("aws_sns_subscription")}
    known = stored(found[news[0]])
    assert session.read(known) == found[news[0]]

    session.delete(known)

    assert session.read(known) is None
    assert collect_kind("aws_sns_subscription") == [found[news[1]]]
    session.delete(known)  # what is gone already is no error


@pytest.fixture
def app(client):
    """An app with an installation; the ARNs of both."""
    sns = client("sns")
    application = sns.create_platform_application(
        Name="shop",
        Platform="APNS",
        Attributes={
            "EventDeliveryFailure": NEWS,
            "EventEndpointCreated": NEWS,
            "PlatformCredential": "hidden-value",
            "PlatformPrincipal": "hidden-value",
        },
    )["PlatformApplicationArn"]
    endpoint = sns.create_platform_endpoint(PlatformApplicationArn=application, Token="a-device")
    return application, endpoint["EndpointArn"]


def test_properties_and_edges_of_an_app(app, collect_kind):
    arn, _ = app

    (application,) = collect_kind("aws_sns_platform_application")

    assert (application.id, application.name, application.region) == (arn, "shop", REGION)
    assert application.properties == {
        "arn": arn,
        "application_event_endpoint_created": NEWS,
        "application_event_endpoint_failure": NEWS,
    }
    assert set(application.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_sns_topic", NEWS, "arn"),
    }
    assert "hidden-value" not in str(application)


def test_what_apple_knows_of_an_app():
    application = map_item(
        "aws_sns_platform_application",
        {
            "PlatformApplicationArn": f"{SNS}:app/APNS/shop",
            "Attributes": {
                "AppleCertificateExpiryDate": "2030-01-01T00:00:00Z",
                "ApplePlatformBundleID": "org.example.shop",
                "ApplePlatformTeamID": "TEAM",
                "Enabled": "true",
                "EventEndpointDeleted": f"{SNS}:deleted",
                "EventEndpointUpdated": f"{SNS}:updated",
            },
        },
    )

    assert application.properties == {
        "arn": f"{SNS}:app/APNS/shop",
        "application_apple_certificate_expiry_date": "2030-01-01T00:00:00Z",
        "application_apple_platform_bundle_id": "org.example.shop",
        "application_apple_platform_team_id": "TEAM",
        "application_enabled": True,
        "application_event_endpoint_deleted": f"{SNS}:deleted",
        "application_event_endpoint_updated": f"{SNS}:updated",
    }


def test_properties_and_edges_of_an_installation(app, collect_kind):
    application, arn = app

    (endpoint,) = collect_kind("aws_sns_endpoint")

    assert (endpoint.id, endpoint.name, endpoint.region) == (arn, arn.rpartition("/")[2], REGION)
    assert endpoint.properties == {
        "arn": arn,
        "endpoint_enabled": True,
        "endpoint_platform_application_arn": application,
        "endpoint_token": "a-device",
    }
    assert set(endpoint.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_sns_platform_application", application, "arn"),
    }


def test_an_installation_is_read_and_deleted(app, collect_kind, session):
    (endpoint,) = collect_kind("aws_sns_endpoint")
    known = stored(endpoint)
    assert session.read(known) == endpoint

    session.delete(known)

    assert session.read(known) is None
    assert collect_kind("aws_sns_endpoint") == []
    assert len(collect_kind("aws_sns_platform_application")) == 1


def test_an_app_is_read_and_deleted_with_its_installations(app, collect_kind, session):
    (application,), (endpoint,) = (
        collect_kind("aws_sns_platform_application"),
        collect_kind("aws_sns_endpoint"),
    )
    known = stored(application)
    assert session.read(known) == application
    assert session.goes_along(stored(endpoint), known)

    session.delete(known)

    assert session.read(known) is None
    assert session.read(stored(endpoint)) is None
    assert collect_kind("aws_sns_endpoint") == []


@pytest.mark.parametrize("kind", ["aws_sns_platform_application", "aws_sns_endpoint"])
def test_a_region_that_notifies_no_devices_has_no_apps(kind, synthetic, collect_kind):
    synthetic.refuse("sns", "ListPlatformApplications", "InvalidAction")

    assert collect_kind(kind) == []
