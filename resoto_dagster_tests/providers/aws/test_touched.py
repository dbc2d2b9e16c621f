"""Which kinds a call touches: by table for real calls, and for all kinds by what they declare."""

import pytest
from botocore import xform_name

from resoto_dagster.providers.aws.clients import new_session
from resoto_dagster.providers.aws.declaration import AwsKind
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.aws.touched import IDLE, SIGNED_BY, Touched, signed_by
from resoto_dagster_tests.providers.aws.samples import service_model

RULE = Touched(list(KINDS.values()))

_WITH_AN_INSTANCE = (
    "ec2_elastic_ip",
    "ec2_host",
    "ec2_instance",
    "ec2_instance_type",
    "ec2_network_interface",
    "ec2_volume",
    "ec2_volume_type",
)
_LOAD_BALANCERS = ("alb", "alb_target_group", "elb")
_REST_API = ("authorizer", "deployment", "resource", "rest_api", "stage")
_QUOTAS = (
    *("alb_quota", "ec2_instance_quota", "ec2_internet_gateway_quota", "ec2_volume_type", "elb_quota"),
    *("iam_server_certificate_quota", "s3_bucket_quota", "service_quota", "vpc_quota"),
)

TOUCHED: dict[str, tuple[str, ...]] = {
    "ec2:RunInstances": _WITH_AN_INSTANCE,
    "ec2:TerminateInstances": _WITH_AN_INSTANCE,
    "ec2:StopInstances": _WITH_AN_INSTANCE,
    "ec2:RequestSpotInstances": _WITH_AN_INSTANCE,
    "ec2:CreateVolume": ("ec2_volume", "ec2_volume_type"),
    "ec2:ModifyVolume": ("ec2_volume", "ec2_volume_type"),
    "ec2:DeleteVolume": ("ec2_volume", "ec2_volume_type"),
    "ec2:AttachVolume": ("ec2_instance", "ec2_volume", "ec2_volume_type"),
    "ec2:DetachVolume": ("ec2_instance", "ec2_volume", "ec2_volume_type"),
    "ec2:CreateSnapshot": ("ec2_snapshot",),
    "ec2:CopySnapshot": ("ec2_snapshot",),
    "ec2:ImportKeyPair": ("ec2_keypair",),
    "ec2:AllocateAddress": ("ec2_elastic_ip",),
    "ec2:AssociateAddress": ("ec2_elastic_ip", "ec2_instance", "ec2_network_interface"),
    "ec2:CreateImage": ("ec2_image",),
    "ec2:DeregisterImage": ("ec2_image",),
    "ec2:CreateLaunchTemplateVersion": ("ec2_launch_template",),
    "ec2:AllocateHosts": ("ec2_host",),
    "ec2:PurchaseReservedInstancesOffering": ("ec2_reserved_instances",),
    "ec2:CreateVpc": ("ec2_network_acl", "ec2_route_table", "ec2_security_group", "vpc"),
    "ec2:CreateSubnet": ("ec2_network_acl", "ec2_subnet"),
    "ec2:AuthorizeSecurityGroupIngress": ("ec2_security_group",),
    "ec2:CreateRoute": ("ec2_route_table",),
    "ec2:CreateNatGateway": ("ec2_nat_gateway",),
    "ec2:AttachInternetGateway": ("ec2_internet_gateway",),
    "ec2:CreateNetworkAclEntry": ("ec2_network_acl",),
    "ec2:CreateVpcEndpoint": ("vpc_endpoint",),
    "ec2:AcceptVpcPeeringConnection": ("vpc_peering_connection",),
    "ec2:CreateFlowLogs": ("ec2_flow_log",),
    "iam:CreateUser": ("iam_user",),
    "iam:CreateAccessKey": ("iam_access_key", "iam_user"),
    "iam:CreateLoginProfile": ("iam_user",),
    "iam:AddUserToGroup": ("iam_group", "iam_user"),
    "iam:AttachRolePolicy": ("iam_instance_profile", "iam_policy", "iam_role"),
    "iam:CreatePolicyVersion": ("iam_policy",),
    "iam:UploadServerCertificate": ("iam_server_certificate",),
    "iam:CreateAccountAlias": ("account",),
    "s3:CreateBucket": ("s3_account_settings", "s3_bucket"),
    "s3:PutBucketTagging": ("s3_account_settings", "s3_bucket"),
    "s3:PutAccountPublicAccessBlock": ("s3_account_settings", "s3_bucket"),
    "rds:CreateDBInstance": ("rds_cluster", "rds_cluster_snapshot", "rds_instance", "rds_snapshot"),
    "rds:CreateDBSnapshot": ("rds_snapshot",),
    "rds:CreateDBClusterSnapshot": ("rds_cluster_snapshot",),
    "rds:AddTagsToResource": ("rds_cluster", "rds_cluster_snapshot", "rds_instance", "rds_snapshot"),
    "elasticloadbalancing:CreateLoadBalancer": _LOAD_BALANCERS,
    "elasticloadbalancing:RegisterTargets": ("alb_target_group",),
    "elasticloadbalancing:CreateListener": _LOAD_BALANCERS,
    "lambda:UpdateFunctionCode": ("lambda_function",),
    "lambda:AddPermission": ("lambda_function",),
    "autoscaling:SetDesiredCapacity": ("autoscaling_group",),
    "route53:CreateHostedZone": ("route53_resource_record", "route53_resource_record_set", "route53_zone"),
    "route53:ChangeResourceRecordSets": ("route53_resource_record", "route53_resource_record_set"),
    "cloudfront:UpdateDistribution": ("cloudfront_distribution",),
    "cloudfront:CreateDistributionWithTags": ("cloudfront_distribution",),
    "dynamodb:CreateTable": ("dynamodb_table",),
    "dynamodb:CreateGlobalTable": ("dynamodb_global_table",),
    "ecs:UpdateService": ("ecs_service", "ecs_task"),
    "ecs:RegisterTaskDefinition": ("ecs_task_definition",),
    "ecs:RunTask": ("ecs_task",),
    "eks:CreateNodegroup": ("eks_nodegroup",),
    "kms:ScheduleKeyDeletion": ("kms_key",),
    "kms:CreateAlias": ("kms_key",),
    "sns:Unsubscribe": ("sns_subscription",),
    "sqs:SetQueueAttributes": ("sqs_queue",),
    "logs:PutMetricFilter": ("cloudwatch_metric_filter",),
    "logs:PutRetentionPolicy": ("cloudwatch_log_group", "cloudwatch_metric_filter"),
    "monitoring:PutMetricAlarm": ("cloudwatch_alarm", "cloudwatch_metric_filter"),
    "cloudformation:UpdateStack": ("cloudformation_stack",),
    "cognito-idp:AdminCreateUser": ("cognito_user",),
    "cognito-idp:CreateUserPool": ("cognito_group", "cognito_user", "cognito_user_pool"),
    "apigateway:CreateRestApi": tuple(f"apigateway_{name}" for name in _REST_API),
    "apigateway:PutMethod": tuple(f"apigateway_{name}" for name in sorted([*_REST_API, "domain_name"])),
    "es:CreateElasticsearchDomain": ("opensearch_domain",),
    "elasticfilesystem:CreateFileSystem": ("efs_access_point", "efs_file_system", "efs_mount_target"),
    "ecr:PutImage": ("ecr_repository",),
    "sagemaker:CreateNotebookInstance": ("sagemaker_notebook",),
    "sagemaker:CreateAutoMLJobV2": ("sagemaker_auto_ml_job",),
    "secretsmanager:PutSecretValue": ("secretsmanager_secret",),
    "bedrock:PrepareAgent": ("bedrock_agent",),
    "bedrock:CreateGuardrail": ("bedrock_guardrail",),
    "backup:DeleteRecoveryPoint": ("backup_recovery_point",),
    "wafv2:UpdateWebACL": ("waf_web_acl",),
    "elasticache:IncreaseReplicaCount": ("elasticache_cache_cluster", "elasticache_replication_group"),
    "organizations:MoveAccount": ("organizational_root", "organizational_unit"),
    "servicequotas:RequestServiceQuotaIncrease": _QUOTAS,
    "guardduty:ArchiveFindings": ("guard_duty_finding",),
    "config:PutConfigurationRecorder": ("config_recorder",),
}


