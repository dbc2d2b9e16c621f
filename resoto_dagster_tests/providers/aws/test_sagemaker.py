"""SageMaker's domains, models and endpoints, from the API's answer to their deletion."""

import pytest

from resoto_dagster.providers.base import ProviderError
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    REGION,
    RecordingSink,
    belongs_to,
    goes_before,
    stored,
    uses,
)
from resoto_dagster_tests.providers.aws.network import make_network
from resoto_dagster_tests.providers.aws.sagemaker import (
    ARN,
    AUTHORS,
    BY_AUTHORS,
    ROLE,
    TAGS,
    holds,
    is_read_tagged_and_deleted,
)
from resoto_dagster_tests.providers.aws.samples import MOMENT
from resoto_dagster_tests.providers.aws.synthetic import Refusal


@pytest.fixture
def sagemaker(client):
    return client("sagemaker")


@pytest.fixture
def domain(client, sagemaker):
    """The network of a domain."""
    network = make_network(client)
    sagemaker.create_domain(
        DomainName="science",
        AuthMode="IAM",
        VpcId=network.vpc,
        SubnetIds=list(network.subnets),
        DefaultUserSettings={
            "ExecutionRole": ROLE,
            "SecurityGroups": [network.security_group],
            "SharingSettings": {"NotebookOutputOption": "Allowed", "S3OutputPath": "s3://shared/notebooks"},
            "KernelGatewayAppSettings": {"CustomImages": [{"ImageName": "torch", "AppImageConfigName": "c"}]},
        },
        DefaultSpaceSettings={"ExecutionRole": f"{ROLE}-space"},
        Tags=TAGS,
    )
    return network


def _model(client, sagemaker):
    network = make_network(client)
    sagemaker.create_model(
        ModelName="forecast",
        ExecutionRoleArn=ROLE,
        PrimaryContainer={
            "Image": "image",
            "ModelDataUrl": "s3://models/forecast/model.tar.gz",
            "Environment": {"TOKEN": "hidden-value"},
        },
        VpcConfig={"Subnets": list(network.subnets), "SecurityGroupIds": [network.security_group]},
        Tags=TAGS,
    )
    return network


def _notebook(client, sagemaker, **more):
    network = make_network(client)
    sagemaker.create_notebook_instance(
        NotebookInstanceName="lab",
        InstanceType="ml.t3.medium",
        RoleArn=ROLE,
        SubnetId=network.subnets[0],
        SecurityGroupIds=[network.security_group],
        VolumeSizeInGB=20,
        RootAccess="Disabled",
        DirectInternetAccess="Enabled",
        DefaultCodeRepository="tools",
        AdditionalCodeRepositories=["more-tools", "https://example.com/git"],
        Tags=TAGS,
        **more,
    )
    return network


def _endpoint(client, sagemaker):
    _model(client, sagemaker)
    sagemaker.create_endpoint_config(
        EndpointConfigName="small",
        ProductionVariants=[
            {
                "VariantName": "one",
                "ModelName": "forecast",
                "InitialInstanceCount": 1,
                "InstanceType": "ml.t2.medium",
            }
        ],
    )
    sagemaker.create_endpoint(EndpointName="serving", EndpointConfigName="small", Tags=TAGS)


def _experiment(client, sagemaker):
    sagemaker.create_experiment(ExperimentName="churn")
    sagemaker.add_tags(ResourceArn=f"{ARN}:experiment/churn", Tags=TAGS)


def _trial(client, sagemaker):
    sagemaker.create_experiment(ExperimentName="churn")
    sagemaker.create_trial(TrialName="first", ExperimentName="churn")
    sagemaker.add_tags(ResourceArn=f"{ARN}:experiment-trial/first", Tags=TAGS)
    sagemaker.create_trial_component(TrialComponentName="training")
    sagemaker.associate_trial_component(TrialComponentName="training", TrialName="first")


def _pipeline(client, sagemaker):
    sagemaker.create_pipeline(
        PipelineName="nightly",
        PipelineDisplayName="Nightly",
        PipelineDefinition="{}",
        PipelineDescription="runs at night",
        ClientRequestToken="0" * 32,
        RoleArn=ROLE,
        ParallelismConfiguration={"MaxParallelExecutionSteps": 3},
        Tags=TAGS,
    )


