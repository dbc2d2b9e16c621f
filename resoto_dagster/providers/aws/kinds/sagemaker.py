"""SageMaker: where its users work, their models and what serves them; its jobs are in `sagemaker_jobs`.

Its `Search` would answer for many resources at once, tags included, but out of an index that lags behind. So
each resource is described by itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging, Value
from resoto_dagster.providers.aws.kinds.kms import encrypted_with

MISSING = (
    "ResourceNotFound",
    "ValidationException: Cannot find",
    "ValidationException: Could not find",
    "ValidationException: RecordNotFound",
    "ValidationException: Requested resource not found",
    "ValidationException: does not exist",
)
"""How SageMaker says that something is not there; each of its teams says it another way."""

TAGGING = Tagging(upsert="add_tags", remove="delete_tags", params={"ResourceArn": "arn"})


def listed(operation: str, items: str, absent: tuple[str, ...] = ()) -> Call:
    """The list call, by the hundred; left to itself SageMaker lists ten at a time."""
    return Call(operation=operation, items=items, page_size=100, absent=absent)


def described(operation: str, *params: str) -> Detail:
    """The call that tells the rest of what is listed, by these of its members."""
    return Detail(operation=operation, params={name: name for name in params}, into="")


def tags(arn: str) -> Detail:
    """The tags of what has the ARN at that path."""
    return Detail(operation="list_tags", params={"ResourceArn": arn}, result="Tags", into="Tags")


def buckets(*paths: str) -> Link:
    """The buckets in which that is which S3's addresses at these paths name."""
    return Link(kind="aws_s3_bucket", path=Value(paths, _bucket_names))


def _bucket_names(*found: str | Sequence[str] | None) -> list[str]:
    addresses = (one for some in found if some for one in ([some] if isinstance(some, str) else some))
    return [address.split("/")[2] for address in addresses if address.startswith("s3://")]


def _before(kind: str, *paths: str, by: Any = "id") -> tuple[Link, ...]:
    """What it is made of, and what can't go before it."""
    return tuple(Link(kind=kind, path=path, by=by, parent=True, delete="before") for path in paths)


def _repository_names(found: str | Sequence[str]) -> list[str]:
    """The code repositories that are known to SageMaker; others are given by their address."""
    names = [found] if isinstance(found, str) else found
    return [name for name in names if "://" not in name]


def _repository(path: str) -> Link:
    return Link(kind="aws_sagemaker_code_repository", path=Value(path, _repository_names), parent=True)


_AUTHORS = tuple(
    link
    for author in ("CreatedBy", "LastModifiedBy")
    for link in (
        Link(kind="aws_sagemaker_user_profile", path=f"{author}.UserProfileArn", by="arn", parent=True),
        Link(kind="aws_sagemaker_domain", path=f"{author}.DomainId", parent=True),
    )
)
"""Who made and changed it last, where that was done in a domain."""

_DOMAIN = AwsKind(
    name="aws_sagemaker_domain",
    description="A place for a team's users, their notebooks and apps; deleting it leaves the file system "
    "of its users.",
    service="sagemaker",
    api=listed("list_domains", "Domains"),
    details=(described("describe_domain", "DomainId"), tags("DomainArn")),
    id="DomainId",
    name_path="DomainName",
    arn="DomainArn",
    prefix="domain",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    links=(
        *_before("aws_vpc", "VpcId"),
        *_before("aws_ec2_subnet", "SubnetIds[]"),
        *_before(
            "aws_ec2_security_group",
            "SecurityGroupIdForDomainBoundary",
            "DefaultUserSettings.SecurityGroups[]",
            "DefaultSpaceSettings.SecurityGroups[]",
            "DomainSettings.SecurityGroupIds[]",
        ),
        *_before(
            "aws_iam_role",
            "DefaultUserSettings.ExecutionRole",
            "DefaultSpaceSettings.ExecutionRole",
            "DomainSettings.RStudioServerProDomainSettings.DomainExecutionRoleArn",
            by="arn",
        ),
        buckets("DefaultUserSettings.SharingSettings.S3OutputPath"),
        *encrypted_with(
            "KmsKeyId", "HomeEfsFileSystemKmsKeyId", "DefaultUserSettings.SharingSettings.S3KmsKeyId"
        ),
        *(
            Link(kind="aws_sagemaker_image", path=f"{settings}.CustomImages[].ImageName")
            for settings in (
                "DefaultUserSettings.CodeEditorAppSettings",
                "DefaultUserSettings.JupyterLabAppSettings",
                "DefaultUserSettings.KernelGatewayAppSettings",
                "DefaultUserSettings.RSessionAppSettings",
                "DefaultSpaceSettings.JupyterLabAppSettings",
                "DefaultSpaceSettings.KernelGatewayAppSettings",
            )
        ),
    ),
    missing=MISSING,
    delete=(Step(operation="delete_domain", params={"DomainId": "id"}),),
    tagging=TAGGING,
    changing=("domain_status", "domain_failure_reason", "mtime"),
)

