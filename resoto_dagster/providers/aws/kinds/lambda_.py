"""Functions."""

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging
from resoto_dagster.providers.aws.kinds.kms import encrypted_with

_FUNCTION = AwsKind(
    name="aws_lambda_function",
    description="A function that runs without a server of its own.",
    bases=("serverless_function",),
    service="lambda",
    api=Call(operation="list_functions", items="Functions"),
    details=(Detail(operation="list_tags", params={"Resource": "FunctionArn"}, result="Tags", into="Tags"),),
    id="FunctionName",
    name_path="FunctionName",
    arn="FunctionArn",
    prefix="function",
    mtime="LastModified",
    properties={
        "memory_size": "MemorySize",
        "function_memory_size": "MemorySize",
        "function_dead_letter_config": "DeadLetterConfig.TargetArn",
        "function_tracing_config": "TracingConfig.Mode",
        "function_ephemeral_storage": "EphemeralStorage.Size",
    },
    drop=("DeadLetterConfig", "TracingConfig", "EphemeralStorage"),
    secret=("Environment.Variables",),
    links=(
        Link(kind="aws_vpc", path="VpcConfig.VpcId", parent=True, delete="before"),
        Link(kind="aws_ec2_subnet", path="VpcConfig.SubnetIds[]", parent=True, delete="before"),
        Link(
            kind="aws_ec2_security_group", path="VpcConfig.SecurityGroupIds[]", parent=True, delete="before"
        ),
        Link(kind="aws_iam_role", path="Role", by="arn"),
        *encrypted_with("KMSKeyArn"),
    ),
    missing=("ResourceNotFoundException",),
    delete=(Step(operation="delete_function", params={"FunctionName": "id"}),),
    tagging=Tagging(
        upsert="tag_resource", remove="untag_resource", params={"Resource": "arn"}, tags_form="map"
    ),
    changing=("function_state", "function_state_reason", "function_state_reason_code"),
)

KINDS = (_FUNCTION,)
