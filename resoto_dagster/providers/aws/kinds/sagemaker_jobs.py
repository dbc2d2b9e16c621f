"""SageMaker's jobs: what is run once, on machines of its own, and stays as a record.

All of them count as `ai_job`. A job that has ended needs nothing any more of what it ran with, so that only
one that has not ended keeps its role, its network and the like from going.
"""

from collections.abc import Mapping
from typing import Any

from resoto_dagster.providers.aws.declaration import AwsKind, HeldBack, Link, Step, Value
from resoto_dagster.providers.aws.kinds.kms import encrypted_with
from resoto_dagster.providers.aws.kinds.sagemaker import MISSING, TAGGING, buckets, described, listed, tags

_STATUS = {
    "pending": "pending",
    "initializing": "preparing",
    "starting": "preparing",
    "inprogress": "running",
    "stopping": "stopping",
    "stopped": "stopped",
    "completed": "completed",
    "failed": "failed",
}
"""What SageMaker says, small and without underscores, in the words of all AI jobs."""

_ENDED = ("completed", "failed", "stopped")
_NOT_ENDED = tuple(status for status in _STATUS.values() if status not in _ENDED)


def _status(status: str) -> str:
    return _STATUS.get(status.replace("_", "").lower(), "unknown")


def _statuses(path: str, name: str) -> Mapping[str, str | Value]:
    """The status at a path as the property of that name, and in the words of all AI jobs."""
    return {name: path, "ai_job_status": Value(path, _status)}


def _until_ended(status: str | None, found: Any) -> Any:
    return None if status and _status(status) in _ENDED else found


def _runs_with(kind: str, status: str, *paths: str, by: Any = "id") -> tuple[Link, ...]:
    """What a job runs with, which can't go before the job has ended."""
    return tuple(
        link
        for path in paths
        for link in (
            Link(kind=kind, path=path, by=by, parent=True),
            Link(kind=kind, path=Value((status, path), _until_ended), by=by, parent=True, delete="before"),
        )
    )


def _network(status: str, *configs: str) -> tuple[Link, ...]:
    """The subnets and security groups of the networks at these paths."""
    return (
        *_runs_with("aws_ec2_subnet", status, *(f"{path}.Subnets[]" for path in configs)),
        *_runs_with("aws_ec2_security_group", status, *(f"{path}.SecurityGroupIds[]" for path in configs)),
    )


def _encrypted_with(status: str, *paths: str) -> tuple[Link, ...]:
    """The keys at these paths, which can't go before the job has ended."""
    until_ended = (Value((status, path), _until_ended) for path in paths)
    return (*encrypted_with(*paths, delete=None), *encrypted_with(*until_ended))


def _part_of(kind: str, path: str) -> Link:
    """The job or the like that started it."""
    return Link(kind=kind, path=path, by="arn", parent=True)


_EXPERIMENT = (
    Link(kind="aws_sagemaker_experiment", path="ExperimentConfig.ExperimentName", parent=True),
    Link(kind="aws_sagemaker_trial", path="ExperimentConfig.TrialName", parent=True),
)

_STAYS_UNTIL_ENDED = (HeldBack("ai_job_status", _NOT_ENDED, "SageMaker deletes no job that has not ended"),)

_AUTO_ML_JOB = AwsKind(
    name="aws_sagemaker_auto_ml_job",
    description="A search for the model that suits some data best, out of many that it trains.",
    bases=("ai_job",),
    service="sagemaker",
    api=listed("list_auto_ml_jobs", "AutoMLJobSummaries"),
    # The first version of the call refuses jobs that were made with the second.
    details=(described("describe_auto_ml_job_v2", "AutoMLJobName"), tags("AutoMLJobArn")),
    id="AutoMLJobName",
    name_path="AutoMLJobName",
    arn="AutoMLJobArn",
    prefix="auto_ml_job",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    properties={
        **_statuses("AutoMLJobStatus", "auto_ml_job_status"),
        "auto_ml_job_objective": "AutoMLJobObjective.MetricName",
        "auto_ml_job_problem_type": "AutoMLProblemTypeConfig.TabularJobConfig.ProblemType",
        "auto_ml_job_config": "AutoMLProblemTypeConfig",
        "auto_ml_job_problem_type_config_name": "AutoMLProblemTypeConfigName",
        "auto_ml_job_generate_candidate_definitions_only": "AutoMLProblemTypeConfig.TabularJobConfig"
        ".GenerateCandidateDefinitionsOnly",
        "auto_ml_job_model_deploy_result": "ModelDeployResult.EndpointName",
    },
    links=(
        *_runs_with("aws_iam_role", "AutoMLJobStatus", "RoleArn", by="arn"),
        *_network("AutoMLJobStatus", "SecurityConfig.VpcConfig"),
        *_encrypted_with("AutoMLJobStatus", "OutputDataConfig.KmsKeyId", "SecurityConfig.VolumeKmsKeyId"),
        buckets(
            "AutoMLJobInputDataConfig[].DataSource.S3DataSource.S3Uri",
            "OutputDataConfig.S3OutputPath",
        ),
        Link(kind="aws_sagemaker_endpoint", path="ModelDeployResult.EndpointName"),
    ),
    read={"NameContains": "name"},
    missing=MISSING,
    tagging=TAGGING,
)

