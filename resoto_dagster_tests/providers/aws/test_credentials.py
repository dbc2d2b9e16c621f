"""Credentials that run out in the middle of a collect: renewed, or the account is left alone from then on."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from resoto_dagster.model.resource import Scope
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

Client = Callable[..., Any]
Open = Callable[..., ProviderSession]

KINDS = ("aws_ec2_subnet", "aws_ec2_volume", "aws_vpc")
REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2")
IN_ROLE = {"id": OTHER_ACCOUNT, "role": "resoto"}
TOLD = "You are not authorized."


@pytest.fixture
def in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """One scope after the other, so that no call is under way while another one is refused."""
    monkeypatch.setattr("resoto_dagster.providers.aws.collect.CONNECTIONS", 2)


class Expiry:
    """Refuses all calls of a key from a number of its calls of EC2 on; what was asked then is in `after`."""

    def __init__(self, calls: int, of: Callable[[str], bool] = lambda key: True) -> None:
        self.left = calls
        self.of = of
        self.after: list[str] = []

    def __call__(self, asked: Request) -> bool:
        if not self.of(asked.key):
            return False
        if self.left <= 0:
            self.after.append(asked.action)
            return True
        self.left -= asked.service == "ec2"
        return False


def is_of_role(key: str) -> bool:
    return key.startswith("ASIA")


def collected(session: ProviderSession, *kinds: str) -> RecordingSink:
    sink = RecordingSink()
    session.collect(kinds or KINDS, sink)
    assert set(sink.found) | set(sink.failures) == set(sink.announced)
    return sink


@pytest.mark.usefixtures("in_turn")
@pytest.mark.parametrize(
    ("code", "further"),
    [
        ("ExpiredToken", []),
        ("ExpiredTokenException", []),
        ("RequestExpired", []),
        # AWS says this of good credentials, too, where it does not know them: so it is asked who they are.
        ("AuthFailure", ["GetCallerIdentity"]),
        ("InvalidClientTokenId", ["GetCallerIdentity"]),
        ("UnrecognizedClientException", ["GetCallerIdentity"]),
    ],
)
def test_no_call_is_made_once_credentials_ran_out(
    open_session: Open, front: Front, code: str, further: list[str]
) -> None:
    expiry = Expiry(calls=4)
    front.refuse(expiry, status=400, code=code)
    sink = collected(open_session(regions=REGIONS))
    assert len(sink.announced) == len(REGIONS) * len(KINDS)
    assert len(sink.found) == 3, "the first call is the one for the regions"
    (reason,) = set(sink.failures.values())
    assert reason.startswith(f"credentials can't be renewed: {code}: ec2:Describe")
    assert reason.endswith(TOLD)
    assert len(sink.failures) == len(sink.announced) - 3
    assert expiry.after[1:] == further


@pytest.mark.usefixtures("in_turn")
def test_an_account_without_credentials_leaves_the_others(open_session: Open, front: Front) -> None:
    expiry = Expiry(calls=2, of=is_of_role)
    front.refuse(expiry, status=400, code="ExpiredToken")
    assumed: list[str] = []

    def a_second_time(asked: Request) -> bool:
        assumed.extend([asked.key] * (asked.action == "AssumeRole"))
        return asked.action == "AssumeRole" and len(assumed) > 1

    front.refuse(a_second_time, code="AccessDenied")
    sink = collected(open_session(accounts=[IN_ROLE, {}], regions=REGIONS))
    assert {scope.account for scope in sink.failures} == {OTHER_ACCOUNT}
    assert set(sink.failures.values()) == {"credentials can't be renewed: AccessDenied: sts:AssumeRole"}
    assert len([scope for scope in sink.found if scope.account == OTHER_ACCOUNT]) == 1
    assert len([scope for scope in sink.found if scope.account == ACCOUNT]) == len(REGIONS) * len(KINDS)
    assert len(expiry.after) == 1, "the call that was refused is the last one in the role"
    assert len(assumed) == 2


def test_one_of_many_threads_renews_for_all(open_session: Open, front: Front) -> None:
    first: list[str] = []

    def old_key(asked: Request) -> bool:
        if is_of_role(asked.key) and asked.service == "ec2" and "AllRegions" not in asked.body:
            first.append(asked.key)
            return asked.key == first[0]
        return False

    front.refuse(old_key, status=400, code="ExpiredToken")
    sink = collected(open_session(accounts=[IN_ROLE], regions=REGIONS))
    assert sink.failures == {}
    assert len(sink.found) == len(REGIONS) * len(KINDS)
    assert front.count()["AssumeRole"] == 2


def test_one_of_many_threads_finds_out_that_it_can_not_be_renewed(open_session: Open, front: Front) -> None:
    front.refuse(
        lambda asked: is_of_role(asked.key) and asked.service == "ec2" and "AllRegions" not in asked.body,
        status=400,
        code="ExpiredToken",
    )
    first: list[int] = []
    front.refuse(lambda asked: asked.action == "AssumeRole" and bool(first or first.append(1)))
    sink = collected(open_session(accounts=[IN_ROLE], regions=REGIONS))
    assert sink.found == {}
    assert set(sink.failures.values()) == {
        "credentials can't be renewed: UnauthorizedOperation: sts:AssumeRole"
    }
    assert front.count()["AssumeRole"] == 2


def test_one_of_many_threads_asks_again_before_they_run_out(open_session: Open, front: Front) -> None:
    front.rewrites.append(
        lambda asked, answer: (
            answer if asked.action != "AssumeRole" else _with_expiration(answer, b"2020-01-01T00:00:00Z")
        )
    )
    sink = collected(open_session(accounts=[IN_ROLE], regions=REGIONS))
    assert sink.account_failures == {
        OTHER_ACCOUNT: "Credentials were refreshed, but the refreshed credentials are still expired."
    }
    assert front.count()["AssumeRole"] == 1


def test_a_read_goes_on_with_the_page_that_was_refused(
    client: Client, open_session: Open, front: Front
) -> None:
    groups = client("iam", account=OTHER_ACCOUNT)
    for number in range(3):
        groups.create_user(UserName=f"user-{number}")
        groups.create_access_key(UserName=f"user-{number}")
    front.refuse(
        lambda asked: asked.action == "ListAccessKeys" and "user-1" in asked.body,
        status=400,
        code="ExpiredToken",
        times=1,
    )
    sink = collected(open_session(accounts=[IN_ROLE]), "aws_iam_access_key")
    assert [key.name for key in sorted(sink.of_kind("aws_iam_access_key"), key=lambda key: key.name)] == [
        "user-0",
        "user-1",
        "user-2",
    ]
    assert front.count()["ListUsers"] == 1
    assert front.count()["AssumeRole"] == 3, "one of them the test's own"


def test_credentials_that_stay_refused_are_given_up(open_session: Open, front: Front) -> None:
    front.refuse(lambda asked: asked.action == "DescribeVpcs", status=400, code="ExpiredToken")
    sink = collected(open_session(accounts=[IN_ROLE]), "aws_vpc")
    assert list(sink.failures.values()) == [
        f"credentials can't be renewed: ExpiredToken: ec2:DescribeVpcs: {TOLD}"
    ]
    assert front.count()["DescribeVpcs"] == 2
    assert front.count()["AssumeRole"] == 2


def test_where_a_region_does_not_know_good_credentials_only_its_scopes_fail(
    open_session: Open, front: Front
) -> None:
    front.refuse(lambda asked: asked.region == OTHER_REGION, status=400, code="UnrecognizedClientException")
    sink = collected(open_session(regions=[REGION, OTHER_REGION]))
    assert {scope.region for scope in sink.found} == {REGION}
    assert len(sink.found) == len(KINDS)
    assert sink.failures[Scope("aws", ACCOUNT, OTHER_REGION, "aws_vpc")] == (
        f"UnrecognizedClientException: ec2:DescribeVpcs: {TOLD}"
    )
    assert front.count()["GetCallerIdentity"] == 1 + len(KINDS)


def _with_expiration(answer: bytes, moment: bytes) -> bytes:
    before, tag, rest = answer.partition(b"<Expiration>")
    return before + tag + moment + rest[rest.index(b"<") :]


@pytest.fixture
def profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """A function that writes the keys of the default profile, which is all there is of credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)

    def write(key: str, secret: str = "x", token: str = "") -> None:
        lines = [f"aws_access_key_id = {key}", f"aws_secret_access_key = {secret}"]
        lines += [f"aws_session_token = {token}"] * bool(token)
        (tmp_path / "credentials").write_text("\n".join(["[default]", *lines, ""]))

    return write