_USER_PROFILE = AwsKind(
    name="aws_sagemaker_user_profile",
    description="A user of a domain; deleting it takes the user's files out of the user's reach.",
    service="sagemaker",
    api=listed("list_user_profiles", "UserProfiles"),
    details=(described("describe_user_profile", "DomainId", "UserProfileName"), tags("UserProfileArn")),
    id=Value(("DomainId", "UserProfileName"), "{}/{}".format),
    name_path="UserProfileName",
    arn="UserProfileArn",
    prefix="user_profile",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    properties={"user_profile_domain_id": "DomainId"},
    links=(
        *_before("aws_sagemaker_domain", "DomainId"),
        *_before("aws_iam_role", "UserSettings.ExecutionRole", by="arn"),
        *_before("aws_ec2_security_group", "UserSettings.SecurityGroups[]"),
    ),
    read={"DomainIdEquals": "user_profile_domain_id", "UserProfileNameContains": "name"},
    missing=MISSING,
    delete=(
        Step(
            operation="delete_user_profile",
            params={"DomainId": "user_profile_domain_id", "UserProfileName": "name"},
        ),
    ),
    tagging=TAGGING,
    changing=("user_profile_status", "user_profile_failure_reason", "mtime"),
)


def _app_id(domain: str, user: str | None, space: str | None, app_type: str, name: str) -> str:
    return f"{domain}/{user or space}/{app_type}/{name}"


_APP_PARAMS = {"DomainId": "app_domain_id", "AppType": "app_type", "AppName": "name"}

_APP = AwsKind(
    name="aws_sagemaker_app",
    description="A program, a notebook server mostly, that runs for a user or in a space of a domain.",
    service="sagemaker",
    api=listed("list_apps", "Apps"),
    details=(
        described("describe_app", "DomainId", "UserProfileName", "AppType", "AppName"),
        described("describe_app", "DomainId", "SpaceName", "AppType", "AppName"),
        tags("AppArn"),
    ),
    id=Value(("DomainId", "UserProfileName", "SpaceName", "AppType", "AppName"), _app_id),
    name_path="AppName",
    arn="AppArn",
    prefix="app",
    ctime="CreationTime",
    atime="LastUserActivityTimestamp",
    properties={
        "app_domain_id": "DomainId",
        "app_user_profile_name": "UserProfileName",
        "app_space_name": "SpaceName",
        "app_type": "AppType",
    },
    links=(
        *_before("aws_sagemaker_domain", "DomainId"),
        Link(
            kind="aws_sagemaker_user_profile",
            path=Value(("DomainId", "UserProfileName"), lambda domain, user: user and f"{domain}/{user}"),
            parent=True,
            delete="before",
        ),
        Link(kind="aws_sagemaker_image", path="ResourceSpec.SageMakerImageArn", by="arn"),
    ),
    read={"DomainIdEquals": "app_domain_id"},
    missing=MISSING,
    gone=("Status", ("Deleted",)),
    delete=(
        Step(operation="delete_app", params={**_APP_PARAMS, "UserProfileName": "app_user_profile_name"}),
        Step(operation="delete_app", params={**_APP_PARAMS, "SpaceName": "app_space_name"}),
    ),
    tagging=TAGGING,
    changing=("app_status", "app_failure_reason"),
    volatile=("app_last_health_check_timestamp",),
)

_IMAGE = AwsKind(
    name="aws_sagemaker_image",
    description="A set of versions of a container image for the apps of a domain; deleting it leaves the "
    "containers' images.",
    service="sagemaker",
    api=listed("list_images", "Images"),
    details=(described("describe_image", "ImageName"), tags("ImageArn")),
    id="ImageName",
    name_path="ImageName",
    arn="ImageArn",
    prefix="image",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    properties={"image_image_status": "ImageStatus"},
    links=_before("aws_iam_role", "RoleArn", by="arn"),
    read={"NameContains": "name"},
    missing=MISSING,
    delete=(Step(operation="delete_image", params={"ImageName": "name"}),),
    tagging=TAGGING,
    changing=("image_image_status", "image_failure_reason"),
)