_COMPILATION_JOB = AwsKind(
    name="aws_sagemaker_compilation_job",
    description="A translation of a model for some kind of machine; deleting it leaves the model that was "
    "made.",
    bases=("ai_job",),
    service="sagemaker",
    api=listed("list_compilation_jobs", "CompilationJobSummaries"),
    details=(described("describe_compilation_job", "CompilationJobName"), tags("CompilationJobArn")),
    id="CompilationJobName",
    name_path="CompilationJobName",
    arn="CompilationJobArn",
    prefix="compilation_job",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    properties={
        **_statuses("CompilationJobStatus", "compilation_job_status"),
        "compilation_job_start_time": "CompilationStartTime",
        "compilation_job_end_time": "CompilationEndTime",
        "compilation_job_model_artifacts": "ModelArtifacts.S3ModelArtifacts",
        "compilation_job_model_digests": "ModelDigests.ArtifactDigest",
    },
    links=(
        *_runs_with("aws_iam_role", "CompilationJobStatus", "RoleArn", by="arn"),
        *_network("CompilationJobStatus", "VpcConfig"),
        *_encrypted_with("CompilationJobStatus", "OutputConfig.KmsKeyId"),
        buckets("InputConfig.S3Uri", "OutputConfig.S3OutputLocation", "ModelArtifacts.S3ModelArtifacts"),
    ),
    read={"NameContains": "name"},
    missing=MISSING,
    delete=(Step(operation="delete_compilation_job", params={"CompilationJobName": "name"}),),
    held_back=_STAYS_UNTIL_ENDED,
    tagging=TAGGING,
)

_TUNING_JOB = AwsKind(
    name="aws_sagemaker_hyper_parameter_tuning_job",
    description="Training jobs in search of the best parameters; deleting it leaves those jobs.",
    bases=("ai_job",),
    service="sagemaker",
    api=listed("list_hyper_parameter_tuning_jobs", "HyperParameterTuningJobSummaries"),
    details=(
        described("describe_hyper_parameter_tuning_job", "HyperParameterTuningJobName"),
        tags("HyperParameterTuningJobArn"),
    ),
    id="HyperParameterTuningJobName",
    name_path="HyperParameterTuningJobName",
    arn="HyperParameterTuningJobArn",
    prefix="hyper_parameter_tuning_job",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    properties={
        **_statuses("HyperParameterTuningJobStatus", "hyper_parameter_tuning_job_status"),
        "hyper_parameter_tuning_job_hyper_parameter_tuning_end_time": "HyperParameterTuningEndTime",
    },
    secret=("TrainingJobDefinition.Environment", "TrainingJobDefinitions[].Environment"),
    links=(
        *_runs_with(
            "aws_iam_role",
            "HyperParameterTuningJobStatus",
            "TrainingJobDefinition.RoleArn",
            "TrainingJobDefinitions[].RoleArn",
            by="arn",
        ),
        *_network(
            "HyperParameterTuningJobStatus",
            "TrainingJobDefinition.VpcConfig",
            "TrainingJobDefinitions[].VpcConfig",
        ),
        *_encrypted_with(
            "HyperParameterTuningJobStatus",
            *(
                f"{definition}.{path}"
                for definition in ("TrainingJobDefinition", "TrainingJobDefinitions[]")
                for path in (
                    "OutputDataConfig.KmsKeyId",
                    "ResourceConfig.VolumeKmsKeyId",
                    "HyperParameterTuningResourceConfig.VolumeKmsKeyId",
                )
            ),
        ),
        buckets(
            *(
                f"{definition}.{path}"
                for definition in ("TrainingJobDefinition", "TrainingJobDefinitions[]")
                for path in (
                    "InputDataConfig[].DataSource.S3DataSource.S3Uri",
                    "OutputDataConfig.S3OutputPath",
                    "CheckpointConfig.S3Uri",
                )
            )
        ),
    ),
    read={"NameContains": "name"},
    missing=MISSING,
    delete=(
        Step(
            operation="delete_hyper_parameter_tuning_job",
            params={"HyperParameterTuningJobName": "name"},
        ),
    ),
    held_back=_STAYS_UNTIL_ENDED,
    tagging=TAGGING,
)

