"""Models, guardrails and jobs of Bedrock, from the API's answer to their deletion."""

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    KEY,
    REGION,
    belongs_to,
    encrypted_with,
    goes_before,
    stored,
    uses,
)
from resoto_dagster_tests.providers.aws.samples import MOMENT

ARN = f"arn:aws:bedrock:{REGION}:{ACCOUNT}"
FOUNDATION = f"arn:aws:bedrock:{REGION}::foundation-model/amazon.titan-v1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/trainer"
MODEL = f"{ARN}:custom-model/amazon.titan-v1/abc"
JOB = f"{ARN}:model-customization-job/amazon.titan-v1/def"
WHEN = "2024-05-01T10:30:00Z"


@pytest.fixture
def tags(synthetic):
    """Every resource has one tag."""
    synthetic.answer("bedrock", "ListTagsForResource", {"tags": [{"key": "owner", "value": "web"}]})
    synthetic.answer("bedrock", "TagResource", {})
    synthetic.answer("bedrock", "UntagResource", {})


def check_tagging(synthetic, session, known, arn):
    session.update_tags(known, {"owner": "ops"}, ["env"])
    tag = {"key": "owner", "value": "ops"}
    assert synthetic.asked("bedrock", "TagResource") == [{"resourceARN": arn, "tags": [tag]}]
    assert synthetic.asked("bedrock", "UntagResource") == [{"resourceARN": arn, "tagKeys": ["env"]}]


def test_a_foundation_model(synthetic, collect_kind, session):
    synthetic.in_full(
        "bedrock",
        "ListFoundationModels",
        modelSummaries=[
            {
                "modelId": "amazon.titan-v1",
                "modelArn": FOUNDATION,
                "modelName": "Titan",
                "providerName": "Amazon",
                "inputModalities": ["TEXT", "IMAGE"],
                "customizationsSupported": ["FINE_TUNING"],
                "modelLifecycle": {"status": "LEGACY"},
            }
        ],
    )

    (model,) = collect_kind("aws_bedrock_foundation_model")

    assert (model.id, model.name, model.region) == ("amazon.titan-v1", "Titan", REGION)
    properties = model.properties
    assert properties["arn"] == properties["model_arn"] == FOUNDATION
    assert (properties["model_id"], properties["model_name"]) == ("amazon.titan-v1", "Titan")
    assert properties["model_provider_name"] == "Amazon"
    assert properties["input_modalities"] == ["TEXT", "IMAGE"]
    assert properties["output_modalities"] == ["TEXT"]
    assert properties["response_streaming_supported"] is True
    assert properties["customizations_supported"] == ["FINE_TUNING"]
    assert properties["inference_types_supported"] == ["ON_DEMAND"]
    assert properties["model_lifecycle_status"] == "LEGACY"
    assert set(model.edges) == {belongs_to("aws_region", REGION)}
    assert session.read(stored(model)) == model


@pytest.fixture
def trained(client):
    """A custom model, made in moto."""
    bedrock = client("bedrock")
    client("s3").create_bucket(Bucket="training")
    client("s3").create_bucket(Bucket="results")
    bedrock.create_model_customization_job(
        jobName="tune",
        customModelName="mine",
        roleArn=ROLE,
        baseModelIdentifier="amazon.titan-text-lite-v1",
        customizationType="FINE_TUNING",
        trainingDataConfig={"s3Uri": "s3://training/data"},
        outputDataConfig={"s3Uri": "s3://results/model"},
        hyperParameters={"epochCount": "2"},
        customModelTags=[{"key": "owner", "value": "web"}],
    )
    (model,) = bedrock.list_custom_models()["modelSummaries"]
    return bedrock.get_custom_model(modelIdentifier=model["modelArn"])


def test_a_custom_model_is_collected_read_and_tagged(trained, collect_kind, session):
    (model,) = collect_kind("aws_bedrock_custom_model")

    assert (model.id, model.name, model.tags) == (trained["modelArn"], "mine", {"owner": "web"})
    assert model.ctime is not None
    properties = model.properties
    assert properties["arn"] == properties["model_arn"] == trained["modelArn"]
    assert properties["model_name"] == "mine"
    assert (properties["job_name"], properties["job_arn"]) == ("tune", trained["jobArn"])
    assert properties["training_data_config"] == "s3://training/data"
    assert properties["output_data_config"] == "s3://results/model"
    assert properties["hyper_parameters"] == {"epochCount": "2"}
    assert set(model.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_bedrock_foundation_model", trained["baseModelArn"], "arn"),
        uses("aws_bedrock_model_customization_job", trained["jobArn"]),
        *encrypted_with(trained["modelKmsKeyArn"]),
    }
    known = stored(model)
    assert session.read(known) == model
    session.update_tags(known, {"owner": "ops", "team": "a"}, ["team"])
    assert session.read(known).tags == {"owner": "ops"}


