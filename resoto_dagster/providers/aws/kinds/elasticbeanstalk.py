"""Elastic Beanstalk: applications, and the environments with all that they run on."""

from collections.abc import Sequence

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging, Value


def _tags(arn: str) -> Detail:
    """The tags of what has the ARN at that path."""
    return Detail(
        operation="list_tags_for_resource", params={"ResourceArn": arn}, result="ResourceTags", into="Tags"
    )


def _arns(names: Sequence[str]) -> list[str]:
    """The load balancers that are given by their ARN; those of the first generation are by their name."""
    return [name for name in names if name.startswith("arn:")]


def _names(names: Sequence[str]) -> list[str]:
    return [name for name in names if not name.startswith("arn:")]


def _queues(urls: Sequence[str]) -> list[str]:
    """The names of queues; what Beanstalk itself calls a queue is its part in the environment."""
    return [url.rpartition("/")[2] for url in urls]


_TAGGING = Tagging(
    upsert="update_tags_for_resource",
    remove="update_tags_for_resource",
    params={"ResourceArn": "arn"},
    tags="TagsToAdd",
    keys="TagsToRemove",
)

_APPLICATION = AwsKind(
    name="aws_beanstalk_application",
    description="A program in all its versions; deleting it deletes them, but not their files.",
    service="elasticbeanstalk",
    api=Call(operation="describe_applications", items="Applications"),
    details=(_tags("ApplicationArn"),),
    id="ApplicationName",
    name_path="ApplicationName",
    arn="ApplicationArn",
    prefix="beanstalk",
    ctime="DateCreated",
    mtime="DateUpdated",
    properties={"description": "Description"},
    read={"ApplicationNames": ["name"]},
    missing=("ResourceNotFoundException", "InvalidParameterValue: No Application named"),
    delete=(Step(operation="delete_application", params={"ApplicationName": "name"}),),
    tagging=_TAGGING,
)

_ENVIRONMENT = AwsKind(
    name="aws_beanstalk_environment",
    description="An application in one of its versions, with the machines it runs on; they go with it.",
    service="elasticbeanstalk",
    api=Call(operation="describe_environments", items="Environments", params={"IncludeDeleted": False}),
    details=(
        Detail(
            operation="describe_environment_resources",
            params={"EnvironmentId": "EnvironmentId"},
            result="EnvironmentResources",
            into="EnvironmentResources",
        ),
        _tags("EnvironmentArn"),
    ),
    id="EnvironmentId",
    name_path="EnvironmentName",
    arn="EnvironmentArn",
    prefix="beanstalk",
    ctime="DateCreated",
    mtime="DateUpdated",
    properties={"description": "Description"},
    links=(
        Link(
            kind="aws_beanstalk_application",
            path="ApplicationName",
            by="name",
            parent=True,
            delete="before",
        ),
        Link(
            kind="aws_autoscaling_group",
            path="EnvironmentResources.AutoScalingGroups[].Name",
            by="name",
            delete="before",
        ),
        Link(kind="aws_ec2_instance", path="EnvironmentResources.Instances[].Id", delete="before"),
        Link(
            kind="aws_alb",
            path=Value("EnvironmentResources.LoadBalancers[].Name", _arns),
            by="arn",
            delete="before",
        ),
        Link(
            kind="aws_elb",
            path=Value("EnvironmentResources.LoadBalancers[].Name", _names),
            by="name",
            delete="before",
        ),
        Link(kind="aws_sqs_queue", path=Value("EnvironmentResources.Queues[].URL", _queues), delete="before"),
    ),
    read={"EnvironmentIds": ["id"]},
    missing=("ResourceNotFoundException", "InvalidParameterValue: No Environment found"),
    gone=("Status", ("Terminated",)),
    delete=(Step(operation="terminate_environment", params={"EnvironmentId": "id"}),),
    tagging=_TAGGING,
    takes_along=True,
    changing=(
        "beanstalk_abortable_operation_in_progress",
        "beanstalk_environment_resources",
        "beanstalk_health",
        "beanstalk_health_status",
        "beanstalk_status",
        "mtime",
    ),
)

KINDS = (_APPLICATION, _ENVIRONMENT)
