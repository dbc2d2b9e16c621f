"""Buckets, from the API's answer to their deletion."""

import json
import socket

import pytest

from resoto_dagster.providers.aws.kinds.s3 import KINDS
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    OTHER_REGION,
    REGION,
    RecordingSink,
    belongs_to,
    goes_before,
    stored,
    uses,
)

BLOCKED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy"), True)
NOTHING_BLOCKED = {
    "block_public_acls": False,
    "ignore_public_acls": False,
    "block_public_policy": False,
    "restrict_public_buckets": False,
}


def _bucket(client, name, region=REGION):
    where = {} if region == REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    client("s3", region).create_bucket(Bucket=name, **where)


def _stored(bucket):
    return stored(bucket, region="global")


def test_properties_and_edges(client, collect_kind):
    s3 = client("s3")
    _bucket(client, "plain")
    _bucket(client, "versioned", OTHER_REGION)
    s3.put_bucket_tagging(Bucket="plain", Tagging={"TagSet": [{"Key": "owner", "Value": "web"}]})
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket="versioned", ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.delete_bucket_encryption(Bucket="plain")

    plain, versioned = collect_kind("aws_s3_bucket")

    assert (plain.id, plain.name, plain.region, plain.tags) == ("plain", "plain", REGION, {"owner": "web"})
    assert plain.ctime is not None
    assert plain.properties["arn"] == "arn:aws:s3:::plain"
    assert plain.properties["encryption_enabled"] is False
    assert plain.properties["versioning_enabled"] is False
    assert set(plain.edges) == {belongs_to("aws_region", REGION)}
    assert (versioned.id, versioned.region, versioned.tags) == ("versioned", OTHER_REGION, {})
    assert versioned.properties["encryption_enabled"] is True
    assert versioned.properties["versioning_enabled"] is True
    assert set(versioned.edges) == {belongs_to("aws_region", OTHER_REGION)}


def test_who_may_do_what_with_a_bucket(client, collect_kind):
    s3 = client("s3")
    _bucket(client, "open")
    _bucket(client, "shut")
    _bucket(client, "logs")
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::shut/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket="shut", Policy=json.dumps(policy))
    s3.put_public_access_block(
        Bucket="shut", PublicAccessBlockConfiguration=BLOCKED | {"RestrictPublicBuckets": False}
    )
    s3.put_bucket_versioning(
        Bucket="shut", VersioningConfiguration={"Status": "Suspended", "MFADelete": "Disabled"}
    )
    key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:aws:kms:us-east-1:1:key/k-1"}
    rule = {"ApplyServerSideEncryptionByDefault": key, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket="shut", ServerSideEncryptionConfiguration={"Rules": [rule]})
    delivery = {
        "Owner": {"ID": "o"},
        "Grants": [
            {
                "Grantee": {"URI": "http://acs.amazonaws.com/groups/s3/LogDelivery", "Type": "Group"},
                "Permission": permission,
            }
            for permission in ("WRITE", "READ_ACP")
        ],
    }
    s3.put_bucket_acl(Bucket="logs", AccessControlPolicy=delivery)
    s3.put_bucket_logging(
        Bucket="shut",
        BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": "of-shut/"}},
    )

    logs, opened, shut = collect_kind("aws_s3_bucket")

    assert shut.properties["bucket_policy"] == policy
    assert shut.properties["bucket_public_access_block_configuration"] == {
        "block_public_acls": True,
        "ignore_public_acls": True,
        "block_public_policy": True,
        "restrict_public_buckets": False,
    }
    assert (shut.properties["bucket_versioning"], shut.properties["bucket_mfa_delete"]) == (False, False)
    assert shut.properties["bucket_encryption_rules"] == [
        {"sse_algorithm": "aws:kms", "kms_master_key_id": key["KMSMasterKeyID"], "bucket_key_enabled": True}
    ]
    assert shut.properties["bucket_logging"]["target_bucket"] == "logs"
    assert shut.properties["bucket_logging"]["target_prefix"] == "of-shut/"
    assert shut.properties["bucket_location"] == REGION
    assert set(shut.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_kms_key", key["KMSMasterKeyID"], "arn"),
        goes_before("aws_kms_key", key["KMSMasterKeyID"], "arn"),
        uses("aws_s3_bucket", "logs"),
    }
    (granted, _) = logs.properties["bucket_acl"]["grants"]
    assert granted["permission"] == "WRITE"
    assert granted["grantee"]["uri"] == "http://acs.amazonaws.com/groups/s3/LogDelivery"
    assert opened.properties["bucket_public_access_block_configuration"] == NOTHING_BLOCKED
    assert opened.properties["bucket_acl"]["grants"][0]["permission"] == "FULL_CONTROL"
    assert not {"bucket_policy", "bucket_logging"} & set(opened.properties)
    assert opened.edges == (belongs_to("aws_region", REGION),)


def test_deleting_what_has_been_deleted_needs_a_second_factor():
    item = {"Name": "safe", "Versioning": {"Status": "Enabled", "MFADelete": "Enabled"}}
    properties = map_item("aws_s3_bucket", item).properties
    assert (properties["bucket_versioning"], properties["bucket_mfa_delete"]) == (True, True)


