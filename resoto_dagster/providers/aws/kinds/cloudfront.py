"""Distributions, which bring contents to viewers all over the world, and what they are made of."""

import re
from collections.abc import Sequence
from typing import Literal

from resoto_dagster.providers.aws.declaration import (
    AwsKind,
    Call,
    Detail,
    HeldBack,
    Link,
    Step,
    Tagging,
    Value,
)

_BUCKET = re.compile(r"(.+)\.s3[.-][a-z0-9.-]*amazonaws\.com(\.cn)?")
_BEHAVIORS = ("DistributionConfig.DefaultCacheBehavior", "DistributionConfig.CacheBehaviors.Items[]")

_NO_TAGS = ("InvalidArgument",)
"""The answer where CloudFront knows no tags of what has the ARN."""

_TAGGING = Tagging(
    upsert="tag_resource",
    remove="untag_resource",
    params={"Resource": "arn"},
    tags="Tags.Items",
    keys="TagKeys.Items",
)


def _buckets(domains: Sequence[str]) -> list[str]:
    """The buckets among the domains of origins."""
    return [found[1] for found in map(_BUCKET.fullmatch, domains) if found]


def _unqualified(arns: Sequence[str]) -> list[str]:
    """The ARNs of functions, of those of their versions."""
    return [":".join(arn.split(":")[:7]) for arn in arns]


def _of_behaviors(kind: str, member: str, by: Literal["id", "arn"] = "id") -> tuple[Link, ...]:
    """Links to what cache behaviors use; AWS does not delete it as long as they do."""
    return tuple(
        Link(kind=kind, path=f"{behavior}.{member}", by=by, delete="before") for behavior in _BEHAVIORS
    )


def _tags(arn: str, absent: tuple[str, ...] = ()) -> Detail:
    """The tags of what has the ARN at that path."""
    return Detail(
        operation="list_tags_for_resource",
        params={"Resource": arn},
        result="Tags.Items",
        into="Tags",
        absent=absent,
    )


def _delete(operation: str, described_by: str, name: str = "Id") -> Step:
    """A deletion that names the version of what is deleted."""
    return Step(
        operation=operation,
        each=Call(operation=described_by, items="", params={name: "id"}),
        params={name: "id", "IfMatch": "item.ETag"},
    )


_DISTRIBUTION = AwsKind(
    name="aws_cloudfront_distribution",
    description="A distribution, which brings contents to viewers from places near to them.",
    service="cloudfront",
    regional=False,
    api=Call(operation="list_distributions", items="DistributionList.Items[].Id"),
    details=(
        Detail(operation="get_distribution", params={"Id": "Id"}, result="Distribution", into=""),
        _tags("ARN"),
    ),
    id="Id",
    name_path="DomainName",
    arn="ARN",
    prefix="distribution",
    mtime="LastModifiedTime",
    secret=("DistributionConfig.Origins.Items[].CustomHeaders.Items[].HeaderValue",),
    links=(
        *_of_behaviors("aws_cloudfront_cache_policy", "CachePolicyId"),
        *_of_behaviors("aws_cloudfront_field_level_encryption_config", "FieldLevelEncryptionId"),
        *_of_behaviors("aws_cloudfront_function", "FunctionAssociations.Items[].FunctionARN", "arn"),
        *_of_behaviors("aws_cloudfront_realtime_log_config", "RealtimeLogConfigArn", "arn"),
        *_of_behaviors("aws_cloudfront_response_headers_policy", "ResponseHeadersPolicyId"),
        *(
            Link(
                kind="aws_lambda_function",
                path=Value(f"{behavior}.LambdaFunctionAssociations.Items[].LambdaFunctionARN", _unqualified),
                by="arn",
                delete="before",
            )
            for behavior in _BEHAVIORS
        ),
        Link(
            kind="aws_cloudfront_origin_access_control",
            path="DistributionConfig.Origins.Items[].OriginAccessControlId",
            delete="before",
        ),
        Link(kind="aws_s3_bucket", path=Value("DistributionConfig.Origins.Items[].DomainName", _buckets)),
        Link(
            kind="aws_acm_certificate",
            path="DistributionConfig.ViewerCertificate.ACMCertificateArn",
            by="arn",
            delete="before",
        ),
        Link(
            kind="aws_iam_server_certificate",
            path="DistributionConfig.ViewerCertificate.IAMCertificateId",
            delete="before",
        ),
        Link(kind="aws_waf_web_acl", path="DistributionConfig.WebACLId", by="arn"),
    ),
    missing=("NoSuchDistribution", "NoSuchResource"),
    delete=(
        Step(
            operation="update_distribution",
            each=Call(operation="get_distribution_config", items="", params={"Id": "id"}),
            params={"Id": "id", "IfMatch": "item.ETag", "DistributionConfig": "item.DistributionConfig"},
            const={"DistributionConfig.Enabled": False},
        ),
        # What is disabled can be deleted when the last place knows of it.
        Step(operation="get_distribution", params={"Id": "id"}, until="distribution_deployed"),
        _delete("delete_distribution", "get_distribution"),
    ),
    tagging=_TAGGING,
    changing=("distribution_in_progress_invalidation_batches", "distribution_status"),
)