_CODE_REPOSITORY = AwsKind(
    name="aws_sagemaker_code_repository",
    description="The address of a Git repository for notebooks; deleting it leaves the repository itself.",
    service="sagemaker",
    api=listed("list_code_repositories", "CodeRepositorySummaryList"),
    details=(tags("CodeRepositoryArn"),),
    id="CodeRepositoryName",
    name_path="CodeRepositoryName",
    arn="CodeRepositoryArn",
    prefix="code_repository",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    properties={"code_repository_url": "GitConfig.RepositoryUrl"},
    read={"NameContains": "name"},
    missing=MISSING,
    delete=(Step(operation="delete_code_repository", params={"CodeRepositoryName": "name"}),),
    tagging=TAGGING,
)

_NOTEBOOK_NAME = {"NotebookInstanceName": "name"}

_NOTEBOOK = AwsKind(
    name="aws_sagemaker_notebook",
    description="A machine with a notebook server; deleting it deletes its volume with all files on it.",
    service="sagemaker",
    api=listed("list_notebook_instances", "NotebookInstances"),
    details=(described("describe_notebook_instance", "NotebookInstanceName"), tags("NotebookInstanceArn")),
    id="NotebookInstanceName",
    name_path="NotebookInstanceName",
    arn="NotebookInstanceArn",
    prefix="notebook",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    properties={
        "notebook_instance_metadata_service_configuration": "InstanceMetadataServiceConfiguration"
        ".MinimumInstanceMetadataServiceVersion"
    },
    links=(
        *_before("aws_ec2_subnet", "SubnetId"),
        *_before("aws_ec2_security_group", "SecurityGroups[]"),
        *_before("aws_iam_role", "RoleArn", by="arn"),
        Link(kind="aws_ec2_network_interface", path="NetworkInterfaceId", delete="before"),
        *encrypted_with("KmsKeyId"),
        _repository("DefaultCodeRepository"),
        _repository("AdditionalCodeRepositories"),
    ),
    read={"NameContains": "name"},
    missing=MISSING,
    delete=(
        Step(
            operation="stop_notebook_instance",
            params=_NOTEBOOK_NAME,
            absent=("ValidationException: not in ([InService])",),
            until="notebook_instance_stopped",
        ),
        Step(operation="delete_notebook_instance", params=_NOTEBOOK_NAME),
    ),
    tagging=TAGGING,
    changing=(
        "mtime",
        "notebook_failure_reason",
        "notebook_instance_status",
        "notebook_network_interface_id",
        "notebook_url",
    ),
)

_ALGORITHM = AwsKind(
    name="aws_sagemaker_algorithm",
    description="A container with a way to train models, to be used in training jobs.",
    service="sagemaker",
    api=listed("list_algorithms", "AlgorithmSummaryList"),
    details=(described("describe_algorithm", "AlgorithmName"), tags("AlgorithmArn")),
    id="AlgorithmName",
    name_path="AlgorithmName",
    arn="AlgorithmArn",
    prefix="algorithm",
    ctime="CreationTime",
    properties={
        "algorithm_validation_profiles": "ValidationSpecification.ValidationProfiles",
        "algorithm_validation_role": "ValidationSpecification.ValidationRole",
    },
    drop=("ValidationSpecification",),
    secret=(
        "InferenceSpecification.Containers[].Environment",
        "ValidationSpecification.ValidationProfiles[].TransformJobDefinition.Environment",
    ),
    links=_before("aws_iam_role", "ValidationSpecification.ValidationRole", by="arn"),
    read={"NameContains": "name"},
    missing=MISSING,
    delete=(Step(operation="delete_algorithm", params={"AlgorithmName": "name"}),),
    tagging=TAGGING,
    changing=("algorithm_status", "algorithm_status_details"),
)

_MODEL = AwsKind(
    name="aws_sagemaker_model",
    description="A trained model with the container that runs it; deleting it leaves the model's files.",
    bases=("ai_model",),
    service="sagemaker",
    api=listed("list_models", "Models"),
    details=(described("describe_model", "ModelName"), tags("ModelArn")),
    id="ModelName",
    name_path="ModelName",
    arn="ModelArn",
    prefix="model",
    ctime="CreationTime",
    properties={"model_inference_execution_config": "InferenceExecutionConfig.Mode"},
    secret=("PrimaryContainer.Environment", "Containers[].Environment"),
    links=(
        *_before("aws_iam_role", "ExecutionRoleArn", by="arn"),
        *_before("aws_ec2_subnet", "VpcConfig.Subnets[]"),
        *_before("aws_ec2_security_group", "VpcConfig.SecurityGroupIds[]"),
        buckets(
            "PrimaryContainer.ModelDataUrl",
            "PrimaryContainer.ModelDataSource.S3DataSource.S3Uri",
            "PrimaryContainer.AdditionalModelDataSources[].S3DataSource.S3Uri",
            "Containers[].ModelDataUrl",
            "Containers[].ModelDataSource.S3DataSource.S3Uri",
            "Containers[].AdditionalModelDataSources[].S3DataSource.S3Uri",
        ),
    ),
    read={"NameContains": "name"},
    missing=MISSING,
    delete=(Step(operation="delete_model", params={"ModelName": "name"}),),
    tagging=TAGGING,
    changing=("model_deployment_recommendation",),
)

