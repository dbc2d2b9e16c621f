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

_HTTP_METHODS = {"Get": "GET", "Delete": "DELETE", "TagResource": "PUT", "UntagResource": "DELETE"}
"""API Gateway's actions, which are the HTTP methods of the calls, by what the call's name begins with."""


def iam_actions(signing_name: str, operation: str) -> tuple[str, ...]:
    """The IAM actions that a call needs: `ec2:DescribeVolumes`."""
    prefix = _PREFIXES.get(signing_name, signing_name)
    return tuple(f"{prefix}:{name}" for name in _names(signing_name, operation))


def iam_action(signing_name: str, operation: str) -> str:
    """The IAM action that a call needs above all."""
    return iam_actions(signing_name, operation)[0]


def _names(signing_name: str, operation: str) -> tuple[str, ...]:
    if signing_name == "s3":
        return _S3_ACTIONS.get(operation, (operation,))
    if signing_name == "apigateway":
        methods = (method for start, method in _HTTP_METHODS.items() if operation.startswith(start))
        return (next(methods, operation),)
    return (operation,)
