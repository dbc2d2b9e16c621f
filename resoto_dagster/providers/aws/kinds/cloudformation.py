"""Stacks of resources that are made from a template, and go together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, HeldBack, Link, Step, Value

_RESOURCES: Mapping[str, tuple[str, Literal["id", "arn", "name"]]] = {
    "AWS::ApiGateway::Authorizer": ("aws_apigateway_authorizer", "id"),
    "AWS::ApiGateway::Deployment": ("aws_apigateway_deployment", "id"),
    "AWS::ApiGateway::DomainName": ("aws_apigateway_domain_name", "id"),
    "AWS::ApiGateway::Resource": ("aws_apigateway_resource", "id"),
    "AWS::ApiGateway::RestApi": ("aws_apigateway_rest_api", "id"),
    "AWS::Athena::DataCatalog": ("aws_athena_data_catalog", "id"),
    "AWS::Athena::WorkGroup": ("aws_athena_work_group", "id"),
    "AWS::AutoScaling::AutoScalingGroup": ("aws_autoscaling_group", "id"),
    "AWS::Backup::BackupPlan": ("aws_backup_plan", "id"),
    "AWS::Backup::BackupVault": ("aws_backup_vault", "name"),
    "AWS::Backup::Framework": ("aws_backup_framework", "id"),
    "AWS::Backup::ReportPlan": ("aws_backup_report_plan", "id"),
    "AWS::Backup::RestoreTestingPlan": ("aws_backup_restore_testing_plan", "name"),
    "AWS::CertificateManager::Certificate": ("aws_acm_certificate", "arn"),
    "AWS::CloudFormation::Stack": ("aws_cloudformation_stack", "id"),
    "AWS::CloudFormation::StackSet": ("aws_cloudformation_stack_set", "id"),
    "AWS::CloudFront::CachePolicy": ("aws_cloudfront_cache_policy", "id"),
    "AWS::CloudFront::Distribution": ("aws_cloudfront_distribution", "id"),
    "AWS::CloudFront::Function": ("aws_cloudfront_function", "arn"),
    "AWS::CloudFront::OriginAccessControl": ("aws_cloudfront_origin_access_control", "id"),
    "AWS::CloudFront::PublicKey": ("aws_cloudfront_public_key", "id"),
    "AWS::CloudFront::RealtimeLogConfig": ("aws_cloudfront_realtime_log_config", "arn"),
    "AWS::CloudFront::ResponseHeadersPolicy": ("aws_cloudfront_response_headers_policy", "id"),
    "AWS::CloudFront::StreamingDistribution": ("aws_cloudfront_streaming_distribution", "id"),
    "AWS::CloudTrail::Trail": ("aws_cloud_trail", "id"),
    "AWS::CloudWatch::Alarm": ("aws_cloudwatch_alarm", "id"),
    "AWS::Cognito::UserPool": ("aws_cognito_user_pool", "id"),
    "AWS::Config::ConfigurationRecorder": ("aws_config_recorder", "id"),
    "AWS::DynamoDB::GlobalTable": ("aws_dynamodb_table", "id"),
    "AWS::DynamoDB::Table": ("aws_dynamodb_table", "id"),
    "AWS::EC2::EIP": ("aws_ec2_elastic_ip", "id"),
    "AWS::EC2::FlowLog": ("aws_ec2_flow_log", "id"),
    "AWS::EC2::Host": ("aws_ec2_host", "id"),
    "AWS::EC2::Instance": ("aws_ec2_instance", "id"),
    "AWS::EC2::InternetGateway": ("aws_ec2_internet_gateway", "id"),
    "AWS::EC2::KeyPair": ("aws_ec2_keypair", "name"),
    "AWS::EC2::LaunchTemplate": ("aws_ec2_launch_template", "id"),
    "AWS::EC2::NatGateway": ("aws_ec2_nat_gateway", "id"),
    "AWS::EC2::NetworkAcl": ("aws_ec2_network_acl", "id"),
    "AWS::EC2::NetworkInterface": ("aws_ec2_network_interface", "id"),
    "AWS::EC2::RouteTable": ("aws_ec2_route_table", "id"),
    "AWS::EC2::SecurityGroup": ("aws_ec2_security_group", "id"),
    "AWS::EC2::Subnet": ("aws_ec2_subnet", "id"),
    "AWS::EC2::Volume": ("aws_ec2_volume", "id"),
    "AWS::EC2::VPC": ("aws_vpc", "id"),
    "AWS::EC2::VPCEndpoint": ("aws_vpc_endpoint", "id"),
    "AWS::EC2::VPCPeeringConnection": ("aws_vpc_peering_connection", "id"),
    "AWS::ECR::Repository": ("aws_ecr_repository", "id"),
    "AWS::ECS::CapacityProvider": ("aws_ecs_capacity_provider", "id"),
    "AWS::ECS::Cluster": ("aws_ecs_cluster", "id"),
    "AWS::ECS::Service": ("aws_ecs_service", "arn"),
    "AWS::ECS::TaskDefinition": ("aws_ecs_task_definition", "arn"),
    "AWS::EFS::AccessPoint": ("aws_efs_access_point", "id"),
    "AWS::EFS::FileSystem": ("aws_efs_file_system", "id"),
    "AWS::EFS::MountTarget": ("aws_efs_mount_target", "id"),
    "AWS::EKS::Cluster": ("aws_eks_cluster", "id"),
    "AWS::EKS::Nodegroup": ("aws_eks_nodegroup", "id"),
    "AWS::ElasticLoadBalancing::LoadBalancer": ("aws_elb", "name"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("aws_alb", "arn"),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ("aws_alb_target_group", "arn"),
    "AWS::ElastiCache::CacheCluster": ("aws_elasticache_cache_cluster", "id"),
    "AWS::ElastiCache::ReplicationGroup": ("aws_elasticache_replication_group", "id"),
    "AWS::ElasticBeanstalk::Application": ("aws_beanstalk_application", "id"),
    "AWS::ElasticBeanstalk::Environment": ("aws_beanstalk_environment", "name"),
    "AWS::Elasticsearch::Domain": ("aws_opensearch_domain", "name"),
    "AWS::IAM::AccessKey": ("aws_iam_access_key", "id"),
    "AWS::IAM::Group": ("aws_iam_group", "name"),
    "AWS::IAM::InstanceProfile": ("aws_iam_instance_profile", "name"),
    "AWS::IAM::ManagedPolicy": ("aws_iam_policy", "arn"),
    "AWS::IAM::Role": ("aws_iam_role", "name"),
    "AWS::IAM::ServerCertificate": ("aws_iam_server_certificate", "name"),
    "AWS::IAM::User": ("aws_iam_user", "name"),
    "AWS::Kinesis::Stream": ("aws_kinesis_stream", "id"),
    "AWS::KMS::Key": ("aws_kms_key", "id"),
    "AWS::Lambda::Function": ("aws_lambda_function", "id"),
    "AWS::Logs::LogGroup": ("aws_cloudwatch_log_group", "id"),
    "AWS::OpenSearchService::Domain": ("aws_opensearch_domain", "name"),
    "AWS::RDS::DBCluster": ("aws_rds_cluster", "id"),
    "AWS::RDS::DBInstance": ("aws_rds_instance", "id"),
    "AWS::Redshift::Cluster": ("aws_redshift_cluster", "id"),
    "AWS::Route53::HostedZone": ("aws_route53_zone", "id"),
    "AWS::S3::Bucket": ("aws_s3_bucket", "id"),
    "AWS::SageMaker::CodeRepository": ("aws_sagemaker_code_repository", "arn"),
    "AWS::SageMaker::Domain": ("aws_sagemaker_domain", "id"),
    "AWS::SageMaker::Endpoint": ("aws_sagemaker_endpoint", "arn"),
    "AWS::SageMaker::Image": ("aws_sagemaker_image", "arn"),
    "AWS::SageMaker::Model": ("aws_sagemaker_model", "arn"),
    "AWS::SageMaker::NotebookInstance": ("aws_sagemaker_notebook", "arn"),
    "AWS::SageMaker::Pipeline": ("aws_sagemaker_pipeline", "id"),
    "AWS::SageMaker::Project": ("aws_sagemaker_project", "arn"),
    "AWS::SageMaker::Workteam": ("aws_sagemaker_workteam", "arn"),
    "AWS::SecretsManager::Secret": ("aws_secretsmanager_secret", "arn"),
    "AWS::SNS::Subscription": ("aws_sns_subscription", "id"),
    "AWS::SNS::Topic": ("aws_sns_topic", "id"),
    "AWS::SQS::Queue": ("aws_sqs_queue", "id"),
}
"""The kind of a stack's resource by its type, and which of its names a stack knows it by."""