def test_properties_and_edges_of_a_domain(domain, collect_kind):
    (science,) = collect_kind("aws_sagemaker_domain")

    assert (science.id, science.name, science.region) == ("d-science", "science", REGION)
    assert science.tags == {"owner": "web", "env": "test"}
    assert science.ctime is not None
    properties = science.properties
    assert properties["arn"] == f"{ARN}:domain/d-science"
    assert properties["domain_auth_mode"] == "IAM"
    assert properties["domain_status"] == "InService"
    assert properties["domain_vpc_id"] == domain.vpc
    assert properties["domain_subnet_ids"] == list(domain.subnets)
    assert properties["domain_app_network_access_type"] == "PublicInternetOnly"
    assert properties["domain_default_user_settings"]["execution_role"] == ROLE
    assert set(science.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_s3_bucket", "shared"),
        uses("aws_sagemaker_image", "torch"),
        *holds(
            ("aws_vpc", domain.vpc),
            ("aws_ec2_subnet", domain.subnets[0]),
            ("aws_ec2_subnet", domain.subnets[1]),
            ("aws_ec2_security_group", domain.security_group),
            ("aws_ec2_security_group", properties["domain_security_group_id_for_domain_boundary"]),
            ("aws_iam_role", ROLE, "arn"),
            ("aws_iam_role", f"{ROLE}-space", "arn"),
        ),
    }


def test_properties_and_edges_of_a_model(client, sagemaker, collect_kind):
    network = _model(client, sagemaker)

    (model,) = collect_kind("aws_sagemaker_model")

    assert (model.id, model.name, model.region) == ("forecast", "forecast", REGION)
    assert model.tags == {"owner": "web", "env": "test"}
    assert model.ctime is not None
    assert model.properties["arn"] == f"{ARN}:model/forecast"
    assert model.properties["model_primary_container"] == {
        "image": "image",
        "model_data_url": "s3://models/forecast/model.tar.gz",
        "environment": {"TOKEN": "***"},
    }
    assert model.properties["model_enable_network_isolation"] is False
    assert "hidden-value" not in str(model)
    assert set(model.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_s3_bucket", "models"),
        *holds(
            ("aws_iam_role", ROLE, "arn"),
            ("aws_ec2_subnet", network.subnets[0]),
            ("aws_ec2_subnet", network.subnets[1]),
            ("aws_ec2_security_group", network.security_group),
        ),
    }


def test_a_model_of_several_containers():
    model = map_item(
        "aws_sagemaker_model",
        {
            "ModelName": "chain",
            "InferenceExecutionConfig": {"Mode": "Serial"},
            "Containers": [
                {"ModelDataUrl": "s3://a/1", "Environment": {"TOKEN": "hidden-value"}},
                {"ModelDataSource": {"S3DataSource": {"S3Uri": "s3://b/2/"}}},
                {"ModelDataUrl": "https://example.com/3"},
            ],
        },
    )

    assert model.properties["model_inference_execution_config"] == "Serial"
    assert "hidden-value" not in str(model)
    assert set(model.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_s3_bucket", "a"),
        uses("aws_s3_bucket", "b"),
    }


def test_properties_and_edges_of_a_notebook(client, sagemaker, collect_kind):
    network = _notebook(client, sagemaker)

    (lab,) = collect_kind("aws_sagemaker_notebook")

    assert (lab.id, lab.name, lab.region) == ("lab", "lab", REGION)
    assert lab.tags == {"owner": "web", "env": "test"}
    properties = lab.properties
    assert properties["arn"] == f"{ARN}:notebook-instance/lab"
    assert properties["notebook_instance_status"] == "InService"
    assert properties["notebook_instance_type"] == "ml.t3.medium"
    assert properties["notebook_volume_size_in_gb"] == 20
    assert properties["notebook_root_access"] == "Disabled"
    assert properties["notebook_direct_internet_access"] == "Enabled"
    assert set(lab.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_sagemaker_code_repository", "tools"),
        belongs_to("aws_sagemaker_code_repository", "more-tools"),
        *holds(
            ("aws_iam_role", ROLE, "arn"),
            ("aws_ec2_subnet", network.subnets[0]),
            ("aws_ec2_security_group", network.security_group),
        ),
    }


def test_what_moto_leaves_out_of_a_notebook():
    lab = map_item(
        "aws_sagemaker_notebook",
        {
            "NotebookInstanceName": "lab",
            "NetworkInterfaceId": "eni-1",
            "InstanceMetadataServiceConfiguration": {"MinimumInstanceMetadataServiceVersion": "2"},
        },
    )

    assert lab.properties["notebook_instance_metadata_service_configuration"] == "2"
    assert set(lab.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_ec2_network_interface", "eni-1"),
        goes_before("aws_ec2_network_interface", "eni-1"),
    }


