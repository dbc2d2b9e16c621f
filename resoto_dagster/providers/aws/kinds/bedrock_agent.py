"""Agents of generative AI, what they know, the flows they are part of, and the prompts they are given."""

from collections.abc import Sequence

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging, Value
from resoto_dagster.providers.aws.kinds.kms import encrypted_with

_MISSING = ("ResourceNotFoundException",)
_NODES = "definition.nodes[].configuration"


def _last_part(arn_or_id: str) -> str:
    """The id in an ARN, or the id itself: `.../foundation-model/anthropic.claude-v2`."""
    return arn_or_id.rpartition("/")[2]


def _agents(aliases: Sequence[str]) -> list[str]:
    """The ids of the agents in the ARNs of their aliases: `...:agent-alias/AGENT/ALIAS`."""
    return [alias.split("/")[1] for alias in aliases]


def _last_parts(arns_or_ids: Sequence[str]) -> list[str]:
    return [_last_part(one) for one in arns_or_ids]


def _tags(arn: str) -> Detail:
    """The tags of what has the ARN at that path."""
    return Detail(
        operation="list_tags_for_resource",
        params={"resourceArn": arn},
        result="tags",
        into="tags",
    )


_TAGGING = Tagging(
    upsert="tag_resource",
    remove="untag_resource",
    params={"resourceArn": "arn"},
    tags="tags",
    keys="tagKeys",
    tags_form="map",
)

_KNOWLEDGE_BASE = AwsKind(
    name="aws_bedrock_agent_knowledge_base",
    description="Documents or data that are made searchable for models.",
    service="bedrock-agent",
    api=Call(operation="list_knowledge_bases", items="knowledgeBaseSummaries"),
    details=(
        Detail(
            operation="get_knowledge_base",
            params={"knowledgeBaseId": "knowledgeBaseId"},
            result="knowledgeBase",
            into="",
        ),
        _tags("knowledgeBaseArn"),
    ),
    id="knowledgeBaseId",
    name_path="name",
    arn="knowledgeBaseArn",
    prefix="",
    ctime="createdAt",
    mtime="updatedAt",
    tags="tags",
    properties={
        "knowledge_base_id": "knowledgeBaseId",
        "knowledge_base_arn": "knowledgeBaseArn",
        "created_at": "createdAt",
        "updated_at": "updatedAt",
    },
    links=(
        Link(kind="aws_iam_role", path="roleArn", by="arn"),
        Link(
            kind="aws_bedrock_foundation_model",
            path="knowledgeBaseConfiguration.vectorKnowledgeBaseConfiguration.embeddingModelArn",
            by="arn",
        ),
        Link(kind="aws_rds_cluster", path="storageConfiguration.rdsConfiguration.resourceArn", by="arn"),
        Link(
            kind="aws_opensearch_domain",
            path="storageConfiguration.opensearchManagedClusterConfiguration.domainArn",
            by="arn",
        ),
        *(
            Link(
                kind="aws_secretsmanager_secret",
                path=f"storageConfiguration.{store}.credentialsSecretArn",
                by="arn",
            )
            for store in (
                "mongoDbAtlasConfiguration",
                "pineconeConfiguration",
                "rdsConfiguration",
                "redisEnterpriseCloudConfiguration",
            )
        ),
        *encrypted_with(
            "knowledgeBaseConfiguration.managedKnowledgeBaseConfiguration.serverSideEncryptionConfiguration"
            ".kmsKeyArn"
        ),
    ),
    missing=_MISSING,
    delete=(Step(operation="delete_knowledge_base", params={"knowledgeBaseId": "id"}),),
    tagging=_TAGGING,
    changing=("status", "failure_reasons"),
)

_AGENT = AwsKind(
    name="aws_bedrock_agent",
    description="A program that plans with a model what to do, and does it with tools and knowledge bases.",
    service="bedrock-agent",
    api=Call(operation="list_agents", items="agentSummaries"),
    details=(
        Detail(operation="get_agent", params={"agentId": "agentId"}, result="agent", into=""),
        Detail(
            operation="list_agent_knowledge_bases",
            params={"agentId": "agentId", "agentVersion": "agentVersion"},
            result="agentKnowledgeBaseSummaries",
            into="knowledgeBases",
        ),
        _tags("agentArn"),
    ),
    id="agentId",
    name_path="agentName",
    arn="agentArn",
    prefix="",
    ctime="createdAt",
    mtime="updatedAt",
    tags="tags",
    properties={
        "agent_id": "agentId",
        "agent_arn": "agentArn",
        "agent_name": "agentName",
        "agent_recommended_actions": "recommendedActions",
        "created_at": "createdAt",
        "updated_at": "updatedAt",
    },
    links=(
        Link(kind="aws_iam_role", path="agentResourceRoleArn", by="arn"),
        Link(kind="aws_bedrock_foundation_model", path=Value("foundationModel", _last_part)),
        Link(
            kind="aws_bedrock_guardrail",
            path=Value("guardrailConfiguration.guardrailIdentifier", _last_part),
        ),
        Link(kind="aws_bedrock_agent_knowledge_base", path="knowledgeBases[].knowledgeBaseId"),
        Link(kind="aws_lambda_function", path="promptOverrideConfiguration.overrideLambda", by="arn"),
        *encrypted_with("customerEncryptionKeyArn"),
    ),
    missing=_MISSING,
    delete=(Step(operation="delete_agent", params={"agentId": "id"}),),
    tagging=_TAGGING,
    changing=("agent_status", "failure_reasons", "agent_recommended_actions", "prepared_at"),
)