def test_measures_of_a_custom_model_and_its_deletion(synthetic, tags, collect_kind, session):
    synthetic.in_full("bedrock", "ListCustomModels", modelSummaries=[{"modelArn": MODEL}])
    synthetic.in_full(
        "bedrock",
        "GetCustomModel",
        modelArn=MODEL,
        trainingMetrics={"trainingLoss": 0.25},
        validationMetrics=[{"validationLoss": 0.5}, {"validationLoss": 0.75}],
        validationDataConfig={"validators": [{"s3Uri": "s3://training/check"}]},
    )

    (model,) = collect_kind("aws_bedrock_custom_model")

    assert synthetic.asked("bedrock", "ListCustomModels") == [{"isOwned": True}]
    assert synthetic.asked("bedrock", "GetCustomModel") == [{"modelIdentifier": MODEL}]
    properties = model.properties
    assert properties["training_metrics"] == 0.25
    assert properties["validation_metrics"] == [0.5, 0.75]
    assert properties["validation_data_config"] == {"validators": [{"s3_uri": "s3://training/check"}]}
    assert properties["customization_type"] == "FINE_TUNING"
    assert properties["creation_time"] == WHEN
    assert properties["base_model_arn"].endswith(":baseModelArn")
    assert properties["model_kms_key_arn"].endswith(":modelKmsKeyArn")

    synthetic.answer("bedrock", "DeleteCustomModel", {})
    session.delete(stored(model))
    assert synthetic.asked("bedrock", "DeleteCustomModel") == [{"modelIdentifier": MODEL}]
    synthetic.answer("bedrock", "ListCustomModels", {"modelSummaries": []})
    assert session.read(stored(model)) is None


