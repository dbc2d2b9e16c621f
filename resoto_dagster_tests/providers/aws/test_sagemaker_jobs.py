"""SageMaker's jobs, from the API's answer to their deletion."""

import pytest

from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    REGION,
    belongs_to,
    goes_before,
    stored,
    uses,
)
from resoto_dagster_tests.providers.aws.sagemaker import ARN, ROLE, TAGS, Calls, Shelf
from resoto_dagster_tests.providers.aws.samples import MOMENT

LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
VPC = {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
OWNERS = (("aws_iam_role", ROLE, "arn"), ("aws_ec2_subnet", "subnet-1"), ("aws_ec2_security_group", "sg-1"))
"""What each job runs with here."""
EXPERIMENT = {"ExperimentName": "churn", "TrialName": "first", "TrialComponentDisplayName": "Training"}
OF_EXPERIMENT = {belongs_to("aws_sagemaker_experiment", "churn"), belongs_to("aws_sagemaker_trial", "first")}


@pytest.fixture
def sagemaker(client):
    return client("sagemaker")


def _auto_ml(sagemaker):
    sagemaker.create_auto_ml_job_v2(
        AutoMLJobName="search",
        AutoMLJobInputDataConfig=[
            {
                "ChannelType": "training",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/in"}},
            }
        ],
        OutputDataConfig={"S3OutputPath": "s3://results/out"},
        AutoMLProblemTypeConfig={
            "TabularJobConfig": {
                "TargetAttributeName": "left",
                "ProblemType": "BinaryClassification",
                "GenerateCandidateDefinitionsOnly": True,
                "CompletionCriteria": {"MaxCandidates": 5},
            }
        },
        AutoMLJobObjective={"MetricName": "F1"},
        RoleArn=ROLE,
        SecurityConfig={"VpcConfig": VPC},
        ModelDeployConfig={"EndpointName": "best"},
        Tags=TAGS,
    )


def _compilation(sagemaker):
    sagemaker.create_compilation_job(
        CompilationJobName="small",
        RoleArn=ROLE,
        InputConfig={"S3Uri": "s3://models/in", "DataInputConfig": "{}", "Framework": "PYTORCH"},
        OutputConfig={"S3OutputLocation": "s3://compiled/out", "TargetDevice": "ml_c5"},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
        VpcConfig=VPC,
        Tags=TAGS,
    )


def _tuning(sagemaker):
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="tuning",
        HyperParameterTuningJobConfig={
            "Strategy": "Bayesian",
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
        },
        TrainingJobDefinition={
            "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "VpcConfig": VPC,
            "InputDataConfig": [
                {
                    "ChannelName": "train",
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/in"}},
                }
            ],
            "OutputDataConfig": {"S3OutputPath": "s3://results/out"},
            "CheckpointConfig": {"S3Uri": "s3://checkpoints/a"},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "Environment": {"TOKEN": "hidden-value"},
        },
        Tags=TAGS,
    )


def _processing(sagemaker):
    sagemaker.create_processing_job(
        ProcessingJobName="cleaning",
        ProcessingResources={
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}
        },
        AppSpecification={"ImageUri": "image"},
        RoleArn=ROLE,
        NetworkConfig={"VpcConfig": VPC},
        ExperimentConfig=EXPERIMENT,
        StoppingCondition={"MaxRuntimeInSeconds": 60},
        ProcessingInputs=[
            {"InputName": "raw", "S3Input": {"S3Uri": "s3://data/raw", "S3DataType": "S3Prefix"}}
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "clean",
                    "S3Output": {
                        "S3Uri": "s3://results/clean",
                        "LocalPath": "/out",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        Tags=TAGS,
    )


def _training(sagemaker):
    sagemaker.create_training_job(
        TrainingJobName="fitting",
        AlgorithmSpecification={"AlgorithmName": "trees", "TrainingInputMode": "File"},
        HyperParameters={"depth": "3"},
        RoleArn=ROLE,
        InputDataConfig=[
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/in"}},
            }
        ],
        OutputDataConfig={"S3OutputPath": "s3://results/out"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10},
        VpcConfig=VPC,
        StoppingCondition={"MaxRuntimeInSeconds": 60},
        CheckpointConfig={"S3Uri": "s3://checkpoints/a"},
        DebugHookConfig={"S3OutputPath": "s3://debug/a"},
        TensorBoardOutputConfig={"S3OutputPath": "s3://board/a"},
        ExperimentConfig=EXPERIMENT,
        Tags=TAGS,
    )