_STREAMING_DISTRIBUTION = AwsKind(
    name="aws_cloudfront_streaming_distribution",
    description="A distribution of the old kind that streamed media; AWS serves none of them any more.",
    service="cloudfront",
    regional=False,
    api=Call(operation="list_streaming_distributions", items="StreamingDistributionList.Items"),
    details=(_tags("ARN"),),
    id="Id",
    arn="ARN",
    prefix="streaming_distribution",
    mtime="LastModifiedTime",
    properties={"streaming_distribution_trusted_signers": "TrustedSigners.Items"},
    missing=("NoSuchResource",),
    tagging=_TAGGING,
    changing=("streaming_distribution_status",),
)

_FUNCTION = AwsKind(
    name="aws_cloudfront_function",
    description="A small function that runs where the viewers are.",
    bases=("serverless_function",),
    service="cloudfront",
    regional=False,
    # A function that is published has a second version, of the stage LIVE.
    api=Call(operation="list_functions", items="FunctionList.Items", params={"Stage": "DEVELOPMENT"}),
    details=(_tags("FunctionMetadata.FunctionARN", absent=_NO_TAGS),),
    id="Name",
    name_path="Name",
    arn="FunctionMetadata.FunctionARN",
    prefix="function",
    ctime="FunctionMetadata.CreatedTime",
    mtime="FunctionMetadata.LastModifiedTime",
    properties={"function_stage": "FunctionMetadata.Stage"},
    drop=("FunctionMetadata",),
    missing=("NoSuchFunctionExists", "NoSuchResource"),
    delete=(_delete("delete_function", "describe_function", "Name"),),
    tagging=_TAGGING,
    changing=("function_status",),
)

_PUBLIC_KEY = AwsKind(
    name="aws_cloudfront_public_key",
    description="A public key by which signatures of viewers are checked or fields encrypted.",
    service="cloudfront",
    regional=False,
    api=Call(operation="list_public_keys", items="PublicKeyList.Items"),
    id="Id",
    name_path="Name",
    prefix="public_key",
    ctime="CreatedTime",
    missing=("NoSuchPublicKey",),
    delete=(_delete("delete_public_key", "get_public_key"),),
)

_REALTIME_LOG_CONFIG = AwsKind(
    name="aws_cloudfront_realtime_log_config",
    description="What is logged at once of the requests of viewers, and to which stream.",
    service="cloudfront",
    regional=False,
    api=Call(operation="list_realtime_log_configs", items="RealtimeLogConfigs.Items"),
    details=(_tags("ARN", absent=_NO_TAGS),),
    id="Name",
    name_path="Name",
    arn="ARN",
    prefix="realtime_log",
    links=(
        Link(kind="aws_iam_role", path="EndPoints[].KinesisStreamConfig.RoleARN", by="arn"),
        Link(kind="aws_kinesis_stream", path="EndPoints[].KinesisStreamConfig.StreamARN", by="arn"),
    ),
    missing=("NoSuchRealtimeLogConfig", "NoSuchResource"),
    delete=(Step(operation="delete_realtime_log_config", params={"ARN": "arn"}),),
    tagging=_TAGGING,
)

