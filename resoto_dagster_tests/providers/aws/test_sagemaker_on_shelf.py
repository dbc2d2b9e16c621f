"""What of SageMaker moto does not know, from the API's answer to its deletion."""

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import REGION, belongs_to, stored, uses
from resoto_dagster_tests.providers.aws.sagemaker import (
    ARN,
    AUTHORS,
    BY_AUTHORS,
    ROLE,
    Calls,
    Shelf,
    holds,
    is_read_tagged_and_deleted,
)
from resoto_dagster_tests.providers.aws.samples import MOMENT

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
def test_of_what_moto_does_not_know_eachis_read_tagged_and_deleted(kind, on_shelf, collect_kind, session):
    on_shelf(kind)
    is_read_tagged_and_deleted(kind, collect_kind, session)


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
    assert set(labelers.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_sns_topic", "arn:aws:sns:us-east-1:1:labels", "arn"),
    }


def test_those_who_label_may_be_of_a_user_pool():
    member = {"UserPool": "pool-1", "UserGroup": "labelers", "ClientId": "c"}
    item = {"WorkteamName": "w", "MemberDefinitions": [{"CognitoMemberDefinition": member}]}
    assert set(map_item("aws_sagemaker_workteam", item).edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_cognito_user_pool", "pool-1"),
        uses("aws_cognito_group", "pool-1:labelers"),
    }


def test_where_nobody_labels_data_there_are_no_workteams(synthetic, collect_kind):
    synthetic.refuse("sagemaker", "ListWorkteams", "UnknownOperationException")

    assert collect_kind("aws_sagemaker_workteam") == []
