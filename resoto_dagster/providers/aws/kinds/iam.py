"""Identities: roles, users and the users' access keys."""

from collections.abc import Mapping

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

_OF_ROLE = {"RoleName": "name"}
_OF_USER = {"UserName": "name"}


def _each(
    owner: Mapping[str, str], listing: str, items: str, operation: str, param: str, member: str | None = None
) -> Step:
    """A call for everything that a listing names of a role or user, and that keeps it from going."""
    return Step(
        operation=operation,
        each=Call(operation=listing, items=items, params=owner),
        params={**owner, param: f"item.{member or param}"},
    )


_ROLE = AwsKind(
    name="aws_iam_role",
    description="A role that people, services or other accounts may take on.",
    bases=("role", "iam_principal"),
    service="iam",
    regional=False,
    api=Call(
        operation="get_account_authorization_details",
        items="RoleDetailList",
        params={"Filter": ["Role"]},
        page_size=1000,
    ),
    # What the account's details leave out.
    details=(
        Detail(operation="list_roles", params={}, result="Roles", match=("RoleId", "RoleId"), into="Listed"),
    ),
    id="RoleId",
    name_path="RoleName",
    arn="Arn",
    prefix="role",
    ctime="CreateDate",
    atime="RoleLastUsed.LastUsedDate",
    properties={
        "path": "Path",
        "description": "Listed.Description",
        "role_max_session_duration": "Listed.MaxSessionDuration",
        "role_policies": "RolePolicyList",
        "role_owned_by_aws": Value(
            "Path", lambda path: path.startswith(("/aws-service-role/", "/aws-reserved/"))
        ),
    },
    drop=("Listed",),
    missing=("NoSuchEntity",),
    delete=(
        _each(_OF_ROLE, "list_attached_role_policies", "AttachedPolicies", "detach_role_policy", "PolicyArn"),
        _each(
            _OF_ROLE, "list_role_policies", "PolicyNames", "delete_role_policy", "PolicyName", "PolicyNames"
        ),
        _each(
            _OF_ROLE,
            "list_instance_profiles_for_role",
            "InstanceProfiles",
            "remove_role_from_instance_profile",
            "InstanceProfileName",
        ),
        Step(operation="delete_role", params=_OF_ROLE),
    ),
    tagging=Tagging(upsert="tag_role", remove="untag_role", params=_OF_ROLE),
    held_back=(HeldBack("role_owned_by_aws", (True,), "AWS owns the role and alone deletes it"),),
    changing=("role_instance_profile_list",),
    volatile=("role_last_used",),
)

_USER = AwsKind(
    name="aws_iam_user",
    description="A person or program with credentials of its own; deleting it ends all its credentials.",
    bases=("user", "iam_principal"),
    service="iam",
    regional=False,
    api=Call(
        operation="get_account_authorization_details",
        items="UserDetailList",
        params={"Filter": ["User"]},
        page_size=1000,
    ),
    id="UserId",
    name_path="UserName",
    arn="Arn",
    prefix="user",
    ctime="CreateDate",
    properties={"path": "Path", "username": "UserName", "user_policies": "UserPolicyList"},
    missing=("NoSuchEntity",),
    delete=(
        _each(_OF_USER, "list_access_keys", "AccessKeyMetadata", "delete_access_key", "AccessKeyId"),
        Step(operation="delete_login_profile", params=_OF_USER, absent=("NoSuchEntity",)),
        _each(_OF_USER, "list_mfa_devices", "MFADevices", "deactivate_mfa_device", "SerialNumber"),
        _each(_OF_USER, "list_ssh_public_keys", "SSHPublicKeys", "delete_ssh_public_key", "SSHPublicKeyId"),
        _each(
            _OF_USER,
            "list_signing_certificates",
            "Certificates",
            "delete_signing_certificate",
            "CertificateId",
        ),
        _each(_OF_USER, "list_attached_user_policies", "AttachedPolicies", "detach_user_policy", "PolicyArn"),
        _each(
            _OF_USER, "list_user_policies", "PolicyNames", "delete_user_policy", "PolicyName", "PolicyNames"
        ),
        _each(_OF_USER, "list_groups_for_user", "Groups", "remove_user_from_group", "GroupName"),
        Step(operation="delete_user", params=_OF_USER),
    ),
    tagging=Tagging(upsert="tag_user", remove="untag_user", params=_OF_USER),
)

_ACCESS_KEY = AwsKind(
    name="aws_iam_access_key",
    description="A key with which a user, or whoever holds it, calls AWS; its secret is not readable.",
    bases=("access_key",),
    service="iam",
    regional=False,
    api=Call(
        operation="list_access_keys",
        items="AccessKeyMetadata",
        params={"UserName": "item.UserName"},
        each=Call(operation="list_users", items="Users", page_size=1000),
    ),
    details=(
        Detail(
            operation="get_access_key_last_used",
            params={"AccessKeyId": "AccessKeyId"},
            result="AccessKeyLastUsed",
            into="LastUsed",
        ),
    ),
    id="AccessKeyId",
    name_path="UserName",
    prefix="access_key",
    ctime="CreateDate",
    atime="LastUsed.LastUsedDate",
    properties={"access_key_status": "Status"},
    links=(Link(kind="aws_iam_user", path="UserName", by="name", parent=True, delete="before"),),
    read={"UserName": "name"},
    missing=("NoSuchEntity",),
    delete=(Step(operation="delete_access_key", params={"UserName": "name", "AccessKeyId": "id"}),),
    volatile=("access_key_last_used",),
)

KINDS = (_ROLE, _USER, _ACCESS_KEY)
