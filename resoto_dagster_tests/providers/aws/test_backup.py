"""Backups, their plans, vaults, jobs and reports, from the API's answer to their deletion."""

import pytest

from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.base import ProviderError
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    KEY,
    REGION,
    RecordingSink,
    belongs_to,
    encrypted_with,
    goes_before,
    stored,
    uses,
)
from resoto_dagster_tests.providers.aws.samples import MOMENT, synthesise
from resoto_dagster_tests.providers.aws.synthetic import Refusal
from resoto_dagster_tests.providers.aws.test_resoto_kinds import RESOTO

ARN = f"arn:aws:backup:{REGION}:{ACCOUNT}:"
VAULT, OTHER_VAULT = f"{ARN}backup-vault:safe", f"{ARN}backup-vault:other"
POINT, OTHER_POINT = f"{ARN}recovery-point:1", f"{ARN}recovery-point:2"
PLAN = "plan-1"
TESTING_PLAN = f"{ARN}restore-testing-plan:trial"
FRAMEWORK = f"{ARN}framework:rules"
STACK = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/shop/1"
VOLUME = f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-1"
SNAPSHOT = f"arn:aws:ec2:{REGION}::snapshot/snap-1"
TAGS = {"owner": "web", "env": "test"}
WHEN = "2024-05-01T10:30:00Z"
"""The moment of every time of a sample, as it stands in properties."""


@pytest.fixture
def vault(client):
    client("backup").create_backup_vault(BackupVaultName="safe", EncryptionKeyArn=KEY, BackupVaultTags=TAGS)
    client("backup").put_backup_vault_lock_configuration(
        BackupVaultName="safe", MinRetentionDays=7, MaxRetentionDays=30, ChangeableForDays=3
    )


def test_properties_and_edges_of_a_vault(vault, collect_kind):
    (safe,) = collect_kind("aws_backup_vault")

    assert (safe.id, safe.name, safe.region, safe.tags) == (VAULT, "safe", REGION, TAGS)
    assert safe.ctime is not None
    properties = safe.properties
    assert properties["arn"] == properties["backup_vault_arn"] == VAULT
    assert properties["backup_vault_name"] == "safe"
    assert properties["creation_date"] == safe.ctime.isoformat().replace("+00:00", "Z")
    assert properties["encryption_key_arn"] == KEY
    assert (properties["min_retention_days"], properties["max_retention_days"]) == (7, 30)
    assert properties["locked"] is True
    assert properties["lock_date"] > properties["creation_date"]
    assert properties["number_of_recovery_points"] == 0
    assert set(safe.edges) == {belongs_to("aws_region", REGION), *encrypted_with(KEY)}


@pytest.mark.parametrize("name", ["Default", "aws/efs/automatic-backup-vault"])
def test_vaults_that_aws_made_are_held_back(name, session):
    vault = map_item(
        "aws_backup_vault", {"BackupVaultArn": f"{ARN}backup-vault:{name}", "BackupVaultName": name}
    )

    assert session.held_back(stored(vault)) == "AWS made the vault and keeps it for good"


def test_a_vault_is_read_tagged_and_deleted(vault, client, collect_kind, session):
    client("backup").create_backup_vault(BackupVaultName="other")
    other, safe = collect_kind("aws_backup_vault")
    known = stored(safe)
    assert session.read(known) == safe
    assert session.held_back(known) is None

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_backup_vault") == [other]
    session.delete(known)  # what is gone already is no error


