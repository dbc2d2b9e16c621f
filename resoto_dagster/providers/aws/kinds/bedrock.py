"""Generative AI: models and what is made of them, guardrails, and jobs that train and judge models."""

from collections.abc import Sequence

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging, Value
from resoto_dagster.providers.aws.kinds.kms import encrypted_with

_MISSING = ("ResourceNotFoundException",)
_JOB_STATUS = {
    "InProgress": "running",
    "Completed": "completed",
    "Failed": "failed",
    "Stopping": "stopping",
    "Stopped": "stopped",
}


def _job_status(status: str) -> str:
    return _JOB_STATUS.get(status, "unknown")


def _if_custom(arn: str) -> str | None:
    """The ARN, if it is that of a model that was made in an account."""
    return arn if ":custom-model/" in arn else None


def _model_ids(identifiers: Sequence[str]) -> list[str]:
    """The ids of models that are named by id or by ARN: `.../foundation-model/anthropic.claude-v2`."""
    return [identifier.rpartition("/")[2] for identifier in identifiers]


def _tags(arn: str) -> Detail:
    """The tags of what has the ARN at that path."""
    return Detail(
        operation="list_tags_for_resource",
        params={"resourceARN": arn},
        result="tags",
        into="tags",
    )


_TAGGING = Tagging(
    upsert="tag_resource",
    remove="untag_resource",
    params={"resourceARN": "arn"},
    tags="tags",
    keys="tagKeys",
    named=("key", "value"),
)

_FOUNDATION_MODEL = AwsKind(
    name="aws_bedrock_foundation_model",
    description="A model that its provider offers for use in the region.",
    bases=("ai_model",),
    service="bedrock",
    api=Call(operation="list_foundation_models", items="modelSummaries"),
    id="modelId",
    name_path="modelName",
    arn="modelArn",
    prefix="",
    tags="",
    properties={
        "model_arn": "modelArn",
        "model_id": "modelId",
        "model_name": "modelName",
        "model_provider_name": "providerName",
        "model_lifecycle_status": "modelLifecycle.status",
    },
)

_CUSTOM_MODEL = AwsKind(
    name="aws_bedrock_custom_model",
    description="A model of the account's own, made of a foundation model by training it further.",
    bases=("ai_model",),
    service="bedrock",
    # Models of other accounts may be shared with this one; they are those accounts' to keep.
    api=Call(operation="list_custom_models", items="modelSummaries", params={"isOwned": True}),
    details=(
        Detail(operation="get_custom_model", params={"modelIdentifier": "modelArn"}, into=""),
        _tags("modelArn"),
    ),
    id="modelArn",
    name_path="modelName",
    arn="modelArn",
    prefix="",
    ctime="creationTime",
    tags="tags",
    properties={
        "model_arn": "modelArn",
        "model_name": "modelName",
        "creation_time": "creationTime",
        "training_data_config": "trainingDataConfig.s3Uri",
        "output_data_config": "outputDataConfig.s3Uri",
        "training_metrics": "trainingMetrics.trainingLoss",
        "validation_metrics": "validationMetrics[].validationLoss",
    },
    links=(
        Link(kind="aws_bedrock_foundation_model", path="baseModelArn", by="arn"),
        Link(kind="aws_bedrock_model_customization_job", path="jobArn"),
        *encrypted_with("modelKmsKeyArn"),
    ),
    missing=_MISSING,
    delete=(Step(operation="delete_custom_model", params={"modelIdentifier": "arn"}),),
    tagging=_TAGGING,
    changing=("model_status",),
)

_THROUGHPUT = AwsKind(
    name="aws_bedrock_provisioned_model_throughput",
    description="Capacity that is reserved for a model, and paid for whether it is used or not.",
    service="bedrock",
    api=Call(operation="list_provisioned_model_throughputs", items="provisionedModelSummaries"),
    details=(_tags("provisionedModelArn"),),
    id="provisionedModelArn",
    name_path="provisionedModelName",
    arn="provisionedModelArn",
    prefix="",
    ctime="creationTime",
    mtime="lastModifiedTime",
    tags="tags",
    properties={
        "provisioned_model_name": "provisionedModelName",
        "provisioned_model_arn": "provisionedModelArn",
        "creation_time": "creationTime",
        "last_modified_time": "lastModifiedTime",
    },
    links=(
        Link(
            kind="aws_bedrock_custom_model",
            path=Value("modelArn", _if_custom),
            by="arn",
            parent=True,
            delete="before",
        ),
        Link(kind="aws_bedrock_foundation_model", path="foundationModelArn", by="arn", parent=True),
    ),
    missing=_MISSING,
    delete=(Step(operation="delete_provisioned_model_throughput", params={"provisionedModelId": "arn"}),),
    tagging=_TAGGING,
    changing=("status", "model_units"),
)

