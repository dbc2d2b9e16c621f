"""Roles, users and access keys, from the API's answer to their deletion."""

import hashlib
import json
from datetime import UTC, datetime

import botocore.session
import pytest

from resoto_dagster.providers.aws import details
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.base import ProviderError
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    RecordingSink,
    belongs_to,
    goes_after,
    goes_before,
    stored,
    uses,
)

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
MANAGED = f"arn:aws:iam::{ACCOUNT}:policy/managed"
TAGS = [{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(details, "PAUSE", 0.0)


@pytest.fixture
def iam(client):
    iam = client("iam")
    iam.create_policy(PolicyName="managed", PolicyDocument=json.dumps(POLICY))
    return iam


@pytest.fixture
def role(iam):
    """A role with everything that keeps AWS from deleting it."""
    iam.create_role(
        RoleName="worker",
        Path="/jobs/",
        AssumeRolePolicyDocument=json.dumps(TRUST),
        Description="does the work",
        MaxSessionDuration=7200,
        Tags=TAGS,
    )
    iam.attach_role_policy(RoleName="worker", PolicyArn=MANAGED)
    iam.put_role_policy(RoleName="worker", PolicyName="inline", PolicyDocument=json.dumps(POLICY))
    iam.create_instance_profile(InstanceProfileName="profile")
    iam.add_role_to_instance_profile(InstanceProfileName="profile", RoleName="worker")


@pytest.fixture
def user(iam):
    """A user with everything that keeps AWS from deleting it; its access key."""
    iam.create_user(UserName="ann", Path="/people/", Tags=TAGS)
    iam.attach_user_policy(UserName="ann", PolicyArn=MANAGED)
    iam.put_user_policy(UserName="ann", PolicyName="inline", PolicyDocument=json.dumps(POLICY))
    iam.create_group(GroupName="people")
    iam.add_user_to_group(GroupName="people", UserName="ann")
    iam.create_login_profile(UserName="ann", Password="not-a-secret")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="ann")["VirtualMFADevice"]["SerialNumber"]
    iam.enable_mfa_device(
        UserName="ann", SerialNumber=device, AuthenticationCode1="123456", AuthenticationCode2="654321"
    )
    return iam.create_access_key(UserName="ann")["AccessKey"]


def test_properties_and_edges_of_a_role(role, iam, collect_kind):
    (worker,) = collect_kind("aws_iam_role")

    assert worker.id == iam.get_role(RoleName="worker")["Role"]["RoleId"]
    assert (worker.name, worker.region) == ("worker", "global")
    assert worker.tags == {"owner": "web", "env": "test"}
    assert worker.ctime is not None
    assert worker.atime is None
    properties = worker.properties
    assert properties["arn"] == f"arn:aws:iam::{ACCOUNT}:role/jobs/worker"
    assert properties["path"] == "/jobs/"
    assert properties["description"] == "does the work"
    assert properties["role_max_session_duration"] == 7200
    assert properties["role_assume_role_policy_document"] == TRUST
    assert properties["role_policies"] == [{"policy_name": "inline", "policy_document": POLICY}]
    assert properties["role_attached_managed_policies"][0]["policy_arn"] == MANAGED
    assert properties["role_owned_by_aws"] is False
    profile = iam.get_instance_profile(InstanceProfileName="profile")["InstanceProfile"]["Arn"]
    assert set(worker.edges) == {
        belongs_to("aws_account", ACCOUNT),
        uses("aws_iam_policy", MANAGED, "arn"),
        goes_before("aws_iam_policy", MANAGED, "arn"),
        uses("aws_iam_instance_profile", profile, "arn"),
        goes_after("aws_iam_instance_profile", profile, "arn"),
    }


def test_what_bounds_a_role_or_user_stays_as_long_as_they_do():
    boundary = {"PermissionsBoundary": {"PermissionsBoundaryArn": MANAGED}}
    role = map_item("aws_iam_role", {"RoleId": "r", "RoleName": "r", "Path": "/", **boundary})
    user = map_item("aws_iam_user", {"UserId": "u", "UserName": "u", **boundary})
    for found in (role, user):
        assert goes_before("aws_iam_policy", MANAGED, "arn") in found.edges


def test_what_the_details_of_roles_leave_out_is_asked_for_once(role, iam, collect_kind, front):
    iam.create_role(RoleName="guard", AssumeRolePolicyDocument=json.dumps(TRUST), Description="watches")

    found = collect_kind("aws_iam_role")

    assert {role.name: role.properties["description"] for role in found} == {
        "guard": "watches",
        "worker": "does the work",
    }
    assert front.count()["ListRoles"] == 1


def test_a_role_that_aws_owns_is_held_back(role, iam, collect_kind, session):
    iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")

    linked, worker = sorted(collect_kind("aws_iam_role"), key=lambda found: found.name)

    assert linked.name == "AWSServiceRoleForAutoScaling"
    assert session.held_back(stored(linked)) == "AWS owns the role and alone deletes it"
    assert session.held_back(stored(worker)) is None


def test_a_role_is_read_tagged_and_deleted(role, iam, collect_kind, session):
    (worker,) = collect_kind("aws_iam_role")
    known = stored(worker)
    assert session.read(known) == worker

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_iam_role") == []
    assert iam.get_instance_profile(InstanceProfileName="profile")["InstanceProfile"]["Roles"] == []
    session.delete(known)  # what is gone already is no error


def test_properties_and_edges_of_a_user(user, iam, collect_kind):
    (ann,) = collect_kind("aws_iam_user")

    assert ann.id == iam.get_user(UserName="ann")["User"]["UserId"]
    assert (ann.name, ann.region, ann.tags) == ("ann", "global", {"owner": "web", "env": "test"})
    assert ann.ctime is not None
    properties = ann.properties
    assert properties["arn"] == f"arn:aws:iam::{ACCOUNT}:user/people/ann"
    assert properties["path"] == "/people/"
    assert properties["username"] == "ann"
    assert properties["user_policies"] == [{"policy_name": "inline", "policy_document": POLICY}]
    assert properties["user_group_list"] == ["people"]
    assert set(ann.edges) == {
        belongs_to("aws_account", ACCOUNT),
        uses("aws_iam_policy", MANAGED, "arn"),
        goes_before("aws_iam_policy", MANAGED, "arn"),
        belongs_to("aws_iam_group", "people", "name"),
        goes_before("aws_iam_group", "people", "name"),
    }


def test_what_is_told_of_the_credentials_of_users(user, iam, collect_kind, front):
    iam.create_user(UserName="bob")

    ann, bob = sorted(collect_kind("aws_iam_user"), key=lambda found: found.name)

    assert (ann.properties["password_enabled"], ann.properties["mfa_active"]) == (True, True)
    assert (bob.properties["password_enabled"], bob.properties["mfa_active"]) == (False, False)
    assert ann.properties["password_last_changed"].endswith("Z")
    assert front.count()["ListUsers"] == 1
    assert front.count()["GetCredentialReport"] == 1


REPORT_COLUMNS = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,"
    "password_next_rotation,mfa_active"
)
REPORT = f"""{REPORT_COLUMNS}
<root_account>,arn:aws:iam::{ACCOUNT}:root,2020-01-02T03:04:05+00:00,not_supported,{{used}},not_supported,not_supported,false
ann,arn:aws:iam::{ACCOUNT}:user/ann,2021-01-02T03:04:05+00:00,TRUE,no_information,N/A,2027-01-01T00:00:00+00:00,true
"""


