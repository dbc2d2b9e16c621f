"""Secrets, of which everything but the secret itself is read."""

from resoto_dagster.providers.aws.declaration import AwsKind, Call, HeldBack, Link, Step, Tagging, Value
from resoto_dagster.providers.aws.kinds.kms import encrypted_with


def _is_replica(arn: str | None, primary_region: str | None) -> bool:
    return bool(arn and primary_region and arn.split(":")[3] != primary_region)


_SECRET = AwsKind(
    name="aws_secretsmanager_secret",
    description="A secret, without its value; deleted, it can still be restored for 30 days, in which it "
    "counts as gone.",
    service="secretsmanager",
    # What is scheduled for deletion is listed only where one asks for it.
    api=Call(operation="list_secrets", items="SecretList", page_size=100),
    id="Name",
    name_path="Name",
    arn="ARN",
    prefix="",
    ctime="CreatedDate",
    mtime="LastChangedDate",
    atime="LastAccessedDate",
    properties={
        "created_date": "CreatedDate",
        "last_changed_date": "LastChangedDate",
        "last_accessed_date": "LastAccessedDate",
        "primary_region": "PrimaryRegion",
        "owning_service": "OwningService",
        "replica": Value(("ARN", "PrimaryRegion"), _is_replica),
        "managed": Value("OwningService", bool, absent=False),
    },
    links=(
        Link(kind="aws_lambda_function", path="RotationLambdaARN", by="arn"),
        *encrypted_with("KmsKeyId"),
    ),
    missing=("ResourceNotFoundException",),
    delete=(Step(operation="delete_secret", params={"SecretId": "arn"}, const={"RecoveryWindowInDays": 30}),),
    tagging=Tagging(upsert="tag_resource", remove="untag_resource", params={"SecretId": "arn"}),
    held_back=(
        HeldBack("replica", (True,), "it is a replica, which goes from where its primary secret is"),
        HeldBack("managed", (True,), "the service that made it deletes it"),
    ),
    volatile=("last_accessed_date",),
)

KINDS = (_SECRET,)
