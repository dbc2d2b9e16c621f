"""Keys, from the API's answer to their deletion."""

import json

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    KEY,
    REGION,
    RecordingSink,
    belongs_to,
    encrypted_with,
    stored,
    uses,
)
from resoto_dagster_tests.providers.aws.samples import MOMENT

POLICY = {"Version": "2012-10-17", "Statement": []}
TAGS = [{"TagKey": "owner", "TagValue": "web"}, {"TagKey": "env", "TagValue": "test"}]


@pytest.fixture
def key(client):
    """The id of a key that is rotated."""
    kms = client("kms")
    made = kms.create_key(
        Description="for disks", KeyUsage="ENCRYPT_DECRYPT", Policy=json.dumps(POLICY), Tags=TAGS
    )["KeyMetadata"]
    kms.enable_key_rotation(KeyId=made["KeyId"])
    return made["KeyId"]


def test_properties_and_edges(key, client, collect_kind):
    client("kms").create_key(Description="another")

    found = next(one for one in collect_kind("aws_kms_key") if one.id == key)

    assert (found.name, found.region, found.tags) == (key, REGION, {"owner": "web", "env": "test"})
    assert found.ctime == client("kms").describe_key(KeyId=key)["KeyMetadata"]["CreationDate"]
    properties = found.properties
    assert properties["arn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}"
    assert properties["access_key_status"] == "Enabled"
    assert properties["kms_aws_account_id"] == ACCOUNT
    assert properties["kms_description"] == "for disks"
    assert properties["kms_enabled"] is True
    assert properties["kms_key_manager"] == "CUSTOMER"
    assert properties["kms_key_usage"] == "ENCRYPT_DECRYPT"
    assert properties["kms_key_spec"] == "SYMMETRIC_DEFAULT"
    assert properties["kms_origin"] == "AWS_KMS"
    assert properties["kms_key_policy"] == POLICY
    assert properties["kms_key_rotation_enabled"] is True
    assert found.edges == (belongs_to("aws_region", REGION),)


def test_is_read_tagged_and_deleted(key, client, collect_kind, session):
    (found,) = collect_kind("aws_kms_key")
    known = stored(found)
    assert session.held_back(known) is None
    assert session.read(known) == found

    session.update_tags(known, {"owner": "ops"}, ["env"])
    assert session.read(known).tags == {"owner": "ops"}

    assert len(session.delete(known).request_ids) == 1
    assert session.read(known) is None
    assert collect_kind("aws_kms_key") == []
    left = client("kms").describe_key(KeyId=key)["KeyMetadata"]
    assert left["KeyState"] == "PendingDeletion"
    assert (left["DeletionDate"] - found.ctime).days in (29, 30)


def test_of_a_key_of_aws_nothing_more_is_asked(synthetic, collect_kind, session):
    metadata = {"KeyId": "k-1", "Arn": KEY, "KeyManager": "AWS", "KeyState": "Enabled", "Origin": "AWS_KMS"}
    synthetic.answer("kms", "ListKeys", {"Keys": [{"KeyId": "k-1", "KeyArn": KEY}]})
    synthetic.answer("kms", "DescribeKey", {"KeyMetadata": metadata | {"CreationDate": MOMENT}})

    (found,) = collect_kind("aws_kms_key")

    assert (found.id, found.tags) == ("k-1", {})
    assert session.held_back(stored(found)) == "AWS owns the key"


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({}, 1),
        ({"KeyState": "Disabled"}, 0),
        ({"Origin": "EXTERNAL"}, 0),
    ],
)
def test_rotation_is_asked_for_where_there_may_be_one(synthetic, collect_kind, more, asked):
    metadata = {"KeyId": "k-1", "KeyManager": "CUSTOMER", "KeyState": "Enabled", "Origin": "AWS_KMS"}
    synthetic.answer("kms", "ListKeys", {"Keys": [{"KeyId": "k-1"}]})
    synthetic.answer("kms", "DescribeKey", {"KeyMetadata": metadata | more})
    synthetic.answer("kms", "ListResourceTags", {"Tags": TAGS})
    synthetic.answer("kms", "GetKeyPolicy", {"Policy": "{}"})
    synthetic.refuse("kms", "GetKeyRotationStatus", "UnsupportedOperationException")

    (found,) = collect_kind("aws_kms_key")

    assert found.tags == {"owner": "web", "env": "test"}
    assert "kms_key_rotation_enabled" not in found.properties
    assert len(synthetic.asked("kms", "GetKeyRotationStatus")) == asked


