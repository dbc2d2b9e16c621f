"""Buckets, from the API's answer to their deletion."""

import pytest

from resoto_dagster.providers.aws.kinds.s3 import KINDS
from resoto_dagster_tests.providers.aws.harness import OTHER_REGION, REGION, belongs_to, stored


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