@pytest.mark.parametrize("call", TOUCHED)
def test_a_call_touches_these_kinds(call: str) -> None:
    service, _, name = call.partition(":")
    assert sorted(RULE.kinds_of(service, name)) == [f"aws_{kind}" for kind in TOUCHED[call]]


NAMED_OTHERWISE = {"es:CreateElasticsearchDomain", "s3:PutAccountPublicAccessBlock"}
"""Calls of an API that is no more known, and of one that CloudTrail calls by another name."""


@pytest.mark.parametrize("call", sorted(set(TOUCHED) - NAMED_OTHERWISE))
def test_the_calls_in_the_table_exist(call: str) -> None:
    service, _, name = call.partition(":")
    services = [service, *(one for one, signs in SIGNED_BY.items() if signs == service)]
    known = set(new_session().get_available_services())
    operations = {name for one in services if one in known for name in service_model(one).operation_names}
    assert name in {one.partition("20")[0] for one in operations}


def changing(kind: AwsKind) -> set[str]:
    """The calls by which a kind is deleted, changed and tagged, as the API spells them."""
    methods = {step.operation for step in kind.delete}
    if kind.tagging:
        methods |= {kind.tagging.upsert, kind.tagging.remove}
    operations = service_model(kind.service).operation_names
    return {name.partition("20")[0] for name in operations if xform_name(name) in methods}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_is_touched_by_the_calls_that_delete_and_tag_it(kind: AwsKind) -> None:
    for call in changing(kind):
        assert kind.name in RULE.kinds_of(signed_by(kind.service), call), call


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_is_touched_where_nothing_is_known_of_the_call(kind: AwsKind) -> None:
    touched = RULE.kinds_of(signed_by(kind.service), "Zap")
    assert (kind.name in touched) is (kind.service != "sts"), "what tells who one is changes nothing"


