"""Systems Manager's machines, documents and compliance, from the API's answer on."""

import json

import pytest

from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION, belongs_to, stored, uses
from resoto_dagster_tests.providers.aws.samples import MOMENT

WHEN = "2024-05-01T10:30:00Z"
CONTENT = {
    "schemaVersion": "2.2",
    "description": "Say hello",
    "parameters": {"name": {"type": "String", "description": "Whom", "default": "you"}},
    "mainSteps": [{"action": "aws:runShellScript", "name": "hello", "inputs": {"runCommand": ["echo"]}}],
}


@pytest.fixture
def machines(synthetic):
    """One machine in EC2 and one elsewhere."""

    def listed(params):
        machines = [
            {"InstanceId": "i-1", "ResourceType": "EC2Instance", "ComputerName": "one"},
            {"InstanceId": "mi-2", "ResourceType": "ManagedInstance", "Name": "two", "SourceId": "thing"},
        ]
        wanted = params.get("Filters", [{"Values": ["i-1", "mi-2"]}])[0]["Values"]
        moments = {"LastPingDateTime": MOMENT, "RegistrationDate": MOMENT}
        return {
            "InstanceInformationList": [
                {**machine, **moments, "PingStatus": "Online", "IPAddress": "10.0.0.9"}
                for machine in machines
                if machine["InstanceId"] in wanted
            ]
        }

    synthetic.answer("ssm", "DescribeInstanceInformation", listed)


def test_machines(machines, synthetic, collect_kind, session):
    here, elsewhere = collect_kind("aws_ssm_instance")

    assert (here.id, here.name, here.region) == ("i-1", "i-1", REGION)
    assert here.properties == {
        "instance_id": "i-1",
        "resource_type": "EC2Instance",
        "computer_name": "one",
        "ping_status": "Online",
        "last_ping": WHEN,
        "registration_date": WHEN,
        "ip_address": "10.0.0.9",
    }
    assert set(here.edges) == {belongs_to("aws_region", REGION), uses("aws_ec2_instance", "i-1")}
    assert (elsewhere.id, elsewhere.name) == ("mi-2", "two")
    assert set(elsewhere.edges) == {belongs_to("aws_region", REGION)}
    assert session.read(stored(elsewhere)) == elsewhere
    assert synthetic.asked("ssm", "DescribeInstanceInformation")[-1] == {
        "Filters": [{"Key": "InstanceIds", "Values": ["mi-2"]}]
    }
    synthetic.refuse("ssm", "DescribeInstanceInformation", "InvalidInstanceId")
    assert session.read(stored(elsewhere)) is None


def test_all_that_is_told_of_a_machine(synthetic, collect_kind):
    synthetic.in_full("ssm", "DescribeInstanceInformation")

    (machine,) = collect_kind("aws_ssm_instance")

    properties = machine.properties
    assert properties["agent_version"] == "AgentVersion"
    assert properties["is_latest_version"] is True
    assert properties["platform_type"] == "Windows"
    assert (properties["platform_name"], properties["platform_version"]) == (
        "PlatformName",
        "PlatformVersion",
    )
    assert (properties["activation_id"], properties["iam_role"]) == ("ActivationId", "IamRole")
    assert properties["association_status"] == "AssociationStatus"
    assert properties["last_association_execution_date"] == WHEN
    assert properties["last_successful_association_execution_date"] == WHEN
    assert properties["association_overview"]["detailed_status"] == "DetailedStatus"
    assert (properties["source_id"], properties["source_type"]) == ("SourceId", "AWS::EC2::Instance")
    assert {"last_ping", "last_association_execution_date"} <= KINDS["aws_ssm_instance"].unsettled


def test_documents_of_the_account(client, collect_kind, session):
    ssm = client("ssm")
    ssm.create_document(
        Name="hello",
        Content=json.dumps(CONTENT),
        DocumentType="Command",
        DocumentFormat="JSON",
        VersionName="first",
        TargetType="/AWS::EC2::Instance",
        Tags=[{"Key": "owner", "Value": "web"}],
    )
    told = ssm.describe_document(Name="hello")["Document"]

    (document,) = collect_kind("aws_ssm_document")

    assert (document.id, document.name, document.tags) == ("hello", "hello", {"owner": "web"})
    assert document.ctime == told["CreatedDate"]
    properties = document.properties
    assert properties["arn"] == f"arn:aws:ssm:{REGION}:{ACCOUNT}:document/hello"
    assert (properties["hash"], properties["hash_type"]) == (told["Hash"], "Sha256")
    assert (properties["status"], properties["owner"]) == ("Active", ACCOUNT)
    assert (properties["document_type"], properties["document_format"]) == ("Command", "JSON")
    assert (properties["document_version"], properties["version_name"]) == ("1", "first")
    assert (properties["latest_version"], properties["default_version"]) == ("1", "1")
    assert (properties["schema_version"], properties["description"]) == ("2.2", "Say hello")
    assert properties["parameters"] == [
        {"name": "name", "type": "String", "description": "Whom", "default_value": "you"}
    ]
    assert properties["target_type"] == "/AWS::EC2::Instance"
    assert set(document.edges) == {belongs_to("aws_region", REGION)}
    assert session.read(stored(document)) == document

    ssm.delete_document(Name="hello")
    assert session.read(stored(document)) is None


