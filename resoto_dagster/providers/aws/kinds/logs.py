"""Groups of logs, and filters that make metrics of them."""

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
from resoto_dagster.providers.aws.kinds.kms import encrypted_with

_LOG_GROUP = AwsKind(
    name="aws_cloudwatch_log_group",
    description="A group of logs; deleting it deletes all that was logged, and its metric filters.",
    service="logs",
    api=Call(operation="describe_log_groups", items="logGroups"),
    details=(
        Detail(
            operation="list_tags_for_resource",
            params={"resourceArn": "logGroupArn"},
            result="tags",
            into="Tags",
        ),
    ),
    id="logGroupName",
    name_path="logGroupName",
    arn="arn",
    prefix="group",
    ctime="creationTime",
    links=encrypted_with("kmsKeyId"),
    read={"logGroupNamePrefix": "id"},
    missing=("ResourceNotFoundException",),
    delete=(Step(operation="delete_log_group", params={"logGroupName": "id"}),),
    tagging=Tagging(
        upsert="tag_resource",
        remove="untag_resource",
        params={"resourceArn": "group_log_group_arn"},
        tags="tags",
        tags_form="map",
        keys="tagKeys",
    ),
    held_back=(HeldBack("group_deletion_protection_enabled", (True,), "it is protected from deletion"),),
    takes_along=("aws_cloudwatch_metric_filter",),
    changing=("group_metric_filter_count", "group_stored_bytes"),
)

_METRIC_FILTER = AwsKind(
    name="aws_cloudwatch_metric_filter",
    description="What is counted in a group of logs, and as which metric.",
    service="logs",
    api=Call(operation="describe_metric_filters", items="metricFilters"),
    details=(
        Detail(
            operation="describe_alarms_for_metric",
            service="cloudwatch",
            each="metricTransformations",
            params={"MetricName": "metricName", "Namespace": "metricNamespace"},
            result="MetricAlarms",
            into="Alarms",
        ),
    ),
    id=Value(("logGroupName", "filterName"), "{}:{}".format),
    name_path="filterName",
    prefix="filter",
    ctime="creationTime",
    properties={
        "log_group_name": "logGroupName",
        "filter_transformations": "metricTransformations",
    },
    drop=("Alarms",),
    links=(
        Link(kind="aws_cloudwatch_log_group", path="logGroupName", parent=True),
        Link(kind="aws_cloudwatch_alarm", path="Alarms[].AlarmName"),
    ),
    read={"logGroupName": "log_group_name", "filterNamePrefix": "name"},
    missing=("ResourceNotFoundException",),
    delete=(
        Step(
            operation="delete_metric_filter", params={"logGroupName": "log_group_name", "filterName": "name"}
        ),
    ),
)

KINDS = (_LOG_GROUP, _METRIC_FILTER)
