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
from resoto_dagster_tests.providers.aws.samples import MOMENT
from resoto_dagster_tests.providers.aws.shelf import Calls, Shelf
from resoto_dagster_tests.providers.aws.synthetic import Refusal

ROLE = f"arn:aws:iam::{ACCOUNT}:role/sagemaker"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
TAGS = [{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}]


def holds(*found):
    """The edges of what belongs to others and must go before them."""
    return {edge(*one) for one in found for edge in (belongs_to, goes_before)}


@pytest.fixture
def sagemaker(client):
    return client("sagemaker")


# --- what moto knows


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


def test_where_an_endpoint_writes_and_what_watches_it():
    serving = map_item(
        "aws_sagemaker_endpoint",
        {
            "EndpointName": "serving",
            "DataCaptureConfig": {"DestinationS3Uri": "s3://captured/a"},
            "AsyncInferenceConfig": {
                "OutputConfig": {"S3OutputPath": "s3://answers/", "S3FailurePath": "s3://failures"}
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
def test_is_read_tagged_and_deleted(kind, client, sagemaker, collect_kind, session):
    MADE_ON_MOTO[kind](client, sagemaker)
    _is_read_tagged_and_deleted(kind, collect_kind, session)


def test_a_domain_is_read_tagged_and_deleted(domain, collect_kind, session):
    _is_read_tagged_and_deleted("aws_sagemaker_domain", collect_kind, session)


def _is_read_tagged_and_deleted(kind, collect_kind, session):
    (found,) = collect_kind(kind)
    known = stored(found)
    assert session.read(known) == found

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind(kind) == []
    session.delete(known)  # what is gone already is no error


# --- what moto does not know

USER = {"UserProfileArn": f"{ARN}:user-profile/d-1/ann", "UserProfileName": "ann", "DomainId": "d-1"}
AUTHORS = {"CreatedBy": USER, "LastModifiedBy": {"DomainId": "d-2"}}
BY_AUTHORS = {
    belongs_to("aws_sagemaker_user_profile", f"{ARN}:user-profile/d-1/ann", "arn"),
    belongs_to("aws_sagemaker_domain", "d-1"),
    belongs_to("aws_sagemaker_domain", "d-2"),
}

SHELVES = {
    "aws_sagemaker_algorithm": (
        Calls(
            "ListAlgorithms",
            "AlgorithmSummaryList",
            "AlgorithmName",
            "AlgorithmArn",
            "DescribeAlgorithm",
            "DeleteAlgorithm",
        ),
        {
            "AlgorithmName": "trees",
            "AlgorithmArn": f"{ARN}:algorithm/trees",
            "AlgorithmDescription": "of decisions",
            "AlgorithmStatus": "Completed",
            "CreationTime": MOMENT,
            "ProductId": "p-1",
            "CertifyForMarketplace": True,
            "TrainingSpecification": {
                "TrainingImage": "image",
                "SupportedTrainingInstanceTypes": ["ml.m5.large"],
                "TrainingChannels": [],
            },
            "InferenceSpecification": {
                "Containers": [{"Image": "image", "Environment": {"TOKEN": "hidden-value"}}]
            },
            "ValidationSpecification": {
                "ValidationRole": ROLE,
                "ValidationProfiles": [
                    {
                        "ProfileName": "quick",
                        "TrainingJobDefinition": {
                            "TrainingInputMode": "File",
                            "InputDataConfig": [],
                            "OutputDataConfig": {"S3OutputPath": "s3://out"},
                            "ResourceConfig": {"VolumeSizeInGB": 1},
                            "StoppingCondition": {},
                        },
                        "TransformJobDefinition": {
                            "TransformInput": {"DataSource": {}},
                            "TransformOutput": {"S3OutputPath": "s3://out"},
                            "TransformResources": {"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
                            "Environment": {"TOKEN": "hidden-value"},
                        },
                    }
                ],
            },
            "AlgorithmStatusDetails": {"ValidationStatuses": [{"Name": "quick", "Status": "Completed"}]},
        },
    ),
    "aws_sagemaker_app": (
        Calls("ListApps", "Apps", "AppName", "AppArn", "DescribeApp", "DeleteApp"),
        {
            "AppName": "default",
            "AppArn": f"{ARN}:app/d-1/ann/jupyterserver/default",
            "AppType": "JupyterServer",
            "DomainId": "d-1",
            "UserProfileName": "ann",
            "Status": "InService",
            "CreationTime": MOMENT,
            "LastUserActivityTimestamp": MOMENT,
            "LastHealthCheckTimestamp": MOMENT,
            "ResourceSpec": {"SageMakerImageArn": f"{ARN}:image/torch", "InstanceType": "system"},
        },
    ),
    "aws_sagemaker_artifact": (
        Calls(
            "ListArtifacts",
            "ArtifactSummaries",
            "ArtifactArn",
            "ArtifactArn",
            "DescribeArtifact",
            "DeleteArtifact",
        ),
        {
            "ArtifactName": "weights",
            "ArtifactArn": f"{ARN}:artifact/1",
            "Source": {"SourceUri": "s3://models/a", "SourceTypes": []},
            "ArtifactType": "Model",
            "Properties": {"Accuracy": "high"},
            "CreationTime": MOMENT,
            "LastModifiedTime": MOMENT,
            "MetadataProperties": {"Repository": "tools", "ProjectId": "p-1"},
            "LineageGroupArn": f"{ARN}:lineage-group/sagemaker-default",
            **AUTHORS,
        },
    ),
    "aws_sagemaker_code_repository": (
        Calls(
            "ListCodeRepositories",
            "CodeRepositorySummaryList",
            "CodeRepositoryName",
            "CodeRepositoryArn",
            deleted="DeleteCodeRepository",
        ),
        {
            "CodeRepositoryName": "tools",
            "CodeRepositoryArn": f"{ARN}:code-repository/tools",
            "CreationTime": MOMENT,
            "LastModifiedTime": MOMENT,
            "GitConfig": {"RepositoryUrl": "https://example.com/tools", "Branch": "main"},
        },
    ),
    "aws_sagemaker_image": (
        Calls("ListImages", "Images", "ImageName", "ImageArn", "DescribeImage", "DeleteImage"),
        {
            "ImageName": "torch",
            "ImageArn": f"{ARN}:image/torch",
            "ImageStatus": "CREATED",
            "DisplayName": "Torch",
            "Description": "with torch",
            "CreationTime": MOMENT,
            "LastModifiedTime": MOMENT,
            "RoleArn": ROLE,
        },
    ),
    "aws_sagemaker_project": (
        Calls("ListProjects", "ProjectSummaryList", "ProjectName", "ProjectArn", deleted="DeleteProject"),
        {
            "ProjectName": "shop",
            "ProjectId": "p-1",
            "ProjectArn": f"{ARN}:project/shop",
            "ProjectDescription": "of the shop",
            "ProjectStatus": "CreateCompleted",
            "CreationTime": MOMENT,
        },
    ),
    "aws_sagemaker_user_profile": (
        Calls(
            "ListUserProfiles",
            "UserProfiles",
            "UserProfileName",
            "UserProfileArn",
            "DescribeUserProfile",
            "DeleteUserProfile",
        ),
        {
            "UserProfileName": "ann",
            "UserProfileArn": f"{ARN}:user-profile/d-1/ann",
            "DomainId": "d-1",
            "Status": "InService",
            "CreationTime": MOMENT,
            "LastModifiedTime": MOMENT,
            "UserSettings": {"ExecutionRole": ROLE, "SecurityGroups": ["sg-1"]},
        },
    ),
    "aws_sagemaker_workteam": (
        Calls("ListWorkteams", "Workteams", "WorkteamName", "WorkteamArn", deleted="DeleteWorkteam"),
        {
            "WorkteamName": "labelers",
            "WorkteamArn": f"{ARN}:workteam/private-crowd/labelers",
            "WorkforceArn": f"{ARN}:workforce/private-crowd/default",
            "Description": "who label",
            "SubDomain": "labelers.example.com",
            "ProductListingIds": ["l-1"],
            "MemberDefinitions": [{"OidcMemberDefinition": {"Groups": ["g-1"]}}],
            "NotificationConfiguration": {"NotificationTopicArn": "arn:aws:sns:us-east-1:1:labels"},
            "CreateDate": MOMENT,
            "LastUpdatedDate": MOMENT,
        },
    ),
}


@pytest.fixture
def on_shelf(synthetic):
    """A function that has the server know the record of a kind."""

    def put(kind):
        calls, record = SHELVES[kind]
        return Shelf(synthetic, calls, {record[calls.key]: record})

    synthetic.answer("sagemaker", "ListAssociations", {})
    return put


@pytest.mark.parametrize("kind", SHELVES)
def test_of_what_moto_does_not_know_each_is_read_tagged_and_deleted(kind, on_shelf, collect_kind, session):
    on_shelf(kind)
    _is_read_tagged_and_deleted(kind, collect_kind, session)


def _one(kind, on_shelf, collect_kind):
    on_shelf(kind)
    (found,) = collect_kind(kind)
    assert found.region == REGION
    assert found.ctime == MOMENT
    assert found.tags == {"owner": "web", "env": "test"}
    return found


def test_properties_and_edges_of_an_algorithm(on_shelf, collect_kind):
    trees = _one("aws_sagemaker_algorithm", on_shelf, collect_kind)

    assert (trees.id, trees.name) == ("trees", "trees")
    properties = trees.properties
    assert properties["arn"] == f"{ARN}:algorithm/trees"
    assert properties["algorithm_description"] == "of decisions"
    assert properties["algorithm_status"] == "Completed"
    assert properties["algorithm_product_id"] == "p-1"
    assert properties["algorithm_certify_for_marketplace"] is True
    assert properties["algorithm_training_specification"]["training_image"] == "image"
    assert properties["algorithm_inference_specification"] == {
        "containers": [{"image": "image", "environment": {"TOKEN": "***"}}]
    }
    (profile,) = properties["algorithm_validation_profiles"]
    assert profile["profile_name"] == "quick"
    assert profile["transform_job_definition"]["environment"] == {"TOKEN": "***"}
    assert properties["algorithm_validation_role"] == ROLE
    assert properties["algorithm_status_details"] == {
        "validation_statuses": [{"name": "quick", "status": "Completed"}]
    }
    assert set(trees.edges) == {belongs_to("aws_region", REGION), *holds(("aws_iam_role", ROLE, "arn"))}


def test_properties_and_edges_of_an_app(on_shelf, collect_kind):
    app = _one("aws_sagemaker_app", on_shelf, collect_kind)

    assert (app.id, app.name) == ("d-1/ann/JupyterServer/default", "default")
    assert app.atime == MOMENT
    assert app.properties == {
        "arn": f"{ARN}:app/d-1/ann/jupyterserver/default",
        "app_domain_id": "d-1",
        "app_user_profile_name": "ann",
        "app_type": "JupyterServer",
        "app_status": "InService",
        "app_last_health_check_timestamp": "2024-05-01T10:30:00Z",
        "app_resource_spec": {"sage_maker_image_arn": f"{ARN}:image/torch", "instance_type": "system"},
    }
    assert set(app.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_sagemaker_image", f"{ARN}:image/torch", "arn"),
        *holds(("aws_sagemaker_domain", "d-1"), ("aws_sagemaker_user_profile", "d-1/ann")),
    }


def test_an_app_of_a_space(synthetic, collect_kind, session):
    apps = {
        ("ann", None): {"UserProfileName": "ann"},
        (None, "team"): {"SpaceName": "team"},
    }

    def named(params):
        return apps[params.get("UserProfileName"), params.get("SpaceName")]

    def delete(params):
        del apps[params.get("UserProfileName"), params.get("SpaceName")]

    told = {"DomainId": "d-1", "AppType": "JupyterLab", "AppName": "default"}
    synthetic.answer("sagemaker", "ListApps", lambda _: {"Apps": [{**told, **app} for app in apps.values()]})
    synthetic.answer(
        "sagemaker",
        "DescribeApp",
        lambda params: {
            **told,
            **named(params),
            "AppArn": f"{ARN}:app/d-1/{'/'.join(named(params).values())}",
        },
    )
    synthetic.answer("sagemaker", "ListTags", {})
    synthetic.answer("sagemaker", "DeleteApp", delete)

    of_user, of_space = collect_kind("aws_sagemaker_app")  # both are called default

    assert (of_user.id, of_space.id) == ("d-1/ann/JupyterLab/default", "d-1/team/JupyterLab/default")
    assert of_space.properties["app_space_name"] == "team"
    assert "app_user_profile_name" not in of_space.properties
    assert set(of_space.edges) == {
        belongs_to("aws_region", REGION),
        *holds(("aws_sagemaker_domain", "d-1")),
    }
    session.delete(stored(of_space))
    assert session.read(stored(of_space)) is None
    assert session.read(stored(of_user)) == of_user


def test_an_app_that_was_deleted_is_gone():
    app = {"DomainId": "d-1", "UserProfileName": "ann", "AppType": "JupyterServer", "AppName": "default"}

    assert map_item("aws_sagemaker_app", {**app, "Status": "Deleted"}) is None
    assert map_item("aws_sagemaker_app", {**app, "Status": "Deleting"}).name == "default"


def test_properties_and_edges_of_an_artifact(on_shelf, collect_kind):
    weights = _one("aws_sagemaker_artifact", on_shelf, collect_kind)

    assert (weights.id, weights.name) == (f"{ARN}:artifact/1", "weights")
    assert weights.mtime == MOMENT
    properties = weights.properties
    assert properties["arn"] == f"{ARN}:artifact/1"
    assert properties["artifact_source"] == {"source_uri": "s3://models/a", "source_types": []}
    assert properties["artifact_artifact_type"] == "Model"
    assert properties["artifact_properties"] == {"Accuracy": "high"}
    assert properties["artifact_metadata_properties"] == {"repository": "tools", "project_id": "p-1"}
    assert properties["artifact_created_by"]["user_profile_name"] == "ann"
    assert properties["artifact_last_modified_by"] == {"domain_id": "d-2"}
    assert set(weights.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_sagemaker_code_repository", "tools"),
        belongs_to("aws_sagemaker_project", "p-1"),
        *BY_AUTHORS,
    }


def test_an_artifact_lets_go_of_what_it_is_associated_with(on_shelf, synthetic, collect_kind, session):
    on_shelf("aws_sagemaker_artifact")
    arn = f"{ARN}:artifact/1"
    links = {(arn, "made"), ("made-of", arn)}

    def listed(params):
        ends = (params.get("SourceArn"), params.get("DestinationArn"))
        return {
            "AssociationSummaries": [
                {"SourceArn": source, "DestinationArn": destination}
                for source, destination in links
                if source == ends[0] or destination == ends[1]
            ]
        }

    synthetic.answer("sagemaker", "ListAssociations", listed)
    synthetic.answer(
        "sagemaker",
        "DeleteAssociation",
        lambda params: links.remove((params["SourceArn"], params["DestinationArn"])),
    )
    (weights,) = collect_kind("aws_sagemaker_artifact")

    session.delete(stored(weights))

    assert links == set()
    assert session.read(stored(weights)) is None


def test_properties_and_edges_of_a_code_repository(on_shelf, collect_kind):
    tools = _one("aws_sagemaker_code_repository", on_shelf, collect_kind)

    assert (tools.id, tools.name, tools.mtime) == ("tools", "tools", MOMENT)
    assert tools.properties == {
        "arn": f"{ARN}:code-repository/tools",
        "code_repository_url": "https://example.com/tools",
        "code_repository_git_config": {"repository_url": "https://example.com/tools", "branch": "main"},
    }
    assert set(tools.edges) == {belongs_to("aws_region", REGION)}


def test_properties_and_edges_of_an_image(on_shelf, collect_kind):
    torch = _one("aws_sagemaker_image", on_shelf, collect_kind)

    assert (torch.id, torch.name, torch.mtime) == ("torch", "torch", MOMENT)
    assert torch.properties == {
        "arn": f"{ARN}:image/torch",
        "image_display_name": "Torch",
        "image_description": "with torch",
        "image_image_status": "CREATED",
        "image_role_arn": ROLE,
    }
    assert set(torch.edges) == {belongs_to("aws_region", REGION), *holds(("aws_iam_role", ROLE, "arn"))}


def test_properties_and_edges_of_a_project(on_shelf, collect_kind):
    shop = _one("aws_sagemaker_project", on_shelf, collect_kind)

    assert (shop.id, shop.name) == ("p-1", "shop")
    assert shop.properties == {
        "arn": f"{ARN}:project/shop",
        "project_description": "of the shop",
        "project_status": "CreateCompleted",
    }
    assert set(shop.edges) == {belongs_to("aws_region", REGION)}


def test_a_project_that_was_deleted_is_gone():
    shop = {"ProjectId": "p-1", "ProjectName": "shop"}

    assert map_item("aws_sagemaker_project", {**shop, "ProjectStatus": "DeleteCompleted"}) is None
    assert map_item("aws_sagemaker_project", {**shop, "ProjectStatus": "DeleteFailed"}).name == "shop"


def test_properties_and_edges_of_a_user_profile(on_shelf, collect_kind):
    ann = _one("aws_sagemaker_user_profile", on_shelf, collect_kind)

    assert (ann.id, ann.name, ann.mtime) == ("d-1/ann", "ann", MOMENT)
    assert ann.properties == {
        "arn": f"{ARN}:user-profile/d-1/ann",
        "user_profile_domain_id": "d-1",
        "user_profile_status": "InService",
        "user_profile_user_settings": {"execution_role": ROLE, "security_groups": ["sg-1"]},
    }
    assert set(ann.edges) == {
        belongs_to("aws_region", REGION),
        *holds(
            ("aws_sagemaker_domain", "d-1"),
            ("aws_iam_role", ROLE, "arn"),
            ("aws_ec2_security_group", "sg-1"),
        ),
    }


def test_properties_and_edges_of_a_workteam(on_shelf, collect_kind):
    labelers = _one("aws_sagemaker_workteam", on_shelf, collect_kind)

    assert (labelers.id, labelers.name, labelers.mtime) == ("labelers", "labelers", MOMENT)
    assert labelers.properties == {
        "arn": f"{ARN}:workteam/private-crowd/labelers",
        "workteam_workforce_arn": f"{ARN}:workforce/private-crowd/default",
        "workteam_description": "who label",
        "workteam_sub_domain": "labelers.example.com",
        "workteam_product_listing_ids": ["l-1"],
        "workteam_member_definitions": [{"oidc_member_definition": {"groups": ["g-1"]}}],
        "workteam_notification_configuration": "arn:aws:sns:us-east-1:1:labels",
    }
    assert set(labelers.edges) == {belongs_to("aws_region", REGION)}


def test_where_nobody_labels_data_there_are_no_workteams(synthetic, collect_kind):
    synthetic.refuse("sagemaker", "ListWorkteams", "UnknownOperationException")

    assert collect_kind("aws_sagemaker_workteam") == []


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


# --- what must not be taken for an answer


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