def _report(synthetic, used="2025-06-07T08:09:10+00:00"):
    content = REPORT.format(used=used).encode()
    synthetic.answer("iam", "GenerateCredentialReport", {"State": "COMPLETE"})
    synthetic.answer("iam", "GetCredentialReport", {"Content": content, "ReportFormat": "text/csv"})
    summary = {"AccountMFAEnabled": 1, "AccountAccessKeysPresent": 0, "Users": 3}
    synthetic.answer("iam", "GetAccountSummary", {"SummaryMap": summary})


def test_the_root_user(synthetic, collect_kind, session):
    _report(synthetic)

    (root,) = collect_kind("aws_root_user")

    assert (root.id, root.name, root.region, root.tags) == ("root", "root", "global", {})
    assert root.ctime == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert root.atime == datetime(2025, 6, 7, 8, 9, 10, tzinfo=UTC)
    assert root.properties == {
        "arn": f"arn:aws:iam::{ACCOUNT}:root",
        "mfa_active": True,
        "access_keys_present": 0,
        "password_last_used": "2025-06-07T08:09:10Z",
    }
    assert root.edges == (belongs_to("aws_account", ACCOUNT),)
    assert session.read(stored(root)) == root
    assert not KINDS["aws_root_user"].deletable


def test_a_root_user_who_never_logged_in(synthetic, collect_kind):
    _report(synthetic, used="no_information")

    (root,) = collect_kind("aws_root_user")

    assert root.atime is None
    assert "password_last_used" not in root.properties


