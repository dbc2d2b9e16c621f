"""The IAM policies that follow from the declarations: complete, nothing made up, and short enough for IAM."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from resoto_dagster.providers.aws import provider
from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Step, Tagging
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.aws.permissions import iam_actions, service_of
from resoto_dagster.providers.aws.policies import (
    ENTERING,
    LISTING,
    LONGEST,
    Statement,
    cleanup_actions,
    collect_actions,
    documents,
    statements_for,
    tagging_actions,
)
from resoto_dagster.providers.aws.role_template import as_yaml, role_template
from resoto_dagster.providers.aws.settings import AwsSettings
from resoto_dagster.providers.base import ProviderSession
from resoto_dagster_tests.cli.commands import RESOTO
from resoto_dagster_tests.providers.aws.cloudtrail import Queue
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    OTHER_ACCOUNT,
    REGION,
    RecordingSink,
    stored,
)
from resoto_dagster_tests.providers.aws.known_actions import unknown

Client = Callable[..., Any]
Open = Callable[..., ProviderSession]

DEPLOY = Path(__file__).parents[3] / "deploy" / "aws"
ALL_PARTS = ("collect", "cleanup", "tagging")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_action_of_a_kind_exists(kind: AwsKind) -> None:
    assert unknown(collect_actions([kind])) == []
    assert unknown(cleanup_actions([kind])) == []
    assert unknown(tagging_actions([kind])) == []


EVERYTHING = AwsKind(
    name="aws_everything",
    description="Has all that a declaration may call.",
    service="s3",
    api=Call(
        operation="list_multipart_uploads",
        items="Uploads",
        params={"Bucket": "item.Name"},
        each=Call(operation="list_buckets", items="Buckets"),
    ),
    details=(
        Detail(operation="get_bucket_encryption", params={"Bucket": "Bucket"}, into="Encryption"),
        Detail(operation="describe_key", service="kms", params={"KeyId": "Key"}, into="Key"),
    ),
    id="UploadId",
    prefix="upload",
    delete=(
        Step(
            operation="delete_objects",
            each=Call(operation="list_object_versions", items="Versions"),
            params={"Bucket": "id"},
        ),
        Step(operation="delete_bucket", params={"Bucket": "id"}, until="bucket_not_exists"),
    ),
    tagging=Tagging(upsert="put_bucket_tagging", remove="put_object_tagging", params={"Bucket": "id"}),
)


def test_the_actions_are_those_of_all_calls_of_a_declaration() -> None:
    volume = KINDS["aws_ec2_volume"]
    assert collect_actions([EVERYTHING]) == (
        "ec2:DescribeRegions",
        "kms:DescribeKey",
        "s3:GetEncryptionConfiguration",
        "s3:ListAllMyBuckets",
        "s3:ListBucketMultipartUploads",
        "sts:GetCallerIdentity",
    )
    assert cleanup_actions([volume, EVERYTHING]) == (
        "ec2:DeleteVolume",
        "s3:DeleteBucket",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:ListBucket",
        "s3:ListBucketVersions",
    )
    assert tagging_actions([volume, EVERYTHING]) == (
        "ec2:CreateTags",
        "ec2:DeleteTags",
        "s3:PutBucketTagging",
        "s3:PutObjectTagging",
    )
    assert cleanup_actions([KINDS["aws_account"]]) == tagging_actions([KINDS["aws_account"]]) == ()


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The actions of all calls that are made from now on, whoever makes them."""
    actions: set[str] = set()
    make_call = BaseClient._make_api_call

    def noted(self: Any, operation: str, params: Any) -> Any:
        actions.update(iam_actions(service_of(self.meta.service_model), operation))
        return make_call(self, operation, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    return actions


READ = (
    "aws_account",
    "aws_ec2_instance",
    "aws_ec2_volume",
    "aws_iam_access_key",
    "aws_region",
    "aws_s3_bucket",
)


def test_all_calls_of_a_collect_are_allowed(
    client: Client, open_session: Open, request: pytest.FixtureRequest
) -> None:
    api = client("organizations")
    api.create_organization(FeatureSet="ALL")
    root = api.list_roots()["Roots"][0]["Id"]
    api.create_account(AccountName="one", Email="one@example.com")
    client("ec2").run_instances(ImageId="ami-12345678", InstanceType="t3.micro", MinCount=1, MaxCount=1)
    client("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=8)
    client("iam").create_user(UserName="one")
    client("iam").create_access_key(UserName="one")
    client("s3").create_bucket(Bucket="one")

    called = request.getfixturevalue("called")
    sink = RecordingSink()
    session = open_session(organization={"include": {"units": [root]}})
    session.collect(READ, sink)
    assert not sink.failures | sink.account_failures
    (instance,) = sink.of_kind("aws_ec2_instance")
    session.read(stored(instance))

    statements = statements_for(["collect"], [KINDS[name] for name in READ])
    allowed = {action for statement in statements for action in statement.actions}
    assert called - allowed == set()
    assert {*ENTERING, *LISTING, "sts:AssumeRole", "ec2:DescribeInstances"} <= called


def test_all_calls_of_a_deletion_are_allowed(
    client: Client, open_session: Open, request: pytest.FixtureRequest
) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="one")
    s3.put_bucket_versioning(Bucket="one", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="one", Key="key", Body=b"x")
    s3.create_multipart_upload(Bucket="one", Key="upload")
    sink = RecordingSink()
    session = open_session()
    session.collect(["aws_s3_bucket"], sink)
    (bucket,) = sink.of_kind("aws_s3_bucket")
    known = stored(bucket, region="global")

    called = request.getfixturevalue("called")
    session.update_tags(known, {"owner": "me"}, [])
    session.update_tags(known, {}, ["owner"])
    session.delete(known)
    assert session.read(known) is None

    statements = statements_for(ALL_PARTS, [KINDS["aws_s3_bucket"]])
    allowed = {action for statement in statements for action in statement.actions}
    assert called - allowed == set()
    assert {"s3:PutBucketTagging", "s3:DeleteObject", "s3:AbortMultipartUpload"} <= called


def test_who_collects_may_list_an_organization_and_enter_its_accounts() -> None:
    *_, listing, entering = statements_for(["collect"], [])
    assert listing.resource == "*"
    assert unknown(listing.actions) == []
    assert entering == Statement("EnterAccounts", ("sts:AssumeRole",), "arn:*:iam::*:role/resoto")


def test_all_calls_for_events_are_allowed(
    client: Client, queue: Queue, request: pytest.FixtureRequest
) -> None:
    queue.tell("ec2", "CreateVolume")
    events = {"queue": "resoto-events", "region": REGION}
    settings = AwsSettings.model_validate({"accounts": [{"id": ACCOUNT}], "events": events})
    source = provider.open_events(settings)
    called = request.getfixturevalue("called")
    (event,) = source.receive(KINDS).events
    source.forget([event.receipt])
    source.close()
    (statement,) = statements_for(["events"], [])
    assert called - {"sts:GetCallerIdentity"} == set(statement.actions)
    assert statement.resource == "arn:*:sqs:*:*:resoto-events"
    assert unknown(statement.actions) == []


def test_a_policy_that_is_too_long_becomes_several() -> None:
    one = Statement("One", tuple(f"service:Action{number:03}" for number in range(20)))
    other = Statement("Other", ("service:Last",), "arn:aws:iam::1:role/x")
    made = documents([one, other], longest=300)
    assert len(made) == 3
    for document in made:
        assert document["Version"] == "2012-10-17"
        assert len(json.dumps(document, separators=(",", ":"))) <= 300
    statements = [statement for document in made for statement in document["Statement"]]
    assert {(statement["Sid"], statement["Resource"]) for statement in statements} == {
        ("One", "*"),
        ("Other", "arn:aws:iam::1:role/x"),
    }
    actions = [action for statement in statements for action in statement["Action"]]
    assert actions == [*one.actions, *other.actions]
    assert len(documents([one, other])) == 1


def test_aws_takes_every_policy(client: Client) -> None:
    for number, document in enumerate(documents(statements_for(ALL_PARTS, KINDS.values()))):
        text = json.dumps(document, separators=(",", ":"))
        assert len(text) <= LONGEST
        client("iam").create_policy(PolicyName=f"resoto-{number}", PolicyDocument=text)


def test_a_role_takes_all_of_what_a_collect_needs_inline() -> None:
    made = documents(statements_for(["collect"], KINDS.values()))
    assert sum(len(json.dumps(document, separators=(",", ":"))) for document in made) <= 10_240


AGAIN = "deploy/aws is not what the declarations say: run `make aws-policies` and commit what it writes"


def test_the_policies_in_deploy_are_those_that_are_printed(tmp_path: Path) -> None:
    resoto_aws("iam-policy", "--collect", "--into", str(tmp_path))
    resoto_aws("iam-policy", "--cleanup", "--tagging", "--into", str(tmp_path))
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {"collect-policy-1.json", "cleanup-tagging-policy-1.json"} <= set(made)
    kept = {path.name: path.read_text() for path in DEPLOY.glob("*-policy-*.json")}
    assert kept == made, AGAIN


def test_the_template_in_deploy_is_the_one_that_is_printed() -> None:
    assert (DEPLOY / "role-template.yaml").read_text() == resoto_aws("role-template"), AGAIN


def resoto_aws(*arguments: str) -> str:
    """What the command prints; it may say on the side that there are several policies."""
    done = subprocess.run(
        [*RESOTO, "aws", *arguments], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def test_the_template_is_one_that_cloudformation_takes() -> None:
    text = (DEPLOY / "role-template.yaml").read_text()
    assert lint(text, config=ManualArgs(regions=[REGION, "cn-north-1", "us-gov-west-1"])) == []
    assert len(text.encode()) <= 51_200, "more than a template may have that is not read from S3"
    policies = [
        one for one in role_template(KINDS.values())["Resources"].values() if "Roles" in one["Properties"]
    ]
    assert len(policies) <= 10, "more than a role may have"


@pytest.mark.parametrize(
    ("parameters", "sids"),
    [
        ({}, {"Collect"}),
        ({"Cleanup": "yes"}, {"Collect", "Cleanup", "Tagging"}),
        ({"ListOrganization": "yes"}, {"Collect", "ListOrganization"}),
    ],
)
def test_the_template_makes_a_role_for_the_collector_alone(
    client: Client, parameters: dict[str, str], sids: set[str]
) -> None:
    given = {"CollectorAccount": OTHER_ACCOUNT, "ExternalId": "secret-42", **parameters}
    kinds = [KINDS["aws_ec2_volume"], KINDS["aws_s3_bucket"]]
    client("cloudformation").create_stack(
        StackName="resoto",
        TemplateBody=as_yaml(role_template(kinds)),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    iam = client("iam")
    trust = iam.get_role(RoleName="resoto")["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust == [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:root"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "secret-42"}},
        }
    ]
    allowed: dict[str, list[str]] = {}
    for policy in iam.list_attached_role_policies(RoleName="resoto")["AttachedPolicies"]:
        version = iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId="v1")["PolicyVersion"]
        for statement in version["Document"]["Statement"]:
            allowed[statement["Sid"]] = statement["Action"]
    assert set(allowed) == sids
    assert allowed["Collect"] == list(collect_actions(kinds))
    if "Cleanup" in sids:
        assert allowed["Cleanup"] == list(cleanup_actions(kinds))
        assert allowed["Tagging"] == list(tagging_actions(kinds))