def _transform(sagemaker):
    sagemaker.create_transform_job(
        TransformJobName="scoring",
        ModelName="forecast",
        MaxPayloadInMB=6,
        Environment={"TOKEN": "hidden-value"},
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/in"}},
        },
        TransformOutput={"S3OutputPath": "s3://results/out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        DataCaptureConfig={"DestinationS3Uri": "s3://captured/a"},
        ExperimentConfig=EXPERIMENT,
        Tags=TAGS,
    )


def _buckets(*names):
    return {uses("aws_s3_bucket", name) for name in names}


def _of_ended(*owners):
    """The edges of a job that has ended: it needs nothing of what it ran with any more."""
    return {belongs_to("aws_region", REGION), *(belongs_to(*owner) for owner in owners)}


def _of_running(*owners):
    return {*_of_ended(*owners), *(goes_before(*owner) for owner in owners)}


def _one(kind, collect_kind):
    (job,) = collect_kind(kind)
    assert job.region == REGION
    assert job.tags == {"owner": "web", "env": "test"}
    assert job.properties["ai_job_status"] == "completed"
    return job


def test_properties_and_edges_of_an_auto_ml_job(sagemaker, collect_kind):
    _auto_ml(sagemaker)

    (search,) = collect_kind("aws_sagemaker_auto_ml_job")

    assert (search.id, search.name) == ("search", "search")
    assert search.tags == {"owner": "web", "env": "test"}
    properties = search.properties
    assert properties["arn"] == f"{ARN}:automl-job/search"
    assert (properties["auto_ml_job_status"], properties["ai_job_status"]) == ("InProgress", "running")
    assert properties["auto_ml_job_objective"] == "F1"
    assert properties["auto_ml_job_model_deploy_result"] == "best"
    assert properties["auto_ml_job_problem_type"] == "BinaryClassification"
    assert properties["auto_ml_job_generate_candidate_definitions_only"] is True
    assert properties["auto_ml_job_config"]["tabular_job_config"]["target_attribute_name"] == "left"
    assert properties["auto_ml_job_input_data_config"][0]["channel_type"] == "training"
    assert properties["auto_ml_job_output_data_config"] == {"s3_output_path": "s3://results/out"}
    assert set(search.edges) == {
        *_of_running(*OWNERS),
        *_buckets("data", "results"),
        uses("aws_sagemaker_endpoint", "best"),
    }


def test_properties_and_edges_of_a_compilation_job(sagemaker, collect_kind):
    _compilation(sagemaker)

    small = _one("aws_sagemaker_compilation_job", collect_kind)

    assert (small.id, small.name) == ("small", "small")
    assert small.ctime is not None
    properties = small.properties
    assert properties["arn"] == f"{ARN}:compilation-job/small"
    assert properties["compilation_job_status"] == "COMPLETED"
    assert properties["compilation_job_model_artifacts"] == "s3://compiled/out"
    assert properties["compilation_job_model_digests"].startswith("786a02f7")
    assert properties["compilation_job_input_config"]["framework"] == "PYTORCH"
    assert properties["compilation_job_output_config"]["target_device"] == "ml_c5"
    assert properties["compilation_job_stopping_condition"] == {"max_runtime_in_seconds": 60}
    assert {"compilation_job_start_time", "compilation_job_end_time"} <= set(properties)
    assert set(small.edges) == _of_ended(*OWNERS) | _buckets("models", "compiled")