def test_a_notebook_is_stopped_before_it_is_deleted(client, sagemaker, front, collect_kind, session):
    _notebook(client, sagemaker)
    (lab,) = collect_kind("aws_sagemaker_notebook")

    session.delete(stored(lab))

    assert session.read(stored(lab)) is None
    asked = [request.action for request in front.requests]
    assert asked.index("StopNotebookInstance") < asked.index("DeleteNotebookInstance")


def test_properties_and_edges_of_an_endpoint(client, sagemaker, collect_kind):
    _endpoint(client, sagemaker)

    (serving,) = collect_kind("aws_sagemaker_endpoint")

    assert (serving.id, serving.name, serving.region) == ("serving", "serving", REGION)
    assert serving.tags == {"owner": "web", "env": "test"}
    assert serving.properties["arn"] == f"{ARN}:endpoint/serving"
    assert serving.properties["endpoint_config_name"] == "small"
    assert serving.properties["endpoint_status"] == "InService"
    (variant,) = serving.properties["endpoint_production_variants"]
    assert (variant["variant_name"], variant["current_instance_count"]) == ("one", 1)
    assert set(serving.edges) == {belongs_to("aws_region", REGION)}


TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}"


def test_where_an_endpoint_writes_and_what_watches_it():
    serving = map_item(
        "aws_sagemaker_endpoint",
        {
            "EndpointName": "serving",
            "DataCaptureConfig": {"DestinationS3Uri": "s3://captured/a"},
            "AsyncInferenceConfig": {
                "OutputConfig": {
                    "S3OutputPath": "s3://answers/",
                    "S3FailurePath": "s3://failures",
                    "NotificationConfig": {"SuccessTopic": f"{TOPIC}:good", "ErrorTopic": f"{TOPIC}:bad"},
                }
            },
            "LastDeploymentConfig": {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "too-slow"}]}},
        },
    )

    assert set(serving.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_s3_bucket", "captured"),
        uses("aws_s3_bucket", "answers"),
        uses("aws_s3_bucket", "failures"),
        uses("aws_cloudwatch_alarm", "too-slow", "name"),
        uses("aws_sns_topic", f"{TOPIC}:good", "arn"),
        uses("aws_sns_topic", f"{TOPIC}:bad", "arn"),
    }


def test_properties_and_edges_of_an_experiment_and_its_trial(client, sagemaker, collect_kind):
    _trial(client, sagemaker)

    (churn,) = collect_kind("aws_sagemaker_experiment")
    (first,) = collect_kind("aws_sagemaker_trial")

    assert (churn.id, churn.name) == ("churn", "churn")
    assert churn.properties["arn"] == f"{ARN}:experiment/churn"
    assert set(churn.edges) == {belongs_to("aws_region", REGION)}
    assert (first.id, first.name) == ("first", "first")
    assert first.tags == {"owner": "web", "env": "test"}
    assert first.properties["arn"] == f"{ARN}:experiment-trial/first"
    assert first.properties["trial_experiment_name"] == "churn"
    assert set(first.edges) == {
        belongs_to("aws_region", REGION),
        *holds(("aws_sagemaker_experiment", "churn")),
    }


def test_where_an_experiment_comes_from():
    churn = map_item(
        "aws_sagemaker_experiment",
        {
            "ExperimentName": "churn",
            "DisplayName": "Churn",
            "ExperimentSource": {"SourceArn": f"{ARN}:pipeline/nightly", "SourceType": "SageMakerPipeline"},
        },
    )

    assert churn.properties == {
        "experiment_display_name": "Churn",
        "experiment_source": {
            "source_arn": f"{ARN}:pipeline/nightly",
            "source_type": "SageMakerPipeline",
        },
    }


def test_a_trial_lets_go_of_its_components(client, sagemaker, collect_kind, session):
    _trial(client, sagemaker)
    (first,) = collect_kind("aws_sagemaker_trial")

    session.delete(stored(first))

    assert sagemaker.list_trial_components(TrialName="first")["TrialComponentSummaries"] == []
    (component,) = sagemaker.list_trial_components()["TrialComponentSummaries"]
    assert component["TrialComponentName"] == "training"