_ENDPOINT = AwsKind(
    name="aws_sagemaker_endpoint",
    description="Machines that serve models; deleting it leaves its configuration and the models.",
    service="sagemaker",
    api=listed("list_endpoints", "Endpoints"),
    details=(described("describe_endpoint", "EndpointName"), tags("EndpointArn")),
    id="EndpointName",
    name_path="EndpointName",
    arn="EndpointArn",
    prefix="endpoint",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    links=(
        buckets(
            "DataCaptureConfig.DestinationS3Uri",
            "AsyncInferenceConfig.OutputConfig.S3OutputPath",
            "AsyncInferenceConfig.OutputConfig.S3FailurePath",
        ),
        *encrypted_with("DataCaptureConfig.KmsKeyId", "AsyncInferenceConfig.OutputConfig.KmsKeyId"),
        *(
            Link(
                kind="aws_sns_topic",
                path=f"AsyncInferenceConfig.OutputConfig.NotificationConfig.{topic}",
                by="arn",
            )
            for topic in ("SuccessTopic", "ErrorTopic")
        ),
        Link(
            kind="aws_cloudwatch_alarm",
            path="LastDeploymentConfig.AutoRollbackConfiguration.Alarms[].AlarmName",
            by="name",
        ),
    ),
    read={"NameContains": "name"},
    missing=MISSING,
    delete=(Step(operation="delete_endpoint", params={"EndpointName": "name"}),),
    tagging=TAGGING,
    changing=(
        "endpoint_failure_reason",
        "endpoint_pending_deployment_summary",
        "endpoint_production_variants",
        "endpoint_shadow_production_variants",
        "endpoint_status",
        "mtime",
    ),
)

_EXPERIMENT = AwsKind(
    name="aws_sagemaker_experiment",
    description="A series of trials whose results are compared.",
    service="sagemaker",
    api=listed("list_experiments", "ExperimentSummaries"),
    details=(tags("ExperimentArn"),),
    id="ExperimentName",
    name_path="ExperimentName",
    arn="ExperimentArn",
    prefix="experiment",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    missing=MISSING,
    delete=(Step(operation="delete_experiment", params={"ExperimentName": "name"}),),
    tagging=TAGGING,
    changing=("mtime",),
)

_TRIAL = AwsKind(
    name="aws_sagemaker_trial",
    description="One try of an experiment; deleting it leaves the record of its steps.",
    service="sagemaker",
    api=listed("list_trials", "TrialSummaries"),
    details=(described("describe_trial", "TrialName"), tags("TrialArn")),
    id="TrialName",
    name_path="TrialName",
    arn="TrialArn",
    prefix="trial",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    links=(
        *_before("aws_sagemaker_experiment", "ExperimentName"),
        *_AUTHORS,
        _repository("MetadataProperties.Repository"),
        Link(kind="aws_sagemaker_project", path="MetadataProperties.ProjectId", parent=True),
    ),
    read={"ExperimentName": "trial_experiment_name"},
    missing=MISSING,
    delete=(
        Step(
            operation="disassociate_trial_component",
            each=Call(
                operation="list_trial_components",
                items="TrialComponentSummaries",
                params={"TrialName": "name"},
            ),
            params={"TrialName": "name", "TrialComponentName": "item.TrialComponentName"},
        ),
        Step(operation="delete_trial", params={"TrialName": "name"}),
    ),
    tagging=TAGGING,
    changing=("mtime",),
)

_PROJECT = AwsKind(
    name="aws_sagemaker_project",
    description="What a template of machine learning has set up; deleting it deletes all of that.",
    service="sagemaker",
    api=listed("list_projects", "ProjectSummaryList"),
    details=(tags("ProjectArn"),),
    id="ProjectId",
    name_path="ProjectName",
    arn="ProjectArn",
    prefix="project",
    ctime="CreationTime",
    read={"NameContains": "name"},
    missing=MISSING,
    gone=("ProjectStatus", ("DeleteCompleted",)),
    delete=(Step(operation="delete_project", params={"ProjectName": "name"}),),
    tagging=TAGGING,
    changing=("project_status",),
)

