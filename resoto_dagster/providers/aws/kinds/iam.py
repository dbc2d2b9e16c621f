"""Identities and what they may do: roles, users, groups, their keys, certificates and policies."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from resoto_dagster.providers.aws.credential_report import (
    REPORT,
    REPORT_MEMBERS,
    moment,
    of_root,
    of_user,
    yes,
)
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
from resoto_dagster.providers.aws.kinds.service_quotas import SERVER_CERTIFICATES, counted_by_quota

_OF_ROLE = {"RoleName": "name"}
_OF_USER = {"UserName": "name"}
_OF_GROUP = {"GroupName": "name"}
_OF_PROFILE = {"InstanceProfileName": "name"}

# AWS keeps a policy as long as anything has it; who goes lets go of it.
_POLICIES = Link(kind="aws_iam_policy", path="AttachedManagedPolicies[].PolicyArn", by="arn", delete="before")
_BOUNDARY = Link(
    kind="aws_iam_policy", path="PermissionsBoundary.PermissionsBoundaryArn", by="arn", delete="before"
)


def _each(
    owner: Mapping[str, str], listing: str, items: str, operation: str, param: str, member: str | None = None
) -> Step:
    """A call for everything that a listing names of a role, user or group, and that keeps it from going."""
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
    links=(
        _POLICIES,
        _BOUNDARY,
        # What uses a profile uses its role.
        Link(kind="aws_iam_instance_profile", path="InstanceProfileList[].Arn", by="arn", delete="after"),
    ),
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
    details=(
        Detail(operation="list_users", params={}, result="Users", match=("UserId", "UserId"), into="Listed"),
        *REPORT,
    ),
    id="UserId",
    name_path="UserName",
    arn="Arn",
    prefix="user",
    ctime="CreateDate",
    atime="Listed.PasswordLastUsed",
    properties={
        "path": "Path",
        "username": "UserName",
        "user_policies": "UserPolicyList",
        "password_last_used": "Listed.PasswordLastUsed",
        "password_enabled": of_user("password_enabled", yes),
        "password_last_changed": of_user("password_last_changed", moment),
        "password_next_rotation": of_user("password_next_rotation", moment),
        "mfa_active": of_user("mfa_active", yes),
    },
    drop=("Listed", *REPORT_MEMBERS),
    links=(
        _POLICIES,
        _BOUNDARY,
        # AWS keeps a group as long as anybody is in it.
        Link(kind="aws_iam_group", path="GroupList[]", by="name", parent=True, delete="before"),
    ),
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
    # The report is made every few hours only.
    changing=("mfa_active", "password_enabled", "password_last_changed", "password_next_rotation"),
    volatile=("password_last_used",),
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

_GROUP = AwsKind(
    name="aws_iam_group",
    description="Users who share permissions.",
    bases=("group",),
    service="iam",
    regional=False,
    api=Call(
        operation="get_account_authorization_details",
        items="GroupDetailList",
        params={"Filter": ["Group"]},
        page_size=1000,
    ),
    id="GroupId",
    name_path="GroupName",
    arn="Arn",
    prefix="group",
    ctime="CreateDate",
    tags="",
    properties={"path": "Path", "group_policies": "GroupPolicyList"},
    links=(_POLICIES,),
    missing=("NoSuchEntity",),
    delete=(
        _each(
            _OF_GROUP, "list_attached_group_policies", "AttachedPolicies", "detach_group_policy", "PolicyArn"
        ),
        _each(
            _OF_GROUP,
            "list_group_policies",
            "PolicyNames",
            "delete_group_policy",
            "PolicyName",
            "PolicyNames",
        ),
        Step(operation="delete_group", params=_OF_GROUP),
    ),
)


def _managed(arn: str) -> bool:
    """Whether AWS itself made the policy, for all accounts."""
    return ":iam::aws:policy/" in arn


def _default_version(name: str | None, versions: Sequence[Mapping[str, Any]] | None) -> dict[str, Any] | None:
    """The version of a policy that is in force."""
    found = next((version for version in versions or () if version["VersionId"] == name), None)
    if found is None:
        return None
    return {
        "version_id": name,
        "is_default_version": True,
        "create_date": f"{found['CreateDate']:%Y-%m-%dT%H:%M:%SZ}",
        "document": found["Document"],
    }


_POLICY = AwsKind(
    name="aws_iam_policy",
    description="What those who have it may do; the account's own ones, and those of AWS.",
    bases=("policy",),
    service="iam",
    regional=False,
    api=Call(
        operation="get_account_authorization_details",
        items="Policies",
        params={"Filter": ["LocalManagedPolicy", "AWSManagedPolicy"]},
        page_size=1000,
    ),
    details=(
        Detail(
            operation="list_policy_tags",
            params={"PolicyArn": Value("Arn", lambda arn: None if _managed(arn) else arn)},
            result="Tags",
            into="Tags",
        ),
    ),
    id="PolicyId",
    name_path="PolicyName",
    arn="Arn",
    prefix="policy",
    ctime="CreateDate",
    mtime="UpdateDate",
    properties={
        "path": "Path",
        "managed": Value("Arn", _managed),
        "policy_document": Value(("DefaultVersionId", "PolicyVersionList"), _default_version),
        "policy_default_version_id": "DefaultVersionId",
    },
    missing=("NoSuchEntity",),
    delete=(
        # The version that is in force goes with the policy; of it alone AWS says that it can't be deleted.
        Step(
            operation="delete_policy_version",
            each=Call(operation="list_policy_versions", items="Versions", params={"PolicyArn": "arn"}),
            params={"PolicyArn": "arn", "VersionId": "item.VersionId"},
            absent=("DeleteConflict",),
        ),
        Step(operation="delete_policy", params={"PolicyArn": "arn"}),
    ),
    tagging=Tagging(upsert="tag_policy", remove="untag_policy", params={"PolicyArn": "arn"}),
    held_back=(HeldBack("managed", (True,), "AWS owns the policy"),),
    changing=("policy_attachment_count", "policy_permissions_boundary_usage_count"),
)

_INSTANCE_PROFILE = AwsKind(
    name="aws_iam_instance_profile",
    description="What gives an instance a role.",
    bases=("instance_profile",),
    service="iam",
    regional=False,
    api=Call(operation="list_instance_profiles", items="InstanceProfiles", page_size=1000),
    details=(
        Detail(
            operation="get_instance_profile",
            params={"InstanceProfileName": "InstanceProfileName"},
            result="InstanceProfile.Tags",
            into="Tags",
        ),
    ),
    id="InstanceProfileId",
    name_path="InstanceProfileName",
    arn="Arn",
    prefix="instance_profile",
    ctime="CreateDate",
    read={"PathPrefix": "instance_profile_path"},
    missing=("NoSuchEntity",),
    delete=(
        _each(
            _OF_PROFILE,
            "get_instance_profile",
            "InstanceProfile.Roles",
            "remove_role_from_instance_profile",
            "RoleName",
        ),
        Step(operation="delete_instance_profile", params=_OF_PROFILE),
    ),
    tagging=Tagging(upsert="tag_instance_profile", remove="untag_instance_profile", params=_OF_PROFILE),
    changing=("instance_profile_roles",),
)


def _sha1(certificate: str) -> str:
    """The fingerprint of a certificate as tools show it: of its bytes, not of the text around them."""
    body = certificate.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0]
    return hashlib.sha1(base64.b64decode(body), usedforsecurity=False).hexdigest()


_SERVER_CERTIFICATE = AwsKind(
    name="aws_iam_server_certificate",
    description="A certificate that was uploaded for load balancers.",
    bases=("certificate",),
    service="iam",
    regional=False,
    api=Call(operation="list_server_certificates", items="ServerCertificateMetadataList", page_size=1000),
    details=(
        Detail(
            operation="get_server_certificate",
            params={"ServerCertificateName": "ServerCertificateName"},
            result="ServerCertificate",
            into="Whole",
        ),
    ),
    id="ServerCertificateId",
    name_path="ServerCertificateName",
    arn="Arn",
    prefix="server_certificate",
    ctime="UploadDate",
    tags="Whole.Tags",
    properties={
        "path": "Path",
        "expires": "Expiration",
        "sha1_fingerprint": Value("Whole.CertificateBody", _sha1),
    },
    drop=("Whole",),
    links=(counted_by_quota("ServerCertificateId", SERVER_CERTIFICATES),),
    read={"PathPrefix": "path"},
    missing=("NoSuchEntity",),
    delete=(Step(operation="delete_server_certificate", params={"ServerCertificateName": "name"}),),
    tagging=Tagging(
        upsert="tag_server_certificate",
        remove="untag_server_certificate",
        params={"ServerCertificateName": "name"},
    ),
)

_ROOT_USER = AwsKind(
    name="aws_root_user",
    description="The user who owns the account and may do everything in it.",
    bases=("user", "iam_principal"),
    service="iam",
    regional=False,
    api=Call(operation="get_account_summary", items=""),
    details=REPORT,
    id=Value("SummaryMap", lambda _: "root"),
    arn="arn:{partition}:iam::{account}:root",
    prefix="",
    ctime=of_root("user_creation_time"),
    atime=of_root("password_last_used"),
    tags="",
    properties={
        "mfa_active": Value("SummaryMap", lambda summary: summary.get("AccountMFAEnabled") == 1),
        "access_keys_present": Value(
            "SummaryMap", lambda summary: summary.get("AccountAccessKeysPresent", 0)
        ),
        "password_enabled": of_root("password_enabled", yes),
        "password_last_used": of_root("password_last_used", moment),
        "password_last_changed": of_root("password_last_changed", moment),
        "password_next_rotation": of_root("password_next_rotation", moment),
    },
    drop=("SummaryMap", *REPORT_MEMBERS),
    volatile=("password_last_used",),
)

KINDS = (
    _ROLE,
    _USER,
    _ACCESS_KEY,
    _GROUP,
    _POLICY,
    _INSTANCE_PROFILE,
    _SERVER_CERTIFICATE,
    _ROOT_USER,
)