def test_that_a_key_may_not_be_read_fails_the_scope(synthetic, session):
    synthetic.answer("kms", "ListKeys", {"Keys": [{"KeyId": "k-1"}]})
    synthetic.refuse("kms", "DescribeKey", "AccessDeniedException")
    sink = RecordingSink()

    session.collect(["aws_kms_key"], sink)

    assert list(sink.failures.values()) == ["AccessDeniedException: kms:DescribeKey"]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("aws_athena_work_group", "Configuration.ResultConfiguration.EncryptionConfiguration.KmsKey"),
        ("aws_backup_recovery_point", "EncryptionKeyArn"),
        ("aws_backup_vault", "EncryptionKeyArn"),
        ("aws_bedrock_agent", "customerEncryptionKeyArn"),
        ("aws_bedrock_agent_flow", "customerEncryptionKeyArn"),
        ("aws_bedrock_agent_flow_version", "customerEncryptionKeyArn"),
        (
            "aws_bedrock_agent_knowledge_base",
            "knowledgeBaseConfiguration.managedKnowledgeBaseConfiguration.serverSideEncryptionConfiguration"
            ".kmsKeyArn",
        ),
        ("aws_bedrock_agent_prompt", "customerEncryptionKeyArn"),
        ("aws_bedrock_custom_model", "modelKmsKeyArn"),
        ("aws_bedrock_guardrail", "kmsKeyArn"),
        ("aws_cloud_trail", "KmsKeyId"),
        ("aws_cloudwatch_log_group", "kmsKeyId"),
        ("aws_cognito_user_pool", "LambdaConfig.KMSKeyID"),
        ("aws_dynamodb_global_table", "ReplicationGroup[].KMSMasterKeyId"),
        ("aws_dynamodb_table", "Replicas[].KMSMasterKeyId"),
        ("aws_dynamodb_table", "SSEDescription.KMSMasterKeyArn"),
        ("aws_ec2_snapshot", "KmsKeyId"),
        ("aws_ec2_volume", "KmsKeyId"),
        ("aws_ecr_repository", "encryptionConfiguration.kmsKey"),
        ("aws_ecs_cluster", "configuration.executeCommandConfiguration.kmsKeyId"),
        ("aws_ecs_cluster", "configuration.managedStorageConfiguration.fargateEphemeralStorageKmsKeyId"),
        ("aws_ecs_cluster", "configuration.managedStorageConfiguration.kmsKeyId"),
        ("aws_efs_file_system", "KmsKeyId"),
        ("aws_eks_cluster", "encryptionConfig[].provider.keyArn"),
        ("aws_elasticache_replication_group", "KmsKeyId"),
        ("aws_glacier_job", "OutputLocation.S3.Encryption.KMSKeyId"),
        ("aws_kinesis_stream", "KeyId"),
        ("aws_lambda_function", "KMSKeyArn"),
        ("aws_opensearch_domain", "EncryptionAtRestOptions.KmsKeyId"),
        ("aws_rds_cluster", "KmsKeyId"),
        ("aws_rds_cluster_snapshot", "KmsKeyId"),
        ("aws_rds_instance", "KmsKeyId"),
        ("aws_rds_snapshot", "KmsKeyId"),
        ("aws_redshift_cluster", "KmsKeyId"),
        ("aws_s3_bucket", "EncryptionRules[].ApplyServerSideEncryptionByDefault.KMSMasterKeyID"),
        ("aws_sagemaker_domain", "DefaultUserSettings.SharingSettings.S3KmsKeyId"),
        ("aws_sagemaker_domain", "HomeEfsFileSystemKmsKeyId"),
        ("aws_sagemaker_domain", "KmsKeyId"),
        ("aws_sagemaker_endpoint", "AsyncInferenceConfig.OutputConfig.KmsKeyId"),
        ("aws_sagemaker_endpoint", "DataCaptureConfig.KmsKeyId"),
        ("aws_sagemaker_notebook", "KmsKeyId"),
        ("aws_secretsmanager_secret", "KmsKeyId"),
        ("aws_sns_topic", "Attributes.KmsMasterKeyId"),
        ("aws_sqs_queue", "Attributes.KmsMasterKeyId"),
    ],
)
def test_what_is_encrypted_goes_before_its_key(kind, path):
    assert _keys_of(kind, path, KEY) == encrypted_with(KEY)
    assert _keys_of(kind, path, "k-1") == encrypted_with("k-1")
    for alias in ("alias/mine", KEY.replace(":key/k-1", ":alias/mine"), "alias/aws/s3"):
        assert _keys_of(kind, path, alias) == set()


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("aws_bedrock_evaluation_job", "customerEncryptionKeyId"),
        ("aws_bedrock_model_customization_job", "outputModelKmsKeyArn"),
    ],
)
def test_a_record_that_stays_for_good_does_not_keep_its_key(kind, path):
    assert _keys_of(kind, path, KEY) == {uses("aws_kms_key", KEY, "arn")}