_INFERENCE_RECOMMENDATIONS_JOB = AwsKind(
    name="aws_sagemaker_inference_recommendations_job",
    description="A trial of a model on several types of machines, to recommend one.",
    bases=("ai_job",),
    service="sagemaker",
    api=listed("list_inference_recommendations_jobs", "InferenceRecommendationsJobs"),
    details=(described("describe_inference_recommendations_job", "JobName"), tags("JobArn")),
    id="JobName",
    name_path="JobName",
    arn="JobArn",
    prefix="inference_recommendations_job",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    properties={
        **_statuses("Status", "inference_recommendations_job_status"),
        "inference_recommendations_job_description": "JobDescription",
        "inference_recommendations_job_type": "JobType",
    },
    gone=("Status", ("DELETED",)),
    links=(
        *_runs_with("aws_iam_role", "Status", "RoleArn", by="arn"),
        *_network("Status", "InputConfig.VpcConfig"),
        *_encrypted_with("Status", "InputConfig.VolumeKmsKeyId"),
        *_runs_with("aws_sagemaker_model", "Status", "InputConfig.ModelName"),
        buckets("InputConfig.ContainerConfig.PayloadConfig.SamplePayloadUrl"),
        Link(kind="aws_sagemaker_endpoint", path="InputConfig.Endpoints[].EndpointName"),
        Link(kind="aws_sagemaker_endpoint", path="EndpointPerformances[].EndpointInfo.EndpointName"),
        Link(
            kind="aws_sagemaker_endpoint",
            path="InferenceRecommendations[].EndpointConfiguration.EndpointName",
        ),
    ),
    read={"NameContains": "name"},
    missing=MISSING,
    tagging=TAGGING,
)

_LABELING_JOB = AwsKind(
    name="aws_sagemaker_labeling_job",
    description="Data that people, and a model that learns from them, put labels on.",
    bases=("ai_job",),
    service="sagemaker",
    api=listed("list_labeling_jobs", "LabelingJobSummaryList"),
    details=(described("describe_labeling_job", "LabelingJobName"),),
    id="LabelingJobName",
    name_path="LabelingJobName",
    arn="LabelingJobArn",
    prefix="labeling_job",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    properties={
        **_statuses("LabelingJobStatus", "labeling_job_status"),
        "labeling_job_job_reference_code": "JobReferenceCode",
        "labeling_job_algorithms_config": "LabelingJobAlgorithmsConfig",
    },
    drop=("WorkteamArn", "PreHumanTaskLambdaArn", "AnnotationConsolidationLambdaArn"),
    links=(
        *_runs_with("aws_iam_role", "LabelingJobStatus", "RoleArn", by="arn"),
        *_network("LabelingJobStatus", "LabelingJobAlgorithmsConfig.LabelingJobResourceConfig.VpcConfig"),
        *_encrypted_with(
            "LabelingJobStatus",
            "OutputConfig.KmsKeyId",
            "LabelingJobAlgorithmsConfig.LabelingJobResourceConfig.VolumeKmsKeyId",
        ),
        *_runs_with("aws_sagemaker_workteam", "LabelingJobStatus", "HumanTaskConfig.WorkteamArn", by="arn"),
        *_runs_with(
            "aws_sagemaker_model",
            "LabelingJobStatus",
            "LabelingJobAlgorithmsConfig.InitialActiveLearningModelArn",
            by="arn",
        ),
        Link(kind="aws_lambda_function", path="HumanTaskConfig.PreHumanTaskLambdaArn", by="arn"),
        Link(
            kind="aws_lambda_function",
            path="HumanTaskConfig.AnnotationConsolidationConfig.AnnotationConsolidationLambdaArn",
            by="arn",
        ),
        Link(kind="aws_sns_topic", path="InputConfig.DataSource.SnsDataSource.SnsTopicArn", by="arn"),
        Link(kind="aws_sns_topic", path="OutputConfig.SnsTopicArn", by="arn"),
        buckets(
            "InputConfig.DataSource.S3DataSource.ManifestS3Uri",
            "OutputConfig.S3OutputPath",
            "LabelCategoryConfigS3Uri",
            "HumanTaskConfig.UiConfig.UiTemplateS3Uri",
            "LabelingJobOutput.OutputDatasetS3Uri",
        ),
    ),
    read={"NameContains": "name"},
    missing=MISSING,
    tagging=TAGGING,
    volatile=("labeling_job_label_counters",),
)

