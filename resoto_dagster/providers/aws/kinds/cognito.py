"""Pools of the users of an app, their users and groups."""

from collections.abc import Mapping
from typing import Any

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

_POOLS = Call(operation="list_user_pools", items="UserPools", params={"MaxResults": 60})


def _functions(config: Mapping[str, Any]) -> list[str]:
    """The ARNs of the functions that are called, without their versions."""
    told = (value.get("LambdaArn") if isinstance(value, dict) else value for value in config.values())
    return [":".join(arn.split(":")[:7]) for arn in told if arn and ":lambda:" in arn]


_USER_POOL = AwsKind(
    name="aws_cognito_user_pool",
    description="A pool of the users of an app; deleting it deletes all its users and groups.",
    service="cognito-idp",
    api=Call(operation="list_user_pools", items="UserPools[].Id", params={"MaxResults": 60}),
    details=(
        Detail(operation="describe_user_pool", params={"UserPoolId": "Id"}, result="UserPool", into=""),
    ),
    id="Id",
    name_path="Name",
    arn="Arn",
    prefix="",
    ctime="CreationDate",
    mtime="LastModifiedDate",
    tags="UserPoolTags",
    secret=("SmsConfiguration.ExternalId",),
    links=(
        Link(kind="aws_lambda_function", path=Value("LambdaConfig", _functions), by="arn", delete="before"),
        *encrypted_with("LambdaConfig.KMSKeyID"),
    ),
    missing=("ResourceNotFoundException",),
    # A pool that has a domain can't be deleted.
    delete=(
        Step(operation="delete_user_pool_domain", params={"UserPoolId": "id", "Domain": "domain"}),
        Step(operation="delete_user_pool_domain", params={"UserPoolId": "id", "Domain": "custom_domain"}),
        Step(operation="delete_user_pool", params={"UserPoolId": "id"}),
    ),
    tagging=Tagging(
        upsert="tag_resource", remove="untag_resource", params={"ResourceArn": "arn"}, tags_form="map"
    ),
    held_back=(HeldBack("deletion_protection", ("ACTIVE",), "it is protected from deletion"),),
    takes_along=("aws_cognito_group", "aws_cognito_user"),
    changing=("estimated_number_of_users",),
)

_USER = AwsKind(
    name="aws_cognito_user",
    description="A user of an app.",
    bases=("user",),
    service="cognito-idp",
    api=Call(
        operation="list_users",
        items="Users",
        params={"UserPoolId": "item.Id"},
        each=_POOLS,
        owner="Pool",
        page_size=60,
    ),
    id=Value(("Pool.Id", "Username"), "{}:{}".format),
    name_path="Username",
    prefix="",
    ctime="UserCreateDate",
    mtime="UserLastModifiedDate",
    tags="",
    properties={"username": "Username", "user_attributes": "Attributes", "user_pool_id": "Pool.Id"},
    drop=("Pool",),
    links=(Link(kind="aws_cognito_user_pool", path="Pool.Id", parent=True),),
    read={"item.Id": "user_pool_id"},
    missing=("ResourceNotFoundException",),
)

_GROUP = AwsKind(
    name="aws_cognito_group",
    description="A group of the users of an app, and the role that they take on.",
    service="cognito-idp",
    api=Call(
        operation="list_groups",
        items="Groups",
        params={"UserPoolId": "item.Id"},
        each=_POOLS,
        page_size=60,
    ),
    id=Value(("UserPoolId", "GroupName"), "{}:{}".format),
    name_path="GroupName",
    prefix="",
    ctime="CreationDate",
    mtime="LastModifiedDate",
    tags="",
    properties={"user_pool_id": "UserPoolId"},
    links=(
        Link(kind="aws_cognito_user_pool", path="UserPoolId", parent=True),
        Link(kind="aws_iam_role", path="RoleArn", by="arn", parent=True, delete="before"),
    ),
    read={"UserPoolId": "user_pool_id"},
    missing=("ResourceNotFoundException",),
    delete=(Step(operation="delete_group", params={"UserPoolId": "user_pool_id", "GroupName": "name"}),),
)

KINDS = (_USER_POOL, _USER, _GROUP)
