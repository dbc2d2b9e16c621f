"""Backups: what makes them, where they are, what is in them, and what is reported of them."""

from typing import Literal

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

_MISSING = ("ResourceNotFoundException",)

_TAGGING = Tagging(
    upsert="tag_resource",
    remove="untag_resource",
    params={"ResourceArn": "arn"},
    tags_form="map",
    keys="TagKeyList",
)

_PROTECTED: tuple[tuple[str, str, Literal["id", "arn"]], ...] = (
    ("Aurora", "aws_rds_cluster", "arn"),
    ("CloudFormation", "aws_cloudformation_stack", "id"),
    ("DynamoDB", "aws_dynamodb_table", "arn"),
    ("DynamoDB", "aws_dynamodb_global_table", "arn"),
    ("EBS", "aws_ec2_volume", "arn"),
    ("EC2", "aws_ec2_instance", "arn"),
    ("EFS", "aws_efs_file_system", "arn"),
    ("RDS", "aws_rds_instance", "arn"),
    ("Redshift", "aws_redshift_cluster", "arn"),
    ("S3", "aws_s3_bucket", "arn"),
)
"""The types of what is backed up, the kinds that may be of a type, and whether the ARN is the id."""


def _tags(arn: str) -> Detail:
    return Detail(operation="list_tags", params={"ResourceArn": arn}, result="Tags", into="Tags")


def _if_type(resource_type: str, path: str) -> Value:
    """What is at the path, if it is about a resource of that type."""
    return Value(("ResourceType", path), lambda its, found: found if its == resource_type else None)


def _vault(path: str) -> Link:
    return Link(kind="aws_backup_vault", path=path)


def _point(path: str) -> Link:
    return Link(kind="aws_backup_recovery_point", path=path)


_OF_PLAN = Link(kind="aws_backup_plan", path="CreatedBy.BackupPlanId", parent=True)

_OF_RESOURCE = Link(kind="aws_backup_protected_resource", path="ResourceArn")

_VAULTS = Call(operation="list_backup_vaults", items="BackupVaultList")

_VAULT = AwsKind(
    name="aws_backup_vault",
    description="A vault that backups are kept in; it can be deleted once it is empty.",
    service="backup",
    api=_VAULTS,
    details=(_tags("BackupVaultArn"),),
    id="BackupVaultArn",
    name_path="BackupVaultName",
    arn="BackupVaultArn",
    prefix="",
    ctime="CreationDate",
    properties={
        "backup_vault_name": "BackupVaultName",
        "backup_vault_arn": "BackupVaultArn",
        "creation_date": "CreationDate",
    },
    links=encrypted_with("EncryptionKeyArn"),
    missing=_MISSING,
    delete=(Step(operation="delete_backup_vault", params={"BackupVaultName": "name"}),),
    tagging=_TAGGING,
    held_back=(
        HeldBack(
            "name", ("Default", "aws/efs/automatic-backup-vault"), "AWS made the vault and keeps it for good"
        ),
    ),
    changing=("number_of_recovery_points",),
)

_PLAN = AwsKind(
    name="aws_backup_plan",
    description="A plan by which backups are made; those that were made stay when it is deleted.",
    service="backup",
    api=Call(operation="list_backup_plans", items="BackupPlansList"),
    details=(_tags("BackupPlanArn"),),
    id="BackupPlanId",
    name_path="BackupPlanName",
    arn="BackupPlanArn",
    prefix="",
    ctime="CreationDate",
    properties={
        "backup_plan_id": "BackupPlanId",
        "backup_plan_name": "BackupPlanName",
        "backup_plan_arn": "BackupPlanArn",
        "creation_date": "CreationDate",
        "managed": Value("BackupPlanId", lambda plan_id: plan_id.startswith("aws/")),
    },
    missing=_MISSING,
    delete=(
        Step(
            operation="delete_backup_selection",
            each=Call(
                operation="list_backup_selections",
                items="BackupSelectionsList",
                params={"BackupPlanId": "id"},
            ),
            params={"BackupPlanId": "id", "SelectionId": "item.SelectionId"},
        ),
        Step(operation="delete_backup_plan", params={"BackupPlanId": "id"}),
    ),
    tagging=_TAGGING,
    held_back=(HeldBack("managed", (True,), "the service that made it keeps it"),),
    volatile=("last_execution_date",),
)