def test_a_key_that_is_named_by_an_alias_is_not_linked():
    named = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:aws:kms:us-east-1:1:alias/aws/s3"}
    item = {"Name": "b", "EncryptionRules": [{"ApplyServerSideEncryptionByDefault": named}]}
    assert not [edge for edge in map_item("aws_s3_bucket", item).edges if edge.kind == "aws_kms_key"]


def test_that_a_policy_may_not_be_read_fails_the_scope(client, front, session):
    _bucket(client, "one")
    front.refuse(lambda asked: asked.path.endswith("?policy"), code="AccessDenied")
    sink = RecordingSink()

    session.collect(["aws_s3_bucket"], sink)

    assert list(sink.failures.values()) == ["AccessDenied: s3:GetBucketPolicy"]


@pytest.fixture
def account_hosts(monkeypatch):
    """The server's address has an account's id before it where the settings of the account are asked for."""
    look_up = socket.getaddrinfo

    def without_account(host, *args, **more):
        return look_up(host.removeprefix(f"{ACCOUNT}."), *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", without_account)


def test_the_settings_of_an_account(account_hosts, client, collect_kind, session):
    client("s3control").put_public_access_block(
        AccountId=ACCOUNT, PublicAccessBlockConfiguration=BLOCKED | {"RestrictPublicBuckets": False}
    )
    _bucket(client, "one")
    _bucket(client, "two", OTHER_REGION)

    (settings,) = collect_kind("aws_s3_account_settings")

    assert (settings.id, settings.name, settings.region) == (ACCOUNT, ACCOUNT, "global")
    assert settings.properties == {
        "bucket_public_access_block_configuration": {
            "block_public_acls": True,
            "ignore_public_acls": True,
            "block_public_policy": True,
            "restrict_public_buckets": False,
        }
    }
    assert set(settings.edges) == {
        belongs_to("aws_account", ACCOUNT),
        uses("aws_s3_bucket", "one"),
        uses("aws_s3_bucket", "two"),
    }
    assert session.read(stored(settings)) == settings


@pytest.mark.usefixtures("account_hosts")
def test_an_account_without_settings_keeps_nothing_from_being_public(collect_kind):
    (settings,) = collect_kind("aws_s3_account_settings")

    assert settings.properties["bucket_public_access_block_configuration"] == NOTHING_BLOCKED


def test_the_oldest_names_of_regions():
    region = KINDS[0].region_path.convert
    assert region({"LocationConstraint": None}) == "us-east-1"
    assert region({"LocationConstraint": "EU"}) == "eu-west-1"
    assert region({"LocationConstraint": "ap-south-1"}) == "ap-south-1"


def test_changing_a_tag_keeps_the_others(client, collect_kind, session):
    _bucket(client, "tagged")
    tags = [{"Key": key, "Value": "x"} for key in ("owner", "env", "team")]
    client("s3").put_bucket_tagging(Bucket="tagged", Tagging={"TagSet": tags})
    (bucket,) = collect_kind("aws_s3_bucket")
    known = _stored(bucket)
    assert session.read(known) == bucket
    client("s3").put_bucket_tagging(  # somebody changed a tag since it was collected
        Bucket="tagged", Tagging={"TagSet": [*tags, {"Key": "late", "Value": "y"}]}
    )

    session.update_tags(known, {"owner": "ops"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "x", "late": "y"}

    session.update_tags(known, {}, ["owner", "team", "late"])
    assert session.read(known).tags == {}


def test_a_bucket_is_emptied_and_deleted(client, collect_kind, session):
    s3 = client("s3")
    _bucket(client, "full")
    _bucket(client, "full-too")
    s3.put_bucket_versioning(Bucket="full", VersioningConfiguration={"Status": "Enabled"})
    for key in ("one", "two", "two"):
        s3.put_object(Bucket="full", Key=key, Body=b"content")
    s3.delete_object(Bucket="full", Key="one")
    s3.create_multipart_upload(Bucket="full", Key="half")
    full, other = collect_kind("aws_s3_bucket")

    session.delete(_stored(full))

    assert session.read(_stored(full)) is None
    assert collect_kind("aws_s3_bucket") == [other]


@pytest.mark.slow
def test_a_bucket_with_more_than_is_listed_at_once_is_emptied(client, collect_kind, session):
    _bucket(client, "large")
    for number in range(1005):
        client("s3").put_object(Bucket="large", Key=f"{number:04}", Body=b"")
    (bucket,) = collect_kind("aws_s3_bucket")

    answer = session.delete(_stored(bucket))

    assert len(answer.request_ids) == 3  # two batches of objects, and the bucket
    assert session.read(_stored(bucket)) is None


def test_an_empty_bucket_is_deleted(client, collect_kind, session):
    _bucket(client, "empty", OTHER_REGION)
    (bucket,) = collect_kind("aws_s3_bucket")

    session.delete(_stored(bucket))

    assert session.read(_stored(bucket)) is None
    session.delete(_stored(bucket))  # what is gone already is no error