def test_properties_and_edges_of_a_tuning_job(sagemaker, collect_kind):
    _tuning(sagemaker)

    tuning = _one("aws_sagemaker_hyper_parameter_tuning_job", collect_kind)

    assert (tuning.id, tuning.name) == ("tuning", "tuning")
    properties = tuning.properties
    assert properties["arn"] == f"{ARN}:hyper-parameter-tuning-job/tuning"
    assert properties["hyper_parameter_tuning_job_status"] == "Completed"
    assert properties["hyper_parameter_tuning_job_config"]["strategy"] == "Bayesian"
    assert properties["hyper_parameter_tuning_job_training_job_status_counters"]["completed"] == 1
    definition = properties["hyper_parameter_tuning_job_training_job_definition"]
    assert definition["environment"] == {"TOKEN": "***"}
    assert "hidden-value" not in str(tuning)
    assert set(tuning.edges) == _of_ended(*OWNERS) | _buckets("data", "results", "checkpoints")


def test_a_tuning_job_of_several_definitions():
    definitions = [
        {"RoleArn": ROLE, "VpcConfig": VPC, "OutputDataConfig": {"S3OutputPath": "s3://a"}},
        {"RoleArn": f"{ROLE}-2", "OutputDataConfig": {"S3OutputPath": "s3://b"}},
    ]
    tuning = map_item(
        "aws_sagemaker_hyper_parameter_tuning_job",
        {
            "HyperParameterTuningJobName": "tuning",
            "HyperParameterTuningJobStatus": "InProgress",
            "TrainingJobDefinitions": definitions,
        },
    )

    assert set(tuning.edges) == _of_running(*OWNERS, ("aws_iam_role", f"{ROLE}-2", "arn")) | _buckets(
        "a", "b"
    )


def test_properties_and_edges_of_a_processing_job(sagemaker, collect_kind):
    _processing(sagemaker)

    cleaning = _one("aws_sagemaker_processing_job", collect_kind)

    assert (cleaning.id, cleaning.name) == ("cleaning", "cleaning")
    properties = cleaning.properties
    assert properties["arn"] == f"{ARN}:processing-job/cleaning"
    assert properties["processing_job_status"] == "Completed"
    assert properties["processing_job_stopping_condition"] == 60
    assert properties["processing_job_app_specification"] == {"image_uri": "image"}
    assert properties["processing_job_trial_component_display_name"] == "Training"
    assert properties["processing_job_processing_inputs"][0]["input_name"] == "raw"
    assert properties["processing_job_processing_output_config"]["outputs"][0]["output_name"] == "clean"
    assert properties["processing_job_role_arn"] == ROLE
    assert set(cleaning.edges) == _of_ended(*OWNERS) | OF_EXPERIMENT | _buckets("data", "results")


def test_what_a_processing_job_reads_from():
    cleaning = map_item(
        "aws_sagemaker_processing_job",
        {
            "ProcessingJobName": "cleaning",
            "ProcessingJobStatus": "Completed",
            "Environment": {"TOKEN": "hidden-value"},
            "ProcessingInputs": [
                {
                    "DatasetDefinition": {
                        "RedshiftDatasetDefinition": {
                            "ClusterId": "sales",
                            "OutputS3Uri": "s3://of-redshift/",
                        }
                    }
                },
                {
                    "DatasetDefinition": {
                        "AthenaDatasetDefinition": {
                            "Catalog": "AwsDataCatalog",
                            "WorkGroup": "reports",
                            "OutputS3Uri": "s3://of-athena/",
                        }
                    }
                },
            ],
            "AutoMLJobArn": f"{ARN}:automl-job/search",
            "TrainingJobArn": f"{ARN}:training-job/fitting",
        },
    )

    assert cleaning.properties["processing_job_environment"] == {"TOKEN": "***"}
    assert set(cleaning.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_redshift_cluster", "sales"),
        belongs_to("aws_athena_data_catalog", "AwsDataCatalog"),
        belongs_to("aws_athena_work_group", "reports"),
        belongs_to("aws_sagemaker_auto_ml_job", f"{ARN}:automl-job/search", "arn"),
        uses("aws_sagemaker_training_job", f"{ARN}:training-job/fitting", "arn"),
        *_buckets("of-redshift", "of-athena"),
    }


