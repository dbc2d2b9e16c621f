"""Streams of data."""

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Step, Tagging
from resoto_dagster.providers.aws.kinds.kms import encrypted_with

_STREAM = AwsKind(
    name="aws_kinesis_stream",
    description="A stream of data records; one that consumers are registered with can't be deleted.",
    service="kinesis",
    api=Call(operation="list_streams", items="StreamNames", page_size=100),
    details=(
        Detail(
            operation="describe_stream",
            params={"StreamName": "StreamNames"},
            result="StreamDescription",
            into="",
        ),
        # A stream has fifty tags at most, so that these are all.
        Detail(
            operation="list_tags_for_stream",
            params={"StreamName": "StreamNames"},
            const={"Limit": 50},
            result="Tags",
            into="Tags",
        ),
    ),
    id="StreamNames",
    name_path="StreamNames",
    arn="StreamARN",
    prefix="kinesis",
    ctime="StreamCreationTimestamp",
    properties={"kinesis_stream_mode_details": "StreamModeDetails.StreamMode"},
    drop=("StreamModeDetails",),
    links=encrypted_with("KeyId"),
    missing=("ResourceNotFoundException",),
    delete=(Step(operation="delete_stream", params={"StreamName": "id"}),),
    tagging=Tagging(
        upsert="add_tags_to_stream",
        remove="remove_tags_from_stream",
        params={"StreamName": "id"},
        tags_form="map",
    ),
    changing=("kinesis_has_more_shards", "kinesis_shards", "kinesis_stream_status"),
)

KINDS = (_STREAM,)
