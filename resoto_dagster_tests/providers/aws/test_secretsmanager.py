"""Secrets, from the API's answer to their deletion."""

import pytest

from resoto_dagster.providers.base import ProviderError
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    OTHER_REGION,
    REGION,
    belongs_to,
    stored,
    uses,
)

LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotate"


@pytest.fixture
def password(client):
    """A secret with tags; its ARN."""
    answer = client("secretsmanager").create_secret(
        Name="shop/password",
        Description="of the shop",
        KmsKeyId="alias/shop",
        SecretString="hidden-value",
        Tags=[{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}],
    )
    return answer["ARN"]


def test_properties_and_edges(password, collect_kind):
    (secret,) = collect_kind("aws_secretsmanager_secret")

    assert (secret.id, secret.name, secret.region) == ("shop/password", "shop/password", REGION)
    assert secret.tags == {"owner": "web", "env": "test"}
    assert secret.ctime is not None
    assert secret.mtime is not None
    assert secret.atime is None
    properties = secret.properties
    assert properties["arn"] == password
    assert properties["description"] == "of the shop"
    assert properties["kms_key_id"] == "alias/shop"
    assert properties["created_date"] == secret.ctime.isoformat().replace("+00:00", "Z")
    assert list(properties["secret_versions_to_stages"].values()) == [["AWSCURRENT"]]
    assert (properties["replica"], properties["managed"]) == (False, False)
    assert set(secret.edges) == {belongs_to("aws_region", REGION)}


def test_what_is_secret_is_never_asked_for(password, front, collect_kind):
    (secret,) = collect_kind("aws_secretsmanager_secret")

    assert front.count()["ListSecrets"] == 1
    assert not [action for action in front.count() if "Value" in action]
    assert "hidden-value" not in str(secret)


def test_how_it_is_rotated():
    secret = map_item(
        "aws_secretsmanager_secret",
        {
            "Name": "x",
            "RotationEnabled": True,
            "RotationLambdaARN": LAMBDA,
            "RotationRules": {"AutomaticallyAfterDays": 30, "ScheduleExpression": "rate(30 days)"},
        },
    )

    assert secret.properties["rotation_enabled"] is True
    assert secret.properties["rotation_lambda_arn"] == LAMBDA
    assert secret.properties["rotation_rules"] == {
        "automatically_after_days": 30,
        "schedule_expression": "rate(30 days)",
    }
    assert uses("aws_lambda_function", LAMBDA, "arn") in secret.edges


def test_a_secret_that_a_service_manages_is_held_back(session):
    secret = map_item("aws_secretsmanager_secret", {"Name": "rds!db", "OwningService": "rds"})

    assert session.held_back(stored(secret)) == "the service that made it deletes it"


def test_a_replica_is_held_back_and_its_primary_stays_while_it_has_one(client, collect_kind, session):
    client("secretsmanager").create_secret(Name="both", AddReplicaRegions=[{"Region": OTHER_REGION}])

    replica, primary = sorted(
        collect_kind("aws_secretsmanager_secret", regions=[REGION, OTHER_REGION]),
        key=lambda found: found.region,
    )

    assert (replica.region, primary.region) == (OTHER_REGION, REGION)
    assert replica.properties["primary_region"] == REGION
    assert session.held_back(stored(replica)) == (
        "it is a replica, which goes from where its primary secret is"
    )
    assert session.held_back(stored(primary)) is None
    with pytest.raises(ProviderError, match="secretsmanager:DeleteSecret"):
        session.delete(stored(primary))


def test_is_read_tagged_and_scheduled_for_deletion(password, client, collect_kind, session):
    client("secretsmanager").create_secret(Name="other", SecretString="hidden-value")
    _, secret = collect_kind("aws_secretsmanager_secret")
    known = stored(secret)
    assert session.read(known) == secret

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert [found.id for found in collect_kind("aws_secretsmanager_secret")] == ["other"]
    client("secretsmanager").restore_secret(SecretId=password)
    assert session.read(known).id == secret.id


def test_what_is_gone_already_is_no_error(password, client, collect_kind, session):
    (secret,) = collect_kind("aws_secretsmanager_secret")
    client("secretsmanager").delete_secret(SecretId=password, ForceDeleteWithoutRecovery=True)

    session.delete(stored(secret))

    assert session.read(stored(secret)) is None