_PROCESSING_JOB = AwsKind(
    name="aws_sagemaker_processing_job",
    description="A program that prepares data or judges a model; deleting it leaves what it made.",
    bases=("ai_job",),
    service="sagemaker",
    api=listed("list_processing_jobs", "ProcessingJobSummaries"),
    details=(described("describe_processing_job", "ProcessingJobName"), tags("ProcessingJobArn")),
    id="ProcessingJobName",
    name_path="ProcessingJobName",
    arn="ProcessingJobArn",
    prefix="processing_job",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    properties={
        **_statuses("ProcessingJobStatus", "processing_job_status"),
        "processing_job_processing_inputs": "ProcessingInputs",
        "processing_job_processing_output_config": "ProcessingOutputConfig",
        "processing_job_processing_resources": "ProcessingResources",
        "processing_job_processing_start_time": "ProcessingStartTime",
        "processing_job_processing_end_time": "ProcessingEndTime",
        "processing_job_stopping_condition": "StoppingCondition.MaxRuntimeInSeconds",
        "processing_job_trial_component_display_name": "ExperimentConfig.TrialComponentDisplayName",
    },
    secret=("Environment",),
    links=(
        *_runs_with("aws_iam_role", "ProcessingJobStatus", "RoleArn", by="arn"),
        *_network("ProcessingJobStatus", "NetworkConfig.VpcConfig"),
        *_encrypted_with(
            "ProcessingJobStatus",
            "ProcessingOutputConfig.KmsKeyId",
            "ProcessingResources.ClusterConfig.VolumeKmsKeyId",
            "ProcessingInputs[].DatasetDefinition.AthenaDatasetDefinition.KmsKeyId",
            "ProcessingInputs[].DatasetDefinition.RedshiftDatasetDefinition.KmsKeyId",
        ),
        *_EXPERIMENT,
        _part_of("aws_sagemaker_auto_ml_job", "AutoMLJobArn"),
        Link(
            kind="aws_redshift_cluster",
            path="ProcessingInputs[].DatasetDefinition.RedshiftDatasetDefinition.ClusterId",
            parent=True,
        ),
        Link(
            kind="aws_athena_data_catalog",
            path="ProcessingInputs[].DatasetDefinition.AthenaDatasetDefinition.Catalog",
            parent=True,
        ),
        Link(
            kind="aws_athena_work_group",
            path="ProcessingInputs[].DatasetDefinition.AthenaDatasetDefinition.WorkGroup",
            parent=True,
        ),
        Link(kind="aws_sagemaker_training_job", path="TrainingJobArn", by="arn"),
        buckets(
            "ProcessingInputs[].S3Input.S3Uri",
            "ProcessingInputs[].DatasetDefinition.AthenaDatasetDefinition.OutputS3Uri",
            "ProcessingInputs[].DatasetDefinition.RedshiftDatasetDefinition.OutputS3Uri",
            "ProcessingOutputConfig.Outputs[].S3Output.S3Uri",
        ),
    ),
    read={"NameContains": "name"},
    missing=MISSING,
    delete=(Step(operation="delete_processing_job", params={"ProcessingJobName": "name"}),),
    held_back=_STAYS_UNTIL_ENDED,
    tagging=TAGGING,
)


def _algorithm_name(algorithm: str) -> str:
    """The name of an algorithm that is given by its name, or by its ARN when it was bought."""
    return algorithm.rpartition("/")[2]