def test_the_topics_of_a_labeling_job():
    item = {
        "LabelingJobName": "cats",
        "InputConfig": {"DataSource": {"SnsDataSource": {"SnsTopicArn": "arn:aws:sns:in"}}},
        "OutputConfig": {"SnsTopicArn": "arn:aws:sns:out"},
    }

    assert set(map_item("aws_sagemaker_labeling_job", item).edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_sns_topic", "arn:aws:sns:in", "arn"),
        uses("aws_sns_topic", "arn:aws:sns:out", "arn"),
    }


def test_properties_and_edges_of_a_training_job(sagemaker, collect_kind):
    _training(sagemaker)

    fitting = _one("aws_sagemaker_training_job", collect_kind)

    assert (fitting.id, fitting.name) == ("fitting", "fitting")
    properties = fitting.properties
    assert properties["arn"] == f"{ARN}:training-job/fitting"
    assert properties["training_job_training_job_status"] == "Completed"
    assert properties["training_job_secondary_status"] == "Completed"
    assert properties["training_job_hyper_parameters"] == {"depth": "3"}
    assert properties["training_job_model_artifacts"] == "s3://results/out/fitting/output/model.tar.gz"
    assert properties["training_job_resource_config"]["instance_type"] == "ml.m5.large"
    assert properties["training_job_trial_component_display_name"] == "Training"
    assert properties["training_job_final_metric_data_list"][0]["metric_name"] == "train:progress"
    assert set(fitting.edges) == {
        *_of_ended(*OWNERS),
        *OF_EXPERIMENT,
        *_buckets("data", "results", "checkpoints", "debug", "board"),
        uses("aws_sagemaker_algorithm", "trees"),
    }


def test_what_a_training_job_is_part_of():
    fitting = map_item(
        "aws_sagemaker_training_job",
        {
            "TrainingJobName": "fitting",
            "Environment": {"TOKEN": "hidden-value"},
            "RetryStrategy": {"MaximumRetryAttempts": 2},
            "TuningJobArn": f"{ARN}:hyper-parameter-tuning-job/tuning",
            "LabelingJobArn": f"{ARN}:labeling-job/cats",
            "AutoMLJobArn": f"{ARN}:automl-job/search",
            "AlgorithmSpecification": {"AlgorithmName": f"{ARN}:algorithm/bought"},
        },
    )

    assert fitting.properties["training_job_environment"] == {"TOKEN": "***"}
    assert fitting.properties["training_job_retry_strategy"] == 2
    assert set(fitting.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to(
            "aws_sagemaker_hyper_parameter_tuning_job", f"{ARN}:hyper-parameter-tuning-job/tuning", "arn"
        ),
        belongs_to("aws_sagemaker_labeling_job", f"{ARN}:labeling-job/cats", "arn"),
        belongs_to("aws_sagemaker_auto_ml_job", f"{ARN}:automl-job/search", "arn"),
        uses("aws_sagemaker_algorithm", "bought"),
    }


def test_properties_and_edges_of_a_transform_job(sagemaker, collect_kind):
    _transform(sagemaker)

    scoring = _one("aws_sagemaker_transform_job", collect_kind)

    assert (scoring.id, scoring.name) == ("scoring", "scoring")
    properties = scoring.properties
    assert properties["arn"] == f"{ARN}:transform-job/scoring"
    assert properties["transform_job_status"] == "Completed"
    assert properties["transform_job_model_name"] == "forecast"
    assert properties["transform_job_max_payload_in_mb"] == 6
    assert properties["transform_job_environment"] == {"TOKEN": "***"}
    assert properties["transform_job_transform_output"] == {"s3_output_path": "s3://results/out"}
    assert properties["transform_job_trial_component_display_name"] == "Training"
    assert set(scoring.edges) == {
        *_of_ended(("aws_sagemaker_model", "forecast")),
        *OF_EXPERIMENT,
        *_buckets("data", "results", "captured"),
    }