def test_all_that_is_told_of_a_document(synthetic, collect_kind):
    synthetic.in_full("ssm", "ListDocuments", DocumentIdentifiers=[{"Name": "hello"}])
    synthetic.in_full(
        "ssm",
        "DescribeDocument",
        Document={"Name": "hello", "AttachmentsInformation": [{"Name": "a"}, {"Name": "b"}]},
    )

    (document,) = collect_kind("aws_ssm_document")

    assert synthetic.asked("ssm", "ListDocuments") == [{"Filters": [{"Key": "Owner", "Values": ["Self"]}]}]
    properties = document.properties
    assert properties["attachments_information"] == ["a", "b"]
    assert properties["sha1"] == "Sha1"
    assert properties["display_name"] == "DisplayName"
    assert properties["status_information"] == "StatusInformation"
    assert properties["platform_types"] == ["Windows"]
    assert properties["requires"][0]["require_type"] == "RequireType"
    assert (properties["author"], properties["review_status"]) == ("Author", "APPROVED")
    assert properties["review_information"] == [
        {"reviewed_time": WHEN, "status": "APPROVED", "reviewer": "Reviewer"}
    ]
    assert properties["approved_version"] == "ApprovedVersion"
    assert properties["pending_review_version"] == "PendingReviewVersion"
    assert (properties["category"], properties["category_enum"]) == (["Category"], ["CategoryEnum"])


def test_what_complies_and_what_does_not(synthetic, collect_kind, session):
    summary = {"ResourceType": "ManagedInstance", "ResourceId": "i-1"}
    summaries = [
        {**summary, "ComplianceType": "Association", "Status": "COMPLIANT"},
        {**summary, "ComplianceType": "Patch", "Status": "NON_COMPLIANT", "OverallSeverity": "HIGH"},
        {**summary, "ComplianceType": "Patch", "Status": "COMPLIANT", "ResourceId": "mi-2"},
    ]
    synthetic.in_full("ssm", "ListResourceComplianceSummaries", ResourceComplianceSummaryItems=summaries)
    synthetic.answer(
        "ssm",
        "ListComplianceItems",
        {"ComplianceItems": [{"Id": "KB1", "Title": "Security update", "Severity": "HIGH"}]},
    )

    association, patches, others = collect_kind("aws_ssm_resource_compliance")

    assert [found.id for found in (association, patches, others)] == [
        "Association:ManagedInstance:i-1",
        "Patch:ManagedInstance:i-1",
        "Patch:ManagedInstance:mi-2",
    ]
    assert patches.properties == {
        "compliance_type": "Patch",
        "resource_type": "ManagedInstance",
        "resource_id": "i-1",
        "status": "NON_COMPLIANT",
        "severity": "HIGH",
        "execution_summary": {
            "execution_time": WHEN,
            "execution_id": "ExecutionId",
            "execution_type": "ExecutionType",
        },
        "compliant_summary": patches.properties["compliant_summary"],
        "non_compliant_summary": patches.properties["non_compliant_summary"],
        "compliance_details": [{"id": "KB1", "title": "Security update", "severity": "HIGH"}],
    }
    assert patches.properties["non_compliant_summary"]["severity_summary"]["high_count"] == 1
    assert patches.properties["compliant_summary"]["compliant_count"] == 1
    assert "compliance_details" not in association.properties
    assert synthetic.asked("ssm", "ListComplianceItems") == [
        {
            "ResourceIds": ["i-1"],
            "Filters": [
                {"Key": "Status", "Values": ["NON_COMPLIANT"], "Type": "EQUAL"},
                {"Key": "ComplianceType", "Values": ["Patch"], "Type": "EQUAL"},
            ],
        }
    ]
    assert set(patches.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_ssm_instance", "i-1"),
        belongs_to("aws_ec2_instance", "i-1"),
    }
    assert set(others.edges) == {belongs_to("aws_region", REGION), belongs_to("aws_ssm_instance", "mi-2")}
    assert session.read(stored(patches)) == patches
