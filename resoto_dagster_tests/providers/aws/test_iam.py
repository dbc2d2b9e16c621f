"""Roles, users and access keys, from the API's answer to their deletion."""

import json

import botocore.session
import pytest

from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, belongs_to, goes_before, stored

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
MANAGED = f"arn:aws:iam::{ACCOUNT}:policy/managed"
TAGS = [{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}]


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
    assert set(worker.edges) == {belongs_to("aws_account", ACCOUNT)}


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
    assert set(ann.edges) == {belongs_to("aws_account", ACCOUNT)}


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
