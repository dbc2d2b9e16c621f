"""Keys, from the API's answer to their deletion."""

import json

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    REGION,
    RecordingSink,
    belongs_to,
    goes_before,
    stored,
    uses,
)
from resoto_dagster_tests.providers.aws.samples import MOMENT

POLICY = {"Version": "2012-10-17", "Statement": []}
TAGS = [{"TagKey": "owner", "TagValue": "web"}, {"TagKey": "env", "TagValue": "test"}]
ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k-1"


@pytest.fixture
def key(client):
    """The id of a key that is rotated."""
    kms = client("kms")
    made = kms.create_key(
        Description="for disks", KeyUsage="ENCRYPT_DECRYPT", Policy=json.dumps(POLICY), Tags=TAGS
    )["KeyMetadata"]
    kms.enable_key_rotation(KeyId=made["KeyId"])
    return made["KeyId"]


def test_properties_and_edges(key, client, collect_kind):
    client("kms").create_key(Description="another")

    found = next(one for one in collect_kind("aws_kms_key") if one.id == key)

    assert (found.name, found.region, found.tags) == (key, REGION, {"owner": "web", "env": "test"})
    assert found.ctime == client("kms").describe_key(KeyId=key)["KeyMetadata"]["CreationDate"]
    properties = found.properties
    assert properties["arn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}"
    assert properties["access_key_status"] == "Enabled"
    assert properties["kms_aws_account_id"] == ACCOUNT
    assert properties["kms_description"] == "for disks"
    assert properties["kms_enabled"] is True
    assert properties["kms_key_manager"] == "CUSTOMER"
    assert properties["kms_key_usage"] == "ENCRYPT_DECRYPT"
    assert properties["kms_key_spec"] == "SYMMETRIC_DEFAULT"
    assert properties["kms_origin"] == "AWS_KMS"
    assert properties["kms_key_policy"] == POLICY
    assert properties["kms_key_rotation_enabled"] is True
    assert found.edges == (belongs_to("aws_region", REGION),)


def test_is_read_tagged_and_deleted(key, client, collect_kind, session):
    (found,) = collect_kind("aws_kms_key")
    known = stored(found)
    assert session.held_back(known) is None
    assert session.read(known) == found

    session.update_tags(known, {"owner": "ops"}, ["env"])
    assert session.read(known).tags == {"owner": "ops"}

    assert len(session.delete(known).request_ids) == 1
    assert session.read(known) is None
    assert collect_kind("aws_kms_key") == []
    left = client("kms").describe_key(KeyId=key)["KeyMetadata"]
    assert left["KeyState"] == "PendingDeletion"
    assert (left["DeletionDate"] - found.ctime).days in (29, 30)


def test_of_a_key_of_aws_nothing_more_is_asked(synthetic, collect_kind, session):
    metadata = {"KeyId": "k-1", "Arn": ARN, "KeyManager": "AWS", "KeyState": "Enabled", "Origin": "AWS_KMS"}
    synthetic.answer("kms", "ListKeys", {"Keys": [{"KeyId": "k-1", "KeyArn": ARN}]})
    synthetic.answer("kms", "DescribeKey", {"KeyMetadata": metadata | {"CreationDate": MOMENT}})

    (found,) = collect_kind("aws_kms_key")

    assert (found.id, found.tags) == ("k-1", {})
    assert session.held_back(stored(found)) == "AWS owns the key"


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({}, 1),
        ({"KeyState": "Disabled"}, 0),
        ({"Origin": "EXTERNAL"}, 0),
    ],
)
def test_rotation_is_asked_for_where_there_may_be_one(synthetic, collect_kind, more, asked):
    metadata = {"KeyId": "k-1", "KeyManager": "CUSTOMER", "KeyState": "Enabled", "Origin": "AWS_KMS"}
    synthetic.answer("kms", "ListKeys", {"Keys": [{"KeyId": "k-1"}]})
    synthetic.answer("kms", "DescribeKey", {"KeyMetadata": metadata | more})
    synthetic.answer("kms", "ListResourceTags", {"Tags": TAGS})
    synthetic.answer("kms", "GetKeyPolicy", {"Policy": "{}"})
    synthetic.refuse("kms", "GetKeyRotationStatus", "UnsupportedOperationException")

    (found,) = collect_kind("aws_kms_key")

    assert found.tags == {"owner": "web", "env": "test"}
    assert "kms_key_rotation_enabled" not in found.properties
    assert len(synthetic.asked("kms", "GetKeyRotationStatus")) == asked


def test_that_a_key_may_not_be_read_fails_the_scope(synthetic, session):
    synthetic.answer("kms", "ListKeys", {"Keys": [{"KeyId": "k-1"}]})
    synthetic.refuse("kms", "DescribeKey", "AccessDeniedException")
    sink = RecordingSink()

    session.collect(["aws_kms_key"], sink)

    assert list(sink.failures.values()) == ["AccessDeniedException: kms:DescribeKey"]


@pytest.mark.parametrize(
    ("kind", "item"),
    [
        ("aws_ec2_volume", {"VolumeId": "vol-1", "KmsKeyId": ARN}),
        ("aws_ec2_snapshot", {"SnapshotId": "snap-1", "KmsKeyId": ARN}),
        ("aws_rds_instance", {"DBInstanceIdentifier": "db-1", "KmsKeyId": ARN}),
        ("aws_lambda_function", {"FunctionName": "f", "KMSKeyArn": ARN}),
    ],
)
def test_what_is_encrypted_goes_before_its_key(kind, item):
    edges = {edge for edge in map_item(kind, item).edges if edge.kind == "aws_kms_key"}
    assert edges == {uses("aws_kms_key", ARN, "arn"), goes_before("aws_kms_key", ARN, "arn")}
