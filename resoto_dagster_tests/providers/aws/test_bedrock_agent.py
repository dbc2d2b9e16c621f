"""Agents, knowledge bases, prompts and flows of Bedrock, from the API's answer to their deletion."""

from datetime import datetime

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
ROLE = f"arn:aws:iam::{ACCOUNT}:role/agent"
EMBEDDING = f"arn:aws:bedrock:{REGION}::foundation-model/amazon.titan-embed"
WHEN = "2024-05-01T10:30:00Z"
CLUSTER = f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:vectors"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:vectors"


@pytest.fixture
def tags(synthetic):
    """Every resource has one tag."""
    synthetic.answer("bedrock-agent", "ListTagsForResource", {"tags": {"owner": "web"}})
    synthetic.answer("bedrock-agent", "TagResource", {})
    synthetic.answer("bedrock-agent", "UntagResource", {})


def check_tagging(synthetic, session, known, arn):
    session.update_tags(known, {"owner": "ops"}, ["env"])
    assert synthetic.asked("bedrock-agent", "TagResource") == [{"resourceArn": arn, "tags": {"owner": "ops"}}]
    assert synthetic.asked("bedrock-agent", "UntagResource") == [{"resourceArn": arn, "tagKeys": ["env"]}]


def check_deletion(synthetic, session, known, operation, params, listing):
    """It is deleted by that call, and gone when the list call does not name it any more."""
    synthetic.answer("bedrock-agent", operation, {})
    session.delete(known)
    assert synthetic.asked("bedrock-agent", operation) == [params]
    synthetic.answer("bedrock-agent", listing, {})
    assert session.read(known) is None
    synthetic.refuse("bedrock-agent", operation, "ResourceNotFoundException", 404)
    session.delete(known)  # what is gone already is no error