def test_a_customization_job(synthetic, tags, collect_kind, session):
    synthetic.in_full(
        "bedrock", "ListModelCustomizationJobs", modelCustomizationJobSummaries=[{"jobArn": JOB}]
    )
    synthetic.in_full(
        "bedrock",
        "GetModelCustomizationJob",
        jobArn=JOB,
        jobName="tune",
        status="InProgress",
        roleArn=ROLE,
        baseModelArn=FOUNDATION,
        outputModelName="mine",
        outputModelArn=MODEL,
        trainingDataConfig={"s3Uri": "s3://training/data"},
        outputDataConfig={"s3Uri": "s3://results/model"},
        hyperParameters={"epochCount": "2"},
        trainingMetrics={"trainingLoss": 0.25},
        validationMetrics=[{"validationLoss": 0.5}],
        vpcConfig={"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]},
        outputModelKmsKeyArn=KEY,
    )

    (job,) = collect_kind("aws_bedrock_model_customization_job")

    assert synthetic.asked("bedrock", "GetModelCustomizationJob") == [{"jobIdentifier": JOB}]
    assert (job.id, job.name, job.tags) == (JOB, "tune", {"owner": "web"})
    assert (job.ctime, job.mtime) == (MOMENT, MOMENT)
    properties = job.properties
    assert properties["arn"] == properties["job_arn"] == JOB
    assert properties["job_name"] == "tune"
    assert (properties["status"], properties["ai_job_status"]) == ("InProgress", "running")
    assert (properties["output_model_name"], properties["output_model_arn"]) == ("mine", MODEL)
    assert properties["base_model_arn"] == FOUNDATION
    assert properties["role_arn"] == ROLE
    assert properties["hyper_parameters"] == {"epochCount": "2"}
    assert properties["training_data_config"] == "s3://training/data"
    assert properties["output_data_config"] == "s3://results/model"
    assert properties["training_metrics"] == 0.25
    assert properties["validation_metrics"] == [0.5]
    assert properties["vpc_config"] == {"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]}
    assert properties["creation_time"] == properties["end_time"] == WHEN
    assert properties["customization_type"] == "FINE_TUNING"
    assert properties["failure_message"] == "failureMessage"
    assert properties["client_request_token"] == "clientRequestToken"
    assert properties["output_model_kms_key_arn"] == KEY
    assert set(job.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_iam_role", ROLE, "arn"),
        uses("aws_bedrock_foundation_model", FOUNDATION, "arn"),
        uses("aws_ec2_subnet", "subnet-1"),
        uses("aws_ec2_security_group", "sg-1"),
        uses("aws_kms_key", KEY, "arn"),
    }
    assert session.read(stored(job)) == job
    check_tagging(synthetic, session, stored(job), JOB)


@pytest.mark.parametrize(
    ("status", "normalised"),
    [
        ("InProgress", "running"),
        ("Completed", "completed"),
        ("Failed", "failed"),
        ("Stopping", "stopping"),
        ("Stopped", "stopped"),
        ("Deleting", "unknown"),
    ],
)
def test_the_status_of_a_job(status, normalised):
    item = {"jobArn": JOB, "jobName": "judge", "status": status}
    for kind in ("aws_bedrock_evaluation_job", "aws_bedrock_model_customization_job"):
        assert map_item(kind, item).properties["ai_job_status"] == normalised


def test_an_evaluation_job(synthetic, tags, collect_kind, session):
    arn = f"{ARN}:evaluation-job/abc"
    synthetic.in_full(
        "bedrock", "ListEvaluationJobs", jobSummaries=[{"jobArn": arn, "modelIdentifiers": [FOUNDATION]}]
    )
    synthetic.in_full(
        "bedrock",
        "GetEvaluationJob",
        jobArn=arn,
        jobName="judge",
        status="Failed",
        roleArn=ROLE,
        inferenceConfig={"models": [{"bedrockModel": {"modelIdentifier": "amazon.titan-v1"}}]},
        outputDataConfig={"s3Uri": "s3://results/judged"},
        failureMessages=["no"],
        customerEncryptionKeyId=KEY,
    )

    (job,) = collect_kind("aws_bedrock_evaluation_job")

    assert (job.id, job.name, job.tags) == (arn, "judge", {"owner": "web"})
    assert (job.ctime, job.mtime) == (MOMENT, MOMENT)
    properties = job.properties
    assert properties["arn"] == properties["job_arn"] == arn
    assert (properties["job_name"], properties["job_type"]) == ("judge", "Human")
    assert (properties["status"], properties["ai_job_status"]) == ("Failed", "failed")
    assert properties["job_description"] == "jobDescription"
    assert properties["role_arn"] == ROLE
    assert properties["customer_encryption_key_arn"] == KEY
    assert properties["evaluation_config"]["automated"]["dataset_metric_configs"][0]["metric_names"] == [
        "metricNames"
    ]
    (model,) = properties["job_inference_config"]["models"]
    assert model["bedrock_model"]["model_identifier"] == "amazon.titan-v1"
    assert properties["output_data_config"] == "s3://results/judged"
    assert properties["failure_messages"] == ["no"]
    assert set(job.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_iam_role", ROLE, "arn"),
        uses("aws_bedrock_foundation_model", "amazon.titan-v1"),
        uses("aws_kms_key", KEY, "arn"),
    }
    assert session.read(stored(job)) == job
    check_tagging(synthetic, session, stored(job), arn)


def test_provisioned_throughput(synthetic, tags, collect_kind, session):
    arns = [f"{ARN}:provisioned-model/{name}" for name in ("abc", "def")]
    found = [
        {"provisionedModelArn": arns[0], "provisionedModelName": "fast", "modelArn": MODEL},
        {"provisionedModelArn": arns[1], "modelArn": FOUNDATION},
    ]
    for one in found:
        one |= {"foundationModelArn": FOUNDATION, "modelUnits": 2, "status": "InService"}
    synthetic.in_full("bedrock", "ListProvisionedModelThroughputs", provisionedModelSummaries=found)

    fast, plain = collect_kind("aws_bedrock_provisioned_model_throughput")

    assert (fast.id, fast.name, fast.tags) == (arns[0], "fast", {"owner": "web"})
    assert (fast.ctime, fast.mtime) == (MOMENT, MOMENT)
    properties = fast.properties
    assert properties["provisioned_model_arn"] == arns[0]
    assert properties["provisioned_model_name"] == "fast"
    assert (properties["model_arn"], properties["foundation_model_arn"]) == (MODEL, FOUNDATION)
    assert properties["desired_model_arn"].endswith(":desiredModelArn")
    assert (properties["model_units"], properties["desired_model_units"]) == (2, 1)
    assert (properties["status"], properties["commitment_duration"]) == ("InService", "OneMonth")
    assert properties["commitment_expiration_time"] == properties["creation_time"] == WHEN
    assert set(fast.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_bedrock_custom_model", MODEL, "arn"),
        goes_before("aws_bedrock_custom_model", MODEL, "arn"),
        belongs_to("aws_bedrock_foundation_model", FOUNDATION, "arn"),
    }
    assert "aws_bedrock_custom_model" not in {edge.kind for edge in plain.edges}
    known = stored(fast)
    assert session.read(known) == fast
    check_tagging(synthetic, session, known, arns[0])

    synthetic.answer("bedrock", "DeleteProvisionedModelThroughput", {})
    session.delete(known)
    assert synthetic.asked("bedrock", "DeleteProvisionedModelThroughput") == [{"provisionedModelId": arns[0]}]
    synthetic.in_full("bedrock", "ListProvisionedModelThroughputs", provisionedModelSummaries=found[1:])
    assert session.read(known) is None


def test_a_guardrail(synthetic, tags, collect_kind, session):
    arn = f"{ARN}:guardrail/g1"
    synthetic.in_full("bedrock", "ListGuardrails", guardrails=[{"id": "g1", "arn": arn, "name": "polite"}])
    synthetic.in_full(
        "bedrock",
        "GetGuardrail",
        guardrailId="g1",
        guardrailArn=arn,
        name="polite",
        version="DRAFT",
        status="READY",
        topicPolicy={"topics": [{"name": "money", "examples": ["Shall I buy?"]}]},
        wordPolicy={"words": [{"text": "darn"}]},
        kmsKeyArn=KEY,
    )

    (guardrail,) = collect_kind("aws_bedrock_guardrail")

    assert synthetic.asked("bedrock", "GetGuardrail") == [{"guardrailIdentifier": "g1"}]
    assert (guardrail.id, guardrail.name, guardrail.tags) == ("g1", "polite", {"owner": "web"})
    assert (guardrail.ctime, guardrail.mtime) == (MOMENT, MOMENT)
    properties = guardrail.properties
    assert properties["arn"] == properties["guardrail_arn"] == arn
    assert properties["guardrail_id"] == "g1"
    assert (properties["version"], properties["status"]) == ("DRAFT", "READY")
    assert properties["description"] == "description"
    assert properties["topic_policy"]["topics"][0]["examples"] == ["Shall I buy?"]
    assert properties["content_policy"]["filters"][0]["input_strength"] == "NONE"
    assert properties["word_policy"]["words"][0]["text"] == "darn"
    assert properties["sensitive_information_policy"]["pii_entities"][0]["action"] == "BLOCK"
    assert properties["contextual_grounding_policy"]["filters"][0]["threshold"] == 1.5
    assert properties["created_at"] == properties["updated_at"] == WHEN
    assert properties["blocked_input_messaging"] == "blockedInputMessaging"
    assert properties["blocked_outputs_messaging"] == "blockedOutputsMessaging"
    assert properties["kms_key_arn"] == KEY
    assert properties["status_reasons"] == ["statusReasons"]
    assert properties["failure_recommendations"] == ["failureRecommendations"]
    assert set(guardrail.edges) == {belongs_to("aws_region", REGION), *encrypted_with(KEY)}
    known = stored(guardrail)
    assert session.read(known) == guardrail
    check_tagging(synthetic, session, known, arn)

    synthetic.answer("bedrock", "DeleteGuardrail", {})
    session.delete(known)
    assert synthetic.asked("bedrock", "DeleteGuardrail") == [{"guardrailIdentifier": "g1"}]
    synthetic.answer("bedrock", "ListGuardrails", {"guardrails": []})
    assert session.read(known) is None
    synthetic.refuse("bedrock", "DeleteGuardrail", "ResourceNotFoundException", 404)
    session.delete(known)  # what is gone already is no error


def test_what_vanishes_while_it_is_read_is_none(synthetic, tags, collect_kind):
    synthetic.in_full("bedrock", "ListGuardrails", guardrails=[{"id": "g1"}])
    synthetic.refuse("bedrock", "GetGuardrail", "ResourceNotFoundException", 404)

    assert collect_kind("aws_bedrock_guardrail") == []
