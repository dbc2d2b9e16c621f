"""Vaults and jobs of Glacier, from the API's answer to their deletion."""

from datetime import UTC, datetime

import pytest

from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION, belongs_to, encrypted_with, stored

ARN = f"arn:aws:glacier:{REGION}:{ACCOUNT}:vaults"
CREATED = "2024-05-01T10:30:00.000Z"
MOMENT = datetime(2024, 5, 1, 10, 30, tzinfo=UTC)


@pytest.fixture
def vaults(synthetic):
    """Two vaults; the first has a job."""
    tags = {"old": {"owner": "web", "env": "test"}, "new": {}}

    def listed(params):
        return {
            "VaultList": [
                {
                    "VaultName": name,
                    "VaultARN": f"{ARN}/{name}",
                    "CreationDate": CREATED,
                    "LastInventoryDate": CREATED,
                    "NumberOfArchives": 3,
                    "SizeInBytes": 4096,
                }
                for name in tags
            ]
        }

    def jobs(params):
        if params["vaultName"] != "old":
            return {"JobList": []}
        job = {
            "JobId": "job-1",
            "JobDescription": "what is in it",
            "Action": "InventoryRetrieval",
            "VaultARN": f"{ARN}/old",
            "CreationDate": CREATED,
            "Completed": True,
            "CompletionDate": CREATED,
            "StatusCode": "Succeeded",
            "StatusMessage": "done",
            "InventorySizeInBytes": 100,
            "ArchiveId": "archive-1",
            "ArchiveSizeInBytes": 200,
            "SNSTopic": "arn:aws:sns:done",
            "SHA256TreeHash": "aa",
            "ArchiveSHA256TreeHash": "bb",
            "RetrievalByteRange": "0-199",
            "Tier": "Bulk",
            "InventoryRetrievalParameters": {"Format": "JSON", "Limit": "10"},
            "JobOutputPath": "results/",
            "SelectParameters": {"Expression": "select 1", "ExpressionType": "SQL"},
            "OutputLocation": {"S3": {"BucketName": "results", "Encryption": {"KMSKeyId": "key"}}},
        }
        return {"JobList": [job]}

    def add(params):
        tags[params["vaultName"]].update(params["Tags"])

    def remove(params):
        for key in params["TagKeys"]:
            tags[params["vaultName"]].pop(key)

    def delete(params):
        del tags[params["vaultName"]]

    synthetic.answer("glacier", "ListVaults", listed)
    synthetic.answer("glacier", "ListJobs", jobs)
    synthetic.answer("glacier", "ListTagsForVault", lambda params: {"Tags": tags[params["vaultName"]]})
    synthetic.answer("glacier", "AddTagsToVault", add)
    synthetic.answer("glacier", "RemoveTagsFromVault", remove)
    synthetic.answer("glacier", "DeleteVault", delete)


def test_a_vault_is_collected_read_tagged_and_deleted(vaults, synthetic, collect_kind, session):
    new, old = collect_kind("aws_glacier_vault")

    assert (old.id, old.name, old.ctime) == ("old", "old", MOMENT)
    assert (old.tags, new.tags) == ({"owner": "web", "env": "test"}, {})
    assert old.properties == {
        "arn": f"{ARN}/old",
        "glacier_last_inventory_date": CREATED,
        "glacier_number_of_archives": 3,
        "glacier_size_in_bytes": 4096,
    }
    assert set(old.edges) == {belongs_to("aws_region", REGION)}
    known = stored(old)
    assert session.read(known) == old
    session.update_tags(known, {"owner": "ops"}, ["env"])
    assert session.read(known).tags == {"owner": "ops"}

    session.delete(known)
    assert synthetic.asked("glacier", "DeleteVault") == [{"accountId": "-", "vaultName": "old"}]
    assert session.read(known) is None
    assert [vault.id for vault in collect_kind("aws_glacier_vault")] == ["new"]


def test_a_job(vaults, synthetic, collect_kind, session):
    (job,) = collect_kind("aws_glacier_job")

    assert (job.id, job.name, job.ctime, job.tags) == ("job-1", "job-1", MOMENT, {})
    assert job.properties == {
        "vault_arn": f"{ARN}/old",
        "vault_name": "old",
        "description": "what is in it",
        "glacier_job_vault_arn": f"{ARN}/old",
        "glacier_job_action": "InventoryRetrieval",
        "glacier_job_archive_id": "archive-1",
        "glacier_job_archive_size_in_bytes": 200,
        "glacier_job_archive_sha256_tree_hash": "bb",
        "glacier_job_sha256_tree_hash": "aa",
        "glacier_job_completed": True,
        "glacier_job_completion_date": CREATED,
        "glacier_job_status_code": "Succeeded",
        "glacier_job_status_message": "done",
        "glacier_job_inventory_size_in_bytes": 100,
        "glacier_job_inventory_retrieval_parameters": {"format": "JSON", "limit": "10"},
        "glacier_job_sns_topic": "arn:aws:sns:done",
        "glacier_job_retrieval_byte_range": "0-199",
        "glacier_job_tier": "Bulk",
        "glacier_job_output_path": "results/",
        "glacier_job_select_parameters": {"expression": "select 1", "expression_type": "SQL"},
        "glacier_job_output_location": {
            "s3": {"bucket_name": "results", "encryption": {"kms_key_id": "key"}}
        },
    }
    assert set(job.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_glacier_vault", f"{ARN}/old", "arn"),
        *encrypted_with("key"),
    }
    assert session.read(stored(job)) == job
    assert synthetic.asked("glacier", "ListJobs")[-1] == {"accountId": "-", "vaultName": "old"}


def test_whoever_had_no_vaults_when_the_service_ended_has_none(synthetic, collect_kind):
    synthetic.refuse("glacier", "ListVaults", "NoLongerSupportedException")

    assert collect_kind("aws_glacier_vault") == []
    assert collect_kind("aws_glacier_job") == []