@pytest.mark.parametrize(
    ("kind", "status", "path"),
    [
        ("auto_ml_job", "AutoMLJobStatus", "OutputDataConfig.KmsKeyId"),
        ("auto_ml_job", "AutoMLJobStatus", "SecurityConfig.VolumeKmsKeyId"),
        ("compilation_job", "CompilationJobStatus", "OutputConfig.KmsKeyId"),
        *(
            ("hyper_parameter_tuning_job", "HyperParameterTuningJobStatus", f"{definition}.{path}")
            for definition in ("TrainingJobDefinition", "TrainingJobDefinitions[]")
            for path in (
                "HyperParameterTuningResourceConfig.VolumeKmsKeyId",
                "OutputDataConfig.KmsKeyId",
                "ResourceConfig.VolumeKmsKeyId",
            )
        ),
        ("inference_recommendations_job", "Status", "InputConfig.VolumeKmsKeyId"),
        (
            "labeling_job",
            "LabelingJobStatus",
            "LabelingJobAlgorithmsConfig.LabelingJobResourceConfig.VolumeKmsKeyId",
        ),
        ("labeling_job", "LabelingJobStatus", "OutputConfig.KmsKeyId"),
        (
            "processing_job",
            "ProcessingJobStatus",
            "ProcessingInputs[].DatasetDefinition.AthenaDatasetDefinition.KmsKeyId",
        ),
        (
            "processing_job",
            "ProcessingJobStatus",
            "ProcessingInputs[].DatasetDefinition.RedshiftDatasetDefinition.KmsKeyId",
        ),
        ("processing_job", "ProcessingJobStatus", "ProcessingOutputConfig.KmsKeyId"),
        ("processing_job", "ProcessingJobStatus", "ProcessingResources.ClusterConfig.VolumeKmsKeyId"),
        ("training_job", "TrainingJobStatus", "OutputDataConfig.KmsKeyId"),
        ("training_job", "TrainingJobStatus", "ResourceConfig.VolumeKmsKeyId"),
        ("transform_job", "TransformJobStatus", "DataCaptureConfig.KmsKeyId"),
        ("transform_job", "TransformJobStatus", "TransformOutput.KmsKeyId"),
        ("transform_job", "TransformJobStatus", "TransformResources.VolumeKmsKeyId"),
    ],
)
def test_a_job_of_sagemaker_keeps_its_key_until_it_has_ended(kind, status, path):
    kind = f"aws_sagemaker_{kind}"
    assert _keys_of(kind, path, "k-1", **{status: "InProgress"}) == encrypted_with("k-1")
    assert _keys_of(kind, path, KEY, **{status: "Stopping"}) == encrypted_with(KEY)
    assert _keys_of(kind, path, KEY, **{status: "Completed"}) == {uses("aws_kms_key", KEY, "arn")}


def _keys_of(kind, path, key, **more):
    """The edges to keys of a resource whose item has that key at that path."""
    item = key
    for part in reversed(path.split(".")):
        item = {part.removesuffix("[]"): [item] if part.endswith("[]") else item}
    return {edge for edge in map_item(kind, item | more).edges if edge.kind == "aws_kms_key"}
