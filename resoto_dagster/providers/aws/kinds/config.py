"""The recorder of what resources are like."""

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging

_NAMES = {"ConfigurationRecorderNames": ["name"]}

_RECORDER = AwsKind(
    name="aws_config_recorder",
    description="The recorder of what the resources of a region are like; what it recorded stays without it.",
    service="config",
    api=Call(operation="describe_configuration_recorders", items="ConfigurationRecorders"),
    details=(
        Detail(
            operation="describe_configuration_recorder_status",
            params=_NAMES,
            result="ConfigurationRecordersStatus",
            batch=10,
            match=("name", "name"),
            into="Status",
        ),
        Detail(operation="list_tags_for_resource", params={"ResourceArn": "arn"}, result="Tags", into="Tags"),
    ),
    id="name",
    name_path="name",
    arn="arn",
    prefix="recorder",
    properties={
        "recorder_group": "recordingGroup",
        "recorder_recording": "Status.recording",
        "recorder_status": "Status",
    },
    links=(Link(kind="aws_iam_role", path="roleARN", by="arn"),),
    read=_NAMES,
    missing=("NoSuchConfigurationRecorderException",),
    delete=(Step(operation="delete_configuration_recorder", params={"ConfigurationRecorderName": "id"}),),
    tagging=Tagging(upsert="tag_resource", remove="untag_resource", params={"ResourceArn": "arn"}),
    volatile=("recorder_status",),
)

KINDS = (_RECORDER,)
