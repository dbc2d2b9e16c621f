"""What Athena's queries run in, and where they find data."""

from resoto_dagster.providers.aws.declaration import (
    AwsKind,
    Call,
    Detail,
    HeldBack,
    Link,
    Step,
    Tagging,
    Value,
)
from resoto_dagster.providers.aws.kinds.kms import encrypted_with


def _tags(arn: str) -> Detail:
    return Detail(operation="list_tags_for_resource", params={"ResourceARN": arn}, result="Tags", into="Tags")


def _bucket(location: str) -> str:
    """The bucket of a location such as `s3://bucket/folder/`."""
    return location.removeprefix("s3://").partition("/")[0]


_MISSING = (
    "ResourceNotFoundException",
    "InvalidRequestException: is not found",
    "InvalidRequestException: was not found",
)

_TAGGING = Tagging(upsert="tag_resource", remove="untag_resource", params={"ResourceARN": "arn"})

_WORK_GROUP = AwsKind(
    name="aws_athena_work_group",
    description="A group of queries with settings in common; deleting it deletes its saved queries and the "
    "history of all.",
    service="athena",
    api=Call(operation="list_work_groups", items="WorkGroups"),
    details=(
        Detail(operation="get_work_group", params={"WorkGroup": "Name"}, result="WorkGroup", into=""),
        _tags("arn:{partition}:athena:{region}:{account}:workgroup/{Name}"),
    ),
    id="Name",
    name_path="Name",
    arn="arn:{partition}:athena:{region}:{account}:workgroup/{id}",
    prefix="workgroup",
    ctime="CreationTime",
    properties={"description": "Description"},
    links=(
        Link(kind="aws_s3_bucket", path=Value("Configuration.ResultConfiguration.OutputLocation", _bucket)),
        *encrypted_with("Configuration.ResultConfiguration.EncryptionConfiguration.KmsKey"),
    ),
    missing=_MISSING,
    delete=(
        Step(
            operation="delete_work_group", params={"WorkGroup": "id"}, const={"RecursiveDeleteOption": True}
        ),
    ),
    tagging=_TAGGING,
    held_back=(HeldBack("id", ("primary",), "AWS keeps the group that queries run in by default"),),
)

_DATA_CATALOG = AwsKind(
    name="aws_athena_data_catalog",
    description="A catalog of databases and tables outside of AWS's own catalog.",
    service="athena",
    api=Call(operation="list_data_catalogs", items="DataCatalogsSummary"),
    details=(
        Detail(operation="get_data_catalog", params={"Name": "CatalogName"}, result="DataCatalog", into=""),
        _tags("arn:{partition}:athena:{region}:{account}:datacatalog/{CatalogName}"),
    ),
    id="CatalogName",
    name_path="CatalogName",
    arn="arn:{partition}:athena:{region}:{account}:datacatalog/{id}",
    prefix="datacatalog",
    properties={"description": "Description"},
    drop=("Name",),
    missing=_MISSING,
    # Glue's catalog is in every list, but has no tags and can't be changed.
    gone=("CatalogName", ("AwsDataCatalog",)),
    # Otherwise a function and a connection would go with a catalog of what is elsewhere.
    delete=(
        Step(
            operation="delete_data_catalog",
            params={
                "Name": "id",
                "DeleteCatalogOnly": Value("datacatalog_type", lambda its_type: its_type == "FEDERATED"),
            },
        ),
    ),
    tagging=_TAGGING,
    changing=("datacatalog_error", "datacatalog_status"),
)

KINDS = (_WORK_GROUP, _DATA_CATALOG)