def test_a_user_was_active_when_the_password_was_used_last(synthetic, collect_kind):
    _report(synthetic)
    used = datetime(2026, 1, 1, tzinfo=UTC)
    users = [{"UserName": name, "UserId": name.upper()} for name in ("ann", "bob")]
    synthetic.answer("iam", "GetAccountAuthorizationDetails", {"UserDetailList": users})
    listed = {"Path": "/", "Arn": "arn:aws:iam::1:user/u", "CreateDate": used}
    synthetic.answer(
        "iam",
        "ListUsers",
        {"Users": [listed | users[0] | {"PasswordLastUsed": used}, listed | users[1]]},
    )

    ann, bob = collect_kind("aws_iam_user")

    assert (ann.atime, ann.properties["password_last_used"]) == (used, "2026-01-01T00:00:00Z")
    assert ann.properties["password_next_rotation"] == "2027-01-01T00:00:00Z"
    assert (ann.properties["password_enabled"], ann.properties["mfa_active"]) == (True, True)
    assert "password_last_changed" not in ann.properties
    # The report is older than bob.
    assert bob.atime is None
    assert bob.properties == {"username": "bob"}
    assert {"mfa_active", "password_last_used"} < KINDS["aws_iam_user"].unsettled


def test_a_report_is_waited_for(synthetic, collect_kind):
    _report(synthetic)
    states = iter(("STARTED", "INPROGRESS", "COMPLETE"))
    synthetic.answer("iam", "GenerateCredentialReport", lambda _: {"State": next(states)})

    (root,) = collect_kind("aws_root_user")

    assert root.properties["password_last_used"] == "2025-06-07T08:09:10Z"
    assert len(synthetic.asked("iam", "GenerateCredentialReport")) == 3
    assert len(synthetic.asked("iam", "GetCredentialReport")) == 1


def test_a_report_that_never_gets_ready_fails_its_scope_alone(synthetic, session, monkeypatch):
    monkeypatch.setattr(details, "LONGEST", 0.0)
    _report(synthetic)
    synthetic.answer("iam", "GenerateCredentialReport", {"State": "INPROGRESS"})
    sink = RecordingSink()

    session.collect(["aws_root_user"], sink)

    assert list(sink.failures.values()) == [
        "generate_credential_report: State is INPROGRESS and not COMPLETE for too long"
    ]


def test_that_no_report_may_be_made_fails_the_scope(synthetic, session):
    _report(synthetic)
    synthetic.refuse("iam", "GenerateCredentialReport", "AccessDenied", 403)
    sink = RecordingSink()

    session.collect(["aws_root_user"], sink)

    assert list(sink.failures.values()) == ["AccessDenied: iam:GenerateCredentialReport"]


def test_a_group(user, iam, collect_kind, session):
    iam.attach_group_policy(GroupName="people", PolicyArn=MANAGED)
    iam.put_group_policy(GroupName="people", PolicyName="inline", PolicyDocument=json.dumps(POLICY))

    (people,) = collect_kind("aws_iam_group")

    assert people.id == iam.get_group(GroupName="people")["Group"]["GroupId"]
    assert (people.name, people.region, people.tags) == ("people", "global", {})
    assert people.ctime is not None
    properties = people.properties
    assert properties["arn"] == f"arn:aws:iam::{ACCOUNT}:group/people"
    assert properties["path"] == "/"
    assert properties["group_policies"] == [{"policy_name": "inline", "policy_document": POLICY}]
    assert set(people.edges) == {
        belongs_to("aws_account", ACCOUNT),
        uses("aws_iam_policy", MANAGED, "arn"),
        goes_before("aws_iam_policy", MANAGED, "arn"),
    }
    assert session.read(stored(people)) == people

    iam.remove_user_from_group(GroupName="people", UserName="ann")
    session.delete(stored(people))

    assert session.read(stored(people)) is None
    assert iam.get_policy(PolicyArn=MANAGED)["Policy"]["AttachmentCount"] == 1
    session.delete(stored(people))  # what is gone already is no error


