"""Alarms on metrics."""

from collections.abc import Mapping, Sequence

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging, Value


def _instances(dimensions: Sequence[Mapping[str, str]]) -> list[str]:
    return [dimension["Value"] for dimension in dimensions if dimension["Name"] == "InstanceId"]


_ALARM = AwsKind(
    name="aws_cloudwatch_alarm",
    description="An alarm that watches a metric, often an instance's.",
    service="cloudwatch",
    api=Call(operation="describe_alarms", items="MetricAlarms", page_size=100),
    details=(
        Detail(
            operation="list_tags_for_resource", params={"ResourceARN": "AlarmArn"}, result="Tags", into="Tags"
        ),
    ),
    id="AlarmName",
    name_path="AlarmName",
    arn="AlarmArn",
    prefix="cloudwatch",
    mtime="AlarmConfigurationUpdatedTimestamp",
    links=(
        Link(kind="aws_ec2_instance", path=Value("Dimensions", _instances), parent=True, delete="before"),
        Link(
            kind="aws_ec2_instance",
            path=Value("Metrics[].MetricStat.Metric.Dimensions[]", _instances),
            parent=True,
            delete="before",
        ),
    ),
    read={"AlarmNames": ["id"]},
    missing=("ResourceNotFound", "ResourceNotFoundException"),
    delete=(Step(operation="delete_alarms", params={"AlarmNames": ["id"]}),),
    tagging=Tagging(upsert="tag_resource", remove="untag_resource", params={"ResourceARN": "arn"}),
    changing=(
        "cloudwatch_evaluation_state",
        "cloudwatch_state_reason",
        "cloudwatch_state_reason_data",
        "cloudwatch_state_transitioned_timestamp",
        "cloudwatch_state_updated_timestamp",
        "cloudwatch_state_value",
    ),
)

KINDS = (_ALARM,)