def test_properties_and_edges_of_a_plan(client, collect_kind, session):
    settings = [{"ResourceType": "EC2", "BackupOptions": {"WindowsVSS": "enabled"}}]
    made = client("backup").create_backup_plan(
        BackupPlan={
            "BackupPlanName": "daily",
            "Rules": [{"RuleName": "all", "TargetBackupVaultName": "safe"}],
            "AdvancedBackupSettings": settings,
        },
        BackupPlanTags=TAGS,
        CreatorRequestId="first",
    )

    (plan,) = collect_kind("aws_backup_plan")

    assert (plan.id, plan.name, plan.region, plan.tags) == (made["BackupPlanId"], "daily", REGION, TAGS)
    assert plan.ctime is not None
    assert plan.properties == {
        "advanced_backup_settings": [
            {"resource_type": "EC2", "backup_options": {"WindowsVSS": "enabled"}},
        ],
        "arn": made["BackupPlanArn"],
        "backup_plan_arn": made["BackupPlanArn"],
        "backup_plan_id": plan.id,
        "backup_plan_name": "daily",
        "creation_date": plan.ctime.isoformat().replace("+00:00", "Z"),
        "creator_request_id": "first",
        "managed": False,
        "version_id": made["VersionId"],
    }
    assert set(plan.edges) == {belongs_to("aws_region", REGION)}
    session.update_tags(stored(plan), {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(stored(plan)).tags == {"owner": "ops", "team": "a"}


def test_a_plan_that_a_service_made_is_held_back(session):
    item = {"BackupPlanId": "aws/efs/1", "BackupPlanName": "aws/efs/automatic-backup-plan"}

    plan = stored(map_item("aws_backup_plan", item))

    assert session.held_back(plan) == "the service that made it keeps it"


class Kept(dict):
    """Resources by name that a synthetic server lists, tags and deletes."""

    def __init__(self, synthetic, listing, items, name, resources):
        super().__init__((resource[name], resource) for resource in resources)
        self.tags = dict(TAGS)
        synthetic.answer("backup", listing, lambda _: {items: list(self.values())})
        synthetic.answer("backup", "ListTags", lambda _: {"Tags": self.tags})
        synthetic.answer("backup", "TagResource", lambda params: self.tags.update(params["Tags"]))
        synthetic.answer("backup", "UntagResource", self.untag)

    def untag(self, params):
        for key in params["TagKeyList"]:
            del self.tags[key]

    def deleted_by(self, param):
        def delete(params):
            if params[param] not in self:
                raise Refusal("ResourceNotFoundException")
            del self[params[param]]

        return delete


def test_a_plan_is_deleted_with_what_it_selects(synthetic, collect_kind, session):
    plans = Kept(
        synthetic,
        "ListBackupPlans",
        "BackupPlansList",
        "BackupPlanId",
        [{"BackupPlanId": PLAN, "BackupPlanArn": f"{ARN}backup-plan:{PLAN}", "BackupPlanName": "daily"}],
    )
    selected = ["s-1", "s-2"]
    synthetic.answer(
        "backup",
        "ListBackupSelections",
        lambda _: {"BackupSelectionsList": [{"SelectionId": selection} for selection in selected]},
    )
    synthetic.answer("backup", "DeleteBackupSelection", lambda params: selected.remove(params["SelectionId"]))
    synthetic.answer("backup", "DeleteBackupPlan", plans.deleted_by("BackupPlanId"))
    (plan,) = collect_kind("aws_backup_plan")

    session.delete(stored(plan))

    assert selected == []
    assert session.read(stored(plan)) is None
    session.delete(stored(plan))  # what is gone already is no error


@pytest.fixture
def points(synthetic):
    """Two vaults; the first holds a recovery point of a stack, and in it that of a volume; all by ARN."""
    vaults = [
        {"BackupVaultName": "safe", "BackupVaultArn": VAULT},
        {"BackupVaultName": "other", "BackupVaultArn": OTHER_VAULT},
    ]
    synthetic.answer("backup", "ListBackupVaults", {"BackupVaultList": vaults})
    common = {"BackupVaultName": "safe", "BackupVaultArn": VAULT, "CreatedBy": {"BackupPlanId": PLAN}}
    of_stack = {"ResourceType": "CloudFormation", "ResourceArn": STACK, "ParentRecoveryPointArn": None}
    of_volume = {"ResourceType": "EBS", "ResourceArn": VOLUME, "ParentRecoveryPointArn": POINT}
    points = {
        POINT: {**common, **of_stack, "RecoveryPointArn": POINT},
        SNAPSHOT: {**common, **of_volume, "RecoveryPointArn": SNAPSHOT},
    }

    def listed(params):
        asked = {"BackupVaultName": params["BackupVaultName"]}
        if "ByResourceArn" in params:
            asked["ResourceArn"] = params["ByResourceArn"]
        found = [point for point in points.values() if asked.items() <= point.items()]
        return synthesise("backup", "ListRecoveryPointsByBackupVault", RecoveryPoints=found)

    def delete(params):
        if params["RecoveryPointArn"] not in points:
            raise Refusal("ResourceNotFoundException")
        del points[params["RecoveryPointArn"]]

    synthetic.answer("backup", "ListRecoveryPointsByBackupVault", listed)
    synthetic.answer("backup", "DeleteRecoveryPoint", delete)
    return points


def test_properties_and_edges_of_recovery_points(points, collect_kind):
    of_stack, of_volume = sorted(
        collect_kind("aws_backup_recovery_point"), key=lambda found: found.id != POINT
    )

    assert (of_volume.id, of_volume.name, of_volume.region) == (SNAPSHOT, SNAPSHOT, REGION)
    assert (of_volume.ctime, of_volume.tags) == (MOMENT, {})
    properties = of_volume.properties
    assert properties["arn"] == properties["recovery_point_arn"] == SNAPSHOT
    assert properties["backup_vault_name"] == "safe"
    assert properties["calculated_lifecycle"] == {"move_to_cold_storage_at": WHEN, "delete_at": WHEN}
    assert properties["creation_date"] == WHEN
    assert properties["recovery_point_created_by"]["backup_plan_id"] == PLAN
    assert properties["resource_arn"] == VOLUME
    assert properties["status"] == "COMPLETED"
    assert set(RESOTO[of_volume.kind]["properties"].split()) <= properties.keys()
    common = {
        belongs_to("aws_region", REGION),
        belongs_to("aws_backup_vault", VAULT),
        goes_before("aws_backup_vault", VAULT),
        belongs_to("aws_backup_plan", PLAN),
    }
    assert set(of_stack.edges) == common
    assert set(of_volume.edges) == common | {
        belongs_to("aws_backup_recovery_point", POINT),
        uses("aws_ec2_snapshot", SNAPSHOT, "arn"),
    }


def test_what_goes_along_with_a_recovery_point(points, collect_kind, session):
    of_stack, of_volume = map(stored, collect_kind("aws_backup_recovery_point"))
    snapshot = stored(map_item("aws_ec2_snapshot", {"SnapshotId": "snap-1"}))

    assert session.goes_along(of_volume, of_stack)
    assert session.goes_along(snapshot, of_volume)


def test_an_image_goes_along_with_the_recovery_point_that_it_is(session):
    image = f"arn:aws:ec2:{REGION}::image/ami-1"
    point = map_item("aws_backup_recovery_point", {"RecoveryPointArn": image, "ResourceType": "EC2"})

    assert set(point.edges) == {belongs_to("aws_region", REGION), uses("aws_ec2_image", image, "arn")}
    assert session.goes_along(stored(map_item("aws_ec2_image", {"ImageId": "ami-1"})), stored(point))


def test_a_recovery_point_is_read_and_deleted(points, synthetic, collect_kind, session):
    found = {point.id: point for point in collect_kind("aws_backup_recovery_point")}
    known = stored(found[SNAPSHOT])
    assert session.read(known) == found[SNAPSHOT]
    assert synthetic.asked("backup", "ListRecoveryPointsByBackupVault")[-1] == {
        "BackupVaultName": "safe",
        "ByResourceArn": VOLUME,
    }

    session.delete(known)

    assert session.read(known) is None
    assert collect_kind("aws_backup_recovery_point") == [found[POINT]]
    session.delete(known)  # what is gone already is no error


def test_the_points_of_a_vault_that_may_not_be_read_fail_the_scope(points, synthetic, session):
    synthetic.refuse("backup", "ListRecoveryPointsByBackupVault", "AccessDeniedException", 403)
    sink = RecordingSink()

    session.collect(["aws_backup_recovery_point"], sink)

    assert list(sink.failures.values()) == ["AccessDeniedException: backup:ListRecoveryPointsByBackupVault"]
    assert sink.found == {}


LISTED = {
    "aws_backup_protected_resource": (
        "ListProtectedResources",
        "Results",
        {
            "ResourceArn": VOLUME,
            "ResourceType": "EBS",
            "LastBackupVaultArn": VAULT,
            "LastRecoveryPointArn": POINT,
        },
        {
            belongs_to("aws_backup_vault", VAULT),
            belongs_to("aws_backup_recovery_point", POINT),
            uses("aws_ec2_volume", VOLUME, "arn"),
        },
    ),
    "aws_backup_job": (
        "ListBackupJobs",
        "BackupJobs",
        {
            "BackupVaultArn": VAULT,
            "CreatedBy": {"BackupPlanId": PLAN},
            "RecoveryPointArn": POINT,
            "ResourceArn": VOLUME,
        },
        {
            belongs_to("aws_backup_vault", VAULT),
            belongs_to("aws_backup_plan", PLAN),
            uses("aws_backup_recovery_point", POINT),
            uses("aws_backup_protected_resource", VOLUME),
        },
    ),
    "aws_backup_copy_job": (
        "ListCopyJobs",
        "CopyJobs",
        {
            "ChildJobsInState": {"COMPLETED": 2},
            "CreatedBy": {"BackupPlanId": PLAN},
            "DestinationBackupVaultArn": OTHER_VAULT,
            "DestinationRecoveryPointArn": OTHER_POINT,
            "SourceBackupVaultArn": VAULT,
            "SourceRecoveryPointArn": POINT,
        },
        {
            belongs_to("aws_backup_plan", PLAN),
            uses("aws_backup_vault", VAULT),
            uses("aws_backup_vault", OTHER_VAULT),
            uses("aws_backup_recovery_point", POINT),
            uses("aws_backup_recovery_point", OTHER_POINT),
        },
    ),
    "aws_backup_restore_job": (
        "ListRestoreJobs",
        "RestoreJobs",
        {"CreatedBy": {"RestoreTestingPlanArn": TESTING_PLAN}, "RecoveryPointArn": POINT},
        {
            belongs_to("aws_backup_restore_testing_plan", TESTING_PLAN),
            belongs_to("aws_backup_recovery_point", POINT),
        },
    ),
    "aws_backup_framework": ("ListFrameworks", "Frameworks", {"FrameworkArn": FRAMEWORK}, set()),
    "aws_backup_report_plan": (
        "ListReportPlans",
        "ReportPlans",
        {
            "ReportSetting": {"FrameworkArns": [FRAMEWORK]},
            "ReportDeliveryChannel": {"S3BucketName": "reports"},
        },
        {belongs_to("aws_backup_framework", FRAMEWORK), uses("aws_s3_bucket", "reports")},
    ),
    "aws_backup_restore_testing_plan": (
        "ListRestoreTestingPlans",
        "RestoreTestingPlans",
        {"RestoreTestingPlanArn": TESTING_PLAN},
        set(),
    ),
    "aws_backup_legal_hold": ("ListLegalHolds", "LegalHolds", {}, set()),
}
"""What lists the resources of a kind, where they are, what of one matters here, and its edges."""


@pytest.mark.parametrize("kind", LISTED)
def test_all_that_is_told_is_kept(kind, synthetic, collect_kind, session):
    operation, items, given, edges = LISTED[kind]
    synthetic.in_full("backup", operation, **{items: [given]})
    synthetic.answer("backup", "ListTags", {"Tags": TAGS})

    (found,) = collect_kind(kind)

    assert set(RESOTO[kind]["properties"].split()) <= found.properties.keys()
    assert set(found.edges) == {belongs_to("aws_region", REGION), *edges}
    assert found.tags == (TAGS if KINDS[kind].taggable else {})
    assert found.ctime == (None if kind == "aws_backup_protected_resource" else MOMENT)
    assert session.read(stored(found)) == found


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("aws_backup_protected_resource", ("ResourceArn", "ResourceName")),
        ("aws_backup_job", ("BackupJobId", None)),
        ("aws_backup_copy_job", ("CopyJobId", None)),
        ("aws_backup_restore_job", ("RestoreJobId", None)),
        ("aws_backup_framework", ("FrameworkArn", "FrameworkName")),
        ("aws_backup_report_plan", ("ReportPlanArn", "ReportPlanName")),
        ("aws_backup_restore_testing_plan", ("RestoreTestingPlanArn", "RestoreTestingPlanName")),
        ("aws_backup_legal_hold", ("LegalHoldId", None)),
    ],
)
def test_id_and_name(kind, named):
    member, name = named
    found = map_item(kind, {member: "its-id"} | ({name: "its-name"} if name else {}))

    assert (found.id, found.name) == ("its-id", "its-name" if name else "its-id")