LABELING = {
    "LabelingJobName": "cats",
    "LabelingJobArn": f"{ARN}:labeling-job/cats",
    "LabelingJobStatus": "InProgress",
    "LabelCounters": {"TotalLabeled": 5, "Unlabeled": 7},
    "CreationTime": MOMENT,
    "LastModifiedTime": MOMENT,
    "JobReferenceCode": "r-1",
    "LabelAttributeName": "cat",
    "RoleArn": ROLE,
    "InputConfig": {"DataSource": {"S3DataSource": {"ManifestS3Uri": "s3://pictures/manifest"}}},
    "OutputConfig": {"S3OutputPath": "s3://labels/out"},
    "LabelCategoryConfigS3Uri": "s3://categories/a",
    "LabelingJobAlgorithmsConfig": {
        "LabelingJobAlgorithmSpecificationArn": "specification",
        "InitialActiveLearningModelArn": f"{ARN}:model/cats",
        "LabelingJobResourceConfig": {"VpcConfig": VPC},
    },
    "HumanTaskConfig": {
        "WorkteamArn": f"{ARN}:workteam/private-crowd/labelers",
        "UiConfig": {"UiTemplateS3Uri": "s3://templates/a"},
        "PreHumanTaskLambdaArn": f"{LAMBDA}:before",
        "TaskTitle": "Cats",
        "TaskDescription": "Is it a cat",
        "NumberOfHumanWorkersPerDataObject": 1,
        "TaskTimeLimitInSeconds": 60,
        "AnnotationConsolidationConfig": {"AnnotationConsolidationLambdaArn": f"{LAMBDA}:after"},
    },
    "LabelingJobOutput": {"OutputDatasetS3Uri": "s3://labels/out/cats"},
    "Tags": TAGS,
}

RECOMMENDATION = {
    "JobName": "advice",
    "JobArn": f"{ARN}:inference-recommendations-job/advice",
    "JobDescription": "which machine",
    "JobType": "Default",
    "Status": "IN_PROGRESS",
    "CreationTime": MOMENT,
    "LastModifiedTime": MOMENT,
    "RoleArn": ROLE,
    "InputConfig": {
        "ModelName": "forecast",
        "VpcConfig": VPC,
        "Endpoints": [{"EndpointName": "serving"}],
        "ContainerConfig": {"PayloadConfig": {"SamplePayloadUrl": "s3://samples/a"}},
    },
    "StoppingConditions": {"MaxInvocations": 100},
    "InferenceRecommendations": [
        {
            "EndpointConfiguration": {
                "EndpointName": "tried",
                "VariantName": "v",
                "InstanceType": "ml.c5.large",
            },
            "ModelConfiguration": {},
        }
    ],
    "EndpointPerformances": [
        {"Metrics": {"MaxInvocations": 1, "ModelLatency": 2}, "EndpointInfo": {"EndpointName": "measured"}}
    ],
}

ON_SHELF = {
    "aws_sagemaker_labeling_job": (
        Calls(
            "ListLabelingJobs",
            "LabelingJobSummaryList",
            "LabelingJobName",
            "LabelingJobArn",
            "DescribeLabelingJob",
        ),
        LABELING,
    ),
    "aws_sagemaker_inference_recommendations_job": (
        Calls(
            "ListInferenceRecommendationsJobs",
            "InferenceRecommendationsJobs",
            "JobName",
            "JobArn",
            "DescribeInferenceRecommendationsJob",
        ),
        RECOMMENDATION,
    ),
    "aws_sagemaker_processing_job": (
        Calls(
            "ListProcessingJobs",
            "ProcessingJobSummaries",
            "ProcessingJobName",
            "ProcessingJobArn",
            "DescribeProcessingJob",
            "DeleteProcessingJob",
        ),
        {
            "ProcessingJobName": "cleaning",
            "ProcessingJobArn": f"{ARN}:processing-job/cleaning",
            "ProcessingJobStatus": "Completed",
            "CreationTime": MOMENT,
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
            "AppSpecification": {"ImageUri": "image"},
        },
    ),
    "aws_sagemaker_training_job": (
        Calls(
            "ListTrainingJobs",
            "TrainingJobSummaries",
            "TrainingJobName",
            "TrainingJobArn",
            "DescribeTrainingJob",
            "DeleteTrainingJob",
        ),
        {
            "TrainingJobName": "fitting",
            "TrainingJobArn": f"{ARN}:training-job/fitting",
            "TrainingJobStatus": "Failed",
            "SecondaryStatus": "Failed",
            "CreationTime": MOMENT,
            "StoppingCondition": {},
        },
    ),
}