def test_properties_and_edges_of_a_pipeline(client, sagemaker, collect_kind):
    _pipeline(client, sagemaker)

    (nightly,) = collect_kind("aws_sagemaker_pipeline")

    assert (nightly.id, nightly.name, nightly.region) == ("nightly", "nightly", REGION)
    assert nightly.tags == {"owner": "web", "env": "test"}
    properties = nightly.properties
    assert properties["arn"] == f"{ARN}:pipeline/nightly"
    assert properties["pipeline_display_name"] == "Nightly"
    assert properties["pipeline_description"] == "runs at night"
    assert properties["pipeline_definition"] == "{}"
    assert properties["pipeline_status"] == "Active"
    assert properties["pipeline_parallelism_configuration"] == 3
    assert holds(("aws_iam_role", ROLE, "arn")) <= set(nightly.edges)


def test_when_a_pipeline_ran_last_is_no_change_of_it():
    nightly = map_item(
        "aws_sagemaker_pipeline",
        {"PipelineName": "nightly", "LastRunTime": MOMENT, "LastExecutionTime": MOMENT},
    )

    assert nightly.atime == MOMENT
    assert nightly.properties == {}


MADE_ON_MOTO = {
    "aws_sagemaker_model": _model,
    "aws_sagemaker_notebook": _notebook,
    "aws_sagemaker_endpoint": _endpoint,
    "aws_sagemaker_experiment": _experiment,
    "aws_sagemaker_trial": _trial,
    "aws_sagemaker_pipeline": _pipeline,
}


@pytest.mark.parametrize("kind", MADE_ON_MOTO)
def testis_read_tagged_and_deleted(kind, client, sagemaker, collect_kind, session):
    MADE_ON_MOTO[kind](client, sagemaker)
    is_read_tagged_and_deleted(kind, collect_kind, session)


def test_a_domainis_read_tagged_and_deleted(domain, collect_kind, session):
    is_read_tagged_and_deleted("aws_sagemaker_domain", collect_kind, session)


def test_who_made_trials_and_pipelines():
    trial = map_item(
        "aws_sagemaker_trial",
        {"TrialName": "first", "MetadataProperties": {"Repository": "tools", "ProjectId": "p-1"}, **AUTHORS},
    )
    pipeline = map_item("aws_sagemaker_pipeline", {"PipelineName": "nightly", **AUTHORS})

    assert set(trial.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_sagemaker_code_repository", "tools"),
        belongs_to("aws_sagemaker_project", "p-1"),
        *BY_AUTHORS,
    }
    assert set(pipeline.edges) == {belongs_to("aws_region", REGION), *BY_AUTHORS}


def test_a_model_that_goes_while_it_is_read(synthetic, collect_kind):
    def describe(params):
        if params["ModelName"] == "gone":
            raise Refusal("ValidationException", message='Could not find model "gone".')
        return {"ModelName": "forecast", "ModelArn": f"{ARN}:model/forecast", "CreationTime": MOMENT}

    synthetic.answer(
        "sagemaker", "ListModels", {"Models": [{"ModelName": "gone"}, {"ModelName": "forecast"}]}
    )
    synthetic.answer("sagemaker", "DescribeModel", describe)
    synthetic.answer("sagemaker", "ListTags", {})

    assert [found.name for found in collect_kind("aws_sagemaker_model")] == ["forecast"]


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        ("AccessDeniedException", "no", "AccessDeniedException: sagemaker:DescribeModel"),
        (
            "ValidationException",
            "the name is too long",
            "ValidationException: sagemaker:DescribeModel: the name is too long",
        ),
    ],
)
def test_any_other_refusal_fails_the_scope(code, message, reason, synthetic, session):
    synthetic.answer("sagemaker", "ListModels", {"Models": [{"ModelName": "forecast"}]})
    synthetic.refuse("sagemaker", "DescribeModel", code, message=message)
    sink = RecordingSink()

    session.collect(["aws_sagemaker_model"], sink)

    assert list(sink.failures.values()) == [reason]


def test_a_domain_with_users_stays(synthetic, session):
    synthetic.refuse("sagemaker", "DeleteDomain", "ResourceInUse")
    known = stored(map_item("aws_sagemaker_domain", {"DomainId": "d-1", "DomainName": "science"}))

    with pytest.raises(ProviderError, match="ResourceInUse: sagemaker:DeleteDomain"):
        session.delete(known)