_PIPELINE = AwsKind(
    name="aws_sagemaker_pipeline",
    description="Steps of machine learning that run one after another; deleting it deletes the record of "
    "all its runs.",
    service="sagemaker",
    api=listed("list_pipelines", "PipelineSummaries"),
    details=(described("describe_pipeline", "PipelineName"), tags("PipelineArn")),
    id="PipelineName",
    name_path="PipelineName",
    arn="PipelineArn",
    prefix="pipeline",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    atime="LastRunTime",
    properties={"pipeline_parallelism_configuration": "ParallelismConfiguration.MaxParallelExecutionSteps"},
    drop=("LastExecutionTime",),
    links=(*_before("aws_iam_role", "RoleArn", by="arn"), *_AUTHORS),
    read={"PipelineNamePrefix": "name"},
    missing=MISSING,
    delete=(Step(operation="delete_pipeline", params={"PipelineName": "name"}),),
    tagging=TAGGING,
    changing=("pipeline_status",),
)

_ARTIFACT = AwsKind(
    name="aws_sagemaker_artifact",
    description="The record of something that a step of machine learning took or made; deleting it leaves "
    "the thing itself.",
    service="sagemaker",
    api=listed("list_artifacts", "ArtifactSummaries"),
    details=(described("describe_artifact", "ArtifactArn"), tags("ArtifactArn")),
    id="ArtifactArn",
    name_path="ArtifactName",
    arn="ArtifactArn",
    prefix="artifact",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    properties={"artifact_artifact_type": "ArtifactType"},
    links=(
        *_AUTHORS,
        _repository("MetadataProperties.Repository"),
        Link(kind="aws_sagemaker_project", path="MetadataProperties.ProjectId", parent=True),
    ),
    read={"SourceUri": "artifact_source.source_uri"},
    missing=MISSING,
    delete=(
        Step(
            operation="delete_association",
            each=Call(
                operation="list_associations", items="AssociationSummaries", params={"SourceArn": "arn"}
            ),
            params={"SourceArn": "arn", "DestinationArn": "item.DestinationArn"},
        ),
        Step(
            operation="delete_association",
            each=Call(
                operation="list_associations", items="AssociationSummaries", params={"DestinationArn": "arn"}
            ),
            params={"SourceArn": "item.SourceArn", "DestinationArn": "arn"},
        ),
        Step(operation="delete_artifact", params={"ArtifactArn": "arn"}),
    ),
    tagging=TAGGING,
)


def _group_id(member: Mapping[str, str]) -> str:
    return f"{member['UserPool']}:{member['UserGroup']}"


_WORKTEAM = AwsKind(
    name="aws_sagemaker_workteam",
    description="People who label data.",
    service="sagemaker",
    # There are regions where nobody labels data.
    api=listed("list_workteams", "Workteams", absent=("UnknownOperationException",)),
    details=(tags("WorkteamArn"),),
    id="WorkteamName",
    name_path="WorkteamName",
    arn="WorkteamArn",
    prefix="workteam",
    ctime="CreateDate",
    mtime="LastUpdatedDate",
    properties={"workteam_notification_configuration": "NotificationConfiguration.NotificationTopicArn"},
    links=(
        Link(kind="aws_cognito_user_pool", path="MemberDefinitions[].CognitoMemberDefinition.UserPool"),
        Link(
            kind="aws_cognito_group",
            path=Value(
                "MemberDefinitions[].CognitoMemberDefinition",
                lambda members: [_group_id(member) for member in members],
            ),
        ),
        Link(kind="aws_sns_topic", path="NotificationConfiguration.NotificationTopicArn", by="arn"),
    ),
    read={"NameContains": "name"},
    missing=(*MISSING, "ValidationException: The work team"),
    delete=(Step(operation="delete_workteam", params={"WorkteamName": "name"}),),
    tagging=TAGGING,
)

KINDS = (
    _DOMAIN,
    _USER_PROFILE,
    _APP,
    _IMAGE,
    _CODE_REPOSITORY,
    _NOTEBOOK,
    _ALGORITHM,
    _MODEL,
    _ENDPOINT,
    _EXPERIMENT,
    _TRIAL,
    _PROJECT,
    _PIPELINE,
    _ARTIFACT,
    _WORKTEAM,
)