@pytest.fixture
def on_shelf(synthetic):
    """A function that has the server know the record of a kind."""

    def put(kind):
        calls, record = ON_SHELF[kind]
        shelf = Shelf(synthetic, calls, {record[calls.key]: record})
        if "Tags" in record:
            _tag_in_place(synthetic, shelf)
        return shelf

    return put


def _tag_in_place(synthetic, shelf):
    """Answer the tags with the record itself."""

    def describe(params):
        record = shelf.records[params[shelf.calls.key]]
        tags = [{"Key": key, "Value": value} for key, value in shelf.tags[record[shelf.calls.arn]].items()]
        return {**record, "Tags": tags}

    synthetic.answer("sagemaker", shelf.calls.described, describe)


def test_properties_and_edges_of_a_labeling_job(on_shelf, synthetic, collect_kind):
    on_shelf("aws_sagemaker_labeling_job")

    (cats,) = collect_kind("aws_sagemaker_labeling_job")

    assert (cats.id, cats.name, cats.region) == ("cats", "cats", REGION)
    assert (cats.ctime, cats.mtime) == (MOMENT, MOMENT)
    assert cats.tags == {"owner": "web", "env": "test"}
    assert synthetic.asked("sagemaker", "ListTags") == []
    properties = cats.properties
    assert properties["arn"] == f"{ARN}:labeling-job/cats"
    assert (properties["labeling_job_status"], properties["ai_job_status"]) == ("InProgress", "running")
    assert properties["labeling_job_label_counters"] == {"total_labeled": 5, "unlabeled": 7}
    assert properties["labeling_job_job_reference_code"] == "r-1"
    assert properties["labeling_job_label_attribute_name"] == "cat"
    assert properties["labeling_job_human_task_config"]["task_title"] == "Cats"
    assert properties["labeling_job_output"] == {"output_dataset_s3_uri": "s3://labels/out/cats"}
    assert (
        properties["labeling_job_algorithms_config"]["initial_active_learning_model_arn"]
        == f"{ARN}:model/cats"
    )
    assert set(cats.edges) == {
        *_of_running(
            *OWNERS,
            ("aws_sagemaker_workteam", f"{ARN}:workteam/private-crowd/labelers", "arn"),
            ("aws_sagemaker_model", f"{ARN}:model/cats", "arn"),
        ),
        uses("aws_lambda_function", f"{LAMBDA}:before", "arn"),
        uses("aws_lambda_function", f"{LAMBDA}:after", "arn"),
        *_buckets("pictures", "labels", "categories", "templates"),
    }


def test_properties_and_edges_of_an_inference_recommendations_job(on_shelf, collect_kind):
    on_shelf("aws_sagemaker_inference_recommendations_job")

    (advice,) = collect_kind("aws_sagemaker_inference_recommendations_job")

    assert (advice.id, advice.name, advice.region) == ("advice", "advice", REGION)
    assert (advice.ctime, advice.mtime) == (MOMENT, MOMENT)
    assert advice.tags == {"owner": "web", "env": "test"}
    properties = advice.properties
    prefix = "inference_recommendations_job"
    assert properties["arn"] == f"{ARN}:inference-recommendations-job/advice"
    assert (properties[f"{prefix}_status"], properties["ai_job_status"]) == ("IN_PROGRESS", "running")
    assert properties[f"{prefix}_description"] == "which machine"
    assert properties[f"{prefix}_type"] == "Default"
    assert properties[f"{prefix}_stopping_conditions"] == {"max_invocations": 100}
    (recommended,) = properties[f"{prefix}_inference_recommendations"]
    assert recommended["endpoint_configuration"]["instance_type"] == "ml.c5.large"
    (performance,) = properties[f"{prefix}_endpoint_performances"]
    assert performance["metrics"] == {"max_invocations": 1, "model_latency": 2}
    assert set(advice.edges) == {
        *_of_running(*OWNERS, ("aws_sagemaker_model", "forecast")),
        *(uses("aws_sagemaker_endpoint", name) for name in ("serving", "tried", "measured")),
        *_buckets("samples"),
    }


