"""Findings of GuardDuty and Inspector, from the API's answer on."""

from datetime import UTC, datetime

import pytest

from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    REGION,
    RecordingSink,
    belongs_to,
    stored,
)
from resoto_dagster_tests.providers.aws.samples import MOMENT

WHEN = "2024-05-01T10:30:00Z"


@pytest.fixture
def suspicious(synthetic):
    """More findings of one detector than are described at once, and one of another detector."""
    of_detector = {"d-1": [f"f-{number:02}" for number in range(51)], "d-2": ["f-99"]}

    def described(params):
        assert set(params["FindingIds"]) <= set(of_detector[params["DetectorId"]])
        return {
            "Findings": [
                {
                    "Id": name,
                    "AccountId": ACCOUNT,
                    "Arn": f"arn:aws:guardduty:{REGION}:{ACCOUNT}:detector/d-1/finding/{name}",
                    "Confidence": 0.5,
                    "CreatedAt": "2024-05-01T10:30:00.000Z",
                    "UpdatedAt": "2024-05-02T10:30:00.000Z",
                    "Description": "Someone tries names and passwords",
                    "Partition": "aws",
                    "Region": REGION,
                    "Resource": {"InstanceDetails": {"InstanceId": f"i-{name}"}, "ResourceType": "Instance"},
                    "SchemaVersion": "2.0",
                    "Service": {"Count": 3},
                    "Severity": 8.0,
                    "Title": f"Brute force {name}",
                    "Type": "UnauthorizedAccess:EC2/SSHBruteForce",
                }
                for name in params["FindingIds"]
            ]
        }

    synthetic.answer("guardduty", "ListDetectors", {"DetectorIds": list(of_detector)})
    synthetic.answer(
        "guardduty", "ListFindings", lambda params: {"FindingIds": of_detector[params["DetectorId"]]}
    )
    synthetic.answer("guardduty", "GetFindings", described)


def test_what_guardduty_finds(suspicious, synthetic, collect_kind, session):
    found = {finding.id: finding for finding in collect_kind("aws_guard_duty_finding")}

    assert len(found) == 52
    finding = found["f-50"]
    assert (finding.name, finding.region, finding.tags) == ("Brute force f-50", REGION, {})
    assert finding.ctime == datetime(2024, 5, 1, 10, 30, tzinfo=UTC)
    assert finding.mtime == datetime(2024, 5, 2, 10, 30, tzinfo=UTC)
    assert finding.properties == {
        "account_id": ACCOUNT,
        "arn": f"arn:aws:guardduty:{REGION}:{ACCOUNT}:detector/d-1/finding/f-50",
        "confidence": 0.5,
        "description": "Someone tries names and passwords",
        "detector_id": "d-1",
        "partition": "aws",
        "finding_region": REGION,
        "finding_resource": {"instance_details": {"instance_id": "i-f-50"}, "resource_type": "Instance"},
        "schema_version": "2.0",
        "service": {"count": 3},
        "finding_severity": 8.0,
        "title": "Brute force f-50",
        "type": "UnauthorizedAccess:EC2/SSHBruteForce",
    }
    assert set(finding.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_ec2_instance", "i-f-50"),
    }
    assert found["f-99"].properties["detector_id"] == "d-2"
    asked = synthetic.asked("guardduty", "GetFindings")
    assert sorted((params["DetectorId"], len(params["FindingIds"])) for params in asked) == [
        ("d-1", 1),
        ("d-1", 50),
        ("d-2", 1),
    ]
    assert synthetic.asked("guardduty", "ListFindings")[0]["FindingCriteria"] == {
        "Criterion": {"service.archived": {"Eq": ["false"]}, "accountId": {"Eq": [ACCOUNT]}}
    }
    assert session.read(stored(finding)) == finding


def test_guardduty_is_not_in_use(synthetic, collect_kind):
    synthetic.answer("guardduty", "ListDetectors", {"DetectorIds": []})

    assert collect_kind("aws_guard_duty_finding") == []


def test_what_guardduty_s_findings_are_about():
    resource = {
        "AccessKeyDetails": {"AccessKeyId": "AKIA1"},
        "S3BucketDetails": [{"Name": "data"}, {"Name": "logs"}],
        "LambdaDetails": {"FunctionArn": "arn:aws:lambda:f"},
        "RdsDbInstanceDetails": {"DbInstanceArn": "arn:aws:rds:db"},
        "EksClusterDetails": {"Arn": "arn:aws:eks:blue"},
        "EcsClusterDetails": {"Arn": "arn:aws:ecs:green", "TaskDetails": {"Arn": "arn:aws:ecs:green/t-1"}},
    }

    finding = map_item("aws_guard_duty_finding", {"FindingIds": "f", "Resource": resource})

    assert set(finding.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_iam_access_key", "AKIA1"),
        belongs_to("aws_s3_bucket", "data"),
        belongs_to("aws_s3_bucket", "logs"),
        belongs_to("aws_lambda_function", "arn:aws:lambda:f", "arn"),
        belongs_to("aws_rds_instance", "arn:aws:rds:db", "arn"),
        belongs_to("aws_eks_cluster", "arn:aws:eks:blue", "arn"),
        belongs_to("aws_ecs_cluster", "arn:aws:ecs:green", "arn"),
        belongs_to("aws_ecs_task", "arn:aws:ecs:green/t-1", "arn"),
    }


