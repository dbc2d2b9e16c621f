"""Archives in vaults that take hours to be read, and the jobs that read them."""

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging
from resoto_dagster.providers.aws.kinds.kms import encrypted_with

_OWN = {"accountId": "-"}
"""The account whose credentials ask."""

_MISSING = ("ResourceNotFoundException",)

# Vaults are for those only who had some when AWS ended the service for others.
_LIST_VAULTS = Call(
    operation="list_vaults", items="VaultList", params=_OWN, absent=("NoLongerSupportedException",)
)

_VAULT = AwsKind(
    name="aws_glacier_vault",
    description="A vault of archives that are seldom read; AWS deletes it only when it holds none.",
    service="glacier",
    api=_LIST_VAULTS,
    details=(
        Detail(
            operation="list_tags_for_vault",
            params={"vaultName": "VaultName"},
            const=_OWN,
            result="Tags",
            into="Tags",
        ),
    ),
    id="VaultName",
    name_path="VaultName",
    arn="VaultARN",
    prefix="glacier",
    ctime="CreationDate",
    missing=_MISSING,
    delete=(Step(operation="delete_vault", params={"vaultName": "id"}, const=_OWN),),
    tagging=Tagging(
        upsert="add_tags_to_vault",
        remove="remove_tags_from_vault",
        params={"vaultName": "id"},
        const=_OWN,
        tags_form="map",
    ),
    changing=("glacier_last_inventory_date", "glacier_number_of_archives", "glacier_size_in_bytes"),
)

_JOB = AwsKind(
    name="aws_glacier_job",
    description="A job that makes archives of a vault, or the list of them, readable for a day.",
    service="glacier",
    api=Call(
        operation="list_jobs",
        items="JobList",
        params={**_OWN, "vaultName": "item.VaultName"},
        each=_LIST_VAULTS,
        owner="Vault",
    ),
    id="JobId",
    name_path="JobId",
    prefix="glacier_job",
    tags="",
    ctime="CreationDate",
    properties={
        "vault_arn": "VaultARN",
        "glacier_job_vault_arn": "VaultARN",
        "vault_name": "Vault.VaultName",
        "description": "JobDescription",
        "glacier_job_output_path": "JobOutputPath",
    },
    drop=("Vault",),
    links=(
        Link(kind="aws_glacier_vault", path="VaultARN", by="arn", parent=True),
        *encrypted_with("OutputLocation.S3.Encryption.KMSKeyId"),
    ),
    read={"item.VaultName": "vault_name"},
    missing=_MISSING,
    changing=(
        "glacier_job_completed",
        "glacier_job_completion_date",
        "glacier_job_status_code",
        "glacier_job_status_message",
    ),
)

KINDS = (_VAULT, _JOB)