def test_an_inference_recommendations_job_that_was_deleted_is_gone():
    job = {"JobName": "advice"}

    assert map_item("aws_sagemaker_inference_recommendations_job", {**job, "Status": "DELETED"}) is None
    assert map_item("aws_sagemaker_inference_recommendations_job", {**job, "Status": "FAILED"}).id == "advice"


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("aws_sagemaker_auto_ml_job", _auto_ml),
        ("aws_sagemaker_compilation_job", _compilation),
        ("aws_sagemaker_hyper_parameter_tuning_job", _tuning),
        ("aws_sagemaker_processing_job", _processing),
        ("aws_sagemaker_training_job", _training),
        ("aws_sagemaker_transform_job", _transform),
    ],
)
def test_a_job_on_moto_is_read_and_tagged(kind, make, sagemaker, collect_kind, session):
    make(sagemaker)
    _is_read_and_tagged(kind, collect_kind, session)


@pytest.mark.parametrize("kind", ON_SHELF)
def test_a_job_is_read_and_tagged(kind, on_shelf, collect_kind, session):
    on_shelf(kind)
    _is_read_and_tagged(kind, collect_kind, session)


def _is_read_and_tagged(kind, collect_kind, session):
    (job,) = collect_kind(kind)
    known = stored(job)
    assert session.read(known) == job

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("aws_sagemaker_compilation_job", _compilation),
        ("aws_sagemaker_hyper_parameter_tuning_job", _tuning),
    ],
)
def test_a_job_that_ended_is_deleted_on_moto(kind, make, sagemaker, collect_kind, session):
    make(sagemaker)
    _is_deleted(kind, collect_kind, session)


@pytest.mark.parametrize("kind", ["aws_sagemaker_processing_job", "aws_sagemaker_training_job"])
def test_a_job_that_ended_is_deleted(kind, on_shelf, collect_kind, session):
    on_shelf(kind)
    _is_deleted(kind, collect_kind, session)


def _is_deleted(kind, collect_kind, session):
    (job,) = collect_kind(kind)
    known = stored(job)
    assert session.held_back(known) is None

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind(kind) == []
    session.delete(known)  # what is gone already is no error


@pytest.mark.parametrize(
    ("answered", "status", "ended"),
    [
        ("Initializing", "preparing", False),
        ("STARTING", "preparing", False),
        ("PENDING", "pending", False),
        ("InProgress", "running", False),
        ("IN_PROGRESS", "running", False),
        ("Stopping", "stopping", False),
        ("Stopped", "stopped", True),
        ("COMPLETED", "completed", True),
        ("Failed", "failed", True),
    ],
)
def test_a_job_keeps_what_it_runs_with_until_it_has_ended(answered, status, ended, session):
    job = map_item(
        "aws_sagemaker_training_job",
        {"TrainingJobName": "fitting", "TrainingJobStatus": answered, "RoleArn": ROLE, "VpcConfig": VPC},
    )

    assert job.properties["ai_job_status"] == status
    assert set(job.edges) == (_of_ended if ended else _of_running)(*OWNERS)
    reason = None if ended else "SageMaker deletes no job that has not ended"
    assert session.held_back(stored(job)) == reason


def test_a_job_whose_status_is_not_known_keeps_what_it_runs_with():
    job = map_item(
        "aws_sagemaker_training_job",
        {"TrainingJobName": "fitting", "TrainingJobStatus": "Dreaming", "RoleArn": ROLE},
    )

    assert job.properties["ai_job_status"] == "unknown"
    assert set(job.edges) == _of_running(("aws_iam_role", ROLE, "arn"))


def test_all_jobs_are_found_as_ai_jobs():
    jobs = {name for name in KINDS if name.startswith("aws_sagemaker_") and name.endswith("_job")}

    assert {name for name, kind in KINDS.items() if name in jobs and "ai_job" in kind.all_bases} == jobs
    assert len(jobs) == 8
