"""Buckets, and what holds for all of an account's."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging, Value
from resoto_dagster.providers.aws.kinds.kms import encrypted_with

_BLOCKS = {
    "block_public_acls": "BlockPublicAcls",
    "ignore_public_acls": "IgnorePublicAcls",
    "block_public_policy": "BlockPublicPolicy",
    "restrict_public_buckets": "RestrictPublicBuckets",
}


def _region(location: Mapping[str, Any]) -> str:
    """The region of a location; the first two regions have names of their own in S3's oldest answers."""
    constraint = location.get("LocationConstraint") or "us-east-1"
    return "eu-west-1" if constraint == "EU" else constraint


def _encryption(rules: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "sse_algorithm": rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm"),
            "kms_master_key_id": rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID"),
            "bucket_key_enabled": rule.get("BucketKeyEnabled"),
        }
        for rule in rules
    ]


def _public_access(configuration: Mapping[str, Any]) -> dict[str, bool]:
    """What is kept from being public; nothing is unless it is said."""
    return {name: configuration.get(member, False) for name, member in _BLOCKS.items()}


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
        Detail(
            operation="get_bucket_policy",
            params={"Bucket": "Name"},
            result="Policy",
            into="Policy",
            absent=("NoSuchBucketPolicy",),
        ),
        Detail(
            operation="get_public_access_block",
            params={"Bucket": "Name"},
            result="PublicAccessBlockConfiguration",
            into="PublicAccess",
            absent=("NoSuchPublicAccessBlockConfiguration",),
        ),
        Detail(operation="get_bucket_acl", params={"Bucket": "Name"}, into="Acl"),
        Detail(
            operation="get_bucket_logging",
            params={"Bucket": "Name"},
            result="LoggingEnabled",
            into="Logging",
        ),
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
        "bucket_encryption_rules": Value("EncryptionRules", _encryption),
        "bucket_versioning": Value("Versioning.Status", lambda status: status == "Enabled", absent=False),
        "bucket_mfa_delete": Value("Versioning.MFADelete", lambda mfa: mfa == "Enabled", absent=False),
        "bucket_policy": Value("Policy", json.loads),
        "bucket_public_access_block_configuration": Value(
            "PublicAccess", _public_access, absent=_public_access({})
        ),
        "bucket_location": Value("Location", _region),
    },
    drop=("BucketRegion", "BucketArn"),
    links=(
        *encrypted_with("EncryptionRules[].ApplyServerSideEncryptionByDefault.KMSMasterKeyID"),
        Link(kind="aws_s3_bucket", path="Logging.TargetBucket"),
    ),
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

_ACCOUNT_SETTINGS = AwsKind(
    name="aws_s3_account_settings",
    description="What is kept from being public in all buckets of an account.",
    bases=("phantom_resource",),
    service="sts",
    regional=False,
    api=Call(operation="get_caller_identity", items=""),
    details=(
        Detail(
            operation="get_public_access_block",
            service="s3control",
            params={"AccountId": "Account"},
            result="PublicAccessBlockConfiguration",
            into="PublicAccess",
            absent=("NoSuchPublicAccessBlockConfiguration",),
        ),
        Detail(operation="list_buckets", service="s3", params={}, result="Buckets", into="Buckets"),
    ),
    id="Account",
    prefix="",
    tags="",
    properties={
        "bucket_public_access_block_configuration": Value(
            "PublicAccess", _public_access, absent=_public_access({})
        ),
    },
    # Who asks says nothing of the account.
    drop=("UserId", "Arn", "Buckets"),
    links=(Link(kind="aws_s3_bucket", path="Buckets[].Name"),),
)

KINDS = (_BUCKET, _ACCOUNT_SETTINGS)