def test_nobody_loses_a_group_by_its_deletion(synthetic, session):
    for listing, items in (
        ("ListAttachedGroupPolicies", "AttachedPolicies"),
        ("ListGroupPolicies", "PolicyNames"),
    ):
        synthetic.answer("iam", listing, {items: []})
    synthetic.refuse("iam", "DeleteGroup", "DeleteConflict", 409, "Must remove users from group first.")
    people = map_item("aws_iam_group", {"GroupId": "g", "GroupName": "people"})

    with pytest.raises(ProviderError, match=r"^DeleteConflict: iam:DeleteGroup: Must remove users"):
        session.delete(stored(people))


@pytest.fixture
def managed(user, iam, front):
    """The id of the managed policy, which moto leaves out of the account's details, as it does its name."""
    policy_id = iam.get_policy(PolicyArn=MANAGED)["Policy"]["PolicyId"]
    arn = f"<Arn>{MANAGED}</Arn>"
    named = f"<PolicyId>{policy_id}</PolicyId><PolicyName>managed</PolicyName>{arn}"

    def name(request, content):
        details = request.action == "GetAccountAuthorizationDetails"
        return content.replace(arn.encode(), named.encode()) if details else content

    front.rewrites.append(name)
    return policy_id


def test_a_policy(managed, iam, collect_kind, session):
    other = {**POLICY, "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
    iam.create_policy_version(PolicyArn=MANAGED, PolicyDocument=json.dumps(other), SetAsDefault=True)
    iam.tag_policy(PolicyArn=MANAGED, Tags=TAGS)

    (policy,) = collect_kind("aws_iam_policy")

    assert (policy.id, policy.name, policy.region) == (managed, "managed", "global")
    assert policy.tags == {"owner": "web", "env": "test"}
    assert policy.ctime is not None
    assert policy.mtime is not None
    properties = policy.properties
    assert properties["arn"] == MANAGED
    assert properties["path"] == "/"
    assert properties["managed"] is False
    assert properties["policy_default_version_id"] == "v2"
    assert properties["policy_attachment_count"] == 1
    assert properties["policy_is_attachable"] is True
    document = dict(properties["policy_document"])
    assert datetime.fromisoformat(document.pop("create_date")) <= datetime.now(UTC)
    assert document == {"version_id": "v2", "is_default_version": True, "document": other}
    assert policy.edges == (belongs_to("aws_account", ACCOUNT),)
    known = stored(policy)
    assert session.held_back(known) is None
    assert session.read(known) == policy
    session.update_tags(known, {"owner": "ops"}, ["env"])
    assert session.read(known).tags == {"owner": "ops"}

    iam.detach_user_policy(UserName="ann", PolicyArn=MANAGED)
    session.delete(known)

    assert session.read(known) is None
    assert collect_kind("aws_iam_policy") == []
    session.delete(known)  # what is gone already is no error


def test_a_policy_that_anything_still_has_stays(managed, front, collect_kind, session):
    (policy,) = collect_kind("aws_iam_policy")
    front.refuse(lambda asked: asked.action == "DeletePolicy", 409, "DeleteConflict")

    with pytest.raises(ProviderError, match=r"^DeleteConflict: iam:DeletePolicy: "):
        session.delete(stored(policy))

    assert session.read(stored(policy)) == policy


def test_policies_of_aws_have_no_tags_and_are_held_back(synthetic, collect_kind, session):
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    policies = [{"PolicyId": "A", "PolicyName": "ReadOnlyAccess", "Arn": arn, "DefaultVersionId": "v9"}]
    synthetic.answer("iam", "GetAccountAuthorizationDetails", {"Policies": policies})

    (policy,) = collect_kind("aws_iam_policy")

    assert policy.properties["managed"] is True
    assert "policy_document" not in policy.properties
    assert session.held_back(stored(policy)) == "AWS owns the policy"


def test_an_instance_profile(role, iam, collect_kind, session):
    iam.create_instance_profile(InstanceProfileName="other", Path="/more/", Tags=TAGS)
    iam.add_role_to_instance_profile(InstanceProfileName="other", RoleName="worker")

    other, profile = sorted(collect_kind("aws_iam_instance_profile"), key=lambda found: found.name)

    whole = iam.get_instance_profile(InstanceProfileName="other")["InstanceProfile"]
    assert (other.id, other.name, other.region) == (whole["InstanceProfileId"], "other", "global")
    assert (other.tags, profile.tags) == ({"owner": "web", "env": "test"}, {})
    assert other.ctime == whole["CreateDate"]
    assert other.properties["arn"] == f"arn:aws:iam::{ACCOUNT}:instance-profile/more/other"
    assert other.properties["instance_profile_path"] == "/more/"
    assert [held["role_name"] for held in other.properties["instance_profile_roles"]] == ["worker"]
    assert other.edges == (belongs_to("aws_account", ACCOUNT),)
    known = stored(other)
    assert session.read(known) == other
    session.update_tags(known, {"owner": "ops"}, ["env"])
    assert session.read(known).tags == {"owner": "ops"}

    assert len(session.delete(known).request_ids) == 2

    assert session.read(known) is None
    assert collect_kind("aws_iam_instance_profile") == [profile]
    session.delete(known)  # what is gone already is no error


def test_an_instance_goes_before_its_profile():
    profile = f"arn:aws:iam::{ACCOUNT}:instance-profile/web"
    item = {"InstanceId": "i-1", "IamInstanceProfile": {"Arn": profile, "Id": "AIPA"}}
    edges = map_item("aws_ec2_instance", item).edges
    assert {edge for edge in edges if edge.kind == "aws_iam_instance_profile"} == {
        belongs_to("aws_iam_instance_profile", profile, "arn"),
        goes_before("aws_iam_instance_profile", profile, "arn"),
    }


CERTIFICATE = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"
"""Its bytes are `not a certificate`."""


def test_a_server_certificate(client, collect_kind, session):
    iam = client("iam")
    for name in ("web", "other"):
        iam.upload_server_certificate(
            ServerCertificateName=name,
            Path=f"/{name}/",
            CertificateBody=CERTIFICATE,
            PrivateKey="not-a-secret",
        )
    # moto gives all certificates one id.
    iam.delete_server_certificate(ServerCertificateName="other")

    (web,) = collect_kind("aws_iam_server_certificate")

    assert (web.name, web.region, web.tags) == ("web", "global", {})
    assert web.ctime == datetime(2010, 5, 8, 1, 2, 3, 4000, tzinfo=UTC)
    assert web.properties == {
        "arn": f"arn:aws:iam::{ACCOUNT}:server-certificate/web/web",
        "path": "/web/",
        "expires": "2012-05-08T01:02:03.004000Z",
        "sha1_fingerprint": hashlib.sha1(b"not a certificate").hexdigest(),
    }
    assert set(web.edges) == {
        belongs_to("aws_account", ACCOUNT),
        belongs_to("aws_service_quota", "L-BF35879D"),
    }
    assert session.read(stored(web)) == web
    assert len(session.delete(stored(web)).request_ids) == 1
    assert session.read(stored(web)) is None
    session.delete(stored(web))  # what is gone already is no error


def test_the_tags_of_a_server_certificate(synthetic, collect_kind, session):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    listed = {
        "Path": "/",
        "ServerCertificateName": "web",
        "ServerCertificateId": "ASCA",
        "Arn": "arn:aws:iam::1:server-certificate/web",
        "UploadDate": now,
        "Expiration": now,
    }
    whole = {"ServerCertificateMetadata": listed, "CertificateBody": CERTIFICATE, "Tags": TAGS}
    synthetic.answer("iam", "ListServerCertificates", {"ServerCertificateMetadataList": [listed]})
    synthetic.answer("iam", "GetServerCertificate", {"ServerCertificate": whole})
    for operation in ("TagServerCertificate", "UntagServerCertificate"):
        synthetic.answer("iam", operation, {})

    (web,) = collect_kind("aws_iam_server_certificate")
    assert web.tags == {"owner": "web", "env": "test"}
    session.update_tags(stored(web), {"owner": "ops"}, ["env"])

    name = {"ServerCertificateName": "web"}
    (tagged,) = synthetic.asked("iam", "TagServerCertificate")
    assert tagged == name | {"Tags": [{"Key": "owner", "Value": "ops"}]}
    assert synthetic.asked("iam", "UntagServerCertificate") == [name | {"TagKeys": ["env"]}]


def test_a_user_is_read_tagged_and_deleted(user, iam, collect_kind, session):
    iam.create_user(UserName="bob")
    ann, _ = sorted(collect_kind("aws_iam_user"), key=lambda found: found.name)
    known = stored(ann)
    assert session.read(known) == ann

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert [found.name for found in collect_kind("aws_iam_user")] == ["bob"]
    assert iam.get_group(GroupName="people")["Users"] == []
    assert collect_kind("aws_iam_access_key") == []
    session.delete(known)  # what is gone already is no error


def test_a_user_without_anything_is_deleted(iam, collect_kind, session):
    iam.create_user(UserName="bob")
    (bob,) = collect_kind("aws_iam_user")

    session.delete(stored(bob))

    assert session.read(stored(bob)) is None


def test_properties_and_edges_of_access_keys(user, iam, collect_kind):
    iam.create_user(UserName="bob")
    other = iam.create_access_key(UserName="bob")["AccessKey"]
    iam.update_access_key(UserName="bob", AccessKeyId=other["AccessKeyId"], Status="Inactive")

    found = {key.id: key for key in collect_kind("aws_iam_access_key")}

    assert set(found) == {user["AccessKeyId"], other["AccessKeyId"]}
    anns, bobs = found[user["AccessKeyId"]], found[other["AccessKeyId"]]
    assert (anns.name, anns.region, anns.tags) == ("ann", "global", {})
    assert anns.ctime is not None
    assert anns.atime is None
    assert anns.properties["access_key_status"] == "Active"
    assert bobs.properties["access_key_status"] == "Inactive"
    assert set(bobs.edges) == {
        belongs_to("aws_account", ACCOUNT),
        belongs_to("aws_iam_user", "bob", "name"),
        goes_before("aws_iam_user", "bob", "name"),
    }
    for secret in (user["SecretAccessKey"], other["SecretAccessKey"]):
        assert secret not in str(found)


def test_an_access_key_knows_when_it_was_used_last(user, collect_kind):
    botocore.session.Session().create_client(
        "sts",
        "us-east-1",
        aws_access_key_id=user["AccessKeyId"],
        aws_secret_access_key=user["SecretAccessKey"],
    ).get_caller_identity()

    (key,) = collect_kind("aws_iam_access_key")

    assert key.atime is not None
    assert "access_key_last_used" in KINDS["aws_iam_access_key"].unsettled
    assert key.properties["access_key_last_used"]["service_name"] == "sts"


def test_an_access_key_is_read_and_deleted(user, iam, collect_kind, session):
    second = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    found = {key.id: key for key in collect_kind("aws_iam_access_key")}
    known = stored(found[second])
    assert session.read(known) == found[second]

    session.delete(known)

    assert session.read(known) is None
    assert [key.id for key in collect_kind("aws_iam_access_key")] == [user["AccessKeyId"]]
    session.delete(known)  # what is gone already is no error


def test_what_is_asked_once_for_all_roles_is_not_asked_for_every_page(synthetic, collect_kind):
    named = [{"RoleName": name, "RoleId": f"AROA{name}", "Path": "/"} for name in ("a", "b", "c")]
    pages = {
        None: {"RoleDetailList": named[:2], "IsTruncated": True, "Marker": "second"},
        "second": {"RoleDetailList": named[2:]},
    }
    listed = {"Arn": "arn:aws:iam::1:role/unused", "CreateDate": datetime(2026, 1, 1, tzinfo=UTC)}
    roles = [role | listed | {"Description": f"role {role['RoleName']}"} for role in named]
    synthetic.answer("iam", "GetAccountAuthorizationDetails", lambda params: pages[params.get("Marker")])
    synthetic.answer("iam", "ListRoles", {"Roles": roles})

    found = collect_kind("aws_iam_role")

    assert [role.properties["description"] for role in found] == ["role a", "role b", "role c"]
    assert len(synthetic.asked("iam", "ListRoles")) == 1
