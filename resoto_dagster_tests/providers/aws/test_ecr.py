"""Repositories of images, from the API's answer to their deletion."""

import json

import pytest

from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION, belongs_to, stored

ARN = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/team/app"


@pytest.fixture
def repository(client):
    """A repository with an image in it."""
    ecr = client("ecr")
    ecr.create_repository(
        repositoryName="team/app",
        tags=[{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}],
        imageScanningConfiguration={"scanOnPush": True},
        imageTagMutability="IMMUTABLE",
        encryptionConfiguration={"encryptionType": "KMS", "kmsKey": "alias/images"},
    )
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1, "digest": "sha256:1"}
    media = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {"schemaVersion": 2, "mediaType": media, "config": config, "layers": []}
    ecr.put_image(repositoryName="team/app", imageManifest=json.dumps(manifest), imageTag="latest")


def test_properties_and_edges(repository, collect_kind):
    (app,) = collect_kind("aws_ecr_repository")

    assert (app.id, app.name, app.region) == ("team/app", "team/app", REGION)
    assert app.tags == {"owner": "web", "env": "test"}
    assert app.ctime is not None
    assert app.properties == {
        "arn": ARN,
        "repository_arn": ARN,
        "registry_id": ACCOUNT,
        "repository_uri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/app",
        "image_tag_mutability": "IMMUTABLE",
        "image_scan_on_push": True,
        "encryption_configuration": {"encryption_type": "KMS", "kms_key": "alias/images"},
    }
    assert app.edges == (belongs_to("aws_region", REGION),)


def test_is_read_tagged_and_deleted_with_its_images(repository, client, collect_kind, session):
    client("ecr").create_repository(repositoryName="other")
    other, app = collect_kind("aws_ecr_repository")
    known = stored(app)
    assert session.read(known) == app

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_ecr_repository") == [other]
    session.delete(known)  # what is gone already is no error