_TRAINING_JOB = AwsKind(
    name="aws_sagemaker_training_job",
    description="The training of a model; deleting it leaves the model that was made.",
    bases=("ai_job",),
    service="sagemaker",
    api=listed("list_training_jobs", "TrainingJobSummaries"),
    details=(described("describe_training_job", "TrainingJobName"), tags("TrainingJobArn")),
    id="TrainingJobName",
    name_path="TrainingJobName",
    arn="TrainingJobArn",
    prefix="training_job",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    properties={
        **_statuses("TrainingJobStatus", "training_job_training_job_status"),
        "training_job_training_start_time": "TrainingStartTime",
        "training_job_training_end_time": "TrainingEndTime",
        "training_job_training_time_in_seconds": "TrainingTimeInSeconds",
        "training_job_model_artifacts": "ModelArtifacts.S3ModelArtifacts",
        "training_job_retry_strategy": "RetryStrategy.MaximumRetryAttempts",
        "training_job_trial_component_display_name": "ExperimentConfig.TrialComponentDisplayName",
    },
    secret=("Environment",),
    links=(
        *_runs_with("aws_iam_role", "TrainingJobStatus", "RoleArn", by="arn"),
        *_network("TrainingJobStatus", "VpcConfig"),
        *_encrypted_with("TrainingJobStatus", "OutputDataConfig.KmsKeyId", "ResourceConfig.VolumeKmsKeyId"),
        *_EXPERIMENT,
        _part_of("aws_sagemaker_auto_ml_job", "AutoMLJobArn"),
        _part_of("aws_sagemaker_hyper_parameter_tuning_job", "TuningJobArn"),
        _part_of("aws_sagemaker_labeling_job", "LabelingJobArn"),
        Link(
            kind="aws_sagemaker_algorithm",
            path=Value("AlgorithmSpecification.AlgorithmName", _algorithm_name),
        ),
        buckets(
            "InputDataConfig[].DataSource.S3DataSource.S3Uri",
            "OutputDataConfig.S3OutputPath",
            "ModelArtifacts.S3ModelArtifacts",
            "CheckpointConfig.S3Uri",
            "DebugHookConfig.S3OutputPath",
            "DebugRuleConfigurations[].S3OutputPath",
            "ProfilerConfig.S3OutputPath",
            "ProfilerRuleConfigurations[].S3OutputPath",
            "TensorBoardOutputConfig.S3OutputPath",
        ),
    ),
    read={"NameContains": "name"},
    missing=MISSING,
    delete=(Step(operation="delete_training_job", params={"TrainingJobName": "name"}),),
    held_back=_STAYS_UNTIL_ENDED,
    tagging=TAGGING,
    changing=("mtime", "training_job_warm_pool_status"),
    volatile=("training_job_progress_info",),
)

_TRANSFORM_JOB = AwsKind(
    name="aws_sagemaker_transform_job",
    description="The use of a model on a whole set of data at once.",
    bases=("ai_job",),
    service="sagemaker",
    api=listed("list_transform_jobs", "TransformJobSummaries"),
    details=(described("describe_transform_job", "TransformJobName"), tags("TransformJobArn")),
    id="TransformJobName",
    name_path="TransformJobName",
    arn="TransformJobArn",
    prefix="transform_job",
    ctime="CreationTime",
    mtime="LastModifiedTime",
    properties={
        **_statuses("TransformJobStatus", "transform_job_status"),
        "transform_job_transform_input": "TransformInput",
        "transform_job_transform_output": "TransformOutput",
        "transform_job_transform_resources": "TransformResources",
        "transform_job_transform_start_time": "TransformStartTime",
        "transform_job_transform_end_time": "TransformEndTime",
        "transform_job_trial_component_display_name": "ExperimentConfig.TrialComponentDisplayName",
    },
    secret=("Environment",),
    links=(
        *_runs_with("aws_sagemaker_model", "TransformJobStatus", "ModelName"),
        *_encrypted_with(
            "TransformJobStatus",
            "TransformOutput.KmsKeyId",
            "TransformResources.VolumeKmsKeyId",
            "DataCaptureConfig.KmsKeyId",
        ),
        *_EXPERIMENT,
        _part_of("aws_sagemaker_auto_ml_job", "AutoMLJobArn"),
        _part_of("aws_sagemaker_labeling_job", "LabelingJobArn"),
        buckets(
            "TransformInput.DataSource.S3DataSource.S3Uri",
            "TransformOutput.S3OutputPath",
            "DataCaptureConfig.DestinationS3Uri",
        ),
    ),
    read={"NameContains": "name"},
    missing=MISSING,
    tagging=TAGGING,
)

KINDS = (
    _AUTO_ML_JOB,
    _COMPILATION_JOB,
    _TUNING_JOB,
    _INFERENCE_RECOMMENDATIONS_JOB,
    _LABELING_JOB,
    _PROCESSING_JOB,
    _TRAINING_JOB,
    _TRANSFORM_JOB,
)