def test_a_knowledge_base_is_collected_read_tagged_and_deleted(client, collect_kind, session):
    made = client("bedrock-agent").create_knowledge_base(
        name="manuals",
        roleArn=ROLE,
        description="What is in the manuals",
        knowledgeBaseConfiguration={
            "type": "VECTOR",
            "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": EMBEDDING},
        },
        storageConfiguration={
            "type": "RDS",
            "rdsConfiguration": {
                "resourceArn": CLUSTER,
                "credentialsSecretArn": SECRET,
                "databaseName": "vectors",
                "tableName": "manuals",
                "fieldMapping": {
                    "primaryKeyField": "id",
                    "vectorField": "vector",
                    "textField": "text",
                    "metadataField": "metadata",
                },
            },
        },
        tags={"owner": "web", "env": "test"},
    )["knowledgeBase"]

    (base,) = collect_kind("aws_bedrock_agent_knowledge_base")

    assert (base.id, base.name) == (made["knowledgeBaseId"], "manuals")
    assert base.tags == {"owner": "web", "env": "test"}
    assert base.ctime == made["createdAt"]
    properties = base.properties
    assert properties["arn"] == properties["knowledge_base_arn"] == made["knowledgeBaseArn"]
    assert properties["knowledge_base_id"] == made["knowledgeBaseId"]
    assert properties["description"] == "What is in the manuals"
    assert (properties["role_arn"], properties["status"]) == (ROLE, "Active")
    configuration = properties["knowledge_base_configuration"]
    assert configuration["vector_knowledge_base_configuration"]["embedding_model_arn"] == EMBEDDING
    assert properties["storage_configuration"]["rds_configuration"]["database_name"] == "vectors"
    assert datetime.fromisoformat(properties["created_at"]) == made["createdAt"]
    assert datetime.fromisoformat(properties["updated_at"]) == made["updatedAt"]
    assert set(base.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_iam_role", ROLE, "arn"),
        uses("aws_bedrock_foundation_model", EMBEDDING, "arn"),
        uses("aws_rds_cluster", CLUSTER, "arn"),
        uses("aws_secretsmanager_secret", SECRET, "arn"),
    }
    known = stored(base)
    assert session.read(known) == base
    session.update_tags(known, {"owner": "ops"}, ["env"])
    assert session.read(known).tags == {"owner": "ops"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_bedrock_agent_knowledge_base") == []
    session.delete(known)  # what is gone already is no error


@pytest.mark.parametrize(
    ("store", "member", "kind", "arn"),
    [
        (
            "opensearchManagedClusterConfiguration",
            "domainArn",
            "aws_opensearch_domain",
            f"arn:aws:es:{REGION}:{ACCOUNT}:domain/vectors",
        ),
        ("mongoDbAtlasConfiguration", "credentialsSecretArn", "aws_secretsmanager_secret", SECRET),
        ("pineconeConfiguration", "credentialsSecretArn", "aws_secretsmanager_secret", SECRET),
        ("redisEnterpriseCloudConfiguration", "credentialsSecretArn", "aws_secretsmanager_secret", SECRET),
    ],
)
def test_where_a_knowledge_base_keeps_what_it_knows(store, member, kind, arn):
    item = {"knowledgeBaseId": "K1", "storageConfiguration": {store: {member: arn}}}
    edges = map_item("aws_bedrock_agent_knowledge_base", item).edges

    assert set(edges) == {belongs_to("aws_region", REGION), uses(kind, arn, "arn")}


def test_a_knowledge_base_that_failed():
    base = map_item("aws_bedrock_agent_knowledge_base", {"knowledgeBaseId": "K1", "failureReasons": ["no"]})

    assert base.properties["failure_reasons"] == ["no"]


def test_an_agent(synthetic, tags, collect_kind, session):
    arn = f"{ARN}:agent/A1"
    synthetic.in_full("bedrock-agent", "ListAgents", agentSummaries=[{"agentId": "A1"}])
    synthetic.in_full(
        "bedrock-agent",
        "GetAgent",
        agent={
            "agentId": "A1",
            "agentArn": arn,
            "agentName": "helper",
            "agentVersion": "DRAFT",
            "agentStatus": "PREPARED",
            "agentResourceRoleArn": ROLE,
            "foundationModel": "amazon.titan-v1",
            "idleSessionTTLInSeconds": 600,
            "guardrailConfiguration": {"guardrailIdentifier": f"{ARN}:guardrail/g1"},
            "promptOverrideConfiguration": {"overrideLambda": "arn:aws:lambda:parse"},
            "customerEncryptionKeyArn": KEY,
        },
    )
    synthetic.in_full(
        "bedrock-agent",
        "ListAgentKnowledgeBases",
        agentKnowledgeBaseSummaries=[{"knowledgeBaseId": "K1"}, {"knowledgeBaseId": "K2"}],
    )

    (agent,) = collect_kind("aws_bedrock_agent")

    assert synthetic.asked("bedrock-agent", "ListAgentKnowledgeBases") == [
        {"agentId": "A1", "agentVersion": "DRAFT"}
    ]
    assert (agent.id, agent.name, agent.tags) == ("A1", "helper", {"owner": "web"})
    assert (agent.ctime, agent.mtime) == (MOMENT, MOMENT)
    properties = agent.properties
    assert properties["arn"] == properties["agent_arn"] == arn
    assert (properties["agent_id"], properties["agent_name"]) == ("A1", "helper")
    assert (properties["agent_status"], properties["agent_version"]) == ("PREPARED", "DRAFT")
    assert properties["agent_resource_role_arn"] == ROLE
    assert properties["foundation_model"] == "amazon.titan-v1"
    assert properties["idle_session_ttl_in_seconds"] == 600
    assert properties["guardrail_configuration"]["guardrail_version"] == "guardrailVersion"
    assert properties["memory_configuration"]["storage_days"] == 1
    overrides = properties["prompt_override_configuration"]["prompt_configurations"]
    assert overrides[0]["base_prompt_template"] == "basePromptTemplate"
    assert (properties["instruction"], properties["description"]) == ("instruction", "description")
    assert properties["customer_encryption_key_arn"] == KEY
    assert properties["client_token"] == "clientToken"
    assert properties["created_at"] == properties["updated_at"] == properties["prepared_at"] == WHEN
    assert properties["failure_reasons"] == ["failureReasons"]
    assert properties["agent_recommended_actions"] == ["recommendedActions"]
    assert set(agent.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_iam_role", ROLE, "arn"),
        uses("aws_bedrock_foundation_model", "amazon.titan-v1"),
        uses("aws_bedrock_guardrail", "g1"),
        uses("aws_lambda_function", "arn:aws:lambda:parse", "arn"),
        uses("aws_bedrock_agent_knowledge_base", "K1"),
        uses("aws_bedrock_agent_knowledge_base", "K2"),
        *encrypted_with(KEY),
    }
    assert session.read(stored(agent)) == agent
    check_tagging(synthetic, session, stored(agent), arn)
    check_deletion(synthetic, session, stored(agent), "DeleteAgent", {"agentId": "A1"}, "ListAgents")


def test_a_prompt(synthetic, tags, collect_kind, session):
    arn = f"{ARN}:prompt/P1"
    synthetic.in_full("bedrock-agent", "ListPrompts", promptSummaries=[{"id": "P1"}])
    synthetic.in_full(
        "bedrock-agent",
        "GetPrompt",
        id="P1",
        arn=arn,
        name="greeting",
        version="DRAFT",
        variants=[
            {"name": "short", "modelId": "amazon.titan-v1"},
            {"name": "long", "modelId": EMBEDDING},
            {"name": "none", "modelId": None},
        ],
        customerEncryptionKeyArn=KEY,
    )

    (prompt,) = collect_kind("aws_bedrock_agent_prompt")

    assert synthetic.asked("bedrock-agent", "GetPrompt") == [{"promptIdentifier": "P1"}]
    assert (prompt.id, prompt.name, prompt.tags) == ("P1", "greeting", {"owner": "web"})
    assert (prompt.ctime, prompt.mtime) == (MOMENT, MOMENT)
    properties = prompt.properties
    assert (properties["arn"], properties["version"]) == (arn, "DRAFT")
    assert properties["default_variant"] == "defaultVariant"
    assert [variant["name"] for variant in properties["prompt_variants"]] == ["short", "long", "none"]
    assert properties["prompt_variants"][0]["template_configuration"] == {
        "text": {"text": "text", "cache_point": {"type": "default"}, "input_variables": [{"name": "name"}]}
    }
    assert properties["created_at"] == properties["updated_at"] == WHEN
    assert properties["description"] == "description"
    assert properties["customer_encryption_key_arn"] == KEY
    assert set(prompt.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_bedrock_foundation_model", "amazon.titan-v1"),
        uses("aws_bedrock_foundation_model", "amazon.titan-embed"),
        *encrypted_with(KEY),
    }
    assert session.read(stored(prompt)) == prompt
    check_tagging(synthetic, session, stored(prompt), arn)
    check_deletion(
        synthetic, session, stored(prompt), "DeletePrompt", {"promptIdentifier": "P1"}, "ListPrompts"
    )


NODES = [
    {"lambdaFunction": {"lambdaArn": "arn:aws:lambda:check"}},
    {"retrieval": {"serviceConfiguration": {"s3": {"bucketName": "sources"}}}},
    {"storage": {"serviceConfiguration": {"s3": {"bucketName": "results"}}}},
    {"agent": {"agentAliasArn": f"{ARN}:agent-alias/A1/ALIAS"}},
    {"knowledgeBase": {"knowledgeBaseId": "K1"}},
    {"input": {}},
]
DEFINITION = {
    "nodes": [{"name": f"step{index}", "configuration": node} for index, node in enumerate(NODES)],
    "connections": [],
}
USED = {
    uses("aws_iam_role", ROLE, "arn"),
    uses("aws_lambda_function", "arn:aws:lambda:check", "arn"),
    uses("aws_s3_bucket", "sources"),
    uses("aws_s3_bucket", "results"),
    uses("aws_bedrock_agent", "A1"),
    uses("aws_bedrock_agent_knowledge_base", "K1"),
    *encrypted_with(KEY),
}


def test_a_flow(synthetic, tags, collect_kind, session):
    arn = f"{ARN}:flow/F1"
    synthetic.in_full("bedrock-agent", "ListFlows", flowSummaries=[{"id": "F1", "arn": arn}])
    synthetic.in_full(
        "bedrock-agent",
        "GetFlow",
        id="F1",
        arn=arn,
        name="answer",
        status="Prepared",
        executionRoleArn=ROLE,
        definition=DEFINITION,
        validations=[{"message": "odd", "severity": "Warning"}],
        customerEncryptionKeyArn=KEY,
    )

    (flow,) = collect_kind("aws_bedrock_agent_flow")

    assert (flow.id, flow.name, flow.tags) == ("F1", "answer", {"owner": "web"})
    assert (flow.ctime, flow.mtime) == (MOMENT, MOMENT)
    properties = flow.properties
    assert (properties["arn"], properties["status"], properties["version"]) == (arn, "Prepared", "version")
    assert properties["execution_role_arn"] == ROLE
    assert properties["definition"]["nodes"][0]["configuration"] == {
        "lambda_function": {"lambda_arn": "arn:aws:lambda:check"}
    }
    assert properties["validations"][0]["message"] == "odd"
    assert properties["created_at"] == properties["updated_at"] == WHEN
    assert properties["description"] == "description"
    assert properties["customer_encryption_key_arn"] == KEY
    assert set(flow.edges) == {belongs_to("aws_region", REGION), *USED}
    assert session.read(stored(flow)) == flow
    check_tagging(synthetic, session, stored(flow), arn)
    check_deletion(synthetic, session, stored(flow), "DeleteFlow", {"flowIdentifier": "F1"}, "ListFlows")


@pytest.fixture
def versions(synthetic):
    """Two flows; the first has two versions, the other has one."""
    kept = {"F1": ["1", "2"], "F2": ["1"]}

    def listed(params):
        flow = params["flowIdentifier"]
        summaries = [
            {"id": flow, "arn": f"{ARN}:flow/{flow}", "version": version, "createdAt": MOMENT}
            for version in kept[flow]
        ]
        return {"flowVersionSummaries": summaries}

    def described(params):
        return {
            "id": params["flowIdentifier"],
            "version": params["flowVersion"],
            "name": "answer",
            "status": "Prepared",
            "arn": f"{ARN}:flow/{params['flowIdentifier']}",
            "description": "as it was",
            "createdAt": MOMENT,
            "executionRoleArn": ROLE,
            "customerEncryptionKeyArn": KEY,
            "definition": DEFINITION,
        }

    def delete(params):
        kept[params["flowIdentifier"]].remove(params["flowVersion"])

    synthetic.in_full("bedrock-agent", "ListFlows", flowSummaries=[{"id": "F1"}, {"id": "F2"}])
    synthetic.answer("bedrock-agent", "ListFlowVersions", listed)
    synthetic.answer("bedrock-agent", "GetFlowVersion", described)
    synthetic.answer("bedrock-agent", "DeleteFlowVersion", delete)


def test_versions_of_flows(versions, synthetic, collect_kind, session):
    first, second, other = collect_kind("aws_bedrock_agent_flow_version")

    assert [version.id for version in (first, second, other)] == ["F1:1", "F1:2", "F2:1"]
    assert (second.name, second.tags, second.ctime) == ("answer", {}, MOMENT)
    assert second.properties.pop("definition")["nodes"][4]["configuration"] == {
        "knowledge_base": {"knowledge_base_id": "K1"}
    }
    assert second.properties == {
        "arn": f"{ARN}:flow/F1",
        "flow_id": "F1",
        "version": "2",
        "status": "Prepared",
        "description": "as it was",
        "execution_role_arn": ROLE,
        "customer_encryption_key_arn": KEY,
        "created_at": WHEN,
    }
    assert set(second.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_bedrock_agent_flow", "F1"),
        goes_before("aws_bedrock_agent_flow", "F1"),
        *USED,
    }
    assert session.read(stored(first)) == first

    session.delete(stored(first))
    assert synthetic.asked("bedrock-agent", "DeleteFlowVersion") == [
        {"flowIdentifier": "F1", "flowVersion": "1"}
    ]
    assert session.read(stored(first)) is None
    assert session.read(stored(second)).id == "F1:2"
    synthetic.refuse("bedrock-agent", "ListFlowVersions", "ResourceNotFoundException", 404)
    assert session.read(stored(other)) is None  # the flow is gone, and with it all its versions


def test_a_flow_takes_its_versions_along(session):
    flow = stored(map_item("aws_bedrock_agent_flow", {"id": "F1"}))
    version = stored(map_item("aws_bedrock_agent_flow_version", {"id": "F1", "version": "1"}))
    base = stored(map_item("aws_bedrock_agent_knowledge_base", {"knowledgeBaseId": "K1"}))

    assert session.goes_along(version, flow)
    assert not session.goes_along(base, flow)