def _switched(synthetic, status):
    synthetic.in_full(
        "inspector2",
        "BatchGetAccountStatus",
        accounts=[{"accountId": ACCOUNT, "state": {"status": status}}],
        failedAccounts=None,
    )


def test_what_inspector_finds(synthetic, collect_kind, session):
    arn = f"arn:aws:inspector2:{REGION}:{ACCOUNT}:finding/abc"
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:parse"
    repository = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/shop/web"
    image = f"{repository}/sha256:0123456789abcdef"
    _switched(synthetic, "ENABLED")
    synthetic.in_full(
        "inspector2",
        "ListFindings",
        findings=[
            {
                "findingArn": arn,
                "title": "CVE-2024-1 - openssl",
                "severity": "CRITICAL",
                "status": "ACTIVE",
                "epss": {"score": 0.75},
                "remediation": {"recommendation": {"text": "Update", "Url": "https://example.com"}},
                "resources": [
                    {"id": "i-1", "type": "AWS_EC2_INSTANCE", "region": REGION},
                    {"id": f"{function}:$LATEST", "type": "AWS_LAMBDA_FUNCTION"},
                    {"id": image, "type": "AWS_ECR_CONTAINER_IMAGE"},
                ],
            }
        ],
    )

    (finding,) = collect_kind("aws_inspector_finding")

    assert (finding.id, finding.name) == ("abc", "CVE-2024-1 - openssl")
    assert (finding.ctime, finding.mtime) == (MOMENT, MOMENT)
    properties = finding.properties
    assert properties["arn"] == properties["finding_arn"] == arn
    assert properties["aws_account_id"] == "awsAccountId"
    assert properties["title"] == "CVE-2024-1 - openssl"
    assert properties["description"] == "description"
    assert (properties["finding_severity"], properties["status"]) == ("CRITICAL", "ACTIVE")
    assert properties["type"] == "NETWORK_REACHABILITY"
    assert (properties["epss"], properties["inspector_score"]) == (0.75, 1.5)
    assert (properties["exploit_available"], properties["fix_available"]) == ("YES", "YES")
    assert properties["exploitability_details"] == WHEN
    assert properties["remediation"] == {"recommendation": {"text": "Update", "url": "https://example.com"}}
    assert [resource["id"] for resource in properties["finding_resources"]] == [
        "i-1",
        f"{function}:$LATEST",
        image,
    ]
    assert properties["first_observed_at"] == properties["last_observed_at"] == WHEN
    assert properties["updated_at"] == WHEN
    assert {"last_observed_at", "updated_at"} == KINDS["aws_inspector_finding"].unsettled
    assert set(finding.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_ec2_instance", "i-1"),
        belongs_to("aws_lambda_function", function, "arn"),
        belongs_to("aws_ecr_repository", repository, "arn"),
    }
    assert synthetic.asked("inspector2", "ListFindings") == [
        {"filterCriteria": {"awsAccountId": [{"comparison": "EQUALS", "value": ACCOUNT}]}}
    ]
    assert session.read(stored(finding)) == finding


def test_inspector_is_switched_off(synthetic, collect_kind):
    _switched(synthetic, "DISABLED")

    assert collect_kind("aws_inspector_finding") == []
    assert synthetic.asked("inspector2", "ListFindings") == []


@pytest.mark.parametrize(
    ("kind", "service", "operation"),
    [
        ("aws_guard_duty_finding", "guardduty", "ListDetectors"),
        ("aws_inspector_finding", "inspector2", "BatchGetAccountStatus"),
    ],
)
def test_that_access_is_denied_does_not_mean_that_nothing_was_found(
    kind, service, operation, synthetic, session
):
    synthetic.refuse(service, operation, "AccessDeniedException", 403)
    sink = RecordingSink()

    session.collect([kind], sink)

    assert list(sink.failures.values()) == [f"AccessDeniedException: {service}:{operation}"]


def test_that_inspector_does_not_know_whether_it_is_switched_on_is_an_error(synthetic, session):
    synthetic.in_full(
        "inspector2",
        "BatchGetAccountStatus",
        accounts=[],
        failedAccounts=[{"accountId": ACCOUNT, "errorCode": "INTERNAL_ERROR"}],
    )
    sink = RecordingSink()

    session.collect(["aws_inspector_finding"], sink)

    (failure,) = sink.failures.values()
    assert failure.startswith("batch_get_account_status: could not be read: ")
    assert "INTERNAL_ERROR" in failure