_RECOVERY_POINT = AwsKind(
    name="aws_backup_recovery_point",
    description="A backup of a resource as it was at one time.",
    service="backup",
    api=Call(
        operation="list_recovery_points_by_backup_vault",
        items="RecoveryPoints",
        params={"BackupVaultName": "item.BackupVaultName"},
        each=_VAULTS,
    ),
    id="RecoveryPointArn",
    arn="RecoveryPointArn",
    prefix="",
    ctime="CreationDate",
    tags="",
    properties={
        "recovery_point_arn": "RecoveryPointArn",
        "recovery_point_created_by": "CreatedBy",
        "creation_date": "CreationDate",
    },
    links=(
        Link(kind="aws_backup_vault", path="BackupVaultArn", parent=True, delete="before"),
        _OF_PLAN,
        Link(kind="aws_backup_recovery_point", path="ParentRecoveryPointArn", parent=True),
        Link(kind="aws_ec2_snapshot", path=_if_type("EBS", "RecoveryPointArn"), by="arn"),
        Link(kind="aws_ec2_image", path=_if_type("EC2", "RecoveryPointArn"), by="arn"),
        *encrypted_with("EncryptionKeyArn"),
    ),
    read={"BackupVaultName": "backup_vault_name", "ByResourceArn": "resource_arn"},
    missing=_MISSING,
    delete=(
        Step(
            operation="delete_recovery_point",
            params={"BackupVaultName": "backup_vault_name", "RecoveryPointArn": "arn"},
        ),
    ),
    takes_along=("aws_backup_recovery_point", "aws_ec2_image", "aws_ec2_snapshot"),
    changing=(
        "aggregated_scan_result",
        "index_status",
        "index_status_message",
        "status",
        "status_message",
    ),
    volatile=("last_restore_time",),
)

_PROTECTED_RESOURCE = AwsKind(
    name="aws_backup_protected_resource",
    description="A resource that there are backups of.",
    service="backup",
    api=Call(operation="list_protected_resources", items="Results"),
    id="ResourceArn",
    name_path="ResourceName",
    prefix="",
    tags="",
    properties={"resource_arn": "ResourceArn", "resource_name": "ResourceName"},
    links=(
        Link(kind="aws_backup_vault", path="LastBackupVaultArn", parent=True),
        Link(kind="aws_backup_recovery_point", path="LastRecoveryPointArn", parent=True),
        *(
            Link(kind=kind, path=_if_type(resource_type, "ResourceArn"), by=by)
            for resource_type, kind, by in _PROTECTED
        ),
    ),
    volatile=("last_backup_time", "last_recovery_point_arn"),
)

_BACKUP_JOB = AwsKind(
    name="aws_backup_job",
    description="The making of a backup, in the last 30 days.",
    service="backup",
    api=Call(operation="list_backup_jobs", items="BackupJobs"),
    id="BackupJobId",
    prefix="",
    ctime="CreationDate",
    tags="",
    properties={
        "backup_job_id": "BackupJobId",
        "creation_date": "CreationDate",
        "job_created_by": "CreatedBy",
    },
    links=(
        _OF_PLAN,
        Link(kind="aws_backup_vault", path="BackupVaultArn", parent=True),
        _OF_RESOURCE,
        _point("RecoveryPointArn"),
    ),
)

_COPY_JOB = AwsKind(
    name="aws_backup_copy_job",
    description="The copying of a backup from one vault to another, in the last 30 days.",
    service="backup",
    api=Call(operation="list_copy_jobs", items="CopyJobs"),
    id="CopyJobId",
    prefix="",
    ctime="CreationDate",
    tags="",
    properties={
        "copy_job_id": "CopyJobId",
        "creation_date": "CreationDate",
        "copy_job_created_by": "CreatedBy",
    },
    links=(
        _OF_PLAN,
        _vault("SourceBackupVaultArn"),
        _vault("DestinationBackupVaultArn"),
        _point("SourceRecoveryPointArn"),
        _point("DestinationRecoveryPointArn"),
    ),
)

_RESTORE_JOB = AwsKind(
    name="aws_backup_restore_job",
    description="The restoring of a resource from a backup.",
    service="backup",
    api=Call(operation="list_restore_jobs", items="RestoreJobs"),
    id="RestoreJobId",
    prefix="",
    ctime="CreationDate",
    tags="",
    properties={
        "restore_job_id": "RestoreJobId",
        "creation_date": "CreationDate",
        "restore_job_created_by": "CreatedBy.RestoreTestingPlanArn",
    },
    drop=("CreatedBy",),
    links=(
        Link(kind="aws_backup_restore_testing_plan", path="CreatedBy.RestoreTestingPlanArn", parent=True),
        Link(kind="aws_backup_recovery_point", path="RecoveryPointArn", parent=True),
    ),
)

