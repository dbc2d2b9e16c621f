"""Repositories of container images."""

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Step, Tagging
from resoto_dagster.providers.aws.kinds.kms import encrypted_with

_REPOSITORY = AwsKind(
    name="aws_ecr_repository",
    description="A repository of container images; deleting it deletes every image in it.",
    service="ecr",
    api=Call(operation="describe_repositories", items="repositories", page_size=1000),
    details=(
        Detail(
            operation="list_tags_for_resource",
            params={"resourceArn": "repositoryArn"},
            result="tags",
            into="Tags",
        ),
    ),
    id="repositoryName",
    name_path="repositoryName",
    arn="repositoryArn",
    prefix="",
    ctime="createdAt",
    properties={
        "repository_arn": "repositoryArn",
        "image_scan_on_push": "imageScanningConfiguration.scanOnPush",
    },
    drop=("imageScanningConfiguration",),
    links=encrypted_with("encryptionConfiguration.kmsKey"),
    read={"repositoryNames": ["id"]},
    missing=("RepositoryNotFoundException",),
    delete=(Step(operation="delete_repository", params={"repositoryName": "id"}, const={"force": True}),),
    tagging=Tagging(
        upsert="tag_resource",
        remove="untag_resource",
        params={"resourceArn": "arn"},
        tags="tags",
        keys="tagKeys",
    ),
)

KINDS = (_REPOSITORY,)
