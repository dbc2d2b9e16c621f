"""Which IAM actions the calls of a kind need; derived from its declaration."""

_PREFIXES = {"monitoring": "cloudwatch"}
"""IAM's prefix of a service where it is not the name that its requests are signed with."""

_S3_ACTIONS = {
    "DeleteBucketTagging": ("PutBucketTagging",),
    "DeleteObjects": ("DeleteObject", "DeleteObjectVersion"),
    "DeletePublicAccessBlock": ("PutBucketPublicAccessBlock",),
    "GetBucketEncryption": ("GetEncryptionConfiguration",),
    "GetBucketLifecycleConfiguration": ("GetLifecycleConfiguration",),
    "GetPublicAccessBlock": ("GetBucketPublicAccessBlock",),
    "HeadBucket": ("ListBucket",),
    "ListBuckets": ("ListAllMyBuckets",),
    "ListMultipartUploads": ("ListBucketMultipartUploads",),
    "ListObjectVersions": ("ListBucketVersions",),
    "ListObjectsV2": ("ListBucket",),
}
"""S3's actions where they are not named as the call is."""


def iam_actions(signing_name: str, operation: str) -> tuple[str, ...]:
    """The IAM actions that a call needs: `ec2:DescribeVolumes`."""
    names = _S3_ACTIONS.get(operation, (operation,)) if signing_name == "s3" else (operation,)
    prefix = _PREFIXES.get(signing_name, signing_name)
    return tuple(f"{prefix}:{name}" for name in names)


def iam_action(signing_name: str, operation: str) -> str:
    """The IAM action that a call needs above all."""
    return iam_actions(signing_name, operation)[0]
