"""Accounts: whose data is read, under whose name, and what happens when one can't be entered."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from resoto_dagster.model.resource import Resource, Scope
from resoto_dagster.providers.aws.accounts import Account
from resoto_dagster.providers.aws.settings import AccountSettings
from resoto_dagster.providers.base import ProviderError, ProviderSession
from resoto_dagster_tests.providers.aws.front import Front, Request
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    OTHER_ACCOUNT,
    OTHER_REGION,
    REGION,
    RecordingSink,
    stored,
)

Open = Callable[..., ProviderSession]
KIND = "aws_vpc"


def collected(session: ProviderSession) -> RecordingSink:
    sink = RecordingSink()
    session.collect([KIND], sink)
    return sink


def assumed_roles(front: Front) -> list[str]:
    return [request.body for request in front.requests if request.action == "AssumeRole"]


def test_default_is_the_account_of_the_credentials(open_session: Open, front: Front) -> None:
    sink = collected(open_session())
    assert sink.accounts == [ACCOUNT]
    assert set(sink.found) == {Scope("aws", ACCOUNT, REGION, KIND)}
    assert not assumed_roles(front)


@pytest.mark.parametrize("role", ["resoto", "arn:aws:iam::{account}:role/resoto"])
def test_a_role_is_assumed_in_the_account(open_session: Open, front: Front, role: str) -> None:
    sink = collected(open_session(accounts=[{"id": OTHER_ACCOUNT, "role": role, "external_id": "secret-42"}]))
    assert set(sink.found) == {Scope("aws", OTHER_ACCOUNT, REGION, KIND)}
    (asked,) = assumed_roles(front)
    assert f"RoleArn=arn%3Aaws%3Aiam%3A%3A{OTHER_ACCOUNT}%3Arole%2Fresoto" in asked
    assert "ExternalId=secret-42" in asked


def test_a_role_is_assumed_from_a_profile_under_a_name_of_its_own(
    open_session: Open, front: Front, tmp_path: Path
) -> None:
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = x\n")
    account = {"id": OTHER_ACCOUNT, "role": "resoto", "profile": "work", "session_name": "hourly"}
    sink = collected(open_session(accounts=[account]))
    assert set(sink.found) == {Scope("aws", OTHER_ACCOUNT, REGION, KIND)}
    (asked,) = (request for request in front.requests if request.action == "AssumeRole")
    assert asked.key == "AKIAWORK"
    assert "RoleSessionName=hourly" in asked.body


def test_credentials_of_a_role_are_renewed_before_they_expire(open_session: Open, front: Front) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def expire_soon(request: Request, answer: bytes) -> bytes:
        return re.sub(rb"(<Expiration>)[^<]*", rb"\g<1>" + soon.encode(), answer)

    front.rewrites.append(expire_soon)
    sink = collected(open_session(accounts=[{"id": OTHER_ACCOUNT, "role": "resoto"}]))
    assert set(sink.found) == {Scope("aws", OTHER_ACCOUNT, REGION, KIND)}
    assert len(assumed_roles(front)) > 1


def test_credentials_of_another_account_are_never_read_under_this_ones_id(
    open_session: Open, front: Front
) -> None:
    sink = collected(open_session(accounts=[{"id": "444444444444"}]))
    assert sink.accounts == ["444444444444"]
    assert sink.account_failures == {
        "444444444444": f"the credentials for account 444444444444 belong to account {ACCOUNT}"
    }
    assert not sink.announced
    assert set(front.count()) == {"GetCallerIdentity"}


def test_an_account_that_cannot_be_entered_leaves_the_others(open_session: Open, front: Front) -> None:
    front.refuse(
        lambda asked: asked.action == "AssumeRole" and "333333333333" in asked.body, code="AccessDenied"
    )
    accounts = [{"id": "333333333333", "role": "resoto"}, {"id": OTHER_ACCOUNT, "role": "resoto"}, {}]
    sink = collected(open_session(accounts=accounts))
    assert set(sink.accounts) == {"333333333333", OTHER_ACCOUNT, ACCOUNT}
    assert sink.account_failures == {"333333333333": "AccessDenied: sts:AssumeRole"}
    assert {scope.account for scope in sink.found} == {OTHER_ACCOUNT, ACCOUNT}


def test_an_account_whose_regions_are_not_told_fails_alone(open_session: Open, front: Front) -> None:
    front.deny("DescribeRegions")
    sink = collected(open_session(regions="all"))
    assert sink.account_failures == {ACCOUNT: "UnauthorizedOperation: ec2:DescribeRegions"}


def test_no_credentials_fail_the_default_account(open_session: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    sink = collected(open_session())
    assert sink.accounts == ["default"]
    assert sink.account_failures == {
        "default": "NoCredentialsError: sts:GetCallerIdentity: Unable to locate credentials"
    }


@pytest.mark.parametrize("role", [None, "resoto"])
@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("AWS_ENDPOINT_URL", "nowhere", "no client of sts in us-east-1: Invalid endpoint: nowhere"),
        ("AWS_DEFAULT_REGION", "no region", "no region"),
    ],
)
def test_an_environment_that_makes_no_sense_fails_the_account(
    open_session: Open,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    problem: str,
    role: str | None,
) -> None:
    monkeypatch.setenv(variable, value)
    sink = collected(open_session(accounts=[{"id": ACCOUNT, "role": role}]))
    assert problem in sink.account_failures[ACCOUNT]
    known = stored(Resource(KIND, "vpc-1", "vpc-1", REGION))
    with pytest.raises(ProviderError, match=problem):
        open_session(accounts=[{"id": ACCOUNT, "role": role}]).read(known)


def test_an_unknown_profile_fails_its_account(open_session: Open) -> None:
    sink = collected(open_session(accounts=[{"id": ACCOUNT, "profile": "nobody"}, {}]))
    assert sink.account_failures == {
        ACCOUNT: "ProfileNotFound: sts:GetCallerIdentity: The config profile (nobody) could not be found"
    }


def test_a_profile_brings_its_credentials(
    open_session: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id = AKIA1\naws_secret_access_key = x\n")
    sink = collected(open_session(profile="work"))
    assert set(sink.found) == {Scope("aws", ACCOUNT, REGION, KIND)}


def test_an_account_that_is_listed_and_the_default_is_read_once(open_session: Open) -> None:
    sink = collected(open_session(accounts=[{"id": ACCOUNT}, {}]))
    assert sink.accounts == [ACCOUNT]
    assert sink.announced == [Scope("aws", ACCOUNT, REGION, KIND)]


def test_nothing_is_changed_in_an_account_that_is_not_configured(open_session: Open) -> None:
    (network,) = collected(open_session()).of_kind(KIND)
    foreign = stored(network, account="999999999999")
    with pytest.raises(ProviderError, match="account 999999999999 is not in the settings of aws"):
        open_session().delete(foreign)


def test_all_regions_are_those_that_are_enabled(aws_env: str, client: Callable[..., Any]) -> None:
    enabled = {region["RegionName"] for region in client("ec2").describe_regions()["Regions"]}
    account = Account(AccountSettings(), None, None)
    assert set(account.regions()) == enabled
    assert len(enabled) > 10
    account.release()


def test_an_account_may_have_regions_of_its_own(open_session: Open) -> None:
    accounts = [{"id": ACCOUNT}, {"id": OTHER_ACCOUNT, "role": "resoto", "regions": [OTHER_REGION]}]
    sink = collected(open_session(accounts=accounts))
    assert set(sink.found) == {
        Scope("aws", ACCOUNT, REGION, KIND),
        Scope("aws", OTHER_ACCOUNT, OTHER_REGION, KIND),
    }


@pytest.mark.parametrize("settings", [{"regions": []}, {"accounts": [{"regions": []}]}])
def test_an_empty_list_of_regions_means_none(open_session: Open, settings: dict[str, Any]) -> None:
    sink = RecordingSink()
    open_session(**settings).collect([KIND, "aws_account"], sink)
    assert set(sink.found) == {Scope("aws", ACCOUNT, "global", "aws_account")}
    assert sink.account_failures == {}


def test_that_no_region_and_so_nothing_is_left_to_read_is_told(open_session: Open) -> None:
    sink = collected(open_session(regions=[]))
    assert (sink.accounts, sink.announced, sink.account_failures) == ([ACCOUNT], [], {})
    assert sink.empty == {ACCOUNT: "no kind that is collected is in the regions to read (none)"}


def test_a_region_that_is_not_enabled_is_not_read(
    open_session: Open, front: Front, caplog: pytest.LogCaptureFixture
) -> None:
    sink = collected(open_session(regions=["ap-east-1", REGION]))
    assert sink.announced == [Scope("aws", ACCOUNT, REGION, KIND)]
    assert {asked.region for asked in front.requests} == {REGION}
    assert f"ap-east-1 is not enabled in account {ACCOUNT}, so it is not read" in caplog.messages


def test_a_region_that_does_not_exist_is_told(open_session: Open) -> None:
    sink = collected(open_session(regions=[REGION, "us-eats-1"]))
    assert sink.account_failures == {
        ACCOUNT: f"account {ACCOUNT} has no region us-eats-1; did you mean us-east-1?"
    }


def test_listed_regions_are_read_where_a_stand_in_for_aws_names_none(
    open_session: Open, front: Front
) -> None:
    def name_none(request: Request, answer: bytes) -> bytes:
        return re.sub(rb"(?s)<item>.*</item>", b"", answer) if request.action == "DescribeRegions" else answer

    front.rewrites.append(name_none)
    sink = collected(open_session(regions=[REGION]))
    assert set(sink.found) == {Scope("aws", ACCOUNT, REGION, KIND)}


def test_listed_regions_are_read_though_nobody_may_ask_which_are_enabled(
    open_session: Open, front: Front
) -> None:
    front.deny("DescribeRegions")
    sink = collected(open_session(regions=[REGION, OTHER_REGION, REGION]))
    assert set(sink.found) == {Scope("aws", ACCOUNT, region, KIND) for region in (REGION, OTHER_REGION)}


@pytest.mark.parametrize(
    ("regions", "configured", "asked_in", "partition"),
    [
        (None, None, "us-east-1", "aws"),
        (["cn-northwest-1"], None, "cn-north-1", "aws-cn"),
        (["us-gov-east-1"], None, "us-gov-west-1", "aws-us-gov"),
        (None, "cn-northwest-1", "cn-northwest-1", "aws-cn"),
        (["eu-west-1"], "eu-central-1", "eu-central-1", "aws"),
    ],
)
def test_each_partition_is_asked_in_a_region_of_its_own(
    front: Front,
    monkeypatch: pytest.MonkeyPatch,
    regions: list[str] | None,
    configured: str | None,
    asked_in: str,
    partition: str,
) -> None:
    if configured:
        monkeypatch.setenv("AWS_DEFAULT_REGION", configured)
    account = Account(AccountSettings(id=OTHER_ACCOUNT, role="resoto"), None, regions)
    assert account.id == OTHER_ACCOUNT
    assert {asked.region for asked in front.requests} == {asked_in}
    (asked,) = assumed_roles(front)
    assert f"RoleArn=arn%3A{partition}%3Aiam%3A%3A{OTHER_ACCOUNT}%3Arole%2Fresoto" in asked
    account.release()


def test_clients_are_made_once(aws_env: str) -> None:
    account = Account(AccountSettings(), None, None)
    assert account.client("ec2", REGION) is account.client("ec2", REGION)
    assert account.client("ec2", "global") is account.client("ec2", REGION)
    account.release()


def test_secrets_stay_out_of_errors(open_session: Open, front: Front, caplog: Any) -> None:
    front.deny("DescribeVpcs")
    sink = collected(open_session())
    assert "not-a-secret" not in caplog.text + "".join(sink.failures.values())