_RESPONSE_HEADERS_POLICY = AwsKind(
    name="aws_cloudfront_response_headers_policy",
    description="The headers that are added to answers, or taken from them.",
    service="cloudfront",
    regional=False,
    api=Call(operation="list_response_headers_policies", items="ResponseHeadersPolicyList.Items"),
    id="ResponseHeadersPolicy.Id",
    name_path="ResponseHeadersPolicy.ResponseHeadersPolicyConfig.Name",
    prefix="response_headers_policy",
    mtime="ResponseHeadersPolicy.LastModifiedTime",
    properties={"response_headers_policy_config": "ResponseHeadersPolicy.ResponseHeadersPolicyConfig"},
    drop=("ResponseHeadersPolicy",),
    missing=("NoSuchResponseHeadersPolicy",),
    delete=(_delete("delete_response_headers_policy", "get_response_headers_policy"),),
    held_back=(HeldBack("response_headers_policy_type", ("managed",), "AWS owns the policy"),),
)

_CACHE_POLICY = AwsKind(
    name="aws_cloudfront_cache_policy",
    description="For how long answers are kept, and by what of a request they are told apart.",
    service="cloudfront",
    regional=False,
    api=Call(operation="list_cache_policies", items="CachePolicyList.Items"),
    id="CachePolicy.Id",
    name_path="CachePolicy.CachePolicyConfig.Name",
    prefix="cache_policy",
    mtime="CachePolicy.LastModifiedTime",
    properties={"cache_policy_config": "CachePolicy.CachePolicyConfig"},
    drop=("CachePolicy",),
    missing=("NoSuchCachePolicy",),
    delete=(_delete("delete_cache_policy", "get_cache_policy"),),
    held_back=(HeldBack("cache_policy_type", ("managed",), "AWS owns the policy"),),
)

_ORIGIN_ACCESS_CONTROL = AwsKind(
    name="aws_cloudfront_origin_access_control",
    description="How distributions sign their requests to an origin that is not open to all.",
    service="cloudfront",
    regional=False,
    api=Call(operation="list_origin_access_controls", items="OriginAccessControlList.Items"),
    id="Id",
    name_path="Name",
    prefix="origin_access_control",
    properties={
        "origin_access_control_origin_access_control_origin_type": "OriginAccessControlOriginType",
    },
    missing=("NoSuchOriginAccessControl",),
    delete=(_delete("delete_origin_access_control", "get_origin_access_control"),),
)

_ENCRYPTION_CONFIG = AwsKind(
    name="aws_cloudfront_field_level_encryption_config",
    description="Which fields of which requests are encrypted on their way to the origin.",
    service="cloudfront",
    regional=False,
    api=Call(operation="list_field_level_encryption_configs", items="FieldLevelEncryptionList.Items"),
    id="Id",
    prefix="field_level_encryption_config",
    mtime="LastModifiedTime",
    links=tuple(
        Link(kind="aws_cloudfront_field_level_encryption_profile", path=path, delete="before")
        for path in (
            "QueryArgProfileConfig.QueryArgProfiles.Items[].ProfileId",
            "ContentTypeProfileConfig.ContentTypeProfiles.Items[].ProfileId",
        )
    ),
    missing=("NoSuchFieldLevelEncryptionConfig",),
    delete=(_delete("delete_field_level_encryption_config", "get_field_level_encryption"),),
)

_ENCRYPTION_PROFILE = AwsKind(
    name="aws_cloudfront_field_level_encryption_profile",
    description="Fields to encrypt, and the keys to encrypt them with.",
    service="cloudfront",
    regional=False,
    api=Call(operation="list_field_level_encryption_profiles", items="FieldLevelEncryptionProfileList.Items"),
    id="Id",
    name_path="Name",
    prefix="field_level_encryption_profile",
    mtime="LastModifiedTime",
    links=(
        Link(
            kind="aws_cloudfront_public_key",
            path="EncryptionEntities.Items[].PublicKeyId",
            delete="before",
        ),
    ),
    missing=("NoSuchFieldLevelEncryptionProfile",),
    delete=(_delete("delete_field_level_encryption_profile", "get_field_level_encryption_profile"),),
)

KINDS = (
    _DISTRIBUTION,
    _STREAMING_DISTRIBUTION,
    _FUNCTION,
    _PUBLIC_KEY,
    _REALTIME_LOG_CONFIG,
    _RESPONSE_HEADERS_POLICY,
    _CACHE_POLICY,
    _ORIGIN_ACCESS_CONTROL,
    _ENCRYPTION_CONFIG,
    _ENCRYPTION_PROFILE,
)