_GUARDRAIL = AwsKind(
    name="aws_bedrock_guardrail",
    description="Rules for what may be asked of models and what they may answer; all its versions.",
    service="bedrock",
    api=Call(operation="list_guardrails", items="guardrails"),
    details=(
        Detail(operation="get_guardrail", params={"guardrailIdentifier": "id"}, into=""),
        _tags("arn"),
    ),
    id="id",
    name_path="name",
    arn="arn",
    prefix="",
    ctime="createdAt",
    mtime="updatedAt",
    tags="tags",
    properties={"created_at": "createdAt", "updated_at": "updatedAt"},
    links=encrypted_with("kmsKeyArn"),
    missing=_MISSING,
    delete=(Step(operation="delete_guardrail", params={"guardrailIdentifier": "id"}),),
    tagging=_TAGGING,
    changing=("status", "status_reasons", "failure_recommendations"),
)

_CUSTOMIZATION_JOB = AwsKind(
    name="aws_bedrock_model_customization_job",
    description="A job that trains a foundation model further and so makes a custom model.",
    bases=("ai_job",),
    service="bedrock",
    api=Call(operation="list_model_customization_jobs", items="modelCustomizationJobSummaries"),
    details=(
        Detail(operation="get_model_customization_job", params={"jobIdentifier": "jobArn"}, into=""),
        _tags("jobArn"),
    ),
    id="jobArn",
    name_path="jobName",
    arn="jobArn",
    prefix="",
    ctime="creationTime",
    mtime="lastModifiedTime",
    tags="tags",
    properties={
        "ai_job_status": Value("status", _job_status),
        "status": "status",
        "job_arn": "jobArn",
        "job_name": "jobName",
        "creation_time": "creationTime",
        "last_modified_time": "lastModifiedTime",
        "training_data_config": "trainingDataConfig.s3Uri",
        "output_data_config": "outputDataConfig.s3Uri",
        "training_metrics": "trainingMetrics.trainingLoss",
        "validation_metrics": "validationMetrics[].validationLoss",
    },
    links=(
        Link(kind="aws_iam_role", path="roleArn", by="arn"),
        Link(kind="aws_bedrock_foundation_model", path="baseModelArn", by="arn"),
        Link(kind="aws_ec2_subnet", path="vpcConfig.subnetIds[]"),
        Link(kind="aws_ec2_security_group", path="vpcConfig.securityGroupIds[]"),
        # What was made with the key is the custom model's; the record of the job stays for good.
        *encrypted_with("outputModelKmsKeyArn", delete=None),
    ),
    missing=_MISSING,
    tagging=_TAGGING,
    changing=("status", "ai_job_status", "status_details", "end_time", "training_metrics"),
)

_EVALUATION_JOB = AwsKind(
    name="aws_bedrock_evaluation_job",
    description="A job that has people or programs judge how well models answer.",
    bases=("ai_job",),
    service="bedrock",
    api=Call(operation="list_evaluation_jobs", items="jobSummaries"),
    details=(
        Detail(operation="get_evaluation_job", params={"jobIdentifier": "jobArn"}, into=""),
        _tags("jobArn"),
    ),
    id="jobArn",
    name_path="jobName",
    arn="jobArn",
    prefix="",
    ctime="creationTime",
    mtime="lastModifiedTime",
    tags="tags",
    properties={
        "ai_job_status": Value("status", _job_status),
        "status": "status",
        "job_arn": "jobArn",
        "job_name": "jobName",
        "creation_time": "creationTime",
        "last_modified_time": "lastModifiedTime",
        "customer_encryption_key_arn": "customerEncryptionKeyId",
        "job_inference_config": "inferenceConfig",
        "output_data_config": "outputDataConfig.s3Uri",
    },
    links=(
        Link(kind="aws_iam_role", path="roleArn", by="arn"),
        Link(kind="aws_bedrock_foundation_model", path=Value("modelIdentifiers", _model_ids)),
        *encrypted_with("customerEncryptionKeyId", delete=None),
    ),
    missing=_MISSING,
    tagging=_TAGGING,
    changing=("status", "ai_job_status", "failure_messages"),
)

KINDS = (
    _FOUNDATION_MODEL,
    _CUSTOM_MODEL,
    _THROUGHPUT,
    _GUARDRAIL,
    _CUSTOMIZATION_JOB,
    _EVALUATION_JOB,
)
