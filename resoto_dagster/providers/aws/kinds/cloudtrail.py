"""Trails, which record who called what."""

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging, Value
from resoto_dagster.providers.aws.kinds.kms import encrypted_with


def _if(told: str) -> Value:
    """The trail's ARN, where it tells that there is something to ask for."""
    return Value((told, "TrailARN"), lambda is_so, arn: arn if is_so else None)


_TRAIL = AwsKind(
    name="aws_cloud_trail",
    description="A record of the calls in an account; what is written already stays when it is deleted.",
    service="cloudtrail",
    # A trail of all regions, or of an organisation, has a shadow everywhere else.
    api=Call(operation="describe_trails", items="trailList", params={"includeShadowTrails": False}),
    details=(
        Detail(
            operation="list_tags",
            params={"ResourceIdList": ["TrailARN"]},
            result="ResourceTagList",
            batch=20,
            match=("ResourceId", "TrailARN"),
            into="",
        ),
        Detail(operation="get_trail_status", params={"Name": "TrailARN"}, into="Status"),
        Detail(
            operation="get_event_selectors",
            params={"TrailName": _if("HasCustomEventSelectors")},
            into="EventSelectors",
        ),
        Detail(
            operation="get_insight_selectors",
            params={"TrailName": _if("HasInsightSelectors")},
            result="InsightSelectors",
            into="InsightSelectors",
            absent=("InsightNotEnabledException",),
        ),
    ),
    id="Name",
    name_path="Name",
    arn="TrailARN",
    prefix="trail",
    ctime="Status.StartLoggingTime",
    tags="TagsList",
    properties={
        "trail_is_logging": "Status.IsLogging",
        "trail_status": "Status",
        "trail_insight_selectors": "InsightSelectors[].InsightType",
    },
    drop=("ResourceId",),
    links=(
        Link(kind="aws_s3_bucket", path="S3BucketName"),
        Link(kind="aws_cloudwatch_log_group", path="CloudWatchLogsLogGroupArn", by="arn"),
        Link(kind="aws_iam_role", path="CloudWatchLogsRoleArn", by="arn"),
        Link(kind="aws_sns_topic", path="SnsTopicARN", by="arn"),
        *encrypted_with("KmsKeyId"),
    ),
    read={"trailNameList": ["arn"]},
    missing=("TrailNotFoundException",),
    delete=(Step(operation="delete_trail", params={"Name": "id"}),),
    tagging=Tagging(
        upsert="add_tags",
        remove="remove_tags",
        params={"ResourceId": "arn"},
        tags="TagsList",
        keys="TagsList",
        keys_form="objects",
    ),
    volatile=("trail_status",),
)

KINDS = (_TRAIL,)