def test_properties_that_have_other_names_than_in_the_answer(synthetic, collect_kind):
    by_plan = {"BackupPlanId": PLAN, "BackupRuleId": "rule"}
    job = map_item("aws_backup_job", {"BackupJobId": "j", "CreatedBy": by_plan, "CreationDate": MOMENT})
    copy = map_item("aws_backup_copy_job", {"CopyJobId": "j", "CreatedBy": by_plan})
    restore = map_item(
        "aws_backup_restore_job",
        {"RestoreJobId": "j", "CreatedBy": {"RestoreTestingPlanArn": TESTING_PLAN}},
    )
    framework = map_item("aws_backup_framework", {"FrameworkArn": FRAMEWORK, "DeploymentStatus": "COMPLETED"})
    report = map_item("aws_backup_report_plan", {"ReportPlanArn": "r", "DeploymentStatus": "COMPLETED"})

    assert job.properties == {
        "backup_job_id": "j",
        "creation_date": WHEN,
        "job_created_by": {"backup_plan_id": PLAN, "backup_rule_id": "rule"},
    }
    assert copy.properties["copy_job_created_by"] == {"backup_plan_id": PLAN, "backup_rule_id": "rule"}
    assert restore.properties == {"restore_job_id": "j", "restore_job_created_by": TESTING_PLAN}
    assert framework.properties["framework_deployment_status"] == "COMPLETED"
    assert report.properties["plan_deployment_status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("resource_type", "arn", "kind", "by"),
    [
        ("Aurora", f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:c-1", "aws_rds_cluster", "arn"),
        ("CloudFormation", STACK, "aws_cloudformation_stack", "id"),
        ("EBS", VOLUME, "aws_ec2_volume", "arn"),
        ("EC2", f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-1", "aws_ec2_instance", "arn"),
        (
            "EFS",
            f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/fs-1",
            "aws_efs_file_system",
            "arn",
        ),
        ("RDS", f"arn:aws:rds:{REGION}:{ACCOUNT}:db:db-1", "aws_rds_instance", "arn"),
        ("Redshift", f"arn:aws:redshift:{REGION}:{ACCOUNT}:cluster:c-1", "aws_redshift_cluster", "arn"),
        ("S3", "arn:aws:s3:::bucket", "aws_s3_bucket", "arn"),
    ],
)
def test_what_is_backed_up(resource_type, arn, kind, by):
    item = {"ResourceArn": arn, "ResourceType": resource_type}

    assert set(map_item("aws_backup_protected_resource", item).edges) == {
        belongs_to("aws_region", REGION),
        uses(kind, arn, by),
    }


def test_a_table_that_is_backed_up_may_be_one_of_several_regions():
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders"
    item = {"ResourceArn": arn, "ResourceType": "DynamoDB"}
    assert set(map_item("aws_backup_protected_resource", item).edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_dynamodb_table", arn, "arn"),
        uses("aws_dynamodb_global_table", arn, "arn"),
    }


def test_pages_that_botocore_knows_nothing_of_are_read(synthetic, collect_kind):
    pages = {
        None: {"Frameworks": [{"FrameworkArn": "a"}], "NextToken": "second"},
        "second": {"Frameworks": [{"FrameworkArn": "b"}]},
    }
    synthetic.answer("backup", "ListFrameworks", lambda params: pages[params.get("NextToken")])
    synthetic.answer("backup", "ListTags", {"Tags": {}})

    assert [framework.id for framework in collect_kind("aws_backup_framework")] == ["a", "b"]


def test_a_report_plan_is_read_and_deleted(client, collect_kind, session):
    for name in ("jobs", "copies"):
        client("backup").create_report_plan(
            ReportPlanName=name,
            ReportDeliveryChannel={"S3BucketName": "reports", "Formats": ["CSV"]},
            ReportSetting={"ReportTemplate": "BACKUP_JOB_REPORT"},
        )
    copies, jobs = collect_kind("aws_backup_report_plan")
    known = stored(jobs)
    assert (jobs.id, jobs.name) == (f"{ARN}report-plan:jobs", "jobs")
    assert jobs.properties["report_delivery_channel"] == {"s3_bucket_name": "reports", "formats": ["CSV"]}
    assert jobs.properties["report_setting"] == {"report_template": "BACKUP_JOB_REPORT"}
    assert session.read(known) == jobs

    session.delete(known)

    assert session.read(known) is None
    assert collect_kind("aws_backup_report_plan") == [copies]


@pytest.mark.parametrize("kind", [kind for kind in LISTED if KINDS[kind].taggable])
def test_tags_are_changed(kind, synthetic, collect_kind, session):
    operation, items, given, _ = LISTED[kind]
    (full,) = synthesise("backup", operation, **{items: [given]})[items]
    Kept(synthetic, operation, items, next(iter(full)), [full])
    (found,) = collect_kind(kind)

    session.update_tags(stored(found), {"owner": "ops", "team": "a"}, ["env"])

    assert session.read(stored(found)).tags == {"owner": "ops", "team": "a"}
    asked = synthetic.asked("backup", "TagResource") + synthetic.asked("backup", "UntagResource")
    assert {params["ResourceArn"] for params in asked} == {found.properties["arn"]}


def test_a_framework_is_deleted(synthetic, collect_kind, session):
    frameworks = Kept(
        synthetic,
        "ListFrameworks",
        "Frameworks",
        "FrameworkName",
        [{"FrameworkName": name, "FrameworkArn": f"{ARN}framework:{name}"} for name in ("rules", "more")],
    )
    synthetic.answer("backup", "DeleteFramework", frameworks.deleted_by("FrameworkName"))
    more, rules = collect_kind("aws_backup_framework")

    session.delete(stored(rules))

    assert session.read(stored(rules)) is None
    assert collect_kind("aws_backup_framework") == [more]
    session.delete(stored(rules))  # what is gone already is no error


def test_a_restore_testing_plan_is_deleted_with_what_it_selects(synthetic, collect_kind, session):
    plans = Kept(
        synthetic,
        "ListRestoreTestingPlans",
        "RestoreTestingPlans",
        "RestoreTestingPlanName",
        [{"RestoreTestingPlanName": "trial", "RestoreTestingPlanArn": TESTING_PLAN, "CreationTime": MOMENT}],
    )
    selected = ["volumes", "tables"]
    synthetic.answer(
        "backup",
        "ListRestoreTestingSelections",
        lambda _: {"RestoreTestingSelections": [{"RestoreTestingSelectionName": name} for name in selected]},
    )
    synthetic.answer(
        "backup",
        "DeleteRestoreTestingSelection",
        lambda params: selected.remove(params["RestoreTestingSelectionName"]),
    )
    synthetic.answer("backup", "DeleteRestoreTestingPlan", plans.deleted_by("RestoreTestingPlanName"))
    (trial,) = collect_kind("aws_backup_restore_testing_plan")

    session.delete(stored(trial))

    assert selected == []
    assert session.read(stored(trial)) is None


def test_a_vault_that_is_not_empty_stays(synthetic, collect_kind, session):
    Kept(
        synthetic,
        "ListBackupVaults",
        "BackupVaultList",
        "BackupVaultName",
        [{"BackupVaultName": "safe", "BackupVaultArn": VAULT}],
    )
    synthetic.refuse("backup", "DeleteBackupVault", "InvalidRequestException")
    (safe,) = collect_kind("aws_backup_vault")

    with pytest.raises(ProviderError, match="InvalidRequestException: backup:DeleteBackupVault"):
        session.delete(stored(safe))
