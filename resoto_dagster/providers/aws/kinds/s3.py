"""Buckets."""

from collections.abc import Mapping
from typing import Any

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Step, Tagging, Value


def _region(location: Mapping[str, Any]) -> str:
    """The region of a location; the first two regions have names of their own in S3's oldest answers."""
    constraint = location.get("LocationConstraint") or "us-east-1"
    return "eu-west-1" if constraint == "EU" else constraint


def _remove_all(listed: str) -> Step:
    """Remove all versions, or all delete markers, of a bucket's objects."""
    return Step(
        operation="delete_objects",
        each=Call(operation="list_object_versions", items=listed, params={"Bucket": "id"}),
        batch=1000,
        params={"Bucket": "id", "Delete.Objects": {"Key": "item.Key", "VersionId": "item.VersionId"}},
        const={"Delete.Quiet": True},
        errors="Errors",
    )


_BUCKET = AwsKind(
    name="aws_s3_bucket",
    description="A bucket of objects; deleting it deletes every object in it.",
    bases=("bucket",),
    service="s3",
    regional=False,
    api=Call(operation="list_buckets", items="Buckets"),
    details=(
        Detail(operation="get_bucket_location", params={"Bucket": "Name"}, into="Location"),
        Detail(
            operation="get_bucket_tagging",
            params={"Bucket": "Name"},
            result="TagSet",
            into="Tags",
            absent=("NoSuchTagSet",),
        ),
        Detail(
            operation="get_bucket_encryption",
            params={"Bucket": "Name"},
            result="ServerSideEncryptionConfiguration.Rules",
            into="EncryptionRules",
            absent=("ServerSideEncryptionConfigurationNotFoundError",),
        ),
        Detail(operation="get_bucket_versioning", params={"Bucket": "Name"}, into="Versioning"),
    ),
    id="Name",
    name_path="Name",
    arn="arn:{partition}:s3:::{id}",
    prefix="bucket",
    ctime="CreationDate",
    region_path=Value("Location", _region),
    properties={
        "encryption_enabled": Value("EncryptionRules[]", bool),
        "versioning_enabled": Value("Versioning.Status", lambda status: status == "Enabled", absent=False),
    },
    drop=("Location", "BucketRegion", "BucketArn"),
    read={"Prefix": "id"},
    missing=("NoSuchBucket",),
    delete=(
        _remove_all("Versions"),
        _remove_all("DeleteMarkers"),
        Step(
            operation="abort_multipart_upload",
            each=Call(operation="list_multipart_uploads", items="Uploads", params={"Bucket": "id"}),
            params={"Bucket": "id", "Key": "item.Key", "UploadId": "item.UploadId"},
        ),
        Step(operation="delete_bucket", params={"Bucket": "id"}),
    ),
    tagging=Tagging(
        upsert="put_bucket_tagging",
        remove="delete_bucket_tagging",
        params={"Bucket": "id"},
        tags="Tagging.TagSet",
        keys="",
        replaces=True,
    ),
)

KINDS = (_BUCKET,)
