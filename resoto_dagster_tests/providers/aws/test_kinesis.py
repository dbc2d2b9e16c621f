"""Streams, from the API's answer to their deletion."""

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION, belongs_to, stored


@pytest.fixture
def clicks(client):
    """A stream of two shards, encrypted and tagged."""
    kinesis = client("kinesis")
    kinesis.create_stream(StreamName="clicks", ShardCount=2, StreamModeDetails={"StreamMode": "PROVISIONED"})
    kinesis.add_tags_to_stream(StreamName="clicks", Tags={"owner": "web", "env": "test"})
    kinesis.start_stream_encryption(StreamName="clicks", EncryptionType="KMS", KeyId="alias/clicks")
    kinesis.increase_stream_retention_period(StreamName="clicks", RetentionPeriodHours=48)
    kinesis.enable_enhanced_monitoring(StreamName="clicks", ShardLevelMetrics=["IncomingBytes"])


def test_properties_and_edges(clicks, client, collect_kind):
    client("kinesis").create_stream(StreamName="plain", ShardCount=1)

    stream, plain = collect_kind("aws_kinesis_stream")

    assert (stream.id, stream.name, stream.region) == ("clicks", "clicks", REGION)
    assert stream.tags == {"owner": "web", "env": "test"}
    assert stream.ctime is not None
    assert (stream.mtime, stream.atime) == (None, None)
    shards = stream.properties.pop("kinesis_shards")
    assert stream.properties == {
        "arn": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/clicks",
        "kinesis_encryption_type": "KMS",
        "kinesis_enhanced_monitoring": [{"shard_level_metrics": ["IncomingBytes"]}],
        "kinesis_has_more_shards": False,
        "kinesis_key_id": "alias/clicks",
        "kinesis_retention_period_hours": 48,
        "kinesis_stream_name": "clicks",
        "kinesis_stream_status": "ACTIVE",
    }
    assert [shard["shard_id"] for shard in shards] == ["shardId-000000000000", "shardId-000000000001"]
    assert shards[0]["hash_key_range"]["starting_hash_key"] == "0"
    assert set(stream.edges) == {belongs_to("aws_region", REGION)}
    assert plain.tags == {}
    assert plain.properties["kinesis_encryption_type"] == "NONE"


def test_how_its_capacity_is_chosen():
    stream = map_item(
        "aws_kinesis_stream", {"StreamNames": "clicks", "StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
    )

    assert stream.properties == {"kinesis_stream_mode_details": "ON_DEMAND"}


def test_is_read_tagged_and_deleted(clicks, client, collect_kind, session):
    client("kinesis").create_stream(StreamName="plain", ShardCount=1)
    stream, plain = collect_kind("aws_kinesis_stream")
    known = stored(stream)
    assert session.read(known) == stream

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_kinesis_stream") == [plain]
    session.delete(known)  # what is gone already is no error
