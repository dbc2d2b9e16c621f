"""Systems Manager: the machines it manages, whether they comply, and the documents they are managed by."""

from collections.abc import Sequence
from typing import Any

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Value

_NOT_COMPLIANT = "NON_COMPLIANT"


def _if_ec2(resource_type: str | None, resource: str) -> str | None:
    return resource if resource_type == "EC2Instance" else None


def _instance(resource: str) -> str | None:
    """The id, if it is that of an EC2 instance, and not of a machine elsewhere (`mi-...`)."""
    return resource if resource.startswith("i-") else None


def _in_list_unless_compliant(resource: str, status: str) -> list[str] | None:
    return [resource] if status == _NOT_COMPLIANT else None


def _not_compliant_of(compliance_type: str) -> list[dict[str, Any]]:
    wanted = {"Status": _NOT_COMPLIANT, "ComplianceType": compliance_type}
    return [{"Key": key, "Values": [value], "Type": "EQUAL"} for key, value in wanted.items()]


def _by_id(instance: str) -> list[dict[str, Any]]:
    return [{"Key": "InstanceIds", "Values": [instance]}]


def _names(attachments: Sequence[dict[str, Any]]) -> list[str]:
    return [attachment["Name"] for attachment in attachments]


_INSTANCE = AwsKind(
    name="aws_ssm_instance",
    description="A machine that Systems Manager manages, in EC2 or elsewhere.",
    service="ssm",
    api=Call(operation="describe_instance_information", items="InstanceInformationList"),
    id="InstanceId",
    name_path="Name",
    prefix="",
    tags="",
    properties={"instance_id": "InstanceId", "last_ping": "LastPingDateTime"},
    links=(Link(kind="aws_ec2_instance", path=Value(("ResourceType", "InstanceId"), _if_ec2)),),
    read={"Filters": Value("id", _by_id)},
    missing=("InvalidInstanceId",),
    changing=("ping_status", "association_status", "association_overview"),
    volatile=(
        "last_ping",
        "last_association_execution_date",
        "last_successful_association_execution_date",
    ),
)

_DOCUMENT = AwsKind(
    name="aws_ssm_document",
    description="A document of the account's own that says what is to be done with machines.",
    service="ssm",
    api=Call(
        operation="list_documents",
        items="DocumentIdentifiers",
        params={"Filters": [{"Key": "Owner", "Values": ["Self"]}]},
    ),
    details=(Detail(operation="describe_document", params={"Name": "Name"}, result="Document", into=""),),
    id="Name",
    name_path="Name",
    arn="arn:{partition}:ssm:{region}:{account}:document/{id}",
    prefix="",
    ctime="CreatedDate",
    properties={"attachments_information": Value("AttachmentsInformation", _names)},
    missing=("InvalidDocument",),
    changing=("status", "status_information"),
)

_COMPLIANCE = AwsKind(
    name="aws_ssm_resource_compliance",
    description="Whether a machine has the patches and settings that it should have, and what it lacks.",
    bases=("phantom_resource",),
    service="ssm",
    api=Call(operation="list_resource_compliance_summaries", items="ResourceComplianceSummaryItems"),
    details=(
        Detail(
            operation="list_compliance_items",
            params={
                "ResourceIds": Value(("ResourceId", "Status"), _in_list_unless_compliant),
                "Filters": Value("ComplianceType", _not_compliant_of),
            },
            result="ComplianceItems",
            into="Items",
        ),
    ),
    id=Value(("ComplianceType", "ResourceType", "ResourceId"), "{}:{}:{}".format),
    prefix="",
    tags="",
    properties={
        "compliance_type": "ComplianceType",
        "resource_type": "ResourceType",
        "resource_id": "ResourceId",
        "severity": "OverallSeverity",
        "compliance_details": "Items",
    },
    links=(
        Link(kind="aws_ssm_instance", path="ResourceId", parent=True),
        Link(kind="aws_ec2_instance", path=Value("ResourceId", _instance), parent=True),
    ),
    volatile=("execution_summary",),
)

KINDS = (_INSTANCE, _DOCUMENT, _COMPLIANCE)
