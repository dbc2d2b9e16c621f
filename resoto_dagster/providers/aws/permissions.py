"""Which IAM actions calls need, and what AWS says of one that it refuses.

Mostly an action is named as the call is. What is otherwise stands here, as AWS's Service Authorization
Reference has it (docs.aws.amazon.com/service-authorization/latest/reference, a page a service).
"""

import re
from collections.abc import Mapping
from typing import Protocol

_PREFIXES = {
    "apigatewayv2": "apigateway",
    "awsssoportal": "sso",
    "monitoring": "cloudwatch",
    "s3control": "s3",
    "tagging": "tag",
}
"""IAM's prefix of a service where it is not the name that its requests are signed with."""

_ACTIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "elasticfilesystem": {
        "DeleteMountTarget": ("elasticfilesystem:DeleteMountTarget", "ec2:DeleteNetworkInterface"),
    },
    "lambda": {
        "GetLayerVersionByArn": ("lambda:GetLayerVersion",),
        "Invoke": ("lambda:InvokeFunction",),
    },
    "s3": {
        "DeleteBucketAnalyticsConfiguration": ("s3:PutAnalyticsConfiguration",),
        "DeleteBucketCors": ("s3:PutBucketCORS",),
        "DeleteBucketEncryption": ("s3:PutEncryptionConfiguration",),
        "DeleteBucketIntelligentTieringConfiguration": ("s3:PutIntelligentTieringConfiguration",),
        "DeleteBucketInventoryConfiguration": ("s3:PutInventoryConfiguration",),
        "DeleteBucketLifecycle": ("s3:PutLifecycleConfiguration",),
        "DeleteBucketMetricsConfiguration": ("s3:PutMetricsConfiguration",),
        "DeleteBucketOwnershipControls": ("s3:PutBucketOwnershipControls",),
        "DeleteBucketReplication": ("s3:PutReplicationConfiguration",),
        "DeleteBucketTagging": ("s3:PutBucketTagging",),
        "DeleteObjects": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
        "DeletePublicAccessBlock": ("s3:PutBucketPublicAccessBlock",),
        "GetBucketAccelerateConfiguration": ("s3:GetAccelerateConfiguration",),
        "GetBucketAnalyticsConfiguration": ("s3:GetAnalyticsConfiguration",),
        "GetBucketCors": ("s3:GetBucketCORS",),
        "GetBucketEncryption": ("s3:GetEncryptionConfiguration",),
        "GetBucketIntelligentTieringConfiguration": ("s3:GetIntelligentTieringConfiguration",),
        "GetBucketInventoryConfiguration": ("s3:GetInventoryConfiguration",),
        "GetBucketLifecycle": ("s3:GetLifecycleConfiguration",),
        "GetBucketLifecycleConfiguration": ("s3:GetLifecycleConfiguration",),
        "GetBucketMetricsConfiguration": ("s3:GetMetricsConfiguration",),
        "GetBucketNotificationConfiguration": ("s3:GetBucketNotification",),
        "GetBucketReplication": ("s3:GetReplicationConfiguration",),
        "GetObjectLockConfiguration": ("s3:GetBucketObjectLockConfiguration",),
        "GetPublicAccessBlock": ("s3:GetBucketPublicAccessBlock",),
        "HeadBucket": ("s3:ListBucket",),
        "HeadObject": ("s3:GetObject",),
        "ListBucketAnalyticsConfigurations": ("s3:GetAnalyticsConfiguration",),
        "ListBucketIntelligentTieringConfigurations": ("s3:GetIntelligentTieringConfiguration",),
        "ListBucketInventoryConfigurations": ("s3:GetInventoryConfiguration",),
        "ListBucketMetricsConfigurations": ("s3:GetMetricsConfiguration",),
        "ListBuckets": ("s3:ListAllMyBuckets",),
        "ListMultipartUploads": ("s3:ListBucketMultipartUploads",),
        "ListObjectVersions": ("s3:ListBucketVersions",),
        "ListObjects": ("s3:ListBucket",),
        "ListObjectsV2": ("s3:ListBucket",),
        "ListParts": ("s3:ListMultipartUploadParts",),
    },
    "sqs": {"DeleteMessageBatch": ("sqs:DeleteMessage",)},
    "s3control": {
        "DeletePublicAccessBlock": ("s3:PutAccountPublicAccessBlock",),
        "GetPublicAccessBlock": ("s3:GetAccountPublicAccessBlock",),
    },
}
"""What calls need that is not one action of their own name, by service."""

_HTTP_METHODS: Mapping[str, Mapping[str, str]] = {
    "apigateway": {"Get": "GET", "Delete": "DELETE", "TagResource": "PUT", "UntagResource": "DELETE"},
    "apigatewayv2": {"Get": "GET", "Delete": "DELETE", "TagResource": "POST", "UntagResource": "DELETE"},
}
"""API Gateway's actions, which are the HTTP methods of the calls, by what the call's name begins with."""

_REFUSED = re.compile(
    r"not authorized to perform: ?(?P<action>[\w-]+:\w+)(?: on resource:? ?[\"']?(?P<resource>[^\s\"']+))?"
)
_EXPLICIT = re.compile(
    r"with (?P<deny>an explicit deny in an? [a-z -]+? ?(?:policy|boundary))(?:: (?P<policy>arn:\S+))?"
)
_IMPLICIT = re.compile(r"because (?P<none>no (?P<type>[a-z -]+? ?(?:policy|boundary)) allows)", re.IGNORECASE)


class ServiceModel(Protocol):
    """What botocore's model of a service says of its names."""

    @property
    def service_name(self) -> str:
        """The name of its client."""

    @property
    def signing_name(self) -> str:
        """The name that its requests are signed with."""


def service_of(model: ServiceModel) -> str:
    """The name by which a service's actions are looked up here."""
    name, signing_name = model.service_name, model.signing_name
    return name if name in _PREFIXES else signing_name


def iam_actions(service: str, operation: str) -> tuple[str, ...]:
    """The IAM actions that a call needs: `ec2:DescribeVolumes`; the service as `service_of` names it."""
    found = _ACTIONS.get(service, {}).get(operation)
    if found:
        return found
    methods = _HTTP_METHODS.get(service, {})
    name = next((method for start, method in methods.items() if operation.startswith(start)), operation)
    return (f"{_PREFIXES.get(service, service)}:{name}",)


def iam_action(service: str, operation: str) -> str:
    """The IAM action that a call needs above all."""
    return iam_actions(service, operation)[0]


def refusal(message: str) -> str | None:
    """What AWS says is not allowed, on what and why; None when the message does not say it.

    The user is left out, and so is that no identity-based policy allows it, which goes without saying.
    """
    refused = _REFUSED.search(message)
    if refused is None:
        return None
    text, resource = refused["action"], (refused["resource"] or "*").rstrip(".,;")
    if resource != "*":
        text += f" on {resource}"
    explicit, implicit = _EXPLICIT.search(message), _IMPLICIT.search(message)
    if explicit:
        policy = f", {explicit['policy'].rstrip('.,;')}" if explicit["policy"] else ""
        return f"{text}: {explicit['deny']}{policy}"
    if implicit and implicit["type"].lower() != "identity-based policy":
        return f"{text}: {implicit['none']} it"
    return text