def test_services_are_named_as_their_calls_are_signed() -> None:
    details = {detail.service for kind in KINDS.values() for detail in kind.details if detail.service}
    for service in {kind.service for kind in KINDS.values()} | details:
        assert signed_by(service) == service_model(service).signing_name
    assert set(SIGNED_BY) <= details | {kind.service for kind in KINDS.values()}


@pytest.mark.parametrize(("service", "calls"), IDLE.items(), ids=IDLE)
def test_a_call_that_changes_no_resource_touches_none(service: str, calls: frozenset[str]) -> None:
    assert service in RULE.services
    for call in calls:
        assert RULE.kinds_of(service, call) == frozenset()
        having = {
            signed_by(one)
            for one in {kind.service for kind in KINDS.values()}
            if call in service_model(one).operation_names
        }
        wanted = [one for one in having if call not in IDLE.get(one, ())]
        assert wanted == [], "the rule in EventBridge leaves it out for all services"


def test_a_service_without_kinds_touches_none() -> None:
    assert RULE.kinds_of("signin", "ConsoleLogin") == frozenset()
    assert RULE.kinds_of("sts", "AssumeRole") == frozenset()


@pytest.mark.parametrize(
    ("kind", "region", "regions"),
    [
        ("aws_ec2_volume", "eu-west-1", ["eu-west-1"]),
        ("aws_iam_role", "us-east-1", ["global"]),
        ("aws_s3_bucket", "eu-west-1", ["global"]),
        ("aws_cloudfront_distribution", "us-east-1", ["global"]),
        ("aws_waf_web_acl", "us-east-1", ["us-east-1", "global"]),
        ("aws_waf_web_acl", "eu-west-1", ["eu-west-1"]),
        ("aws_waf_web_acl", "cn-north-1", ["cn-north-1", "global"]),
    ],
)
def test_a_kind_is_touched_where_it_is_read(kind: str, region: str, regions: list[str]) -> None:
    assert list(RULE.regions_of(kind, region)) == regions