_FRAMEWORK = AwsKind(
    name="aws_backup_framework",
    description="A set of controls that tell whether backups are made as they should be.",
    service="backup",
    api=Call(operation="list_frameworks", items="Frameworks"),
    details=(_tags("FrameworkArn"),),
    id="FrameworkArn",
    name_path="FrameworkName",
    arn="FrameworkArn",
    prefix="",
    ctime="CreationTime",
    properties={
        "framework_name": "FrameworkName",
        "framework_arn": "FrameworkArn",
        "creation_time": "CreationTime",
        "framework_deployment_status": "DeploymentStatus",
    },
    missing=_MISSING,
    delete=(Step(operation="delete_framework", params={"FrameworkName": "name"}),),
    tagging=_TAGGING,
    changing=("framework_deployment_status",),
)

_REPORT_PLAN = AwsKind(
    name="aws_backup_report_plan",
    description="A plan by which reports on backups are written to a bucket.",
    service="backup",
    api=Call(operation="list_report_plans", items="ReportPlans"),
    details=(_tags("ReportPlanArn"),),
    id="ReportPlanArn",
    name_path="ReportPlanName",
    arn="ReportPlanArn",
    prefix="",
    ctime="CreationTime",
    properties={
        "report_plan_name": "ReportPlanName",
        "report_plan_arn": "ReportPlanArn",
        "creation_time": "CreationTime",
        "plan_deployment_status": "DeploymentStatus",
    },
    links=(
        Link(kind="aws_backup_framework", path="ReportSetting.FrameworkArns[]", parent=True),
        Link(kind="aws_s3_bucket", path="ReportDeliveryChannel.S3BucketName"),
    ),
    missing=_MISSING,
    delete=(Step(operation="delete_report_plan", params={"ReportPlanName": "name"}),),
    tagging=_TAGGING,
    changing=("plan_deployment_status",),
    volatile=("last_attempted_execution_time", "last_successful_execution_time"),
)

_RESTORE_TESTING_PLAN = AwsKind(
    name="aws_backup_restore_testing_plan",
    description="A plan by which backups are restored to see whether they can be.",
    service="backup",
    api=Call(operation="list_restore_testing_plans", items="RestoreTestingPlans"),
    details=(_tags("RestoreTestingPlanArn"),),
    id="RestoreTestingPlanArn",
    name_path="RestoreTestingPlanName",
    arn="RestoreTestingPlanArn",
    prefix="",
    ctime="CreationTime",
    mtime="LastUpdateTime",
    properties={
        "restore_testing_plan_name": "RestoreTestingPlanName",
        "restore_testing_plan_arn": "RestoreTestingPlanArn",
        "creation_time": "CreationTime",
        "last_update_time": "LastUpdateTime",
    },
    missing=_MISSING,
    delete=(
        Step(
            operation="delete_restore_testing_selection",
            each=Call(
                operation="list_restore_testing_selections",
                items="RestoreTestingSelections",
                params={"RestoreTestingPlanName": "name"},
            ),
            params={
                "RestoreTestingPlanName": "name",
                "RestoreTestingSelectionName": "item.RestoreTestingSelectionName",
            },
        ),
        Step(operation="delete_restore_testing_plan", params={"RestoreTestingPlanName": "name"}),
    ),
    tagging=_TAGGING,
    volatile=("last_execution_time",),
)

_LEGAL_HOLD = AwsKind(
    name="aws_backup_legal_hold",
    description="An order to keep backups, whatever else is said of them; it ends when somebody lifts it.",
    service="backup",
    api=Call(operation="list_legal_holds", items="LegalHolds"),
    details=(_tags("LegalHoldArn"),),
    id="LegalHoldId",
    arn="LegalHoldArn",
    prefix="",
    ctime="CreationDate",
    properties={
        "legal_hold_id": "LegalHoldId",
        "legal_hold_arn": "LegalHoldArn",
        "creation_date": "CreationDate",
    },
    missing=_MISSING,
    tagging=_TAGGING,
)

KINDS = (
    _VAULT,
    _PLAN,
    _RECOVERY_POINT,
    _PROTECTED_RESOURCE,
    _BACKUP_JOB,
    _COPY_JOB,
    _RESTORE_JOB,
    _FRAMEWORK,
    _REPORT_PLAN,
    _RESTORE_TESTING_PLAN,
    _LEGAL_HOLD,
)