_PROMPT = AwsKind(
    name="aws_bedrock_agent_prompt",
    description="A text that models are asked with, kept in variants; all its versions.",
    service="bedrock-agent",
    api=Call(operation="list_prompts", items="promptSummaries"),
    details=(
        Detail(operation="get_prompt", params={"promptIdentifier": "id"}, into=""),
        _tags("arn"),
    ),
    id="id",
    name_path="name",
    arn="arn",
    prefix="",
    ctime="createdAt",
    mtime="updatedAt",
    tags="tags",
    properties={"prompt_variants": "variants", "created_at": "createdAt", "updated_at": "updatedAt"},
    links=(
        Link(kind="aws_bedrock_foundation_model", path=Value("variants[].modelId", _last_parts)),
        *encrypted_with("customerEncryptionKeyArn"),
    ),
    missing=_MISSING,
    delete=(Step(operation="delete_prompt", params={"promptIdentifier": "id"}),),
    tagging=_TAGGING,
)

_OF_DEFINITION = (
    Link(kind="aws_iam_role", path="executionRoleArn", by="arn"),
    Link(kind="aws_lambda_function", path=f"{_NODES}.lambdaFunction.lambdaArn", by="arn"),
    Link(kind="aws_s3_bucket", path=f"{_NODES}.retrieval.serviceConfiguration.s3.bucketName"),
    Link(kind="aws_s3_bucket", path=f"{_NODES}.storage.serviceConfiguration.s3.bucketName"),
    Link(kind="aws_bedrock_agent", path=Value(f"{_NODES}.agent.agentAliasArn", _agents)),
    Link(kind="aws_bedrock_agent_knowledge_base", path=f"{_NODES}.knowledgeBase.knowledgeBaseId"),
    *encrypted_with("customerEncryptionKeyArn"),
)
"""What the nodes of a flow use, and the key of the flow."""

_LIST_FLOWS = Call(operation="list_flows", items="flowSummaries")

_FLOW = AwsKind(
    name="aws_bedrock_agent_flow",
    description="Steps that models, agents, functions and storage take one after the other.",
    service="bedrock-agent",
    api=_LIST_FLOWS,
    details=(
        Detail(operation="get_flow", params={"flowIdentifier": "id"}, into=""),
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
    links=_OF_DEFINITION,
    missing=_MISSING,
    delete=(Step(operation="delete_flow", params={"flowIdentifier": "id"}),),
    tagging=_TAGGING,
    takes_along=("aws_bedrock_agent_flow_version",),
    changing=("status", "validations"),
)

_FLOW_VERSION = AwsKind(
    name="aws_bedrock_agent_flow_version",
    description="A flow as it was when the version was made of it; it has the ARN of its flow.",
    service="bedrock-agent",
    api=Call(
        operation="list_flow_versions",
        items="flowVersionSummaries",
        params={"flowIdentifier": "item.id"},
        each=_LIST_FLOWS,
    ),
    details=(
        Detail(
            operation="get_flow_version",
            params={"flowIdentifier": "id", "flowVersion": "version"},
            into="",
        ),
    ),
    id=Value(("id", "version"), "{}:{}".format),
    name_path="name",
    arn="arn",
    prefix="",
    ctime="createdAt",
    tags="",
    properties={"flow_id": "id", "version": "version", "created_at": "createdAt"},
    links=(
        Link(kind="aws_bedrock_agent_flow", path="id", parent=True, delete="before"),
        *_OF_DEFINITION,
    ),
    read={"item.id": "flow_id"},
    missing=_MISSING,
    delete=(
        Step(
            operation="delete_flow_version",
            params={"flowIdentifier": "flow_id", "flowVersion": "version"},
        ),
    ),
    changing=("status",),
)

KINDS = (_KNOWLEDGE_BASE, _AGENT, _PROMPT, _FLOW, _FLOW_VERSION)