def test_keys_that_someone_replaced_are_taken(
    open_session: Open, front: Front, profile: Callable[..., None]
) -> None:
    profile("AKIAOLD")

    def replaced(asked: Request) -> bool:
        if asked.action == "DescribeVpcs" and asked.key == "AKIAOLD":
            profile("AKIANEW")
            return True
        return False

    front.refuse(replaced, status=400, code="ExpiredToken")
    sink = collected(open_session(), "aws_vpc")
    assert sink.failures == {}
    assert [request.key for request in front.requests if request.action == "DescribeVpcs"] == [
        "AKIAOLD",
        "AKIANEW",
    ]


def test_keys_of_another_account_never_take_their_place(
    client: Client, open_session: Open, front: Front, profile: Callable[..., None], monkeypatch: Any
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    others = client("sts").assume_role(RoleArn=f"arn:aws:iam::{OTHER_ACCOUNT}:role/x", RoleSessionName="test")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    keys = others["Credentials"]
    profile("AKIAOLD")

    def replaced(asked: Request) -> bool:
        if asked.action == "DescribeVpcs" and asked.key == "AKIAOLD":
            profile(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
            return True
        return False

    front.refuse(replaced, status=400, code="ExpiredToken")
    sink = collected(open_session(), "aws_vpc")
    assert list(sink.failures.values()) == [
        f"credentials can't be renewed: they belong to account {OTHER_ACCOUNT} now, not to {ACCOUNT}"
    ]
    assert front.count()["DescribeVpcs"] == 1


def test_nothing_is_read_or_deleted_any_more(client: Client, open_session: Open, front: Front) -> None:
    session = open_session(regions=[REGION])
    (network,) = collected(session, "aws_vpc").of_kind("aws_vpc")
    known = stored(network)
    front.refuse(lambda asked: True, status=400, code="ExpiredToken")
    # The account was left when all of it was read, so that it is asked first who it is.
    reason = "^credentials can't be renewed: ExpiredToken: sts:GetCallerIdentity: You are not authorized.$"
    with pytest.raises(ProviderError, match=reason):
        session.read(known)
    asked = len(front.requests)
    for change in (session.read, session.delete, lambda one: session.update_tags(one, {"a": "b"}, [])):
        with pytest.raises(ProviderError, match=reason):
            change(known)
    assert len(front.requests) == asked


def test_one_of_many_threads_is_refused_new_keys_before_the_old_ones_run_out(
    open_session: Open, front: Front
) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    front.rewrites.append(
        lambda asked, answer: _with_expiration(answer, soon) if asked.action == "AssumeRole" else answer
    )
    assumed: list[str] = []

    def from_the_sixth_on(asked: Request) -> bool:
        assumed.extend([asked.key] * (asked.action == "AssumeRole"))
        return asked.action == "AssumeRole" and len(assumed) > 5

    front.refuse(from_the_sixth_on, code="AccessDenied")
    sink = collected(open_session(accounts=[IN_ROLE], regions=REGIONS))
    assert set(sink.failures.values()) == {"credentials can't be renewed: AccessDenied: sts:AssumeRole"}
    assert len(assumed) == 6