def _name(physical_id: str) -> str:
    """The name by which a stack knows a resource; of a queue that is its URL, which ends in its name."""
    return physical_id.rpartition("/")[2] if physical_id.startswith("https://") else physical_id


def _of_type(resource_type: str) -> Callable[[Sequence[Mapping[str, Any]]], list[str]]:
    """The names of those resources of a stack that are of the type and not deleted."""
    return lambda resources: [
        _name(resource["PhysicalResourceId"])
        for resource in resources
        if resource["ResourceType"] == resource_type
        and resource.get("PhysicalResourceId")
        and resource["ResourceStatus"] != "DELETE_COMPLETE"
    ]


def _parameters(parameters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {parameter["ParameterKey"]: parameter.get("ParameterValue") for parameter in parameters}


_STACK = AwsKind(
    name="aws_cloudformation_stack",
    description="A stack of resources that go with it. Its tags are changed with its template, not here: "
    "AWS would update every resource in it.",
    bases=("stack",),
    service="cloudformation",
    api=Call(operation="describe_stacks", items="Stacks"),
    details=(
        Detail(
            operation="list_stack_resources",
            params={"StackName": "StackId"},
            result="StackResourceSummaries",
            into="Resources",
        ),
    ),
    id="StackId",
    name_path="StackName",
    prefix="stack",
    ctime="CreationTime",
    mtime="LastUpdatedTime",
    properties={
        "stack_status": "StackStatus",
        "stack_status_reason": "StackStatusReason",
        "stack_parameters": Value("Parameters", _parameters),
        "stack_nested": Value("ParentId", bool, absent=False),
        "stack_parent_id": "ParentId",
        "stack_notification_ar_ns": "NotificationARNs",
        "description": "Description",
    },
    drop=("Resources",),
    links=tuple(
        Link(kind=kind, path=Value("Resources", _of_type(resource_type)), by=by)
        for resource_type, (kind, by) in _RESOURCES.items()
    ),
    read={"StackName": "id"},
    gone=("StackStatus", ("DELETE_COMPLETE",)),
    delete=(Step(operation="delete_stack", params={"StackName": "id"}),),
    takes_along=True,
    held_back=(HeldBack("stack_nested", (True,), "it goes with the stack that it is nested in", along=True),),
    changing=("stack_drift_information", "stack_last_operations"),
)


def _instance_id(stack_set: str | None, account: str | None, region: str | None) -> str:
    return f"{stack_set}/{account}/{region}"


_STACK_SET = AwsKind(
    name="aws_cloudformation_stack_set",
    description="A template, and the accounts and regions that have a stack of it. Its tags are changed with "
    "the template, not here: AWS would update every stack of the set.",
    service="cloudformation",
    api=Call(operation="list_stack_sets", items="Summaries", params={"Status": "ACTIVE"}, page_size=100),
    details=(
        Detail(
            operation="describe_stack_set",
            params={"StackSetName": "StackSetName"},
            result="StackSet",
            into="",
        ),
    ),
    id="StackSetId",
    name_path="StackSetName",
    arn="StackSetARN",
    prefix="stack_set",
    properties={
        "description": "Description",
        "stack_set_managed_execution": "ManagedExecution.Active",
        "stack_set_parameters": Value("Parameters", _parameters),
    },
    drop=("TemplateBody",),
    missing=("StackSetNotFoundException",),
    gone=("Status", ("DELETED",)),
    delete=(Step(operation="delete_stack_set", params={"StackSetName": "name"}),),
    changing=(
        "stack_set_drift_status",
        "stack_set_last_drift_check_timestamp",
        "stack_set_regions",
        "stack_set_drift_detection_details",
    ),
)

_STACK_INSTANCE = AwsKind(
    name="aws_cloud_formation_stack_instance_summary",
    description="The place that a stack set has a stack of its own in: an account and a region.",
    service="cloudformation",
    api=Call(
        operation="list_stack_instances",
        items="Summaries",
        params={"StackSetName": "item.StackSetName"},
        each=Call(operation="list_stack_sets", items="Summaries", params={"Status": "ACTIVE"}, page_size=100),
        page_size=100,
    ),
    id=Value(("StackSetId", "Account", "Region"), _instance_id),
    prefix="stack_instance",
    tags="",
    properties={
        "stack_instance_stack_set_id": "StackSetId",
        "stack_instance_account": "Account",
        "stack_instance_region": "Region",
        "stack_instance_status": "Status",
        "stack_instance_stack_instance_status": "StackInstanceStatus.DetailedStatus",
    },
    links=(
        # A set that still has instances can't be deleted.
        Link(kind="aws_cloudformation_stack_set", path="StackSetId", parent=True, delete="before"),
        Link(kind="aws_cloudformation_stack", path="StackId"),
    ),
    read={
        "StackSetName": "stack_instance_stack_set_id",
        "StackInstanceAccount": "stack_instance_account",
        "StackInstanceRegion": "stack_instance_region",
    },
    missing=("StackSetNotFoundException",),
)

KINDS = (_STACK, _STACK_SET, _STACK_INSTANCE)
