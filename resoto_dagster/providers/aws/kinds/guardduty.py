"""What GuardDuty finds suspicious."""

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link

_FINDING = AwsKind(
    name="aws_guard_duty_finding",
    description="Something suspicious that was seen of a resource, and was not archived yet.",
    bases=("phantom_resource",),
    service="guardduty",
    api=Call(
        operation="list_findings",
        items="FindingIds",
        # An administrator is told of the members' findings, too, which are collected with the members.
        params={
            "DetectorId": "item.DetectorIds",
            "FindingCriteria": {
                "Criterion": {"service.archived": {"Eq": ["false"]}, "accountId": {"Eq": ["{account}"]}}
            },
        },
        each=Call(operation="list_detectors", items="DetectorIds"),
        owner="Detector",
    ),
    details=(
        Detail(
            operation="get_findings",
            params={"DetectorId": "Detector.DetectorIds", "FindingIds": ["FindingIds"]},
            result="Findings",
            batch=50,
            match=("Id", "FindingIds"),
            into="",
        ),
    ),
    id="FindingIds",
    name_path="Title",
    arn="Arn",
    prefix="",
    ctime="CreatedAt",
    mtime="UpdatedAt",
    tags="",
    properties={
        "title": "Title",
        "detector_id": "Detector.DetectorIds",
        "finding_region": "Region",
        "finding_resource": "Resource",
        "finding_severity": "Severity",
    },
    drop=("Id", "Detector"),
    links=(
        Link(kind="aws_ec2_instance", path="Resource.InstanceDetails.InstanceId", parent=True),
        Link(kind="aws_iam_access_key", path="Resource.AccessKeyDetails.AccessKeyId", parent=True),
        Link(kind="aws_lambda_function", path="Resource.LambdaDetails.FunctionArn", by="arn", parent=True),
        Link(
            kind="aws_rds_instance",
            path="Resource.RdsDbInstanceDetails.DbInstanceArn",
            by="arn",
            parent=True,
        ),
        Link(kind="aws_s3_bucket", path="Resource.S3BucketDetails[].Name", parent=True),
        Link(kind="aws_eks_cluster", path="Resource.EksClusterDetails.Arn", by="arn", parent=True),
        Link(kind="aws_ecs_cluster", path="Resource.EcsClusterDetails.Arn", by="arn", parent=True),
        Link(kind="aws_ecs_task", path="Resource.EcsClusterDetails.TaskDetails.Arn", by="arn", parent=True),
    ),
    volatile=("service",),
)

KINDS = (_FINDING,)
