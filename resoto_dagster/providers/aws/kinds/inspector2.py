"""What Inspector finds vulnerable."""

from collections.abc import Sequence
from typing import Any

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Link, Value


def _ids_of(resource_type: str) -> Value:
    """What of one type the finding is about."""

    def ids(resources: Sequence[dict[str, Any]]) -> list[str]:
        return [resource["id"] for resource in resources if resource["type"] == resource_type]

    return Value("resources", ids)


def _repositories(resources: Sequence[dict[str, Any]]) -> list[str]:
    """The ARNs of the repositories that images are in: `...:repository/NAME/sha256:...`."""
    found = [resource["id"] for resource in resources if resource["type"] == "AWS_ECR_CONTAINER_IMAGE"]
    return [image.rpartition("/")[0] for image in found]


def _functions(resources: Sequence[dict[str, Any]]) -> list[str]:
    """The ARNs of the functions, without the version that a finding is about."""
    found = [resource["id"] for resource in resources if resource["type"] == "AWS_LAMBDA_FUNCTION"]
    return [":".join(arn.split(":")[:7]) for arn in found]


_FINDING = AwsKind(
    name="aws_inspector_finding",
    description="A vulnerability that a resource has, or had until a few days ago.",
    bases=("phantom_resource",),
    service="inspector2",
    api=Call(
        operation="list_findings",
        items="findings",
        # An administrator is told of the members' findings, too, which are collected with the members.
        params={"filterCriteria": {"awsAccountId": [{"comparison": "EQUALS", "value": "{account}"}]}},
        # Where it is switched off there are none, and to ask for them may look as if it were forbidden.
        each=Call(
            operation="batch_get_account_status",
            items="accounts",
            where=("state.status", ("ENABLING", "ENABLED", "DISABLING")),
            errors="failedAccounts",
        ),
    ),
    id=Value("findingArn", lambda arn: arn.rpartition("/")[2]),
    name_path="title",
    arn="findingArn",
    prefix="",
    ctime="firstObservedAt",
    mtime="updatedAt",
    tags="",
    properties={
        "title": "title",
        "finding_arn": "findingArn",
        "finding_resources": "resources",
        "finding_severity": "severity",
        "first_observed_at": "firstObservedAt",
        "updated_at": "updatedAt",
        "epss": "epss.score",
        "exploitability_details": "exploitabilityDetails.lastKnownExploitAt",
    },
    links=(
        Link(kind="aws_ec2_instance", path=_ids_of("AWS_EC2_INSTANCE"), parent=True),
        Link(kind="aws_lambda_function", path=Value("resources", _functions), by="arn", parent=True),
        Link(kind="aws_ecr_repository", path=Value("resources", _repositories), by="arn", parent=True),
        Link(kind="aws_ecr_repository", path=_ids_of("AWS_ECR_REPOSITORY"), by="arn", parent=True),
    ),
    volatile=("last_observed_at", "updated_at"),
)

KINDS = (_FINDING,)
